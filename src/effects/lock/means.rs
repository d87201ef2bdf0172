//! The means by which one process excludes others, and the protocol that makes all of them exclude each other.
//!
//! A single means is not enough. A lock file may belong to another user, be removed by `git clean`, or lie on a file
//! system that has no locks. So a process acquires **every** means that it can, in one fixed order, and gives up when any
//! of them is another's. A means that it cannot acquire is at least looked at. Two processes thus exclude each other
//! whenever one of them can acquire what the other can acquire or look at.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::effects::stopped;

/// What came of one try to acquire one means.
#[derive(Debug)]
pub(super) enum Attempt<P> {
    /// This process has it, for as long as it keeps the value.
    Acquired(P),
    /// Somebody else has it.
    Busy,
    /// This process can have it neither now nor later, and why.
    Unavailable(io::Error),
}

/// One means of exclusion.
pub(super) trait Means<P> {
    /// Tries to acquire it; never waits for others.
    fn acquire(&self) -> Attempt<P>;

    /// Whether somebody else has it, as far as this process can see without acquiring it.
    fn is_busy(&self) -> bool;
}

/// Acquires every means that is available, in their order. `None` where somebody else has one of them; nothing is kept
/// then.
///
/// # Errors
/// Why the first means is not available, where none is.
pub(super) fn acquire<P>(means: &[&dyn Means<P>]) -> io::Result<Option<Vec<P>>> {
    let mut held = Vec::with_capacity(means.len());
    let mut cause = None;
    for one in means {
        match one.acquire() {
            Attempt::Acquired(part) => held.push(part),
            Attempt::Busy => return Ok(None),
            // It cannot be acquired here, but whoever acquired it elsewhere may be seen.
            Attempt::Unavailable(_) if one.is_busy() => return Ok(None),
            Attempt::Unavailable(error) => {
                cause.get_or_insert(error);
            }
        }
    }
    match cause {
        Some(error) if held.is_empty() => Err(error),
        _ if held.is_empty() => Err(io::ErrorKind::Unsupported.into()),
        _ => Ok(Some(held)),
    }
}

/// What is held of one means.
#[derive(Debug)]
pub(super) enum Part {
    /// The lock on a file or a folder.
    File(File),
    /// The name of a socket.
    #[cfg(target_os = "linux")]
    Socket {
        /// The name is taken for as long as it is open.
        _socket: std::os::unix::net::UnixDatagram,
    },
}

impl Drop for Part {
    fn drop(&mut self) {
        // A child that another thread is about to start has a copy of the descriptor until it becomes the program that it
        // runs, so closing alone would not release the lock at once.
        match self {
            Self::File(file) => drop(file.unlock()),
            #[cfg(target_os = "linux")]
            Self::Socket { .. } => {}
        }
    }
}

/// A file or folder that is locked with `flock`.
pub(super) struct Flock<'a> {
    pub path: &'a Path,
    /// Whether the file is made where it is not there.
    pub create: bool,
}

impl Flock<'_> {
    /// For reading and writing where that is allowed, which network file systems ask for; else for reading: a file that
    /// another user owns can be locked all the same.
    fn open(&self) -> io::Result<File> {
        if !self.create {
            return open_to_read(self.path);
        }
        open(self.path).or_else(|error| open_to_read(self.path).map_err(|_| error))
    }

    /// Whether it can be locked at all, whoever has it now.
    pub fn is_available(&self) -> bool {
        let Ok(file) = self.open() else {
            return false;
        };
        let tried = file.try_lock_shared();
        if tried.is_ok() {
            drop(file.unlock());
        }
        !matches!(tried, Err(TryLockError::Error(_)))
    }
}

impl Means<Part> for Flock<'_> {
    fn acquire(&self) -> Attempt<Part> {
        // Whoever only asks has a shared lock for a moment, and must not be taken for the holder: a shared lock can be
        // had beside theirs, and not beside the holder's.
        for _ in 0..10_000 {
            let file = match self.open() {
                Ok(file) => file,
                Err(error) => return Attempt::Unavailable(error),
            };
            match file.try_lock() {
                Ok(()) if is_at(&file, self.path) => return Attempt::Acquired(Part::File(file)),
                // It was replaced between opening and locking: others would lock another file.
                Ok(()) => {}
                Err(TryLockError::Error(error)) => return Attempt::Unavailable(error),
                Err(TryLockError::WouldBlock) => match file.try_lock_shared() {
                    Err(TryLockError::WouldBlock) => return Attempt::Busy,
                    Err(TryLockError::Error(error)) => return Attempt::Unavailable(error),
                    Ok(()) => {}
                },
            }
            drop(file.unlock());
            std::thread::yield_now();
        }
        Attempt::Busy
    }

    fn is_busy(&self) -> bool {
        let asked = open_to_read(self.path).and_then(|file| match file.try_lock_shared() {
            Ok(()) => {
                drop(file.unlock());
                Ok(false)
            }
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        });
        match asked {
            Ok(busy) => busy,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            // What cannot be opened or locked here is found in the system's table of locks.
            Err(_) => stopped::is_locked(self.path),
        }
    }
}

/// The name of an abstract Unix socket. It lies on no disk: no permission, full disk or `git clean` touches it, and the
/// system gives it back when its last holder ends. It excludes within one network namespace.
pub(super) struct Socket<'a> {
    pub name: &'a str,
}

#[cfg(target_os = "linux")]
impl Means<Part> for Socket<'_> {
    fn acquire(&self) -> Attempt<Part> {
        use std::os::unix::net::UnixDatagram;
        match address(self.name).and_then(|address| UnixDatagram::bind_addr(&address)) {
            Ok(socket) => Attempt::Acquired(Part::Socket { _socket: socket }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Attempt::Busy,
            Err(error) => Attempt::Unavailable(error),
        }
    }

    fn is_busy(&self) -> bool {
        use std::os::unix::net::UnixDatagram;
        // Connecting a datagram socket sends nothing and fails where nobody has the name.
        let connect = || UnixDatagram::unbound()?.connect_addr(&address(self.name)?);
        connect().is_ok()
    }
}

#[cfg(target_os = "linux")]
fn address(name: &str) -> io::Result<std::os::unix::net::SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    std::os::unix::net::SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
impl Means<Part> for Socket<'_> {
    fn acquire(&self) -> Attempt<Part> {
        let what = format!("no abstract socket {} on this system", self.name);
        Attempt::Unavailable(io::Error::new(io::ErrorKind::Unsupported, what))
    }

    fn is_busy(&self) -> bool {
        false
    }
}

/// Opens the file for locking; it is never followed through a symbolic link, and never inherited.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o666))?;
    Ok(File::from(file))
}

/// Opens the file where it is there already, as [`open`] does.
pub(super) fn open_to_read(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    Ok(File::from(file))
}

/// Whether `path` still leads to `file`.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    /// What one process can do with one means.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Can {
        Acquire,
        /// A lock file that it may not open: the table of locks shows its holder.
        See,
        Nothing,
    }

    /// A means as one process has it: the cell says whether anybody holds it.
    struct Cellular {
        can: Can,
        held: Rc<Cell<bool>>,
    }

    struct Token(Rc<Cell<bool>>);

    impl Drop for Token {
        fn drop(&mut self) {
            self.0.set(false);
        }
    }

    impl Means<Token> for Cellular {
        fn acquire(&self) -> Attempt<Token> {
            match (self.can, self.held.get()) {
                (Can::Acquire, true) => Attempt::Busy,
                (Can::Acquire, false) => {
                    self.held.set(true);
                    Attempt::Acquired(Token(Rc::clone(&self.held)))
                }
                _ => Attempt::Unavailable(io::ErrorKind::PermissionDenied.into()),
            }
        }

        fn is_busy(&self) -> bool {
            self.can != Can::Nothing && self.held.get()
        }
    }

    fn every_set() -> Vec<[Can; 3]> {
        let each = [Can::Acquire, Can::See, Can::Nothing];
        let mut sets = Vec::new();
        for file in each {
            for folder in each {
                for socket in each {
                    sets.push([file, folder, socket]);
                }
            }
        }
        sets
    }

    fn try_with(set: [Can; 3], cells: &[Rc<Cell<bool>>; 3]) -> io::Result<Option<Vec<Token>>> {
        let means: Vec<Cellular> = set
            .iter()
            .zip(cells)
            .map(|(can, held)| Cellular {
                can: *can,
                held: Rc::clone(held),
            })
            .collect();
        let means: Vec<&dyn Means<Token>> = means.iter().map(|it| it as _).collect();
        acquire(&means)
    }

    /// Of two processes with any capabilities, the second is excluded wherever it can acquire or see what the first
    /// acquired; and in every pair that has one means in common, whoever begins.
    #[test]
    fn processes_of_all_capabilities_exclude_each_other() {
        for first in every_set() {
            for second in every_set() {
                let cells = [(); 3].map(|()| Rc::new(Cell::new(false)));
                let held = try_with(first, &cells);
                let common =
                    (0..3).any(|at| first[at] == Can::Acquire && second[at] != Can::Nothing);
                let other = try_with(second, &cells);
                let none = second.iter().all(|can| *can != Can::Acquire);
                match (&held, common) {
                    (Ok(Some(_)), true) => assert!(
                        matches!(other, Ok(None)),
                        "{first:?} does not exclude {second:?}"
                    ),
                    _ if none => assert!(other.is_err(), "{second:?} has nothing"),
                    _ => assert!(matches!(other, Ok(Some(_))), "{first:?} {second:?}"),
                }
            }
        }
    }

    #[test]
    fn whoever_gives_up_keeps_nothing() {
        let all = [Can::Acquire; 3];
        let cells = [(); 3].map(|()| Rc::new(Cell::new(false)));
        // The last of the three is another's.
        cells[2].set(true);
        assert!(matches!(try_with(all, &cells), Ok(None)));
        assert!(!cells[0].get() && !cells[1].get());
        cells[2].set(false);
        let held = try_with(all, &cells);
        assert!(cells.iter().all(|cell| cell.get()));
        drop(held);
        assert!(cells.iter().all(|cell| !cell.get()));
    }
}
