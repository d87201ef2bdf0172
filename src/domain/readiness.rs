//! Go or no-go: every requirement of a release held against what is recorded, with why, whose it is and the command
//! that meets it.

mod approvals;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub(super) use approvals::other_side;

use super::completeness;
use super::gate::{Gate, Phase};
use super::history::History;
use super::ids::{
    ArtifactName, Digest, GateId, ItemId, PersonName, ReleaseName, RoleName, StageName, StepId,
};
use super::policy::Policy;
use super::probe::judge::{Sample, Verdict};
use super::record::body::Binding;
use super::record::digest_of;
use super::release::ReleaseNotes;
use super::state::rollback::Standing;

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
}

/// What was found on this machine for a check.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The artifacts' digest together, where all of them could be read.
    pub artifacts: Option<Digest>,
    /// What is wrong with an artifact, by name.
    pub artifact_problems: BTreeMap<ArtifactName, String>,
    /// Why a step of the rollback plan could not be run here, by step.
    pub step_problems: BTreeMap<StepId, String>,
    /// What is wrong with the file of an item.
    pub file_problems: BTreeMap<(GateId, ItemId), String>,
    /// The answers of the probes of evidence items.
    pub evidence: BTreeMap<(GateId, ItemId), Sample>,
}

/// What a check is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything that is needed before the deployment.
    Deployment,
    /// The gates of one phase.
    Phase(Phase),
    /// One gate.
    Gate(GateId),
    /// Everything that is needed before the release counts as done.
    Closing,
}

/// How a requirement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is met.
    Met,
    /// It has not been done.
    Missing,
    /// It was met by something that has changed since.
    Stale,
    /// It was met too long ago, or too early.
    Expired,
    /// Somebody said no.
    Rejected,
    /// Somebody else comes first.
    Pending,
    /// It was asked, and does not hold.
    Failed,
    /// It could not be found out.
    Unknown,
}

impl Status {
    /// The word that is shown.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// What kind of thing is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The records themselves.
    Ledger,
    /// A field of the release notes.
    Notes,
    /// An artifact.
    Artifact,
    /// A step of the rollback plan that can be run.
    Plan,
    /// A role's approval of a gate.
    Approval,
    /// An item that a probe or a file answers.
    Evidence,
    /// An incident that is not open.
    Incident,
    /// A stage that is verified.
    Verification,
    /// Something owed that is settled.
    Obligation,
}

/// One requirement, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// What kind of thing.
    pub subject: Subject,
    /// Which one: a field, `gate/role`, `gate/item`.
    pub id: String,
    /// The gate that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateId>,
    /// What is required, for people.
    pub title: String,
    /// How it stands.
    pub status: Status,
    /// Why it stands so.
    pub why: String,
    /// Who can meet it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<String>,
    /// The command that meets it, or asks again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Go or no-go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// All that is required is met.
    Go,
    /// Something is not.
    NoGo,
    /// Nothing is known to be unmet, and something could not be found out.
    Inconclusive,
}

impl Decision {
    /// The words that are shown.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::NoGo => "no-go",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The answer to a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Go or no-go.
    pub decision: Decision,
    /// Every requirement, in the order in which they are met.
    pub requirements: Vec<Requirement>,
}

impl Readiness {
    /// The requirements that are not met.
    pub fn unmet(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements
            .iter()
            .filter(|requirement| requirement.status != Status::Met)
    }

    fn of(requirements: Vec<Requirement>) -> Self {
        let mut decision = Decision::Go;
        for requirement in &requirements {
            match requirement.status {
                Status::Met => {}
                Status::Unknown if decision == Decision::Go => decision = Decision::Inconclusive,
                Status::Unknown => {}
                _ => decision = Decision::NoGo,
            }
        }
        // Nothing to check is not something checked.
        if requirements.is_empty() {
            decision = Decision::NoGo;
        }
        Self {
            decision,
            requirements,
        }
    }
}

/// What a sign-off of `gate` is bound to now.
pub fn binding(notes: &ReleaseNotes, gate: &Gate, artifacts: Digest) -> Binding {
    let fields = match serde_json::to_value(notes) {
        Ok(serde_json::Value::Object(map)) => map
            .iter()
            .map(|(name, value)| (name.clone(), digest_of(value).short()))
            .collect(),
        _ => BTreeMap::new(),
    };
    Binding {
        notes: digest_of(notes),
        fields,
        gate: digest_of(gate),
        artifacts,
    }
}

/// Holds every requirement of the scope against what is recorded.
pub fn readiness(inquiry: &Inquiry<'_>) -> Readiness {
    let mut all = Vec::new();
    ledger(inquiry, &mut all);
    let whole = matches!(inquiry.scope, Scope::Deployment | Scope::Closing);
    if whole || *inquiry.scope == Scope::Phase(Phase::PreRelease) {
        notes(inquiry, &mut all);
        artifacts(inquiry, &mut all);
        plan(inquiry, &mut all);
        drill(inquiry, &mut all);
    }
    let mut standing = approvals::Standing::new(inquiry);
    for gate in gates_in(inquiry.gates, inquiry.scope) {
        evidence(inquiry, gate, &mut all);
        all.extend(standing.requirements(gate));
    }
    if whole {
        incidents(inquiry, &mut all);
    }
    if *inquiry.scope == Scope::Closing {
        closing(inquiry, &mut all);
    }
    Readiness::of(all)
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

/// The requirements of `gate` that people meet, with how they stand.
pub fn approvals_of(inquiry: &Inquiry<'_>, gate: &Gate) -> Vec<Requirement> {
    approvals::Standing::new(inquiry).requirements(gate)
}

/// The gates that a check of `scope` is about.
pub fn gates_in<'a>(gates: &'a [Gate], scope: &'a Scope) -> impl Iterator<Item = &'a Gate> {
    gates.iter().filter(move |gate| match scope {
        Scope::Deployment => gate.phase.precedes_deployment(),
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

fn requirement(subject: Subject, id: impl Into<String>, title: impl Into<String>) -> Requirement {
    Requirement {
        subject,
        id: id.into(),
        gate: None,
        title: title.into(),
        status: Status::Met,
        why: String::new(),
        who: Vec::new(),
        command: None,
    }
}

fn ledger(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    for anomaly in inquiry.history.anomalies() {
        all.push(Requirement {
            status: Status::Failed,
            why: anomaly.what,
            command: Some(command(inquiry.history.release(), "ledger verify")),
            ..requirement(Subject::Ledger, "ledger", "the records are whole")
        });
    }
}

fn notes(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    let gaps = completeness::gaps(inquiry.notes);
    if gaps.is_empty() {
        all.push(Requirement {
            why: format!("complete for a {} release", inquiry.notes.kind.word()),
            ..requirement(
                Subject::Notes,
                "release-notes",
                "the release notes are complete",
            )
        });
    }
    for gap in gaps {
        all.push(Requirement {
            status: Status::Missing,
            why: "not filled in".to_owned(),
            who: inquiry.notes.team.iter().cloned().collect(),
            command: Some(format!(
                "edit releases/{}/release-notes.md",
                inquiry.notes.release
            )),
            ..requirement(Subject::Notes, gap.field, gap.what)
        });
    }
}

fn artifacts(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    for artifact in inquiry.notes.artifacts() {
        let problem = inquiry.facts.artifact_problems.get(&artifact.name);
        all.push(Requirement {
            status: if problem.is_some() {
                Status::Failed
            } else {
                Status::Met
            },
            why: problem
                .cloned()
                .unwrap_or_else(|| "it is what the notes say".to_owned()),
            ..requirement(
                Subject::Artifact,
                artifact.name.as_str(),
                format!("the artifact {}", artifact.name),
            )
        });
    }
}

fn plan(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    for step in inquiry.notes.steps() {
        let problem = inquiry.facts.step_problems.get(&step.id);
        all.push(Requirement {
            status: if problem.is_some() {
                Status::Failed
            } else {
                Status::Met
            },
            why: problem
                .cloned()
                .unwrap_or_else(|| "its command can be started here".to_owned()),
            ..requirement(
                Subject::Plan,
                step.id.as_str(),
                format!("the rollback step {} can run", step.name()),
            )
        });
    }
}

/// The rollback was tried on staging before it is needed, with the steps as they are now (req: D9).
fn drill(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    let Some(valid_for) = inquiry.policy.drill_valid_for else {
        return;
    };
    let steps = digest_of(&inquiry.notes.steps());
    let (status, why) = match inquiry.history.state().drills.last() {
        None => (Status::Missing, "it was never tried".to_owned()),
        Some(last) if !last.fact.passed => (Status::Failed, "the last drill failed".to_owned()),
        Some(last) if last.fact.steps != steps => (
            Status::Stale,
            "the plan has changed since the last drill".to_owned(),
        ),
        Some(last) if inquiry.now > last.origin.at + valid_for.delta() => (
            Status::Expired,
            format!("the last drill was more than {valid_for} ago"),
        ),
        Some(last) => (
            Status::Met,
            format!("tried by {} in {} ms", last.origin.by, last.fact.took_ms),
        ),
    };
    all.push(Requirement {
        status,
        why,
        command: Some(command(inquiry.history.release(), "rollback --drill")),
        ..requirement(
            Subject::Plan,
            "rollback.drill",
            "the rollback plan was tried on staging",
        )
    });
}

fn evidence(inquiry: &Inquiry<'_>, gate: &Gate, all: &mut Vec<Requirement>) {
    for item in gate.items() {
        let key = (gate.id.clone(), item.id.clone());
        let base = || Requirement {
            gate: Some(gate.id.clone()),
            command: Some(command(
                &inquiry.notes.release,
                &format!("check {}", gate.id),
            )),
            ..requirement(
                Subject::Evidence,
                format!("{}/{}", gate.id, item.id),
                item.title.clone(),
            )
        };
        if item.probe.is_some() {
            let (status, why) = match inquiry.facts.evidence.get(&key) {
                None => (Status::Unknown, "its probe was not asked".to_owned()),
                Some(sample) => (
                    match sample.verdict {
                        Verdict::Pass => Status::Met,
                        Verdict::Fail => Status::Failed,
                        Verdict::Error | Verdict::Inconclusive => Status::Unknown,
                    },
                    sample.reason(),
                ),
            };
            all.push(Requirement {
                status,
                why,
                ..base()
            });
        }
        if let Some(path) = &item.file {
            let problem = inquiry.facts.file_problems.get(&key);
            all.push(Requirement {
                status: if problem.is_some() {
                    Status::Missing
                } else {
                    Status::Met
                },
                why: problem
                    .cloned()
                    .unwrap_or_else(|| format!("{path} is there")),
                ..base()
            });
        }
    }
}

fn incidents(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    let release = &inquiry.notes.release;
    if let Some(rollback) = &inquiry.history.state().rollback {
        let why = match &rollback.standing {
            Standing::Running => "its rollback runs",
            Standing::RolledBack(_) => "it was rolled back: make a new release",
            Standing::Stuck(_) => "its rollback is stuck",
        };
        all.push(Requirement {
            status: Status::Failed,
            why: why.to_owned(),
            command: Some(command(release, "status")),
            ..requirement(
                Subject::Incident,
                "rollback",
                "nothing takes the release back",
            )
        });
    }
    for incident in inquiry.history.state().open_incidents() {
        all.push(Requirement {
            status: Status::Failed,
            why: match &incident.disputed {
                Some(origin) => format!(
                    "{} is {}: its resolution by {} does not count",
                    incident.id(),
                    incident.word(),
                    origin.by
                ),
                None => format!("{} is {}", incident.id(), incident.word()),
            },
            command: Some(command(
                release,
                &format!("incident resolve {}", incident.id()),
            )),
            ..requirement(
                Subject::Incident,
                incident.id().as_str(),
                incident.facts.title.clone(),
            )
        });
    }
}

fn closing(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    let (state, release) = (inquiry.history.state(), &inquiry.notes.release);
    for stage in inquiry.notes.stages() {
        let verified = inquiry.is_verified(&stage);
        all.push(Requirement {
            status: if verified {
                Status::Met
            } else {
                Status::Missing
            },
            why: if verified {
                "its verification passed"
            } else {
                "its verification has not passed"
            }
            .to_owned(),
            command: Some(command(release, &format!("verify --stage {stage}"))),
            ..requirement(
                Subject::Verification,
                stage.as_str(),
                format!("the stage {stage} is verified"),
            )
        });
    }
    for owed in state
        .obligations
        .values()
        .filter(|owed| owed.settled.is_none())
    {
        let id = &owed.obligation.id;
        all.push(Requirement {
            status: Status::Missing,
            why: format!(
                "owed until {}",
                owed.obligation.due.format("%Y-%m-%d %H:%M UTC")
            ),
            who: holders(inquiry.policy, [&owed.obligation.role]),
            command: Some(command(release, &format!("due settle {id} --how TEXT"))),
            ..requirement(
                Subject::Obligation,
                id.as_str(),
                owed.obligation.title.clone(),
            )
        });
    }
}

/// A relgate command about `release`, ready to be typed.
pub fn command(release: &ReleaseName, rest: &str) -> String {
    format!("relgate {rest} --release {release}")
}
