//! What a release needs before its deployment, its gates apart: release notes, artifacts, a rollback plan that can run,
//! notice, and a time at which a deployment may begin.

use chrono::{DateTime, Utc};

use super::requirement::{Requirement, Status, Subject, Terms, requirement};
use super::{Inquiry, artifacts, command};
use crate::domain::baseline;
use crate::domain::calendar::Allowed;
use crate::domain::completeness;
use crate::domain::ids::StageName;
use crate::domain::policy::{Action, Signatures};
use crate::domain::probe::Probe;
use crate::domain::probe::kinds::MetricProbe;
use crate::domain::record::{Record, digest_of};
use crate::domain::release::ReleaseNotes;
use crate::domain::signature::Standing;

/// Why a release never goes out without a way to verify it and a way back (req: C8).
const ESSENTIAL: &str = "no release goes out without a way to verify it and a way back";

/// Adds everything that the release itself needs.
pub(super) fn prepared(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    notes(inquiry, all);
    artifacts::artifacts(inquiry, all);
    plan(inquiry, all);
    drill(inquiry, all);
}

/// The baseline of every probe of the verification plan that is compared with one. Once a deployment has begun none can be
/// captured, and what there is stands.
pub(super) fn baselines(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    let state = inquiry.history.state();
    if !state.deployments.is_empty() {
        return;
    }
    let compares = |probe: &&Probe| {
        let metric = probe.metric.as_deref();
        metric.is_some_and(MetricProbe::compares) && !probe.is_advisory()
    };
    for probe in inquiry.notes.probes().iter().filter(compares) {
        let stages = match baseline::is_by_stage(probe) {
            true => inquiry.notes.stages().into_iter().map(Some).collect(),
            false => vec![None],
        };
        let lacks = |stage: &&Option<StageName>| {
            baseline::of(state, probe, stage.as_ref().map(StageName::as_str)).is_none()
        };
        let without: Vec<&str> = stages
            .iter()
            .filter(lacks)
            .map(|stage| stage.as_ref().map_or("", StageName::as_str))
            .collect();
        let title = format!("the baseline of {} is known", probe.name());
        let base = requirement(Subject::Baseline, format!("baseline/{}", probe.id), title);
        all.push(match without.as_slice() {
            [] => Requirement {
                why: "it was captured".to_owned(),
                ..base
            },
            stages => Requirement {
                status: Status::Missing,
                why: match stages.join(", ").as_str() {
                    "" => "without one its verification decides nothing".to_owned(),
                    stages => format!("without one its verification decides nothing: {stages}"),
                },
                who: holders_of_verify(inquiry),
                command: Some(command(&inquiry.notes.release, "baseline capture")),
                terms: Terms::Bound(digest_of(&(probe.id.as_str(), "baseline"))),
                ..base
            },
        });
    }
}

fn holders_of_verify(inquiry: &Inquiry<'_>) -> Vec<String> {
    let roles = inquiry.policy.authority(Action::Verify).unwrap_or_default();
    super::holders(inquiry.policy, roles)
}

fn notes(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    let gaps = completeness::gaps(inquiry.notes);
    let kind = inquiry.notes.kind;
    let rule = inquiry.policy.type_rule(kind);
    let demanded: Vec<(String, String)> = rule
        .map(|rule| rule.missing(inquiry.notes))
        .unwrap_or_default()
        .into_iter()
        .filter(|(field, _)| !gaps.iter().any(|gap| gap.field == field))
        .collect();
    let problems = &inquiry.facts.document_problems;
    if gaps.is_empty() && demanded.is_empty() && problems.is_empty() {
        all.push(Requirement {
            why: format!("complete for a {} release", inquiry.notes.kind.word()),
            ..requirement(
                Subject::Notes,
                "release-notes",
                "the release notes are complete",
            )
        });
    }
    let lacks = |id: &str, what: String, essential: bool, why: String| Requirement {
        status: Status::Missing,
        why,
        who: inquiry.notes.team.iter().cloned().collect(),
        command: Some(format!(
            "edit releases/{}/release-notes.md",
            inquiry.notes.release
        )),
        terms: match essential {
            true => Terms::Never(ESSENTIAL),
            false => Terms::Bound(digest_of(&(id, kind, part(inquiry.notes, id)))),
        },
        ..requirement(Subject::Notes, id, what)
    };
    for gap in gaps {
        let why = "not filled in".to_owned();
        all.push(lacks(gap.id, gap.what.to_owned(), gap.essential, why));
    }
    for (field, what) in demanded {
        let why = format!(
            "not filled in; the policy demands it of a {} release",
            kind.word()
        );
        all.push(lacks(&field, what, false, why));
    }
    for (name, why) in problems {
        let (id, what) = (format!("documents.{name}"), format!("the document {name}"));
        all.push(lacks(&id, what, false, why.clone()));
    }
}

/// The part of the release notes that a requirement is about: the innermost on its path that is there.
fn part(notes: &ReleaseNotes, id: &str) -> serde_json::Value {
    let mut value = serde_json::to_value(notes).unwrap_or_default();
    for key in id.split('.') {
        match value.get_mut(key) {
            Some(inner) => value = inner.take(),
            None => return value,
        }
    }
    value
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
            terms: Terms::Never("a plan that cannot run takes nothing back"),
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
    let terms = match status {
        // It was tried, and is known not to work.
        Status::Failed => Terms::Never("a plan that failed its drill takes nothing back"),
        _ => Terms::Bound(steps),
    };
    all.push(Requirement {
        status,
        why,
        command: Some(command(inquiry.history.release(), "rollback --drill")),
        terms,
        ..requirement(
            Subject::Plan,
            "rollback.drill",
            "the rollback plan was tried on staging",
        )
    });
}

/// The time of the deployment is one at which a deployment may begin (req: B6): the time that is planned, or now where
/// it begins or is late.
pub(super) fn calendar(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    let Some(calendar) = &inquiry.policy.calendar else {
        return;
    };
    if !calendar.restricts_deployments() {
        return;
    }
    let (at, planned) = inquiry.deployment();
    let when = match planned {
        true => format!("deploy_at, {},", calendar.shown(at)),
        false => format!("now, {},", calendar.shown(at)),
    };
    let base = || {
        requirement(
            Subject::Calendar,
            "calendar",
            "the deployment begins when the calendar allows it",
        )
    };
    let release = inquiry.history.release();
    all.push(match calendar.allows(at) {
        Allowed::Open => Requirement {
            why: format!("{when} is open"),
            ..base()
        },
        Allowed::Closed { by, until } => {
            let closers: Vec<&str> = by.iter().map(|closer| closer.what.as_str()).collect();
            let opens = match until {
                Some(until) => format!("it opens {}", calendar.shown(until)),
                None => "nothing opens within two years".to_owned(),
            };
            let wait = match planned {
                true => format!("edit releases/{release}/release-notes.md"),
                false => command(release, "deploy start"),
            };
            Requirement {
                status: Status::Failed,
                why: format!("{when} is closed: {}; {opens}", closers.join(", ")),
                command: Some(wait),
                // It was said of that day, and of no other.
                terms: Terms::Bound(digest_of(&(&by, calendar.day(at)))),
                needed_at: planned.then_some(at),
                ..base()
            }
        }
    });
}

/// Since when the release is on record: the first record that a person of the policy wrote, signed where records must be.
/// Of several beginnings that were merged the last one counts: a record that was put beside the others may claim any time.
fn on_record_since(inquiry: &Inquiry<'_>) -> Option<DateTime<Utc>> {
    let (policy, history) = (inquiry.policy, inquiry.history);
    let required = policy.signatures == Some(Signatures::Required);
    let counts = |record: &Record| {
        let signed = match history.signer(&record.id) {
            Some(_) => true,
            None => !required && *history.standing(&record.id) == Standing::Plain,
        };
        signed
            && record.release == *history.release()
            && policy.people.contains_key(record.by.as_str())
    };
    let mut follows: Vec<bool> = Vec::with_capacity(history.records().len());
    let mut since = None;
    for record in history.records() {
        let parents = record.parents.iter().filter_map(|it| history.position(it));
        let after = parents.into_iter().any(|it| follows.get(it) == Some(&true));
        let first = !after && counts(record);
        if first {
            since = since.max(Some(record.at));
        }
        follows.push(after || first);
    }
    since
}

/// The release is on record for as long as the policy wants (req: C7).
pub(super) fn notice(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    let kind = inquiry.notes.kind;
    let rule = inquiry.policy.type_rule(kind);
    let Some(notice) = rule.and_then(|rule| rule.notice) else {
        return;
    };
    let since = on_record_since(inquiry).unwrap_or(inquiry.now);
    let calendar = inquiry.policy.calendar.clone().unwrap_or_default();
    let earliest = since + notice.delta();
    let (at, planned) = inquiry.deployment();
    let release = inquiry.history.release();
    all.push(Requirement {
        status: match at < earliest {
            true => Status::Missing,
            false => Status::Met,
        },
        why: format!(
            "on record since {}, so it can be deployed from {} on",
            calendar.shown(since),
            calendar.shown(earliest)
        ),
        command: Some(format!("edit releases/{release}/release-notes.md")),
        terms: Terms::Bound(digest_of(&(notice, inquiry.notes.deploy_at))),
        needed_at: planned.then_some(at),
        ..requirement(
            Subject::Notice,
            "notice",
            format!("a {} release has {notice} of notice", kind.word()),
        )
    });
}
