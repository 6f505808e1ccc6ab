//! Schemathesis against a whole cluster: requests made from the OpenAPI document, right and wrong ones. Every answer has a status, a media
//! type and a body as the document says; there is no error of the server that isn't in it.

use std::process::Command;

use serde_json::Value;

use crate::cluster::kit::Cluster;

/// What is judged. Not whether requests that fit the schemas are accepted: the document can't say everything (more than two parties take
/// groups), and a missing token is 400 here by contract.
const CHECKS: &str = "status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,\
                      unsupported_method";

#[test]
fn cluster_schemathesis_finds_no_answer_that_the_document_does_not_know() {
    let root = env!("CARGO_MANIFEST_DIR");
    let cluster = Cluster::start(1, 1, &[]);
    // Past nginx, which has words of its own for methods that it doesn't know.
    let url = cluster.api_url(0);
    let folder = tempfile::tempdir().unwrap();
    let seconds = std::env::var("SCHEMATHESIS_SECONDS").unwrap_or_else(|_| "30".into());
    let done = Command::new(format!("{root}/target/test-tools/schemathesis-venv/bin/st"))
        .args([
            "run",
            &format!("{url}/api/v1/openapi.json"),
            "--checks",
            CHECKS,
            "--max-examples",
            "1000",
            "--seed",
            "1",
        ])
        .args([
            "--max-time",
            &seconds,
            "--continue-on-failure",
            "--no-color",
            "--warnings",
            "off",
            "--phases",
            "coverage,fuzzing",
        ])
        .env("SCHEMATHESIS_HOOKS", format!("{root}/tests/infra/cluster/schemathesis/hooks.py"))
        .env("API", &url)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let counts =
        said.lines().rev().find_map(|line| line.strip_prefix("COUNTS ")).unwrap_or_else(|| panic!("{said}"));
    println!("{counts}");
    let counts: Value = serde_json::from_str(counts).unwrap();
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    for reached in ["200", "201", "204", "400", "403", "with a token that exists"] {
        assert!(counts[reached].as_u64().is_some_and(|count| count > 0), "never {reached}: {counts}");
    }
    let failures: Vec<_> =
        counts.as_object().unwrap().keys().filter(|status| status.starts_with("50")).collect();
    assert!(failures.iter().all(|status| *status == "500"), "{counts}");
}
