//! What `--help` and `--version` say.

use super::kit::{COMMANDS, run, text};

#[test]
fn every_command_explains_itself_by_examples_and_exit_statuses() {
    for name in COMMANDS {
        let output = run(&[name, "--help"]);
        let help = text(&output.stdout);
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{name}");
        let shown = help.lines().filter(|line| line.contains(&format!("anonlink {name} "))).count();
        assert!(shown >= 2, "usage and an example of {name}: {help}");
        assert!(help.contains("Example") && help.contains("Exit status: 0"), "{name}: {help}");
        assert_eq!(
            help.contains("JSON"),
            help.contains("--output <FORM>") || name == "link" || help.contains("--log-format"),
            "{name}"
        );
    }
    let help = text(&run(&["--help"]).stdout);
    for name in COMMANDS {
        assert!(help.contains(&format!("\n  {name} ")), "{name} is not in {help}");
    }
    assert!(help.contains("Examples:") && help.contains("Exit status:"), "{help}");
}

#[test]
fn the_table_of_commands_is_complete() {
    let help = text(&run(&["--help"]).stdout);
    let listed: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            line.strip_prefix("  ")?.split_whitespace().next().filter(|_| !line.starts_with("   "))
        })
        .filter(|name| *name != "help")
        .collect();
    for name in &listed {
        assert!(COMMANDS.contains(name), "`{name}` is in no test of this folder");
    }
    assert_eq!(listed.len(), COMMANDS.len(), "{listed:?}");
}

#[test]
fn the_version_is_one_line_of_two_words() {
    let output = run(&["--version"]);
    assert_eq!(text(&output.stdout), format!("anonlink {}\n", env!("CARGO_PKG_VERSION")));
}
