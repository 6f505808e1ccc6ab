//! Reading candidate files: ahead of their use, many at a time, and merged on a thread beside the one that takes the keys.

use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::runs::WINDOW;
use super::{FileKey, KeyFile, runs};
use crate::codec::candidate_file::{CandidateReader, candidate_file_len};
use crate::jobs::JobError;
use crate::matching::merge::{Merge, Run};
use crate::store::{Store, StoreResult};

/// Requests to the store under way at once, for one merge.
const READS: usize = 16;

/// What reading takes.
#[derive(Clone)]
pub(crate) struct Merging {
    store: Store,
    handle: Handle,
    layout: Vec<u8>,
    reads: Arc<Semaphore>,
}

impl Merging {
    /// For files whose keys have this layout.
    pub(crate) fn new(store: Store, handle: Handle, layout: &[u8]) -> Self {
        Self { store, handle, layout: layout.to_vec(), reads: Arc::new(Semaphore::new(READS)) }
    }

    /// Hands the ascending union of some files on, in batches and without duplicates, until `take` returns false. At most
    /// [`FAN_IN`](super::FAN_IN) runs of files should be given: each holds two windows. Blocks.
    pub(crate) fn each<K: FileKey>(
        &self,
        files: &[KeyFile],
        take: impl FnMut(&[K]) -> Result<bool, JobError>,
    ) -> Result<(), JobError> {
        let open = runs::<K>(files).into_iter().map(|run| FileRun::open(self, &files[run]));
        Merge::<K, FileRun<K>>::new(open.collect()).each(take)
    }

    /// Asks for bytes of an object, without waiting for them.
    fn ask(&self, object: &str, from: u64, to: u64) -> JoinHandle<StoreResult<Bytes>> {
        let (store, reads, object) = (self.store.clone(), self.reads.clone(), object.to_owned());
        self.handle.spawn(async move {
            // The gate is never closed.
            let _permit = reads.acquire_owned().await;
            store.read_range(&object, from..to).await
        })
    }

    fn wait(&self, asked: JoinHandle<StoreResult<Bytes>>) -> Result<Bytes, JobError> {
        let stopped = |_| JobError::Transient("the process stops reading candidates".into());
        Ok(self.handle.block_on(asked).map_err(stopped)??)
    }
}

/// Some files as one run: one file window by window, or several small ones at once.
struct FileRun<K> {
    merging: Merging,
    state: State<K>,
}

enum State<K> {
    Whole(Vec<JoinHandle<StoreResult<Bytes>>>),
    Windows(Box<Windows<K>>),
    Ended,
}

/// A file that is read window by window.
struct Windows<K> {
    object: String,
    length: u64,
    /// Bytes asked for so far.
    asked: u64,
    next: JoinHandle<StoreResult<Bytes>>,
    reader: CandidateReader<K>,
}

impl<K: FileKey> FileRun<K> {
    fn open(merging: &Merging, files: &[KeyFile]) -> Self {
        let length = |file: &KeyFile| candidate_file_len::<K>(file.keys);
        let state = match files {
            [file] if length(file) > WINDOW => State::Windows(Box::new(Windows {
                object: file.object.clone(),
                length: length(file),
                asked: WINDOW,
                next: merging.ask(&file.object, 0, WINDOW),
                reader: CandidateReader::new(&merging.layout),
            })),
            files => {
                State::Whole(files.iter().map(|file| merging.ask(&file.object, 0, length(file))).collect())
            }
        };
        Self { merging: merging.clone(), state }
    }
}

impl<K: FileKey> Run<K> for FileRun<K> {
    type Error = JobError;

    fn read(&mut self, keys: &mut Vec<K>) -> Result<(), JobError> {
        let merging = &self.merging;
        // A window may hold no whole key.
        while keys.is_empty() {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Whole(asked) => {
                    for asked in asked {
                        let mut reader = CandidateReader::new(&merging.layout);
                        reader.feed(&merging.wait(asked)?, keys)?;
                        reader.finish()?;
                    }
                    keys.sort();
                    return Ok(());
                }
                State::Windows(mut file) => {
                    let from = file.asked;
                    if from == file.length {
                        file.reader.feed(&merging.wait(file.next)?, keys)?;
                        file.reader.finish()?;
                        return Ok(());
                    }
                    file.asked = (from + WINDOW).min(file.length);
                    let next = merging.ask(&file.object, from, file.asked);
                    let now = std::mem::replace(&mut file.next, next);
                    file.reader.feed(&merging.wait(now)?, keys)?;
                    self.state = State::Windows(file);
                }
                State::Ended => return Ok(()),
            }
        }
        Ok(())
    }
}
