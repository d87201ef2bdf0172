//! `explain` and `help`: the manual, offline.

use crate::app::Result;
use crate::app::manual::{explain, topics};
use crate::cli::context::Context;
use crate::cli::{exit, reference};
use crate::domain::outcome::Manual;
use crate::domain::refusal::Refusal;

/// One key of a file, one code of a finding, one exit code, or one kind of record.
pub fn explain(context: &Context, key: &str) -> Result<u8> {
    let by_code = key.parse().ok().and_then(reference::exit_code);
    let manual = match by_code {
        Some(text) => Manual {
            name: key.to_owned(),
            text,
        },
        None => explain::explain(key).map_err(|near| unknown(key, &near))?,
    };
    context.show(&manual)?;
    Ok(exit::GO)
}

fn unknown(key: &str, near: &[String]) -> Refusal {
    let what = "no key, code of a finding, kind of record or exit code has the name";
    let refusal = Refusal::usage(format!("{what} {key:?}"));
    match near {
        [] => refusal.help("relgate help"),
        [first, rest @ ..] => {
            let mut help = format!("relgate explain {first}");
            if !rest.is_empty() {
                help.push_str(&format!("  (or {})", rest.join(", ")));
            }
            refusal.help(help)
        }
    }
}

/// A page of the documentation, the help of a command, or the list of both.
pub fn help(context: &Context, words: &[String]) -> Result<u8> {
    let Some(first) = words.first() else {
        context.show(&Manual {
            name: "help".to_owned(),
            text: topics::list(),
        })?;
        return Ok(exit::GO);
    };
    if let Ok(topic) = topics::topic(first)
        && words.len() == 1
    {
        context.show(&Manual {
            name: topic.name.to_owned(),
            text: topic.text.to_owned(),
        })?;
        return Ok(exit::GO);
    }
    let mut root = crate::cli::command();
    root.build();
    let mut command = &mut root;
    for word in words {
        command = match command.find_subcommand_mut(word) {
            Some(inner) => inner,
            None => {
                let nearest = topics::topic(word).map_or_else(|why| why, |_| String::new());
                let what = format!("there is no topic and no command {:?}", words.join(" "));
                return Err(Refusal::usage(what)
                    .help(match nearest.starts_with("did you mean") {
                        true => nearest,
                        false => "relgate help".to_owned(),
                    })
                    .into());
            }
        };
    }
    let text = command.render_long_help().to_string();
    context.write(|out| out.write_all(text.as_bytes()))?;
    Ok(exit::GO)
}
