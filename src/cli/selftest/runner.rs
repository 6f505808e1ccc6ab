//! Makes the checks one after the other, and cleans up after each, whatever happens.

use std::future::Future;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::report::{Outcome, Report, Verdict};
use super::secret::redact;
use super::session::Session;

/// What a check does. It gets the session and makes its own projects; the runner deletes them.
type Body = Box<dyn Fn(Arc<Session>) -> BoxFuture<'static, Result<Verdict>> + Send + Sync>;

/// A check that can be made.
pub struct Check {
    /// The part of the service that it checks.
    pub group: &'static str,
    /// What it checks, in words.
    pub name: String,
    body: Body,
}

impl Check {
    /// A check from an async function that gets the session and returns nothing, or a [`Verdict`] of its own.
    pub fn new<F, T, O>(group: &'static str, name: impl Into<String>, body: F) -> Self
    where
        F: Fn(Arc<Session>) -> T + Send + Sync + 'static,
        T: Future<Output = Result<O>> + Send + 'static,
        O: Into<Verdict>,
    {
        let body: Body = Box::new(move |session| body(session).map(|ended| ended.map(Into::into)).boxed());
        Self { group, name: name.into(), body }
    }

    /// `group: name`, by which `--only` selects.
    pub fn title(&self) -> String {
        format!("{}: {}", self.group, self.name)
    }

    async fn make(&self, session: &Arc<Session>) -> Verdict {
        match AssertUnwindSafe((self.body)(Arc::clone(session))).catch_unwind().await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => Verdict::Failed(redact(&format!("{error:#}"))),
            Err(_) => Verdict::Failed("the check itself broke down (its message stands above)".into()),
        }
    }
}

/// Group and name of the check that ends every test.
const LAST: (&str, &str) = ("cleanup", "every project that the test made is gone");

/// `group: name` of the check that ends every test.
pub fn last_title() -> String {
    format!("{}: {}", LAST.0, LAST.1)
}

/// The verdict on checks that an interruption kept from being made.
pub fn interrupted() -> Verdict {
    Verdict::Skipped("interrupted".into())
}

/// Makes the checks in order, reports each, and deletes its projects before the next. When `interruption` resolves, the
/// check at work is dropped and the others are skipped; the clean-up is made all the same.
///
/// # Errors
/// The report can't be written; the projects are deleted before that is told.
pub async fn make_all<W: Write>(
    session: &Arc<Session>,
    checks: &[Check],
    report: &mut Report<W>,
    interruption: impl Future<Output = ()>,
) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    let mut written = Ok(());
    let mut interruption = std::pin::pin!(interruption.fuse());
    let mut stopped = false;
    for check in checks {
        let started = Instant::now();
        let mut verdict = if stopped {
            interrupted()
        } else {
            tokio::select! {
                verdict = check.make(session) => verdict,
                () = &mut interruption => {
                    stopped = true;
                    interrupted()
                }
            }
        };
        let took = started.elapsed();
        let left = session.delete_all().await;
        if let (Some(first), Verdict::Passed(_)) = (left.first(), &verdict) {
            verdict = Verdict::Failed(format!("{} projects could not be deleted: {first}", left.len()));
        }
        let outcome = Outcome { group: check.group, name: check.name.clone(), verdict, took };
        written = written.and_then(|()| report.line(&outcome));
        stopped |= written.is_err();
        outcomes.push(outcome);
    }
    let outcome = last_check(session).await;
    written.and_then(|()| report.line(&outcome))?;
    outcomes.push(outcome);
    Ok(outcomes)
}

async fn last_check(session: &Session) -> Outcome {
    let started = Instant::now();
    let failures = session.delete_all().await;
    let verdict = match (failures.first(), session.verify_gone().await) {
        (None, Ok(count)) => Verdict::Passed(Some(format!("{count} projects"))),
        (None, Err(error)) => Verdict::Failed(redact(&format!("{error:#}"))),
        (Some(first), _) => {
            Verdict::Failed(format!("{} projects could not be deleted: {first}", failures.len()))
        }
    };
    let (group, name) = LAST;
    Outcome { group, name: name.into(), verdict, took: started.elapsed() }
}
