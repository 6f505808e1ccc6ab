//! What is left in the bucket of uploads is found, and what is needed is spared.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anonlink::cache::Cache;
use anonlink::config::ObjectStoreArgs;
use anonlink::config::RedisArgs;
use anonlink::config::system::{OsRandom, SystemClock};
use anonlink::db::Db;
use anonlink::db::sqlite::SqliteDb;
use anonlink::jobs::{Housekeeper, JobContext, JobSettings};
use anonlink::matching::kernel::KernelChoice;
use anonlink::staging::External;
use anonlink::store::{Exchange, Store};
use clap::Parser;
use serde_json::json;

use crate::external::kit::{Site, UPLOADS, flags, wait};
use crate::service::{parties, upload};

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    objects: ObjectStoreArgs,
    #[command(flatten)]
    redis: RedisArgs,
}

/// A housekeeper on the site's stores, beside the server's own.
async fn housekeeper(site: &Site) -> Housekeeper {
    let parsed = Flags::parse_from(["test".to_owned()].into_iter().chain(flags(&site.minio)));
    let settings = parsed.objects.resolve().unwrap();
    let clock = Arc::new(SystemClock);
    let db: Arc<dyn Db> =
        Arc::new(SqliteDb::open(&site.folder.path().join("anonlink.db"), clock.clone()).unwrap());
    let jobs = JobSettings {
        worker: "test".into(),
        concurrency: 1,
        chunk_size_aim: 1,
        max_comparisons: u64::MAX,
        max_parts: 20_000,
        tile_cache: 0,
        candidate_memory: 1,
        solver_memory: 1,
        solver_limit: 1,
        similarity_limit: 1,
        lease: Duration::from_secs(30),
        kernel: KernelChoice::Auto.resolve().unwrap(),
        scratch: site.folder.path().to_owned(),
        permutation_key: [0; 32],
    };
    let store = Store::s3(settings.data.as_ref().unwrap()).unwrap();
    let external = External::new(Exchange::open(&settings).unwrap(), None);
    let cache = Cache::connect(&parsed.redis, None).unwrap();
    Housekeeper::new(JobContext::new(db, store, external, cache, jobs, Arc::new(OsRandom)), clock)
}

#[test]
fn minio_keeps_only_what_may_still_be_needed() {
    let site = Site::start();
    let (waiting, ready) = (site.project(json!({})), site.project(json!({})));
    assert_eq!(upload(&site.url, &ready, 0, 128, &parties(5, 1)[0]).unwrap(), 201);
    let root = site.bucket(UPLOADS);
    let gone = "ab".repeat(24);
    for name in [
        format!("{}/0/encodings.json", waiting.id),
        format!("{}/1/encodings.json", ready.id),
        "somebody/else's".to_owned(),
    ] {
        root.put(&name, b"kept", &[]).unwrap();
    }
    for name in [format!("{}/0/late", ready.id), format!("{gone}/0/x"), format!("{gone}/0/y/z")] {
        root.put(&name, b"late", &[]).unwrap();
    }
    wait(async {
        let housekeeper = housekeeper(&site).await;
        assert_eq!(housekeeper.sweep_uploads(Duration::from_secs(3600)).await.unwrap(), 0, "they are young");
        // Their ages are told in whole seconds: the last ones may take a second to have one.
        let (patience, mut swept) = (Instant::now(), 0);
        while swept < 3 {
            assert!(patience.elapsed() < Duration::from_secs(60), "only {swept} of 3 are swept");
            swept += housekeeper.sweep_uploads(Duration::ZERO).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(housekeeper.sweep_uploads(Duration::ZERO).await.unwrap() + swept, 3);
    });
    assert_eq!(root.list().unwrap().len(), 3);
}
