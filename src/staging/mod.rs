//! From uploads to the files that are linked: what the API does with a request's body and a worker with an object elsewhere, so that
//! the files are the same.
//!
//! - [`place`]: where the files go, and what keeps the right to write them.
//! - [`rows`], [`blocks`]: the encoding file and the block file that are being written.
//! - [`intake`]: JSON on its way into both.
//! - [`source`]: the description of data that lie in an object store, between the API and the worker.
//! - [`external`]: the stores that such data may lie in.

pub mod blocks;
pub mod external;
pub mod intake;
pub mod place;
pub mod rows;
pub mod source;

use crate::db::projects::ProjectRecord;
use crate::domain::project::promised_size;

pub use blocks::Blocks;
pub use external::External;
pub use intake::{Intake, IntakeError};
pub use place::{Object, Place, StagingError};
pub use rows::Rows;
pub use source::{At, ObjectRef, Source};

/// What is wrong with encodings of this size, in bytes, if the project's schema promises another one.
pub fn broken_promise(project: &ProjectRecord, size: u32) -> Option<String> {
    let promised = promised_size(&project.schema)?;
    (!promised.is_kept_by(size as usize)).then(|| {
        let (bits, found) = (promised.bits, u64::from(size) * 8);
        format!("encoding 0 has {size} bytes ({found} bits), but the project's schema says clkConfig.l = {bits} bits")
    })
}
