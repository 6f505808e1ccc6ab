//! Settings of the REST API.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use super::numbers;
use super::retention::RetentionArgs;
use super::secret::{Secret, SecretError};

/// Something that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On
    On,
    /// Off
    Off,
}

/// How many requests a client may send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// Requests per second in the long run.
    pub per_second: f64,
    /// Requests at once after a pause.
    pub burst: f64,
}

/// An address, or a range of addresses such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange(IpNet);

impl AddressRange {
    /// Whether an address is in the range; an IPv4 address mapped into IPv6 counts as itself.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for AddressRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
        let range = address.or_else(|_| text.parse::<IpNet>());
        range
            .map(|range| Self(range.trunc()))
            .map_err(|_| "no address and no range like 10.0.0.0/8".to_owned())
    }
}

/// Settings of the REST API.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "API")]
pub struct ApiArgs {
    /// Address and port to listen on
    #[arg(long, env = "ANONLINK_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:8851")]
    pub listen: SocketAddr,

    /// PEM file with the certificate (and its chain) to serve HTTPS with; read again when it changes
    #[arg(long, env = "TLS_CERT_FILE", value_name = "FILE", requires = "tls_key_file")]
    pub tls_cert_file: Option<PathBuf>,

    /// PEM file with the certificate's private key
    #[arg(long, env = "TLS_KEY_FILE", value_name = "FILE", requires = "tls_cert_file")]
    pub tls_key_file: Option<PathBuf>,

    /// Requests per second for each client address; 0 turns the limit off
    #[arg(long, env = "RATE_LIMIT", value_name = "N", default_value = "200")]
    pub rate_limit: f64,

    /// Requests that a client may send at once after a pause
    #[arg(long, env = "RATE_LIMIT_BURST", value_name = "N", default_value = "50")]
    pub rate_limit_burst: f64,

    /// Proxies (addresses and ranges like 10.0.0.0/8) whose X-Forwarded-For header tells the client's address
    #[arg(long, env = "TRUSTED_PROXIES", value_name = "ADDR,…", value_delimiter = ',')]
    pub trusted_proxies: Vec<AddressRange>,

    /// Request headers to log with each request; those that carry credentials are never logged
    #[arg(long, env = "LOG_HTTP_HEADER_FIELDS", value_name = "NAME,…", value_delimiter = ',')]
    pub log_http_header_fields: Vec<String>,

    /// Token that creating a project takes; without one anybody may
    #[arg(long, env = "PROJECT_CREATION_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub project_creation_token: Option<Secret>,

    /// File that holds the token that creating a project takes
    #[arg(long, env = "PROJECT_CREATION_TOKEN_FILE", value_name = "FILE")]
    pub project_creation_token_file: Option<PathBuf>,

    /// Token that listing the projects takes; without one anybody may
    #[arg(long, env = "PROJECT_LIST_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub project_list_token: Option<Secret>,

    /// File that holds the token that listing the projects takes
    #[arg(long, env = "PROJECT_LIST_TOKEN_FILE", value_name = "FILE")]
    pub project_list_token_file: Option<PathBuf>,

    /// Whether `GET /api/v1/monitor` tells of workers, queues and runs at work
    #[arg(long, env = "MONITOR", value_name = "on|off", default_value = "on")]
    pub monitor: Switch,

    /// Token that the monitor takes; without one anybody may look
    #[arg(long, env = "MONITOR_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub monitor_token: Option<Secret>,

    /// File that holds the token that the monitor takes
    #[arg(long, env = "MONITOR_TOKEN_FILE", value_name = "FILE")]
    pub monitor_token_file: Option<PathBuf>,

    /// Origins that browsers may call from
    #[arg(long, env = "CORS_ORIGINS", value_name = "ORIGIN,…", value_delimiter = ',', default_value = "*")]
    pub cors_origins: Vec<String>,

    /// Whether to serve the web pages beside the API
    #[arg(long, env = "PAGES", value_name = "on|off", default_value = "on")]
    pub pages: Switch,

    /// Largest request body, after decompression
    #[arg(long, env = "MAX_BODY_SIZE", value_name = "BYTES", default_value = "10GB", value_parser = numbers::bytes)]
    pub max_body: u64,

    /// Smallest encoding in bytes
    #[arg(long, env = "MIN_ENCODING_SIZE", value_name = "BYTES", default_value = "1", value_parser = numbers::integer::<usize>)]
    pub min_encoding_size: usize,

    /// Largest encoding in bytes
    #[arg(long, env = "MAX_ENCODING_SIZE", value_name = "BYTES", default_value = "1024", value_parser = numbers::integer::<usize>)]
    pub max_encoding_size: usize,

    /// Records in one upload at most
    #[arg(long, env = "MAX_RECORDS", value_name = "N", default_value = "50_000_000", value_parser = numbers::integer::<u32>)]
    pub max_records: u32,

    /// Runs that a project may have
    #[arg(long, env = "MAX_RUNS", value_name = "N", default_value = "1000", value_parser = numbers::integer::<u32>)]
    pub max_runs: u32,

    /// Runs of a project that may wait or be at work
    #[arg(long, env = "MAX_RUNS_AT_WORK", value_name = "N", default_value = "10", value_parser = numbers::integer::<u32>)]
    pub max_runs_at_work: u32,

    /// Connections at once; for one more the connection gives way that has waited longest for its next request, or if all are at work it waits
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

    #[command(flatten)]
    pub retention: RetentionArgs,
}

impl ApiArgs {
    /// The same settings with the tokens that are given in files.
    ///
    /// # Errors
    /// A token is given twice, or its file can't be read.
    pub fn with_tokens(&self) -> Result<Self, SecretError> {
        let mut settings = self.clone();
        let tokens = [
            (
                "PROJECT_CREATION_TOKEN",
                &mut settings.project_creation_token,
                &self.project_creation_token_file,
            ),
            ("PROJECT_LIST_TOKEN", &mut settings.project_list_token, &self.project_list_token_file),
            ("MONITOR_TOKEN", &mut settings.monitor_token, &self.monitor_token_file),
        ];
        for (name, token, file) in tokens {
            *token = Secret::resolve(name, token.as_ref(), file.as_deref())?;
        }
        Ok(settings)
    }

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
