//! Block files against a map of sets.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::codec::block_hash::BlockDigest;
use crate::codec::sealed::FileError;

/// A digest that differs from others in its first or its last byte.
fn digest(block: u16) -> BlockDigest {
    let mut digest = [7; 32];
    (digest[0], digest[31]) = ((block >> 8) as u8, block as u8);
    digest
}

/// The file and the number of temporary files that it took.
fn sort(memory: usize, memberships: &[(u16, u32)]) -> (Vec<u8>, BlockFile, usize) {
    let files = Arc::new(AtomicUsize::new(0));
    let counter = files.clone();
    let mut sorter = BlockSorter::new(memory, move || {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(Cursor::new(Vec::new()))
    });
    for &(block, row) in memberships {
        sorter.push(&digest(block), row).expect("memory does not fail");
    }
    let mut file = Vec::new();
    let description = sorter.finish(&mut file).expect("memory does not fail");
    (file, description, files.load(Ordering::Relaxed))
}

fn model(memberships: &[(u16, u32)]) -> BTreeMap<BlockDigest, Vec<u32>> {
    let mut sets: BTreeMap<_, BTreeSet<u32>> = BTreeMap::new();
    for &(block, row) in memberships {
        sets.entry(digest(block)).or_default().insert(row);
    }
    sets.into_iter().map(|(digest, rows)| (digest, rows.into_iter().collect())).collect()
}

fn as_map(blocks: &Blocks) -> BTreeMap<BlockDigest, Vec<u32>> {
    blocks.iter().map(|(digest, rows)| (*digest, rows.to_vec())).collect()
}

fn read_in_chunks(file: &[u8], records: u32, chunk: usize) -> Result<Blocks, FileError> {
    let trailer = &file[file.len().saturating_sub(BLOCK_TRAILER_LEN)..];
    let mut reader = BlockReader::new(BlockFile::describe(trailer, file.len() as u64)?, records);
    for chunk in file.chunks(chunk) {
        reader.feed(chunk)?;
    }
    reader.finish()
}

proptest! {
    #[test]
    fn what_is_sorted_is_read(
        memberships in prop::collection::vec((0u16..600, 0u32..50), 0..120),
        chunk in 1usize..100,
    ) {
        let (file, description, files) = sort(0, &memberships);
        prop_assert_eq!(files, 0);
        prop_assert_eq!(description.len(), file.len() as u64);
        let blocks = BlockReader::read(&file, 50).expect("a whole file");
        prop_assert_eq!(as_map(&blocks), model(&memberships));
        prop_assert_eq!(blocks.offsets.len(), blocks.digests.len() + 1);
        prop_assert_eq!(read_in_chunks(&file, 50, chunk), Ok(blocks));
    }
}

#[test]
fn memory_changes_nothing_but_the_temporary_files() {
    // A multiplier coprime to the ranges visits blocks and rows out of order, with repeats.
    let memberships: Vec<_> = (0..20_000u32)
        .map(|n| ((n.wrapping_mul(7919) % 5003) as u16, n.wrapping_mul(104_729) % 997))
        .collect();
    let (large, description, none) = sort(64 << 20, &memberships);
    let (small, same, two) = sort(0, &memberships);
    assert_eq!((none, two), (0, 2));
    assert_eq!(description, same);
    assert!(large == small, "the file depends on the memory");
    assert_eq!(as_map(&BlockReader::read(&large, 997).expect("a whole file")), model(&memberships));
}

#[test]
fn the_sections_lie_where_they_are_said_to() {
    let (file, description, _) = sort(0, &[(1, 4), (1, 2), (0, 9)]);
    assert_eq!((description.blocks, description.entries), (2, 3));
    let entries = description.entry_bytes(1..3).expect("entries that exist");
    assert_eq!(file[entries.start as usize..entries.end as usize], [2, 0, 0, 0, 4, 0, 0, 0]);
    let index = description.index_bytes();
    assert_eq!(file[index.start as usize..][..32], digest(0));
    assert!(description.entry_bytes(1..4).is_err());
}

#[test]
fn damage_anywhere_is_noticed() {
    let (file, _, _) = sort(0, &[(1, 4), (1, 2), (0, 9), (3, 3)]);
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        assert!(read_in_chunks(&damaged, 10, 33).is_err(), "byte {at} changed");
        assert!(read_in_chunks(&file[..at], 10, 33).is_err(), "cut before byte {at}");
    }
}

#[test]
fn a_row_past_the_last_record_is_refused() {
    let (file, _, _) = sort(0, &[(1, 9)]);
    assert!(BlockReader::read(&file, 10).is_ok());
    assert!(matches!(BlockReader::read(&file, 9), Err(FileError::Invalid { .. })));
}
