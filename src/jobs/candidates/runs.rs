//! Which candidate files are read together as one run of a merge.

use std::ops::Range;

use super::KeyFile;
use crate::codec::candidate_file::{CandidateKey, candidate_file_len};

/// Bytes read at once of each run.
pub(super) const WINDOW: u64 = 256 << 10;

/// Runs that are merged at once; more are merged into fewer first.
pub(crate) const FAN_IN: usize = 128;

/// Cuts files into runs: neighbours that fit into one window together are one run, which is read whole; a larger file is a run
/// of its own, read window by window. Thousands of tasks with few candidates each need no files in between.
pub(crate) fn runs<K: CandidateKey>(files: &[KeyFile]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0u64;
    for (number, file) in files.iter().enumerate() {
        let length = candidate_file_len::<K>(file.keys);
        match runs.last_mut() {
            Some(run) if bytes.saturating_add(length) <= WINDOW => {
                run.end = number + 1;
                bytes += length;
            }
            _ => {
                runs.push(number..number + 1);
                bytes = length;
            }
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(keys: &[u64]) -> Vec<Range<usize>> {
        let file = |&keys| KeyFile { object: String::new(), keys };
        runs::<u64>(&keys.iter().map(file).collect::<Vec<_>>())
    }

    #[test]
    fn small_neighbours_are_one_run() {
        assert!(of(&[]).is_empty());
        assert_eq!(of(&[1 << 30, 0]), [0..1, 1..2]);
        assert_eq!(of(&[0, 5, 1 << 20, 7, 9, 30_000, 3000]), [0..2, 2..3, 3..6, 6..7]);
        assert!(of(&[60; 10_000]).len() < FAN_IN);
    }
}
