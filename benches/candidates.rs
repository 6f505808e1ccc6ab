//! A hundred million candidates from candidate files to groups: merged and solved as streams.
//!
//!     cargo bench --bench candidates [-- MILLIONS [FILES]]
//!
//! For two, three and five parties of a million records each: a tenth of the candidates are of records that belong together, with
//! high scores, the rest are chance, crowded at the low end. They are dealt out to files (40 unless told otherwise) in the
//! folder for temporary files. Then the files are read window by window, merged on a thread beside, and solved, as a `finish`
//! task does it. Printed: candidates a second by wall time and by processor time of both threads, groups, edges, and the most
//! memory that the process has had by then; making the files takes less than that.

mod data;

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anonlink::codec::candidate_file::{CandidateFileWriter, CandidateReader};
use anonlink::matching::encoding::EncodingSize;
use anonlink::matching::key::{KeyLayout, PartyPair};
use anonlink::matching::merge::{Merge, Run};
use anonlink::matching::score::ScoreRanks;
use anonlink::matching::solve::Solver;
use anonlink::matching::sort::Sorter;
use anonlink::matching::threshold::Threshold;

const ROWS: u32 = 1_000_000;
/// Bytes read at once of each file.
const WINDOW: usize = 256 << 10;

/// A file, read window by window.
struct FileRun {
    file: File,
    reader: Option<CandidateReader<u64>>,
    window: Vec<u8>,
}

impl Run<u64> for FileRun {
    type Error = String;

    fn read(&mut self, keys: &mut Vec<u64>) -> Result<(), String> {
        while keys.is_empty() {
            let Some(reader) = &mut self.reader else { return Ok(()) };
            let read = self.file.read(&mut self.window).map_err(|error| error.to_string())?;
            reader.feed(&self.window[..read], keys).map_err(|error| error.to_string())?;
            if read == 0 {
                self.reader
                    .take()
                    .map_or(Ok(()), |reader| reader.finish().map(|_| ()))
                    .map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }
}

/// Writes files of so many keys in all, and returns their paths.
fn write(
    folder: &Path,
    layout: &KeyLayout,
    ranks: &ScoreRanks,
    candidates: usize,
    files: usize,
) -> Vec<PathBuf> {
    let mut random = data::Random(11);
    let pairs: Vec<PartyPair> = PartyPair::all(layout.parties.into()).collect();
    let write = |number| {
        let mut sorter = Sorter::<u64>::new(layout.bits());
        for _ in 0..candidates / files {
            let pair = (random.next() % pairs.len() as u64) as u32;
            let mut row = || (random.next() % u64::from(ROWS)) as u32;
            let (row0, row1) = (row(), row());
            let (rank, row1) = match random.next() % 10 {
                0 => (f64::from(ranks.len()) * 0.5 * random.unit(), row0),
                _ => (f64::from(ranks.len()) * (1.0 - 0.6 * random.unit().powi(3)), row1),
            };
            sorter.buffer().push(layout.encode((rank as u32).min(ranks.len() - 1), pair, row0, row1));
            sorter.settle();
        }
        let path = folder.join(format!("{}-{number}", layout.parties));
        let mut file = File::create(&path).expect("a file for candidates");
        let mut writer = CandidateFileWriter::new(b"bench", 1 << 20).expect("a short layout");
        let each = sorter.sorted().each(1, |keys| {
            writer.push(keys).map_err(|error| error.to_string())?;
            writer.next_part().map_or(Ok(()), |part| file.write_all(part)).map_err(|error| error.to_string())
        });
        each.expect("keys in order, room on the disk");
        file.write_all(&writer.finish().0).expect("room on the disk");
        path
    };
    (0..files).map(write).collect()
}

/// Merges and solves; the number of candidates (those that came twice count once), and of groups, and the most edges.
fn solve(files: &[PathBuf], layout: &KeyLayout) -> (usize, usize, usize) {
    let open = |path: &PathBuf| FileRun {
        file: File::open(path).expect("the file is there"),
        reader: Some(CandidateReader::new(b"bench")),
        window: vec![0; WINDOW],
    };
    let mut solver = Solver::new(&vec![ROWS; layout.parties.into()]).expect("parties of a million");
    let mut candidates = 0;
    let each = Merge::new(files.iter().map(open).collect()).each(|keys| {
        candidates += keys.len();
        solver.push_keys(layout, keys).map(|()| true).map_err(|error| error.to_string())
    });
    each.expect("files as they were written, rows in range");
    let edges = solver.peak_edges();
    (candidates, solver.finish().len(), edges)
}

/// A figure of this process from the kernel, in kB.
fn status(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

/// Processor time of this process, in seconds: the kernel counts hundredths.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let times: Vec<f64> =
        text.rsplit(')').next()?.split_whitespace().skip(11).take(2).filter_map(|n| n.parse().ok()).collect();
    Some(times.iter().sum::<f64>() / 100.0)
}

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let candidates = numbers.next().unwrap_or(100) * 1_000_000;
    let files = numbers.next().unwrap_or(40).max(1);
    let ranks =
        ScoreRanks::new(EncodingSize::new(128).expect("a size"), Threshold::new(0.7).expect("in range"));
    for parties in [2, 3, 5] {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let layout = KeyLayout::new(&ranks, &vec![ROWS; parties]).expect("few parties");
        let paths = write(folder.path(), &layout, &ranks, candidates, files);
        let made = status("VmHWM:");
        let (started, processor) = (Instant::now(), processor_seconds());
        let (found, groups, edges) = solve(&paths, &layout);
        let wall = started.elapsed().as_secs_f64();
        let rate = |seconds: f64| found as f64 / seconds / 1e6;
        let processor = processor_seconds().zip(processor).map_or(f64::NAN, |(after, before)| after - before);
        println!(
            "{parties} parties: {found} candidates of {files} files in {wall:.2} s ({:.1} M/s), processor time {processor:.2} s \
             ({:.1} M/s); {groups} groups, {edges} edges at most; peak memory {} MiB (after making the files {} MiB)",
            rate(wall),
            rate(processor),
            status("VmHWM:").unwrap_or(0) / 1024,
            made.unwrap_or(0) / 1024,
        );
    }
}
