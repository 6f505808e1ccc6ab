//! What all checks share: the client, and the ledger of projects that must not be left behind.
//!
//! Every project is created by [`Session::create`], also one that the service ought to refuse: whatever it answers 201
//! enters the ledger. The request runs as a task of its own, so that a check that is dropped half-way (Ctrl-C) can't
//! lose the token of a project that is being created.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::sync::RwLock;

use super::http::{Http, Request};
use super::reply::Reply;
use super::secret::Secret;

/// A project that the self-test made.
#[derive(Debug, Clone)]
struct Made {
    id: String,
    result_token: Secret,
    deleted: bool,
}

/// What all checks share.
#[derive(Debug)]
pub struct Session {
    http: Http,
    creation_token: Option<Secret>,
    /// Longest wait for one run.
    pub run_limit: Duration,
    made: Mutex<Vec<Made>>,
    /// Held for reading while a project is being created.
    creating: Arc<RwLock<()>>,
}

impl Session {
    /// A session without projects. `creation_token` accompanies creating and listing projects.
    pub fn new(http: Http, creation_token: Option<Secret>, run_limit: Duration) -> Arc<Self> {
        Arc::new(Self { http, creation_token, run_limit, made: Mutex::default(), creating: Arc::default() })
    }

    /// Base of all requests.
    pub fn base(&self) -> &str {
        self.http.base()
    }

    /// Sends a request.
    ///
    /// # Errors
    /// No complete answer came.
    pub async fn send(&self, request: Request) -> Result<Reply> {
        self.http.send(request).await
    }

    /// Whether there is a token for creating and listing projects.
    pub fn has_privilege(&self) -> bool {
        self.creation_token.is_some()
    }

    /// With the token for creating and listing projects, if there is one.
    pub fn privileged(&self, request: Request) -> Request {
        match &self.creation_token {
            Some(token) => request.token(token),
            None => request,
        }
    }

    /// Posts a new project and notes it for deletion if it was created.
    ///
    /// # Errors
    /// No complete answer came, or one of 201 without what is needed to delete the project again.
    pub async fn create(self: &Arc<Self>, body: &Value) -> Result<Reply> {
        self.create_by(Request::post("/projects").json(body)).await
    }

    /// Sends a request that may create a project and notes the project for deletion.
    ///
    /// # Errors
    /// As [`Session::create`].
    pub async fn create_by(self: &Arc<Self>, request: Request) -> Result<Reply> {
        let session = Arc::clone(self);
        let creating = Arc::clone(&self.creating).read_owned().await;
        let task = tokio::spawn(async move {
            let reply = session.send(session.privileged(request)).await;
            let noted = reply.and_then(|reply| session.note(reply));
            drop(creating);
            noted
        });
        task.await.context("the task that creates a project broke down")?
    }

    fn note(&self, reply: Reply) -> Result<Reply> {
        if !(200..300).contains(&reply.status) {
            return Ok(reply);
        }
        let body = reply.json()?;
        match (body["project_id"].as_str(), body["result_token"].as_str()) {
            (Some(id), Some(token)) => {
                self.ledger().push(Made {
                    id: id.to_owned(),
                    result_token: Secret::new(token),
                    deleted: false,
                });
                Ok(reply)
            }
            _ => bail!("{}: {} without project_id and result_token", reply.what, reply.status),
        }
    }

    /// Deletes every project that is still there and forgets none. Returns how many could not be deleted, with the
    /// reasons.
    pub async fn delete_all(&self) -> Vec<String> {
        // Whoever is still creating a project enters it into the ledger first.
        let _all_created = self.creating.write().await;
        let mut failures = Vec::new();
        let left: Vec<(usize, Made)> =
            self.ledger().iter().cloned().enumerate().filter(|(_, made)| !made.deleted).collect();
        for (index, made) in left {
            let request = Request::delete(format!("/projects/{}", made.id)).token(&made.result_token);
            // 403: a check has deleted it.
            match self.send(request).await.and_then(|reply| reply.expect_any(&[204, 403])) {
                Ok(_) => self.ledger()[index].deleted = true,
                Err(error) => failures.push(format!("{error:#}")),
            }
        }
        failures
    }

    /// Asks for every project that was ever made; each must be gone. Returns their number.
    ///
    /// # Errors
    /// A project is still there.
    pub async fn verify_gone(&self) -> Result<usize> {
        let all = self.ledger().clone();
        for made in &all {
            let request = Request::get(format!("/projects/{}", made.id)).token(&made.result_token);
            self.send(request).await?.problem(403).context("a deleted project is still there")?;
        }
        Ok(all.len())
    }

    fn ledger(&self) -> MutexGuard<'_, Vec<Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name that no other project has: `selftest-` and 12 random hex characters.
///
/// # Errors
/// The operating system has no random source.
pub fn unique_name() -> Result<String> {
    let mut random = [0; 6];
    getrandom::fill(&mut random).context("no random source")?;
    Ok(format!("selftest-{}", hex::encode(random)))
}
