//! Whether it is, and was, a gate's turn to be signed: the hand-off order, the phase, and the time before the deployment.
//!
//! The same holds for a sign-off that is about to be recorded and for one that was, so that one that was put into the
//! ledger by hand, or that follows a rejection, comes no sooner than any other.

use chrono::{DateTime, Utc};

use super::{Flaw, Standing};
use crate::domain::gate::{Gate, Phase};
use crate::domain::ids::{GateId, RoleName, StageName};
use crate::domain::readiness::requirement::Status;
use crate::domain::readiness::waivers;
use crate::domain::record::Body;
use crate::domain::record::body::SignOff;
use crate::domain::state::{Progress, Recorded};

impl Standing<'_> {
    /// What `gate` waits for: gates that come before it, and what must have happened.
    pub(in crate::domain::readiness) fn waits_for(&mut self, gate: &Gate) -> Vec<String> {
        let mut waiting: Vec<String> = gate
            .after()
            .iter()
            .filter(|before| {
                let before = self.inquiry.gates.iter().find(|other| other.id == **before);
                !before.is_some_and(|before| {
                    self.is_past(gate, before) || self.is_signed_for(gate, before)
                })
            })
            .map(ToString::to_string)
            .collect();
        waiting.extend(self.event_before(gate).map(str::to_owned));
        waiting
    }

    /// Whether `gate`, which closes a release that went back or was replaced, waits no more for `before`: what was to be said
    /// of it while it ran is nobody's question any more.
    fn is_past(&self, gate: &Gate, before: &Gate) -> bool {
        self.inquiry.is_gone() && gate.phase == Phase::Closure && before.phase != Phase::Closure
    }

    /// Whether `before` is signed for `gate`, which comes after it. What stood in the go of a deployment stands for
    /// whatever comes after the deployment.
    fn is_signed_for(&mut self, gate: &Gate, before: &Gate) -> bool {
        self.is_signed(before)
            || before.phase.precedes_deployment()
                && !gate.phase.precedes_deployment()
                && self.inquiry.history.state().is_deployed()
                && self
                    .after_deployment(before)
                    .into_iter()
                    .all(|it| waivers::apply(self.inquiry, it).status.is_enough())
    }

    /// Why a sign-off was made before its turn, as of a moment; `None` when it was not.
    pub(super) fn out_of_turn(
        &self,
        gate: &Gate,
        sign_off: &Recorded<SignOff>,
        as_of: DateTime<Utc>,
    ) -> Option<Flaw> {
        let (by, at) = (&sign_off.origin.by, sign_off.origin.at);
        let missing = |why: String| Flaw::some(Status::Missing, why);
        if let Some(before) = self.skipped(gate, sign_off) {
            return missing(format!("{by} signed before {before} was signed"));
        }
        let progress = &self.inquiry.history.state().progress_at;
        let progress = progress.get(&sign_off.origin.record);
        if let Some(event) = self.event_missing(gate, progress.unwrap_or(&Progress::default())) {
            return missing(format!("{by} signed before {event}"));
        }
        let from = self.earliest(gate, as_of).filter(|from| at < *from)?;
        let from = from.format("%Y-%m-%d %H:%M UTC");
        Flaw::some(
            Status::Expired,
            format!("{by} signed too early: it counts from {from} on"),
        )
    }

    /// The gate before `gate` that nobody had signed, or waived, when `sign_off` was recorded. What was signed before and
    /// has become stale since was signed in its turn.
    fn skipped(&self, gate: &Gate, sign_off: &Recorded<SignOff>) -> Option<GateId> {
        let place = self.inquiry.history.position(&sign_off.origin.record)?;
        let before = gate.after().iter().find(|before| {
            let before = self.inquiry.gates.iter().find(|other| other.id == **before);
            !before.is_some_and(|before| {
                let mut approvals = before.approvals().into_iter();
                self.is_past(gate, before)
                    || approvals.all(|(role, count)| self.was_given(before, &role, (count, place)))
            })
        });
        before.cloned()
    }

    /// Whether so many people had signed `gate` as `role`, or somebody had waived that, before the record at `place`.
    fn was_given(&self, gate: &Gate, role: &RoleName, (count, place): (u32, usize)) -> bool {
        let (history, state) = (self.inquiry.history, self.inquiry.history.state());
        let earlier = |record| history.position(record).is_some_and(|it| it < place);
        let id = format!("{}/{role}", gate.id);
        let mut waivers = state.waivers.iter().map(|it| &it.waiver);
        if waivers.any(|it| it.fact.requirement == id && earlier(&it.origin.record)) {
            return true;
        }
        let is_meant = |fact: &SignOff| fact.gate == gate.id && fact.role == *role;
        let counted = state
            .sign_offs
            .iter()
            .filter(|it| is_meant(&it.fact) && earlier(&it.origin.record))
            .map(|it| it.origin.by.as_str());
        // A key that ended since was none then.
        let lapsed = history.set_aside().iter().filter(|it| it.lapsed);
        let lapsed = lapsed.filter_map(|it| {
            let record = history.find(&it.record)?;
            match &record.body {
                Body::SignedOff(fact) if is_meant(fact) && earlier(&it.record) => {
                    Some(record.by.as_str())
                }
                _ => None,
            }
        });
        let mut people: Vec<&str> = counted.chain(lapsed).collect();
        people.sort_unstable();
        people.dedup();
        people.len() >= count as usize
    }

    /// Why `gate` cannot be signed yet, however its hand-off stands.
    pub(in crate::domain::readiness) fn not_yet(&self, gate: &Gate) -> Option<String> {
        if gate.within.is_some() && self.inquiry.notes.deploy_at.is_none() {
            return Some("waits for deploy_at in the release notes".to_owned());
        }
        let from = self
            .earliest(gate, self.inquiry.now)
            .filter(|from| self.inquiry.now < *from)?;
        Some(format!(
            "can be signed from {} on",
            from.format("%Y-%m-%d %H:%M UTC")
        ))
    }

    /// What must have happened before a gate of this phase can be about anything: nobody can say that a release holds in
    /// production before it is there (req: C3).
    pub(super) fn event_before(&self, gate: &Gate) -> Option<&'static str> {
        self.event_missing(gate, &self.inquiry.history.state().progress())
    }

    /// The earliest moment at which `gate` can be signed (req: B5): so long before the deployment, which is when it
    /// began, or when it is to begin, and never in the past.
    pub(super) fn earliest(&self, gate: &Gate, as_of: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let within = gate.within?;
        let deploy_at = self.inquiry.notes.deploy_at?.to_utc();
        let deployed = self.started().min();
        Some(deployed.unwrap_or_else(|| deploy_at.max(as_of)) - within.delta())
    }

    /// What of `progress` a gate of this phase lacks.
    fn event_missing(&self, gate: &Gate, progress: &Progress) -> Option<&'static str> {
        let stages = self.inquiry.notes.stages();
        let verified = |stage: &StageName| progress.verified.contains(stage);
        match gate.phase {
            Phase::Deployment if !progress.deployed => Some("the deployment"),
            Phase::PostRelease if !stages.iter().any(verified) => {
                Some("the verification of a stage")
            }
            // What went back, or was replaced, is closed as it is.
            Phase::Closure if !self.inquiry.is_gone() && !stages.iter().all(verified) => {
                Some("the verification of every stage")
            }
            _ => None,
        }
    }

    pub(super) fn started(&self) -> impl Iterator<Item = DateTime<Utc>> {
        let deployments = &self.inquiry.history.state().deployments;
        deployments.values().map(|it| it.started.origin.at)
    }
}
