//! Packed uploads.

use axum::body::Body;
use axum::http::Request;

use super::{Case, Kind, Target, blocking, plain};
use crate::api::support::{packed, request};

/// A packed upload whose length is declared, as a connection would declare it.
fn sized(target: &Target, count: &str, size: &str, length: usize) -> Request<Body> {
    let mut request = packed(&target.project, count, size, vec![7; length]);
    request.headers_mut().insert("content-length", length.into());
    request
}

macro_rules! bytes {
    ($count:literal, $size:literal, $length:expr) => {
        |target: &Target| packed(&target.project, $count, $size, vec![7_u8; $length])
    };
}

fn promising(name: &'static str, told: &'static str, request: fn(&Target) -> Request<Body>) -> Case {
    Case { kind: Kind::Promising, ..plain(name, 400, told, request) }
}

fn fresh(name: &'static str, told: &'static str, request: fn(&Target) -> Request<Body>) -> Case {
    Case { kind: Kind::Fresh, ..plain(name, 400, told, request) }
}

pub fn cases() -> Vec<Case> {
    vec![
        plain("no count", 400, "Hash-Count", |t| {
            let upload = request("POST", &t.project.path("/binaryclks"), &t.project.update[0]);
            let upload = upload.header("content-type", "application/octet-stream").header("Hash-Size", "8");
            upload.body(Body::from(vec![0; 8])).unwrap()
        }),
        plain("no size", 400, "Hash-Size", |t| {
            let upload = request("POST", &t.project.path("/binaryclks"), &t.project.update[0]);
            let upload = upload.header("content-type", "application/octet-stream").header("Hash-Count", "1");
            upload.body(Body::from(vec![0; 8])).unwrap()
        }),
        plain("no content type", 400, "application/octet-stream", |t| {
            let mut upload = packed(&t.project, "1", "8", vec![0; 8]);
            upload.headers_mut().remove("content-type");
            upload
        }),
        plain("JSON", 400, "application/octet-stream", |t| {
            let mut upload = packed(&t.project, "1", "8", "{}");
            upload.headers_mut().insert("content-type", "application/json".parse().unwrap());
            upload
        }),
        plain("a count of zero", 400, "Hash-Count must be", bytes!("0", "8", 0)),
        plain("a negative count", 400, "Hash-Count must be", bytes!("-1", "8", 8)),
        plain("a signed count", 400, "Hash-Count must be", bytes!("+1", "8", 8)),
        plain("a fractional count", 400, "Hash-Count must be", bytes!("1.0", "8", 8)),
        plain("a count in words", 400, "Hash-Count must be", bytes!("one", "8", 8)),
        plain("an empty count", 400, "Hash-Count must be", bytes!("", "8", 8)),
        plain("a count beyond all rows", 400, "Hash-Count must be", bytes!("4294967296", "8", 8)),
        plain(
            "a count beyond all numbers",
            400,
            "Hash-Count must be",
            bytes!("99999999999999999999999999", "8", 8),
        ),
        plain("a size of zero", 400, "Hash-Size must be", bytes!("1", "0", 0)),
        plain("a negative size", 400, "Hash-Size must be", bytes!("1", "-8", 8)),
        plain("a size in hexadecimal", 400, "Hash-Size must be", bytes!("1", "0x8", 8)),
        fresh("a size that is no multiple of 8", "multiple of 8", bytes!("1", "12", 12)),
        fresh("a size that is too large", "from 1 to 1024", bytes!("1", "1032", 1032)),
        plain("more than a body may hold", 413, "100000 bytes", bytes!("4294967295", "8", 8)),
        plain("too short", 400, "15 bytes, expected 16", bytes!("2", "8", 15)),
        plain("too long", 400, "expected 16", bytes!("2", "8", 17)),
        plain("nothing", 400, "0 bytes, expected 16", bytes!("2", "8", 0)),
        plain("declared too short", 400, "15 bytes, but Hash-Count 2 times Hash-Size 8", |t| {
            sized(t, "2", "8", 15)
        }),
        plain("declared too long", 400, "24 bytes, but Hash-Count 2 times Hash-Size 8", |t| {
            sized(t, "2", "8", 24)
        }),
        fresh("swapped headers", "multiple of 8", bytes!("8", "2", 16)),
        plain("not the other party's size", 400, "expected 8", bytes!("1", "16", 16)),
        promising("not the promised size", "expected 8", bytes!("1", "128", 128)),
        blocking("no blocks", 403, "uses blocking", bytes!("1", "8", 8)),
    ]
}
