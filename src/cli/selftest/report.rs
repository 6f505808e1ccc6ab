//! What the operator reads: one line per check, and the count at the end.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::reply::shorten;

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As it should; with a remark, if there is something to know.
    Passed(Option<String>),
    /// Not as it should: what was expected and what came.
    Failed(String),
    /// It could not be made here: why.
    Skipped(String),
}

impl From<()> for Verdict {
    fn from((): ()) -> Self {
        Self::Passed(None)
    }
}

/// A check that was made.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The part of the service that was checked.
    pub group: &'static str,
    /// What was checked.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// How many checks ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Checks that passed.
    pub passed: usize,
    /// Checks that failed.
    pub failed: usize,
    /// Checks that were not made.
    pub skipped: usize,
}

impl Summary {
    /// Counts the outcomes.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut summary = Self::default();
        for outcome in outcomes {
            match outcome.verdict {
                Verdict::Passed(_) => summary.passed += 1,
                Verdict::Failed(_) => summary.failed += 1,
                Verdict::Skipped(_) => summary.skipped += 1,
            }
        }
        summary
    }

    /// The last line of the report: `12 passed, 0 failed`, and what was skipped if anything was.
    pub fn line(&self) -> String {
        let skipped = if self.skipped > 0 { format!(", {} skipped", self.skipped) } else { String::new() };
        format!("{} passed, {} failed{skipped}", self.passed, self.failed)
    }
}

/// The whole outcome, as programs read it.
pub fn document(summary: Summary, outcomes: &[Outcome]) -> Value {
    let check = |Outcome { group, name, verdict, took }: &Outcome| {
        let (outcome, message) = match verdict {
            Verdict::Passed(remark) => ("passed", remark.as_deref()),
            Verdict::Failed(why) => ("failed", Some(why.as_str())),
            Verdict::Skipped(why) => ("skipped", Some(why.as_str())),
        };
        let message = message.map(one_line);
        json!({"group": group, "name": name, "outcome": outcome, "message": message, "seconds": took.as_secs_f64()})
    };
    let checks: Vec<Value> = outcomes.iter().map(check).collect();
    let Summary { passed, failed, skipped } = summary;
    json!({"passed": passed, "failed": failed, "skipped": skipped, "checks": checks})
}

/// Writes the lines as the checks end.
#[derive(Debug)]
pub struct Report<W> {
    out: W,
    colour: bool,
}

impl<W: Write> Report<W> {
    /// A report on `out`, with colours or without.
    pub fn new(out: W, colour: bool) -> Self {
        Self { out, colour }
    }

    /// Writes the line of one check.
    ///
    /// # Errors
    /// `out` can't be written.
    pub fn line(&mut self, outcome: &Outcome) -> io::Result<()> {
        let Outcome { group, name, verdict, took } = outcome;
        let took = took.as_millis();
        match verdict {
            Verdict::Passed(None) => self.write("ok", GREEN, &format!("{group}: {name} ({took} ms)")),
            Verdict::Passed(Some(remark)) => {
                self.write("ok", GREEN, &format!("{group}: {name}: {} ({took} ms)", one_line(remark)))
            }
            Verdict::Failed(why) => self.write("FAIL", RED, &format!("{group}: {name}: {}", one_line(why))),
            Verdict::Skipped(why) => {
                self.write("skip", YELLOW, &format!("{group}: {name}: {}", one_line(why)))
            }
        }
    }

    /// Writes the last line.
    ///
    /// # Errors
    /// `out` can't be written.
    pub fn finish(&mut self, summary: Summary) -> io::Result<()> {
        writeln!(self.out, "{}", summary.line())?;
        self.out.flush()
    }

    fn write(&mut self, word: &str, colour: &str, rest: &str) -> io::Result<()> {
        let (on, off) = if self.colour { (colour, "\x1b[0m") } else { ("", "") };
        writeln!(self.out, "{on}{word:<5}{off} {rest}")?;
        self.out.flush()
    }
}

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";

/// The text on one line, without characters that could move a terminal's cursor.
fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    shorten(spaced.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(verdict: Verdict) -> Outcome {
        Outcome { group: "runs", name: "list".into(), verdict, took: Duration::from_micros(12_345) }
    }

    fn shown(verdict: Verdict, colour: bool) -> String {
        let mut report = Report::new(Vec::new(), colour);
        report.line(&outcome(verdict)).unwrap();
        String::from_utf8(report.out).unwrap()
    }

    #[test]
    fn a_check_is_one_line() {
        assert_eq!(shown(Verdict::Passed(None), false), "ok    runs: list (12 ms)\n");
        assert_eq!(shown(Verdict::Passed(Some("off".into())), false), "ok    runs: list: off (12 ms)\n");
        assert_eq!(shown(Verdict::Failed("a\nb\x1b[2J".into()), false), "FAIL  runs: list: a b [2J\n");
        assert_eq!(shown(Verdict::Skipped("closed".into()), false), "skip  runs: list: closed\n");
        assert_eq!(shown(Verdict::Passed(None), true), "\x1b[32mok   \x1b[0m runs: list (12 ms)\n");
    }

    #[test]
    fn the_document_holds_every_check() {
        let outcomes = [Verdict::Passed(None), Verdict::Failed("a\nb".into())].map(outcome);
        let document = document(Summary::of(&outcomes), &outcomes);
        let check = |outcome: &str, message: Value| json!({"group": "runs", "name": "list", "outcome": outcome, "message": message, "seconds": 0.012345});
        let checks = [check("passed", Value::Null), check("failed", "a b".into())];
        assert_eq!(document, json!({"passed": 1, "failed": 1, "skipped": 0, "checks": checks}));
    }

    #[test]
    fn the_summary_counts() {
        let outcomes =
            [Verdict::Passed(None), Verdict::Passed(None), Verdict::Failed("x".into())].map(outcome);
        assert_eq!(Summary::of(&outcomes).line(), "2 passed, 1 failed");
        let outcomes = [Verdict::Passed(None), Verdict::Skipped("x".into())].map(outcome);
        assert_eq!(Summary::of(&outcomes).line(), "1 passed, 0 failed, 1 skipped");
    }
}
