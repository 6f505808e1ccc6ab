//! The HTTP client: builds requests as the checks describe them, and waits when the service asks for patience.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures::stream;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Method};
use serde_json::Value;

use super::reply::Reply;
use super::secret::{Secret, redact};

/// How long a request that is answered 503 is tried again, by the service's own `Retry-After`.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may stay silent.
const SILENCE: Duration = Duration::from_secs(90);

/// A client of one service.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    base: String,
}

/// What a request carries.
#[derive(Debug, Clone)]
enum Payload {
    Empty,
    Whole(Bytes),
    /// Sent in these pieces, with chunked transfer encoding.
    Chunks(Vec<Bytes>),
}

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    path: String,
    headers: HeaderMap,
    payload: Payload,
}

impl Request {
    /// A request to a path below the API's base; the path is sent as it is, doubled slashes included.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: HeaderMap::new(), payload: Payload::Empty }
    }

    /// A GET request.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// A POST request.
    pub fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    /// A DELETE request.
    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// With a header in place of one of the same name; a value that no header can have is left out.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// With the header that the API names itself (`Hash-Count`, `RETURN-OBJECT-STORE-ADDRESS`, …).
    pub fn named(self, name: &'static str, value: &str) -> Self {
        self.header(HeaderName::from_bytes(name.as_bytes()).expect("the checks name valid headers"), value)
    }

    /// With the token bare in the `Authorization` header, as the existing client sends it.
    pub fn token(self, token: &Secret) -> Self {
        self.authorization(token, "")
    }

    /// With `Authorization: Bearer token`.
    pub fn bearer(self, token: &Secret) -> Self {
        self.authorization(token, "Bearer ")
    }

    fn authorization(mut self, token: &Secret, scheme: &str) -> Self {
        if let Some(value) = token.header(scheme) {
            self.headers.insert(AUTHORIZATION, value);
        }
        self
    }

    /// With a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// With a body of the given content type.
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.payload = Payload::Whole(body.into());
        self.header(CONTENT_TYPE, content_type)
    }

    /// With the body that it already has sent in chunks of at most `size` bytes and without a length.
    pub fn chunked(mut self, size: usize) -> Self {
        if let Payload::Whole(body) = self.payload {
            self.payload = Payload::Chunks(body.chunks(size.max(1)).map(Bytes::copy_from_slice).collect());
        }
        self
    }

    /// With another content type, or none.
    pub fn content_type(mut self, content_type: Option<&str>) -> Self {
        self.headers.remove(CONTENT_TYPE);
        match content_type {
            Some(content_type) => self.header(CONTENT_TYPE, content_type),
            None => self,
        }
    }

    /// `POST /projects/…/runs`, for messages.
    pub fn describe(&self) -> String {
        redact(&format!("{} {}", self.method, self.path))
    }
}

/// Whether the address names this machine.
fn is_this_machine(base: &str) -> bool {
    let url = reqwest::Url::parse(base).ok();
    match url.as_ref().and_then(|url| url.host_str()) {
        Some("localhost") => true,
        Some(host) => {
            host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
        None => false,
    }
}

impl Http {
    /// A client of the service at `base`.
    ///
    /// # Errors
    /// The file of certificate authorities can't be read, or no authority is known for an https address.
    pub fn new(base: String, ca_file: Option<&Path>) -> Result<Self> {
        // Redirects would turn a POST into a GET: the address must be the right one.
        let mut builder = Client::builder()
            .user_agent(concat!("anonlink-selftest/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        if is_this_machine(&base) {
            // A proxy would look for the service on its own machine.
            builder = builder.no_proxy();
        }
        if let Some(file) = ca_file {
            let pem = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            let authorities = Certificate::from_pem_bundle(&pem)
                .ok()
                .filter(|found| !found.is_empty())
                .with_context(|| format!("{} holds no PEM certificate", file.display()))?;
            builder = builder.tls_certs_only(authorities);
        } else if base.starts_with("http:") {
            // Plain http needs no authority, and must work where the system has no store of them.
            builder = builder.tls_certs_only([]);
        }
        let client =
            builder.build().context("cannot set up TLS (name the service's authority by --ca-file)")?;
        Ok(Self { client, base })
    }

    /// The base of all requests.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request; while the service answers 503 and says when to come again, comes again.
    ///
    /// # Errors
    /// No complete answer came.
    pub async fn send(&self, request: Request) -> Result<Reply> {
        let started = Instant::now();
        loop {
            let reply = self.once(&request).await?;
            match reply.retry_after() {
                Some(pause) if reply.status == 503 && started.elapsed() + pause < PATIENCE => {
                    tokio::time::sleep(pause).await;
                }
                _ => return Ok(reply),
            }
        }
    }

    async fn once(&self, request: &Request) -> Result<Reply> {
        let what = request.describe();
        let mut builder = self
            .client
            .request(request.method.clone(), format!("{}{}", self.base, request.path))
            .headers(request.headers.clone());
        builder = match &request.payload {
            Payload::Empty => builder,
            Payload::Whole(body) => builder.body(body.clone()),
            Payload::Chunks(chunks) => {
                let chunks: Vec<std::io::Result<Bytes>> = chunks.iter().cloned().map(Ok).collect();
                builder.body(reqwest::Body::wrap_stream(stream::iter(chunks)))
            }
        };
        // The message is made from our own path: the library's would show the whole URL.
        let response =
            builder.send().await.map_err(reqwest::Error::without_url).with_context(|| what.clone())?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response
            .bytes()
            .await
            .map_err(reqwest::Error::without_url)
            .with_context(|| format!("{what}: the answer broke off"))?;
        Ok(Reply { what, status, headers, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_are_this_machine() {
        for base in ["http://localhost:1/api/v1", "http://127.0.0.1/api/v1", "http://[::1]:8851/api/v1"] {
            assert!(is_this_machine(base), "{base}");
        }
        for base in
            ["http://localhost.example/api/v1", "https://10.0.0.1/api/v1", "https://[2001:db8::1]/api/v1"]
        {
            assert!(!is_this_machine(base), "{base}");
        }
    }
}
