//! Opens the door of the REST API: the address, and the certificate if it is to speak HTTPS.

use anyhow::{Context, Result};
use tokio::net::TcpListener;

use crate::api::{Certificates, Entrance};
use crate::config::ApiArgs;

/// Loads the certificate and binds the address.
pub(super) async fn open(api: &ApiArgs) -> Result<Entrance> {
    let certificates = match (&api.tls_cert_file, &api.tls_key_file) {
        (Some(cert), Some(key)) => Some(Certificates::load(cert, key)?),
        _ => None,
    };
    let listener = TcpListener::bind(api.listen).await;
    let listener =
        listener.with_context(|| format!("can't listen on {} (--listen names another)", api.listen))?;
    Ok(Entrance { listener, certificates })
}

/// The address that it got, as a URL.
pub(super) fn url(entrance: &Entrance) -> Result<String> {
    let scheme = match entrance.certificates {
        Some(_) => "https",
        None => "http",
    };
    Ok(format!("{scheme}://{}", entrance.listener.local_addr()?))
}
