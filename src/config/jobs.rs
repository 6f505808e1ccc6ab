//! Settings of the workers.

use std::thread::available_parallelism;

use clap::Args;

use super::numbers;
use crate::matching::kernel::KernelChoice;

/// The longest lease that can be set. What says that it is held for longer was written before a clock was set back.
pub const LONGEST_LEASE_SECONDS: u64 = 3600;

/// Settings of the workers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Workers")]
pub struct JobArgs {
    /// Tasks at once [default: the processors that this process may use]
    #[arg(long, env = "CONCURRENCY", value_name = "N", value_parser = numbers::integer::<usize>)]
    pub concurrency: Option<usize>,

    /// Comparisons per task at most
    #[arg(long, env = "CHUNK_SIZE_AIM", value_name = "N", default_value = "4_000_000_000", value_parser = numbers::integer::<u64>)]
    pub chunk_size_aim: u64,

    /// Comparisons of one run at most
    #[arg(long, env = "MAX_COMPARISONS", value_name = "N", default_value = "200_000_000_000_000", value_parser = numbers::integer::<u64>)]
    pub max_comparisons: u64,

    /// Tasks that the comparisons of one run are cut into at most; they are larger then than CHUNK_SIZE_AIM says
    #[arg(long, env = "MAX_PARTS", value_name = "N", default_value = "20_000", value_parser = numbers::integer::<u64>)]
    pub max_parts: u64,

    /// Memory for encodings that are kept between tasks
    #[arg(long, env = "TILE_CACHE", value_name = "BYTES", default_value = "512MiB", value_parser = numbers::bytes)]
    pub tile_cache: u64,

    /// Memory for the candidates of one task; more spill to temporary files
    #[arg(long, env = "CANDIDATE_MEMORY", value_name = "BYTES", default_value = "256MiB", value_parser = numbers::bytes)]
    pub candidate_memory: u64,

    /// Memory for edges between groups while three or more parties are solved; more go to temporary files
    #[arg(long, env = "SOLVER_MEMORY", value_name = "BYTES", default_value = "512MiB", value_parser = numbers::bytes)]
    pub solver_memory: u64,

    /// Candidate pairs above which a run of groups or permutations fails
    #[arg(long, env = "SOLVER_MAX_CANDIDATE_PAIRS", value_name = "N", default_value = "100_000_000", value_parser = numbers::integer::<u64>)]
    pub solver_max_candidate_pairs: u64,

    /// Candidate pairs above which a run of similarity scores fails
    #[arg(long, env = "SIMILARITY_SCORES_MAX_CANDIDATE_PAIRS", value_name = "N", default_value = "500_000_000", value_parser = numbers::integer::<u64>)]
    pub similarity_scores_max_candidate_pairs: u64,

    /// Seconds after which the task of a worker that has vanished is given to another
    #[arg(long, env = "LEASE_SECONDS", value_name = "S", default_value = "30", value_parser = clap::value_parser!(u64).range(2..=LONGEST_LEASE_SECONDS))]
    pub lease_seconds: u64,

    /// Comparison kernel: auto, scalar, avx2, avx512 or neon
    #[arg(long, env = "ANONLINK_KERNEL", value_name = "NAME", default_value = "auto")]
    pub kernel: KernelChoice,
}

impl JobArgs {
    /// Tasks at once.
    pub fn concurrency(&self) -> usize {
        self.concurrency.filter(|n| *n > 0).unwrap_or_else(default_concurrency)
    }
}

/// The processors that this process may use: its affinity mask and its cgroup's CPU quota both count.
pub fn default_concurrency() -> usize {
    available_parallelism().map_or(1, std::num::NonZero::get)
}
