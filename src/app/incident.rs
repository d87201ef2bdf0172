//! `relgate incident`: a person's way in and out of a window.

use std::collections::BTreeMap;

use crate::domain::decide::Actor;
use crate::domain::decide::incident::{self as decisions, Resolution, Trouble};
use crate::domain::ids::{PriorityName, StageName, TriggerName};
use crate::domain::outcome::{Done, IncidentReport, IncidentView};
use crate::domain::policy::Action;
use crate::domain::probe::judge::Sample;
use crate::domain::probe::{Probe, needs};
use crate::domain::readable::is_blank;
use crate::domain::readiness::command;
use crate::domain::record::Body;
use crate::domain::record::body::DecidedAnswer;
use crate::domain::refusal::Refusal;
use crate::domain::state::incident::Standing;
use crate::domain::window::clock_face;

use super::ask::{self, About};
use super::project::Release;
use super::verify::{Suite, sample_until_decided};
use super::{Result, World, append, facts, rollback, view};

/// What somebody wants opened.
#[derive(Clone, Debug)]
pub struct Opening {
    /// What is wrong.
    pub title: String,
    /// How urgent, unless a trigger says so.
    pub priority: Option<PriorityName>,
    /// The named kind of trouble.
    pub trigger: Option<TriggerName>,
    /// Which stage.
    pub stage: StageName,
}

/// Opens an incident, and with it a window.
///
/// # Errors
/// Invalid for unknown priorities and triggers, refused for authority or where nothing could be rolled back.
pub fn open(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    opening: &Opening,
) -> Result<Done> {
    if is_blank(&opening.title) {
        return Err(Refusal::usage("an incident needs a title")
            .help("add --title TEXT")
            .into());
    }
    let priority = match (&opening.priority, &opening.trigger) {
        (Some(priority), _) => priority.clone(),
        (None, Some(trigger)) => decisions::trigger(&release.policy, trigger)?,
        (None, None) => {
            return Err(Refusal::usage("an incident needs a priority or a trigger")
                .help("add --priority NAME or --trigger NAME")
                .into());
        }
    };
    let kind = (&priority, opening.trigger.as_ref());
    decisions::may_open_by_hand(&release.policy, actor, kind)?;
    let trouble = Trouble {
        title: opening.title.trim().to_owned(),
        stage: opening.stage.clone(),
        priority,
        trigger: opening.trigger.clone(),
        probes: Vec::new(),
        failures: Vec::new(),
    };
    for step in release.notes.steps() {
        let program = step.argv.first().map(String::as_str).unwrap_or_default();
        if let Err(why) = world.runner.can_run(program, world.files.root()) {
            return Err(Refusal::refused(format!(
                "the rollback step {} could not be run: {why}",
                step.id
            ))
            .help(command(&release.name, "check"))
            .into());
        }
    }
    let mut ledger = world.ledgers.open(&release.name);
    let record = append(ledger.as_mut(), &mut |history, now| {
        let by = actor.person.as_str();
        Ok(vec![decisions::open(
            &release.policy,
            &release.notes,
            history,
            &trouble,
            (by, now),
        )?])
    })?;
    let Body::IncidentOpened(opened) = &record.body else {
        return Err(Refusal::refused("no incident was opened").into());
    };
    Ok(Done {
        release: release.name.clone(),
        what: format!(
            "the incident {} is open ({}): {} until {}",
            opened.incident,
            opened.priority,
            clock_face(opened.window.milliseconds()),
            opened.on_expiry.word()
        ),
        record: record.id,
        waived: Vec::new(),
        next: vec![
            command(&release.name, "watch"),
            command(
                &release.name,
                &format!("incident resolve {} --how TEXT", opened.incident),
            ),
        ],
    })
}

/// Makes an incident more urgent.
///
/// # Errors
/// Invalid for unknown incidents and priorities; refused for authority, or where nothing would get shorter.
pub fn escalate(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    id: &str,
    (to, reason): (&PriorityName, Option<&str>),
) -> Result<Done> {
    let mut ledger = world.ledgers.open(&release.name);
    let record = append(ledger.as_mut(), &mut |history, now| {
        let reason = reason.map(str::to_owned);
        let escalated = decisions::escalate(
            &release.policy,
            &release.notes,
            history,
            (actor, id),
            (to, reason),
            now,
        )?;
        Ok(vec![escalated])
    })?;
    let now = world.clock.now();
    let left = ledger
        .refresh()?
        .state()
        .incidents
        .get(id)
        .map(|incident| incident.window.left_ms(&now));
    Ok(Done {
        release: release.name.clone(),
        what: format!(
            "the incident {id} is {to} now: {} left",
            clock_face(left.unwrap_or(0))
        ),
        record: record.id,
        waived: Vec::new(),
        next: vec![command(&release.name, "watch")],
    })
}

/// Answers an incident whose window waits for a person.
///
/// # Errors
/// Refused for authority, where the window ends otherwise, or where somebody was first.
pub fn decide(
    world: &World<'_>,
    release: &Release,
    (actor, id): (&Actor, &str),
    answer: &DecidedAnswer,
    reason: &str,
) -> Result<Done> {
    let mut ledger = world.ledgers.open(&release.name);
    let record = append(ledger.as_mut(), &mut |history, now| {
        Ok(vec![decisions::decide(
            &release.policy,
            &release.notes,
            history,
            (actor, id),
            (answer, reason),
            now,
        )?])
    })?;
    let (what, next) = match answer {
        DecidedAnswer::Keep => (
            format!("the release is kept with {id}: its failure stands in nobody's way any more"),
            vec!["verify", "status"],
        ),
        DecidedAnswer::FixWithin(limit) => (
            format!("{id} is to be fixed within {limit}; then it is asked again"),
            vec!["watch", "incident list"],
        ),
    };
    Ok(Done {
        release: release.name.clone(),
        what,
        record: record.id,
        waived: Vec::new(),
        next: next
            .into_iter()
            .map(|it| command(&release.name, it))
            .collect(),
    })
}

/// Answers an incident by a rollback, which is claimed here and driven by whoever watches.
///
/// # Errors
/// As [`decide`], and as a rollback by hand.
pub fn decide_rollback(
    world: &World<'_>,
    release: &Release,
    (actor, id): (&Actor, &str),
    reason: &str,
) -> Result<()> {
    {
        let mut ledger = world.ledgers.open(&release.name);
        decisions::open_incident(&release.notes, ledger.refresh()?, id)?;
    }
    rollback::claim(world, release, actor, None, &format!("{id}: {reason}"))
}

/// Resolves an incident: the probes that opened it are asked again, and must pass (req: A4).
///
/// # Errors
/// No-go or inconclusive where they do not pass and nobody overrides it; refused for authority, or where the rollback
/// was first.
pub fn resolve(
    world: &World<'_>,
    release: &Release,
    actor: &Actor,
    id: &str,
    (how, overridden): (Option<&str>, Option<&str>),
) -> Result<(Done, Vec<Sample>)> {
    actor.authority(&release.policy, Action::Resolve)?;
    let mut ledger = world.ledgers.open(&release.name);
    let (probes, about) = {
        let history = ledger.refresh()?;
        let incident = decisions::open_incident(&release.notes, history, id)?;
        let facts = &incident.facts;
        let about = facts::about(release, Some(&facts.stage), Some(&facts.plan));
        (facts.probes.clone(), about)
    };
    let evidence = evidence(world, release, &probes, &about)?;
    let resolution = Resolution {
        how: how.map(str::to_owned),
        evidence: evidence.clone(),
        overridden: overridden.map(str::to_owned),
    };
    let record = append(ledger.as_mut(), &mut |history, now| {
        let (policy, notes) = (&release.policy, &release.notes);
        Ok(vec![decisions::resolve(
            policy,
            notes,
            history,
            (Some(actor), id),
            resolution.clone(),
            now,
        )?])
    })?;
    let how = if overridden.is_some() {
        "overridden, and recorded as such"
    } else if !probes.is_empty() {
        "on evidence"
    } else {
        "as told: no probe opened it"
    };
    let done = Done {
        release: release.name.clone(),
        what: format!("the incident {id} is resolved ({how})"),
        record: record.id,
        waived: Vec::new(),
        next: vec![
            command(&release.name, "verify"),
            command(&release.name, "status"),
        ],
    };
    Ok((done, evidence))
}

/// Asks `probes`, and what they need. A percentile is known only after as many samples as it takes.
fn evidence(
    world: &World<'_>,
    release: &Release,
    probes: &[Probe],
    about: &About,
) -> Result<Vec<Sample>> {
    if probes.is_empty() {
        return Ok(Vec::new());
    }
    let asked = needs::with_needed(release.notes.probes(), probes);
    let mut samples = if probes.iter().any(|probe| probe.p95.is_some()) {
        let plan = release.notes.verification.as_ref();
        let within = plan.and_then(|plan| plan.within);
        sample_until_decided(world, &Suite::of(&asked, within), about, &mut |_| {})?.samples
    } else {
        let _shown = ask::show(world, &asked, &[], None);
        ask::sample(world, &asked, about, None)
    };
    samples.retain(|sample| probes.iter().any(|probe| probe.id == sample.probe));
    Ok(samples)
}

/// Every incident of a release, in order of opening: its defect log (req: A1).
///
/// # Errors
/// A ledger that cannot be read.
pub fn list(world: &World<'_>, release: &Release) -> Result<IncidentReport> {
    let mut ledger = world.ledgers.open(&release.name);
    let now = world.clock.now();
    let history = ledger.refresh()?;
    let (state, unread) = (history.state(), history.unread());
    let mut incidents: Vec<IncidentView> = state
        .incidents
        .values()
        .map(|incident| IncidentView {
            window: view::window(release, (state, incident), &now, &BTreeMap::new()),
            standing: incident.word().to_owned(),
            opened_at: incident.opened.at,
            opened_by: incident.opened.by.clone(),
            ending: match &incident.standing {
                Standing::Open | Standing::Expired(_) => None,
                Standing::Kept(_) => Some(incident.why_tolerated()),
                Standing::Absorbed(_) => Some("absorbed in the rollback".to_owned()),
                Standing::Retired { successor, .. } => {
                    Some(format!("{successor} took the place of the release"))
                }
                Standing::Resolved { origin, facts } => {
                    Some(match (&facts.overridden, &facts.how) {
                        (Some(reason), _) => format!("overridden by {}: {reason}", origin.by),
                        (None, Some(how)) => format!("resolved by {}: {how}", origin.by),
                        (None, None) => format!("resolved by {} on evidence", origin.by),
                    })
                }
            },
        })
        .collect();
    incidents.sort_by_key(|incident| incident.opened_at);
    Ok(IncidentReport {
        release: release.name.clone(),
        incidents,
        unread,
    })
}
