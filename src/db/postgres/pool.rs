//! The pool of connections.
//!
//! Connections are made when they are needed, so that a service starts before its database does. They live on the runtime that
//! made the pool, whoever asks for one: the heartbeat of the workers has a small runtime of its own, and what it borrows must
//! go on when it sleeps.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Timeouts,
};
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::describe;
use crate::config::{DatabaseSettings, DatabaseTls};
use crate::db::{DbError, DbResult};

/// Longest wait for the server to take a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest wait for a free connection.
const WAIT: Duration = Duration::from_secs(10);
/// Silence after which the system asks whether the other side still lives, and how long it may owe the answer.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Makes connections on one runtime.
struct Connector {
    tls: Option<MakeRustlsConnect>,
    runtime: Handle,
}

impl Connect for Connector {
    fn connect(
        &self,
        config: &Config,
    ) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        let (config, tls, runtime) = (config.clone(), self.tls.clone(), self.runtime.clone());
        Box::pin(async move {
            let connecting = async {
                match tls {
                    None => {
                        let (client, connection) = config.connect(NoTls).await?;
                        Ok((client, tokio::spawn(drive(connection))))
                    }
                    Some(tls) => {
                        let (client, connection) = config.connect(tls).await?;
                        Ok((client, tokio::spawn(drive(connection))))
                    }
                }
            };
            let mut connecting = pin!(connecting);
            poll_fn(|context| {
                let _entered = runtime.enter();
                connecting.as_mut().poll(context)
            })
            .await
        })
    }
}

/// Does a connection's work until it ends.
async fn drive(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::warn!(error = describe(&error), "a connection to the database ended");
    }
}

/// A pool for these settings, on the current runtime. Nothing is connected yet.
///
/// # Errors
/// The file of certificate authorities can't be used.
///
/// # Panics
/// Outside of a tokio runtime.
pub(super) fn pool(settings: &DatabaseSettings) -> DbResult<Pool> {
    let mut config = Config::new();
    for (host, port) in &settings.servers {
        config.host(host).port(*port);
    }
    config.dbname(&settings.database).user(&settings.user).application_name("anonlink");
    if let Some(password) = &settings.password {
        config.password(password.expose());
    }
    if settings.servers.len() > 1 {
        // After a failover the old primary may be up again, as a standby.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    config.ssl_mode(match settings.tls {
        DatabaseTls::Disable => SslMode::Disable,
        DatabaseTls::Require | DatabaseTls::VerifyFull => SslMode::Require,
    });
    config.connect_timeout(CONNECT).keepalives_idle(KEEPALIVE).tcp_user_timeout(KEEPALIVE);
    let tls = super::tls::connector(settings).map_err(|error| DbError::Statement(error.into()))?;
    let connector = Connector { tls, runtime: Handle::current() };
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    Pool::builder(Manager::from_connect(config, connector, manager))
        .max_size(settings.pool.max(1))
        .timeouts(Timeouts { wait: Some(WAIT), create: Some(CONNECT * 2), recycle: Some(CONNECT) })
        .runtime(deadpool_postgres::Runtime::Tokio1)
        .build()
        .map_err(|error| DbError::Statement(error.into()))
}

/// Closes the connections that nobody uses: what cut one has mostly cut all, and some may not know of it yet.
pub(super) fn forget_idle(pool: &Pool) {
    pool.retain(|_, _| false);
}

/// A connection from the pool. Whatever is in the way, from a refused connection to a wrong password, may be mended
/// meanwhile: the service waits for its database.
///
/// # Errors
/// The server can't be reached or refuses, or all connections are in use for too long.
pub(super) async fn checkout(pool: &Pool) -> DbResult<Object> {
    pool.get().await.map_err(|error| {
        DbError::Unavailable(match error {
            PoolError::Backend(error) => describe(&error).into(),
            other => other.to_string().into(),
        })
    })
}
