//! A service in the background that can be stopped, killed, frozen and started again, and never outlives the test.

use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs the service with its standard input empty, and ends it when the pipe from the test process closes, however that
/// process ends. The service's process id goes to the file named first. In the end all that is left of the process group goes: processes
/// that a killed service leaves behind, and this.
const GUARD: &str = r#"
pidfile=$1; shift
"$@" </dev/null 3<&- & pid=$!
echo $pid >"$pidfile.new" && mv "$pidfile.new" "$pidfile"
(cat >/dev/null; kill -CONT $pid; kill -TERM $pid; sleep 5; kill -KILL $pid) <&3 2>/dev/null &
exec 3<&-
wait $pid
kill -KILL 0
"#;

/// Where a program is: in the folder of the test tools, on the path, or in a folder given here.
///
/// # Panics
/// It is nowhere: the test can't run and must not pass.
pub fn find(program: &str, folders: &[&str]) -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all =
        std::iter::once(tools).chain(std::env::split_paths(&path)).chain(folders.iter().map(PathBuf::from));
    all.map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{program} is not installed; `tests/run deploy` installs what tests need"))
}

/// Longest wait for a service. A busy machine is slow to start them.
const PATIENCE: Duration = Duration::from_secs(180);

/// Waits for something, at most three minutes.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A running service.
pub struct Daemon {
    name: String,
    command: Box<dyn Fn() -> Command + Send>,
    folder: PathBuf,
    guard: Option<Child>,
}

impl Daemon {
    /// Starts a program with these arguments; its output goes to `{folder}/{name}.log`. As root, `user` is who it runs as.
    pub fn start(
        name: &str,
        folder: &Path,
        program: &Path,
        arguments: &[String],
        environment: &[(String, String)],
        user: Option<u32>,
    ) -> Self {
        let (program, arguments) = (program.to_owned(), arguments.to_vec());
        let (environment, log) = (environment.to_vec(), folder.join(format!("{name}.log")));
        let pid = folder.join(format!("{name}.pid"));
        let command = move || {
            let output = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
            let mut command = Command::new("sh");
            // The pipe is the guard's third stream; the service itself gets an empty standard input.
            command.arg("-c").arg(format!("exec 3<&0; {GUARD}")).arg("sh").arg(&pid);
            command.arg(&program).args(&arguments).envs(environment.clone());
            command.stdin(Stdio::piped()).stdout(output.try_clone().unwrap()).stderr(output);
            if let Some(user) = user {
                command.uid(user).gid(user);
            }
            command.process_group(0);
            command
        };
        let mut daemon = Self {
            name: name.to_owned(),
            command: Box::new(command),
            folder: folder.to_owned(),
            guard: None,
        };
        daemon.restart();
        daemon
    }

    /// The service's process id.
    pub fn pid(&self) -> u32 {
        let text = std::fs::read_to_string(self.folder.join(format!("{}.pid", self.name))).unwrap();
        text.trim().parse().unwrap()
    }

    /// Sends the service a signal by name, such as `STOP`.
    pub fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap();
        assert!(status.success(), "{} could not be signalled", self.name);
    }

    /// Whether it runs.
    pub fn running(&mut self) -> bool {
        self.guard.as_mut().is_some_and(|guard| guard.try_wait().unwrap().is_none())
    }

    /// Ends it as an operator would, and waits for the end.
    pub fn stop(&mut self) {
        self.end("TERM");
    }

    /// Kills it, and waits for the end.
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    /// Ends it by a signal, if it runs, and waits for the end.
    pub fn end(&mut self, signal: &str) {
        if self.running() {
            self.signal(signal);
        }
        if let Some(mut guard) = self.guard.take() {
            let stdin = guard.stdin.take();
            wait_until(&format!("the end of {}", self.name), || guard.try_wait().unwrap().is_some());
            drop(stdin);
        }
    }

    /// Ends it by a signal, if it runs, and waits no longer than this for the end; for use while it is being dropped, which
    /// kills it if need be.
    pub fn end_within(&mut self, signal: &str, patience: Duration) {
        let pid = std::fs::read_to_string(self.folder.join(format!("{}.pid", self.name)));
        if let (Ok(pid), true) = (pid, self.running()) {
            // It may end by itself at this very moment.
            let _ =
                Command::new("kill").args([&format!("-{signal}"), pid.trim()]).stderr(Stdio::null()).status();
            let start = Instant::now();
            while self.running() && start.elapsed() < patience {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// Starts it (again).
    pub fn restart(&mut self) {
        assert!(!self.running(), "{} runs already", self.name);
        let pid = self.folder.join(format!("{}.pid", self.name));
        let _ = std::fs::remove_file(&pid);
        self.guard = Some((self.command)().spawn().unwrap());
        wait_until(&format!("the start of {}", self.name), || pid.exists());
    }

    /// Waits until it accepts connections on a port.
    pub fn wait_for_port(&mut self, port: u16) {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let late = start.elapsed() > PATIENCE;
            assert!(!late && self.running(), "{} does not listen:\n{}", self.name, self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Processor time that the process has used, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // User and system time are fields 14 and 15 of proc(5), in hundredths; the name in parentheses may hold spaces.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().unwrap());
        ticks.sum::<f64>() / 100.0
    }

    /// What it has written.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join(format!("{}.log", self.name))).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            let pid = std::fs::read_to_string(self.folder.join(format!("{}.pid", self.name)));
            if let (Ok(pid), Ok(None)) = (pid, guard.try_wait()) {
                // It may end by itself at this very moment.
                let _ = Command::new("kill").args(["-KILL", pid.trim()]).stderr(Stdio::null()).status();
            }
            let _ = guard.wait();
        }
    }
}
