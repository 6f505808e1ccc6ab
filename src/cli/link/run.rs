//! The command from its arguments to its exit code.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicU64;

use anyhow::{Context, Result, bail};

use super::args::{Format, LinkArgs, OutputKind, Seed};
use super::compare::{Candidates, Means};
use super::output::Output;
use super::parties::{self, Parties};
use super::progress::{Unit, show};
use super::source::Watch;
use super::stats::{Seconds, Stats, Stopwatch, peak_rss_bytes};
use super::stop::{Interrupted, Stop};
use super::target::{Target, check_distinct};
use crate::cli::output::complain;
use crate::config::default_concurrency;
use crate::domain::PermutationPositions;
use crate::matching::key::Key;
use crate::matching::permutation::permute;
use crate::matching::search::CompareSpec;

/// Links files. Ends with code 0 and a result, or else without one; with 128 and its number after a signal.
///
/// # Errors
/// A file or an argument is wrong; `{:#}` gives one line for the user.
pub fn run(args: LinkArgs) -> Result<ExitCode> {
    let stop = Stop::on_signals().context("cannot catch signals")?;
    match link(&args, &stop) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast_ref::<Interrupted>() {
            Some(interrupted) => {
                complain(&format!("anonlink: {interrupted}"));
                Ok(ExitCode::from(128 + interrupted.signal))
            }
            None => Err(error),
        },
    }
}

/// What a linkage needs to know besides the data.
struct Plan<'a> {
    args: &'a LinkArgs,
    format: Format,
    means: Means<'a>,
}

fn link(args: &LinkArgs, stop: &Stop) -> Result<()> {
    let format = args.check()?;
    let means = Means {
        kernel: args.kernel.resolve()?,
        threads: args.threads.map_or_else(default_concurrency, usize::from),
        stop,
        visible: !args.quiet && std::io::stderr().is_terminal(),
    };
    let inputs: Vec<&Path> = args.files.iter().chain(&args.blocks).map(AsRef::as_ref).collect();
    let outputs: Vec<&Path> = std::iter::once(&args.to).chain(&args.stats).map(AsRef::as_ref).collect();
    check_distinct(&inputs, &outputs)?;
    // Opened before the work, so that it is not done for nothing.
    let target = Target::open(&args.to)?;
    let stats_target = args.stats.as_deref().map(Target::open).transpose()?;

    let mut watch = Stopwatch::start();
    let mut seconds = Seconds::default();
    let bytes = AtomicU64::new(0);
    let total = || inputs.iter().filter_map(|path| path.metadata().ok()).map(|about| about.len()).sum();
    let mut parties = show(means.visible, "reading", Unit::Bytes, &bytes, total, || {
        parties::read(args, means.threads, Watch { stop, bytes: &bytes })
    })?;
    seconds.read = watch.lap();

    let rows = parties.rows();
    let spec = CompareSpec::new(parties.size(), args.threshold, &rows)?;
    let plan = Plan { args, format, means };
    let output = Output::new(target, stop);
    let stats = match spec.layout.fits_u64() {
        true => plan.carry_out::<u64>(&mut parties, (&spec, &rows), output, watch, seconds),
        false => plan.carry_out::<u128>(&mut parties, (&spec, &rows), output, watch, seconds),
    }?;
    if let Some(target) = stats_target {
        let mut text = serde_json::to_vec_pretty(&stats).context("cannot write the statistics")?;
        text.push(b'\n');
        Output::new(target, stop).bytes(&text)?;
    }
    if !args.quiet {
        complain(plan.summary(&stats).trim_end());
    }
    Ok(())
}

impl Plan<'_> {
    /// Compares, solves and writes the result.
    fn carry_out<K: Key>(
        &self,
        parties: &mut Parties,
        (spec, rows): (&CompareSpec, &[u32]),
        output: Output<'_>,
        mut watch: Stopwatch,
        mut seconds: Seconds,
    ) -> Result<Stats> {
        let Self { args, format, means } = self;
        let blocks = parties.take_block_indexes(means.threads)?;
        let found = Candidates::<K>::find(
            &parties.encodings,
            blocks.as_deref(),
            (spec, rows),
            *means,
            (&mut watch, &mut seconds),
        )?;
        let done = found.stats;
        let mut groups = None;
        match args.output {
            OutputKind::SimilarityScores => output.candidates(found, *format)?,
            OutputKind::Groups => {
                let solved = found.solve()?;
                seconds.solve = watch.lap();
                groups = Some(solved.len() as u64);
                output.groups(&solved, format.text_only()?)?;
            }
            OutputKind::Permutations => {
                let &[rows0, rows1] = rows else { bail!("permutations are for two parties") };
                let pairs = found.solve()?.pairs();
                let positions = args.permutation_positions.unwrap_or(PermutationPositions::Larger).into();
                let permuted = permute(seed(args.seed)?, [rows0, rows1], &pairs, positions)?;
                seconds.solve = watch.lap();
                groups = Some(pairs.len() as u64);
                output.permutations(&permuted, format.text_only()?)?;
            }
        }
        seconds.write = watch.lap();
        Ok(Stats {
            records: rows.to_vec(),
            comparisons: done.comparisons,
            candidates: done.candidates,
            groups,
            seconds,
            peak_rss_bytes: peak_rss_bytes(),
            kernel: means.kernel.name().to_owned(),
            threads: means.threads,
            threshold: args.threshold.get(),
        })
    }

    fn summary(&self, stats: &Stats) -> String {
        let what = match self.args.output {
            OutputKind::Permutations => "matches",
            OutputKind::Groups | OutputKind::SimilarityScores => "groups",
        };
        let place = match self.args.to.as_path() {
            stdout if stdout == Path::new("-") => "standard output".into(),
            file => file.display().to_string(),
        };
        stats.summary(what, &format!("{place} ({})", self.format.name()))
    }
}

/// The given seed, or one from the operating system.
fn seed(given: Option<Seed>) -> Result<[u8; 32]> {
    match given {
        Some(Seed(seed)) => Ok(seed),
        None => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).context("the operating system's random source fails")?;
            Ok(seed)
        }
    }
}
