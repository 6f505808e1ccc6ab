//! Requests for projects and runs.

use axum::body::Body;
use axum::http::Request;

use super::{Case, Target, plain};
use crate::api::support::{post, request};

fn create(body: impl Into<Body>) -> Request<Body> {
    post("/api/v1/projects", "", body)
}

fn run(target: &Target, body: &'static str) -> Request<Body> {
    post(&target.project.path("/runs"), &target.project.result, body)
}

/// A proper project description with one more member.
macro_rules! project {
    ($members:literal) => {
        |_| create(concat!(r#"{"schema":{},"result_type":"groups","#, $members, "}"))
    };
}

pub fn cases() -> Vec<Case> {
    let mut cases = bodies();
    cases.extend(members());
    cases.extend(runs());
    cases
}

/// Bodies that are no JSON object.
fn bodies() -> Vec<Case> {
    vec![
        plain("no body", 400, "empty", |_| create("")),
        plain("white space", 400, "EOF", |_| create(" \n")),
        plain("cut short", 400, "EOF", |_| create(r#"{"schema":{"#)),
        plain("an array", 400, "JSON object", |_| create("[]")),
        plain("a text", 400, "JSON object", |_| create(r#""project""#)),
        plain("null", 400, "JSON object", |_| create("null")),
        plain("no JSON", 400, "JSON object", |_| create("schema=1")),
        plain("single quotes", 400, "JSON object", |_| create("{'schema':{}}")),
        plain("a trailing comma", 400, "trailing comma", |_| create(r#"{"schema":{},}"#)),
        plain("something after the end", 400, "trailing", |_| {
            create(r#"{"schema":{},"result_type":"groups"} {}"#)
        }),
        plain("a member twice", 400, "`schema` occurs twice", |_| create(r#"{"schema":{},"schema":{}}"#)),
        plain("invalid UTF-8", 400, "unicode", |_| create(&b"{\"schema\":{},\"name\":\"\xc3\x28\"}"[..])),
        plain("half a surrogate pair", 400, "hex escape", |_| create(r#"{"name":"\ud800"}"#)),
        plain("a byte order mark", 400, "JSON object", |_| create("\u{feff}{}")),
        plain("deep nesting", 400, "recursion", |_| create(format!("{{\"schema\":{}", "[".repeat(50_000)))),
        plain("an endless number", 400, "out of range", |_| create(r#"{"schema":{"x":1e999}}"#)),
        plain("too large", 413, "1048576 bytes", |_| create(" ".repeat((1 << 20) + 1))),
        plain("no content type", 400, "Content-Type", |_| {
            request("POST", "/api/v1/projects", "").body(Body::from("{}")).unwrap()
        }),
        plain("a form", 400, "application/json", |_| {
            let form = request("POST", "/api/v1/projects", "")
                .header("content-type", "application/x-www-form-urlencoded");
            form.body(Body::from("{}")).unwrap()
        }),
    ]
}

/// Members of project descriptions.
fn members() -> Vec<Case> {
    vec![
        plain("no schema", 400, "`schema` is missing", |_| create(r#"{"result_type":"groups"}"#)),
        plain("a schema that is a text", 400, "`schema` must be an object", |_| create(r#"{"schema":"x"}"#)),
        plain("a schema that is null", 400, "`schema` must be an object, not null", |_| {
            create(r#"{"schema":null}"#)
        }),
        plain("no result type", 400, "`result_type` is missing", |_| create(r#"{"schema":{}}"#)),
        plain("an unknown result type", 400, "mapping", |_| {
            create(r#"{"schema":{},"result_type":"mapping"}"#)
        }),
        plain("a number as result type", 400, "not the number 1", |_| {
            create(r#"{"schema":{},"result_type":1}"#)
        }),
        plain("parties as text", 400, "a whole number, not a string", project!(r#""number_parties":"2""#)),
        plain(
            "parties as boolean",
            400,
            "a whole number, not a boolean",
            project!(r#""number_parties":true"#),
        ),
        plain("parties null", 400, "a whole number, not null", project!(r#""number_parties":null"#)),
        plain("half a party", 400, "not the number 2.5", project!(r#""number_parties":2.5"#)),
        plain("no parties", 400, "must be from 2 to", project!(r#""number_parties":0"#)),
        plain("one party", 400, "must be from 2 to", project!(r#""number_parties":1"#)),
        plain("negative parties", 400, "not -7", project!(r#""number_parties":-7"#)),
        plain("many parties", 400, "not 256", project!(r#""number_parties":256"#)),
        plain(
            "a great many parties",
            400,
            "whole number",
            project!(r#""number_parties":99999999999999999999"#),
        ),
        plain("three permuted parties", 400, "two parties", |_| {
            create(r#"{"schema":{},"result_type":"permutations","number_parties":3}"#)
        }),
        plain("scores of three parties", 400, "two parties", |_| {
            create(r#"{"schema":{},"result_type":"similarity_scores","number_parties":3}"#)
        }),
        plain("a number as name", 400, "`name` must be a string", project!(r#""name":7"#)),
        plain("a list as notes", 400, "`notes` must be a string, not an array", project!(r#""notes":[]"#)),
        plain("NUL in the name", 400, "U+0000", project!(r#""name":"a\u0000b""#)),
        plain(
            "blocking as text",
            400,
            "`uses_blocking` must be a boolean",
            project!(r#""uses_blocking":"yes""#),
        ),
        plain(
            "blocking as number",
            400,
            "`uses_blocking` must be a boolean",
            project!(r#""uses_blocking":1"#),
        ),
    ]
}

fn runs() -> Vec<Case> {
    vec![
        plain("a run without a threshold", 400, "`threshold` is missing", |t| run(t, "{}")),
        plain("a threshold as text", 400, "a number, not a string", |t| run(t, r#"{"threshold":"0.8"}"#)),
        plain("a threshold as boolean", 400, "a number, not a boolean", |t| run(t, r#"{"threshold":true}"#)),
        plain("a threshold of null", 400, "a number, not null", |t| run(t, r#"{"threshold":null}"#)),
        plain("a threshold in a list", 400, "a number, not an array", |t| run(t, r#"{"threshold":[0.8]}"#)),
        plain("a threshold of zero", 400, "out of range", |t| run(t, r#"{"threshold":0}"#)),
        plain("a threshold of minus zero", 400, "out of range", |t| run(t, r#"{"threshold":-0.0}"#)),
        plain("a negative threshold", 400, "out of range", |t| run(t, r#"{"threshold":-0.5}"#)),
        plain("a threshold above one", 400, "out of range", |t| run(t, r#"{"threshold":1.0000000001}"#)),
        plain("a percentage", 400, "out of range", |t| run(t, r#"{"threshold":80}"#)),
        plain("an infinite threshold", 400, "out of range", |t| run(t, r#"{"threshold":1e400}"#)),
        plain("a threshold that is no number", 400, "JSON object", |t| run(t, r#"{"threshold":NaN}"#)),
        plain("a run with a number as name", 400, "`name`", |t| run(t, r#"{"threshold":0.5,"name":1}"#)),
        plain("a run with an object as notes", 400, "`notes`", |t| run(t, r#"{"threshold":0.5,"notes":{}}"#)),
        plain("a run that is a list", 400, "JSON object", |t| run(t, "[0.5]")),
        plain("two thresholds", 400, "twice", |t| run(t, r#"{"threshold":0.5,"threshold":0.9}"#)),
    ]
}
