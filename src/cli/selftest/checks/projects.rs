//! Life of a project up to its data: creation, description, listing, validation.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::super::forms;
use super::super::http::Request;
use super::super::project::{Project, Spec};
use super::super::reply::{same, text};
use super::super::report::Verdict;
use super::super::runner::Check;
use super::super::session::Session;
use super::super::status::timestamp;
use super::super::synth;

const GROUP: &str = "projects";

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    let mut checks = vec![
        Check::new(GROUP, "create hands out a token for each party and the creator", create),
        Check::new(GROUP, "the description repeats what was posted", describe),
        Check::new(GROUP, "members that were left out have their defaults", defaults),
        Check::new(GROUP, "unknown members are ignored", unknown_members),
        Check::new(GROUP, "contributions are counted", contributions),
        Check::new(GROUP, "the list shows a project until it is deleted", listing),
    ];
    for (what, change) in invalid() {
        checks.push(Check::new(GROUP, format!("{what} is refused"), move |session| {
            refused(session, change.clone())
        }));
    }
    checks.push(Check::new(GROUP, "a body that is no JSON object is refused", not_json));
    checks
}

async fn create(session: Arc<Session>) -> Result<()> {
    for parties in [2, 3, 5] {
        Project::create(&session, Spec::groups(parties)).await?;
    }
    Project::create(&session, Spec::scores()).await?;
    Project::create(&session, Spec::permutations()).await?;
    Ok(())
}

async fn describe(session: Arc<Session>) -> Result<()> {
    let mut body = Spec::groups(3).blocking(true).bits(1024).body()?;
    body["schema"]["features"] = json!([{"identifier": "größe <&> \"quoted\"", "weight": 1.5}]);
    let project = Project::create_from(&session, &body).await?;
    let description = project.describe().await?;
    for member in ["name", "notes", "schema", "result_type", "number_parties", "uses_blocking"] {
        same(member, &description[member], &body[member])?;
    }
    same("project_id", text(&description, "project_id")?, &*project.id)?;
    same("parties_contributed", &description["parties_contributed"], &json!(0))?;
    same("error", &description["error"], &json!(false))?;
    let shown = description.to_string();
    let secrets = project.updates.iter().chain([&project.result]);
    ensure!(
        secrets.into_iter().all(|secret| !shown.contains(secret.reveal())),
        "the description shows a token"
    );
    Ok(())
}

async fn defaults(session: Arc<Session>) -> Result<()> {
    let body = json!({"schema": {}, "result_type": "groups"});
    let project = Project::create_from(&session, &body).await?;
    same("number of update tokens", project.updates.len(), 2)?;
    let description = project.describe().await?;
    for (member, default) in [
        ("name", json!("")),
        ("notes", json!("")),
        ("number_parties", json!(2)),
        ("uses_blocking", json!(false)),
    ] {
        same(member, &description[member], &default)?;
    }
    Ok(())
}

async fn unknown_members(session: Arc<Session>) -> Result<()> {
    let mut body = Spec::groups(2).body()?;
    body["selftest"] = json!({"anything": [1, null]});
    Project::create_from(&session, &body).await.map(drop)
}

async fn contributions(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(3)).await?;
    let data = synth::several(1, 3, 5);
    for (party, encodings) in data.iter().enumerate() {
        project.upload(party, forms::clks(encodings)).await?;
        same("parties_contributed", &project.describe().await?["parties_contributed"], &json!(party + 1))?;
    }
    Ok(())
}

async fn listing(session: Arc<Session>) -> Result<Verdict> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    let reply = session.send(session.privileged(Request::get("/projects"))).await?;
    if matches!(reply.status, 400 | 401 | 403) && !session.has_privilege() {
        return Ok(Verdict::Skipped("this service lists projects only to holders of a token".into()));
    }
    let list = reply.expect(200)?.json()?;
    let entry = |list: &Value| {
        let found = list.as_array()?.iter().find(|entry| entry["project_id"].as_str() == Some(&project.id));
        found.cloned()
    };
    let Some(found) = entry(&list) else { anyhow::bail!("the list lacks a project that was just created") };
    timestamp(text(&found, "time_added")?)?;
    session.send(Request::delete(project.path("")).token(&project.result)).await?.expect(204)?;
    let list = session.send(session.privileged(Request::get("/projects"))).await?.expect(200)?.json()?;
    ensure!(entry(&list).is_none(), "the list still shows a deleted project");
    Ok(().into())
}

/// What is wrong, and the member that makes it so (absent: left out).
fn invalid() -> Vec<(&'static str, (&'static str, Option<Value>))> {
    vec![
        ("a project without a schema", ("schema", None)),
        ("a schema that is no object", ("schema", Some(json!("clk")))),
        ("a project without a result type", ("result_type", None)),
        ("an unknown result type", ("result_type", Some(json!("mapping")))),
        ("a project of one party", ("number_parties", Some(json!(1)))),
        ("a negative number of parties", ("number_parties", Some(json!(-2)))),
        ("a number of parties that is text", ("number_parties", Some(json!("two")))),
        ("uses_blocking that is text", ("uses_blocking", Some(json!("yes")))),
        ("a name that is a number", ("name", Some(json!(7)))),
        ("permutations of three parties", ("result_type", Some(json!("permutations")))),
        ("similarity scores of three parties", ("result_type", Some(json!("similarity_scores")))),
    ]
}

async fn refused(session: Arc<Session>, (member, value): (&'static str, Option<Value>)) -> Result<()> {
    // Three parties: fine for groups, and what makes the last two cases wrong.
    let mut body = Spec::groups(3).body()?;
    match (value, body.as_object_mut()) {
        (Some(value), _) => body[member] = value,
        (None, Some(members)) => drop(members.remove(member)),
        (None, None) => {}
    }
    session.create(&body).await?.problem(400).map(drop)
}

async fn not_json(session: Arc<Session>) -> Result<()> {
    for body in ["", "{\"schema\":", "[]", "null", "schema"] {
        let request = Request::post("/projects").body("application/json", body);
        session.create_by(request).await?.problem(400)?;
    }
    Ok(())
}
