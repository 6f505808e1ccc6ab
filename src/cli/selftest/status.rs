//! Status of a run: its shape, and that it only goes forward.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::reply::{text, whole};

/// State of a run, in the order in which a run passes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Waits for data.
    Created,
    /// Waits for a worker.
    Queued,
    /// At work.
    Running,
    /// Done.
    Completed,
    /// Failed.
    Error,
}

/// A run's status as the service told it.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// State.
    pub state: State,
    /// Number of stages.
    pub stages: u64,
    /// Number of the current stage, from 1.
    pub stage: u64,
    /// The current stage in words.
    pub description: String,
    /// Progress within the stage: units done, and the part of all of them.
    pub progress: Option<(u64, f64)>,
    /// Pairs compared, once the run is completed.
    pub comparisons: Option<u64>,
    /// What went wrong, in state error.
    pub message: Option<String>,
}

impl Status {
    /// Reads a status and checks every rule that one status alone must keep.
    ///
    /// # Errors
    /// A member is missing or breaks a rule.
    pub fn read(body: &Value) -> Result<Self> {
        let state = match text(body, "state")? {
            "created" => State::Created,
            "queued" => State::Queued,
            "running" => State::Running,
            "completed" => State::Completed,
            "error" => State::Error,
            other => bail!("unknown state {other:?}"),
        };
        let current = &body["current_stage"];
        let status = Self {
            state,
            stages: whole(body, "stages")?,
            stage: whole(current, "number").context("current_stage")?,
            description: text(current, "description").context("current_stage")?.to_owned(),
            progress: match &current["progress"] {
                Value::Null => None,
                progress => Some(read_progress(progress).context("current_stage.progress")?),
            },
            comparisons: body["total_number_comparisons"].as_u64(),
            message: body["message"].as_str().map(str::to_owned),
        };
        ensure!((2..=3).contains(&status.stages), "{} stages, expected 2 or 3", status.stages);
        ensure!(
            (1..=status.stages).contains(&status.stage),
            "current stage {} of {} stages",
            status.stage,
            status.stages
        );
        read_times(body, state)?;
        if state == State::Completed {
            whole(body, "total_number_comparisons")?;
            ensure!(
                status.stage == status.stages,
                "completed in stage {} of {}",
                status.stage,
                status.stages
            );
        }
        ensure!(state != State::Error || status.message.is_some(), "state error without a message");
        Ok(status)
    }
}

fn read_progress(progress: &Value) -> Result<(u64, f64)> {
    let relative = progress["relative"].as_f64().context("\"relative\" is missing or is no number")?;
    ensure!((0.0..=1.0).contains(&relative), "relative is {relative}, expected 0 to 1");
    text(progress, "description")?;
    Ok((whole(progress, "absolute")?, relative))
}

/// Checks which times are there and their order.
fn read_times(body: &Value, state: State) -> Result<()> {
    let added = timestamp(text(body, "time_added")?)?;
    let optional = |name: &str| match body[name].as_str() {
        Some(time) => timestamp(time).map(Some),
        None => Ok(None),
    };
    let (started, completed) = (optional("time_started")?, optional("time_completed")?);
    ensure!(started.is_none_or(|started| added <= started), "time_started lies before time_added");
    if state == State::Completed {
        let started = started.context("completed without time_started")?;
        let completed = completed.context("completed without time_completed")?;
        ensure!(started <= completed, "time_completed lies before time_started");
    }
    Ok(())
}

/// A time as RFC 3339 in UTC with microseconds.
///
/// # Errors
/// It is anything else.
pub fn timestamp(time: &str) -> Result<jiff::Timestamp> {
    let wrong = || format!("{time:?} is no RFC 3339 time in UTC with microseconds");
    let local = time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00")).with_context(wrong)?;
    let digits = local.split_once('.').with_context(wrong)?.1;
    ensure!(digits.len() == 6 && local.as_bytes().get(10) == Some(&b'T'), wrong());
    time.parse().with_context(wrong)
}

/// Watches a run's statuses one after the other.
#[derive(Debug, Default)]
pub struct Watch {
    last: Option<Status>,
}

impl Watch {
    /// Takes the next status and passes it on.
    ///
    /// # Errors
    /// It goes back behind one that was seen before.
    pub fn see(&mut self, next: Status) -> Result<Status> {
        if let Some(last) = self.last.replace(next.clone()) {
            ensure!(
                last.state <= next.state,
                "the state went back from {:?} to {:?}",
                last.state,
                next.state
            );
            ensure!(last.stage <= next.stage, "the stage went back from {} to {}", last.stage, next.stage);
            ensure!(last.stages == next.stages, "the number of stages changed");
            if let (Some((_, before)), Some((_, after))) = (last.progress, next.progress)
                && last.stage == next.stage
            {
                ensure!(before <= after, "the progress went back from {before} to {after}");
            }
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn running() -> Value {
        json!({"state": "running", "stages": 3, "time_added": "2026-01-02T03:04:05.000001+00:00",
            "time_started": "2026-01-02T03:04:06.000000+00:00",
            "current_stage": {"number": 2, "description": "compute similarity scores",
                "progress": {"absolute": 7, "relative": 0.5, "description": "comparisons"}}})
    }

    #[test]
    fn a_good_status_is_read() {
        let status = Status::read(&running()).unwrap();
        assert_eq!((status.state, status.stage, status.progress), (State::Running, 2, Some((7, 0.5))));
    }

    #[test]
    fn broken_rules_are_found() {
        let spoil = |path: &str, value: Value| {
            let mut body = running();
            *body.pointer_mut(path).unwrap() = value;
            Status::read(&body)
        };
        for (path, value) in [
            ("/state", json!("done")),
            ("/state", json!("completed")),
            ("/state", json!("error")),
            ("/current_stage/number", json!(4)),
            ("/current_stage/number", json!(0)),
            ("/current_stage/progress/relative", json!(1.01)),
            ("/time_added", json!("2026-01-02T03:04:05Z")),
            ("/time_started", json!("2026-01-02T03:04:04.000000+00:00")),
        ] {
            assert!(spoil(path, value.clone()).is_err(), "{path} = {value}");
        }
    }

    #[test]
    fn nothing_goes_back() {
        let at = |number: u64, relative: f64| {
            let mut status = Status::read(&running()).unwrap();
            (status.stage, status.progress) = (number, Some((0, relative)));
            status
        };
        let mut watch = Watch::default();
        for (stage, relative) in [(1, 0.5), (1, 1.0), (2, 0.0), (2, 0.7)] {
            watch.see(at(stage, relative)).unwrap();
        }
        assert!(watch.see(at(2, 0.6)).is_err());
        assert!(watch.see(at(1, 0.9)).is_err());
    }
}
