//! `anonlink selftest`: an integration test of a running service that an operator can trust.
//!
//! It is a client and nothing else: everything goes over HTTP, as the API's description promises it, and results are
//! judged by golden results that another program made and by a naive implementation of its own (`reference`). It shares
//! no code with the service. Without `--server` it starts a service of its own for the test.
//!
//! A production server is treated with care: project names are `selftest-` and random characters, requests that are
//! answered 503 wait as long as the service asks, and every project is deleted again, on failure and on Ctrl-C too;
//! the last check is that they are gone. Tokens are never printed.
//!
//! - `checks/`: the checks, one file per part of the service, listed in `checks/mod.rs`
//! - `runner`, `report`, `junit`: making the checks and telling how they ended
//! - `session`, `project`, `status`, `forms`: the API as the checks use it
//! - `http`, `reply`, `secret`, `url`: HTTP below that
//! - `fixtures`, `golden`, `reference`, `synth`: data and what results must be

mod args;
mod checks;
mod fixtures;
mod forms;
mod golden;
mod http;
mod junit;
mod project;
mod reference;
mod reply;
mod report;
mod runner;
mod secret;
mod session;
mod status;
mod synth;
mod url;

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use futures::future::BoxFuture;

use super::output::{colours, complain};
pub use args::SelftestArgs;
use http::{Http, Request};
use report::{Report, Summary};
use runner::Check;
use secret::Secret;
use session::Session;

/// A service that was started for the test.
pub struct Embedded {
    /// Its address, such as `http://127.0.0.1:41234`.
    pub url: String,
    /// Stops it and removes its state; it ends when both are done. Dropping it must do as much as can be done.
    pub stop: BoxFuture<'static, Result<()>>,
}

/// Makes the test and returns the exit status of the process: 0 when every check passed, 1 when one failed or the test
/// was interrupted, 2 when it could not be made (wrong usage, service out of reach); the reason then stands on
/// standard error.
///
/// `start_embedded` is called if no server is named. The service that it starts must not react to Ctrl-C or SIGTERM
/// itself: the test deletes its projects first.
pub async fn run<S, F>(args: &SelftestArgs, start_embedded: S) -> u8
where
    S: FnOnce() -> F,
    F: Future<Output = Result<Embedded>>,
{
    match test(args, start_embedded).await {
        Ok(passed) => u8::from(!passed),
        Err(error) => {
            let why = secret::redact(&format!("{error:#}")).replace('\n', " ");
            complain(&format!("anonlink selftest: {why}"));
            2
        }
    }
}

/// Returns whether all checks passed.
async fn test<S, F>(args: &SelftestArgs, start_embedded: S) -> Result<bool>
where
    S: FnOnce() -> F,
    F: Future<Output = Result<Embedded>>,
{
    let checks = select(checks::all(), &args.only)?;
    if args.list {
        let titles: Vec<String> = checks.iter().map(Check::title).chain([runner::last_title()]).collect();
        args.output.line(&titles.join("\n"))?;
        args.output.document(&titles)?;
        return Ok(true);
    }
    let token = creation_token(args)?;
    match &args.server {
        Some(address) => against(args, url::base(address)?, token, &checks).await,
        None => {
            let embedded = start_embedded().await.context("cannot start an embedded service")?;
            let tested = match url::base(&embedded.url) {
                Ok(base) => against(args, base, token, &checks).await,
                Err(error) => Err(error),
            };
            let stopped = embedded.stop.await.context("cannot stop the embedded service");
            let passed = tested?;
            stopped.map(|()| passed)
        }
    }
}

/// Tests the service at `base`.
async fn against(args: &SelftestArgs, base: String, token: Option<Secret>, checks: &[Check]) -> Result<bool> {
    let session = Session::new(Http::new(base, args.ca_file.as_deref())?, token, args.timeout);
    let interruption = interruption()?;
    reach(&session).await?;
    let may_create = may_create(&session).await;
    session.delete_all().await;
    may_create?;
    // Made before the test, so that an unwritable path is told at once.
    let junit = match &args.junit {
        Some(file) => {
            Some(std::fs::File::create(file).with_context(|| format!("cannot write {}", file.display()))?)
        }
        None => None,
    };
    let stdout = std::io::stdout();
    let colour = colours(stdout.is_terminal());
    let out: Box<dyn Write> = if args.output.text() { Box::new(stdout) } else { Box::new(std::io::sink()) };
    let mut report = Report::new(out, colour);
    let outcomes = runner::make_all(&session, checks, &mut report, interruption).await?;
    let summary = Summary::of(&outcomes);
    report.finish(summary)?;
    args.output.document(&report::document(summary, &outcomes))?;
    if let Some(file) = junit {
        junit::write(std::io::BufWriter::new(file), &outcomes).context("cannot write the JUnit file")?;
    }
    let interrupted = outcomes.iter().any(|outcome| outcome.verdict == runner::interrupted());
    Ok(summary.failed == 0 && !interrupted)
}

/// The checks whose title contains one of the texts; all if there is no text.
fn select(checks: Vec<Check>, only: &[String]) -> Result<Vec<Check>> {
    let only: Vec<String> = only.iter().map(|text| text.to_lowercase()).collect();
    let wanted = |check: &Check| {
        let title = check.title().to_lowercase();
        only.is_empty() || only.iter().any(|text| title.contains(text))
    };
    let selected: Vec<Check> = checks.into_iter().filter(wanted).collect();
    ensure!(!selected.is_empty(), "no check contains the text of --only: --list shows them all");
    Ok(selected)
}

fn creation_token(args: &SelftestArgs) -> Result<Option<Secret>> {
    let token = match (&args.project_creation_token, &args.project_creation_token_file) {
        (Some(token), _) => token.clone(),
        (None, Some(file)) => {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
        }
        (None, None) => return Ok(None),
    };
    let token = Secret::new(token.trim());
    ensure!(token.header("").is_some(), "the project creation token can't stand in a header");
    Ok(Some(token).filter(|token| !token.reveal().is_empty()))
}

/// Fails with advice if no service answers at the address.
async fn reach(session: &Session) -> Result<()> {
    let base = session.base();
    let reply = match session.send(Request::get("/version")).await {
        Ok(reply) => reply,
        Err(error) => {
            let error = error.root_cause().to_string();
            let advice = match error.contains("certificate") {
                true => "name the authority that signed its certificate by --ca-file",
                false => "start one by `anonlink serve`, name another by --server, or leave --server out",
            };
            bail!("no service is in reach at {base} ({error}): {advice}");
        }
    };
    if let Some(location) = reply.text_header("location").filter(|_| (300..400).contains(&reply.status)) {
        bail!("{base} redirects to {location}: give --server that address");
    }
    ensure!(
        reply.status == 200,
        "{base}/version answers {}: no Anonlink service there, or it isn't ready; check --server",
        reply.status
    );
    Ok(())
}

/// Fails with advice if the service wants a token for creating projects, and ours isn't it. Other trouble with creating
/// projects is for the checks to tell.
async fn may_create(session: &Arc<Session>) -> Result<()> {
    let Ok(reply) = session.create(&project::Spec::groups(2).body()?).await else { return Ok(()) };
    let wants_token = match reply.status {
        401 | 403 => true,
        400 => String::from_utf8_lossy(&reply.body).contains("Authorization"),
        _ => false,
    };
    ensure!(
        !wants_token,
        "{} wants a token for creating projects ({}): give the right one by --project-creation-token",
        session.base(),
        reply.status
    );
    Ok(())
}

/// Resolves when the process is asked to stop. Should it be asked again while the test cleans up, it exits at once.
fn interruption() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut asked = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    Ok(async move {
        asked().await;
        complain("anonlink selftest: interrupted, deleting what the test made");
        tokio::spawn(async move {
            asked().await;
            complain(
                "anonlink selftest: interrupted again, projects named selftest-… may be left on the service",
            );
            std::process::exit(1);
        });
    })
}

#[cfg(test)]
mod tests;
