//! As much of Kubernetes as it takes to start a container's process: its environment, from the objects of the release.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::chart::objects::{find, list, pod, secrets, texts};

/// Everything in the environment of a container, in the order of precedence that Kubernetes has.
pub fn environment(objects: &[Value], container: &Value) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for source in list(&container["envFrom"]) {
        if let Some(name) = source["configMapRef"]["name"].as_str() {
            all.extend(texts(&find(objects, "ConfigMap", name)["data"]));
        } else {
            let name = source["secretRef"]["name"].as_str().unwrap_or_else(|| panic!("{source}"));
            all.extend(secrets(find(objects, "Secret", name)));
        }
    }
    for entry in list(&container["env"]) {
        let name = entry["name"].as_str().unwrap().to_owned();
        let value = match entry["value"].as_str() {
            Some(value) => value.to_owned(),
            None => value_from(objects, &entry["valueFrom"]),
        };
        all.insert(name, value);
    }
    all
}

fn value_from(objects: &[Value], source: &Value) -> String {
    let key = &source["secretKeyRef"];
    let name = key["name"].as_str().unwrap_or_else(|| panic!("another source than a secret: {source}"));
    secrets(find(objects, "Secret", name))[key["key"].as_str().unwrap()].clone()
}

/// The container of an object's pods that runs a role of the binary: its arguments and environment.
pub fn role(objects: &[Value], kind: &str, name: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let container = &list(&pod(objects, kind, name)["spec"]["containers"])[0];
    assert!(container["command"].is_null(), "{kind} {name} leaves the image's entry point alone");
    let arguments = list(&container["args"]).iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    (arguments, environment(objects, container))
}
