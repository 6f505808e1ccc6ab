//! The rules on an encoding's size.

use super::outcome::Padding;

/// What sizes an upload may have, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeRules {
    /// Smallest size allowed.
    pub min: u32,
    /// Largest size allowed.
    pub max: u32,
    /// The size that the project has agreed on already, if any; otherwise the first encoding's counts.
    pub wanted: Option<u32>,
    /// Pads encodings shorter than `wanted` with zero bytes. For stored objects, whose metadata declares a
    /// size.
    pub pad: bool,
}

impl Default for SizeRules {
    fn default() -> Self {
        Self { min: 1, max: 1024, wanted: None, pad: false }
    }
}

/// A size that breaks the rules. The upload is understood all the same; its project cannot be linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SizeProblem {
    /// Not the size of the project, or of this upload's first encoding.
    #[error(
        "encoding {index} has {found} bytes, expected {wanted}: all encodings of a project have one size"
    )]
    Mismatch { index: u32, found: u32, wanted: u32 },
    /// A size that no project may have.
    #[error("encoding {index} has {found} bytes, expected a multiple of 8 from {min} to {max}")]
    NotAllowed { index: u32, found: u32, min: u32, max: u32 },
}

impl SizeRules {
    /// Checks a size on its own, as a binary upload declares it (`index` 0) or as the first encoding has it.
    pub fn check(&self, index: u32, found: u32) -> Result<(), SizeProblem> {
        if let Some(wanted) = self.wanted
            && wanted != found
        {
            return Err(SizeProblem::Mismatch { index, found, wanted });
        }
        if !found.is_multiple_of(8) || found < self.min || found > self.max {
            return Err(SizeProblem::NotAllowed { index, found, min: self.min, max: self.max });
        }
        Ok(())
    }
}

/// Follows the sizes of one upload's encodings.
#[derive(Debug)]
pub(super) struct SizeTracker {
    rules: SizeRules,
    /// The size that all must have, known from the first encoding on.
    pub(super) size: Option<u32>,
    /// The first encoding that has another, or a size that is not allowed.
    pub(super) problem: Option<SizeProblem>,
    pub(super) padding: Option<Padding>,
}

impl SizeTracker {
    pub(super) fn new(rules: SizeRules) -> Self {
        Self { rules, size: None, problem: None, padding: None }
    }

    /// Takes the next encoding, padding it if the rules say so. False from the first problem on.
    pub(super) fn admit(&mut self, index: u32, encoding: &mut Vec<u8>) -> bool {
        if self.problem.is_none() {
            self.problem = self.check(index, encoding).err();
        }
        self.problem.is_none()
    }

    fn check(&mut self, index: u32, encoding: &mut Vec<u8>) -> Result<(), SizeProblem> {
        // The lexer bounds a token far below the integer's range.
        let mut found = encoding.len() as u32;
        if let Some(wanted) = self.rules.wanted
            && self.rules.pad
            && found < wanted
        {
            encoding.resize(wanted as usize, 0);
            self.padding.get_or_insert(Padding { first: index, count: 0 }).count += 1;
            found = wanted;
        }
        match self.size {
            Some(wanted) if found == wanted => Ok(()),
            Some(wanted) => Err(SizeProblem::Mismatch { index, found, wanted }),
            None => {
                self.size = Some(self.rules.wanted.unwrap_or(found));
                self.rules.check(index, found)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_multiples_of_eight_within_bounds() {
        let rules = SizeRules { min: 16, max: 64, ..SizeRules::default() };
        for good in [16, 24, 64] {
            assert_eq!(rules.check(0, good), Ok(()));
        }
        for found in [0, 8, 17, 72, u32::MAX] {
            assert_eq!(
                rules.check(3, found),
                Err(SizeProblem::NotAllowed { index: 3, found, min: 16, max: 64 })
            );
        }
        let agreed = SizeRules { wanted: Some(32), ..rules };
        assert_eq!(agreed.check(0, 32), Ok(()));
        assert_eq!(agreed.check(0, 64), Err(SizeProblem::Mismatch { index: 0, found: 64, wanted: 32 }));
    }
}
