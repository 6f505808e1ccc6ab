//! What those see who have a party's token: their own, and nothing of the others.

use serde_json::{Value, json};

use crate::browser::page::{DESKTOP, Page};
use crate::service::{self, Project, call, create, parties, post_run, run_state, wait_for};

/// A project of two parties of different sizes, and the receipts.
fn project(url: &str, result_type: &str) -> (Project, Vec<String>) {
    let project = create(url, result_type).unwrap();
    let [a, b] = parties(300, 7);
    let uploads = [&a[..211 * 128], &b[..257 * 128]];
    let receipts = uploads.iter().enumerate().map(|(party, rows)| {
        let (count, size) = ((rows.len() / 128).to_string(), "128".to_owned());
        let headers =
            [("Content-Type", "application/octet-stream"), ("Hash-Count", &count), ("Hash-Size", &size)];
        let path = format!("/projects/{}/binaryclks", project.id);
        let (status, body) =
            service::request(url, "POST", &path, &project.updates[party], rows, &headers).unwrap();
        assert_eq!(status, 201);
        let answer: Value = serde_json::from_slice(&body).unwrap();
        answer["receipt_token"].as_str().unwrap().to_owned()
    });
    let receipts = receipts.collect();
    (project, receipts)
}

#[test]
fn browser_shows_custodians_their_own_upload_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = service::serve(folder.path(), &[]);
    let (project, receipts) = project(&url, "groups");
    post_run(&url, &project, 0.8).unwrap();
    for token in [&project.updates[0], &receipts[0]] {
        let page = Page::open(&url, "/project", DESKTOP);
        page.open_project(&project.id, token);
        page.shows("Your upload");
        page.shows("211");
        let text = page.text("main");
        for hidden in ["257", "Party 1", "Parties", "Runs", "Start run", "Threshold", "of 2"] {
            assert!(!text.contains(hidden), "{hidden} is shown:\n{text}");
        }
        assert!(!text.contains("Upload your encodings"), "the token has been used");
        page.check(&[403]);
    }
}

#[test]
fn browser_gives_a_receipt_its_permutation() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = service::serve(folder.path(), &[]);
    let (project, receipts) = project(&url, "permutations");
    let run = post_run(&url, &project, 0.9).unwrap();
    wait_for("the run", || run_state(&url, &project, &run).unwrap().0 == "completed");
    let page = Page::open(&url, "/project", DESKTOP);
    page.open_project(&project.id, &receipts[0]);
    page.fill_when_there("run-id", &"0".repeat(48));
    page.click("Look");
    page.shows("There is no such run in this project.");
    page.fill("run-id", &run);
    page.click("Look");
    page.click("Show result");
    page.shows("places of your permutation");
    let path = format!("/projects/{}/runs/{run}/result", project.id);
    let (_, own) = call(&url, "GET", &path, &receipts[0], None).unwrap();
    let shown = page.text("pre.wrapped");
    let first: Vec<_> = shown.split_whitespace().take(5).map(|n| n.parse::<u64>().unwrap()).collect();
    assert_eq!(json!(first), Value::from(own["permutation"].as_array().unwrap()[..5].to_vec()));
    assert!(!page.text("main").contains("257"), "the other party's size");
    page.check(&[403]);

    let creator = Page::open(&url, "/project", DESKTOP);
    creator.open_project(&project.id, &project.result);
    creator.click("Show result");
    creator.shows("values of the mask");
    let (_, mask) = call(&url, "GET", &path, &project.result, None).unwrap();
    let ones = mask["mask"].as_array().unwrap().iter().filter(|value| **value == 1).count();
    creator.shows(&format!("Matches\n{ones}"));
    creator.check(&[]);
}

#[test]
fn browser_answers_a_wrong_token_and_a_wrong_project_alike() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = service::serve(folder.path(), &[]);
    let project = create(&url, "groups").unwrap();
    let page = Page::open(&url, "/project", DESKTOP);
    let wrong = "0123456789abcdef".repeat(3);
    let mut told = Vec::new();
    for (id, token) in [(&project.id, &wrong), (&wrong, &project.result), (&"x/../y".to_owned(), &wrong)] {
        page.open_project(id, token);
        page.shows("No project can be opened with these");
        told.push(page.text("#refused"));
        assert_eq!(page.eval("document.getElementById('token').value"), "", "the token is kept");
        assert_eq!(page.eval("document.getElementById('view').hidden"), true);
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    page.click("Open");
    page.shows("Give both");
    page.check(&[403, 404]);
}
