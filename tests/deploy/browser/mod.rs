//! The web pages in a real browser: Chromium without a screen, driven over its DevTools protocol, against real servers.

mod chromium;
mod page;

mod custodians;
mod keyboard;
mod linkage;
mod looks;
mod monitor;
mod reference;
