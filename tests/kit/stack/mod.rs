//! Real services for tests, each private: its own folder, free loopback ports, gone when the test process is gone.
//!
//! Used by the unit tests of the adapters and by the integration tests alike.

#![allow(dead_code, unused_imports)]

mod daemon;
mod minio;
mod nginx;
mod ports;
mod postgres;
mod proxy;
mod redis;

pub use daemon::{Daemon, find, wait_until};
pub use minio::Minio;
pub use nginx::Nginx;
pub use ports::{free_port, free_ports};
pub use postgres::{Postgres, PostgresOptions, psql};
pub use proxy::{Fault, Proxy};
pub use redis::{Redis, RedisSet};

/// What processes of the service need to find their stores, at these addresses, which may be proxies. No rate limit.
pub fn stores_environment(
    postgres: &Postgres,
    postgres_port: u16,
    minio: &Minio,
    objects: &str,
    redis: &RedisSet,
    database: &str,
) -> Vec<(String, String)> {
    let (access, secret) = minio.root();
    let mut environment = vec![
        ("DATABASE_SERVER".to_owned(), format!("127.0.0.1:{postgres_port}")),
        ("DATABASE".to_owned(), database.to_owned()),
        ("DATABASE_USER".to_owned(), postgres.user().to_owned()),
        ("DATABASE_PASSWORD".to_owned(), postgres.password().to_owned()),
        ("REDIS_SERVER".to_owned(), redis.sentinels()),
        ("REDIS_USE_SENTINEL".to_owned(), "true".to_owned()),
        ("REDIS_PASSWORD".to_owned(), RedisSet::PASSWORD.to_owned()),
        ("REDIS_SENTINEL_PASSWORD".to_owned(), RedisSet::SENTINEL_PASSWORD.to_owned()),
        ("MINIO_SERVER".to_owned(), objects.to_owned()),
        ("RATE_LIMIT".to_owned(), "0".to_owned()),
    ];
    for prefix in ["MINIO", "UPLOAD_OBJECT_STORE", "DOWNLOAD_OBJECT_STORE"] {
        environment.push((format!("{prefix}_ACCESS_KEY"), access.to_owned()));
        environment.push((format!("{prefix}_SECRET_KEY"), secret.to_owned()));
    }
    environment
}
