//! What is owed over all releases: what is overdue first.

use super::page::{Item, Mark, Page, Tone, faint, plain, strong};
use super::words;
use crate::domain::outcome::{DueReport, ObligationView};
use crate::domain::readiness::command;

/// The page of what is owed.
pub fn page(report: &DueReport) -> Page {
    let (owed, settled): (Vec<&ObligationView>, Vec<&ObligationView>) = report
        .obligations
        .iter()
        .partition(|one| one.settled.is_none());
    let overdue = owed.iter().filter(|one| one.overdue).count();
    let mut page = match (owed.len(), overdue) {
        (0, _) => Page::new(Tone::Good, "NOTHING OWED", ""),
        (some, 0) => Page::new(
            Tone::Neutral,
            "DUE",
            format!("{}, none overdue", words::count(some, "obligation")),
        ),
        (some, late) => Page::new(
            Tone::Bad,
            "OVERDUE",
            format!("{} past its time", words::part(late, some, "obligation")),
        ),
    };
    page.list("", owed.iter().map(|one| item(one)).collect());
    let items = settled
        .into_iter()
        .map(|one| {
            let how = one.settled.as_deref().unwrap_or_default();
            Item::new(
                Mark::Good,
                vec![
                    plain(format!("{}: {}", one.release, one.title)),
                    faint(format!("  {how}")),
                ],
            )
            .lead(one.id.as_str())
        })
        .collect();
    page.list("settled", items);
    let first = owed
        .first()
        .map(|one| command(&one.release, &format!("due settle {} --how TEXT", one.id)));
    page.next(&Vec::from_iter(first));
    page
}

fn item(owed: &ObligationView) -> Item {
    let (mark, word) = match owed.overdue {
        true => (Mark::Bad, "overdue"),
        false => (Mark::Neutral, "due"),
    };
    let mut item = Item::new(
        mark,
        vec![
            plain(format!("{}  ", words::time(owed.due))),
            strong(owed.title.as_str()),
            faint(format!("  ({} {})", owed.release, owed.id)),
        ],
    )
    .lead(word);
    item.say("who", &who(owed));
    item.say("document", owed.document.as_deref().unwrap_or_default());
    item
}

/// The people who owe it, or the role where nobody holds it.
pub(super) fn who(owed: &ObligationView) -> String {
    match owed.who.as_slice() {
        [] => format!("nobody holds the role {}", owed.role),
        who => format!("{} as {}", who.join(", "), owed.role),
    }
}
