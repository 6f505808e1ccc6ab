//! Identifiers. Those that users see (project, run) are 24 random bytes written as 48 lower-case hex characters, so that
//! nobody can guess one; those that stay inside (task, comparison) are plain numbers given by the metadata store.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Bytes in a public identifier or token: 192 bits.
pub const ID_BYTES: usize = 24;

/// Characters of an identifier that logs, traces and the monitor hold.
pub const SHOWN: usize = 8;

/// The beginning of an identifier: enough to find or tell apart by, and too little to use it.
pub fn short(id: impl ToString) -> String {
    id.to_string().chars().take(SHOWN).collect()
}

/// A text that is no identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an identifier is {} lower-case hexadecimal characters", ID_BYTES * 2)]
pub struct InvalidId;

/// Reads exactly 48 lower-case hexadecimal characters.
pub(super) fn parse_hex(text: &str) -> Result<[u8; ID_BYTES], InvalidId> {
    let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let mut bytes = [0; ID_BYTES];
    match lower && hex::decode_to_slice(text, &mut bytes).is_ok() {
        true => Ok(bytes),
        false => Err(InvalidId),
    }
}

macro_rules! public_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; ID_BYTES]);

        impl $name {
            /// Makes the identifier from 24 bytes that must come from a cryptographic random source.
            pub fn from_random(bytes: [u8; ID_BYTES]) -> Self {
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_hex(text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

public_id! {
    /// A linkage project.
    ProjectId
}
public_id! {
    /// A run of a project at one threshold.
    RunId
}

/// A task in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct TaskId(pub i64);

/// One computation of candidate pairs (data, blocking, measure, floor threshold) that runs refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ComparisonId(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_form() {
        let id = ProjectId::from_random(std::array::from_fn(|i| i as u8 * 10));
        let text = id.to_string();
        assert_eq!(text.len(), 48);
        assert_eq!(text.parse::<ProjectId>().unwrap(), id);
        assert_eq!(serde_json::from_str::<ProjectId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn other_texts_are_refused() {
        let good = "0123456789abcdef0123456789abcdef0123456789abcdef";
        assert!(good.parse::<RunId>().is_ok());
        for bad in ["", "00", &good.to_uppercase(), &format!("{good}0"), &good.replace('0', "g")] {
            assert_eq!(bad.parse::<RunId>(), Err(InvalidId), "{bad}");
        }
    }
}
