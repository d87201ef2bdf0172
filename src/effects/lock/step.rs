//! The lock that a running step inherits. Whoever begins the next attempt waits for it: its holder may be out of sight, in
//! another PID namespace or without the environment that marks it.

use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use super::means::open_to_read;
use crate::ports::InheritedLock;

/// Descriptors below are the ones that scripts use for themselves.
const LOWEST: i32 = 200;

/// The lock on a file, held by this process and by all that inherit it. Dropping it releases it for all of them, so that
/// what a step leaves behind on purpose is not waited for; only where this process dies first it stays theirs.
#[derive(Debug)]
pub struct StepLock {
    file: File,
}

impl StepLock {
    /// Acquires the lock on the file at `path`, which is there; `None` where somebody has it.
    ///
    /// # Errors
    /// The file cannot be opened or locked.
    pub fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        let file = rustix::io::fcntl_dupfd_cloexec(open_to_read(path)?, LOWEST)?;
        let file = File::from(file);
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl InheritedLock for StepLock {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for StepLock {
    fn drop(&mut self) {
        // Nothing can be done about a failure.
        let _ = self.file.unlock();
    }
}
