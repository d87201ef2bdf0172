//! The tables of the documentation, made from what the code knows, and what a line of a page may name.

use std::collections::BTreeSet;

use relgate::app::manual;
use relgate::cli;
use relgate::parse::schema::{Kind, schema};

use serde_json::Value as Json;

/// Every table by its name.
pub fn all() -> Vec<(&'static str, String)> {
    let mut all = cli::reference::tables();
    all.extend(manual::tables());
    all
}

/// Whether a line that is typed names commands and options that exist. A line that begins with an option may be of any
/// command.
pub fn is_known(words: &[String]) -> Result<(), String> {
    let root = cli::command();
    let has = |command: &clap::Command, option: &str| {
        let all = command
            .get_arguments()
            .chain(root.get_arguments().filter(|it| it.is_global_set()));
        let found = all.into_iter().any(|it| it.get_long() == Some(option));
        found || ["help", "version"].contains(&option)
    };
    let options = |words: &[String]| -> Vec<String> {
        let all = words
            .iter()
            .filter_map(|word| word.trim_matches(['[', ']']).strip_prefix("--"));
        all.map(|it| it.split('=').next().unwrap_or_default().to_owned())
            .collect()
    };
    if words[0].starts_with("--") {
        let option = &options(words)[0];
        let anywhere = every(&root).into_iter().any(|it| has(it, option));
        return anywhere
            .then_some(())
            .ok_or(format!("no command takes --{option}"));
    }
    let mut command = &root;
    let mut rest = words[1..].iter().peekable();
    while let Some(word) = rest.next() {
        let word = word.trim_matches(['[', ']']);
        let option = word.strip_prefix("--").or(word.strip_prefix('-'));
        if let Some(name) = option {
            let argument = command
                .get_arguments()
                .chain(root.get_arguments())
                .find(|it| {
                    it.get_long() == Some(name)
                        || it.get_short().is_some_and(|it| it.to_string() == name)
                });
            if argument.is_some_and(|it| it.get_action().takes_values()) {
                rest.next();
            }
        } else if let Some(inner) = command.find_subcommand(word) {
            command = inner;
        } else if command.is_subcommand_required_set() {
            return Err(format!("there is no command \"{word}\""));
        } else {
            break;
        }
    }
    match options(&words[1..])
        .into_iter()
        .find(|option| !has(command, option))
    {
        Some(option) => Err(format!("it does not take --{option}")),
        None => Ok(()),
    }
}

fn every(command: &clap::Command) -> Vec<&clap::Command> {
    let mut all = vec![command];
    all.extend(command.get_subcommands().flat_map(every));
    all
}

/// Every key that a file of a team can have.
pub fn keys() -> BTreeSet<String> {
    fn collect(json: &Json, keys: &mut BTreeSet<String>) {
        match json {
            Json::Object(map) => {
                if let Some(Json::Object(properties)) = map.get("properties") {
                    keys.extend(properties.keys().cloned());
                }
                map.values().for_each(|value| collect(value, keys));
            }
            Json::Array(list) => list.iter().for_each(|value| collect(value, keys)),
            _ => {}
        }
    }
    let mut keys = BTreeSet::new();
    Kind::ALL
        .iter()
        .for_each(|kind| collect(&schema(*kind), &mut keys));
    keys
}
