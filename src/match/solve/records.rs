//! Which records are one group, and which parties a group holds.
//!
//! Records are numbered through all parties. The records of a group form a ring, each pointing to the next; a lone record points
//! to itself. Beside it stands the set of *other* parties in its group, a bit each: 2 bits a record for three parties, 4 for four
//! and five, 8 up to 9, and so on up to 64. Most candidates need no more than two of these sets: those of three parties of a
//! million records fit into a core's second-level cache.

use std::hint::black_box;

use super::groups::Groups;
use crate::matching::pages::large_pages;

/// A record by its number through all parties, and its party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) number: u32,
    pub(super) party: u32,
}

#[derive(Debug)]
pub(super) struct Records {
    /// Number of the first record of each party, and one past the last record.
    starts: Vec<u32>,
    next: Vec<u32>,
    /// Each record's set of other parties, packed: the party's own bit is left out, those above it move down.
    others: Vec<u64>,
    /// Bits of a set: this power of two.
    width: u32,
}

impl Records {
    /// Lone records: of each party so many.
    pub(super) fn new(rows_per_party: &[u32]) -> Self {
        let mut starts = vec![0];
        for &rows in rows_per_party {
            starts.push(starts[starts.len() - 1] + rows);
        }
        let records = starts[rows_per_party.len()];
        let width = (rows_per_party.len() - 1).next_power_of_two().ilog2();
        let words = (u64::from(records) << width).div_ceil(64) as usize;
        let mut next = Vec::with_capacity(records as usize);
        large_pages(&mut next);
        next.extend(0..records);
        let mut others = Vec::with_capacity(words);
        large_pages(&mut others);
        others.resize(words, 0);
        Self { starts, next, others, width }
    }

    /// The number of the next record of the same group, round and round.
    #[inline]
    pub(super) fn next(&self, number: u32) -> u32 {
        self.next[number as usize]
    }

    /// Whether two records' groups have no party in common. Once they have one they always will, because groups only grow.
    #[inline]
    pub(super) fn apart(&self, record0: Record, record1: Record) -> bool {
        self.parties(record0) & self.parties(record1) == 0
    }

    /// Loads what [`apart`](Self::apart) needs for some pairs, to have it near, each without waiting for the one before.
    #[inline]
    pub(super) fn touch_all(&self, pairs: &[(Record, Record)]) {
        let touch = |record: Record| self.others[self.place(record.number).0];
        black_box(pairs.iter().fold(0, |sum, &(record0, record1)| sum ^ touch(record0) ^ touch(record1)));
    }

    /// Whether a record is a group by itself.
    #[inline]
    pub(super) fn lone(&self, record: Record) -> bool {
        self.others(record) == 0
    }

    /// [`apart`](Self::apart), of two numbers.
    pub(super) fn numbers_apart(&self, number0: u32, number1: u32) -> bool {
        self.apart(self.record(number0), self.record(number1))
    }

    /// Makes one group of two that are apart.
    pub(super) fn join(&mut self, record0: Record, record1: Record) {
        let union = self.parties(record0) | self.parties(record1);
        // Two rings that exchange where they go on are one ring.
        self.next.swap(record0.number as usize, record1.number as usize);
        let mut member = record0;
        loop {
            let below = (1 << member.party) - 1;
            let (word, shift) = self.place(member.number);
            // Groups only grow: no bit of the set need be taken out.
            self.others[word] |= (union & below | union >> 1 & !below) << shift;
            member = self.record(self.next(member.number));
            if member == record0 {
                return;
            }
        }
    }

    /// The parties of a record's group.
    #[inline]
    fn parties(&self, record: Record) -> u64 {
        let (others, own) = (self.others(record), 1 << record.party);
        // Those above the own one move up again.
        others + (others & !(own - 1)) + own
    }

    /// The set of other parties in a record's group, as it is packed.
    #[inline]
    fn others(&self, record: Record) -> u64 {
        let (word, shift) = self.place(record.number);
        self.others[word] >> shift & u64::MAX >> (64 - (1 << self.width))
    }

    /// Where a record's set lies: the word, and the bit in it.
    #[inline]
    fn place(&self, number: u32) -> (usize, u32) {
        let bit = (number as usize) << self.width;
        (bit / 64, bit as u32 % 64)
    }

    /// The record of a number.
    #[inline]
    fn record(&self, number: u32) -> Record {
        // Counted without a branch: there are few parties.
        let party = self.starts[1..].iter().map(|&start| u32::from(start <= number)).sum();
        Record { number, party }
    }

    /// The groups of two records or more.
    pub(super) fn finish(mut self) -> Groups {
        self.others = Vec::new();
        let grouped = (0..).zip(&self.next).filter(|(record, next)| record != *next).count();
        let mut groups = Groups::with_room(grouped);
        let mut members = Vec::new();
        // Ascending numbers are ascending parties, then rows: each group is met at its first member, in result order.
        for first in 0..self.next.len() as u32 {
            if self.next(first) == first {
                continue;
            }
            let mut member = first;
            loop {
                members.push(member);
                // What has been listed points to itself.
                member = std::mem::replace(&mut self.next[member as usize], member);
                if member == first {
                    break;
                }
            }
            members.sort_unstable();
            groups.push(members.drain(..).map(|member| {
                let party = self.record(member).party;
                (party as u16, member - self.starts[party as usize])
            }));
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_know_their_parties_however_wide_the_sets_are() {
        for parties in [3, 4, 5, 6, 9, 10, 17, 18, 33, 34, 64] {
            // Numbers 2p and 2p + 1 are rows of party p; groups are made of every third party's first.
            let mut records = Records::new(&vec![2; parties]);
            let first = |party: usize| Record { number: 2 * party as u32, party: party as u32 };
            (3..parties).for_each(|party| records.join(first(party - 3), first(party)));
            for (p, q) in (0..parties).flat_map(|p| (0..parties).map(move |q| (p, q))) {
                let apart = |second0: u32, second1: u32| {
                    records.numbers_apart(first(p).number + second0, first(q).number + second1)
                };
                assert_eq!(apart(0, 0), p % 3 != q % 3, "{p}, {q} of {parties}");
                assert_eq!(apart(0, 1), p % 3 != q % 3, "{p}, lone {q} of {parties}");
                assert_eq!(apart(1, 1), p != q, "lone {p}, {q} of {parties}");
            }
            let expected =
                (0..3).map(|p| (p as u16..parties as u16).step_by(3).map(|party| (party, 0)).collect());
            let expected: Vec<Vec<_>> = expected.filter(|group: &Vec<_>| group.len() > 1).collect();
            assert_eq!(records.finish().iter().map(<[_]>::to_vec).collect::<Vec<_>>(), expected);
        }
    }
}
