//! The image in a container, as a cluster would run it: read-only, another user, little memory, no capability.

use std::io::Write;
use std::net::TcpStream;

use serde_json::Value;

use crate::image::engine::{Engine, IMAGE, succeed};
use crate::service::{answer, begin_upload, create, parties, request_root, wait_for, wait_for_begun};

/// How containers are run here.
const HARDENED: &[&str] = &[
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--pids-limit=200",
    "--tmpfs=/tmp:mode=1777,size=64m",
];

#[test]
fn image_holds_the_binary_and_little_else() {
    let engine = Engine::start();
    engine.build();
    let text = engine.docker(&["image", "inspect", IMAGE]);
    let image = &serde_json::from_str::<Value>(&text).unwrap()[0];
    let size = image["Size"].as_u64().unwrap();
    assert!(size < 40 << 20, "the image is {size} bytes");
    println!("image: {:.1} MiB", size as f64 / f64::from(1 << 20));
    let config = &image["Config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], serde_json::json!(["/anonlink"]));
    assert_eq!(config["Cmd"], serde_json::json!(["serve"]));
    engine.docker(&["create", "--name", "opened", "--network", "none", IMAGE]);
    let mut export =
        engine.command(&["export", "opened"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let list = succeed(std::process::Command::new("tar").args(["-t"]).stdin(export.stdout.take().unwrap()));
    assert!(export.wait().unwrap().success());
    let mut files: Vec<_> = list.lines().filter(|name| !name.ends_with('/')).collect();
    files.sort_unstable();
    // The engine's own mount points are empty files: .dockerenv, /dev/console and /etc/{hosts,hostname,resolv.conf,mtab}.
    let own = ["dev/", "etc/host", "etc/resolv.conf", "etc/mtab", ".dockerenv"];
    files.retain(|name| !own.iter().any(|prefix| name.starts_with(prefix)));
    assert_eq!(
        files,
        ["anonlink", "anonlink.cdx.json", "etc/group", "etc/passwd", "etc/ssl/certs/ca-certificates.crt"]
    );
}

#[test]
fn image_passes_its_selftest_and_drains_at_sigterm() {
    let engine = Engine::start();
    engine.build();
    let run = |memory: &str, more: &[&str]| {
        let limits = [format!("--memory={memory}"), format!("--memory-swap={memory}")];
        engine.docker(&[&["run", &limits[0], &limits[1]], HARDENED, more].concat())
    };

    // The selftest holds a server, its clients, and what they compare.
    let said = run("1g", &["--rm", "--network=none", "--tmpfs=/data:size=1m", IMAGE, "selftest"]);
    let summary = said.lines().last().unwrap();
    assert!(summary.contains(" 0 failed"), "{said}");
    println!("in the container: {summary}");

    engine.docker(&["network", "create", "net"]);
    let probes = ["--env", "ANONLINK_METRICS_LISTEN=0.0.0.0:9090"];
    run(
        "256m",
        &[&["--detach", "--name=service", "--network=net", "--volume=data:/data"], &probes[..], &[IMAGE]]
            .concat(),
    );
    let address = "{{(index .NetworkSettings.Networks \"net\").IPAddress}}";
    let address = engine.docker(&["inspect", "--format", address, "service"]);
    let url = format!("http://{address}:8851");
    wait_for("the service", || request_root(&url, "/health/ready").is_ok_and(|(status, _)| status == 200));
    assert_eq!(engine.docker(&["exec", "service", "/anonlink", "health"]), "ok");
    let shell = engine.command(&["exec", "service", "sh", "-c", "true"]).output().unwrap();
    assert!(!shell.status.success(), "there is a shell");

    // An upload that is under way when the container is told to stop is answered.
    let project = create(&url, "groups").unwrap();
    let rows = &parties(1000, 7)[0];
    let half = rows.len() / 2;
    let mut upload = begin_upload(&url, &project, 0, rows, half).unwrap();
    wait_for_begun(&url, &project, 0);
    let stop = engine.command(&["stop", "--time", "60", "service"]).spawn();
    wait_for("the end of listening", || TcpStream::connect((address.as_str(), 8851)).is_err());
    upload.write_all(&rows[half..]).unwrap();
    let (status, body) = answer(upload).unwrap();
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    assert!(stop.unwrap().wait().unwrap().success());
    // One that is killed, not stopped, has another code.
    assert_eq!(engine.docker(&["inspect", "--format", "{{.State.ExitCode}}", "service"]), "0");
    let logs = engine.command(&["logs", "service"]).output().unwrap();
    assert!(String::from_utf8_lossy(&logs.stderr).contains("stopped"), "{logs:?}");
}
