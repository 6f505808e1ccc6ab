//! Merging sorted runs of keys into one.
//!
//! A k-way merge over fallible iterators, as candidate files are read as streams. Equal keys are one and the
//! same candidate (found twice because a task was done twice), so all but one are dropped. Memory: one key
//! per run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// The ascending union, without duplicates, of runs that are each ascending.
///
/// An error of a run is handed out at once, and ends the merge: what follows could be out of order.
pub struct Merge<K, I> {
    /// The least unread key of each run that has one.
    heads: BinaryHeap<Reverse<(K, usize)>>,
    runs: Vec<I>,
    last: Option<K>,
    /// Runs whose first key has not been read yet are `unread..`.
    unread: usize,
    failed: bool,
}

impl<K: Ord, I> Merge<K, I> {
    /// Takes the runs. None is read before the first `next`.
    pub fn new(runs: Vec<I>) -> Self {
        Self { heads: BinaryHeap::with_capacity(runs.len()), runs, last: None, unread: 0, failed: false }
    }
}

impl<K, E, I> Merge<K, I>
where
    K: Ord + Copy,
    I: Iterator<Item = Result<K, E>>,
{
    /// The next key, duplicates included.
    fn next_of_all(&mut self) -> Option<Result<K, E>> {
        while self.unread < self.runs.len() {
            let run = self.unread;
            self.unread += 1;
            match self.runs[run].next() {
                Some(Ok(key)) => self.heads.push(Reverse((key, run))),
                Some(Err(error)) => return Some(Err(error)),
                None => {}
            }
        }
        let mut head = self.heads.peek_mut()?;
        let Reverse((key, run)) = *head;
        match self.runs[run].next() {
            // Replacing the top sifts once, where a pop and a push would sift twice.
            Some(Ok(next)) => *head = Reverse((next, run)),
            Some(Err(error)) => return Some(Err(error)),
            None => {
                PeekMut::pop(head);
            }
        }
        Some(Ok(key))
    }
}

impl<K, E, I> Iterator for Merge<K, I>
where
    K: Ord + Copy,
    I: Iterator<Item = Result<K, E>>,
{
    type Item = Result<K, E>;

    fn next(&mut self) -> Option<Result<K, E>> {
        while !self.failed {
            match self.next_of_all()? {
                Ok(key) if self.last == Some(key) => {}
                Ok(key) => {
                    self.last = Some(key);
                    return Some(Ok(key));
                }
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(runs: Vec<Vec<Result<u64, &'static str>>>) -> Vec<Result<u64, &'static str>> {
        Merge::new(runs.into_iter().map(Vec::into_iter).collect()).collect()
    }

    #[test]
    fn runs_merge_in_order_and_without_duplicates() {
        let runs = vec![vec![Ok(1), Ok(4), Ok(9)], vec![], vec![Ok(1), Ok(2), Ok(9), Ok(9)], vec![Ok(0)]];
        assert_eq!(merged(runs), [0, 1, 2, 4, 9].map(Ok));
        assert_eq!(merged(vec![]), []);
    }

    #[test]
    fn an_error_ends_the_merge() {
        let runs = vec![vec![Ok(1), Ok(3), Err("torn file")], vec![Ok(2), Ok(5)]];
        let keys = merged(runs);
        assert_eq!(keys.last(), Some(&Err("torn file")));
        assert_eq!(keys.iter().filter(|key| key.is_err()).count(), 1);
        assert_eq!(merged(vec![vec![Ok(1)], vec![Err("no such file")]]), [Err("no such file")]);
    }
}
