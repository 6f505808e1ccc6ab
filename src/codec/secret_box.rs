//! Sealing of secrets that must lie in the metadata store for a while: ChaCha20-Poly1305 under a key that isn't kept there.
//!
//! Format: 12 bytes of nonce, ciphertext, 16 bytes of tag; all of it in hex. A context (what the secret belongs to) is
//! authenticated with it, so that a sealed text can't be moved elsewhere.

use std::fmt;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use thiserror::Error;

/// A sealed text that can't be opened: made with another key or for another context, or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a sealed secret can't be opened: it was sealed with another key, or is damaged")]
pub struct SealError;

/// Seals and opens under one key.
#[derive(Clone)]
pub struct SecretBox([u8; 32]);

impl fmt::Debug for SecretBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBox(…)")
    }
}

impl SecretBox {
    /// Length of a nonce in bytes.
    pub const NONCE: usize = NONCE_LEN;

    /// A box under this key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Seals a secret. The nonce must be fresh and random.
    ///
    /// # Errors
    /// The secret is longer than the cipher allows (256 GiB).
    pub fn seal(&self, nonce: [u8; Self::NONCE], context: &str, secret: &[u8]) -> Result<String, SealError> {
        let mut sealed = secret.to_vec();
        self.cipher()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| SealError)?;
        Ok(hex::encode(nonce) + &hex::encode(sealed))
    }

    /// Opens what was sealed for this context.
    ///
    /// # Errors
    /// It wasn't, or not with this key.
    pub fn open(&self, context: &str, sealed: &str) -> Result<Vec<u8>, SealError> {
        let mut bytes = hex::decode(sealed).map_err(|_| SealError)?;
        let Some((nonce, rest)) = bytes.split_first_chunk_mut::<NONCE_LEN>() else { return Err(SealError) };
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.cipher()?.open_in_place(nonce, Aad::from(context.as_bytes()), rest);
        Ok(opened.map_err(|_| SealError)?.to_vec())
    }

    /// The cipher; set up at each use, which is rare.
    fn cipher(&self) -> Result<LessSafeKey, SealError> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.0).map(LessSafeKey::new).map_err(|_| SealError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_key_and_context_open() {
        let (mine, other) = (SecretBox::new([7; 32]), SecretBox::new([8; 32]));
        let sealed = mine.seal([1; 12], "project/0", b"hunter2").unwrap();
        assert!(!sealed.contains(&hex::encode("hunter2")));
        assert_eq!(mine.open("project/0", &sealed).unwrap(), b"hunter2");
        assert_eq!(other.open("project/0", &sealed), Err(SealError));
        assert_eq!(mine.open("project/1", &sealed), Err(SealError));
        let mut damaged = sealed.clone();
        damaged.replace_range(30..31, if &sealed[30..31] == "0" { "1" } else { "0" });
        for bad in [damaged.as_str(), "", "zz", &sealed[..20]] {
            assert_eq!(mine.open("project/0", bad), Err(SealError));
        }
        assert!(!format!("{mine:?}").contains('7'));
    }
}
