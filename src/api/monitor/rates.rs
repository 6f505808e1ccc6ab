//! How fast comparisons go: over the last half minute in which somebody looked, or else since their run was started.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::domain::{ComparisonId, Timestamp};

/// The stretch that a rate is taken over.
const STRETCH: Duration = Duration::from_secs(30);
/// The shortest stretch that tells anything: tasks report now and then.
const LEAST: Duration = Duration::from_secs(3);

/// What comparisons had done when somebody looked.
#[derive(Debug, Default)]
pub(super) struct Rates {
    seen: HashMap<ComparisonId, VecDeque<(Timestamp, u64)>>,
}

impl Rates {
    /// Notes what a comparison has done by now; its rate per second, once one can be told. `started` is when its run was.
    pub(super) fn note(
        &mut self,
        comparison: ComparisonId,
        started: Option<Timestamp>,
        now: Timestamp,
        done: u64,
    ) -> Option<f64> {
        let seen = self.seen.entry(comparison).or_default();
        // A clock that was set back makes what was seen worthless.
        seen.retain(|(at, _)| *at <= now && at.until(now) <= STRETCH);
        if seen.back().is_none_or(|(at, _)| *at < now) {
            seen.push_back((now, done));
        }
        let recent = seen.front().and_then(|(at, before)| {
            let (stretch, more) = (at.until(now), done.saturating_sub(*before));
            (stretch >= LEAST && more > 0).then(|| more as f64 / stretch.as_secs_f64())
        });
        recent.or_else(|| {
            let stretch = started?.until(now).as_secs_f64();
            (stretch > 0.0 && done > 0).then(|| done as f64 / stretch)
        })
    }

    /// Forgets all comparisons but those that `at_work` tells.
    pub(super) fn keep(&mut self, at_work: impl Fn(ComparisonId) -> bool) {
        self.seen.retain(|comparison, _| at_work(*comparison));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ComparisonId = ComparisonId(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_000_000_000 + seconds * 1_000_000)
    }

    #[test]
    fn the_last_stretch_counts_once_there_is_one() {
        let mut rates = Rates::default();
        assert_eq!(rates.note(ONE, None, at(0), 0), None);
        assert_eq!(rates.note(ONE, Some(at(-10)), at(0), 0), None, "nothing is done yet");
        let mut rates = Rates::default();
        assert_eq!(rates.note(ONE, Some(at(-10)), at(0), 1000), Some(100.0), "since the start");
        assert_eq!(rates.note(ONE, Some(at(-10)), at(2), 1200), Some(100.0), "too short a stretch");
        assert_eq!(rates.note(ONE, Some(at(-10)), at(4), 5000), Some(1000.0));
        // What is older than the stretch is forgotten.
        assert_eq!(rates.note(ONE, Some(at(-10)), at(33), 5000 + 2900), Some(100.0));
    }

    #[test]
    fn a_standstill_and_a_clock_that_was_set_back_fall_back_to_the_whole() {
        let mut rates = Rates::default();
        for second in 0..20 {
            let rate = rates.note(ONE, Some(at(-10)), at(second), 500).unwrap();
            assert_eq!(rate, 500.0 / (10 + second) as f64);
        }
        assert_eq!(rates.note(ONE, Some(at(-10)), at(0), 600), Some(60.0));
        rates.keep(|_| false);
        assert!(rates.seen.is_empty());
    }
}
