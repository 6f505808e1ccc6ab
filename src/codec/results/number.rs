//! Numbers as decimal text.

/// The pairs of digits from 00 to 99.
static PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut number = 0;
    while number < 100 {
        pairs[2 * number] = b'0' + (number / 10) as u8;
        pairs[2 * number + 1] = b'0' + (number % 10) as u8;
        number += 1;
    }
    pairs
};

/// Longest text of a `u32`.
const MAX_DIGITS: usize = 10;

/// Appends `number` in decimal.
pub(super) fn push_u32(number: u32, text: &mut Vec<u8>) {
    if number < 10 {
        // Party indices are nearly always this.
        text.push(b'0' + number as u8);
        return;
    }
    let mut digits = [0; MAX_DIGITS];
    let mut start = MAX_DIGITS;
    let mut rest = number;
    while rest >= 10 {
        start -= 2;
        let pair = 2 * (rest % 100) as usize;
        digits[start..start + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
        rest /= 100;
    }
    // What is left is the leading digit of an odd number of them, or nothing.
    if rest > 0 {
        start -= 1;
        digits[start] = b'0' + rest as u8;
    }
    text.extend_from_slice(&digits[start..]);
}

/// The text of a score: the shortest decimal that reads back as the same double, written as Python writes
/// it (`1.0`, `0.0001`, `1e-05`). Candidates stand by descending score and few scores are distinct, so the
/// last text is kept.
#[derive(Debug, Default)]
pub(super) struct ScoreText {
    bits: Option<u64>,
    text: Vec<u8>,
}

impl ScoreText {
    /// The text of `score`, which must be finite.
    pub(super) fn of(&mut self, score: f64) -> &[u8] {
        if self.bits != Some(score.to_bits()) {
            self.bits = Some(score.to_bits());
            self.text = format(score).into_bytes();
        }
        &self.text
    }
}

fn format(score: f64) -> String {
    if score == 0.0 || score.abs() >= 1e-4 {
        return format!("{score:?}");
    }
    // Below this Python changes to an exponent of at least two digits.
    let text = format!("{score:e}");
    match text.split_once("e-") {
        Some((digits, exponent)) => format!("{digits}e-{exponent:0>2}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_of(number: u32) -> String {
        let mut text = Vec::new();
        push_u32(number, &mut text);
        String::from_utf8(text).expect("digits")
    }

    #[test]
    fn integers_at_every_length() {
        for power in 0..10 {
            let number = 10u32.pow(power);
            for number in [number - 1, number, number + 1] {
                assert_eq!(text_of(number), number.to_string());
            }
        }
        assert_eq!(text_of(u32::MAX), "4294967295");
    }

    #[test]
    fn scores_are_written_as_python_does() {
        // Each right side is Python's `repr`.
        for (score, text) in [
            (1.0, "1.0"),
            (2.0 / 3.0, "0.6666666666666666"),
            (0.1, "0.1"),
            (0.0, "0.0"),
            (0.0001, "0.0001"),
            (0.00012207031, "0.00012207031"),
            (0.00001, "1e-05"),
            (0.000012345, "1.2345e-05"),
            (1e-300, "1e-300"),
        ] {
            assert_eq!(ScoreText::default().of(score), text.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn integers(number: u32) {
            prop_assert_eq!(text_of(number), number.to_string());
        }

        #[test]
        fn scores_read_back_and_the_kept_text_is_right(scores in prop::collection::vec(0.0..=1.0f64, 1..10)) {
            let mut kept = ScoreText::default();
            for score in scores.iter().flat_map(|&score| [score, score]) {
                let text = String::from_utf8(kept.of(score).to_vec()).expect("ASCII");
                prop_assert_eq!(text.parse(), Ok(score));
            }
        }
    }
}
