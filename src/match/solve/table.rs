//! A set of evenly spread numbers in memory: sorted, with gaps.
//!
//! A number's place follows from its size: the larger it is, the further back its *home*. It stands there or, if others do, as
//! little behind it as the order allows. So a look starts at the home and ends at the first number that is not smaller, or at a
//! gap: one or two cache lines. And what hash tables lack comes for free: all numbers in order, for a sorted run in a file, and
//! another size of the table within the same memory. 8 bytes a slot, of which at most four in five are taken.

use crate::matching::pages::large_pages;

/// A gap. Larger than all numbers, so that it ends any look.
const GAP: u64 = u64::MAX;
/// Slots behind the last home, for numbers that find it taken.
const BEHIND: usize = 64;
/// Slots of a sample.
const SOME: usize = 1024;

/// A set of numbers below `u64::MAX`.
#[derive(Debug)]
pub(super) struct Table {
    /// Ascending but for the gaps. The last one is a gap.
    slots: Vec<u64>,
    homes: usize,
    len: usize,
}

/// Where a number belongs among so many equal shares of all numbers.
#[inline]
pub(super) fn share(number: u64, shares: usize) -> usize {
    ((u128::from(number) * shares as u128) >> 64) as usize
}

impl Table {
    /// An empty table with so many homes.
    pub(super) fn new(homes: usize) -> Self {
        Self { slots: vec![GAP; homes + BEHIND], homes, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn homes(&self) -> usize {
        self.homes
    }

    /// Loads what a look at a number would, to have it near.
    #[inline]
    pub(super) fn touch(&self, number: u64) -> u64 {
        self.slots[share(number, self.homes)]
    }

    #[inline]
    pub(super) fn contains(&self, number: u64) -> bool {
        self.slots[self.place(number)] == number
    }

    /// Puts a number in, if it is not there.
    #[inline]
    pub(super) fn insert(&mut self, number: u64) {
        let mut place = self.place(number);
        if self.slots[place] == number {
            return;
        }
        // Those behind it move back, up to the next gap.
        let mut moved = number;
        loop {
            moved = std::mem::replace(&mut self.slots[place], moved);
            if moved == GAP {
                break;
            }
            place += 1;
        }
        self.len += 1;
        if place + 1 == self.slots.len() {
            self.slots.resize(place + 1 + BEHIND, GAP);
        }
    }

    /// The first slot from a number's home on that holds nothing smaller.
    #[inline]
    fn place(&self, number: u64) -> usize {
        let mut place = share(number, self.homes);
        while self.slots[place] < number {
            place += 1;
        }
        place
    }

    /// A sample of the numbers: a thousand at most, or so.
    pub(super) fn some(&self) -> impl Iterator<Item = u64> {
        let step = self.slots.len() / SOME + 1;
        self.slots.iter().step_by(step).copied().filter(|&number| number != GAP)
    }

    /// Takes numbers out, and pushes the others together: [`spread`](Self::spread) must follow.
    pub(super) fn pack(&mut self, keep: impl Fn(u64) -> bool) -> &[u64] {
        // Without branches: whether a slot is a gap, and whether a number is kept, can't be foreseen.
        let mut full = 0;
        for at in 0..self.slots.len() {
            let number = self.slots[at];
            self.slots[full] = number;
            full += usize::from(number != GAP);
        }
        self.len = 0;
        for at in 0..full {
            let number = self.slots[at];
            self.slots[self.len] = number;
            self.len += usize::from(keep(number));
        }
        self.packed()
    }

    /// The numbers that were packed, ascending.
    pub(super) fn packed(&self) -> &[u64] {
        &self.slots[..self.len]
    }

    /// Forgets the numbers that were packed.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Spreads numbers that were packed over so many homes, in place if there is room. If not, it takes some for `room` homes, or if
    /// there is no such room, for as many as are needed.
    pub(super) fn spread(&mut self, homes: usize, room: usize) {
        self.homes = homes;
        let end = self.slots[..self.len].iter().fold(0, |end, &number| end.max(share(number, homes)) + 1);
        let (len, size) = (self.len, (homes + BEHIND).max(end + 1));
        if size > self.slots.capacity() {
            let used = self.slots.len();
            let missing = |homes: usize| homes.saturating_add(BEHIND).max(size) - used;
            if self.slots.try_reserve_exact(missing(room)).is_err() {
                self.slots.reserve_exact(missing(homes));
            }
            large_pages(&mut self.slots);
        }
        self.slots.resize(size, GAP);
        // From the end of the slots each number moves forward, past none that has yet to move: there are as many slots behind it
        // as numbers, and one more.
        self.slots.copy_within(..len, size - len);
        self.slots[..size - len].fill(GAP);
        let mut end = 0;
        for from in size - len..size {
            let number = std::mem::replace(&mut self.slots[from], GAP);
            let place = end.max(share(number, homes));
            self.slots[place] = number;
            end = place + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_holds_what_was_put_in_and_not_taken_out() {
        let mut state = 1u64;
        // Even numbers, and crowded ones: at the front, in the middle, and behind the last home.
        for crowd in [0..=u64::MAX, 0..=900, 1 << 63..=(1 << 63) + 900, u64::MAX - 900..=u64::MAX - 1] {
            for homes in [1, 5, 80, 1000] {
                let (mut table, mut expected) = (Table::new(homes), BTreeSet::new());
                for round in 0..2000 {
                    state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
                    let mixed = (state ^ state >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    let width = u128::from(crowd.end() - crowd.start());
                    let number = crowd.start() + ((u128::from(mixed) * width) >> 64) as u64;
                    assert_eq!(table.contains(number), expected.contains(&number), "{number} of {homes}");
                    table.insert(number);
                    expected.insert(number);
                    assert!(table.contains(number));
                    if round % 300 == 299 {
                        let keep = |number: u64| number % 5 != round % 5;
                        expected.retain(|&number| keep(number));
                        assert!(table.pack(keep).iter().eq(&expected));
                        let homes = [homes, 2 * homes, homes / 2 + 1][round as usize / 300 % 3];
                        table.spread(homes, 0);
                        assert_eq!((table.len(), table.homes()), (expected.len(), homes));
                        assert!(expected.iter().all(|&number| table.contains(number)));
                    }
                }
                table.pack(|_| true);
                table.clear();
                table.spread(homes, 0);
                assert!(table.len() == 0 && !expected.iter().any(|&number| table.contains(number)));
            }
        }
    }
}
