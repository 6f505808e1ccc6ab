//! The service as a whole: status, version, description, addresses, CORS.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use reqwest::header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};

use super::super::http::Request;
use super::super::project::{Project, Spec};
use super::super::reply::{Reply, same, text, whole};
use super::super::runner::Check;
use super::super::session::Session;

const GROUP: &str = "service";

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    vec![
        Check::new(GROUP, "status tells state, projects and rate", status),
        Check::new(GROUP, "version names its components", version),
        Check::new(GROUP, "the OpenAPI description is served", openapi),
        Check::new(GROUP, "doubled and trailing slashes reach the same resource", slashes),
        Check::new(GROUP, "an unknown path is 404 and a problem document", unknown_path),
        Check::new(GROUP, "a method that a path doesn't have is 405", unknown_method),
        Check::new(GROUP, "browsers may call (CORS preflight)", preflight),
    ]
}

async fn status(session: Arc<Session>) -> Result<()> {
    let status = session.send(Request::get("/status")).await?.expect(200)?.json()?;
    same("status", text(&status, "status")?, "ok")?;
    whole(&status, "project_count")?;
    whole(&status, "rate")?;
    Ok(())
}

async fn version(session: Arc<Session>) -> Result<()> {
    let version = session.send(Request::get("/version")).await?.expect(200)?.json()?;
    for component in ["anonlink", "entityservice", "python"] {
        ensure!(!text(&version, component)?.is_empty(), "{component:?} is empty");
    }
    Ok(())
}

async fn openapi(session: Arc<Session>) -> Result<()> {
    let document = session.send(Request::get("/openapi.json")).await?.expect(200)?.json()?;
    ensure!(text(&document, "openapi")?.starts_with("3."), "the document is no OpenAPI 3");
    let paths = document["paths"].as_object().context("the document has no paths")?;
    for wanted in ["/status", "/projects", "/clks", "/binaryclks", "/runs", "/result"] {
        ensure!(paths.keys().any(|path| path.ends_with(wanted)), "no path of the document ends in {wanted}");
    }
    Ok(())
}

async fn slashes(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    let plain = project.describe().await?;
    let id = &project.id;
    for path in [format!("//projects/{id}"), format!("/projects//{id}/"), format!("///projects///{id}//")] {
        let reply = session.send(Request::get(path).token(&project.result)).await?;
        same("description by another spelling of the path", reply.expect(200)?.json()?, plain.clone())?;
    }
    session.send(Request::get("//status/")).await?.expect(200)?;
    let made = session.create_by(Request::post("//projects/").json(&Spec::groups(2).body()?)).await?;
    made.expect(201).map(drop)
}

async fn unknown_path(session: Arc<Session>) -> Result<()> {
    session.send(Request::get("/no-such-thing")).await?.problem(404)?;
    Ok(())
}

async fn unknown_method(session: Arc<Session>) -> Result<()> {
    session.send(Request::new(Method::PUT, "/projects")).await?.problem(405)?;
    Ok(())
}

async fn preflight(session: Arc<Session>) -> Result<()> {
    let origin = "https://selftest.example";
    let preflight = Request::new(Method::OPTIONS, "/projects")
        .header(ORIGIN, origin)
        .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(ACCESS_CONTROL_REQUEST_HEADERS, "authorization, content-type, hash-count, hash-size");
    let reply = session.send(preflight).await?.expect_any(&[200, 204])?;
    let Some(allowed) = reply.text_header("access-control-allow-origin") else {
        // The operator allows certain origins, and ours isn't among them: then no page of ours may be told anything.
        return Ok(());
    };
    ensure!(allowed == "*" || allowed == origin, "the origin {allowed:?} is allowed in place of {origin:?}");
    same("status of a preflight", reply.status, 204)?;
    includes(&reply, "access-control-allow-methods", &["GET", "POST", "DELETE", "OPTIONS"])?;
    includes(
        &reply,
        "access-control-allow-headers",
        &["Authorization", "Content-Type", "Hash-Count", "Hash-Size"],
    )?;
    let simple = session.send(Request::get("/version").header(ORIGIN, origin)).await?.expect(200)?;
    ensure!(
        simple.text_header("access-control-allow-origin").is_some(),
        "a preflight is answered, but the answer to a request has no Access-Control-Allow-Origin"
    );
    Ok(())
}

fn includes(reply: &Reply, header: &str, wanted: &[&str]) -> Result<()> {
    let value = reply.text_header(header).with_context(|| format!("no header {header}"))?;
    let listed: Vec<&str> = value.split(',').map(str::trim).collect();
    for wanted in wanted {
        ensure!(
            listed.iter().any(|listed| *listed == "*" || listed.eq_ignore_ascii_case(wanted)),
            "{header} is {value:?} and lacks {wanted}"
        );
    }
    Ok(())
}
