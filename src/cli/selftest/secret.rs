//! Tokens that must never be printed, and text from the service made safe to print.

use std::fmt;

use reqwest::header::HeaderValue;

/// Characters of an identifier or a token of the service.
pub const TOKEN_LENGTH: usize = 48;

/// A token. `Debug` doesn't show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token itself, for requests and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Value of an `Authorization` header: the scheme word, if any, and the token.
    pub fn header(&self, scheme: &str) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{scheme}{}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// True for 48 lower-case hex characters: what identifiers and tokens look like.
pub fn looks_like_token(text: &str) -> bool {
    text.len() == TOKEN_LENGTH && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

/// The text with every stretch of 48 or more hex characters replaced by `…`: no message of the self-test can then
/// show a token, wherever its text came from. Identifiers look the same and go too.
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut hex = String::new();
    for c in text.chars().map(Some).chain([None]) {
        match c {
            Some(c) if c.is_ascii_hexdigit() => hex.push(c),
            other => {
                out.push_str(if hex.len() >= TOKEN_LENGTH { "…" } else { &hex });
                hex.clear();
                out.extend(other);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_blotted_out_wherever_they_stand() {
        let token = "0123456789abcdef".repeat(3);
        assert!(looks_like_token(&token) && !looks_like_token(&token.to_uppercase()));
        assert_eq!(redact(&format!("{{\"result_token\": \"{token}\"}}")), "{\"result_token\": \"…\"}");
        assert_eq!(redact(&format!("{token} and {}", token.to_uppercase())), "… and …");
        assert_eq!(redact("deadbeef stays, so does größe"), "deadbeef stays, so does größe");
        assert_eq!(format!("{:?}", Secret::new(token)), "Secret(…)");
    }
}
