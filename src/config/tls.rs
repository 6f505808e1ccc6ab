//! One way to load certificate authorities, for every TLS connection that goes out.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;

/// Why certificate authorities can't be loaded.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The file of authorities can't be used.
    #[error("the file of certificate authorities {file} can't be used: {why}")]
    Authorities {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// The TLS library refuses its settings.
    #[error("TLS can't be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// The authorities to trust: those in the PEM file `ca`, or, without one, the system's (which `SSL_CERT_FILE` can name), or,
/// where there are none, Mozilla's as built in.
///
/// # Errors
/// The file can't be read, or holds no certificate.
pub fn authorities(ca: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let Some(file) = ca else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        return Ok(roots);
    };
    let failed = |why: String| TlsError::Authorities { file: file.display().to_string(), why };
    let found = CertificateDer::pem_file_iter(file).map_err(|error| failed(error.to_string()))?;
    for certificate in found {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(failed("it holds no PEM certificate".into())),
        false => Ok(roots),
    }
}

/// A client's TLS settings: the server's certificate and name are verified against these authorities.
///
/// # Errors
/// As [`authorities`].
pub fn verified(ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(authorities(ca)?).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_always_trusted() {
        assert!(!authorities(None).unwrap().is_empty());
        verified(None).unwrap();
    }

    #[test]
    fn a_useless_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = authorities(Some(&folder.path().join("ca.pem"))).unwrap_err().to_string();
        assert!(missing.contains("ca.pem"), "{missing}");
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "nothing").unwrap();
        let message = authorities(Some(&empty)).unwrap_err().to_string();
        assert!(message.contains("no PEM certificate"), "{message}");
    }
}
