//! Every case lints, renders and packages, with Helm 3 and Helm 4 alike.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::chart::cases::{CASES, Case, borrowed};
use crate::chart::helm::{Helm, KUBERNETES, chart, repository};
use crate::chart::objects::{has, kind, name, pods, title};

fn lints_and_packages(helm: &Helm) {
    let chart = chart();
    let chart = chart.to_str().unwrap();
    for case in CASES {
        let arguments = case.arguments();
        let mut lint = vec!["lint", chart, "--strict", "--kube-version", KUBERNETES];
        lint.extend(borrowed(&arguments));
        let output = helm.run(&lint);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {text}", case.name);
        assert!(text.contains("1 chart(s) linted, 0 chart(s) failed"), "{}: {text}", case.name);
    }
    let folder = tempfile::tempdir().unwrap();
    let output = helm.run(&["package", chart, "--destination", folder.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let package = folder.path().join("anonlink-0.1.0.tgz");
    let inside = String::from_utf8(
        std::process::Command::new("tar").arg("-tzf").arg(&package).output().unwrap().stdout,
    );
    let inside = inside.unwrap();
    for file in
        ["values.schema.json", "README.md", "files/nginx.conf", "files/redis/node.sh", "minimal-values.yaml"]
    {
        assert!(
            inside.lines().any(|line| line == format!("anonlink/{file}")),
            "{file} is missing in {inside}"
        );
    }
    // What was packaged renders as well.
    let package = package.to_str().unwrap();
    let arguments = Case::named("default").arguments();
    let mut template = vec!["template", "anonlink", package, "--kube-version", KUBERNETES];
    template.extend(borrowed(&arguments));
    assert!(helm.run(&template).status.success());
}

#[test]
fn chart_helm3_lints_and_packages_every_case() {
    lints_and_packages(&Helm::three());
}

#[test]
fn chart_helm4_lints_and_packages_every_case() {
    lints_and_packages(&Helm::four());
}

#[test]
fn chart_helm3_renders_what_chart_helm4_renders() {
    for case in CASES {
        let arguments = case.arguments();
        let sorted = |helm: Helm| {
            let mut objects = helm.objects(&borrowed(&arguments));
            objects.sort_by_key(title);
            objects
        };
        assert_eq!(sorted(Helm::three()), sorted(Helm::four()), "{}", case.name);
    }
}

#[test]
fn chart_objects_have_names_of_their_own_and_stand_in_the_release_s_namespace() {
    for case in CASES {
        let objects = Helm::any().objects(&borrowed(&case.arguments()));
        let titles: BTreeSet<_> = objects.iter().map(title).collect();
        assert_eq!(titles.len(), objects.len(), "{}: {titles:?}", case.name);
        for object in &objects {
            assert_eq!(object["metadata"]["namespace"], "linkage", "{}: {}", case.name, title(object));
            assert!(name(object).len() <= 63);
            assert_eq!(object["metadata"]["labels"]["app.kubernetes.io/instance"], "anonlink");
        }
    }
}

#[test]
fn chart_long_release_names_are_cut_before_they_break_anything() {
    let long = "a-release-with-a-name-that-is-as-long-as-they-come-53";
    let chart = chart();
    let mut all = vec!["template", long, chart.to_str().unwrap(), "--kube-version", KUBERNETES];
    let arguments =
        Case::named("monitoring").with(&["minio.ingress.enabled=true", "minio.ingress.hosts={a.b}"]);
    all.extend(borrowed(&arguments));
    let output = Helm::any().run(&all);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for object in crate::chart::helm::parse(&String::from_utf8(output.stdout).unwrap()) {
        // A pod of a stateful set is named by a label too, with a number or a hash behind it.
        let room = if kind(&object) == "StatefulSet" { 52 } else { 63 };
        assert!(name(&object).len() <= room, "{}", title(&object));
    }
}

/// `(kind, name)` of every config map, secret and claim that a pod refers to.
fn referred(pod: &Value, found: &mut BTreeSet<(String, String)>) {
    match pod {
        Value::Object(members) => {
            let named = |kind: &str, value: &Value, member: &str| {
                value[member].as_str().map(|name| (kind.to_owned(), name.to_owned()))
            };
            for (name, value) in members {
                match name.as_str() {
                    "configMap" | "configMapRef" => found.extend(named("ConfigMap", value, "name")),
                    "secretRef" | "secretKeyRef" => found.extend(named("Secret", value, "name")),
                    "secret" => found.extend(named("Secret", value, "secretName")),
                    _ => {}
                }
                referred(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| referred(value, found)),
        _ => {}
    }
}

#[test]
fn chart_pods_refer_only_to_what_is_there() {
    for case in CASES {
        let objects = Helm::any().objects(&borrowed(&case.arguments()));
        for (title, pod) in pods(&objects) {
            let mut found = BTreeSet::new();
            referred(&pod["spec"], &mut found);
            for (kind, name) in found {
                // Secrets of the operator's own are named in the case.
                let foreign = kind == "Secret" && !name.starts_with("anonlink") && !name.starts_with("pprl");
                let foreign = foreign || case.name.starts_with("example-");
                assert!(foreign || has(&objects, &kind, &name), "{}: {title}: no {kind} {name}", case.name);
            }
            let volumes: BTreeSet<_> = crate::chart::objects::list(&pod["spec"]["volumes"])
                .iter()
                .map(|volume| volume["name"].as_str().unwrap())
                .collect();
            for container in crate::chart::objects::list(&pod["spec"]["containers"]) {
                for mount in crate::chart::objects::list(&container["volumeMounts"]) {
                    let name = mount["name"].as_str().unwrap();
                    // A stateful set's claims make volumes as well.
                    assert!(volumes.contains(name) || name == "data", "{}: {title}: {name}", case.name);
                }
            }
        }
    }
}

#[test]
fn chart_has_true_copies_of_what_lies_elsewhere() {
    let read = |path: &str| std::fs::read_to_string(repository().join(path)).unwrap();
    assert_eq!(
        read("deploy/helm/anonlink/files/nginx.conf"),
        read("deploy/nginx/nginx.conf"),
        "copy deploy/nginx/nginx.conf into the chart's files"
    );
    let chart: Value = serde_saphyr::from_str(&read("deploy/helm/anonlink/Chart.yaml")).unwrap();
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}
