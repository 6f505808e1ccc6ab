//! Progress of a run's stage, as clients see it.

/// How much of a stage is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Units done, never more than the total.
    pub absolute: u64,
    /// Share done, 0…1.
    pub relative: f64,
}

impl Progress {
    /// `done` of `total` units; a stage without work counts as done.
    pub fn of(done: u64, total: u64) -> Self {
        let absolute = done.min(total);
        let relative = if total == 0 { 1.0 } else { absolute as f64 / total as f64 };
        Self { absolute, relative }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_stays_between_nothing_and_all() {
        assert_eq!(Progress::of(3, 4).relative, 0.75);
        assert_eq!(Progress::of(9, 4), Progress { absolute: 4, relative: 1.0 });
        assert_eq!(Progress::of(0, 0).relative, 1.0);
    }
}
