//! Requests that the `object_store` crate has no call for: buckets, forgotten multipart uploads, and objects under names that a
//! stranger chose (which the crate would refuse to list).

use std::time::Instant;

use bytes::Bytes;
use hyper::{Method, Request, StatusCode};
use object_store::aws::{AwsAuthorizer, AwsCredential, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpRequestBody};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::client::{PAUSES, Patience};
use super::xml;
use crate::store::error::{NO_BUCKET, answered};
use crate::store::outage::{SLOW, breaks, passes};
use crate::store::{StoreError, StoreResult};

/// Everything but RFC 3986's unreserved characters.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same for a whole key: slashes stay.
const KEY: &AsciiSet = &STRICT.remove(b'/');

/// A text for one place of a query or form: nothing in it has a meaning there.
pub fn trusted_segment(text: &str) -> String {
    utf8_percent_encode(text, STRICT).to_string()
}

/// A multipart upload that was begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUpload {
    /// The object that it was to become.
    pub key: String,
    /// Its identifier.
    pub id: String,
    /// When it was begun.
    pub begun: jiff::Timestamp,
}

/// Signed requests to one bucket.
#[derive(Debug, Clone)]
pub struct Requests {
    client: HttpClient,
    credentials: AwsCredentialProvider,
    region: String,
    bucket_url: String,
    patience: Patience,
}

impl Requests {
    pub fn new(
        client: reqwest::Client,
        credentials: AwsCredentialProvider,
        region: String,
        bucket_url: String,
        patience: Patience,
    ) -> Self {
        Self { client: HttpClient::new(client), credentials, region, bucket_url, patience }
    }

    /// Makes the bucket unless it is there and ours; true if it was made.
    ///
    /// # Errors
    /// The name is taken or not allowed, or the store is out of reach.
    pub async fn ensure_bucket(&self) -> StoreResult<bool> {
        if self.bucket_exists().await? {
            return Ok(false);
        }
        let place = match self.region.as_str() {
            "us-east-1" => String::new(),
            region => format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{region}\
                 </LocationConstraint></CreateBucketConfiguration>"
            ),
        };
        let (status, answer) = self.send(Method::PUT, "", "", place.into()).await?;
        match status {
            status if status.is_success() => Ok(true),
            StatusCode::CONFLICT if answer.contains("BucketAlreadyOwnedByYou") => Ok(false),
            status => Err(self.failure(status, &answer)),
        }
    }

    /// Whether the bucket is there. A bucket that exists and may not be looked at is an error.
    async fn bucket_exists(&self) -> StoreResult<bool> {
        let (status, _) = self.send(Method::HEAD, "", "", Bytes::new()).await?;
        match status {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            status => Err(self.failure(status, "")),
        }
    }

    /// Whether the bucket answers now, without patience.
    ///
    /// # Errors
    /// It doesn't.
    pub async fn check(&self) -> StoreResult<()> {
        let answer = self.try_once(&Method::HEAD, "", "", Bytes::new());
        match tokio::time::timeout(self.patience.check, answer).await {
            Ok(Ok((status, _))) if status.is_success() => Ok(()),
            Ok(Ok((StatusCode::NOT_FOUND, _))) => Err(StoreError::NoBucket(self.bucket_url.clone())),
            Ok(Ok((status, _))) => Err(self.failure(status, "")),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(StoreError::Unavailable(format!("{} doesn't answer", self.bucket_url))),
        }
    }

    /// Multipart uploads that are under way, whose keys begin with `prefix`. MinIO knows them reliably by whole keys only.
    ///
    /// # Errors
    /// The store is out of reach, or doesn't let us.
    pub async fn open_uploads(&self, prefix: &str) -> StoreResult<Vec<OpenUpload>> {
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let query = format!("encoding-type=url&prefix={}&uploads={after}", trusted_segment(prefix));
            let answer = self.asked(&query).await?;
            for upload in records(&answer, "Upload")? {
                let field = |name: &str| upload.get(name).map(String::as_str).unwrap_or_default();
                let begun = field("Initiated").parse().unwrap_or(jiff::Timestamp::UNIX_EPOCH);
                found.push(OpenUpload {
                    key: decoded(field("Key")),
                    id: field("UploadId").to_owned(),
                    begun,
                });
            }
            let page = records(&answer, "ListMultipartUploadsResult")?.pop().unwrap_or_default();
            let field = |name: &str| page.get(name).map(String::as_str).unwrap_or_default();
            if field("IsTruncated") != "true" || field("NextKeyMarker").is_empty() {
                return Ok(found);
            }
            let (key, id) = (decoded(field("NextKeyMarker")), field("NextUploadIdMarker"));
            after = format!("&key-marker={}&upload-id-marker={}", trusted_segment(&key), trusted_segment(id));
        }
    }

    /// Ends a multipart upload and removes its parts; one that is gone is fine.
    ///
    /// # Errors
    /// The store is out of reach, or doesn't let us.
    pub async fn abort(&self, upload: &OpenUpload) -> StoreResult<()> {
        let query = format!("uploadId={}", trusted_segment(&upload.id));
        self.done(self.send(Method::DELETE, &upload.key, &query, Bytes::new()).await?)
    }

    /// Keys that begin with `prefix` and come after `after`, with the time of their last change: the first thousand.
    ///
    /// # Errors
    /// The store is out of reach, or doesn't let us.
    pub async fn keys(&self, prefix: &str, after: &str) -> StoreResult<Vec<(String, jiff::Timestamp)>> {
        let mut query = format!("encoding-type=url&list-type=2&prefix={}", trusted_segment(prefix));
        if !after.is_empty() {
            query += &format!("&start-after={}", trusted_segment(after));
        }
        let answer = self.asked(&query).await?;
        let read = |found: std::collections::HashMap<String, String>| {
            let changed = found.get("LastModified").and_then(|text| text.parse().ok());
            Some((decoded(found.get("Key")?), changed.unwrap_or(jiff::Timestamp::UNIX_EPOCH)))
        };
        Ok(records(&answer, "Contents")?.into_iter().filter_map(read).collect())
    }

    /// Deletes an object by its key as it is; one that is gone is fine.
    ///
    /// # Errors
    /// The store is out of reach, or doesn't let us.
    pub async fn delete(&self, key: &str) -> StoreResult<()> {
        self.done(self.send(Method::DELETE, key, "", Bytes::new()).await?)
    }

    fn done(&self, (status, answer): (StatusCode, String)) -> StoreResult<()> {
        match status.is_success() || status == StatusCode::NOT_FOUND {
            true => Ok(()),
            false => Err(self.failure(status, &answer)),
        }
    }

    /// The answer to a question about the bucket.
    async fn asked(&self, query: &str) -> StoreResult<String> {
        match self.send(Method::GET, "", query, Bytes::new()).await? {
            (status, answer) if status.is_success() => Ok(answer),
            (status, answer) => Err(self.failure(status, &answer)),
        }
    }

    fn failure(&self, status: StatusCode, answer: &str) -> StoreError {
        let text = format!("{} answered {status}: {}", self.bucket_url, answered(answer));
        match status {
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => StoreError::Refused(text),
            StatusCode::NOT_FOUND if answer.contains(NO_BUCKET) => StoreError::NoBucket(text),
            StatusCode::INSUFFICIENT_STORAGE => StoreError::Unwritable(text),
            status if passes(status) || answer.contains(SLOW) => StoreError::Unavailable(text),
            _ => StoreError::Backend(text),
        }
    }

    /// Sends a request until it is answered by something other than a failure of the server's.
    async fn send(
        &self,
        method: Method,
        key: &str,
        query: &str,
        body: Bytes,
    ) -> StoreResult<(StatusCode, String)> {
        patiently(self.patience, || self.try_once(&method, key, query, body.clone())).await
    }

    async fn try_once(
        &self,
        method: &Method,
        key: &str,
        query: &str,
        body: Bytes,
    ) -> StoreResult<(StatusCode, String)> {
        let credential = self.credentials.get_credential().await?;
        let slash = if key.is_empty() { "" } else { "/" };
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{slash}{}{mark}{query}", self.bucket_url, utf8_percent_encode(key, KEY));
        let mut request = Request::new(HttpRequestBody::from(body));
        *request.method_mut() = method.clone();
        signed(&self.client, request, &url, &credential, "s3", &self.region).await
    }
}

/// Sends a request until it is answered by something other than a failure of the server's, or patience is at its end.
///
/// # Errors
/// The last try's failure.
pub async fn patiently<F>(patience: Patience, once: impl Fn() -> F) -> StoreResult<(StatusCode, String)>
where
    F: Future<Output = StoreResult<(StatusCode, String)>>,
{
    let (begun, mut pause) = (Instant::now(), PAUSES.0);
    loop {
        let answer = once().await;
        let again = match &answer {
            Ok((status, _)) => passes(*status),
            Err(error) => error.is_transient(),
        };
        if !again || begun.elapsed() > patience.tries {
            return answer;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Signs a request, sends it, and reads the whole answer.
///
/// # Errors
/// There was no answer.
pub async fn signed(
    client: &HttpClient,
    mut request: Request<HttpRequestBody>,
    url: &str,
    credential: &AwsCredential,
    service: &str,
    region: &str,
) -> StoreResult<(StatusCode, String)> {
    let wrong = |why: &dyn std::fmt::Display| StoreError::Backend(format!("{url}: {why}"));
    *request.uri_mut() = url.parse().map_err(|error: hyper::http::uri::InvalidUri| wrong(&error))?;
    AwsAuthorizer::new(credential, service, region).try_authorize(&mut request, None)?;
    // The query of a request may hold keys of objects, but nothing secret.
    let failed = |error: object_store::client::HttpError| {
        let text = format!("{}: {}", url.split('?').next().unwrap_or_default(), causes(&error));
        match breaks(error.kind()) {
            true => StoreError::Unavailable(text),
            false => StoreError::Backend(text),
        }
    };
    let response = client.execute(request).await.map_err(failed)?;
    let status = response.status();
    let answer = response.into_body().bytes().await.map_err(failed)?;
    Ok((status, String::from_utf8_lossy(&answer).into_owned()))
}

/// An error with its reasons, which its own text leaves out.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        let more = reason.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = reason.source();
    }
    text
}

fn records(answer: &str, name: &str) -> StoreResult<Vec<std::collections::HashMap<String, String>>> {
    xml::records(answer, name).map_err(|error| StoreError::Backend(error.to_string()))
}

/// A key that was sent percent-encoded, spaces perhaps as `+`.
fn decoded(key: &str) -> String {
    percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}
