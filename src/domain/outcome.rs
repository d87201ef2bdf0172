//! The results of commands, as they are shown: everything that any output format says is here.

mod evidence;
mod log;
mod manual;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::event::WindowView;
use super::gate::Phase;
use super::history::{Anomaly, Doubt, Unread};
use super::ids::{
    GateId, IncidentId, ObligationId, ProbeId, RecordId, ReleaseName, RoleName, StageName, StepId,
    TagName,
};
use super::probe::judge::{Sample, Verdict};
use super::probe::measure::Measure;
use super::probe::sampling::Failure;
use super::readiness::{Change, Readiness, Reasoning, Requirement, Status};
use super::record::body::{AttemptOutcome, Cause, StepEnded, StepOutcome};
pub use evidence::{Exported, Imported, Integrity, IntegrityFinding, PinnedFile, PolicyPin};
pub use log::{Log, LogEntry};
pub use manual::Manual;

/// Go or no-go.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Which release.
    pub release: ReleaseName,
    /// The gate that was asked about, where it was one.
    pub gate: Option<GateId>,
    /// The phase that was asked about, where it was one.
    pub phase: Option<Phase>,
    /// The answer.
    pub readiness: Readiness,
    /// When the evidence was asked for, where some was: once for the whole answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<DateTime<Utc>>,
    /// The record of the answer.
    pub record: RecordId,
    /// Records of kinds that this program does not know: shown, and not acted on.
    pub unknown_records: usize,
}

/// The whole reasoning behind one requirement.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Which release.
    pub release: ReleaseName,
    /// The requirement, as it stands.
    pub requirement: Requirement,
    /// Where its rule is written: file, line and column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
    /// Why it stands so.
    #[serde(flatten)]
    pub reasoning: Reasoning,
}

/// Files that were written.
#[derive(Clone, Debug, Serialize)]
pub struct Scaffold {
    /// Relative to the repository's root.
    pub written: Vec<String>,
    /// The next commands to type.
    pub next: Vec<String>,
}

/// Sign-offs and rejections that were recorded.
#[derive(Clone, Debug, Serialize)]
pub struct Signed {
    /// Which release.
    pub release: ReleaseName,
    /// In order.
    pub signatures: Vec<SignedGate>,
    /// What comes next in the hand-off.
    pub next: Vec<String>,
}

/// Waivers that were recorded.
#[derive(Clone, Debug, Serialize)]
pub struct Waived {
    /// Which release.
    pub release: ReleaseName,
    /// The requirements, with their waivers.
    pub requirements: Vec<Requirement>,
    /// The next commands to type.
    pub next: Vec<String>,
}

/// A gate that was signed or rejected.
#[derive(Clone, Debug, Serialize)]
pub struct SignedGate {
    /// Which gate.
    pub gate: GateId,
    /// As which role.
    pub role: RoleName,
    /// By whom.
    pub by: String,
    /// False for a rejection.
    pub approved: bool,
    /// How many items were answered.
    pub items: usize,
    /// The items that were not asked for, each with its waiver.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<String>,
    /// The record.
    pub record: RecordId,
}

/// A single thing that was recorded.
#[derive(Clone, Debug, Serialize)]
pub struct Done {
    /// Which release.
    pub release: ReleaseName,
    /// What was done, for people.
    pub what: String,
    /// The record.
    pub record: RecordId,
    /// The requirements that a waiver stood in for, where it took a go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Requirement>,
    /// The next commands to type.
    pub next: Vec<String>,
}

/// What verification came to.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// Which release.
    pub release: ReleaseName,
    /// Which stage.
    pub stage: StageName,
    /// What it came to.
    pub conclusion: Conclusion,
    /// The complete passes over the deployment checklist.
    pub checklist_passes: u32,
    /// How many there must be.
    pub checklist_passes_needed: u32,
    /// The items of the deployment checklist that do not hold.
    pub checklist_failures: Vec<Failure>,
    /// Who stays to fix an incomplete deployment.
    pub owner: Vec<String>,
    /// The last sample of every probe of the plan.
    pub samples: Vec<Sample>,
    /// The probes that count as failed.
    pub failures: Vec<Failure>,
    /// The probes that were left out on purpose; without a required one it is never verified.
    pub skipped: Vec<ProbeId>,
    /// The probes that fail as an incident says that stands in nobody's way.
    pub accepted: Vec<Failure>,
    /// The incidents that stand in nobody's way.
    pub tolerated: Vec<ToleratedView>,
    /// Who may make the next pass over the deployment checklist, and from when on, where one is awaited.
    pub waiting: Option<Waiting>,
    /// What is open now.
    pub windows: Vec<WindowView>,
    /// The next commands to type.
    pub next: Vec<String>,
}

/// What verification came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conclusion {
    /// The release is verified.
    Verified,
    /// The deployment is not what the notes say; no window was opened.
    DeploymentIncomplete,
    /// Another pass over the deployment checklist is needed.
    AwaitingPass,
    /// Verification failed, and incidents are open.
    Failed,
    /// It could not be decided.
    Inconclusive,
    /// It failed, and the release was rolled back.
    RolledBack,
    /// It failed, and so did the rollback.
    Stuck,
}

impl Conclusion {
    /// The words that are shown.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::DeploymentIncomplete => "deployment-incomplete",
            Self::AwaitingPass => "awaiting another pass",
            Self::Failed => "verification failed",
            Self::Inconclusive => "inconclusive",
            Self::RolledBack => "rolled back",
            Self::Stuck => "stuck",
        }
    }
}

/// What a watch or a rollback came to.
#[derive(Clone, Debug, Serialize)]
pub struct Watched {
    /// Which release.
    pub release: ReleaseName,
    /// How it ended.
    pub end: WatchEnd,
    /// What is open now.
    pub windows: Vec<WindowView>,
    /// What could not be read or understood: an incident may be open that is not shown.
    pub unread: Vec<Unread>,
    /// The rollback, where there is one.
    pub rollback: Option<RollbackView>,
    /// What is to be done now, for people.
    pub say: String,
    /// The next commands to type.
    pub next: Vec<String>,
}

/// How a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WatchEnd {
    /// There was nothing to watch.
    Quiet,
    /// Every incident is resolved.
    Resolved,
    /// Another release took the place of this one.
    Replaced,
    /// Windows are left that wait for a person.
    WaitsForPerson,
    /// It was asked to stop; the windows stay armed.
    Detached,
    /// A rollback ran and was verified.
    RolledBack,
    /// A rollback was needed and did not succeed.
    Stuck,
    /// It was asked to stop while part of the ledger could not be read.
    Unread,
}

/// How one release stands.
#[derive(Clone, Debug, Serialize)]
pub struct ReleaseStatus {
    /// Which release.
    pub release: ReleaseName,
    /// One word: preparing, ready, deploying, deployed, verified, incident, rolling-back, rolled-back,
    /// partly-rolled-back, stuck, deployment-failed, replaced, closed, abandoned; unread where part of the ledger could not be read
    /// and nothing more urgent is known.
    pub standing: String,
    /// What it brings, in one line.
    pub summary: Option<String>,
    /// When its deployment begins.
    pub deploy_at: Option<DateTime<Utc>>,
    /// What is wrong with its files; what they would say is then left out, and what is recorded stays.
    pub wrong_files: Option<String>,
    /// What was edited since the go of its deployment, and is not used for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edited: Vec<Change>,
    /// What is acted on with reserve until a person has looked at it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
    /// Its gates.
    pub gates: Vec<GateStatus>,
    /// Its stages.
    pub stages: Vec<StageStatus>,
    /// The open incidents.
    pub windows: Vec<WindowView>,
    /// What could not be read or understood: an incident may be open that is not shown.
    pub unread: Vec<Unread>,
    /// The incidents that stand in nobody's way.
    pub tolerated: Vec<ToleratedView>,
    /// Whether somebody alive watches; a watcher that was stopped does not count.
    pub watched: bool,
    /// Whether something would happen by itself, and no living process is there for it.
    pub unwatched: bool,
    /// The rollback, where there is one.
    pub rollback: Option<RollbackView>,
    /// What is owed.
    pub obligations: Vec<ObligationView>,
    /// What is wrong with the records.
    pub anomalies: Vec<Anomaly>,
    /// The records that do not count as their writers'.
    pub set_aside: Vec<SetAsideView>,
    /// The next commands to type.
    pub next: Vec<String>,
}

/// An incident that stands in nobody's way: open without a countdown, or kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToleratedView {
    /// Which.
    pub incident: IncidentId,
    /// Which stage.
    pub stage: StageName,
    /// What is wrong.
    pub title: String,
    /// Why it stands in nobody's way.
    pub why: String,
}

/// What the next pass over a deployment checklist waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The earliest time of the pass, where one must pass first.
    pub from: Option<DateTime<Utc>>,
    /// Who may not make it.
    pub not_by: Vec<String>,
}

/// A record that does not count, as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetAsideView {
    /// Which record.
    pub record: RecordId,
    /// Its file, relative to the ledger.
    pub file: String,
    /// What it says, by whom, and why it does not count.
    pub what: String,
    /// Whether it counted in its time, so that it is no forgery.
    pub lapsed: bool,
}

/// How a gate stands.
#[derive(Clone, Debug, Serialize)]
pub struct GateStatus {
    /// Which gate.
    pub gate: GateId,
    /// What it decides.
    pub title: String,
    /// When it is due.
    pub phase: Phase,
    /// The worst standing of its approvals.
    pub status: Status,
    /// Why.
    pub why: String,
}

/// How a stage stands.
#[derive(Clone, Debug, Serialize)]
pub struct StageStatus {
    /// Which stage.
    pub stage: StageName,
    /// When its deployment began.
    pub started: Option<DateTime<Utc>>,
    /// When it was done.
    pub done: Option<DateTime<Utc>>,
    /// The complete passes over the deployment checklist.
    pub checklist_passes: u32,
    /// What its last verification came to.
    pub verification: Option<Verdict>,
}

/// A rollback, as shown.
#[derive(Clone, Debug, Serialize)]
pub struct RollbackView {
    /// Why it runs.
    pub cause: Cause,
    /// Where it goes.
    pub previous: String,
    /// running, rolled-back, partly-rolled-back or stuck.
    pub standing: String,
    /// Every stage that it takes back, in order.
    pub stages: Vec<StageRollbackView>,
    /// The stages that run the release and that it does not take back.
    pub still_running: Vec<StageName>,
    /// Its attempts.
    pub attempts: Vec<AttemptView>,
}

/// The rollback of one stage, as shown.
#[derive(Clone, Debug, Serialize)]
pub struct StageRollbackView {
    /// Which stage.
    pub stage: StageName,
    /// waiting, running, rolled-back, stuck or stopped.
    pub standing: String,
    /// Why it needs a person, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// An attempt, as shown.
#[derive(Clone, Debug, Serialize)]
pub struct AttemptView {
    /// Its number.
    pub attempt: u32,
    /// Which stage it takes back.
    pub stage: StageName,
    /// When it was claimed.
    pub claimed_at: DateTime<Utc>,
    /// How it ended.
    pub outcome: Option<AttemptOutcome>,
    /// Its steps.
    pub steps: Vec<StepView>,
}

/// A step, as shown.
#[derive(Clone, Debug, Serialize)]
pub struct StepView {
    /// Which step.
    pub step: StepId,
    /// How it ended; none while it runs.
    pub outcome: Option<StepOutcome>,
    /// How long it took, in milliseconds.
    pub took_ms: Option<u64>,
    /// The last lines of its output.
    pub tail: String,
    /// The file of its output, relative to the ledger.
    pub output: Option<String>,
}

impl StepView {
    /// A step that ended.
    pub fn of(ended: &StepEnded) -> Self {
        Self {
            step: ended.step.clone(),
            outcome: Some(ended.end.outcome.clone()),
            took_ms: Some(ended.end.took_ms),
            tail: ended.end.tail.clone(),
            output: Some(ended.output.clone()),
        }
    }

    /// A step that runs.
    pub fn running(step: &StepId) -> Self {
        Self {
            step: step.clone(),
            outcome: None,
            took_ms: None,
            tail: String::new(),
            output: None,
        }
    }
}

/// What a drill of the rollback plan came to.
#[derive(Clone, Debug, Serialize)]
pub struct Drill {
    /// Which release.
    pub release: ReleaseName,
    /// Whether every step succeeded and every probe passed.
    pub passed: bool,
    /// How long all of it took, in milliseconds.
    pub took_ms: u64,
    /// The steps, up to the first that did not succeed.
    pub steps: Vec<StepView>,
    /// The probes that were asked afterwards.
    pub samples: Vec<Sample>,
    /// The record.
    pub record: RecordId,
    /// The next commands to type.
    pub next: Vec<String>,
}

/// The baselines of a release's metrics.
#[derive(Clone, Debug, Serialize)]
pub struct BaselineReport {
    /// Which release.
    pub release: ReleaseName,
    /// One for each metric, and for each stage where that makes a difference.
    pub metrics: Vec<BaselineView>,
    /// The record, where something was captured now.
    pub record: Option<RecordId>,
    /// The next commands to type.
    pub next: Vec<String>,
}

/// The baseline of a metric, or why it has none.
#[derive(Clone, Debug, Serialize)]
pub struct BaselineView {
    /// Which probe.
    pub probe: ProbeId,
    /// Which stage, where it is another number in each.
    pub stage: Option<StageName>,
    /// Whether the probe is compared with it.
    pub compared: bool,
    /// The number, where there is one.
    pub value: Option<Measure>,
    /// What it is the median of.
    pub samples: Vec<Measure>,
    /// When it was captured.
    pub at: Option<DateTime<Utc>>,
    /// By whom.
    pub by: Option<String>,
    /// Why there is none.
    pub missing: Option<String>,
}

/// Probes, as they are written.
#[derive(Clone, Debug, Serialize)]
pub struct ProbeList {
    /// Whose they are: a release's, or a file's.
    pub of: String,
    /// In the order in which they are asked first.
    pub probes: Vec<ProbeEntry>,
    /// The commands that come next, where there are none.
    pub next: Vec<String>,
}

/// A probe, as it is written.
#[derive(Clone, Debug, Serialize)]
pub struct ProbeEntry {
    /// Which.
    pub probe: ProbeId,
    /// What a user of the system would call it.
    pub title: Option<String>,
    /// What asks it: a gate's item, the verification, …
    pub place: String,
    /// Its kind.
    pub kind: String,
    /// What it asks.
    pub asks: String,
    /// The probes that it needs.
    pub needs: Vec<ProbeId>,
    /// Its tags.
    pub tags: Vec<TagName>,
    /// Whether it decides nothing.
    pub advisory: bool,
}

/// What a run over the probes of a file came to.
#[derive(Clone, Debug, Serialize)]
pub struct ProbeRun {
    /// The file.
    pub file: String,
    /// What it came to.
    pub verdict: Verdict,
    /// The last sample of every probe.
    pub samples: Vec<Sample>,
    /// The probes that count as failed.
    pub failures: Vec<Failure>,
    /// How many samples were taken of every probe.
    pub taken: u32,
}

/// Something owed, as shown.
#[derive(Clone, Debug, Serialize)]
pub struct ObligationView {
    /// Of which release.
    pub release: ReleaseName,
    /// Which.
    pub id: ObligationId,
    /// What.
    pub title: String,
    /// Who owes it.
    pub role: RoleName,
    /// The people who hold the role.
    pub who: Vec<String>,
    /// Until when.
    pub due: DateTime<Utc>,
    /// Whether that is past.
    pub overdue: bool,
    /// How it was settled.
    pub settled: Option<String>,
    /// The document that answers it, relative to the repository's root.
    pub document: Option<String>,
}

/// How releases stand.
#[derive(Clone, Debug, Serialize)]
pub struct StatusReport {
    /// One for each release that was asked about.
    pub releases: Vec<ReleaseStatus>,
    /// Those of them with an armed window, or a rollback, that no living process keeps.
    pub unwatched: Vec<ReleaseName>,
}

/// What is owed over all releases.
#[derive(Clone, Debug, Serialize)]
pub struct DueReport {
    /// The earliest first.
    pub obligations: Vec<ObligationView>,
}

/// The incidents of a release.
#[derive(Clone, Debug, Serialize)]
pub struct IncidentReport {
    /// Which release.
    pub release: ReleaseName,
    /// In order of opening.
    pub incidents: Vec<IncidentView>,
    /// What could not be read or understood: an incident may be open that is not shown.
    pub unread: Vec<Unread>,
}

/// An incident, as shown.
#[derive(Clone, Debug, Serialize)]
pub struct IncidentView {
    /// Its window and what is wrong.
    pub window: WindowView,
    /// open, expired, kept, resolved, absorbed or retired.
    pub standing: String,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// By whom.
    pub opened_by: String,
    /// How it ended, for people.
    pub ending: Option<String>,
}
