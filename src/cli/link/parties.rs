//! All parties' files, and whether they fit together.
//!
//! What the service would accept and then turn into a project's error (sizes that differ, blocks from some parties
//! only) is an error here.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail, ensure};

use super::args::LinkArgs;
use super::input::{Membership, Records, read_blocks, read_encodings};
use super::source::Watch;
use crate::matching::blocks::BlockIndex;
use crate::matching::encoding::{EncodingSize, Encodings};

/// The parties of a linkage, in the order of the files.
#[derive(Debug)]
pub struct Parties {
    /// At least two, all of one size.
    pub encodings: Vec<Encodings>,
    /// One for each party, or `None` for a linkage without blocks.
    pub memberships: Option<Vec<Vec<Membership>>>,
}

/// Reads all files, several at once.
///
/// # Errors
/// Names the file at fault.
pub fn read(args: &LinkArgs, threads: usize, watch: Watch<'_>) -> Result<Parties> {
    let all = each(args.files.len(), threads, |party| {
        let file = &args.files[party];
        let mut records = read_encodings(file, args.encoding_size, watch)?;
        if let Some(blocks) = args.blocks.get(party) {
            ensure!(
                records.memberships.is_none(),
                "{} holds blocks and {} gives others: leave one of them out",
                file.display(),
                blocks.display()
            );
            let count = u32::try_from(records.encodings.len()).context("too many encodings")?;
            records.memberships = Some(read_blocks(blocks, count, watch)?);
        }
        Ok(records)
    })?;
    fit(&args.files, all)
}

/// Checks the parties against each other.
fn fit(files: &[PathBuf], all: Vec<Records>) -> Result<Parties> {
    let name = |party: usize| Path::display(&files[party]);
    let size = |records: &Records| records.encodings.size().bytes();
    if let Some(odd) = all.iter().position(|records| size(records) != size(&all[0])) {
        bail!(
            "{} has encodings of {} bytes, {} of {}: all parties need encodings of one size",
            name(odd),
            size(&all[odd]),
            name(0),
            size(&all[0])
        );
    }
    let blocked = |records: &Records| records.memberships.is_some();
    if let (Some(with), Some(without)) =
        (all.iter().position(blocked), all.iter().position(|records| !blocked(records)))
    {
        bail!(
            "{} has blocks and {} has none: give blocks for every party, or for none",
            name(with),
            name(without)
        );
    }
    let (encodings, memberships): (Vec<_>, Vec<_>) =
        all.into_iter().map(|records| (records.encodings, records.memberships)).unzip();
    Ok(Parties { encodings, memberships: memberships.into_iter().collect() })
}

impl Parties {
    /// Size of all encodings.
    pub fn size(&self) -> EncodingSize {
        self.encodings[0].size()
    }

    /// Number of records, party by party.
    pub fn rows(&self) -> Vec<u32> {
        // `Encodings` holds no more.
        self.encodings.iter().map(|encodings| encodings.len() as u32).collect()
    }

    /// Turns the memberships into one index per party. They are gone then.
    ///
    /// # Errors
    /// There are too many of them.
    pub fn take_block_indexes(&mut self, threads: usize) -> Result<Option<Vec<BlockIndex>>> {
        let Some(memberships) = self.memberships.take() else { return Ok(None) };
        let rows = self.rows();
        let memberships: Vec<_> = memberships.into_iter().map(|party| Mutex::new(Some(party))).collect();
        let indexes = each(rows.len(), threads, |party| {
            let taken = memberships[party].lock().ok().and_then(|mut party| party.take());
            Ok(BlockIndex::build(rows[party], taken.expect("each party is indexed once"))?)
        })?;
        Ok(Some(indexes))
    }
}

/// Does `work` for 0…`count`−1 on some threads and returns the results in order, or the first error.
fn each<T: Send>(count: usize, threads: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return done;
            }
            let result = work(number);
            // What has not been begun is not needed any more.
            if result.is_err() {
                next.store(count, Ordering::Relaxed);
            }
            done.push((number, result));
        }
    };
    let mut done: Vec<(usize, Result<T>)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(count)).map(|_| scope.spawn(worker)).collect();
        let mut done = worker();
        done.extend(others.into_iter().flat_map(|thread| thread.join().expect("a reading thread panicked")));
        done
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(size: usize, blocks: bool) -> Records {
        let size = EncodingSize::new(size).unwrap();
        let encodings = Encodings::from_bytes(size, vec![1; size.bytes()]).unwrap();
        Records { encodings, memberships: blocks.then(|| vec![([0; 32], 0)]) }
    }

    fn fit(all: Vec<Records>) -> Result<Parties, String> {
        let files: Vec<PathBuf> = ["a", "b", "c"].map(PathBuf::from).into();
        super::fit(&files, all).map_err(|error| error.to_string())
    }

    #[test]
    fn parties_must_agree_on_the_size() {
        assert_eq!(fit(vec![records(8, false), records(8, false)]).unwrap().rows(), [1, 1]);
        let error = fit(vec![records(16, false), records(16, false), records(8, false)]).unwrap_err();
        assert!(error.starts_with("c has encodings of 8 bytes, a of 16"), "{error}");
    }

    #[test]
    fn blocks_come_from_all_or_none() {
        assert!(fit(vec![records(8, false), records(8, false)]).unwrap().memberships.is_none());
        let mut parties = fit(vec![records(8, true), records(8, true)]).unwrap();
        let indexes = parties.take_block_indexes(2).unwrap().unwrap();
        assert!(indexes.iter().all(|index| index.block(0) == [0]) && indexes.len() == 2);
        assert!(parties.take_block_indexes(2).unwrap().is_none());
        let error = fit(vec![records(8, false), records(8, true)]).unwrap_err();
        assert!(error.starts_with("b has blocks and a has none"), "{error}");
    }

    #[test]
    fn work_on_threads_keeps_its_order_and_its_first_error() {
        for threads in [1, 2, 9] {
            assert_eq!(each(5, threads, Ok).unwrap(), [0, 1, 2, 3, 4]);
            let error = each(5, threads, |number| {
                ensure!(number != 2, "number {number}");
                Ok(())
            });
            assert_eq!(error.unwrap_err().to_string(), "number 2");
        }
    }
}
