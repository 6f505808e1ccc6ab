//! Values that make no sense are refused, with a message that names them.

use crate::chart::cases::{CREDENTIALS, Case, borrowed};
use crate::chart::helm::{Helm, KUBERNETES};

/// What Helm says to the values of a case and these.
fn refusal(case: &str, sets: &[&str]) -> String {
    let arguments = Case::named(case).with(sets);
    match Helm::any().template(KUBERNETES, &borrowed(&arguments)) {
        Ok(_) => panic!("{sets:?} were not refused"),
        Err(message) => message,
    }
}

#[test]
fn chart_missing_credentials_are_named_all_at_once() {
    let message = Helm::any().template(KUBERNETES, &[]).unwrap_err();
    for name in
        ["global.postgresql.postgresqlPassword", "redis.password", "minio.accessKey", "minio.secretKey"]
    {
        assert!(message.contains(&format!("{name} is required")), "{name} in {message}");
    }
    // One after the other.
    for missing in
        ["global.postgresql.postgresqlPassword", "redis.password", "minio.accessKey", "minio.secretKey"]
    {
        let sets: Vec<_> = CREDENTIALS.iter().filter(|set| !set.starts_with(missing)).collect();
        let sets: Vec<_> = sets.iter().map(|set| format!("--set={set}")).collect();
        let message = Helm::any().template(KUBERNETES, &borrowed(&sets)).unwrap_err();
        assert_eq!(message.matches("is required").count(), 1, "{missing}: {message}");
        assert!(message.contains(&format!("{missing} is required")), "{missing}: {message}");
    }
}

#[test]
fn chart_values_of_the_wrong_form_are_refused_by_the_schema() {
    for (set, parts) in [
        ("workers.replicas=ten", &["/workers/replicas", "ten"][..]),
        ("workers.replicaCount=-1", &["/workers/replicaCount"]),
        ("provision.minio=yes", &["/provision/minio", "true|false"]),
        ("postgresql.tls.mode=on", &["/postgresql/tls/mode", "'disable', 'require', 'verify-full'"]),
        ("api.service.type=Public", &["/api/service/type", "LoadBalancer"]),
        ("api.service.servicePort=123456", &["/api/service/servicePort"]),
        ("workers.autoscaler.kind=vpa", &["/workers/autoscaler/kind", "'hpa', 'keda'"]),
        ("workers.queues={compute,fast}", &["/workers/queues/1", "highmemory"]),
        ("workers.tileCache=lots", &["/workers/tileCache", "lots"]),
        ("workers.leaseSeconds=1", &["/workers/leaseSeconds"]),
        ("api.app.resources.limits.memory=1 GB", &["/api/app/resources/limits/memory"]),
        ("api.app.resources.limit.memory=1Gi", &["/api/app/resources", "limit"]),
        ("api.ingress.hosts={https://a.b}", &["/api/ingress/hosts/0"]),
        ("api.ingress.path=api", &["/api/ingress/path"]),
        ("image.digest=0123", &["/image/digest"]),
        ("minio.bucket=My_Bucket", &["/minio/bucket", "My_Bucket"]),
        ("minio.stsEndpoint=sts.example.org", &["/minio/stsEndpoint"]),
        ("postgresql.persistence.size=big", &["/postgresql/persistence/size"]),
        ("anonlink.objectstore.uploadStsDuration=60", &["/anonlink/objectstore/uploadStsDuration", "900"]),
        ("anonlink.config.RATE-LIMIT=3", &["/anonlink/config", "RATE-LIMIT"]),
        ("api.trustedProxies={10.0.0.0/8/9}", &["/api/trustedProxies/0"]),
        ("redis.tls.ca=nonsense", &["/redis/tls/ca"]),
        ("worker.replicaCount=2", &["worker", "not allowed"]),
        ("api.replicas=2", &["/api", "replicas", "not allowed"]),
        ("minio.acessKey=typo", &["/minio", "acessKey", "not allowed"]),
    ] {
        let message = refusal("default", &[set]);
        assert!(message.contains("values don't meet the specifications of the schema"), "{set}: {message}");
        for part in parts {
            assert!(message.contains(part), "{set}: {part} is missing in {message}");
        }
    }
}

#[test]
fn chart_values_that_contradict_one_another_are_refused_by_name() {
    let external = "provision.postgresql=false";
    for (sets, part) in [
        (&[external][..], "postgresql.host is required"),
        (&["provision.redis=false"], "redis.server is required"),
        (&["postgresql.host=db.example.org"], "set provision.postgresql=false"),
        (
            &["postgresql.tls.mode=require"],
            "postgresql.tls.mode=require: the chart's PostgreSQL speaks no TLS",
        ),
        (&["redis.tls.enabled=true"], "redis.tls.enabled: the chart's Redis speaks no TLS"),
        (&["anonlink.objectstore.secure=true"], "anonlink.objectstore.secure"),
        (&["redis-ha.replicas=2"], "redis-ha.replicas must be odd"),
        (&["redis-ha.redisPassword=other"], "redis-ha.redisPassword is the old name of redis.password"),
        (
            &["provision.redis=false", "redis.server=a\\,b", "redis.useSentinel=false"],
            "redis.server names several servers",
        ),
        (&["minio.mode=distributed"], "minio.mode=distributed"),
        (&["minio.podIdentity=true"], "minio.podIdentity is for an external object store"),
        (&["minio.secretKey=short"], "minio.secretKey must have 8 characters"),
        (&["anonlink.objectstore.uploadSecretKey="], "anonlink.objectstore.uploadSecretKey is required"),
        (&["anonlink.objectstore.downloadAccessKey="], "anonlink.objectstore.downloadAccessKey is required"),
        (&["anonlink.objectstore.uploadAccessKey=store-admin"], "must not be minio.accessKey"),
        (&["anonlink.objectstore.uploadBucket.name=anonlink"], "anonlink.objectstore.uploadBucket.name"),
        (&["api.ingress.enabled=true"], "api.ingress.hosts is required"),
        (&["api.httpRoute.enabled=true"], "api.httpRoute.parentRefs is required"),
        (&["minio.ingress.enabled=true"], "minio.ingress.hosts is required"),
        (&["api.name=api"], "api.name=api"),
        (&["api.tls.existingSecret=tls", "api.www.enabled=true"], "behind api.www the API speaks plain HTTP"),
        (&["api.tls.caKey=ca.crt"], "api.tls.caKey is a key of api.tls.existingSecret"),
        (&["workers.queues={compute}"], "leave the queue default to nobody"),
        (&["workers.highmemory.queues={compute}"], "leave the queue highmemory to nobody"),
        (&["workers.autoscaler.minReplicas=30"], "workers.autoscaler.minReplicas is above"),
        (&["workers.autoscaler.minReplicas=0"], "takes KEDA"),
        (&["allInOne.enabled=true", "workers.autoscaler.enabled=true"], "allInOne.enabled is one pod"),
        (&["serviceAccount.create=false", "serviceAccount.annotations.a=b"], "serviceAccount.annotations"),
    ] {
        let message = refusal("default", sets);
        assert!(message.contains(part), "{sets:?}: {part:?} is missing in {message}");
    }
}

#[test]
fn chart_old_keys_that_can_t_work_name_the_new_ones() {
    for (set, part) in [
        ("api.app.debug=true", "set logging.level=debug"),
        ("workers.debug=true", "set logging.level=debug"),
        ("api.dbinit.image.tag=v1", "migrations run from api.app.image"),
        ("global.global.storageClass=default", "set global.storageClass"),
        ("redis-ha.resources.server.requests.cpu=1", "set redis-ha.redis.resources"),
        ("redis-ha.auth=false", "always asks for a password"),
    ] {
        let message = refusal("default", &[set]);
        assert!(message.contains(part), "{set}: {part:?} is missing in {message}");
    }
}

#[test]
fn chart_kubernetes_before_1_29_is_refused() {
    let arguments = Case::named("default").arguments();
    let message = Helm::any().template("1.28.0", &borrowed(&arguments)).unwrap_err();
    assert!(message.contains("1.29"), "{message}");
}
