//! The buckets that clients themselves may reach: [`UploadStore`] to put their data, [`DownloadStore`] to get a result, each with
//! temporary credentials for nothing but that.

use std::time::Duration;

use super::sts::{Policy, Sts, StsError, TemporaryCredentials};
use super::{Store, StoreResult, s3};
use crate::config::objects::{DownloadSettings, Server, UploadSettings};
use crate::domain::ProjectId;

/// Leave to put or get objects at one place.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Proof of the leave.
    pub credentials: TemporaryCredentials,
    /// The store as clients reach it: host, or host and port.
    pub endpoint: String,
    /// Whether it is spoken to by TLS.
    pub secure: bool,
    /// The bucket.
    pub bucket: String,
    /// The object, or the path below which objects may be put.
    pub path: String,
}

/// The bucket that parties upload to.
#[derive(Debug, Clone)]
pub struct UploadStore {
    objects: Store,
    inside: Server,
    server: Server,
    bucket: String,
    sts: Sts,
    duration: Duration,
}

impl UploadStore {
    /// Puts the parts together. Nothing is sent yet.
    ///
    /// # Errors
    /// The certificate authorities can't be loaded.
    pub fn new(settings: &UploadSettings) -> StoreResult<Self> {
        let at = &settings.bucket;
        let client = s3::client::own(at.ca.as_deref())?;
        Ok(Self {
            objects: Store::s3(at)?,
            inside: at.server.clone(),
            server: settings.server.clone(),
            bucket: at.bucket.clone(),
            sts: Sts::new(client, &settings.sts, &at.region, &settings.keys, settings.role.clone()),
            duration: settings.duration,
        })
    }

    /// The bucket with our own keys.
    pub fn objects(&self) -> &Store {
        &self.objects
    }

    /// Where a party uploads to.
    pub fn path(project: ProjectId, party: u16) -> String {
        format!("{project}/{party}")
    }

    /// Leave for a party to put objects at its path and below.
    ///
    /// # Errors
    /// [`StsError`]
    pub async fn authorize(&self, project: ProjectId, party: u16) -> Result<Grant, StsError> {
        let path = Self::path(project, party);
        let credentials = self.sts.assume(&Policy::put_under(&self.bucket, &path), self.duration).await?;
        Ok(Grant {
            credentials,
            endpoint: self.server.address(),
            secure: self.server.secure(),
            bucket: self.bucket.clone(),
            path,
        })
    }

    /// Whether an endpoint that somebody names is this store: none is, and so are its addresses inside and outside.
    pub fn is_at(&self, endpoint: Option<&str>, secure: Option<bool>) -> bool {
        let Some(endpoint) = endpoint else { return true };
        [&self.server, &self.inside].into_iter().any(|own| {
            Server::parse(endpoint, secure.unwrap_or(own.secure())).is_ok_and(|named| named.is_at(own))
        })
    }

    /// Whether an object is a party's own: at its path, or below it by whole segments.
    pub fn belongs_to(&self, project: ProjectId, party: u16, bucket: &str, path: &str) -> bool {
        let whole = |segment: &str| !matches!(segment, "" | "." | "..");
        let below = |rest: &str| rest.strip_prefix('/').is_some_and(|rest| rest.split('/').all(whole));
        bucket == self.bucket
            && path
                .strip_prefix(&Self::path(project, party))
                .is_some_and(|rest| rest.is_empty() || below(rest))
    }
}

/// The bucket of results.
#[derive(Debug, Clone)]
pub struct DownloadStore {
    server: Server,
    bucket: String,
    sts: Sts,
    duration: Duration,
}

impl DownloadStore {
    /// Puts the parts together. Nothing is sent yet.
    ///
    /// # Errors
    /// The certificate authorities can't be loaded.
    pub fn new(settings: &DownloadSettings) -> StoreResult<Self> {
        let client = s3::client::own(settings.ca.as_deref())?;
        Ok(Self {
            server: settings.server.clone(),
            bucket: settings.bucket.clone(),
            sts: Sts::new(client, &settings.sts, &settings.region, &settings.keys, settings.role.clone()),
            duration: settings.duration,
        })
    }

    /// Leave to get one object.
    ///
    /// # Errors
    /// [`StsError`]
    pub async fn authorize(&self, object: &str) -> Result<Grant, StsError> {
        let credentials = self.sts.assume(&Policy::get(&self.bucket, object), self.duration).await?;
        Ok(Grant {
            credentials,
            endpoint: self.server.address(),
            secure: self.server.secure(),
            bucket: self.bucket.clone(),
            path: object.to_owned(),
        })
    }
}

/// What there is beside the service's own store.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    /// Uploads by clients, if they are on.
    pub upload: Option<UploadStore>,
    /// Downloads by clients, if they are on.
    pub download: Option<DownloadStore>,
    /// Stores of strangers.
    pub foreign: super::Foreign,
}
