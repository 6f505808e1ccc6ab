//! Redis: one server, with or without TLS, or a master with two replicas and three sentinels.

use std::path::Path;
use std::process::Command;

use super::{Daemon, find, free_port, free_ports, wait_until};

/// Runs `redis-cli` and returns what it prints.
fn cli(port: u16, password: &str, options: &[String], arguments: &[&str]) -> String {
    let mut command = Command::new(find("redis-cli", &["/usr/bin"]));
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]).args(options).args(arguments);
    if !password.is_empty() {
        command.env("REDISCLI_AUTH", password);
    }
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn server(name: &str, folder: &Path, port: u16, password: &str, more: &[String]) -> Daemon {
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let text = |text: &str| text.to_owned();
    let mut arguments = vec![text("--bind"), text("127.0.0.1"), text("--port"), port.to_string()];
    arguments.extend(["--dir", folder.to_str().unwrap(), "--save", "", "--appendonly", "no"].map(text));
    if !password.is_empty() {
        arguments.extend(["--requirepass", password, "--masterauth", password].map(text));
    }
    arguments.extend_from_slice(more);
    Daemon::start(name, &folder, &find("redis-server", &["/usr/bin"]), &arguments, &[], None)
}

/// One server.
pub struct Redis {
    /// Its process.
    pub daemon: Daemon,
    /// Where it listens.
    pub port: u16,
    password: String,
    options: Vec<String>,
    folder: tempfile::TempDir,
}

impl Redis {
    /// Starts a server with this password; an empty one means none.
    pub fn start(password: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut daemon = server("redis", folder.path(), port, password, &[]);
        daemon.wait_for_port(port);
        Self { daemon, port, password: password.to_owned(), options: Vec::new(), folder }
    }

    /// Starts a server that speaks TLS alone, with a certificate for 127.0.0.1 made for it; see [`Redis::ca`].
    pub fn start_tls(password: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let file = |name: &str| folder.path().join(name).display().to_string();
        let (key, ca) = (file("key.pem"), file("ca.pem"));
        let made = Command::new(find("openssl", &["/usr/bin"]))
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-keyout", &key, "-out", &ca, "-days", "2", "-subj", "/CN=redis"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port_text = port.to_string();
        let tls = ["--tls-port", &port_text, "--tls-cert-file", &ca, "--tls-key-file", &key]
            .into_iter()
            .chain(["--tls-ca-cert-file", &ca, "--tls-auth-clients", "no"]);
        let tls: Vec<String> = tls.map(str::to_owned).collect();
        let mut daemon = server("redis", folder.path(), 0, password, &tls);
        daemon.wait_for_port(port);
        let options = vec!["--tls".to_owned(), "--cacert".to_owned(), ca];
        Self { daemon, port, password: password.to_owned(), options, folder }
    }

    /// File of the authority behind a TLS server.
    pub fn ca(&self) -> std::path::PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What to set REDIS_SERVER to.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Runs a command by `redis-cli`.
    pub fn cli(&self, arguments: &[&str]) -> String {
        cli(self.port, &self.password, &self.options, arguments)
    }

    /// Names of all keys.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.cli(&["--scan"]).lines().map(str::to_owned).collect();
        keys.sort();
        keys
    }
}

/// A master, two replicas and three sentinels. Servers and sentinels have different passwords.
pub struct RedisSet {
    servers: Vec<(u16, Daemon)>,
    sentinels: Vec<(u16, Daemon)>,
    _folder: tempfile::TempDir,
}

impl RedisSet {
    /// Password of the servers.
    pub const PASSWORD: &str = "of the servers";
    /// Password of the sentinels.
    pub const SENTINEL_PASSWORD: &str = "of the sentinels";

    /// Starts the set and waits until the sentinels know everybody. A dead master is replaced within seconds.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = free_ports(6);
        let master = ports[0];
        let mut servers = Vec::new();
        for (at, port) in ports[..3].iter().enumerate() {
            let more = match at {
                0 => Vec::new(),
                _ => ["--replicaof", "127.0.0.1", &master.to_string()].map(str::to_owned).to_vec(),
            };
            let more = [more, ["--repl-diskless-sync-delay", "0"].map(str::to_owned).to_vec()].concat();
            let mut daemon = server(&format!("server{at}"), folder.path(), *port, Self::PASSWORD, &more);
            daemon.wait_for_port(*port);
            servers.push((*port, daemon));
        }
        let mut sentinels = Vec::new();
        for (at, port) in ports[3..].iter().enumerate() {
            let file = folder.path().join(format!("sentinel{at}.conf"));
            let (password, own) = (Self::PASSWORD, Self::SENTINEL_PASSWORD);
            let text = format!(
                "port {port}\nbind 127.0.0.1\ndir {folder}\nrequirepass \"{own}\"\nsentinel sentinel-pass \"{own}\"\n\
                 sentinel monitor mymaster 127.0.0.1 {master} 2\nsentinel auth-pass mymaster \"{password}\"\n\
                 sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 5000\n",
                folder = folder.path().display(),
            );
            std::fs::write(&file, text).unwrap();
            let arguments = [file.display().to_string(), "--sentinel".into()];
            let name = format!("sentinel{at}");
            let program = find("redis-server", &["/usr/bin"]);
            let mut daemon = Daemon::start(&name, folder.path(), &program, &arguments, &[], None);
            daemon.wait_for_port(*port);
            sentinels.push((*port, daemon));
        }
        let set = Self { servers, sentinels, _folder: folder };
        set.settled();
        set
    }

    /// Waits until the sentinels know everybody, and the replicas have their master.
    pub fn settled(&self) {
        wait_until("the sentinels to know everybody", || {
            self.sentinels.iter().all(|(port, _)| {
                let known = cli(*port, Self::SENTINEL_PASSWORD, &[], &["SENTINEL", "MASTER", "mymaster"]);
                let lines: Vec<&str> = known.lines().collect();
                let value = |name| lines.iter().position(|l| *l == name).map(|at| lines[at + 1]);
                let replicas =
                    cli(*port, Self::SENTINEL_PASSWORD, &[], &["SENTINEL", "REPLICAS", "mymaster"]);
                value("num-slaves") == Some("2")
                    && value("num-other-sentinels") == Some("2")
                    && replicas.lines().filter(|line| *line == "ok").count() == 2
            })
        });
    }

    /// What to set REDIS_SERVER to.
    pub fn sentinels(&self) -> String {
        let all: Vec<_> = self.sentinels.iter().map(|(port, _)| format!("127.0.0.1:{port}")).collect();
        all.join(",")
    }

    /// Where the master listens, as the sentinels see it.
    pub fn master_port(&self) -> u16 {
        let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"];
        let answer = cli(self.sentinels[0].0, Self::SENTINEL_PASSWORD, &[], &ask);
        answer.lines().nth(1).unwrap().parse().unwrap()
    }

    /// Kills the master; returns where it listened.
    pub fn kill_master(&mut self) -> u16 {
        let port = self.master_port();
        self.servers.iter_mut().find(|(at, _)| *at == port).unwrap().1.kill();
        port
    }

    /// Kills all servers; the sentinels stay.
    pub fn stop_all(&mut self) {
        for (_, daemon) in &mut self.servers {
            daemon.kill();
        }
    }

    /// Starts the servers again that were killed.
    pub fn revive(&mut self) {
        for (port, daemon) in &mut self.servers {
            if !daemon.running() {
                daemon.restart();
                daemon.wait_for_port(*port);
            }
        }
    }

    /// Runs a command on one of the servers by `redis-cli`.
    pub fn cli(&self, port: u16, arguments: &[&str]) -> String {
        cli(port, Self::PASSWORD, &[], arguments)
    }
}
