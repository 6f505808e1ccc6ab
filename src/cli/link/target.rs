//! Files that appear at once: written beside their name and renamed when they are whole.
//!
//! A target is opened before the work begins, so that a folder that cannot be written to is found out first. If it is
//! dropped without [`commit`](Target::commit), whatever was written is removed and an older file of that name stays as
//! it was. Standard output, and names that are devices or pipes, take the bytes as they come.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Where a result goes.
#[derive(Debug)]
pub struct Target {
    name: String,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Stdout(io::Stdout),
    /// A device or a pipe.
    Special(File),
    Regular {
        file: File,
        part: Part,
        path: PathBuf,
    },
}

/// The unfinished file. It is removed unless it gets its name.
#[derive(Debug)]
struct Part(Option<PathBuf>);

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // There is nobody left to tell.
            let _ = fs::remove_file(path);
        }
    }
}

impl Target {
    /// Opens a target; `-` is standard output.
    ///
    /// # Errors
    /// It cannot be written to.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        if path == Path::new("-") {
            return Ok(Self { name: "standard output".into(), sink: Sink::Stdout(io::stdout()) });
        }
        // A link stays a link: what it points to is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let sink = match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                return Err(anyhow::anyhow!(
                    "cannot write {name}: it is a folder, expected the name of a file"
                ));
            }
            Ok(found) if !found.is_file() => {
                let file = OpenOptions::new().write(true).open(&path);
                Sink::Special(file.with_context(|| format!("cannot write {name}"))?)
            }
            _ => Self::begin(path).with_context(|| format!("cannot write {name}"))?,
        };
        Ok(Self { name, sink })
    }

    fn begin(path: PathBuf) -> Result<Sink> {
        let file_name = path.file_name().context("expected the name of a file")?.to_string_lossy();
        let mut random = [0; 8];
        getrandom::fill(&mut random).context("the operating system's random source fails")?;
        let part = path.with_file_name(format!(".{file_name}.{}.part", hex::encode(random)));
        let file = OpenOptions::new().write(true).create_new(true).open(&part)?;
        Ok(Sink::Regular { file, part: Part(Some(part)), path })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The disk is full, or the reader of a pipe has gone.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = match &mut self.sink {
            Sink::Stdout(out) => out.write_all(bytes),
            Sink::Special(file) | Sink::Regular { file, .. } => file.write_all(bytes),
        };
        written.with_context(|| format!("cannot write {}", self.name))
    }

    /// Ends the file and lets it appear.
    ///
    /// # Errors
    /// It cannot be given its name.
    pub fn commit(self) -> Result<()> {
        let done = match self.sink {
            Sink::Stdout(mut out) => out.flush(),
            Sink::Special(mut file) => file.flush(),
            Sink::Regular { file, mut part, path } => {
                drop(file);
                let from = part.0.as_deref().expect("only this takes the name, and it takes self");
                fs::rename(from, path).map(|()| part.0 = None)
            }
        };
        done.with_context(|| format!("cannot write {}", self.name))
    }
}

/// Fails if one of the outputs is an input or another output: it would destroy it.
///
/// # Errors
/// Names the two.
pub fn check_distinct(inputs: &[&Path], outputs: &[&Path]) -> Result<()> {
    let real = |path: &&Path| path.canonicalize().ok().filter(|path| path.is_file());
    for (number, output) in outputs.iter().enumerate() {
        ensure!(
            !outputs[..number].contains(output),
            "{} is named for two outputs: give them different names",
            output.display()
        );
        let Some(place) = real(output) else { continue };
        if let Some(input) = inputs.iter().find(|input| real(input).as_ref() == Some(&place)) {
            anyhow::bail!(
                "writing {} would destroy the input {}: choose another name",
                output.display(),
                input.display()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result");
        fs::write(&path, "old").unwrap();
        let mut target = Target::open(&path).unwrap();
        target.write(b"ne").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        target.write(b"w").unwrap();
        target.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["result"]);
    }

    #[test]
    fn what_is_given_up_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let mut target = Target::open(&folder.path().join("result")).unwrap();
        target.write(b"half").unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        drop(target);
        assert!(names(folder.path()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut target = Target::open(&link).unwrap();
        target.write(b"new").unwrap();
        target.commit().unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

        let mut null = Target::open(Path::new("/dev/null")).unwrap();
        null.write(b"gone").unwrap();
        null.commit().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn places_that_cannot_be_written_are_found_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let error = Target::open(folder.path()).unwrap_err();
        assert!(format!("{error:#}").contains("it is a folder"), "{error:#}");
        let error = Target::open(&folder.path().join("no/such/result")).unwrap_err();
        assert!(format!("{error:#}").starts_with("cannot write "), "{error:#}");
    }

    #[test]
    fn an_output_must_not_be_an_input_or_another_output() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&a, "").unwrap();
        let indirect = folder.path().join(".").join("a");
        assert!(check_distinct(&[&a], &[&indirect]).is_err());
        assert!(check_distinct(&[&a], &[&b, &b]).is_err());
        assert!(check_distinct(&[&a, &a], &[&b, Path::new("-")]).is_ok());
    }
}
