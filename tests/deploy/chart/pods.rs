//! What every pod of every case must be like.

use serde_json::{Value, json};

use crate::chart::cases::{CASES, Case, borrowed};
use crate::chart::helm::{Helm, KUBERNETES, parse};
use crate::chart::objects::{environment, find, kind, list, pod, pods, title};

/// Calls `check` with a message for context, a pod's template and each of its containers, for all cases.
fn every_container(check: impl Fn(&str, &Value, &Value)) {
    let mut seen = 0;
    for case in CASES {
        let objects = Helm::any().objects(&borrowed(&case.arguments()));
        for (title, pod) in pods(&objects) {
            assert_eq!(list(&pod["spec"]["initContainers"]).len(), 0, "checks know no init containers");
            for container in list(&pod["spec"]["containers"]) {
                check(&format!("{}: {title}: {}", case.name, container["name"]), pod, container);
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} containers in all cases");
}

#[test]
fn chart_containers_have_no_privileges() {
    every_container(|at, pod, container| {
        let spec = &pod["spec"];
        assert_eq!(spec["automountServiceAccountToken"], false, "{at}");
        assert_eq!(spec["enableServiceLinks"], false, "{at}");
        let security = &spec["securityContext"];
        assert_eq!(security["runAsNonRoot"], true, "{at}");
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault", "{at}");
        // The official image of PostgreSQL knows only its own user.
        let user = if container["name"] == "postgresql" || pod_has(pod, "postgresql") { 999 } else { 65532 };
        for id in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert_eq!(security[id], user, "{at}: {id}");
        }
        let security = &container["securityContext"];
        assert_eq!(security["readOnlyRootFilesystem"], true, "{at}");
        assert_eq!(security["allowPrivilegeEscalation"], false, "{at}");
        assert_eq!(security["capabilities"], json!({"drop": ["ALL"]}), "{at}");
        for no in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(spec[no].is_null(), "{at}: {no}");
        }
        for volume in list(&spec["volumes"]) {
            assert!(volume["hostPath"].is_null(), "{at}: {volume}");
            let unlimited = volume["emptyDir"].is_object() && volume["emptyDir"]["sizeLimit"].is_null();
            assert!(!unlimited, "{at}: {volume} may fill the node");
        }
    });
}

fn pod_has(pod: &Value, container: &str) -> bool {
    list(&pod["spec"]["containers"]).iter().any(|found| found["name"] == container)
}

#[test]
fn chart_containers_ask_for_something_and_are_limited() {
    every_container(|at, _, container| {
        // Old values may say less: that is their say.
        if at.starts_with("old-keys") {
            return;
        }
        for member in ["requests", "limits"] {
            for resource in ["cpu", "memory"] {
                assert!(!container["resources"][member][resource].is_null(), "{at}: {member}.{resource}");
            }
        }
    });
}

#[test]
fn chart_containers_that_run_on_are_probed() {
    for case in CASES {
        let objects = Helm::any().objects(&borrowed(&case.arguments()));
        for object in objects.iter().filter(|object| ["Deployment", "StatefulSet"].contains(&kind(object))) {
            for container in list(&object["spec"]["template"]["spec"]["containers"]) {
                let at = format!("{}: {}: {}", case.name, title(object), container["name"]);
                assert!(container["livenessProbe"].is_object(), "{at}");
                assert!(container["readinessProbe"].is_object(), "{at}");
            }
        }
    }
}

#[test]
fn chart_probes_ask_the_listener_that_the_configuration_opens() {
    for (case, deployments) in [
        (
            "default",
            &[
                "Deployment anonlink-api",
                "Deployment anonlink-matcher",
                "Deployment anonlink-matcher-highmemory",
            ][..],
        ),
        ("all-in-one", &["StatefulSet anonlink"][..]),
    ] {
        let objects = Helm::any().objects(&borrowed(&Case::named(case).arguments()));
        let listen = &crate::chart::objects::configuration(&objects)["ANONLINK_METRICS_LISTEN"];
        for at in deployments {
            let (kind, name) = at.split_once(' ').unwrap();
            let container = &find(&objects, kind, name)["spec"]["template"]["spec"]["containers"][0];
            let port = list(&container["ports"]).iter().find(|port| port["name"] == "metrics").unwrap();
            assert!(listen.ends_with(&format!(":{}", port["containerPort"])), "{listen} {port}");
            for (probe, path) in [
                ("startupProbe", "/health/live"),
                ("livenessProbe", "/health/live"),
                ("readinessProbe", "/health/ready"),
            ] {
                assert_eq!(
                    container[probe]["httpGet"],
                    json!({"path": path, "port": "metrics"}),
                    "{at} {probe}"
                );
            }
        }
    }
}

#[test]
fn chart_pods_have_the_time_to_stop_that_their_processes_take() {
    let arguments = Case::named("default").with(&[
        "api.shutdownGraceSeconds=100",
        "api.preStopSleepSeconds=7",
        "workers.shutdownGraceSeconds=200",
    ]);
    let objects = Helm::any().objects(&borrowed(&arguments));
    for (name, grace, seconds) in [
        ("anonlink-api", 100, 117),
        ("anonlink-matcher", 200, 210),
        ("anonlink-matcher-highmemory", 200, 210),
    ] {
        let spec = &pod(&objects, "Deployment", name)["spec"];
        assert_eq!(spec["terminationGracePeriodSeconds"], seconds, "{name}");
        let own = environment(&spec["containers"][0]);
        assert_eq!(own["SHUTDOWN_GRACE_SECONDS"], grace.to_string(), "{name}");
    }
}

#[test]
fn chart_stopping_api_pods_sleep_where_kubernetes_can() {
    let arguments = Case::named("default").arguments();
    let sleeps = |kubernetes: &str| {
        let objects = parse(&Helm::any().template(kubernetes, &borrowed(&arguments)).unwrap());
        pod(&objects, "Deployment", "anonlink-api")["spec"]["containers"][0]["lifecycle"].clone()
    };
    assert_eq!(sleeps(KUBERNETES), json!({"preStop": {"sleep": {"seconds": 5}}}));
    assert_eq!(sleeps("1.30.0"), json!({"preStop": {"sleep": {"seconds": 5}}}));
    assert_eq!(sleeps("1.29.5"), Value::Null, "an unknown field would leave a handler without an action");
}

#[test]
fn chart_pods_are_spread_unless_told_otherwise() {
    let objects = Helm::any().objects(&borrowed(&Case::named("default").arguments()));
    for (title, pod) in pods(&objects) {
        let labels = &pod["metadata"]["labels"];
        let spread = list(&pod["spec"]["topologySpreadConstraints"]);
        let keys: Vec<_> = spread.iter().map(|one| one["topologyKey"].as_str().unwrap()).collect();
        assert_eq!(keys, ["kubernetes.io/hostname", "topology.kubernetes.io/zone"], "{title}");
        for constraint in spread {
            assert_eq!(constraint["whenUnsatisfiable"], "ScheduleAnyway", "two nodes must do");
            for (label, value) in constraint["labelSelector"]["matchLabels"].as_object().unwrap() {
                assert_eq!(&labels[label], value, "{title}: {label}");
            }
        }
    }
}

#[test]
fn chart_overridden_places_images_and_accounts_reach_the_pods() {
    let objects = Helm::any().objects(&borrowed(&Case::named("everything-overridden").arguments()));
    let api = &pod(&objects, "Deployment", "pprl-api")["spec"];
    let worker = &pod(&objects, "Deployment", "pprl-matcher")["spec"];
    let high = &pod(&objects, "Deployment", "pprl-matcher-highmemory")["spec"];
    let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    assert_eq!(api["containers"][0]["image"], format!("registry.example.org/mirror/anonlink@{digest}"));
    assert_eq!(worker["containers"][0]["image"], "registry.example.org/mirror/anonlink:special");
    assert_eq!(
        pod(&objects, "StatefulSet", "pprl-db")["spec"]["containers"][0]["image"],
        "registry.example.org/mirror/postgres:18.6"
    );
    assert_eq!(api["imagePullSecrets"], json!([{"name": "pull"}, {"name": "pull-too"}]));
    assert_eq!(api["priorityClassName"], "high");
    assert_eq!(find(&objects, "Deployment", "pprl-api")["spec"]["strategy"], json!({"type": "Recreate"}));
    assert_eq!(worker["containers"][0]["args"], json!(["work", "--kernel=avx2"]));
    assert_eq!(environment(&worker["containers"][0])["CONCURRENCY"], "4");
    assert_eq!(worker["tolerations"], json!([{"key": "spot", "operator": "Exists"}]));
    assert_eq!(high["tolerations"], worker["tolerations"], "as the other workers");
    assert_eq!((&worker["nodeSelector"], &high["nodeSelector"]), (&Value::Null, &json!({"memory": "large"})));
    for spec in [api, worker, high] {
        assert_eq!(spec["serviceAccountName"], "linker");
    }
    assert!(!crate::chart::objects::has(&objects, "ServiceAccount", "linker"));
}

#[test]
fn chart_changed_settings_and_secrets_make_new_pods() {
    let sums = |sets: &[&str]| {
        let objects = Helm::any().objects(&borrowed(&Case::named("default").with(sets)));
        let of = |name| pod(&objects, "Deployment", name)["metadata"]["annotations"].clone();
        let redis = pod(&objects, "StatefulSet", "anonlink-memstore")["metadata"]["annotations"].clone();
        (of("anonlink-api"), of("anonlink-matcher"), redis)
    };
    let plain = sums(&[]);
    assert_eq!(plain, sums(&[]), "nothing changed, nothing to do");
    let config = sums(&["anonlink.config.RATE_LIMIT=7"]);
    assert_ne!(plain.0["checksum/config"], config.0["checksum/config"]);
    assert_ne!(plain.1["checksum/config"], config.1["checksum/config"]);
    assert_eq!(plain.2, config.2, "Redis is not concerned");
    let secret = sums(&["redis.password=another"]);
    assert_ne!(plain.0["checksum/secret"], secret.0["checksum/secret"]);
    assert_ne!(plain.1["checksum/secret"], secret.1["checksum/secret"]);
    assert_ne!(plain.2["checksum/secret"], secret.2["checksum/secret"]);
}
