//! Object stores of strangers, which uploads may refer to if the operator allows their endpoints.
//!
//! The endpoint must be on a list, is spoken to by TLS, its name is resolved once, and the connection goes to the very addresses
//! that were checked: a name that means something else a moment later gains nothing. Redirects aren't followed.

use std::net::{IpAddr, SocketAddr};

use reqwest::Url;
use thiserror::Error;
use tokio::net::lookup_host;

use super::address::{Reach, reach};
use super::s3::client;
use super::{Store, StoreError};
use crate::config::objects::{BucketAt, ForeignSettings, Keys, Server, ServerError};

/// Why a foreign store can't be used.
#[derive(Debug, Error)]
pub enum ForeignError {
    /// The endpoint can't be understood.
    #[error(transparent)]
    Endpoint(#[from] ServerError),
    /// The endpoint is not on the list.
    #[error("the object store {0} is none of those that uploads may refer to here")]
    NotAllowed(String),
    /// Plain http.
    #[error("the object store {0} must be spoken to by TLS; leave `secure` out")]
    Plain(String),
    /// The name means a place that nobody may send us to.
    #[error("the object store {0} is at an address that is not allowed")]
    Address(String),
    /// The name means nothing.
    #[error("the name of the object store {0} can't be resolved")]
    Unresolved(String),
    /// No bucket can have this name.
    #[error("{0:?} can't be the name of a bucket")]
    Bucket(String),
    /// Keys with characters that no key has.
    #[error("the credentials for the object store {0} are not of printable ASCII characters")]
    Credentials(String),
    /// No keys.
    #[error("the object store {0} takes `credentials`")]
    NoCredentials(String),
    /// The connection can't be set up.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ForeignError {
    /// Whether it is forbidden, rather than a mistake.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::NotAllowed(_) | Self::Plain(_) | Self::Address(_))
    }
}

/// The way to object stores of strangers.
#[derive(Debug, Clone, Default)]
pub struct Foreign {
    settings: ForeignSettings,
}

impl Foreign {
    /// With these settings; the default allows nothing.
    pub fn new(settings: ForeignSettings) -> Self {
        Self { settings }
    }

    /// A bucket of a foreign store. Its name is resolved, but nothing is sent yet.
    ///
    /// # Errors
    /// [`ForeignError`]
    pub async fn bucket(
        &self,
        endpoint: &str,
        secure: Option<bool>,
        bucket: &str,
        keys: Option<Keys>,
    ) -> Result<Store, ForeignError> {
        let server = Server::parse(endpoint, secure.unwrap_or(true))?;
        let named = || server.address();
        if !self.allows(&server) {
            return Err(ForeignError::NotAllowed(named()));
        }
        if !server.secure() && !self.settings.insecure {
            return Err(ForeignError::Plain(named()));
        }
        if !is_bucket(bucket) {
            return Err(ForeignError::Bucket(bucket.chars().take(100).collect()));
        }
        let keys = keys.ok_or_else(|| ForeignError::NoCredentials(named()))?;
        let texts = [Some(&keys.access), Some(&keys.secret), keys.session.as_ref()];
        let printable = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !texts.into_iter().flatten().all(|text| printable(text.expose())) {
            return Err(ForeignError::Credentials(named()));
        }
        let addresses = self.addresses(&server).await?;
        let mut builder = client::builder(None)?.no_proxy();
        if let Some((host, addresses)) = addresses {
            builder = builder.resolve_to_addrs(&host, &addresses);
        }
        let at = BucketAt {
            region: server.aws_region().unwrap_or("us-east-1").to_owned(),
            server,
            bucket: bucket.to_owned(),
            path_style: true,
            keys: Some(keys),
            ca: None,
        };
        Ok(Store::s3_by(&at, client::built(builder)?, client::Patience::USUAL)?)
    }

    fn allows(&self, server: &Server) -> bool {
        let allowed =
            self.settings.allowed.iter().filter_map(|text| Server::parse(text, server.secure()).ok());
        allowed.into_iter().any(|allowed| allowed.is_at(server))
    }

    /// The addresses behind a server's name, all of them fine; none if it is an address itself.
    async fn addresses(&self, server: &Server) -> Result<Option<(String, Vec<SocketAddr>)>, ForeignError> {
        // Read as the HTTP client reads it, to which `0x7f.1` is an address.
        let url = Url::parse(&server.url()).map_err(|_| ServerError(server.address()))?;
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if let Ok(address) = literal {
            return match self.reachable(address) {
                true => Ok(None),
                false => Err(ForeignError::Address(server.address())),
            };
        }
        let found = lookup_host((host, server.port())).await;
        let found: Vec<SocketAddr> = found.map_err(|_| ForeignError::Unresolved(server.address()))?.collect();
        match found.as_slice() {
            [] => Err(ForeignError::Unresolved(server.address())),
            all if all.iter().all(|address| self.reachable(address.ip())) => {
                Ok(Some((host.to_owned(), found)))
            }
            _ => Err(ForeignError::Address(server.address())),
        }
    }

    fn reachable(&self, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Public => true,
            Reach::Inside => self.settings.insecure,
            Reach::Never => false,
        }
    }
}

fn is_bucket(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    (3..=63).contains(&name.len())
        && name.chars().all(plain)
        && !name.starts_with('.')
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn keys() -> Option<Keys> {
        Some(Keys { access: Secret::new("a"), secret: Secret::new("b"), session: None })
    }

    fn foreign(allowed: &[&str], insecure: bool) -> Foreign {
        let allowed = allowed.iter().map(|text| (*text).to_owned()).collect();
        Foreign::new(ForeignSettings { allowed, insecure })
    }

    #[tokio::test]
    async fn only_listed_endpoints_at_public_addresses_are_connected_to() {
        let inside = [
            "127.0.0.1:9000",
            "localhost:9000",
            "[::1]:9000",
            "10.0.0.1",
            "2130706433",
            "0x7f.1",
            "169.254.169.254",
        ];
        let strict = foreign(&inside, false);
        for endpoint in inside {
            let refused = strict.bucket(endpoint, None, "bucket", keys()).await.unwrap_err();
            assert!(matches!(refused, ForeignError::Address(_)), "{endpoint}: {refused}");
        }
        let plain = strict.bucket("10.0.0.1", Some(false), "bucket", keys()).await.unwrap_err();
        assert!(matches!(plain, ForeignError::Plain(_)), "{plain}");
        let schemed = strict.bucket("http://10.0.0.1", Some(true), "bucket", keys()).await.unwrap_err();
        assert!(matches!(schemed, ForeignError::Plain(_)), "{schemed}");
        for endpoint in ["127.0.0.1", "127.0.0.1:9001", "10.0.0.1:80", "example.org", "10.0.0.1.example.org"]
        {
            let refused = strict.bucket(endpoint, None, "bucket", keys()).await.unwrap_err();
            assert!(matches!(refused, ForeignError::NotAllowed(_)), "{endpoint}: {refused}");
            assert!(refused.is_forbidden());
        }
        let loose = foreign(&inside, true);
        for endpoint in &inside[..6] {
            let opened = loose.bucket(endpoint, Some(false), "bucket", keys()).await;
            // Without IPv6 there may be nothing behind a name, but nothing is forbidden.
            assert!(matches!(opened, Ok(_) | Err(ForeignError::Unresolved(_))), "{endpoint}: {opened:?}");
        }
        let metadata = loose.bucket("169.254.169.254", Some(false), "bucket", keys()).await.unwrap_err();
        assert!(matches!(metadata, ForeignError::Address(_)), "{metadata}");
        let off = Foreign::default().bucket("127.0.0.1:9000", None, "bucket", keys()).await.unwrap_err();
        assert!(matches!(off, ForeignError::NotAllowed(_)));
    }

    #[tokio::test]
    async fn nonsense_is_refused_before_anything_is_sent() {
        let loose = foreign(&["127.0.0.1:9000"], true);
        for bucket in ["", "a", "a/b", "../x", "a?b", "bucket#", "..."] {
            let refused = loose.bucket("127.0.0.1:9000", Some(false), bucket, keys()).await.unwrap_err();
            assert!(matches!(refused, ForeignError::Bucket(_)), "{bucket}: {refused}");
        }
        for bad in ["", "a b", "a\nb", "é"] {
            let keys = Keys { session: Some(Secret::new(bad)), ..keys().unwrap() };
            let refused =
                loose.bucket("127.0.0.1:9000", Some(false), "bucket", Some(keys)).await.unwrap_err();
            assert!(matches!(refused, ForeignError::Credentials(_)), "{refused}");
        }
        let none = loose.bucket("127.0.0.1:9000", Some(false), "bucket", None).await.unwrap_err();
        assert!(matches!(none, ForeignError::NoCredentials(_)));
    }
}
