//! Services, ingresses, routes and network policies lead to pods that listen.

use serde_json::{Value, json};

use crate::chart::cases::{CASES, Case, borrowed};
use crate::chart::helm::Helm;
use crate::chart::objects::{
    configuration, environment, find, has, hold, kind, list, name, pod, pods, title,
};

/// Whether labels have all that a selector asks for.
fn selects(selector: &Value, labels: &Value) -> bool {
    selector.as_object().is_some_and(|wanted| wanted.iter().all(|(name, value)| &labels[name] == value))
}

/// Names of the ports that a pod's containers open.
fn ports(pod: &Value) -> Vec<&str> {
    let containers = list(&pod["spec"]["containers"]).iter();
    containers
        .flat_map(|container| list(&container["ports"]))
        .filter_map(|port| port["name"].as_str())
        .collect()
}

#[test]
fn chart_services_select_pods_that_open_their_ports() {
    for case in CASES {
        let objects = Helm::any().objects(&borrowed(&case.arguments()));
        for service in objects.iter().filter(|object| kind(object) == "Service") {
            let found: Vec<_> = pods(&objects)
                .into_iter()
                .filter(|(_, pod)| selects(&service["spec"]["selector"], &pod["metadata"]["labels"]))
                .collect();
            // One kind of pods each: a service that mixes them is a mistake.
            assert_eq!(found.len(), 1, "{}: {} selects {found:?}", case.name, title(service));
            for port in list(&service["spec"]["ports"]) {
                let target = port["targetPort"].as_str().unwrap();
                assert!(ports(found[0].1).contains(&target), "{}: {}: {target}", case.name, title(service));
            }
        }
    }
}

#[test]
fn chart_selectors_fit_the_pods_of_their_own_object_alone() {
    for case in CASES {
        let objects = Helm::any().objects(&borrowed(&case.arguments()));
        for object in objects.iter().filter(|object| ["Deployment", "StatefulSet"].contains(&kind(object))) {
            let selector = &object["spec"]["selector"]["matchLabels"];
            let found: Vec<_> = pods(&objects)
                .into_iter()
                .filter(|(_, pod)| selects(selector, &pod["metadata"]["labels"]))
                .collect();
            assert_eq!(found.len(), 1, "{}: {}", case.name, title(object));
        }
        for budget in objects.iter().filter(|object| kind(object) == "PodDisruptionBudget") {
            let selector = &budget["spec"]["selector"]["matchLabels"];
            let found =
                pods(&objects).into_iter().filter(|(_, pod)| selects(selector, &pod["metadata"]["labels"]));
            assert_eq!(found.count(), 1, "{}: {}", case.name, title(budget));
        }
    }
}

#[test]
fn chart_ingresses_lead_to_services() {
    for case in CASES {
        let objects = Helm::any().objects(&borrowed(&case.arguments()));
        for ingress in objects.iter().filter(|object| kind(object) == "Ingress") {
            for rule in list(&ingress["spec"]["rules"]) {
                for path in list(&rule["http"]["paths"]) {
                    let backend = &path["backend"]["service"];
                    let service = find(&objects, "Service", backend["name"].as_str().unwrap());
                    let open = list(&service["spec"]["ports"]).iter();
                    assert!(
                        open.clone().any(|port| port["name"] == backend["port"]["name"]),
                        "{}",
                        case.name
                    );
                }
            }
        }
    }
    let objects = Helm::any().objects(&borrowed(&Case::named("ingress").arguments()));
    let ingress = find(&objects, "Ingress", "anonlink-server");
    assert_eq!(ingress["spec"]["ingressClassName"], "nginx");
    let hosts: Vec<_> =
        list(&ingress["spec"]["rules"]).iter().map(|rule| rule["host"].as_str().unwrap()).collect();
    assert_eq!(hosts, ["linkage.example.org", "linkage.example.com"]);
    assert_eq!(
        ingress["spec"]["tls"],
        json!([{"secretName": "linkage-tls", "hosts": ["linkage.example.org"]}])
    );
    assert_eq!(
        find(&objects, "Ingress", "anonlink-minio")["spec"]["rules"][0]["host"],
        "objects.example.org"
    );
}

#[test]
fn chart_http_route_leads_to_the_service_for_clients() {
    let objects =
        Helm::any().objects(&borrowed(&Case::named("http-route").with(&["api.service.servicePort=81"])));
    let spec = &find(&objects, "HTTPRoute", "anonlink-server")["spec"];
    assert_eq!(spec["parentRefs"], json!([{"name": "gateway"}]));
    assert_eq!(spec["hostnames"], json!(["linkage.example.org"]));
    let rule = &spec["rules"][0];
    assert_eq!(rule["backendRefs"], json!([{"name": "anonlink-server", "port": 81}]));
    assert_eq!(rule["timeouts"], json!({"request": "0s"}));
    assert_eq!(find(&objects, "Service", "anonlink-server")["spec"]["ports"][0]["port"], 81);
}

#[test]
fn chart_api_pods_speak_https_themselves_if_a_certificate_is_named() {
    for (case, kind, name) in
        [("everything-external", "Deployment", "anonlink-api"), ("all-in-one", "StatefulSet", "anonlink")]
    {
        let sets = ["api.tls.existingSecret=linkage-tls", "api.tls.caKey=ca.crt"];
        let objects = Helm::any().objects(&borrowed(&Case::named(case).with(&sets)));
        let spec = &pod(&objects, kind, name)["spec"];
        let container = &spec["containers"][0];
        hold(
            &environment(container),
            &[("TLS_CERT_FILE", "/etc/anonlink/tls/tls.crt"), ("TLS_KEY_FILE", "/etc/anonlink/tls/tls.key")],
        );
        let mount = json!({"name": "tls", "mountPath": "/etc/anonlink/tls", "readOnly": true});
        assert!(list(&container["volumeMounts"]).contains(&mount), "{case}");
        let volume = json!({"name": "tls", "secret": {"secretName": "linkage-tls"}});
        assert!(list(&spec["volumes"]).contains(&volume), "{case}");
        let test = &pod(&objects, "Pod", "anonlink-selftest")["spec"]["containers"][0];
        hold(
            &environment(test),
            &[("SERVER", "https://anonlink-server:80"), ("SELFTEST_CA_FILE", "/etc/anonlink/tls/ca.crt")],
        );
        assert_eq!(find(&objects, "Service", "anonlink-server")["spec"]["ports"][0]["appProtocol"], "https");
    }
}

#[test]
fn chart_nginx_stands_between_clients_and_the_api_if_it_is_on() {
    let component = |case: &str| {
        let objects = Helm::any().objects(&borrowed(&Case::named(case).arguments()));
        let selector = find(&objects, "Service", "anonlink-server")["spec"]["selector"].clone();
        (
            selector["app.kubernetes.io/component"].clone(),
            configuration(&objects)["RATE_LIMIT"].clone(),
            objects,
        )
    };
    let (selected, limit, objects) = component("default");
    assert_eq!((selected, limit.as_str()), (json!("api"), "200"));
    assert!(!has(&objects, "Deployment", "anonlink-www"));
    let (selected, limit, objects) = component("nginx");
    assert_eq!((selected, limit.as_str()), (json!("www"), "0"), "nginx is the one client then");
    let text = find(&objects, "ConfigMap", "anonlink-www")["data"]["nginx.conf"].as_str().unwrap();
    let shipped =
        std::fs::read_to_string(crate::chart::helm::repository().join("deploy/nginx/nginx.conf")).unwrap();
    assert_eq!(text.trim_end(), shipped.trim_end(), "the shipped configuration as it is");
    // Under another name it leads to the service of that name.
    let arguments = Case::named("nginx").with(&["fullnameOverride=pprl"]);
    let objects = Helm::any().objects(&borrowed(&arguments));
    let text = find(&objects, "ConfigMap", "pprl-www")["data"]["nginx.conf"].as_str().unwrap();
    assert!(text.contains("server pprl-api:8851 ") && !text.contains("anonlink-api"), "{text}");
    assert_eq!(find(&objects, "Service", "pprl-api")["spec"]["ports"][0]["port"], 8851);
}

#[test]
fn chart_all_in_one_is_one_pod_and_one_volume() {
    let objects = Helm::any().objects(&borrowed(&Case::named("all-in-one").arguments()));
    let running: Vec<_> = pods(&objects).into_iter().map(|(title, _)| title).collect();
    assert_eq!(running, ["StatefulSet anonlink", "Pod anonlink-selftest"]);
    let set = &find(&objects, "StatefulSet", "anonlink")["spec"];
    assert_eq!((&set["replicas"], list(&set["volumeClaimTemplates"]).len()), (&json!(1), 1));
    let config = configuration(&objects);
    assert_eq!(config["ANONLINK_DATA_DIR"], "/data");
    let mount = json!({"name": "data", "mountPath": "/data"});
    assert!(list(&set["template"]["spec"]["containers"][0]["volumeMounts"]).contains(&mount));
    for cluster in ["DATABASE_SERVER", "REDIS_SERVER", "MINIO_SERVER"] {
        assert!(!config.contains_key(cluster), "{cluster}");
    }
    assert!(!objects.iter().any(|object| kind(object) == "Secret"), "it takes no credentials");
}

#[test]
fn chart_network_policies_admit_what_the_service_needs_and_no_more() {
    let objects = Helm::any().objects(&borrowed(&Case::named("network-policy").arguments()));
    let policies: Vec<_> = objects.iter().filter(|object| kind(object) == "NetworkPolicy").collect();
    let expressions = |selector: &Value, labels: &Value| {
        let fits = |expression: &Value| {
            assert_eq!(expression["operator"], "In");
            list(&expression["values"]).contains(&labels[expression["key"].as_str().unwrap()])
        };
        let simple = selector["matchLabels"].is_null() || selects(&selector["matchLabels"], labels);
        simple && list(&selector["matchExpressions"]).iter().all(fits)
    };
    let pods = pods(&objects);
    // Every pod is under exactly one policy.
    for (title, pod) in &pods {
        let labels = &pod["metadata"]["labels"];
        let over: Vec<_> = policies
            .iter()
            .filter(|policy| expressions(&policy["spec"]["podSelector"], labels))
            .map(|p| name(p))
            .collect();
        assert_eq!(over.len(), 1, "{title}: {over:?}");
    }
    // Whether a pod may reach a port of another.
    let may = |from: &str, to: &str, port: &str| {
        let labels = |wanted: &str| {
            let found = pods.iter().find(|(title, _)| title == wanted);
            &found.unwrap_or_else(|| panic!("no {wanted}")).1["metadata"]["labels"]
        };
        let policy =
            policies.iter().find(|policy| expressions(&policy["spec"]["podSelector"], labels(to))).unwrap();
        list(&policy["spec"]["ingress"]).iter().any(|rule| {
            let named = list(&rule["ports"]).iter().any(|open| open["port"] == port);
            let anybody = rule["from"].is_null();
            let peer = |peer: &Value| {
                peer["podSelector"].is_object() && expressions(&peer["podSelector"], labels(from))
            };
            named && (anybody || list(&rule["from"]).iter().any(peer))
        })
    };
    let (api, www, worker, high) = (
        "Deployment anonlink-api",
        "Deployment anonlink-www",
        "Deployment anonlink-matcher",
        "Deployment anonlink-matcher-highmemory",
    );
    let (database, redis, store) =
        ("StatefulSet anonlink-db", "StatefulSet anonlink-memstore", "StatefulSet anonlink-minio");
    let (migrate, users, test) =
        ("Job anonlink-migrate-1", "Job anonlink-minio-users-1", "Pod anonlink-selftest");
    for (from, to, port) in [
        (www, api, "http"),
        (test, www, "http"),
        (api, database, "postgresql"),
        (worker, database, "postgresql"),
        (high, database, "postgresql"),
        (migrate, database, "postgresql"),
        (api, redis, "redis"),
        (worker, redis, "sentinel"),
        (redis, redis, "redis"),
        (redis, redis, "sentinel"),
        (api, store, "http"),
        (high, store, "http"),
        (migrate, store, "http"),
        (users, store, "http"),
    ] {
        assert!(may(from, to, port), "{from} can't reach {port} of {to}");
    }
    for (from, to, port) in [
        (worker, api, "http"),
        (test, database, "postgresql"),
        (www, database, "postgresql"),
        (www, store, "http"),
        (users, redis, "redis"),
        (store, database, "postgresql"),
        (www, redis, "sentinel"),
        (api, worker, "metrics"),
        (redis, database, "postgresql"),
    ] {
        assert!(!may(from, to, port), "{from} reaches {port} of {to}");
    }
    assert_eq!(
        find(&objects, "NetworkPolicy", "anonlink-db")["spec"]["egress"],
        json!([]),
        "PostgreSQL calls nobody"
    );
    // Ports are those that containers open.
    for policy in &policies {
        for rule in list(&policy["spec"]["ingress"]) {
            for open in list(&rule["ports"]) {
                let named = open["port"].as_str().unwrap();
                let selector = &policy["spec"]["podSelector"];
                let under = pods.iter().filter(|(_, pod)| expressions(selector, &pod["metadata"]["labels"]));
                assert!(
                    under.into_iter().any(|(_, pod)| ports(pod).contains(&named)),
                    "{}: {named}",
                    name(policy)
                );
            }
        }
    }
}

#[test]
fn chart_test_pod_tests_what_clients_reach() {
    let server = |case: &str, sets: &[&str]| {
        let objects = Helm::any().objects(&borrowed(&Case::named(case).with(sets)));
        let test = pod(&objects, "Pod", "anonlink-selftest");
        assert_eq!(test["metadata"]["annotations"]["helm.sh/hook"], "test");
        assert_eq!(test["spec"]["containers"][0]["args"], json!(["selftest"]));
        crate::chart::objects::environment(&test["spec"]["containers"][0])["SERVER"].clone()
    };
    assert_eq!(server("default", &[]), "http://anonlink-server:80");
    assert_eq!(server("nginx", &["api.service.servicePort=8080"]), "http://anonlink-server:8080");
    assert_eq!(
        server("default", &["selftest.server=https://linkage.example.org"]),
        "https://linkage.example.org"
    );
}
