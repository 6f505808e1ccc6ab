//! Finding one's way in rendered objects.

use std::collections::BTreeMap;

use base64::Engine;
use serde_json::Value;

/// `Kind name`.
pub fn title(object: &Value) -> String {
    format!("{} {}", kind(object), name(object))
}

/// The kind.
pub fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or_else(|| panic!("no kind: {object}"))
}

/// The name.
pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_else(|| panic!("no name: {object}"))
}

/// The one object of this kind and name.
pub fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let wanted = format!("{kind} {name}");
    objects
        .iter()
        .find(|object| title(object) == wanted)
        .unwrap_or_else(|| panic!("no {wanted} in {:?}", objects.iter().map(title).collect::<Vec<_>>()))
}

/// Whether there is one.
pub fn has(objects: &[Value], kind: &str, name: &str) -> bool {
    objects.iter().any(|object| title(object) == format!("{kind} {name}"))
}

/// Objects that are or make pods, and the pods' template (for a pod: itself).
pub fn pods(objects: &[Value]) -> Vec<(String, &Value)> {
    let template = |object| match kind(object) {
        "Pod" => Some(object),
        "Deployment" | "StatefulSet" | "Job" => Some(&object["spec"]["template"]),
        _ => None,
    };
    objects.iter().filter_map(|object| Some((title(object), template(object)?))).collect()
}

/// The template of a pod.
pub fn pod<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let object = find(objects, kind, name);
    if kind == "Pod" { object } else { &object["spec"]["template"] }
}

/// A list's elements; none if it is missing.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Names and values of an object's members, as text.
pub fn texts(value: &Value) -> BTreeMap<String, String> {
    let members = value.as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    members.map(|(name, value)| (name.clone(), text(value))).collect()
}

/// The decoded data of a Secret.
pub fn secrets(object: &Value) -> BTreeMap<String, String> {
    let decode = |text: String| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    texts(&object["data"]).into_iter().map(|(name, value)| (name, decode(value))).collect()
}

/// A container's own environment: names, and values or where they come from.
pub fn environment(container: &Value) -> BTreeMap<String, String> {
    let entry = |entry: &Value| {
        let value = entry["value"].as_str().map_or_else(|| entry["valueFrom"].to_string(), str::to_owned);
        (entry["name"].as_str().unwrap().to_owned(), value)
    };
    list(&container["env"]).iter().map(entry).collect()
}

/// What the API's and workers' ConfigMap holds.
pub fn configuration(objects: &[Value]) -> BTreeMap<String, String> {
    texts(&find(objects, "ConfigMap", "anonlink-config")["data"])
}

/// Checks that variables have these values.
pub fn hold(found: &BTreeMap<String, String>, wanted: &[(&str, &str)]) {
    for (variable, value) in wanted {
        assert_eq!(found[*variable], *value, "{variable}");
    }
}
