//! The OpenAPI document against the route table, and against itself.

use std::collections::BTreeSet;

use anonlink::api::{OPENAPI_DOCUMENT, ROUTES};
use anonlink::domain::RunState;
use anonlink::domain::project::MAX_PARTIES;
use serde_json::Value;

use crate::api::support::Service;

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

fn document() -> Value {
    serde_json::from_str(OPENAPI_DOCUMENT).expect("the document is JSON")
}

/// Method, path and description of every operation.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                all.push((method.to_owned(), path.clone(), operation));
            }
        }
    }
    all
}

/// Every object in the document.
fn objects<'a>(value: &'a Value, found: &mut Vec<&'a serde_json::Map<String, Value>>) {
    match value {
        Value::Object(members) => {
            found.push(members);
            members.values().for_each(|value| objects(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| objects(value, found)),
        _ => {}
    }
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            document.pointer(reference.trim_start_matches('#')).expect("the reference resolves")
        }
        None => value,
    }
}

#[test]
fn document_and_routes_are_the_same() {
    let document = document();
    let described: BTreeSet<_> =
        operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    let served: BTreeSet<_> =
        ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    assert_eq!(described, served);
    assert_eq!(ROUTES.len(), served.len(), "no route stands in the table twice");
}

#[test]
fn references_resolve_and_every_component_is_used() {
    let document = document();
    let mut all = Vec::new();
    objects(&document, &mut all);
    let references: BTreeSet<_> = all
        .iter()
        .filter_map(|object| object.get("$ref"))
        .map(|reference| reference.as_str().unwrap())
        .collect();
    for reference in &references {
        assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
    for (kind, components) in document["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
            assert!(
                references.contains(format!("#/components/{kind}/{name}").as_str()),
                "{kind}/{name} is unused"
            );
        }
    }
}

#[test]
fn operations_are_complete() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    let mut identifiers = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let place = format!("{method} {path}");
        assert!(identifiers.insert(operation["operationId"].as_str().unwrap().to_owned()), "{place}");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{place}");
        let item = &document["paths"][&path];
        let parameters = [&item["parameters"], &operation["parameters"]];
        let declared: BTreeSet<_> = parameters
            .iter()
            .filter_map(|list| list.as_array())
            .flatten()
            .map(|parameter| resolve(&document, parameter))
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let named: BTreeSet<_> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(declared, named, "{place}: path parameters");
        for scheme in
            operation["security"].as_array().into_iter().flatten().flat_map(|s| s.as_object().unwrap().keys())
        {
            assert!(schemes.contains_key(scheme), "{place}: {scheme}");
        }
        responses_are_complete(&document, &place, operation);
    }
}

fn responses_are_complete(document: &Value, place: &str, operation: &Value) {
    let responses = operation["responses"].as_object().unwrap();
    assert!(responses.keys().any(|status| status.starts_with('2')), "{place}: no success");
    let limited = !place.contains("/health/");
    assert!(!limited || responses.contains_key("503"), "{place}: the rate limit may answer any request");
    let secured = operation.get("security").is_some();
    assert!(!secured || (responses.contains_key("400") && responses.contains_key("403")), "{place}: rights");
    assert!(operation.get("requestBody").is_none() || responses.contains_key("413"), "{place}: body limit");
    for (status, response) in responses {
        let response = resolve(document, response);
        assert!(!response["description"].as_str().unwrap().is_empty(), "{place} {status}");
        let content = response["content"].as_object();
        match status.as_str() {
            "204" => assert!(content.is_none(), "{place} {status}"),
            error if error >= "400" => {
                assert!(content.unwrap().contains_key("application/problem+json"), "{place} {status}");
            }
            _ => assert!(content.unwrap()["application/json"]["schema"].is_object(), "{place} {status}"),
        }
    }
}

#[test]
fn bounds_are_those_of_the_code() {
    let document = document();
    let parties = &document["components"]["schemas"]["NewProject"]["properties"]["number_parties"];
    assert_eq!(parties["maximum"], MAX_PARTIES);
    let states = document["components"]["schemas"]["RunState"]["enum"].as_array().unwrap();
    assert_eq!(*states, RunState::ALL.map(|state| Value::from(state.name())));
}

#[tokio::test]
async fn the_document_is_served() {
    let served = Service::start().await.get("/api/v1/openapi.json", "").await.json(200);
    assert_eq!(served, document());
}
