//! The command line: every flag with nothing in it.

use clap::Command;

use crate::run::Ended;
use crate::team::Team;

use super::row;

/// Every way to type an option of `command` with nothing as its value.
fn blanks(command: &Command, words: &[String], out: &mut Vec<Vec<String>>) {
    let has_value = |arg: &&clap::Arg| arg.get_action().takes_values();
    for arg in command.get_arguments().filter(has_value) {
        let Some(long) = arg.get_long() else { continue };
        for typed in [
            vec![format!("--{long}"), String::new()],
            vec![format!("--{long}=")],
        ] {
            out.push([words, &typed].concat());
        }
    }
    for inner in command.get_subcommands() {
        blanks(
            inner,
            &[words, &[inner.get_name().to_owned()]].concat(),
            out,
        );
    }
}

#[test]
fn every_flag_given_empty() {
    let team = Team::new();
    let mut root = relgate::cli::command();
    root.build();
    let mut all = Vec::new();
    blanks(&root, &[], &mut all);
    assert!(all.len() > 300, "{}", all.len());
    let mut seen = std::collections::BTreeSet::new();
    let before = team.files();
    for args in &all {
        let (flag, command) = match args.last().is_some_and(String::is_empty) {
            true => (args[args.len() - 2].clone(), &args[..args.len() - 2]),
            false => (args[args.len() - 1].clone(), &args[..args.len() - 1]),
        };
        // Those of every command are tried with every one that can be typed, once.
        if !seen.insert((flag, command.first().cloned())) {
            continue;
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Ended::of(&mut team.command("rory", &args)).code(2).silent();
    }
    assert_eq!(team.files(), before);
    let what = format!("every flag given empty: {} of them", seen.len());
    let ended = team.run("rory", &["check", "--release", ""]);
    row(&what, ended, 2, &[]);
}

#[test]
fn every_variable_given_empty() {
    let team = Team::new();
    for variable in ["RELGATE_BY", "RELGATE_RELEASE_NAME", "RELGATE_SIGNING_KEY"] {
        let mut command = team.command("rory", &["check"]);
        let ended = Ended::of(command.env(variable, ""));
        row(&format!("{variable} given empty"), ended, 2, &[]);
    }
}
