//! Folders that are the root of something.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A root file system in the making.
pub struct Root {
    folder: tempfile::TempDir,
}

impl Root {
    /// An empty one.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    /// Makes a folder of these permissions for a user.
    pub fn folder(&self, path: &str, user: u32, mode: u32) {
        let folder = self.at(path);
        std::fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::chown(&folder, Some(user), Some(user)).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Writes a file.
    pub fn file(&self, path: &str, text: impl AsRef<[u8]>, mode: u32) {
        let file = self.at(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Copies a file of this machine.
    pub fn copy(&self, from: &Path, to: &str) {
        let to = self.at(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }

    /// Copies a folder of this machine to the same place, links followed.
    pub fn tree(&self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => self.tree(&path),
                // A dangling link is nobody's loss.
                false if !path.exists() => {}
                false => self.copy(&path, path.to_str().unwrap()),
            }
        }
    }

    /// Copies a program of this machine and the libraries that it needs.
    pub fn program(&self, from: &Path, to: &str) {
        self.copy(from, to);
        self.libraries(from);
    }

    /// Copies the libraries that a program or library needs, to where they are.
    pub fn libraries(&self, of: &Path) {
        let output = Command::new("ldd").arg(of).output().unwrap();
        for word in String::from_utf8(output.stdout).unwrap().split_whitespace() {
            if word.starts_with('/') && !self.at(word).exists() && !word.ends_with(':') {
                self.copy(Path::new(word), word);
            }
        }
    }
}
