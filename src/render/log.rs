//! What happened: when, who, what.

use super::page::{Cell, Page, Tone};
use super::words;
use crate::domain::outcome::{Log, LogEntry};
use crate::domain::record::TOOL;

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
    // Where nobody signs, there is nothing to tell of signatures.
    let shows_keys = log.entries.iter().any(|it| it.signed.is_some());
    let rows = log
        .entries
        .iter()
        .map(|entry| {
            let mut row = vec![
                Cell::new(entry.at.format("%Y-%m-%d %H:%M:%S").to_string()),
                Cell::new(entry.by.as_str()),
                match entry.flaw {
                    Some(_) => Cell::toned(Tone::Bad, entry.text.as_str()),
                    None => Cell::new(entry.text.as_str()),
                },
                Cell::new(entry.record.short()),
            ];
            if shows_keys {
                row.insert(3, Cell::new(signed(entry)));
            }
            row
        })
        .collect();
    let columns: &[&str] = match shows_keys {
        true => &["when (UTC)", "who", "what", "signed with", "record"],
        false => &["when (UTC)", "who", "what", "record"],
    };
    page.table("", columns, rows);
    page
}

/// The key, or that there is none; relgate signs nothing of its own. The beginning of a fingerprint tells a team's keys
/// apart, and machine output has the whole.
fn signed(entry: &LogEntry) -> String {
    match &entry.signed {
        Some(fingerprint) => fingerprint.chars().take(7 + 12).chain(['…']).collect(),
        None if entry.by == TOOL => String::new(),
        None => "unsigned".to_owned(),
    }
}
