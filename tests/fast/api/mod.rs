//! The REST API as its clients see it: in process where the answer is what matters, over TCP where the connection is.
//!
//! No worker runs here: runs are taken through their states by hand, so that each state can be looked at.

mod authorization;
mod bad_input;
mod between_parties;
mod connections;
mod http;
mod https;
mod monitor;
mod openapi;
mod pages;
mod parties;
mod projects;
mod results;
mod runs;
mod support;
mod uploads;
