//! `relgate watch --all`: keeps the windows of every release, for as long as it is let, with a few threads for all of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, Scope};
use std::time::Duration;

use super::background::Background;
use super::schedule::{After, Schedule};
use super::watcher::{Step, Watcher};
use super::{finish, other_watcher};
use crate::app::ledger::Ledger;
use crate::app::project::Release;
use crate::app::{Result, World, anchor, project};
use crate::domain::event::Event;
use crate::domain::ids::ReleaseName;

/// How often releases are looked for, in milliseconds: a window that somebody opens is watched at the latest then.
const LOOK: u64 = 1_000;

/// The most threads that keep deadlines. Two are enough unless disks hang: a release whose disk does keeps one busy.
const MOST_KEEPERS: usize = 64;

/// The most threads that ask probes.
const MOST_PROBERS: usize = 16;

/// The stack of a thread that keeps deadlines.
const STACK: usize = 1024 * 1024;

/// A release, as far as it is known.
struct Entry<'scope, 'env> {
    kept: Kept<'scope, 'env>,
    /// The last warning, so that it is not repeated every second.
    said: String,
}

enum Kept<'scope, 'env> {
    /// It has ended, or nothing of it is known yet.
    Unread,
    /// Nothing of it happens by itself.
    Read(Box<dyn Ledger + Send + 'scope>),
    Watched(Box<Watcher<'scope, 'env>>, Arc<Release>),
}

/// What happened to which release.
type Said = (ReleaseName, Event);

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
    let watched = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let schedule = Arc::new(Schedule::new());
        let keeper = Keeper {
            scope,
            world: *world,
            policy_path,
            background: Arc::new(Background::new(scope, MOST_PROBERS)),
            watched: &watched,
            say,
        };
        let mut unlisted = String::new();
        loop {
            // A folder that cannot be listed now is looked at again: what is watched goes on.
            let listed = project::releases(world);
            if let (Err(error), Ok(all)) = (&listed, ReleaseName::new("releases")) {
                let text = format!("{error}; they are listed again, and what is watched goes on");
                if text != unlisted {
                    hear(&all, &Event::Warning { text: text.clone() });
                }
                unlisted = text;
            }
            for name in listed.unwrap_or_default() {
                schedule.add(name, || Entry {
                    kept: Kept::Unread,
                    said: String::new(),
                });
            }
            let stopping = (world.stop)();
            if stopping {
                schedule.hurry();
            }
            if schedule.threads() == 0 && !keeper.start(&schedule) {
                // Without a thread this one does it all, the slow with the urgent.
                while schedule.work_once(&|| keeper.now(), &|name, entry| keeper.look(name, entry))
                {
                }
            }
            alive(watched.load(Ordering::SeqCst));
            if stopping && watched.load(Ordering::SeqCst) == 0 {
                break;
            }
            let began = keeper.now();
            loop {
                let left = LOOK.saturating_sub(keeper.now().saturating_sub(began));
                let left = Duration::from_millis(left.min(if stopping { 50 } else { LOOK }));
                // However much there is to tell, others are looked for, and the service manager hears of it.
                if left.is_zero() {
                    break;
                }
                match said.recv_timeout(left) {
                    Ok((name, event)) => hear(&name, &event),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
                if (world.stop)() && !stopping {
                    break;
                }
            }
        }
        schedule.end();
        while let Ok((name, event)) = said.try_recv() {
            hear(&name, &event);
        }
    });
    Ok(())
}

/// What every thread needs to know.
#[derive(Clone)]
struct Keeper<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    world: World<'scope>,
    policy_path: &'scope str,
    background: Arc<Background<'scope, 'env>>,
    watched: &'scope AtomicUsize,
    say: Sender<Said>,
}

type Releases<'scope, 'env> = Schedule<ReleaseName, Entry<'scope, 'env>>;

impl<'scope, 'env> Keeper<'scope, 'env> {
    fn now(&self) -> u64 {
        self.world.clock.now().boot_ms
    }

    /// Starts a thread that keeps deadlines. `false` where there are enough, or the system refuses it.
    fn start(&self, schedule: &Arc<Releases<'scope, 'env>>) -> bool {
        if schedule.threads() >= MOST_KEEPERS {
            return false;
        }
        schedule.began();
        let keeper = self.clone();
        let theirs = Arc::clone(schedule);
        let keep = move || {
            theirs.work(
                &|| keeper.now(),
                &|name, entry| keeper.look(name, entry),
                &|| {
                    let _ = keeper.start(&theirs);
                },
            );
        };
        let started = Builder::new()
            .name("watch".to_owned())
            .stack_size(STACK)
            .spawn_scoped(self.scope, keep);
        if started.is_err() {
            schedule.refused();
        }
        started.is_ok()
    }

    /// Looks at a release. Whatever comes of it, a bug too, only its own watch ends, and is begun anew by the next look.
    fn look(&self, name: &ReleaseName, entry: Entry<'scope, 'env>) -> After<Entry<'scope, 'env>> {
        let was_watched = matches!(entry.kept, Kept::Watched(..));
        let said = entry.said.clone();
        let looked = catch_unwind(AssertUnwindSafe(|| self.step(name, entry)));
        let (entry, time) = looked.unwrap_or((
            Entry {
                kept: Kept::Unread,
                said,
            },
            LOOK,
        ));
        match (was_watched, matches!(entry.kept, Kept::Watched(..))) {
            (false, true) => drop(self.watched.fetch_add(1, Ordering::SeqCst)),
            (true, false) => drop(self.watched.fetch_sub(1, Ordering::SeqCst)),
            _ => {}
        }
        match (&entry.kept, entry.said.is_empty()) {
            // Nothing is kept of what has ended. It is looked for again with the others.
            (Kept::Unread, true) => After::Drop,
            _ => After::Again(entry, time),
        }
    }

    fn step(
        &self,
        name: &ReleaseName,
        mut entry: Entry<'scope, 'env>,
    ) -> (Entry<'scope, 'env>, u64) {
        let hear = |event: &Event| {
            let _ = self.say.send((name.clone(), event.clone()));
        };
        let (kept, time) = match entry.kept {
            Kept::Watched(mut watcher, release) => match watcher.step(&mut |event| hear(event)) {
                Step::Again(time) => (Kept::Watched(watcher, release), time),
                Step::End(end) => {
                    let mut ledger = watcher.into_ledger();
                    // Thousands of releases end here together: a successor is not waited for.
                    let others = other_watcher(&self.world, &release);
                    let ended = (ledger.as_mut() as &mut dyn Ledger, end, others);
                    let _ = finish(&self.world, &release, ended, &mut |event| hear(event));
                    (Kept::Read(ledger), LOOK)
                }
            },
            _ if (self.world.stop)() => (Kept::Unread, LOOK),
            _ if self.world.ledgers.has_ended(name) => (Kept::Unread, LOOK),
            kept => {
                let mut ledger = match kept {
                    Kept::Read(ledger) => ledger,
                    _ => self.world.ledgers.open(name),
                };
                // What cannot be read may be an incident.
                let wanted = ledger.refresh().map_or(true, |history| {
                    history.state().needs_watching() || !history.is_whole()
                });
                match wanted.then(|| project::load_armed(&self.world, self.policy_path, name)) {
                    None => (Kept::Read(ledger), LOOK),
                    Some(Ok(release)) => {
                        let state = ledger.history().state();
                        let (release, edited) = anchor::take_up(&self.world, &release, state);
                        for text in edited {
                            hear(&Event::Warning { text });
                        }
                        let release = Arc::new(release);
                        let watched = (Arc::clone(&release), ledger);
                        let background = Arc::clone(&self.background);
                        let watcher = Watcher::new(self.scope, background, self.world, watched);
                        (Kept::Watched(Box::new(watcher), release), 0)
                    }
                    Some(Err(error)) => {
                        let text = error.to_string();
                        if entry.said != text {
                            hear(&Event::Warning { text: text.clone() });
                            entry.said = text;
                        }
                        (Kept::Read(ledger), LOOK)
                    }
                }
            }
        };
        (Entry { kept, ..entry }, time)
    }
}
