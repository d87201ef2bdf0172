//! What a record can say: one type for each kind, and the table that lists them.

pub mod anchor;
mod decided;
mod replacement;
mod rollback;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::clock::Reading;
use crate::domain::gate::Phase;
use crate::domain::ids::{
    Digest, GateId, IncidentId, ItemId, ObligationId, PersonName, PriorityName, ProbeId, RecordId,
    RepositoryId, RoleName, StageName, TriggerName,
};
use crate::domain::policy::{OnExpiry, ResolvedBy};
use crate::domain::probe::Probe;
use crate::domain::probe::judge::{Sample, Verdict};
use crate::domain::probe::measure::Measure;
use crate::domain::probe::sampling::Failure;
use crate::domain::timespan::Timespan;

pub use anchor::{Anchor, DeployRepinned};
pub use decided::{
    Abandoned, Answer as DecidedAnswer, ClockJumpAccepted, DeployConfirmed, DeployFailed,
    IncidentDecided,
};
pub use replacement::{Replacement, ReplacementProgress};
pub use rollback::{
    AttemptEnded, AttemptOutcome, AttemptStarted, Cause, CommandEnd, Drilled, PinnedPlan,
    ProcessGroup, RollbackClaimed, RollbackStopped, RollbackStuck, RolledBack, StageRolledBack,
    StepEnded, StepOutcome, StepStarted,
};

macro_rules! bodies {
    ($($(#[doc = $doc:literal])* $name:ident($body:ty) = $kind:literal,)*) => {
        /// What a record says.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Body {
            $($(#[doc = $doc])* $name($body),)*
            /// A kind or version that this program does not know: shown, and not acted on.
            Unknown {
                /// The word for the kind.
                kind: String,
                /// Whatever it says.
                body: serde_json::Value,
            },
        }

        impl Body {
            /// Every kind of record with what it says.
            pub const KINDS: &'static [(&'static str, &'static str)] =
                &[$(($kind, concat!($($doc),*))),*];

            /// The word for the kind.
            pub fn kind(&self) -> &str {
                match self {
                    $(Self::$name(_) => $kind,)*
                    Self::Unknown { kind, .. } => kind,
                }
            }

            /// All that it says, as JSON.
            pub fn to_json(&self) -> serde_json::Value {
                self.to_parts().1
            }

            pub(super) fn to_parts(&self) -> (&str, serde_json::Value) {
                let value = match self {
                    $(Self::$name(body) => serde_json::to_value(body).unwrap_or_default(),)*
                    Self::Unknown { body, .. } => body.clone(),
                };
                (self.kind(), value)
            }

            pub(super) fn from_parts(version: u32, kind: &str, body: &RawValue) -> Result<Self, serde_json::Error> {
                match (version, kind) {
                    $((super::VERSION, $kind) => Ok(Self::$name(serde_json::from_str(body.get())?)),)*
                    _ => Ok(Self::Unknown { kind: kind.to_owned(), body: serde_json::from_str(body.get())? }),
                }
            }
        }
    };
}

bodies! {
    /// A role signed a gate.
    SignedOff(SignOff) = "signed-off",
    /// A role said no to a gate.
    Rejected(Rejection) = "rejected",
    /// Somebody took the responsibility for going without something.
    Waived(Waiver) = "waived",
    /// A waiver was taken back.
    WaiverWithdrawn(WaiverWithdrawn) = "waiver-withdrawn",
    /// Go or no-go was asked, and answered.
    Checked(Checked) = "checked",
    /// What metrics were before the deployment.
    BaselineCaptured(BaselineCaptured) = "baseline-captured",
    /// A deployment began.
    DeployStarted(DeployStarted) = "deploy-started",
    /// A deployment was said to be done.
    DeployDone(DeployDone) = "deploy-done",
    /// What was signed for a deployment was replaced after a new go.
    DeployRepinned(DeployRepinned) = "deploy-repinned",
    /// A disputed deployment was confirmed.
    DeployConfirmed(DeployConfirmed) = "deploy-confirmed",
    /// A deployment did not finish.
    DeployFailed(DeployFailed) = "deploy-failed",
    /// Another release is deployed over this one, on the same target.
    Replacement(Replacement) = "replacement",
    /// A complete pass over the deployment checklist.
    ChecklistPass(ChecklistPass) = "checklist-pass",
    /// The verification plan was run to a decision.
    Verified(VerificationRun) = "verification",
    /// An incident, and with it a window, was opened.
    IncidentOpened(IncidentOpened) = "incident-opened",
    /// An incident became more urgent.
    IncidentEscalated(IncidentEscalated) = "incident-escalated",
    /// An incident was resolved.
    IncidentResolved(IncidentResolved) = "incident-resolved",
    /// A person answered a window that does not roll back by itself.
    IncidentDecided(IncidentDecided) = "incident-decided",
    /// A window expired whose priority does not roll back by itself.
    WindowExpired(WindowExpired) = "window-expired",
    /// The time that passed in the open windows.
    Checkpoint(Checkpoint) = "checkpoint",
    /// Somebody, or an expired window, took the right to run the next attempt of the rollback.
    RollbackClaimed(RollbackClaimed) = "rollback-claimed",
    /// The attempt's process began.
    AttemptStarted(AttemptStarted) = "attempt-started",
    /// A step of the plan began.
    StepStarted(StepStarted) = "step-started",
    /// A step of the plan ended.
    StepEnded(StepEnded) = "step-ended",
    /// The attempt ended.
    AttemptEnded(AttemptEnded) = "attempt-ended",
    /// The checks after the rollback of one stage passed; others are still to be taken back.
    StageRolledBack(StageRolledBack) = "stage-rolled-back",
    /// The checks after the rollback passed: it is rolled back.
    RolledBack(RolledBack) = "rolled-back",
    /// The attempts are used up: a person is needed.
    RollbackStuck(RollbackStuck) = "rollback-stuck",
    /// A person stopped the rollback: no attempt follows by itself.
    RollbackStopped(RollbackStopped) = "rollback-stopped",
    /// The plan was tried on a staging system.
    Drilled(Drilled) = "drilled",
    /// Something owed was done.
    ObligationSettled(ObligationSettled) = "obligation-settled",
    /// The release is complete.
    Closed(Closed) = "closed",
    /// The release will not go out.
    Abandoned(Abandoned) = "abandoned",
    /// Somebody looked into a record that claims to be older than one that it follows.
    ClockJumpAccepted(ClockJumpAccepted) = "clock-jump-accepted",
    /// A remark of a person.
    Noted(Noted) = "noted",
}

/// What a sign-off is bound to: a change of any of them makes it stale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The release notes.
    pub notes: Digest,
    /// The notes' fields by name, to say which one changed: the first 12 digits of each digest.
    pub fields: BTreeMap<String, String>,
    /// The gate.
    pub gate: Digest,
    /// The artifacts' bytes, where they lie on disk.
    pub artifacts: Digest,
    /// Where it counts; none in records that are older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<RepositoryBinding>,
}

/// The repository that something counts in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepositoryBinding {
    /// The one whose policy has this id.
    Id(RepositoryId),
    /// Every one without an id whose policy names this product.
    Product(String),
}

/// A person's answer to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It does not concern this release.
    NotApplicable,
}

/// An answered item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Which item.
    pub item: ItemId,
    /// The answer.
    pub answer: Answer,
    /// What the person added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A role signed a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignOff {
    /// Which gate.
    pub gate: GateId,
    /// As which role.
    pub role: RoleName,
    /// The manual items.
    pub answers: Vec<Answered>,
    /// The evidence that was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Sample>,
    /// What it is bound to.
    pub binding: Binding,
    /// What was signed, in short, as far as no earlier sign-off has kept the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
}

/// Values that somebody saw who signed, by their paths, long ones cut: to say later what has changed. Nothing is decided
/// by them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Of the release notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
    /// Of the gate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gate: BTreeMap<String, String>,
    /// The digests of the artifacts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub artifacts: BTreeMap<String, String>,
}

/// A role said no to a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rejection {
    /// Which gate.
    pub gate: GateId,
    /// As which role.
    pub role: RoleName,
    /// Why.
    pub reason: String,
    /// The items as far as they were answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answered>,
}

/// Somebody took the responsibility for going without something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiver {
    /// Which requirement, as a check shows it.
    pub requirement: String,
    /// By which role's authority.
    pub role: RoleName,
    /// Why.
    pub reason: String,
    /// Until when it counts.
    pub until: DateTime<Utc>,
    /// What was waived: a change of it ends the waiver.
    pub bound: Digest,
    /// How it stood, for people.
    pub found: String,
    /// Where it counts; none in records that are older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<RepositoryBinding>,
    /// The review that is owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ObligationId>,
    /// What is owed now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<Obligation>,
}

/// Every waiver of a requirement was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiverWithdrawn {
    /// Which requirement.
    pub requirement: String,
    /// By which role's authority.
    pub role: RoleName,
}

/// Go or no-go was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// The gate that was asked about, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateId>,
    /// The phase that was asked about, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Whether it was go.
    pub go: bool,
    /// Whether it could be decided.
    pub decided: bool,
    /// The requirements that were not met.
    pub unmet: Vec<String>,
    /// The requirements that a waiver stood in for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<String>,
    /// The release notes at that time.
    pub notes: Digest,
    /// The policy at that time.
    pub policy: Digest,
    /// The evidence that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Sample>,
    /// Whether open incidents were left out: such a go lets a stage be repinned, and nothing be deployed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repin: bool,
}

/// What metrics were before the deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineCaptured {
    /// One for each probe that measures something, and for each stage where that makes a difference.
    pub baselines: Vec<Baseline>,
}

/// What one metric was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Which probe.
    pub probe: ProbeId,
    /// Which stage, where it is another number in each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageName>,
    /// What was measured: the probe's question without what it expects.
    pub measures: Digest,
    /// The number: the median of the samples.
    pub value: Measure,
    /// Every number that was measured, in order.
    pub samples: Vec<Measure>,
}

/// A deployment began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeployStarted {
    /// Which stage.
    pub stage: StageName,
    /// The check that said go.
    pub go: RecordId,
    /// What it is deployed to: one deployment or rollback runs there at a time. None in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What is owed now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<Obligation>,
    /// What was signed with it; none in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Box<Anchor>>,
}

/// A deployment was said to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeployDone {
    /// Which stage.
    pub stage: StageName,
}

/// A complete pass over the deployment checklist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChecklistPass {
    /// Which stage.
    pub stage: StageName,
    /// The manual items.
    pub answers: Vec<Answered>,
    /// The items that probes answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Sample>,
    /// Whether everything was as the notes say.
    pub complete: bool,
    /// The items that were not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failure>,
    /// The checklist at that time.
    pub checklist: Digest,
}

/// The verification plan was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerificationRun {
    /// Which stage.
    pub stage: StageName,
    /// What it came to.
    pub verdict: Verdict,
    /// How many samples were taken of every probe.
    pub samples: u32,
    /// The last sample of every probe.
    pub last: Vec<Sample>,
    /// The probes that count as failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// The probes that fail as an incident says that is open without a countdown, or that was kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<Failure>,
    /// Probes that were left out on purpose; a run that left out a required one is never a pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
}

/// An incident was opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentOpened {
    /// Its id.
    pub incident: IncidentId,
    /// What is wrong.
    pub title: String,
    /// Which stage.
    pub stage: StageName,
    /// How urgent.
    pub priority: PriorityName,
    /// The named kind of trouble, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<TriggerName>,
    /// The probes that opened it: they must pass before it is resolved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Probe>,
    /// Why they failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// The time to mend it.
    pub window: Timespan,
    /// What happens at its end.
    pub on_expiry: OnExpiry,
    /// Whether the release was past its point of no return, so that nothing goes back by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub past_no_return: bool,
    /// Who closes it when its probes pass again.
    pub resolved_by: ResolvedBy,
    /// Whether what people record must be signed: pinned, so that a policy that is weakened or broken during the
    /// incident lets nobody close the window unsigned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
    /// The clocks at opening.
    pub opened: Reading,
    /// What will run at its end.
    pub plan: PinnedPlan,
}

/// An incident became more urgent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentEscalated {
    /// Which incident.
    pub incident: IncidentId,
    /// Its new priority.
    pub priority: PriorityName,
    /// The new priority's window, from now; the earlier deadline holds.
    pub window: Timespan,
    /// What happens at its end.
    pub on_expiry: OnExpiry,
    /// The clocks at the escalation.
    pub escalated: Reading,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An incident was resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentResolved {
    /// Which incident.
    pub incident: IncidentId,
    /// How it was mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// The probes that opened it, passing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Sample>,
    /// Why it was resolved without its probes passing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<String>,
    /// What is owed now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<Obligation>,
}

/// A window expired whose priority does not roll back by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowExpired {
    /// Whose.
    pub incident: IncidentId,
}

/// The time that passed in the open windows, so that a reboot does not lose it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The clocks.
    pub reading: Reading,
    /// Milliseconds since opening, by incident.
    pub elapsed_ms: BTreeMap<IncidentId, u64>,
    /// How far the wall clock and the boot-time clock disagree since the last reading, in milliseconds, where it is
    /// more than a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergence_ms: Option<i64>,
}

/// Something owed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obligation {
    /// Unique within the release.
    pub id: ObligationId,
    /// What is owed.
    pub title: String,
    /// Who owes it.
    pub role: RoleName,
    /// Until when.
    pub due: DateTime<Utc>,
    /// The document that answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Who may not settle it: whom it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_by: Option<PersonName>,
}

/// Something owed was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObligationSettled {
    /// Which.
    pub obligation: ObligationId,
    /// How it was done.
    pub how: String,
    /// The document that answers it, as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Digest>,
}

/// The release is complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// The check that said so.
    pub check: RecordId,
}

/// A remark of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// The remark.
    pub text: String,
}
