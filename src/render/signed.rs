//! Sign-offs and rejections that were recorded.

use super::page::{Item, Mark, Page, Tone, faint, plain, strong};
use super::words;
use crate::domain::outcome::{Signed, SignedGate};

/// The page of sign-offs.
pub fn page(signed: &Signed) -> Page {
    let release = &signed.release;
    let rejected = signed.signatures.iter().filter(|one| !one.approved).count();
    let approved = signed.signatures.len() - rejected;
    let (tone, answer, about) = match (approved, rejected) {
        (0, 0) => (
            Tone::Neutral,
            "NOTHING SIGNED",
            format!("{release}: nothing was recorded"),
        ),
        (some, 0) => (
            Tone::Good,
            "SIGNED",
            format!("{release}: {}", words::count(some, "gate")),
        ),
        (0, some) => (
            Tone::Bad,
            "REJECTED",
            format!("{release}: {}", words::count(some, "gate")),
        ),
        (some, no) => (
            Tone::Bad,
            "REJECTED",
            format!("{release}: {}, {some} signed", words::count(no, "gate")),
        ),
    };
    let mut page = Page::new(tone, answer, about);
    page.list("", signed.signatures.iter().map(item).collect());
    page.next(&signed.next);
    page
}

fn item(signed: &SignedGate) -> Item {
    let (mark, word) = match signed.approved {
        true => (Mark::Good, "signed"),
        false => (Mark::Bad, "rejected"),
    };
    let mut item = Item::new(
        mark,
        vec![
            strong(signed.gate.as_str()),
            plain(format!(
                " by {} as {}, {}",
                signed.by,
                signed.role,
                words::count(signed.items, "item")
            )),
            faint(format!("  {}", signed.record.short())),
        ],
    )
    .lead(word);
    for waived in &signed.waived {
        item.say("not asked for", waived);
    }
    item
}
