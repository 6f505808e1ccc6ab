//! The check that nobody has tampered with the trail.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::super::backends::BackendArgs;
use super::super::output::say;
use super::export::{FORMAT, Line};
use crate::codec::audit::{AuditKey, Hash, TrailCheck};
use crate::db::audit::check;

/// Flags of `audit verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Every hash, number and authentication code is checked, and each project's chain against the server's. \
The heads are printed: note that of the chain `server` elsewhere, and ask for it the next time with --head.

Exit status: 0 if nothing is wrong, 1 if something is or the check could not be made."
)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    backends: BackendArgs,

    /// Check this export instead of the store
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// The service's secret (`permutation.key`), to check the authentication codes of an export as well
    #[arg(long, value_name = "FILE", requires = "file")]
    secret_file: Option<PathBuf>,

    /// A head that was noted earlier: the chain must still hold it (may be given several times)
    #[arg(long = "head", value_name = "CHAIN=HASH")]
    heads: Vec<Noted>,
}

/// A head that was noted earlier.
#[derive(Debug, Clone)]
struct Noted {
    chain: String,
    hash: Hash,
}

impl FromStr for Noted {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (chain, hash) = text.split_once('=').ok_or("a head is written CHAIN=HASH")?;
        Ok(Self { chain: chain.to_owned(), hash: Hash::try_from(hash.to_owned())? })
    }
}

/// Checks, and tells what was found.
pub(super) async fn run(args: VerifyArgs) -> Result<ExitCode> {
    let (check, note) = match &args.file {
        Some(file) => from_file(file, args.secret_file.as_deref(), &args.heads)?,
        None => {
            let backends = super::open(&args.backends).await?;
            let secret = backends.known_secret().await.context(
                "the service's secret can't be read, so that nobody can say who wrote the trail; export it, and check the \
                 export with --file",
            )?;
            let key = AuditKey::derive(&secret);
            (
                check(
                    &*backends.db,
                    Some(key),
                    args.heads.into_iter().map(|noted| (noted.chain, noted.hash)),
                )
                .await?,
                None,
            )
        }
    };
    let (faults, chains, rows) = check.finish();
    for (name, chain) in &chains {
        if let Some((number, hash)) = chain.last {
            say(&format!("head {name}={} at row {number}", String::from(hash)))?;
        }
    }
    note.into_iter().try_for_each(|note: String| say(&note))?;
    for fault in &faults {
        say(&format!("WRONG {fault}"))?;
    }
    match faults.len() {
        0 => say(&format!("{rows} rows in {} chains: nothing is wrong", chains.len()))?,
        found => say(&format!("{rows} rows in {} chains: {found} things are wrong", chains.len()))?,
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn from_file(file: &Path, secret: Option<&Path>, heads: &[Noted]) -> Result<(TrailCheck, Option<String>)> {
    let key = secret.map(key).transpose()?;
    let unchecked = key.is_none();
    let mut lines =
        BufReader::new(File::open(file).with_context(|| format!("can't open {}", file.display()))?)
            .lines()
            .enumerate()
            .map(|(index, line)| {
                let at = || format!("{}, line {}", file.display(), index + 1);
                let line = line.with_context(at)?;
                serde_json::from_str::<Line>(&line).with_context(at)
            });
    let Some(Line::Export(scope)) = lines.next().transpose()? else {
        bail!("{} is no export of the audit trail: its first line doesn't say so", file.display());
    };
    ensure!(
        scope.format == FORMAT,
        "{} has format {}, and this binary knows {FORMAT}",
        file.display(),
        scope.format
    );
    let partial = scope.project.is_some() || scope.since.is_some();
    let mut check = TrailCheck::new(key, partial);
    heads.iter().for_each(|noted| check.expect(&noted.chain, noted.hash));
    for line in lines {
        match line? {
            Line::Row(row) => check.row(&row),
            Line::Head(head) => check.head(head),
            Line::Export(_) => bail!("{} holds two exports; check them one by one", file.display()),
        }
    }
    let mut notes = Vec::new();
    if partial {
        notes.push("this is a part of a trail: what it leaves out was not checked");
    }
    if unchecked {
        notes.push("authentication codes were not checked, which takes the service's secret (--secret-file)");
    }
    Ok((check, (!notes.is_empty()).then(|| format!("note: {}", notes.join("; ")))))
}

fn key(path: &Path) -> Result<AuditKey> {
    let mut secret = Vec::new();
    let read = File::open(path).and_then(|file| file.take(33).read_to_end(&mut secret));
    read.with_context(|| format!("the secret {} can't be read", path.display()))?;
    let secret = <[u8; 32]>::try_from(secret);
    let secret =
        secret.ok().with_context(|| format!("{} is no secret: it must hold 32 bytes", path.display()))?;
    Ok(AuditKey::derive(&secret))
}
