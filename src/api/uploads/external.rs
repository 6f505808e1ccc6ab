//! Uploads whose data lie in an object store: `{"encodings": {"file": {…}}, …}` instead of encodings.
//!
//! What the request names is checked at once, as far as it can be without reading the data: who may name it, whether it is there,
//! how many encodings of which size it holds. Bringing the data in is a worker's task.

use super::session::Session;
use super::{check_records, size_rules};
use crate::api::problem::ApiError;
use crate::api::projects::external_upload::DISABLED;
use crate::api::state::ApiState;
use crate::codec::upload::{ExternalObject, ExternalUpload};
use crate::db::projects::ProjectRecord;
use crate::staging::external::{ExternalError, keys};
use crate::staging::{At, ObjectRef, Place, Source, broken_promise};
use crate::store::{Description, ForeignError, Store, StoreError};

/// Names of the notes that say what an object holds.
const COUNT: &str = "hash-count";
const SIZE: &str = "hash-size";

/// Checks what an upload names, and describes it for the worker.
///
/// # Errors
/// 400 for an object that isn't there, isn't readable or lacks its notes; 403 for one that isn't the party's; 413 for one that is
/// too large; 500 if uploads by an object store are off.
pub(super) async fn source(
    state: &ApiState,
    project: &ProjectRecord,
    party: u16,
    session: &mut Session,
    upload: ExternalUpload,
) -> Result<Source, ApiError> {
    let limit = state.settings.max_body;
    let (encodings, description) =
        session.while_waiting(look(state, project, party, &upload.encodings)).await??;
    let (count, size) = (positive(&description, COUNT)?, positive(&description, SIZE)?);
    check_records(state, count)?;
    size_rules(state, project).check(0, size).map_err(|problem| ApiError::bad(problem.to_string()))?;
    if let Some(problem) = broken_promise(project, size) {
        return Err(ApiError::bad(problem));
    }
    if u64::from(count) * u64::from(size) > limit || description.size > limit {
        return Err(ApiError::TooLarge { limit });
    }
    let blocks = match &upload.blocks {
        Some(blocks) => {
            let (blocks, description) = session.while_waiting(look(state, project, party, blocks)).await??;
            if description.size > limit {
                return Err(ApiError::TooLarge { limit });
            }
            Some(blocks)
        }
        None => None,
    };
    Ok(Source { encodings, blocks, count, size })
}

/// Finds an object that a request names, if its party may name it.
async fn look(
    state: &ApiState,
    project: &ProjectRecord,
    party: u16,
    object: &ExternalObject,
) -> Result<(ObjectRef, Description), ApiError> {
    let external = &state.external;
    let own = external.upload().filter(|upload| upload.is_at(object.endpoint.as_deref(), object.secure));
    let (at, store) = match (own, &object.endpoint) {
        (Some(upload), _) => {
            // Clients send back the credentials that they were given, which can only put: our own keys read.
            if !upload.belongs_to(project.id, party, &object.bucket, &object.path) {
                return Err(ApiError::Forbidden(
                    "a party may only name objects at or below the bucket and path that \
                     authorize-external-upload gave it"
                        .into(),
                ));
            }
            (At::Own, upload.objects().clone())
        }
        (None, None) => return Err(DISABLED),
        (None, Some(endpoint)) => {
            let credentials = object.credentials.as_ref();
            let (secure, bucket) = (object.secure, &object.bucket);
            let store = external.foreign().bucket(endpoint, secure, bucket, credentials.map(keys)).await;
            let store: Store = store.map_err(refusal)?;
            let sealed = match credentials {
                Some(credentials) => {
                    let party = (project.id, party);
                    external.seal(&state.store, &*state.random, party, credentials).await.map_err(failure)?
                }
                None => String::new(),
            };
            let at = At::Foreign {
                endpoint: endpoint.clone(),
                secure,
                bucket: bucket.clone(),
                credentials: sealed,
            };
            (at, store)
        }
    };
    let foreign = at != At::Own;
    match store.describe(&object.path).await {
        Ok(description) => {
            let (size, etag) = (Some(description.size), description.etag.clone());
            Ok((ObjectRef { path: object.path.clone(), at, size, etag }, description))
        }
        Err(StoreError::NotFound(_)) => Err(ApiError::bad(format!(
            "there is no object {:?} in the bucket {:?}",
            object.path, object.bucket
        ))),
        // A foreign store's troubles are the uploader's to mend; what exactly it said stays in our log.
        Err(error) if foreign => {
            tracing::warn!(%error, "a foreign object store did not answer as hoped");
            let detail = match error {
                StoreError::Refused(_) => {
                    "the object store refuses to show the object with these credentials"
                }
                _ => "the object store that the upload names can't be used now",
            };
            Err(ApiError::bad(detail))
        }
        Err(error) => Err(error.into()),
    }
}

fn refusal(error: ForeignError) -> ApiError {
    match error {
        ForeignError::Store(error) => error.into(),
        error if error.is_forbidden() => ApiError::Forbidden(error.to_string()),
        error => ApiError::bad(error.to_string()),
    }
}

fn failure(error: ExternalError) -> ApiError {
    match error {
        ExternalError::Store(error) => error.into(),
        other => ApiError::Internal(other.to_string()),
    }
}

/// A note that holds a positive whole number.
fn positive(description: &Description, name: &str) -> Result<u32, ApiError> {
    let missing =
        || ApiError::bad(format!("the object with the encodings lacks the metadata x-amz-meta-{name}"));
    let text = description.notes.get(name).ok_or_else(missing)?.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number @ 1..) if digits => Ok(number),
        _ => Err(ApiError::bad(format!(
            "the metadata x-amz-meta-{name} of the object with the encodings must be a whole number from 1 to {}, not {:?}",
            u32::MAX,
            text.chars().take(40).collect::<String>()
        ))),
    }
}
