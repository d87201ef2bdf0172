//! Running commands, and what lives on this machine beside them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::ids::ReleaseName;
use crate::domain::record::Record;
pub use crate::domain::record::body::{CommandEnd, ProcessGroup};
use crate::domain::timespan::Timespan;
use crate::domain::variables::Secrets;

/// A command to run to its end: argv without a shell.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program and its arguments; a program with a slash is found from `folder`.
    pub argv: Vec<String>,
    /// Variables added to the inherited environment.
    pub env: BTreeMap<String, String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// After this it is ended: TERM, then KILL, to its whole process group.
    pub timeout: Timespan,
    /// The file that receives its standard output and error, appended in the order of arrival.
    pub output: OutputFile,
    /// At most this many bytes are kept in the file; the rest is read and counted.
    pub output_cap: u64,
    /// What must not stand in its output, wherever that goes.
    pub secrets: Secrets,
    /// What [`Runner::end_marked`] finds it by, beside a mark that no other command has; no colons or spaces.
    pub marks: Vec<String>,
    /// A lock that it inherits, with all that it starts.
    pub lock: Option<Arc<dyn InheritedLock>>,
}

/// A file of what commands write, on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFile {
    /// The release that it is about; `None` for what is about all of them.
    pub release: Option<ReleaseName>,
    /// Its name.
    pub name: String,
}

impl OutputFile {
    /// A file about one release.
    pub fn of(release: &ReleaseName, name: impl Into<String>) -> Self {
        Self {
            release: Some(release.clone()),
            name: name.into(),
        }
    }
}

/// A lock that a command can inherit. Dropping it releases it, whoever inherited it; where this process dies before, it is
/// held for as long as one of the heirs lives.
pub trait InheritedLock: std::fmt::Debug + Send + Sync {
    /// The open file that has the lock.
    fn descriptor(&self) -> BorrowedFd<'_>;
}

/// Runs commands.
pub trait Runner: Sync {
    /// Runs `command` to its end in a process group of its own, standard input closed. `started` hears of the group as
    /// soon as it exists; `output` hears every piece of output as it arrives, its secrets masked.
    ///
    /// Returns within `timeout` and a grace of ten seconds, whatever the command does: one that leaves children with
    /// the output open is not waited for.
    fn run(
        &self,
        command: &Command,
        started: &mut dyn FnMut(&ProcessGroup),
        output: &mut dyn FnMut(&[u8]),
    ) -> CommandEnd;

    /// Starts `argv` in a session of its own, standard input closed and output to `log`, and does not wait for it: it
    /// outlives this process and is sent none of its signals. Where the program is this one, it is the same one even if
    /// its file was replaced since. Where the log cannot be written it runs without output.
    ///
    /// # Errors
    /// A text that names the program and the cause.
    fn detach(
        &self,
        argv: &[OsString],
        folder: &Path,
        log: &OutputFile,
    ) -> Result<ProcessGroup, String>;

    /// Whether this very process is alive: not one that was given its number since, and not one of an earlier boot.
    fn is_running(&self, process: &ProcessGroup) -> bool;

    /// Whether this process of this machine was stopped (`SIGSTOP`): it holds what it holds, and does nothing. `false` where
    /// the system does not tell.
    fn is_stopped(&self, process: i32) -> bool;

    /// Lets a process go on that was stopped. Returns whether it was; never where it is another user's.
    fn resume(&self, process: i32) -> bool;

    /// Whether `log` can be written, as the output of what is detached: it is or becomes a plain file, and is reached through
    /// no link.
    ///
    /// # Errors
    /// A text that names the file and the cause.
    fn can_log(&self, log: &OutputFile) -> Result<(), String>;

    /// What was written to a file from byte `from` on, at most 64 KiB.
    ///
    /// # Errors
    /// Why it cannot be read; of kind `NotFound` where nothing was written yet.
    fn output(&self, file: &OutputFile, from: u64) -> io::Result<Vec<u8>>;

    /// Where a file of output is, to show.
    fn output_place(&self, file: &OutputFile) -> String;

    /// The lock that the steps of a rollback of `release` inherit, whose first record is `first`; `None` where a step still
    /// has it whose driver died.
    ///
    /// # Errors
    /// Why there is nothing to lock.
    fn step_lock(
        &self,
        release: &ReleaseName,
        first: &Record,
    ) -> io::Result<Option<Arc<dyn InheritedLock>>>;

    /// Ends a process group that its parent left behind: TERM, a grace of five seconds, KILL. Returns whether anything
    /// of it was still alive. Only where its recorded leader itself is alive: a number alone may be a stranger's.
    fn end(&self, group: &ProcessGroup) -> bool;

    /// Ends, in the same way, every process on this machine that carries a mark of a command that `is_meant`. Returns
    /// whether anything was alive; never where the system does not show marks (macOS).
    fn end_marked(&self, is_meant: &dyn Fn(&str) -> bool) -> bool;

    /// Whether a command with this program could be started from `folder`: it exists and may be executed.
    ///
    /// # Errors
    /// A text that names the program and what is wrong with it.
    fn can_run(&self, program: &str, folder: &Path) -> Result<(), String>;
}
