//! Digests of block ids.
//!
//! A block id may be a quasi-identifier in clear (a postcode, the first letters of a name), so it is
//! digested the moment it is parsed and stored only so. Plain BLAKE2b-256 hides an id from a casual look;
//! with a key it cannot be found by trying all postcodes either. All parties of a project must be digested
//! with the same key, or none.

use blake2b_simd::Params;
use blake2b_simd::many::{HashManyJob, hash_many};

/// BLAKE2b-256 of a block id's string form.
pub type BlockDigest = [u8; 32];

/// Longest key that BLAKE2b takes, in bytes.
const MAX_KEY: usize = 64;

/// The key given to [`BlockHasher::new`] cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a block hash key has 1 to {MAX_KEY} bytes, this one has {0}")]
pub struct BlockKeyLength(pub usize);

/// How many ids are digested at once: as many as vector instructions take side by side.
pub const AT_ONCE: usize = 4;

/// Digests block ids, with or without a key.
#[derive(Clone)]
pub struct BlockHasher {
    params: Params,
    keyed: bool,
}

impl BlockHasher {
    /// A hasher with the given key of 1 to 64 bytes, or without one.
    pub fn new(key: Option<&[u8]>) -> Result<Self, BlockKeyLength> {
        let mut params = Params::new();
        params.hash_length(size_of::<BlockDigest>());
        if let Some(key) = key {
            if key.is_empty() || key.len() > MAX_KEY {
                return Err(BlockKeyLength(key.len()));
            }
            params.key(key);
        }
        Ok(Self { params, keyed: key.is_some() })
    }

    /// The digests of [`AT_ONCE`] block ids. An integer id is digested as its decimal digits: `2` and `"2"` are one
    /// block.
    pub fn digests(&self, ids: [&str; AT_ONCE]) -> [BlockDigest; AT_ONCE] {
        let mut jobs = ids.map(|id| HashManyJob::new(&self.params, id.as_bytes()));
        hash_many(&mut jobs);
        jobs.map(|job| job.to_hash().as_bytes().try_into().expect("32 bytes were asked for"))
    }

    /// The digest of one block id.
    pub fn digest(&self, id: &str) -> BlockDigest {
        self.params.hash(id.as_bytes()).as_bytes().try_into().expect("32 bytes were asked for")
    }
}

impl std::fmt::Debug for BlockHasher {
    /// Says whether there is a key, never which.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockHasher").field("keyed", &self.keyed).finish()
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
    fn several_at_once_are_the_same() {
        let long = "x".repeat(300);
        let ids = ["3051", "", &long, "ü"];
        for key in [None, Some(&b"secret"[..])] {
            let hasher = BlockHasher::new(key).expect("a short key");
            assert_eq!(hasher.digests(ids), ids.map(|id| hasher.digest(id)));
        }
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
