//! The binary body: `count` × `size` bytes, the encodings one after the other.
//!
//! There is nothing to decode, so the parser only counts: it passes each chunk through, and at the end
//! knows whether exactly the declared bytes came. Whether `size` is allowed is for
//! [`SizeRules::check`](super::SizeRules::check).

/// A body that has not the declared length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// The declaration itself is empty.
    #[error("declared {count} encodings of {size} bytes: both numbers must be at least 1")]
    NothingDeclared { count: u32, size: u32 },
    /// The body ended too early.
    #[error("the body has {came} bytes, expected {wanted} ({count} encodings of {size} bytes)")]
    TooShort { came: u64, wanted: u64, count: u32, size: u32 },
    /// The body goes on past the last encoding.
    #[error("the body has at least {came} bytes, expected {wanted} ({count} encodings of {size} bytes)")]
    TooLong { came: u64, wanted: u64, count: u32, size: u32 },
}

/// A binary body of the declared length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedOutcome {
    /// Encodings in it.
    pub count: u32,
    /// Bytes of each.
    pub size: u32,
    /// Bytes past the last encoding that were left unread; 0 unless a surplus is tolerated.
    pub surplus: u64,
}

/// Counts a binary body.
#[derive(Debug, Clone)]
pub struct PackedParser {
    count: u32,
    size: u32,
    came: u64,
    tolerate_surplus: bool,
}

impl PackedParser {
    /// For `count` encodings of `size` bytes, and not a byte more.
    pub fn new(count: u32, size: u32) -> Result<Self, PackedError> {
        if count == 0 || size == 0 {
            return Err(PackedError::NothingDeclared { count, size });
        }
        Ok(Self { count, size, came: 0, tolerate_surplus: false })
    }

    /// Ignores whatever follows the last encoding instead of refusing it: the rule for stored objects.
    pub fn tolerate_surplus(mut self) -> Self {
        self.tolerate_surplus = true;
        self
    }

    /// The whole length, in bytes.
    pub fn wanted(&self) -> u64 {
        u64::from(self.count) * u64::from(self.size)
    }

    /// Counts a chunk and returns the part of it that belongs to the encodings.
    pub fn feed<'a>(&mut self, chunk: &'a [u8]) -> Result<&'a [u8], PackedError> {
        let missing = self.wanted().saturating_sub(self.came);
        self.came = self.came.saturating_add(chunk.len() as u64);
        if self.came <= self.wanted() {
            return Ok(chunk);
        }
        if self.tolerate_surplus {
            return Ok(&chunk[..missing as usize]);
        }
        Err(PackedError::TooLong {
            came: self.came,
            wanted: self.wanted(),
            count: self.count,
            size: self.size,
        })
    }

    /// Ends the body.
    pub fn finish(self) -> Result<PackedOutcome, PackedError> {
        let Self { count, size, came, .. } = self;
        let wanted = self.wanted();
        if came < wanted {
            return Err(PackedError::TooShort { came, wanted, count, size });
        }
        Ok(PackedOutcome { count, size, surplus: came - wanted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(
        mut parser: PackedParser,
        length: usize,
        chunk: usize,
    ) -> Result<(usize, PackedOutcome), PackedError> {
        let mut passed = 0;
        for piece in vec![0; length].chunks(chunk) {
            passed += parser.feed(piece)?.len();
        }
        Ok((passed, parser.finish()?))
    }

    #[test]
    fn only_the_declared_length_passes() {
        let parser = || PackedParser::new(3, 8).expect("a proper declaration");
        for chunk in [1, 5, 8, 24, 100] {
            assert_eq!(run(parser(), 24, chunk), Ok((24, PackedOutcome { count: 3, size: 8, surplus: 0 })));
            let short = PackedError::TooShort { came: 23, wanted: 24, count: 3, size: 8 };
            assert_eq!(run(parser(), 23, chunk), Err(short));
            assert!(matches!(run(parser(), 25, chunk), Err(PackedError::TooLong { wanted: 24, .. })));
            let surplus = PackedOutcome { count: 3, size: 8, surplus: 17 };
            assert_eq!(run(parser().tolerate_surplus(), 41, chunk), Ok((24, surplus)));
            assert_eq!(run(parser().tolerate_surplus(), 23, chunk), Err(short));
        }
    }

    #[test]
    fn an_empty_declaration_is_refused() {
        assert!(PackedParser::new(0, 8).is_err());
        assert!(PackedParser::new(1, 0).is_err());
        assert_eq!(PackedParser::new(u32::MAX, u32::MAX).map(|p| p.wanted()), Ok(u64::from(u32::MAX).pow(2)));
    }
}
