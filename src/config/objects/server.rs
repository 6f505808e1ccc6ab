//! Where an object store is: a host and port, or AWS.

use thiserror::Error;

/// An address that can't be one of an object store.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no address of an object store: write host or host:port, without a path")]
pub struct ServerError(pub String);

/// Where an object store is, and whether it is spoken to by TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    host: String,
    port: Option<u16>,
    secure: bool,
}

impl Server {
    /// Reads `host`, `host:port` or `[address]:port`; a leading `http://` or `https://` overrides `secure`. AWS is always secure.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(text: &str, secure: bool) -> Result<Self, ServerError> {
        let wrong = || ServerError(text.chars().take(200).collect());
        let lower = text.trim().to_ascii_lowercase();
        let (rest, secure) = match (lower.strip_prefix("https://"), lower.strip_prefix("http://")) {
            (Some(rest), _) => (rest, true),
            (_, Some(rest)) => (rest, false),
            _ => (lower.as_str(), secure),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') && (!host.contains(':') || host.ends_with(']')) => {
                (host, Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?))
            }
            _ => (rest, None),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let fits = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.len() <= 253 && host.chars().all(plain),
        };
        if !fits {
            return Err(wrong());
        }
        let server = Self { host: host.to_owned(), port, secure };
        Ok(Self { secure: server.secure || server.is_aws(), ..server })
    }

    /// The host, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own if none was named.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.secure { 443 } else { 80 })
    }

    /// Whether it is spoken to by TLS.
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// `host` or `host:port`, as it was written: what clients are told.
    pub fn address(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    /// The URL, without a slash at its end.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.address())
    }

    /// Whether it is Amazon's.
    pub fn is_aws(&self) -> bool {
        self.host == "s3.amazonaws.com" || self.aws_region().is_some()
    }

    /// The region in a name such as `s3.eu-west-1.amazonaws.com`.
    pub fn aws_region(&self) -> Option<&str> {
        let region = self.host.strip_prefix("s3.")?.strip_suffix(".amazonaws.com")?;
        (!region.is_empty() && !region.contains('.')).then_some(region)
    }

    /// Whether both are the same place; how it is spoken to counts only by its port.
    pub fn is_at(&self, other: &Self) -> bool {
        self.host == other.host && self.port() == other.port()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for (text, secure, url, port) in [
            ("minio:9000", false, "http://minio:9000", 9000),
            ("Minio.Example.org", true, "https://minio.example.org", 443),
            ("http://minio/", true, "http://minio", 80),
            ("https://minio:9000", false, "https://minio:9000", 9000),
            ("[::1]:9000", false, "http://[::1]:9000", 9000),
            ("[::1]", false, "http://[::1]", 80),
            ("s3.amazonaws.com", false, "https://s3.amazonaws.com", 443),
            ("10.0.0.1:80", false, "http://10.0.0.1:80", 80),
        ] {
            let server = Server::parse(text, secure).unwrap();
            assert_eq!((server.url().as_str(), server.port()), (url, port), "{text}");
        }
        for bad in [
            "",
            "http://",
            "a/b",
            "host:0",
            "host:x",
            "host:70000",
            "a b",
            "user@host",
            "::1",
            "[x]:1",
            "a?b",
            "a#b",
        ] {
            assert_eq!(Server::parse(bad, true), Err(ServerError(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn amazon_is_known_by_its_name() {
        let region = |text: &str| {
            let server = Server::parse(text, false).unwrap();
            (server.is_aws(), server.aws_region().map(str::to_owned))
        };
        assert_eq!(region("s3.eu-west-1.amazonaws.com"), (true, Some("eu-west-1".into())));
        assert_eq!(region("s3.amazonaws.com"), (true, None));
        assert_eq!(region("s3.amazonaws.com.example.org"), (false, None));
        assert_eq!(region("evil.s3.amazonaws.com"), (false, None));
    }
}
