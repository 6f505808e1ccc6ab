//! Linkages each of which can be told from all others by what is found of it.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Needles, document};
use crate::service::{Project, call, parties, post_run, run_state, wait_for};

/// Projects, and what is theirs alone.
#[derive(Default)]
pub struct Linkages {
    pub projects: Vec<Project>,
    pub needles: Needles,
}

/// A linkage with data and texts of its own.
pub fn link(url: &str, index: usize, Linkages { projects, needles }: &mut Linkages) {
    let mut text = |what: &'static str| {
        let text = format!("{what} {}", hex::encode(Sha256::digest(format!("{what} {index}"))));
        needles.text(what, &text[what.len() + 1..]);
        text
    };
    let body = json!({
        "schema": {"comment": text("the schema")}, "result_type": "groups", "uses_blocking": true,
        "name": text("the name"), "notes": text("the notes").repeat(index % 7 + 1),
    });
    let (status, made) = call(url, "POST", "/projects", "", Some(body)).unwrap();
    assert_eq!(status, 201, "{made}");
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let project = Project {
        id: word(&made["project_id"]),
        updates: made["update_tokens"].as_array().unwrap().iter().map(word).collect(),
        result: word(&made["result_token"]),
    };
    let path = format!("/projects/{}", project.id);
    let mut tokens = project.updates.clone();
    tokens.push(project.result.clone());
    for (token, rows) in project.updates.iter().zip(parties(20, 101 + 2 * index as u64)) {
        rows.chunks(128).for_each(|row| needles.encoding(row));
        let (status, answer) =
            call(url, "POST", &format!("{path}/clks"), token, Some(document(&rows))).unwrap();
        assert_eq!(status, 201, "{answer}");
        tokens.push(word(&answer["receipt_token"]));
    }
    for token in &tokens {
        needles.token(token);
        // The trail keeps the first four bytes.
        let digest = Sha256::digest(hex::decode(token).unwrap());
        needles.bytes("a token's digest", &digest[4..]);
    }
    let run = post_run(url, &project, 0.7).unwrap();
    wait_for("the run", || run_state(url, &project, &run).unwrap().0 == "completed");
    projects.push(project);
}

/// Deletes them all.
pub fn delete(url: &str, linkages: &Linkages) {
    for project in &linkages.projects {
        let path = format!("/projects/{}", project.id);
        assert_eq!(call(url, "DELETE", &path, &project.result, None).unwrap().0, 204);
    }
}
