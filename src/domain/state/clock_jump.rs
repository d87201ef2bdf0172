//! Records that claim to be older than one that they follow, and who looked into it.

use chrono::{DateTime, Utc};

use super::{Recorded, ReleaseState};
use crate::domain::ids::RecordId;
use crate::domain::record::Record;
use crate::domain::record::body::ClockJumpAccepted;

/// A wall clock that went back between two records.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockJump {
    /// The latest record that it follows, and what that says.
    pub follows: (RecordId, DateTime<Utc>),
    /// What the record itself says.
    pub at: DateTime<Utc>,
    /// Who accepted it.
    pub accepted: Option<Recorded<ClockJumpAccepted>>,
}

impl ReleaseState {
    /// Takes note of a record that follows `latest`, which claims to be younger.
    pub(in crate::domain) fn note_clock_jump(&mut self, record: &Record, latest: &Record) {
        let jump = ClockJump {
            follows: (latest.id, latest.at),
            at: record.at,
            accepted: None,
        };
        self.clock_jumps.entry(record.id).or_insert(jump);
    }

    /// Whether the clock went back at this record, and nobody accepted that yet.
    ///
    /// # Errors
    /// Why there is nothing to accept, for people.
    pub fn has_open_clock_jump(&self, record: &RecordId) -> Result<&ClockJump, String> {
        let Some(jump) = self.clock_jumps.get(record) else {
            return Err(format!(
                "the record {} is no older than what it follows",
                record.short()
            ));
        };
        match &jump.accepted {
            Some(accepted) => Err(format!(
                "that the clock went back at {} was accepted by {}",
                record.short(),
                accepted.origin.by
            )),
            None => Ok(jump),
        }
    }
}
