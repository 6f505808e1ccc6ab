//! A token bucket per client address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use crate::config::RateLimit;

/// Buckets of all clients seen lately.
#[derive(Debug)]
pub(super) struct RateLimiter {
    limit: Option<RateLimit>,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Requests that may be sent now.
    level: f64,
    /// Time of the last change, since an epoch of the caller's.
    at: Duration,
}

/// Clients remembered before those with full buckets are dropped.
const MANY: usize = 10_000;

impl RateLimiter {
    /// `None` turns the limit off.
    pub fn new(limit: Option<RateLimit>) -> Self {
        Self { limit, buckets: Mutex::default() }
    }

    /// Takes one request of a client at a time `now` since any fixed epoch. `Err` says how long to wait.
    ///
    /// # Errors
    /// The client has spent its rate; the duration is the time until the next request will be allowed.
    pub fn take(&self, client: IpAddr, now: Duration) -> Result<(), Duration> {
        let Some(limit) = self.limit else { return Ok(()) };
        let full = limit.burst.max(1.0);
        let refilled = |bucket: &Bucket| {
            let passed = now.saturating_sub(bucket.at).as_secs_f64();
            (bucket.level + passed * limit.per_second).min(full)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if buckets.len() >= MANY && !buckets.contains_key(&client) {
            buckets.retain(|_, bucket| refilled(bucket) < full);
        }
        let bucket = buckets.entry(client).or_insert(Bucket { level: full, at: now });
        let level = refilled(bucket);
        let allowed = level >= 1.0;
        *bucket = Bucket { level: if allowed { level - 1.0 } else { level }, at: now };
        match allowed {
            true => Ok(()),
            false => Err(Duration::from_secs_f64((1.0 - level) / limit.per_second)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn a_burst_passes_and_then_the_rate_rules() {
        let limiter = RateLimiter::new(Some(RateLimit { per_second: 10.0, burst: 3.0 }));
        let at = Duration::from_millis;
        for _ in 0..3 {
            assert_eq!(limiter.take(A, at(0)), Ok(()));
        }
        let wait = limiter.take(A, at(0)).unwrap_err();
        assert!((wait.as_secs_f64() - 0.1).abs() < 1e-9);
        assert_eq!(limiter.take(B, at(0)), Ok(()), "other clients aren't touched");
        assert!(limiter.take(A, at(99)).is_err());
        assert_eq!(limiter.take(A, at(101)), Ok(()));
        assert!(limiter.take(A, at(102)).is_err());
    }

    #[test]
    fn no_limit_means_no_limit() {
        let limiter = RateLimiter::new(None);
        assert!((0..10_000).all(|_| limiter.take(A, Duration::ZERO).is_ok()));
    }

    #[test]
    fn idle_clients_are_forgotten() {
        let limiter = RateLimiter::new(Some(RateLimit { per_second: 1.0, burst: 1.0 }));
        for i in 0..20_000_u32 {
            let client = IpAddr::V4(std::net::Ipv4Addr::from(i));
            assert_eq!(limiter.take(client, Duration::from_secs(u64::from(i))), Ok(()));
        }
        assert!(limiter.buckets.lock().unwrap().len() <= MANY);
    }
}
