//! Why a call to the object store failed. Texts name the endpoint and what it answered, and never a key: of what an S3 store says
//! only code and message are passed on, since the rest may repeat the request's credentials.

use thiserror::Error;

use super::outage::is_outage;
use super::s3::xml;
use crate::config::tls::TlsError;

/// How stores name a missing bucket.
pub(super) const NO_BUCKET: &str = "NoSuchBucket";

/// Why a call to the object store failed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// There is no such object.
    #[error("there is no object {0}")]
    NotFound(String),
    /// There is no such bucket.
    #[error("the object store has no such bucket: {0}")]
    NoBucket(String),
    /// The store doesn't let us.
    #[error("the object store refused: {0}")]
    Refused(String),
    /// The store doesn't answer, breaks off, or has too much to do, for longer than requests are repeated: it may come back.
    #[error("the object store is out of reach: {0}")]
    Unavailable(String),
    /// The store takes no more data: its disk is full or read-only, or a quota is used up.
    #[error("the object store takes no more data: {0}")]
    Unwritable(String),
    /// The directory for objects can't be used.
    #[error("the object directory {path} can't be used: {source}")]
    Directory {
        /// The directory.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The connection can't be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Anything else the store answered.
    #[error("the object store failed: {0}")]
    Backend(String),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error;

        match error {
            // Asked for a mere head the store doesn't say which of the two is missing.
            Error::NotFound { .. } if error.to_string().contains(NO_BUCKET) => {
                Self::NoBucket(worded(&error.to_string()))
            }
            Error::NotFound { path, .. } => Self::NotFound(path),
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                Self::Refused(worded(&error.to_string()))
            }
            other if is_unwritable(&other) => Self::Unwritable(worded(&other.to_string())),
            other if is_outage(&other) => Self::Unavailable(worded(&other.to_string())),
            other => Self::Backend(worded(&other.to_string())),
        }
    }
}

/// Whether the system, or the store at the other end, has no room for what was to be written.
fn is_unwritable(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(no_room) {
            return true;
        }
        cause = error.source();
    }
    // As S3 stores say it: MinIO and Ceph by these codes, others by the status 507.
    let text = error.to_string();
    ["XMinioStorageFull", "QuotaExceeded", "507 Insufficient Storage"].iter().any(|code| text.contains(code))
}

/// Whether a file can't be written for want of room, or because its file system takes no writes.
pub fn no_room(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
}

/// A message with the XML of an answer in it, with the XML replaced by its code and message.
pub(super) fn worded(text: &str) -> String {
    let Some(at) = text.find("<?xml").or_else(|| text.find("<Error")) else {
        return text.chars().take(1000).collect();
    };
    let (before, answer) = text.split_at(at);
    format!("{before}{}", answered(answer))
}

/// Code and message of an S3 error document.
pub(super) fn answered(document: &str) -> String {
    let error = xml::records(document, "Error").ok().and_then(|mut found| found.pop()).unwrap_or_default();
    let field = |name: &str| error.get(name).map_or("", String::as_str);
    match (field("Code"), field("Message")) {
        ("", "") => "(an answer that is no S3 error document)".to_owned(),
        (code, message) => format!("{code}: {message}"),
    }
}

/// Result of a call to the object store.
pub type StoreResult<T> = Result<T, StoreError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart() {
        let wrapped =
            |error: std::io::Error| object_store::Error::Generic { store: "s", source: Box::new(error) };
        for code in [28, 30, 122] {
            let error = StoreError::from(wrapped(std::io::Error::from_raw_os_error(code)));
            assert!(matches!(error, StoreError::Unwritable(_)), "{error}");
        }
        let said =
            std::io::Error::other("<Error><Code>XMinioStorageFull</Code><Message>full</Message></Error>");
        assert!(
            matches!(StoreError::from(wrapped(said)), StoreError::Unwritable(text) if text.ends_with("XMinioStorageFull: full"))
        );
        assert!(matches!(
            StoreError::from(wrapped(std::io::Error::from_raw_os_error(5))),
            StoreError::Backend(_)
        ));
    }

    #[test]
    fn answers_are_reduced_to_code_and_message() {
        let text = "Error performing PUT http://s3/b/k in 1s - Server returned non-2xx status code: 403 Forbidden: \
                    <?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>It doesn&apos;t match</Message>\
                    <AWSAccessKeyId>AKIA</AWSAccessKeyId><StringToSign>secret</StringToSign></Error>";
        let words = worded(text);
        assert!(words.ends_with("403 Forbidden: SignatureDoesNotMatch: It doesn't match"), "{words}");
        assert!(words.starts_with("Error performing PUT http://s3/b/k"), "{words}");
        assert_eq!(worded("plain"), "plain");
        assert!(worded("x <?xml broken").starts_with("x (an answer"), "{}", worded("x <?xml broken"));
    }
}
