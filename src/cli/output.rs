//! Where results, events and warnings go: two screens, none of which anybody waits for before the end.
//!
//! What a command protects comes before what it says: nothing that decides waits for a reader, and what was recorded keeps
//! its exit code however the output fares.

use std::time::Duration;

use super::args::{Baseline, Command, Incident, Ledger};
use super::exit;
use super::screen::{Screen, Wait};
use crate::domain::refusal::Refusal;
use crate::render::text;

/// How long one stream waits for the other, so that what is said first is read first where both are one terminal.
const TURN: Duration = Duration::from_millis(20);

/// How long a prompt waits for what stands before it.
const PROMPT: Duration = Duration::from_secs(1);

/// What a command's output is to the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// All that there is: a part of it must not be taken for the whole.
    Result,
    /// News of something that was recorded, or goes on.
    News,
}

impl Weight {
    /// What the output of `command` is to it.
    pub fn of(command: &Command) -> Self {
        match command {
            Command::Lint
            | Command::Status(_)
            | Command::Log
            | Command::Due { settle: None, .. }
            | Command::Probe(_)
            | Command::Baseline(Baseline::Show)
            | Command::Incident(Incident::List)
            | Command::Ledger(Ledger::Verify { .. } | Ledger::Export { file: None })
            | Command::Policy(_)
            | Command::Schema { .. }
            | Command::Explain { .. }
            | Command::Help { .. }
            | Command::Completions { .. }
            | Command::Man { .. }
            // Its record changes nothing, and whoever asks again is told the same.
            | Command::Check { .. } => Self::Result,
            _ => Self::News,
        }
    }
}

/// Both streams.
pub struct Output {
    /// Standard output.
    pub out: Screen,
    /// Standard error.
    pub err: Screen,
    /// What it is to the command.
    pub weight: Weight,
    /// Whether standard output is for people, who can be told there what standard error could not take.
    pub for_people: bool,
}

impl Output {
    /// Writes to standard output. Returns at once.
    pub fn write(&self, text: &[u8]) {
        self.err.drain(Wait::Moment(TURN), &|| true);
        self.out.text(text);
    }

    /// Writes to standard error. Returns at once.
    pub fn say(&self, text: &[u8]) {
        self.out.drain(Wait::Moment(TURN), &|| true);
        self.err.text(text);
    }

    /// Waits a moment for what is to stand before a prompt.
    pub fn settle(&self) {
        self.out.drain(Wait::Moment(PROMPT), &|| true);
        self.err.drain(Wait::Moment(PROMPT), &|| true);
    }

    /// Waits for what is not written yet, and returns the exit code of a command that came to `code`: what could not be
    /// written changes it where the output was all that there is.
    pub fn finish(&self, code: u8, hurry: &dyn Fn() -> bool) -> u8 {
        let wait = match self.weight {
            Weight::Result => Wait::Whole,
            Weight::News => Wait::WhileRead,
        };
        let left = |screen: &Screen| match (screen.drain(wait, hurry), screen.failure()) {
            (_, Some(why)) => Some(why),
            (false, None) => Some("nobody reads it".to_owned()),
            (true, None) => None,
        };
        let out = left(&self.out);
        let err = left(&self.err);
        if let Some(why) = &out {
            let help = match self.weight {
                Weight::Result => "\nhelp: free some space, and run the command again\n",
                // It may be recorded, and is not done twice.
                Weight::News => "\nhelp: relgate status\n",
            };
            let what = "the result could not be written to standard output";
            self.tell(&self.err, format!("error: {what}: {why}{help}"));
        } else if let Some(why) = err
            && self.for_people
        {
            let what = "warning: messages could not be written to standard error";
            self.tell(&self.out, format!("{what}: {}\n", text::one_line(&why)));
        }
        match (out, self.weight) {
            (Some(_), Weight::Result) => exit::INVALID,
            _ => code,
        }
    }

    fn tell(&self, screen: &Screen, text: String) {
        screen.text(text.as_bytes());
        screen.drain(Wait::WhileRead, &|| true);
    }

    /// Why something was not done, on standard error.
    pub fn refuse(&self, refusal: &Refusal) {
        self.say(format!("error: {}\n", text::one_line(&refusal.to_string())).as_bytes());
    }
}
