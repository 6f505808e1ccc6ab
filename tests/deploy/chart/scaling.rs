//! Replicas, autoscalers, and whether it all fits.

use serde_json::{Value, json};

use crate::chart::cases::{Case, borrowed};
use crate::chart::helm::Helm;
use crate::chart::objects::{configuration, environment, find, has, kind, list, pod, pods, title};

fn render(case: &str, sets: &[&str]) -> Vec<Value> {
    Helm::any().objects(&borrowed(&Case::named(case).with(sets)))
}

#[test]
fn chart_deployments_say_no_replicas_where_a_scaler_decides() {
    let objects = render("default", &[]);
    for name in ["anonlink-api", "anonlink-matcher", "anonlink-matcher-highmemory"] {
        assert_eq!(find(&objects, "Deployment", name)["spec"]["replicas"], 1, "{name}");
    }
    for case in ["hpa", "keda"] {
        let objects = render(case, &[]);
        let replicas = |name: &str| find(&objects, "Deployment", name)["spec"]["replicas"].clone();
        assert_eq!(replicas("anonlink-matcher"), Value::Null, "{case}");
        assert_eq!(replicas("anonlink-matcher-highmemory"), 1, "{case}");
        assert_eq!(replicas("anonlink-api"), if case == "hpa" { Value::Null } else { json!(1) }, "{case}");
    }
}

#[test]
fn chart_hpa_scales_by_processors() {
    let objects = render("hpa", &["workers.autoscaler.maxReplicas=7"]);
    let scaler = &find(&objects, "HorizontalPodAutoscaler", "anonlink-matcher")["spec"];
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "anonlink-matcher"});
    assert_eq!(scaler["scaleTargetRef"], target);
    assert_eq!((&scaler["minReplicas"], &scaler["maxReplicas"]), (&json!(1), &json!(7)));
    let resource = json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}});
    assert_eq!(scaler["metrics"][0], json!({"type": "Resource", "resource": resource}));
    assert!(has(&objects, "HorizontalPodAutoscaler", "anonlink-api"));
}

#[test]
fn chart_keda_counts_the_tasks_of_the_workers_queues() {
    let objects = render("keda", &["workers.autoscaler.keda.tasksPerReplica=3"]);
    let scaler = &find(&objects, "ScaledObject", "anonlink-matcher")["spec"];
    assert_eq!(scaler["scaleTargetRef"], json!({"name": "anonlink-matcher"}));
    assert_eq!((&scaler["minReplicaCount"], &scaler["maxReplicaCount"]), (&json!(0), &json!(20)));
    let trigger = &scaler["triggers"][0];
    let metadata = &trigger["metadata"];
    assert_eq!(metadata["host"], "anonlink-db.linkage.svc", "as seen from the operator's namespace");
    assert_eq!((&metadata["targetQueryValue"], &metadata["sslmode"]), (&json!("3"), &json!("disable")));
    let query = metadata["query"].as_str().unwrap();
    assert!(query.contains("'default,compute'"), "{query}");
    assert_eq!(trigger["authenticationRef"]["name"], "anonlink-matcher");
    let secret = &find(&objects, "TriggerAuthentication", "anonlink-matcher")["spec"]["secretTargetRef"][0];
    let wanted = json!({"parameter": "password", "name": "anonlink-secrets", "key": "DATABASE_PASSWORD"});
    assert_eq!(secret, &wanted);
    assert!(!has(&objects, "HorizontalPodAutoscaler", "anonlink-matcher"));
    // An external server that is named with a port of its own.
    let sets = [
        "provision.postgresql=false",
        "postgresql.host=db.example.org:6432\\,other",
        "postgresql.tls.mode=require",
    ];
    let objects = render("keda", &sets);
    let metadata = &find(&objects, "ScaledObject", "anonlink-matcher")["spec"]["triggers"][0]["metadata"];
    let wanted = (&json!("db.example.org"), &json!("6432"), &json!("require"));
    assert_eq!((&metadata["host"], &metadata["port"], &metadata["sslmode"]), wanted);
}

#[test]
fn chart_queues_are_never_left_alone() {
    let queues = |sets: &[&str]| {
        let objects = render("default", sets);
        let of = |name: &str| match has(&objects, "Deployment", name) {
            true => {
                environment(&pod(&objects, "Deployment", name)["spec"]["containers"][0])["ANONLINK_QUEUES"]
                    .clone()
            }
            false => String::new(),
        };
        (of("anonlink-matcher"), of("anonlink-matcher-highmemory"))
    };
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(queues(&[]), pair("default,compute", "highmemory"));
    assert_eq!(queues(&["workers.highmemory.replicaCount=0"]), pair("default,compute,highmemory", ""));
    assert_eq!(
        queues(&["workers.queues={compute}", "workers.highmemory.queues={highmemory,default}"]),
        pair("compute", "highmemory,default")
    );
}

#[test]
fn chart_updates_leave_no_gap() {
    let objects = render("nginx", &[]);
    for object in objects.iter().filter(|object| kind(object) == "Deployment") {
        let wanted = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
        assert_eq!(object["spec"]["strategy"], wanted, "{}", title(object));
    }
}

#[test]
fn chart_redis_has_the_servers_that_it_is_asked_for() {
    for (case, replicas, sentinels) in
        [("default", 3, true), ("redis-five", 5, true), ("redis-single", 1, false)]
    {
        let objects = render(case, &[]);
        let set = &find(&objects, "StatefulSet", "anonlink-memstore")["spec"];
        assert_eq!(set["replicas"], replicas, "{case}");
        assert_eq!(
            list(&set["template"]["spec"]["containers"]).len(),
            if sentinels { 2 } else { 1 },
            "{case}"
        );
        let config = configuration(&objects);
        let port = if sentinels { 26379 } else { 6379 };
        let servers: Vec<_> =
            (0..replicas).map(|i| format!("anonlink-memstore-{i}.anonlink-memstore:{port}")).collect();
        assert_eq!(config["REDIS_SERVER"], servers.join(","), "{case}");
        assert_eq!(config["REDIS_USE_SENTINEL"], sentinels.to_string(), "{case}");
        assert_eq!(has(&objects, "PodDisruptionBudget", "anonlink-memstore"), sentinels, "{case}");
    }
}

#[test]
fn chart_keeps_data_unless_told_otherwise() {
    let claims = |case: &str| {
        let objects = render(case, &[]);
        let sets = objects.iter().filter(|object| kind(object) == "StatefulSet");
        sets.map(|set| list(&set["spec"]["volumeClaimTemplates"]).len()).collect::<Vec<_>>()
    };
    assert_eq!(claims("default"), [1, 1, 1]);
    assert_eq!(claims("minimal"), [0, 0, 0]);
    let objects = render("default", &["global.storageClass=slow", "minio.persistence.storageClass=fast"]);
    let class = |name: &str| {
        find(&objects, "StatefulSet", name)["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"]
            .clone()
    };
    assert_eq!((class("anonlink-db"), class("anonlink-minio")), (json!("slow"), json!("fast")));
}

/// Thousandths of a processor, and MiB, that a pod asks for.
fn asked(pod: &Value) -> (f64, f64) {
    let quantity = |value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let units = [("m", 1e-3), ("Mi", 1.0), ("Gi", 1024.0)];
        let unit = units.iter().find(|(unit, _)| text.ends_with(unit));
        unit.map_or_else(
            || text.parse().unwrap(),
            |(unit, factor)| text[..text.len() - unit.len()].parse::<f64>().unwrap() * factor,
        )
    };
    list(&pod["spec"]["containers"]).iter().fold((0.0, 0.0), |(cpu, memory), container| {
        let asked = &container["resources"]["requests"];
        (cpu + quantity(&asked["cpu"]) * 1000.0, memory + quantity(&asked["memory"]))
    })
}

/// All pods that run at once, Jobs and test included, the largest first.
fn all_pods(objects: &[Value]) -> Vec<(f64, f64)> {
    let replicas = |title: &str| {
        let (kind, name) = title.split_once(' ').unwrap();
        find(objects, kind, name)["spec"]["replicas"].as_u64().unwrap_or(1) as usize
    };
    let mut all: Vec<_> =
        pods(objects).iter().flat_map(|(title, pod)| vec![asked(pod); replicas(title)]).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all
}

#[test]
fn chart_defaults_fit_on_two_nodes_of_2_processors_and_8_gib() {
    // What is left of such a node in managed clusters once system pods have taken theirs.
    const NODE: (f64, f64) = (1700.0, 6000.0);
    let mut nodes = [NODE; 2];
    for (cpu, memory) in all_pods(&render("default", &[])) {
        let node = nodes.iter_mut().find(|node| node.0 >= cpu && node.1 >= memory);
        let node = node.unwrap_or_else(|| panic!("no room for {cpu}m and {memory}Mi"));
        *node = (node.0 - cpu, node.1 - memory);
    }
    // Room for one pod more of the largest deployment: an update makes it before the old one goes.
    assert!(nodes.iter().any(|node| node.0 >= 500.0 && node.1 >= 1024.0), "{nodes:?}");
}

#[test]
fn chart_minimal_values_ask_for_half_a_small_machine() {
    let (cpu, memory) =
        all_pods(&render("minimal", &[])).iter().fold((0.0, 0.0), |sum, pod| (sum.0 + pod.0, sum.1 + pod.1));
    assert!(cpu <= 500.0 && memory <= 1024.0, "{cpu}m and {memory}Mi");
}
