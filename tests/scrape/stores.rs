//! The stores of a cluster, and the environment that leads to them.

use crate::stack::{Minio, Postgres, RedisSet};

/// The database's name.
pub const DATABASE: &str = "anonlink";

/// PostgreSQL with an empty database, MinIO, Redis with its sentinels.
pub struct Stores {
    pub postgres: Postgres,
    pub minio: Minio,
    pub redis: RedisSet,
    /// What processes of the service need to find them.
    pub environment: Vec<(String, String)>,
}

impl Stores {
    /// Starts all three.
    pub fn start() -> Self {
        let (postgres, minio, redis) = (Postgres::start(), Minio::start(), RedisSet::start());
        postgres.create_database(DATABASE);
        let (access, secret) = minio.root();
        let mut environment: Vec<(String, String)> = [
            ("DATABASE_SERVER", format!("127.0.0.1:{}", postgres.port())),
            ("DATABASE", DATABASE.to_owned()),
            ("DATABASE_USER", postgres.user().to_owned()),
            ("DATABASE_PASSWORD", postgres.password().to_owned()),
            ("REDIS_SERVER", redis.sentinels()),
            ("REDIS_USE_SENTINEL", "true".to_owned()),
            ("REDIS_PASSWORD", RedisSet::PASSWORD.to_owned()),
            ("REDIS_SENTINEL_PASSWORD", RedisSet::SENTINEL_PASSWORD.to_owned()),
            ("MINIO_SERVER", minio.endpoint().to_owned()),
            ("RATE_LIMIT", "0".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        for prefix in ["MINIO", "UPLOAD_OBJECT_STORE", "DOWNLOAD_OBJECT_STORE"] {
            environment.push((format!("{prefix}_ACCESS_KEY"), access.to_owned()));
            environment.push((format!("{prefix}_SECRET_KEY"), secret.to_owned()));
        }
        Self { postgres, minio, redis, environment }
    }
}
