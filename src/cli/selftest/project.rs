//! A project on the service, as its creator and its parties see it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::forms;
use super::http::Request;
use super::reply::{list, same, text};
use super::secret::{Secret, looks_like_token};
use super::session::{Session, unique_name};
use super::status::{State, Status, Watch};

/// What kind of project to make.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    result_type: &'static str,
    parties: usize,
    blocking: bool,
    bits: Option<usize>,
    larger_positions: bool,
}

impl Spec {
    const TWO_PARTIES: Self =
        Self { result_type: "groups", parties: 2, blocking: false, bits: None, larger_positions: false };

    /// Groups of any number of parties.
    pub const fn groups(parties: usize) -> Self {
        Self { parties, ..Self::TWO_PARTIES }
    }

    /// Similarity scores of two parties.
    pub const fn scores() -> Self {
        Self { result_type: "similarity_scores", ..Self::TWO_PARTIES }
    }

    /// Permutations of two parties.
    pub const fn permutations() -> Self {
        Self { result_type: "permutations", ..Self::TWO_PARTIES }
    }

    /// With or without blocking.
    pub const fn blocking(self, blocking: bool) -> Self {
        Self { blocking, ..self }
    }

    /// With an agreed size of encodings (`clkConfig.l`), in bits.
    pub const fn bits(self, bits: usize) -> Self {
        Self { bits: Some(bits), ..self }
    }

    /// With positions of permutations up to the larger party's size.
    pub const fn larger_positions(self) -> Self {
        Self { larger_positions: true, ..self }
    }

    /// The body that creates such a project.
    ///
    /// # Errors
    /// No random name could be made.
    pub fn body(&self) -> Result<Value> {
        let schema = match self.bits {
            Some(bits) => json!({"version": 3, "clkConfig": {"l": bits}}),
            None => json!({}),
        };
        let mut body = json!({
            "schema": schema,
            "result_type": self.result_type,
            "number_parties": self.parties,
            "uses_blocking": self.blocking,
            "name": unique_name()?,
            "notes": "made by anonlink selftest, which deletes it again",
        });
        if self.larger_positions {
            body["permutation_positions"] = "larger".into();
        }
        Ok(body)
    }
}

/// A project with all its tokens.
#[derive(Debug, Clone)]
pub struct Project {
    session: Arc<Session>,
    /// Its identifier.
    pub id: String,
    /// One update token per party.
    pub updates: Vec<Secret>,
    /// The creator's token.
    pub result: Secret,
}

impl Project {
    /// Creates a project.
    ///
    /// # Errors
    /// The service refuses, or its answer isn't as the API promises.
    pub async fn create(session: &Arc<Session>, spec: Spec) -> Result<Self> {
        let project = Self::create_from(session, &spec.body()?).await?;
        same("number of update tokens", project.updates.len(), spec.parties)?;
        Ok(project)
    }

    /// Creates a project from a body that the service ought to accept.
    ///
    /// # Errors
    /// As [`Project::create`].
    pub async fn create_from(session: &Arc<Session>, body: &Value) -> Result<Self> {
        let answer = session.create(body).await?.expect(201)?.json()?;
        let updates: Option<Vec<Secret>> =
            list(&answer, "update_tokens")?.iter().map(|token| token.as_str().map(Secret::new)).collect();
        let project = Self {
            session: Arc::clone(session),
            id: text(&answer, "project_id")?.to_owned(),
            updates: updates.context("an update token is no text")?,
            result: Secret::new(text(&answer, "result_token")?),
        };
        let mut secrets: Vec<&str> = project
            .updates
            .iter()
            .chain([&project.result])
            .map(Secret::reveal)
            .chain([&*project.id])
            .collect();
        ensure!(
            secrets.iter().all(|secret| looks_like_token(secret)),
            "an identifier or a token isn't 48 lower-case hex characters"
        );
        let count = secrets.len();
        secrets.sort_unstable();
        secrets.dedup();
        same("number of different tokens", secrets.len(), count)?;
        Ok(project)
    }

    /// The session that it belongs to.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Path of something below the project (`/runs`), or of the project itself (an empty tail).
    pub fn path(&self, tail: &str) -> String {
        format!("/projects/{}{tail}", self.id)
    }

    /// The update token of a party.
    ///
    /// # Errors
    /// There is no such party.
    pub fn update(&self, party: usize) -> Result<&Secret> {
        self.updates.get(party).with_context(|| format!("the project has no party {party}"))
    }

    /// The project's description.
    ///
    /// # Errors
    /// The service refuses.
    pub async fn describe(&self) -> Result<Value> {
        let request = Request::get(self.path("")).token(&self.result);
        self.session.send(request).await?.expect(200)?.json()
    }

    /// Sends a party's upload, which the service must accept; returns the receipt token.
    ///
    /// # Errors
    /// The service refuses, or its answer isn't as the API promises.
    pub async fn upload(&self, party: usize, form: forms::Form) -> Result<Secret> {
        let answer = self.send_upload(party, form).await?.expect(201)?.json()?;
        same("message", text(&answer, "message")?, "Updated")?;
        let receipt = text(&answer, "receipt_token")?;
        ensure!(looks_like_token(receipt), "the receipt token isn't 48 lower-case hex characters");
        Ok(Secret::new(receipt))
    }

    /// Sends a party's upload, whatever the service says to it.
    ///
    /// # Errors
    /// No complete answer came.
    pub async fn send_upload(&self, party: usize, form: forms::Form) -> Result<super::reply::Reply> {
        self.session.send(form.request(&self.id).token(self.update(party)?)).await
    }

    /// Uploads the encodings of every party as plain JSON; returns the receipt tokens.
    ///
    /// # Errors
    /// The service refuses one.
    pub async fn upload_all(&self, parties: &[Vec<Vec<u8>>]) -> Result<Vec<Secret>> {
        let mut receipts = Vec::new();
        for (party, encodings) in parties.iter().enumerate() {
            receipts.push(self.upload(party, forms::clks(encodings)).await?);
        }
        Ok(receipts)
    }

    /// Posts a run; the threshold is sent with exactly these digits.
    ///
    /// # Errors
    /// The service refuses.
    pub async fn run(&self, threshold: &str) -> Result<Run<'_>> {
        let body = format!(r#"{{"threshold": {threshold}}}"#);
        let request = Request::post(self.path("/runs")).token(&self.result).body("application/json", body);
        let answer = self.session.send(request).await?.expect(201)?.json()?;
        let id = text(&answer, "run_id")?.to_owned();
        ensure!(looks_like_token(&id), "the run's identifier isn't 48 lower-case hex characters");
        same("threshold", answer["threshold"].as_f64(), threshold.parse().ok())?;
        Ok(Run { project: self, id })
    }

    /// Runs to the end and fetches the creator's result.
    ///
    /// # Errors
    /// Anything on the way fails.
    pub async fn outcome(&self, threshold: &str) -> Result<Value> {
        let run = self.run(threshold).await?;
        run.completed().await?;
        run.result().await
    }
}

/// First and longest pause between two looks at a run's status: quick jobs are seen soon, long ones cost no load.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A run of a project.
#[derive(Debug, Clone)]
pub struct Run<'a> {
    project: &'a Project,
    /// Its identifier.
    pub id: String,
}

impl Run<'_> {
    /// Path of something below the run, or of the run itself (an empty tail).
    pub fn path(&self, tail: &str) -> String {
        self.project.path(&format!("/runs/{}{tail}", self.id))
    }

    /// The run's status, by the creator's token.
    ///
    /// # Errors
    /// The service refuses, or the status isn't as the API promises.
    pub async fn status(&self) -> Result<Status> {
        let request = Request::get(self.path("/status")).token(&self.project.result);
        Status::read(&self.project.session.send(request).await?.expect(200)?.json()?)
    }

    /// Waits for the end of the run, whatever it is. Every status on the way is checked, and that it never goes back.
    ///
    /// # Errors
    /// The run takes too long, or a status is wrong.
    pub async fn ended(&self) -> Result<Status> {
        let (started, limit) = (Instant::now(), self.project.session.run_limit);
        let (mut watch, mut pause) = (Watch::default(), FIRST_PAUSE);
        loop {
            let status = watch.see(self.status().await?)?;
            if matches!(status.state, State::Completed | State::Error) {
                return Ok(status);
            }
            let (state, stage) = (status.state, status.stage);
            ensure!(
                started.elapsed() < limit,
                "the run is still in state {state:?}, stage {stage}, after {} s (allow more by --timeout)",
                limit.as_secs_f64()
            );
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits until the run is completed.
    ///
    /// # Errors
    /// It ends in error, or as [`Run::ended`].
    pub async fn completed(&self) -> Result<Status> {
        let status = self.ended().await?;
        let message = status.message.as_deref().unwrap_or("no message");
        ensure!(
            status.state == State::Completed,
            "the run ended in error: {}",
            super::secret::redact(message)
        );
        Ok(status)
    }

    /// The result that the creator's token gives.
    ///
    /// # Errors
    /// The service refuses.
    pub async fn result(&self) -> Result<Value> {
        self.result_for(&self.project.result).await
    }

    /// The result that a token gives.
    ///
    /// # Errors
    /// The service refuses.
    pub async fn result_for(&self, token: &Secret) -> Result<Value> {
        let request = Request::get(self.path("/result")).token(token);
        self.project.session.send(request).await?.expect(200)?.json()
    }
}
