//! The stores that uploads by reference may lie in, and the sealing of the credentials that come with them.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::source::At;
use crate::codec::secret_box::SecretBox;
use crate::codec::upload::ExternalCredentials;
use crate::config::Secret;
use crate::config::objects::Keys;
use crate::domain::{ProjectId, Random, random_bytes};
use crate::store::{DownloadStore, Exchange, Foreign, ForeignError, Store, StoreError, UploadStore, name};

/// Separates the key that seals credentials from whatever else the shared secret is for.
const SEAL_CONTEXT: &str = "anonlink 2026-11 credentials of foreign object stores";

/// Why a store can't be opened.
#[derive(Debug, Error)]
pub enum ExternalError {
    /// Uploads by an object store are off.
    #[error("uploads by an object store are not enabled here")]
    Off,
    /// A foreign store can't be used.
    #[error(transparent)]
    Foreign(#[from] ForeignError),
    /// The shared secret can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Sealed credentials can't be opened.
    #[error("{0}")]
    Sealed(String),
}

/// The stores beside our own, and how to keep credentials for them.
#[derive(Clone, Default)]
pub struct External {
    exchange: Exchange,
    secret: Option<[u8; 32]>,
}

impl fmt::Debug for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("External").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// Credentials as they are sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    access: String,
    secret: String,
    session: Option<String>,
}

impl External {
    /// These stores. The secret is the one that the service's processes share; without one it is read from the object store when
    /// it is needed.
    pub fn new(exchange: Exchange, secret: Option<[u8; 32]>) -> Self {
        Self { exchange, secret }
    }

    /// The bucket that parties upload to, if that is on.
    pub fn upload(&self) -> Option<&UploadStore> {
        self.exchange.upload.as_ref()
    }

    /// The bucket that results are fetched from, if that is on.
    pub fn download(&self) -> Option<&DownloadStore> {
        self.exchange.download.as_ref()
    }

    /// The stores of strangers.
    pub fn foreign(&self) -> &Foreign {
        &self.exchange.foreign
    }

    /// Seals an uploader's credentials for a party's upload. `store` is the service's own.
    ///
    /// # Errors
    /// The shared secret can't be read.
    pub async fn seal(
        &self,
        store: &Store,
        random: &dyn Random,
        (project, party): (ProjectId, u16),
        credentials: &ExternalCredentials,
    ) -> Result<String, ExternalError> {
        let sealed = Sealed {
            access: credentials.access_key_id.clone(),
            secret: credentials.secret_access_key.clone(),
            session: credentials.session_token.clone().filter(|token| !token.is_empty()),
        };
        let text = serde_json::to_vec(&sealed).map_err(|error| ExternalError::Sealed(error.to_string()))?;
        let sealing = self.secret_box(store).await?;
        let sealed = sealing.seal(random_bytes(random), &context(project, party), &text);
        sealed.map_err(|error| ExternalError::Sealed(error.to_string()))
    }

    /// The store that a party's data lie in. `store` is the service's own.
    ///
    /// # Errors
    /// It is switched off or not allowed (any more), or its credentials can't be opened.
    pub async fn open(
        &self,
        store: &Store,
        (project, party): (ProjectId, u16),
        at: &At,
    ) -> Result<Store, ExternalError> {
        match at {
            At::Own => Ok(self.upload().ok_or(ExternalError::Off)?.objects().clone()),
            At::Foreign { endpoint, secure, bucket, credentials } => {
                let sealing = self.secret_box(store).await?;
                let wrong = |error: &dyn fmt::Display| ExternalError::Sealed(error.to_string());
                let opened =
                    sealing.open(&context(project, party), credentials).map_err(|error| wrong(&error))?;
                let Sealed { access, secret, session } =
                    serde_json::from_slice(&opened).map_err(|error| wrong(&error))?;
                let keys = Keys {
                    access: Secret::new(access),
                    secret: Secret::new(secret),
                    session: session.map(Secret::new),
                };
                Ok(self.foreign().bucket(endpoint, *secure, bucket, Some(keys)).await?)
            }
        }
    }

    async fn secret_box(&self, store: &Store) -> Result<SecretBox, ExternalError> {
        let secret = match self.secret {
            Some(secret) => secret.to_vec(),
            None => store.read(name::SEAL_KEY).await?.to_vec(),
        };
        Ok(SecretBox::new(blake3::derive_key(SEAL_CONTEXT, &secret)))
    }
}

fn context(project: ProjectId, party: u16) -> String {
    format!("{project}/{party}")
}

/// An uploader's credentials as keys.
pub fn keys(credentials: &ExternalCredentials) -> Keys {
    Keys {
        access: Secret::new(&credentials.access_key_id),
        secret: Secret::new(&credentials.secret_access_key),
        session: credentials.session_token.as_deref().filter(|token| !token.is_empty()).map(Secret::new),
    }
}
