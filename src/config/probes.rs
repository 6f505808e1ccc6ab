//! A listener for whoever watches the process.

use std::net::SocketAddr;

use clap::Args;

/// Settings of probes and metrics.
#[derive(Debug, Clone, Args)]
pub struct ProbeArgs {
    /// Address and port for /health/live, /health/ready and /metrics [default: none]
    #[arg(long, env = "ANONLINK_METRICS_LISTEN", value_name = "ADDR:PORT")]
    pub metrics_listen: Option<SocketAddr>,
}
