//! Locks on files: one that is waited for, and one that only says that somebody is alive.
//!
//! Both are the system's advisory locks, which end with the process whatever kills it. They are released explicitly as
//! well: a child that another thread is about to start holds a copy of every descriptor until it becomes the program
//! that it runs, and would keep the lock for that moment. The files stay: removing one would let two processes lock two
//! files of the same name.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use crate::ports::{Clock, LedgerError};

/// For how long a ledger's lock is waited for, in all.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The first pause between two tries, and the longest. Whoever holds the lock holds it for milliseconds.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(10));

/// An exclusive lock, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock on the file at `path`, which is made where it does not exist; waits for it with `clock`, at most
    /// [`PATIENCE`].
    ///
    /// # Errors
    /// [`LedgerError::Write`] where the file cannot be made or locked, of the kind [`io::ErrorKind::WouldBlock`] where
    /// somebody else kept it for all that time.
    pub fn take(path: &Path, clock: &dyn Clock) -> Result<Self, LedgerError> {
        let failed = |source: io::Error| LedgerError::Write {
            path: path.to_owned(),
            source,
        };
        let (mut pause, longest) = PAUSES;
        // The pauses that were asked for are what is added up: a clock that returns early costs patience, and one that
        // is stuck costs no eternity.
        let mut waited = Duration::ZERO;
        loop {
            let file = open(path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, path) => return Ok(Self { file }),
                // The file was replaced between opening and locking it: what is locked is not what others would lock.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            if waited >= PATIENCE {
                return Err(failed(io::Error::new(
                    io::ErrorKind::WouldBlock,
                    format!(
                        "another relgate holds the lock for more than {} s; \"fuser {}\" tells which",
                        PATIENCE.as_secs(),
                        path.display()
                    ),
                )));
            }
            clock.wait(pause);
            waited += pause;
            pause = (pause * 2).min(longest);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Nothing can be done about a failure, and closing the file releases it too.
        let _ = self.file.unlock();
    }
}

/// Says for as long as it lives that somebody alive does what the file stands for. No child inherits it, and it ends
/// with the process, whatever ends that.
#[derive(Debug)]
pub struct Hold {
    file: File,
}

impl Hold {
    /// Takes the hold on the file at `path`, which is made where it does not exist. `None` where somebody else has it;
    /// never waits for them.
    ///
    /// # Errors
    /// The file cannot be made or locked; [`io::ErrorKind::WouldBlock`] where others ask [`Hold::is_held`] without end.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        Self::take_opened(path, &|| match open(path) {
            // On a disk that became read-only, what is there can be held all the same.
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                open_to_read(path).map_err(|_| error)
            }
            opened => opened,
        })
    }

    /// The same for what is there already, such as a folder: on a disk that was read-only from the start nothing can be
    /// made.
    ///
    /// # Errors
    /// It cannot be opened or locked, as a folder on some network file systems.
    pub fn take_existing(path: &Path) -> io::Result<Option<Self>> {
        Self::take_opened(path, &|| open_to_read(path))
    }

    fn take_opened(path: &Path, open: &dyn Fn() -> io::Result<File>) -> io::Result<Option<Self>> {
        // Whoever only asks has a shared lock for a moment, and must not be taken for the holder: a shared lock can be
        // had beside theirs, and not beside the holder's.
        for _ in 0..10_000 {
            let file = open()?;
            match file.try_lock() {
                Ok(()) if is_at(&file, path) => return Ok(Some(Self { file })),
                Ok(()) => {}
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => match file.try_lock_shared() {
                    Err(TryLockError::WouldBlock) => return Ok(None),
                    Err(TryLockError::Error(error)) => return Err(error),
                    Ok(()) => {}
                },
            }
            drop(file.unlock());
            std::thread::yield_now();
        }
        Err(io::Error::new(
            io::ErrorKind::WouldBlock,
            "others ask for the lock without end",
        ))
    }

    /// Whether somebody holds the file at `path`; nobody does where there is none.
    ///
    /// # Errors
    /// The file cannot be opened or asked about.
    pub fn is_held(path: &Path) -> io::Result<bool> {
        let file = match open_to_read(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => {
                drop(file.unlock());
                Ok(false)
            }
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Makes the file at `path` where it is not there, so that it can be held once the disk is read-only.
///
/// # Errors
/// It cannot be made.
pub fn prepare(path: &Path) -> io::Result<()> {
    open(path).map(|_| ())
}

impl Drop for Hold {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Opens the file for locking; it is never followed through a symbolic link, and never inherited.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o666))?;
    Ok(File::from(file))
}

/// Opens the file where it is there already, as [`open`] does.
fn open_to_read(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    Ok(File::from(file))
}

/// Whether `path` still leads to `file`.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};
    use std::sync::Mutex;

    use crate::domain::clock::{BootId, Reading};
    use chrono::DateTime;

    /// A clock that only adds up what it is asked to wait.
    #[derive(Default)]
    struct Waits(Mutex<Duration>);

    impl Clock for Waits {
        fn now(&self) -> Reading {
            Reading {
                wall: DateTime::UNIX_EPOCH,
                boot_ms: 0,
                boot: BootId {
                    id: String::new(),
                    time_namespace: String::new(),
                },
                host: String::new(),
            }
        }

        fn wait(&self, time: Duration) {
            *self.0.lock().expect("no panic") += time;
        }
    }

    #[test]
    fn a_lock_that_somebody_keeps_is_given_up_after_ten_seconds_with_its_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(".lock");
        let clock = Waits::default();
        let kept = Lock::take(&path, &clock).expect("the lock");
        assert_eq!(*clock.0.lock().expect("no panic"), Duration::ZERO);
        let LedgerError::Write {
            path: named,
            source,
        } = Lock::take(&path, &clock).expect_err("it is taken")
        else {
            panic!("not an error of writing");
        };
        assert_eq!(named, path);
        assert_eq!(source.kind(), io::ErrorKind::WouldBlock);
        assert!(
            source
                .to_string()
                .contains("another relgate holds the lock")
        );
        let waited = *clock.0.lock().expect("no panic");
        assert!(waited >= PATIENCE && waited < PATIENCE * 2, "{waited:?}");
        drop(kept);
        Lock::take(&path, &clock).expect("it is free again");
    }

    #[test]
    fn a_hold_is_seen_by_others_and_ends_with_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(".watch");
        assert!(
            !Hold::is_held(&path).expect("an answer"),
            "there is no file"
        );
        let hold = Hold::take(&path).expect("no error").expect("it is free");
        assert!(Hold::is_held(&path).expect("an answer"));
        assert!(Hold::take(&path).expect("no error").is_none());
        drop(hold);
        assert!(!Hold::is_held(&path).expect("an answer"));
        assert!(Hold::take(&path).expect("no error").is_some());
    }

    #[test]
    fn a_child_does_not_inherit_a_hold() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(".rollback");
        let hold = Hold::take(&path).expect("no error").expect("it is free");
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cat runs");
        // Once it answers it runs, and has the descriptors that it will ever have.
        let mut input = child.stdin.take().expect("piped");
        input.write_all(b"alive\n").expect("written");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        output.read_line(&mut line).expect("an answer");
        assert_eq!(line, "alive\n");
        if cfg!(target_os = "linux") {
            let links = std::fs::read_dir(format!("/proc/{}/fd", child.id())).expect("its files");
            let inherited = links
                .flatten()
                .filter_map(|link| std::fs::read_link(link.path()).ok())
                .any(|target| target == path);
            assert!(!inherited, "the child has the file open");
        }
        drop(hold);
        assert!(!Hold::is_held(&path).expect("an answer"));
        drop(input);
        assert!(child.wait().expect("it ends").success());
    }

    #[test]
    fn asking_never_looks_like_holding() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(".watch");
        drop(Hold::take(&path).expect("no error"));
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                for _ in 0..2_000 {
                    Hold::is_held(&path).expect("an answer");
                }
            });
            while !asking.is_finished() {
                let hold = Hold::take(&path).expect("no error");
                assert!(hold.is_some(), "whoever asks was taken for the holder");
            }
        });
    }

    #[test]
    fn a_lock_is_not_taken_on_a_file_behind_a_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(".watch");
        std::os::unix::fs::symlink("elsewhere", &path).expect("a link");
        assert!(Hold::take(&path).is_err());
        assert!(!folder.path().join("elsewhere").exists());
    }
}
