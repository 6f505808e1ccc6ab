//! The values that are tried: what operators install, each way at least once.

use crate::chart::helm::chart;

/// One way to install the chart.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name in messages and snapshots.
    pub name: &'static str,
    /// Whether it takes the credentials of everything that the chart runs itself.
    credentials: bool,
    /// Files of values in the chart's folder.
    files: &'static [&'static str],
    /// Values, as for `--set`.
    sets: &'static [&'static str],
}

/// Credentials of everything that the chart runs itself.
pub const CREDENTIALS: &[&str] = &[
    "global.postgresql.postgresqlPassword=database-secret",
    "redis.password=redis-secret",
    "minio.accessKey=store-admin",
    "minio.secretKey=store-secret",
    "anonlink.objectstore.uploadAccessKey=uploader",
    "anonlink.objectstore.uploadSecretKey=uploader-secret",
    "anonlink.objectstore.downloadAccessKey=downloader",
    "anonlink.objectstore.downloadSecretKey=downloader-secret",
];

const fn own(name: &'static str, sets: &'static [&'static str]) -> Case {
    Case { name, credentials: true, files: &[], sets }
}

const fn bare(name: &'static str, files: &'static [&'static str], sets: &'static [&'static str]) -> Case {
    Case { name, credentials: false, files, sets }
}

/// All of them.
pub const CASES: &[Case] = &[
    own("default", &[]),
    Case { name: "minimal", credentials: true, files: &["minimal-values.yaml"], sets: &[] },
    bare("all-in-one", &[], &["allInOne.enabled=true"]),
    bare("all-in-one-fleeting", &[], &["allInOne.enabled=true", "allInOne.persistence.enabled=false"]),
    own(
        "ingress",
        &[
            "api.ingress.enabled=true",
            "api.ingress.className=nginx",
            "api.ingress.hosts={linkage.example.org,linkage.example.com}",
            "api.ingress.tls[0].secretName=linkage-tls",
            "api.ingress.tls[0].hosts={linkage.example.org}",
            "api.ingress.annotations.nginx\\.ingress\\.kubernetes\\.io/proxy-read-timeout=60",
            "minio.ingress.enabled=true",
            "minio.ingress.hosts={objects.example.org}",
        ],
    ),
    own(
        "http-route",
        &[
            "api.httpRoute.enabled=true",
            "api.httpRoute.parentRefs[0].name=gateway",
            "api.httpRoute.hostnames={linkage.example.org}",
            "api.httpRoute.timeouts.request=0s",
        ],
    ),
    bare(
        "everything-external",
        &[],
        &[
            "provision.postgresql=false",
            "provision.redis=false",
            "provision.minio=false",
            "api.tls.existingSecret=linkage-tls",
            "api.tls.caKey=ca.crt",
            "global.postgresql.postgresqlPassword=database-secret",
            "postgresql.host=db.example.org",
            "postgresql.port=6432",
            "postgresql.tls.mode=verify-full",
            "postgresql.tls.existingSecret=database-ca",
            "redis.server=a.example.org\\,b.example.org:26380",
            "redis.password=redis-secret",
            "redis.sentinelPassword=sentinel-secret",
            "redis.tls.enabled=true",
            "redis.tls.ca=-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----",
            "minio.server=objects.example.org:9000",
            "minio.accessKey=key",
            "minio.secretKey=secret",
            "minio.pathStyle=true",
            "anonlink.objectstore.secure=true",
            "anonlink.objectstore.uploadServer=uploads.example.org",
            "anonlink.objectstore.uploadAccessKey=uploader",
            "anonlink.objectstore.uploadSecretKey=uploader-secret",
        ],
    ),
    bare(
        "redis-direct",
        &[],
        &[
            "provision.redis=false",
            "redis.server=cache.example.org",
            "redis.use_sentinel=false",
            "redis.usePassword=false",
            "global.postgresql.postgresqlPassword=database-secret",
            "minio.accessKey=store-admin",
            "minio.secretKey=store-secret",
        ],
    ),
    own("redis-single", &["redis.useSentinel=false"]),
    own("redis-five", &["redis-ha.replicas=5", "redis-ha.persistentVolume.enabled=false"]),
    bare(
        "s3-with-pod-identity",
        &[],
        &[
            "provision.minio=false",
            "minio.podIdentity=true",
            "minio.region=eu-west-1",
            "minio.bucket=example-anonlink",
            "serviceAccount.annotations.eks\\.amazonaws\\.com/role-arn=arn:aws:iam::123456789012:role/anonlink",
            "global.postgresql.postgresqlPassword=database-secret",
            "redis.password=redis-secret",
        ],
    ),
    own(
        "hpa",
        &["api.autoscaler.enabled=true", "workers.autoscaler.enabled=true", "workers.pdb.enabled=true"],
    ),
    own(
        "keda",
        &[
            "workers.autoscaler.enabled=true",
            "workers.autoscaler.kind=keda",
            "workers.autoscaler.minReplicas=0",
        ],
    ),
    own("nginx", &["api.www.enabled=true", "api.www.replicaCount=2"]),
    own(
        "monitoring",
        &[
            "metrics.serviceMonitor.enabled=true",
            "metrics.serviceMonitor.labels.release=prometheus",
            "metrics.prometheusRule.enabled=true",
            "metrics.dashboard.enabled=true",
            "telemetry.otlp.endpoint=http://collector:4318",
            "telemetry.otlp.existingSecret=collector",
            "telemetry.otlp.sampler=parentbased_traceidratio",
            "telemetry.otlp.samplerArg=0.05",
            "postgresql.metrics.enabled=true",
            "postgresql.metrics.serviceMonitor.enabled=true",
            "minio.metrics.serviceMonitor.enabled=true",
        ],
    ),
    own(
        "network-policy",
        &[
            "networkPolicy.enabled=true",
            "api.www.enabled=true",
            "networkPolicy.apiFrom[0].namespaceSelector.matchLabels.name=ingress",
            "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.name=monitoring",
            "postgresql.metrics.enabled=true",
        ],
    ),
    bare(
        "existing-secrets",
        &[],
        &[
            "global.postgresql.existingSecret=database",
            "redis.existingSecret=cache",
            "minio.existingSecret=store",
            "anonlink.objectstore.uploadExistingSecret=uploads",
            "anonlink.objectstore.downloadExistingSecret=downloads",
            "api.tokens.existingSecret=tokens",
            "workers.autoscaler.enabled=true",
            "workers.autoscaler.kind=keda",
        ],
    ),
    own(
        "everything-overridden",
        &[
            "fullnameOverride=pprl",
            "global.imageRegistry=registry.example.org/mirror",
            "global.imagePullSecrets={pull}",
            "api.pullSecret=pull-too",
            "image.digest=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "workers.image.tag=special",
            "api.strategy.type=Recreate",
            "api.service.type=LoadBalancer",
            "api.service.loadBalancerSourceRanges={192.0.2.0/24}",
            "api.tokens.creation=token",
            "api.tokens.monitor=watcher",
            "api.monitor=false",
            "api.pages=false",
            "api.trustedProxies={192.0.2.1,192.0.2.2}",
            "api.priorityClassName=high",
            "workers.celery.CONCURRENCY=4",
            "workers.extraArgs={--kernel=avx2}",
            "workers.tolerations[0].key=spot",
            "workers.tolerations[0].operator=Exists",
            "workers.highmemory.nodeSelector.memory=large",
            "workers.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight=1",
            "workers.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].key=spot",
            "workers.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].operator=Exists",
            "anonlink.config.OBJECT_STORE_ALLOWED_ENDPOINTS=objects.example.org",
            "serviceAccount.create=false",
            "serviceAccount.name=linker",
            "logging.level=debug",
        ],
    ),
    bare("example-aws", &["examples/aws.yaml"], &[]),
    bare("example-gke", &["examples/gke.yaml"], &[]),
    bare("example-aks", &["examples/aks.yaml"], &[]),
    bare("example-minikube", &["minimal-values.yaml", "examples/minikube.yaml"], &[]),
    Case {
        name: "old-keys",
        credentials: false,
        files: &["../../../tests/deploy/chart/old-values.yaml"],
        sets: &[],
    },
];

impl Case {
    /// The case of this name.
    pub fn named(name: &str) -> Self {
        *CASES.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"))
    }

    /// Arguments for `helm template`, `lint` or `install`.
    pub fn arguments(&self) -> Vec<String> {
        let files = self.files.iter().map(|file| format!("--values={}", chart().join(file).display()));
        let credentials = if self.credentials { CREDENTIALS } else { &[] };
        let sets = credentials.iter().chain(self.sets).map(|set| format!("--set={set}"));
        files.chain(sets).collect()
    }

    /// The same with more values set.
    pub fn with(&self, sets: &[&str]) -> Vec<String> {
        self.arguments().into_iter().chain(sets.iter().map(|set| format!("--set={set}"))).collect()
    }
}

/// Borrows arguments.
pub fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}
