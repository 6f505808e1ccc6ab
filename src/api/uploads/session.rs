//! One upload: the right to it, and the objects it writes.
//!
//! The right is a lease that is renewed for as long as data flow. However an upload ends other than well (a bad body, a store
//! that fails, a client that hangs up so that its handler is dropped) the objects are aborted and the right is given back,
//! so that the token stays usable.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::db::uploads::{AcceptExternal, BeginUpload, FinishUpload, Verdict};
use crate::db::{Db, Lease};
use crate::domain::{ProjectId, Queue};
use crate::staging::{Object, Place, Source};
use crate::store::Writer;
use crate::telemetry::metrics;

/// Longest time between two renewals of the lease.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// An upload under way.
pub struct Session {
    state: Arc<ApiState>,
    right: Right,
    writers: [Option<Writer>; 2],
    /// Whether the right is still to be given back.
    open: bool,
}

/// The right to upload for one party.
#[derive(Clone)]
struct Right {
    db: Arc<dyn Db>,
    project: ProjectId,
    party: u16,
    lease: Lease,
    ttl: Duration,
    renew_every: Duration,
    renewed: Instant,
    /// Objects that may have been written.
    announced: Vec<String>,
}

impl Session {
    /// Takes the right to upload.
    ///
    /// # Errors
    /// 403 if the party has uploaded, or is about to; or if the project is gone.
    pub async fn begin(state: &Arc<ApiState>, project: ProjectId, party: u16) -> Result<Self, ApiError> {
        let idle = state.settings.upload_idle();
        let renew_every = RENEW_EVERY.min(idle / 4);
        let right = Right {
            db: state.db.clone(),
            project,
            party,
            lease: state.lease(),
            // The lease must outlast the longest pause that the body is allowed.
            ttl: idle + renew_every,
            renew_every,
            renewed: Instant::now(),
            announced: Vec::new(),
        };
        let (db, lease, ttl) = (state.db.clone(), right.lease, right.ttl);
        // Made before the right is asked for: should the client hang up in between, the right is given back all the same.
        let mut session = Self { state: state.clone(), right, writers: [None, None], open: true };
        let answer = db.begin_upload(project, party, lease, ttl).await?;
        session.open = answer == BeginUpload::Granted;
        match answer {
            BeginUpload::Granted => Ok(session),
            BeginUpload::InProgress => Err(ApiError::Forbidden(
                "another upload with this token is under way; it must fail or fall silent before a new one may start".into(),
            )),
            BeginUpload::AlreadyUploaded => {
                Err(ApiError::Forbidden(super::TOKEN_USED.to_owned()))
            }
            BeginUpload::Gone => Err(ApiError::NoAccess),
        }
    }

    /// The name of an object of this upload.
    pub fn name(&self, object: Object) -> String {
        let Right { project, party, lease, .. } = self.right;
        object.name(project, party, &lease.hex())
    }

    /// Keeps the right alive; to be called whenever data came.
    ///
    /// # Errors
    /// 403 if the right was lost.
    pub async fn keep(&mut self) -> Result<(), ApiError> {
        match self.right.renewed.elapsed() >= self.right.renew_every {
            true => self.right.renew().await,
            false => Ok(()),
        }
    }

    /// Ends the upload: with its verdict, or with the failure that became of it. Returns the receipt token. `form` names the
    /// form of the data in metrics.
    ///
    /// # Errors
    /// The failure; 400 if the project has agreed on another size meanwhile; 403 if the right was lost.
    pub async fn conclude(
        mut self,
        form: &'static str,
        received: Result<Verdict, ApiError>,
    ) -> Result<String, ApiError> {
        let concluded = match received {
            Ok(verdict) => self.finish(form, &verdict).await,
            Err(error) => Err(error),
        };
        // Waited for, so that the token can be used again as soon as the client has its answer.
        self.give_back().await;
        concluded
    }

    /// Ends an upload whose data lie in an object store: a worker will bring them in. Returns the receipt token.
    ///
    /// # Errors
    /// The failure; 403 if the right was lost.
    pub async fn conclude_external(mut self, source: Result<Source, ApiError>) -> Result<String, ApiError> {
        let concluded = match source {
            Ok(source) => self.accept(&source).await,
            Err(error) => Err(error),
        };
        self.give_back().await;
        concluded
    }

    async fn accept(&mut self, source: &Source) -> Result<String, ApiError> {
        let Right { project, party, lease, .. } = self.right;
        let receipt = self.state.token();
        let text = serde_json::to_string(source).map_err(|error| ApiError::Internal(error.to_string()))?;
        match self.state.db.accept_external(project, party, lease, receipt.digest(), &text).await? {
            AcceptExternal::Accepted => {
                self.open = false;
                self.state.cache.ring(Queue::Default);
                Ok(receipt.reveal())
            }
            AcceptExternal::LeaseLost => Err(lost()),
        }
    }

    async fn finish(&mut self, form: &str, verdict: &Verdict) -> Result<String, ApiError> {
        let Right { project, party, lease, .. } = self.right;
        let receipt = self.state.token();
        match self.state.db.finish_upload(project, party, lease, receipt.digest(), verdict).await? {
            FinishUpload::Accepted { queued_runs } => {
                self.open = false;
                if let Verdict::Ready { summary, .. } = verdict {
                    metrics().uploaded(form, summary.count, summary.size);
                }
                if queued_runs > 0 {
                    self.state.cache.ring(Queue::Default);
                }
                Ok(receipt.reveal())
            }
            FinishUpload::WrongSize { wanted } => Err(ApiError::bad(format!(
                "this project's encodings have {wanted} bytes: Hash-Size must be {wanted}"
            ))),
            FinishUpload::LeaseLost => Err(lost()),
        }
    }

    async fn give_back(&mut self) {
        let aborted = self.writers.iter_mut().filter_map(Option::take).collect();
        if self.open {
            self.right.give_back(aborted).await;
            self.open = false;
        } else {
            abort(aborted).await;
        }
    }
}

impl Place for Session {
    type Error = ApiError;

    async fn write(&mut self, object: Object, bytes: &[u8]) -> Result<(), ApiError> {
        let writer = match &mut self.writers[object as usize] {
            Some(writer) => writer,
            None => {
                let name = self.name(object);
                let Right { project, lease, ttl, .. } = self.right;
                self.right.announced.push(name.clone());
                self.state.db.register_object(&name, project, lease, ttl).await?;
                self.writers[object as usize].insert(self.state.store.writer(&name))
            }
        };
        Ok(self.right.during(writer.write(bytes)).await??)
    }

    async fn close(&mut self, object: Object) -> Result<(), ApiError> {
        match self.writers[object as usize].take() {
            Some(writer) => Ok(self.right.during(writer.finish()).await??),
            None => Ok(()),
        }
    }

    async fn while_waiting<T: Send>(&mut self, work: impl Future<Output = T> + Send) -> Result<T, ApiError> {
        self.right.during(work).await
    }
}

impl Drop for Session {
    /// Reached with an open right only if the handler was dropped in mid-upload, because its client hung up.
    fn drop(&mut self) {
        if self.open {
            let (right, writers) =
                (self.right.clone(), self.writers.iter_mut().filter_map(Option::take).collect());
            self.state.cleanups.spawn(async move { right.give_back(writers).await });
        }
    }
}

impl Right {
    /// Does some work while the lease is renewed.
    async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, ApiError> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = sleep_until(self.renewed + self.renew_every) => self.renew().await?,
            }
        }
    }

    async fn renew(&mut self) -> Result<(), ApiError> {
        self.renewed = Instant::now();
        match self.db.renew_upload(self.project, self.party, self.lease, self.ttl).await? {
            true => Ok(()),
            false => Err(lost()),
        }
    }

    /// Aborts what was being written and gives the right back. If it had been lost, objects may have been written after a sweeper
    /// had been there: it is to come again.
    async fn give_back(&self, writers: Vec<Writer>) {
        abort(writers).await;
        let mut given_back = self.db.abandon_upload(self.project, self.party, self.lease).await;
        if given_back.is_ok() && !self.announced.is_empty() {
            given_back = self.db.discard_objects(&self.announced, self.project, self.lease).await;
        }
        if let Err(error) = given_back {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a broken upload could not be given back; its lease will run out");
        }
    }
}

async fn abort(writers: Vec<Writer>) {
    for writer in writers {
        writer.abort().await;
    }
}

fn lost() -> ApiError {
    ApiError::Forbidden(
        "this upload has lost its right: the project is gone, or another upload took its place".into(),
    )
}
