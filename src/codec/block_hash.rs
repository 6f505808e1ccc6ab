//! Digests of block ids.
//!
//! A block id may be a quasi-identifier in clear (a postcode, the first letters of a name), so it is
//! digested the moment it is parsed and stored only so. Plain BLAKE2b-256 hides an id from a casual look;
//! with a key it cannot be found by trying all postcodes either. All parties of a project must be digested
//! with the same key, or none.

use blake2::digest::consts::U32;
use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::{Blake2b256, Blake2bMac};

/// BLAKE2b-256 of a block id's string form.
pub type BlockDigest = [u8; 32];

/// Longest key that BLAKE2b takes, in bytes.
const MAX_KEY: usize = 64;

/// The key given to [`BlockHasher::new`] cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a block hash key has 1 to {MAX_KEY} bytes, this one has {0}")]
pub struct BlockKeyLength(pub usize);

/// Digests block ids, with or without a key.
#[derive(Clone)]
pub struct BlockHasher {
    /// The state after the key has been absorbed, copied for each id.
    keyed: Option<Box<Blake2bMac<U32>>>,
}

impl BlockHasher {
    /// A hasher with the given key of 1 to 64 bytes, or without one.
    pub fn new(key: Option<&[u8]>) -> Result<Self, BlockKeyLength> {
        let Some(key) = key else {
            return Ok(Self { keyed: None });
        };
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(BlockKeyLength(key.len()));
        }
        let state = Blake2bMac::new_from_slice(key).map_err(|_| BlockKeyLength(key.len()))?;
        Ok(Self { keyed: Some(Box::new(state)) })
    }

    /// The digest of one block id. An integer id is digested as its decimal digits: `2` and `"2"` are one
    /// block.
    pub fn digest(&self, id: &str) -> BlockDigest {
        match &self.keyed {
            None => <Blake2b256 as blake2::Digest>::digest(id).into(),
            Some(state) => {
                let mut state = (**state).clone();
                state.update(id.as_bytes());
                state.finalize_fixed().into()
            }
        }
    }
}

impl std::fmt::Debug for BlockHasher {
    /// Says whether there is a key, never which.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockHasher").field("keyed", &self.keyed.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digest: BlockDigest) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn digests_match_an_independent_implementation() {
        // Python: hashlib.blake2b(b"3051", digest_size=32[, key=b"secret"]).hexdigest()
        let plain = BlockHasher::new(None).expect("no key is always right");
        assert_eq!(
            hex(plain.digest("3051")),
            "c834528f10221346072b7488b23d54f834467ab4c975ad519c5e3adf65df2f2a"
        );
        let keyed = BlockHasher::new(Some(b"secret")).expect("a short key");
        assert_eq!(
            hex(keyed.digest("3051")),
            "0dcd0982fe3b6362c3a7c94cc2315e4c1032752a125aa6ed558607edc30c766c"
        );
    }

    #[test]
    fn keys_of_a_wrong_length_are_refused() {
        assert_eq!(BlockHasher::new(Some(b"")).err(), Some(BlockKeyLength(0)));
        assert_eq!(BlockHasher::new(Some(&[1; 65])).err(), Some(BlockKeyLength(65)));
        assert!(BlockHasher::new(Some(&[1; 64])).is_ok());
    }

    #[test]
    fn debug_hides_the_key() {
        let keyed = BlockHasher::new(Some(b"hunter2")).expect("a short key");
        assert_eq!(format!("{keyed:?}"), "BlockHasher { keyed: true }");
    }
}
