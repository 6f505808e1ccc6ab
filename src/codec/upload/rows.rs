//! The set of rows that `blocks` has named.
//!
//! Keys may come in any order, before the number of records is known, and from an uploader who means harm:
//! a plain bitset would let the one key "4294967295" claim 512 MiB. Rows are kept in pages of 2^16, each a
//! sorted list of 16-bit numbers until a bitset is smaller. So there are a few bytes for each key, which
//! took six bytes or more of the body; in the common dense case it is one bit.

use std::collections::BTreeMap;

/// Beyond this many rows a page is smaller as a bitset (8 KiB) than as a list.
const LIST_MAX: usize = 4096;

#[derive(Debug)]
enum Page {
    List(Vec<u16>),
    Bits(Box<[u64; 1024]>),
}

impl Page {
    fn insert(&mut self, low: u16) -> bool {
        match self {
            Self::List(rows) => {
                // Keys mostly ascend, so the end is tried before the search.
                let position = match rows.last() {
                    Some(&last) if last >= low => match rows.binary_search(&low) {
                        Ok(_) => return false,
                        Err(position) => position,
                    },
                    _ => rows.len(),
                };
                rows.insert(position, low);
                if rows.len() > LIST_MAX {
                    let mut bits = Box::new([0u64; 1024]);
                    for &row in rows.iter() {
                        bits[usize::from(row >> 6)] |= 1 << (row & 63);
                    }
                    *self = Self::Bits(bits);
                }
                true
            }
            Self::Bits(bits) => {
                let word = &mut bits[usize::from(low >> 6)];
                let bit = 1 << (low & 63);
                let new = *word & bit == 0;
                *word |= bit;
                new
            }
        }
    }
}

/// A set of row numbers that only grows.
#[derive(Debug, Default)]
pub(super) struct RowSet {
    pages: BTreeMap<u16, Page>,
    max: Option<u32>,
}

impl RowSet {
    /// Adds a row; false if it was there.
    pub(super) fn insert(&mut self, row: u32) -> bool {
        self.max = self.max.max(Some(row));
        let page = self.pages.entry((row >> 16) as u16).or_insert_with(|| Page::List(Vec::new()));
        page.insert(row as u16)
    }

    /// The largest row in the set.
    pub(super) fn max(&self) -> Option<u32> {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_survives_its_change_to_bits() {
        let mut rows = RowSet::default();
        for row in (0..3 * LIST_MAX as u32).rev() {
            assert!(rows.insert(row), "{row} is new");
        }
        for row in 0..3 * LIST_MAX as u32 {
            assert!(!rows.insert(row), "{row} is there");
        }
        assert!(rows.insert(u32::MAX));
        assert_eq!(rows.max(), Some(u32::MAX));
    }

    proptest! {
        #[test]
        fn behaves_as_a_set(keys in prop::collection::vec(prop_oneof![0u32..200, any::<u32>(), 65530u32..65550], 0..300)) {
            let mut rows = RowSet::default();
            let mut model = BTreeSet::new();
            for key in keys {
                prop_assert_eq!(rows.insert(key), model.insert(key));
            }
            prop_assert_eq!(rows.max(), model.last().copied());
        }
    }
}
