//! Settings of the object store: [`ObjectStoreArgs`] as the operator gives them, [`ObjectStores`] as the program needs them.

mod args;
mod resolve;
mod server;

pub use args::ObjectStoreArgs;
pub use resolve::{
    BucketAt, DownloadSettings, ForeignSettings, Keys, ObjectStores, ObjectsError, UploadSettings,
};
pub use server::{Server, ServerError};
