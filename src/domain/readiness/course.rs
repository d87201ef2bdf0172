//! What is recorded and found out on the way: the ledger itself, evidence, incidents, and what closing waits for.

use super::requirement::{Requirement, Status, Subject, Terms, requirement};
use super::{Inquiry, Scope, approvals, command, holders, waivers};
use crate::domain::gate::{Gate, Item};
use crate::domain::policy::OnExpiry;
use crate::domain::probe::judge::Verdict;
use crate::domain::record::digest_of;
use crate::domain::state::rollback::Standing;

pub(super) fn ledger(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    for anomaly in inquiry.history.anomalies() {
        all.push(Requirement {
            status: Status::Failed,
            why: anomaly.what,
            command: Some(command(inquiry.history.release(), "ledger verify")),
            ..requirement(Subject::Ledger, "ledger", "the records are whole")
        });
    }
}

pub(super) fn evidence(inquiry: &Inquiry<'_>, gate: &Gate, all: &mut Vec<Requirement>) {
    for item in gate.items() {
        let key = (gate.id.clone(), item.id.clone());
        let base = || Requirement {
            command: Some(command(
                &inquiry.notes.release,
                &format!("check {}", gate.id),
            )),
            ..failed(gate, item)
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

/// The items of `gate` that people confirm, as far as somebody has waived them: the others are part of the approvals.
pub(super) fn items(inquiry: &Inquiry<'_>, gate: &Gate, all: &mut Vec<Requirement>) {
    for item in gate.confirmed_items() {
        let id = format!("{}/{}", gate.id, item.id);
        if waivers::of(inquiry, &id).next().is_some() {
            all.push(self::item(inquiry, gate, item));
        }
    }
}

/// An item that people confirm, without any waiver of its own.
pub(super) fn item(inquiry: &Inquiry<'_>, gate: &Gate, item: &Item) -> Requirement {
    let base = failed(gate, item);
    match approvals::Standing::is_confirmed(inquiry, gate, item) {
        true => Requirement {
            status: Status::Met,
            why: "whoever signed the gate confirmed it".to_owned(),
            ..base
        },
        false => Requirement {
            status: Status::Missing,
            why: "not everybody who signs the gate has confirmed it".to_owned(),
            who: holders(inquiry.policy, &base.signers),
            command: Some(command(
                &inquiry.notes.release,
                &format!("sign {}", gate.id),
            )),
            ..base
        },
    }
}

/// What a waiver of an item is bound to.
fn item_terms(gate: &Gate, item: &Item) -> Terms {
    Terms::Bound(digest_of(&(&gate.id, item)))
}

/// An item that does not hold.
pub(super) fn failed(gate: &Gate, item: &Item) -> Requirement {
    let (subject, signers) = match item.probe.is_none() && item.file.is_none() {
        true => (
            Subject::Item,
            gate.approvals().into_iter().map(|it| it.0).collect(),
        ),
        false => (Subject::Evidence, Vec::new()),
    };
    Requirement {
        gate: Some(gate.id.clone()),
        status: Status::Failed,
        terms: item_terms(gate, item),
        signers,
        ..requirement(
            subject,
            format!("{}/{}", gate.id, item.id),
            item.title.clone(),
        )
    }
}

pub(super) fn incidents(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    let release = &inquiry.notes.release;
    let ends = *inquiry.scope == Scope::Closing && inquiry.is_gone();
    if let Some(rollback) = inquiry.history.state().rollback.as_ref().filter(|_| !ends) {
        let why = match &rollback.standing {
            Standing::Running => "its rollback runs",
            Standing::RolledBack(_) => "it was rolled back: make a new release",
            Standing::PartlyRolledBack(_) => "a part of it was rolled back: make a new release",
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
    if *inquiry.scope == Scope::Repin {
        return;
    }
    let disputes = inquiry.history.state().disputes();
    all.extend(disputes.map(|(stage, dispute)| Requirement {
        status: Status::Failed,
        why: format!("it is disputed: {}", dispute.why),
        command: Some(command(
            release,
            &format!("deploy confirm --stage {stage} --reason TEXT"),
        )),
        ..requirement(
            Subject::Incident,
            format!("deployment-{stage}"),
            format!("the deployment of {stage} by {} stands", dispute.origin.by),
        )
    }));
    let mut tolerated: Vec<_> = inquiry.history.state().tolerated_incidents().collect();
    tolerated.sort_by_key(|incident| incident.opened.at);
    for incident in tolerated {
        all.push(Requirement {
            why: incident.why_tolerated(),
            ..requirement(
                Subject::Incident,
                incident.id().as_str(),
                format!("{}: in nobody's way", incident.facts.title),
            )
        });
    }
    for incident in inquiry.history.state().blocking_incidents() {
        let next = match incident.window.on_expiry {
            OnExpiry::Decide => format!("incident decide {} --keep --reason TEXT", incident.id()),
            _ => format!("incident resolve {}", incident.id()),
        };
        all.push(Requirement {
            status: Status::Failed,
            why: match &incident.disputed {
                Some(disputed) if disputed.asked_again => format!(
                    "{} is {}: that its probes passed again was recorded by {}, and not signed",
                    incident.id(),
                    incident.word(),
                    disputed.origin.by
                ),
                Some(disputed) => format!(
                    "{} is {}: its resolution by {} does not count",
                    incident.id(),
                    incident.word(),
                    disputed.origin.by
                ),
                None => format!("{} is {}", incident.id(), incident.word()),
            },
            command: Some(command(release, &next)),
            ..requirement(
                Subject::Incident,
                incident.id().as_str(),
                incident.facts.title.clone(),
            )
        });
    }
}

pub(super) fn closing(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    let (state, release) = (inquiry.history.state(), &inquiry.notes.release);
    let stages = match inquiry.is_gone() {
        true => Vec::new(),
        false => inquiry.notes.stages(),
    };
    for stage in stages {
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
