//! What every role does at start: logs, the async runtime, signals.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::output::colours;
use crate::config::{LogArgs, LogFormat, TraceArgs};
use crate::telemetry::otlp::Traces;
use crate::telemetry::trace::TARGET;

/// Variables of the old service that name files which configured Python's logging and tracing.
const WITHOUT_EFFECT: [&str; 2] = ["LOG_CFG", "TRACE_CFG"];

/// Starts the logs, and traces if a collector is named, and runs a role to its end.
pub(super) fn block_on(
    logs: &LogArgs,
    traces: Option<&TraceArgs>,
    role: impl Future<Output = Result<ExitCode>>,
) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let traces = traces.map(super::traces::start).transpose()?.flatten();
        start_logs(logs, traces.as_ref())?;
        let ended = role.await;
        if let Some(traces) = traces {
            traces.end().await;
        }
        ended
    })
}

/// Logs go to standard error: text on a terminal, JSON otherwise.
fn start_logs(args: &LogArgs, traces: Option<&Traces>) -> Result<()> {
    let filter = EnvFilter::try_new(&args.log_level).with_context(|| {
        format!("--log-level {:?} is no level (error, warn, info, debug, trace) or filter", args.log_level)
    })?;
    // Spans of traces are not for logs.
    let filter = filter.and(filter_fn(|about| about.target() != TARGET));
    let terminal = std::io::stderr().is_terminal();
    let logs = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(colours(terminal))
        // Told by a macro that panics if standard error is broken, which is what would be told.
        .log_internal_errors(false);
    let json = match args.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let logs = match json {
        true => logs.json().flatten_event(true).with_filter(filter).boxed(),
        false => logs.with_target(false).with_filter(filter).boxed(),
    };
    tracing_subscriber::registry().with(logs).with(traces.map(Traces::layer)).init();
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
        let signal = tokio::select! {
            _ = terminate.recv() => SignalKind::terminate(),
            _ = interrupt.recv() => SignalKind::interrupt(),
        };
        std::process::exit(128 + signal.as_raw_value());
    });
    Ok(stopped)
}
