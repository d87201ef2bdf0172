//! What happens while a command runs, told as it happens. Displays depend on these alone and decide nothing.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::ids::{IncidentId, PriorityName, ReleaseName, StageName, StepId};
use super::policy::OnExpiry;
use super::probe::judge::{Sample, Verdict};
use super::record::body::{AttemptOutcome, Cause, StepOutcome};
use super::watch::Outcome;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A pass over the deployment checklist was made.
    ChecklistPass {
        /// Its number, from 1.
        pass: u32,
        /// How many there must be.
        of: u32,
        /// Whether everything was as the notes say.
        complete: bool,
    },
    /// A sample of every probe was taken.
    Sampled {
        /// Its number, from 1.
        sample: u32,
        /// One for each probe.
        samples: Vec<Sample>,
    },
    /// The verification plan was decided.
    Verified {
        /// What it came to.
        verdict: Verdict,
    },
    /// An incident was opened.
    IncidentOpened {
        /// Which.
        incident: IncidentId,
        /// What is wrong.
        title: String,
        /// How urgent.
        priority: PriorityName,
        /// The time to mend it, in milliseconds.
        window_ms: u64,
        /// What happens at its end.
        on_expiry: OnExpiry,
    },
    /// The windows, as they stand now.
    Countdown {
        /// Which release.
        release: ReleaseName,
        /// The open incidents, the most urgent first.
        windows: Vec<WindowView>,
    },
    /// An incident was resolved.
    IncidentResolved {
        /// Which.
        incident: IncidentId,
        /// By whom.
        by: String,
    },
    /// A window expired that does not roll back by itself.
    WindowExpired {
        /// Whose.
        incident: IncidentId,
        /// What the policy wants then.
        on_expiry: OnExpiry,
    },
    /// A rollback was claimed.
    RollbackClaimed {
        /// The attempt's number.
        attempt: u32,
        /// Why.
        cause: Cause,
        /// Where it goes.
        previous: String,
        /// The steps to come.
        steps: Vec<StepId>,
    },
    /// A step of the rollback began.
    StepStarted {
        /// Which attempt.
        attempt: u32,
        /// Which step.
        step: StepId,
        /// Its place in the plan, from 1.
        place: usize,
        /// How many steps there are.
        of: usize,
    },
    /// Output of the running step.
    Output {
        /// The lines that arrived.
        text: String,
    },
    /// A step of the rollback ended.
    StepEnded {
        /// Which attempt.
        attempt: u32,
        /// Which step.
        step: StepId,
        /// How.
        outcome: StepOutcome,
        /// How long it took, in milliseconds.
        took_ms: u64,
        /// The last lines of its output.
        tail: String,
        /// What comes next.
        next: Option<StepId>,
    },
    /// An attempt ended.
    AttemptEnded {
        /// Which.
        attempt: u32,
        /// How.
        outcome: AttemptOutcome,
    },
    /// The process of an attempt was found dead, and its work is taken over.
    Adopted {
        /// Which attempt.
        attempt: u32,
    },
    /// The watch ended.
    Ended {
        /// How.
        outcome: Outcome,
        /// What is to be done now, for people.
        say: String,
    },
    /// The watcher was asked to stop; the windows stay armed.
    Detached {
        /// What is open, and how to go on, for people.
        say: String,
    },
    /// Something to know that changes nothing.
    Warning {
        /// What.
        text: String,
    },
}

/// An open incident and its window, as shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowView {
    /// Which incident.
    pub incident: IncidentId,
    /// What is wrong.
    pub title: String,
    /// Which stage.
    pub stage: StageName,
    /// How urgent.
    pub priority: PriorityName,
    /// Milliseconds left; 0 when it has expired.
    pub left_ms: u64,
    /// The whole window, in milliseconds.
    pub window_ms: u64,
    /// What happens at its end.
    pub on_expiry: OnExpiry,
    /// Whether the release was past its point of no return when it opened.
    pub past_no_return: bool,
    /// The deployment of another release for whose end its rollback waits.
    pub waits_for: Option<WaitsFor>,
    /// The probes that opened it, as they last answered.
    pub probes: Vec<ProbeView>,
    /// Who can resolve it, and how they are reached.
    pub who: Vec<String>,
    /// What the release notes say is to be expected or known, so that it is told from a defect.
    pub known: Vec<String>,
}

/// The deployment of another release on the same target: a rollback waits for its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitsFor {
    /// Which release.
    pub successor: ReleaseName,
    /// Who began it.
    pub by: String,
    /// When.
    pub since: DateTime<Utc>,
    /// How many milliseconds the rollback waits at most.
    pub left_ms: u64,
}

/// A probe, as it last answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbeView {
    /// What it is called.
    pub name: String,
    /// What it last came to; none before it was asked again.
    pub verdict: Option<Verdict>,
    /// Why.
    pub reason: String,
}
