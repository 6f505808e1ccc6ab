//! Speed of the codecs, in bytes of the text or file per second, on one core.
//!
//! Data: 20 000 encodings of 128 random bytes; 200 000 similarity pairs of two parties with scores in
//! descending order, about 50 pairs to a distinct score. Peers run in the same process on the same bytes,
//! and everything that parses an upload also decodes its base64:
//!
//! - `clks` and `small` (a body of 100 encodings): our push parser in 64 KiB chunks; the peers on the whole
//!   body, into borrowed strings. simd-json changes its input, so it gets a copy each time (the copy is not
//!   timed) and keeps its buffers between times.
//! - `clknblocks`: ours, with three block ids to a record, beside the digesting of those ids alone.
//! - `base64`, `digest`: the crates that the codecs are built on beside those that they are not.
//! - `encoding file`, `candidate file`: whole files, sealed and unsealed; compare with `digest/BLAKE3`.
//! - `similarity JSON`: from the binary file, in 64 KiB chunks; the peer from a vector of pairs.
//!
//! Criterion takes wall time, so run this on a quiet machine. On 2026-11-28 on one core of an Intel Xeon (Cascade Lake, 2.5 GHz,
//! AVX-512, no SHA extensions):
//!
//! | what | ours | peers, and their time as a multiple of ours |
//! | --- | --- | --- |
//! | `clks` | 1.86 GB/s | serde_json 0.87 (2.1), simd-json 0.70 (2.7) |
//! | `small` | 2.07 GB/s | serde_json 0.68 (3.1), simd-json 0.86 (2.4) |
//! | `clknblocks` | 0.28 GB/s | the digests alone take 0.66 of this time, 155 ns to an id |
//! | `base64` | base64-simd 4.4 GB/s | base64 1.1 (4.0) |
//! | `digest` | BLAKE3 5.2 GB/s | SHA-256 0.19 (27), BLAKE2b 1.0 (5.1) |
//! | `encoding file` | write 2.0 GB/s, read 1.9 | |
//! | `candidate file` | write 1.7 GB/s, read 2.0 | |
//! | `similarity JSON` | 0.82 GB/s | serde_json 0.54 (1.5) |
//!
//! So simd-json is a peer here and no more. An upload is a few kinds of long strings, which `memchr`
//! crosses faster than an index of the whole document can be built; and it needs the body in memory, whole
//! and writable. It does not win on small bodies either.

use std::borrow::Cow;
use std::convert::Infallible;
use std::hint::black_box;

use anonlink::codec::block_hash::{BlockDigest, BlockHasher};
use anonlink::codec::candidate_file::{CandidateFileWriter, CandidateReader};
use anonlink::codec::encoding_file::{EncodingFileWriter, EncodingReader};
use anonlink::codec::results::{SimilarityText, TextFormat};
use anonlink::codec::similarity_file::{SIMILARITY_HEADER, SimilarityPair, write_pairs};
use anonlink::codec::upload::{UploadOptions, UploadParser, UploadSink};
use base64::Engine;
use base64::engine::general_purpose;
use base64_simd::STANDARD;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;
use sha2::Digest;

const SIZE: usize = 128;
const CHUNK: usize = 64 << 10;

/// Pseudo-random bytes (xorshift64), the same on every run.
fn random_bytes(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

fn clks(count: usize) -> Vec<u8> {
    let texts: Vec<_> =
        random_bytes(count * SIZE).chunks(SIZE).map(|row| STANDARD.encode_to_string(row)).collect();
    serde_json::to_vec(&serde_json::json!({ "clks": texts })).expect("a value can be written")
}

/// Three block ids to a record.
fn clknblocks(count: usize) -> Vec<u8> {
    let record = |(row, bytes): (usize, &[u8])| {
        serde_json::json!([
            STANDARD.encode_to_string(bytes),
            format!("b{}", row % 97),
            format!("c{}", row % 1009),
            row
        ])
    };
    let records: Vec<_> = random_bytes(count * SIZE).chunks(SIZE).enumerate().map(record).collect();
    serde_json::to_vec(&serde_json::json!({ "clknblocks": records })).expect("a value can be written")
}

/// Gathers packed rows, as an ingest does.
#[derive(Default)]
struct Rows {
    packed: Vec<u8>,
    memberships: usize,
}

impl UploadSink for Rows {
    type Error = Infallible;

    fn encoding(&mut self, _: u32, encoding: &[u8]) -> Result<(), Infallible> {
        self.packed.extend_from_slice(encoding);
        Ok(())
    }

    fn block(&mut self, _: u32, block: &BlockDigest) -> Result<(), Infallible> {
        black_box(block);
        self.memberships += 1;
        Ok(())
    }
}

fn ours(body: &[u8]) -> Rows {
    let hasher = BlockHasher::new(None).expect("no key is always right");
    let (mut parser, mut rows) = (UploadParser::new(UploadOptions::new(hasher)), Rows::default());
    for chunk in body.chunks(CHUNK) {
        parser.feed(chunk, &mut rows).expect("a proper body");
    }
    parser.finish(&mut rows).expect("a proper body");
    rows
}

#[derive(Deserialize)]
struct Clks<'a> {
    #[serde(borrow)]
    clks: Vec<Cow<'a, str>>,
}

fn decode(body: &Clks<'_>) -> Rows {
    let mut rows = Rows::default();
    for text in &body.clks {
        STANDARD.decode_append(text.as_bytes(), &mut rows.packed).expect("base64");
    }
    rows
}

fn uploads(criterion: &mut Criterion) {
    for (name, body) in [("clks", clks(20_000)), ("small", clks(100))] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("ours", |bencher| bencher.iter(|| ours(&body)));
        group.bench_function("simd-json", |bencher| {
            let mut buffers = simd_json::Buffers::new(body.len());
            bencher.iter_batched_ref(
                || body.clone(),
                |body| decode(&simd_json::serde::from_slice_with_buffers(body, &mut buffers).expect("JSON")),
                BatchSize::LargeInput,
            );
        });
        group.bench_function("serde_json", |bencher| {
            bencher.iter(|| decode(&serde_json::from_slice(&body).expect("JSON")));
        });
        group.finish();
    }
    let body = clknblocks(20_000);
    let mut group = criterion.benchmark_group("clknblocks");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("ours", |bencher| bencher.iter(|| ours(&body)));
    // The part of it that is BLAKE2b: as many ids, of the same lengths.
    let hasher = BlockHasher::new(None).expect("no key is always right");
    let ids: Vec<_> = (0..20_000)
        .flat_map(|row| [format!("b{}", row % 97), format!("c{}", row % 1009), row.to_string()])
        .collect();
    group.bench_function("its digests alone", |bencher| {
        bencher.iter(|| {
            for id in &ids {
                black_box(hasher.digest(id));
            }
        });
    });
    group.finish();
}

fn parts(criterion: &mut Criterion) {
    let rows = random_bytes(20_000 * SIZE);
    let texts: Vec<_> = rows.chunks(SIZE).map(|row| STANDARD.encode_to_string(row)).collect();
    let mut group = criterion.benchmark_group("base64");
    group.throughput(Throughput::Bytes((texts.len() * texts[0].len()) as u64));
    let mut out = Vec::with_capacity(SIZE);
    group.bench_function("base64-simd", |bencher| {
        bencher.iter(|| {
            for text in &texts {
                out.clear();
                STANDARD.decode_append(text.as_bytes(), &mut out).expect("base64");
                black_box(&out);
            }
        });
    });
    group.bench_function("base64", |bencher| {
        bencher.iter(|| {
            for text in &texts {
                out.clear();
                general_purpose::STANDARD.decode_vec(text, &mut out).expect("base64");
                black_box(&out);
            }
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("digest");
    group.throughput(Throughput::Bytes(rows.len() as u64));
    group.bench_function("BLAKE3", |bencher| {
        bencher.iter(|| {
            let mut digest = blake3::Hasher::new();
            rows.chunks(CHUNK).for_each(|chunk| {
                digest.update(chunk);
            });
            digest.finalize()
        });
    });
    group.bench_function("SHA-256", |bencher| bencher.iter(|| sha2::Sha256::digest(&rows)));
    group.bench_function("BLAKE2b-256", |bencher| {
        bencher.iter(|| blake2b_simd::Params::new().hash_length(32).hash(&rows))
    });
    group.finish();
}

fn files(criterion: &mut Criterion) {
    let rows = random_bytes(64_000 * SIZE);
    let write = || {
        let mut writer = EncodingFileWriter::new(SIZE as u32, 1 << 20);
        let mut file = Vec::with_capacity(rows.len() + 4096);
        for piece in rows.chunks(CHUNK) {
            writer.push(piece);
            file.extend(writer.next_part().unwrap_or_default());
        }
        file.extend(writer.finish().expect("whole rows").0);
        file
    };
    let file = write();
    let mut group = criterion.benchmark_group("encoding file");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("write", |bencher| bencher.iter(write));
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let (mut reader, mut rows) = (EncodingReader::default(), Vec::with_capacity(file.len()));
            file.chunks(CHUNK).for_each(|chunk| reader.feed(chunk, &mut rows).expect("a proper file"));
            reader.finish().expect("a whole file");
            rows
        });
    });
    group.finish();

    let keys: Vec<u64> = (0..1_000_000).map(|key| key * 977).collect();
    let write = || {
        let mut writer = CandidateFileWriter::new(b"layout", 1 << 20).expect("a short layout");
        let mut file = Vec::with_capacity(keys.len() * 8 + 4096);
        for keys in keys.chunks(8192) {
            writer.push(keys).expect("keys in order");
            file.extend(writer.next_part().unwrap_or_default());
        }
        file.extend(writer.finish().0);
        file
    };
    let file = write();
    let mut group = criterion.benchmark_group("candidate file");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("write", |bencher| bencher.iter(write));
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let (mut reader, mut keys) =
                (CandidateReader::<u64>::new(b"layout"), Vec::with_capacity(file.len() / 8));
            file.chunks(CHUNK).for_each(|chunk| reader.feed(chunk, &mut keys).expect("a proper file"));
            reader.finish().expect("a whole file");
            keys
        });
    });
    group.finish();
}

fn results(criterion: &mut Criterion) {
    let pairs: Vec<_> = (0..200_000u32)
        .map(|place| SimilarityPair {
            score: 1.0 - f64::from(place / 50) / 12_345.0,
            party0: 0,
            party1: 1,
            row0: place.wrapping_mul(2_654_435_761) % 1_000_000,
            row1: place.wrapping_mul(40_503) % 1_000_000,
        })
        .collect();
    let mut file = SIMILARITY_HEADER.to_vec();
    write_pairs(&pairs, &mut file);
    let ours = |format| {
        let mut text = Vec::new();
        let mut len = 0;
        let mut writer = SimilarityText::new(format, &mut text);
        for chunk in file.chunks(CHUNK) {
            writer.feed(chunk, &mut text).expect("a proper file");
            len += black_box(&text).len();
            text.clear();
        }
        writer.finish(&mut text).expect("a whole file");
        len + text.len()
    };
    for (name, format) in [("similarity JSON", TextFormat::Json), ("similarity CSV", TextFormat::Csv)] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(ours(format) as u64));
        group.bench_function("ours", |bencher| bencher.iter(|| ours(format)));
        if format == TextFormat::Json {
            group.bench_function("serde_json", |bencher| {
                bencher.iter(|| {
                    let lists = pairs.iter().map(|p| ((p.party0, p.row0), (p.party1, p.row1), p.score));
                    serde_json::to_vec(&lists.collect::<Vec<_>>()).expect("a value can be written")
                });
            });
        }
        group.finish();
    }
}

fn short() -> Criterion {
    let second = std::time::Duration::from_secs(1);
    Criterion::default().sample_size(20).warm_up_time(second / 2).measurement_time(2 * second)
}

criterion_group! { name = benches; config = short(); targets = uploads, parts, files, results }
criterion_main!(benches);
