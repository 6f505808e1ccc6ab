//! Nothing secret leaves the service by a side door. Real `serve` and `work` processes log everything that they can (`--log-level
//! trace`) while a selftest and an upload with block ids go through them. What went over the wire was recorded on its way: its tokens,
//! encodings and block ids, and all passwords and keys, must occur nowhere in logs, metrics, problem documents or the audit trail. A
//! planted secret is found, so that the search can fail.

mod deletion;
mod embedded;
mod needles;
