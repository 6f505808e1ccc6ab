//! What temporary upload credentials allow, and what they don't.

use serde_json::json;

use crate::external::kit::{Client, DATA, Site, UPLOADS, denied};

#[test]
fn minio_lets_uploaders_put_below_their_path_and_nothing_else() {
    let site = Site::start();
    let project = site.project(json!({}));
    let (leave, other) = (site.authorize(&project, 1), site.authorize(&project, 0));
    let (client, path) = (leave.client(), leave.path.as_str());
    let root = site.bucket(UPLOADS);
    root.put(&format!("{}/secret", other.path), b"other's", &[]).unwrap();

    client.put(path, b"at the path itself", &[]).unwrap();
    client.put(&format!("{path}/encodings.json"), b"below", &[]).unwrap();
    client.put(&format!("{path}/deep/er"), b"further below", &[]).unwrap();
    for elsewhere in [
        format!("{path}x/encodings.json"),
        format!("{path}0"),
        format!("{path}.json"),
        format!("{}/encodings.json", other.path),
        project.id.clone(),
        format!("{}/encodings.json", project.id),
        "encodings.json".to_owned(),
    ] {
        denied(client.put(&elsewhere, b"x", &[]));
    }
    denied(leave.client_of(DATA).put(&format!("{path}/encodings.json"), b"x", &[]));
    denied(client.list());
    denied(client.get(&format!("{path}/encodings.json")));
    denied(client.get(&format!("{}/secret", other.path)));
    denied(client.delete(&format!("{path}/encodings.json")));
    denied(client.delete(&format!("{}/secret", other.path)));

    // Nobody else's token, no changed one, no token at all.
    let text = |name: &str| leave.credentials[name].as_str().unwrap().to_owned();
    let (access, secret, token) = (text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken"));
    let others = other.credentials["SessionToken"].as_str().unwrap().to_owned();
    let mut forged = token.clone();
    let at = forged.len() - 3;
    forged.replace_range(at..=at, if &forged[at..=at] == "A" { "B" } else { "A" });
    for token in [None, Some(others.as_str()), Some(&forged)] {
        let stranger = Client::new(site.minio.endpoint(), UPLOADS, &access, &secret, token);
        denied(stranger.put(&format!("{path}/forged"), b"x", &[]));
    }
    let guessed = Client::new(site.minio.endpoint(), UPLOADS, &access, &"x".repeat(40), Some(&token));
    denied(guessed.put(&format!("{path}/forged"), b"x", &[]));

    let mut names = root.list().unwrap();
    names.sort();
    let wanted = [
        format!("{}/secret", other.path),
        path.to_owned(),
        format!("{path}/deep/er"),
        format!("{path}/encodings.json"),
    ];
    // MinIO can't show an object beside a folder of the same name in one listing.
    assert!(names.iter().all(|name| wanted.contains(name)), "{names:?}");
    assert!(
        text("Expiration").parse::<jiff::Timestamp>().unwrap()
            > jiff::Timestamp::now() + std::time::Duration::from_secs(40_000)
    );
    site.ask(
        "GET",
        &format!("/projects/{}/authorize-external-upload", project.id),
        &project.result,
        None,
        403,
    );
}
