//! Events for programs: one JSON object a line, each with its version and time.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::Display;
use crate::domain::event::Event;
use crate::render::json;

/// Writes every event, countdowns too.
#[derive(Clone, Debug)]
pub struct JsonLines {
    command: String,
    release: Option<String>,
}

impl JsonLines {
    /// A display of the events of `command`.
    pub fn new(command: &str) -> Self {
        Self {
            command: command.to_owned(),
            release: None,
        }
    }

    /// The same for the events of one release among several, which every line names.
    #[must_use]
    pub fn of(mut self, release: &str) -> Self {
        self.release = Some(release.to_owned());
        self
    }
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    command: &'a str,
    #[serde(rename = "of", skip_serializing_if = "Option::is_none")]
    release: Option<&'a str>,
    at: String,
    #[serde(flatten)]
    event: &'a Event,
}

impl Display for JsonLines {
    fn event(&mut self, at: DateTime<Utc>, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        let line = json::line(&Line {
            version: json::VERSION,
            command: &self.command,
            release: self.release.as_deref(),
            at: at.to_rfc3339_opts(SecondsFormat::Millis, true),
            event,
        })?;
        // In one piece, so that no reader sees half a line.
        out.write_all(format!("{line}\n").as_bytes())?;
        out.flush()
    }
}
