//! References to objects: returned as they are, refused by name, never found inside a stored object.

use super::*;

#[test]
fn external_references_are_returned() {
    let body = r#"{"encodings":{"credentials":{"AccessKeyId":"id","SecretAccessKey":"hunter2","SessionToken":"st"},
        "file":{"bucket":"uploads","path":"p/1/encodings.json","endpoint":"s3.example.com","secure":false,"x":[{}]}},
        "blocks":{"file":{"path":"p/1/blocks.json","bucket":"uploads","endpoint":null},"y":1}}"#;
    let (outcome, kept) = parse(body).expect("a proper body");
    assert_eq!((outcome.form, outcome.count, outcome.size), (UploadForm::External, 0, None));
    assert!(outcome.has_blocks);
    assert_eq!(kept, Kept::default());
    let external = outcome.external.expect("a reference");
    let printed = format!("{external:?}");
    assert!(!printed.contains("hunter2") && printed.contains("redacted"), "{printed}");
    let credentials = ExternalCredentials {
        access_key_id: "id".into(),
        secret_access_key: "hunter2".into(),
        session_token: Some("st".into()),
    };
    assert_eq!(external.encodings.credentials, Some(credentials));
    assert_eq!(external.encodings.bucket, "uploads");
    assert_eq!(external.encodings.path, "p/1/encodings.json");
    assert_eq!(external.encodings.endpoint.as_deref(), Some("s3.example.com"));
    assert_eq!(external.encodings.secure, Some(false));
    let blocks = external.blocks.expect("a reference");
    assert_eq!((&*blocks.bucket, &*blocks.path), ("uploads", "p/1/blocks.json"));
    assert_eq!((blocks.endpoint, blocks.secure, blocks.credentials), (None, None, None));
}

#[test]
fn broken_references_are_refused_by_name() {
    for (body, message) in [
        (r#"{"encodings":{}}"#, "`encodings.file` is missing"),
        (r#"{"encodings":{"file":{"bucket":"b"}}}"#, "`encodings.file.path` is missing"),
        (r#"{"encodings":{"file":7}}"#, "`encodings.file`: expected an object, found a number"),
        (
            r#"{"encodings":{"file":{"bucket":7}}}"#,
            "`encodings.file.bucket`: expected a string, found a number",
        ),
        (
            r#"{"encodings":{"file":{"secure":"no"}}}"#,
            "`encodings.file.secure`: expected a boolean, found a string",
        ),
        (r#"{"encodings":{"file":{"path":"a","path":"b"}}}"#, "`encodings.file.path` occurs twice"),
        (r#"{"encodings":{"file":{},"file":{}}}"#, "`encodings.file` occurs twice"),
        (
            r#"{"encodings":{"file":{"bucket":"b","path":"p"},"credentials":{"AccessKeyId":"i"}}}"#,
            "`encodings.credentials.SecretAccessKey` is missing",
        ),
        (
            r#"{"encodings":{"file":{"bucket":"b","path":"p"}},"blocks":{"0":["x"]}}"#,
            "encodings and blocks must both be in the body, or both be files in the object store",
        ),
        (
            r#"{"encodings":["AAECAwQFBgc="],"blocks":{"file":{"bucket":"b","path":"p"}}}"#,
            "encodings and blocks must both be in the body, or both be files in the object store",
        ),
        (
            r#"{"encodings":["AAECAwQFBgc="],"blocks":{"0":[],"file":{}}}"#,
            "key `file` in `blocks` is no record index: expected plain decimal digits, such as \"17\"",
        ),
    ] {
        assert_eq!(refusal(body), message, "{body}");
    }
}

#[test]
fn stored_objects_hold_no_references() {
    for accept in [Accept::Encodings, Accept::Blocks { count: 1 }] {
        let options = UploadOptions { accept, ..options() };
        let body = match accept {
            Accept::Blocks { .. } => r#"{"blocks":{"file":{}}}"#,
            _ => r#"{"encodings":{"file":{}}}"#,
        };
        assert_eq!(parse_with(&options, body.as_bytes(), 100), Err(UploadError::NestedExternal));
    }
}
