//! What is searched for, in all the forms in which it might be written.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

/// Bytes by which a needle is looked up.
const START: usize = 8;

/// Secrets in the forms in which a log might show them.
#[derive(Default)]
pub struct Needles {
    /// By their first bytes: the whole needle, and what it is.
    by_start: HashMap<[u8; START], Vec<(Vec<u8>, &'static str)>>,
    pub count: usize,
}

impl Needles {
    fn add(&mut self, what: &'static str, needle: impl Into<Vec<u8>>) {
        let needle = needle.into();
        let different: std::collections::BTreeSet<&u8> = needle.iter().collect();
        // Something like "AAAAAAAA" or a run of zeros says nothing.
        if needle.len() < START || different.len() < 5 {
            return;
        }
        let start = needle[..START].try_into().unwrap();
        let same = self.by_start.entry(start).or_default();
        if !same.iter().any(|(known, _)| *known == needle) {
            same.push((needle, what));
            self.count += 1;
        }
    }

    /// A token of the service: any third of it.
    pub fn token(&mut self, token: &str) {
        assert_eq!(token.len(), 48, "a token");
        for third in token.as_bytes().chunks(16) {
            self.add("a token", third);
        }
    }

    /// A password or the like: all of it, and its base64.
    pub fn text(&mut self, what: &'static str, text: &str) {
        assert!(text.len() >= START, "{what} is too short to be searched for");
        self.add(what, text);
        self.add(what, BASE64_STANDARD.encode(text).trim_end_matches('='));
    }

    /// Bytes, as they are and in hex.
    pub fn bytes(&mut self, what: &'static str, bytes: &[u8]) {
        self.add(what, bytes);
        self.add(what, hex::encode(bytes));
    }

    /// An encoding: its beginning and its middle in base64, in hex, as it is, and as Rust's `Debug` shows bytes.
    pub fn encoding(&mut self, encoding: &[u8]) {
        // A multiple of three, so that base64 looks the same wherever the rest begins.
        for from in [0, encoding.len() / 6 * 3] {
            let Some(part) = encoding.get(from..from + 12) else { continue };
            self.add("an encoding in base64", BASE64_STANDARD.encode(part));
            self.add("an encoding in hex", hex::encode(part));
            self.add("an encoding in hex", hex::encode_upper(part));
            self.add("an encoding", part);
            let numbers: Vec<String> = part.iter().map(u8::to_string).collect();
            self.add("an encoding as numbers", numbers.join(", "));
            let escaped = format!("{:?}", Bytes::copy_from_slice(part));
            self.add("an encoding as escaped bytes", &escaped.as_bytes()[2..escaped.len() - 1]);
        }
    }

    /// The first place of each kind of find in a text, with what stands around it.
    pub fn find(&self, text: &[u8]) -> Vec<String> {
        // Most places begin no needle: a table of bits says so fast.
        let slot = |start: [u8; START]| {
            (u64::from_le_bytes(start).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44) as usize
        };
        let mut bits = vec![false; 1 << 20];
        self.by_start.keys().for_each(|start| bits[slot(*start)] = true);
        let mut found: HashMap<&str, String> = HashMap::new();
        for (at, window) in text.windows(START).enumerate() {
            let start: [u8; START] = window.try_into().unwrap();
            if !bits[slot(start)] {
                continue;
            }
            for (needle, what) in self.by_start.get(&start).into_iter().flatten() {
                if text[at..].starts_with(needle) {
                    let around = &text[at.saturating_sub(160)..(at + needle.len()).min(text.len())];
                    found
                        .entry(what)
                        .or_insert_with(|| format!("{what}, after {:?}", String::from_utf8_lossy(around)));
                }
            }
        }
        found.into_values().collect()
    }
}
