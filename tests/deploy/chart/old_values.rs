//! Keys of the old chart mean what they meant, and their documented second names do.

use crate::chart::cases::{Case, borrowed};
use crate::chart::helm::Helm;
use crate::chart::objects::{configuration, environment, find, hold, pod, secrets};

fn render(case: &str, sets: &[&str]) -> Vec<serde_json::Value> {
    Helm::any().objects(&borrowed(&Case::named(case).with(sets)))
}

#[test]
fn chart_takes_the_values_of_an_old_deployment() {
    let objects = render("old-keys", &[]);
    let config = configuration(&objects);
    hold(
        &config,
        &[
            ("CHUNK_SIZE_AIM", "300_000_000"),
            ("SOLVER_MAX_CANDIDATE_PAIRS", "200_000_000"),
            ("MINIO_BUCKET", "linkage"),
            ("MINIO_SERVER", "anonlink-minio:9000"),
            ("REDIS_USE_SENTINEL", "true"),
            ("UPLOAD_OBJECT_STORE_SECURE", "true"),
        ],
    );
    let api = find(&objects, "Deployment", "anonlink-api");
    assert_eq!(api["spec"]["replicas"], 2);
    assert_eq!(api["metadata"]["annotations"]["owner"], "linkage");
    let spec = &api["spec"]["template"]["spec"];
    assert_eq!(spec["serviceAccountName"], "default");
    assert_eq!(spec["containers"][0]["image"], "registry.example.org/anonlink-app:v1.15.0");
    assert_eq!(spec["containers"][0]["resources"]["limits"]["memory"], "8Gi");
    let worker = find(&objects, "Deployment", "anonlink-matcher");
    assert_eq!(worker["spec"]["replicas"], 20, "the documented name, as text");
    let own = environment(&worker["spec"]["template"]["spec"]["containers"][0]);
    assert_eq!(own["CONCURRENCY"], "2");
    assert_eq!(secrets(find(&objects, "Secret", "anonlink-secrets"))["REDIS_PASSWORD"], "redis-secret");
    let service = find(&objects, "Service", "anonlink-server");
    assert_eq!(service["metadata"]["labels"]["tier"], "frontend");
    let ingress = find(&objects, "Ingress", "anonlink-server");
    let annotations = &ingress["metadata"]["annotations"];
    assert_eq!(annotations["nginx.ingress.kubernetes.io/proxy-connect-timeout"], "60");
    assert_eq!(find(&objects, "StatefulSet", "anonlink-memstore")["spec"]["replicas"], 3);
}

#[test]
fn chart_second_names_do_the_same() {
    for (first, second) in [
        (&["workers.replicaCount=7"][..], &["workers.replicas=7"][..]),
        (&["redis.useSentinel=false"], &["redis.use_sentinel=false"]),
        (&["minio.defaultBucket.name=linkage"], &["minio.bucket=linkage"]),
        (&["redis.password=other"], &["redis.password=", "redis-ha.redisPassword=other"]),
        (
            &["provision.postgresql=false", "postgresql.host=db.example.org"],
            &["provision.postgresql=false", "postgresql.nameOverride=db.example.org"],
        ),
    ] {
        let (one, other) = (render("default", first), render("default", second));
        assert_eq!(one, other, "{second:?}");
        assert_ne!(one, render("default", &[]), "{first:?} changes nothing");
    }
}

#[test]
fn chart_replicas_may_be_text_or_a_number() {
    let replicas = |argument: &str| {
        let mut arguments = Case::named("default").arguments();
        arguments.push(argument.to_owned());
        let objects = Helm::any().objects(&borrowed(&arguments));
        find(&objects, "Deployment", "anonlink-matcher")["spec"]["replicas"].clone()
    };
    for argument in
        ["--set=workers.replicas=20", "--set-string=workers.replicas=20", "--set-json=workers.replicas=20.0"]
    {
        assert_eq!(replicas(argument), 20, "{argument}");
    }
    assert_eq!(replicas("--set-string=workers.replicaCount=0"), 0);
}

#[test]
fn chart_numbers_stay_as_they_were_written() {
    let objects = render(
        "default",
        &["workers.CHUNK_SIZE_AIM=4000000000", "anonlink.config.UPLOAD_IDLE_SECONDS=30", "api.rateLimit=0.5"],
    );
    let config = configuration(&objects);
    assert_eq!(config["CHUNK_SIZE_AIM"], "4000000000", "no 4e+09");
    assert_eq!((config["UPLOAD_IDLE_SECONDS"].as_str(), config["RATE_LIMIT"].as_str()), ("30", "0.5"));
    let mut arguments = Case::named("default").arguments();
    arguments.push("--set-json=anonlink.config={\"CHUNK_SIZE_AIM\": 123456789012, \"OBJECT_STORE_ALLOWED_INSECURE\": true}".into());
    let config = configuration(&Helm::any().objects(&borrowed(&arguments)));
    assert_eq!(config["CHUNK_SIZE_AIM"], "123456789012");
    assert_eq!(config["OBJECT_STORE_ALLOWED_INSECURE"], "true");
}

#[test]
fn chart_switches_given_as_text_are_switches() {
    let mut arguments = Case::named("default").arguments();
    for switch in ["provision.redis", "api.dbinit.enabled", "minio.persistence.enabled", "api.pdb.enabled"] {
        arguments.push(format!("--set-string={switch}=false"));
    }
    arguments.push("--set-string=redis.server=cache.example.org".into());
    arguments.push("--set-string=redis.useSentinel=false".into());
    let objects = Helm::any().objects(&borrowed(&arguments));
    let titles: Vec<_> = objects.iter().map(crate::chart::objects::title).collect();
    for gone in
        ["StatefulSet anonlink-memstore", "Job anonlink-migrate-1", "PodDisruptionBudget anonlink-api"]
    {
        assert!(!titles.iter().any(|title| title == gone), "{gone}");
    }
    let store = pod(&objects, "StatefulSet", "anonlink-minio");
    let fleeting = store["spec"]["volumes"].as_array().unwrap().iter().any(|volume| volume["name"] == "data");
    assert!(fleeting, "no volume that stays");
}
