use super::*;

fn random() -> impl FnMut() -> u64 {
    let mut state = 1u64;
    move || {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        let mixed = (state ^ state >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ mixed >> 29
    }
}

/// Sorts by one sorter fed in pieces, by several put together, and on threads, and compares with the standard library.
fn agrees<K: Key>(keys: &[K], bits: u32, what: &str) {
    let mut expected = keys.to_vec();
    expected.sort();
    for (sorters, piece, threads) in [(1, 1 << 20, 0), (1, 10_000, 2), (3, 50_000, 1), (3, 50_000, 4)] {
        let mut all: Vec<Sorter<K>> = (0..sorters).map(|_| Sorter::new(bits)).collect();
        for (number, piece) in keys.chunks(piece).enumerate() {
            let sorter = &mut all[number % sorters];
            sorter.buffer().extend_from_slice(piece);
            sorter.settle();
        }
        assert_eq!(all.iter().map(Sorter::len).sum::<usize>(), keys.len());
        let sorted = Sorter::sorted_together(all);
        assert_eq!(sorted.len(), keys.len());
        let mut found = Vec::new();
        let each = sorted.each(threads, |batch| {
            found.extend_from_slice(batch);
            Ok::<_, ()>(())
        });
        assert_eq!(each, Ok(()));
        assert!(found == expected, "{what}: {sorters} sorters, {threads} threads");
    }
}

#[test]
fn any_number_of_keys_of_any_width() {
    let mut random = random();
    for len in [0usize, 1, 300, 600, 40_000, 120_000] {
        for bits in [1, 24, 64] {
            let keys: Vec<u64> = (0..len).map(|_| random() >> (64 - bits)).collect();
            agrees(&keys, bits, &format!("{len} keys of {bits} bits"));
        }
        let keys: Vec<u128> =
            (0..len).map(|_| u128::from(random()) << 20 | u128::from(random() >> 44)).collect();
        agrees(&keys, 84, &format!("{len} wide keys"));
        let keys: Vec<u128> = (0..len).map(|_| u128::from(random()) << 64 | u128::from(random())).collect();
        agrees(&keys, 128, &format!("{len} keys of all bits"));
    }
}

#[test]
fn keys_that_crowd() {
    let mut random = random();
    // All in one bucket of every deal but the last; all bits at the low end; few distinct keys; sorted; descending.
    let narrow: Vec<u64> = (0..150_000).map(|_| 0xABCD_0000_0000 | random() >> 50).collect();
    agrees(&narrow, 48, "one bucket");
    let ends: Vec<u64> = (0..150_000).map(|_| (random() >> 63) << 47 | random() >> 54).collect();
    agrees(&ends, 48, "two ends");
    agrees(&vec![7u64; 100_000], 20, "one key");
    agrees(&vec![0u64; 100_000], 0, "no bits");
    let ascending: Vec<u64> = (0..200_000).collect();
    agrees(&ascending, 40, "ascending");
    let descending: Vec<u64> = (0..200_000).rev().collect();
    agrees(&descending, 40, "descending");
}

#[test]
fn an_error_ends_it_on_any_threads() {
    for threads in [1, 2, 5] {
        let mut sorter = Sorter::new(32);
        let mut random = random();
        sorter.buffer().extend((0..300_000).map(|_| random() >> 32));
        sorter.settle();
        let mut asked = 0;
        let each = sorter.sorted().each(threads, |_: &[u64]| {
            asked += 1;
            if asked == 3 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((each, asked), (Err("enough"), 3));
    }
}
