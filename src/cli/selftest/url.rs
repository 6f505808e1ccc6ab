//! The address of the service as people type it, made into the base of all requests.

use anyhow::{Result, bail};
use reqwest::Url;

/// Path under which the whole API lives.
const API: &str = "/api/v1";

/// The base of all requests (`https://host/prefix/api/v1`, no slash at its end) from an address with or without
/// `/api/v1` and with or without a trailing slash.
///
/// # Errors
/// The address is no http or https URL, or it has parts that would get lost: credentials, a query, a fragment.
pub fn base(address: &str) -> Result<String> {
    let address = address.trim();
    let url = match Url::parse(address) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
        _ => bail!("{address:?} is no address of a service: write it like http://localhost:8851"),
    };
    if !url.username().is_empty() || url.password().is_some() {
        bail!("the address of the service must not hold credentials");
    }
    if url.query().is_some() || url.fragment().is_some() {
        bail!("{address:?} has a query or a fragment: write it like http://localhost:8851");
    }
    let trimmed = url.as_str().trim_end_matches('/');
    let prefix = trimmed.strip_suffix(API).unwrap_or(trimmed).trim_end_matches('/');
    Ok(format!("{prefix}{API}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_reaches_the_same_base() {
        for address in [
            "http://localhost:8851",
            "http://localhost:8851/",
            " http://localhost:8851/api/v1",
            "http://localhost:8851/api/v1/",
            "HTTP://LOCALHOST:8851//api/v1//",
        ] {
            assert_eq!(base(address).unwrap(), "http://localhost:8851/api/v1", "{address}");
        }
        assert_eq!(base("https://example.org/linkage/").unwrap(), "https://example.org/linkage/api/v1");
        assert_eq!(base("https://example.org:443/api/v1").unwrap(), "https://example.org/api/v1");
        assert_eq!(base("http://[::1]:8851").unwrap(), "http://[::1]:8851/api/v1");
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        for address in ["", "localhost:8851", "ftp://host", "http://", "http://host/?a=b", "http://host/#x"] {
            assert!(base(address).is_err(), "{address}");
        }
        let error = base("http://somebody:hunter2@host/").unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
