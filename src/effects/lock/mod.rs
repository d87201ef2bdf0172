//! Locks between processes: one that is waited for, and one that says that somebody alive does something.
//!
//! All of them end with the process whatever kills it, and all are held by several means at once (`means`), so that a
//! lock file of another user, one that was removed, and a disk without locks exclude nobody's exclusion. The files stay:
//! removing one would let two processes lock two files of the same name.

mod means;
mod step;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use step::StepLock;

use means::{Flock, Means, Part, Socket, is_at};

use crate::effects::stopped::{self, Holders};
use crate::ports::{Clock, StoreError};

/// For how long a ledger's lock is waited for, in all.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The first pause between two tries, and the longest. Whoever holds the lock holds it for milliseconds.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(10));

/// While the lock is waited for, its holder is looked at this often: one that was stopped is made to go on.
const LOOK_AT_HOLDER: Duration = Duration::from_millis(100);

/// What a lock is acquired on: everything that excludes others.
#[derive(Clone, Debug)]
pub struct LockTarget {
    /// The lock file, made where it is not there; none for a lock that is a name alone.
    pub file: Option<PathBuf>,
    /// A folder that is there, and that nobody removes while what lies in it is needed.
    pub folder: Option<PathBuf>,
    /// The name of an abstract socket, where the system has them.
    pub socket: Option<String>,
}

impl LockTarget {
    /// A lock that has no file and no folder.
    pub const fn named(name: String) -> Self {
        Self {
            file: None,
            folder: None,
            socket: Some(name),
        }
    }

    /// What it is called, to show.
    pub fn place(&self) -> String {
        let path = self.file.as_ref().or(self.folder.as_ref());
        let socket = || self.socket.clone().unwrap_or_default();
        path.map_or_else(socket, |path| path.display().to_string())
    }

    fn flocks(&self) -> Vec<Flock<'_>> {
        let file = self
            .file
            .as_deref()
            .map(|path| Flock { path, create: true });
        let folder = self.folder.as_deref().map(|path| Flock {
            path,
            create: false,
        });
        [file, folder].into_iter().flatten().collect()
    }

    fn socket(&self) -> Option<Socket<'_>> {
        let name = self.socket.as_deref().filter(|_| cfg!(target_os = "linux"));
        name.map(|name| Socket { name })
    }

    fn paths(&self) -> Vec<&Path> {
        [self.file.as_deref(), self.folder.as_deref()]
            .into_iter()
            .flatten()
            .collect()
    }

    /// The processes that hold it, as far as the system shows them.
    pub fn holders(&self) -> Holders {
        stopped::holders(&self.paths(), self.socket.as_deref())
    }
}

/// A lock, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    parts: Vec<Part>,
    paths: Vec<PathBuf>,
}

impl Lock {
    /// Acquires the lock by every means; waits for it with `clock`, at most [`PATIENCE`]. A holder that was stopped is
    /// made to go on; one that is stopped and out of reach is not waited for.
    ///
    /// # Errors
    /// [`StoreError::Write`] where no means is available, and of the kind [`io::ErrorKind::WouldBlock`] where somebody
    /// else kept it for all that time.
    pub fn acquire(target: &LockTarget, clock: &dyn Clock) -> Result<Self, StoreError> {
        let failed = |source: io::Error| StoreError::Write {
            place: target.place(),
            source,
        };
        let (mut pause, longest) = PAUSES;
        // The pauses that were asked for are what is added up: a clock that returns early costs patience, and one that
        // is stuck costs no eternity.
        let mut waited = Duration::ZERO;
        let mut look = Duration::ZERO;
        loop {
            if let Some(lock) = Self::try_acquire(target).map_err(failed)? {
                return Ok(lock);
            }
            if waited >= look {
                look = waited + LOOK_AT_HOLDER;
                let holders = target.holders();
                holders.resume_stopped();
                if let Some(pid) = holders.stopped_out_of_reach() {
                    return Err(failed(io::Error::new(
                        io::ErrorKind::WouldBlock,
                        format!(
                            "process {pid} holds the lock and is stopped; \"kill -CONT {pid}\" lets it go on"
                        ),
                    )));
                }
            }
            if waited >= PATIENCE {
                return Err(failed(io::Error::new(
                    io::ErrorKind::WouldBlock,
                    format!(
                        "another relgate holds the lock for more than {} s; \"fuser {}\" tells which",
                        PATIENCE.as_secs(),
                        target.place()
                    ),
                )));
            }
            clock.wait(pause);
            waited += pause;
            pause = (pause * 2).min(longest);
        }
    }

    /// Acquires the lock by every means. `None` where somebody else has it; never waits for them.
    ///
    /// # Errors
    /// No means is available.
    pub fn try_acquire(target: &LockTarget) -> io::Result<Option<Self>> {
        let flocks = target.flocks();
        let socket = target.socket();
        let flocks = flocks.iter().map(|it| it as &dyn Means<Part>);
        let socket = socket.iter().map(|it| it as &dyn Means<Part>);
        let held = means::acquire(&flocks.chain(socket).collect::<Vec<_>>())?;
        Ok(held.map(|parts| Self {
            parts,
            paths: target.paths().into_iter().map(Path::to_owned).collect(),
        }))
    }

    /// Whether there is any means to have it by, whoever has it now.
    pub fn is_available(target: &LockTarget) -> bool {
        target.socket().is_some() || target.flocks().iter().any(Flock::is_available)
    }

    /// Whether somebody has it.
    pub fn is_held(target: &LockTarget) -> bool {
        target.flocks().iter().any(Means::is_busy) || target.socket().is_some_and(|it| it.is_busy())
    }

    /// Whether others see it by every means: its file may have been removed since.
    pub fn is_current(&self) -> bool {
        self.parts.iter().all(|part| self.is_there(part))
    }

    /// Whether it excludes others by any means.
    pub fn excludes(&self) -> bool {
        self.parts.iter().any(|part| self.is_there(part))
    }

    fn is_there(&self, part: &Part) -> bool {
        match part {
            Part::File(file) => self.paths.iter().any(|path| is_at(file, path)),
            #[cfg(target_os = "linux")]
            Part::Socket { .. } => true,
        }
    }
}

/// Makes the file of a lock where it is not there, so that it can be acquired once the disk is read-only.
pub fn prepare(target: &LockTarget) {
    // Where the disk is read-only already there is nothing to prepare.
    let _ = target.file.as_deref().map(means::open);
}

#[cfg(test)]
mod tests;
