//! What every task needs: the stores, the settings, the caches.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::announced::Announced;
use super::cache::Cache;
use super::data::{PartyBlocks, PartyEncodings, PreparedTile, TileKey};
use super::facts::{Facts, Specs};
use crate::cache::Cache as SharedCache;
use crate::codec::encoding_file::EncodingFile;
use crate::db::Db;
use crate::domain::{ComparisonId, Random, ResultType};
use crate::matching::blocked::BlockPlan;
use crate::matching::kernel::Kernel;
use crate::staging::External;
use crate::store::Store;

/// Settings of the workers.
#[derive(Debug, Clone)]
pub struct JobSettings {
    /// Name of this process in the ledger.
    pub worker: String,
    /// Tasks at once.
    pub concurrency: usize,
    /// Comparisons per task at most.
    pub chunk_size_aim: u64,
    /// Comparisons of one run at most.
    pub max_comparisons: u64,
    /// Compare tasks of one run at most.
    pub max_parts: u64,
    /// Bytes of encodings kept between tasks.
    pub tile_cache: usize,
    /// Bytes of candidates that a task keeps in memory; more are spilled to temporary files.
    pub candidate_memory: u64,
    /// Bytes for edges between groups of three parties or more; more are kept in temporary files.
    pub solver_memory: u64,
    /// Candidate pairs above which a run of groups or permutations fails.
    pub solver_limit: u64,
    /// Candidate pairs above which a run of similarity scores fails.
    pub similarity_limit: u64,
    /// How long a lease lasts without renewal.
    pub lease: Duration,
    /// Comparison kernel.
    pub kernel: Kernel,
    /// Directory for temporary files.
    pub scratch: PathBuf,
    /// Key that turns a run's stored seed into the seed of its permutations: whoever reads the metadata alone can't redo them.
    pub permutation_key: [u8; 32],
}

impl JobSettings {
    /// The limit on candidates for a result type, and the name of its setting.
    pub(super) fn limit(&self, result_type: ResultType) -> (u64, &'static str) {
        match result_type {
            ResultType::SimilarityScores => (self.similarity_limit, "SIMILARITY_SCORES_MAX_CANDIDATE_PAIRS"),
            ResultType::Groups | ResultType::Permutations => {
                (self.solver_limit, "SOLVER_MAX_CANDIDATE_PAIRS")
            }
        }
    }
}

/// What every task needs; shared by all of a process.
pub struct JobContext {
    /// Metadata and ledger.
    pub db: Arc<dyn Db>,
    /// Objects.
    pub store: Store,
    /// The object stores that clients may reach.
    pub external: External,
    /// Wake-ups, progress, and what else may be lost.
    pub cache: SharedCache,
    /// Settings.
    pub settings: JobSettings,
    /// Randomness, for leases.
    pub random: Arc<dyn Random>,
    pub(super) announced: Announced,
    pub(super) tiles: Cache<TileKey, PreparedTile>,
    pub(super) files: Cache<String, EncodingFile>,
    pub(super) encodings: Cache<String, PartyEncodings>,
    pub(super) blocks: Cache<String, PartyBlocks>,
    pub(super) block_plans: Cache<(String, String, u64), BlockPlan>,
    pub(super) facts: Cache<ComparisonId, Facts>,
    pub(super) specs: Arc<Specs>,
}

/// Bytes for the descriptions of encoding files: for about a thousand.
const DESCRIPTIONS: usize = 512 << 10;
/// Bytes for the facts of comparisons that are at work; tables that several share count for each.
const FACTS: usize = 64 << 20;

impl JobContext {
    /// Puts the parts together; the caches start empty.
    pub fn new(
        db: Arc<dyn Db>,
        store: Store,
        external: External,
        cache: SharedCache,
        settings: JobSettings,
        random: Arc<dyn Random>,
    ) -> Arc<Self> {
        // Row-range comparisons use tiles, blocked ones whole parties and their blocks: a process rarely does both at once.
        let bytes = settings.tile_cache;
        Arc::new(Self {
            announced: Announced::default(),
            tiles: Cache::new("tiles", bytes),
            files: Cache::new("files", DESCRIPTIONS),
            encodings: Cache::new("encodings", bytes / 2),
            blocks: Cache::new("blocks", bytes / 4),
            block_plans: Cache::new("block_plans", bytes / 4),
            facts: Cache::new("facts", FACTS),
            specs: Arc::default(),
            db,
            store,
            external,
            cache,
            settings,
            random,
        })
    }
}
