//! References that are refused at once, and leave the token usable.

use serde_json::json;

use crate::external::kit::{DATA, Site, document};
use crate::service::parties;

#[test]
fn minio_refuses_other_peoples_objects() {
    let site = Site::start();
    let rows = parties(10, 3);
    let project = site.project(json!({}));
    let (mine, others) = (site.authorize(&project, 0), site.authorize(&project, 1));
    others.client().put_encodings(
        &format!("{}/encodings.json", others.path),
        &document(&rows[1], 128),
        10,
        128,
    );
    let path = format!("{}/encodings.json", mine.path);
    mine.client().put_encodings(&path, &document(&rows[0], 128), 10, 128);
    let file = |bucket: &str, path: &str| json!({"encodings": {"file": {"bucket": bucket, "path": path}}});
    for (bucket, path) in [
        (mine.bucket.as_str(), format!("{}/encodings.json", others.path)),
        (&mine.bucket, format!("{}/../1/encodings.json", mine.path)),
        (&mine.bucket, format!("{}0/encodings.json", mine.path)),
        (&mine.bucket, format!("{}//encodings.json", mine.path)),
        (&mine.bucket, format!("/{path}")),
        (&mine.bucket, project.id.clone()),
        (DATA, path.clone()),
    ] {
        let refused = site.post(&project, 0, file(bucket, &path), 403);
        assert!(
            refused["detail"].as_str().unwrap().contains("authorize-external-upload"),
            "{path}: {refused}"
        );
    }
    let missing = site.post(&project, 0, file(&mine.bucket, &format!("{}/nothing", mine.path)), 400);
    assert!(missing["detail"].as_str().unwrap().contains("there is no object"), "{missing}");
    let client = mine.client();
    for (notes, part) in [
        (&[("hash-count", "10")][..], "lacks the metadata x-amz-meta-hash-size"),
        (&[("hash-size", "128")], "lacks the metadata x-amz-meta-hash-count"),
        (&[("hash-count", "ten"), ("hash-size", "128")], "hash-count"),
        (&[("hash-count", "0"), ("hash-size", "128")], "hash-count"),
        (&[("hash-count", "10"), ("hash-size", "12")], "multiple of 8"),
        (&[("hash-count", "10"), ("hash-size", "1032")], "multiple of 8"),
    ] {
        let odd = format!("{}/odd.json", mine.path);
        client.put(&odd, &document(&rows[0], 128), notes).unwrap();
        let refused = site.post(&project, 0, file(&mine.bucket, &odd), 400);
        assert!(refused["detail"].as_str().unwrap().contains(part), "{refused}");
    }
    // By our own address it is the same store, and the token is still good.
    let own = json!({"encodings": {"file": {"bucket": mine.bucket, "path": path, "endpoint": site.minio.endpoint(), "secure": false}}});
    site.post(&project, 0, own, 201);
    site.wait_for_parties(&project, 1);
}

#[test]
fn minio_is_not_for_clients_without_keys_of_its_own_for_them() {
    let site =
        Site::with(&["--upload-object-store-enabled", "false", "--download-object-store-enabled", "false"]);
    let project = site.project(json!({"result_type": "similarity_scores"}));
    let path = format!("/projects/{}/authorize-external-upload", project.id);
    assert_eq!(site.ask("GET", &path, &project.updates[0], None, 500)["title"], "Feature Disabled");
    let body = json!({"encodings": {"file": {"bucket": "b", "path": "p"}}});
    assert_eq!(site.post(&project, 0, body, 500)["title"], "Feature Disabled");
}
