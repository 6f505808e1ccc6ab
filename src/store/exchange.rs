//! The buckets that clients themselves may reach: [`UploadStore`] to put their data, [`DownloadStore`] to get a result, each with
//! temporary credentials for nothing but that.

use std::time::Duration;

use super::sts::{Policy, Sts, StsError, TemporaryCredentials};
use super::{Store, StoreResult, s3};
use crate::config::objects::{DownloadSettings, ObjectStores, Server, UploadSettings};
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

    /// Whose an object of this name is; `None` for one that is no party's.
    pub fn owner(name: &str) -> Option<(ProjectId, u16)> {
        let mut segments = name.splitn(3, '/');
        let (project, party) = (segments.next()?.parse().ok()?, segments.next()?);
        let plain = !party.is_empty() && party.bytes().all(|byte| byte.is_ascii_digit());
        Some((project, party.parse().ok().filter(|_| plain)?))
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

impl Exchange {
    /// What the settings switch on. Nothing is sent yet.
    ///
    /// # Errors
    /// The certificate authorities can't be loaded.
    pub fn open(settings: &ObjectStores) -> StoreResult<Self> {
        Ok(Self {
            upload: settings.upload.as_ref().map(UploadStore::new).transpose()?,
            download: settings.download.as_ref().map(DownloadStore::new).transpose()?,
            foreign: super::Foreign::new(settings.foreign.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::config::objects::{BucketAt, Keys};

    fn store() -> UploadStore {
        let keys = Keys { access: Secret::new("a"), secret: Secret::new("b"), session: None };
        let bucket = BucketAt {
            server: Server::parse("minio:9000", false).unwrap(),
            bucket: "up".into(),
            region: "us-east-1".into(),
            path_style: true,
            keys: Some(keys.clone()),
            ca: None,
        };
        UploadStore::new(&UploadSettings {
            bucket,
            server: Server::parse("s3.example.org", true).unwrap(),
            keys,
            sts: "http://minio:9000".into(),
            role: None,
            duration: Duration::from_secs(900),
        })
        .unwrap()
    }

    #[test]
    fn a_partys_objects_are_told_by_whole_segments() {
        let (store, project) = (store(), ProjectId::from_random([7; 24]));
        let belongs = |path: &str| store.belongs_to(project, 1, "up", path);
        for rest in ["", "/encodings.json", "/a/b", "/a..b"] {
            let path = format!("{project}/1{rest}");
            assert!(belongs(&path), "{path}");
            assert!(!store.belongs_to(project, 1, "data", &path), "another bucket");
            assert!(!store.belongs_to(project, 0, "up", &path), "another party");
            assert_eq!(UploadStore::owner(&path), Some((project, 1)));
        }
        for rest in [
            "x/encodings.json",
            "0/encodings.json",
            "/../0/encodings.json",
            "//x",
            "/",
            "/a/",
            "/./x",
            "/x/..",
        ] {
            assert!(!belongs(&format!("{project}/1{rest}")), "{rest}");
        }
        for path in [format!("/{project}/1/x"), format!("../{project}/1"), "1/x".into(), String::new()] {
            assert!(!belongs(&path), "{path}");
        }
        for name in [
            "x/1/y",
            "",
            "service/key",
            &format!("{project}/+1/x"),
            &format!("{project}/x"),
            &format!("{project}"),
        ] {
            assert_eq!(UploadStore::owner(name), None, "{name}");
        }
    }

    #[test]
    fn our_own_store_is_known_by_both_of_its_addresses() {
        let store = store();
        assert!(store.is_at(None, None) && store.is_at(None, Some(true)));
        for (endpoint, secure) in [
            ("minio:9000", None),
            ("S3.example.org", None),
            ("s3.example.org:443", Some(true)),
            ("https://s3.example.org", None),
        ] {
            assert!(store.is_at(Some(endpoint), secure), "{endpoint}");
        }
        for endpoint in ["minio", "minio:9001", "example.org", "s3.example.org.evil.org", "", "a/b"] {
            assert!(!store.is_at(Some(endpoint), None), "{endpoint}");
        }
    }
}
