//! Candidate files: writing the sorted keys of a task, and reading many files as one ascending stream.

use std::collections::VecDeque;

use tokio::runtime::Handle;

use super::JobError;
use crate::codec::candidate_file::{CandidateFileWriter, CandidateKey, CandidateReader};
use crate::matching::key::Key;
use crate::matching::merge::Merge;
use crate::store::Store;

/// A key of the matching engine that candidate files can hold: `u64` or `u128`.
pub(super) trait FileKey: Key + CandidateKey {}

impl<T: Key + CandidateKey> FileKey for T {}

/// Bytes given to the store at once.
const PART: usize = 1 << 20;
/// Keys encoded at once.
const BATCH: usize = 64 << 10;
/// Bytes read at once from each of the merged files.
const WINDOW: u64 = 512 << 10;

/// Writes ascending keys as an object; returns how many. Blocks.
pub(super) fn write_keys<K: FileKey>(
    store: &Store,
    handle: &Handle,
    object: &str,
    layout: &[u8],
    keys: impl Iterator<Item = Result<K, JobError>>,
    stop: &dyn Fn() -> bool,
) -> Result<u64, JobError> {
    let mut writer = store.writer(object);
    let mut file = CandidateFileWriter::<K>::new(layout, PART)?;
    let mut batch = Vec::with_capacity(BATCH);
    let mut keys = keys.fuse();
    loop {
        batch.clear();
        for key in keys.by_ref().take(BATCH) {
            batch.push(key?);
        }
        if batch.is_empty() {
            break;
        }
        if stop() {
            return Err(JobError::Cancelled);
        }
        file.push(&batch)?;
        while let Some(part) = file.next_part() {
            handle.block_on(writer.write(&part))?;
        }
    }
    let (last, summary) = file.finish();
    handle.block_on(async {
        writer.write(&last).await?;
        writer.finish().await
    })?;
    Ok(summary.count)
}

/// The keys of one candidate file, read window by window. Blocks.
pub(super) struct KeyStream<K> {
    store: Store,
    handle: Handle,
    object: String,
    length: u64,
    position: u64,
    reader: Option<CandidateReader<K>>,
    buffer: Vec<K>,
    ready: VecDeque<K>,
}

impl<K: FileKey> KeyStream<K> {
    /// Opens a file whose keys must have this layout.
    pub(super) fn open(
        store: &Store,
        handle: &Handle,
        object: &str,
        layout: &[u8],
    ) -> Result<Self, JobError> {
        Ok(Self {
            length: handle.block_on(store.size(object))?,
            store: store.clone(),
            handle: handle.clone(),
            object: object.to_owned(),
            position: 0,
            reader: Some(CandidateReader::new(layout)),
            buffer: Vec::new(),
            ready: VecDeque::new(),
        })
    }

    fn fill(&mut self) -> Result<(), JobError> {
        while self.ready.is_empty() {
            let Some(reader) = &mut self.reader else { return Ok(()) };
            let end = (self.position + WINDOW).min(self.length);
            if self.position == end {
                if let Some(reader) = self.reader.take() {
                    reader.finish()?;
                }
                return Ok(());
            }
            let chunk = self.handle.block_on(self.store.read_range(&self.object, self.position..end))?;
            self.position = end;
            self.buffer.clear();
            reader.feed(&chunk, &mut self.buffer)?;
            self.ready.extend(self.buffer.drain(..));
        }
        Ok(())
    }
}

impl<K: FileKey> Iterator for KeyStream<K> {
    type Item = Result<K, JobError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty()
            && let Err(error) = self.fill()
        {
            self.reader = None;
            return Some(Err(error));
        }
        self.ready.pop_front().map(Ok)
    }
}

/// Several files as one ascending stream without duplicates.
pub(super) fn merged<K: FileKey>(
    store: &Store,
    handle: &Handle,
    objects: &[String],
    layout: &[u8],
) -> Result<Merge<K, KeyStream<K>>, JobError> {
    let streams: Result<Vec<_>, _> =
        objects.iter().map(|object| KeyStream::open(store, handle, object, layout)).collect();
    Ok(Merge::new(streams?))
}
