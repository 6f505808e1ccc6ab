//! Which objects exist. A name is registered before the first byte is written and becomes live in the transaction that
//! refers to it; whatever stays registered without becoming live, or loses what referred to it, is swept.

use std::time::Duration;

use async_trait::async_trait;

use super::{DbResult, Lease};
use crate::domain::ProjectId;

/// Objects in the metadata store.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Announces that an object will be written under a lease (an upload's or a task's).
    async fn register_object(
        &self,
        name: &str,
        project: ProjectId,
        lease: Lease,
        ttl: Duration,
    ) -> DbResult<()>;

    /// Says that a writer has lost its lease and may have written these objects nevertheless, perhaps after they were swept and
    /// forgotten: what isn't live is swept, once more if need be.
    async fn discard_objects(&self, names: &[String], project: ProjectId, lease: Lease) -> DbResult<()>;

    /// Up to `limit` names that nothing needs any more: doomed ones, and those whose writer's lease has run out.
    async fn dead_objects(&self, limit: usize) -> DbResult<Vec<String>>;

    /// Strikes names off after the objects have been deleted, save those that were discarded meanwhile.
    async fn forget_objects(&self, names: &[String]) -> DbResult<()>;

    /// Which of these names are known (registered, live or doomed): the rest of a listing is debris.
    async fn known_objects(&self, names: &[String]) -> DbResult<Vec<String>>;
}
