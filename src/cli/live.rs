//! Showing events while they happen.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::domain::event::Event;
use crate::domain::ids::ReleaseName;
use crate::render::live::{Display, JsonLines, Plain, Terminal};
use crate::render::{Format, Style};

use super::context::Context;
use super::screen::Screen;

/// A display of events.
pub struct Live {
    screen: Screen,
}

impl Live {
    /// The display for a command whose events are its output: a live one in a terminal, lines elsewhere, one JSON
    /// object a line for programs. With `result_only`, machine output is kept for the result.
    pub fn new(context: &Context, result_only: bool) -> Self {
        let screen = context.screen().clone();
        let display: Option<Box<dyn Display + Send>> = match context.global.format {
            _ if context.global.quiet => None,
            Format::Json if result_only => None,
            Format::Json => Some(Box::new(JsonLines::new(context.command))),
            _ => Some(match screen.terminal() {
                Some(style) => Box::new(Terminal::new(style)),
                None => Box::new(Plain::new(context.style())),
            }),
        };
        if let Some(display) = display {
            screen.begin(display);
        }
        Self { screen }
    }

    /// Shows an event. A closed pipe ends the showing, and nothing else.
    pub fn event(&mut self, at: DateTime<Utc>, event: &Event) {
        self.screen.event(at, event);
    }

    /// Leaves the terminal in order.
    pub fn finish(&mut self) {
        self.screen.end();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The displays of several releases at once, line by line.
pub struct LiveAll {
    screen: Screen,
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
            screen: context.screen().clone(),
            format: context.global.format,
            quiet: context.global.quiet,
            style: context.style(),
            command: context.command,
            displays: BTreeMap::new(),
        }
    }

    /// Shows an event of `release`; every line names it. Nobody may be reading; the watch goes on.
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
        self.screen.lines(named.as_bytes());
    }
}

impl Drop for LiveAll {
    fn drop(&mut self) {
        self.screen.end();
    }
}
