//! Commands of this machine: run to their end, detached, or ended after their parent died.
//!
//! A command is an argv without a shell, in a process group of its own, with standard input closed. What a command is
//! for, and what its end means, is the business of the callers. [`group`] knows who belongs to a command, `output`
//! keeps what it writes, [`program`] finds it, `run` drives it.

mod detached;
mod executable;
mod format;
pub mod group;
mod output;
pub mod program;
mod run;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getpid, getrlimit, getsid, setrlimit, setsid};

use crate::effects::plain;
use crate::ports::{Command, Ended, ProcessGroup, Runner};

/// What a command is given between TERM and KILL.
const GRACE: Duration = Duration::from_secs(5);

/// The program of whatever process opens it: the same one, even where its file was replaced or removed.
const SELF: &str = "/proc/self/exe";

/// Runs commands on this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRunner;

impl Runner for SystemRunner {
    /// Runs `command`, its standard output and error through one pipe, so that the file shows them in the order in which
    /// they were written.
    ///
    /// At the timeout, TERM and then KILL go to the group, and also to the processes that left it: those descended from
    /// the command, and those that carry its mark in their environment ([`group::MARK`]). A command that ends by itself
    /// may leave processes running, as one that starts a service does; their output is read and thrown away for as long
    /// as this process lives, and after that they write to a closed pipe, so a service should have a log of its own.
    ///
    /// An output file that cannot be written does not keep the command from running: the tail says so at its end.
    fn run(
        &self,
        command: &Command,
        started: &mut dyn FnMut(&ProcessGroup),
        output: &mut dyn FnMut(&[u8]),
    ) -> Ended {
        run::run(command, started, output)
    }

    /// Starts `argv`, which must call [`become_session`] before anything else.
    ///
    /// A session can only be begun by a process that leads no group, and only from within, so the child is left in this
    /// process's group until it does. Nothing but its standard streams is inherited. It is reaped the next time that this
    /// process starts or looks for one.
    fn detach(&self, argv: &[OsString], folder: &Path, log: &Path) -> Result<ProcessGroup, String> {
        let Some((name, arguments)) = argv.split_first() else {
            return Err("the command is empty; write a program and its arguments".to_owned());
        };
        let start = |program: &Path| {
            // A process without output does its work all the same.
            let opened = plain::append(folder, log).and_then(|log| Ok((log.try_clone()?, log)));
            let (out, err) = match opened {
                Ok((out, err)) => (Stdio::from(out), Stdio::from(err)),
                Err(_) => (Stdio::null(), Stdio::null()),
            };
            let mut command = std::process::Command::new(program);
            command
                .arg0(name)
                .args(arguments)
                .current_dir(folder)
                .env_remove(group::MARK)
                .stdin(Stdio::null())
                .stdout(out)
                .stderr(err);
            command.spawn()
        };
        let own = (program::own() == Some(Path::new(name))).then(|| start(Path::new(SELF)));
        let child = match own {
            Some(Ok(child)) => child,
            _ => start(&program::place_os(name, folder))
                .map_err(|error| program::start_failure(&name.to_string_lossy(), folder, &error))?,
        };
        Ok(detached::keep(child))
    }

    fn is_running(&self, process: &ProcessGroup) -> bool {
        detached::reap();
        group::is_alive(process)
    }

    /// Ends the group, and what descends from it or carries its mark.
    fn end(&self, group: &ProcessGroup) -> bool {
        group::Family::left_behind(group)
            .is_some_and(|mut family| family.end(GRACE, &mut thread::sleep))
    }

    fn end_marked(&self, is_meant: &dyn Fn(&str) -> bool) -> bool {
        let mut ended = false;
        for mark in group::marks_in_use(is_meant) {
            let family = group::Family::marked(&mark);
            ended |= family.is_some_and(|mut family| family.end(GRACE, &mut thread::sleep));
        }
        ended
    }

    fn can_log(&self, folder: &Path, log: &Path) -> Result<(), String> {
        plain::append(folder, log)
            .map(drop)
            .map_err(|error| format!("{}: {error}", log.display()))
    }

    fn can_run(&self, program: &str, folder: &Path) -> Result<(), String> {
        program::find(program, folder).map(|_| ())
    }
}

/// Lets this process open as many files as it may, up to 65,536: each window that is watched keeps one open. Where that is
/// not allowed, nothing changes.
pub fn raise_file_limit() {
    const ENOUGH: u64 = 65_536;
    let limits = getrlimit(Resource::Nofile);
    let most = limits.maximum.unwrap_or(ENOUGH).min(ENOUGH);
    if limits.current.is_some_and(|current| current < most) {
        let raised = Rlimit {
            current: Some(most),
            ..limits
        };
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

/// Why a process cannot begin a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot begin a session: {0}; start this process with `detach`, which makes it no group's leader"
)]
pub struct SessionError(Errno);

/// Makes this process the leader of a session of its own, without a terminal, so that it outlives the terminal and the
/// process that started it. To be called first thing in a process started by [`SystemRunner::detach`]. A process that
/// already leads its session is left as it is.
///
/// # Errors
/// A [`SessionError`] where this process leads a group of another session.
pub fn become_session() -> Result<(), SessionError> {
    match setsid() {
        Ok(_) => Ok(()),
        Err(Errno::PERM) if getsid(None) == Ok(getpid()) => Ok(()),
        Err(error) => Err(SessionError(error)),
    }
}

#[cfg(test)]
mod tests;
