//! The environment of API and worker pods: all of it known to the binary, nothing secret in a config map, nothing empty.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::chart::cases::{CASES, CREDENTIALS, Case, borrowed};
use crate::chart::helm::Helm;
use crate::chart::objects::{
    configuration, environment, find, hold, kind, list, name, pod, pods, secrets, texts,
};

/// Former names that the binary still reads but doesn't show, and those that everything reads.
const HIDDEN: &[&str] = &["FLASK_DB_MAX_CONNECTIONS", "CELERY_DB_MAX_CONNECTIONS", "TMPDIR"];

/// Environment variables that the help of a command names.
fn known(command: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_anonlink")).args([command, "--help"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text
        .split("[env: ")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>());
    let names: BTreeSet<_> = names.collect();
    assert!(names.len() > 3, "{command} knows only {names:?}");
    names
}

#[test]
fn chart_sets_only_variables_that_the_binary_reads() {
    let both: BTreeSet<_> = known("serve").into_iter().chain(known("work")).collect();
    let commands = ["serve", "work", "migrate", "selftest"].map(|command| (command, known(command)));
    let commands = BTreeMap::from(commands);
    for case in CASES {
        let objects = Helm::any().objects(&borrowed(&case.arguments()));
        for object in objects.iter().filter(|object| ["ConfigMap", "Secret"].contains(&kind(object))) {
            let own = name(object).ends_with("-config") || name(object).ends_with("-secrets");
            for variable in texts(&object["data"]).keys().filter(|_| own) {
                // The old values set one that has gone.
                let known = both.contains(variable) || HIDDEN.contains(&variable.as_str());
                assert!(known || case.name == "old-keys", "{}: {variable} means nothing", case.name);
            }
        }
        for (title, pod) in pods(&objects) {
            for container in list(&pod["spec"]["containers"]) {
                let Some(known) = container["args"][0].as_str().and_then(|role| commands.get(role)) else {
                    continue;
                };
                for variable in environment(container).keys() {
                    // Secrets are given to all roles alike.
                    let fits = known.contains(variable) || both.contains(variable);
                    assert!(fits, "{}: {title}: {variable} means nothing", case.name);
                }
            }
        }
    }
}

#[test]
fn chart_variables_are_never_empty() {
    for case in CASES {
        let objects = Helm::any().objects(&borrowed(&case.arguments()));
        for object in objects.iter().filter(|object| ["ConfigMap", "Secret"].contains(&kind(object))) {
            for (variable, value) in texts(&object["data"]) {
                assert!(!value.trim().is_empty(), "{}: {variable} is empty", case.name);
                assert!(
                    !value.contains("<no value>") && !value.contains("<nil>"),
                    "{}: {variable}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn chart_credentials_are_in_the_secret_and_nowhere_else() {
    let objects =
        Helm::any().objects(&borrowed(&Case::named("default").with(&["api.tokens.creation=a-token"])));
    let held = secrets(find(&objects, "Secret", "anonlink-secrets"));
    let given: BTreeMap<_, _> = [
        ("DATABASE_PASSWORD", "database-secret"),
        ("REDIS_PASSWORD", "redis-secret"),
        ("MINIO_ACCESS_KEY", "store-admin"),
        ("MINIO_SECRET_KEY", "store-secret"),
        ("UPLOAD_OBJECT_STORE_ACCESS_KEY", "uploader"),
        ("UPLOAD_OBJECT_STORE_SECRET_KEY", "uploader-secret"),
        ("DOWNLOAD_OBJECT_STORE_ACCESS_KEY", "downloader"),
        ("DOWNLOAD_OBJECT_STORE_SECRET_KEY", "downloader-secret"),
        ("PROJECT_CREATION_TOKEN", "a-token"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    assert_eq!(held, given);
    for object in objects.iter().filter(|object| kind(object) != "Secret") {
        let text = object.to_string();
        for credential in CREDENTIALS {
            let value = credential.split_once('=').unwrap().1;
            // A short word may be part of another.
            assert!(!text.contains(&format!("\"{value}\"")), "{value} stands in {}", name(object));
        }
    }
}

#[test]
fn chart_pods_of_all_roles_get_the_whole_environment() {
    let objects = Helm::any().objects(&borrowed(&Case::named("default").arguments()));
    for (kind, name) in [
        ("Deployment", "anonlink-api"),
        ("Deployment", "anonlink-matcher"),
        ("Deployment", "anonlink-matcher-highmemory"),
        ("Job", "anonlink-migrate-1"),
    ] {
        let container = &pod(&objects, kind, name)["spec"]["containers"][0];
        let wanted = serde_json::json!([
            {"configMapRef": {"name": "anonlink-config"}},
            {"secretRef": {"name": "anonlink-secrets"}},
        ]);
        assert_eq!(container["envFrom"], wanted, "{name}");
    }
    let config = configuration(&objects);
    let wanted = [
        ("ANONLINK_LISTEN", "0.0.0.0:8851"),
        ("DATABASE_SERVER", "anonlink-db"),
        ("DATABASE", "postgres"),
        ("REDIS_USE_SENTINEL", "true"),
        ("REDIS_SENTINEL_NAME", "mymaster"),
        ("MINIO_SERVER", "anonlink-minio:9000"),
        ("MINIO_BUCKET", "anonlink"),
        ("UPLOAD_OBJECT_STORE_BUCKET", "uploads"),
    ];
    hold(&config, &wanted);
}

#[test]
fn chart_existing_secrets_are_read_by_the_names_that_they_have() {
    let arguments = Case::named("existing-secrets").with(&["redis.existingSecretKey=auth"]);
    let objects = Helm::any().objects(&borrowed(&arguments));
    assert!(
        !objects.iter().any(|object| kind(object) == "Secret"),
        "nothing is left for a secret of its own"
    );
    let reference =
        |secret: &str, key: &str| format!(r#"{{"secretKeyRef":{{"key":"{key}","name":"{secret}"}}}}"#);
    let worker = environment(&pod(&objects, "Deployment", "anonlink-matcher")["spec"]["containers"][0]);
    assert_eq!(worker["DATABASE_PASSWORD"], reference("database", "password"));
    assert_eq!(worker["REDIS_PASSWORD"], reference("cache", "auth"));
    assert_eq!(worker["MINIO_SECRET_KEY"], reference("store", "secret-key"));
    assert_eq!(worker["UPLOAD_OBJECT_STORE_ACCESS_KEY"], reference("uploads", "access-key"));
    let database = environment(&pod(&objects, "StatefulSet", "anonlink-db")["spec"]["containers"][0]);
    assert_eq!(database["POSTGRES_PASSWORD"], reference("database", "password"));
    let store = environment(&pod(&objects, "StatefulSet", "anonlink-minio")["spec"]["containers"][0]);
    assert_eq!(store["MINIO_ROOT_USER"], reference("store", "access-key"));
    let redis = environment(&pod(&objects, "StatefulSet", "anonlink-memstore")["spec"]["containers"][1]);
    assert_eq!(redis["REDIS_PASSWORD"], reference("cache", "auth"));
    let test = environment(&pod(&objects, "Pod", "anonlink-selftest")["spec"]["containers"][0]);
    assert_eq!(test["PROJECT_CREATION_TOKEN"], reference("tokens", "creation-token"));
    let scaler = find(&objects, "TriggerAuthentication", "anonlink-matcher");
    assert_eq!(scaler["spec"]["secretTargetRef"][0]["name"], "database");
}

#[test]
fn chart_external_stores_are_reached_as_told() {
    let objects = Helm::any().objects(&borrowed(&Case::named("everything-external").arguments()));
    assert!(!objects.iter().any(|object| kind(object) == "StatefulSet"), "the chart runs no store");
    let config = configuration(&objects);
    hold(
        &config,
        &[
            ("DATABASE_SERVER", "db.example.org:6432"),
            ("DATABASE_TLS", "verify-full"),
            ("DATABASE_CA_FILE", "/etc/anonlink/postgresql-ca/ca.crt"),
            ("REDIS_SERVER", "a.example.org,b.example.org:26380"),
            ("REDIS_USE_SENTINEL", "true"),
            ("REDIS_TLS", "true"),
            ("REDIS_CA_FILE", "/etc/anonlink/redis-ca/ca.crt"),
            ("MINIO_SERVER", "objects.example.org:9000"),
            ("MINIO_SECURE", "true"),
            ("OBJECT_STORE_PATH_STYLE", "true"),
            ("UPLOAD_OBJECT_STORE_SERVER", "uploads.example.org"),
        ],
    );
    assert!(!config.contains_key("OBJECT_STORE_CA_FILE") && !config.contains_key("OBJECT_STORE_REGION"));
    assert_eq!(
        secrets(find(&objects, "Secret", "anonlink-secrets"))["REDIS_SENTINEL_PASSWORD"],
        "sentinel-secret"
    );
    // The files of authorities are where the variables say.
    let ca = texts(&find(&objects, "ConfigMap", "anonlink-ca")["data"]);
    assert!(ca["redis.crt"].starts_with("-----BEGIN CERTIFICATE-----"), "{ca:?}");
    for (kind, name) in
        [("Deployment", "anonlink-api"), ("Deployment", "anonlink-matcher"), ("Job", "anonlink-migrate-1")]
    {
        let spec = &pod(&objects, kind, name)["spec"];
        let mounts = list(&spec["containers"][0]["volumeMounts"]);
        let at =
            |path: &str| mounts.iter().find(|mount| mount["mountPath"] == path).map(|mount| &mount["name"]);
        assert_eq!(at("/etc/anonlink/postgresql-ca").unwrap(), "postgresql-ca", "{name}");
        assert_eq!(at("/etc/anonlink/redis-ca").unwrap(), "redis-ca", "{name}");
        assert!(at("/etc/anonlink/minio-ca").is_none(), "{name}");
    }
}

#[test]
fn chart_pod_identity_leaves_the_keys_out() {
    let objects = Helm::any().objects(&borrowed(&Case::named("s3-with-pod-identity").arguments()));
    let config = configuration(&objects);
    assert_eq!(config["MINIO_SERVER"], "s3.amazonaws.com");
    assert_eq!(config["OBJECT_STORE_REGION"], "eu-west-1");
    assert_eq!(config["MINIO_BUCKET"], "example-anonlink");
    let held = secrets(find(&objects, "Secret", "anonlink-secrets"));
    assert!(!held.keys().any(|name| name.starts_with("MINIO_")), "{held:?}");
    let account = find(&objects, "ServiceAccount", "anonlink");
    assert_eq!(
        account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"],
        "arn:aws:iam::123456789012:role/anonlink"
    );
    for (kind, name) in
        [("Deployment", "anonlink-api"), ("Deployment", "anonlink-matcher"), ("Job", "anonlink-migrate-1")]
    {
        assert_eq!(pod(&objects, kind, name)["spec"]["serviceAccountName"], "anonlink", "{name}");
    }
}

#[test]
fn chart_clients_are_told_the_address_at_which_they_reach_the_object_store() {
    let told = |sets: &[&str]| {
        let config = configuration(&Helm::any().objects(&borrowed(&Case::named("default").with(sets))));
        let get = |name: &str| config.get(name).map(String::as_str).unwrap_or("-").to_owned();
        ["UPLOAD_OBJECT_STORE_SERVER", "UPLOAD_OBJECT_STORE_SECURE", "DOWNLOAD_OBJECT_STORE_SERVER"].map(get)
    };
    // Without a word the binary takes the address inside the cluster, and how that is spoken to.
    assert_eq!(told(&[]), ["-", "-", "-"]);
    let ingress = ["minio.ingress.enabled=true", "minio.ingress.hosts={objects.example.org}"];
    assert_eq!(told(&ingress), ["objects.example.org", "false", "objects.example.org"]);
    let secure = [&ingress[..], &["minio.ingress.tls[0].secretName=objects-tls"]].concat();
    assert_eq!(told(&secure), ["objects.example.org", "true", "objects.example.org"]);
    let own = [&secure[..], &["anonlink.objectstore.uploadServer=up.example.org:9000"]].concat();
    assert_eq!(told(&own), ["up.example.org:9000", "-", "objects.example.org"]);
    let plain = [&own[..], &["anonlink.objectstore.uploadSecure=false"]].concat();
    assert_eq!(told(&plain), ["up.example.org:9000", "false", "objects.example.org"]);
}
