//! The HTTP client behind all requests to object stores, with bounded patience: a store that answers 503 or cuts connections for some
//! seconds is waited for; one that stays away makes the caller fail, who can say so or try again later.

use std::path::Path;
use std::time::Duration;

use object_store::client::{HttpClient, HttpConnector};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use crate::config::tls::verified;
use crate::store::{StoreError, StoreResult};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Longest silence of a store in the middle of a request or an answer.
const SILENCE: Duration = Duration::from_secs(20);
/// First and longest pause between two tries.
pub(super) const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How long a store is waited for that fails or says nothing.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Time from a request's beginning after which it isn't tried again.
    pub tries: Duration,
    /// Longest wait for the answer to a health check.
    pub check: Duration,
}

impl Patience {
    /// That of the service.
    pub const USUAL: Self = Self { tries: Duration::from_secs(12), check: Duration::from_secs(5) };
}

/// A client to build upon: TLS by these authorities, no redirects (a store is where it was said to be).
///
/// # Errors
/// The authorities can't be loaded.
pub fn builder(ca: Option<&Path>) -> StoreResult<reqwest::ClientBuilder> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(verified(ca)?)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .tcp_nodelay(true)
        .http1_only()
        .user_agent(concat!("anonlink/", env!("CARGO_PKG_VERSION"))))
}

/// A client for our own stores.
///
/// # Errors
/// As [`builder`].
pub fn own(ca: Option<&Path>) -> StoreResult<reqwest::Client> {
    built(builder(ca)?)
}

/// Ends the building.
///
/// # Errors
/// The settings contradict each other.
pub fn built(builder: reqwest::ClientBuilder) -> StoreResult<reqwest::Client> {
    builder.build().map_err(|error| StoreError::Backend(format!("no HTTP client: {error}")))
}

/// How often the crate tries again.
pub(super) fn retries(patience: Patience) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { init_backoff: PAUSES.0, max_backoff: PAUSES.1, base: 2.0 },
        max_retries: 30,
        retry_timeout: patience.tries,
    }
}

/// Gives the `object_store` crate a client of ours.
#[derive(Debug)]
pub(super) struct Connector(pub reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}
