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
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getpid, getrlimit, getsid, setrlimit, setsid};

use crate::domain::ids::ReleaseName;
use crate::domain::record::Record;
use crate::effects::lock::StepLock;
use crate::effects::{plain, stopped};
use crate::ports::{Command, CommandEnd, InheritedLock, OutputFile, ProcessGroup, Runner};

/// What a command is given between TERM and KILL.
const GRACE: Duration = Duration::from_secs(5);

/// The program of whatever process opens it: the same one, even where its file was replaced or removed.
const SELF: &str = "/proc/self/exe";

/// At most this much of a file of output is read at once, in bytes.
const PIECE: u64 = 64 * 1024;

/// Runs commands on this machine, and keeps what they write below the folder of a repository.
#[derive(Clone, Debug, Default)]
pub struct SystemRunner {
    root: PathBuf,
}

impl SystemRunner {
    /// A runner whose files lie in the repository at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder of the records of a release.
    fn ledger(&self, release: &ReleaseName) -> PathBuf {
        let releases = self.root.join("releases");
        releases.join(release.as_str()).join("ledger")
    }

    fn path(&self, file: &OutputFile) -> PathBuf {
        match &file.release {
            Some(release) => self.ledger(release).join("output").join(&file.name),
            None => self.root.join(".relgate").join(&file.name),
        }
    }
}

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
    ) -> CommandEnd {
        let path = self.path(&command.output);
        run::run((command, &path), started, output)
    }

    /// Starts `argv`, which must call [`become_session`] before anything else.
    ///
    /// A session can only be begun by a process that leads no group, and only from within, so the child is left in this
    /// process's group until it does. Nothing but its standard streams is inherited. It is reaped the next time that this
    /// process starts or looks for one.
    fn detach(
        &self,
        argv: &[OsString],
        folder: &Path,
        log: &OutputFile,
    ) -> Result<ProcessGroup, String> {
        let log = self.path(log);
        let Some((name, arguments)) = argv.split_first() else {
            return Err("the command is empty; write a program and its arguments".to_owned());
        };
        let start = |program: &Path| {
            // A process without output does its work all the same.
            let opened =
                plain::append(&self.root, &log).and_then(|log| Ok((log.try_clone()?, log)));
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

    fn is_stopped(&self, process: i32) -> bool {
        stopped::is_stopped(process)
    }

    fn resume(&self, process: i32) -> bool {
        stopped::resume(process)
    }

    fn can_log(&self, log: &OutputFile) -> Result<(), String> {
        let path = self.path(log);
        plain::append(&self.root, &path)
            .map(drop)
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    fn output(&self, file: &OutputFile, from: u64) -> io::Result<Vec<u8>> {
        let mut file = plain::read(&self.root, &self.path(file))?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(PIECE).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn output_place(&self, file: &OutputFile) -> String {
        self.path(file).display().to_string()
    }

    fn step_lock(
        &self,
        release: &ReleaseName,
        first: &Record,
    ) -> io::Result<Option<Arc<dyn InheritedLock>>> {
        let path = self.ledger(release).join(first.file_name());
        let lock = StepLock::try_acquire(&path)?;
        Ok(lock.map(|lock| Arc::new(lock) as Arc<dyn InheritedLock>))
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
