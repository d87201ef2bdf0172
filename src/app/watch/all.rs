//! `relgate watch --all`: keeps the windows of every release, each on a thread of its own, for as long as it is let.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use super::watch;
use crate::app::{Result, World, project};
use crate::domain::event::Event;
use crate::domain::ids::ReleaseName;
use crate::domain::state::ReleaseState;
use crate::ports::Ledger;

/// How often releases are looked for, in milliseconds: a window that somebody opens is watched at the latest then.
const LOOK: u64 = 1_000;

/// What a watcher's thread says.
enum Said {
    Happened(ReleaseName, Event),
    Ended(ReleaseName),
}

/// Watches until this process is asked to stop. `alive` is called at least once a second with the number of releases
/// that are watched; a service manager that hears nothing for longer may start it anew.
///
/// # Errors
/// Only what makes watching impossible from the start.
pub fn watch_all(
    world: &World<'_>,
    policy_path: &str,
    hear: &mut dyn FnMut(&ReleaseName, &Event),
    alive: &mut dyn FnMut(usize),
) -> Result<()> {
    project::releases(world)?;
    let (say, said) = channel();
    std::thread::scope(|scope| {
        let mut ledgers: BTreeMap<ReleaseName, Box<dyn Ledger>> = BTreeMap::new();
        let mut watched: BTreeSet<ReleaseName> = BTreeSet::new();
        loop {
            while let Ok(what) = said.try_recv() {
                match what {
                    Said::Happened(name, event) => hear(&name, &event),
                    Said::Ended(name) => {
                        watched.remove(&name);
                    }
                }
            }
            if (world.stop)() && watched.is_empty() {
                return;
            }
            // A folder that cannot be read now is looked at again: what is watched goes on.
            for name in project::releases(world).unwrap_or_default() {
                if (world.stop)() || watched.contains(&name) || world.ledgers.has_ended(&name) {
                    continue;
                }
                let ledger = ledgers
                    .entry(name.clone())
                    .or_insert_with(|| world.ledgers.open(&name));
                if ledger
                    .refresh()
                    .is_ok_and(|history| needs_watching(history.state()))
                {
                    watched.insert(name.clone());
                    let say = say.clone();
                    scope.spawn(move || watch_one(world, policy_path, &name, &say));
                }
            }
            alive(watched.len());
            world.clock.wait(Duration::from_millis(LOOK));
        }
    });
    Ok(())
}

/// Whether anything of a release happens by itself.
fn needs_watching(state: &ReleaseState) -> bool {
    match &state.rollback {
        Some(rollback) => rollback.is_running(),
        None => state
            .open_incidents()
            .any(|incident| incident.has_running_window()),
    }
}

/// Watches one release. Whatever becomes of it, a bug too, only its own watch ends, and is begun anew by the next look.
fn watch_one(world: &World<'_>, policy_path: &str, name: &ReleaseName, say: &Sender<Said>) {
    let happened = |event: Event| {
        let _ = say.send(Said::Happened(name.clone(), event));
    };
    let watched = catch_unwind(AssertUnwindSafe(|| {
        let release = project::load_armed(world, policy_path, name)?;
        watch(world, &release, &mut |event| happened(event.clone()))
    }));
    if let Ok(Err(error)) = watched {
        happened(Event::Warning {
            text: error.to_string(),
        });
        world.clock.wait(Duration::from_millis(LOOK));
    }
    let _ = say.send(Said::Ended(name.clone()));
}
