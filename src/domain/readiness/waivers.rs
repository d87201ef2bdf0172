//! Which waivers count, and for what.
//!
//! A waiver takes nothing away but time: it never makes worse what it does not stand in for, and whatever is doubtful
//! about it (its time, its author, what it is bound to) means that it does not count.

use chrono::{DateTime, TimeDelta, Utc};

use super::requirement::{Requirement, ReviewView, Status, Subject, Terms, WaiverView};
use super::{Inquiry, SKEW, Scope, repository};
use crate::domain::ids::{GateId, PersonName, RoleName};
use crate::domain::policy::{Action, Policy};
use crate::domain::readable::is_blank;
use crate::domain::record::body::Waiver;
use crate::domain::state::{Recorded, WaiverGiven};

/// The requirement with the waiver that stands in for it, if one counts. One that does not is mentioned.
pub(super) fn apply(inquiry: &Inquiry<'_>, requirement: Requirement) -> Requirement {
    if requirement.status == Status::Met {
        return requirement;
    }
    let mut flaw = None;
    for given in of(inquiry, &requirement.id) {
        match self::flaw(inquiry, &requirement, given) {
            None => return waived(inquiry, requirement, &given.waiver),
            Some(why) => {
                let by = &given.waiver.origin.by;
                flaw = flaw.or(Some(format!("{by}'s waiver does not count: {why}")));
            }
        }
    }
    match flaw {
        None => requirement,
        Some(flaw) => Requirement {
            why: format!("{}; {flaw}", requirement.why),
            ..requirement
        },
    }
}

/// Whether a waiver that counts stands in for the requirement.
pub(super) fn covers(inquiry: &Inquiry<'_>, requirement: &Requirement) -> bool {
    of(inquiry, &requirement.id).any(|given| flaw(inquiry, requirement, given).is_none())
}

/// The waivers of a requirement, the last one first.
pub(super) fn of<'a>(
    inquiry: &Inquiry<'a>,
    id: &str,
) -> impl Iterator<Item = &'a WaiverGiven> + use<'a> {
    let id = id.to_owned();
    let given = inquiry.history.state().waivers.iter().rev();
    given.filter(move |given| given.waiver.fact.requirement == id)
}

fn waived(
    inquiry: &Inquiry<'_>,
    requirement: Requirement,
    waiver: &Recorded<Waiver>,
) -> Requirement {
    let (fact, by) = (&waiver.fact, &waiver.origin.by);
    let obligations = &inquiry.history.state().obligations;
    let owed = fact.review.as_ref().and_then(|id| obligations.get(id));
    let until = fact.until.format("%Y-%m-%d %H:%M UTC");
    Requirement {
        status: Status::Waived,
        why: format!("waived by {by} until {until}: {}", fact.reason),
        waiver: Some(WaiverView {
            by: by.clone(),
            role: fact.role.clone(),
            reason: fact.reason.clone(),
            until: fact.until,
            instead_of: requirement.status,
            because: requirement.why,
            review: owed.map(|owed| ReviewView {
                obligation: owed.obligation.id.clone(),
                role: owed.obligation.role.clone(),
                due: owed.obligation.due,
                settled: owed.settled.is_some(),
            }),
            record: waiver.origin.record,
        }),
        ..requirement
    }
}

/// Why a waiver does not count for the requirement; `None` when it does.
pub(super) fn flaw(
    inquiry: &Inquiry<'_>,
    requirement: &Requirement,
    given: &WaiverGiven,
) -> Option<String> {
    let (fact, origin) = (&given.waiver.fact, &given.waiver.origin);
    let shown = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC");
    if let Some(withdrawn) = &given.withdrawn {
        let when = shown(withdrawn.at);
        return Some(format!("{} withdrew it on {when}", withdrawn.by));
    }
    let Ok(person) = PersonName::new(origin.by.clone()) else {
        return Some("nobody of the policy gave it".to_owned());
    };
    if let Some(objection) = objection(inquiry.policy, requirement, (&person, &fact.role)) {
        return Some(objection);
    }
    if is_blank(&fact.reason) {
        return Some("it has no reason".to_owned());
    }
    if let Some(why) = repository::foreign(inquiry.policy, fact.repository.as_ref()) {
        return Some(why);
    }
    if let Some(why) = review_flaw(inquiry, given) {
        return Some(why);
    }
    if origin.at > inquiry.now + SKEW {
        return Some(format!("it is dated in the future: {}", shown(origin.at)));
    }
    // Whoever wrote the record, it lasts no longer than the policy lets one last.
    let longest = inquiry.policy.waivers().longest();
    let until = fact.until.min(origin.at + longest.delta());
    let needed = needed_at(inquiry, requirement);
    if needed >= until {
        return Some(match needed > inquiry.now && until > inquiry.now {
            true => format!(
                "it ends on {}, and it is needed on {}",
                shown(until),
                shown(needed)
            ),
            false => format!("it expired on {}", shown(until)),
        });
    }
    if requirement.terms != Terms::Bound(fact.bound) {
        return Some("what it waived has changed since".to_owned());
    }
    None
}

/// Why a waiver owes no review that counts: it names one that somebody else has to do, and that it, or another waiver of
/// the same person for the same reason, has brought with it.
fn review_flaw(inquiry: &Inquiry<'_>, given: &WaiverGiven) -> Option<String> {
    let (fact, origin) = (&given.waiver.fact, &given.waiver.origin);
    let state = inquiry.history.state();
    let owed = fact
        .review
        .as_ref()
        .and_then(|id| state.obligations.get(id));
    let Some(owed) = owed else {
        return Some("it owes no review".to_owned());
    };
    let mut waivers = state.waivers.iter().map(|it| &it.waiver);
    let brought = waivers.any(|it| {
        it.origin.record == owed.opened.record
            && it.origin.by == origin.by
            && it.fact.reason == fact.reason
            && it.fact.until == fact.until
    });
    let id = &owed.obligation.id;
    if !brought {
        return Some(format!("{id}, which it names, is no review of it"));
    }
    let by_another = owed.obligation.not_by.as_ref().map(PersonName::as_str) == Some(&origin.by);
    match inquiry.policy.waivers().takes_somebody_else() && !by_another {
        true => Some(format!("{} could review it too, in {id}", origin.by)),
        false => None,
    }
}

/// Why `person` cannot waive the requirement as `role`, whatever the time and the reason.
pub(in crate::domain) fn objection(
    policy: &Policy,
    requirement: &Requirement,
    (person, role): (&PersonName, &RoleName),
) -> Option<String> {
    if let Terms::Never(why) = requirement.terms {
        return Some(format!("it cannot be waived: {why}"));
    }
    if !policy.holds(person, role) {
        return Some(format!("{person} does not hold the role {role}"));
    }
    let action = action(policy, requirement.subject);
    if !policy
        .authority(action)
        .is_some_and(|roles| roles.contains(role))
    {
        return Some(format!(
            "the role {role} has no authority for \"{}\"",
            action.word()
        ));
    }
    let rules = policy.waivers();
    if requirement
        .rejected_by
        .iter()
        .any(|by| by == person.as_str())
    {
        return Some(format!(
            "{person} rejected it, and takes that back by signing alone"
        ));
    }
    if !requirement.rejected_by.is_empty() && !rules.may_waive_rejections() {
        return Some("it was rejected, and the policy lets nobody waive a rejection".to_owned());
    }
    let mut signers = requirement.signers.iter();
    if rules.takes_somebody_else() && signers.any(|role| policy.holds(person, role)) {
        return Some(format!(
            "{person} can sign it, and who can sign does not waive"
        ));
    }
    None
}

/// What authority it takes to waive something of this kind.
pub(in crate::domain) fn action(policy: &Policy, subject: Subject) -> Action {
    match subject {
        Subject::Calendar if policy.lists(Action::OverrideFreeze) => Action::OverrideFreeze,
        _ => Action::Waive,
    }
}

/// When a waiver has to count: at the moment that the requirement is about. At closing it is asked of what precedes the deployment whether it did when the last stage
/// was deployed, as of a sign-off.
pub(in crate::domain) fn needed_at(
    inquiry: &Inquiry<'_>,
    requirement: &Requirement,
) -> DateTime<Utc> {
    if let Some(at) = requirement.needed_at {
        return at.max(inquiry.now);
    }
    let of_gate = |id: &GateId| inquiry.gates.iter().find(|gate| gate.id == *id);
    let phase = requirement
        .gate
        .as_ref()
        .map(|id| of_gate(id).map(|gate| gate.phase));
    let precedes = match phase {
        None => true,
        Some(phase) => phase.is_some_and(|phase| phase.precedes_deployment()),
    };
    let deployments = inquiry.history.state().deployments.values();
    match precedes && *inquiry.scope == Scope::Closing {
        true => deployments
            .map(|it| it.started.origin.at)
            .max()
            .unwrap_or(inquiry.now),
        false => inquiry.now,
    }
}

/// How much longer than `now` a waiver may last at most.
pub(in crate::domain) fn longest(policy: &Policy) -> TimeDelta {
    policy.waivers().longest().delta()
}
