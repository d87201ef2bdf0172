//! Go or no-go: every requirement of a release held against what is recorded, with why, whose it is and the command
//! that meets it.

mod approvals;
mod artifacts;
mod changes;
mod course;
mod deployed;
mod edited;
mod explain;
mod keys;
mod prepared;
mod repository;
mod requirement;
#[cfg(test)]
mod tests;
mod waivers;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

pub(super) use approvals::other_side;
pub(super) use artifacts::gone as artifacts_gone;
pub(super) use changes::seen;
use course::{closing, evidence, incidents, ledger};
pub use deployed::as_signed;
pub use edited::{edited, edited_file, edited_plans, sentence};
pub use explain::{Considered, Moment, Reasoning, reasoning, stands};
pub(super) use repository::repository;
pub use requirement::{
    Change, Decision, HandOff, Readiness, Requirement, ReviewView, Status, Subject, Terms, Turn,
    WaiverView,
};
pub(super) use waivers::{action as waiving, longest as longest_waiver, needed_at, objection};

use super::gate::{Gate, Item, Phase};
use super::history::History;
use super::ids::{
    ArtifactName, Digest, GateId, ItemId, PersonName, ReleaseName, RoleName, StageName, StepId,
};
use super::nearest::suggestion;
use super::policy::Policy;
use super::probe::judge::{Sample, Verdict};
use super::record::body::Binding;
use super::record::body::anchor::field_digests;
use super::record::digest_of;
use super::refusal::Refusal;
use super::release::ReleaseNotes;
use super::signature::artifact::{Fault, SignedBy};
use super::state::rollback::Rollback;

/// What the requirements are called that are named after nothing in the files.
pub const OWN_NAMES: [&str; 6] = [
    "ledger",
    "release-notes",
    "rollback.drill",
    "calendar",
    "notice",
    "rollback",
];

/// What is dated further ahead than clocks of different machines disagree is not counted.
const SKEW: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// All that go or no-go is decided from.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    /// The team's rules.
    pub policy: &'a Policy,
    /// The release notes.
    pub notes: &'a ReleaseNotes,
    /// Every gate of the release, its base's first.
    pub gates: &'a [Gate],
    /// What is recorded.
    pub history: &'a History,
    /// What was found on this machine.
    pub facts: &'a Facts,
    /// What the check is about.
    pub scope: &'a Scope,
    /// When it is asked.
    pub now: DateTime<Utc>,
}

impl Inquiry<'_> {
    /// Whether the last verification of `stage` passed.
    fn is_verified(&self, stage: &StageName) -> bool {
        let deployments = &self.history.state().deployments;
        deployments
            .get(stage)
            .and_then(|deployment| deployment.verification.as_ref())
            .is_some_and(|run| run.fact.verdict == Verdict::Pass)
    }

    /// Whether it went out and runs nowhere any more: rolled back, or replaced by another release.
    fn is_gone(&self) -> bool {
        let state = self.history.state();
        let rolled_back = state
            .rollback
            .as_ref()
            .is_some_and(Rollback::is_rolled_back);
        rolled_back || state.replaced_everywhere().is_some()
    }

    /// When the deployment begins, as far as is known, and whether that is planned: now where it begins, or is late.
    fn deployment(&self) -> (DateTime<Utc>, bool) {
        let planned = self.notes.deploy_at.map(|at| at.to_utc());
        match planned.filter(|at| *at > self.now && !self.scope.is_now()) {
            Some(at) => (at, true),
            None => (self.now, false),
        }
    }
}

/// What was found on this machine for a check.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The artifacts' digest together, where they were looked at; one that is gone has none in it.
    pub artifacts: Option<Digest>,
    /// The artifacts that lie on disk and are missing, or cannot be read.
    pub artifacts_gone: BTreeSet<ArtifactName>,
    /// The digest of each artifact that lies on disk.
    pub artifact_digests: BTreeMap<ArtifactName, Digest>,
    /// What is wrong with an artifact, by name.
    pub artifact_problems: BTreeMap<ArtifactName, String>,
    /// Who signed an artifact that names a signature and lies on disk, or why that does not count.
    pub artifact_signers: BTreeMap<ArtifactName, Result<SignedBy, Fault>>,
    /// Why a step of the rollback plan could not be run here, by step.
    pub step_problems: BTreeMap<StepId, String>,
    /// What is wrong with a document that the release notes name, by name.
    pub document_problems: BTreeMap<String, String>,
    /// What is wrong with the file of an item.
    pub file_problems: BTreeMap<(GateId, ItemId), String>,
    /// When evidence was asked for.
    pub asked_at: Option<DateTime<Utc>>,
    /// The answers of the probes of evidence items.
    pub evidence: BTreeMap<(GateId, ItemId), Sample>,
}

/// What a check is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything that is needed before the deployment.
    Deployment,
    /// The same for a deployment that begins now.
    Start,
    /// The same for a deployment that has begun, whose plans are to be replaced by those of the files. Open incidents do
    /// not count: they keep the plan that they were opened with.
    Repin,
    /// The gates of one phase.
    Phase(Phase),
    /// One gate.
    Gate(GateId),
    /// Everything that is needed before the release counts as done.
    Closing,
}

impl Scope {
    /// Whether it is about the present, and not about when the deployment is planned.
    const fn is_now(&self) -> bool {
        matches!(self, Self::Start | Self::Repin)
    }

    /// Whether it is about everything that is needed before the deployment.
    pub const fn is_before_deployment(&self) -> bool {
        matches!(self, Self::Deployment | Self::Start | Self::Repin)
    }
}

/// What a sign-off of `gate` is bound to now.
pub fn binding(inquiry: &Inquiry<'_>, gate: &Gate, artifacts: Digest) -> Binding {
    let notes = inquiry.notes;
    Binding {
        notes: digest_of(notes),
        fields: field_digests(notes),
        gate: digest_of(gate),
        artifacts,
        repository: repository(inquiry.policy),
    }
}

/// Holds every requirement of the scope against what is recorded, waivers included.
pub fn readiness(inquiry: &Inquiry<'_>) -> Readiness {
    let all = requirements(inquiry).into_iter();
    Readiness::of(all.map(|it| waivers::apply(inquiry, it)).collect())
}

/// The approvals that were not there when a check said go: what of its answer the records alone can repeat. `inquiry` is
/// the history as the check saw it, at its time. What has become stale since says nothing of then.
pub fn unsupported(inquiry: &Inquiry<'_>) -> Vec<Requirement> {
    let all = readiness(inquiry).requirements.into_iter();
    all.filter(|it| it.subject == Subject::Approval)
        .filter(|it| !it.status.is_enough() && it.status != Status::Stale)
        .collect()
}

/// Every requirement of the scope as it stands without a waiver of its own.
pub fn requirements(inquiry: &Inquiry<'_>) -> Vec<Requirement> {
    let mut all = Vec::new();
    ledger(inquiry, &mut all);
    let before = inquiry.scope.is_before_deployment();
    let is_closing = *inquiry.scope == Scope::Closing;
    let whole = before || is_closing;
    if before || *inquiry.scope == Scope::Phase(Phase::PreRelease) {
        prepared::prepared(inquiry, &mut all);
    }
    if before {
        prepared::baselines(inquiry, &mut all);
        prepared::notice(inquiry, &mut all);
        prepared::calendar(inquiry, &mut all);
    }
    let mut standing = approvals::Standing::new(inquiry);
    for gate in gates_in(inquiry.gates, inquiry.scope) {
        if is_closing && inquiry.is_gone() && gate.phase != Phase::Closure {
            continue;
        }
        // What the go that the deployment names was given on is neither run nor asked for again.
        if is_closing && gate.phase.precedes_deployment() {
            all.extend(standing.after_deployment(gate));
            continue;
        }
        evidence(inquiry, gate, &mut all);
        course::items(inquiry, gate, &mut all);
        all.extend(standing.requirements(gate));
    }
    if whole {
        incidents(inquiry, &mut all);
    }
    if *inquiry.scope == Scope::Closing {
        closing(inquiry, &mut all);
    }
    all
}

/// The requirement `id` as it stands without a waiver of its own: before the deployment, at its beginning, or at
/// closing, wherever it is not met first.
///
/// # Errors
/// Invalid, with the nearest requirement that there is; where several kinds of things are called so.
pub fn find(inquiry: &Inquiry<'_>, id: &str) -> Result<Requirement, Refusal> {
    let mut found: Vec<Requirement> = Vec::new();
    let mut known = Vec::new();
    for scope in [&Scope::Deployment, &Scope::Start, &Scope::Closing] {
        let inquiry = Inquiry { scope, ..*inquiry };
        for requirement in requirements(&inquiry) {
            match requirement.id == id {
                true => found.push(requirement),
                false => known.push(requirement.id),
            }
        }
    }
    for gate in inquiry.gates {
        for item in gate.confirmed_items() {
            let name = format!("{}/{}", gate.id, item.id);
            match name == id {
                true => found.push(course::item(inquiry, gate, item)),
                false => known.push(name),
            }
        }
    }
    alone(&found, id)?;
    let unmet = found.iter().position(|it| it.status != Status::Met);
    let one = unmet.or(found.len().checked_sub(1));
    one.map(|at| found.swap_remove(at)).ok_or_else(|| {
        let mut seen = BTreeSet::new();
        known.retain(|it| seen.insert(it.clone()));
        let words: Vec<&str> = known.iter().map(String::as_str).collect();
        let refusal = Refusal::invalid(format!(
            "the release {} has no requirement \"{id}\"",
            inquiry.notes.release
        ));
        match suggestion(id, words.iter().copied()) {
            Some(help) => refusal.help(help),
            None => refusal,
        }
    })
}

/// Nothing is said or waived of one thing where another may be meant.
///
/// # Errors
/// Invalid where `found`, which are all called `id`, are of several kinds.
fn alone(found: &[Requirement], id: &str) -> Result<(), Refusal> {
    let mut titles: BTreeMap<Subject, &str> = BTreeMap::new();
    for one in found {
        titles.insert(one.subject, &one.title);
    }
    if titles.len() < 2 {
        return Ok(());
    }
    let titles: Vec<&str> = titles.into_values().collect();
    let message = format!("\"{id}\" can mean: {}", titles.join("; or: "));
    Err(Refusal::invalid(message).help("give one of them another name in the files"))
}

/// The requirement as it stands with the waivers that there are.
pub fn with_waiver(inquiry: &Inquiry<'_>, requirement: Requirement) -> Requirement {
    waivers::apply(inquiry, requirement)
}

/// Whether a waiver that counts stands in for an item.
pub fn is_waived(inquiry: &Inquiry<'_>, gate: &Gate, item: &Item) -> bool {
    waivers::covers(inquiry, &course::failed(gate, item))
}

/// Why nobody is asked for an item: by whom it is waived, until when and for what reason; `None` where it is not.
pub fn waiver_of(inquiry: &Inquiry<'_>, gate: &Gate, item: &Item) -> Option<String> {
    let it = waivers::apply(inquiry, course::failed(gate, item));
    (it.status == Status::Waived).then_some(it.why)
}

/// Why `gate` cannot be signed yet, whatever was signed or rejected: its hand-off order, its phase.
pub fn waits(inquiry: &Inquiry<'_>, gate: &Gate) -> Option<String> {
    let waiting = approvals::Standing::new(inquiry).waits_for(gate);
    (!waiting.is_empty()).then(|| format!("waits for {}", waiting.join(", ")))
}

/// Why it is too early to sign `gate`.
pub fn too_early(inquiry: &Inquiry<'_>, gate: &Gate) -> Option<String> {
    approvals::Standing::new(inquiry).not_yet(gate)
}

/// Whether `gate` is met by what is recorded, evidence apart: what the next one in the hand-off waits for.
pub fn is_signed(inquiry: &Inquiry<'_>, gate: &Gate) -> bool {
    approvals::Standing::new(inquiry).is_signed(gate)
}

/// Whether `person` has signed `gate` as `role`, and it counts.
pub fn has_signed(
    inquiry: &Inquiry<'_>,
    gate: &Gate,
    role: &RoleName,
    person: &PersonName,
) -> bool {
    approvals::Standing::new(inquiry).has_signed(gate, role, person)
}

/// The requirements of `gate` that people meet, with how they stand without a waiver of their own.
pub fn unwaived_approvals_of(inquiry: &Inquiry<'_>, gate: &Gate) -> Vec<Requirement> {
    approvals::Standing::new(inquiry).requirements(gate)
}

/// The requirements of `gate` that people meet, with how they stand.
pub fn approvals_of(inquiry: &Inquiry<'_>, gate: &Gate) -> Vec<Requirement> {
    let all = unwaived_approvals_of(inquiry, gate).into_iter();
    all.map(|it| waivers::apply(inquiry, it)).collect()
}

/// The gates that a check of `scope` is about.
pub fn gates_in<'a>(gates: &'a [Gate], scope: &'a Scope) -> impl Iterator<Item = &'a Gate> {
    gates.iter().filter(move |gate| match scope {
        Scope::Deployment | Scope::Start | Scope::Repin => gate.phase.precedes_deployment(),
        Scope::Phase(phase) => gate.phase == *phase,
        Scope::Gate(id) => gate.id == *id,
        Scope::Closing => true,
    })
}

/// Who holds any of these roles, as shown.
pub(super) fn holders<'a>(
    policy: &Policy,
    roles: impl IntoIterator<Item = &'a super::ids::RoleName>,
) -> Vec<String> {
    let mut who: Vec<String> = roles
        .into_iter()
        .flat_map(|role| policy.holders(role))
        .map(|person| policy.reach(person))
        .collect();
    who.dedup();
    who
}

/// A relgate command about `release`, ready to be typed.
pub fn command(release: &ReleaseName, rest: &str) -> String {
    format!("relgate {rest} --release {release}")
}
