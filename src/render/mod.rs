//! Results, findings, refusals and events, written for people and programs.
//!
//! Every result becomes a [`page::Page`] in a file of its own; a format writes pages, or serializes the result. Events
//! are told as they happen by a [`live::Display`]. Nothing here decides, reads a clock or asks what the terminal is:
//! the caller says.

use std::io::{self, Write};

mod cases;
mod check;
mod done;
mod drill;
mod due;
mod evidence;
mod explained;
pub mod findings;
mod human;
mod incidents;
mod ink;
mod integrity;
pub mod json;
pub mod live;
mod log;
pub mod manual;
mod markdown;
pub mod page;
mod pin;
mod probes;
mod refusal;
#[cfg(test)]
mod samples;
mod scaffold;
mod signed;
mod status;
#[cfg(test)]
mod tests;
pub mod text;
mod verification;
mod waived;
mod watched;
mod windows;
mod words;

pub use cases::github::shield;

/// Something that every format can write.
pub trait Shown {
    /// What it says, as a document.
    fn page(&self) -> page::Page;

    /// Writes it for programs.
    ///
    /// # Errors
    /// What `out` reports.
    fn json(&self, command: &str, out: &mut dyn Write) -> io::Result<()>;

    /// What holds and what does not: the answer, unless there is more to tell apart.
    fn cases(&self) -> cases::Report {
        cases::of_page(&self.page())
    }

    /// Writes it for people at a terminal: its page, unless it has a form of its own.
    ///
    /// # Errors
    /// What `out` reports.
    fn human(&self, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        human::write(&self.page(), style, out)
    }
}

/// What the terminal takes; the caller finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether colours are wanted.
    pub color: bool,
    /// Its columns; 0 means that nobody knows.
    pub columns: usize,
    /// Whether it shows UTF-8.
    pub unicode: bool,
}

/// The columns of a terminal that does not say.
const USUAL_COLUMNS: usize = 80;

impl Style {
    /// What the terminal takes.
    pub const fn new(color: bool, columns: usize, unicode: bool) -> Self {
        Self {
            color,
            columns,
            unicode,
        }
    }

    /// The columns to write into, at least 1.
    pub const fn width(&self) -> usize {
        match self.columns {
            0 => USUAL_COLUMNS,
            columns => columns,
        }
    }

    /// What stands for something that was cut.
    pub const fn ellipsis(&self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }
}

/// How a format writes.
type Writer = fn(&dyn Shown, &str, &Style, &mut dyn Write) -> io::Result<()>;

macro_rules! formats {
    ($($(#[$doc:meta])* $name:ident $word:literal: $writer:expr;)*) => {
        /// The forms in which a result can be written.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum Format {$(
            $(#[$doc])*
            $name,
        )*}

        impl Format {
            /// Every format.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word that is typed.
            pub const fn word(self) -> &'static str {
                match self {$(Self::$name => $word),*}
            }

            fn writer(self) -> Writer {
                match self {$(Self::$name => $writer),*}
            }
        }
    };
}

formats! {
    /// For people at a terminal.
    #[default]
    Human "human": |shown, _, style, out| shown.human(style, out);
    /// For programs: one object, versioned.
    Json "json": |shown, command, _, out| shown.json(command, out);
    /// For pull requests and chats.
    Markdown "markdown": |shown, _, _, out| markdown::write(&shown.page(), out);
    /// For test reports: a case for each requirement, probe or finding, with every attempt.
    Junit "junit": |shown, command, _, out| cases::junit::write(&shown.cases(), command, out);
    /// The same as lines, TAP version 14.
    Tap "tap": |shown, _, _, out| cases::tap::write(&shown.cases(), out);
    /// For GitHub Actions: annotations, and the step's summary.
    Github "github": |shown, _, style, out| cases::github::write(shown, style, out);
}

/// Writes the result of `command` to `out`.
///
/// # Errors
/// What `out` reports; a closed pipe among it.
pub fn show(
    result: &dyn Shown,
    command: &str,
    format: Format,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    (format.writer())(result, command, style, out)?;
    out.flush()
}

macro_rules! shown {
    ($($kind:ident: $page:path $(, $cases:path)?;)*) => {$(
        impl Shown for crate::domain::outcome::$kind {
            fn page(&self) -> page::Page {
                $page(self)
            }
            $(
            fn cases(&self) -> cases::Report {
                $cases(self)
            }
            )?

            fn json(&self, command: &str, out: &mut dyn Write) -> io::Result<()> {
                json::result(command, self, out)
            }
        }
    )*};
}

shown! {
    BaselineReport: probes::baselines;
    Check: check::page, cases::of_check;
    Done: done::page;
    Drill: drill::page;
    DueReport: due::page;
    Exported: evidence::exported;
    Imported: evidence::imported;
    Explanation: explained::page;
    IncidentReport: incidents::page;
    Integrity: integrity::page;
    Log: log::page;
    PolicyPin: pin::page;
    ProbeList: probes::list;
    ProbeRun: probes::run, cases::of_run;
    Scaffold: scaffold::page;
    Signed: signed::page;
    StatusReport: status::page;
    Verification: verification::page, cases::of_verification;
    Waived: waived::page;
    Watched: watched::page;
}
