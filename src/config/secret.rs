//! Secrets: given as a value or in a file, and never shown by `Debug`, an error or a log line.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

/// A password, key or token. `Debug` doesn't show it, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A secret from its value or from a file (whose newlines at the end don't count); `None` if neither is given. An empty value
    /// or file name counts as not given. `name` is the setting's environment variable; the file's is `{name}_FILE`.
    ///
    /// # Errors
    /// Both are given, or the file can't be read.
    pub fn resolve(
        name: &'static str,
        value: Option<&Secret>,
        file: Option<&Path>,
    ) -> Result<Option<Secret>, SecretError> {
        let file = file.filter(|file| !file.as_os_str().is_empty());
        match (value.filter(|secret| !secret.is_empty()), file) {
            (Some(_), Some(_)) => Err(SecretError::Both { name }),
            (Some(secret), None) => Ok(Some(secret.clone())),
            (None, None) => Ok(None),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file).map_err(|error| SecretError::File {
                    name,
                    file: file.to_owned(),
                    why: error.to_string(),
                })?;
                Ok(Some(Secret::new(text.trim_end_matches(['\n', '\r']))))
            }
        }
    }

    /// The secret itself, for the one place that hands it over.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is the empty text, which deployments use for "none".
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl FromStr for Secret {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

/// Why a secret can't be had. Names the setting, never the secret.
#[derive(Debug, Error)]
pub enum SecretError {
    /// It was given twice.
    #[error("{name} and {name}_FILE are both set: give one of them")]
    Both {
        /// The setting.
        name: &'static str,
    },
    /// Its file can't be read as text.
    #[error("{name}_FILE names {}, which can't be read: {why}", file.display())]
    File {
        /// The setting.
        name: &'static str,
        /// The file.
        file: PathBuf,
        /// What went wrong.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_a_secret() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_file_may_end_in_a_newline() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, " with space \r\n").unwrap();
        let found = Secret::resolve("PASSWORD", None, Some(&file)).unwrap().unwrap();
        assert_eq!(found.expose(), " with space ");
        let empty = Secret::new("");
        assert_eq!(Secret::resolve("PASSWORD", Some(&empty), Some(&file)).unwrap(), Some(found));
        assert_eq!(Secret::resolve("PASSWORD", Some(&empty), None).unwrap(), None);
    }

    #[test]
    fn two_sources_and_a_missing_file_are_errors() {
        let file = Path::new("/nowhere/password");
        let value = Secret::new("hunter2");
        let both = Secret::resolve("PASSWORD", Some(&value), Some(file)).unwrap_err().to_string();
        assert_eq!(both, "PASSWORD and PASSWORD_FILE are both set: give one of them");
        let missing = Secret::resolve("PASSWORD", None, Some(file)).unwrap_err().to_string();
        assert!(missing.starts_with("PASSWORD_FILE names /nowhere/password"), "{missing}");
    }
}
