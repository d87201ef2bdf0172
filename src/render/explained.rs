//! The whole reasoning behind one requirement.

use super::page::{Item, Mark, Page, Tone, faint, plain, strong};
use super::{waived, words};
use crate::domain::outcome::Explanation;
use crate::domain::readiness::{Change, Considered};

/// The page of an explanation.
pub fn page(explanation: &Explanation) -> Page {
    let (requirement, reasoning) = (&explanation.requirement, &explanation.reasoning);
    let mark = words::status_mark(requirement.status);
    let mut page = Page::new(
        mark.tone(),
        requirement.status.word().to_uppercase(),
        format!(
            "{}: {} ({})",
            explanation.release, requirement.title, requirement.id
        ),
    );
    page.say(&requirement.why);
    page.list("waived", waived::items(std::iter::once(requirement)));
    let mut rule: Vec<Item> = reasoning.rule.iter().map(|it| neutral(it)).collect();
    if let (Some(first), Some(written)) = (rule.first_mut(), &explanation.written) {
        first.say("written in", written);
    }
    page.list("rule", rule);
    let considered: Vec<Item> = reasoning.considered.iter().map(considered).collect();
    match considered.is_empty() {
        true => page.say("no record is about it"),
        false => page.list("considered", considered),
    }
    page.list(
        "found",
        reasoning.found.iter().map(|it| neutral(it)).collect(),
    );
    let times = reasoning.times.iter();
    let times = times.map(|it| neutral(&format!("{}: {}", it.what, words::time(it.at))));
    page.list("times", times.collect());
    if !requirement.who.is_empty() {
        page.say(&format!("can meet it: {}", requirement.who.join(", ")));
    }
    page.next(&Vec::from_iter(requirement.command.clone()));
    page
}

fn neutral(text: &str) -> Item {
    Item::new(Mark::Neutral, vec![plain(text)])
}

fn considered(one: &Considered) -> Item {
    let (tone, counts) = match one.counts {
        true => (Tone::Good, "counts"),
        false => (Tone::Warning, "does not count"),
    };
    let mut item = Item::new(
        Mark::of(tone),
        vec![
            strong(format!("{} {}", one.by, one.what)),
            plain(format!(" on {}: {counts}", words::time(one.at))),
            faint(format!("  {}", one.record.short())),
        ],
    );
    item.say("why", &one.why);
    for change in &one.changes {
        item.say("changed", &changed(change));
    }
    item
}

fn changed(change: &Change) -> String {
    let quoted = |value: &Option<String>| match value {
        Some(value) => format!("\"{value}\""),
        None => "nothing".to_owned(),
    };
    let (from, to) = (quoted(&change.from), quoted(&change.to));
    format!("{} was {from}, is {to}", change.field)
}
