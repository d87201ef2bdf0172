//! A ledger that does not stop a rollback: what cannot be written is remembered, acted on, and written as soon as it
//! can be. Protecting users comes first; the record is made good afterwards.
//!
//! Only the driver of a rollback uses it. A gate never does: a ledger that cannot be written shuts a gate.

use crate::domain::clock::Reading;
use crate::domain::history::History;
use crate::domain::record::body::Noted;
use crate::domain::record::{Body, Draft, Record, TOOL};
use crate::ports::{AppendError, Clock, Decide, Ledger, LedgerError};

/// A ledger that remembers what it could not write.
pub struct Insistent<'a> {
    inner: Box<dyn Ledger + 'a>,
    /// What happened and is not written yet, in order.
    unwritten: Vec<Record>,
    /// The history with what is not written yet; none while everything is.
    ahead: Option<History>,
    /// Why it could not be written.
    why: String,
}

impl<'a> Insistent<'a> {
    /// Nothing is unwritten yet.
    pub fn new(inner: Box<dyn Ledger + 'a>) -> Self {
        Self {
            inner,
            unwritten: Vec::new(),
            ahead: None,
            why: String::new(),
        }
    }

    /// Writes what is unwritten. Returns whether everything is written now.
    pub fn make_good(&mut self, clock: &dyn Clock) -> bool {
        while let Some(record) = self.unwritten.first() {
            let draft = Draft {
                by: record.by.clone(),
                body: record.body.clone(),
            };
            match self
                .inner
                .append(clock, &mut |_, _| Ok(vec![draft.clone()]))
            {
                // A refusal says that somebody else recorded what makes it void; trying again would not help.
                Ok(_) | Err(AppendError::Refused(_)) => {
                    self.unwritten.remove(0);
                }
                Err(AppendError::Ledger(error)) => {
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
            let _ = self.inner.append(clock, &mut |_, _| Ok(vec![note.clone()]));
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
                &now.host,
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
    fn refresh(&mut self) -> Result<&History, LedgerError> {
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

    fn append(
        &mut self,
        clock: &dyn Clock,
        decide: &mut Decide<'_>,
    ) -> Result<Vec<Record>, AppendError> {
        if self.make_good(clock) {
            match self.inner.append(clock, decide) {
                Err(AppendError::Ledger(error)) => self.why = error.to_string(),
                done => return done,
            }
        }
        // What others recorded since is seen, though nothing could be written or locked: a resolution, most of all.
        if self.ahead.is_none() {
            let _ = self.inner.refresh();
        }
        self.append_ahead(&clock.now(), decide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::BootId;
    use crate::domain::ids::ReleaseName;
    use chrono::DateTime;
    use std::cell::Cell;
    use std::rc::Rc;
    use std::time::Duration;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Reading {
            Reading {
                wall: DateTime::UNIX_EPOCH,
                boot_ms: 0,
                boot: BootId {
                    id: "b".into(),
                    time_namespace: String::new(),
                    time_offset: None,
                },
                host: "h".into(),
            }
        }
        fn wait(&self, _: Duration) {}
    }

    /// A ledger in memory on a disk that can be full.
    struct Disk {
        history: History,
        full: Rc<Cell<bool>>,
    }

    impl Ledger for Disk {
        fn refresh(&mut self) -> Result<&History, LedgerError> {
            Ok(&self.history)
        }
        fn history(&self) -> &History {
            &self.history
        }
        fn append(
            &mut self,
            clock: &dyn Clock,
            decide: &mut Decide<'_>,
        ) -> Result<Vec<Record>, AppendError> {
            let now = clock.now();
            let drafts = decide(&self.history, &now)?;
            if self.full.get() {
                let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
                return Err(LedgerError::Write {
                    path: "ledger".into(),
                    source,
                }
                .into());
            }
            let mut records = Vec::new();
            for draft in drafts {
                let heads = self.history.heads();
                let record = Record::new(draft, self.history.release(), heads, now.wall, &now.host);
                self.history.extend(vec![record.clone()]);
                records.push(record);
            }
            Ok(records)
        }
    }

    fn note(text: &str) -> Draft {
        Draft {
            by: TOOL.to_owned(),
            body: Body::Noted(Noted { text: text.into() }),
        }
    }

    fn texts(history: &History) -> Vec<String> {
        let text = |record: &Record| match &record.body {
            Body::Noted(noted) => noted.text.clone(),
            _ => String::new(),
        };
        history.records().iter().map(text).collect()
    }

    #[test]
    fn a_full_disk_stops_nothing_and_everything_is_written_in_order_afterwards() {
        let full = Rc::new(Cell::new(false));
        let release = ReleaseName::new("1").expect("a name");
        let disk = Disk {
            history: History::new(release),
            full: Rc::clone(&full),
        };
        let mut ledger = Insistent::new(Box::new(disk));
        let append = |ledger: &mut Insistent<'_>, text: &str| {
            ledger
                .append(&Still, &mut |_, _| Ok(vec![note(text)]))
                .expect("never fails on a full disk");
        };
        append(&mut ledger, "a");
        full.set(true);
        append(&mut ledger, "b");
        append(&mut ledger, "c");
        assert_eq!(texts(ledger.refresh().expect("readable")), ["a", "b", "c"]);
        assert!(!ledger.make_good(&Still));
        full.set(false);
        append(&mut ledger, "d");
        let written = texts(ledger.inner.history());
        assert_eq!(written[..3], ["a", "b", "c"]);
        assert!(written[3].contains("written late"), "{written:?}");
        assert_eq!(written[4], "d");
    }
}
