//! A progress bar on a terminal, and nothing anywhere else.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Time between two pictures.
const PERIOD: Duration = Duration::from_millis(100);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Comparisons,
}

/// How the bar looks.
fn style(unit: Unit) -> ProgressStyle {
    let numbers = match unit {
        Unit::Bytes => "{binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}",
        Unit::Comparisons => "{human_pos} of {human_len} comparisons, {rate}",
    };
    let template = format!("{{msg:<9}} [{{bar:30}}] {{percent:>3}} % {numbers}, {{eta}} left");
    let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
        // There is nothing to be done about a picture that cannot be drawn.
        let _ = write!(text, "{:.0} M/s", state.per_sec() / 1e6);
    };
    let style = ProgressStyle::with_template(&template).expect("the template is constant");
    style.with_key("rate", rate).progress_chars("=> ")
}

/// Does some work while a bar shows how far `done` has come on its way to `total()`.
pub fn show<T>(
    visible: bool,
    message: &'static str,
    unit: Unit,
    done: &AtomicU64,
    total: impl FnOnce() -> u64,
    work: impl FnOnce() -> T,
) -> T {
    if !visible {
        return work();
    }
    let bar = ProgressBar::with_draw_target(Some(total()), ProgressDrawTarget::stderr());
    bar.set_style(style(unit));
    bar.set_message(message);
    let (end, ended) = channel::<()>();
    let result = std::thread::scope(|scope| {
        let bar = &bar;
        scope.spawn(move || {
            while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                bar.set_position(done.load(Ordering::Relaxed));
            }
        });
        // Dropped when the work is done, or when it panics.
        let _end = end;
        work()
    });
    bar.finish_and_clear();
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_comes_through_and_templates_are_sound() {
        let done = AtomicU64::new(0);
        for unit in [Unit::Bytes, Unit::Comparisons] {
            for visible in [false, true] {
                assert_eq!(show(visible, "counting", unit, &done, || 10, || 7), 7);
            }
        }
    }
}
