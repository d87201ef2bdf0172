//! What records say of a rollback, from its claim to its end, and of its drills.

use serde::{Deserialize, Serialize};

use super::Obligation;
use crate::domain::clock::Reading;
use crate::domain::ids::{Digest, IncidentId, RoleName, StageName, StepId};
use crate::domain::probe::judge::Sample;
use crate::domain::probe::sampling::Failure;
use crate::domain::record::digest_of;
use crate::domain::release::{Rollback, Step};

/// The rollback as it was when an incident opened: an edit during the incident changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PinnedPlan {
    /// The plan, its target probe and the checks after it.
    pub rollback: Rollback,
    /// Where it goes.
    pub previous: String,
    /// The digest of both.
    pub digest: Digest,
}

/// Why a rollback runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "because")]
pub enum Cause {
    /// A window expired unresolved.
    Expired {
        /// Whose.
        incident: IncidentId,
    },
    /// A person with authority said so.
    Person {
        /// As which role.
        role: RoleName,
        /// Why.
        reason: String,
    },
    /// The attempt before did not succeed.
    Retry,
    /// The rollback goes on with its next stage.
    NextStage,
}

/// The right to run an attempt was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollbackClaimed {
    /// The number of the attempt, from 1: with the record's id it is the fence.
    pub attempt: u32,
    /// Why.
    pub cause: Cause,
    /// Which stage the attempt takes back.
    pub stage: StageName,
    /// The stages that the rollback takes back from now on, in this order; without it the whole release, in one run of
    /// the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<Vec<StageName>>,
    /// The incidents that it absorbs.
    pub absorbs: Vec<IncidentId>,
    /// What runs.
    pub plan: PinnedPlan,
    /// How late the claim is after its deadline, in milliseconds, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_ms: Option<u64>,
    /// The clocks at the claim, where a window expired; none in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Reading>,
    /// The process that claimed it in order to run it: the attempt begins with the claim, and one durable write less
    /// lies between the deadline and the command. None where it is left to another process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
}

/// A process took up an attempt that another one had claimed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptStarted {
    /// Which attempt.
    pub attempt: u32,
    /// Which stage it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageName>,
    /// Its process id.
    pub pid: u32,
}

/// A process group that a command runs in, recognisable after its parent died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessGroup {
    /// The leader's process id, which is the group's id.
    pub pid: u32,
    /// When the leader started, as the system counts it, so that a reused id is not mistaken for it. Empty where the
    /// system does not say.
    pub started: String,
}

/// A step of the plan began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepStarted {
    /// Which attempt.
    pub attempt: u32,
    /// Which stage it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageName>,
    /// Which step.
    pub step: StepId,
    /// The group that it runs in.
    pub group: ProcessGroup,
    /// The file that it runs, where it is not what was signed for the deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<String>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "how")]
pub enum StepOutcome {
    /// With this exit code.
    Exited {
        /// 0 is success.
        code: i32,
    },
    /// By a signal that was not ours.
    Signalled {
        /// Its number.
        signal: i32,
    },
    /// It was ended at its timeout.
    TimedOut,
    /// It could not be started.
    NotStarted {
        /// Why.
        why: String,
    },
}

impl StepOutcome {
    /// Whether it is exit code 0.
    pub fn is_success(&self) -> bool {
        *self == Self::Exited { code: 0 }
    }
}

/// A step of the plan ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepEnded {
    /// Which attempt.
    pub attempt: u32,
    /// Which stage it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageName>,
    /// Which step.
    pub step: StepId,
    /// The file of its output, relative to the ledger.
    pub output: String,
    /// How.
    #[serde(flatten)]
    pub end: CommandEnd,
}

/// How a command ended, and what it wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEnd {
    /// What became of it.
    pub outcome: StepOutcome,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// How many bytes it wrote, kept or not.
    pub output_bytes: u64,
    /// The digest of the bytes that were kept, secrets masked.
    pub output_digest: Digest,
    /// The last lines of its output as text, at most 2 KiB.
    pub tail: String,
}

impl CommandEnd {
    /// It was not started, and why.
    pub fn not_started(why: impl Into<String>) -> Self {
        let why = why.into();
        Self {
            outcome: StepOutcome::NotStarted { why: why.clone() },
            took_ms: 0,
            output_bytes: 0,
            output_digest: Digest::of(b""),
            tail: why,
        }
    }

    /// Whether it ended with exit code 0.
    pub fn is_success(&self) -> bool {
        self.outcome.is_success()
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "how")]
pub enum AttemptOutcome {
    /// Every step succeeded.
    Completed,
    /// A step did not.
    Failed {
        /// Which.
        step: StepId,
    },
    /// Its process died without a result.
    Lost,
    /// The checks after it did not pass.
    NotVerified {
        /// The probes that do not pass.
        failures: Vec<Failure>,
    },
    /// A person stopped the rollback.
    Stopped,
}

/// An attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptEnded {
    /// Which attempt.
    pub attempt: u32,
    /// Which stage it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageName>,
    /// How.
    pub outcome: AttemptOutcome,
}

/// The checks after the rollback of one stage passed, and others are still to be taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRolledBack {
    /// Which stage.
    pub stage: StageName,
    /// Which attempt did it.
    pub attempt: u32,
    /// The probes, passing.
    pub evidence: Vec<Sample>,
}

/// The checks after the rollback passed, in every stage that it takes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolledBack {
    /// Which attempt did it, of the last stage.
    pub attempt: u32,
    /// The stages that were taken back; empty where the release went back as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageName>,
    /// The stages that still run the release, because it was not to be taken back there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub still_running: Vec<StageName>,
    /// The probes, passing.
    pub evidence: Vec<Sample>,
    /// What is owed now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<Obligation>,
}

/// A person ended a rollback that does harm: no attempt follows by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollbackStopped {
    /// By which role's authority.
    pub role: RoleName,
    /// Why.
    pub reason: String,
    /// What is owed now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<Obligation>,
}

/// The attempts are used up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollbackStuck {
    /// Which stage; without it the whole rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageName>,
    /// How many attempts there were.
    pub attempts: u32,
    /// Why the last one did not do.
    pub reason: String,
    /// What is owed now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<Obligation>,
}

/// The plan was tried on a staging system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drilled {
    /// The digest of the steps that were tried.
    pub steps: Digest,
    /// How each step ended, up to the first that did not succeed.
    pub ended: Vec<StepEnded>,
    /// The probes that were asked afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Sample>,
    /// Whether every step succeeded and every probe passed.
    pub passed: bool,
    /// How long all of it took, in milliseconds.
    pub took_ms: u64,
}

impl PinnedPlan {
    /// Pins `rollback` to `previous`.
    pub fn new(rollback: Rollback, previous: String) -> Self {
        let digest = digest_of(&(&rollback, &previous));
        Self {
            rollback,
            previous,
            digest,
        }
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        self.rollback.plan.as_deref().unwrap_or_default()
    }

    /// How often it is tried.
    pub fn attempts(&self) -> u32 {
        self.rollback.attempts.unwrap_or(3).max(1)
    }
}
