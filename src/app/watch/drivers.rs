//! Sees that the rollback is driven: starts the process that drives it, finds out whether that process took up its duty,
//! and drives it in this process where none does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, Scope};

use crate::app::project::Release;
use crate::app::rollback::{self, DRIVER_LOG};
use crate::app::verify::passed;
use crate::app::{World, lease};
use crate::domain::clock::Reading;
use crate::ports::{LeaseName, OutputFile, ProcessGroup};

/// Two drivers are started at least this far apart, in milliseconds, where the one before had taken up its duty.
pub(super) const APART: u64 = 1_000;
/// A driver that was started has this long to take up its duty, in milliseconds, while it lives.
const PATIENCE: u64 = 2_500;
/// So many drivers in a row that did not take up their duty are enough.
const ENOUGH: u32 = 2;
/// The most of a driver's log that is shown, in bytes.
const TAIL: usize = 600;

/// The drivers of one release's rollback, as far as this process started them.
pub(super) struct Drivers<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    world: World<'scope>,
    release: Arc<Release>,
    last: Option<Launched>,
    /// How many in a row did not take up their duty.
    failed: u32,
    /// Whether the rollback is driven in this process, while it is.
    here: Arc<AtomicBool>,
}

/// A driver that was started.
struct Launched {
    at: Reading,
    process: ProcessGroup,
    /// Whether it was seen with its duty.
    took_up: bool,
    /// Where its words begin in the log.
    log_from: u64,
}

impl<'scope, 'env> Drivers<'scope, 'env> {
    /// None was started yet.
    pub fn new(
        scope: &'scope Scope<'scope, 'env>,
        world: World<'scope>,
        release: Arc<Release>,
    ) -> Self {
        Self {
            scope,
            world,
            release,
            last: None,
            failed: 0,
            here: Arc::default(),
        }
    }

    /// Whether somebody drives: has the duty, or is this process; or is a process that this one started, where nobody can
    /// have the duty.
    pub fn is_driven(&self) -> bool {
        if self.here.load(Ordering::SeqCst) {
            return true;
        }
        match self
            .world
            .leases
            .holder(&LeaseName::Rollback(self.release.name.clone()))
        {
            Ok(holder) => holder.is_some(),
            Err(_) => {
                let child = self.last.as_ref().map(|last| &last.process);
                child.is_some_and(|child| self.world.runner.is_running(child))
            }
        }
    }

    /// Sees that somebody drives. Returns what is to be told.
    pub fn see_to_it(&mut self, now: &Reading) -> Option<String> {
        if self.here.load(Ordering::SeqCst) {
            return None;
        }
        if self.is_driven() {
            self.failed = 0;
            if let Some(last) = &mut self.last {
                last.took_up = true;
            }
            return self.resume();
        }
        if let Some(last) = &self.last {
            let since = passed(&last.at, now);
            let lives = self.world.runner.is_running(&last.process);
            match last.took_up {
                true if since < APART => return None,
                false if lives && since < PATIENCE => return None,
                true => {}
                false => self.failed += 1,
            }
        }
        if self.failed >= ENOUGH {
            let why = self
                .tail()
                .unwrap_or_else(|| "they said nothing".to_owned());
            self.drive_here();
            return Some(format!(
                "{ENOUGH} processes that were started to drive the rollback did not take it up ({why}); it runs in this process"
            ));
        }
        self.launch(now)
    }

    fn launch(&mut self, now: &Reading) -> Option<String> {
        let unlogged = rollback::log_problem(&self.world, &self.release);
        let log_from = self.log_length();
        match rollback::launch(&self.world, &self.release) {
            Ok(process) => {
                self.last = Some(Launched {
                    at: now.clone(),
                    process,
                    took_up: false,
                    log_from: match &self.last {
                        // What the one before said belongs to the story.
                        Some(last) if self.failed > 0 => last.log_from,
                        _ => log_from,
                    },
                });
                unlogged
            }
            Err(why) => {
                self.drive_here();
                Some(format!("{why}; the rollback runs in this process"))
            }
        }
    }

    /// A driver that somebody stopped keeps its duty and does nothing; nobody else may take its place, so it goes on.
    fn resume(&self) -> Option<String> {
        lease::resume_driver(&self.world, &self.release.name)
            .then(|| "the process of the rollback was stopped, and was told to go on".to_owned())
    }

    /// Drives the rollback on a thread of this process; on this one where the system refuses it, since users wait.
    fn drive_here(&mut self) {
        (self.last, self.failed) = (None, 0);
        self.here.store(true, Ordering::SeqCst);
        let here = Arc::clone(&self.here);
        let (world, release) = (self.world, Arc::clone(&self.release));
        let drive = move || {
            // A defect was reported; the next look starts another driver.
            let _ = catch_unwind(AssertUnwindSafe(|| rollback::drive(&world, &release)));
            here.store(false, Ordering::SeqCst);
        };
        let started = Builder::new()
            .name("rollback".to_owned())
            .spawn_scoped(self.scope, drive.clone());
        if started.is_err() {
            drive();
        }
    }

    fn log_length(&self) -> u64 {
        self.log(0).len() as u64
    }

    /// What was written to the log from byte `from` on, at most some pieces of it.
    fn log(&self, from: u64) -> Vec<u8> {
        let log = OutputFile::of(&self.release.name, DRIVER_LOG);
        let mut bytes = Vec::new();
        for _ in 0..16 {
            match self.world.runner.output(&log, from + bytes.len() as u64) {
                Ok(piece) if !piece.is_empty() => bytes.extend(piece),
                _ => break,
            }
        }
        bytes
    }

    /// The last lines that the drivers wrote, in one line.
    fn tail(&self) -> Option<String> {
        let bytes = self.log(self.last.as_ref()?.log_from);
        let tail = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL)..]).into_owned();
        let lines: Vec<&str> = tail
            .lines()
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .collect();
        (!lines.is_empty()).then(|| format!("{DRIVER_LOG} ends: {}", lines.join(" | ")))
    }
}
