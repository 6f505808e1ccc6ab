//! What the fuzz targets name of the service, and what that needs.

// Who calls the rest is not here.
#![allow(dead_code, unused_imports)]

#[path = "../../../../src/codec/mod.rs"]
pub mod codec;
#[path = "../../../../src/domain/mod.rs"]
pub mod domain;
#[path = "../../../../src/match/mod.rs"]
pub mod matching;
#[path = "../../../../src/store/s3/xml.rs"]
mod xml;

/// The part of the module that reads an object store's answers.
pub mod store {
    pub use crate::xml::{XmlError, records as xml_records};
}
