//! The REST API.
//!
//! - `routes`: one table of all routes; `server`: connections; `probes`: a listener for probes and metrics; `state`: what every handler shares.
//! - `projects`, `uploads`, `runs`, `status`, `monitor`, `version`, `health`, `openapi`: the handlers, a file each.
//! - `pages`: the web pages, whose files are in `src/web`.
//! - `auth`, `body`, `grant`, `json`, `problem`: what handlers are made of: rights, request bodies, leave to use an object store, errors.
//! - `layers`: what happens to every request on its way in and out.

mod auth;
mod body;
mod grant;
mod health;
mod json;
mod layers;
mod monitor;
mod openapi;
mod pages;
mod paging;
mod probes;
mod problem;
mod projects;
mod routes;
mod runs;
mod server;
mod state;
mod status;
mod uploads;
mod version;

pub use openapi::DOCUMENT as OPENAPI_DOCUMENT;
pub use probes::{Probes, serve_probes};
pub use routes::{ROUTES, Route, router};
pub use server::{CertificateError, Certificates, Entrance, PeerAddress, serve};
pub use state::ApiState;
