//! HTTPS on the listener itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anonlink::api::{Certificates, Entrance, serve};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::api::support::Service;

/// A certificate for 127.0.0.1 that signs itself, and its key, in these files of a folder.
fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (cert, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
    let settings = folder.join("openssl.cnf");
    std::fs::write(
        &settings,
        "[req]\ndistinguished_name=name\nx509_extensions=server\n[name]\n[server]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1\n",
    )
    .unwrap();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", &format!("/CN={name}"), "-config"])
        .arg(&settings)
        .arg("-out")
        .arg(&cert)
        .arg("-keyout")
        .arg(&key)
        .output()
        .expect("openssl can be run");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (cert, key)
}

/// Asks for the service's version, trusting this certificate alone.
async fn ask(url: &str, trusted: &Path) -> reqwest::Result<reqwest::StatusCode> {
    let authority = reqwest::Certificate::from_pem(&std::fs::read(trusted).unwrap())?;
    let client = reqwest::Client::builder().tls_certs_only([authority]).build()?;
    Ok(client.get(format!("{url}/api/v1/version")).send().await?.status())
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_served_and_a_renewed_certificate_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let (first, first_key) = certificate(folder.path(), "first");
    let (second, second_key) = certificate(folder.path(), "second");
    let (cert, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    std::fs::copy(&first, &cert).unwrap();
    std::fs::copy(&first_key, &key).unwrap();

    let certificates = Certificates::load(&cert, &key).unwrap().looking_every(Duration::ZERO);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = Service::start().await;
    let entrance = Entrance { listener, certificates: Some(certificates) };
    let server = tokio::spawn(serve(entrance, service.state.clone(), std::future::pending()));
    let url = format!("https://{address}");

    // Somebody who says nothing, and somebody who speaks no TLS, are in nobody's way.
    let _silent = TcpStream::connect(address).await.unwrap();
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(ask(&url, &first).await.unwrap(), 200);
    assert!(ask(&url, &second).await.is_err(), "another certificate than the trusted one");

    // A renewal is seen half done: the old pair stays in force until the new one is whole.
    std::fs::copy(&second, &cert).unwrap();
    assert_eq!(ask(&url, &first).await.unwrap(), 200);
    std::fs::copy(&second_key, &key).unwrap();
    assert_eq!(ask(&url, &second).await.unwrap(), 200);
    server.abort();
}

#[test]
fn https_with_useless_files_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path(), "one");
    let (_, other) = certificate(folder.path(), "other");
    let refused = |cert: &Path, key: &Path| Certificates::load(cert, key).unwrap_err().to_string();
    let missing = refused(&folder.path().join("none.crt"), &key);
    assert!(missing.contains("none.crt") && missing.contains("a certificate in PEM form"), "{missing}");
    let swapped = refused(&key, &key);
    assert!(swapped.contains("one.key") && swapped.contains("it holds none"), "{swapped}");
    let no_key = refused(&cert, &cert);
    assert!(no_key.contains("the certificate's private key"), "{no_key}");
    let strangers = refused(&cert, &other);
    assert!(strangers.contains("one.crt") && strangers.contains("other.key"), "{strangers}");
}
