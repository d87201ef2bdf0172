//! Drives one command from its start to its end: output, timeout, and what is left afterwards.
//!
//! One thread does all of it: it waits for output and for the end of the command at once. A rollback is thus not kept
//! from running by a limit of threads. The command is not reaped before everything is decided, so its id cannot become
//! another process's meanwhile.

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::time::Timespec;

use super::GRACE;
use super::group::{Family, MARK, marks_with, new_mark, started as start_of};
use super::output::Kept;
use super::program;
use crate::domain::record::body::StepOutcome;
use crate::effects::clock::Stopwatch;
use crate::ports::{Command, CommandEnd, ProcessGroup};

/// How long output is awaited after the command has ended: children that keep the pipe open are not waited for.
const DRAINING: Duration = Duration::from_millis(500);

/// How long a killed command may take to become a zombie.
const REAPING: Duration = Duration::from_secs(1);

/// How often the end of the command is looked for where the system cannot be waited for it together with the output.
const LOOK: Duration = Duration::from_millis(20);

/// The pause before a command is started again that the system had no process for.
const AGAIN: Duration = Duration::from_millis(100);

/// Runs `command` to its end; its output goes to the file at `output_file`.
pub(super) fn run(
    (command, output_file): (&Command, &Path),
    started: &mut dyn FnMut(&ProcessGroup),
    output: &mut dyn FnMut(&[u8]),
) -> CommandEnd {
    let watch = Stopwatch::start();
    let place = (command.folder.as_path(), output_file);
    let mut kept = Kept::open(place, command.output_cap, &command.secrets);
    let outcome = match start(command, &watch) {
        Err(why) => StepOutcome::NotStarted { why },
        Ok(Running {
            child,
            mut family,
            pipe,
        }) => {
            started(&ProcessGroup {
                pid: child.id(),
                started: start_of(child.id()),
            });
            let mut feed = Feed {
                end: end_of(&child),
                child: &child,
                pipe,
                buffer: vec![0; 32 * 1024],
                kept: &mut kept,
                output,
                exited: false,
                closed: false,
            };
            let timed_out =
                !feed.ended_within(command.timeout.duration(), &watch) && !has_ended(&child);
            if timed_out {
                family.end(GRACE, &mut |time| feed.pass(time, |_| false));
                feed.pass(REAPING, |feed| feed.exited);
            }
            feed.pass(DRAINING, |feed| feed.closed);
            feed.leave();
            outcome(child, timed_out)
        }
    };
    let took_ms = watch.elapsed_ms();
    let summary = kept.summary();
    CommandEnd {
        outcome,
        took_ms,
        // As a text, for what may be encoded in more ways than are looked for in the stream.
        tail: command.secrets.mask(&summary.tail),
        output_bytes: summary.bytes,
        output_digest: summary.digest,
    }
}

struct Running {
    child: Child,
    family: Family,
    pipe: PipeReader,
}

/// Starts the command. Where the system has no process for it now, that is tried again until its timeout: a limit of
/// tasks that holds for a moment uses up no attempt of a rollback.
fn start(command: &Command, watch: &Stopwatch) -> Result<Running, String> {
    let Some((name, arguments)) = command.argv.split_first() else {
        return Err("the command is empty; write a program and its arguments".to_owned());
    };
    let cannot = |error: io::Error| format!("the program {name:?} could not be started: {error}");
    loop {
        let (pipe, out) = io::pipe().map_err(cannot)?;
        let err = out.try_clone().map_err(cannot)?;
        let mark = new_mark();
        let mut process = std::process::Command::new(program::place(name, &command.folder));
        process
            .arg0(name)
            .args(arguments)
            .envs(&command.env)
            .env(MARK, marks_with(&command.marks, &mark))
            .current_dir(&command.folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err);
        match inheriting(command, || process.spawn()) {
            Ok(child) => {
                let family = Family::new(child.id(), mark);
                return Ok(Running {
                    child,
                    family,
                    pipe,
                });
            }
            Err(error) if is_shortage(&error) && watch.elapsed() < command.timeout.duration() => {
                thread::sleep(AGAIN);
            }
            Err(error) => return Err(program::start_failure(name, &command.folder, &error)),
        }
    }
}

/// Calls `spawn` while the command's lock is inherited by what is started. A process that another thread starts in this
/// moment inherits it too, and then has it for as long as it lives; that only lets somebody wait.
fn inheriting<T>(command: &Command, spawn: impl FnOnce() -> T) -> T {
    let inherit = |flags: FdFlags| {
        if let Some(lock) = &command.lock {
            // Without it the next attempt does not wait for what this one leaves behind where it cannot be seen.
            let _ = fcntl_setfd(lock.descriptor(), flags);
        }
    };
    inherit(FdFlags::empty());
    let spawned = spawn();
    inherit(FdFlags::CLOEXEC);
    spawned
}

/// Whether there is no process or memory now, which may change.
fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::AGAIN, Errno::NOMEM, Errno::NFILE, Errno::MFILE];
    let number = error.raw_os_error();
    shortages.iter().any(|it| Some(it.raw_os_error()) == number)
}

/// What can be waited for until the process has ended; `None` where the system has no such thing.
#[cfg(target_os = "linux")]
fn end_of(child: &Child) -> Option<OwnedFd> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw)?;
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn end_of(_: &Child) -> Option<OwnedFd> {
    None
}

fn has_ended(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    wait_id(child.id()).is_some_and(|id| matches!(waitid(id, options), Ok(Some(_))))
}

fn wait_id(pid: u32) -> Option<WaitId<'static>> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
    Some(WaitId::Pid(pid))
}

fn in_background(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().stack_size(128 * 1024);
    thread.spawn(work).map(|_| ())
}

fn outcome(mut child: Child, timed_out: bool) -> StepOutcome {
    let status = if has_ended(&child) {
        child.wait()
    } else {
        // It hangs in the kernel even after KILL. It is reaped whenever it goes.
        let _ = in_background(move || {
            let _ = child.wait();
        });
        return StepOutcome::TimedOut;
    };
    match status {
        _ if timed_out => StepOutcome::TimedOut,
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => StepOutcome::Exited { code },
            (None, signal) => StepOutcome::Signalled {
                signal: signal.unwrap_or_default(),
            },
        },
        // Somebody else has reaped it, so that its status is lost; that is no success.
        Err(_) => StepOutcome::Signalled { signal: 0 },
    }
}

/// Waits for the command's output and end, and hands on the output.
struct Feed<'a> {
    child: &'a Child,
    end: Option<OwnedFd>,
    pipe: PipeReader,
    buffer: Vec<u8>,
    kept: &'a mut Kept,
    output: &'a mut dyn FnMut(&[u8]),
    exited: bool,
    closed: bool,
}

impl Feed<'_> {
    /// Whether the command ends before `limit` on `watch`. The time is looked at before every piece of output, so that
    /// a flood cannot put the end off.
    fn ended_within(&mut self, limit: Duration, watch: &Stopwatch) -> bool {
        while !self.exited {
            let left = watch.left_of(limit);
            if left.is_zero() {
                return false;
            }
            self.hear(left);
        }
        true
    }

    /// Lets `time` pass, less where `enough` is reached before.
    fn pass(&mut self, time: Duration, enough: impl Fn(&Self) -> bool) {
        let watch = Stopwatch::start();
        while !enough(self) {
            let left = watch.left_of(time);
            if left.is_zero() {
                return;
            }
            self.hear(left);
        }
    }

    /// Waits for the next thing that happens, at most for `most`.
    fn hear(&mut self, most: Duration) {
        let end = self.end.as_ref().filter(|_| !self.exited);
        let most = match end {
            None if !self.exited => most.min(LOOK),
            _ => most,
        };
        let mut awaited = Vec::with_capacity(2);
        if !self.closed {
            awaited.push(PollFd::from_borrowed_fd(self.pipe.as_fd(), PollFlags::IN));
        }
        awaited.extend(end.map(|end| PollFd::from_borrowed_fd(end.as_fd(), PollFlags::IN)));
        let limit = Timespec {
            tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(most.subsec_nanos()),
        };
        let happened = match poll(&mut awaited, Some(&limit)) {
            Ok(count) => count > 0,
            Err(Errno::INTR) => false,
            Err(_) => {
                thread::sleep(most.min(LOOK));
                true
            }
        };
        let readable = happened && !self.closed && !awaited[0].revents().is_empty();
        if readable {
            self.read();
        }
        if !self.exited {
            self.exited = has_ended(self.child);
        }
    }

    fn read(&mut self) {
        match self.pipe.read(&mut self.buffer) {
            Ok(0) => self.closed = true,
            Ok(count) => {
                let shown = self.kept.take(&self.buffer[..count]);
                (self.output)(&shown);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.closed = true,
        }
    }

    /// Leaves the output to what the command left running. It is read and thrown away, so that nothing is held up or
    /// killed by writing; where there is no thread for that, it is at least kept open.
    fn leave(self) {
        if self.closed {
            return;
        }
        let Ok(spare) = self.pipe.try_clone() else {
            return;
        };
        let mut pipe = self.pipe;
        let drained = in_background(move || {
            let _ = io::copy(&mut pipe, &mut io::sink());
        });
        if drained.is_err() {
            std::mem::forget(spare);
        }
    }
}
