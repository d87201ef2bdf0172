//! Why something was not done, and what to do about it.

use std::io::{self, Write};

use super::page::{Page, Tone, plain, toned};
use super::{Shown, Style, cases, ink, json, text};
use crate::domain::refusal::{Kind, Refusal};

impl Shown for Refusal {
    fn page(&self) -> Page {
        let answer = match self.kind {
            Kind::NoGo => "NO-GO",
            Kind::Usage => "USAGE",
            Kind::Invalid => "INVALID",
            Kind::Inconclusive => "INCONCLUSIVE",
            Kind::Refused => "REFUSED",
        };
        let mut message = self.message.lines();
        let mut page = Page::new(Tone::Bad, answer, message.next().unwrap_or_default());
        page.say(&message.collect::<Vec<_>>().join("\n"));
        page.say(
            &self
                .help
                .as_ref()
                .map_or(String::new(), |help| format!("help: {help}")),
        );
        page
    }

    /// Nothing was decided, so nothing is known to hold or not.
    fn cases(&self) -> cases::Report {
        let mut report = cases::of_page(&self.page());
        for case in &mut report.cases {
            if self.kind != Kind::NoGo {
                case.outcome = cases::Outcome::Errored;
            }
            if let Some(help) = &self.help {
                case.say(format!("help: {help}"));
            }
        }
        report
    }

    fn json(&self, command: &str, out: &mut dyn Write) -> io::Result<()> {
        json::error(command, self, out)
    }

    /// `error: …` and `help: …`, unwrapped: an error is searched for and copied. It belongs on the standard error.
    fn human(&self, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        labelled("error", Tone::Bad, &self.message, style, out)?;
        match &self.help {
            Some(help) => labelled("help", Tone::Good, help, style, out),
            None => Ok(()),
        }
    }
}

fn labelled(
    label: &str,
    tone: Tone,
    message: &str,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let label = format!("{label}: ");
    let indent = " ".repeat(label.len());
    for (index, line) in text::lines(message).enumerate() {
        let before = match index {
            0 => toned(tone, label.as_str()),
            _ => plain(indent.as_str()),
        };
        let line = ink::paint(&[before, plain(line)], style.color);
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_and_what_next() {
        let refusal =
            Refusal::refused("grace may not\x1b[2J roll back\nnobody may").help("ask ada");
        let mut out = Vec::new();
        refusal
            .human(&Style::new(false, 10, true), &mut out)
            .expect("a vector takes everything");
        assert_eq!(
            String::from_utf8(out).expect("text"),
            "error: grace may not\\x1b[2J roll back\n       nobody may\nhelp: ask ada\n"
        );
    }

    #[test]
    fn a_refusal_is_an_error_for_programs() {
        let mut out = Vec::new();
        Refusal::invalid("no such gate")
            .json("check", &mut out)
            .expect("a vector takes everything");
        let back: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(
            back,
            serde_json::json!({
                "version": 1, "command": "check",
                "error": {"kind": "invalid", "message": "no such gate", "help": null}
            })
        );
    }
}
