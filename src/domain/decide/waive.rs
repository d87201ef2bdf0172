//! An exception: by somebody with authority, for a reason, for a time, and with a review that it owes.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::obligation::due;
use super::{Actor, refuse_over};
use crate::domain::calendar::Calendar;
use crate::domain::ids::{PersonName, RoleName};
use crate::domain::policy::{Action, Due, DueDay, Review};
use crate::domain::quote;
use crate::domain::readable::is_blank;
use crate::domain::readiness::{self, Inquiry, Requirement, Status, Terms, command};
use crate::domain::record::body::{Obligation, Waiver, WaiverWithdrawn};
use crate::domain::record::{Body, Draft};
use crate::domain::refusal::Refusal;
use crate::domain::timespan::Timespan;

/// The moment that `text` means: a length of time from `now`, a day, which it includes, or a time with its offset.
///
/// # Errors
/// Usage for anything else, and for what is past: a waiver never lasts for ever by mistake.
pub fn until(
    text: &str,
    calendar: &Calendar,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, Refusal> {
    let length = || {
        text.parse::<Timespan>()
            .ok()
            .map(|length| now + length.delta())
    };
    let day = || {
        let day = text.parse::<NaiveDate>().ok();
        day.filter(|_| text.len() == 10)
            .map(|day| calendar.end_of_day(day))
    };
    let time = || {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|at| at.to_utc())
    };
    let Some(until) = length().or_else(day).or_else(time) else {
        return Err(Refusal::usage(format!(
            "--until {text:?} is neither a length of time nor a date"
        ))
        .help("write 48h, 2026-11-25 or 2026-11-25T18:00:00+01:00"));
    };
    if until <= now {
        return Err(
            Refusal::usage(format!("--until {text} is past: {}", calendar.shown(until)))
                .help(format!("it is {} now", calendar.shown(now))),
        );
    }
    Ok(until)
}

/// Waives `requirements`, which stand as they do without any waiver. All of them, or none; they owe one review.
///
/// # Errors
/// Refused for want of authority, for what is met or cannot be waived, for a time that is too long; usage for an empty
/// reason.
pub fn waive(
    inquiry: &Inquiry<'_>,
    actor: &Actor,
    requirements: &[Requirement],
    (reason, until): (&str, DateTime<Utc>),
) -> Result<Vec<Draft>, Refusal> {
    let (policy, release) = (inquiry.policy, &inquiry.notes.release);
    let reason = reason.trim();
    if is_blank(reason) {
        return Err(Refusal::usage("a waiver needs a reason").help("add --reason TEXT"));
    }
    refuse_over(inquiry)?;
    let calendar = policy.calendar.clone().unwrap_or_default();
    let latest = inquiry.now + readiness::longest_waiver(policy);
    let mut waivers = Vec::new();
    for requirement in requirements {
        let id = &requirement.id;
        if requirement.status == Status::Met {
            return Err(
                Refusal::refused(format!("{id} is met: there is nothing to waive"))
                    .help(command(release, "check")),
            );
        }
        if let Terms::Never(why) = requirement.terms {
            let refusal = Refusal::refused(format!("{id} cannot be waived: {why}"));
            return Err(match &requirement.command {
                Some(command) => refusal.help(command),
                None => refusal,
            });
        }
        let role = actor.authority(policy, readiness::waiving(policy, requirement.subject))?;
        let who = (&actor.person, &role);
        if let Some(objection) = readiness::objection(policy, requirement, who) {
            return Err(Refusal::refused(format!(
                "{} cannot waive {id}: {objection}",
                actor.person
            ))
            .help(command(
                release,
                &format!("check --explain {}", quote::word(id)),
            )));
        }
        if until > latest {
            return Err(Refusal::refused(format!(
                "the waiver would last until {}, and the policy lets one last {}",
                calendar.shown(until),
                policy.waivers().longest()
            ))
            .help(format!("--until {}", policy.waivers().longest())));
        }
        let needed = readiness::needed_at(inquiry, requirement);
        if until <= needed {
            return Err(too_short(inquiry, id, (until, needed)));
        }
        let Terms::Bound(bound) = requirement.terms else {
            continue;
        };
        waivers.push(Waiver {
            requirement: id.clone(),
            role,
            reason: reason.to_owned(),
            until,
            bound,
            found: format!("{}: {}", requirement.status.word(), requirement.why),
            repository: readiness::repository(policy),
            review: None,
            obligations: Vec::new(),
        });
    }
    let Some(first) = waivers.first_mut() else {
        return Err(Refusal::usage("say what is to be waived").help(command(release, "check")));
    };
    let ids: Vec<&str> = requirements.iter().map(|it| it.id.as_str()).collect();
    let review = review(inquiry, &actor.person, &first.role, (&ids, reason))?;
    let id = review.id.clone();
    first.obligations.push(review);
    for waiver in &mut waivers {
        waiver.review = Some(id.clone());
    }
    let drafts = waivers.into_iter().map(|waiver| Draft {
        by: actor.person.to_string(),
        body: Body::Waived(waiver),
    });
    Ok(drafts.collect())
}

/// A waiver that is over before what it waives is needed.
fn too_short(
    inquiry: &Inquiry<'_>,
    id: &str,
    (until, needed): (DateTime<Utc>, DateTime<Utc>),
) -> Refusal {
    let calendar = inquiry.policy.calendar.clone().unwrap_or_default();
    let longest = readiness::longest_waiver(inquiry.policy);
    let refusal = Refusal::refused(format!(
        "the waiver of {id} would end on {}, and it is needed on {}, when the deployment begins",
        calendar.shown(until),
        calendar.shown(needed)
    ));
    // Deployments begin late.
    let enough = needed + TimeDelta::hours(1);
    match enough <= inquiry.now + longest {
        true => refusal.help(format!("--until {}", enough.format("%Y-%m-%dT%H:%M:%SZ"))),
        false => refusal.help(format!(
            "the policy lets a waiver last {}: waive it from {} on",
            inquiry.policy.waivers().longest(),
            calendar.shown(enough - longest)
        )),
    }
}

/// The review that waivers owe (req: C8).
fn review(
    inquiry: &Inquiry<'_>,
    person: &PersonName,
    role: &RoleName,
    (ids, reason): (&[&str], &str),
) -> Result<Obligation, Refusal> {
    let policy = inquiry.policy;
    let rules = policy.waivers();
    let rule = rules.review.clone().unwrap_or_else(|| Review {
        title: None,
        role: role.clone(),
        due: Due::Day(DueDay::NextBusinessDay),
        document: None,
    });
    let distinct = rules.takes_somebody_else();
    let mut reviewers = policy.holders(&rule.role).into_iter();
    if distinct && !reviewers.any(|holder| holder != person) {
        return Err(Refusal::refused(format!(
            "nobody but {person} holds the role {}, which would have to review the waiver",
            rule.role
        ))
        .help("name another role under waivers.review in the policy, or another person"));
    }
    let calendar = policy.calendar.clone().unwrap_or_default();
    let title = rule.title.as_deref().unwrap_or("Review the waiver");
    let id = inquiry.history.state().next_obligation(0);
    Ok(Obligation {
        id: id.ok_or_else(|| Refusal::refused("there is no name left for the review"))?,
        title: format!("{title} of {}: {reason}", ids.join(", ")),
        role: rule.role,
        due: due(&rule.due, &calendar, inquiry.now),
        document: rule.document,
        not_by: distinct.then(|| person.clone()),
    })
}

/// Takes a waiver back: from now on the requirement stands as it does.
///
/// # Errors
/// Refused for want of authority, and where there is no waiver of `id`.
pub fn withdraw(inquiry: &Inquiry<'_>, actor: &Actor, id: &str) -> Result<Draft, Refusal> {
    refuse_over(inquiry)?;
    let release = &inquiry.notes.release;
    let given = inquiry.history.state().waivers.iter();
    let in_force: Vec<&str> = given
        .filter(|given| given.withdrawn.is_none())
        .map(|given| given.waiver.fact.requirement.as_str())
        .collect();
    if !in_force.contains(&id) {
        let refusal = Refusal::refused(format!("{id} is not waived"));
        return Err(
            match crate::domain::nearest::suggestion(id, in_force.iter().copied()) {
                Some(help) => refusal.help(help),
                None => refusal.help(command(release, "check")),
            },
        );
    }
    // Who may waive may take it back, whoever gave it; to say no takes less than to say yes.
    let action = match id {
        "calendar" if inquiry.policy.lists(Action::OverrideFreeze) => Action::OverrideFreeze,
        _ => Action::Waive,
    };
    let role = actor.authority(inquiry.policy, action)?;
    Ok(Draft {
        by: actor.person.to_string(),
        body: Body::WaiverWithdrawn(WaiverWithdrawn {
            requirement: id.to_owned(),
            role,
        }),
    })
}
