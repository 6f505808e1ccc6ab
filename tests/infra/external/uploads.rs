//! Data by reference, in every form.

use serde_json::{Value, json};

use crate::external::kit::{DATA, Site, UPLOADS, document};
use crate::service::{self, Project, parties, wait_for};

const ROWS: usize = 300;

/// What the same data give if they are posted.
fn posted(site: &Site, rows: &[Vec<u8>; 2]) -> Value {
    let project = site.project(json!({}));
    for (party, rows) in rows.iter().enumerate() {
        assert_eq!(service::upload(&site.url, &project, party, 128, rows).unwrap(), 201);
    }
    site.link(&project, 0.75)
}

fn delete(site: &Site, project: &Project) {
    site.ask("DELETE", &format!("/projects/{}", project.id), &project.result, None, 204);
    wait_for("an empty store", || {
        let left = [site.bucket(UPLOADS).list().unwrap(), site.bucket(DATA).list().unwrap()].concat();
        !left.iter().any(|name| name.starts_with(&project.id))
    });
}

#[test]
fn minio_takes_json_and_packed_uploads_as_the_client_makes_them() {
    let site = Site::start();
    let rows = parties(ROWS, 11);
    let wanted = posted(&site, &rows);
    assert!(wanted["groups"].as_array().unwrap().len() > ROWS / 10);

    let project = site.project(json!({}));
    for (party, name) in [(0, "encodings.json"), (1, "encodings.bin")] {
        let leave = site.authorize(&project, party);
        let client = leave.client();
        client.put(&format!("{}/upload-test", leave.path), b"test", &[]).unwrap();
        let path = format!("{}/{name}", leave.path);
        let bytes = if party == 0 { document(&rows[0], 128) } else { rows[1].clone() };
        client.put_encodings(&path, &bytes, ROWS, 128);
        let body = json!({"encodings": {"file": {"path": path, "bucket": leave.bucket}, "credentials": leave.credentials}});
        let answer = site.post(&project, party, body.clone(), 201);
        assert_eq!(answer["receipt_token"].as_str().unwrap().len(), 48);
        let again = site.post(&project, party, body, 403);
        assert!(again["detail"].as_str().unwrap().contains("accepted before"), "{again}");
        // Nor are there new credentials for it.
        let authorize = format!("/projects/{}/authorize-external-upload", project.id);
        let again = site.ask("GET", &authorize, &project.updates[party], None, 403);
        assert!(again["detail"].as_str().unwrap().contains("accepted before"), "{again}");
    }
    site.wait_for_parties(&project, 2);
    assert_eq!(site.link(&project, 0.75), wanted);
    assert_eq!(site.describe(&project)["warnings"], json!([]));
    wait_for("the uploaded objects to go", || site.bucket(UPLOADS).list().unwrap().is_empty());

    // What comes in after that goes with the project.
    let late = site.authorize(&site.project(json!({})), 0);
    late.client().put(&format!("{}/late", late.path), b"late", &[]).unwrap();
    let other = Project { id: late.path.split('/').next().unwrap().into(), ..project.clone() };
    delete(&site, &project);
    assert!(site.bucket(UPLOADS).list().unwrap().iter().all(|name| name.starts_with(&other.id)));
}

#[test]
fn minio_takes_blocks_beside_encodings() {
    let site = Site::start();
    let rows = parties(60, 5);
    let blocks: Value = (0..60)
        .map(|row| (row.to_string(), json!([format!("b{}", row % 7), row % 3])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let clks = |rows: &[u8]| serde_json::from_slice::<Value>(&document(rows, 128)).unwrap()["clks"].clone();

    let project = site.project(json!({"uses_blocking": true}));
    for (party, rows) in rows.iter().enumerate() {
        site.post(&project, party, json!({"encodings": clks(rows), "blocks": blocks}), 201);
    }
    let wanted = site.link(&project, 0.7);

    let project = site.project(json!({"uses_blocking": true}));
    for (party, rows) in rows.iter().enumerate() {
        let leave = site.authorize(&project, party);
        let [encodings, objects] =
            ["encodings.json", "blocks.json"].map(|name| format!("{}/{name}", leave.path));
        let file = |path: &str| json!({"file": {"path": path, "bucket": leave.bucket}, "credentials": leave.credentials});
        leave.client().put_encodings(&encodings, &document(rows, 128), 60, 128);
        let alone = site.post(&project, party, json!({"encodings": file(&encodings)}), 403);
        assert!(alone["detail"].as_str().unwrap().contains("uses blocking"), "{alone}");
        let missing =
            site.post(&project, party, json!({"encodings": file(&encodings), "blocks": file(&objects)}), 400);
        assert!(missing["detail"].as_str().unwrap().contains("blocks.json"), "{missing}");
        leave.client().put(&objects, json!({"blocks": blocks}).to_string().as_bytes(), &[]).unwrap();
        site.post(&project, party, json!({"encodings": file(&encodings), "blocks": file(&objects)}), 201);
    }
    site.wait_for_parties(&project, 2);
    assert_eq!(site.link(&project, 0.7), wanted);

    let project = site.project(json!({"uses_blocking": true}));
    let leave = site.authorize(&project, 0);
    let [encodings, objects] = ["encodings.json", "blocks.json"].map(|name| format!("{}/{name}", leave.path));
    leave.client().put_encodings(&encodings, &document(&rows[0], 128), 60, 128);
    leave.client().put(&objects, br#"{"blocks":{"60":["x"]}}"#, &[]).unwrap();
    let file = |path: &str| json!({"file": {"path": path, "bucket": leave.bucket}});
    site.post(&project, 0, json!({"encodings": file(&encodings), "blocks": file(&objects)}), 201);
    let message = site.wait_for_error(&project);
    assert!(message.contains("blocks.json") && message.contains("60"), "{message}");
    wait_for("useless objects to go", || site.bucket(UPLOADS).list().unwrap().is_empty());
}

#[test]
fn minio_uploads_that_are_odd_are_warned_of_or_fail() {
    let site = Site::start();
    let rows = parties(20, 9);
    // Declared longer than they are: filled up; bytes to spare: left out.
    let project = site.project(json!({}));
    let leave = site.authorize(&project, 0);
    let path = format!("{}/encodings.json", leave.path);
    leave.client().put_encodings(&path, &document(&rows[0], 128), 20, 136);
    site.post(&project, 0, json!({"encodings": {"file": {"path": path, "bucket": leave.bucket}}}), 201);
    let leave = site.authorize(&project, 1);
    leave.client().put_encodings(&leave.path, &[rows[1].as_slice(), &[7; 500]].concat(), 18, 136);
    site.post(&project, 1, json!({"encodings": {"file": {"path": leave.path, "bucket": leave.bucket}}}), 201);
    site.wait_for_parties(&project, 2);
    let warnings = site.describe(&project)["warnings"].to_string();
    assert!(warnings.contains("20 encodings of party 0 were shorter than the 136 bytes"), "{warnings}");
    assert!(warnings.contains("the last 612 bytes were left out"), "{warnings}");

    for (name, bytes, count, part) in [
        ("encodings.bin", rows[0][..100].to_vec(), 20, "has 100 bytes, expected 2560"),
        (
            "encodings.json",
            document(&rows[0], 128),
            21,
            "holds 20 encodings, but its metadata hash-count says 21",
        ),
        ("encodings.json", b"{\"clks\": [\"?\"]}".to_vec(), 1, "encoding 0 is not standard base64"),
        ("encodings.json", document(&rows[0], 256), 10, "expected 128"),
        ("encodings.json", br#"{"clknblocks":[["AAAA","b"]]}"#.to_vec(), 1, "holds block ids"),
    ] {
        let project = site.project(json!({}));
        let leave = site.authorize(&project, 0);
        let path = format!("{}/{name}", leave.path);
        leave.client().put_encodings(&path, &bytes, count, 128);
        site.post(&project, 0, json!({"encodings": {"file": {"path": path, "bucket": leave.bucket}}}), 201);
        let message = site.wait_for_error(&project);
        assert!(message.contains(part), "{message}");
    }
}
