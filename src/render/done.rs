//! A single thing that was recorded.

use super::page::{Page, Tone, faint};
use super::waived;
use crate::domain::outcome::Done;

/// The page of something recorded.
pub fn page(done: &Done) -> Page {
    let mut page = Page::new(
        Tone::Good,
        "DONE",
        format!("{}: {}", done.release, done.what),
    );
    page.line(vec![faint(format!("recorded as {}", done.record.short()))]);
    page.list("waived", waived::items(done.waived.iter()));
    page.next(&done.next);
    page
}
