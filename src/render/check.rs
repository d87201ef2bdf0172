//! Go or no-go: the answer, what is not met with the command that meets it, and what is met in a few lines.

use super::page::{Block, Item, Mark, Page, Tone, faint, plain, strong};
use super::{waived, words};
use crate::domain::outcome::Check;
use crate::domain::readiness::{Decision, HandOff, Requirement, Status, Subject, Turn};

/// The page of a check.
pub fn page(check: &Check) -> Page {
    let all = &check.readiness.requirements;
    let unmet: Vec<&Requirement> = check.readiness.unmet().collect();
    let mut page = Page::new(
        tone(check.readiness.decision),
        check.readiness.decision.words().to_uppercase(),
        format!("{}: {}", scope(check), sentence(check, unmet.len())),
    );
    if check.unknown_records > 0 {
        page.alert(
            Tone::Warning,
            format!(
                "the ledger has {} of kinds that this relgate does not know; they were not acted on",
                words::count(check.unknown_records, "record")
            ),
            None,
        );
    }
    for (group, requirements) in groups(&unmet) {
        page.list(&group, unmet_items(&requirements));
    }
    page.list("waived", waived::items(check.readiness.waived()));
    let met: Vec<&Requirement> = all
        .iter()
        .filter(|requirement| requirement.status == Status::Met)
        .collect();
    let items = groups(&met)
        .into_iter()
        .map(|(group, requirements)| met_item(group, &requirements))
        .collect();
    page.list("met", items);
    page.say(&hand_off(&check.readiness.hand_off));
    let asked = check.asked_at.map(|at| {
        let time = at.format("%H:%M:%S UTC");
        format!(", its evidence asked once, at {time}")
    });
    page.push(Block::Paragraph(vec![faint(format!(
        "recorded as {}{}",
        check.record.short(),
        asked.unwrap_or_default()
    ))]));
    // One next step, not a list: the rest stands with each requirement.
    let first = unmet
        .iter()
        .find(|requirement| requirement.status != Status::Pending)
        .and_then(|requirement| requirement.command.clone());
    page.next(&Vec::from_iter(first));
    page
}

const fn tone(decision: Decision) -> Tone {
    match decision {
        Decision::Go => Tone::Good,
        Decision::NoGo => Tone::Bad,
        Decision::Inconclusive => Tone::Warning,
    }
}

fn scope(check: &Check) -> String {
    match (&check.gate, check.phase) {
        (Some(gate), _) => format!("{}, gate {gate}", check.release),
        (None, Some(phase)) => format!("{}, phase {}", check.release, phase.word()),
        (None, None) => check.release.to_string(),
    }
}

fn sentence(check: &Check, unmet: usize) -> String {
    let all = check.readiness.requirements.len();
    let waived = check.readiness.waived().count();
    match check.readiness.decision {
        _ if all == 0 => "nothing is required, so nothing was checked".to_owned(),
        Decision::Go if waived > 0 => format!(
            "{} of {all} requirements {} waived, the others are met",
            waived,
            if waived == 1 { "is" } else { "are" }
        ),
        Decision::Go if all == 1 => "the one requirement is met".to_owned(),
        Decision::Go => format!("all {all} requirements are met"),
        Decision::NoGo => format!("{} not met", words::part(unmet, all, "requirement")),
        Decision::Inconclusive => format!(
            "{} not known to be met",
            words::part(unmet, all, "requirement")
        ),
    }
}

/// The requirements by gate or kind, in hand-off order.
fn groups<'a>(requirements: &[&'a Requirement]) -> Vec<(String, Vec<&'a Requirement>)> {
    let mut groups: Vec<(String, Vec<&Requirement>)> = Vec::new();
    for requirement in requirements {
        let name = group(requirement);
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, members)) => members.push(requirement),
            None => groups.push((name, vec![requirement])),
        }
    }
    groups
}

pub(super) fn group(requirement: &Requirement) -> String {
    if let Some(gate) = &requirement.gate {
        return gate.to_string();
    }
    match requirement.subject {
        Subject::Ledger => "ledger",
        Subject::Notes => "release notes",
        Subject::Artifact => "artifacts",
        Subject::Plan => "rollback plan",
        Subject::Baseline => "baselines",
        Subject::Calendar | Subject::Notice => "calendar",
        Subject::Approval => "approvals",
        Subject::Evidence => "evidence",
        Subject::Item => "items",
        Subject::Incident => "incidents",
        Subject::Verification => "verification",
        Subject::Obligation => "obligations",
    }
    .to_owned()
}

/// Whose turn it is; nothing where it is nobody's any more, or where there is but one gate.
fn hand_off(gates: &[HandOff]) -> String {
    let of = |turn: Turn| gates.iter().filter(move |it| it.turn == turn);
    let names = |turn| of(turn).map(|it| it.gate.as_str()).collect::<Vec<_>>();
    let now: Vec<String> = of(Turn::Now)
        .map(|it| match it.who.as_slice() {
            [] => it.gate.to_string(),
            who => format!("{} ({})", it.gate, who.join(", ")),
        })
        .collect();
    let (past, later) = (names(Turn::Past), names(Turn::Later));
    if gates.len() < 2 || past.len() == gates.len() {
        return String::new();
    }
    let said = |gates: String, said: &dyn Fn(&str) -> String| {
        let some = Some(gates).filter(|it| !it.is_empty());
        some.map(|gates| said(&gates))
    };
    let parts: Vec<String> = [
        said(past.join(", "), &|gates| format!("{gates} signed")),
        said(now.join(", "), &|gates| format!("now {gates}")),
        said(later.join(", "), &|gates| format!("then {gates}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    format!("hand-off: {}", parts.join("; "))
}

/// The entries of a group. What several in a row have in common is said once, after the last of them.
fn unmet_items(requirements: &[&Requirement]) -> Vec<Item> {
    requirements
        .chunk_by(|one, next| {
            (one.status, &one.why, &one.who, &one.command)
                == (next.status, &next.why, &next.who, &next.command)
        })
        .flat_map(|alike| {
            let mut items: Vec<Item> = alike.iter().map(|one| unmet_item(one)).collect();
            if let (Some(item), Some(requirement)) = (items.last_mut(), alike.last()) {
                add_details(item, requirement, alike.len());
            }
            items
        })
        .collect()
}

fn unmet_item(requirement: &Requirement) -> Item {
    Item::new(
        words::status_mark(requirement.status),
        vec![
            strong(requirement.title.as_str()),
            faint(format!("  ({})", requirement.id)),
        ],
    )
    .lead(requirement.status.word())
}

fn add_details(item: &mut Item, requirement: &Requirement, alike: usize) {
    let why = match alike {
        1 => "why".to_owned(),
        2 => "why, both".to_owned(),
        several => format!("why, all {several}"),
    };
    item.say(&why, &requirement.why);
    item.say("who", &requirement.who.join(", "));
    // What waits for others cannot be done yet, and whoever comes first is listed with the command.
    if requirement.status != Status::Pending {
        item.command(requirement.command.as_deref());
    }
}

/// One line for all that is met of a group: a reader wants to know what is left to do.
fn met_item(group: String, requirements: &[&Requirement]) -> Item {
    let names: Vec<String> = requirements.iter().map(|met| met_name(met)).collect();
    Item::new(Mark::Good, vec![plain(names.join(", "))]).lead(group)
}

fn met_name(met: &Requirement) -> String {
    let name = match (&met.gate, met.id.split_once('/')) {
        (Some(gate), Some((before, after))) if before == gate.as_str() => after,
        _ => &met.id,
    };
    // Who signed is part of the answer; so is a pass that came only after retries.
    let is_signed = met.subject == Subject::Artifact && met.why.starts_with("signed by ");
    let is_told = met.subject == Subject::Approval || is_signed || met.why.contains(" retries)");
    if !met.why.is_empty() && is_told {
        format!("{name} ({})", met.why)
    } else {
        name.to_owned()
    }
}
