//! JSON uploads.

use axum::body::Body;

use super::{Case, Target, blocking, plain, upload};
use crate::api::support::request;

macro_rules! body {
    ($text:expr) => {
        |target: &Target| upload(target, $text)
    };
}

pub fn cases() -> Vec<Case> {
    let mut cases = documents();
    cases.extend(encodings());
    cases.extend(blocks());
    cases.extend(references());
    cases
}

/// Bodies that are no upload at all.
fn documents() -> Vec<Case> {
    vec![
        plain("no body", 400, "ends where", body!("")),
        plain("cut in a list", 400, "ends where", body!(r#"{"clks":["AAAAAAAAAAA=""#)),
        plain("cut in a text", 400, "rest of a string", body!(r#"{"clks":["AAAAAAAAAAA="#)),
        plain("an array", 400, "expected a JSON object", body!(r#"["AAAAAAAAAAA="]"#)),
        plain("a number", 400, "expected a JSON object", body!("17")),
        plain("an empty object", 400, "no encodings", body!("{}")),
        plain("unknown members only", 400, "no encodings", body!(r#"{"hashes":["AAAAAAAAAAA="]}"#)),
        plain("a member in capitals", 400, "no encodings", body!(r#"{"CLKS":["AAAAAAAAAAA="]}"#)),
        plain("a trailing comma", 400, "at byte 24", body!(r#"{"clks":["AAAAAAAAAAA=",]}"#)),
        plain("something after the end", 400, "found `{`", body!(r#"{"clks":["AAAAAAAAAAA="]}{"#)),
        plain("a missing colon", 400, "expected `:`", body!(r#"{"clks"["AAAAAAAAAAA="]}"#)),
        plain("a leading zero", 400, "malformed number", body!(r#"{"x":01,"clks":["AAAAAAAAAAA="]}"#)),
        plain("a bad literal", 400, "true", body!(r#"{"x":truth,"clks":["AAAAAAAAAAA="]}"#)),
        plain("a byte order mark", 400, "byte order mark", body!("\u{feff}{\"clks\":[\"AAAAAAAAAAA=\"]}")),
        plain("invalid UTF-8", 400, "UTF-8", body!(&b"{\"x\":\"\xff\",\"clks\":[\"AAAAAAAAAAA=\"]}"[..])),
        plain(
            "a raw control character",
            400,
            "control character",
            body!("{\"x\":\"\u{1}\",\"clks\":[\"AAAAAAAAAAA=\"]}"),
        ),
        plain("half a surrogate pair", 400, "surrogate", body!(r#"{"x":"\udc00","clks":["AAAAAAAAAAA="]}"#)),
        plain("an unknown escape", 400, "escape", body!(r#"{"x":"\q","clks":["AAAAAAAAAAA="]}"#)),
        plain("deep nesting", 400, "deep", body!(format!("{{\"x\":{}", "[".repeat(5000)))),
        plain("nested encodings", 400, "expected a base64 string", body!(r#"{"clks":[["AAAAAAAAAAA="]]}"#)),
        plain(
            "the same member twice",
            400,
            "twice",
            body!(r#"{"clks":["AAAAAAAAAAA="],"clks":["AAAAAAAAAAE="]}"#),
        ),
        plain("two forms", 400, "once", body!(r#"{"clks":["AAAAAAAAAAA="],"encodings":["AAAAAAAAAAE="]}"#)),
        plain("no content type", 400, "Content-Type", |t| {
            request("POST", &t.project.path("/clks"), &t.project.update[0]).body(Body::from("{}")).unwrap()
        }),
        plain("a binary content type", 400, "application/json", |t| {
            let binary = request("POST", &t.project.path("/clks"), &t.project.update[0]);
            binary.header("content-type", "application/octet-stream").body(Body::from("{}")).unwrap()
        }),
    ]
}

/// Encodings that can't be read.
fn encodings() -> Vec<Case> {
    vec![
        plain("an empty list", 400, "no encodings", body!(r#"{"clks":[]}"#)),
        plain("null as list", 400, "found null", body!(r#"{"clks":null}"#)),
        plain("a text as list", 400, "found a string", body!(r#"{"clks":"AAAAAAAAAAA="}"#)),
        plain("a number as encoding", 400, "encoding 1", body!(r#"{"clks":["AAAAAAAAAAA=",7]}"#)),
        plain("null as encoding", 400, "encoding 0", body!(r#"{"clks":[null]}"#)),
        plain(
            "an alien character",
            400,
            "encoding 2",
            body!(r#"{"clks":["AAAAAAAAAAA=","AAAAAAAAAAE=","AAAA*AAAAAA="]}"#),
        ),
        plain("URL-safe base64", 400, "encoding 0", body!(r#"{"clks":["__AAAAAAAAA="]}"#)),
        plain("no padding", 400, "padding", body!(r#"{"clks":["AAAAAAAAAAA"]}"#)),
        plain(
            "padding in the middle",
            400,
            "encoding 1",
            body!(r#"{"clks":["AAAAAAAAAAA=","AA==AAAAAAA="]}"#),
        ),
        plain("spare bits", 400, "encoding 0", body!(r#"{"clks":["AAAAAAAAAAB="]}"#)),
        plain(
            "a broken text after a wrong size",
            400,
            "encoding 2",
            body!(r#"{"clks":["AAAAAAAAAAA=","AAAA","?"]}"#),
        ),
        plain(
            "an endless encoding",
            400,
            "65536 bytes",
            body!(format!("{{\"clks\":[\"{}", "A".repeat(70_000))),
        ),
        plain("broken far behind", 400, "encoding 5000", |t| {
            upload(t, format!("{{\"clks\":[{}\"!\"]}}", "\"AAAAAAAAAAA=\",".repeat(5000)))
        }),
    ]
}

/// Blocks that are missing, not wanted or broken.
fn blocks() -> Vec<Case> {
    vec![
        plain(
            "blocks that nobody wants",
            403,
            "doesn't use blocking",
            body!(r#"{"clknblocks":[["AAAAAAAAAAA=","x"]]}"#),
        ),
        plain(
            "an empty block map that nobody wants",
            403,
            "doesn't use blocking",
            body!(r#"{"encodings":["AAAAAAAAAAA="],"blocks":{}}"#),
        ),
        blocking("clks without blocks", 403, "uses blocking", body!(r#"{"clks":["AAAAAAAAAAA="]}"#)),
        blocking(
            "encodings without blocks",
            403,
            "uses blocking",
            body!(r#"{"encodings":["AAAAAAAAAAA="]}"#),
        ),
        blocking("blocks without encodings", 400, "no encodings", body!(r#"{"blocks":{"0":["x"]}}"#)),
        blocking(
            "blocks as list",
            400,
            "`blocks`",
            body!(r#"{"encodings":["AAAAAAAAAAA="],"blocks":[["x"]]}"#),
        ),
        blocking(
            "blocks of a record as text",
            400,
            "record 0",
            body!(r#"{"encodings":["AAAAAAAAAAA="],"blocks":{"0":"x"}}"#),
        ),
        blocking(
            "a key past the end",
            400,
            "key `1`",
            body!(r#"{"encodings":["AAAAAAAAAAA="],"blocks":{"1":["x"]}}"#),
        ),
        blocking(
            "a key past the end, ahead",
            400,
            "key `9`",
            body!(r#"{"blocks":{"9":["x"]},"encodings":["AAAAAAAAAAA="]}"#),
        ),
        blocking(
            "a huge key",
            400,
            "key `4294967295`",
            body!(r#"{"blocks":{"4294967295":[]},"encodings":["AAAAAAAAAAA="]}"#),
        ),
        blocking(
            "a key beyond all numbers",
            400,
            "key `99999999999999999999`",
            body!(r#"{"blocks":{"99999999999999999999":[]}}"#),
        ),
        blocking(
            "a negative key",
            400,
            "key `-1`",
            body!(r#"{"encodings":["AAAAAAAAAAA="],"blocks":{"-1":["x"]}}"#),
        ),
        blocking(
            "a named key",
            400,
            "key `first`",
            body!(r#"{"encodings":["AAAAAAAAAAA="],"blocks":{"first":["x"]}}"#),
        ),
        blocking(
            "a key with a zero ahead",
            400,
            "key `00`",
            body!(r#"{"encodings":["AAAAAAAAAAA="],"blocks":{"00":["x"]}}"#),
        ),
        blocking(
            "a key twice",
            400,
            "twice",
            body!(r#"{"encodings":["AAAAAAAAAAA="],"blocks":{"0":["x"],"0":["y"]}}"#),
        ),
        blocking(
            "a fraction as block",
            400,
            "record 0",
            body!(r#"{"encodings":["AAAAAAAAAAA="],"blocks":{"0":[1.5]}}"#),
        ),
        blocking("null as block", 400, "encoding 0", body!(r#"{"clknblocks":[["AAAAAAAAAAA=",null]]}"#)),
        blocking("a list as block", 400, "encoding 0", body!(r#"{"clknblocks":[["AAAAAAAAAAA=",["x"]]]}"#)),
        blocking("an empty record", 400, "record 1", body!(r#"{"clknblocks":[["AAAAAAAAAAA="],[]]}"#)),
        blocking("a record that is a text", 400, "encoding 0", body!(r#"{"clknblocks":["AAAAAAAAAAA="]}"#)),
        blocking("a number in the encoding's place", 400, "encoding 0", body!(r#"{"clknblocks":[[1,"x"]]}"#)),
        blocking(
            "blocks twice over",
            400,
            "once",
            body!(r#"{"clknblocks":[["AAAAAAAAAAA=","x"]],"blocks":{"0":["x"]}}"#),
        ),
        blocking("broken after many blocks", 400, "encoding 2000", |t| {
            upload(t, format!("{{\"clknblocks\":[{}[\"!\"]]}}", "[\"AAAAAAAAAAA=\",\"x\",1],".repeat(2000)))
        }),
    ]
}

/// References to an object store, which an embedded service has none of.
fn references() -> Vec<Case> {
    vec![
        plain(
            "a reference",
            500,
            "not enabled",
            body!(r#"{"encodings":{"file":{"bucket":"b","path":"p"}}}"#),
        ),
        blocking(
            "a reference with blocks",
            500,
            "not enabled",
            body!(
                r#"{"encodings":{"file":{"bucket":"b","path":"p"}},"blocks":{"file":{"bucket":"b","path":"q"}}}"#
            ),
        ),
        plain(
            "a reference without a path",
            400,
            "`encodings.file.path` is missing",
            body!(r#"{"encodings":{"file":{"bucket":"b"}}}"#),
        ),
        plain("a reference to nothing", 400, "encodings", body!(r#"{"encodings":{}}"#)),
        plain(
            "a number as bucket",
            400,
            "encodings.file.bucket",
            body!(r#"{"encodings":{"file":{"bucket":1,"path":"p"}}}"#),
        ),
    ]
}
