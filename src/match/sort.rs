//! Sorting keys in memory.
//!
//! Keys are plain integers, and on those the standard library's branchless quicksort runs at 60 million keys
//! a second and core, in place. Tried and slower here, for ten million keys of 58 bits: deals by the high
//! bits through a scratch copy (49 to 54; touching fresh memory costs what the passes save) or in place (44),
//! with the standard sort in each bucket. Several threads sort the parts that a selection of quantiles
//! leaves.

use super::key::Key;

/// Sorts ascending: the total order of candidates. `bits` is how many low bits the layout uses; a key beyond
/// them was packed by another layout, which debug builds catch here.
pub fn sort_keys<K: Key>(keys: &mut [K], bits: u32) {
    sort_keys_on(keys, bits, 1);
}

/// [`sort_keys`], on so many threads.
pub fn sort_keys_on<K: Key>(keys: &mut [K], bits: u32, threads: usize) {
    debug_assert!(keys.iter().all(|key| key.bit_len() <= bits), "a key of another layout");
    sort_on(keys, threads);
}

fn sort_on<K: Ord + Send>(keys: &mut [K], threads: usize) {
    /// Fewer keys than this are not worth a thread.
    const WORTH_A_THREAD: usize = 1 << 16;
    if threads <= 1 || keys.len() <= WORTH_A_THREAD {
        return keys.sort_unstable();
    }
    let low_threads = threads / 2;
    let (low, _, high) = keys.select_nth_unstable(keys.len() / threads * low_threads);
    std::thread::scope(|scope| {
        scope.spawn(|| sort_on(low, low_threads));
        sort_on(high, threads - low_threads);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_keys_on_any_threads() {
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (state ^ state >> 29) >> 40
        };
        for len in [0, 1, 300, 70_000, 200_000] {
            let keys: Vec<u64> = (0..len).map(|_| random()).collect();
            let mut expected = keys.clone();
            expected.sort();
            for threads in [0, 1, 2, 3, 5] {
                let mut sorted = keys.clone();
                sort_keys_on(&mut sorted, 24, threads);
                assert!(sorted == expected, "{len} keys on {threads} threads");
            }
        }
    }
}
