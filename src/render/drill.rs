//! What a drill of the rollback plan came to.

use super::page::{Item, Mark, Page, Tone, plain};
use super::{verification, windows, words};
use crate::domain::outcome::Drill;

/// The page of a drill.
pub fn page(drill: &Drill) -> Page {
    let (tone, answer, how) = match drill.passed {
        true => (Tone::Good, "DRILL PASSED", "the rollback plan works"),
        false => (Tone::Bad, "DRILL FAILED", "the rollback plan does not work"),
    };
    let about = format!(
        "{}: {how}, tried in {}",
        drill.release,
        words::took(drill.took_ms)
    );
    let mut page = Page::new(tone, answer, about);
    let mark = if drill.passed { Mark::Good } else { Mark::Bad };
    let mut plan = Item::new(mark, vec![plain("rollback plan")]);
    drill
        .steps
        .iter()
        .for_each(|step| windows::add_step(&mut plan, step, true));
    page.list("tried", vec![plan]);
    page.list(
        "afterwards",
        drill
            .samples
            .iter()
            .map(verification::sample_item)
            .collect(),
    );
    page.say(&format!("recorded as {}", drill.record.short()));
    page.next(&drill.next);
    page
}
