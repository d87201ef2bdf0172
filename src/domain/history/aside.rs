//! Records that do not count as their writers': which they are, and what becomes of those that rest on them.
//!
//! Whether a record counts was found out before it came here ([`Standing`]); here it is kept out of the state. A record
//! that follows one that does not count, and is illegal without it, is without effect too: nobody can be blamed for it.

use serde::Serialize;

use super::{History, Superseded};
use crate::domain::ids::RecordId;
use crate::domain::policy::ResolvedBy;
use crate::domain::probe::judge::Verdict;
use crate::domain::record::{Body, Record, TOOL};
use crate::domain::signature::{Flaw, Signer, Standing};
use crate::domain::state::{Illegal, ReleaseState};

/// A record that does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// Which record.
    pub record: RecordId,
    /// Why.
    pub flaw: Flaw,
    /// Whether it counted in its time, so that it is no forgery.
    pub lapsed: bool,
    /// Whether it is cautious, and stands as it is.
    pub stands: bool,
}

/// What is remembered of records that do not count.
#[derive(Clone, Debug, Default)]
pub(super) struct Aside {
    records: Vec<SetAside>,
    /// The state if every record counted; none while every one does.
    all: Option<Box<ReleaseState>>,
    /// The claim of a rollback that does not count, and that nobody has acted on yet.
    claim: Option<Box<Record>>,
}

impl History {
    /// Takes in what the signature of a record, not known yet, makes of it.
    pub fn judge(&mut self, record: RecordId, standing: Standing) {
        if standing != Standing::Plain {
            std::sync::Arc::make_mut(&mut self.standings).insert(record, standing);
        }
    }

    /// Takes in what else the signatures of known records make of them now: those that count after all do so from the
    /// beginning.
    pub fn judge_anew(&mut self, anew: Vec<(RecordId, Standing)>) {
        let standings = std::sync::Arc::make_mut(&mut self.standings);
        for (record, standing) in anew {
            match standing {
                Standing::Plain => standings.remove(&record),
                other => standings.insert(record, other),
            };
        }
        let all = std::mem::take(&mut self.records);
        self.fold_anew(all);
    }

    /// Who signed a record, where it is signed and that is known.
    pub fn signer(&self, record: &RecordId) -> Option<&Signer> {
        self.standings.get(record)?.signer()
    }

    /// What the signature of a record, or its lack, makes of it.
    pub fn standing(&self, record: &RecordId) -> &Standing {
        self.standings.get(record).unwrap_or(&Standing::Plain)
    }

    /// The records that do not count as their writers', or did in their time and do not now.
    pub fn set_aside(&self) -> &[SetAside] {
        &self.aside.records
    }

    /// Whether the record `id`, which says `record`, was set aside: then its effect is none.
    pub(super) fn put_aside(&mut self, id: &RecordId, record: &Record) -> bool {
        let (flaw, lapsed) = match self.standings.get(id) {
            Some(Standing::Void(flaw)) => (flaw.clone(), false),
            Some(Standing::Lapsed(_, flaw)) => (flaw.clone(), true),
            Some(Standing::Signed(_)) if record.by != TOOL || self.follows_known(record) => {
                return false;
            }
            Some(Standing::Own) => return false,
            Some(Standing::Unattested(_)) if is_resolution(&record.body) => {
                (Flaw::AskedAgain, false)
            }
            _ => match self.must_be_signed(record) {
                Some(flaw) => (flaw, false),
                None => return false,
            },
        };
        // A window is armed by the fact that somebody opened it: a key that was taken out since, or a rule made since,
        // takes nothing from that.
        let arms = matches!(record.body, Body::IncidentOpened(_)) && flaw.may_have_counted();
        let stands = match record.by == TOOL {
            // What a machine signed in its time is believed as what nobody signed: all but a resolution, which is asked for
            // again.
            true => lapsed && !is_resolution(&record.body),
            false => lapsed && stands(&record.body, &flaw),
        };
        let stands = stands || arms;
        let aside = SetAside {
            record: *id,
            flaw,
            lapsed,
            stands,
        };
        if stands {
            self.aside.records.push(aside);
            return false;
        }
        let all = self
            .aside
            .all
            .get_or_insert_with(|| Box::new(self.state.clone()));
        let _ = all.apply(record);
        if let Body::RollbackClaimed(_) = &record.body
            && !matches!(aside.flaw, Flaw::FutureDated { .. })
        {
            self.aside.claim = Some(Box::new(record.clone()));
        }
        self.state.set_aside(record, &aside.flaw);
        self.aside.records.push(aside);
        true
    }

    /// Why a record without a signature does not count although no policy speaks against it: what was pinned does.
    fn must_be_signed(&self, record: &Record) -> Option<Flaw> {
        let Body::IncidentResolved(fact) = &record.body else {
            return None;
        };
        let incident = self.state.incidents.get(&fact.incident)?;
        if !incident.facts.signed {
            return None;
        }
        let passes = fact.evidence.iter().all(|it| it.verdict == Verdict::Pass);
        let by_evidence = incident.window.resolved_by == ResolvedBy::Evidence
            && fact.overridden.is_none()
            && !fact.evidence.is_empty()
            && passes;
        match (record.by == TOOL, by_evidence) {
            // Who wrote it is not known; what it says can be found out again.
            (true, true) => Some(Flaw::AskedAgain),
            (true, false) => Some(Flaw::NotByItself {
                kind: record.kind().to_owned(),
            }),
            (false, _) => Some(Flaw::Unsigned),
        }
    }

    /// Whether everything that `record` follows is known: what was copied from another ledger follows what is not here.
    pub(super) fn follows_known(&self, record: &Record) -> bool {
        !record.parents.is_empty() && record.parents.iter().all(|it| self.contains(it))
    }

    /// Makes ready for a record that counts. Returns whether it would be legal if every record counted.
    ///
    /// A claim that does not count stands once it was acted on: what ran, ran.
    pub(super) fn before_taking(&mut self, record: &Record) -> bool {
        if let Body::AttemptStarted(_) = &record.body
            && self.state.check(&record.body).is_err()
            && let Some(claim) = self.aside.claim.take()
        {
            let _ = self.state.apply(&claim);
        }
        let all = self.aside.all.as_mut();
        all.is_some_and(|all| all.apply(record).is_ok())
    }

    /// Tells of a record that is illegal only because one that it rests on does not count.
    pub(super) fn rests_on_aside(&mut self, record: &Record, illegal: &Illegal) {
        self.superseded.push(Superseded {
            record: record.id,
            why: format!("it rests on a record that does not count: {}", illegal.why),
        });
    }
}

fn is_resolution(body: &Body) -> bool {
    matches!(body, Body::IncidentResolved(_))
}

/// Whether a record that counted in its time, and does not now, stands as it is. What metrics were before a deployment can
/// not be found out again afterwards: only a key that has ended takes nothing from that.
fn stands(body: &Body, flaw: &Flaw) -> bool {
    match body {
        // What was signed for a stage stays what somebody with authority signed.
        Body::BaselineCaptured(_) | Body::DeployRepinned(_) => matches!(flaw, Flaw::Ended { .. }),
        _ => !opens(body),
    }
}

/// Whether `body` opens a gate or disarms a window. The rest is cautious, or only tells what was done.
fn opens(body: &Body) -> bool {
    match body {
        Body::SignedOff(_)
        | Body::Waived(_)
        | Body::ChecklistPass(_)
        | Body::Replacement(_)
        | Body::IncidentResolved(_)
        | Body::IncidentDecided(_)
        | Body::DeployConfirmed(_)
        | Body::RollbackClaimed(_)
        | Body::Drilled(_)
        | Body::ObligationSettled(_)
        | Body::Closed(_)
        | Body::Abandoned(_) => true,
        Body::Verified(fact) => fact.verdict == Verdict::Pass,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
