//! Ctrl-C and SIGTERM end a linkage in order: it notices within milliseconds, removes what it has begun to write, and
//! leaves with the status that shells expect. A second signal ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether a signal has come, and which.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    signal: Arc<AtomicUsize>,
}

/// The work was given up because of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted: nothing was written")]
pub struct Interrupted {
    /// Number of the signal.
    pub signal: u8,
}

impl Stop {
    /// Catches SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    /// The system refuses.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down and puts it up, the second finds it up.
            let again = Arc::new(AtomicBool::new(false));
            flag::register_conditional_shutdown(signal, 128 + signal, again.clone())?;
            flag::register(signal, again)?;
            flag::register_usize(signal, stop.signal.clone(), signal as usize)?;
        }
        Ok(stop)
    }

    /// Whether a signal has come.
    pub fn requested(&self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }

    /// Fails once a signal has come.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub fn check(&self) -> Result<(), Interrupted> {
        match self.signal.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => Err(Interrupted { signal: signal as u8 }),
        }
    }
}

#[cfg(test)]
impl Stop {
    /// As if this signal had come.
    pub fn stopped(signal: u8) -> Self {
        Self { signal: Arc::new(AtomicUsize::new(signal.into())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_remembered() {
        assert_eq!((Stop::default().check(), Stop::default().requested()), (Ok(()), false));
        let stop = Stop::stopped(15);
        assert_eq!((stop.check(), stop.requested()), (Err(Interrupted { signal: 15 }), true));
    }
}
