//! Files: our own, which a store may damage or somebody may replace, and the similarity file of PyPI anonlink.

use std::fmt::{Debug, Display};
use std::io::Cursor;

use anonlink::codec::block_file::{BlockFile, BlockReader, BlockSorter};
use anonlink::codec::candidate_file::{CandidateFileWriter, CandidateKey, CandidateReader, candidate_layout};
use anonlink::codec::encoding_file::{EncodingFile, EncodingFileWriter, EncodingReader};
use anonlink::codec::results::{SimilarityText, TextFormat};
use anonlink::codec::similarity_file::SimilarityReader;

use super::choice;

/// Bytes of an encoding in files that are made here.
const SIZE: u32 = 8;

fn candidates<K: CandidateKey>(file: &[u8], chunk: usize) -> Result<Vec<K>, String> {
    // A layout of the file's own, so that what is behind it is reached.
    let layout = candidate_layout(file.get(..80).ok_or("short")?).map_err(text)?;
    let (mut reader, mut keys) = (CandidateReader::new(layout), Vec::new());
    for piece in file.chunks(chunk) {
        reader.feed(piece, &mut keys).map_err(text)?;
    }
    reader.finish().map_err(text)?;
    Ok(keys)
}

fn encodings(file: &[u8], chunk: usize) -> Result<Vec<u8>, String> {
    let (mut reader, mut rows) = (EncodingReader::default(), Vec::new());
    for piece in file.chunks(chunk) {
        reader.feed(piece, &mut rows).map_err(text)?;
    }
    reader.finish().map_err(text)?;
    Ok(rows)
}

fn blocks(file: &[u8], chunk: usize) -> Result<(Vec<[u8; 32]>, Vec<u32>), String> {
    let trailer = file.len().checked_sub(48).ok_or("short")?;
    let described = BlockFile::describe(&file[trailer..], file.len() as u64).map_err(text)?;
    let mut reader = BlockReader::new(described, 1000);
    for piece in file.chunks(chunk) {
        reader.feed(piece).map_err(text)?;
    }
    let blocks = reader.finish().map_err(text)?;
    Ok((blocks.digests, blocks.rows))
}

fn similarity(file: &[u8], chunk: usize) -> Result<String, String> {
    let mut json = Vec::new();
    let (mut reader, mut pairs) = (SimilarityReader::default(), 0);
    let mut writer = SimilarityText::new(TextFormat::Json, &mut json);
    for piece in file.chunks(chunk) {
        reader.feed(piece, |_| pairs += 1).map_err(text)?;
        writer.feed(piece, &mut json).map_err(text)?;
    }
    assert_eq!(reader.finish().map_err(text)?, pairs);
    writer.finish(&mut json).map_err(text)?;
    Ok(String::from_utf8(json).expect("JSON is UTF-8"))
}

fn text(error: impl Display) -> String {
    error.to_string()
}

/// Reads a file in one piece and in many, which must come to the same.
fn alike<T: PartialEq + Debug>(
    read: fn(&[u8], usize) -> Result<T, String>,
    file: &[u8],
    chunk: usize,
) -> Option<T> {
    let (whole, cut) = (read(file, file.len().max(1)), read(file, chunk));
    assert_eq!(whole.is_ok(), cut.is_ok(), "{whole:?} in one piece, {cut:?} in pieces of {chunk}");
    if whole.is_ok() {
        assert_eq!(whole, cut);
    }
    whole.ok()
}

/// A file of candidates as it came. The first two bytes choose the width of keys and the size of the pieces.
pub fn candidate_file(mut data: &[u8]) {
    let (wide, chunk) = (choice(&mut data) % 2 == 1, choice(&mut data) + 1);
    match wide {
        false => drop(alike(candidates::<u64>, data, chunk)),
        true => drop(alike(candidates::<u128>, data, chunk)),
    }
}

/// A file of encodings as it came, in pieces whose size the first byte chooses.
pub fn encoding_file(mut data: &[u8]) {
    let chunk = choice(&mut data) + 1;
    alike(encodings, data, chunk);
    // Descriptions are drawn from the ends of files whose middle nobody has seen.
    if data.len() >= 80 {
        let length = data.len() as u64;
        drop(EncodingFile::describe(&data[..32], &data[data.len() - 48..], length));
    }
}

/// A file of blocks as it came, in pieces whose size the first byte chooses.
pub fn block_file(mut data: &[u8]) {
    let chunk = choice(&mut data) + 1;
    alike(blocks, data, chunk);
}

/// A similarity file as it came, in pieces whose size the first byte chooses.
pub fn similarity_file(mut data: &[u8]) {
    let chunk = choice(&mut data) + 1;
    if let Some(json) = alike(similarity, data, chunk) {
        let sound = serde_json::from_str::<serde::de::IgnoredAny>(&json);
        assert!(sound.is_ok(), "{json}");
    }
}

/// A sound file, made of the input's second half and damaged as its first half says: unless the damage changes nothing, it is noticed.
pub fn damage(mut data: &[u8]) {
    let (kind, chunk, edits) = (choice(&mut data), choice(&mut data) + 1, choice(&mut data) % 4 + 1);
    let edits: Vec<(usize, u8)> =
        (0..edits).map(|_| (choice(&mut data) << 8 | choice(&mut data), choice(&mut data) as u8)).collect();
    let sound = match kind % 3 {
        0 => {
            let mut keys: Vec<u64> =
                data.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
            keys.sort_unstable();
            let mut writer = CandidateFileWriter::new(b"layout", 64).expect("a short layout");
            writer.push(&keys).expect("sorted");
            let file = writer.finish().0;
            assert_eq!(alike(candidates::<u64>, &file, chunk), Some(keys));
            file
        }
        1 => {
            let rows = &data[..data.len() / SIZE as usize * SIZE as usize];
            let mut writer = EncodingFileWriter::new(SIZE, 64);
            writer.push(rows);
            let file = writer.finish().expect("whole rows").0;
            assert_eq!(alike(encodings, &file, chunk).as_deref(), Some(rows));
            file
        }
        _ => {
            let mut sorter = BlockSorter::new(256, || Ok(Cursor::new(Vec::new())));
            for pair in data.as_chunks::<2>().0 {
                sorter.push(&[pair[0]; 32], u32::from(pair[1])).expect("memory does not fail");
            }
            let mut file = Vec::new();
            sorter.finish(&mut file).expect("memory does not fail");
            assert!(alike(blocks, &file, chunk).is_some());
            file
        }
    };
    let mut damaged = sound.clone();
    for (at, xor) in edits {
        let at = at % damaged.len();
        damaged[at] ^= xor;
    }
    let refused = match kind % 3 {
        0 => alike(candidates::<u64>, &damaged, chunk).is_none(),
        1 => alike(encodings, &damaged, chunk).is_none(),
        _ => alike(blocks, &damaged, chunk).is_none(),
    };
    assert_eq!(refused, damaged != sound, "a damaged file is refused, and no other");
}
