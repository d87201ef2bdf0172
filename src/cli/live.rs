//! Showing what happens while it happens.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use chrono::{DateTime, Utc};

use crate::domain::event::Event;
use crate::domain::ids::ReleaseName;
use crate::effects::identity;
use crate::render::live::{Display, JsonLines, Plain, Terminal};
use crate::render::{Format, Style};

use super::context::Context;

/// A display of events, and where it goes.
pub struct Live {
    display: Option<Box<dyn Display>>,
    to_stdout: bool,
}

impl Live {
    /// The display for a command whose events are its output: a live one in a terminal, lines elsewhere, one JSON
    /// object a line for programs. With `result_only`, machine output is kept for the result.
    pub fn new(context: &Context, result_only: bool) -> Self {
        let style = context.style();
        let human = context.global.format == Format::Human;
        let terminal = human && io::stdout().is_terminal() && style.columns > 0;
        let display: Option<Box<dyn Display>> = match context.global.format {
            _ if context.global.quiet => None,
            Format::Json if result_only => None,
            Format::Json => Some(Box::new(JsonLines::new(context.command))),
            _ if terminal => Some(Box::new(Terminal::new(style))),
            _ => Some(Box::new(Plain::new(style))),
        };
        Self {
            display,
            to_stdout: human || context.global.format == Format::Json,
        }
    }

    /// Shows an event. A closed pipe ends the showing, and nothing else.
    pub fn event(&mut self, at: DateTime<Utc>, event: &Event) {
        let to_stdout = self.to_stdout;
        if let Some(display) = &mut self.display {
            let (columns, rows) = identity::terminal_size();
            display.resize(columns, rows);
            let shown = with_out(to_stdout, |out| display.event(at, event, out));
            if shown.is_err() {
                self.display = None;
            }
        }
    }

    /// Leaves the terminal in order.
    pub fn finish(&mut self) {
        let to_stdout = self.to_stdout;
        if let Some(mut display) = self.display.take() {
            let _ = with_out(to_stdout, |out| display.finish(out));
        }
    }
}

/// The displays of several releases at once, line by line.
pub struct LiveAll {
    format: Format,
    quiet: bool,
    style: Style,
    command: &'static str,
    displays: BTreeMap<ReleaseName, Box<dyn Display>>,
}

impl LiveAll {
    /// No release has said anything yet.
    pub fn new(context: &Context) -> Self {
        Self {
            format: context.global.format,
            quiet: context.global.quiet,
            style: context.style(),
            command: context.command,
            displays: BTreeMap::new(),
        }
    }

    /// Shows an event of `release`; every line names it.
    pub fn event(&mut self, release: &ReleaseName, at: DateTime<Utc>, event: &Event) {
        if self.quiet {
            return;
        }
        let json = self.format == Format::Json;
        let display = self
            .displays
            .entry(release.clone())
            .or_insert_with(|| match json {
                true => Box::new(JsonLines::new(self.command).of(release.as_str())),
                false => Box::new(Plain::new(self.style)),
            });
        let mut lines = Vec::new();
        // Writing to memory does not fail.
        let _ = display.event(at, event, &mut lines);
        let text = String::from_utf8_lossy(&lines);
        let named: String = match json {
            true => text.into_owned(),
            false => text
                .lines()
                .map(|line| format!("{release}  {line}\n"))
                .collect(),
        };
        // Nobody may be reading; the watch goes on.
        let _ = with_out(true, |out| out.write_all(named.as_bytes()));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.finish();
    }
}

fn with_out(
    to_stdout: bool,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if to_stdout {
        let mut out = io::BufWriter::new(io::stdout().lock());
        write(&mut out)?;
        out.flush()
    } else {
        let mut out = io::stderr().lock();
        write(&mut out)?;
        out.flush()
    }
}
