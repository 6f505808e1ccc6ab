//! `anonlink link` as its users see it: the program itself, its files, messages and exit codes.

mod forms;
mod golden;
mod kit;
mod options;
mod refusals;
#[cfg(unix)]
mod signals;
