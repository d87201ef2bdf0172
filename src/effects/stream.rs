//! Standard output and standard error, written without a lock and without a buffer.

use std::io::{self, Write};
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// A standard stream. Writing may wait for whoever reads; [`Stream::is_ready`] says whether it would.
#[derive(Debug)]
pub struct Stream(BorrowedFd<'static>);

impl Stream {
    /// Standard output.
    pub fn stdout() -> Self {
        Self(rustix::stdio::stdout())
    }

    /// Standard error.
    pub fn stderr() -> Self {
        Self(rustix::stdio::stderr())
    }

    /// Whether a piece of at most 4 KiB is taken at once.
    pub fn is_ready(&self) -> bool {
        self.await_room(Some(&Timespec::default()))
    }

    fn await_room(&self, limit: Option<&Timespec>) -> bool {
        let mut streams = [PollFd::new(&self.0, PollFlags::OUT)];
        // An error is ready too: writing tells which one it is.
        poll(&mut streams, limit).is_ok_and(|ready| ready > 0)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(self.0, bytes) {
                // Somebody who has the stream too made it non-blocking.
                Err(Errno::AGAIN) => drop(self.await_room(None)),
                Err(Errno::INTR) => {}
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
