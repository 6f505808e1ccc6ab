//! `anonlink health`: asks a role's listener for probes how it is. A container's health check needs a program of the image, and the
//! image holds no other than this.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::output::OutputArgs;
use crate::config::ProbeArgs;

/// Flags of `health`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ANONLINK_METRICS_LISTEN=0.0.0.0:9090 anonlink health     in a container of `serve` or `work`
  anonlink health --metrics-listen 127.0.0.1:9090 --output json

Exit status: 0 if the process says so, 1 if it says no, or nothing; 2 for wrong usage.
JSON: {\"ok\": bool, \"status\": the answer's HTTP status or null, \"message\": text}")]
pub(super) struct HealthArgs {
    #[command(flatten)]
    probes: ProbeArgs,

    /// Ask whether the process answers at all (/health/live), not whether it is ready
    #[arg(long)]
    live: bool,

    /// Seconds to wait for the answer
    #[arg(long, value_name = "S", default_value = "4")]
    timeout: u64,

    #[command(flatten)]
    output: OutputArgs,
}

/// What was answered, as programs read it.
#[derive(Debug, PartialEq, Serialize)]
struct Answer {
    /// Whether the process says that it is well.
    ok: bool,
    /// The answer's HTTP status; `null` if there was none.
    status: Option<u16>,
    /// The answer in words, on one line.
    message: String,
}

/// Asks once and says the answer in one line.
pub(super) async fn run(args: HealthArgs) -> Result<ExitCode> {
    let Some(listener) = args.probes.metrics_listen else {
        bail!(
            "whom to ask? Name the listener of `serve` or `work`: --metrics-listen ADDR:PORT, or ANONLINK_METRICS_LISTEN"
        );
    };
    let path = if args.live { "/health/live" } else { "/health/ready" };
    let url = format!("http://{}{path}", reachable(listener));
    let answer = ask(&url, Duration::from_secs(args.timeout)).await.unwrap_or_else(|error| Answer {
        ok: false,
        status: None,
        message: format!("no answer from {url}: {}", root(&error)),
    });
    args.output.line(&answer.message)?;
    args.output.document(&answer)?;
    Ok(if answer.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks a listener.
async fn ask(url: &str, timeout: Duration) -> reqwest::Result<Answer> {
    // No proxy of the environment: the process is on this machine.
    let client = reqwest::Client::builder().no_proxy().timeout(timeout).build()?;
    let answer = client.get(url).send().await?;
    let status = answer.status();
    let document: Value = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
    let word = |name: &str| document[name].as_str().filter(|text| !text.is_empty());
    let first = word("title").or(word("status")).unwrap_or(status.as_str()).to_owned();
    let said = word("detail").map_or(first.clone(), |detail| format!("{first}: {detail}"));
    Ok(Answer { ok: status.is_success(), status: Some(status.as_u16()), message: said.replace('\n', " ") })
}

/// Where a listener can be reached from this machine: one on all addresses, by the loopback interface.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

/// The first cause of an error: the client's own words only tell the URL again.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// What is said of a listener that gives this answer to whoever asks for `/health/ready`.
    async fn said(status: &str, body: &str) -> (bool, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/health/ready", listener.local_addr().unwrap());
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /health/ready HTTP/1.1"));
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let answer = ask(&url, Duration::from_secs(9)).await.unwrap();
        answering.await.unwrap();
        assert_eq!(answer.status, status[..3].parse().ok());
        (answer.ok, answer.message)
    }

    #[tokio::test]
    async fn the_answer_is_one_line() {
        let ok = said("200 OK", r#"{"status": "ok"}"#).await;
        assert_eq!(ok, (true, "ok".into()));
        let degraded = said("200 OK", r#"{"status": "degraded", "detail": "Redis is out of reach"}"#).await;
        assert_eq!(degraded, (true, "degraded: Redis is out of reach".into()));
        let not =
            said("503 Service Unavailable", r#"{"title": "Not Ready", "status": 503, "detail": "a\nb"}"#);
        assert_eq!(not.await, (false, "Not Ready: a b".into()));
        assert_eq!(said("404 Not Found", "nothing").await, (false, "404".into()));
    }

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_the_loopback_interface() {
        for (listener, asked) in [
            ("0.0.0.0:9090", "127.0.0.1:9090"),
            ("[::]:9090", "[::1]:9090"),
            ("10.0.0.7:9090", "10.0.0.7:9090"),
        ] {
            assert_eq!(reachable(listener.parse().unwrap()).to_string(), asked);
        }
    }
}
