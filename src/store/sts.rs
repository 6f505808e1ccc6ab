//! Temporary credentials by STS `AssumeRole`: a session of some keys, restricted by a policy of its own.
//!
//! The policy is sent as compact JSON, every byte outside the unreserved characters percent-encoded: Ceph misreads `+` for a
//! space. MinIO assumes no role, AWS and Ceph do.

use std::time::Duration;

use hyper::{Method, Request, StatusCode, header};
use object_store::aws::AwsCredential;
use object_store::client::{HttpClient, HttpRequestBody};
use serde::Serialize;
use thiserror::Error;

use super::error::answered;
use super::outage::passes;
use super::s3::client::Patience;
use super::s3::{credential, patiently, signed, trusted_segment, xml};
use crate::config::objects::Keys;

/// Why there are no temporary credentials.
#[derive(Debug, Error)]
pub enum StsError {
    /// The token service is out of reach.
    #[error("the token service is out of reach: {0}")]
    Unreachable(String),
    /// The request can't be made.
    #[error("the token service can't be asked: {0}")]
    Unsent(String),
    /// The token service refused; its words.
    #[error("the token service at {url} answered {status}: {answer}")]
    Refused {
        /// The service.
        url: String,
        /// What it answered.
        status: StatusCode,
        /// Its code and message.
        answer: String,
    },
    /// Its answer makes no sense.
    #[error("the answer of the token service at {url} can't be read: {why}")]
    Unreadable {
        /// The service.
        url: String,
        /// What is wrong.
        why: String,
    },
}

impl StsError {
    /// Whether the same request may succeed later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { status, .. } => passes(*status),
            Self::Unsent(_) | Self::Unreadable { .. } => false,
        }
    }
}

/// Credentials that end; as clients get them. They never print.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TemporaryCredentials {
    /// The access key's identifier.
    pub access_key_id: String,
    /// The secret key.
    pub secret_access_key: String,
    /// The token of the session.
    pub session_token: String,
    /// When they end, in RFC 3339.
    pub expiration: String,
}

impl std::fmt::Debug for TemporaryCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TemporaryCredentials(until {})", self.expiration)
    }
}

/// What a session may do: one action on some objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy(String);

impl Policy {
    /// To put the object at `path` and objects below it; no listing, reading or deleting.
    pub fn put_under(bucket: &str, path: &str) -> Self {
        let at = format!("arn:aws:s3:::{bucket}/{path}");
        Self::allow("s3:PutObject", &[at.clone(), format!("{at}/*")])
    }

    /// To get one object.
    pub fn get(bucket: &str, path: &str) -> Self {
        Self::allow("s3:GetObject", &[format!("arn:aws:s3:::{bucket}/{path}")])
    }

    fn allow(action: &str, resources: &[String]) -> Self {
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": [action], "Resource": resources}],
        });
        Self(policy.to_string())
    }
}

/// A token service, and whose sessions it is asked for.
#[derive(Debug, Clone)]
pub struct Sts {
    client: HttpClient,
    url: String,
    region: String,
    credential: std::sync::Arc<AwsCredential>,
    role: Option<String>,
}

impl Sts {
    /// A token service at a URL.
    pub fn new(client: reqwest::Client, url: &str, region: &str, keys: &Keys, role: Option<String>) -> Self {
        let url = format!("{}/", url.trim_end_matches('/'));
        let credential = std::sync::Arc::new(credential(keys));
        Self { client: HttpClient::new(client), url, region: region.to_owned(), credential, role }
    }

    /// Credentials that allow what the policy allows, and that the keys themselves may.
    ///
    /// # Errors
    /// [`StsError`]
    pub async fn assume(
        &self,
        policy: &Policy,
        duration: Duration,
    ) -> Result<TemporaryCredentials, StsError> {
        let mut form = format!(
            "Action=AssumeRole&Version=2011-06-15&DurationSeconds={}&Policy={}",
            duration.as_secs(),
            trusted_segment(&policy.0)
        );
        if let Some(role) = &self.role {
            form += &format!("&RoleArn={}&RoleSessionName=anonlink", trusted_segment(role));
        }
        let once = || async {
            let mut request = Request::new(HttpRequestBody::from(form.clone()));
            *request.method_mut() = Method::POST;
            let content = header::HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(header::CONTENT_TYPE, content);
            signed(&self.client, request, &self.url, &self.credential, "sts", &self.region).await
        };
        let (status, answer) =
            patiently(Patience::USUAL, once).await.map_err(|error| match error.is_transient() {
                true => StsError::Unreachable(error.to_string()),
                false => StsError::Unsent(error.to_string()),
            })?;
        if !status.is_success() {
            return Err(StsError::Refused { url: self.url.clone(), status, answer: answered(&answer) });
        }
        self.read(&answer)
    }

    fn read(&self, answer: &str) -> Result<TemporaryCredentials, StsError> {
        let wrong = |why: String| StsError::Unreadable { url: self.url.clone(), why };
        let found = xml::records(answer, "Credentials").map_err(|error| wrong(error.to_string()))?;
        let mut fields = found.into_iter().next().ok_or_else(|| wrong("there are no credentials".into()))?;
        let mut field = |name: &str| {
            let value = fields.remove(name).map(|text| text.trim().to_owned());
            value.filter(|text| !text.is_empty()).ok_or_else(|| wrong(format!("{name} is missing")))
        };
        Ok(TemporaryCredentials {
            access_key_id: field("AccessKeyId")?,
            secret_access_key: field("SecretAccessKey")?,
            session_token: field("SessionToken")?,
            expiration: field("Expiration")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn sts() -> Sts {
        let keys = Keys { access: Secret::new("a"), secret: Secret::new("b"), session: None };
        Sts::new(reqwest::Client::new(), "http://127.0.0.1:1", "us-east-1", &keys, None)
    }

    #[test]
    fn policies_are_compact() {
        let policy = Policy::put_under("up", "p/0").0;
        assert_eq!(
            policy,
            r#"{"Statement":[{"Action":["s3:PutObject"],"Effect":"Allow","Resource":["arn:aws:s3:::up/p/0","arn:aws:s3:::up/p/0/*"]}],"Version":"2012-10-17"}"#
        );
        assert!(!Policy::get("data", "p/result").0.contains(' '));
    }

    #[test]
    fn answers_are_read_or_refused() {
        let answer = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
                      <AccessKeyId>AK</AccessKeyId><SecretAccessKey>SK</SecretAccessKey><SessionToken>T</SessionToken>\
                      <Expiration>2026-11-24T15:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
        let found = sts().read(answer).unwrap();
        assert_eq!(found.access_key_id, "AK");
        assert_eq!(format!("{found:?}"), "TemporaryCredentials(until 2026-11-24T15:00:00Z)");
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(json["SessionToken"], "T");
        for bad in ["", "<Credentials>", "<Credentials><AccessKeyId>x</AccessKeyId></Credentials>", "no XML"]
        {
            assert!(matches!(sts().read(bad), Err(StsError::Unreadable { .. })), "{bad}");
        }
    }
}
