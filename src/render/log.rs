//! What happened: when, who, what.

use super::page::{Cell, Page, Tone};
use super::words;
use crate::domain::outcome::Log;

/// The page of a log.
pub fn page(log: &Log) -> Page {
    let release = &log.release;
    let about = match log.entries.as_slice() {
        [] => format!("{release}: nothing is recorded yet"),
        [first, .., last] => format!(
            "{release}: {} from {} to {}",
            words::count(log.entries.len(), "record"),
            words::time(first.at),
            words::time(last.at)
        ),
        [one] => format!("{release}: 1 record, {}", words::time(one.at)),
    };
    let mut page = Page::new(Tone::Neutral, "LOG", about);
    let rows = log
        .entries
        .iter()
        .map(|entry| {
            vec![
                Cell::new(entry.at.format("%Y-%m-%d %H:%M:%S").to_string()),
                Cell::new(entry.by.as_str()),
                Cell::new(entry.text.as_str()),
                Cell::new(entry.record.short()),
            ]
        })
        .collect();
    page.table("", &["when (UTC)", "who", "what", "record"], rows);
    page
}
