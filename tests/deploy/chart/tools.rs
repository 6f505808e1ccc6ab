//! Tools that judge what is rendered: kubeconform by the schemas of each release of Kubernetes, the definitions of Gateway API, KEDA
//! and the Prometheus operator, and checkov's policies.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::chart::cases::{CASES, Case, borrowed};
use crate::chart::helm::{Helm, parse, repository};
use crate::chart::objects::kind;
use crate::stack::find;

/// Kinds that Kubernetes itself doesn't know.
pub const FOREIGN: &[&str] =
    &["HTTPRoute", "PrometheusRule", "ScaledObject", "ServiceMonitor", "TriggerAuthentication"];

fn tools() -> PathBuf {
    repository().join("target/test-tools")
}

/// Releases of Kubernetes that there are schemas of, oldest first.
fn releases() -> Vec<String> {
    let folder = tools().join("chart-schemas");
    let entries = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}; run `tests/run deploy`", folder.display()));
    let mut found: Vec<_> = entries
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_prefix('v').map(str::to_owned))
        .collect();
    found.sort_by_key(|release| {
        release.split('.').map(|part| part.parse::<u32>().unwrap()).collect::<Vec<_>>()
    });
    found
}

/// What kubeconform says to a text of documents, and whether it is content.
fn conforms(release: &str, text: &str) -> (bool, String) {
    let schemas =
        tools().join("chart-schemas/{{.NormalizedKubernetesVersion}}/{{.ResourceKind}}{{.KindSuffix}}.json");
    let mut child = Command::new(find("kubeconform", &[]))
        .args(["-strict", "-summary", "-kubernetes-version", release, "-skip", &FOREIGN.join(",")])
        .args(["-schema-location", schemas.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn chart_schemas_from_1_29_to_the_newest_accept_every_object() {
    let releases = releases();
    assert_eq!(releases[0], "1.29.0");
    assert_eq!(releases.last().unwrap(), crate::chart::helm::KUBERNETES, "tests render for the newest");
    let job = std::fs::read_to_string(repository().join("deploy/jobs/integration-test-job.yaml")).unwrap();
    for release in &releases {
        let mut all = job.clone();
        for case in CASES {
            all += "\n---\n";
            all += &Helm::any().template(release, &borrowed(&case.arguments())).unwrap();
        }
        let (fine, said) = conforms(release, &all);
        assert!(fine, "Kubernetes {release}: {said}");
        assert!(said.contains("Invalid: 0, Errors: 0"), "{said}");
    }
}

#[test]
fn chart_schemas_refuse_what_is_wrong() {
    let text = Helm::any().template("1.33.0", &borrowed(&Case::named("default").arguments())).unwrap();
    for (right, wrong, part) in [
        ("automountServiceAccountToken: false", "automountToken: false", "'automountToken' not allowed"),
        ("periodSeconds: 10", "periodSeconds: ten", "periodSeconds"),
        ("kind: PodDisruptionBudget", "kind: PodDisruption", "could not find schema for PodDisruption"),
    ] {
        assert!(text.contains(right));
        let (fine, said) = conforms("1.33.0", &text.replace(right, wrong));
        assert!(!fine && said.contains(part), "{wrong}: {said}");
    }
}

/// Judges objects by the definitions of other projects.
fn foreign_definitions(objects: &[Value]) -> (bool, String) {
    let mut child = Command::new(find("node", &[]))
        .arg(repository().join("tests/deploy/chart/crds.mjs"))
        .arg(tools().join("chart-crds"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), objects).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// Members of a value by their paths; elements of lists are not told apart.
fn paths(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = format!("{at}.{name}");
                found.insert(path.clone());
                paths(value, &path, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| paths(value, at, found)),
        _ => {}
    }
}

#[test]
fn chart_crds_of_other_projects_accept_what_is_made_for_them() {
    let mut objects = Vec::new();
    for case in CASES {
        let all = Helm::any().objects(&borrowed(&case.arguments()));
        objects.extend(all.into_iter().filter(|object| FOREIGN.contains(&kind(object))));
    }
    let kinds: BTreeSet<_> = objects.iter().map(kind).collect();
    assert_eq!(kinds, FOREIGN.iter().copied().collect(), "each occurs in some case");
    let (fine, said) = foreign_definitions(&objects);
    assert!(fine, "{said}");
    // Those definitions let unknown members pass, so that the ones that we write are listed here, from the projects' references.
    let known: BTreeMap<&str, &[&str]> = BTreeMap::from([
        (
            "HTTPRoute",
            &[
                ".parentRefs",
                ".parentRefs.name",
                ".parentRefs.namespace",
                ".hostnames",
                ".rules",
                ".rules.matches",
                ".rules.matches.path",
                ".rules.matches.path.type",
                ".rules.matches.path.value",
                ".rules.timeouts",
                ".rules.timeouts.request",
                ".rules.backendRefs",
                ".rules.backendRefs.name",
                ".rules.backendRefs.port",
            ][..],
        ),
        (
            "PrometheusRule",
            &[
                ".groups",
                ".groups.name",
                ".groups.rules",
                ".groups.rules.alert",
                ".groups.rules.expr",
                ".groups.rules.for",
                ".groups.rules.labels",
                ".groups.rules.labels.severity",
                ".groups.rules.annotations",
                ".groups.rules.annotations.summary",
                ".groups.rules.annotations.description",
            ],
        ),
        (
            "ScaledObject",
            &[
                ".scaleTargetRef",
                ".scaleTargetRef.name",
                ".minReplicaCount",
                ".maxReplicaCount",
                ".pollingInterval",
                ".cooldownPeriod",
                ".triggers",
                ".triggers.type",
                ".triggers.authenticationRef",
                ".triggers.authenticationRef.name",
                ".triggers.metadata",
                ".triggers.metadata.host",
                ".triggers.metadata.port",
                ".triggers.metadata.dbName",
                ".triggers.metadata.userName",
                ".triggers.metadata.sslmode",
                ".triggers.metadata.query",
                ".triggers.metadata.targetQueryValue",
            ],
        ),
        (
            "ServiceMonitor",
            &[
                ".namespaceSelector",
                ".namespaceSelector.matchNames",
                ".selector",
                ".selector.matchLabels",
                ".selector.matchLabels.app.kubernetes.io/instance",
                ".selector.matchExpressions",
                ".selector.matchExpressions.key",
                ".selector.matchExpressions.operator",
                ".selector.matchExpressions.values",
                ".targetLabels",
                ".endpoints",
                ".endpoints.port",
                ".endpoints.path",
                ".endpoints.interval",
            ],
        ),
        (
            "TriggerAuthentication",
            &[
                ".secretTargetRef",
                ".secretTargetRef.parameter",
                ".secretTargetRef.name",
                ".secretTargetRef.key",
            ],
        ),
    ]);
    for object in &objects {
        let mut found = BTreeSet::new();
        paths(&object["spec"], "", &mut found);
        for path in found {
            assert!(known[kind(object)].contains(&path.as_str()), "{}: spec{path}", kind(object));
        }
    }
}

#[test]
fn chart_crds_of_other_projects_refuse_what_is_wrong() {
    let objects = Helm::any().objects(&borrowed(&Case::named("keda").arguments()));
    let mut wrong: Vec<_> = objects.into_iter().filter(|object| kind(object) == "ScaledObject").collect();
    wrong[0]["spec"]["maxReplicaCount"] = "many".into();
    let (fine, said) = foreign_definitions(&wrong);
    assert!(!fine && said.contains("maxReplicaCount must be integer"), "{said}");
}

/// Findings of checkov that we live with: its number, and why.
const ALLOWED: &[(&str, &str)] = &[
    (
        "CKV_K8S_43",
        "images are pinned by digest where the operator says one (`….image.digest`): a chart that everybody could mirror can't know it",
    ),
    ("CKV_K8S_15", "tags are fixed, so that IfNotPresent is right; `….pullPolicy` changes it"),
    (
        "CKV_K8S_35",
        "the binary also reads secrets from files (`…_FILE`), but pods take them by envFrom so that one Secret is the whole interface",
    ),
    ("CKV_K8S_40", "the official PostgreSQL image knows only its own user, 999"),
    ("CKV_K8S_8", "the pod of `helm test` ends by itself: a liveness probe would only disturb it"),
    ("CKV_K8S_9", "the pod of `helm test` serves nobody"),
];

/// Numbers of the checks that fail, each with the resources that fail it.
fn findings(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rendered.yaml");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(tools().join("chart-venv/bin/checkov"))
        .args(["--framework", "kubernetes", "--compact", "--quiet", "--output", "json", "--file"])
        .arg(&file)
        .env("LOG_LEVEL", "ERROR")
        .current_dir(folder.path())
        .output()
        .unwrap_or_else(|error| panic!("checkov: {error}; run `tests/run deploy`"));
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let passed = report["summary"]["passed"].as_u64().unwrap();
    assert!(passed > 50, "only {passed} checks passed");
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for check in report["results"]["failed_checks"].as_array().unwrap() {
        let text = |member: &str| check[member].as_str().unwrap().to_owned();
        found.entry(text("check_id")).or_default().insert(text("resource"));
    }
    found
}

#[test]
fn chart_policy_scan_finds_nothing_but_what_is_explained() {
    let mut used = BTreeSet::new();
    for case in ["default", "minimal", "all-in-one", "nginx", "monitoring", "example-aws"] {
        let arguments = Case::named(case).with(&["networkPolicy.enabled=true"]);
        let text = Helm::any().template(crate::chart::helm::KUBERNETES, &borrowed(&arguments)).unwrap();
        for (check, resources) in findings(&text) {
            let allowed = ALLOWED.iter().any(|(number, _)| *number == check);
            assert!(allowed, "{case}: {check}: {resources:?}");
            let only = |part: &str| resources.iter().all(|resource| resource.contains(part));
            match check.as_str() {
                "CKV_K8S_40" => assert!(only("anonlink-db"), "{resources:?}"),
                "CKV_K8S_8" | "CKV_K8S_9" => assert!(only("selftest"), "{resources:?}"),
                _ => {}
            }
            used.insert(check);
        }
    }
    let listed: BTreeSet<_> = ALLOWED.iter().map(|(number, _)| (*number).to_owned()).collect();
    assert_eq!(listed, used, "what is allowed and doesn't occur is to be struck out");
}

#[test]
fn chart_policy_scan_sees_what_is_wrong() {
    let text = Helm::any().template("1.33.0", &borrowed(&Case::named("default").arguments())).unwrap();
    let loose = text.replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false");
    assert!(findings(&loose).contains_key("CKV_K8S_22"));
    assert_eq!(parse(&loose).len(), parse(&text).len());
}
