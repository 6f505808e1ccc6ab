//! A private Docker engine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::image::built::repository;
use crate::stack::{Daemon, find, wait_until};

/// One engine at a time.
static TURN: Mutex<()> = Mutex::new(());

/// The image under test.
pub const IMAGE: &str = "anonlink:0.1.0";

/// An engine whose images, containers and networks go with it. It leaves the machine's firewall alone: containers are reached by
/// their addresses, or by the engine's own proxy.
pub struct Engine {
    daemon: Daemon,
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Engine {
    /// Starts it.
    pub fn start() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::Builder::new().prefix("docker").tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(folder.path().join("daemon.json"), "{}").unwrap();
        let mut arguments: Vec<String> = ["--bridge=none", "--iptables=false", "--ip6tables=false"]
            .into_iter()
            .chain(["--ip-masq=false", "--default-address-pool=base=10.87.0.0/16,size=24"])
            .map(str::to_owned)
            .collect();
        for (flag, file) in [
            ("config-file", "daemon.json"),
            ("data-root", "data"),
            ("exec-root", "run"),
            ("pidfile", "dockerd.pid"),
        ] {
            arguments.extend([format!("--{flag}"), path(file)]);
        }
        arguments.extend(["--host".into(), format!("unix://{}", path("socket"))]);
        let dockerd = find("dockerd", &["/usr/sbin", "/usr/local/sbin"]);
        let daemon = Daemon::start("engine", folder.path(), &dockerd, &arguments, &[], None);
        let mut engine = Self { daemon, folder, _turn: turn };
        wait_until("the Docker engine", || {
            assert!(engine.daemon.running(), "the Docker engine ended:\n{}", engine.daemon.log());
            engine.command(&["version"]).output().unwrap().status.success()
        });
        engine
    }

    /// A command of the client.
    pub fn command(&self, arguments: &[&str]) -> Command {
        // The distribution's client first: it can build by itself; others may lack the plug-in for that.
        let client = PathBuf::from("/usr/bin/docker");
        let client = if client.is_file() { client } else { find("docker", &[]) };
        self.by(&client, arguments)
    }

    /// A command of docker-compose on the shipped file.
    pub fn compose(&self, arguments: &[&str]) -> Command {
        let file = repository().join("deploy/compose.yaml");
        self.by(&find("docker-compose", &[]), &[&["-f", file.to_str().unwrap()], arguments].concat())
    }

    fn by(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env("DOCKER_BUILDKIT", "1").env("DOCKER_CONFIG", self.folder.path());
        command.env("DOCKER_HOST", format!("unix://{}", self.folder.path().join("socket").display()));
        command
    }

    /// Runs the client; its output.
    pub fn docker(&self, arguments: &[&str]) -> String {
        succeed(&mut self.command(arguments))
    }

    /// Builds the image of the Dockerfile around the binary that was built outside.
    pub fn build(&self) {
        crate::image::built::built();
        let folder = repository().to_str().unwrap();
        self.docker(&["build", "--quiet", "--build-arg", "BINARY=prebuilt", "--tag", IMAGE, folder]);
    }
}

/// Runs a command to its good end; its output.
///
/// # Panics
/// It fails.
pub fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stdout).trim().to_owned();
    assert!(status.success(), "{command:?}: {status}\n{said}\n{}", String::from_utf8_lossy(&stderr));
    said
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Ok(output) = self.command(&["ps", "--all", "--quiet"]).output() {
            let all = String::from_utf8_lossy(&output.stdout).into_owned();
            let all: Vec<&str> = all.split_whitespace().collect();
            if !all.is_empty() {
                let _ = self.command(&[&["rm", "--force", "--volumes"], &all[..]].concat()).output();
            }
        }
        let networks = ["network", "prune", "--force"];
        let _ = self.command(&networks).output();
        self.daemon.stop();
        // What a killed container may have left mounted.
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        let folder = self.folder.path().to_str().unwrap();
        for place in
            mounts.lines().filter_map(|line| line.split(' ').nth(1)).filter(|at| at.starts_with(folder))
        {
            let _ = Command::new("umount").args(["--lazy", place]).output();
        }
    }
}
