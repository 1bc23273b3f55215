//! `race generate`: what bash makes of the completions, and `man` of the page.

use std::fs;
use std::process::{Command, Output};

fn race(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_race")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What bash proposes behind `words`, the last of which is begun.
fn proposed(words: &[&str]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let completions = directory.path().join("race.bash");
    fs::write(&completions, race(&["generate", "completions", "bash"])).unwrap();
    // As bash calls the function that `complete -F` has named.
    let script = r#"
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        registered=$(complete -p race); function=${registered#*-F }; function=${function%% *}
        "$function" race "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let output =
        Command::new("bash").args(["-euc", script, "bash"]).arg(&completions).args(words).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_proposes_subcommands_flags_and_values() {
    assert_eq!(proposed(&["race", "wa"]), ["wait"]);
    assert_eq!(proposed(&["race", "policy", "sh"]), ["show"]);
    assert_eq!(proposed(&["race", "settle", "--exit"]), ["--exit-verdict"]);
    assert_eq!(proposed(&["race", "init", "--runner", ""]), ["hosted", "self-hosted"]);
    let all = proposed(&["race", ""]);
    for subcommand in ["wait", "settle", "choose", "inspect", "deploy", "monitor", "init", "doctor", "advise"]
    {
        assert!(all.iter().any(|word| word == subcommand), "{subcommand}: {all:?}");
    }
}

#[test]
fn zsh_and_fish_have_completions_too() {
    assert!(race(&["generate", "completions", "zsh"]).starts_with("#compdef race\n"));
    assert!(race(&["generate", "completions", "fish"]).contains("complete -c race "));
}

/// Runs a program of the system on the page; none where it is not there.
fn read_by(program: &str, arguments: &[&str], page: &std::path::Path) -> Option<Output> {
    let command = Command::new(program)
        .args(arguments)
        .arg(page)
        .env("MANPAGER", "cat")
        .env("MANWIDTH", "100")
        .output();
    command.ok()
}

#[test]
fn the_manual_page_has_every_subcommand_and_is_read_without_a_complaint() {
    let text = race(&["generate", "man"]);
    let sections: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
    for section in ["NAME", "SYNOPSIS", "\"RACE WAIT\"", "\"RACE POLICY CHECK\"", "\"EXIT STATUS\""] {
        assert!(sections.contains(&section), "{section}: {sections:?}");
    }
    assert!(!text.contains("GENERATE"), "it is hidden");
    assert_eq!(text.matches("\\-\\-policies").count(), 2, "once in the synopsis, once explained");

    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("race.1");
    fs::write(&page, &text).unwrap();
    if let Some(output) = read_by("man", &["-l"], &page) {
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{output:?}");
        assert!(shown.contains("undecided when the deadline passed"), "{shown}");
    }
    if let Some(output) = read_by("groff", &["-man", "-ww", "-z"], &page) {
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
    if let Some(output) = read_by("mandoc", &["-Tlint", "-Werror"], &page) {
        assert!(output.status.success(), "{output:?}");
    }
}
