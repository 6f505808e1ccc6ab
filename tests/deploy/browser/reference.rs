//! The API reference: everything that the document describes is on the page.

use anonlink::api::OPENAPI_DOCUMENT;
use serde_json::Value;

use crate::browser::page::{DESKTOP, Page};
use crate::service;

#[test]
fn browser_reference_lists_every_operation_and_schema() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = service::serve(folder.path(), &[]);
    let page = Page::open(&url, "/reference", DESKTOP);
    page.wait("document.querySelector('details.operation')");
    page.click("Open all");
    let document: Value = serde_json::from_str(OPENAPI_DOCUMENT).unwrap();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "delete"] {
            let Some(operation) = item.get(method) else { continue };
            operations += 1;
            let id = operation["operationId"].as_str().unwrap();
            let text = page.text(&format!("#operation-{id}"));
            let summary = operation["summary"].as_str().unwrap();
            for wanted in [path, &method.to_uppercase(), summary, "curl"] {
                assert!(text.contains(wanted), "{method} {path} lacks {wanted}:\n{text}");
            }
            for status in operation["responses"].as_object().unwrap().keys() {
                assert!(text.contains(status), "{method} {path} lacks {status}");
            }
        }
    }
    assert_eq!(page.eval("document.querySelectorAll('details.operation').length"), operations);
    for schema in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(page.text(&format!("#schema-{schema}")).contains(schema), "{schema}");
    }
    let broken = page.eval(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map((link) => link.getAttribute('href')) \
         .filter((target) => !document.getElementById(target.slice(1)))",
    );
    assert_eq!(broken, serde_json::json!([]), "links that lead nowhere");
    page.check(&[]);
}
