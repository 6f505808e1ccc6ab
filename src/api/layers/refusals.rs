//! Refused requests on their way into the audit trail.
//!
//! They are counted in memory, by project, route, reason and token, and written once a second in one transaction: a flood of them
//! costs no flood of synced writes. What doesn't fit into the bounded table is counted without project and token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::api::auth::{Target, presented};
use crate::api::problem::Refused;
use crate::api::state::ApiState;
use crate::db::Db;
use crate::domain::Token;
use crate::domain::audit::{Actor, ActorKind, Refusal, TokenPrefix};

/// Time between two writes.
const EVERY: Duration = Duration::from_secs(1);

/// Kinds of refusal that are told apart between two writes.
const KINDS: usize = 64;

/// Refusals that are yet to be written.
#[derive(Debug, Default)]
pub struct Refusals {
    counts: Mutex<BTreeMap<Refusal, u64>>,
}

impl Refusals {
    /// Counts one.
    fn count(&self, refusal: Refusal) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut counts, refusal, 1);
    }

    /// Writes what has been counted. If that fails it is kept for the next time.
    pub async fn write(&self, db: &dyn Db) {
        let counts = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        if counts.is_empty() {
            return;
        }
        let batch = counts.iter().map(|(refusal, count)| (refusal.clone(), *count)).collect();
        if let Err(error) = db.record_refusals(batch).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "refused requests could not be recorded in the audit trail; the next try comes"
            );
            let mut waiting = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (refusal, count) in counts {
                add(&mut waiting, refusal, count);
            }
        }
    }

    /// Writes once a second, for ever.
    pub async fn keep_writing(&self, db: &dyn Db) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.write(db).await;
        }
    }
}

fn add(counts: &mut BTreeMap<Refusal, u64>, refusal: Refusal, count: u64) {
    let refusal = match counts.len() < KINDS || counts.contains_key(&refusal) {
        true => refusal,
        // Routes and reasons are few, so that this has an end.
        false => Refusal { project: None, actor: Actor { kind: ActorKind::Unknown, token: None }, ..refusal },
    };
    *counts.entry(refusal).or_default() += count;
}

/// Counts the request if its answer says that it was refused.
pub async fn watch(State(state): State<Arc<ApiState>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    // Paths without parameters have no target, which is no error here.
    let target = Target::from_request_parts(&mut parts, &()).await.unwrap_or_default();
    // Nearly all requests pass: what a refusal would say is worked out once there is one.
    let authorization = parts.headers.get(header::AUTHORIZATION).cloned();
    let (method, path) = (parts.method.clone(), parts.extensions.get::<MatchedPath>().cloned());
    let response = next.run(Request::from_parts(parts, body)).await;
    if let Some(Refused(reason)) = response.extensions().get() {
        let actor = stranger(authorization.as_ref());
        let route = format!("{method} {}", path.as_ref().map_or("(none)", MatchedPath::as_str));
        state.refusals.count(Refusal { project: target.project.parse().ok(), actor, route, reason });
    }
    response
}

/// What a token tells of somebody whom it gave no right. Of what hasn't a token's form nothing is kept: it may be a password.
fn stranger(authorization: Option<&HeaderValue>) -> Actor {
    match presented(authorization) {
        Err(_) => Actor { kind: ActorKind::Nobody, token: None },
        Ok(presented) => {
            let token = presented.parse::<Token>().ok().map(|token| TokenPrefix::from(token.digest()));
            Actor { kind: ActorKind::Unknown, token }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(token: u32) -> Refusal {
        let token = Some(TokenPrefix(token.to_be_bytes()));
        let actor = Actor { kind: ActorKind::Unknown, token };
        Refusal { project: None, actor, route: "GET /x".into(), reason: "no token" }
    }

    #[test]
    fn a_flood_stays_small_and_every_request_is_counted() {
        let refusals = Refusals::default();
        for token in 0..10_000 {
            refusals.count(refusal(token % 1000));
        }
        let counts = refusals.counts.lock().unwrap();
        assert_eq!(counts.len(), KINDS + 1);
        assert_eq!(counts.values().sum::<u64>(), 10_000);
        assert_eq!(counts[&refusal(0)], 10, "those that came first keep their own count");
    }

    #[test]
    fn of_a_password_nothing_is_kept() {
        let with = |value: &str| stranger(Some(&HeaderValue::from_str(value).unwrap()));
        assert_eq!(with("hunter2"), Actor { kind: ActorKind::Unknown, token: None });
        assert!(with(&"0f".repeat(24)).token.is_some());
        assert_eq!(stranger(None).kind, ActorKind::Nobody);
    }
}
