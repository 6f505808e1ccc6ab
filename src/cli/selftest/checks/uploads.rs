//! Every form of upload, each proved by the result of a linkage.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::CONTENT_ENCODING;
use serde_json::{Value, json};

use super::super::forms::{self, Form};
use super::super::golden::{read_groups, same_groups};
use super::super::http::Request;
use super::super::project::{Project, Spec};
use super::super::reference;
use super::super::reply::{Reply, text};
use super::super::report::Verdict;
use super::super::runner::Check;
use super::super::session::Session;
use super::super::synth;

const GROUP: &str = "uploads";

/// Makes the request of one party's encodings, all but the token.
type Make = fn(&Project, &[Vec<u8>]) -> Result<Request>;

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    let forms: [(&str, Make); 12] = [
        ("JSON with clks", |project, rows| Ok(forms::clks(rows).request(&project.id))),
        ("JSON with encodings", |project, rows| Ok(forms::encodings(rows).request(&project.id))),
        ("packed binary", |project, rows| Ok(forms::binary(rows).request(&project.id))),
        ("content type with a charset", |project, rows| {
            Ok(forms::clks(rows).request(&project.id).content_type(Some("application/json; charset=utf-8")))
        }),
        ("gzip-encoded JSON", |project, rows| {
            let form = forms::clks(rows);
            let packed = gzip(&form.body)?;
            Ok(Form::json(packed).request(&project.id).header(CONTENT_ENCODING, "gzip"))
        }),
        ("gzip-encoded binary", |project, rows| {
            let size = rows.first().map_or(0, Vec::len).to_string();
            let form = Form::binary(gzip(&rows.concat())?, &rows.len().to_string(), &size);
            Ok(form.request(&project.id).header(CONTENT_ENCODING, "gzip"))
        }),
        ("chunked JSON", |project, rows| Ok(forms::clks(rows).request(&project.id).chunked(97))),
        ("chunked binary", |project, rows| Ok(forms::binary(rows).request(&project.id).chunked(1000))),
        ("a path with doubled slashes", |project, rows| {
            Ok(forms::clks(rows).request(&format!("/{}/", project.id)))
        }),
        ("base64 with line breaks", |project, rows| {
            let broken = |row: &Vec<u8>| {
                let text = forms::base64(row);
                let (head, tail) = text.split_at(text.len().min(76));
                format!("{head}\r\n{tail}\n")
            };
            let rows: Vec<String> = rows.iter().map(broken).collect();
            Ok(Form::json(json!({"clks": rows}).to_string()).request(&project.id))
        }),
        ("JSON with white space and escapes", |project, rows| {
            let rows: Vec<String> =
                rows.iter().map(|row| format!("\t\"{}\"", forms::base64(row).replace('/', "\\/"))).collect();
            let body = format!("\r\n {{ \"c\\u006cks\" :\n [ {} ]\n}} \n", rows.join(" ,\n"));
            Ok(Form::json(body).request(&project.id))
        }),
        ("JSON with unknown members", |project, rows| {
            let rows: Vec<String> = rows.iter().map(|row| forms::base64(row)).collect();
            let body = json!({"about": {"clks": [1]}, "clks": rows, "zeta": [null]});
            Ok(Form::json(body.to_string()).request(&project.id))
        }),
    ];
    let mut checks: Vec<Check> = forms
        .into_iter()
        .map(|(name, make)| Check::new(GROUP, name, move |session| links(session, make, false)))
        .collect();
    let bearer: Make = |project, rows| Ok(forms::clks(rows).request(&project.id));
    checks.extend([
        Check::new(GROUP, "the token as Bearer", move |session| links(session, bearer, true)),
        Check::new(GROUP, "a size agreed in the schema", agreed_size),
        Check::new(GROUP, "a party with one record", one_record),
        Check::new(GROUP, "through the object store", external),
    ]);
    checks
}

fn gzip(body: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    Ok(encoder.finish()?)
}

/// Links two parties, the first uploaded in the form of the check, and compares with the reference.
async fn links(session: Arc<Session>, make: Make, bearer: bool) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(11, 60);
    let project = Project::create(&session, Spec::groups(2)).await?;
    let (request, token) = (make(&project, &parties[0])?, project.update(0)?);
    let request = if bearer { request.bearer(token) } else { request.token(token) };
    let answer = session.send(request).await?.expect(201)?.json()?;
    text(&answer, "receipt_token")?;
    project.upload(1, forms::clks(&parties[1])).await?;
    judge(&project, &parties).await
}

/// Runs a project of groups at 0.8 and compares with the reference.
async fn judge(project: &Project, parties: &[Vec<Vec<u8>>]) -> Result<()> {
    let wanted = reference::groups(&reference::candidates(parties, 0.8));
    same_groups(&read_groups(&project.outcome("0.8").await?)?, &wanted)
}

async fn agreed_size(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(12, 30);
    let project = Project::create(&session, Spec::groups(2).bits(8 * synth::SIZE)).await?;
    project.upload_all(&parties).await?;
    judge(&project, &parties).await
}

async fn one_record(session: Arc<Session>) -> Result<()> {
    let synth::Pair { mut parties, .. } = synth::pair(13, 30);
    parties[0].truncate(1);
    let project = Project::create(&session, Spec::groups(2)).await?;
    project.upload_all(&parties).await?;
    judge(&project, &parties).await
}

/// Asks for temporary credentials to upload by way of the object store; a service may have that turned off.
async fn external(session: Arc<Session>) -> Result<Verdict> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    let request = Request::get(project.path("/authorize-external-upload")).token(project.update(0)?);
    let reply = session.send(request).await?.expect_any(&[201, 500])?;
    if reply.status == 500 {
        let title = reply.problem(500)?.title;
        ensure!(title == "Feature Disabled", "expected the title \"Feature Disabled\", got {title:?}");
        return Ok(Verdict::Passed(Some("turned off, as its answer says".into())));
    }
    authorized(&project, &reply).map(|()| Verdict::Passed(Some("turned on, credentials handed out".into())))
}

fn authorized(project: &Project, reply: &Reply) -> Result<()> {
    let answer = reply.json()?;
    let member =
        |part: &str, name: &str| text(&answer[part], name).map(str::to_owned).context(part.to_owned());
    for name in ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"] {
        ensure!(!member("credentials", name)?.is_empty(), "{name} is empty");
    }
    for name in ["endpoint", "bucket"] {
        ensure!(!member("upload", name)?.is_empty(), "{name} is empty");
    }
    ensure!(matches!(answer["upload"]["secure"], Value::Bool(_)), "\"secure\" is neither true nor false");
    let path = member("upload", "path")?;
    ensure!(
        path.starts_with(&format!("{}/", project.id)),
        "the upload path isn't below the project's identifier"
    );
    Ok(())
}
