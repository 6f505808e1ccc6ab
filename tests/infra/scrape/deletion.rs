//! What is deleted is gone from a cluster's stores: out of every column of every table, save the audit trail's identifiers, out of
//! Redis, and out of all buckets, multipart uploads that nobody ended included. Rows are read as the database gives them: what its files
//! hold until they are vacuumed, and its log, is PostgreSQL's own affair (docs/security.md).

use std::path::Path;

use object_store::{MultipartUpload, ObjectStoreExt};

use super::cluster;
use super::stores::{DATABASE, Stores};
use crate::kit::scrape::{Linkages, Needles, Texts, delete, link, said, search};
use crate::service::{begin_upload, call, create, parties, request_root, wait_for};
use crate::stack::{Daemon, free_port};

/// Tables of the audit trail, which outlives projects.
const TRAIL: [&str; 2] = ["public.audit_heads", "public.audit_rows"];

/// What is kept of a project in bytes, where, and what to call it.
const BYTES: [(&str, &str, &str); 4] = [
    ("tokens", "digest", "a token's digest"),
    ("parties", "digest", "a digest of encodings"),
    ("comparisons", "key", "a comparison's key"),
    ("runs", "seed", "a run's seed"),
];

/// Every row of every table as text, with bytes in hex, by table.
fn dump(stores: &Stores) -> Texts {
    let tables = "SELECT quote_ident(nspname) || '.' || quote_ident(relname)
         FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE relkind IN ('r', 'p', 'm') AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";
    let tables = stores.postgres.psql(DATABASE, tables);
    let rows = |table: &str| {
        let text = stores.postgres.psql(DATABASE, &format!("SELECT a_row::text FROM {table} a_row"));
        (table.to_owned(), text.into_bytes())
    };
    tables.lines().map(rows).collect()
}

/// What PostgreSQL's statistics show of columns.
fn statistics(stores: &Stores) -> Texts {
    let sql = "SELECT a_row::text FROM pg_stats a_row WHERE schemaname = 'public'";
    stores.postgres.psql(DATABASE, "ANALYZE");
    vec![("statistics".into(), stores.postgres.psql(DATABASE, sql).into_bytes())]
}

/// Takes what only the database knows of projects among what is searched for; returns the identifiers of the projects and their runs.
fn add_what_is_stored(stores: &Stores, linkages: &mut Linkages) -> Vec<String> {
    let ids: Vec<&str> = linkages.projects.iter().map(|project| project.id.as_str()).collect();
    let theirs = format!("project_id IN ('{}')", ids.join("', '"));
    for (table, column, what) in BYTES {
        let sql =
            format!("SELECT encode({column}, 'hex') FROM {table} WHERE {theirs} AND {column} IS NOT NULL");
        for bytes in stores.postgres.psql(DATABASE, &sql).lines() {
            // The trail keeps the first four bytes of a token's digest.
            linkages.needles.text(what, &bytes[8..]);
        }
    }
    let objects = stores.postgres.psql(DATABASE, &format!("SELECT name FROM objects WHERE {theirs}"));
    objects.lines().for_each(|name| linkages.needles.text("an object's name", name));
    let runs = stores.postgres.psql(DATABASE, &format!("SELECT id FROM runs WHERE {theirs}"));
    ids.into_iter().chain(runs.lines()).map(str::to_owned).collect()
}

/// Tables in which one of these texts occurs.
fn naming(texts: &Texts, words: &[String]) -> Vec<String> {
    let mut needles = Needles::default();
    words.iter().for_each(|word| needles.text("an identifier", word));
    let named = texts.iter().filter(|(_, text)| !needles.find(text).is_empty());
    let mut tables: Vec<String> = named.map(|(table, _)| table.clone()).collect();
    tables.sort_unstable();
    tables
}

/// Objects of these projects, and whatever lies in a multipart upload.
fn objects(stores: &Stores, ids: &[String]) -> Vec<String> {
    let theirs =
        |name: &String| name.contains("multipart/") || ids.iter().any(|id| name.contains(id.as_str()));
    stores.minio.stored().into_iter().filter(theirs).collect()
}

/// Keys in Redis that name one of these.
fn keys(stores: &Stores, ids: &[String]) -> Vec<String> {
    let keys = stores.redis.cli(stores.redis.master_port(), &["--scan"]);
    keys.lines().filter(|key| ids.iter().any(|id| key.contains(id.as_str()))).map(str::to_owned).collect()
}

/// A project with two multipart uploads that nobody ends: a party's own, and the service's, which is killed in the middle.
fn leave_unfinished(stores: &Stores, url: &str, server: &mut Daemon, port: u16, linkages: &mut Linkages) {
    let project = create(url, "groups").unwrap();
    let leave = format!("/projects/{}/authorize-external-upload", project.id);
    let (status, answer) = call(url, "GET", &leave, &project.updates[0], None).unwrap();
    assert_eq!(status, 201, "{answer}");
    let (bucket, path) = cluster::lent(&answer);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut parts = bucket.put_multipart(&format!("{path}/large").as_str().into()).await.unwrap();
        parts.put_part(vec![1; 5 << 20].into()).await.unwrap();
        std::mem::forget(parts);
    });
    let rows = &parties(100_000, 43)[0];
    let begun = begin_upload(url, &project, 1, rows, 10 << 20).unwrap();
    wait_for("the service's first part", || objects(stores, &[]).len() == 2);
    server.kill();
    drop(begun);
    server.restart();
    server.wait_for_port(port);
    assert_eq!(objects(stores, &[]).len(), 2, "nobody has ended them");
    rows.chunks(128).take(100).for_each(|row| linkages.needles.encoding(row));
    linkages.projects.push(project);
}

#[test]
fn what_is_deleted_is_in_no_table_and_no_bucket_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::start();
    let migrated = said(&["migrate"], &stores.environment);
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let start = |name: &str, arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let program = Path::new(env!("CARGO_BIN_EXE_anonlink"));
        Daemon::start(name, folder.path(), program, &arguments, &stores.environment, None)
    };
    let mut server = start("serve", &["serve", "--listen", &address]);
    let _worker = start("work", &["work"]);
    server.wait_for_port(port);
    let url = format!("http://{address}");
    wait_for("the cluster to be ready", || {
        request_root(&url, "/health/ready").is_ok_and(|(status, _)| status == 200)
    });
    assert!(!migrated.is_empty());

    let (mut kept, mut gone) = (Linkages::default(), Linkages::default());
    for index in 0..6 {
        link(&url, index, if index % 3 == 0 { &mut kept } else { &mut gone });
    }
    for (seed, linkages) in [(31, &mut kept), (33, &mut gone)] {
        linkages.projects.push(cluster::link(&url, seed).0);
        let rows = parties(200, seed);
        rows.iter().flat_map(|rows| rows.chunks(128)).for_each(|row| linkages.needles.encoding(row));
    }
    leave_unfinished(&stores, &url, &mut server, port, &mut gone);
    let kept_ids = add_what_is_stored(&stores, &mut kept);
    let gone_ids = add_what_is_stored(&stores, &mut gone);

    // The search can fail.
    let found = search(&gone.needles, &dump(&stores));
    let columns = BYTES.map(|(.., what)| what);
    for what in ["the schema", "the name", "the notes", "an object's name"].iter().chain(&columns) {
        assert!(found.iter().any(|find| find.contains(what)), "{what} can be found: {found:#?}");
    }
    assert!(naming(&dump(&stores), &gone_ids).len() > TRAIL.len());
    assert!(!search(&gone.needles, &statistics(&stores)).is_empty(), "statistics hold samples of columns");
    assert!(
        !found.iter().any(|find| find.contains("an encoding") || find.contains(": a token,")),
        "{found:#?}"
    );

    delete(&url, &gone);
    wait_for("what was deleted to go", || {
        let rows = dump(&stores);
        search(&gone.needles, &rows).is_empty()
            && naming(&rows, &gone_ids) == TRAIL
            && objects(&stores, &gone_ids).is_empty()
            && keys(&stores, &gone_ids).is_empty()
    });
    assert!(search(&gone.needles, &statistics(&stores)).is_empty(), "those of now know nothing of them");
    assert!(!search(&kept.needles, &dump(&stores)).is_empty(), "others' rows are there");
    assert!(!objects(&stores, &kept_ids).is_empty(), "others' objects are there");

    delete(&url, &kept);
    wait_for("the rest to go", || {
        search(&kept.needles, &dump(&stores)).is_empty() && objects(&stores, &kept_ids).is_empty()
    });
    let left = stores.minio.stored();
    assert!(left.iter().all(|name| name.contains("service/permutation.key")), "{left:?}");
}
