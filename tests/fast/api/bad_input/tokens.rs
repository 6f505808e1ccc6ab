//! Tokens that are missing, of another kind or of another project.

use axum::body::Body;

use super::{Case, Kind, Target, plain};
use crate::api::support::{clks, get, post, request};

const NO_ACCESS: &str = "Invalid access token or project doesn't exist";

fn upload_as(target: &Target, token: &str) -> axum::http::Request<Body> {
    post(&target.project.path("/clks"), token, clks(1).to_string())
}

pub fn cases() -> Vec<Case> {
    vec![
        plain("an upload without a token", 400, "Authorization", |t| upload_as(t, "")),
        plain("an upload by the creator", 403, NO_ACCESS, |t| upload_as(t, &t.project.result)),
        plain("an upload by a receipt", 403, NO_ACCESS, |t| upload_as(t, &t.receipt)),
        plain("an upload by another project's party", 403, NO_ACCESS, |t| upload_as(t, &t.other.update[0])),
        plain("an upload by a stranger", 403, NO_ACCESS, |t| upload_as(t, &"ab".repeat(24))),
        plain("an upload with half a token", 403, NO_ACCESS, |t| upload_as(t, &t.project.update[0][..24])),
        plain("an upload in capitals", 403, NO_ACCESS, |t| upload_as(t, &t.project.update[0].to_uppercase())),
        plain("an upload by basic authentication", 403, NO_ACCESS, |t| upload_as(t, "Basic dXNlcjpwYXNz")),
        plain("an upload with an empty bearer", 403, NO_ACCESS, |t| upload_as(t, "Bearer ")),
        plain("an upload with a token in Latin-1", 403, NO_ACCESS, |t| {
            let request =
                request("POST", &t.project.path("/clks"), "").header("content-type", "application/json");
            request.header("authorization", &b"caf\xe9"[..]).body(Body::from(clks(1).to_string())).unwrap()
        }),
        plain("an upload to no project", 403, NO_ACCESS, |t| {
            post(&format!("/api/v1/projects/{}/clks", "0".repeat(48)), &t.project.update[0], "{}")
        }),
        plain("an upload to a nonsensical project", 403, NO_ACCESS, |t| {
            post("/api/v1/projects/%F0%9F%98%80/clks", &t.project.update[0], "{}")
        }),
        plain("a binary upload without a token", 400, "Authorization", |t| {
            request("POST", &t.project.path("/binaryclks"), "").body(Body::empty()).unwrap()
        }),
        plain("a binary upload by the creator", 403, NO_ACCESS, |t| {
            request("POST", &t.project.path("/binaryclks"), &t.project.result).body(Body::empty()).unwrap()
        }),
        plain("a second upload of the other party", 403, "accepted before", |t| {
            upload_as(t, &t.project.update[1])
        }),
        plain("a run by a party", 403, NO_ACCESS, |t| {
            post(&t.project.path("/runs"), &t.project.update[0], r#"{"threshold":0.5}"#)
        }),
        plain("a broken run by a stranger tells nothing", 403, NO_ACCESS, |t| {
            post(&t.project.path("/runs"), &t.other.result, "{")
        }),
        plain("a run's status without a token", 400, "Authorization", |t| {
            get(&format!("{}/status", t.run), "")
        }),
        plain("a run's result for a party", 403, NO_ACCESS, |t| {
            get(&format!("{}/result", t.run), &t.receipt)
        }),
        plain("a run that doesn't exist", 403, NO_ACCESS, |t| {
            get(&t.project.path(&format!("/runs/{}", "0".repeat(48))), &t.project.result)
        }),
        plain("a run of another project", 403, NO_ACCESS, |t| {
            get(&t.run.replace(&t.project.id, &t.other.id), &t.other.result)
        }),
        plain("a result too early", 404, "created", |t| get(&format!("{}/result", t.run), &t.project.result)),
        Case {
            kind: Kind::Blocking,
            ..plain("credentials for the creator", 403, NO_ACCESS, |t| {
                get(&t.project.path("/authorize-external-upload"), &t.project.result)
            })
        },
    ]
}
