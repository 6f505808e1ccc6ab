//! How connections are made: addresses, passwords, TLS, timeouts, and when to try again.

use std::time::Duration;

use fred::clients::Client;
use fred::prelude::Builder;
use fred::types::RespVersion;
use fred::types::config::{
    Config, ConnectionConfig, PerformanceConfig, ReconnectPolicy, Server, ServerConfig, TlsConnector,
    UnresponsiveConfig,
};

use super::CacheError;
use crate::config::secret::Secret;
use crate::config::{Address, RedisServers, RedisSettings, tls};

/// Waits between attempts to connect, in ms: the first, and the longest.
const WAITS: (u32, u32) = (100, 2000);
/// Commands that may wait inside the client; more are refused.
const WAITING: usize = 4096;
/// Messages of other processes that may wait to be handled; older ones are dropped, which counts as a ring for all.
const MESSAGES: usize = 1024;

/// A client of the master, which connects again by itself for ever.
pub(super) fn master(settings: &RedisSettings) -> Result<Client, CacheError> {
    let server = match &settings.servers {
        RedisServers::Direct(address) => ServerConfig::Centralized { server: server(address) },
        RedisServers::Sentinel { sentinels, name, password } => ServerConfig::Sentinel {
            hosts: sentinels.iter().map(server).collect(),
            service_name: name.clone(),
            username: None,
            password: password.as_ref().map(exposed),
        },
    };
    let again = ReconnectPolicy::new_exponential(0, WAITS.0, WAITS.1, 2);
    let credentials = (settings.username.clone(), settings.password.as_ref().map(exposed));
    build(settings, server, credentials, RespVersion::RESP3, Some(again))
}

/// A client of a replica, for one connection.
pub(super) fn replica(settings: &RedisSettings, address: &Address) -> Result<Client, CacheError> {
    let credentials = (settings.username.clone(), settings.password.as_ref().map(exposed));
    let server = ServerConfig::Centralized { server: server(address) };
    build(settings, server, credentials, RespVersion::RESP2, None)
}

/// A client of a sentinel, for one connection.
pub(super) fn sentinel(
    settings: &RedisSettings,
    address: &Address,
    password: Option<&Secret>,
) -> Result<Client, CacheError> {
    let server = ServerConfig::Centralized { server: server(address) };
    build(settings, server, (None, password.map(exposed)), RespVersion::RESP2, None)
}

fn server(address: &Address) -> Server {
    Server::new(address.0.as_str(), address.1)
}

fn exposed(secret: &Secret) -> String {
    secret.expose().to_owned()
}

fn build(
    settings: &RedisSettings,
    server: ServerConfig,
    (username, password): (Option<String>, Option<String>),
    version: RespVersion,
    again: Option<ReconnectPolicy>,
) -> Result<Client, CacheError> {
    let tls = match settings.tls {
        true => Some(TlsConnector::from(tls::verified(settings.ca_file.as_deref())?).into()),
        false => None,
    };
    // A first connection that fails is no error where later ones are tried for ever.
    let fail_fast = again.is_none();
    let mut builder = Builder::from_config(Config {
        fail_fast,
        server,
        username,
        password,
        version,
        tls,
        ..Config::default()
    });
    if let Some(again) = again {
        builder.set_policy(again);
    }
    let timeout = settings.socket_timeout;
    builder.set_connection_config(ConnectionConfig {
        connection_timeout: timeout,
        internal_command_timeout: timeout,
        // A command is worth nothing later: whoever sent it has gone on without its answer.
        max_command_attempts: 1,
        max_command_buffer_len: WAITING,
        unresponsive: UnresponsiveConfig {
            max_timeout: Some(timeout),
            interval: Duration::from_secs(1).min(timeout / 2),
        },
        ..ConnectionConfig::default()
    });
    builder.set_performance_config(PerformanceConfig {
        default_command_timeout: timeout,
        broadcast_channel_capacity: MESSAGES,
        ..PerformanceConfig::default()
    });
    Ok(builder.build()?)
}
