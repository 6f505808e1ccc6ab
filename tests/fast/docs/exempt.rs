//! Commands in the pages that the test doesn't run.

use crate::kit::pages::{Kind, Page};

/// Page, first line of the block, and what runs it instead.
const EXEMPT: &[(&str, &str, &str)] = &[
    (
        "docs/audit.md",
        "import hashlib, hmac, json, sys",
        "tests/infra/trail.rs runs it on exports, whole ones and spoilt ones",
    ),
    ("README.md", "cargo run --release -- serve", "tests/peers/selftest"),
    ("README.md", "tests/run", "itself"),
    (
        "deploy/helm/anonlink/README.md",
        "helm upgrade --install anonlink deploy/helm/anonlink -f my-deployment.yaml",
        "tests/deploy/chart renders these values and gives them to an API server of Kubernetes",
    ),
    ("deploy/helm/anonlink/README.md", "helm uninstall anonlink", "nothing: it takes a cluster"),
    (
        "docs/deployment.md",
        "docker build -t anonlink:0.1.0 .",
        "tests/deploy/image builds and runs the image; pushing takes a registry",
    ),
    (
        "docs/deployment.md",
        "helm lint deploy/helm/anonlink -f my-deployment.yaml",
        "tests/deploy/chart lints and renders; tests/deploy/deployed runs the release's test on real stores",
    ),
    (
        "docs/deployment.md",
        "helm upgrade anonlink deploy/helm/anonlink -f my-deployment.yaml --set workers.replicas=20",
        "tests/deploy/chart renders it",
    ),
    (
        "docs/deployment.md",
        "helm upgrade anonlink deploy/helm/anonlink -f my-deployment.yaml --wait",
        "tests/deploy/chart renders it",
    ),
    (
        "docs/deployment.md",
        "docker create --name anonlink-image anonlink:0.1.0",
        "tests/deploy/image reads the document where the image has it",
    ),
    ("docs/deployment.md", "helm uninstall anonlink", "nothing: it takes a cluster"),
    (
        "docs/tutorial.md",
        "python3.8 -m venv client",
        "tests/client/flow.py makes a venv of the same requirements",
    ),
    (
        "docs/operations.md",
        "export DATABASE_SERVER=db.example.org DATABASE=anonlink DATABASE_USER=anonlink",
        "tests/infra/cluster runs these commands on real servers",
    ),
    (
        "docs/operations.md",
        "docker build -t anonlink:0.1.0 .",
        "tests/deploy/image builds the image, runs the compose file and its selftest",
    ),
];

/// Checks that the list and the pages agree.
pub fn check(pages: &[Page]) {
    let mut marked = Vec::new();
    for page in pages {
        for block in page.blocks.iter().filter(|block| block.kind == Kind::Exempt) {
            marked.push((page.path.as_str(), block.text.lines().next().unwrap_or_default()));
        }
    }
    let listed: Vec<_> = EXEMPT.iter().map(|(page, line, _)| (*page, *line)).collect();
    let only = |here: &[(&str, &str)], there: &[(&str, &str)]| {
        here.iter()
            .filter(|one| !there.contains(one))
            .map(|(page, line)| format!("{page}: {line}\n"))
            .collect::<String>()
    };
    assert!(
        marked.len() == listed.len()
            && only(&marked, &listed).is_empty()
            && only(&listed, &marked).is_empty(),
        "not run and not listed:\n{}listed and not there:\n{}({} marked, {} listed)",
        only(&marked, &listed),
        only(&listed, &marked),
        marked.len(),
        listed.len(),
    );
    for (page, line, instead) in EXEMPT {
        assert!(!instead.is_empty(), "{page}: {line}: say what covers it");
    }
}
