//! Signing and rejecting a gate.

use super::{Actor, known_role, refuse_over, unknown_person};
use crate::domain::gate::Gate;
use crate::domain::ids::{Digest, RoleName};
use crate::domain::probe::judge::{Sample, Verdict};
use crate::domain::readable::is_blank;
use crate::domain::readiness::{self, Inquiry, Status, command};
use crate::domain::record::body::{Answer, Answered, Rejection, SignOff};
use crate::domain::record::{Body, Draft};
use crate::domain::refusal::Refusal;

/// The role as which `actor` signs `gate`: the one that was named, or the only fitting one.
///
/// # Errors
/// Invalid for an unknown person or role, refused where the actor holds none that signs the gate.
pub fn signing_role(
    inquiry: &Inquiry<'_>,
    gate: &Gate,
    actor: &Actor,
) -> Result<RoleName, Refusal> {
    let Some(person) = inquiry.policy.people.get(&actor.person) else {
        return Err(unknown_person(inquiry.policy, &actor.person));
    };
    let needed: Vec<RoleName> = gate.approvals().into_iter().map(|(role, _)| role).collect();
    let signs = || {
        needed
            .iter()
            .map(RoleName::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(role) = &actor.role {
        known_role(inquiry.policy, role)?;
        if !gate.is_signed_by(role) {
            return Err(Refusal::refused(format!(
                "the role {role} does not sign the gate {}",
                gate.id
            ))
            .help(format!("it is signed by: {}", signs())));
        }
        if !person.roles.contains(role) {
            return Err(Refusal::refused(format!(
                "{} does not hold the role {role}",
                actor.person
            ))
            .help(format!(
                "held by: {}",
                inquiry
                    .policy
                    .holders(role)
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            )));
        }
        return Ok(role.clone());
    }
    let fitting: Vec<&RoleName> = needed
        .iter()
        .filter(|role| person.roles.contains(role))
        .collect();
    // A person with several of the roles signs next for the first whose approval is still open.
    let open = |role: &&&RoleName| {
        let id = format!("{}/{role}", gate.id);
        readiness::unwaived_approvals_of(inquiry, gate)
            .iter()
            .any(|it| it.id == id && it.status != Status::Met)
    };
    fitting
        .iter()
        .find(open)
        .or(fitting.first())
        .map(|role| (*role).clone())
        .ok_or_else(|| {
            Refusal::refused(format!(
                "{} holds no role that signs the gate {}",
                actor.person, gate.id
            ))
            .help(format!("it is signed by: {}", signs()))
        })
}

/// Whether `gate` can be signed now: in the hand-off order, not too early, not met already by this person.
///
/// # Errors
/// Refused, with what it waits for.
pub fn may_sign(
    inquiry: &Inquiry<'_>,
    gate: &Gate,
    role: &RoleName,
    by: &Actor,
) -> Result<(), Refusal> {
    refuse_over(inquiry)?;
    let not_yet = |why: String| {
        Refusal::refused(format!(
            "the gate {} cannot be signed yet: it {why}",
            gate.id
        ))
        .help(command(&inquiry.notes.release, "check"))
    };
    if let Some(why) = readiness::waits(inquiry, gate) {
        return Err(not_yet(why));
    }
    let id = format!("{}/{role}", gate.id);
    for requirement in readiness::unwaived_approvals_of(inquiry, gate)
        .into_iter()
        .filter(|it| it.id == id)
    {
        if requirement.status == Status::Met {
            return Err(Refusal::refused(format!(
                "the gate {} is {} as {role} already",
                gate.id, requirement.why
            ))
            .help(command(&inquiry.notes.release, "check")));
        }
    }
    if let Some(why) = readiness::too_early(inquiry, gate) {
        return Err(not_yet(why));
    }
    if readiness::has_signed(inquiry, gate, role, &by.person) {
        return Err(Refusal::refused(format!(
            "{} has signed the gate {} as {role} already",
            by.person, gate.id
        ))
        .help(command(&inquiry.notes.release, "check")));
    }
    if let Some(other) = readiness::other_side(inquiry, gate, by.person.as_str(), None) {
        return Err(Refusal::refused(format!(
            "{} signed the gate {other}, and {} must be signed by somebody else",
            by.person, gate.id
        ))
        .help(command(&inquiry.notes.release, "check")));
    }
    Ok(())
}

/// A complete set of answers becomes a sign-off.
///
/// # Errors
/// Refused where an item is not confirmed, where its evidence does not pass, or where the gate cannot be signed now.
pub fn sign(
    inquiry: &Inquiry<'_>,
    gate: &Gate,
    actor: &Actor,
    answers: Vec<Answered>,
    evidence: Vec<Sample>,
) -> Result<Draft, Refusal> {
    let role = signing_role(inquiry, gate, actor)?;
    may_sign(inquiry, gate, &role, actor)?;
    for item in gate.confirmed_items() {
        let answer = answers
            .iter()
            .find(|answered| answered.item == item.id)
            .map(|answered| answered.answer);
        let problem = match answer {
            Some(Answer::Yes) => continue,
            Some(Answer::NotApplicable) if item.is_optional() => continue,
            Some(Answer::NotApplicable) => "\"not applicable\" is no answer to it",
            Some(Answer::No) => "it was answered with no",
            None if readiness::is_waived(inquiry, gate, item) => continue,
            None => "it was not answered",
        };
        return Err(Refusal::refused(format!(
            "the gate {} cannot be signed: {} — {problem}",
            gate.id, item.id
        ))
        .help(command(
            &inquiry.notes.release,
            &format!("sign {} --reject --reason TEXT", gate.id),
        )));
    }
    for item in gate.items().iter().filter(|item| item.is_evidence()) {
        let probe = item.probe.as_ref().map(|probe| &probe.id);
        let sample = evidence.iter().find(|sample| Some(&sample.probe) == probe);
        if sample.is_none_or(|sample| sample.verdict != Verdict::Pass)
            && !readiness::is_waived(inquiry, gate, item)
        {
            let why = sample.map_or_else(|| "its probe was not asked".to_owned(), Sample::reason);
            return Err(Refusal::refused(format!(
                "the gate {} cannot be signed: {} — {why}",
                gate.id, item.id
            ))
            .help(command(
                &inquiry.notes.release,
                &format!("check {}", gate.id),
            )));
        }
    }
    let artifacts = artifacts(inquiry)?;
    let binding = readiness::binding(inquiry, gate, artifacts);
    let body = Body::SignedOff(SignOff {
        gate: gate.id.clone(),
        role,
        answers,
        evidence,
        binding,
        seen: readiness::seen(inquiry, gate),
    });
    Ok(Draft {
        by: actor.person.to_string(),
        body,
    })
}

/// What the artifacts come to, for a sign-off to be bound to.
///
/// # Errors
/// Refused where one is missing or cannot be read, and nobody waived that: nobody can have looked at it.
fn artifacts(inquiry: &Inquiry<'_>) -> Result<Digest, Refusal> {
    let help = command(&inquiry.notes.release, "check");
    if let Some((artifact, problem)) = readiness::artifacts_gone(inquiry).first() {
        return Err(Refusal::refused(format!(
            "nothing can be signed over the artifact {artifact}: {problem}"
        ))
        .help(help));
    }
    let digest = inquiry.facts.artifacts;
    digest.ok_or_else(|| Refusal::refused("the artifacts were not looked at").help(help))
}

/// A no with its reason.
///
/// # Errors
/// Invalid for an unknown person or role, refused where the actor does not sign the gate, usage for an empty reason.
pub fn reject(
    inquiry: &Inquiry<'_>,
    gate: &Gate,
    actor: &Actor,
    reason: &str,
    answers: Vec<Answered>,
) -> Result<Draft, Refusal> {
    if is_blank(reason) {
        return Err(Refusal::usage("a rejection needs a reason").help("add --reason TEXT"));
    }
    refuse_over(inquiry)?;
    let role = signing_role(inquiry, gate, actor)?;
    let body = Body::Rejected(Rejection {
        gate: gate.id.clone(),
        role,
        reason: reason.trim().to_owned(),
        answers,
    });
    Ok(Draft {
        by: actor.person.to_string(),
        body,
    })
}
