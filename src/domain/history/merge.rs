//! What becomes of records that were written beside others, on two branches that were merged: which thing each of them
//! means, and which of them come too late.
//!
//! Two writers that did not know of each other give the same name to two things: both open `I1`. The one that comes
//! later in the order of the history is then known as `I1-` and the first digits of its record, and whoever wrote after
//! that opening, and not after the other one, means that incident by `I1`. Every reader of the same records finds the
//! same names, because every record sees what it follows in the same order, whatever else was merged.

use std::fmt::Display;

use serde::Serialize;

use super::History;
use crate::domain::ids::{IncidentId, ObligationId, RecordId};
use crate::domain::record::body::{Cause, Obligation};
use crate::domain::record::{Body, Record};
use crate::domain::state::Illegal;

/// A record that was legal where it was written, and has no effect because of one that was written beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Superseded {
    /// Which record.
    pub record: RecordId,
    /// Why it has no effect, for people.
    pub why: String,
}

/// The things that are known by another name than the one that they were given.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    incidents: Vec<Renamed<IncidentId>>,
    obligations: Vec<Renamed<ObligationId>>,
}

/// One of them.
#[derive(Clone, Debug)]
struct Renamed<T> {
    given: T,
    by: RecordId,
    known_as: T,
}

impl History {
    /// Folds a record that does not follow everything before it.
    pub(super) fn take_aside(&mut self, record: &Record) -> Result<(), Illegal> {
        let illegal = |why: String| Illegal {
            record: record.id,
            kind: record.kind().to_owned(),
            why,
            breaks_rule: false,
        };
        let rollback = self.state.rollback.as_ref();
        if let Some(attempt) = goes_on(&record.body)
            && let Some(fence) = rollback.and_then(|it| it.fence(attempt))
            && !self.follows(record, &fence)
        {
            let why = "the rollback was claimed elsewhere, and this is another attempt";
            return Err(illegal(why.to_owned()));
        }
        let mut names = Names::default();
        let body = self.in_present_names(record, &mut names).map_err(illegal)?;
        // Who closed the release did not know of this trouble: the closing has to be made again.
        let unknowing = matches!(body, Body::IncidentOpened(_) | Body::RollbackClaimed(_))
            .then(|| self.state.closed.clone())
            .flatten()
            .filter(|closed| !self.follows(record, &closed.record));
        if unknowing.is_some() {
            self.state.closed = None;
        }
        // Whoever deployed it did not know that it would not go out: what runs is watched.
        let abandoned = matches!(body, Body::DeployStarted(_))
            .then(|| self.state.abandoned.take())
            .flatten();
        let renamed = record.understood_as(body);
        let applied = match &abandoned {
            Some(it) if self.follows(record, &it.origin.record) => {
                self.state.abandoned = abandoned.clone();
                self.state.apply(&renamed)
            }
            _ => self.state.apply(&renamed),
        };
        if let Some(abandoned) = abandoned.filter(|_| self.state.abandoned.is_none()) {
            match &applied {
                Ok(()) => self.superseded.push(Superseded {
                    record: abandoned.origin.record,
                    why: format!("{} was recorded beside it", record.file_name()),
                }),
                Err(_) => self.state.abandoned = Some(abandoned),
            }
        }
        match (&applied, unknowing) {
            (Ok(()), Some(closed)) => self.superseded.push(Superseded {
                record: closed.record,
                why: format!("{} was recorded beside it", record.file_name()),
            }),
            (Err(_), Some(closed)) => self.state.closed = Some(closed),
            (_, None) => {}
        }
        if applied.is_ok() {
            self.names.incidents.extend(names.incidents);
            self.names.obligations.extend(names.obligations);
        }
        applied
    }

    /// The history as the writer of `record` saw it.
    pub fn view_of(&self, record: &Record) -> Self {
        let mut seen = vec![false; self.records.len()];
        let mut stack: Vec<usize> = self.positions(&record.parents).collect();
        while let Some(position) = stack.pop() {
            if !std::mem::replace(&mut seen[position], true) {
                stack.extend(self.positions(&self.records[position].parents));
            }
        }
        let mut view = Self {
            is_view: true,
            standings: std::sync::Arc::clone(&self.standings),
            copies: std::sync::Arc::clone(&self.copies),
            ..Self::new(self.release.clone())
        };
        for (position, known) in self.records.iter().enumerate() {
            if seen[position] {
                view.take(known.clone());
            }
        }
        view
    }

    /// Whether `record` was written with the knowledge of `other`, which is known.
    fn follows(&self, record: &Record, other: &RecordId) -> bool {
        let Some(wanted) = self.position(other) else {
            return false;
        };
        let mut seen = std::collections::HashSet::new();
        let mut stack: Vec<usize> = self.positions(&record.parents).collect();
        while let Some(position) = stack.pop() {
            if position == wanted || self.is_same_fact(&self.records[position].id, other) {
                return true;
            }
            // Whatever a record follows lies before it.
            if position > wanted && seen.insert(position) {
                stack.extend(self.positions(&self.records[position].parents));
            }
        }
        false
    }

    fn positions(&self, ids: &[RecordId]) -> impl Iterator<Item = usize> {
        ids.iter().filter_map(|id| self.position(id))
    }

    /// What `record` says, with every thing by the name that it has now; names that it gives away are added to `names`.
    fn in_present_names(&self, record: &Record, names: &mut Names) -> Result<Body, String> {
        let meant = |given: &IncidentId| {
            let opened = |id: &IncidentId| self.state.incidents.get(id).map(|it| it.opened.record);
            self.meant(record, &self.names.incidents, given, opened)
        };
        let mut body = record.body.clone();
        match &mut body {
            Body::IncidentOpened(fact) => {
                let known = self.state.incidents.get(&fact.incident);
                let is_beside = known.is_some_and(|known| {
                    meant(&fact.incident) == fact.incident
                        && !self.follows(record, &known.opened.record)
                });
                if is_beside {
                    let taken = |id: &IncidentId| self.state.incidents.contains_key(id);
                    let known_as = another_name(&fact.incident, record, taken);
                    let given = std::mem::replace(&mut fact.incident, known_as.clone());
                    names.incidents.push(Renamed {
                        given,
                        by: record.id,
                        known_as,
                    });
                }
            }
            Body::IncidentEscalated(fact) => fact.incident = meant(&fact.incident),
            Body::IncidentResolved(fact) => {
                fact.incident = meant(&fact.incident);
                self.rename_owed(record, &mut fact.obligations, names);
            }
            Body::IncidentDecided(fact) => fact.incident = meant(&fact.incident),
            Body::WindowExpired(fact) => fact.incident = meant(&fact.incident),
            Body::Checkpoint(fact) => {
                fact.elapsed_ms = fact
                    .elapsed_ms
                    .iter()
                    .map(|(id, ms)| (meant(id), *ms))
                    .collect();
            }
            Body::RollbackClaimed(fact) => {
                fact.absorbs = fact.absorbs.iter().map(meant).collect();
                if let Cause::Expired { incident } = &mut fact.cause {
                    *incident = meant(incident);
                }
            }
            Body::DeployStarted(fact) => self.rename_owed(record, &mut fact.obligations, names),
            Body::Waived(fact) => {
                let opens = !fact.obligations.is_empty();
                self.rename_owed(record, &mut fact.obligations, names);
                if let Some(review) = &mut fact.review {
                    let mut renamed = names.obligations.iter();
                    match renamed.find(|it| it.by == record.id && it.given == *review) {
                        Some(renamed) => review.clone_from(&renamed.known_as),
                        None if opens => {}
                        None => *review = self.obligation_meant(record, review)?,
                    }
                }
            }
            Body::RolledBack(fact) => self.rename_owed(record, &mut fact.obligations, names),
            Body::RollbackStuck(fact) => self.rename_owed(record, &mut fact.obligations, names),
            Body::ObligationSettled(fact) => {
                fact.obligation = self.obligation_meant(record, &fact.obligation)?;
            }
            _ => {}
        }
        Ok(body)
    }

    /// What the writer of `record` means by `given`: the first of that name that the record follows.
    fn meant<T: Clone + Eq>(
        &self,
        record: &Record,
        renamed: &[Renamed<T>],
        given: &T,
        opened: impl Fn(&T) -> Option<RecordId>,
    ) -> T {
        let mut others = renamed.iter().filter(|it| it.given == *given).peekable();
        if others.peek().is_none()
            || opened(given).is_some_and(|first| self.follows(record, &first))
        {
            return given.clone();
        }
        others
            .find(|it| self.follows(record, &it.by))
            .map_or_else(|| given.clone(), |it| it.known_as.clone())
    }

    fn obligation_meant(
        &self,
        record: &Record,
        given: &ObligationId,
    ) -> Result<ObligationId, String> {
        let opened = |id: &ObligationId| self.state.obligations.get(id).map(|it| it.opened.record);
        let meant = self.meant(record, &self.names.obligations, given, opened);
        let Some(owed) = self.state.obligations.get(&meant) else {
            return Ok(meant);
        };
        if self.follows(record, &owed.opened.record) {
            return Ok(meant);
        }
        // It is another writer's: the same thing owed once, or something else that has the name by chance.
        let view = self.view_of(record);
        let seen = view.state().obligations.get(given);
        if seen.is_some_and(|seen| seen.obligation.title == owed.obligation.title) {
            Ok(meant)
        } else {
            Err(format!("what it settles as {given} is not owed"))
        }
    }

    /// Gives another name to what is owed under one that is taken by something else. The same thing is owed once,
    /// whichever name it was given.
    fn rename_owed(&self, record: &Record, owed: &mut Vec<Obligation>, names: &mut Names) {
        let is_beside = |id: &RecordId| !self.follows(record, id);
        let known = &self.state.obligations;
        owed.retain_mut(|new| {
            let same = known.values().find(|it| {
                it.settled.is_none()
                    && it.obligation.title == new.title
                    && is_beside(&it.opened.record)
            });
            let known_as = match (same, known.get(&new.id)) {
                (Some(same), _) => same.obligation.id.clone(),
                (None, Some(other)) if is_beside(&other.opened.record) => {
                    another_name(&new.id, record, |id| known.contains_key(id))
                }
                (None, _) => return true,
            };
            if known_as != new.id {
                names.obligations.push(Renamed {
                    given: std::mem::replace(&mut new.id, known_as.clone()),
                    by: record.id,
                    known_as,
                });
            }
            same.is_none()
        });
    }
}

/// Whether a record goes on with an attempt that was claimed before, and with which; without a number, with the last.
fn goes_on(body: &Body) -> Option<Option<u32>> {
    match body {
        Body::AttemptStarted(fact) => Some(Some(fact.attempt)),
        Body::StepStarted(fact) => Some(Some(fact.attempt)),
        Body::StepEnded(fact) => Some(Some(fact.attempt)),
        Body::AttemptEnded(fact) => Some(Some(fact.attempt)),
        Body::StageRolledBack(fact) => Some(Some(fact.attempt)),
        Body::RolledBack(fact) => Some(Some(fact.attempt)),
        Body::RollbackStuck(_) | Body::RollbackStopped(_) => Some(None),
        Body::RollbackClaimed(fact) if fact.attempt > 1 => Some(None),
        _ => None,
    }
}

/// `I1-3fa4` for an `I1` that `record` gave a name that is taken: as many of its digits as make it unique.
fn another_name<T>(given: &T, record: &Record, taken: impl Fn(&T) -> bool) -> T
where
    T: Clone + Display + std::str::FromStr,
{
    let digits = record.id.to_string();
    (4..=digits.len())
        .filter_map(|length| format!("{given}-{}", &digits[..length]).parse().ok())
        .find(|name| !taken(name))
        .unwrap_or_else(|| given.clone())
}
