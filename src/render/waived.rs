//! Requirements that somebody has waived: who, why, until when, and what is owed for it.

use super::page::{Item, Page, Tone, faint, strong};
use super::words;
use crate::domain::outcome::Waived;
use crate::domain::readiness::{Requirement, WaiverView};

/// The page of waivers that were recorded.
pub fn page(waived: &Waived) -> Page {
    let mut page = Page::new(
        Tone::Warning,
        "WAIVED",
        format!(
            "{}: {}",
            waived.release,
            words::count(waived.requirements.len(), "requirement")
        ),
    );
    page.list("", items(waived.requirements.iter()));
    page.next(&waived.next);
    page
}

/// The requirements that a waiver stands in for, an entry each.
pub fn items<'a>(requirements: impl Iterator<Item = &'a Requirement>) -> Vec<Item> {
    requirements
        .filter_map(|requirement| Some(item(requirement, requirement.waiver.as_ref()?)))
        .collect()
}

fn item(requirement: &Requirement, waiver: &WaiverView) -> Item {
    let mut item = Item::new(
        words::status_mark(requirement.status),
        vec![
            strong(requirement.title.as_str()),
            faint(format!("  ({})", requirement.id)),
        ],
    )
    .lead(requirement.status.word());
    item.say(
        "stands",
        &format!("{}: {}", waiver.instead_of.word(), waiver.because),
    );
    item.say(
        "by",
        &format!(
            "{} as {}, until {}",
            waiver.by,
            waiver.role,
            words::time(waiver.until)
        ),
    );
    item.say("reason", &waiver.reason);
    if let Some(review) = &waiver.review {
        let owed = match review.settled {
            true => "done".to_owned(),
            false => format!("owed by {} until {}", review.role, words::time(review.due)),
        };
        item.say("review", &format!("{}, {owed}", review.obligation));
    }
    item
}
