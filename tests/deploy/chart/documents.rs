//! What people read: the table of values, what Helm says after an installation, and the plain manifest of the integration Job.

use serde_json::{Value, json};

use crate::chart::cases::{Case, borrowed};
use crate::chart::helm::{Helm, chart, parse, repository};
use crate::chart::objects::{environment, list, pod};
use crate::chart::snapshots::compare;

/// A documented value: where it is, what it is by default, and what is said of it.
struct Entry {
    path: Vec<String>,
    default: Value,
    text: String,
}

/// The documented values of values.yaml in their order; every value must be documented itself or by what it is part of.
fn entries() -> Vec<Entry> {
    let text = std::fs::read_to_string(chart().join("values.yaml")).unwrap();
    let values: Value = serde_saphyr::from_str(&text).unwrap();
    let mut entries: Vec<Entry> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut said = String::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        let depth = (line.len() - trimmed.len()) / 2;
        if let Some(text) = trimmed.strip_prefix("# -- ") {
            said = text.to_owned();
        } else if let Some(text) = trimmed.strip_prefix("# ") {
            if !said.is_empty() {
                said = format!("{said} {text}");
            }
        } else if let Some((key, rest)) = trimmed.split_once(':').filter(|_| !trimmed.starts_with('-')) {
            path.truncate(depth);
            path.push(key.to_owned());
            let inside = entries
                .last()
                .is_some_and(|last| path.len() > last.path.len() && path.starts_with(&last.path));
            if !said.is_empty() {
                let at = |value: &Value, key: &String| value[key].clone();
                let default = path.iter().fold(values.clone(), |value, key| at(&value, key));
                entries.push(Entry { path: path.clone(), default, text: std::mem::take(&mut said) });
            } else {
                assert!(inside || rest.trim().is_empty(), "{} is not documented", path.join("."));
            }
        }
    }
    entries
}

/// The table, by the first part of the keys.
fn table() -> String {
    let mut text = String::new();
    let mut group = "";
    let entries = entries();
    assert!(entries.len() > 200);
    for Entry { path, default, text: said } in &entries {
        let head = if path.len() == 1 && !default.is_object() { "general" } else { &path[0] };
        if head != group {
            text += &format!("\n### {head}\n\n| key | default | what it is |\n| --- | --- | --- |\n");
            group = head;
        }
        let default = match default {
            Value::Null => "–".to_owned(),
            Value::String(value) if value.is_empty() => "–".to_owned(),
            Value::String(value) => format!("`{value}`"),
            other => format!("`{other}`"),
        };
        let escaped = |text: &str| text.replace('|', "\\|");
        text += &format!("| `{}` | {} | {} |\n", path.join("."), escaped(&default), escaped(said));
    }
    text
}

#[test]
fn chart_readme_has_the_table_of_values_that_values_yaml_says() {
    let file = "deploy/helm/anonlink/README.md";
    let readme = std::fs::read_to_string(repository().join(file)).unwrap();
    let (start, end) = ("<!-- made from values.yaml -->\n", "\n<!-- end of what is made -->");
    let (head, rest) = readme.split_once(start).expect("the start of the table");
    let (_, tail) = rest.split_once(end).expect("the end of the table");
    compare(file, &format!("{head}{start}{}{end}{tail}", table()));
}

#[test]
fn chart_readme_names_files_that_exist() {
    let readme = std::fs::read_to_string(chart().join("README.md")).unwrap();
    let mut seen = 0;
    for word in readme.split(|c: char| c.is_whitespace() || "`()".contains(c)) {
        let path = match word {
            word if word.starts_with("deploy/") => repository().join(word),
            word if word.starts_with("examples/") || word.starts_with("templates/") => chart().join(word),
            _ => continue,
        };
        seen += 1;
        assert!(path.exists(), "{word} is nowhere");
    }
    assert!(seen >= 5);
}

/// What Helm says after an installation. It talks to no cluster.
fn notes(arguments: &[String]) -> String {
    let chart = chart();
    let mut all =
        vec!["install", "anonlink", chart.to_str().unwrap(), "--dry-run=client", "--namespace", "linkage"];
    all.extend(borrowed(arguments));
    let output = Helm::four().run(&all);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    text.split_once("NOTES:\n").unwrap_or_else(|| panic!("no notes in {text}")).1.to_owned()
}

#[test]
fn chart_helm4_says_what_to_do_next() {
    let text = notes(&Case::named("default").arguments());
    for part in [
        "rollout status deployment/anonlink-api",
        "helm test anonlink --namespace linkage --logs",
        "port-forward service/anonlink-server 8851:80",
        "--set workers.replicas=20",
        "1 API pods x 10 + 2 worker pods x 3 = 16; 42 during an update",
        "PostgreSQL accepts 200",
        "anonlink:0.1.0 is in no public registry",
    ] {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
    assert!(
        !text.contains("WARNING") && !text.contains("are off") && !text.contains("Without effect"),
        "{text}"
    );
    let ingress = notes(&Case::named("ingress").arguments());
    assert!(ingress.contains("curl https://linkage.example.org/api/v1/status"), "{ingress}");
}

#[test]
fn chart_helm4_warns_of_what_would_hurt() {
    let text = notes(&Case::named("minimal").arguments());
    assert!(text.contains("WARNING: PostgreSQL keeps its data in its pod"), "{text}");
    assert!(text.contains("WARNING: the object store keeps its data in its pod"), "{text}");
    let fleeting = notes(&Case::named("all-in-one-fleeting").arguments());
    assert!(fleeting.contains("WARNING: the service keeps its data in its pod"), "{fleeting}");
    let crowd = notes(&Case::named("default").with(&["workers.replicas=60"]));
    assert!(crowd.contains("WARNING: that is too few"), "{crowd}");
    let off = notes(&Case::named("s3-with-pod-identity").arguments());
    assert!(off.contains("Uploads by the object store are off: they take keys of their own"), "{off}");
    let old = notes(&Case::named("old-keys").arguments());
    let idle = old.lines().find(|line| line.starts_with("Without effect: ")).unwrap();
    for key in ["workers.celery.ACKS_LATE", "workers.MAX_CACHE_SIZE", "loggingCfg", "minio.server"] {
        assert!(idle.contains(key), "{key} is missing in {idle}");
    }
}

#[test]
fn chart_integration_job_is_like_the_chart_s_test() {
    let text = std::fs::read_to_string(repository().join("deploy/jobs/integration-test-job.yaml")).unwrap();
    let job = parse(&text).remove(0);
    let objects = Helm::any().objects(&borrowed(&Case::named("default").arguments()));
    let (own, test) = (&job["spec"]["template"], pod(&objects, "Pod", "anonlink-selftest"));
    let (container, wanted) = (&list(&own["spec"]["containers"])[0], &list(&test["spec"]["containers"])[0]);
    for same in ["image", "args", "securityContext"] {
        assert_eq!(container[same], wanted[same], "{same}");
    }
    assert_eq!(own["spec"]["automountServiceAccountToken"], false);
    assert_eq!(own["spec"]["securityContext"]["runAsUser"], test["spec"]["securityContext"]["runAsUser"]);
    let variables = environment(container);
    assert_eq!(variables["SERVER"], "http://anonlink-server");
    assert_eq!(variables["SELFTEST_TIMEOUT"], environment(wanted)["SELFTEST_TIMEOUT"]);
    assert_eq!(job["spec"]["backoffLimit"], json!(0), "a failed check is a failed Job");
}
