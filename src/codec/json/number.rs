//! The number grammar of RFC 8259 section 6 as a state machine that can stop after any byte.

/// How much of a number has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberState {
    /// `-`
    Minus,
    /// `0` or `-0`: no further integer digit may follow.
    Zero,
    /// Integer digits that started with 1 to 9.
    Integer,
    /// The decimal point, no digit yet.
    Point,
    /// Digits after the decimal point.
    Fraction,
    /// `e` or `E`, nothing yet.
    E,
    /// The exponent's sign, no digit yet.
    Sign,
    /// Digits of the exponent.
    Exponent,
}

/// What one more byte does to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The byte belongs to the number.
    Goes(NumberState),
    /// The number ended before this byte.
    Ends,
    /// The byte can neither continue nor end the number; the text says what would have been right.
    Wrong(&'static str),
}

impl NumberState {
    /// The state after a number's first byte, if `byte` can be that.
    pub(super) fn start(byte: u8) -> Option<Self> {
        match byte {
            b'-' => Some(Self::Minus),
            b'0' => Some(Self::Zero),
            b'1'..=b'9' => Some(Self::Integer),
            _ => None,
        }
    }

    /// What `byte` does in this state.
    pub(super) fn step(self, byte: u8) -> Step {
        use NumberState::{E, Exponent, Fraction, Integer, Minus, Point, Sign, Zero};
        match (self, byte) {
            (Minus, b'0') => Step::Goes(Zero),
            (Minus, b'1'..=b'9') => Step::Goes(Integer),
            (Zero, b'0'..=b'9') => Step::Wrong("no digit after a leading zero"),
            (Integer, b'0'..=b'9') => Step::Goes(Integer),
            (Zero | Integer, b'.') => Step::Goes(Point),
            (Point | Fraction, b'0'..=b'9') => Step::Goes(Fraction),
            (Zero | Integer | Fraction, b'e' | b'E') => Step::Goes(E),
            (E, b'+' | b'-') => Step::Goes(Sign),
            (E | Sign | Exponent, b'0'..=b'9') => Step::Goes(Exponent),
            (Minus | Point | E | Sign, _) => Step::Wrong("a digit"),
            (Zero | Integer | Fraction | Exponent, _) => Step::Ends,
        }
    }

    /// Whether the text read so far is a whole number.
    pub(super) fn is_complete(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::Exponent)
    }
}
