//! Sorting keys that lie in a core's cache.
//!
//! Two deals by 11 bits each, the lower ones first, order the keys by their highest 22 bits that differ. What is
//! below those decides only among keys that agree in them: one insertion pass. Should the keys crowd so much
//! that it has to move them far, the standard library's sort takes over.

use crate::matching::key::Key;

/// Bits of a deal: its counts fill half a first-level cache.
const DIGIT: u32 = 11;
/// Fewer keys than this are not worth counting.
const WORTH_DEALING: usize = 512;
/// Bits to sort by beyond those that so many keys need to be told apart: the more, the less is left to insert.
const MARGIN: u32 = 8;
/// Places that keys may move in the insertion pass, for each of them.
const MOVES: usize = 8;

/// Sorts keys that differ in the lowest `bits` bits only. `room` grows to their number.
pub(super) fn sort_cached<K: Key>(keys: &mut [K], room: &mut Vec<K>, bits: u32) {
    if keys.len() < WORTH_DEALING || bits < 2 {
        return keys.sort_unstable();
    }
    let by = (keys.len().ilog2() + MARGIN).min(bits).min(2 * DIGIT);
    let (low, first) = (bits - by, by / 2);
    if room.len() < keys.len() {
        room.resize(keys.len(), K::default());
    }
    let room = &mut room[..keys.len()];
    let (mut starts0, mut starts1) = ([0u32; 1 << DIGIT], [0u32; 1 << DIGIT]);
    let (mask0, mask1) = ((1 << first) - 1, (1 << (by - first)) - 1);
    for key in keys.iter() {
        let digits = key.digit(low);
        starts0[digits & mask0] += 1;
        starts1[digits >> first & mask1] += 1;
    }
    deal(keys, room, low, mask0, &mut starts0);
    deal(room, keys, low + first, mask1, &mut starts1);
    if low > 0 && !insert(keys) {
        keys.sort_unstable();
    }
}

/// Copies keys to where the counts of their digits say, in order among equal digits.
fn deal<K: Key>(from: &[K], to: &mut [K], shift: u32, mask: usize, counts: &mut [u32; 1 << DIGIT]) {
    let mut start = 0;
    for count in counts.iter_mut() {
        start += std::mem::replace(count, start);
    }
    for key in from {
        let place = &mut counts[key.digit(shift) & mask];
        to[*place as usize] = *key;
        *place += 1;
    }
}

/// Sorts nearly sorted keys; false if it gives up.
fn insert<K: Key>(keys: &mut [K]) -> bool {
    let mut moves = MOVES * keys.len();
    for at in 1..keys.len() {
        let key = keys[at];
        if key >= keys[at - 1] {
            continue;
        }
        // What precedes is sorted. Never farther than there are moves left.
        let mut place = at;
        while place > 0 && keys[place - 1] > key {
            keys[place] = keys[place - 1];
            place -= 1;
            if moves == 0 {
                keys[place] = key;
                return false;
            }
            moves -= 1;
        }
        keys[place] = key;
    }
    true
}
