//! The fuzz targets on their seeds and on simple mutations of them, the same ones each time. `tests/fuzz/libfuzzer` goes on for hours.

#[path = "../fuzz/targets/requests.rs"]
mod requests;
#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use targets::{PARSERS, Target};

/// The whole service.
const REQUESTS: Target = Target { name: "requests", run: requests::request };

/// Pieces that mutations put in: what the parsers look for.
const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"\\u0000",
    b"\\ud83d\\ude00",
    b"\xff",
    b"\x00",
    b"=",
    b"==",
    b"-0",
    b"1e999",
    b"4294967296",
    b"clks",
    b"encodings",
    b"clknblocks",
    b"blocks",
    b"\"file\"",
    b"null",
    b"&amp;",
    b"&#x41;",
    b"<![CDATA[",
    b"-->",
    b"@P",
    b"@U",
    b"@R",
    b"@X",
    b"\n",
    b"\n\n",
    b"Content-Type: application/json\n",
    b"Content-Encoding: gzip\n",
    b"Hash-Count: 1\n",
    b"/runs/",
    b"//",
    b"%2e",
    b"?a=b",
    b"Bearer ",
];

/// A simple generator (xorshift64*, Vigna 2016), so that every run is the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`, which must not be 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }
}

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target.name);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} has no seeds", target.name);
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn mutate(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(data.len() + 1);
        match random.below(6) {
            0 if at < data.len() => data[at] ^= 1 << random.below(8),
            1 if at < data.len() => data[at] = random.next() as u8,
            2 => {
                let end = at + random.below(data.len() - at + 1);
                data.drain(at..end);
            }
            3 => {
                let end = at + random.below(data.len() - at + 1).min(64);
                let copy = data[at..end].to_vec();
                data.splice(at..at, copy);
            }
            4 => {
                let other = &seeds[random.below(seeds.len())];
                data.truncate(at);
                data.extend_from_slice(&other[random.below(other.len() + 1)..]);
            }
            _ => {
                let word = WORDS[random.below(WORDS.len())];
                data.splice(at..at, word.iter().copied());
            }
        }
    }
    data
}

fn run(target: &Target, data: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(data))).is_err() {
        let text: String =
            data.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect();
        panic!("target {} breaks on b\"{text}\"", target.name);
    }
}

/// Runs a target on its seeds, and on so many mutations of them.
fn fuzz(name: &str, mutations: usize) {
    let target = PARSERS.iter().chain([&REQUESTS]).find(|target| target.name == name).unwrap();
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| run(target, seed));
    let mut random = Random(0x5EED);
    for _ in 0..mutations {
        run(target, &mutate(&seeds, &mut random));
    }
}

macro_rules! fuzz {
    ($($name:ident $mutations:literal)*) => {
        $(#[test]
        fn $name() {
            fuzz(stringify!($name), $mutations);
        })*

        #[test]
        fn every_target_runs_here() {
            let named = [$(stringify!($name)),*];
            let all = PARSERS.iter().chain([&REQUESTS]).map(|target| target.name);
            assert_eq!(named.to_vec(), all.collect::<Vec<_>>());
        }
    };
}

fuzz! {
    upload 30_000
    base64 20_000
    blocks 20_000
    packed 20_000
    candidates 10_000
    encodings 10_000
    block_files 10_000
    similarity 10_000
    damage 10_000
    xml 20_000
    requests 3_000
}
