//! Bits set in rows: what is counted of every encoding once, when it comes in.
//!
//! x86-64 promises no popcount instruction. The same code is compiled a second time with it, chosen at run
//! time once for many rows, and is 3-4 times as fast.

/// Number of bits set in each row of `words` words, appended to `out`. Words after the last whole row are left
/// out. `words` must not be 0.
pub(crate) fn count_rows(rows: &[u64], words: usize, out: &mut Vec<u16>) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("popcnt") {
        // SAFETY: the instruction was just detected.
        return unsafe { popcnt::count_rows(rows, words, out) };
    }
    count_rows_generic(rows, words, out);
}

/// Number of bits set in some bytes.
pub(crate) fn count_bytes(bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("popcnt") {
        // SAFETY: the instruction was just detected.
        return unsafe { popcnt::count_bytes(bytes) };
    }
    count_bytes_generic(bytes)
}

/// Tells, for the end of each word, how many bits are set in the row but not in the column up to there; `inverted`: in the
/// column but not in the row.
#[inline]
pub(crate) fn count_losses(row: &[u64], column: &[u64], inverted: bool, tell: impl FnMut(usize, u32)) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("popcnt") {
        // SAFETY: the instruction was just detected.
        return unsafe { popcnt::count_losses(row, column, inverted, tell) };
    }
    count_losses_generic(row, column, inverted, tell);
}

#[cfg(target_arch = "x86_64")]
mod popcnt {
    use super::*;

    #[target_feature(enable = "popcnt")]
    pub(super) fn count_losses(row: &[u64], column: &[u64], inverted: bool, tell: impl FnMut(usize, u32)) {
        count_losses_generic(row, column, inverted, tell);
    }

    #[target_feature(enable = "popcnt")]
    pub(super) fn count_rows(rows: &[u64], words: usize, out: &mut Vec<u16>) {
        count_rows_generic(rows, words, out);
    }

    #[target_feature(enable = "popcnt")]
    pub(super) fn count_bytes(bytes: &[u8]) -> u32 {
        count_bytes_generic(bytes)
    }
}

#[inline(always)]
fn count_rows_generic(rows: &[u64], words: usize, out: &mut Vec<u16>) {
    // A loop, not `extend`: a closure would be compiled for itself, without the instruction.
    for row in rows.chunks_exact(words) {
        let mut count = 0;
        for word in row {
            count += word.count_ones();
        }
        out.push(count as u16);
    }
}

#[inline(always)]
fn count_losses_generic(row: &[u64], column: &[u64], inverted: bool, mut tell: impl FnMut(usize, u32)) {
    let mut losses = 0;
    for (word, (x, y)) in row.iter().zip(column).enumerate() {
        losses += (if inverted { !x & y } else { x & !y }).count_ones();
        tell(word, losses);
    }
}

#[inline(always)]
fn count_bytes_generic(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut count = 0;
    for word in words {
        count += u64::from_le_bytes(*word).count_ones();
    }
    for byte in rest {
        count += byte.count_ones();
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_counts_once() {
        let bytes: Vec<u8> = (0..255).collect();
        for len in [0, 1, 8, 23, 255] {
            let expected =
                bytes[..len].iter().map(|byte| format!("{byte:b}").matches('1').count() as u32).sum();
            assert_eq!(
                (count_bytes(&bytes[..len]), count_bytes_generic(&bytes[..len])),
                (expected, expected)
            );
        }
        let words = [1, 3, u64::MAX, 0, 1 << 63, 7, 5];
        for (width, expected) in
            [(1, vec![1, 2, 64, 0, 1, 3, 2]), (2, vec![3, 64, 4]), (7, vec![73]), (8, vec![])]
        {
            let (mut counts, mut generic) = (vec![9], vec![9]);
            count_rows(&words, width, &mut counts);
            count_rows_generic(&words, width, &mut generic);
            assert_eq!((&counts[1..], &generic[1..]), (&expected[..], &expected[..]));
        }
    }
}
