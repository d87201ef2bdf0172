//! What a watch or a rollback came to.

use super::page::{Page, Tone};
use super::{windows, words};
use crate::domain::outcome::{WatchEnd, Watched};

/// The page of a watch or a rollback.
pub fn page(watched: &Watched) -> Page {
    let release = &watched.release;
    let open = words::count(watched.windows.len(), "window");
    let previous = watched
        .rollback
        .as_ref()
        .map_or("the version before", |rollback| &rollback.previous);
    let (tone, answer, about) = match watched.end {
        WatchEnd::Quiet => (
            Tone::Neutral,
            "NOTHING TO WATCH",
            format!("{release}: no incident is open"),
        ),
        WatchEnd::Resolved => (
            Tone::Good,
            "RESOLVED",
            format!("{release}: no incident is open any more"),
        ),
        WatchEnd::Replaced => (
            Tone::Good,
            "REPLACED",
            format!("{release}: another release runs in its place"),
        ),
        WatchEnd::WaitsForPerson => (
            Tone::Bad,
            "WAITS FOR A PERSON",
            format!("{release}: {open} left, and nothing happens by itself any more"),
        ),
        WatchEnd::Detached => (
            Tone::Warning,
            "DETACHED",
            format!("{release}: {open} armed, and this watcher has stopped"),
        ),
        WatchEnd::RolledBack => (
            Tone::Warning,
            "ROLLED BACK",
            format!("{release}: {previous} runs again, and the checks after the rollback pass"),
        ),
        WatchEnd::Unread => (
            Tone::Bad,
            "NOT READ",
            format!("{release}: part of the ledger cannot be read, and an incident may be open"),
        ),
        WatchEnd::Stuck => (
            Tone::Bad,
            "STUCK",
            format!("{release}: the rollback to {previous} did not succeed"),
        ),
    };
    let mut page = Page::new(tone, answer, about);
    // The last line of a countdown that was ended says it, below everything else.
    if watched.end != WatchEnd::Detached {
        page.say(&watched.say);
    }
    if let Some(rollback) = &watched.rollback {
        windows::add_rollback(&mut page, release, rollback);
    } else if watched.end == WatchEnd::Stuck {
        page.alert(Tone::Bad, "a person is needed now", None);
    }
    windows::add_unread(&mut page, &watched.unread);
    windows::add(&mut page, release, &watched.windows);
    page.next(&watched.next);
    page
}
