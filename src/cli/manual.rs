//! What a package installs beside the program: completions for shells, and man pages. Both are made from the command line's own
//! definition, so that they say what `--help` says.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_complete::Shell;

use super::output;

/// The program's name.
const PROGRAM: &str = "anonlink";

/// Flags of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  anonlink completions bash > /etc/bash_completion.d/anonlink
  anonlink completions fish > ~/.config/fish/completions/anonlink.fish

Exit status: 0 if it is written, 1 if not, 2 for wrong usage.")]
pub(super) struct CompletionsArgs {
    /// Whose language to write
    shell: Shell,
}

/// Flags of `man`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  anonlink man /usr/local/share/man/man1 && man anonlink-serve

Exit status: 0 if they are written, 1 if not, 2 for wrong usage.")]
pub(super) struct ManArgs {
    /// Folder to write the pages to; made if it is missing
    folder: PathBuf,
}

/// Writes a shell's completions to standard output.
pub(super) fn completions(args: &CompletionsArgs, command: Command) -> Result<ExitCode> {
    output::write(&script(args.shell, command))?;
    Ok(ExitCode::SUCCESS)
}

fn script(shell: Shell, mut command: Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, PROGRAM, &mut script);
    script
}

/// Writes a page for the program and one for each of its commands.
pub(super) fn man(args: &ManArgs, command: Command) -> Result<ExitCode> {
    let folder = &args.folder;
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .with_context(|| format!("the pages can't be written to {}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, ValueEnum};

    use crate::cli::Cli;

    fn commands() -> Vec<String> {
        Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
    }

    #[test]
    fn every_shell_is_told_every_command() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell, Cli::command())).unwrap();
            for name in commands() {
                assert!(script.contains(&name), "{shell}: {name}");
            }
            assert!(script.contains("tls-cert-file"), "{shell}");
        }
    }

    #[test]
    fn bash_understands_its_completions() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("anonlink.bash");
        std::fs::write(&file, script(Shell::Bash, Cli::command())).unwrap();
        // As a shell does it when the user has typed `anonlink sel` and presses the tabulator.
        let typed = "source \"$1\"; COMP_WORDS=(anonlink sel); COMP_CWORD=1; _anonlink anonlink sel anonlink; echo \"${COMPREPLY[@]}\"";
        let output =
            std::process::Command::new("bash").args(["-c", typed, "bash"]).arg(&file).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "selftest", "{output:?}");
    }

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let pages = folder.path().join("man1");
        man(&ManArgs { folder: pages.clone() }, Cli::command()).unwrap();
        for name in commands() {
            let page = std::fs::read_to_string(pages.join(format!("anonlink-{name}.1"))).unwrap();
            assert!(page.contains(".SH NAME") && page.contains(".SH OPTIONS"), "{name}");
            assert!(page.contains("Example") && page.contains("Exit status"), "{name}");
        }
        let serve = std::fs::read_to_string(pages.join("anonlink-serve.1")).unwrap();
        assert!(serve.contains("DATABASE_SERVER") && serve.contains("Examples:"), "{serve}");
        let blocked = man(&ManArgs { folder: pages.join("anonlink.1") }, Cli::command()).unwrap_err();
        assert!(format!("{blocked:#}").contains("anonlink.1"), "{blocked:#}");
    }
}
