//! The form of the audit trail: how rows are chained and authenticated, and how a chain is checked.
//!
//! A chain is a sequence of rows numbered from 1. Each row's `hash` is the SHA-256 of all its other fields and of the hash of the
//! row before it (32 zero bytes before the first), so that nothing can be changed, put in, left out or swapped without changing
//! all later hashes. A chain's head repeats its last number and hash, so that a tail that was cut off shows. Rows and heads carry
//! an HMAC-SHA-256 under a key that is not in the metadata store, so that a chain can't be made up by whoever can only write there.
//!
//! # Encoding
//!
//! A list of fields is encoded as each field's length in bytes (8 bytes, big-endian) followed by its bytes. Numbers are written in
//! decimal digits, absent fields are empty. Then
//!
//! - `hash` = SHA-256 of the fields `anonlink audit row 1`, chain, number, time, actor, token, action, project, run, outcome,
//!   details, previous (32 bytes)
//! - `mac` of a row = HMAC-SHA-256 of the fields `row`, hash (32 bytes)
//! - `mac` of a head = HMAC-SHA-256 of the fields `head`, chain, number, hash (32 bytes), `open` or `ended`
//! - the key = HMAC-SHA-256 of the text `anonlink 2026-11 audit trail`, under the service's secret of 32 bytes

mod check;
mod key;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use check::{ChainCheck, Fault, TrailCheck};
pub use key::AuditKey;

/// Name of the one chain that isn't a project's.
pub const SERVER_CHAIN: &str = "server";

/// Actions in the server's chain that record the beginning of a project's chain.
pub const BEGINNINGS: [&str; 2] = ["project.created", "chain.begun"];

/// Actions that end a project's chain, and that the server's chain records as such.
pub const ENDS: [&str; 2] = ["project.deleted", "project.expired"];

/// What stands before the first row.
pub const NOTHING: Hash = Hash([0; 32]);

/// 32 bytes, in hex where people see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub [u8; 32]);

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hex::encode(hash.0)
    }
}

impl TryFrom<String> for Hash {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(&text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(format!("a hash is 64 hexadecimal characters, not {text:?}")),
        }
    }
}

/// A row of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The chain: a project's identifier, or [`SERVER_CHAIN`].
    pub chain: String,
    /// Position in the chain, from 1.
    pub number: i64,
    /// Microseconds since 1970, by the clock of the metadata store.
    pub time: i64,
    /// Kind of the token that acted, or `service`, `anyone`, `nobody`.
    pub actor: String,
    /// First 8 hex characters of the token's digest, or nothing.
    pub token: String,
    /// What was done.
    pub action: String,
    /// The project, or nothing.
    pub project: String,
    /// The run, or nothing.
    pub run: String,
    /// How it went.
    pub outcome: String,
    /// A JSON object with fixed words and numbers, kept as the text that was hashed.
    pub details: String,
    /// Hash of the row before.
    pub previous: Hash,
    /// Hash of this row.
    pub hash: Hash,
    /// Authentication of this row.
    pub mac: Hash,
}

impl Row {
    /// What the hash of this row must be.
    pub fn digest(&self) -> Hash {
        let (number, time) = (self.number.to_string(), self.time.to_string());
        let fields = [
            "anonlink audit row 1",
            &self.chain,
            &number,
            &time,
            &self.actor,
            &self.token,
            &self.action,
            &self.project,
            &self.run,
            &self.outcome,
            &self.details,
        ];
        let fields = fields.iter().map(|text| text.as_bytes()).chain([self.previous.0.as_slice()]);
        Hash(Sha256::digest(encode(fields)).into())
    }

    /// What is authenticated of a row with this hash, which covers all the rest.
    pub fn sealed(hash: Hash) -> Vec<u8> {
        encode([b"row".as_slice(), &hash.0])
    }
}

/// The end of a chain as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The chain.
    pub chain: String,
    /// Number of its last row.
    pub number: i64,
    /// Hash of its last row.
    pub hash: Hash,
    /// Whether the project has ended, so that no row may follow.
    pub ended: bool,
    /// Authentication of this head.
    pub mac: Hash,
}

impl Head {
    /// What is authenticated of a head.
    pub fn sealed(&self) -> Vec<u8> {
        let number = self.number.to_string();
        let state = if self.ended { "ended" } else { "open" };
        encode([b"head".as_slice(), self.chain.as_bytes(), number.as_bytes(), &self.hash.0, state.as_bytes()])
    }
}

/// Fields, each after its length.
fn encode<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    for field in fields {
        bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}
