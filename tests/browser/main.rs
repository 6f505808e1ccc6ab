//! The web pages in a real browser: Chromium without a screen, driven over its DevTools protocol, against real servers.

mod chromium;
mod page;
#[path = "../service/mod.rs"]
mod service;
#[path = "../stack/mod.rs"]
mod stack;

mod browser_custodians;
mod browser_keyboard;
mod browser_linkage;
mod browser_looks;
mod browser_monitor;
mod browser_reference;
