//! What recorded requests and answers hold: tokens, encodings, problem documents.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use memchr::memmem;

/// Encodings that are searched for at most, spread over all.
const ENCODINGS: usize = 4000;

/// What has been read from streams.
#[derive(Default)]
pub struct Traffic {
    pub tokens: BTreeSet<String>,
    pub encodings: Vec<Vec<u8>>,
    pub problems: Vec<Vec<u8>>,
}

impl Traffic {
    /// Reads requests and answers of connections.
    pub fn read(&mut self, streams: &[(Vec<u8>, Vec<u8>)]) {
        for (requests, answers) in streams {
            self.read_tokens(answers);
            self.read_problems(answers);
            self.read_base64(requests);
            self.read_packed(requests);
        }
        let step = self.encodings.len().div_ceil(ENCODINGS).max(1);
        self.encodings = self.encodings.iter().step_by(step).cloned().collect();
    }

    /// Tokens as answers hand them out.
    fn read_tokens(&mut self, answers: &[u8]) {
        for name in ["\"result_token\":", "\"receipt_token\":", "\"update_tokens\":"] {
            for at in memmem::find_iter(answers, name) {
                let rest = &answers[at + name.len()..];
                let end = rest.iter().position(|byte| b"],}".contains(byte)).unwrap_or(rest.len());
                let end = if rest.starts_with(b"[") {
                    rest.iter().position(|byte| *byte == b']').unwrap_or(rest.len())
                } else {
                    end
                };
                let text = String::from_utf8_lossy(&rest[..end]);
                let is_token = |word: &&str| word.len() == 48 && word.bytes().all(|b| b.is_ascii_hexdigit());
                self.tokens.extend(text.split('"').filter(is_token).map(str::to_owned));
            }
        }
    }

    fn read_problems(&mut self, answers: &[u8]) {
        for at in memmem::find_iter(answers, "application/problem+json") {
            let rest = &answers[at..];
            let end = memmem::find(rest, b"HTTP/1.1 ").unwrap_or(rest.len());
            self.problems.push(rest[..end].to_vec());
        }
    }

    /// Encodings in JSON: long strings of base64.
    fn read_base64(&mut self, requests: &[u8]) {
        for word in requests.split(|byte| *byte == b'"').filter(|word| (40..2000).contains(&word.len())) {
            self.encodings.extend(BASE64_STANDARD.decode(word));
        }
    }

    /// Packed encodings: bodies of requests that name their size.
    fn read_packed(&mut self, requests: &[u8]) {
        for at in memmem::find_iter(requests, b"\r\n\r\n") {
            let head = &requests[at.saturating_sub(1000)..at];
            let head = String::from_utf8_lossy(head).to_ascii_lowercase();
            // The head of this request only, not of one before it.
            let head = head.rsplit("http/1.1\r\n").next().unwrap_or_default();
            let number = |name: &str| {
                let line = head.lines().find_map(|line| line.strip_prefix(name))?;
                line.trim().parse::<usize>().ok()
            };
            if let (Some(size @ 1..), Some(length)) = (number("hash-size:"), number("content-length:")) {
                let body = &requests[at + 4..];
                let rows = body[..length.min(body.len())].chunks_exact(size);
                self.encodings.extend(rows.map(<[u8]>::to_vec));
            }
        }
    }
}
