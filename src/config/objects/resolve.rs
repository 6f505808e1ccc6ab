//! The object store's settings, put together and checked.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::args::ObjectStoreArgs;
use super::server::{Server, ServerError};
use crate::config::secret::{Secret, SecretError};

/// Why the settings of the object store make no sense.
#[derive(Debug, Error)]
pub enum ObjectsError {
    /// An address that is none.
    #[error("{name}: {source}")]
    Server {
        /// The setting's variable.
        name: &'static str,
        /// What is wrong with it.
        source: ServerError,
    },
    /// A file with a secret can't be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// One half of a pair of keys.
    #[error("{prefix}_ACCESS_KEY and {prefix}_SECRET_KEY go together: one of them is missing")]
    HalfKeys {
        /// What both names begin with.
        prefix: &'static str,
    },
    /// A duration that no token service grants.
    #[error("{name} must be from 900 to 604800 seconds, not {found}")]
    Duration {
        /// The setting's variable.
        name: &'static str,
        /// Its value.
        found: u32,
    },
    /// Keys for a feature, but no server for it.
    #[error("{feature} by the object store have keys but no server: give {server}, or leave the keys out")]
    NoServer {
        /// `uploads` or `downloads`.
        feature: &'static str,
        /// The settings that would name one.
        server: &'static str,
    },
    /// Uploads and the service's own objects would lie together, and the sweeper would take the uploads for debris.
    #[error("UPLOAD_OBJECT_STORE_BUCKET and MINIO_BUCKET must be two buckets, not both {0:?}")]
    OneBucket(String),
}

/// Keys to an object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The access key's identifier.
    pub access: Secret,
    /// The secret key.
    pub secret: Secret,
    /// The token of a temporary session.
    pub session: Option<Secret>,
}

/// A bucket, and how to get at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketAt {
    /// The store.
    pub server: Server,
    /// The bucket.
    pub bucket: String,
    /// The store's region.
    pub region: String,
    /// Whether the bucket is named in the path rather than in the host name.
    pub path_style: bool,
    /// Keys; none means the identity of the pod or machine.
    pub keys: Option<Keys>,
    /// File of certificate authorities.
    pub ca: Option<PathBuf>,
}

/// How sessions for uploaders are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadSettings {
    /// The bucket as this service reads it: by MINIO_SERVER and its keys if there is one, else by the upload server and keys.
    pub bucket: BucketAt,
    /// The store as clients reach it.
    pub server: Server,
    /// Whose sessions uploaders get.
    pub keys: Keys,
    /// URL of the token service.
    pub sts: String,
    /// The role to assume.
    pub role: Option<String>,
    /// How long a session lasts.
    pub duration: Duration,
}

/// How sessions for downloaders are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadSettings {
    /// The store as clients reach it.
    pub server: Server,
    /// The bucket of results.
    pub bucket: String,
    /// The store's region.
    pub region: String,
    /// File of certificate authorities.
    pub ca: Option<PathBuf>,
    /// Whose sessions downloaders get.
    pub keys: Keys,
    /// URL of the token service.
    pub sts: String,
    /// The role to assume.
    pub role: Option<String>,
    /// How long a session lasts.
    pub duration: Duration,
}

/// Which other stores uploads may refer to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForeignSettings {
    /// Hosts, with a port or the scheme's own.
    pub allowed: Vec<String>,
    /// Whether they may be plain http and at addresses inside.
    pub insecure: bool,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectStores {
    /// The service's own bucket; none means files in the data directory.
    pub data: Option<BucketAt>,
    /// Uploads by clients, if they are on.
    pub upload: Option<UploadSettings>,
    /// Downloads by clients, if they are on.
    pub download: Option<DownloadSettings>,
    /// Other stores.
    pub foreign: ForeignSettings,
}

impl ObjectStoreArgs {
    /// Puts the settings together.
    ///
    /// # Errors
    /// [`ObjectsError`] names the setting.
    pub fn resolve(&self) -> Result<ObjectStores, ObjectsError> {
        let data = match given(self.minio_server.as_deref()) {
            None => None,
            Some(text) => {
                let server = server("MINIO_SERVER", text, self.minio_secure)?;
                let keys = self.minio_keys()?;
                Some(self.bucket_at(server, self.minio_bucket.clone(), keys))
            }
        };
        let foreign = ForeignSettings {
            allowed: self
                .object_store_allowed_endpoints
                .iter()
                .filter_map(|e| given(Some(e)))
                .map(str::to_owned)
                .collect(),
            insecure: self.object_store_allowed_insecure,
        };
        for endpoint in &foreign.allowed {
            server("OBJECT_STORE_ALLOWED_ENDPOINTS", endpoint, true)?;
        }
        Ok(ObjectStores {
            upload: self.upload(data.as_ref())?,
            download: self.download(data.as_ref())?,
            data,
            foreign,
        })
    }

    fn bucket_at(&self, server: Server, bucket: String, keys: Option<Keys>) -> BucketAt {
        BucketAt {
            region: self.region(&server),
            path_style: self.object_store_path_style.unwrap_or_else(|| !server.is_aws()),
            ca: self.object_store_ca_file.clone().filter(|file| !file.as_os_str().is_empty()),
            server,
            bucket,
            keys,
        }
    }

    fn region(&self, server: &Server) -> String {
        let named = given(self.object_store_region.as_deref());
        named.or_else(|| server.aws_region()).unwrap_or("us-east-1").to_owned()
    }

    /// The token service: as given, or the store itself, by the address that this service uses.
    fn sts(&self, server: &Server) -> String {
        match given(self.object_store_sts_endpoint.as_deref()) {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None if server.is_aws() => format!("https://sts.{}.amazonaws.com", self.region(server)),
            None => server.url(),
        }
    }

    fn upload(&self, data: Option<&BucketAt>) -> Result<Option<UploadSettings>, ObjectsError> {
        let Some(keys) = self.upload_keys()?.filter(|_| self.upload_object_store_enabled) else {
            return Ok(None);
        };
        let secure = self.upload_object_store_secure;
        let server = match (given(self.upload_object_store_server.as_deref()), data) {
            (Some(text), _) => server("UPLOAD_OBJECT_STORE_SERVER", text, secure.unwrap_or(true))?,
            (None, Some(data)) => respoken(&data.server, secure, "UPLOAD_OBJECT_STORE_SERVER")?,
            (None, None) => {
                let server = "MINIO_SERVER or UPLOAD_OBJECT_STORE_SERVER";
                return Err(ObjectsError::NoServer { feature: "uploads", server });
            }
        };
        let name = self.upload_object_store_bucket.clone();
        let bucket = match data {
            Some(data) if data.bucket == name => return Err(ObjectsError::OneBucket(name)),
            Some(data) => BucketAt { bucket: name, ..data.clone() },
            None => self.bucket_at(server.clone(), name, Some(keys.clone())),
        };
        let found = self.upload_object_store_sts_duration;
        Ok(Some(UploadSettings {
            sts: self.sts(&bucket.server),
            role: given(self.upload_object_store_role_arn.as_deref()).map(str::to_owned),
            duration: duration("UPLOAD_OBJECT_STORE_STS_DURATION", found)?,
            bucket,
            server,
            keys,
        }))
    }

    fn download(&self, data: Option<&BucketAt>) -> Result<Option<DownloadSettings>, ObjectsError> {
        let Some(keys) = self.download_keys()?.filter(|_| self.download_object_store_enabled) else {
            return Ok(None);
        };
        let Some(data) = data else {
            return Err(ObjectsError::NoServer { feature: "downloads", server: "MINIO_SERVER" });
        };
        let secure = self.download_object_store_secure;
        let server = match given(self.download_object_store_server.as_deref()) {
            Some(text) => server("DOWNLOAD_OBJECT_STORE_SERVER", text, secure.unwrap_or(true))?,
            None => respoken(&data.server, secure, "DOWNLOAD_OBJECT_STORE_SERVER")?,
        };
        let found = self.download_object_store_sts_duration;
        Ok(Some(DownloadSettings {
            server,
            bucket: data.bucket.clone(),
            region: data.region.clone(),
            ca: data.ca.clone(),
            keys,
            sts: self.sts(&data.server),
            role: given(self.download_object_store_role_arn.as_deref()).map(str::to_owned),
            duration: duration("DOWNLOAD_OBJECT_STORE_STS_DURATION", found)?,
        }))
    }

    fn minio_keys(&self) -> Result<Option<Keys>, ObjectsError> {
        pair(
            "MINIO",
            Secret::resolve(
                "MINIO_ACCESS_KEY",
                self.minio_access_key.as_ref(),
                self.minio_access_key_file.as_deref(),
            )?,
            Secret::resolve(
                "MINIO_SECRET_KEY",
                self.minio_secret_key.as_ref(),
                self.minio_secret_key_file.as_deref(),
            )?,
        )
    }

    fn upload_keys(&self) -> Result<Option<Keys>, ObjectsError> {
        let (access, access_file) =
            (&self.upload_object_store_access_key, &self.upload_object_store_access_key_file);
        let (secret, secret_file) =
            (&self.upload_object_store_secret_key, &self.upload_object_store_secret_key_file);
        pair(
            "UPLOAD_OBJECT_STORE",
            Secret::resolve("UPLOAD_OBJECT_STORE_ACCESS_KEY", access.as_ref(), access_file.as_deref())?,
            Secret::resolve("UPLOAD_OBJECT_STORE_SECRET_KEY", secret.as_ref(), secret_file.as_deref())?,
        )
    }

    fn download_keys(&self) -> Result<Option<Keys>, ObjectsError> {
        let (access, access_file) =
            (&self.download_object_store_access_key, &self.download_object_store_access_key_file);
        let (secret, secret_file) =
            (&self.download_object_store_secret_key, &self.download_object_store_secret_key_file);
        pair(
            "DOWNLOAD_OBJECT_STORE",
            Secret::resolve("DOWNLOAD_OBJECT_STORE_ACCESS_KEY", access.as_ref(), access_file.as_deref())?,
            Secret::resolve("DOWNLOAD_OBJECT_STORE_SECRET_KEY", secret.as_ref(), secret_file.as_deref())?,
        )
    }
}

/// A setting that says something: an empty variable counts as none.
fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn server(name: &'static str, text: &str, secure: bool) -> Result<Server, ObjectsError> {
    Server::parse(text, secure).map_err(|source| ObjectsError::Server { name, source })
}

/// The same server, by TLS or not if that was said.
fn respoken(data: &Server, secure: Option<bool>, name: &'static str) -> Result<Server, ObjectsError> {
    server(name, &data.address(), secure.unwrap_or(data.secure()))
}

fn pair(
    prefix: &'static str,
    access: Option<Secret>,
    secret: Option<Secret>,
) -> Result<Option<Keys>, ObjectsError> {
    match (access, secret) {
        (Some(access), Some(secret)) => Ok(Some(Keys { access, secret, session: None })),
        (None, None) => Ok(None),
        _ => Err(ObjectsError::HalfKeys { prefix }),
    }
}

fn duration(name: &'static str, found: u32) -> Result<Duration, ObjectsError> {
    match found {
        900..=604_800 => Ok(Duration::from_secs(found.into())),
        _ => Err(ObjectsError::Duration { name, found }),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        objects: ObjectStoreArgs,
    }

    fn resolve(flags: &str) -> Result<ObjectStores, ObjectsError> {
        Flags::try_parse_from(["test"].into_iter().chain(flags.split_whitespace())).unwrap().objects.resolve()
    }

    #[test]
    fn nothing_given_means_files() {
        assert_eq!(resolve("").unwrap(), ObjectStores::default());
    }

    #[test]
    fn upload_and_download_follow_the_main_server() {
        let stores = resolve(
            "--minio-server minio:9000 --minio-access-key a --minio-secret-key b \
             --upload-object-store-access-key c --upload-object-store-secret-key d \
             --download-object-store-access-key e --download-object-store-secret-key f \
             --download-object-store-server s3.example.org",
        )
        .unwrap();
        let (data, upload, download) =
            (stores.data.unwrap(), stores.upload.unwrap(), stores.download.unwrap());
        assert_eq!(
            (data.server.url().as_str(), data.path_style, data.region.as_str()),
            ("http://minio:9000", true, "us-east-1")
        );
        assert_eq!((upload.server.url(), upload.sts.as_str()), (data.server.url(), "http://minio:9000"));
        assert_eq!(upload.bucket.keys, data.keys, "read with the service's own keys");
        assert_eq!(upload.keys.access.expose(), "c");
        assert_eq!(download.server.url(), "https://s3.example.org", "another server is secure by default");
        assert_eq!(download.sts, "http://minio:9000", "asked by the address inside");
    }

    #[test]
    fn features_without_keys_of_their_own_are_off() {
        let stores = resolve("--minio-server minio:9000 --minio-access-key a --minio-secret-key b").unwrap();
        assert_eq!((stores.upload, stores.download), (None, None));
        let keys = "--upload-object-store-access-key c --upload-object-store-secret-key d";
        let off =
            resolve(&format!("--minio-server minio {keys} --upload-object-store-enabled False")).unwrap();
        assert_eq!(off.upload, None);
        let alone = resolve(&format!("--upload-object-store-server up:9000 {keys}")).unwrap();
        assert_eq!(alone.upload.unwrap().bucket.keys.unwrap().access.expose(), "c");
    }

    #[test]
    fn amazon_has_its_own_ways() {
        let stores = resolve("--minio-server s3.eu-west-1.amazonaws.com").unwrap();
        let data = stores.data.unwrap();
        assert_eq!((data.region.as_str(), data.path_style, data.keys), ("eu-west-1", false, None));
        assert!(data.server.secure());
        let roles = resolve(
            "--minio-server s3.eu-west-1.amazonaws.com --upload-object-store-access-key c \
             --upload-object-store-secret-key d --upload-object-store-role-arn arn:aws:iam::1:role/up",
        );
        assert_eq!(roles.unwrap().upload.unwrap().sts, "https://sts.eu-west-1.amazonaws.com");
    }

    #[test]
    fn nonsense_is_named() {
        let both = "--upload-object-store-access-key c --upload-object-store-secret-key d";
        for (flags, part) in [
            ("--minio-server a/b", "MINIO_SERVER"),
            ("--minio-server a --minio-access-key x", "MINIO_ACCESS_KEY and MINIO_SECRET_KEY"),
            (both, "MINIO_SERVER or UPLOAD_OBJECT_STORE_SERVER"),
            (&format!("--minio-server a --upload-object-store-bucket entityservice {both}"), "two buckets"),
            (&format!("--minio-server a --upload-object-store-sts-duration 60 {both}"), "from 900 to 604800"),
            ("--object-store-allowed-endpoints a/b", "OBJECT_STORE_ALLOWED_ENDPOINTS"),
        ] {
            let message = resolve(flags).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
