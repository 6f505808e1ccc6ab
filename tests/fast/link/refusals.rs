//! What cannot be linked is refused with one line that says why, and leaves no file.

use super::kit::{Folder, fixture, link};

/// Twelve characters, eight bytes.
const ROW: &str = "AQIDBAUGBwg=";

#[test]
fn bad_input_ends_in_one_line_and_no_file() {
    let folder = Folder::new();
    let good = folder.file("good.json", format!(r#"{{"clks":["{ROW}"]}}"#));
    let sixteen = folder.file("sixteen.json", r#"{"clks":["AAAAAAAAAAAAAAAAAAAAAQ=="]}"#);
    let mixed = folder.file("mixed.json", format!(r#"{{"clks":["{ROW}","AAAA"]}}"#));
    let seven = folder.file("seven.json", r#"{"clks":["AQIDBAUGBw=="]}"#);
    let none = folder.file("none.json", r#"{"clks":[]}"#);
    let cut = folder.file("cut.json", format!(r#"{{"clks":["{ROW}""#));
    let base64 = folder.file("base64.json", format!(r#"{{"clks":["{ROW}","a_b=aaaaaaaa"]}}"#));
    let blocked = folder.file("blocked.json", format!(r#"{{"clknblocks":[["{ROW}","x"]]}}"#));
    let external = folder.file("external.json", r#"{"encodings":{"file":{"bucket":"b","path":"p"}}}"#);
    let packed = folder.file("packed.bin", [1; 8]);
    let torn = folder.file("torn.bin", [1; 12]);
    let empty = folder.file("empty.bin", []);
    let blocks = folder.file("blocks.json", r#"{"blocks":{"0":["x"]}}"#);
    let unknown_row = folder.file("unknown-row.json", r#"{"blocks":{"1":["x"]}}"#);
    let no_blocks = folder.file("no-blocks.json", "{}");
    let (missing, nowhere) = (folder.name("missing.json"), folder.name("no/folder/result.json"));
    let a_folder = folder.name("");
    let to = folder.name("result.json");
    let before = folder.names();

    let wanted = |args: &[&str]| args.iter().map(ToString::to_string).collect::<Vec<String>>();
    let table: Vec<(Vec<String>, &str)> = vec![
        (wanted(&[&good, "-t", "0.8", "-o", &to]), "1 file was given: a linkage takes 2 to 64"),
        (wanted(&[&good, &good, "-t", "0", "-o", &to]), "a threshold of 0 is out of range"),
        (wanted(&[&good, &good, "-t", "1.1", "-o", &to]), "it must be greater than 0 and at most 1"),
        (wanted(&[&good, &good, "-t", "high", "-o", &to]), "expected a number above 0 and at most 1"),
        (wanted(&[&good, &good, "-t", "0.8", "-o", &to, "--kernel", "gpu"]), "\"gpu\" is no kernel"),
        (wanted(&[&good, &good, "-t", "0.8", "-o", &to, "--encoding-size", "7"]), "a multiple of 8"),
        (
            wanted(&[&good, &good, "-t", "0.8", "-o", &to, "--format", "binary"]),
            "choose --format json or csv",
        ),
        (
            wanted(&[&good, &good, &good, "-t", "0.8", "-o", &to, "--output", "permutations"]),
            "permutations are for two parties, and 3 files were given",
        ),
        (wanted(&[&good, &missing, "-t", "0.8", "-o", &to]), "missing.json: cannot open the file: "),
        (wanted(&[&good, &a_folder, "-t", "0.8", "-o", &to]), "expected a file, found a folder"),
        (wanted(&[&good, &packed, "-t", "0.8", "-o", &to]), "need --encoding-size BYTES"),
        (wanted(&[&good, &empty, "-t", "0.8", "-o", &to]), "empty.bin: the file is empty"),
        (
            wanted(&[&good, &torn, "-t", "0.8", "-o", &to, "--encoding-size", "8"]),
            "torn.bin: the file has 12 bytes, expected a multiple of 8: encoding 1 is cut short",
        ),
        (
            wanted(&[&good, &good, "-t", "0.8", "-o", &to, "--encoding-size", "16"]),
            "good.json: encoding 0 has 8 bytes, expected 16",
        ),
        (wanted(&[&good, &sixteen, "-t", "0.8", "-o", &to]), "sixteen.json has encodings of 16 bytes, "),
        (wanted(&[&good, &mixed, "-t", "0.8", "-o", &to]), "mixed.json: encoding 1 has 3 bytes, expected 8"),
        (
            wanted(&[&good, &seven, "-t", "0.8", "-o", &to]),
            "seven.json: encoding 0 has 7 bytes, expected a multiple of 8",
        ),
        (wanted(&[&good, &none, "-t", "0.8", "-o", &to]), "none.json: no encodings"),
        (wanted(&[&good, &cut, "-t", "0.8", "-o", &to]), "cut.json: encoding 1: malformed JSON at byte 23"),
        (wanted(&[&good, &base64, "-t", "0.8", "-o", &to]), "base64.json: encoding 1 is not standard base64"),
        (
            wanted(&[&good, &external, "-t", "0.8", "-o", &to]),
            "external.json: a reference to a file in the object store",
        ),
        (
            wanted(&[&blocked, &good, "-t", "0.8", "-o", &to]),
            "good.json has none: give blocks for every party, or for none",
        ),
        (
            wanted(&[&good, &good, "-t", "0.8", "-o", &to, "--blocks", &blocks]),
            "--blocks names 1 file for 2 parties",
        ),
        (
            wanted(&[&good, &good, "-t", "0.8", "-o", &to, "--blocks", &blocks, &unknown_row]),
            "unknown-row.json: key `1` in `blocks` is no record's index: the last record of this upload is 0",
        ),
        (
            wanted(&[&good, &good, "-t", "0.8", "-o", &to, "--blocks", &blocks, &no_blocks]),
            "no-blocks.json: no blocks",
        ),
        (
            wanted(&[&good, &good, "-t", "0.8", "-o", &to, "--blocks", &blocks, &packed]),
            "packed.bin: expected JSON such as {\"blocks\"",
        ),
        (
            wanted(&[&blocked, &good, "-t", "0.8", "-o", &to, "--blocks", &blocks, &blocks]),
            "leave one of them out",
        ),
        (wanted(&[&good, &sixteen, "-t", "0.8", "-o", &nowhere]), "result.json: "),
        (wanted(&[&good, &good, "-t", "0.8", "-o", &a_folder]), "it is a folder"),
        (wanted(&[&good, &good, "-t", "0.8", "-o", &to, "--stats", &nowhere]), "cannot write "),
        (wanted(&[&good, &good, "-t", "0.8", "-o", &to, "--stats", &to]), "named for two outputs"),
        (wanted(&[&good, &blocked, "-t", "0.8", "-o", &good]), "would destroy the input"),
    ];
    for (args, reason) in table {
        let output = link(&args);
        let text = String::from_utf8(output.stderr).unwrap();
        // Whatever the parser of arguments adds about usage comes after its first paragraph.
        let message = text.split("\n\n").next().unwrap_or_default().trim_end();
        assert!(!output.status.success(), "{args:?} succeeded");
        assert!(output.stdout.is_empty());
        assert!(
            (message.starts_with("anonlink: ") || message.starts_with("error: "))
                && message.lines().count() == 1,
            "{args:?}: {text}"
        );
        assert!(message.contains(reason), "{message}, expected {reason}");
        assert_eq!(folder.names(), before, "{args:?} left a file");
    }
}

#[test]
fn an_older_result_outlives_a_failure() {
    let folder = Folder::new();
    let to = folder.file("groups.json", "older");
    let output = link([&fixture("edge/exact/a.json"), &folder.name("missing"), "-t", "0.7", "-o", &to]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(std::fs::read(&to).unwrap(), b"older");
    assert_eq!(folder.names(), ["groups.json"]);
}

#[test]
fn a_kernel_of_another_machine_is_refused() {
    let other = if cfg!(target_arch = "aarch64") { "avx2" } else { "neon" };
    let folder = Folder::new();
    let (a, b) = (fixture("edge/exact/a.json"), fixture("edge/exact/b.json"));
    let args = [&a, &b, "-t", "0.7", "-o", &folder.name("result.json")];
    let output = super::kit::command().args(args).env("ANONLINK_KERNEL", other).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("this machine cannot run the kernel"), "{text}");
    assert!(folder.names().is_empty());
}
