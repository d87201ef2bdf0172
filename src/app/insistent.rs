//! A ledger that does not stop a rollback: what cannot be written is remembered, acted on, and written as soon as it
//! can be. Protecting users comes first; the record is made good afterwards.
//!
//! Only the driver of a rollback uses it. A gate never does: a ledger that cannot be written shuts a gate.

use crate::domain::clock::Reading;
use crate::domain::history::History;
use crate::domain::record::body::Noted;
use crate::domain::record::{Body, Draft, Record, TOOL};
use crate::domain::writer::Writer;
use crate::ports::{AppendError, Clock, StoreError};

use super::ledger::{Decide, Ledger};

/// A ledger that remembers what it could not write.
pub struct Insistent<'a> {
    inner: Box<dyn Ledger + 'a>,
    clock: &'a dyn Clock,
    writer: Writer,
    /// What happened and is not written yet, in order.
    unwritten: Vec<Record>,
    /// The history with what is not written yet; none while everything is.
    ahead: Option<History>,
    /// Why it could not be written.
    why: String,
}

impl<'a> Insistent<'a> {
    /// Nothing is unwritten yet.
    pub fn new(inner: Box<dyn Ledger + 'a>, (clock, writer): (&'a dyn Clock, Writer)) -> Self {
        Self {
            inner,
            clock,
            writer,
            unwritten: Vec::new(),
            ahead: None,
            why: String::new(),
        }
    }

    /// Writes what is unwritten. Returns whether everything is written now.
    pub fn make_good(&mut self) -> bool {
        while let Some(record) = self.unwritten.first() {
            let draft = Draft {
                by: record.by.clone(),
                body: record.body.clone(),
            };
            match self.inner.append(&mut |_, _| Ok(vec![draft.clone()])) {
                // A refusal says that somebody else recorded what makes it void; trying again would not help.
                Ok(_) | Err(AppendError::Refused(_)) => {
                    self.unwritten.remove(0);
                }
                Err(AppendError::Store(error)) => {
                    self.why = error.to_string();
                    return false;
                }
            }
        }
        if self.ahead.take().is_some() {
            let text = format!(
                "the records before this one were written late: {}",
                self.why
            );
            let note = Draft {
                by: TOOL.to_owned(),
                body: Body::Noted(Noted { text }),
            };
            let _ = self.inner.append(&mut |_, _| Ok(vec![note.clone()]));
        }
        true
    }

    fn append_ahead(
        &mut self,
        now: &Reading,
        decide: &mut Decide<'_>,
    ) -> Result<Vec<Record>, AppendError> {
        let mut history = self
            .ahead
            .clone()
            .unwrap_or_else(|| self.inner.history().clone());
        let mut records = Vec::new();
        for draft in decide(&history, now)? {
            let record = Record::new(
                draft,
                history.release(),
                history.heads(),
                now.wall,
                &self.writer.host,
            );
            history.extend(vec![record.clone()]);
            records.push(record);
        }
        self.unwritten.extend(records.iter().cloned());
        self.ahead = Some(history);
        Ok(records)
    }
}

impl Ledger for Insistent<'_> {
    fn refresh(&mut self) -> Result<&History, StoreError> {
        // What was read before, or what runs ahead, is better than nothing while users wait.
        let read = self.inner.refresh().map(|_| ());
        if self.ahead.is_none() && self.inner.history().records().is_empty() {
            read?;
        }
        Ok(self.history())
    }

    fn history(&self) -> &History {
        self.ahead.as_ref().unwrap_or_else(|| self.inner.history())
    }

    fn append(&mut self, decide: &mut Decide<'_>) -> Result<Vec<Record>, AppendError> {
        if self.make_good() {
            match self.inner.append(decide) {
                Err(AppendError::Store(error)) => self.why = error.to_string(),
                done => return done,
            }
        }
        // What others recorded since is seen, though nothing could be written or locked: a resolution, most of all.
        if self.ahead.is_none() {
            let _ = self.inner.refresh();
        }
        self.append_ahead(&self.clock.now(), decide)
    }
}
