//! The tables of the documentation, made from what the code knows: commands, exit codes, and the keys of the files.

use std::collections::BTreeSet;

use relgate::cli::{self, exit};
use relgate::parse::schema::{Kind, schema};
use serde_json::{Map, Value as Json};

/// Every table by its name.
pub fn all() -> Vec<(&'static str, String)> {
    let notes = &schema(Kind::Notes);
    vec![
        ("commands", commands()),
        ("exit codes", exit_codes()),
        ("policy", file(Kind::Policy, &[])),
        ("release notes", file(Kind::Notes, &["Item"])),
        ("checklist", file(Kind::Checklist, &[])),
        ("probes", {
            let names = in_probes(notes);
            let tables: Vec<String> = names.iter().map(|name| object(notes, name)).collect();
            tables.join("\n")
        }),
    ]
}

fn exit_codes() -> String {
    let lines = exit::MEANINGS
        .iter()
        .map(|(code, meaning)| format!("| {code} | {meaning} |\n"));
    format!(
        "| code | meaning |\n| --- | --- |\n{}",
        lines.collect::<String>()
    )
}

fn commands() -> String {
    let mut lines = String::from("| command | does |\n| --- | --- |\n");
    let root = cli::command();
    let mut left: Vec<(String, &clap::Command)> = vec![(String::new(), &root)];
    while let Some((name, command)) = left.pop() {
        let inner: Vec<_> = command
            .get_subcommands()
            .filter(|it| !it.is_hide_set())
            .collect();
        let is_command = inner.is_empty() || !command.is_subcommand_required_set();
        if is_command && !name.is_empty() {
            let about = command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            lines.push_str(&format!("| `{name}{}` | {about} |\n", arguments(command)));
        }
        for inner in inner.into_iter().rev() {
            left.push((
                format!("{name} {}", inner.get_name()).trim().to_owned(),
                inner,
            ));
        }
    }
    lines
}

/// What a command takes of its own: `[GATE] [--as ROLE]`.
fn arguments(command: &clap::Command) -> String {
    let mut all = String::new();
    for argument in command
        .get_arguments()
        .filter(|it| !it.is_global_set() && !it.is_hide_set())
    {
        let value = argument
            .get_value_names()
            .and_then(|names| names.first())
            .map(|it| it.as_str().to_owned());
        let takes = argument.get_action().takes_values();
        let written = match (argument.get_long(), value) {
            (Some("help" | "version"), _) => continue,
            (Some(long), Some(value)) if takes => format!("--{long} {value}"),
            (Some(long), _) => format!("--{long}"),
            (None, Some(value)) => value,
            (None, None) => continue,
        };
        all.push_str(&if argument.is_required_set() {
            format!(" {written}")
        } else {
            format!(" [{written}]")
        });
    }
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

/// A probe, and every mapping in it, in their order.
fn in_probes(root: &Json) -> Vec<String> {
    let mut names = Vec::new();
    let mut left = vec!["Probe".to_owned()];
    while !left.is_empty() {
        let name = left.remove(0);
        let inner = objects_in(root, &root["$defs"][&name]);
        if !names.contains(&name) {
            names.push(name);
            left.splice(0..0, inner);
        }
    }
    names
}

/// The table of a file, and of everything in it but probes and what is told `elsewhere`.
fn file(kind: Kind, elsewhere: &[&str]) -> String {
    let root = &schema(kind);
    let mut text = table(root, root);
    let mut told: BTreeSet<String> = in_probes(root).into_iter().collect();
    told.extend(elsewhere.iter().map(ToString::to_string));
    let mut left = objects_in(root, root);
    while !left.is_empty() {
        let name = left.remove(0);
        if told.insert(name.clone()) {
            text.push('\n');
            text.push_str(&object(root, &name));
            let inner = objects_in(root, &root["$defs"][&name]);
            left.splice(0..0, inner);
        }
    }
    text
}

fn object(root: &Json, name: &str) -> String {
    let definition = &root["$defs"][name];
    let about = definition["description"].as_str().unwrap_or_default();
    format!(
        "## {}\n\n{}\n\n{}",
        spoken(name),
        one_line(about),
        table(root, definition)
    )
}

fn table(root: &Json, definition: &Json) -> String {
    let none = Map::new();
    let properties = definition["properties"].as_object().unwrap_or(&none);
    let required = |key: &str| {
        let all = definition["required"].as_array();
        all.is_some_and(|all| all.iter().any(|it| it == key))
    };
    let mut keys: Vec<&String> = properties.keys().collect();
    keys.sort_by_key(|key| (!required(key), key.as_str()));
    let mut text = String::from("| key | value | |\n| --- | --- | --- |\n");
    for key in keys {
        let property = &properties[key];
        let about = one_line(property["description"].as_str().unwrap_or_default());
        let must = if required(key) { " (required)" } else { "" };
        text.push_str(&format!(
            "| `{key}`{must} | {} | {about} |\n",
            value(root, property)
        ));
    }
    text
}

/// What a value is, in words.
fn value(root: &Json, schema: &Json) -> String {
    if let Some(name) = reference(schema) {
        let definition = &root["$defs"][name];
        if definition["properties"].is_object() {
            return format!("[{0}](#{1})", spoken(name), spoken(name).replace(' ', "-"));
        }
        if ["Duration", "Latency", "Sha256"].contains(&name)
            || name.ends_with("Name")
            || name.ends_with("Id")
        {
            return spoken(name);
        }
        return value(root, definition);
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words
            .iter()
            .filter_map(Json::as_str)
            .map(|it| format!("`{it}`"));
        return words.collect::<Vec<_>>().join(", ");
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(branches) = schema[key].as_array() {
            let mut all: Vec<String> = Vec::new();
            for branch in branches.iter().filter(|it| it["type"] != "null") {
                let one = value(root, branch);
                match all.last_mut() {
                    // One of something, or a list of the same.
                    Some(last) if one == format!("list of {last}") => last.push_str(", or a list"),
                    _ => all.push(one),
                }
            }
            let separator = if all.iter().all(|it| it.starts_with('`')) {
                ", "
            } else {
                " or "
            };
            return all.join(separator);
        }
    }
    if schema["items"].is_object() {
        return format!("list of {}", value(root, &schema["items"]));
    }
    if let Some(patterns) = schema["patternProperties"].as_object() {
        let of = patterns
            .values()
            .map(|it| value(root, it))
            .collect::<String>();
        return format!("by name: {of}");
    }
    if schema["additionalProperties"].is_object() {
        return format!("by name: {}", value(root, &schema["additionalProperties"]));
    }
    let name = match &schema["type"] {
        Json::Array(all) => all.iter().filter_map(Json::as_str).find(|it| *it != "null"),
        one => one.as_str(),
    };
    let range = match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(least), Some(most)) if least == most => format!(" {least}"),
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" from {least}"),
        _ => String::new(),
    };
    match (name.unwrap_or("anything"), schema["format"].as_str()) {
        ("string", Some("date-time")) => "date and time".to_owned(),
        ("string", Some("date")) => "date".to_owned(),
        ("string", Some("regex")) => "regular expression".to_owned(),
        ("string", Some("variable")) => "variable".to_owned(),
        ("string", Some("time-zone")) => "time zone".to_owned(),
        ("string", _) => "text".to_owned(),
        ("integer", _) => format!("number{range}"),
        ("boolean", _) => "`true` or `false`".to_owned(),
        (other, _) => other.to_owned(),
    }
}

fn reference(schema: &Json) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// The names of the mappings that a value consists of, in their order.
fn objects_in(root: &Json, schema: &Json) -> Vec<String> {
    let mut names = Vec::new();
    match schema {
        Json::Object(map) => {
            if let Some(name) = reference(schema) {
                let definition = &root["$defs"][name];
                if definition["properties"].is_object() {
                    names.push(name.to_owned());
                } else {
                    names.extend(objects_in(root, definition));
                }
            }
            let inner = map.iter().filter(|(key, _)| *key != "$defs");
            names.extend(inner.flat_map(|(_, value)| objects_in(root, value)));
        }
        Json::Array(list) => names.extend(list.iter().flat_map(|it| objects_in(root, it))),
        _ => {}
    }
    names
}

/// `FollowUp` is a `follow up`.
fn spoken(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}
