//! Scripts, commands and configurations of the chart, run by the real programs: Redis with sentinels, MinIO with its client, nginx.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cases::{Case, borrowed};
use crate::helm::Helm;
use crate::objects::{environment, find, list, pod, texts};
use crate::stack::{Daemon, Minio, find as program, free_port, free_ports, wait_until};

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

/// A set of Redis servers and sentinels, started by the chart's scripts with the chart's variables.
struct Set {
    ground: tempfile::TempDir,
    nodes: Vec<(u16, u16)>,
    servers: Vec<Daemon>,
    sentinels: Vec<Daemon>,
    variables: Vec<BTreeMap<String, String>>,
}

impl Set {
    /// What a shell, a configuration file or a careless script would stumble over.
    const PASSWORD: &str = r#"pass "word\ with'odd $ones #"#;

    fn start() -> Self {
        let (objects, ground) = (render("default"), ground());
        let scripts = folder(ground.path(), "scripts");
        write(&objects, "anonlink-memstore", &scripts);
        let containers = list(&pod(&objects, "StatefulSet", "anonlink-memstore")["spec"]["containers"]);
        let script =
            |index: usize| containers[index]["command"][1].as_str().unwrap().rsplit('/').next().unwrap();
        let ports = free_ports(6);
        let nodes: Vec<_> = ports.chunks(2).map(|pair| (pair[0], pair[1])).collect();
        let peers: Vec<_> =
            nodes.iter().map(|(server, sentinel)| format!("127.0.0.1:{server}:{sentinel}")).collect();
        let mut set = Self { ground, nodes, servers: vec![], sentinels: vec![], variables: vec![] };
        for index in 0..3 {
            let mut own = environment(&containers[1]);
            let home = folder(set.ground.path(), &format!("node-{index}"));
            own.insert("POD_NAME".into(), format!("anonlink-memstore-{index}"));
            own.insert("PEERS".into(), peers.join(" "));
            own.insert("REDIS_PASSWORD".into(), Self::PASSWORD.into());
            own.insert("DOWN_AFTER".into(), "2000".into());
            own.insert("DATA".into(), folder(&home, "data").display().to_string());
            own.insert("CONF".into(), folder(&home, "conf").display().to_string());
            let variables: Vec<_> = own.clone().into_iter().collect();
            let run = |name: &str, index: usize| {
                let arguments = [scripts.join(script(index)).display().to_string()];
                Daemon::start(name, &home, &program("sh", &["/bin"]), &arguments, &variables, user())
            };
            set.servers.push(run("server", 0));
            set.sentinels.push(run("sentinel", 1));
            set.variables.push(own);
        }
        set
    }

    fn ask(&self, port: u16, question: &str) -> String {
        let cli = program("redis-cli", &["/usr/bin"]);
        let port = port.to_string();
        let output = Command::new(cli)
            .env("REDISCLI_AUTH", Self::PASSWORD)
            .args(["-h", "127.0.0.1", "-p", &port])
            .args(question.split(' '))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Port of the master, if all sentinels that answer agree.
    fn master(&self) -> Option<u16> {
        let mut all: Vec<_> = self
            .nodes
            .iter()
            .map(|(_, sentinel)| self.ask(*sentinel, "sentinel get-master-addr-by-name mymaster"))
            .filter_map(|answer| answer.lines().nth(1)?.parse().ok())
            .collect();
        all.dedup();
        if let [one] = all[..] { Some(one) } else { None }
    }

    fn is(&self, port: u16, role: &str) -> bool {
        self.ask(port, "role").lines().next() == Some(role)
    }

    /// Waits for something, two minutes at most: a vote that comes to nothing is repeated only after a while.
    fn wait(&self, what: &str, done: impl Fn() -> bool) {
        let started = Instant::now();
        while !done() {
            if started.elapsed() > Duration::from_secs(120) {
                let logs: Vec<_> = self.sentinels.iter().chain(&self.servers).map(Daemon::log).collect();
                panic!("waited too long for {what}:\n{}", logs.join("\n\n"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the master is not this one, and all others follow it.
    fn settled(&self, what: &str, not: u16) -> u16 {
        self.wait(what, || {
            let Some(master) = self.master().filter(|port| *port != not) else { return false };
            let follows = |port: u16| self.ask(port, "info replication").contains("master_link_status:up");
            self.is(master, "master")
                && self.nodes.iter().all(|(server, _)| *server == master || follows(*server))
        });
        self.master().unwrap()
    }

    /// Whether a sentinel knows the other two, and both replicas: it can replace a master by those alone.
    fn knows_all(&self, sentinel: u16) -> bool {
        let count = |what: &str| {
            let answer = self.ask(sentinel, &format!("sentinel {what} mymaster"));
            answer.lines().filter(|line| *line == "runid").count()
        };
        count("sentinels") == 2 && count("replicas") == 2
    }
}

#[test]
fn chart_redis_scripts_make_a_set_that_survives_its_master() {
    let mut set = Set::start();
    let first = set.settled("a set", 0);
    assert_eq!(first, set.nodes[0].0, "the first of a new set");
    let sentinels: Vec<_> = set.nodes.iter().map(|(_, sentinel)| *sentinel).collect();
    set.wait("sentinels to know everybody", || sentinels.iter().all(|at| set.knows_all(*at)));
    assert_eq!(set.ask(first, "set greeting hello"), "OK\n");
    assert_eq!(set.ask(first, "config get maxmemory-policy").lines().nth(1), Some("volatile-lru"));

    // The master dies; another takes over, and the dead one comes back as a replica.
    set.servers[0].kill();
    set.wait("another master", || set.master().is_some_and(|port| port != first));
    set.servers[0].restart();
    let second = set.settled("the dead one to follow", first);
    assert_eq!(set.ask(first, "get greeting"), "hello\n");

    // A sentinel that starts anew learns who is who, and is not counted twice.
    set.sentinels[2].kill();
    set.sentinels[2].restart();
    set.wait("the sentinel", || set.knows_all(sentinels[2]) && set.master() == Some(second));
    set.wait("all to know everybody", || sentinels.iter().all(|at| set.knows_all(*at)));

    // Before a pod with the master stops, another takes over.
    let index = set.nodes.iter().position(|(server, _)| *server == second).unwrap();
    let leave = set.ground.path().join("scripts/leave.sh");
    let output = Command::new("sh").arg(&leave).envs(&set.variables[index]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let seen = set.ask(set.nodes[index].1, "sentinel get-master-addr-by-name mymaster");
    let switched = seen.lines().nth(1).is_some_and(|port| port != second.to_string());
    let logs: Vec<_> = set.sentinels.iter().map(Daemon::log).collect();
    assert!(switched, "{output:?}\n{}", logs.join("\n\n"));
    let third = set.settled("the hand-over", second);
    assert_eq!(set.ask(third, "get greeting"), "hello\n");
    // For a replica there is nothing to do.
    assert!(Command::new("sh").arg(&leave).envs(&set.variables[index]).output().unwrap().status.success());
    assert_eq!(set.master(), Some(third));
}

#[test]
fn chart_redis_script_starts_a_server_of_its_own() {
    let (objects, ground) = (render("redis-single"), ground());
    let scripts = folder(ground.path(), "scripts");
    write(&objects, "anonlink-memstore", &scripts);
    let container = &pod(&objects, "StatefulSet", "anonlink-memstore")["spec"]["containers"][0];
    let mut own = environment(container);
    let port = free_port();
    own.insert("POD_NAME".into(), "anonlink-memstore-0".into());
    own.insert("PEERS".into(), format!("127.0.0.1:{port}:1"));
    own.insert("REDIS_PASSWORD".into(), "secret".into());
    own.insert("DATA".into(), folder(ground.path(), "data").display().to_string());
    own.insert("CONF".into(), folder(ground.path(), "conf").display().to_string());
    let variables: Vec<_> = own.clone().into_iter().collect();
    let arguments = [scripts.join("node.sh").display().to_string()];
    let mut server =
        Daemon::start("redis", ground.path(), &program("sh", &["/bin"]), &arguments, &variables, user());
    server.wait_for_port(port);
    // The readiness probe, as it stands in the pod; only the folder of the scripts is another.
    let probe = list(&container["readinessProbe"]["exec"]["command"])[2].as_str().unwrap();
    let probe = probe.replace("/scripts", scripts.to_str().unwrap());
    let status = |password: &str| {
        let mut own = own.clone();
        own.insert("REDIS_PASSWORD".into(), password.into());
        Command::new("sh").args(["-c", &probe]).envs(own).status().unwrap().success()
    };
    assert!(status("secret") && !status("wrong"));
    let mode = std::fs::metadata(ground.path().join("conf/server.conf")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "the password is in it");
    assert!(Command::new("sh").arg(scripts.join("leave.sh")).envs(&own).status().unwrap().success());
}

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

#[test]
fn chart_nginx_starts_as_its_pod_starts_it_and_passes_on() {
    let (objects, ground) = (render("nginx"), ground());
    let (settings, run) = (ground.path().join("settings"), folder(ground.path(), "run"));
    std::fs::create_dir(&settings).unwrap();
    let api = TcpListener::bind("127.0.0.1:0").unwrap();
    let (behind, port) = (api.local_addr().unwrap().port(), free_port());
    // An API that greets whoever asks.
    std::thread::spawn(move || {
        for stream in api.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            let forwarded = String::from_utf8_lossy(&request[..read]).contains("X-Forwarded-For: 127.0.0.1");
            let body = if forwarded { "forwarded" } else { "plain" };
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    let text = texts(&find(&objects, "ConfigMap", "anonlink-www")["data"])["nginx.conf"].clone();
    for (from, to) in [
        ("anonlink-api:8851", format!("127.0.0.1:{behind}")),
        ("listen 8080;", format!("listen 127.0.0.1:{port};")),
    ] {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        let file = settings.join("nginx.conf");
        let text = std::fs::read_to_string(&file).unwrap_or_else(|_| text.clone());
        std::fs::write(file, text.replace(from, &to)).unwrap();
    }
    let container = &pod(&objects, "Deployment", "anonlink-www")["spec"]["containers"][0];
    let command: Vec<_> = list(&container["command"])
        .iter()
        .map(|one| {
            let one = one.as_str().unwrap().replace("/etc/anonlink-www", settings.to_str().unwrap());
            one.replace("/run/anonlink-www/", &format!("{}/", run.display()))
        })
        .collect();
    let nginx = program(&command[0], &["/usr/sbin", "/usr/local/sbin"]);
    let mut daemon = Daemon::start("nginx", ground.path(), &nginx, &command[1..], &[], user());
    daemon.wait_for_port(port);
    let answer = get(port, "/api/v1/status");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("forwarded"), "{answer}");
    // What its pod does before it stops: it ends once its requests have.
    let stop = list(&container["lifecycle"]["preStop"]["exec"]["command"])[2].as_str().unwrap();
    let quit = stop.split("; ").nth(1).unwrap();
    let quit = quit
        .replace("/etc/anonlink-www", settings.to_str().unwrap())
        .replace("/run/anonlink-www", run.to_str().unwrap());
    let quit = quit.replacen("nginx", nginx.to_str().unwrap(), 1);
    assert!(Command::new("sh").args(["-c", &quit]).status().unwrap().success(), "{quit}: {}", daemon.log());
    wait_until("its end", || !daemon.running());
}
