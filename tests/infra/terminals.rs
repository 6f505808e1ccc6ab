//! Colours and the bar: on a terminal, which `script` makes one, and nowhere else.

use std::process::{Command, Output};

#[path = "../fast/cli/kit.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod kit;
use kit::{fixture, text};

/// Runs the program with a terminal as its standard output and error, and these variables.
fn on_a_terminal(line: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new("script");
    command.env_remove("NO_COLOR").env("TERM", "xterm").envs(variables.iter().copied());
    let program = env!("CARGO_BIN_EXE_anonlink");
    command.args(["--quiet", "--return", "--command", &format!("'{program}' {line}"), "/dev/null"]);
    command.output().expect("`script` of util-linux makes a terminal")
}

/// Whether a text has colours.
fn coloured(text: &str) -> bool {
    text.contains("\x1b[3") || text.contains("\x1b[1m") || text.contains("\x1b[2m")
}

#[test]
fn on_terminals_that_want_them_there_are_colours() {
    let folder = tempfile::tempdir().unwrap();
    let work = format!("migrate --data-dir '{}/data' --log-level debug", folder.path().display());
    let usage = "link --no-such-flag";
    let check = "selftest --only tokens";
    for (line, wanted) in [(usage, 2), (check, 0)] {
        let with = on_a_terminal(line, &[]);
        let without = on_a_terminal(line, &[("NO_COLOR", "1")]);
        assert_eq!((with.status.code(), without.status.code()), (Some(wanted), Some(wanted)), "{line}");
        assert!(coloured(&text(&with.stdout)), "{line}: {}", text(&with.stdout));
        assert!(!coloured(&text(&without.stdout)), "{line}: {}", text(&without.stdout));
    }
    // Log lines.
    assert!(!coloured(&text(&on_a_terminal(&work, &[("NO_COLOR", "1")]).stdout)));
    let serve = format!("work --data-dir '{}/none'", folder.path().display());
    assert!(!coloured(&text(&on_a_terminal(&serve, &[("NO_COLOR", "1")]).stdout)));
}

#[test]
fn on_terminals_there_is_a_bar() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (fixture("febrl4/a.json"), fixture("febrl4/b.json"));
    let to = folder.path().join("groups.json");
    let line = format!("link '{a}' '{b}' -t 0.8 -o '{}' --kernel scalar", to.display());
    let shown = on_a_terminal(&line, &[]);
    let said = text(&shown.stdout);
    assert!(shown.status.success() && said.contains("reading") && said.contains('\x1b'), "{said}");
    let quiet = on_a_terminal(&format!("{line} --quiet"), &[]);
    assert_eq!((quiet.status.code(), text(&quiet.stdout).as_str()), (Some(0), ""));
}
