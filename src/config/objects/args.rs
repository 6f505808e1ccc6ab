//! The object store on the command line.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use crate::config::numbers;
use crate::config::secret::Secret;

/// The object store, and what clients may do with it directly.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Object store")]
pub struct ObjectStoreArgs {
    /// Object store (S3 or compatible) as host:port; s3.amazonaws.com or s3.REGION.amazonaws.com means AWS. Without one, objects
    /// are files in the data directory
    #[arg(long, env = "MINIO_SERVER", value_name = "HOST:PORT")]
    pub minio_server: Option<String>,

    /// Access key of the object store; without one, the identity of the pod or machine is used (web identity, container
    /// credentials, instance metadata)
    #[arg(long, env = "MINIO_ACCESS_KEY", value_name = "KEY", hide_env_values = true)]
    pub minio_access_key: Option<Secret>,

    /// File with the access key
    #[arg(long, env = "MINIO_ACCESS_KEY_FILE", value_name = "FILE")]
    pub minio_access_key_file: Option<PathBuf>,

    /// Secret key of the object store
    #[arg(long, env = "MINIO_SECRET_KEY", value_name = "KEY", hide_env_values = true)]
    pub minio_secret_key: Option<Secret>,

    /// File with the secret key
    #[arg(long, env = "MINIO_SECRET_KEY_FILE", value_name = "FILE")]
    pub minio_secret_key_file: Option<PathBuf>,

    /// Bucket of encodings, intermediate files and results
    #[arg(long, env = "MINIO_BUCKET", value_name = "BUCKET", default_value = "entityservice")]
    pub minio_bucket: String,

    /// Speak TLS with the object store (AWS: always)
    #[arg(long, env = "MINIO_SECURE", value_name = "BOOL", default_value = "false", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub minio_secure: bool,

    /// Region of the object store [default: the one in the name of an AWS server, else us-east-1]
    #[arg(long, env = "OBJECT_STORE_REGION", value_name = "REGION")]
    pub object_store_region: Option<String>,

    /// Name the bucket in the path rather than in the host name [default: true, save on AWS]
    #[arg(long, env = "OBJECT_STORE_PATH_STYLE", value_name = "BOOL", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub object_store_path_style: Option<bool>,

    /// File of certificate authorities (PEM) for the object store [default: the system's]
    #[arg(long, env = "OBJECT_STORE_CA_FILE", value_name = "FILE")]
    pub object_store_ca_file: Option<PathBuf>,

    /// URL of the token service (STS) that makes temporary credentials [default: the object store; AWS: the region's STS]
    #[arg(long, env = "OBJECT_STORE_STS_ENDPOINT", value_name = "URL")]
    pub object_store_sts_endpoint: Option<String>,

    /// Let clients upload by the object store, with temporary credentials; takes UPLOAD_OBJECT_STORE_ACCESS_KEY, without which
    /// it is off
    #[arg(long, env = "UPLOAD_OBJECT_STORE_ENABLED", value_name = "BOOL", default_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub upload_object_store_enabled: bool,

    /// Address of the object store as clients reach it for uploads; it must be the same store as MINIO_SERVER, if that is
    /// given [default: MINIO_SERVER]
    #[arg(long, env = "UPLOAD_OBJECT_STORE_SERVER", value_name = "HOST:PORT")]
    pub upload_object_store_server: Option<String>,

    /// Tell clients to use TLS for uploads [default: true if UPLOAD_OBJECT_STORE_SERVER is given, else MINIO_SECURE]
    #[arg(long, env = "UPLOAD_OBJECT_STORE_SECURE", value_name = "BOOL", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub upload_object_store_secure: Option<bool>,

    /// Access key whose restricted sessions uploaders get; it needs s3:PutObject on the upload bucket, and should not be able to
    /// do more
    #[arg(long, env = "UPLOAD_OBJECT_STORE_ACCESS_KEY", value_name = "KEY", hide_env_values = true)]
    pub upload_object_store_access_key: Option<Secret>,

    /// File with the access key for uploads
    #[arg(long, env = "UPLOAD_OBJECT_STORE_ACCESS_KEY_FILE", value_name = "FILE")]
    pub upload_object_store_access_key_file: Option<PathBuf>,

    /// Secret key for uploads
    #[arg(long, env = "UPLOAD_OBJECT_STORE_SECRET_KEY", value_name = "KEY", hide_env_values = true)]
    pub upload_object_store_secret_key: Option<Secret>,

    /// File with the secret key for uploads
    #[arg(long, env = "UPLOAD_OBJECT_STORE_SECRET_KEY_FILE", value_name = "FILE")]
    pub upload_object_store_secret_key_file: Option<PathBuf>,

    /// Bucket that clients upload to; it must not be MINIO_BUCKET
    #[arg(
        long,
        env = "UPLOAD_OBJECT_STORE_BUCKET",
        value_name = "BUCKET",
        default_value = "anonlink-uploads"
    )]
    pub upload_object_store_bucket: String,

    /// Seconds that upload credentials are good for
    #[arg(long, env = "UPLOAD_OBJECT_STORE_STS_DURATION", value_name = "S", default_value = "43200", value_parser = numbers::integer::<u32>)]
    pub upload_object_store_sts_duration: u32,

    /// Role that upload sessions assume: AWS and Ceph need one, MinIO none
    #[arg(long, env = "UPLOAD_OBJECT_STORE_ROLE_ARN", value_name = "ARN")]
    pub upload_object_store_role_arn: Option<String>,

    /// Let clients fetch results from the object store, with temporary credentials; takes DOWNLOAD_OBJECT_STORE_ACCESS_KEY,
    /// without which it is off
    #[arg(long, env = "DOWNLOAD_OBJECT_STORE_ENABLED", value_name = "BOOL", default_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub download_object_store_enabled: bool,

    /// Address of the object store as clients reach it for downloads [default: MINIO_SERVER]
    #[arg(long, env = "DOWNLOAD_OBJECT_STORE_SERVER", value_name = "HOST:PORT")]
    pub download_object_store_server: Option<String>,

    /// Tell clients to use TLS for downloads [default: true if DOWNLOAD_OBJECT_STORE_SERVER is given, else MINIO_SECURE]
    #[arg(long, env = "DOWNLOAD_OBJECT_STORE_SECURE", value_name = "BOOL", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub download_object_store_secure: Option<bool>,

    /// Access key whose restricted sessions downloaders get; it needs s3:GetObject on MINIO_BUCKET, and should not be able to do
    /// more
    #[arg(long, env = "DOWNLOAD_OBJECT_STORE_ACCESS_KEY", value_name = "KEY", hide_env_values = true)]
    pub download_object_store_access_key: Option<Secret>,

    /// File with the access key for downloads
    #[arg(long, env = "DOWNLOAD_OBJECT_STORE_ACCESS_KEY_FILE", value_name = "FILE")]
    pub download_object_store_access_key_file: Option<PathBuf>,

    /// Secret key for downloads
    #[arg(long, env = "DOWNLOAD_OBJECT_STORE_SECRET_KEY", value_name = "KEY", hide_env_values = true)]
    pub download_object_store_secret_key: Option<Secret>,

    /// File with the secret key for downloads
    #[arg(long, env = "DOWNLOAD_OBJECT_STORE_SECRET_KEY_FILE", value_name = "FILE")]
    pub download_object_store_secret_key_file: Option<PathBuf>,

    /// Seconds that download credentials are good for
    #[arg(long, env = "DOWNLOAD_OBJECT_STORE_STS_DURATION", value_name = "S", default_value = "43200", value_parser = numbers::integer::<u32>)]
    pub download_object_store_sts_duration: u32,

    /// Role that download sessions assume: AWS and Ceph need one, MinIO none
    #[arg(long, env = "DOWNLOAD_OBJECT_STORE_ROLE_ARN", value_name = "ARN")]
    pub download_object_store_role_arn: Option<String>,

    /// Other object stores (host or host:port) that uploads may refer to, with credentials of the uploader's; none means that
    /// only the own upload bucket may be named. Certificates are verified against the system's authorities
    #[arg(long, env = "OBJECT_STORE_ALLOWED_ENDPOINTS", value_name = "HOST[:PORT],…", value_delimiter = ',')]
    pub object_store_allowed_endpoints: Vec<String>,

    /// Let the allowed endpoints be plain http, and be at loopback, private or link-local addresses
    #[arg(long, env = "OBJECT_STORE_ALLOWED_INSECURE", value_name = "BOOL", default_value = "false", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub object_store_allowed_insecure: bool,
}
