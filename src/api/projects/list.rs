//! `GET /projects`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Serialize;

use crate::api::auth;
use crate::api::paging::{self, list};
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::domain::{ProjectId, Timestamp};

/// A project in the list.
#[derive(Serialize)]
struct Entry {
    project_id: ProjectId,
    time_added: Timestamp,
}

impl paging::Entry for Entry {
    fn place(&self) -> (Timestamp, String) {
        (self.time_added, self.project_id.to_string())
    }
}

/// All projects, oldest first; with `limit` a part of them.
///
/// # Errors
/// 400 or 403 if the operator wants a token for this, 400 for a part that makes no sense.
pub async fn get(
    State(state): State<Arc<ApiState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    auth::operator(state.settings.project_list_token.as_ref(), &headers)?;
    let db = state.db.clone();
    let fetch = move |page| -> futures::future::BoxFuture<'static, _> {
        let db = db.clone();
        Box::pin(async move {
            let projects = db.list_projects(page).await?.into_iter();
            Ok(projects.map(|(project_id, time_added)| Entry { project_id, time_added }).collect())
        })
    };
    list(&uri, Arc::new(fetch)).await
}
