//! What was done and how long it took: for people on standard error, for programs in a file.

use std::time::Instant;

use serde::Serialize;

/// The content of the file of `--stats`.
#[derive(Debug, Clone, Serialize)]
pub struct Stats {
    /// Of each party.
    pub records: Vec<u32>,
    /// Pairs dealt with; with blocks, a pair once for every block that it shares.
    pub comparisons: u64,
    /// Pairs at or above the threshold.
    pub candidates: u64,
    /// `null` if the candidates themselves were asked for.
    pub groups: Option<u64>,
    pub seconds: Seconds,
    /// The most memory that the process has had; `null` where the system does not tell.
    pub peak_rss_bytes: Option<u64>,
    pub kernel: String,
    pub threads: usize,
    pub threshold: f64,
}

/// Seconds of wall time in each part of the work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Seconds {
    /// Files into memory.
    pub read: f64,
    /// Tables, block indexes, tiles.
    pub prepare: f64,
    /// Comparing.
    pub compare: f64,
    /// Putting the threads' candidates together. They are sorted as they are taken, within the two parts that follow.
    pub merge: f64,
    /// Candidates into groups or permutations.
    pub solve: f64,
    /// The result into its file.
    pub write: f64,
}

impl Seconds {
    fn total(&self) -> f64 {
        self.read + self.prepare + self.compare + self.merge + self.solve + self.write
    }
}

/// Measures one part after the other.
#[derive(Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts the first part.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the part before ended.
    pub fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let lap = now.duration_since(self.0).as_secs_f64();
        self.0 = now;
        lap
    }
}

impl Stats {
    /// Several lines for a person. `what`: the name of what `groups` counts.
    pub fn summary(&self, what: &str, written: &str) -> String {
        let Seconds { read, prepare, compare, merge, solve, write } = self.seconds;
        let records: Vec<_> = self.records.iter().map(|&records| grouped(records.into())).collect();
        let mut lines = vec![
            ("records", records.join(" + ")),
            (
                "comparisons",
                format!(
                    "{} in {compare:.3} s ({} M/s; kernel {}, {} thread{})",
                    grouped(self.comparisons),
                    grouped(self.rate()),
                    self.kernel,
                    self.threads,
                    if self.threads == 1 { "" } else { "s" }
                ),
            ),
            ("candidates", grouped(self.candidates)),
        ];
        lines.extend(self.groups.map(|groups| (what, grouped(groups))));
        lines.push(("written to", written.to_owned()));
        lines.push((
            "seconds",
            format!(
                "{:.3}: read {read:.3}, prepare {prepare:.3}, compare {compare:.3}, merge {merge:.3}, solve \
                 {solve:.3}, write {write:.3}",
                self.seconds.total()
            ),
        ));
        lines.extend(self.peak_rss_bytes.map(|bytes| ("peak memory", format!("{} MiB", bytes >> 20))));
        lines.iter().map(|(name, value)| format!("{name:<12} {value}\n")).collect()
    }

    /// Million comparisons per second.
    fn rate(&self) -> u64 {
        if self.seconds.compare > 0.0 {
            (self.comparisons as f64 / self.seconds.compare / 1e6).round() as u64
        } else {
            0
        }
    }
}

/// `1234567` as `1 234 567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// The most memory that this process has had, in bytes: `VmHWM` of proc(5). `None` where there is no such file.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_summary_tells_what_there_is() {
        let seconds = Seconds { compare: 0.5, read: 0.25, ..Seconds::default() };
        let stats = Stats {
            records: vec![5000, 10],
            comparisons: 50_000_000,
            candidates: 7,
            groups: None,
            seconds,
            peak_rss_bytes: None,
            kernel: "scalar".into(),
            threads: 1,
            threshold: 0.8,
        };
        let text = stats.summary("matches", "x.json (json)");
        assert!(text.contains("records      5 000 + 10\n"), "{text}");
        assert!(text.contains("50 000 000 in 0.500 s (100 M/s; kernel scalar, 1 thread)"), "{text}");
        assert!(
            text.contains("0.750: read 0.250") && !text.contains("matches") && !text.contains("memory"),
            "{text}"
        );
        let solved =
            Stats { groups: Some(3), peak_rss_bytes: Some(5 << 20), ..stats }.summary("matches", "x");
        assert!(solved.contains("matches      3\n") && solved.contains("5 MiB"), "{solved}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn peak_memory_is_known_on_linux() {
        let before = peak_rss_bytes().unwrap();
        let ballast = vec![1u8; 32 << 20];
        assert!(ballast.iter().map(|&byte| u64::from(byte)).sum::<u64>() == 32 << 20);
        let after = peak_rss_bytes().unwrap();
        assert!(before > 0 && after >= before && after >= 32 << 20);
    }
}
