//! `anonlink link`: the whole linkage in one command, on files of this machine and without a service.
//!
//! Reads every party's file into memory, runs the same engine as the service on all threads, and writes one result. A
//! result appears at its name only when it is whole; after an error or Ctrl-C there is none.
//!
//! - `args`: the command line, and what can be wrong with it before a file is opened
//! - `source`, `form`, `input`, `parties`: from the bytes of one file to parties that fit together
//! - `compare`, `output`, `permutations`: candidates, and the three kinds of result
//! - `target`: files that appear at once
//! - `progress`, `stop`, `stats`: the bar, signals, what was done

mod args;
mod compare;
mod form;
mod input;
mod output;
mod parties;
mod permutations;
mod progress;
mod run;
mod source;
mod stats;
mod stop;
mod target;

pub use args::LinkArgs;
pub use run::run;
