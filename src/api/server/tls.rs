//! HTTPS on the listener itself: a certificate and its key from files, read again when they change, as they do where a cluster
//! renews certificates by itself.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

/// Time between two looks at the files.
const LOOK: Duration = Duration::from_secs(10);

/// Why a certificate can't be served.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// A file can't be read as what it should hold.
    #[error("{file} can't be used: it should hold {what} in PEM form ({why})")]
    File {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Certificate and key don't belong together, or are of a kind that TLS doesn't take.
    #[error("the certificate in {cert} and the key in {key} can't be used: {why}")]
    Pair {
        /// File of the certificate.
        cert: PathBuf,
        /// File of the key.
        key: PathBuf,
        /// What is wrong.
        why: rustls::Error,
    },
}

/// A certificate and its key, as of the last look at their files.
#[derive(Debug)]
pub struct Certificates {
    cert: PathBuf,
    key: PathBuf,
    look: Duration,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    changed: [Option<SystemTime>; 2],
    looked: Instant,
}

impl Certificates {
    /// Loads a certificate chain and its private key.
    ///
    /// # Errors
    /// A file can't be read or holds something else, or they don't belong together.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, CertificateError> {
        let (cert, key) = (cert.to_owned(), key.to_owned());
        let changed = [changed(&cert), changed(&key)];
        let config = config(&cert, &key)?;
        let current = Mutex::new(Current { config, changed, looked: Instant::now() });
        Ok(Self { cert, key, look: LOOK, current })
    }

    /// The same, with another time between two looks at the files.
    #[must_use]
    pub fn looking_every(self, look: Duration) -> Self {
        Self { look, ..self }
    }

    /// What the next connection is to be accepted with. Files that have become useless leave the last good pair in force.
    pub fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked.elapsed() >= self.look {
            current.looked = Instant::now();
            let changed = [changed(&self.cert), changed(&self.key)];
            if changed != current.changed {
                match config(&self.cert, &self.key) {
                    Ok(config) => {
                        tracing::info!(file = %self.cert.display(), "the renewed certificate is in force");
                        (current.config, current.changed) = (config, changed);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the renewed certificate is left alone; the last good one stays in force")
                    }
                }
            }
        }
        TlsAcceptor::from(current.config.clone())
    }
}

fn changed(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|facts| facts.modified()).ok()
}

fn config(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, CertificateError> {
    let failed = |file: &Path, what, why: String| CertificateError::File { file: file.to_owned(), what, why };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(cert, "a certificate", error.to_string()))?;
    if chain.is_empty() {
        return Err(failed(cert, "a certificate", "it holds none".into()));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| failed(key, "the certificate's private key", error.to_string()))?;
    let pair = |why| CertificateError::Pair { cert: cert.to_owned(), key: key.to_owned(), why };
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
