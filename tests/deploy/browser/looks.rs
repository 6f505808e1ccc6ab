//! How the pages look on a desktop and on a phone, by day and by night, and to those who don't see them.

use std::path::Path;

use serde_json::{Value, json};

use crate::browser::page::{DESKTOP, PHONE, Page, View};
use crate::service::{self, Project, create, parties, post_run, run_state, upload, wait_for};

const VIEWS: [View; 4] = [DESKTOP, View { dark: true, ..DESKTOP }, PHONE, View { dark: true, ..PHONE }];

/// Controls by their roles in the accessibility tree.
const CONTROLS: [&str; 9] = [
    "button",
    "link",
    "textbox",
    "radio",
    "progressbar",
    "DisclosureTriangle",
    "table",
    "image",
    "navigation",
];

/// A project with a completed run.
fn linked(url: &str) -> Project {
    let project = create(url, "groups").unwrap();
    for (party, rows) in parties(400, 5).iter().enumerate() {
        assert_eq!(upload(url, &project, party, 128, rows).unwrap(), 201);
    }
    let run = post_run(url, &project, 0.8).unwrap();
    wait_for("the run", || run_state(url, &project, &run).unwrap().0 == "completed");
    project
}

/// Every page, in the state in which it shows most; each is looked at in all views.
fn every_page(look: impl Fn(&Page, &str)) {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = service::serve(folder.path(), &[]);
    let project = linked(&url);
    let page = Page::open(&url, "/", DESKTOP);
    page.shows("In service");
    look(&page, "index");
    page.go("/monitor");
    page.shows("Recent failures");
    look(&page, "monitor");
    page.go("/reference");
    page.click("Open all");
    look(&page, "reference");
    page.go("/project");
    look(&page, "project-entry");
    page.open_project(&project.id, &project.result);
    page.click("Show result");
    page.shows("The whole result");
    page.eval("for (const one of document.querySelectorAll('details')) one.open = true");
    look(&page, "project-result");
    page.go("/project");
    let waiting = create(&url, "groups").unwrap();
    page.open_project(&waiting.id, &waiting.updates[0]);
    page.shows("Upload your encodings");
    page.eval("document.querySelector('input[value=binary]').click()");
    look(&page, "project-upload");
    page.check(&[403]);
}

/// Whether the page fits every view, in the colours of the hour.
fn fits(page: &Page, name: &str) {
    for view in VIEWS {
        page.see(view);
        page.picture(name, view);
        let width = page.eval("document.documentElement.scrollWidth");
        assert_eq!(width, view.width, "{name} scrolls sideways at {view:?}");
        let ground = page.eval("getComputedStyle(document.body).backgroundColor");
        let light: u32 = ground.as_str().unwrap()[4..].split(',').next().unwrap().parse().unwrap();
        assert_eq!(light < 128, view.dark, "{name}: {ground}");
    }
    page.see(DESKTOP);
}

/// Whether screen readers are told the name of every control, and find their way.
fn is_named(page: &Page, name: &str) {
    let tree = page.call("Accessibility.getFullAXTree", json!({}));
    let nodes = tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false);
    let mut controls = 0;
    for node in nodes {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        if CONTROLS.contains(&role) {
            controls += 1;
            let named = node["name"]["value"].as_str().is_some_and(|text| !text.trim().is_empty());
            assert!(named, "{name}: a {role} without a name: {node}");
        }
    }
    assert!(controls > 5, "{name}: only {controls} controls");
    let landmarks = page.eval(
        "['header', 'nav', 'main', 'footer'].every((one) => document.querySelector(one)) \
         && document.querySelectorAll('h1').length === 1 && document.documentElement.lang === 'en'",
    );
    assert_eq!(landmarks, true, "{name}: landmarks");
}

#[test]
fn browser_pages_fit_every_view_and_name_every_control() {
    every_page(|page, name| {
        fits(page, name);
        is_named(page, name);
    });
}

#[test]
fn browser_axe_finds_nothing_wrong() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/test-tools/browser/node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}; `tests/run deploy` installs it", file.display()));
    every_page(|page, name| {
        page.eval(&format!("{axe}; true"));
        for view in [DESKTOP, View { dark: true, ..PHONE }] {
            page.see(view);
            let found = page.eval(
                "axe.run(document, { preload: false, resultTypes: ['violations'] }).then(({ violations, passes }) => \
                 [passes.length, violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html + ' ' + n.failureSummary).join('; ')}`)])",
            );
            assert!(found[0].as_u64().unwrap() > 15, "{name}: only {} rules were applied", found[0]);
            assert_eq!(found[1], Value::Array(Vec::new()), "{name} at {view:?}");
        }
        page.see(DESKTOP);
    });
}
