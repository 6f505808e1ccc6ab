//! Redis: one server, or a set of servers behind Sentinel. Without a server the cache stays inside the process.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use thiserror::Error;

use super::secret::{Secret, SecretError};

/// Port of a Redis server that is named without one.
const PORT: u16 = 6379;
/// Port of a sentinel that is named without one.
const SENTINEL_PORT: u16 = 26379;

/// Settings of Redis.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Redis")]
pub struct RedisArgs {
    /// Redis server, as host or host:port; with Sentinel the sentinels, separated by commas. Without one, wake-ups, progress and
    /// request rates stay within each process
    #[arg(
        long,
        env = "REDIS_SERVER",
        value_name = "HOST[:PORT]",
        default_value = "",
        hide_default_value = true
    )]
    pub redis_server: String,

    /// Redis user [default: the server's default user]
    #[arg(long, env = "REDIS_USERNAME", value_name = "NAME")]
    pub redis_username: Option<String>,

    /// Password of Redis
    #[arg(long, env = "REDIS_PASSWORD", value_name = "SECRET", hide_env_values = true)]
    pub redis_password: Option<Secret>,

    /// File that holds the password of Redis
    #[arg(long, env = "REDIS_PASSWORD_FILE", value_name = "FILE")]
    pub redis_password_file: Option<PathBuf>,

    /// Whether --redis-server names sentinels, which know the master and its replicas
    #[arg(long, env = "REDIS_USE_SENTINEL", value_name = "BOOL", default_value = "false", default_missing_value = "true",
        num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = boolean)]
    pub redis_use_sentinel: bool,

    /// Name of the set of servers that the sentinels watch
    #[arg(long, env = "REDIS_SENTINEL_NAME", value_name = "NAME", default_value = "mymaster")]
    pub redis_sentinel_name: String,

    /// Password of the sentinels [default: that of Redis, because many deployments set one for both]
    #[arg(long, env = "REDIS_SENTINEL_PASSWORD", value_name = "SECRET", hide_env_values = true)]
    pub redis_sentinel_password: Option<Secret>,

    /// File that holds the password of the sentinels
    #[arg(long, env = "REDIS_SENTINEL_PASSWORD_FILE", value_name = "FILE")]
    pub redis_sentinel_password_file: Option<PathBuf>,

    /// Seconds after which a connection that stays silent is made anew
    #[arg(long, env = "REDIS_SOCKET_TIMEOUT", value_name = "S", default_value = "5.0", value_parser = seconds)]
    pub redis_socket_timeout: f64,

    /// TLS to Redis and to the sentinels; certificates and names are verified
    #[arg(long, env = "REDIS_TLS", value_name = "BOOL", default_value = "false", default_missing_value = "true",
        num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = boolean)]
    pub redis_tls: bool,

    /// PEM file of the certificate authorities for Redis [default: the system's]
    #[arg(long, env = "REDIS_CA_FILE", value_name = "FILE")]
    pub redis_ca_file: Option<PathBuf>,

    /// What the names of all keys and channels begin with: services that share a Redis need different ones
    #[arg(long, env = "REDIS_PREFIX", value_name = "NAME", default_value = "anonlink")]
    pub redis_prefix: String,
}

/// Why the settings of Redis make no sense.
#[derive(Debug, Error)]
pub enum RedisConfigError {
    /// No address.
    #[error("REDIS_SERVER holds {0:?}, which is no host or host:port")]
    Server(String),
    /// Several servers without Sentinel.
    #[error(
        "REDIS_SERVER names several servers: that takes REDIS_USE_SENTINEL=true, and the addresses of the sentinels"
    )]
    Several,
    /// A password can't be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// Host (name or address, without brackets) and port.
pub type Address = (String, u16);

/// Where to find Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisServers {
    /// One server.
    Direct(Address),
    /// A set that sentinels watch.
    Sentinel {
        /// The sentinels, of which one suffices.
        sentinels: Vec<Address>,
        /// Name of the set.
        name: String,
        /// Their password.
        password: Option<Secret>,
    },
}

/// Checked settings of Redis.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// Where it is.
    pub servers: RedisServers,
    /// Its user.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Silence after which a connection is given up.
    pub socket_timeout: Duration,
    /// Whether TLS protects all connections.
    pub tls: bool,
    /// The authorities for TLS.
    pub ca_file: Option<PathBuf>,
    /// What all names begin with.
    pub prefix: String,
}

impl RedisArgs {
    /// The checked settings; `None` if no server is named.
    ///
    /// # Errors
    /// An address is malformed, several servers are named without Sentinel, or a password's file can't be read.
    pub fn settings(&self) -> Result<Option<RedisSettings>, RedisConfigError> {
        let default = if self.redis_use_sentinel { SENTINEL_PORT } else { PORT };
        let named = self.redis_server.split(',').map(str::trim).filter(|server| !server.is_empty());
        let mut addresses = named.map(|server| address(server, default)).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = addresses.first().cloned() else { return Ok(None) };
        let password = Secret::resolve(
            "REDIS_PASSWORD",
            self.redis_password.as_ref(),
            self.redis_password_file.as_deref(),
        )?;
        let servers = match self.redis_use_sentinel {
            false if addresses.len() > 1 => return Err(RedisConfigError::Several),
            false => RedisServers::Direct(first),
            true => {
                let own = Secret::resolve(
                    "REDIS_SENTINEL_PASSWORD",
                    self.redis_sentinel_password.as_ref(),
                    self.redis_sentinel_password_file.as_deref(),
                )?;
                RedisServers::Sentinel {
                    sentinels: std::mem::take(&mut addresses),
                    name: self.redis_sentinel_name.clone(),
                    password: own.or_else(|| password.clone()),
                }
            }
        };
        Ok(Some(RedisSettings {
            servers,
            username: self.redis_username.clone().filter(|name| !name.is_empty()),
            password,
            socket_timeout: Duration::from_secs_f64(self.redis_socket_timeout),
            tls: self.redis_tls,
            ca_file: self.redis_ca_file.clone().filter(|file| !file.as_os_str().is_empty()),
            prefix: self.redis_prefix.clone(),
        }))
    }
}

/// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
fn address(text: &str, default: u16) -> Result<Address, RedisConfigError> {
    let failed = || RedisConfigError::Server(text.to_owned());
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(failed)?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(failed)?) })
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map_or(Ok(default), str::parse).map_err(|_| failed())?;
    match host.is_empty() || port == 0 || host.contains(['/', '@', ' ']) {
        true => Err(failed()),
        false => Ok((host.to_owned(), port)),
    }
}

/// Reads a truth value in the forms that environment files have.
fn boolean(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" | "" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

/// Reads a time of 0.1 s to an hour.
fn seconds(text: &str) -> Result<f64, String> {
    let found = text.trim().parse::<f64>().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    found.ok_or_else(|| format!("{text:?} is no number of seconds from 0.1 to 3600"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        redis: RedisArgs,
    }

    fn settings(flags: &[&str]) -> Result<Option<RedisSettings>, RedisConfigError> {
        Flags::parse_from(["test"].iter().chain(flags)).redis.settings()
    }

    #[test]
    fn no_server_means_no_redis() {
        assert!(settings(&[]).unwrap().is_none());
        assert!(settings(&["--redis-server", " , "]).unwrap().is_none());
    }

    #[test]
    fn addresses_have_default_ports() {
        let direct = settings(&["--redis-server", "cache"]).unwrap().unwrap();
        assert_eq!(direct.servers, RedisServers::Direct(("cache".into(), 6379)));
        assert_eq!((direct.socket_timeout, direct.tls), (Duration::from_secs(5), false));
        let v6 = settings(&["--redis-server", "[::1]:7000"]).unwrap().unwrap();
        assert_eq!(v6.servers, RedisServers::Direct(("::1".into(), 7000)));
        for bad in ["a:b", ":1", "[::1", "redis://host", "host:0"] {
            let message = settings(&["--redis-server", bad]).unwrap_err().to_string();
            assert!(message.contains("REDIS_SERVER"), "{message}");
        }
        assert!(matches!(settings(&["--redis-server", "a,b"]), Err(RedisConfigError::Several)));
    }

    #[test]
    fn sentinels_take_the_password_of_redis_unless_they_have_their_own() {
        let flags = ["--redis-server=a, b:7000", "--redis-use-sentinel=True", "--redis-password=one"];
        let sentinel = |flags: &[&str]| match settings(flags).unwrap().unwrap().servers {
            RedisServers::Sentinel { sentinels, name, password } => (sentinels, name, password),
            RedisServers::Direct(_) => panic!("no sentinels"),
        };
        let (sentinels, name, password) = sentinel(&flags);
        assert_eq!(sentinels, [("a".to_owned(), 26379), ("b".to_owned(), 7000)]);
        assert_eq!((name.as_str(), password.unwrap().expose()), ("mymaster", "one"));
        let own = [&flags[..], &["--redis-sentinel-password=two", "--redis-sentinel-name=set"]].concat();
        let (_, name, password) = sentinel(&own);
        assert_eq!((name.as_str(), password.unwrap().expose()), ("set", "two"));
    }
}
