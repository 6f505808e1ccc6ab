//! Writing an object as a stream: small ones in one put, large ones in parts, with memory for one part.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::path::Path as ObjectPath;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt};

use super::{StoreError, StoreResult, timed};

/// Bytes per part in a bucket. S3 wants at least 5 MiB and at most 10 000 parts: this allows 80 GB.
pub(super) const BUCKET_PART: usize = 8 << 20;

/// Bytes that are written to a file at once: so few that the processor's cache still holds them.
pub(super) const FILE_PART: usize = 1 << 20;

/// An object being written. Nothing is visible before [`Writer::finish`].
pub struct Writer {
    store: Arc<dyn ObjectStore>,
    path: ObjectPath,
    buffer: BytesMut,
    /// Bytes per part.
    part: usize,
    parts: Option<Box<dyn MultipartUpload>>,
    /// Whether parts outlive a writer that is dropped.
    parts_stay: bool,
    written: u64,
}

impl Writer {
    pub(super) fn new(store: Arc<dyn ObjectStore>, path: ObjectPath, part: usize, parts_stay: bool) -> Self {
        Self { store, path, buffer: BytesMut::new(), part, parts: None, parts_stay, written: 0 }
    }

    /// Bytes taken so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Takes bytes; writes whenever a part is full.
    ///
    /// # Errors
    /// The store is out of reach or full. The writer must then be aborted.
    pub async fn write(&mut self, bytes: &[u8]) -> StoreResult<()> {
        self.written += bytes.len() as u64;
        let mut rest = bytes;
        while self.buffer.len() + rest.len() >= self.part {
            let (now, later) = rest.split_at(self.part - self.buffer.len());
            self.buffer.extend_from_slice(now);
            rest = later;
            let part = std::mem::take(&mut self.buffer).freeze();
            self.put_part(part.clone()).await?;
            // The same memory for the next part, unless the store still holds on to it.
            self.buffer = part.try_into_mut().unwrap_or_default();
            self.buffer.clear();
        }
        self.buffer.extend_from_slice(rest);
        Ok(())
    }

    /// Makes the object visible.
    ///
    /// # Errors
    /// The store is out of reach or full; nothing is left behind then.
    pub async fn finish(mut self) -> StoreResult<()> {
        let last = std::mem::take(&mut self.buffer).freeze();
        if self.parts.is_none() {
            return timed("put", async { Ok(self.store.put(&self.path, last.into()).await?) })
                .await
                .map(drop);
        }
        if !last.is_empty()
            && let Err(error) = self.put_part(last).await
        {
            self.abort().await;
            return Err(error);
        }
        if let Some(parts) = &mut self.parts
            && let Err(error) = timed("complete", async { Ok(parts.complete().await?) }).await
        {
            self.abort().await;
            return Err(error);
        }
        self.parts = None;
        Ok(())
    }

    /// Gives up; parts already written are removed.
    pub async fn abort(mut self) {
        if let Some(mut parts) = self.parts.take()
            && let Err(error) = parts.abort().await
        {
            let error = StoreError::from(error);
            tracing::warn!(object = %self.path, %error, "parts of an aborted object could not be removed");
        }
    }

    /// Takes a part to the store.
    async fn put_part(&mut self, part: Bytes) -> StoreResult<()> {
        let Self { store, path, parts, .. } = self;
        timed("put_part", async {
            if parts.is_none() {
                *parts = Some(store.put_multipart(path).await?);
            }
            if let Some(parts) = parts {
                parts.put_part(part.into()).await?;
            }
            Ok(())
        })
        .await
    }
}

impl Drop for Writer {
    /// Reached with parts only if whoever was writing was dropped in the middle. Outside a runtime nothing can be sent; the sweeper
    /// removes the parts with the name then.
    fn drop(&mut self) {
        if let (true, Some(mut parts)) = (self.parts_stay, self.parts.take())
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let path = self.path.clone();
            runtime.spawn(async move {
                if let Err(error) = parts.abort().await.map_err(StoreError::from) {
                    tracing::warn!(object = %path, %error, "parts of an abandoned object could not be removed");
                }
            });
        }
    }
}
