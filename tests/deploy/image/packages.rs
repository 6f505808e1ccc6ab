//! What is said of the packages in the static binary: by itself, in the section that `cargo auditable` makes, and by the SBOM
//! beside it.

use std::collections::BTreeSet;
use std::process::Command;

use flate2::read::ZlibDecoder;
use serde_json::Value;

use crate::image::built::{binary, builders_places, built, repository};
use crate::image::engine::succeed;
use crate::stack::find;

/// Name and version of each.
type Packages = BTreeSet<(String, String)>;

/// What Cargo links for the image, this package included.
fn linked() -> Packages {
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let options = ["tree", "--locked", "--edges=normal,no-proc-macro", "--prefix=none", "--target", &target];
    let said = succeed(Command::new("cargo").current_dir(repository()).args(options));
    let words = said.lines().map(|line| line.split_whitespace());
    words.map(|mut words| package(words.next().unwrap(), &words.next().unwrap()[1..])).collect()
}

fn package(name: &str, version: &str) -> (String, String) {
    (name.to_owned(), version.to_owned())
}

fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn named(list: &Value) -> Packages {
    list.as_array().unwrap().iter().map(|each| package(field(each, "name"), field(each, "version"))).collect()
}

fn names_no_place(text: &str) {
    for place in builders_places() {
        assert!(!text.contains(&place), "{place}");
    }
}

#[test]
fn image_binary_lists_what_is_linked() {
    let folder = tempfile::tempdir().unwrap();
    let section = folder.path().join("packages");
    let dump = format!("--dump-section=.dep-v0={}", section.display());
    succeed(Command::new(find("objcopy", &[])).arg(dump).arg(binary()).arg(folder.path().join("rest")));
    let text = std::io::read_to_string(ZlibDecoder::new(std::fs::File::open(section).unwrap())).unwrap();
    names_no_place(&text);
    let list = serde_json::from_str::<Value>(&text).unwrap();
    let packages = &list["packages"];
    assert_eq!(named(packages), linked());
    for each in packages.as_array().unwrap() {
        let own = each["name"] == env!("CARGO_PKG_NAME");
        assert_eq!((each["root"] == true, field(each, "source") == "local"), (own, own), "{each}");
        assert!(own || each["source"] == "crates.io", "{each}");
        // What is only there for the build is marked so.
        assert_eq!(each.get("kind"), None, "{each}");
    }

    // Panics in the binary say which package they come from: none that isn't listed.
    let bytes = std::fs::read(binary()).unwrap();
    let (start, listed) = (b"/cargo/registry/src/", named(packages));
    let sources: BTreeSet<_> = memchr::memmem::find_iter(&bytes, start)
        .map(|at| String::from_utf8_lossy(&bytes[at + start.len()..][..200]).into_owned())
        .filter_map(|path| path.split('/').nth(1).map(str::to_owned))
        .collect();
    let folders: BTreeSet<_> = listed.iter().map(|(name, version)| format!("{name}-{version}")).collect();
    assert!(sources.len() > 50, "{sources:?}");
    assert_eq!(sources.difference(&folders).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn image_sbom_says_what_is_linked() {
    let text = std::fs::read_to_string(built().join("anonlink.cdx.json")).unwrap();
    names_no_place(&text);
    let document = serde_json::from_str::<Value>(&text).unwrap();
    assert_eq!((field(&document, "bomFormat"), field(&document, "specVersion")), ("CycloneDX", "1.5"));
    // The same of the same source at any time.
    let metadata = &document["metadata"];
    assert_eq!((document.get("serialNumber"), metadata.get("timestamp")), (None, None));

    let service = &metadata["component"];
    assert_eq!(field(service, "purl"), concat!("pkg:cargo/anonlink@", env!("CARGO_PKG_VERSION")));
    let (packages, others): (Vec<_>, Vec<_>) = (document["components"].as_array().unwrap().iter())
        .partition(|component| field(component, "purl").starts_with("pkg:cargo/"));
    let mut told = named(&packages.iter().copied().cloned().collect());
    assert!(told.insert(package(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))));
    assert_eq!(told, linked());
    for each in &packages {
        let purl = format!("pkg:cargo/{}@{}", field(each, "name"), field(each, "version"));
        assert_eq!(field(each, "purl"), purl);
        assert_eq!(field(&each["hashes"][0], "alg"), "SHA-256", "{each}");
    }

    // What is C and the toolchain's own.
    let names: Vec<_> = others.iter().map(|each| field(each, "name")).collect();
    assert_eq!(names, ["aws-lc", "mimalloc", "musl", "rust-std", "sqlite", "zig"]);
    assert_eq!(field(others[4], "version"), rusqlite::version());
    for each in packages.iter().chain(&others) {
        assert!(!each["licenses"].as_array().unwrap().is_empty(), "{each}");
    }

    // Each is said to come from somewhere.
    let mut known: BTreeSet<_> = packages.iter().chain(&others).map(|each| field(each, "bom-ref")).collect();
    let edges = document["dependencies"].as_array().unwrap();
    let to: BTreeSet<_> = edges
        .iter()
        .flat_map(|edge| edge["dependsOn"].as_array().unwrap())
        .map(|to| to.as_str().unwrap())
        .collect();
    assert_eq!(to, known);
    known.insert(field(service, "bom-ref"));
    assert_eq!(edges.iter().map(|edge| field(edge, "ref")).collect::<BTreeSet<_>>(), known);
}
