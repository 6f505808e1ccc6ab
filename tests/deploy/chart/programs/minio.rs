//! The chart's object store, and the users that its Job makes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use super::{folder, get, ground, render, user, write};
use crate::chart::objects::{environment, list, pod};
use crate::stack::{Daemon, Minio, find as program, free_port, wait_until};

/// The client of the object store, with a folder of its own.
struct Client {
    home: PathBuf,
    endpoint: String,
}

impl Client {
    fn run(&self, keys: (&str, &str), arguments: &[&str], input: &str) -> bool {
        let mut child = Command::new(program("mc", &[]))
            .env("HOME", &self.home)
            .env("MC_HOST_at", format!("http://{}:{}@{}", keys.0, keys.1, self.endpoint))
            .arg("--quiet")
            .args(arguments)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // It may give up before it has read anything.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait().unwrap().success()
    }
}

#[test]
fn chart_minio_users_script_makes_users_who_may_do_one_thing_each() {
    let (store, ground) = (Minio::start(), ground());
    let objects = render("default");
    let scripts = folder(ground.path(), "scripts");
    write(&objects, "anonlink-minio-users", &scripts);
    let client = Client { home: folder(ground.path(), "client"), endpoint: store.endpoint().to_owned() };
    for bucket in ["anonlink", "uploads"] {
        assert!(client.run(store.root(), &["mb", &format!("at/{bucket}")], ""));
    }
    assert!(client.run(store.root(), &["pipe", "at/anonlink/result"], "groups"));

    let mut own = environment(&pod(&objects, "Job", "anonlink-minio-users-1")["spec"]["containers"][0]);
    assert_eq!(own["ENDPOINT"], "http://anonlink-minio:9000");
    let (up, down) = (("uploader", "uploader-secret"), ("downloader", "downloader-secret"));
    for (name, value) in [
        ("ENDPOINT", format!("http://{}", store.endpoint())),
        ("MINIO_ACCESS_KEY", store.root().0.to_owned()),
        ("MINIO_SECRET_KEY", store.root().1.to_owned()),
        ("UPLOAD_OBJECT_STORE_ACCESS_KEY", up.0.to_owned()),
        ("UPLOAD_OBJECT_STORE_SECRET_KEY", up.1.to_owned()),
        ("DOWNLOAD_OBJECT_STORE_ACCESS_KEY", down.0.to_owned()),
        ("DOWNLOAD_OBJECT_STORE_SECRET_KEY", down.1.to_owned()),
        ("HOME", folder(ground.path(), "home").display().to_string()),
    ] {
        own.insert(name.to_owned(), value);
    }
    let tools = program("mc", &[]).parent().unwrap().display().to_string();
    own.insert("PATH".into(), format!("{tools}:{}", std::env::var("PATH").unwrap()));
    for time in ["first", "second"] {
        let output = Command::new("sh").arg(scripts.join("users.sh")).envs(&own).output().unwrap();
        assert!(output.status.success(), "the {time} time: {output:?}");
    }

    assert!(client.run(up, &["pipe", "at/uploads/clks"], "clks"));
    assert!(!client.run(up, &["cat", "at/uploads/clks"], ""), "uploaders read nothing");
    assert!(!client.run(up, &["pipe", "at/anonlink/clks"], "clks"), "nor do they write elsewhere");
    assert!(client.run(down, &["cat", "at/anonlink/result"], ""));
    assert!(!client.run(down, &["pipe", "at/anonlink/result"], "other"), "downloaders write nothing");
    assert!(!client.run(down, &["cat", "at/uploads/clks"], ""), "nor do they read elsewhere");
}

#[test]
fn chart_minio_starts_as_its_pod_starts_it() {
    let (objects, ground) = (render("default"), ground());
    let container = &pod(&objects, "StatefulSet", "anonlink-minio")["spec"]["containers"][0];
    let (data, scratch, port) =
        (folder(ground.path(), "data"), folder(ground.path(), "scratch"), free_port());
    // The pod's folders and port are others here.
    let here = |text: &str| {
        let text = text.replace("/data", data.to_str().unwrap()).replace("/tmp", scratch.to_str().unwrap());
        text.replace(":9000", &format!("127.0.0.1:{port}"))
    };
    let arguments: Vec<_> = list(&container["args"]).iter().map(|one| here(one.as_str().unwrap())).collect();
    let mut variables: BTreeMap<_, _> =
        environment(container).into_iter().map(|(name, value)| (name, here(&value))).collect();
    variables.insert("MINIO_ROOT_USER".into(), "store-admin".into());
    variables.insert("MINIO_ROOT_PASSWORD".into(), "store-secret".into());
    let variables: Vec<_> = variables.into_iter().collect();
    let mut store =
        Daemon::start("minio", ground.path(), &program("minio", &[]), &arguments, &variables, user());
    store.wait_for_port(port);
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        wait_until(probe, || get(port, path).starts_with("HTTP/1.1 200"));
    }
    let written: Vec<_> = std::fs::read_dir(ground.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        written.iter().all(|name| ["data", "scratch", "minio.log", "minio.pid"].contains(&name.as_str())),
        "{written:?}"
    );
}
