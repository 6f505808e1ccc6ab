//! The matching engine: encodings in memory → candidate pairs in the total order → groups, permutations.
//!
//! Pure computation: no I/O, no clock, no async. What it computes is exact, and identical for any number of
//! threads, any cut into tiles, any kernel.
//!
//! - [`encoding`], [`threshold`], [`score`], [`key`]: the data, and the numbers that stand for scores and
//!   candidates
//! - [`kernel`]: the inner loops, per instruction set; [`tile`], [`order`]: rows laid out for them
//! - [`search`]: one tile against another; [`blocks`], [`blocked`]: only pairs that share a block;
//!   [`driver`]: whole parties, all threads
//! - [`sink`], [`sort`], [`merge`]: candidates into order; [`solve`], [`permutation`]: results

pub mod blocked;
pub mod blocks;
pub mod driver;
pub mod encoding;
pub mod kernel;
pub mod key;
mod look;
pub mod merge;
pub mod order;
mod pages;
pub mod permutation;
#[doc(hidden)]
pub mod reference;
pub mod score;
pub mod search;
pub mod sink;
pub mod solve;
pub mod sort;
pub mod threshold;
pub mod tile;
