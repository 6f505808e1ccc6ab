//! Scripts, commands and configurations of the chart, run by the real programs: Redis with sentinels, MinIO with its client, nginx.

mod minio;
mod nginx;
mod redis;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::chart::cases::{Case, borrowed};
use crate::chart::helm::Helm;
use crate::chart::objects::{find, texts};

/// The user of the chart's pods, if this is root, who alone can be somebody else.
fn user() -> Option<u32> {
    let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    root.then_some(65532)
}

/// A folder that the pods' user may write to.
fn folder(parent: &Path, name: &str) -> PathBuf {
    let path = parent.join(name);
    std::fs::create_dir_all(&path).unwrap();
    if let Some(user) = user() {
        chown(&path, Some(user), Some(user)).unwrap();
    }
    path
}

/// A temporary folder of the pods' user.
fn ground() -> tempfile::TempDir {
    let ground = tempfile::tempdir().unwrap();
    folder(ground.path(), ".");
    ground
}

fn render(case: &str) -> Vec<Value> {
    Helm::any().objects(&borrowed(&Case::named(case).arguments()))
}

/// Writes the files of a config map.
fn write(objects: &[Value], map: &str, folder: &Path) {
    for (name, text) in texts(&find(objects, "ConfigMap", map)["data"]) {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

/// The answer to a request, or what there is of it.
fn get(port: u16, path: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let _ = stream
            .write_all(request.as_bytes())
            .and_then(|()| stream.read_to_string(&mut answer).map(|_| ()));
    }
    answer
}
