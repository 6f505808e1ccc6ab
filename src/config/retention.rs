//! How long projects live.

use std::time::Duration;

use clap::Args;

use super::numbers;

/// The longest life that a project may ask for: ten years of 365 days, in seconds.
pub const LONGEST: u64 = 10 * 365 * 24 * 3600;

/// Settings of how long projects live.
#[derive(Debug, Clone, Default, Args)]
pub struct RetentionArgs {
    /// Life of projects that don't ask for one (seconds, or a duration like 30d); without, they live until they are deleted
    #[arg(long, env = "PROJECT_EXPIRES_IN", value_name = "DURATION", value_parser = numbers::lifetime)]
    pub project_expires_in: Option<u64>,

    /// Longest life that a project may ask for, and that of projects that don't ask if no shorter one is set
    #[arg(long, env = "PROJECT_MAX_EXPIRES_IN", value_name = "DURATION", value_parser = numbers::lifetime)]
    pub project_max_expires_in: Option<u64>,
}

impl RetentionArgs {
    /// Fails if the default is longer than what may be asked for.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn check(&self) -> Result<(), String> {
        match (self.project_expires_in, self.project_max_expires_in) {
            (Some(usual), Some(longest)) if usual > longest => Err(format!(
                "PROJECT_EXPIRES_IN ({usual} s) must not be longer than PROJECT_MAX_EXPIRES_IN ({longest} s)"
            )),
            _ => Ok(()),
        }
    }

    /// The life of a new project that asks for this many seconds, or for nothing in particular; `None` is for ever.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    pub fn lifetime(&self, asked: Option<i64>) -> Result<Option<Duration>, String> {
        let longest = self.project_max_expires_in.unwrap_or(LONGEST);
        let seconds = match asked {
            None => self.project_expires_in.or(self.project_max_expires_in),
            Some(asked) => match u64::try_from(asked) {
                Ok(seconds) if (1..=longest).contains(&seconds) => Some(seconds),
                _ => {
                    let whose = if longest < LONGEST { ", the most that this service allows" } else { "" };
                    return Err(format!(
                        "`expires_in` must be a whole number of seconds from 1 to {longest}{whose}, not {asked}"
                    ));
                }
            },
        };
        Ok(seconds.map(Duration::from_secs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(usual: Option<u64>, longest: Option<u64>) -> RetentionArgs {
        RetentionArgs { project_expires_in: usual, project_max_expires_in: longest }
    }

    fn seconds(lifetime: Result<Option<Duration>, String>) -> Option<u64> {
        lifetime.unwrap().map(|life| life.as_secs())
    }

    #[test]
    fn what_is_asked_for_comes_first_then_the_default_then_the_maximum() {
        assert_eq!(seconds(settings(None, None).lifetime(None)), None);
        assert_eq!(seconds(settings(None, None).lifetime(Some(7))), Some(7));
        assert_eq!(seconds(settings(Some(60), None).lifetime(None)), Some(60));
        assert_eq!(seconds(settings(Some(60), None).lifetime(Some(7000))), Some(7000));
        assert_eq!(seconds(settings(None, Some(90)).lifetime(None)), Some(90));
        assert_eq!(seconds(settings(Some(60), Some(90)).lifetime(None)), Some(60));
        assert_eq!(seconds(settings(Some(60), Some(90)).lifetime(Some(90))), Some(90));
    }

    #[test]
    fn nonsense_and_too_much_are_refused_with_what_would_be_right() {
        for bad in [0, -1, i64::MIN, i64::MAX, LONGEST as i64 + 1] {
            let error = settings(None, None).lifetime(Some(bad)).unwrap_err();
            assert!(error.contains("1 to 315360000, not"), "{error}");
        }
        let error = settings(None, Some(90)).lifetime(Some(91)).unwrap_err();
        assert_eq!(
            error,
            "`expires_in` must be a whole number of seconds from 1 to 90, the most that this service allows, not 91"
        );
        assert!(
            settings(Some(91), Some(90)).check().is_err() && settings(Some(90), Some(90)).check().is_ok()
        );
    }
}
