//! Points in time, as whole microseconds since 1970 in UTC: what the metadata store keeps and the API shows.

use std::fmt;
use std::time::Duration;

/// A point in time with microsecond precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time plus a duration; the end of time instead of an overflow.
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time from this one to a later one; none if that isn't later.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_micros(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

/// RFC 3339 in UTC with six decimals, such as `2026-11-02T08:15:30.000123Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(f, "{time:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where the time comes from; tests move it by hand.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_with_six_decimals() {
        assert_eq!(Timestamp(1_700_000_000_000_120).to_string(), "2023-11-14T22:13:20.000120Z");
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn adding_never_overflows() {
        assert_eq!(Timestamp(5).after(Duration::from_micros(7)), Timestamp(12));
        assert_eq!(Timestamp(5).after(Duration::MAX), Timestamp(i64::MAX));
        assert_eq!(Timestamp(5).until(Timestamp(12)), Duration::from_micros(7));
        assert_eq!(Timestamp(12).until(Timestamp(5)), Duration::ZERO);
        assert!(Timestamp(i64::MIN).until(Timestamp(i64::MAX)) > Duration::ZERO);
    }
}
