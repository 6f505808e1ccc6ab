//! A linkage followed on the pages, from the upload to the result.

use std::path::{Path, PathBuf};

use base64::Engine;
use serde_json::Value;

use crate::browser::page::{DESKTOP, Page};
use crate::service::{self, Project, create, wait_for};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn golden(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture(&format!("golden/{name}.json"))).unwrap()).unwrap()
}

/// A party's encodings, one after the other.
fn packed(name: &str) -> Vec<u8> {
    let document: Value = serde_json::from_slice(&std::fs::read(fixture(name)).unwrap()).unwrap();
    let engine = base64::engine::general_purpose::STANDARD;
    let encodings = document["clks"].as_array().unwrap().iter();
    encodings.flat_map(|one| engine.decode(one.as_str().unwrap()).unwrap()).collect()
}

/// Uploads a file on the page with a party's update token, and returns the receipt that it shows.
fn upload(url: &str, project: &Project, party: usize, file: &Path, binary: bool) -> String {
    let page = Page::open(url, "/project", DESKTOP);
    page.open_project(&project.id, &project.updates[party]);
    page.shows("Upload your encodings");
    if binary {
        page.eval("document.querySelector('input[value=binary]').click()");
    }
    page.choose("file", file);
    if binary {
        page.wait("document.getElementById('count').value === '5000'");
    }
    page.click("Upload");
    page.shows("Your encodings have been taken.");
    page.wait("document.getElementById('parties').innerText.includes('5,000')");
    page.check(&[403]);
    page.eval("document.getElementById('receipt').value").as_str().unwrap().to_owned()
}

#[test]
fn browser_follows_febrl4_from_the_upload_to_its_groups() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = service::serve(folder.path(), &[]);
    let project = create(&url, "groups").unwrap();
    let other = folder.path().join("b.bin");
    std::fs::write(&other, packed("febrl4/b.json")).unwrap();
    let receipts = [
        upload(&url, &project, 0, &fixture("febrl4/a.json"), false),
        upload(&url, &project, 1, &other, true),
    ];
    assert!(receipts.iter().all(|receipt| receipt.len() == 48) && receipts[0] != receipts[1]);

    let page = Page::open(&url, "/project", DESKTOP);
    page.open_project(&project.id, &project.result);
    page.shows("2 of 2 parties ready");
    page.wait("document.querySelectorAll('#parties figure').length === 2");
    page.fill("threshold", "2");
    page.click("Start run");
    page.shows("A threshold is a number above 0 and at most 1");
    page.fill("threshold", "0,8");
    page.fill("run-name", "the <b>first</b> run");
    page.click("Start run");
    page.shows("the <b>first</b> run");
    page.shows("Completed");
    page.click("Show result");
    page.shows("The whole result");
    let golden = golden("febrl4-0.8");
    let groups = golden["groups"].as_array().unwrap();
    let facts = page.text("#runs [role=region] dl.facts");
    assert!(facts.replace(',', "").contains(&format!("{} of 2 records each", groups.len())), "{facts}");
    assert!(page.text("[role=region] figcaption").contains("5,025 candidate pairs"), "the scores");
    let rows = page.eval("document.querySelectorAll('[aria-label=\"The first 15 groups\"] tbody tr').length");
    assert_eq!(rows, 15);
    let first = page.text("[aria-label='The first 15 groups'] tbody tr td");
    let wanted: Vec<_> = groups[0]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| format!("party {}, record {}", record[0], record[1]))
        .collect();
    assert_eq!(first.lines().collect::<Vec<_>>(), wanted);
    let commands = page.eval("[...document.querySelectorAll('pre')].map((one) => one.textContent).join()");
    assert!(commands.as_str().unwrap().contains("Authorization: $TOKEN"));

    let downloads = folder.path().join("downloads");
    std::fs::create_dir(&downloads).unwrap();
    page.download_to(&downloads);
    page.click("Download");
    page.shows("fetched.");
    let runs = service::call(&url, "GET", &format!("/projects/{}/runs", project.id), &project.result, None);
    let run = runs.unwrap().1[0]["run_id"].as_str().unwrap().to_owned();
    let file = downloads.join(format!("anonlink-{}.json", &run[..8]));
    wait_for("the download", || file.exists());
    let (_, result) = service::result(&url, &project, &run).unwrap();
    wait_for("all of the download", || std::fs::read(&file).unwrap() == result);
    // The token has been in no address, and nothing has been kept.
    let kept = page.eval("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])");
    for secret in [&project.result, &project.updates[0]] {
        assert!(!kept.as_str().unwrap().contains(secret.as_str()));
        assert!(!page.requests().iter().any(|url| url.contains(secret.as_str())));
    }
    page.check(&[]);
}

#[test]
fn browser_shows_febrl4s_similarity_scores_and_deletes_their_run() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = service::serve(folder.path(), &[]);
    let project = create(&url, "similarity_scores").unwrap();
    for (party, name) in ["a", "b"].iter().enumerate() {
        let rows = packed(&format!("febrl4/{name}.json"));
        assert_eq!(service::upload(&url, &project, party, 128, &rows).unwrap(), 201);
    }
    let page = Page::open(&url, "/project", DESKTOP);
    page.open_project(&project.id, &project.result);
    page.fill_when_there("threshold", "0.8");
    page.click("Start run");
    page.shows("Completed");
    page.click("Show result");
    page.shows("The first 15 pairs, best first");
    let golden = golden("febrl4-0.8");
    let first = &golden["first"][0];
    let row = page.text("[aria-label^='The first 15 pairs'] tbody tr").replace(['\t', '\n'], " ");
    for wanted in [format!("party 0, record {}", first[0][1]), format!("party 1, record {}", first[1][1])] {
        assert!(row.contains(&wanted), "{row}: {wanted}");
    }
    let score: f64 = first[2].as_str().unwrap().parse().unwrap();
    let shown: f64 = row.split_whitespace().last().unwrap().parse().unwrap();
    assert!((shown - score).abs() < 1e-6, "{row}");
    page.click("Delete");
    page.wait("document.querySelector('dialog').open");
    page.press("Escape");
    page.wait("!document.querySelector('dialog').open");
    page.shows("Completed");
    page.click("Delete");
    page.click("Delete it");
    page.shows("There is no run yet.");
    page.check(&[403]);
}
