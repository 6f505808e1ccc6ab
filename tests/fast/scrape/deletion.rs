//! What is deleted is gone: out of the database's file and its log, out of the objects, out of temporary files. Another project's
//! data are found in the same places, so that the search can fail.

use std::path::{Path, PathBuf};

use blake2b_simd::Params;

use crate::kit::scrape::{BLOCKS, Linkages, Needles, delete, link};
use crate::service::{serve, wait_for};

/// Projects enough for more than one page of each table, and for rows that move between pages.
const PROJECTS: usize = 24;

/// All files below a folder.
fn files(folder: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, into),
            // One that has just gone holds nothing.
            path => into.extend(std::fs::read(&path).ok().map(|bytes| (path, bytes))),
        }
    }
}

/// Where any of these is found.
fn found(needles: &Needles, folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    files(folder, &mut all);
    let finds = |(path, bytes): &(PathBuf, Vec<u8>)| {
        let name = path.display().to_string();
        needles.find(bytes).into_iter().map(move |find| format!("{name}: {find}")).collect::<Vec<_>>()
    };
    all.iter().flat_map(finds).collect()
}

#[test]
fn what_is_deleted_is_in_no_file_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = serve(folder.path(), &[]);
    let (mut kept, mut gone) = (Linkages::default(), Linkages::default());
    for index in 0..PROJECTS {
        link(&url, index, if index % 3 == 0 { &mut kept } else { &mut gone });
    }
    let present = found(&gone.needles, folder.path());
    for what in ["the schema", "the name", "the notes", "a token's digest", "an encoding"] {
        assert!(present.iter().any(|find| find.contains(what)), "{what} can be found: {present:?}");
    }
    delete(&url, &gone);
    wait_for("what was deleted to go", || found(&gone.needles, folder.path()).is_empty());
    assert!(!found(&kept.needles, folder.path()).is_empty(), "others' data are there");
    // Block labels are the same for all, and only their digests were ever kept.
    let (mut labels, mut digests) = (Needles::default(), Needles::default());
    for label in BLOCKS {
        labels.text("a block label", label);
        digests.bytes("a block's digest", Params::new().hash_length(32).hash(label.as_ref()).as_bytes());
    }
    assert!(found(&labels, folder.path()).is_empty());
    assert!(!found(&digests, folder.path()).is_empty());
    delete(&url, &kept);
    wait_for("the rest to go", || {
        found(&kept.needles, folder.path()).is_empty() && found(&digests, folder.path()).is_empty()
    });
    drop(server);
    assert!(found(&gone.needles, folder.path()).is_empty());
}
