//! Access tokens. A token is a secret of 192 random bits that the service shows once and then forgets: only its SHA-256
//! digest is kept. A digest needs no salt since the secret has full entropy, and it can be looked up by equality; the final
//! comparison is made in constant time all the same.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ids::{ID_BYTES, InvalidId, parse_hex};

/// What a token gives the right to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Upload one party's encodings, once.
    Update {
        /// The party's position in the project.
        party: u16,
    },
    /// Everything the project's creator may do: runs, results, deletion.
    Result,
    /// What a party may see after its upload: its permutation.
    Receipt {
        /// The party's position in the project.
        party: u16,
    },
}

/// A secret token. Neither `Debug` nor any log shows it; [`Token::reveal`] is for the one answer that hands it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; ID_BYTES]);

impl Token {
    /// Makes a token from 24 bytes that must come from a cryptographic random source.
    pub fn from_random(bytes: [u8; ID_BYTES]) -> Self {
        Self(bytes)
    }

    /// The 48 lower-case hex characters that its holder will present.
    pub fn reveal(&self) -> String {
        hex::encode(self.0)
    }

    /// SHA-256 of the token's 24 bytes.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.0).into())
    }
}

impl FromStr for Token {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        parse_hex(text).map(Self)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// SHA-256 digest of a token: what the metadata store keeps.
#[derive(Clone, Copy)]
pub struct TokenDigest(pub [u8; 32]);

impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenDigest {}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenDigest({}…)", hex::encode(&self.0[..4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_secret() {
        let token = Token::from_random([0xab; ID_BYTES]);
        assert!(!format!("{token:?}").contains("abab"));
        assert_eq!(token.reveal().parse::<Token>().unwrap(), token);
    }

    #[test]
    fn equal_tokens_have_equal_digests() {
        let (a, b) = (Token::from_random([1; ID_BYTES]), Token::from_random([2; ID_BYTES]));
        assert_eq!(a.digest(), a.clone().digest());
        assert_ne!(a.digest(), b.digest());
    }
}
