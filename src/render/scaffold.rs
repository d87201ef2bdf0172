//! Files that were written.

use super::page::{Item, Mark, Page, Tone, code};
use super::words;
use crate::domain::outcome::Scaffold;

/// The page of a scaffold.
pub fn page(scaffold: &Scaffold) -> Page {
    let mut page = match scaffold.written.len() {
        0 => Page::new(
            Tone::Neutral,
            "NOTHING WRITTEN",
            "everything is there already",
        ),
        some => Page::new(Tone::Good, "WRITTEN", words::count(some, "file")),
    };
    let items = scaffold
        .written
        .iter()
        .map(|file| Item::new(Mark::Good, vec![code(file.as_str())]))
        .collect();
    page.list("", items);
    page.next(&scaffold.next);
    page
}
