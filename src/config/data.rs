//! Where the embedded service keeps its state.

use std::path::PathBuf;

use clap::Args;

/// The data directory of the embedded service.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// Directory for all state of the embedded service: metadata (SQLite), encodings and results
    #[arg(long, env = "ANONLINK_DATA_DIR", value_name = "DIR", default_value = "anonlink-data")]
    pub data_dir: PathBuf,
}

impl DataArgs {
    /// The SQLite database.
    pub fn database(&self) -> PathBuf {
        self.data_dir.join("anonlink.db")
    }

    /// The directory of objects.
    pub fn objects(&self) -> PathBuf {
        self.data_dir.join("objects")
    }

    /// The directory of temporary files; whatever is in it at start is debris.
    pub fn scratch(&self) -> PathBuf {
        self.data_dir.join("scratch")
    }

    /// The file whose lock the one `serve` process on this directory holds.
    pub fn lock(&self) -> PathBuf {
        self.data_dir.join("serve.lock")
    }
}
