//! Sorting keys in memory.

use super::key::Key;

/// Sorts ascending: the total order of candidates. `bits` is how many low bits of the keys are in use.
pub fn sort_keys<K: Key>(keys: &mut Vec<K>, _bits: u32) {
    keys.sort_unstable();
}
