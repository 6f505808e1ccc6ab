//! The checks, in the order in which they are made: each file is one part of the service and lists its own.

mod authorization;
mod bad_input;
mod blocking;
mod concurrency;
mod correctness;
mod deletion;
mod parties;
mod permutations;
mod projects;
mod results;
mod runs;
mod service;
mod tokens;
mod upload_failures;
mod uploads;

use super::runner::Check;

/// All checks.
pub fn all() -> Vec<Check> {
    [
        service::checks(),
        projects::checks(),
        uploads::checks(),
        upload_failures::checks(),
        tokens::checks(),
        authorization::checks(),
        bad_input::checks(),
        runs::checks(),
        results::checks(),
        permutations::checks(),
        correctness::checks(),
        blocking::checks(),
        parties::checks(),
        deletion::checks(),
        concurrency::checks(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_a_title_of_its_own() {
        let mut titles: Vec<_> = all().iter().map(Check::title).collect();
        let count = titles.len();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), count);
        assert!(count >= 40, "{count} checks");
    }
}
