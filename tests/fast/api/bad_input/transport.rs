//! Bodies that don't come as they should: compressed wrongly, broken off, too large, or never.

use std::io::{self, Write};

use axum::body::Body;
use axum::http::Request;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use futures::stream::{self, StreamExt};

use super::{Case, blocking, plain, upload};
use crate::api::support::{packed, post};

const START: &str = "{\"clks\":[\"AAAAAAAAAAA=\",";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The request with a content coding declared.
fn coded(mut request: Request<Body>, coding: &'static str) -> Request<Body> {
    request.headers_mut().insert("content-encoding", coding.parse().unwrap());
    request
}

/// A body that starts well and then breaks off, as when a client hangs up.
fn broken(start: impl Into<Vec<u8>>) -> Body {
    let error = Err(io::Error::from(io::ErrorKind::ConnectionReset));
    Body::from_stream(stream::iter([Ok(start.into()), error]))
}

/// A body that starts well and then never goes on.
fn silent(start: impl Into<Vec<u8>>) -> Body {
    Body::from_stream(stream::iter([Ok::<_, io::Error>(start.into())]).chain(stream::pending()))
}

fn create(body: impl Into<Body>) -> Request<Body> {
    post("/api/v1/projects", "", body)
}

fn good() -> Vec<u8> {
    format!("{START}\"AAAAAAAAAAE=\"]}}").into_bytes()
}

/// A body of a proper form with so many encodings.
fn long(encodings: usize) -> Vec<u8> {
    format!("{{\"clks\":[\"AAAAAAAAAAA=\"{}]}}", ",\"AAAAAAAAAAA=\"".repeat(encodings - 1)).into_bytes()
}

pub fn cases() -> Vec<Case> {
    vec![
        plain("declared as gzip but plain", 400, "gzip", |t| coded(upload(t, good()), "gzip")),
        plain("gzip cut short", 400, "gzip", |t| coded(upload(t, gzip(&good())[..20].to_vec()), "gzip")),
        plain("gzip without its checksum", 400, "gzip", |t| {
            let mut body = gzip(&good());
            body.truncate(body.len() - 8);
            coded(upload(t, body), "gzip")
        }),
        plain("gzip with a wrong checksum", 400, "gzip", |t| {
            let mut body = gzip(&good());
            let at = body.len() - 6;
            body[at] ^= 1;
            coded(upload(t, body), "gzip")
        }),
        plain("gzip with rubbish behind", 400, "gzip", |t| {
            coded(upload(t, [gzip(&good()), b"x".to_vec()].concat()), "gzip")
        }),
        plain("zlib instead of gzip", 400, "gzip", |t| {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&good()).unwrap();
            coded(upload(t, encoder.finish().unwrap()), "gzip")
        }),
        plain("gzipped rubbish", 400, "malformed JSON", |t| coded(upload(t, gzip(b"rubbish")), "gzip")),
        plain("an unknown coding", 415, "br", |t| coded(upload(t, good()), "br")),
        plain("two codings", 415, "gzip, gzip", |t| coded(upload(t, good()), "gzip, gzip")),
        plain("a packed upload in an unknown coding", 415, "zstd", |t| {
            coded(packed(&t.project, "1", "8", vec![0; 8]), "zstd")
        }),
        plain("a packed upload in broken gzip", 400, "gzip", |t| {
            coded(packed(&t.project, "1", "8", vec![0; 8]), "gzip")
        }),
        plain("a packed upload that unpacks to too much", 400, "expected 8", |t| {
            coded(packed(&t.project, "1", "8", gzip(&[0; 9000])), "gzip")
        }),
        plain("a project in an unknown coding", 415, "deflate", |_| coded(create("{}"), "deflate")),
        plain("a project in broken gzip", 400, "gzip", |_| coded(create("{}"), "gzip")),
        plain("too large", 413, "100000 bytes", |t| upload(t, long(10_000))),
        plain("too large when unpacked", 413, "100000 bytes", |t| {
            coded(upload(t, gzip(&long(10_000))), "gzip")
        }),
        plain("declared too large", 413, "100000 bytes", |t| {
            let mut request = upload(t, good());
            request.headers_mut().insert("content-length", 100_001.into());
            request
        }),
        plain("a small request that unpacks to too much", 413, "1048576 bytes", |_| {
            coded(create(gzip(&vec![b' '; 2 << 20])), "gzip")
        }),
        plain("an upload that breaks off", 400, "broke off", |t| upload(t, broken(START))),
        blocking("an upload with blocks that breaks off", 400, "broke off", |t| {
            upload(t, broken("{\"clknblocks\":[[\"AAAAAAAAAAA=\",\"x\"],"))
        }),
        plain("a packed upload that breaks off", 400, "broke off", |t| {
            packed(&t.project, "2", "8", broken([0; 9]))
        }),
        plain("a compressed upload that breaks off", 400, "broke off", |t| {
            coded(upload(t, broken(&gzip(&good())[..20])), "gzip")
        }),
        plain("a request that breaks off", 400, "broke off", |_| create(broken("{\"schema\":"))),
        plain("an upload that falls silent", 408, "1 seconds", |t| upload(t, silent(START))),
        plain("a packed upload that falls silent", 408, "1 seconds", |t| {
            packed(&t.project, "2", "8", silent([0; 9]))
        }),
        plain("a request that falls silent", 408, "1 seconds", |_| create(silent("{\"schema\":"))),
    ]
}
