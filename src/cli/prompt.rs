//! Asking a person at a terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::app::walk::{Act, Step, Walk};
use crate::domain::gate::Item;
use crate::domain::record::body::{Answer, Answered};
use crate::domain::refusal::Refusal;
use crate::render::text;

/// How a walk ended.
pub enum Walked {
    /// Every item is answered.
    Answers(Vec<Answered>),
    /// The person left; nothing is recorded.
    Left,
}

/// Whether there is somebody to ask.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Walks through `items` under `title`, one at a time.
///
/// # Errors
/// A terminal that cannot be read or written.
pub fn walk(title: &str, items: &[Item]) -> io::Result<Walked> {
    let mut out = io::stdout().lock();
    let mut walk = Walk::new(items.to_vec());
    writeln!(out, "\n{}", text::one_line(title))?;
    while let Some(item) = walk.item().cloned() {
        let (at, of) = walk.progress();
        writeln!(out, "\n[{at}/{of}] {}", text::one_line(&item.title))?;
        if let Some(help) = &item.help {
            writeln!(out, "      {}", text::one_line(help.trim()))?;
        }
        if let Some(earlier) = walk.earlier() {
            let comment = earlier
                .comment
                .as_deref()
                .map(|it| format!(" ({})", text::one_line(it)))
                .unwrap_or_default();
            writeln!(
                out,
                "      answered before: {}{comment}",
                word(earlier.answer)
            )?;
        }
        loop {
            let left_out = if item.is_optional() { ", n/a" } else { "" };
            write!(out, "      y, n{left_out}, c comment, b back, q quit > ")?;
            out.flush()?;
            let Some(typed) = line()? else {
                writeln!(out)?;
                return Ok(Walked::Left);
            };
            let act = match typed.trim() {
                "y" | "yes" | "Y" => Act::Yes,
                "n" | "no" | "N" => Act::No,
                "na" | "n/a" | "a" => Act::NotApplicable,
                "b" | "back" => Act::Back,
                "q" | "quit" => return Ok(Walked::Left),
                other => match other.strip_prefix('c').map(str::trim) {
                    Some("") => {
                        write!(out, "      comment > ")?;
                        out.flush()?;
                        Act::Comment(line()?.unwrap_or_default())
                    }
                    Some(comment) if other.starts_with("c ") => Act::Comment(comment.to_owned()),
                    _ => {
                        writeln!(out, "      type one of y, n{left_out}, c, b, q")?;
                        continue;
                    }
                },
            };
            match walk.act(act) {
                Step::Stay(why) => writeln!(out, "      {why}")?,
                Step::Go | Step::Done => break,
            }
        }
    }
    Ok(Walked::Answers(walk.finish()))
}

/// Asks a question that is answered with yes or anything else.
///
/// # Errors
/// A terminal that cannot be read or written.
pub fn confirm(question: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    write!(out, "{question} [y/N] > ")?;
    out.flush()?;
    Ok(line()?.is_some_and(|typed| matches!(typed.trim(), "y" | "yes" | "Y")))
}

/// Asks for a text.
///
/// # Errors
/// A terminal that cannot be read or written.
pub fn text(question: &str) -> io::Result<String> {
    let mut out = io::stdout().lock();
    write!(out, "{question} > ")?;
    out.flush()?;
    Ok(line()?.unwrap_or_default().trim().to_owned())
}

/// The refusal of a walk where nobody can be asked.
pub fn nobody_to_ask(next: String) -> Refusal {
    Refusal::usage("there is no terminal to walk through the items in")
        .help(format!("in a script: {next}"))
}

/// A line without its end; `None` at the end of input.
fn line() -> io::Result<Option<String>> {
    let mut typed = String::new();
    match io::stdin().lock().read_line(&mut typed)? {
        0 => Ok(None),
        _ => Ok(Some(typed)),
    }
}

fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::NotApplicable => "not applicable",
    }
}
