//! `relgate watch`: keeps the windows of a release. It counts down, asks the failing probes again, claims the rollback
//! when a window expires, and follows it to its end.
//!
//! What keeps deadlines does nothing slow: probes are asked in the background, and the rollback runs in a process of its
//! own that outlives this one.

pub mod all;
mod background;
mod drivers;
mod farewell;
mod probing;
mod schedule;
mod tell;
mod watcher;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::event::Event;
use crate::domain::outcome::{WatchEnd, Watched};
use crate::domain::watch::Outcome;
use background::Background;
use farewell::{Others, farewell};
use watcher::{Step, Watcher};

use super::ledger::Ledger;
use super::project::Release;
use super::{Hear, Result, World, anchor, lease, view};

/// How soon a watcher shows itself where another one was shown that stopped, in milliseconds.
const HAND_OVER: u64 = 250;

/// Watches until nothing is left that happens by itself, or until this process is asked to stop.
///
/// # Errors
/// Only what makes watching impossible from the start; once a window is watched, trouble with the ledger is told and
/// tried again.
pub fn watch(world: &World<'_>, release: &Release, hear: &mut Hear<'_>) -> Result<Watched> {
    let mut ledger = world.ledgers.open(&release.name);
    // A ledger that cannot be read now is looked at again.
    let (release, edited) = match ledger.refresh() {
        Ok(history) => anchor::take_up(world, release, history.state()),
        Err(_) => (release.clone(), Vec::new()),
    };
    for text in edited {
        hear(&Event::Warning { text });
    }
    let shared = Arc::new(release.clone());
    std::thread::scope(|scope| {
        let background = Arc::new(Background::new(scope, usize::from(world.is_concurrent)));
        let mut watcher = Watcher::new(scope, background, *world, (shared, ledger));
        loop {
            match watcher.step(hear) {
                Step::End(end) => {
                    let mut ledger = watcher.into_ledger();
                    let others = match end {
                        WatchEnd::Detached => successor(world, &release),
                        _ => Others::Nobody,
                    };
                    return finish(world, &release, (ledger.as_mut(), end, others), hear);
                }
                Step::Again(0) => {}
                // Whoever is shown may stop, and is asked who watches on.
                Step::Again(time) => {
                    world
                        .clock
                        .wait(Duration::from_millis(match watcher.is_shown() {
                            true => time,
                            false => time.min(HAND_OVER),
                        }))
                }
            }
        }
    })
}

/// Who watches on: one of several watchers is shown, and the next one shows itself at its next look.
fn successor(world: &World<'_>, release: &Release) -> Others {
    const PAUSE: Duration = Duration::from_millis(25);
    const PAUSES: u32 = 50;
    for _ in 0..PAUSES {
        if let others @ Others::Watch(_) = other_watcher(world, release) {
            return others;
        }
        world.clock.wait(PAUSE);
    }
    other_watcher(world, release)
}

/// Who has the lease of a watcher this moment.
fn other_watcher(world: &World<'_>, release: &Release) -> Others {
    match lease::watching(world, &release.name) {
        Some(watching) => Others::Watch(watching.process),
        None => Others::Nobody,
    }
}

/// Tells how the watch ended.
fn finish(
    world: &World<'_>,
    release: &Release,
    (ledger, end, others): (&mut dyn Ledger, WatchEnd, Others),
    hear: &mut Hear<'_>,
) -> Result<Watched> {
    let read = ledger.refresh().map(|_| ());
    if end != WatchEnd::Unread {
        read?;
    }
    let history = ledger.history();
    let (state, unread) = (history.state().clone(), history.unread());
    let now = world.clock.now();
    let windows = view::windows(release, &state, &now, &BTreeMap::new());
    let (say, next) = farewell(release, &state, (end, others), &now);
    let event = match end {
        WatchEnd::Detached => Some(Event::Detached { say: say.clone() }),
        WatchEnd::Quiet | WatchEnd::WaitsForPerson | WatchEnd::Unread => None,
        WatchEnd::Resolved => Some(Event::Ended {
            outcome: Outcome::Resolved,
            say: say.clone(),
        }),
        WatchEnd::Replaced => Some(Event::Ended {
            outcome: Outcome::Replaced,
            say: say.clone(),
        }),
        WatchEnd::RolledBack => Some(Event::Ended {
            outcome: Outcome::RolledBack,
            say: say.clone(),
        }),
        WatchEnd::Stuck => Some(Event::Ended {
            outcome: Outcome::Stuck,
            say: say.clone(),
        }),
    };
    if let Some(event) = event {
        hear(&event);
    }
    let rollback = view::rollback(&state);
    Ok(Watched {
        release: release.name.clone(),
        end,
        windows,
        unread,
        rollback,
        say,
        next,
    })
}
