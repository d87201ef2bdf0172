//! Events on a terminal: what happened scrolls by as usual, and below it stands what is now, redrawn in place.
//!
//! No other screen is used and the cursor is not hidden, so nothing has to be put back, however the program ends.

use std::io::{self, Write};

use chrono::{DateTime, Utc};

use super::area::Area;
use super::{Display, probes, tell};
use crate::domain::event::Event;
use crate::domain::running::View;
use crate::render::ink::{self, Break};
use crate::render::page::{Mark, Span, faint, plain};
use crate::render::{Style, human, words};

/// Erases from the cursor to the end of its line.
const ERASE_LINE: &str = "\x1b[K";
/// Erases from the cursor to the end of the screen.
const ERASE_BELOW: &str = "\x1b[J";

/// The rows of a terminal that does not say.
const USUAL_ROWS: usize = 24;

/// A terminal with an area that is redrawn in place.
#[derive(Clone, Debug)]
pub struct Terminal {
    style: Style,
    rows: usize,
    area: Area,
    /// The lines of the area as they were last drawn.
    drawn: Vec<Vec<Span>>,
}

impl Terminal {
    /// A terminal with the style's columns and 24 rows, until [`Display::resize`] says otherwise.
    pub fn new(style: Style) -> Self {
        Self {
            style,
            rows: USUAL_ROWS,
            area: Area::default(),
            drawn: Vec::new(),
        }
    }

    /// The columns that are written into. The last is left free: what a terminal does after a character there differs.
    fn columns(&self) -> usize {
        self.style.width().saturating_sub(1).max(1)
    }

    /// The rows that the area may take, so that the cursor still reaches its first one.
    fn room(&self) -> usize {
        self.rows.saturating_sub(1).max(1)
    }

    /// How many rows the drawn area takes now. Terminals break lines anew when they get narrower.
    fn height(&self) -> usize {
        let columns = self.style.width();
        let rows = |line: &Vec<Span>| ink::width(line).div_ceil(columns).max(1);
        let all: usize = self.drawn.iter().map(rows).sum();
        // What has left the screen at its top cannot be reached.
        all.min(self.rows.saturating_sub(1))
    }

    fn draw(&mut self, history: &[Vec<Span>], out: &mut dyn Write) -> io::Result<()> {
        let area = self.area.lines(&self.style, self.columns(), self.room());
        let moved = self.height() != self.drawn.len();
        if history.is_empty() && area == self.drawn && !moved {
            return Ok(());
        }
        let mut text = String::new();
        match self.height() {
            0 => {}
            up => text.push_str(&format!("\r\x1b[{up}A")),
        }
        let history = history
            .iter()
            .flat_map(|line| ink::wrap(line, self.columns(), Break::Anywhere));
        for line in history.chain(area.iter().cloned()) {
            text.push_str(ink::paint(&line, self.style.color).trim_end());
            text.push_str(ERASE_LINE);
            text.push_str("\r\n");
        }
        text.push_str(ERASE_BELOW);
        self.drawn = area;
        // In one piece, so that no half-drawn area is seen.
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

/// Whether the area shows the event, so that the history need not.
fn is_shown_in_area(event: &Event) -> bool {
    match event {
        Event::Countdown { .. }
        | Event::Output { .. }
        | Event::Sampled { .. }
        | Event::StepStarted { .. } => true,
        Event::StepEnded { outcome, .. } => words::step_mark(outcome) != Mark::Bad,
        _ => false,
    }
}

impl Display for Terminal {
    fn event(&mut self, at: DateTime<Utc>, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        let mut history = self.area.take(event, &self.style);
        if !is_shown_in_area(event)
            && let Some(told) = tell::tell(event)
        {
            let mut line = vec![
                faint(at.format("%H:%M:%SZ ").to_string()),
                human::mark(told.mark, &self.style),
                plain(" "),
            ];
            line.extend(told.text);
            history.push(line);
        }
        self.draw(&history, out)
    }

    fn resize(&mut self, columns: usize, rows: usize) {
        self.style.columns = columns;
        self.rows = match rows {
            0 => USUAL_ROWS,
            rows => rows,
        };
    }

    fn room(&self) -> Option<usize> {
        let others = self.area.others(&self.style, self.columns()).len();
        let room = self.room().saturating_sub(others);
        Some(probes::room_for_rows(room))
    }

    fn probes(&mut self, view: Option<View>, out: &mut dyn Write) -> io::Result<()> {
        self.area.show_probes(view);
        self.draw(&[], out)
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        // What was drawn stays where it is: from now on it is history.
        self.drawn.clear();
        out.flush()
    }
}
