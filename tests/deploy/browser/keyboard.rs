//! The pages without a mouse.

use crate::browser::page::{DESKTOP, Page};
use crate::service::{self, create, parties, upload};

/// What has the focus, by its id or text.
fn focus(page: &Page) -> String {
    let found = page.eval("document.activeElement.id || document.activeElement.innerText");
    found.as_str().unwrap().trim().to_owned()
}

/// Tabs until this has the focus.
fn tab_to(page: &Page, wanted: &str) {
    let mut seen = Vec::new();
    while focus(page) != wanted {
        seen.push(focus(page));
        assert!(seen.len() < 60, "{wanted} is not reached by Tab: {seen:?}");
        page.press("Tab");
    }
    let visible = page.eval("getComputedStyle(document.activeElement).outlineStyle !== 'none'");
    assert_eq!(visible, true, "the focus on {wanted} is not to be seen");
}

#[test]
fn browser_pages_are_walked_by_keyboard_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = service::serve(folder.path(), &[]);
    let project = create(&url, "groups").unwrap();
    for (party, rows) in parties(200, 3).iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    let page = Page::open(&url, "/", DESKTOP);
    page.press("Tab");
    assert_eq!(focus(&page), "Skip to the content");
    page.press("Enter");
    assert_eq!(focus(&page), "main");
    page.go("/");
    tab_to(&page, "Project");
    page.press("Enter");
    page.wait("location.pathname === '/project' && document.getElementById('entry').onsubmit");
    tab_to(&page, "project");
    page.write(&project.id);
    page.press("Tab");
    page.write(&project.result);
    page.press("Tab");
    page.press("Enter");
    assert_eq!(page.eval("document.getElementById('token').type"), "text", "it is shown");
    page.press(" ");
    assert_eq!(page.eval("document.getElementById('token').type"), "password");
    page.press("Tab");
    page.press("Enter");
    page.wait("document.activeElement.id === 'about-title'");
    tab_to(&page, "threshold");
    page.press("Enter");
    page.shows("Completed");
    // A refresh leaves the focus where it is.
    let own = "[...document.querySelectorAll('#runs button')].at(-1)";
    page.eval(&format!("{own}.focus(); window.focused = {own}"));
    let asked = page.requests().len();
    service::wait_for("a refresh", || page.requests().len() > asked + 2);
    page.wait("document.activeElement === window.focused && window.focused.isConnected");
    page.press("Enter");
    page.wait("document.querySelector('dialog').open");
    tab_to(&page, "Keep it");
    page.press("Enter");
    page.wait("!document.querySelector('dialog').open && document.activeElement === window.focused");
    page.eval("document.getElementById('about-title').focus()");
    tab_to(&page, "Close");
    page.press("Enter");
    page.wait("document.getElementById('view').hidden");
    assert_eq!(page.eval("document.getElementById('token').value"), "");
    page.check(&[]);
}
