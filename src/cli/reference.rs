//! The reference of the command line as Markdown: every command with its options, and the exit codes.

use super::exit;

/// The tables of the reference by their names.
pub fn tables() -> Vec<(&'static str, String)> {
    vec![
        ("commands", commands()),
        ("options of every command", options(&super::command(), true)),
        ("options", each_command()),
        ("exit codes", exit_codes()),
        ("exit codes in detail", exit_codes_in_detail()),
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

fn exit_codes_in_detail() -> String {
    let sections: Vec<String> = exit::MEANINGS
        .iter()
        .map(|(code, _)| exit_code(*code).unwrap_or_default())
        .collect();
    sections.join("\n")
}

/// One exit code: what it means, and what to do. `None` where relgate has no such code.
pub fn exit_code(code: u8) -> Option<String> {
    let (_, meaning) = exit::MEANINGS.iter().find(|(known, _)| *known == code)?;
    Some(format!(
        "## Exit code {code}\n\n{}.\n\n{}\n",
        sentence(meaning),
        exit::what_next(code)
    ))
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|it| it.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), letters.as_str())
}

/// Every command that can be typed, with its name.
fn typed(root: &clap::Command) -> Vec<(String, &clap::Command)> {
    let mut all = Vec::new();
    let mut left: Vec<(String, &clap::Command)> = vec![(String::new(), root)];
    while let Some((name, command)) = left.pop() {
        let inner: Vec<_> = command
            .get_subcommands()
            .filter(|it| !it.is_hide_set())
            .collect();
        let is_command = inner.is_empty() || !command.is_subcommand_required_set();
        if is_command && !name.is_empty() {
            all.push((name.clone(), command));
        }
        for inner in inner.into_iter().rev() {
            left.push((
                format!("{name} {}", inner.get_name()).trim().to_owned(),
                inner,
            ));
        }
    }
    all
}

fn about(command: &clap::Command) -> String {
    let about = command.get_about().map(ToString::to_string);
    escaped(&about.unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

fn commands() -> String {
    let root = super::command();
    let lines = typed(&root).into_iter().map(|(name, command)| {
        let usage = format!("{name}{}", arguments(command));
        format!("| `{}` | {} |\n", usage.replace('|', "\\|"), about(command))
    });
    format!(
        "| command | does |\n| --- | --- |\n{}",
        lines.collect::<String>()
    )
}

fn each_command() -> String {
    let root = super::command();
    let sections: Vec<String> = typed(&root)
        .into_iter()
        .map(|(name, command)| {
            let mut text = format!(
                "## {name}\n\n{}.\n\n```text\nrelgate {name}{}\n```\n",
                about(command),
                arguments(command)
            );
            let options = options(command, false);
            if !options.is_empty() {
                text.push('\n');
                text.push_str(&options);
            }
            text
        })
        .collect();
    sections.join("\n")
}

/// The table of what a command takes; empty where it takes nothing.
fn options(command: &clap::Command, global: bool) -> String {
    let own = command
        .get_arguments()
        .filter(|it| it.is_global_set() == global && !it.is_hide_set());
    let mut lines = String::new();
    for argument in own {
        let Some(written) = written(argument) else {
            continue;
        };
        let help = argument.get_help().map(ToString::to_string);
        let mut says = escaped(&help.unwrap_or_default());
        let words: Vec<String> = argument
            .get_possible_values()
            .iter()
            .filter(|it| !it.is_hide_set() && argument.get_action().takes_values())
            .map(|it| format!("`{}`", it.get_name()))
            .collect();
        if !words.is_empty() {
            says.push_str(&format!(": {}", words.join(", ")));
        }
        let must = if argument.is_required_set() {
            " (required)"
        } else {
            ""
        };
        lines.push_str(&format!(
            "| `{}`{must} | {says} |\n",
            written.replace('|', "\\|")
        ));
    }
    if lines.is_empty() {
        return lines;
    }
    format!("| option | |\n| --- | --- |\n{lines}")
}

/// `--as ROLE`, `GATE`.
fn written(argument: &clap::Arg) -> Option<String> {
    let value = argument
        .get_value_names()
        .and_then(|names| names.first())
        .map(|it| it.as_str().to_owned());
    let takes = argument.get_action().takes_values();
    match (argument.get_long(), value) {
        (Some("help" | "version"), _) => None,
        (Some(long), Some(value)) if takes => Some(format!("--{long} {value}")),
        (Some(long), _) => Some(format!("--{long}")),
        (None, value) => value,
    }
}

/// What a command takes of its own: `[GATE] [--as ROLE]`.
fn arguments(command: &clap::Command) -> String {
    let mut all = String::new();
    for argument in command
        .get_arguments()
        .filter(|it| !it.is_global_set() && !it.is_hide_set())
    {
        if let Some(written) = written(argument) {
            all.push_str(&if argument.is_required_set() {
                format!(" {written}")
            } else {
                format!(" [{written}]")
            });
        }
    }
    all
}
