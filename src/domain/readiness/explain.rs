//! The whole reasoning behind one requirement: the rule, every record that was considered and whether it counts, and the
//! times that were reckoned with. It follows what was decided, and decides nothing.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::requirement::{Change, Requirement, Status, Subject};
use super::{Inquiry, Scope, approvals, artifacts, requirements, waivers};
use crate::domain::calendar::{Allowed, Calendar};
use crate::domain::gate::{Gate, Item};
use crate::domain::ids::RecordId;
use crate::domain::refusal::Refusal;

/// Why a requirement stands as it does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reasoning {
    /// What is required, in sentences; never empty.
    pub rule: Vec<String>,
    /// The records that were considered, in order.
    pub considered: Vec<Considered>,
    /// The times that were reckoned with.
    pub times: Vec<Moment>,
    /// What was found out on this machine.
    pub found: Vec<String>,
}

/// A record that was considered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Considered {
    /// Which.
    pub record: RecordId,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: String,
    /// What it says, in a word or two.
    pub what: String,
    /// Whether it counts.
    pub counts: bool,
    /// Why, or why not.
    pub why: String,
    /// What has changed since, where that is why it does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// A time that was reckoned with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// What happens then.
    pub what: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// The requirement `id` as a check shows it, before the deployment or at closing.
///
/// # Errors
/// As [`super::find`].
pub fn stands(inquiry: &Inquiry<'_>, id: &str) -> Result<Requirement, Refusal> {
    let found = super::find(inquiry, id)?;
    for scope in [&Scope::Deployment, &Scope::Closing] {
        let inquiry = Inquiry { scope, ..*inquiry };
        let all = requirements(&inquiry).into_iter();
        // An item can need two things: the one that is not met is asked about.
        let own: Vec<Requirement> = all.filter(|it| it.id == id).collect();
        let unmet = own.iter().find(|it| it.status != Status::Met);
        if let Some(one) = unmet.or(own.first()) {
            return Ok(waivers::apply(&inquiry, one.clone()));
        }
    }
    Ok(found)
}

/// Why `requirement` stands as it does.
pub fn reasoning(inquiry: &Inquiry<'_>, requirement: &Requirement) -> Reasoning {
    let mut reasoning = Reasoning::default();
    reasoning.time("now", inquiry.now);
    let id = &requirement.id;
    let gate = requirement.gate.as_ref();
    let gate = gate.and_then(|id| inquiry.gates.iter().find(|gate| gate.id == *id));
    match (requirement.subject, gate) {
        (Subject::Approval, Some(gate)) => approval(inquiry, gate, requirement, &mut reasoning),
        (Subject::Evidence, Some(gate)) => {
            let of_item = |item: &&Item| format!("{}/{}", gate.id, item.id) == *id;
            if let Some(item) = gate.items().iter().find(of_item) {
                evidence(inquiry, gate, item, &mut reasoning);
            }
        }
        (Subject::Item, Some(gate)) => {
            let roles: Vec<&str> = requirement.signers.iter().map(|it| it.as_str()).collect();
            reasoning.rule(format!(
                "whoever signs the gate {} confirms it: {}",
                gate.id,
                roles.join(", ")
            ));
        }
        (Subject::Notes, _) => notes(inquiry, requirement, &mut reasoning),
        (Subject::Artifact, _) => artifacts::explain(inquiry, id, &mut reasoning),
        (Subject::Plan, _) => plan(inquiry, id, &mut reasoning),
        (Subject::Calendar, _) => calendar(inquiry, &mut reasoning),
        (Subject::Notice, _) => notice(inquiry, requirement, &mut reasoning),
        (Subject::Obligation, _) => obligation(inquiry, id, &mut reasoning),
        _ => {}
    }
    if reasoning.rule.is_empty() {
        reasoning.rule.push(match requirement.subject {
            Subject::Ledger => "a ledger that is not whole decides nothing".to_owned(),
            Subject::Incident => {
                "nothing goes out, and nothing is closed, while it is in trouble".to_owned()
            }
            Subject::Verification => {
                "every stage is verified before the release is closed".to_owned()
            }
            _ => requirement.title.clone(),
        });
    }
    waived(inquiry, requirement, &mut reasoning);
    reasoning
}

impl Reasoning {
    pub(super) fn rule(&mut self, sentence: impl Into<String>) {
        self.rule.push(sentence.into());
    }

    /// Adds a time that was reckoned with.
    pub(super) fn time(&mut self, what: impl Into<String>, at: DateTime<Utc>) {
        self.times.push(Moment {
            what: what.into(),
            at,
        });
    }
}

fn approval(
    inquiry: &Inquiry<'_>,
    gate: &Gate,
    requirement: &Requirement,
    reasoning: &mut Reasoning,
) {
    let Some(role) = &requirement.role else {
        return;
    };
    let count = gate
        .approvals()
        .into_iter()
        .find(|(signs, _)| signs == role);
    let count = count.map_or(1, |(_, count)| count);
    reasoning.rule(match count {
        1 => format!(
            "somebody who holds the role {role} signs the gate {}",
            gate.id
        ),
        count => format!(
            "{count} different people who hold the role {role} sign the gate {}",
            gate.id
        ),
    });
    reasoning.rule("a sign-off is bound to the release notes, the gate and the artifacts as they were: a change makes it stale");
    let items: Vec<&str> = gate.manual_items().map(|item| item.id.as_str()).collect();
    if !items.is_empty() {
        reasoning.rule(format!("whoever signs confirms: {}", items.join(", ")));
    }
    let names = |ids: &[crate::domain::ids::GateId]| {
        let names: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        names.join(", ")
    };
    if !gate.after().is_empty() {
        reasoning.rule(format!("it comes after: {}", names(gate.after())));
        for before in inquiry
            .gates
            .iter()
            .filter(|it| gate.after().contains(&it.id))
        {
            let how = match super::is_signed(inquiry, before) {
                true => "is passed",
                false => "is not passed",
            };
            reasoning
                .found
                .push(format!("the gate {} {how}", before.id));
        }
    }
    if let Some(distinct) = &gate.distinct_from {
        let distinct = names(distinct);
        reasoning.rule(format!("who signed {distinct} does not sign it"));
    }
    if let Some(deploy_at) = inquiry.notes.deploy_at {
        reasoning.time("the deployment is planned", deploy_at.to_utc());
    }
    if let Some(within) = gate.within {
        reasoning.rule(format!(
            "it is signed no earlier than {within} before the deployment"
        ));
    }
    if let Some(valid_for) = gate.valid_for {
        reasoning.rule(format!("a sign-off counts for {valid_for}"));
    }
    approvals::Standing::new(inquiry).explain(gate, role, reasoning);
}

fn evidence(inquiry: &Inquiry<'_>, gate: &Gate, item: &Item, reasoning: &mut Reasoning) {
    let key = (gate.id.clone(), item.id.clone());
    if let Some(path) = &item.file {
        reasoning.rule(format!(
            "the file {path} of the release is there, and not empty"
        ));
        let problem = inquiry.facts.file_problems.get(&key);
        let found = problem
            .cloned()
            .unwrap_or_else(|| format!("{path} is there"));
        reasoning.found.push(found);
    }
    let Some(probe) = &item.probe else {
        return;
    };
    reasoning.rule(format!(
        "the probe {} passes, asked anew at every check",
        probe.id
    ));
    if let Some(asked_at) = inquiry.facts.asked_at {
        reasoning.time("it was asked", asked_at);
    }
    let Some(sample) = inquiry.facts.evidence.get(&key) else {
        reasoning.found.push("it was not asked".to_owned());
        return;
    };
    for (number, attempt) in sample.attempts.iter().enumerate() {
        let mut found = format!(
            "attempt {}: {}, {} ms",
            number + 1,
            attempt.verdict.word(),
            attempt.took_ms
        );
        for assertion in &attempt.assertions {
            let holds = if assertion.holds {
                "holds"
            } else {
                "does not hold"
            };
            found.push_str(&format!(
                "; {} {holds}: expected {}, found {}",
                assertion.about, assertion.expected, assertion.actual
            ));
        }
        if let Some(trouble) = &attempt.trouble {
            found.push_str(&format!("; {trouble}"));
        }
        reasoning.found.push(found);
    }
    if let Some(repeat) = &sample.repeat {
        reasoning.found.push(format!("repeat it: {repeat}"));
    }
}

fn notes(inquiry: &Inquiry<'_>, requirement: &Requirement, reasoning: &mut Reasoning) {
    let kind = inquiry.notes.kind.word();
    let (policy, id) = (inquiry.policy, &requirement.id);
    let demanded = policy.type_rule(inquiry.notes.kind);
    let demanded = demanded
        .map(|rule| rule.missing(inquiry.notes))
        .unwrap_or_default();
    reasoning.rule(match demanded.iter().any(|(field, _)| field == id) {
        true => format!(
            "the policy demands of a {kind} release: {}",
            requirement.title
        ),
        false => format!("a {kind} release needs: {}", requirement.title),
    });
}

fn plan(inquiry: &Inquiry<'_>, id: &str, reasoning: &mut Reasoning) {
    if id != "rollback.drill" {
        reasoning.rule("every step of the rollback plan can be started on this machine");
        let step = inquiry
            .notes
            .steps()
            .iter()
            .find(|step| step.id.as_str() == id);
        let argv = step.map(|step| step.argv.join(" "));
        reasoning
            .found
            .extend(argv.map(|argv| format!("the step runs: {argv}")));
        return;
    }
    let valid_for = inquiry.policy.drill_valid_for.unwrap_or_default();
    reasoning.rule(format!(
        "the rollback plan, as it is now, was tried within {valid_for}"
    ));
    let steps = super::digest_of(&inquiry.notes.steps());
    let last = inquiry
        .history
        .state()
        .drills
        .last()
        .map(|it| it.origin.record);
    for drill in &inquiry.history.state().drills {
        let (counts, why) = match &drill.fact {
            _ if Some(drill.origin.record) != last => (false, "a later one counts"),
            fact if !fact.passed => (false, "it failed"),
            fact if fact.steps != steps => (false, "the plan has changed since"),
            _ if inquiry.now > drill.origin.at + valid_for.delta() => (false, "it is too old"),
            _ => (true, "it passed"),
        };
        reasoning.considered.push(Considered {
            record: drill.origin.record,
            at: drill.origin.at,
            by: drill.origin.by.clone(),
            what: "drilled".to_owned(),
            counts,
            why: why.to_owned(),
            changes: Vec::new(),
        });
    }
}

fn calendar(inquiry: &Inquiry<'_>, reasoning: &mut Reasoning) {
    let Some(calendar) = &inquiry.policy.calendar else {
        return;
    };
    reasoning.rule("a deployment begins when no freeze, holiday or hour of the calendar forbids it: asked of deploy_at at a check, and of the present when it begins");
    let zone = calendar.time_zone.as_deref().unwrap_or("UTC");
    reasoning.rule(format!("its days and hours are those of {zone}"));
    if let Some(deploy_at) = inquiry.notes.deploy_at {
        reasoning.time("the deployment is planned", deploy_at.to_utc());
        reasoning
            .found
            .push(allowed(calendar, "deploy_at", deploy_at.to_utc()));
    }
    reasoning.found.push(allowed(calendar, "now", inquiry.now));
}

fn allowed(calendar: &Calendar, what: &str, at: DateTime<Utc>) -> String {
    let shown = calendar.shown(at);
    match calendar.allows(at) {
        Allowed::Open => format!("{what}, {shown}: open"),
        Allowed::Closed { by, until } => {
            let by: Vec<String> = by.into_iter().map(|closer| closer.what).collect();
            let opens = until.map(|until| format!("; it opens {}", calendar.shown(until)));
            format!(
                "{what}, {shown}: closed by {}{}",
                by.join(", "),
                opens.unwrap_or_default()
            )
        }
    }
}

fn notice(inquiry: &Inquiry<'_>, requirement: &Requirement, reasoning: &mut Reasoning) {
    reasoning.rule(requirement.title.clone());
    reasoning.rule("notice begins with the first record of the release's ledger");
    if let Some(first) = inquiry.history.records().first() {
        reasoning.considered.push(Considered {
            record: first.id,
            at: first.at,
            by: first.by.clone(),
            what: first.kind().to_owned(),
            counts: true,
            why: "the first record".to_owned(),
            changes: Vec::new(),
        });
    }
    let (at, _) = inquiry.deployment();
    reasoning.time("the deployment begins", at);
}

fn obligation(inquiry: &Inquiry<'_>, id: &str, reasoning: &mut Reasoning) {
    let Some(owed) = inquiry.history.state().obligations.get(id) else {
        return;
    };
    reasoning.rule("what is owed is settled before the release is closed");
    reasoning.rule(format!("{} owes it", owed.obligation.role));
    reasoning.time("it is due", owed.obligation.due);
    reasoning.considered.push(Considered {
        record: owed.opened.record,
        at: owed.opened.at,
        by: owed.opened.by.clone(),
        what: "opened it".to_owned(),
        counts: true,
        why: "nobody has settled it".to_owned(),
        changes: Vec::new(),
    });
}

/// Every waiver of the requirement, whether it counts or not.
fn waived(inquiry: &Inquiry<'_>, requirement: &Requirement, reasoning: &mut Reasoning) {
    let mut given: Vec<_> = waivers::of(inquiry, &requirement.id).collect();
    given.reverse();
    for one in given {
        let origin = &one.waiver.origin;
        let flaw = waivers::flaw(inquiry, requirement, one);
        let until = one.waiver.fact.until.format("%Y-%m-%d %H:%M UTC");
        reasoning.considered.push(Considered {
            record: origin.record,
            at: origin.at,
            by: origin.by.clone(),
            what: format!("waived it as {}", one.waiver.fact.role),
            counts: flaw.is_none(),
            why: flaw.unwrap_or_else(|| format!("until {until}: {}", one.waiver.fact.reason)),
            changes: Vec::new(),
        });
    }
}
