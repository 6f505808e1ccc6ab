//! S3 and stores that speak like it: [`client`] connects, [`requests`] does what the `object_store` crate has no call for, [`xml`]
//! reads the answers.

pub(super) mod client;
mod requests;
pub(super) mod xml;

use std::sync::Arc;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredential};
use object_store::{ClientOptions, StaticCredentialProvider};

use super::StoreResult;
use crate::config::objects::{BucketAt, Keys};
use client::{Connector, Patience, retries};

pub(super) use requests::{OpenUpload, Requests, patiently, signed, trusted_segment};

/// A connection to a bucket.
pub(super) fn connect(
    at: &BucketAt,
    client: reqwest::Client,
    patience: Patience,
) -> StoreResult<(AmazonS3, Requests)> {
    let server = &at.server;
    // The endpoint that the crate wants in virtual-host style has the bucket in its name.
    let (endpoint, bucket_url) = match at.path_style {
        true => (server.url(), format!("{}/{}", server.url(), at.bucket)),
        false => {
            let port =
                if server.address().contains(':') { format!(":{}", server.port()) } else { String::new() };
            let host = match (server.is_aws(), server.aws_region()) {
                // The global name answers with redirects for buckets elsewhere.
                (true, None) => format!("s3.{}.amazonaws.com", at.region),
                _ => server.host().to_owned(),
            };
            let scheme = if server.secure() { "https" } else { "http" };
            let url = format!("{scheme}://{}.{host}{port}", at.bucket);
            (url.clone(), url)
        }
    };
    let builder = match &at.keys {
        Some(keys) => {
            AmazonS3Builder::new().with_credentials(Arc::new(StaticCredentialProvider::new(credential(keys))))
        }
        // The pod's or machine's own identity, as the environment describes it; only that.
        None => own_identity(),
    };
    let objects = builder
        .with_endpoint(endpoint)
        .with_bucket_name(&at.bucket)
        .with_region(&at.region)
        .with_virtual_hosted_style_request(!at.path_style)
        .with_retry(retries(patience))
        .with_client_options(ClientOptions::new())
        .with_http_connector(Connector(client.clone()))
        .build()?;
    let requests =
        Requests::new(client, objects.credentials().clone(), at.region.clone(), bucket_url, patience);
    Ok((objects, requests))
}

/// Of the many variables that the crate understands, those that say who we are.
fn own_identity() -> AmazonS3Builder {
    const IDENTITY: [(&str, AmazonS3ConfigKey); 9] = [
        ("AWS_ACCESS_KEY_ID", AmazonS3ConfigKey::AccessKeyId),
        ("AWS_SECRET_ACCESS_KEY", AmazonS3ConfigKey::SecretAccessKey),
        ("AWS_SESSION_TOKEN", AmazonS3ConfigKey::Token),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", AmazonS3ConfigKey::WebIdentityTokenFile),
        ("AWS_ROLE_ARN", AmazonS3ConfigKey::RoleArn),
        ("AWS_ROLE_SESSION_NAME", AmazonS3ConfigKey::RoleSessionName),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AmazonS3ConfigKey::ContainerCredentialsRelativeUri),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", AmazonS3ConfigKey::ContainerCredentialsFullUri),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", AmazonS3ConfigKey::ContainerAuthorizationTokenFile),
    ];
    IDENTITY.into_iter().fold(AmazonS3Builder::new(), |builder, (name, key)| {
        match std::env::var(name).ok().filter(|value| !value.is_empty()) {
            Some(value) => builder.with_config(key, value),
            None => builder,
        }
    })
}

/// Keys as the crate takes them.
pub(super) fn credential(keys: &Keys) -> AwsCredential {
    AwsCredential {
        key_id: keys.access.expose().to_owned(),
        secret_key: keys.secret.expose().to_owned(),
        token: keys.session.as_ref().map(|token| token.expose().to_owned()),
    }
}
