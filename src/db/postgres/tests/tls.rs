//! The TLS modes against a server with a certificate of its own making.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::stack::{PostgresOptions, find};

/// Runs `openssl` in a folder; words are separated by blanks.
fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new(find("openssl", &[]));
    let output = command.args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "infra: needs PostgreSQL"]
async fn each_mode_verifies_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(
        folder.path(),
        &format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"),
    );
    openssl(
        folder.path(),
        &format!("req -x509 {key} -keyout other.key -out other.pem -days 2 -subj /CN=stranger"),
    );
    openssl(
        folder.path(),
        &format!(
            "req -x509 -CA ca.pem -CAkey ca.key {key} -keyout server.key -out server.pem -days 2 -subj /CN=localhost \
             -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE"
        ),
    );
    let file = |name: &str| Some(folder.path().join(name));
    let tls = Some((folder.path().join("server.pem"), folder.path().join("server.key")));
    let cluster = Postgres::with(&PostgresOptions { tls, ..PostgresOptions::default() });
    let ping = async |mode: DatabaseTls, host: &str, ca: Option<&str>| {
        let mut settings = settings(&cluster, "postgres", 2);
        settings.servers[0].0 = host.into();
        (settings.tls, settings.ca_file) = (mode, ca.and_then(file));
        PostgresDb::connect(&settings).unwrap().ping().await.map_err(|error| error.to_string())
    };
    use DatabaseTls::{Disable, Require, VerifyFull};
    let plain = ping(Disable, "127.0.0.1", None).await.unwrap_err();
    assert!(plain.contains("no encryption") && !plain.contains(cluster.password()), "{plain}");
    ping(Require, "127.0.0.1", None).await.unwrap();
    ping(Require, "127.0.0.1", Some("ca.pem")).await.unwrap();
    ping(Require, "127.0.0.1", Some("other.pem")).await.unwrap_err();
    ping(VerifyFull, "localhost", Some("ca.pem")).await.unwrap();
    ping(VerifyFull, "localhost", Some("server.pem")).await.expect("the very certificate is trusted");
    let stranger = ping(VerifyFull, "localhost", Some("other.pem")).await.unwrap_err();
    assert!(stranger.contains("certificate"), "{stranger}");
    let misnamed = ping(VerifyFull, "127.0.0.1", Some("ca.pem")).await.unwrap_err();
    assert!(misnamed.contains("not valid for name"), "{misnamed}");
    ping(VerifyFull, "localhost", None).await.expect_err("the system's authorities don't know it");
}
