//! The `anonlink` binary: parses the command line and dispatches.

use std::process::ExitCode;

use anonlink::cli::Cli;

/// musl's own allocator takes one lock for all threads.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::from_command_line().run()
}
