//! deploy/compose.yaml as it is: two API processes and three workers behind nginx, with all their stores.

use std::process::{Output, Stdio};
use std::time::Duration;

use crate::image::built::repository;
use crate::image::engine::{Engine, succeed};
use crate::image::standins;
use crate::linkage::{Linkage, undisturbed};
use crate::service::{parties, request_root, wait_for};
use crate::stack::free_port;

/// The cluster of the compose file.
struct Composed {
    port: u16,
    secrets: tempfile::TempDir,
    engine: Engine,
}

impl Composed {
    /// Starts it and waits until everything says that it is well.
    fn up() -> Self {
        let engine = Engine::start();
        engine.build();
        standins::make(&engine);
        let secrets = tempfile::tempdir().unwrap();
        succeed(std::process::Command::new(repository().join("deploy/secrets.sh")).arg(secrets.path()));
        let cluster = Self { port: free_port(), secrets, engine };
        let up = cluster.compose(&["up", "--detach", "--wait", "--no-build"]).output().unwrap();
        assert!(up.status.success(), "{}\n{}", String::from_utf8_lossy(&up.stderr), cluster.logs());
        wait_for("nginx", || {
            request_root(&cluster.url(), "/health/ready").is_ok_and(|(status, _)| status == 200)
        });
        cluster
    }

    fn compose(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.engine.compose(arguments);
        command.env("ANONLINK_PUBLISH", format!("127.0.0.1:{}", self.port));
        command.env("ANONLINK_SECRETS", self.secrets.path());
        // Another network than that of somebody who uses the file on this machine.
        command.env("ANONLINK_NET", "10.86.51");
        command
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn logs(&self) -> String {
        let output = self.compose(&["logs", "--no-color"]).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).lines().rev().take(200).collect::<Vec<_>>().join("\n")
    }

    /// Containers of a service.
    fn containers(&self, service: &str) -> Vec<String> {
        let all = succeed(&mut self.compose(&["ps", "--all", "--quiet", service]));
        all.split_whitespace().map(str::to_owned).collect()
    }

    /// Kills a container's process behind the engine's back, as a lack of memory would: the file's own policy must bring it back.
    fn kill(&self, container: &str) {
        let state = "{{.State.Pid}} {{.State.Running}}";
        let state = self.engine.docker(&["inspect", "--format", state, container]);
        // One that is being brought back has no process, and says 0: that would be the group of this test.
        let Some((pid, "true")) = state.split_once(' ') else { return };
        if pid.parse::<u32>().unwrap() > 1 {
            // It may end by itself at this very moment.
            let _ = std::process::Command::new("kill").args(["-KILL", pid]).output();
        }
    }

    fn restarts(&self, service: &str) -> u32 {
        let count = |id: &String| self.engine.docker(&["inspect", "--format", "{{.RestartCount}}", id]);
        self.containers(service).iter().map(|id| count(id).parse::<u32>().unwrap()).sum()
    }

    fn selftest(&self) -> std::process::Command {
        self.compose(&["run", "--rm", "--no-deps", "--no-TTY", "selftest"])
    }
}

#[test]
fn image_compose_passes_selftest_and_survives_kills() {
    let cluster = Composed::up();
    for (service, wanted) in [("api-1", 1), ("api-2", 1), ("work", 3), ("nginx", 1)] {
        assert_eq!(cluster.containers(service).len(), wanted, "{service}");
    }
    let judge = |output: Output| {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", cluster.logs());
        println!("{}", said.lines().rev().find(|line| line.contains(" passed")).unwrap_or_default());
    };
    judge(cluster.selftest().output().unwrap());
    nobody_shows_a_password(&cluster);

    // Workers die one after the other while the selftest runs, three times each: what a dead one held waits until its lease has run out.
    // Each has run for more than ten seconds when its turn comes again: else the engine would wait longer each time before it
    // brings it back. The selftest says less than a pipe holds.
    let mut selftest = cluster.selftest().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let workers = cluster.containers("work");
    for worker in workers.iter().cycle().take(9) {
        std::thread::sleep(Duration::from_secs(5));
        if selftest.try_wait().unwrap().is_some() {
            break;
        }
        cluster.kill(worker);
    }
    judge(selftest.wait_with_output().unwrap());
    assert!(cluster.restarts("work") > 0, "no worker came back");

    println!("{} workers came back", cluster.restarts("work"));

    // API processes and workers die while clients insist.
    let rows = parties(1500, 3);
    let wanted = undisturbed("groups", &rows);
    for victims in [["api-1", "work"], ["api-2", "work"]] {
        let mut linkage = Linkage::new("groups");
        for victim in victims {
            cluster.kill(&cluster.containers(victim)[0]);
        }
        linkage.insist(&cluster.url(), &rows);
        println!("uploaded in spite of kills of {victims:?}");
        cluster.kill(&cluster.containers(victims[0])[0]);
        linkage.wait(&cluster.url());
        assert!(linkage.results(&cluster.url()) == wanted, "another result after kills of {victims:?}");
        wait_for("all to be well", || {
            let health = |id: &String| {
                cluster.engine.docker(&["inspect", "--format", "{{.State.Health.Status}}", id]) == "healthy"
            };
            victims.iter().flat_map(|victim| cluster.containers(victim)).all(|id| health(&id))
        });
    }
    assert!(cluster.restarts("api-1") > 0 && cluster.restarts("api-2") > 0);
    succeed(&mut cluster.compose(&["down", "--volumes", "--timeout", "20"]));
}

/// Passwords are in files alone: not in what Docker shows of containers, nor in logs.
fn nobody_shows_a_password(cluster: &Composed) {
    let all = cluster.engine.docker(&["ps", "--all", "--quiet"]);
    let all: Vec<&str> = all.split_whitespace().collect();
    let shown = cluster.engine.docker(&[&["inspect"], &all[..]].concat()) + &cluster.logs();
    for entry in std::fs::read_dir(cluster.secrets.path()).unwrap() {
        let path = entry.unwrap().path();
        let password = std::fs::read_to_string(&path).unwrap();
        assert_eq!(password.len(), 40);
        assert!(!shown.contains(&password), "{} is shown", path.display());
    }
}
