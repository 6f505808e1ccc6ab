//! Uploads that must fail, and what they must leave intact: the token, the project, the other parties.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use reqwest::header::CONTENT_ENCODING;
use serde_json::json;

use super::super::forms::{self, Form};
use super::super::golden::{read_groups, same_groups};
use super::super::http::Request;
use super::super::project::{Project, Spec};
use super::super::reference;
use super::super::reply::same;
use super::super::runner::Check;
use super::super::session::Session;
use super::super::status::State;
use super::super::synth;

const GROUP: &str = "upload failures";

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    let mut checks: Vec<Check> = cases()
        .into_iter()
        .map(|case| {
            let name = format!("{} is {}, and the token stays usable", case.what, case.status);
            Check::new(GROUP, name, move |session| fails(session, case.clone()))
        })
        .collect();
    checks.extend([
        Check::new(GROUP, "a second upload by the same token is refused", twice),
        Check::new(GROUP, "a refusal names the index of the bad encoding", names_index),
        Check::new(GROUP, "encodings of another size than agreed turn the project to error", wrong_size),
        Check::new(GROUP, "encodings of different sizes turn the project to error", mixed_sizes),
        Check::new(GROUP, "a size that is no multiple of 8 bytes turns the project to error", odd_size),
        Check::new(GROUP, "parties of different sizes turn the project to error", sizes_differ),
        Check::new(GROUP, "binary encodings of another size than agreed are refused", binary_size),
    ]);
    checks
}

/// One upload that fails.
#[derive(Clone)]
struct Case {
    what: &'static str,
    status: u16,
    make: fn(&Project) -> Request,
}

fn json_body(project: &Project, body: &str) -> Request {
    Form::json(body.to_owned()).request(&project.id)
}

fn binary_body(project: &Project, length: usize, count: &str, size: &str) -> Request {
    Form::binary(vec![0x55; length], count, size).request(&project.id)
}

fn cases() -> Vec<Case> {
    let case = |what, make| Case { what, status: 400, make };
    vec![
        case("broken JSON", |p| json_body(p, r#"{"clks": ["AQIDBAUGBwg=", "#)),
        case("an empty body", |p| json_body(p, "")),
        case("JSON that is no object", |p| json_body(p, r#"["AQIDBAUGBwg="]"#)),
        case("a body without encodings", |p| json_body(p, "{}")),
        case("an empty list", |p| json_body(p, r#"{"clks": []}"#)),
        case("encodings that are no list", |p| json_body(p, r#"{"clks": "AQIDBAUGBwg="}"#)),
        case("an encoding that is a number", |p| json_body(p, r#"{"clks": ["AQIDBAUGBwg=", 17]}"#)),
        case("base64 with a strange character", |p| json_body(p, r#"{"clks": ["AQID!AUGBwg="]}"#)),
        case("base64 without its padding", |p| json_body(p, r#"{"clks": ["AQIDBAUGBwg"]}"#)),
        case("text after the JSON", |p| json_body(p, r#"{"clks": ["AQIDBAUGBwg="]} x"#)),
        case("JSON that isn't UTF-8", |p| {
            Form::json([b"{\"clks\": [\"".as_slice(), &[0xff, 0xfe], b"\"]}"].concat()).request(&p.id)
        }),
        case("another content type", |p| {
            json_body(p, r#"{"clks": ["AQIDBAUGBwg="]}"#).content_type(Some("text/plain"))
        }),
        case("no content type", |p| json_body(p, r#"{"clks": ["AQIDBAUGBwg="]}"#).content_type(None)),
        case("a body that only claims to be gzip", |p| {
            json_body(p, r#"{"clks": ["AQIDBAUGBwg="]}"#).header(CONTENT_ENCODING, "gzip")
        }),
        case("a binary body that is too short", |p| binary_body(p, 127, "1", "128")),
        case("a binary body that is too long", |p| binary_body(p, 129, "1", "128")),
        case("a binary body of nothing", |p| binary_body(p, 0, "1", "128")),
        case("a Hash-Count of zero", |p| binary_body(p, 0, "0", "128")),
        case("a Hash-Count that is no number", |p| binary_body(p, 128, "one", "128")),
        case("a Hash-Size that is no number", |p| binary_body(p, 128, "1", "-128")),
        case("a Hash-Size that is no multiple of 8", |p| binary_body(p, 130, "13", "10")),
        case("a Hash-Count beyond all bounds", |p| binary_body(p, 128, "18446744073709551615", "128")),
        case("a binary upload without Hash-Count", |p| {
            Request::post(p.path("/binaryclks"))
                .body("application/octet-stream", vec![1; 128])
                .named("Hash-Size", "128")
        }),
        case("a binary upload without Hash-Size", |p| {
            Request::post(p.path("/binaryclks"))
                .body("application/octet-stream", vec![1; 128])
                .named("Hash-Count", "1")
        }),
        case("JSON sent to the binary endpoint", |p| {
            binary_body(p, 128, "1", "128").content_type(Some("application/json"))
        }),
        Case {
            what: "block ids for a project without blocking",
            status: 403,
            make: |p| json_body(p, r#"{"clknblocks": [["AQIDBAUGBwg=", "b"]]}"#),
        },
    ]
}

/// Sends the bad upload, which must be refused; then the same token must still serve for a good one, and the linkage
/// must come out right.
async fn fails(session: Arc<Session>, case: Case) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(21, 12);
    let project = Project::create(&session, Spec::groups(2)).await?;
    let request = (case.make)(&project).token(project.update(0)?);
    session.send(request).await?.problem(case.status)?;
    let description = project.describe().await?;
    same("error of the project", &description["error"], &json!(false))?;
    same("parties_contributed", &description["parties_contributed"], &json!(0))?;
    project.upload_all(&parties).await.context("after the refusal")?;
    let wanted = reference::groups(&reference::candidates(&parties, 0.8));
    same_groups(&read_groups(&project.outcome("0.8").await?)?, &wanted)
}

async fn twice(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(22, 30);
    let project = Project::create(&session, Spec::groups(2)).await?;
    project.upload(0, forms::clks(&parties[0])).await?;
    project.send_upload(0, forms::clks(&parties[1])).await?.problem(403)?;
    project.send_upload(0, forms::binary(&parties[1])).await?.problem(403)?;
    // What counts is the first.
    project.upload(1, forms::clks(&parties[1])).await?;
    project.send_upload(1, forms::clks(&parties[0])).await?.problem(403)?;
    let wanted = reference::groups(&reference::candidates(&parties, 0.8));
    same_groups(&read_groups(&project.outcome("0.8").await?)?, &wanted)
}

async fn names_index(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    let mut rows = vec![forms::base64(&[7; 8]); 60];
    rows[47] = "*".into();
    let reply = project.send_upload(0, Form::json(json!({"clks": rows}).to_string())).await?;
    let detail = reply.problem(400)?.detail;
    ensure!(detail.contains("47"), "encoding 47 is bad, but the reason is {detail:?}");
    Ok(())
}

/// Checks that a project shows its error, that a run posted before ended in error with a message that holds one text of
/// each list, and that a further run is refused.
async fn in_error(project: &Project, run: &super::super::project::Run<'_>, told: &[&[&str]]) -> Result<()> {
    let status = run.ended().await?;
    same("state of the run", status.state, State::Error)?;
    let message = status.message.unwrap_or_default();
    for told in told {
        ensure!(
            told.iter().any(|text| message.contains(text)),
            "the run's message should tell {}, but is {message:?}",
            told.join(" or ")
        );
    }
    same("error of the project", &project.describe().await?["error"], &json!(true))?;
    let session = project.session();
    session.send(Request::get(run.path("/result")).token(&project.result)).await?.problem(500)?;
    let another =
        Request::post(project.path("/runs")).token(&project.result).json(&json!({"threshold": 0.8}));
    session.send(another).await?.problem(409).map(drop)
}

async fn wrong_size(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2).bits(512)).await?;
    let run = project.run("0.8").await?;
    project.upload(0, forms::clks(&vec![vec![3; 128]; 5])).await?;
    in_error(&project, &run, &[&["128", "1024"], &["64", "512"]]).await
}

async fn mixed_sizes(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    let run = project.run("0.8").await?;
    let mut rows = vec![vec![3; 128]; 50];
    rows[37] = vec![3; 64];
    project.upload(0, forms::clks(&rows)).await?;
    in_error(&project, &run, &[&["37"]]).await
}

async fn odd_size(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    let run = project.run("0.8").await?;
    project.upload(0, forms::clks(&vec![vec![3; 13]; 5])).await?;
    in_error(&project, &run, &[&["13", "104"]]).await
}

async fn sizes_differ(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    let run = project.run("0.8").await?;
    project.upload(0, forms::clks(&vec![vec![3; 128]; 5])).await?;
    project.upload(1, forms::clks(&vec![vec![3; 64]; 5])).await?;
    in_error(&project, &run, &[&["64", "512"], &["128", "1024"]]).await
}

async fn binary_size(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2).bits(512)).await?;
    project.send_upload(0, forms::binary(&vec![vec![3; 128]; 5])).await?.problem(400)?;
    same("error of the project", &project.describe().await?["error"], &json!(false))?;
    project.upload(0, forms::binary(&vec![vec![3; 64]; 5])).await.map(drop)
}
