//! How clients are told what they may do in an object store.

use serde::Serialize;

use crate::store::{Grant, TemporaryCredentials};

/// An object's address, or the path below which objects may be put.
#[derive(Debug, Serialize)]
pub struct Address {
    endpoint: String,
    secure: bool,
    bucket: String,
    path: String,
}

impl Address {
    /// The two halves of a grant.
    pub fn of(grant: Grant) -> (TemporaryCredentials, Self) {
        let Grant { credentials, endpoint, secure, bucket, path } = grant;
        (credentials, Self { endpoint, secure, bucket, path })
    }
}
