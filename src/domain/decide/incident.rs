//! Opening, escalating and resolving incidents.

use super::Actor;
use crate::domain::clock::Reading;
use crate::domain::history::History;
use crate::domain::ids::{IncidentId, PriorityName, StageName, TriggerName};
use crate::domain::policy::{Action, OnExpiry, Policy, Priority, Signatures};
use crate::domain::probe::Probe;
use crate::domain::probe::judge::{Sample, Verdict};
use crate::domain::probe::sampling::Failure;
use crate::domain::readable::is_blank;
use crate::domain::readiness::command;
use crate::domain::record::body::{
    DecidedAnswer, IncidentDecided, IncidentEscalated, IncidentOpened, IncidentResolved, PinnedPlan,
};
use crate::domain::record::{Body, Draft, TOOL};
use crate::domain::refusal::{Kind, Refusal, nearest};
use crate::domain::release::ReleaseNotes;
use crate::domain::state::incident::{Incident, Standing};
use crate::domain::state::rules::allowed_limit;

/// What is wrong, before it is an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// What is wrong, for people.
    pub title: String,
    /// Which stage.
    pub stage: StageName,
    /// How urgent.
    pub priority: PriorityName,
    /// The named kind of trouble, where it is one.
    pub trigger: Option<TriggerName>,
    /// The probes that found it.
    pub probes: Vec<Probe>,
    /// Why they failed.
    pub failures: Vec<Failure>,
}

/// The priority of this name.
///
/// # Errors
/// Invalid, with the priorities that there are.
pub fn priority(policy: &Policy, name: &PriorityName) -> Result<Priority, Refusal> {
    let all = policy.priorities();
    all.get(name).cloned().ok_or_else(|| {
        Refusal::invalid(format!("the policy has no priority \"{name}\"")).help(nearest(
            "priority",
            name.as_str(),
            all.keys().map(PriorityName::as_str),
        ))
    })
}

/// The priority that answers a trigger.
///
/// # Errors
/// Invalid, with the triggers that there are.
pub fn trigger(policy: &Policy, name: &TriggerName) -> Result<PriorityName, Refusal> {
    policy.trigger_priority(name).ok_or_else(|| {
        let known = policy
            .triggers
            .iter()
            .flat_map(|all| all.keys())
            .map(TriggerName::as_str);
        Refusal::invalid(format!("the policy has no trigger \"{name}\"")).help(nearest(
            "trigger",
            name.as_str(),
            known,
        ))
    })
}

/// Groups failed probes into trouble: one incident for each priority and trigger, none for a probe whose incident is
/// open already.
///
/// # Errors
/// Invalid where a probe names a priority or trigger that the policy does not have.
pub fn troubles(
    policy: &Policy,
    history: &History,
    stage: &StageName,
    probes: &[Probe],
    failures: &[Failure],
) -> Result<Vec<Trouble>, Refusal> {
    let mut troubles: Vec<Trouble> = Vec::new();
    let state = history.state();
    let known: Vec<&Probe> = state
        .blocking_incidents()
        .filter(|incident| incident.facts.stage == *stage)
        .flat_map(|incident| &incident.facts.probes)
        .collect();
    for failure in failures
        .iter()
        .filter(|failure| !known.iter().any(|probe| probe.id == failure.probe))
        .filter(|failure| !state.is_accepted(stage, failure))
    {
        let Some(probe) = probes.iter().find(|probe| probe.id == failure.probe) else {
            continue;
        };
        let named = match &probe.trigger {
            Some(name) => Some(trigger(policy, name)?),
            None => None,
        };
        let chosen = probe
            .priority
            .clone()
            .or(named)
            .or_else(|| policy.default_priority());
        let Some(chosen) = chosen else {
            return Err(Refusal::invalid("the policy has no priorities")
                .help("add priorities to relgate.yaml"));
        };
        priority(policy, &chosen)?;
        let same = troubles
            .iter_mut()
            .find(|it| it.priority == chosen && it.trigger == probe.trigger);
        match same {
            Some(trouble) => {
                trouble.probes.push(probe.clone());
                trouble.failures.push(failure.clone());
            }
            None => troubles.push(Trouble {
                title: String::new(),
                stage: stage.clone(),
                priority: chosen,
                trigger: probe.trigger.clone(),
                probes: vec![probe.clone()],
                failures: vec![failure.clone()],
            }),
        }
    }
    for trouble in &mut troubles {
        let names: Vec<&str> = trouble.probes.iter().map(Probe::name).collect();
        trouble.title = match names.as_slice() {
            [one] => format!("{one}: does not hold"),
            [first, rest @ ..] => format!("{first}, and {} more: do not hold", rest.len()),
            [] => String::new(),
        };
    }
    Ok(troubles)
}

/// Whether `actor` may open an incident of this priority and trigger by hand. A window without any time is a rollback, and
/// takes that authority too; a trigger may name who opens it, whatever its window (req: B7).
///
/// # Errors
/// Invalid for an unknown priority; refused for authority.
pub fn may_open_by_hand(
    policy: &Policy,
    actor: &Actor,
    (priority_name, trigger): (&PriorityName, Option<&TriggerName>),
) -> Result<(), Refusal> {
    let rule = priority(policy, priority_name)?;
    // A trigger speaks for the priority that answers it, and for no other.
    let own = trigger.filter(|it| policy.trigger_priority(it).as_ref() == Some(priority_name));
    if let Some(roles) = policy.may_open(own) {
        let word = own.map_or(String::new(), |it| format!("open {it}"));
        actor.role_among(policy, Some(roles), &word)?;
        return Ok(());
    }
    actor.authority(policy, Action::Open)?;
    may_roll_back_at_once(policy, actor, &rule)
}

/// A window without any time that ends in a rollback is a rollback.
fn may_roll_back_at_once(policy: &Policy, actor: &Actor, rule: &Priority) -> Result<(), Refusal> {
    if rule.is_rollback_at_once() {
        actor
            .authority(policy, Action::Rollback)
            .map_err(|refusal| refusal.because("a window of 0s is a rollback"))?;
    }
    Ok(())
}

/// Opens an incident, and with it a window; the plan is pinned as it is now.
///
/// # Errors
/// Refused where the release is not deployed, went back, or has no plan that could run at the end of the window.
pub fn open(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    trouble: &Trouble,
    (by, now): (&str, &Reading),
) -> Result<Draft, Refusal> {
    let (state, release) = (history.state(), &notes.release);
    if state.closed.is_some() {
        return Err(Refusal::refused(format!("the release {release} is closed")));
    }
    if state.is_taken_back(&trouble.stage) {
        return Err(
            Refusal::refused(format!("the rollback of {release} has begun"))
                .help(command(release, "status")),
        );
    }
    if let Some(by) = state.replaced(&trouble.stage) {
        return Err(Refusal::refused(format!(
            "{} took the place of {release} in {}",
            by.successor, trouble.stage
        ))
        .help(command(
            &by.successor,
            "incident open --title TEXT --priority NAME",
        )));
    }
    if !state.deployments.contains_key(&trouble.stage) {
        return Err(Refusal::refused(format!(
            "{} was not deployed: there is nothing to roll back",
            trouble.stage
        ))
        .help(command(
            release,
            &format!("deploy start --stage {}", trouble.stage),
        )));
    }
    let rule = priority(policy, &trouble.priority)?;
    let plan = pinned(notes)?;
    let Some(incident) = state.next_incident() else {
        return Err(Refusal::refused("there are too many incidents"));
    };
    let past_no_return = notes.is_past_no_return(state.deployments.keys());
    let body = Body::IncidentOpened(IncidentOpened {
        incident,
        title: trouble.title.clone(),
        stage: trouble.stage.clone(),
        priority: trouble.priority.clone(),
        trigger: trouble.trigger.clone(),
        probes: trouble.probes.clone(),
        failures: trouble.failures.clone(),
        window: rule.window,
        on_expiry: rule.expiry(past_no_return),
        past_no_return,
        resolved_by: rule.resolved_by.unwrap_or_default(),
        signed: policy.signatures == Some(Signatures::Required),
        opened: now.clone(),
        plan,
    });
    Ok(Draft {
        by: by.to_owned(),
        body,
    })
}

/// The rollback as the notes have it now.
///
/// # Errors
/// Refused where the notes have no plan, no target or nothing that verifies it.
pub fn pinned(notes: &ReleaseNotes) -> Result<PinnedPlan, Refusal> {
    let missing = |what: &str| {
        Refusal::refused(format!(
            "the release notes of {} have no {what}: nothing could be rolled back",
            notes.release
        ))
        .help(command(&notes.release, "check"))
    };
    let rollback = notes.rollback.clone().ok_or_else(|| missing("rollback"))?;
    if rollback.plan.as_ref().is_none_or(Vec::is_empty) {
        return Err(missing("rollback.plan"));
    }
    let previous = notes
        .previous
        .clone()
        .filter(|it| !is_blank(it))
        .ok_or_else(|| missing("previous"))?;
    Ok(PinnedPlan::new(rollback, previous))
}

/// The incident with this id, if it can still be acted on.
///
/// # Errors
/// Invalid for an unknown id, with those that there are; refused where somebody or something got there first.
pub fn open_incident<'a>(
    notes: &ReleaseNotes,
    history: &'a History,
    id: &str,
) -> Result<&'a Incident, Refusal> {
    let incidents = &history.state().incidents;
    let Some(incident) = incidents.get(id) else {
        return Err(Refusal::invalid(format!(
            "the release {} has no incident \"{id}\"",
            notes.release
        ))
        .help(nearest(
            "incident",
            id,
            incidents.keys().map(IncidentId::as_str),
        )));
    };
    if incident.must_be_open().is_ok() {
        return Ok(incident);
    }
    let how = match &incident.standing {
        Standing::Resolved { origin, .. } => {
            format!(
                "was resolved by {} at {}",
                origin.by,
                origin.at.format("%H:%M:%S UTC")
            )
        }
        Standing::Retired { successor, .. } => {
            format!("ended when {successor} took the place of the release")
        }
        _ => "was absorbed in the rollback".to_owned(),
    };
    Err(Refusal::refused(format!("the incident {id} {how}"))
        .help(command(&notes.release, "status")))
}

/// Makes an incident more urgent; a window never gets longer (req: A16).
///
/// # Errors
/// Refused for authority, or where the new deadline would not be earlier nor the consequence stricter.
pub fn escalate(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    (actor, id): (&Actor, &str),
    (to, reason): (&PriorityName, Option<String>),
    now: &Reading,
) -> Result<Draft, Refusal> {
    actor.authority(policy, Action::Escalate)?;
    let incident = open_incident(notes, history, id)?;
    let rule = priority(policy, to)?;
    may_roll_back_at_once(policy, actor, &rule)?;
    let past_no_return = notes.is_past_no_return(history.state().deployments.keys());
    let on_expiry = rule.expiry(past_no_return);
    let mut after = incident.window.clone();
    after.escalate(rule.window, on_expiry, now.clone());
    let sooner = after.deadline_ms() < incident.window.deadline_ms();
    if !sooner && after.on_expiry == incident.window.on_expiry {
        return Err(Refusal::refused(format!(
            "the window of {id} would not get shorter: a window never gets longer, and {to} is not more urgent"
        ))
        .help(command(&notes.release, "incident list")));
    }
    let body = Body::IncidentEscalated(IncidentEscalated {
        incident: incident.id().clone(),
        priority: to.clone(),
        window: rule.window,
        on_expiry,
        escalated: now.clone(),
        reason,
    });
    Ok(Draft {
        by: actor.person.to_string(),
        body,
    })
}

/// Answers an incident whose window waits for a person, before its end or after: the release stays as it is, or there is
/// a time to fix it.
///
/// # Errors
/// Refused for authority, where the window ends otherwise, or where somebody was first; usage without a reason.
pub fn decide(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    (actor, id): (&Actor, &str),
    (answer, reason): (&DecidedAnswer, &str),
    now: &Reading,
) -> Result<Draft, Refusal> {
    if is_blank(reason) {
        return Err(Refusal::usage("a decision needs a reason").help("add --reason TEXT"));
    }
    if let DecidedAnswer::FixWithin(limit) = answer {
        allowed_limit(*limit).map_err(Refusal::usage)?;
    }
    let role = actor.authority(policy, Action::Resolve)?;
    let release = &notes.release;
    let incident = open_incident(notes, history, id)?;
    let refused =
        |why: String, next: String| Err(Refusal::refused(why).help(command(release, &next)));
    match (incident.window.on_expiry, answer) {
        (OnExpiry::Rollback, _) => {
            return refused(
                format!("the window of {id} ends in a rollback, and waits for no decision"),
                format!("incident resolve {id} --override REASON"),
            );
        }
        (OnExpiry::None, _) => {
            return refused(
                format!("{id} has no countdown and stands in nobody's way"),
                format!("incident resolve {id} --how TEXT"),
            );
        }
        (OnExpiry::Decide, DecidedAnswer::Keep)
            if matches!(incident.standing, Standing::Kept(_)) =>
        {
            return refused(
                format!("that the release is kept with {id} was decided already"),
                "incident list".to_owned(),
            );
        }
        (OnExpiry::Decide, _) => {}
    }
    Ok(Draft {
        by: actor.person.to_string(),
        body: Body::IncidentDecided(IncidentDecided {
            incident: incident.id().clone(),
            role,
            answer: answer.clone(),
            reason: reason.trim().to_owned(),
            failures: incident.facts.failures.clone(),
            decided: now.clone(),
        }),
    })
}

/// How somebody wants an incident resolved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolution {
    /// How it was mended.
    pub how: Option<String>,
    /// The probes that opened it, asked again.
    pub evidence: Vec<Sample>,
    /// Why it is resolved although they do not pass, or although there is none.
    pub overridden: Option<String>,
}

/// Resolves an incident on evidence (req: A4).
///
/// # Errors
/// No-go where a probe still fails and nobody overrides it, refused for authority, or where the window has expired:
/// the rollback then comes first.
pub fn resolve(
    policy: &Policy,
    notes: &ReleaseNotes,
    history: &History,
    (actor, id): (Option<&Actor>, &str),
    resolution: Resolution,
    now: &Reading,
) -> Result<Draft, Refusal> {
    if let Some(actor) = actor {
        actor.authority(policy, Action::Resolve)?;
    }
    let incident = open_incident(notes, history, id)?;
    let release = &notes.release;
    let is_late = incident.rolls_back() && incident.window.has_expired(now);
    if is_late && !incident.is_in_question(now) && !incident.must_be_asked_again() {
        return Err(Refusal::refused(format!(
            "the window of {id} has expired: the rollback is due"
        ))
        .help(command(release, "watch")));
    }
    if resolution
        .overridden
        .as_ref()
        .is_some_and(|reason| is_blank(reason))
    {
        return Err(Refusal::usage("an override needs a reason").help("add --override TEXT"));
    }
    if resolution.overridden.is_none() {
        for probe in &incident.facts.probes {
            let sample = resolution
                .evidence
                .iter()
                .find(|sample| sample.probe == probe.id);
            let (kind, why) = match sample.map(|sample| (sample.verdict, sample.reason())) {
                Some((Verdict::Pass, _)) => continue,
                Some((Verdict::Fail, why)) => (Kind::NoGo, why),
                Some((_, why)) => (Kind::Inconclusive, why),
                None => (Kind::Inconclusive, "it was not asked".to_owned()),
            };
            return Err(Refusal::new(
                kind,
                format!("{id} is not mended: {} — {why}", probe.name()),
            )
            .help(command(
                release,
                &format!("incident resolve {id} --override REASON"),
            )));
        }
        let told = resolution.how.as_ref().is_some_and(|how| !is_blank(how));
        if incident.facts.probes.is_empty() && !told {
            return Err(
                Refusal::usage(format!("no probe opened {id}, so say how it was mended")).help(
                    command(release, &format!("incident resolve {id} --how TEXT")),
                ),
            );
        }
    }
    let obligations = super::obligation::after_incident(policy, history.state(), now.wall);
    let body = Body::IncidentResolved(IncidentResolved {
        incident: incident.id().clone(),
        how: resolution.how,
        evidence: resolution.evidence,
        overridden: resolution.overridden,
        obligations,
    });
    let by = actor.map_or_else(|| TOOL.to_owned(), |actor| actor.person.to_string());
    Ok(Draft { by, body })
}
