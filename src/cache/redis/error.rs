//! Why Redis was no use.

use fred::error::{Error, ErrorKind};
use thiserror::Error;

use crate::config::RedisConfigError;
use crate::config::tls::TlsError;

/// Why Redis was no use. Never holds a password.
#[derive(Debug, Error)]
pub enum CacheError {
    /// The settings make no sense.
    #[error(transparent)]
    Settings(#[from] RedisConfigError),
    /// TLS can't be set up.
    #[error("TLS to Redis: {0}")]
    Tls(#[from] TlsError),
    /// There is no connection.
    #[error("Redis is out of reach: {0}")]
    Away(String),
    /// No answer in time.
    #[error("Redis did not answer in time")]
    Late,
    /// Redis wants a user or password that it wasn't given.
    #[error("Redis or a sentinel refuses the user or password: {0}")]
    Password(String),
    /// Redis refuses the command.
    #[error("{0}")]
    Refused(String),
}

impl From<Error> for CacheError {
    fn from(error: Error) -> Self {
        let details = error.details().to_owned();
        match error.kind() {
            ErrorKind::Timeout => Self::Late,
            ErrorKind::Auth => Self::Password(details),
            _ if ["NOAUTH", "WRONGPASS", "NOPERM"].iter().any(|word| details.starts_with(word)) => {
                Self::Password(details)
            }
            ErrorKind::InvalidCommand | ErrorKind::Unknown | ErrorKind::InvalidArgument => {
                Self::Refused(details)
            }
            _ => Self::Away(details),
        }
    }
}
