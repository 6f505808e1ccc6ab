//! What pages say of settings and flags, against what `--help` says.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::kit::pages::{self, Kind, Page};

/// Commands of the program.
const COMMANDS: [&str; 10] = [
    "serve",
    "link",
    "work",
    "migrate",
    "health",
    "audit export",
    "audit verify",
    "selftest",
    "completions",
    "man",
];

/// The page with the table of all settings.
const TABLE: &str = "docs/settings.md";

/// Variables in the pages that are no settings of ours, and whose they are.
const FOREIGN_VARIABLES: &[&str] = &[
    // The allocator of the image's binary.
    "MIMALLOC_ARENA_EAGER_COMMIT",
    "MIMALLOC_PURGE_DELAY",
    // glibc's.
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_THRESHOLD_",
    // Settings of the old service, which the pages say what has become of.
    "CACHE_EXPIRY_SECONDS",
    "LOG_CFG",
    "MAX_CACHE_SIZE",
    "TRACE_CFG",
    // What turns colours off in any program.
    "NO_COLOR",
    // An error of OpenSSL.
    "CERTIFICATE_VERIFY_FAILED",
    // What PyPI requests, and so anonlink-client, trusts.
    "REQUESTS_CA_BUNDLE",
];

/// Beginnings of inline code with flags that belong to other programs.
const FOREIGN_PROGRAMS: &[&str] = &[
    "client/bin/",
    "curl ",
    "docker ",
    "helm ",
    "kubectl ",
    "minikube ",
    "cargo ",
    "pg_dump",
    "benches/",
    // Flags of curl, of cargo, of Helm, and of anonlink-client, named alone.
    "--fail-with-body",
    "--data-binary",
    "--cacert",
    "--lib",
    "--wait",
    "--set",
    "--blocked",
    "results --watch",
];

/// A setting as the help has it.
#[derive(Debug, Default)]
struct Setting {
    flag: String,
    variable: String,
    default: String,
    help: String,
}

impl Setting {
    /// Its row in the table.
    fn row(&self) -> String {
        let default = if self.default.is_empty() { "" } else { &format!("`{}`", self.default) };
        format!("| `{}` | `{}` | {default} | {} |", self.variable, self.flag, self.help.replace('|', "\\|"))
    }
}

/// What `--help` of a command says.
fn help(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_anonlink"))
        .args(command.split(' ').chain(["--help"]))
        .env("COLUMNS", "2000")
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The flags of a help text with what belongs to each.
fn settings(help: &str) -> Vec<Setting> {
    let mut found: Vec<Setting> = Vec::new();
    for line in help.lines() {
        let text = line.trim();
        // Flags are indented by two (with a short form) or six; their texts by ten.
        let indent = line.len() - line.trim_start().len();
        if (2..10).contains(&indent) && text.starts_with('-') {
            let flag =
                text.split([' ', '=', '[', ',']).find(|word| word.starts_with("--")).unwrap_or_default();
            found.push(Setting { flag: flag.to_owned(), ..Setting::default() });
        } else if indent == 0 && !text.is_empty() {
            // A heading: what follows it belongs to no flag.
            found.push(Setting::default());
        } else if let Some(setting) = found.last_mut() {
            if let Some(rest) = text.strip_prefix("[env: ") {
                setting.variable = rest.split(['=', ']']).next().unwrap().to_owned();
            } else if let Some(rest) = text.strip_prefix("[default: ") {
                setting.default = rest.trim_end_matches(']').to_owned();
            } else if setting.help.is_empty() {
                setting.help = text.to_owned();
            }
        }
    }
    found.retain(|setting| !setting.flag.is_empty());
    found
}

fn all() -> BTreeMap<&'static str, Vec<Setting>> {
    COMMANDS.iter().map(|command| (*command, settings(&help(command)))).collect()
}

/// Checks that the variables and flags that pages name exist.
pub fn check_named(pages: &[Page]) {
    let commands = all();
    let variables: BTreeSet<&str> =
        commands.values().flatten().map(|setting| setting.variable.as_str()).collect();
    let flags: BTreeSet<&str> = commands.values().flatten().map(|setting| setting.flag.as_str()).collect();
    assert!(variables.len() > 60 && flags.len() > 60, "{variables:?} {flags:?}");
    let mut wrong = Vec::new();
    for page in pages {
        let chart = page.path.starts_with("deploy/");
        for (line, text) in &page.prose {
            for code in inline(text) {
                let place = || format!("{}:{line}: `{code}`", page.path);
                for name in words(code).filter(|word| is_variable(word)) {
                    if !chart && !variables.contains(name) && !FOREIGN_VARIABLES.contains(&name) {
                        wrong.push(format!("{}: no setting {name}", place()));
                    }
                }
                let foreign = FOREIGN_PROGRAMS.iter().any(|program| code.starts_with(program));
                for flag in named_flags(code) {
                    if !chart && !foreign && !flags.contains(flag) {
                        wrong.push(format!("{}: no flag {flag}", place()));
                    }
                }
            }
        }
        for block in
            page.blocks.iter().filter(|block| !matches!(block.kind, Kind::Text | Kind::Json | Kind::Example))
        {
            for line in block.text.replace("\\\n", " ").lines() {
                let exported = line.strip_prefix("export ").unwrap_or_default().split_whitespace();
                for name in exported.filter_map(|word| word.split_once('=')).map(|(name, _)| name) {
                    if !variables.contains(name) {
                        wrong.push(format!("{}:{}: no setting {name}", page.path, block.line));
                    }
                }
                for (command, flag) in flags_of_commands(line) {
                    let Some(known) = commands.get(command.as_str()) else { continue };
                    if !known.iter().any(|setting| setting.flag == flag) {
                        wrong.push(format!(
                            "{}:{}: `anonlink {command}` has no flag {flag}",
                            page.path, block.line
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Checks that the table holds exactly the settings that there are.
pub fn check_table() {
    let commands = all();
    for role in ["serve", "work"] {
        let flags = commands[role].iter().filter(|setting| setting.variable.is_empty());
        let flags: Vec<&str> = flags.map(|setting| setting.flag.as_str()).collect();
        assert_eq!(flags, ["--help", "--version"], "{role} has flags that are no environment variables");
    }
    let wanted: BTreeSet<String> = commands
        .values()
        .flatten()
        .filter(|setting| !setting.variable.is_empty())
        .map(Setting::row)
        .collect();
    let text = std::fs::read_to_string(pages::root().join(TABLE)).unwrap();
    let found: BTreeSet<String> =
        text.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect();
    let show = |rows: Vec<&String>| rows.into_iter().map(|row| format!("{row}\n")).collect::<String>();
    assert!(
        wanted == found,
        "{TABLE} lacks these rows:\n{}\nand has these that `--help` doesn't:\n{}",
        show(wanted.difference(&found).collect()),
        show(found.difference(&wanted).collect()),
    );
}

/// The inline code of a line.
fn inline(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Whether a word looks like an environment variable: capitals with an underscore in between.
fn is_variable(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.trim_end_matches('_').contains('_')
        && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn named_flags(code: &str) -> impl Iterator<Item = &str> {
    let flag = |word: &&str| word.starts_with("--") && word.len() > 2;
    code.split([' ', '=', ',', '(', ')']).filter(flag)
}

/// Flags of `anonlink COMMAND` in a line of shell, each with its command.
fn flags_of_commands(line: &str) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    let mut words = line.split_whitespace();
    let mut command = None;
    while let Some(word) = words.next() {
        if word == "anonlink" || word.ends_with("release/anonlink") || word.ends_with("$(anonlink") {
            let mut ahead = words.clone();
            command = ahead.next().map(|first| match first {
                "audit" => format!("audit {}", ahead.next().unwrap_or_default()),
                first => first.to_owned(),
            });
        } else if ["|", "&&", "||", ";", ">", "2>"].contains(&word) {
            command = None;
        } else if let (Some(command), true) = (&command, word.starts_with("--")) {
            found.push((command.clone(), word.split('=').next().unwrap().trim_end_matches([';', ')'])));
        }
    }
    found
}

#[test]
fn settings_are_read_from_help() {
    let found = settings(
        "Options:\n      --a-b <C>\n          What it is [default: d]\n          \n          [env: A_B=]\n          [default: e]\n\n  -h, --help\n          Print\n\nLogs:\nx\n",
    );
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].row(), "| `A_B` | `--a-b` | `e` | What it is [default: d] |");
    assert_eq!((found[1].flag.as_str(), found[1].variable.as_str()), ("--help", ""));
    assert_eq!(
        flags_of_commands("X=1 anonlink link a --threshold 1 | jq --raw"),
        [("link".to_owned(), "--threshold")]
    );
    assert!(is_variable("A_B") && !is_variable("API") && !is_variable("a_B"));
}
