//! Drives one command from its start to its end: output, timeout, and what is left afterwards.
//!
//! Three threads: one reads the pipe, one waits for the command, and the caller's own hears of both and watches the
//! time. The command is not reaped before everything is decided, so its id cannot become another process's meanwhile.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::GRACE;
use super::group::{Family, MARK, marks_with, new_mark, started as start_of};
use super::output::Kept;
use super::program;
use crate::effects::clock::Stopwatch;
use crate::ports::{Command, Ended, Outcome, ProcessGroup};

/// How long output is awaited after the command has ended: children that keep the pipe open are not waited for.
const DRAINING: Duration = Duration::from_millis(500);

/// How long a killed command may take to become a zombie.
const REAPING: Duration = Duration::from_secs(1);

enum Event {
    Piece(Vec<u8>),
    /// The command has ended; its status is still to be fetched.
    Exited,
    /// Nobody holds the output open any more.
    Closed,
}

/// Where the reading thread puts what it reads; `None` once nobody is interested.
type Sink = Arc<Mutex<Option<Kept>>>;

pub(super) fn run(
    command: &Command,
    started: &mut dyn FnMut(&ProcessGroup),
    output: &mut dyn FnMut(&[u8]),
) -> Ended {
    let watch = Stopwatch::start();
    let place = (command.folder.as_path(), command.output.as_path());
    let kept = Kept::open(place, command.output_cap, &command.secrets);
    let sink: Sink = Arc::new(Mutex::new(Some(kept)));
    let outcome = match start(command, &sink) {
        Err(why) => Outcome::NotStarted(why),
        Ok(mut running) => {
            started(&ProcessGroup {
                pid: running.child.id(),
                started: start_of(running.child.id()),
            });
            let mut feed = Feed {
                events: running.events,
                output,
                exited: false,
                closed: false,
            };
            let timed_out = !feed.ended_within(command.timeout.duration(), &watch)
                && !has_ended(&running.child);
            if timed_out {
                running
                    .family
                    .end(GRACE, &mut |time| feed.pass(time, |_| false));
                feed.pass(REAPING, |feed| feed.exited);
            }
            feed.pass(DRAINING, |feed| feed.closed);
            outcome(running.child, timed_out)
        }
    };
    let took_ms = watch.elapsed_ms();
    let kept = lock(&sink).take();
    let summary = kept
        .unwrap_or_else(|| Kept::open(place, 0, &command.secrets))
        .summary();
    Ended {
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
    events: Receiver<Event>,
}

/// Starts the threads before the command: once it runs, nothing can fail any more.
fn start(command: &Command, sink: &Sink) -> Result<Running, String> {
    let Some((name, arguments)) = command.argv.split_first() else {
        return Err("the command is empty; write a program and its arguments".to_owned());
    };
    let cannot = |error: io::Error| format!("the program {name:?} could not be started: {error}");
    let (pipe, out) = io::pipe().map_err(cannot)?;
    let err = out.try_clone().map_err(cannot)?;
    let (events_in, events) = sync_channel(8);
    read_in_background(pipe, Arc::clone(sink), events_in.clone()).map_err(cannot)?;
    let tell_pid = wait_in_background(events_in).map_err(cannot)?;
    let mark = new_mark();
    let child = std::process::Command::new(program::place(name, &command.folder))
        .arg0(name)
        .args(arguments)
        .envs(&command.env)
        .env(MARK, marks_with(&command.marks, &mark))
        .current_dir(&command.folder)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(|error| program::start_failure(name, &command.folder, &error))?;
    // The thread is there until it has heard of the id.
    let _ = tell_pid.send(child.id());
    let family = Family::new(child.id(), mark);
    Ok(Running {
        child,
        family,
        events,
    })
}

fn read_in_background(
    mut pipe: io::PipeReader,
    sink: Sink,
    events: SyncSender<Event>,
) -> io::Result<()> {
    let read = move || {
        let mut buffer = vec![0; 32 * 1024];
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    // Even when nobody is interested any more the pipe is kept empty, so that what the command left
                    // running is neither held up nor killed by writing.
                    let kept = lock(&sink).as_mut().map(|kept| kept.take(&buffer[..count]));
                    let _ = events.send(Event::Piece(kept.unwrap_or_default()));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = events.send(Event::Closed);
    };
    in_background("output", read)
}

fn wait_in_background(events: SyncSender<Event>) -> io::Result<Sender<u32>> {
    let (tell_pid, pid) = channel();
    let wait = move || {
        if let Ok(pid) = pid.recv() {
            await_end(pid);
            let _ = events.send(Event::Exited);
        }
    };
    in_background("waiting", wait).map(|()| tell_pid)
}

fn in_background(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .stack_size(256 * 1024)
        .spawn(work)
        .map(|_| ())
}

/// Returns when the process has ended, and leaves it to be reaped.
fn await_end(pid: u32) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Some(Err(Errno::INTR)) = wait_id(pid).map(|id| waitid(id, options)) {}
}

fn has_ended(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    wait_id(child.id()).is_some_and(|id| matches!(waitid(id, options), Ok(Some(_))))
}

fn wait_id(pid: u32) -> Option<WaitId<'static>> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
    Some(WaitId::Pid(pid))
}

fn outcome(mut child: Child, timed_out: bool) -> Outcome {
    let status = if has_ended(&child) {
        child.wait()
    } else {
        // It hangs in the kernel even after KILL. It is reaped whenever it goes.
        let _ = in_background("reaper", move || {
            let _ = child.wait();
        });
        return Outcome::TimedOut;
    };
    match status {
        _ if timed_out => Outcome::TimedOut,
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Outcome::Exited(code),
            (None, signal) => Outcome::Signalled(signal.unwrap_or_default()),
        },
        // Somebody else has reaped it, so that its status is lost; that is no success.
        Err(_) => Outcome::Signalled(0),
    }
}

/// Hands on what the threads tell, in the order of arrival.
struct Feed<'a> {
    events: Receiver<Event>,
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

    fn hear(&mut self, most: Duration) {
        match self.events.recv_timeout(most) {
            Ok(Event::Piece(piece)) => (self.output)(&piece),
            Ok(Event::Exited) => self.exited = true,
            Ok(Event::Closed) => self.closed = true,
            Err(RecvTimeoutError::Timeout) => {}
            // Both threads are done, and there is only time left to pass.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(most),
        }
    }
}

/// The threads do not panic while they hold the lock; if one did, what it kept is still right.
fn lock(sink: &Sink) -> std::sync::MutexGuard<'_, Option<Kept>> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}
