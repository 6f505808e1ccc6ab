//! What every role does at start: logs, the async runtime, signals.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::config::{LogArgs, LogFormat};

/// Variables of the old service that name files which configured Python's logging and tracing.
const WITHOUT_EFFECT: [&str; 2] = ["LOG_CFG", "TRACE_CFG"];

/// Starts the logs and runs a role to its end.
pub(super) fn block_on(logs: &LogArgs, role: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    start_logs(logs)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(role)
}

/// Logs go to standard error: text on a terminal, JSON otherwise.
fn start_logs(args: &LogArgs) -> Result<()> {
    let filter = EnvFilter::try_new(&args.log_level).with_context(|| {
        format!("--log-level {:?} is no level (error, warn, info, debug, trace) or filter", args.log_level)
    })?;
    let terminal = std::io::stderr().is_terminal();
    let logs =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(terminal);
    let json = match args.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    match json {
        true => logs.json().flatten_event(true).init(),
        false => logs.with_target(false).init(),
    }
    for name in
        WITHOUT_EFFECT.iter().filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
    {
        tracing::info!(
            "{name} has no effect: ANONLINK_LOG and ANONLINK_LOG_FORMAT say what is logged, and how"
        );
    }
    Ok(())
}

/// Turns true at SIGTERM or Ctrl-C; a second signal ends the process at once.
pub(super) fn shutdown_signal() -> Result<watch::Receiver<bool>> {
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("shutting down; a second signal ends at once");
        stop.send_replace(true);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(stopped)
}
