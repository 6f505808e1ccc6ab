//! The stores of a cluster, and the environment that leads to them.

use crate::stack::{Minio, Postgres, RedisSet, stores_environment};

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
        let environment =
            stores_environment(&postgres, postgres.port(), &minio, minio.endpoint(), &redis, DATABASE);
        Self { postgres, minio, redis, environment }
    }
}
