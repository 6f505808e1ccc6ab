//! A server on a MinIO of its own, and a client with the credentials that it hands out.

use std::process::Command;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{Attribute, AttributeValue, Attributes, ObjectStore, ObjectStoreExt, PutOptions};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::service::{self, Process, Project, call};
use crate::stack::Minio;

pub const UPLOADS: &str = "anonlink-uploads";
pub const DATA: &str = "entityservice";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Waits for something asynchronous.
pub fn wait<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}

/// A server on a MinIO of its own. Metadata are in a folder.
pub struct Site {
    pub url: String,
    pub minio: Minio,
    _server: Process,
    pub folder: tempfile::TempDir,
}

/// The flags that name a MinIO, with its administrator's keys for everything.
pub fn flags(minio: &Minio) -> Vec<String> {
    let (access, secret) = minio.root();
    let mut flags = vec!["--minio-server".to_owned(), minio.endpoint().to_owned()];
    for prefix in ["--minio", "--upload-object-store", "--download-object-store"] {
        flags.extend([format!("{prefix}-access-key"), access.to_owned()]);
        flags.extend([format!("{prefix}-secret-key"), secret.to_owned()]);
    }
    flags
}

impl Site {
    pub fn start() -> Self {
        Self::with(&[])
    }

    pub fn with(more: &[&str]) -> Self {
        let (minio, folder) = (Minio::start(), tempfile::tempdir().unwrap());
        let flags = flags(&minio);
        let migrated = Command::new(env!("CARGO_BIN_EXE_anonlink"))
            .args(["migrate", "--data-dir"])
            .arg(folder.path())
            .args(&flags)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&migrated.stdout);
        assert!(migrated.status.success() && said.contains(UPLOADS) && said.contains(DATA), "{migrated:?}");
        let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let (server, url) = service::serve(folder.path(), &flags);
        Self { url, minio, _server: server, folder }
    }

    /// A bucket with the administrator's keys.
    pub fn bucket(&self, name: &str) -> Client {
        Client::root(&self.minio, name)
    }

    /// A request that must be answered by this status.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, token: &str, body: Option<Value>, status: u16) -> Value {
        let (found, answer) = call(&self.url, method, path, token, body).unwrap();
        assert_eq!(found, status, "{method} {path}: {answer}");
        answer
    }

    /// A project of two parties.
    pub fn project(&self, members: Value) -> Project {
        let mut body = json!({"schema": {}, "result_type": "groups"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let made = self.ask("POST", "/projects", "", Some(body), 201);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Project {
            id: text(&made["project_id"]),
            updates: made["update_tokens"].as_array().unwrap().iter().map(text).collect(),
            result: text(&made["result_token"]),
        }
    }

    /// Credentials for a party, and where they are good.
    pub fn authorize(&self, project: &Project, party: usize) -> Leave {
        let path = format!("/projects/{}/authorize-external-upload", project.id);
        let answer = self.ask("GET", &path, &project.updates[party], None, 201);
        assert_eq!(answer["upload"]["path"], format!("{}/{party}", project.id));
        assert_eq!(answer["upload"]["secure"], false);
        assert_eq!(answer["upload"]["endpoint"], self.minio.endpoint());
        Leave::of(&answer, "upload")
    }

    /// Posts an upload.
    #[track_caller]
    pub fn post(&self, project: &Project, party: usize, body: Value, status: u16) -> Value {
        self.ask(
            "POST",
            &format!("/projects/{}/clks", project.id),
            &project.updates[party],
            Some(body),
            status,
        )
    }

    /// The project's description.
    pub fn describe(&self, project: &Project) -> Value {
        self.ask("GET", &format!("/projects/{}", project.id), &project.result, None, 200)
    }

    /// Waits until this many parties' data are in.
    pub fn wait_for_parties(&self, project: &Project, parties: u64) {
        service::wait_for("the parties' data", || {
            let described = self.describe(project);
            assert_eq!(described["error"], false, "{described}");
            described["parties_contributed"] == parties
        });
    }

    /// Waits for the project's error, and returns its message.
    pub fn wait_for_error(&self, project: &Project) -> String {
        service::wait_for("the project's error", || self.describe(project)["error"] == true);
        self.describe(project)["message"].as_str().unwrap().to_owned()
    }

    /// Runs to the end, and returns the result.
    pub fn link(&self, project: &Project, threshold: f64) -> Value {
        let run = service::post_run(&self.url, project, threshold).unwrap();
        service::wait_for("the run", || {
            let (state, status) = service::run_state(&self.url, project, &run).unwrap();
            assert_ne!(state, "error", "{status}");
            state == "completed"
        });
        let (status, body) = service::result(&self.url, project, &run).unwrap();
        assert_eq!(status, 200);
        serde_json::from_slice(&body).unwrap()
    }
}

/// Credentials and the place they are for.
pub struct Leave {
    pub credentials: Value,
    pub bucket: String,
    pub path: String,
    endpoint: String,
}

impl Leave {
    pub fn of(answer: &Value, place: &str) -> Self {
        let text = |name: &str| answer[place][name].as_str().unwrap().to_owned();
        let (bucket, path, endpoint) = (text("bucket"), text("path"), text("endpoint"));
        Self { credentials: answer["credentials"].clone(), bucket, path, endpoint }
    }

    /// A client with these credentials.
    pub fn client(&self) -> Client {
        self.client_of(&self.bucket)
    }

    /// The same for another bucket.
    pub fn client_of(&self, bucket: &str) -> Client {
        let text = |name: &str| self.credentials[name].as_str().unwrap().to_owned();
        let keys = (text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken"));
        Client::new(&self.endpoint, bucket, &keys.0, &keys.1, Some(&keys.2))
    }
}

/// A client of a bucket.
pub struct Client(AmazonS3);

impl Client {
    pub fn new(endpoint: &str, bucket: &str, access: &str, secret: &str, token: Option<&str>) -> Self {
        let mut builder = AmazonS3Builder::new()
            .with_endpoint(format!("http://{endpoint}"))
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(bucket)
            .with_access_key_id(access)
            .with_secret_access_key(secret);
        if let Some(token) = token {
            builder = builder.with_token(token);
        }
        Self(builder.build().unwrap())
    }

    pub fn root(minio: &Minio, bucket: &str) -> Self {
        let (access, secret) = minio.root();
        Self::new(minio.endpoint(), bucket, access, secret, None)
    }

    /// Puts an object with notes.
    pub fn put(&self, path: &str, bytes: &[u8], notes: &[(&str, &str)]) -> object_store::Result<()> {
        let note = |(name, value): &(&str, &str)| {
            (Attribute::Metadata((*name).to_owned().into()), AttributeValue::from((*value).to_owned()))
        };
        let attributes: Attributes = notes.iter().map(note).collect();
        let options = PutOptions { attributes, ..PutOptions::default() };
        wait(self.0.put_opts(&Path::parse(path).unwrap(), bytes.to_vec().into(), options)).map(drop)
    }

    /// Puts encodings with the notes that belong to them.
    pub fn put_encodings(&self, path: &str, bytes: &[u8], count: usize, size: usize) {
        let (count, size) = (count.to_string(), size.to_string());
        self.put(path, bytes, &[("hash-count", &count), ("Hash-Size", &size)]).unwrap();
    }

    pub fn get(&self, path: &str) -> object_store::Result<Vec<u8>> {
        wait(async { Ok(self.0.get(&Path::parse(path).unwrap()).await?.bytes().await?.to_vec()) })
    }

    pub fn delete(&self, path: &str) -> object_store::Result<()> {
        wait(self.0.delete(&Path::parse(path).unwrap()))
    }

    /// Names of all objects.
    pub fn list(&self) -> object_store::Result<Vec<String>> {
        wait(self.0.list(None).map_ok(|found| found.location.to_string()).try_collect())
    }
}

/// A refusal for want of right, not for anything else.
#[track_caller]
pub fn denied<T>(what: object_store::Result<T>) {
    match what {
        Ok(_) => panic!("it should have been refused"),
        Err(object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }) => {}
        // Listings and deletions wrap the refusal.
        Err(other)
            if ["403 Forbidden", "AccessDenied"].iter().any(|word| other.to_string().contains(word)) => {}
        Err(other) => panic!("refused for another reason: {other}"),
    }
}

/// An upload document of packed rows.
pub fn document(rows: &[u8], size: usize) -> Vec<u8> {
    let clks: Vec<_> = rows.chunks(size).map(|row| BASE64_STANDARD.encode(row)).collect();
    json!({"clks": clks}).to_string().into_bytes()
}
