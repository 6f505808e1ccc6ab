//! Holds back clients that send too many requests.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::problem::ApiError;
use crate::api::server::PeerAddress;
use crate::api::state::ApiState;
use crate::config::AddressRange;

/// Answers 503 once a client address has spent its rate. Probes always pass: the platform's one address sends them all.
pub async fn limit(State(state): State<Arc<ApiState>>, request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/health/") {
        let client = client(&request, &state.settings.trusted_proxies);
        let now = Duration::from_micros(u64::try_from(state.clock.now().0).unwrap_or(0));
        if let Err(wait) = state.cache.take(client, now).await {
            return ApiError::RateLimited(wait).into_response();
        }
    }
    next.run(request).await
}

/// The address that a request comes from. Requests that come by no connection (tests) count as one client's.
fn client(request: &Request, trusted: &[AddressRange]) -> IpAddr {
    let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0.ip().to_canonical());
    origin(peer.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)), request.headers(), trusted)
}

/// Follows `X-Forwarded-For` from the nearest hop backwards for as long as trusted proxies vouch for it: whatever stands before
/// the first stranger was written by that stranger.
fn origin(peer: IpAddr, headers: &HeaderMap, trusted: &[AddressRange]) -> IpAddr {
    let trusts = |address: &IpAddr| trusted.iter().any(|range| range.contains(*address));
    let mut nearest = peer;
    let lines: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    let hops = lines.iter().flat_map(|line| line.split(',')).collect::<Vec<_>>();
    for hop in hops.into_iter().rev() {
        if !trusts(&nearest) {
            break;
        }
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        nearest = address.to_canonical();
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = ["10.0.0.0/30", "fd00::1"].map(|range| range.parse::<AddressRange>().unwrap());
        let headers = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", HeaderValue::from_static(line));
            }
            headers
        };
        let one = headers(&["1.1.1.1, 2.2.2.2"]);
        assert_eq!(origin(ip("9.9.9.9"), &one, &trusted), ip("9.9.9.9"), "a stranger's header");
        assert_eq!(origin(ip("10.0.0.1"), &one, &trusted), ip("2.2.2.2"), "the hop that the proxy saw");
        assert_eq!(origin(ip("10.0.0.1"), &one, &[]), ip("10.0.0.1"));
        let chain = headers(&["1.1.1.1", "2.2.2.2, ::ffff:10.0.0.2"]);
        assert_eq!(origin(ip("10.0.0.1"), &chain, &trusted), ip("2.2.2.2"), "two proxies, two header lines");
        assert_eq!(origin(ip("10.0.0.4"), &chain, &trusted), ip("10.0.0.4"), "just outside the range");
        assert_eq!(origin(ip("fd00::1"), &one, &trusted), ip("2.2.2.2"));
        assert_eq!(origin(ip("10.0.0.1"), &headers(&["rubbish"]), &trusted), ip("10.0.0.1"));
        assert_eq!(origin(ip("10.0.0.1"), &HeaderMap::new(), &trusted), ip("10.0.0.1"));
    }
}
