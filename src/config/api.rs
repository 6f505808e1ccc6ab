//! Settings of the REST API.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;

use super::numbers;

/// How many requests a client may send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// Requests per second in the long run.
    pub per_second: f64,
    /// Requests at once after a pause.
    pub burst: f64,
}

/// Settings of the REST API.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "API")]
pub struct ApiArgs {
    /// Address and port to listen on
    #[arg(long, env = "ANONLINK_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:8851")]
    pub listen: SocketAddr,

    /// Requests per second for each client address; 0 turns the limit off
    #[arg(long, env = "RATE_LIMIT", value_name = "N", default_value = "200")]
    pub rate_limit: f64,

    /// Requests that a client may send at once after a pause
    #[arg(long, env = "RATE_LIMIT_BURST", value_name = "N", default_value = "50")]
    pub rate_limit_burst: f64,

    /// Proxies (addresses) whose X-Forwarded-For header tells the client's address
    #[arg(long, env = "TRUSTED_PROXIES", value_name = "ADDR,…", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpAddr>,

    /// Token that creating a project takes; without one anybody may
    #[arg(long, env = "PROJECT_CREATION_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub project_creation_token: Option<String>,

    /// Token that listing the projects takes; without one anybody may
    #[arg(long, env = "PROJECT_LIST_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub project_list_token: Option<String>,

    /// Origins that browsers may call from
    #[arg(long, env = "CORS_ORIGINS", value_name = "ORIGIN,…", value_delimiter = ',', default_value = "*")]
    pub cors_origins: Vec<String>,

    /// Largest request body, after decompression
    #[arg(long, env = "MAX_BODY_SIZE", value_name = "BYTES", default_value = "10GB", value_parser = numbers::bytes)]
    pub max_body: u64,

    /// Smallest encoding in bytes
    #[arg(long, env = "MIN_ENCODING_SIZE", value_name = "BYTES", default_value = "1", value_parser = numbers::integer::<usize>)]
    pub min_encoding_size: usize,

    /// Largest encoding in bytes
    #[arg(long, env = "MAX_ENCODING_SIZE", value_name = "BYTES", default_value = "1024", value_parser = numbers::integer::<usize>)]
    pub max_encoding_size: usize,

    /// Connections served at once; more wait to be accepted
    #[arg(long, env = "MAX_CONNECTIONS", value_name = "N", default_value = "1024", value_parser = numbers::integer::<usize>)]
    pub max_connections: usize,

    /// Memory for the block ids of one upload; more spills to temporary files
    #[arg(long, env = "BLOCK_BUFFER", value_name = "BYTES", default_value = "64MiB", value_parser = numbers::bytes)]
    pub block_buffer: u64,

    /// Seconds without data after which an upload fails and another may take its place
    #[arg(long, env = "UPLOAD_IDLE_SECONDS", value_name = "S", default_value = "30", value_parser = numbers::integer::<u64>)]
    pub upload_idle_seconds: u64,

    /// Seconds that running requests have to finish after SIGTERM
    #[arg(long, env = "SHUTDOWN_GRACE_SECONDS", value_name = "S", default_value = "25", value_parser = numbers::integer::<u64>)]
    pub shutdown_grace_seconds: u64,
}

impl ApiArgs {
    /// The rate limit, unless it is off.
    pub fn rate(&self) -> Option<RateLimit> {
        let limit = RateLimit { per_second: self.rate_limit, burst: self.rate_limit_burst };
        (limit.per_second > 0.0).then_some(limit)
    }

    /// How long an upload may stay without data.
    pub fn upload_idle(&self) -> Duration {
        Duration::from_secs(self.upload_idle_seconds)
    }
}
