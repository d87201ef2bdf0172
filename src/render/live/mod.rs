//! Events, shown as they happen: on a terminal in place, elsewhere line by line, for programs as JSON.
//!
//! A display decides nothing and reads no clock: whoever tells it an event says when it was. It may be told as many
//! countdowns as there are wake-ups; what it does with them is its own.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::json;
use crate::domain::event::Event;
use crate::domain::running::View;

mod area;
mod json_lines;
mod plain;
mod probes;
mod tell;
mod terminal;
#[cfg(test)]
mod tests;

pub use json_lines::JsonLines;
pub use plain::Plain;
pub use terminal::Terminal;

/// Shows events as they happen.
pub trait Display {
    /// Shows `event`, which happened at `at`.
    ///
    /// # Errors
    /// What `out` reports; the caller goes on without a display then.
    fn event(&mut self, at: DateTime<Utc>, event: &Event, out: &mut dyn Write) -> io::Result<()>;

    /// The terminal has this size from now on.
    fn resize(&mut self, columns: usize, rows: usize) {
        let _ = (columns, rows);
    }

    /// For how many probes there is room while they are asked; none where they are not shown one by one.
    fn room(&self) -> Option<usize> {
        None
    }

    /// Shows how far the probes have come that are being asked; none of them from now on where there is no view.
    ///
    /// # Errors
    /// What `out` reports.
    fn probes(&mut self, view: Option<View>, out: &mut dyn Write) -> io::Result<()> {
        let _ = (view, out);
        Ok(())
    }

    /// Nothing more comes: what is shown stays, and the cursor stands below it.
    ///
    /// # Errors
    /// What `out` reports.
    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.flush()
    }
}

/// Writes the result of a command whose events went before it: one JSON object, in one line.
///
/// # Errors
/// What `out` reports.
pub fn result_line<T: Serialize + ?Sized>(
    command: &str,
    result: &T,
    out: &mut dyn Write,
) -> io::Result<()> {
    json::result_line(command, result, out)
}
