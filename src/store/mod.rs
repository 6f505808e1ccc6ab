//! The object store: encoding files, block files, candidate files and results, by name.
//!
//! On top of the `object_store` crate, which gives a directory and (in a cluster) S3 the same interface. An object appears
//! whole or not at all: a writer that is dropped before [`Writer::finish`] leaves nothing behind.
//!
//! - `s3`: S3 and stores that speak like it.
//! - `exchange`: the buckets that clients may reach, with temporary credentials from `sts`.
//! - `foreign`: stores of strangers, and which `address`es they may be at.
//! - `outage`: what of all that may go wrong passes by itself.
//!
//! Names are `{project}/{what}-{lease}` and are made by [`name`]; nobody else builds one.

mod address;
mod error;
mod exchange;
mod foreign;
pub mod name;
mod outage;
mod s3;
mod sts;
mod writer;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{Attribute, GetOptions, ObjectStore, ObjectStoreExt};

use crate::config::objects::BucketAt;
use crate::telemetry::Operation;
use s3::Requests;
use s3::client::Patience;

pub use error::{StoreError, StoreResult, no_room};
pub use exchange::{DownloadStore, Exchange, Grant, UploadStore};
pub use foreign::{Foreign, ForeignError};
pub use s3::xml::{XmlError, records as xml_records};
pub use sts::{Policy, Sts, StsError, TemporaryCredentials};
pub use writer::Writer;

/// Deletions that are under way at once.
const DELETIONS: usize = 8;

/// Objects by name; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    kind: Kind,
}

/// What there is beyond the common interface.
#[derive(Debug, Clone)]
enum Kind {
    Memory,
    /// Objects are files in this directory.
    Directory(Arc<Path>),
    S3(Arc<Requests>),
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its length in bytes.
    pub size: u64,
    /// The store's mark of exactly this content, where it gives one.
    pub etag: Option<String>,
    /// What its writer noted with it, by names in lower case.
    pub notes: HashMap<String, String>,
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
        Ok(Self { inner: Arc::new(files), kind: Kind::Directory(path.into()) })
    }

    /// Objects in a bucket of S3 or of a store that speaks like it. Nothing is sent yet.
    ///
    /// # Errors
    /// The certificate authorities can't be loaded, or the settings contradict each other.
    pub fn s3(at: &BucketAt) -> StoreResult<Self> {
        Self::s3_by(at, s3::client::own(at.ca.as_deref())?, Patience::USUAL)
    }

    fn s3_by(at: &BucketAt, client: reqwest::Client, patience: Patience) -> StoreResult<Self> {
        let (objects, requests) = s3::connect(at, client, patience)?;
        Ok(Self { inner: Arc::new(objects), kind: Kind::S3(Arc::new(requests)) })
    }

    /// Objects in memory, for tests.
    pub fn memory() -> Self {
        Self { inner: Arc::new(object_store::memory::InMemory::new()), kind: Kind::Memory }
    }

    /// Opens an object for writing; it replaces one of the same name when it is finished.
    pub fn writer(&self, name: &str) -> Writer {
        let (part, parts_stay) = match self.kind {
            Kind::Memory => (writer::BUCKET_PART, false),
            Kind::Directory(_) => (writer::FILE_PART, false),
            Kind::S3(_) => (writer::BUCKET_PART, true),
        };
        Writer::new(self.inner.clone(), ObjectPath::from(name), part, parts_stay)
    }

    /// Writes a small object at once.
    ///
    /// # Errors
    /// The store is out of reach or full.
    pub async fn put(&self, name: &str, bytes: Bytes) -> StoreResult<()> {
        timed("put", async { Ok(self.inner.put(&ObjectPath::from(name), bytes.into()).await?) })
            .await
            .map(drop)
    }

    /// Writes a small object unless there is one of this name, which then stays as it is.
    ///
    /// # Errors
    /// The store is out of reach or full.
    pub async fn put_new(&self, name: &str, bytes: Bytes) -> StoreResult<()> {
        let (path, mode) = (ObjectPath::from(name), object_store::PutMode::Create);
        timed("put", async {
            match self.inner.put_opts(&path, bytes.into(), mode.into()).await {
                Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// Length of an object in bytes.
    ///
    /// # Errors
    /// There is no such object, or the store is out of reach.
    pub async fn size(&self, name: &str) -> StoreResult<u64> {
        timed("head", async { Ok(self.inner.head(&located(name)?).await?.size) }).await
    }

    /// Length of an object, and the notes (S3's user-defined metadata) that it was written with.
    ///
    /// # Errors
    /// There is no such object, or the store is out of reach.
    pub async fn describe(&self, name: &str) -> StoreResult<Description> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let found = timed("head", async { Ok(self.inner.get_opts(&located(name)?, options).await?) }).await?;
        let notes = found.attributes.iter().filter_map(|(attribute, value)| match attribute {
            Attribute::Metadata(name) => Some((name.to_ascii_lowercase(), value.to_string())),
            _ => None,
        });
        Ok(Description { size: found.meta.size, etag: found.meta.e_tag.clone(), notes: notes.collect() })
    }

    /// A range of an object's bytes, whole.
    ///
    /// # Errors
    /// There is no such object, it is shorter, or the store is out of reach.
    pub async fn read_range(&self, name: &str, range: Range<u64>) -> StoreResult<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        timed("get_range", async { Ok(self.inner.get_range(&located(name)?, range).await?) }).await
    }

    /// An object's bytes, whole; only for what is known to be small.
    ///
    /// # Errors
    /// There is no such object, or the store is out of reach.
    pub async fn read(&self, name: &str) -> StoreResult<Bytes> {
        timed("get", async { Ok(self.inner.get(&located(name)?).await?.bytes().await?) }).await
    }

    /// An object as a stream of chunks, and its length. The object is opened before this returns.
    ///
    /// # Errors
    /// There is no such object, or the store is out of reach; later failures come as items of the stream.
    pub async fn stream(&self, name: &str) -> StoreResult<(u64, BoxStream<'static, StoreResult<Bytes>>)> {
        let found = timed("get", async { Ok(self.inner.get(&located(name)?).await?) }).await?;
        let size = found.meta.size;
        Ok((size, found.into_stream().map_err(StoreError::from).boxed()))
    }

    /// The same for an object that was described before; `None` if it is another one by now.
    ///
    /// # Errors
    /// As for [`Self::stream`].
    pub async fn stream_as_described(
        &self,
        name: &str,
        size: u64,
        etag: Option<&str>,
    ) -> StoreResult<Option<(u64, BoxStream<'static, StoreResult<Bytes>>)>> {
        let options = GetOptions { if_match: etag.map(str::to_owned), ..GetOptions::default() };
        let found = timed("get", async {
            match self.inner.get_opts(&located(name)?, options).await {
                Err(object_store::Error::Precondition { .. }) => Ok(None),
                found => Ok(Some(found?)),
            }
        });
        let found = found.await?.filter(|found| found.meta.size == size);
        Ok(found.map(|found| (size, found.into_stream().map_err(StoreError::from).boxed())))
    }

    /// Deletes an object, and what a killed process may have left of an attempt to write it; one that isn't there counts as
    /// deleted.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn delete(&self, name: &str) -> StoreResult<()> {
        timed("delete", self.deletion(name)).await
    }

    async fn deletion(&self, name: &str) -> StoreResult<()> {
        match &self.kind {
            Kind::Memory => {}
            Kind::Directory(directory) => remove_staged(&directory.join(name)).await,
            Kind::S3(requests) => {
                let begun = requests.open_uploads(name).await?;
                for upload in begun.iter().filter(|upload| upload.key == name) {
                    requests.abort(upload).await?;
                }
                return requests.delete(name).await;
            }
        }
        match self.inner.delete(&ObjectPath::from(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes many objects as [`Self::delete`] does, several at once.
    ///
    /// # Errors
    /// The store is out of reach; some may have been deleted.
    pub async fn delete_all(&self, names: &[String]) -> StoreResult<()> {
        // Owned names: a stream that borrows its items can't be sent between threads.
        let deletions = stream::iter(names.to_vec()).map(|name| async move { self.delete(&name).await });
        deletions.buffer_unordered(DELETIONS).try_collect().await
    }

    /// Deletes the object at `path` and every object below it, and aborts what is being uploaded there, be it under names that
    /// this service would never choose. Returns how many objects went from below it.
    ///
    /// # Errors
    /// The store is out of reach; some may have been deleted.
    pub async fn delete_under(&self, path: &str) -> StoreResult<usize> {
        let mut gone = 0;
        if let Kind::S3(requests) = &self.kind {
            self.delete(path).await?;
            let prefix = format!("{path}/");
            self.abort_uploads_under(&prefix).await?;
            loop {
                let keys = requests.keys(&prefix, "").await?;
                if keys.is_empty() {
                    return Ok(gone);
                }
                gone += keys.len();
                let deletions = stream::iter(keys).map(|(key, _)| async move { requests.delete(&key).await });
                deletions.buffer_unordered(DELETIONS).try_collect::<()>().await?;
            }
        }
        // A directory of this name is no object, and can't be deleted as one.
        match self.size(path).await {
            Ok(_) => self.delete(path).await?,
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        let mut names = self.inner.list(Some(&ObjectPath::from(path)));
        while let Some(found) = names.try_next().await? {
            self.delete(found.location.as_ref()).await?;
            gone += 1;
        }
        Ok(gone)
    }

    /// The next names after this one, at most a thousand, in order, as they are: some may be none that this service would choose.
    /// With the time of their last change. Buckets only: nobody else writes into directories.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn page(&self, after: &str) -> StoreResult<Vec<(String, jiff::Timestamp)>> {
        match &self.kind {
            Kind::S3(requests) => requests.keys("", after).await,
            Kind::Memory | Kind::Directory(_) => Ok(Vec::new()),
        }
    }

    /// Deletes an object of a bucket by its name as it is.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn delete_key(&self, name: &str) -> StoreResult<()> {
        match &self.kind {
            Kind::S3(requests) => requests.delete(name).await,
            Kind::Memory | Kind::Directory(_) => self.delete(name).await,
        }
    }

    /// Aborts multipart uploads under names that begin with `prefix`; returns how many. Directories and memory have none.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn abort_uploads_under(&self, prefix: &str) -> StoreResult<usize> {
        self.abort_uploads(|upload| upload.key.starts_with(prefix), prefix).await
    }

    /// Aborts multipart uploads that were begun before `time`; returns how many. MinIO tells only of those that were begun since
    /// its last start, and aborts older ones by itself after a day.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn abort_uploads_before(&self, time: jiff::Timestamp) -> StoreResult<usize> {
        self.abort_uploads(|upload| upload.begun < time, "").await
    }

    async fn abort_uploads(
        &self,
        wanted: impl Fn(&s3::OpenUpload) -> bool,
        prefix: &str,
    ) -> StoreResult<usize> {
        let Kind::S3(requests) = &self.kind else { return Ok(0) };
        let mut found = requests.open_uploads(prefix).await?;
        if found.is_empty() && !prefix.is_empty() {
            // MinIO takes a prefix for a whole name, but lists all if there is none.
            found = requests.open_uploads("").await?;
        }
        found.retain(wanted);
        for upload in &found {
            requests.abort(upload).await?;
        }
        Ok(found.len())
    }

    /// Makes the bucket if it is missing; true if it was made. A directory is there already.
    ///
    /// # Errors
    /// The store is out of reach, or doesn't let us.
    pub async fn ensure_bucket(&self) -> StoreResult<bool> {
        match &self.kind {
            Kind::S3(requests) => requests.ensure_bucket().await,
            Kind::Memory | Kind::Directory(_) => Ok(false),
        }
    }

    /// Whether the store can be used now; answers within seconds.
    ///
    /// # Errors
    /// It can't: the text says why.
    pub async fn check(&self) -> StoreResult<()> {
        let checked = async {
            match &self.kind {
                Kind::Memory => Ok(()),
                Kind::Directory(path) => {
                    let failed = |source| StoreError::Directory { path: path.display().to_string(), source };
                    tokio::fs::metadata(path).await.map(drop).map_err(failed)
                }
                Kind::S3(requests) => requests.check().await,
            }
        };
        timed("check", checked).await
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

/// Makes a call of the store and measures it. On the heap: tasks hold many of them, and each counts twice in a caller's future.
fn timed<'a, T: 'a>(
    name: &'static str,
    call: impl Future<Output = StoreResult<T>> + Send + 'a,
) -> BoxFuture<'a, StoreResult<T>> {
    async move {
        let operation = Operation::store(name);
        let result = call.await;
        operation.end(match &result {
            Ok(_) => "ok",
            Err(StoreError::NotFound(_)) => "missing",
            Err(_) => "error",
        });
        result
    }
    .boxed()
}

/// An object's name as the crate wants it, unchanged: a name with empty or dotted segments is nobody's.
fn located(name: &str) -> StoreResult<ObjectPath> {
    ObjectPath::parse(name).map_err(|_| StoreError::NotFound(name.to_owned()))
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
mod conformance;
#[cfg(test)]
mod tests;
