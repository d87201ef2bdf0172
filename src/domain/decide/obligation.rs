//! What is owed after an event, and until when.

use chrono::{DateTime, Utc};

use super::Actor;
use crate::domain::calendar::Calendar;
use crate::domain::history::History;
use crate::domain::ids::Digest;
use crate::domain::policy::{Due, DueDay, FollowUpEvent, Policy};
use crate::domain::readable::is_blank;
use crate::domain::record::body::{Obligation, ObligationSettled};
use crate::domain::record::{Body, Draft};
use crate::domain::refusal::{Refusal, nearest};
use crate::domain::state::ReleaseState;

/// What the policy demands after a rollback, or after one that is stuck (req: A14, req: A15).
pub fn after_rollback(policy: &Policy, state: &ReleaseState, at: DateTime<Utc>) -> Vec<Obligation> {
    owed(policy, state, at, FollowUpEvent::Rollback)
}

/// What the policy demands after an incident was resolved.
pub fn after_incident(policy: &Policy, state: &ReleaseState, at: DateTime<Utc>) -> Vec<Obligation> {
    owed(policy, state, at, FollowUpEvent::Incident)
}

fn owed(
    policy: &Policy,
    state: &ReleaseState,
    at: DateTime<Utc>,
    event: FollowUpEvent,
) -> Vec<Obligation> {
    // What is owed already is not owed a second time: one root-cause file for a night with three incidents.
    let open = |title: &str| {
        state
            .obligations
            .values()
            .any(|it| it.settled.is_none() && it.obligation.title == title)
    };
    let rules = policy
        .follow_up
        .iter()
        .flatten()
        .filter(|rule| rule.after == event && !open(&rule.title));
    let calendar = policy.calendar.clone().unwrap_or_default();
    rules
        .enumerate()
        .filter_map(|(place, rule)| {
            Some(Obligation {
                id: state.next_obligation(place)?,
                title: rule.title.clone(),
                role: rule.role.clone(),
                due: due(&rule.due, &calendar, at),
                document: rule.document.clone(),
                not_by: None,
            })
        })
        .collect()
}

/// The moment that `rule` means, for an event at `at`. A day is owed until its end in the calendar's zone.
pub fn due(rule: &Due, calendar: &Calendar, at: DateTime<Utc>) -> DateTime<Utc> {
    match rule {
        Due::After(time) => at + time.delta(),
        Due::Day(DueDay::NextBusinessDay) => calendar.end_of_next_business_day(at),
    }
}

/// Something owed was done.
///
/// # Errors
/// Invalid for an unknown id, refused where it is settled already or the actor does not hold the role that owes it.
pub fn settle(
    policy: &Policy,
    history: &History,
    (actor, id): (&Actor, &str),
    how: &str,
    document: Option<Digest>,
) -> Result<Draft, Refusal> {
    if is_blank(how) {
        return Err(Refusal::usage("say how it was done").help("add --how TEXT"));
    }
    let obligations = &history.state().obligations;
    let Some(owed) = obligations.get(id) else {
        let known = obligations
            .keys()
            .map(crate::domain::ids::ObligationId::as_str);
        return Err(
            Refusal::invalid(format!("nothing named \"{id}\" is owed")).help(nearest(
                "obligation",
                id,
                known,
            )),
        );
    };
    if owed.settled.is_some() {
        owed.may_be_settled_by(actor.person.as_str())
            .map_err(Refusal::refused)?;
    }
    let role = &owed.obligation.role;
    if !policy.holds(&actor.person, role) {
        return Err(Refusal::refused(format!(
            "{} does not hold the role {role}, which owes {id}",
            actor.person
        )));
    }
    if let Err(why) = owed.may_be_settled_by(actor.person.as_str()) {
        let others = policy.holders(role).into_iter();
        let others: Vec<String> = others
            .filter(|holder| **holder != actor.person)
            .map(|holder| policy.reach(holder))
            .collect();
        return Err(Refusal::refused(why).help(format!("ask {}", others.join(", "))));
    }
    let body = ObligationSettled {
        obligation: owed.obligation.id.clone(),
        how: how.trim().to_owned(),
        document,
    };
    Ok(Draft {
        by: actor.person.to_string(),
        body: Body::ObligationSettled(body),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn a_length_of_time_counts_from_the_event() {
        // req: B11
        let rule: Due = serde_json::from_value("48h".into()).expect("a due");
        assert_eq!(
            due(&rule, &Calendar::default(), at("2026-11-20T19:30:00Z")),
            at("2026-11-22T19:30:00Z")
        );
    }
}
