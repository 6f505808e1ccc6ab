//! Runs the commands of a page in one shell.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::output;
use super::page::{self, Block, Kind, Page};
use crate::stack::free_port;

/// Longest time that a page may take.
const PATIENCE: Duration = Duration::from_secs(240);

/// The ports that pages name.
const PORTS: [&str; 2] = ["8851", "9090"];

/// A process and all that it has started; they end with this.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        // Fails if all have ended already, which is what is wanted.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// Runs a page; with the Python client's venv, its blocks for that client as well.
///
/// # Errors
/// Where it failed, and what was printed.
pub fn run(page: &Page, client: Option<&Path>) -> Result<(), String> {
    let runs = |block: &&Block| {
        matches!(block.kind, Kind::Run | Kind::Background) || block.kind == Kind::Client && client.is_some()
    };
    if !page.blocks.iter().any(|block| runs(&block)) {
        return Ok(());
    }
    let folder = tempfile::tempdir().unwrap();
    let (work, outputs) = (folder.path().join("work"), folder.path().join("outputs"));
    for made in [&work, &outputs] {
        std::fs::create_dir(made).unwrap();
    }
    for name in ["fixtures", "deploy", "tests"] {
        symlink(page::root().join(name), work.join(name)).unwrap();
    }
    if let Some(venv) = client {
        symlink(venv, work.join("client")).unwrap();
    }
    let ports = PORTS.map(|_| free_port().to_string());
    let script = script(page, &outputs, &ports, client.is_some());
    let file = folder.path().join("script.sh");
    std::fs::write(&file, script).unwrap();
    let status = wait(&file, &work, &ports);
    let said = |block: &Block| {
        let text = std::fs::read(outputs.join(block.line.to_string())).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        PORTS.iter().zip(&ports).fold(text, |text, (named, port)| text.replace(port, named))
    };
    let reached = std::fs::read_to_string(outputs.join("reached")).unwrap_or_default();
    if let Err(why) = status {
        let block = page.blocks.iter().find(|block| block.line.to_string() == reached.trim());
        let (text, said) = block.map_or_else(Default::default, |block| (block.text.as_str(), said(block)));
        return Err(format!("{}:{}: {why}\n{text}-- printed:\n{said}", page.path, reached.trim()));
    }
    compare(page, &runs, &said)
}

/// Compares what was printed with the blocks that say so.
fn compare(
    page: &Page,
    runs: &dyn Fn(&&Block) -> bool,
    said: &dyn Fn(&Block) -> String,
) -> Result<(), String> {
    for pair in page.blocks.windows(2) {
        let (block, wanted) = (&pair[0], &pair[1]);
        if !runs(&block) {
            continue;
        }
        let said = said(block);
        let fits = match wanted.kind {
            Kind::Text => output::text_is(&said, &wanted.text),
            Kind::Json => match (serde_json::from_str(&said), serde_json::from_str(&wanted.text)) {
                (Ok(said), Ok(wanted)) => output::json_is(&said, &wanted),
                _ => false,
            },
            _ => true,
        };
        if !fits {
            return Err(format!(
                "{}:{}: other output than the page says\n{}-- printed:\n{said}\n-- the page says:\n{}",
                page.path, wanted.line, block.text, wanted.text
            ));
        }
    }
    Ok(())
}

/// The page's commands as one script.
fn script(page: &Page, outputs: &Path, ports: &[String; 2], client: bool) -> String {
    let outputs = outputs.display();
    let mut script = "set -euo pipefail\n".to_owned();
    for block in &page.blocks {
        let text = PORTS.iter().zip(ports).fold(block.text.clone(), |text, (named, port)| {
            text.replace(&format!(":{named}"), &format!(":{port}"))
        });
        let line = block.line;
        let mut step = |commands: &str| {
            write!(script, "echo {line} >{outputs}/reached\n{commands}").unwrap();
        };
        match block.kind {
            Kind::Background => step(&format!(
                "{} >{outputs}/{line} 2>&1 </dev/null &\n\
                 for _ in $(seq 600); do curl -sf http://127.0.0.1:{}/health/ready >/dev/null && break; sleep 0.1; done\n",
                text.trim_end(),
                ports[0]
            )),
            Kind::Run => step(&format!("{{\n{text}}} >{outputs}/{line} 2>&1 </dev/null\n")),
            Kind::Client if client => step(&format!("{{\n{text}}} >{outputs}/{line} 2>&1 </dev/null\n")),
            _ => {}
        }
    }
    script
}

/// Runs the script until it ends.
fn wait(script: &Path, work: &Path, ports: &[String; 2]) -> Result<(), String> {
    let program = Path::new(env!("CARGO_BIN_EXE_anonlink"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let child = Command::new("bash")
        .arg(script)
        .current_dir(work)
        .env("PATH", path)
        .env("ANONLINK_LISTEN", format!("127.0.0.1:{}", ports[0]))
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("bash can't be started: {error}"))?;
    let mut shell = Group(child);
    let started = Instant::now();
    loop {
        match shell.0.try_wait().unwrap() {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("a command failed ({status})")),
            None if started.elapsed() > PATIENCE => {
                return Err(format!("the page takes more than {} s", PATIENCE.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
