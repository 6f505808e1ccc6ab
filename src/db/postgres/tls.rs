//! TLS to PostgreSQL, with the meanings that libpq gave the modes.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::tls::{TlsError, authorities};
use crate::config::{DatabaseSettings, DatabaseTls};

/// Verifies what the mode asks for.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// Whom the chain must lead to; `None`: anybody.
    roots: Option<RootCertStore>,
    /// Certificates of the file of authorities: a server may present one of them itself, as self-made ones do. The file is the
    /// operator's word for exactly this certificate, so its dates don't count.
    pinned: Vec<CertificateDer<'static>>,
    /// Whether the certificate must name the host.
    name: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(roots) = &self.roots else { return Ok(ServerCertVerified::assertion()) };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        if !self.pinned.iter().any(|pinned| pinned.as_ref() == end_entity.as_ref()) {
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        if self.name {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The TLS connector for these settings; `None` if TLS is off.
///
/// # Errors
/// The file of authorities can't be used.
pub(super) fn connector(settings: &DatabaseSettings) -> Result<Option<MakeRustlsConnect>, TlsError> {
    let ca = settings.ca_file.as_deref();
    let (roots, name) = match settings.tls {
        DatabaseTls::Disable => return Ok(None),
        DatabaseTls::Require => (ca.map(|file| authorities(Some(file))).transpose()?, false),
        DatabaseTls::VerifyFull => (Some(authorities(ca)?), true),
    };
    let pinned = match ca {
        // That the file is readable PEM was seen just now.
        Some(file) => {
            CertificateDer::pem_file_iter(file).into_iter().flatten().filter_map(Result::ok).collect()
        }
        None => Vec::new(),
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier { provider: provider.clone(), roots, pinned, name };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(config)))
}
