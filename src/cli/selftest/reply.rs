//! Answers of the service, and what the checks ask of them.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use super::secret::redact;

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The request, for messages.
    pub what: String,
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem it is.
    pub title: String,
    /// What was wrong.
    pub detail: String,
}

impl Reply {
    /// How long the service wants the client to wait, at least some milliseconds.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds: u64 = self.text_header(RETRY_AFTER.as_str())?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).max(Duration::from_millis(50)))
    }

    /// A header's value, if it is there and is text.
    pub fn text_header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The media type without parameters, in lower case; empty if there is none.
    pub fn media_type(&self) -> String {
        let value = self.text_header(CONTENT_TYPE.as_str()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Passes the answer on if its status is one of these.
    ///
    /// # Errors
    /// Another status; the message shows it and the service's reason.
    pub fn expect_any(self, wanted: &[u16]) -> Result<Self> {
        if wanted.contains(&self.status) {
            return Ok(self);
        }
        let wanted: Vec<String> = wanted.iter().map(u16::to_string).collect();
        bail!("{}: expected {}, got {}{}", self.what, wanted.join(" or "), self.status, self.reason());
    }

    /// Passes the answer on if it has this status.
    ///
    /// # Errors
    /// Another status.
    pub fn expect(self, wanted: u16) -> Result<Self> {
        self.expect_any(&[wanted])
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none, or isn't labelled so.
    pub fn json(&self) -> Result<Value> {
        ensure!(
            self.media_type() == "application/json",
            "{}: expected content type application/json, got {:?}",
            self.what,
            self.media_type()
        );
        serde_json::from_slice(&self.body).with_context(|| format!("{}: the answer is no JSON", self.what))
    }

    /// The body as a problem document with the given status.
    ///
    /// # Errors
    /// Another status, or a body that isn't a complete problem document.
    pub fn problem(self, wanted: u16) -> Result<Problem> {
        self.problem_any(&[wanted])
    }

    /// The body as a problem document with one of the given statuses.
    ///
    /// # Errors
    /// Another status, or a body that isn't a complete problem document.
    pub fn problem_any(self, wanted: &[u16]) -> Result<Problem> {
        let reply = self.expect_any(wanted)?;
        let what = format!("{}: {}", reply.what, reply.status);
        ensure!(
            reply.media_type() == "application/problem+json",
            "{what}: expected content type application/problem+json, got {:?}",
            reply.media_type()
        );
        let body: Value =
            serde_json::from_slice(&reply.body).with_context(|| format!("{what}: the problem is no JSON"))?;
        ensure!(
            body["status"].as_u64() == Some(u64::from(reply.status)),
            "{what}: the problem's status is {}",
            body["status"]
        );
        let member = |name: &str| match body[name].as_str() {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(anyhow::anyhow!("{what}: the problem has no {name}")),
        };
        member("type")?;
        Ok(Problem { title: member("title")?, detail: member("detail")? })
    }

    /// The service's own words for a refusal, made safe to print. Bodies of successful answers are never shown: they
    /// may hold tokens or credentials.
    fn reason(&self) -> String {
        if self.status < 400 {
            return String::new();
        }
        let Ok(body) = serde_json::from_slice::<Value>(&self.body) else { return String::new() };
        match body["detail"].as_str().or(body["message"].as_str()) {
            Some(detail) => format!(" ({})", shorten(&redact(detail))),
            None => String::new(),
        }
    }
}

/// Longest piece of foreign text in a message, in characters.
const LONGEST: usize = 300;

/// The text, cut if it is long.
pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Fails unless the two are equal.
///
/// # Errors
/// Names what differs, what was expected and what came.
pub fn same<T: PartialEq + Debug>(what: &str, got: T, expected: T) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    let show = |value: &T| shorten(&redact(&format!("{value:?}")));
    bail!("{what}: expected {}, got {}", show(&expected), show(&got));
}

/// A member of a JSON object as text.
///
/// # Errors
/// It isn't there or is something else.
pub fn text<'a>(object: &'a Value, name: &str) -> Result<&'a str> {
    object[name].as_str().with_context(|| format!("{name:?} is missing or is no text"))
}

/// A member of a JSON object as a whole number.
///
/// # Errors
/// It isn't there or is something else.
pub fn whole(object: &Value, name: &str) -> Result<u64> {
    object[name].as_u64().with_context(|| format!("{name:?} is missing or is no whole number"))
}

/// A member of a JSON object as a list.
///
/// # Errors
/// It isn't there or is something else.
pub fn list<'a>(object: &'a Value, name: &str) -> Result<&'a Vec<Value>> {
    object[name].as_array().with_context(|| format!("{name:?} is missing or is no list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, media_type: &'static str, body: &str) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, reqwest::header::HeaderValue::from_static(media_type));
        Reply { what: "GET /x".into(), status, headers, body: body.to_owned().into() }
    }

    #[test]
    fn a_wrong_status_is_told_with_the_reason_and_without_tokens() {
        let body = format!(r#"{{"detail": "no {}"}}"#, "ab".repeat(24));
        let error = reply(403, "application/json", &body).expect(201).unwrap_err();
        assert_eq!(error.to_string(), "GET /x: expected 201, got 403 (no …)");
        let error = reply(201, "application/json", r#"{"message": "secret"}"#).expect(400).unwrap_err();
        assert_eq!(error.to_string(), "GET /x: expected 400, got 201");
    }

    #[test]
    fn problem_documents_must_be_complete() {
        let good = r#"{"type": "about:blank", "title": "T", "status": 400, "detail": "D"}"#;
        let problem = reply(400, "application/problem+json; charset=utf-8", good).problem(400).unwrap();
        assert_eq!(problem, Problem { title: "T".into(), detail: "D".into() });
        assert!(reply(400, "application/json", good).problem(400).is_err());
        assert!(reply(404, "application/problem+json", good).problem(404).is_err());
        let without_detail = good.replace("detail", "details");
        assert!(reply(400, "application/problem+json", &without_detail).problem(400).is_err());
    }
}
