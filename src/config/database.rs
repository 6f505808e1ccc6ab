//! Which metadata store: PostgreSQL if a server is named, the embedded SQLite otherwise.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use thiserror::Error;

use super::numbers;
use super::secret::{Secret, SecretError};

/// Port of a server that is named without one.
const PORT: u16 = 5432;
/// Connections of `serve`, unless told.
const SERVE_POOL: usize = 10;
/// Connections of `work`, unless told; also its least: one each for claiming, renewing leases, and recording outcomes, so that no
/// lease runs out because a large plan is being written.
const WORK_POOL: usize = 3;

/// How the connection to PostgreSQL is protected; the names and meanings are libpq's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DatabaseTls {
    /// No TLS.
    Disable,
    /// TLS; the server's certificate is verified only if a file of authorities is given, its name never.
    Require,
    /// TLS; the server's certificate and name are verified.
    VerifyFull,
}

/// Settings of the metadata store.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Metadata store")]
pub struct DatabaseArgs {
    /// PostgreSQL server, as host or host:port; several, separated by commas, are tried in turn. Without one, metadata are kept in SQLite in the data directory
    #[arg(
        long,
        env = "DATABASE_SERVER",
        value_name = "HOST[:PORT]",
        default_value = "",
        hide_default_value = true
    )]
    pub database_server: String,

    /// PostgreSQL database
    #[arg(long, env = "DATABASE", value_name = "NAME", default_value = "postgres")]
    pub database: String,

    /// PostgreSQL user
    #[arg(long, env = "DATABASE_USER", value_name = "NAME", default_value = "postgres")]
    pub database_user: String,

    /// Password of the PostgreSQL user
    #[arg(long, env = "DATABASE_PASSWORD", value_name = "SECRET", hide_env_values = true)]
    pub database_password: Option<Secret>,

    /// File that holds the password of the PostgreSQL user
    #[arg(long, env = "DATABASE_PASSWORD_FILE", value_name = "FILE")]
    pub database_password_file: Option<PathBuf>,

    /// TLS to PostgreSQL
    #[arg(long, env = "DATABASE_TLS", value_name = "MODE", default_value = "disable")]
    pub database_tls: DatabaseTls,

    /// PEM file of the certificate authorities for PostgreSQL [default for verify-full: the system's]
    #[arg(long, env = "DATABASE_CA_FILE", value_name = "FILE")]
    pub database_ca_file: Option<PathBuf>,

    /// Connections to PostgreSQL at most [default: 10 for serve, 3 for work]
    #[arg(long, env = "DATABASE_POOL", value_name = "N", value_parser = numbers::integer::<usize>)]
    pub database_pool: Option<usize>,

    /// The former name of the pool's size in `serve`.
    #[arg(long, env = "FLASK_DB_MAX_CONNECTIONS", hide = true, value_parser = numbers::integer::<usize>)]
    pub flask_db_max_connections: Option<usize>,

    /// The former name of the pool's size in `work`.
    #[arg(long, env = "CELERY_DB_MAX_CONNECTIONS", hide = true, value_parser = numbers::integer::<usize>)]
    pub celery_db_max_connections: Option<usize>,
}

/// Who uses the pool of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolUser {
    /// `serve`, and the short-lived roles.
    Serve,
    /// `work`.
    Work,
}

/// How to reach PostgreSQL: what [`DatabaseArgs`] come to.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// Hosts and ports, tried in turn.
    pub servers: Vec<(String, u16)>,
    /// The database.
    pub database: String,
    /// The user.
    pub user: String,
    /// The user's password, if it has one.
    pub password: Option<Secret>,
    /// Protection of the connection.
    pub tls: DatabaseTls,
    /// Certificate authorities instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Connections at most.
    pub pool: usize,
}

/// Why the settings make no sense.
#[derive(Debug, Error)]
pub enum DatabaseConfigError {
    /// The password.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The server's address.
    #[error("DATABASE_SERVER: {0:?} is no host or host:port")]
    Server(String),
}

impl DatabaseArgs {
    /// How to reach PostgreSQL; `None` for the embedded store.
    ///
    /// # Errors
    /// The address is malformed, or the password can't be had.
    pub fn settings(&self, user: PoolUser) -> Result<Option<DatabaseSettings>, DatabaseConfigError> {
        let names = self.database_server.split(',').map(str::trim).filter(|name| !name.is_empty());
        let servers = names.map(server).collect::<Result<Vec<_>, _>>()?;
        if servers.is_empty() {
            return Ok(None);
        }
        let file = self.database_password_file.as_deref();
        Ok(Some(DatabaseSettings {
            servers,
            database: self.database.clone(),
            user: self.database_user.clone(),
            password: Secret::resolve("DATABASE_PASSWORD", self.database_password.as_ref(), file)?,
            tls: self.database_tls,
            ca_file: self.database_ca_file.clone(),
            pool: self.pool(user),
        }))
    }

    fn pool(&self, user: PoolUser) -> usize {
        match user {
            PoolUser::Serve => {
                self.database_pool.or(self.flask_db_max_connections).unwrap_or(SERVE_POOL).max(1)
            }
            PoolUser::Work => {
                self.database_pool.or(self.celery_db_max_connections).unwrap_or(WORK_POOL).max(WORK_POOL)
            }
        }
    }
}

/// Splits `host`, `host:port`, `[address]:port`, an IPv6 address, or the folder of a socket.
fn server(name: &str) -> Result<(String, u16), DatabaseConfigError> {
    let wrong = || DatabaseConfigError::Server(name.to_owned());
    let (host, port) = match name.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(wrong)?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or_else(wrong)?) })
        }
        None if name.starts_with('/') || name.matches(':').count() > 1 => (name, None),
        None => match name.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (name, None),
        },
    };
    let port = port.map_or(Ok(PORT), |text| text.parse().map_err(|_| wrong()))?;
    match host.is_empty() || host.contains(char::is_whitespace) {
        true => Err(wrong()),
        false => Ok((host.to_owned(), port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        database: DatabaseArgs,
    }

    fn parse(flags: &[&str]) -> DatabaseArgs {
        Command::parse_from(["test"].iter().chain(flags)).database
    }

    #[test]
    fn addresses_take_many_forms() {
        let args = parse(&["--database-server", "db, db2:6432,[::1]:7000,fe80::1"]);
        let settings = args.settings(PoolUser::Serve).unwrap().unwrap();
        let wanted = [("db", 5432), ("db2", 6432), ("::1", 7000), ("fe80::1", 5432)];
        assert_eq!(settings.servers, wanted.map(|(host, port)| (host.to_owned(), port)));
        for bad in ["db:", "db:port", ":5432", "[::1", "a b"] {
            let args = parse(&["--database-server", bad]);
            assert!(args.settings(PoolUser::Serve).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_server_means_the_embedded_store() {
        assert!(parse(&[]).settings(PoolUser::Serve).unwrap().is_none());
        assert!(parse(&["--database-server", " "]).settings(PoolUser::Work).unwrap().is_none());
    }

    #[test]
    fn a_worker_has_three_connections_at_least() {
        let pool = |flags: &[&str], user| parse(flags).pool(user);
        assert_eq!((pool(&[], PoolUser::Serve), pool(&[], PoolUser::Work)), (10, 3));
        assert_eq!(pool(&["--database-pool", "1"], PoolUser::Work), 3);
        assert_eq!(pool(&["--flask-db-max-connections", "7"], PoolUser::Serve), 7);
        assert_eq!(pool(&["--celery-db-max-connections", "8"], PoolUser::Work), 8);
    }

    #[test]
    fn the_password_is_never_shown() {
        let args = parse(&["--database-server", "db", "--database-password", "hunter2"]);
        let settings = args.settings(PoolUser::Serve).unwrap().unwrap();
        assert_eq!(settings.password.as_ref().map(Secret::expose), Some("hunter2"));
        assert!(!format!("{args:?} {settings:?}").contains("hunter2"));
    }
}
