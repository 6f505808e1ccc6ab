//! The chart against a real API server of Kubernetes with its etcd. There are no nodes: objects are checked, defaulted, admitted and
//! stored as in any cluster, and no pod ever runs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::chart::cases::{CASES, Case, borrowed};
use crate::chart::helm::{Helm, chart};
use crate::chart::objects::{kind, list, name, pods, title};
use crate::chart::tools::FOREIGN;
use crate::stack::{Daemon, find as program, free_ports};

const TOKEN: &str = "a-token-for-tests";

struct Server {
    url: String,
    client: Client,
    kubeconfig: PathBuf,
    _daemons: [Daemon; 2],
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts both and waits until the API is ready.
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = |name: &str| folder.path().join(name).display().to_string();
        let ports = free_ports(3);
        let url = |scheme: &str, port: u16| format!("{scheme}://127.0.0.1:{port}");
        let key = std::process::Command::new(program("openssl", &["/usr/bin"]))
            .args(["genrsa", "-out", &here("accounts.key")])
            .output()
            .unwrap();
        assert!(key.status.success(), "{key:?}");
        std::fs::write(here("tokens"), format!("{TOKEN},tester,1,system:masters\n")).unwrap();
        let etcd = [
            format!("--data-dir={}", here("etcd")),
            format!("--listen-client-urls={}", url("http", ports[0])),
            format!("--advertise-client-urls={}", url("http", ports[0])),
            format!("--listen-peer-urls={}", url("http", ports[1])),
            "--unsafe-no-fsync".into(),
        ];
        let etcd = Daemon::start("etcd", folder.path(), &program("etcd", &["/usr/bin"]), &etcd, &[], None);
        let api = [
            format!("--etcd-servers={}", url("http", ports[0])),
            format!("--secure-port={}", ports[2]),
            "--bind-address=127.0.0.1".into(),
            format!("--cert-dir={}", here("certificates")),
            format!("--token-auth-file={}", here("tokens")),
            "--authorization-mode=AlwaysAllow".into(),
            "--anonymous-auth=false".into(),
            "--service-account-issuer=https://kubernetes.default.svc".into(),
            format!("--service-account-key-file={}", here("accounts.key")),
            format!("--service-account-signing-key-file={}", here("accounts.key")),
            "--service-cluster-ip-range=10.0.0.0/16".into(),
            // Nobody makes the namespaces' default accounts here.
            "--disable-admission-plugins=ServiceAccount".into(),
        ];
        let api = Daemon::start("api", folder.path(), &program("kube-apiserver", &[]), &api, &[], None);
        let kubeconfig = folder.path().join("kubeconfig");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": url("https", ports[2]), "insecure-skip-tls-verify": true}}],
            "users": [{"name": "test", "user": {"token": TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        });
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        let client = Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
        let server =
            Self { url: url("https", ports[2]), client, kubeconfig, _daemons: [etcd, api], _folder: folder };
        let started = Instant::now();
        while !server.ready().await {
            assert!(started.elapsed() < Duration::from_secs(180), "{}", server._daemons[1].log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        server
    }

    async fn ready(&self) -> bool {
        let answer = self.client.get(format!("{}/readyz", self.url)).bearer_auth(TOKEN).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Sends a document, and returns status and answer.
    async fn send(&self, method: Method, path: &str, kind: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(TOKEN);
        let answer = request.header("content-type", kind).body(body.to_string()).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// Makes a namespace in which only pods of the strictest standard are admitted.
    async fn namespace(&self, name: &str) {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let body =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        let (status, answer) = self.send(Method::POST, "/api/v1/namespaces", "application/json", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        // One of the cases has its pods in it.
        let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1});
        let path = "/apis/scheduling.k8s.io/v1/priorityclasses";
        let (status, answer) = self.send(Method::POST, path, "application/json", &class).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }

    /// The objects of a kind in a namespace, by the path of their API and their plural.
    async fn all(&self, namespace: &str, path: &str) -> Vec<Value> {
        let (group, plural) = path.rsplit_once('/').unwrap();
        let path = format!("/{group}/namespaces/{namespace}/{plural}");
        let answer = self.client.get(format!("{}{path}", self.url)).bearer_auth(TOKEN).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        list(&answer["items"]).to_vec()
    }

    /// Runs Helm against it, and returns what it writes.
    fn helm(&self, helm: &Helm, arguments: &[&str]) -> String {
        let kubeconfig = format!("--kubeconfig={}", self.kubeconfig.display());
        let output = helm.run(&[arguments, &[&kubeconfig]].concat());
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }
}

/// Path of an object's API, and the plural of its kind.
fn path(object: &Value) -> String {
    let version = object["apiVersion"].as_str().unwrap();
    let group = if version.contains('/') { "apis" } else { "api" };
    let plural = match kind(object) {
        kind if kind.ends_with('y') => format!("{}ies", &kind[..kind.len() - 1]),
        kind if kind.ends_with('s') => format!("{kind}es"),
        kind => format!("{kind}s"),
    };
    format!("{group}/{version}/{}", plural.to_lowercase())
}

#[tokio::test]
async fn chart_server_takes_every_object_of_every_case_by_server_side_apply() {
    let server = Server::start().await;
    server.namespace("linkage").await;
    let mut applied = 0;
    for case in CASES {
        let objects = Helm::any().objects(&borrowed(&case.arguments()));
        for object in objects.iter().filter(|object| !FOREIGN.contains(&kind(object))) {
            let path = path(object);
            let (group, plural) = path.rsplit_once('/').unwrap();
            let path = format!("/{group}/namespaces/linkage/{plural}/{}", name(object));
            let query = "fieldManager=test&force=true&fieldValidation=Strict&dryRun=All";
            let kind = "application/apply-patch+yaml";
            let (status, answer) = server.send(Method::PATCH, &format!("{path}?{query}"), kind, object).await;
            assert!(status.is_success(), "{}: {}: {answer}", case.name, title(object));
            applied += 1;
        }
    }
    assert!(applied > 300, "only {applied}");
    // It does look: a field that doesn't exist, and a value that can't be.
    for (member, value) in [("replica", json!(1)), ("replicas", json!(-1))] {
        let objects = Helm::any().objects(&borrowed(&Case::named("default").arguments()));
        let mut object = crate::chart::objects::find(&objects, "Deployment", "anonlink-api").clone();
        object["spec"][member] = value;
        let path = "/apis/apps/v1/namespaces/linkage/deployments/anonlink-api?fieldManager=test&fieldValidation=Strict";
        let (status, answer) =
            server.send(Method::PATCH, path, "application/apply-patch+yaml", &object).await;
        let named = answer["message"].as_str().unwrap_or_default().contains(&format!("spec.{member}"));
        assert!(!status.is_success() && named, "{member}: {status}: {answer}");
    }
}

#[tokio::test]
async fn chart_server_admits_all_pods_by_the_restricted_standard() {
    let server = Server::start().await;
    server.namespace("linkage").await;
    let mut admitted = 0;
    for case in CASES {
        let objects = Helm::any().objects(&borrowed(&case.arguments()));
        for (title, template) in pods(&objects) {
            let metadata = json!({"generateName": "pod-", "labels": template["metadata"]["labels"]});
            let mut spec = template["spec"].clone();
            // What a stateful set adds.
            let volumes = spec["volumes"].as_array_mut().unwrap();
            if !volumes.iter().any(|volume| volume["name"] == "data") {
                volumes.push(json!({"name": "data", "persistentVolumeClaim": {"claimName": "data"}}));
            }
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
            let path = "/api/v1/namespaces/linkage/pods?fieldValidation=Strict&dryRun=All";
            let (status, answer) = server.send(Method::POST, path, "application/json", &pod).await;
            assert_eq!(status, StatusCode::CREATED, "{}: {title}: {answer}", case.name);
            admitted += 1;
        }
    }
    assert!(admitted > 100, "only {admitted}");
    let loose = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "loose"},
        "spec": {"containers": [{"name": "loose", "image": "loose"}]},
    });
    let (status, answer) =
        server.send(Method::POST, "/api/v1/namespaces/linkage/pods", "application/json", &loose).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
}

/// Installs, changes, takes back, and uninstalls.
async fn life(helm: &Helm) {
    let server = Server::start().await;
    server.namespace("linkage").await;
    let chart = chart();
    let chart = chart.to_str().unwrap();
    let arguments = Case::named("default").arguments();
    let jobs = async || {
        let mut names: Vec<_> = server
            .all("linkage", "apis/batch/v1/jobs")
            .await
            .iter()
            .map(|job| name(job).to_owned())
            .collect();
        names.sort();
        names
    };
    let replicas = async || {
        let all = server.all("linkage", "apis/apps/v1/deployments").await;
        all.iter()
            .find(|found| name(found) == "anonlink-matcher")
            .map(|found| found["spec"]["replicas"].clone())
    };
    let mut install = vec!["upgrade", "--install", "anonlink", chart, "--namespace", "linkage"];
    install.extend(borrowed(&arguments));
    let said = server.helm(helm, &install);
    assert!(said.contains("STATUS: deployed") && !said.contains("violate"), "{said}");
    assert_eq!(jobs().await, ["anonlink-migrate-1", "anonlink-minio-users-1"]);
    assert_eq!(replicas().await, Some(json!(1)));
    let change = |set: &str| {
        let upgrade =
            ["upgrade", "anonlink", chart, "--namespace", "linkage", "--reuse-values", "--set", set];
        server.helm(helm, &upgrade)
    };

    // As documented: more workers. Jobs can't be changed, so that each revision has its own.
    change("workers.replicas=20");
    assert_eq!(jobs().await, ["anonlink-migrate-2", "anonlink-minio-users-2"]);
    assert_eq!(replicas().await, Some(json!(20)));

    // A scaler takes over: what it has set is left alone by the next upgrade.
    change("workers.autoscaler.enabled=true");
    let scale = json!({"spec": {"replicas": 7}});
    let path = "/apis/apps/v1/namespaces/linkage/deployments/anonlink-matcher/scale";
    let (status, answer) = server.send(Method::PATCH, path, "application/merge-patch+json", &scale).await;
    assert!(status.is_success(), "{answer}");
    change("workers.autoscaler.enabled=true,workers.podAnnotations.note=new");
    assert_eq!(replicas().await, Some(json!(7)));

    server.helm(helm, &["rollback", "anonlink", "1", "--namespace", "linkage"]);
    assert_eq!(jobs().await, ["anonlink-migrate-1", "anonlink-minio-users-1"]);
    assert_eq!(replicas().await, Some(json!(1)));

    server.helm(helm, &["uninstall", "anonlink", "--namespace", "linkage"]);
    for path in ["apis/apps/v1/deployments", "apis/apps/v1/statefulsets", "api/v1/secrets", "api/v1/services"]
    {
        let left = server.all("linkage", path).await;
        assert!(left.is_empty(), "{path}: {left:?}");
    }
}

#[tokio::test]
async fn chart_helm3_and_a_chart_server_go_through_the_life_of_a_release() {
    life(&Helm::three()).await;
}

#[tokio::test]
async fn chart_helm4_and_a_chart_server_go_through_the_life_of_a_release() {
    life(&Helm::four()).await;
}
