//! Secrets in the settings: never printed, and readable from a file as well as from a variable.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use thiserror::Error;

/// A secret text. Neither `Debug` nor any log shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// A file that was to hold a secret can't be read.
#[derive(Debug, Error)]
#[error("{name}_FILE: {file} can't be read: {source}")]
pub struct SecretError {
    name: &'static str,
    file: String,
    source: std::io::Error,
}

impl Secret {
    /// A secret that was given as a value or as a file (whose last line end doesn't count); the value wins. An empty one counts
    /// as none. `name` is the variable's, for the message.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn resolve(
        name: &'static str,
        value: Option<&Secret>,
        file: Option<&Path>,
    ) -> Result<Option<Self>, SecretError> {
        let found = match (value.filter(|secret| !secret.0.is_empty()), file) {
            (Some(value), _) => Some(value.clone()),
            (None, Some(file)) if !file.as_os_str().is_empty() => {
                let failed = |source| SecretError { name, file: file.display().to_string(), source };
                let text = std::fs::read_to_string(file).map_err(failed)?;
                Some(Self(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            (None, _) => None,
        };
        Ok(found.filter(|secret| !secret.0.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_from_values_or_files_and_never_print() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "from a file\n").unwrap();
        let resolve = |value: Option<&Secret>, file| Secret::resolve("X", value, file).unwrap();
        assert_eq!(resolve(Some(&secret), Some(&file)), Some(secret.clone()));
        assert_eq!(resolve(None, Some(&file)).unwrap().expose(), "from a file");
        assert_eq!(resolve(Some(&Secret::new("")), None), None);
        let missing = Secret::resolve("X", None, Some(Path::new("/nowhere"))).unwrap_err();
        assert!(missing.to_string().starts_with("X_FILE: /nowhere can't be read"), "{missing}");
    }
}
