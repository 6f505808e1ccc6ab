//! Block ids that wait for company: digesting several at once is what makes it fast.

use crate::codec::block_hash::{AT_ONCE, BlockDigest, BlockHasher};

/// Ids with their rows, fewer than are digested at once.
#[derive(Debug, Default)]
pub(super) struct PendingIds {
    rows: [u32; AT_ONCE],
    ids: [String; AT_ONCE],
    len: usize,
}

impl PendingIds {
    /// Takes one more. When that makes them enough, they are given back as digests, in order.
    pub(super) fn push(
        &mut self,
        row: u32,
        id: &str,
        hasher: &BlockHasher,
    ) -> Option<[(u32, BlockDigest); AT_ONCE]> {
        self.rows[self.len] = row;
        self.ids[self.len].clear();
        self.ids[self.len].push_str(id);
        self.len += 1;
        if self.len < AT_ONCE {
            return None;
        }
        self.len = 0;
        let digests = hasher.digests(self.ids.each_ref().map(String::as_str));
        Some(std::array::from_fn(|i| (self.rows[i], digests[i])))
    }

    /// What is left at the end.
    pub(super) fn rest<'a>(
        &'a mut self,
        hasher: &'a BlockHasher,
    ) -> impl Iterator<Item = (u32, BlockDigest)> + 'a {
        let len = std::mem::take(&mut self.len);
        self.rows[..len].iter().zip(&self.ids).map(|(row, id)| (*row, hasher.digest(id)))
    }
}
