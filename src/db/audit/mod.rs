//! The audit trail: an append-only record of who did what, in chains that show tampering (see [`crate::codec::audit`]).
//!
//! One chain per project, and one of the server's own for what concerns no project and for the beginning and the end of each
//! project's chain. Whatever changes a project writes its row in the transaction of the change, so that neither is ever without the
//! other; what is only handed out, or refused, is recorded by the methods here. The rows outlive their project.

mod walk;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;

use super::{DbError, DbResult};
use crate::codec::audit::{AuditKey, Hash, Head, NOTHING, Row, SERVER_CHAIN};
use crate::domain::audit::{Access, Action, Event, Refusal};

pub use walk::{Item, Selection, check, walk};

/// The trail in the metadata store.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Authenticates rows with this key from now on. Until it is known, whatever must leave a row fails as if the store were out
    /// of reach. A second key is ignored.
    fn audit_with(&self, key: AuditKey);

    /// Records that something is about to be handed out. Nothing may be handed out if this fails.
    async fn record_access(&self, access: Access) -> DbResult<()>;

    /// Records refused requests, each kind with its count, in one transaction.
    async fn record_refusals(&self, refusals: Vec<(Refusal, u64)>) -> DbResult<()>;

    /// All chains with their heads, at one point in time. A chain that has lost its head is named without.
    async fn audit_chains(&self) -> DbResult<Vec<(String, Option<Head>)>>;

    /// At most `limit` rows of a chain after that number, in order.
    async fn audit_rows(&self, chain: &str, after: i64, limit: usize) -> DbResult<Vec<Row>>;

    /// A chain's head, and the number of its last row, at one point in time.
    async fn audit_end(&self, chain: &str) -> DbResult<(Option<Head>, Option<i64>)>;
}

/// Where a store finds the key, once it is known; shared by all handles of the store.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyPlace(Arc<OnceLock<AuditKey>>);

impl KeyPlace {
    pub(super) fn set(&self, key: AuditKey) {
        // Whoever comes second brings the same key.
        let _ = self.0.set(key);
    }

    pub(super) fn get(&self) -> DbResult<&AuditKey> {
        let missing =
            || DbError::Unavailable("the secret that authenticates the audit trail isn't known yet".into());
        self.0.get().ok_or_else(missing)
    }
}

/// Rows that are to be written together, and the heads that change with them.
#[derive(Debug, Default)]
pub(super) struct Extension {
    /// In the order of their chains' growth.
    pub rows: Vec<Row>,
    /// The new head of each chain that grows.
    pub heads: BTreeMap<String, Head>,
}

/// Whether recording an event, given its project's head, touches the server's chain.
pub(super) fn touches_server(event: &Event, head: Option<&Head>) -> bool {
    event.project.is_none() || event.action.ends_project() || head.is_none_or(|head| head.ended)
}

/// Works out the rows of events. `heads` are those of the chains concerned, as far as they exist, read under whatever keeps others
/// from extending the chains; they are brought up to date. `sign` authenticates.
///
/// # Errors
/// `sign` fails.
pub(super) fn extend(
    heads: &mut BTreeMap<String, Head>,
    events: &[Event],
    now: i64,
    sign: &dyn Fn(&[u8]) -> DbResult<Hash>,
) -> DbResult<Extension> {
    let mut extension = Extension::default();
    for event in events {
        let open = |project: &&String| heads.get(*project).is_none_or(|head| !head.ended);
        let Some(project) = event.project.as_ref().filter(open).cloned() else {
            push(&mut extension, heads, SERVER_CHAIN, event, now, sign)?;
            continue;
        };
        let begins = !heads.contains_key(&project);
        let last = push(&mut extension, heads, &project, event, now, sign)?;
        let note = |action| Event { action, run: None, details: Default::default(), ..event.clone() };
        if begins {
            let action = match event.action {
                Action::ProjectCreated => Action::ProjectCreated,
                _ => Action::ChainBegun,
            };
            let begun = note(action).detail("first", String::from(last.hash));
            push(&mut extension, heads, SERVER_CHAIN, &begun, now, sign)?;
        }
        if event.action.ends_project() {
            let ended =
                note(event.action).detail("last", String::from(last.hash)).detail("rows", last.number);
            push(&mut extension, heads, SERVER_CHAIN, &ended, now, sign)?;
        }
    }
    Ok(extension)
}

/// Puts one row at the end of a chain.
fn push(
    extension: &mut Extension,
    heads: &mut BTreeMap<String, Head>,
    chain: &str,
    event: &Event,
    now: i64,
    sign: &dyn Fn(&[u8]) -> DbResult<Hash>,
) -> DbResult<Head> {
    let (number, previous) = heads.get(chain).map_or((0, NOTHING), |head| (head.number, head.hash));
    let mut row = Row {
        chain: chain.to_owned(),
        number: number + 1,
        time: now,
        actor: event.actor.kind.name().to_owned(),
        token: event.actor.token.map(|prefix| prefix.to_string()).unwrap_or_default(),
        action: event.action.name().to_owned(),
        project: event.project.clone().unwrap_or_default(),
        run: event.run.clone().unwrap_or_default(),
        outcome: event.outcome.name().to_owned(),
        details: serde_json::Value::from(event.details.clone()).to_string(),
        previous,
        hash: NOTHING,
        mac: NOTHING,
    };
    row.hash = row.digest();
    row.mac = sign(&Row::sealed(row.hash))?;
    let ended = chain != SERVER_CHAIN && event.action.ends_project();
    let mut head = Head { chain: chain.to_owned(), number: row.number, hash: row.hash, ended, mac: NOTHING };
    head.mac = sign(&head.sealed())?;
    extension.rows.push(row);
    extension.heads.insert(chain.to_owned(), head.clone());
    heads.insert(chain.to_owned(), head.clone());
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::audit::{BEGINNINGS, ENDS};

    #[test]
    fn the_check_knows_the_words_that_are_written() {
        assert_eq!(BEGINNINGS, [Action::ProjectCreated, Action::ChainBegun].map(Action::name));
        assert_eq!(ENDS, [Action::ProjectDeleted, Action::ProjectExpired].map(Action::name));
        assert!([Action::ProjectDeleted, Action::ProjectExpired].iter().all(|action| action.ends_project()));
    }
}
