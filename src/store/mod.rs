//! The object store: encoding files, block files, candidate files and results, by name.
//!
//! On top of the `object_store` crate, which gives a directory and (in a cluster) S3 the same interface. An object appears
//! whole or not at all: a writer that is dropped before [`Writer::finish`] leaves nothing behind.
//!
//! Names are `{project}/{what}-{lease}` and are made by [`name`]; nobody else builds one.

pub mod name;
mod writer;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use thiserror::Error;

pub use writer::Writer;

/// Why a call to the object store failed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// There is no such object.
    #[error("there is no object {0}")]
    NotFound(String),
    /// The directory for objects can't be used.
    #[error("the object directory {path} can't be used: {source}")]
    Directory {
        /// The directory.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Anything else the store answered.
    #[error("the object store failed: {0}")]
    Backend(#[source] object_store::Error),
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { path, .. } => Self::NotFound(path),
            other => Self::Backend(other),
        }
    }
}

/// Result of a call to the object store.
pub type StoreResult<T> = Result<T, StoreError>;

/// Objects by name; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    /// The directory, if objects are files.
    directory: Option<Arc<Path>>,
}

impl Store {
    /// Objects as files below a directory, which is made if it is missing. Written files are synced to the disk.
    ///
    /// # Errors
    /// The directory can't be made or used.
    pub fn directory(path: &Path) -> StoreResult<Self> {
        let failed = |source| StoreError::Directory { path: path.display().to_string(), source };
        std::fs::create_dir_all(path).map_err(failed)?;
        let files = LocalFileSystem::new_with_prefix(path)?.with_fsync(true).with_automatic_cleanup(true);
        Ok(Self { inner: Arc::new(files), directory: Some(path.into()) })
    }

    /// Objects in memory, for tests.
    pub fn memory() -> Self {
        Self { inner: Arc::new(object_store::memory::InMemory::new()), directory: None }
    }

    /// Opens an object for writing; it replaces one of the same name when it is finished.
    pub fn writer(&self, name: &str) -> Writer {
        Writer::new(self.inner.clone(), ObjectPath::from(name))
    }

    /// Writes a small object at once.
    ///
    /// # Errors
    /// The store is out of reach or full.
    pub async fn put(&self, name: &str, bytes: Bytes) -> StoreResult<()> {
        self.inner.put(&ObjectPath::from(name), bytes.into()).await?;
        Ok(())
    }

    /// Length of an object in bytes.
    ///
    /// # Errors
    /// There is no such object, or the store is out of reach.
    pub async fn size(&self, name: &str) -> StoreResult<u64> {
        Ok(self.inner.head(&ObjectPath::from(name)).await?.size)
    }

    /// A range of an object's bytes, whole.
    ///
    /// # Errors
    /// There is no such object, it is shorter, or the store is out of reach.
    pub async fn read_range(&self, name: &str, range: Range<u64>) -> StoreResult<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        Ok(self.inner.get_range(&ObjectPath::from(name), range).await?)
    }

    /// An object's bytes, whole; only for what is known to be small.
    ///
    /// # Errors
    /// There is no such object, or the store is out of reach.
    pub async fn read(&self, name: &str) -> StoreResult<Bytes> {
        Ok(self.inner.get(&ObjectPath::from(name)).await?.bytes().await?)
    }

    /// An object as a stream of chunks, and its length. The object is opened before this returns.
    ///
    /// # Errors
    /// There is no such object, or the store is out of reach; later failures come as items of the stream.
    pub async fn stream(&self, name: &str) -> StoreResult<(u64, BoxStream<'static, StoreResult<Bytes>>)> {
        let found = self.inner.get(&ObjectPath::from(name)).await?;
        let size = found.meta.size;
        Ok((size, found.into_stream().map_err(StoreError::from).boxed()))
    }

    /// Deletes an object, and what a killed process may have left of an attempt to write it; one that isn't there counts as
    /// deleted.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn delete(&self, name: &str) -> StoreResult<()> {
        if let Some(directory) = &self.directory {
            remove_staged(&directory.join(name)).await;
        }
        match self.inner.delete(&ObjectPath::from(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Names of all objects with the time of their last change, in no order.
    pub fn list(&self) -> BoxStream<'static, StoreResult<(String, jiff::Timestamp)>> {
        let entries = self.inner.list(None);
        entries
            .map_ok(|meta| {
                let changed = jiff::Timestamp::from_microsecond(meta.last_modified.timestamp_micros());
                (meta.location.to_string(), changed.unwrap_or(jiff::Timestamp::UNIX_EPOCH))
            })
            .map_err(StoreError::from)
            .boxed()
    }
}

/// Removes the files `{object}#{n}` in which an object was being written when its process was killed. They are invisible to
/// the store's listing. Failures are left to the next sweep.
async fn remove_staged(object: &Path) {
    let (Some(folder), Some(file)) = (object.parent(), object.file_name().and_then(|name| name.to_str()))
    else {
        return;
    };
    let Ok(mut entries) = tokio::fs::read_dir(folder).await else { return };
    while let Ok(Some(entry)) = entries.next_entry().await {
        if entry
            .file_name()
            .to_str()
            .and_then(|name| name.strip_prefix(file))
            .is_some_and(|rest| rest.starts_with('#'))
            && let Err(error) = tokio::fs::remove_file(entry.path()).await
        {
            tracing::warn!(file = %entry.path().display(), %error, "a leftover of a killed process could not be removed");
        }
    }
}

#[cfg(test)]
mod tests;
