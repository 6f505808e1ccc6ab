//! The chart's Redis: alone, and a set with sentinels.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{folder, ground, render, user, write};
use crate::chart::objects::{environment, list, pod};
use crate::stack::{Daemon, find as program, free_port, free_ports};

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
