//! The key that authenticates the trail.

use std::fmt;

use aws_lc_rs::hmac::{self, HMAC_SHA256};

use super::{Hash, Head, Row};

/// Separates this key from whatever else the service's secret is for.
const CONTEXT: &[u8] = b"anonlink 2026-11 audit trail";

/// Authenticates rows and heads.
#[derive(Clone)]
pub struct AuditKey(hmac::Key);

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(…)")
    }
}

impl AuditKey {
    /// The key that follows from the service's secret.
    pub fn derive(secret: &[u8; 32]) -> Self {
        let derived = hmac::sign(&hmac::Key::new(HMAC_SHA256, secret), CONTEXT);
        Self(hmac::Key::new(HMAC_SHA256, derived.as_ref()))
    }

    /// The code that authenticates these bytes.
    pub fn sign(&self, bytes: &[u8]) -> Hash {
        let mut code = [0; 32];
        code.copy_from_slice(hmac::sign(&self.0, bytes).as_ref());
        Hash(code)
    }

    /// Whether a row's code is good for its hash.
    pub fn approves_row(&self, row: &Row) -> bool {
        hmac::verify(&self.0, &Row::sealed(row.hash), &row.mac.0).is_ok()
    }

    /// Whether a head's code is good.
    pub fn approves_head(&self, head: &Head) -> bool {
        hmac::verify(&self.0, &head.sealed(), &head.mac.0).is_ok()
    }
}
