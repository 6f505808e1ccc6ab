//! The monitor: what it shows of a busy service, and that it keeps its operator's word.

use std::time::Duration;

use serde_json::json;

use crate::browser::page::{DESKTOP, Page};
use crate::service::{self, call, create, parties, post_run, upload};

#[test]
fn browser_monitor_shows_a_queue_a_run_and_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    // One worker and small parts, so that a queue stands for a while.
    let flags = ["--concurrency", "1", "--chunk-size-aim", "20000"];
    let (_server, url) = service::serve(folder.path(), &flags);
    let schema = json!({"schema": {"clkConfig": {"l": 2048}}, "result_type": "groups"});
    let (_, broken) = call(&url, "POST", "/projects", "", Some(schema)).unwrap();
    let id = broken["project_id"].as_str().unwrap();
    let body = json!({"clks": ["AAECAwQFBgc="]});
    let token = broken["update_tokens"][0].as_str().unwrap();
    assert_eq!(call(&url, "POST", &format!("/projects/{id}/clks"), token, Some(body)).unwrap().0, 201);

    let page = Page::open(&url, "/monitor", DESKTOP);
    page.shows("No run is in progress.");
    page.shows(&format!("Project {}", &id[..8]));
    page.wait("document.getElementById('failures').innerText.includes('expected 256')");
    assert!(!page.text("main").contains(id), "an identifier is shown in full");
    let project = create(&url, "groups").unwrap();
    for (party, rows) in parties(6000, 11).iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    let run = post_run(&url, &project, 0.9).unwrap();
    page.shows(&format!("Run {} of project {}", &run[..8], &project.id[..8]));
    page.shows("compute similarity scores");
    page.wait("document.querySelector('#runs progress').value > 0");
    page.wait("Number(document.querySelector('#queues tbody tr:nth-child(2) .number').innerText.replace(',', '')) > 0");
    page.wait("document.getElementById('workers').innerText.includes('compare for')");
    page.picture("monitor-busy", DESKTOP);
    // A page that nobody looks at asks nothing.
    page.eval(
        "Object.defineProperty(document, 'hidden', { value: true, configurable: true }); \
         document.dispatchEvent(new Event('visibilitychange'))",
    );
    // What the page has asked until now is known once this is.
    page.eval("fetch('/api/v1/monitor').then((answer) => answer.text())");
    let asked = page.requests().len();
    // Only time shows that none comes: one is due every two seconds.
    std::thread::sleep(Duration::from_millis(3000));
    assert_eq!(page.requests().len(), asked);
    page.eval("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))");
    page.wait("!document.hidden");
    service::wait_for("another question", || page.requests().len() > asked);
    page.check(&[]);
}

#[test]
fn browser_monitor_asks_for_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = service::serve(folder.path(), &["--monitor-token", "let-me-see"]);
    let page = Page::open(&url, "/monitor", DESKTOP);
    page.fill_when_there("token", "wrong");
    page.click("Look");
    page.shows("Wrong token");
    page.fill("token", "let-me-see");
    page.press("Enter");
    page.shows("Queues");
    assert_eq!(page.eval("document.getElementById('entry').hidden"), true);
    let kept = page.eval("JSON.stringify([localStorage, sessionStorage, location.href])");
    assert!(!kept.as_str().unwrap().contains("let-me-see"));
    page.check(&[400, 403]);
}

#[test]
fn browser_monitor_says_that_it_is_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = service::serve(folder.path(), &["--monitor", "off"]);
    let page = Page::open(&url, "/monitor", DESKTOP);
    page.shows("The monitor is switched off");
    assert!(!page.text("main").contains("Queues"));
    page.check(&[404]);
}
