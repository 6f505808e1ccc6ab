//! What tests of all tiers share.

#![allow(dead_code, unused_imports, reason = "each tier uses a part of it")]

pub mod collector;
pub mod linkage;
pub mod pages;
pub mod scrape;
pub mod service;
pub mod stack;
pub mod watched;
