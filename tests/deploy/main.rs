//! The third tier: what is installed. The chart, the image, the compose file, and the pages in a browser.

#[path = "../kit/mod.rs"]
mod kit;
use kit::{linkage, service, stack};

mod browser;
mod chart;
mod deployed;
mod image;
