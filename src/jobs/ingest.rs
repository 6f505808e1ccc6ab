//! `ingest`: brings in a party's data that lie in an object store, as the same files that an upload by request becomes.
//!
//! What was uploaded to our own bucket is deleted once it isn't needed: its name is registered under the task's lease right before the
//! task ends, so that the transaction that records the end dooms it as well. The sweeper then asks how the party stands, and
//! spares what another attempt at the task still reads (see [`super::housekeeping`]). A crash in between loses nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::BoxStream;

use super::{JobContext, JobError};
use crate::codec::encoding_file::EncodingFile;
use crate::codec::upload::{Accept, PackedParser, SizeRules, UploadOptions};
use crate::db::ledger::{ClaimedTask, Outcome};
use crate::db::uploads::Verdict;
use crate::domain::report::BlockReport;
use crate::domain::{PartyReport, UploadSummary, random_bytes};
use crate::matching::encoding::MAX_ENCODING_BYTES;
use crate::staging::external::ExternalError;
use crate::staging::intake::hasher;
use crate::staging::{
    Blocks, Intake, IntakeError, Object, ObjectRef, Place, Rows, Source, StagingError, broken_promise,
};
use crate::store::{StoreError, StoreResult, Writer, name};

/// Memory for block ids; more spills to temporary files.
const BLOCK_BUFFER: u64 = 64 << 20;

/// Why the data don't come in: their own fault, or somebody else's.
enum Refusal {
    /// The data are no good: the project turns to error with this message.
    Data(String),
    /// The task failed.
    Task(JobError),
}

impl<E: Into<JobError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Task(error.into())
    }
}

impl From<StagingError> for JobError {
    fn from(error: StagingError) -> Self {
        Self::Transient(error.to_string())
    }
}

impl From<ExternalError> for JobError {
    fn from(error: ExternalError) -> Self {
        match error {
            ExternalError::Store(error) => error.into(),
            ExternalError::Foreign(error) if !error.is_forbidden() => Self::Transient(error.to_string()),
            ExternalError::Off | ExternalError::Foreign(_) => Self::Refused(error.to_string()),
            other => Self::Permanent(other.to_string()),
        }
    }
}

pub(super) async fn ingest(
    context: &Arc<JobContext>,
    task: &ClaimedTask,
    party: u16,
    source: &str,
    cancelled: &Arc<AtomicBool>,
) -> Result<Outcome, JobError> {
    let source: Source = serde_json::from_str(source).map_err(|error| {
        JobError::Permanent(format!("the description of external data can't be read: {error}"))
    })?;
    let place = TaskPlace { context, task, party, cancelled, writers: [None, None] };
    let mut ingestion = Ingestion { place, source: &source, warnings: Vec::new() };
    let verdict = match ingestion.run().await {
        Ok(summary) => Verdict::Ready { summary, strict: false },
        Err(Refusal::Data(message)) => Verdict::Error(message),
        Err(Refusal::Task(error)) => {
            ingestion.place.abort().await;
            return Err(error);
        }
    };
    ingestion.place.abort().await;
    if source.is_own() {
        let name = name::uploaded(task.project, party, &task.lease.hex());
        context.announce(task, &name).await?;
    }
    Ok(Outcome::Ingested(verdict))
}

/// One attempt.
struct Ingestion<'a> {
    place: TaskPlace<'a>,
    source: &'a Source,
    warnings: Vec<String>,
}

impl Ingestion<'_> {
    async fn run(&mut self) -> Result<UploadSummary, Refusal> {
        let (context, task) = (self.place.context, self.place.task);
        let project = context.db.project(task.project).await?.ok_or(JobError::Cancelled)?;
        let encodings = &self.source.encodings;
        let (file, mut report) = match is_json(encodings) {
            true => self.json(encodings).await?,
            false => self.packed(encodings).await?,
        };
        if let Some(problem) = broken_promise(&project, file.size) {
            return Err(Refusal::Data(problem));
        }
        let blocks_object = match &self.source.blocks {
            Some(blocks) => {
                report.blocks = Some(self.blocks(blocks).await?);
                Some(self.place.name(Object::Blocks))
            }
            None => None,
        };
        self.warnings.extend(report.warnings(self.source.count.into()));
        Ok(UploadSummary {
            count: self.source.count,
            size: file.size as usize,
            digest: file.digest,
            encodings_object: self.place.name(Object::Encodings),
            blocks_object,
            warnings: std::mem::take(&mut self.warnings),
            report: Some(report),
        })
    }

    /// A fresh seed for the hashes of encodings.
    fn seed(&self) -> [u8; 8] {
        random_bytes(&*self.place.context.random)
    }

    /// Encodings as JSON; those that are too short are filled up.
    async fn json(&mut self, object: &ObjectRef) -> Result<(EncodingFile, PartyReport), Refusal> {
        let Source { count, size, .. } = *self.source;
        let max = u32::try_from(MAX_ENCODING_BYTES).unwrap_or(u32::MAX);
        let sizes = SizeRules { min: 1, max, wanted: Some(size), pad: true };
        let options =
            UploadOptions { accept: Accept::Encodings, size: sizes, ..UploadOptions::new(hasher()?) };
        let mut intake = Intake::new(options, None, self.seed());
        let (_, mut pieces) = self.open(object).await?;
        while let Some(piece) = pieces.try_next().await? {
            intake = intake.feed(piece).await.map_err(|error| refusal(object, error))?;
            intake.rows().drain(&mut self.place).await?;
        }
        let (rows, _, outcome) = intake.finish().map_err(|error| refusal(object, error))?;
        if let Some(problem) = outcome.problem {
            return Err(Refusal::Data(problem.to_string()));
        }
        if outcome.count != count {
            return Err(Refusal::Data(format!(
                "the object {:?} holds {} encodings, but its metadata hash-count says {count}",
                object.path, outcome.count
            )));
        }
        if let Some(padding) = outcome.padding {
            self.warn(format!(
                "{} encodings of party {} were shorter than the {size} bytes that their metadata hash-size says and were filled up \
                 with zero bytes; the first is encoding {}",
                padding.count, self.place.party, padding.first
            ));
        }
        Ok(rows.finish(&mut self.place).await?)
    }

    /// Encodings one after the other; what follows the last one is left unread.
    async fn packed(&mut self, object: &ObjectRef) -> Result<(EncodingFile, PartyReport), Refusal> {
        let Source { count, size, .. } = *self.source;
        let wrong =
            |error: &dyn std::fmt::Display| Refusal::Data(format!("the object {:?}: {error}", object.path));
        let parser = PackedParser::new(count, size).map_err(|error| wrong(&error))?;
        let mut parser = parser.tolerate_surplus();
        let wanted = parser.wanted();
        let (length, mut pieces) = self.open(object).await?;
        let (mut rows, mut came) = (Rows::new(self.seed()), 0);
        while came < wanted
            && let Some(piece) = pieces.try_next().await?
        {
            let fresh = parser.feed(&piece).map_err(|error| wrong(&error))?;
            came += fresh.len() as u64;
            rows.push(size, fresh);
            rows.drain(&mut self.place).await?;
        }
        parser.finish().map_err(|error| wrong(&error))?;
        if length > wanted {
            self.warn(format!(
                "the object with the encodings of party {} has {length} bytes, but its metadata say {count} encodings of {size} \
                 bytes: the last {} bytes were left out",
                self.place.party,
                length - wanted
            ));
        }
        Ok(rows.finish(&mut self.place).await?)
    }

    async fn blocks(&mut self, object: &ObjectRef) -> Result<BlockReport, Refusal> {
        let accept = Accept::Blocks { count: self.source.count };
        let options = UploadOptions { accept, ..UploadOptions::new(hasher()?) };
        let blocks = Blocks::new(BLOCK_BUFFER, self.place.context.settings.scratch.clone());
        let mut intake = Intake::new(options, Some(blocks), self.seed());
        let (_, mut pieces) = self.open(object).await?;
        while let Some(piece) = pieces.try_next().await? {
            self.place.go_on()?;
            intake = intake.feed(piece).await.map_err(|error| refusal(object, error))?;
        }
        let (_, blocks, _) = intake.finish().map_err(|error| refusal(object, error))?;
        let blocks = blocks.ok_or_else(|| StagingError::Inconsistent("the blocks got lost".into()))?;
        Ok(blocks.finish(&mut self.place, self.source.count).await?)
    }

    /// Opens an object; what isn't there, or is refused, is the uploader's affair.
    async fn open(
        &mut self,
        object: &ObjectRef,
    ) -> Result<(u64, BoxStream<'static, StoreResult<Bytes>>), Refusal> {
        let TaskPlace { context, task, party, .. } = &self.place;
        let store = context.external.open(&context.store, (task.project, *party), &object.at).await?;
        let opened = match object.size {
            Some(size) => store.stream_as_described(&object.path, size, object.etag.as_deref()).await,
            None => store.stream(&object.path).await.map(Some),
        };
        match opened {
            Ok(None) => Err(Refusal::Data(format!(
                "the object {:?} is not the one that was there when the upload was accepted",
                object.path
            ))),
            Ok(Some(opened)) => Ok(opened),
            Err(StoreError::NotFound(_) | StoreError::NoBucket(_)) => {
                Err(Refusal::Data(format!("the object {:?} is no longer there", object.path)))
            }
            Err(error @ StoreError::Refused(_)) => {
                tracing::warn!(%error, "external data can't be read");
                Err(Refusal::Data(format!("the object store refuses to give the object {:?}", object.path)))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }
}

fn is_json(object: &ObjectRef) -> bool {
    object.path.to_ascii_lowercase().ends_with(".json")
}

fn refusal(object: &ObjectRef, error: IntakeError) -> Refusal {
    match error {
        IntakeError::Upload(error) => Refusal::Data(format!("the object {:?}: {error}", object.path)),
        IntakeError::Unasked => Refusal::Data(format!(
            "the object {:?} holds block ids, which belong into the object that `blocks` names in a project that uses blocking",
            object.path
        )),
        IntakeError::Staging(error) => Refusal::Task(error.into()),
    }
}

/// The files that a task writes. Its heartbeat keeps the right to them.
struct TaskPlace<'a> {
    context: &'a Arc<JobContext>,
    task: &'a ClaimedTask,
    party: u16,
    cancelled: &'a AtomicBool,
    writers: [Option<Writer>; 2],
}

impl TaskPlace<'_> {
    fn name(&self, object: Object) -> String {
        object.name(self.task.project, self.party, &self.task.lease.hex())
    }

    fn go_on(&self) -> Result<(), JobError> {
        match self.cancelled.load(Ordering::Relaxed) {
            true => Err(JobError::Cancelled),
            false => Ok(()),
        }
    }

    async fn abort(&mut self) {
        for writer in self.writers.iter_mut().filter_map(Option::take) {
            writer.abort().await;
        }
    }
}

impl Place for TaskPlace<'_> {
    type Error = JobError;

    async fn write(&mut self, object: Object, bytes: &[u8]) -> Result<(), JobError> {
        self.go_on()?;
        let writer = match &mut self.writers[object as usize] {
            Some(writer) => writer,
            None => {
                let (context, task, name) = (self.context, self.task, self.name(object));
                context.announce(task, &name).await?;
                self.writers[object as usize].insert(context.store.writer(&name))
            }
        };
        Ok(writer.write(bytes).await?)
    }

    async fn close(&mut self, object: Object) -> Result<(), JobError> {
        match self.writers[object as usize].take() {
            Some(writer) => Ok(writer.finish().await?),
            None => Ok(()),
        }
    }

    async fn while_waiting<T: Send>(&mut self, work: impl Future<Output = T> + Send) -> Result<T, JobError> {
        Ok(work.await)
    }
}
