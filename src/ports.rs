//! The traits through which use cases reach the world, with the promise that every implementation keeps.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::audit;
use crate::domain::clock::Reading;
use crate::domain::history::History;
use crate::domain::ids::{Digest, ReleaseName};
use crate::domain::probe::Probe;
use crate::domain::probe::files::FileUse;
use crate::domain::probe::judge::Sample;
pub use crate::domain::record::body::ProcessGroup;
use crate::domain::record::{Draft, Record};
use crate::domain::refusal::Refusal;
use crate::domain::running::Sight;
use crate::domain::signature::sshsig::Hash;
use crate::domain::timespan::Timespan;
use crate::domain::variables::{NotText, Ready, Secrets};

mod signing;

pub use signing::{Certified, KeyFile, OpenSsh, Seal, SigningKey, Unsealed};

/// The clocks.
pub trait Clock: Sync {
    /// What the clocks say now.
    fn now(&self) -> Reading;

    /// Waits for `time`, counted with suspend where the system can; may return early, and its return decides nothing.
    fn wait(&self, time: Duration);
}

/// A decision under the ledger's lock: from the freshest history and the clocks to records, or to a refusal.
pub type Decide<'a> = dyn FnMut(&History, &Reading) -> Result<Vec<Draft>, Refusal> + 'a;

/// Where a release's records are kept.
///
/// Every implementation promises: a record that `append` returned is durable; records are never changed or replaced;
/// between the reading that a decision sees and its append nothing else is appended; a failed append leaves nothing
/// half-written.
pub trait Ledger {
    /// The history, with all that was appended since the last call; reads only what is new.
    ///
    /// # Errors
    /// [`LedgerError::Read`]. Damaged records are no error here: they are among the history's anomalies, so that a gate
    /// shuts on them and a watcher goes on.
    fn refresh(&mut self) -> Result<&History, LedgerError>;

    /// The history as it was last read or appended to, without looking again.
    fn history(&self) -> &History;

    /// Takes the lock, reads again, lets `decide` see the history and the clock, and appends what it wants recorded,
    /// each record durable before the next. Returns the records; none where `decide` wants none.
    ///
    /// What people record is signed, which may take as long as they take to touch a key: meanwhile the lock is free, and
    /// where something else was recorded then, `decide` is asked again. So it may be asked several times, and the last
    /// time counts.
    ///
    /// # Errors
    /// [`AppendError::Refused`] where `decide` refuses, or what is to be signed is not; [`AppendError::Ledger`] where
    /// the ledger cannot be read or written; nothing of a record that failed is left behind.
    fn append(
        &mut self,
        clock: &dyn Clock,
        decide: &mut Decide<'_>,
    ) -> Result<Vec<Record>, AppendError>;
}

/// Why a ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It could not be read.
    #[error("the ledger {} cannot be read: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It could not be written: a full disk, a read-only folder.
    #[error("the ledger {} cannot be written: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The decision was no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// How many probes are asked at once, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub concurrency: usize,
    /// Of one host.
    pub per_host: usize,
    /// All probes together take no longer.
    pub patience: Option<Duration>,
}

/// What asking probes brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// One of every probe, in their order.
    pub samples: Vec<Sample>,
    /// The secrets that were captured meanwhile: to be masked wherever a sample is shown or kept.
    pub secrets: Secrets,
}

/// Looks on while probes are asked, to show how far they have come; it decides nothing.
///
/// Every implementation promises to return at once, whoever reads what it shows, however slowly: it is told by the
/// threads that ask.
pub trait Onlooker: Send + Sync {
    /// Sees what happens.
    fn sees(&self, sight: &Sight<'_>);
}

/// Nobody looks on.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Onlooker for Nobody {
    fn sees(&self, _: &Sight<'_>) {}
}

/// Nobody, where an onlooker is asked for.
pub fn nobody() -> Arc<dyn Onlooker> {
    Arc::new(Nobody)
}

/// Asks probes.
pub trait Prober: Sync {
    /// Takes one sample of every probe, in their order: each is asked once what it needs has passed, until it passes or
    /// its retries are used up, within the limits, none for longer than its `timeout` an attempt, and no longer than
    /// `stop` says no. The onlooker sees every attempt.
    ///
    /// Every probe yields a sample whatever happens; one that was cut off is an error that says so, one whose needs are
    /// not met is inconclusive.
    fn sample_until(
        &self,
        probes: &[Ready],
        limits: Limits,
        stop: &(dyn Fn() -> bool + Sync),
        onlooker: &Arc<dyn Onlooker>,
    ) -> Asked;

    /// Whether a file that a probe names can be used as what it is named for: it is there, can be read, and is what it
    /// must be. `path` is relative to the repository's root, or absolute.
    ///
    /// # Errors
    /// A text that names the file and the cause.
    fn can_use(&self, path: &str, used_as: FileUse) -> Result<(), String>;

    /// The samples of probes without variables, where nobody asks it to stop.
    fn sample(
        &self,
        probes: &[Probe],
        concurrency: usize,
        patience: Option<Duration>,
    ) -> Vec<Sample> {
        let probes: Vec<Ready> = probes.iter().cloned().map(Ready::plain).collect();
        let limits = Limits {
            concurrency,
            per_host: concurrency,
            patience,
        };
        self.sample_until(&probes, limits, &|| false, &nobody())
            .samples
    }
}

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
    pub output: PathBuf,
    /// At most this many bytes are kept in the file; the rest is read and counted.
    pub output_cap: u64,
    /// What must not stand in its output, wherever that goes.
    pub secrets: Secrets,
    /// What [`Runner::end_marked`] finds it by, beside a mark that no other command has; no colons or spaces.
    pub marks: Vec<String>,
    /// A lock that it inherits, with all that it starts.
    pub lock: Option<Arc<dyn InheritedLock>>,
}

/// A lock that a command can inherit. Dropping it releases it, whoever inherited it; where this process dies before, it is
/// held for as long as one of the heirs lives.
pub trait InheritedLock: std::fmt::Debug + Send + Sync {
    /// The open file that has the lock.
    fn descriptor(&self) -> BorrowedFd<'_>;
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The last lines of its output as text, at most 2 KiB.
    pub tail: String,
    /// How many bytes it wrote, kept or not.
    pub output_bytes: u64,
    /// The digest of the bytes that were kept, secrets masked.
    pub output_digest: Digest,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ended with this exit code.
    Exited(i32),
    /// This signal ended it, and it was not ours.
    Signalled(i32),
    /// It was ended at its timeout.
    TimedOut,
    /// It could not be started, and why.
    NotStarted(String),
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
    ) -> Ended;

    /// Starts `argv` in a session of its own, standard input closed and output to `log`, and does not wait for it: it
    /// outlives this process and is sent none of its signals. Where the program is this one, it is the same one even if
    /// its file was replaced since. Where the log cannot be written it runs without output.
    ///
    /// # Errors
    /// A text that names the program and the cause.
    fn detach(&self, argv: &[OsString], folder: &Path, log: &Path) -> Result<ProcessGroup, String>;

    /// Whether this very process is alive: not one that was given its number since, and not one of an earlier boot.
    fn is_running(&self, process: &ProcessGroup) -> bool;

    /// Whether `log` can be written, as the output of what is detached: it is or becomes a plain file below `folder`, and is
    /// reached through no link.
    ///
    /// # Errors
    /// A text that names the file and the cause.
    fn can_log(&self, folder: &Path, log: &Path) -> Result<(), String>;

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

/// The variables and files that a probe may refer to.
pub trait Environment: Sync {
    /// The value of an environment variable; `None` where it is unset or empty.
    ///
    /// # Errors
    /// It is set, and is not UTF-8.
    fn variable(&self, name: &str) -> std::result::Result<Option<String>, NotText>;

    /// The same, for what does as well without it.
    fn text(&self, name: &str) -> Option<String> {
        self.variable(name).ok().flatten()
    }

    /// Every environment variable whose name is text. What is no text in a value is replaced, as in what is shown.
    fn variables(&self) -> Vec<(String, String)>;

    /// The text of a small file, relative to the repository's root.
    ///
    /// # Errors
    /// A text that names the path and the cause.
    fn file(&self, path: &str) -> Result<String, String>;
}

/// The files of a team's repository. Paths are relative to its root and never leave it.
pub trait Files: Sync {
    /// The repository's root, to show and to run commands in.
    fn root(&self) -> &Path;

    /// The bytes of a file of at most 16 MiB; `None` where there is none.
    ///
    /// # Errors
    /// [`FileError`] with the path.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError>;

    /// The SHA-256 of a file of any size, and the hash that a signature over it is of, from one pass over its bytes; `None`
    /// where there is no such file.
    ///
    /// # Errors
    /// [`FileError`] with the path.
    fn hashes(&self, path: &str, signed: Hash) -> Result<Option<Hashes>, FileError>;

    /// The SHA-256 of a file of any size; `None` where there is none.
    ///
    /// # Errors
    /// [`FileError`] with the path.
    fn digest(&self, path: &str) -> Result<Option<Digest>, FileError> {
        let hashes = self.hashes(path, Hash::Sha256)?;
        Ok(hashes.map(|it| it.sha256))
    }

    /// The names of the folders in a folder, sorted; none where there is no such folder.
    ///
    /// # Errors
    /// [`FileError`] with the path.
    fn folders(&self, path: &str) -> Result<Vec<String>, FileError>;

    /// The names of the files in a folder, sorted; none where there is no such folder.
    ///
    /// # Errors
    /// [`FileError`] with the path.
    fn files(&self, path: &str) -> Result<Vec<String>, FileError>;

    /// The commit that the files are, where nothing but what relgate records was changed since; `None` where that is not so,
    /// or not known.
    fn commit(&self) -> Option<String> {
        None
    }

    /// Writes new files whole, with their folders, never over an existing one: all of them, or none.
    ///
    /// # Errors
    /// [`FileError`] with the path; of kind `AlreadyExists` where there is one.
    fn create(&self, files: &[(String, String)]) -> Result<(), FileError>;
}

/// What the bytes of a file come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// Its digest.
    pub sha256: Digest,
    /// The hash that was asked for beside it.
    pub signed: Vec<u8>,
}

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct FileError {
    /// Which file.
    pub path: PathBuf,
    /// The cause.
    pub source: std::io::Error,
}

/// Opens the ledgers of releases, and says who is alive.
pub trait Ledgers: Sync {
    /// The ledger of a release; it need not exist yet.
    fn open(&self, release: &ReleaseName) -> Box<dyn Ledger + Send + '_>;

    /// Whether the release was closed or rolled back, and nothing of it happens by itself any more. Never where a record of
    /// it cannot be read, or is of a newer version.
    fn has_ended(&self, release: &ReleaseName) -> bool;

    /// Adds those of `records` that the ledger does not have, each judged by its signature here: all of them, or none.
    /// Returns what was added, parents before children.
    ///
    /// # Errors
    /// [`AppendError::Refused`] where one does not count, belongs elsewhere or cannot follow what is recorded, or where the
    /// ledger is damaged; [`AppendError::Ledger`] where it cannot be read or written.
    fn adopt(
        &self,
        release: &ReleaseName,
        clock: &dyn Clock,
        records: Vec<Record>,
    ) -> Result<Vec<Record>, AppendError>;

    /// Every file that lies in the ledger's folder and is no part of its upkeep, for an audit.
    ///
    /// # Errors
    /// [`LedgerError::Read`] where the folder cannot be listed.
    fn files(&self, release: &ReleaseName) -> Result<Vec<audit::File>, LedgerError>;

    /// What tells the ledger of a release from every other one on this machine, however its path is spelled.
    fn identity(&self, release: &ReleaseName) -> String;

    /// Where the ledger of a release lies, to show.
    fn folder(&self, release: &ReleaseName) -> PathBuf;

    /// Where files beside the records go: the output of rollback steps. Whoever writes one makes it.
    fn output_folder(&self, release: &ReleaseName) -> PathBuf;

    /// What was written to a file in the output folder from byte `from` on, at most 64 KiB; nothing where it cannot be
    /// read.
    fn output(&self, release: &ReleaseName, name: &str, from: u64) -> Vec<u8>;

    /// Takes the exclusive duty, given back when the returned value is dropped or the process dies; `None` where
    /// somebody else has it.
    ///
    /// # Errors
    /// [`LedgerError`] where no means of exclusion is available.
    fn take(
        &self,
        release: &ReleaseName,
        duty: Duty,
    ) -> Result<Option<Box<dyn Lease>>, LedgerError>;

    /// Takes the target of a deployment for a rollback: one runs there at a time, of whichever release. `None` where another
    /// has it; one that was stopped is made to go on.
    ///
    /// # Errors
    /// [`LedgerError`] where no means of exclusion is available.
    fn take_target(&self, target: &str) -> Result<Option<Box<dyn Lease>>, LedgerError>;

    /// Whether the duty can be taken by anybody here, who has it or not: not on a disk without locks, where there is
    /// nothing else either.
    fn can_be_taken(&self, release: &ReleaseName, duty: Duty) -> bool;

    /// Whether somebody alive has the duty. A watcher that was stopped (`SIGSTOP`) does not count; a stopped driver does,
    /// since nobody may take its place.
    fn is_taken(&self, release: &ReleaseName, duty: Duty) -> bool;

    /// The process that has the duty and is not stopped, where the system tells which.
    fn holder(&self, release: &ReleaseName, duty: Duty) -> Option<i32>;

    /// The lock that a step of the rollback inherits; `None` where a step still has it whose driver died.
    ///
    /// # Errors
    /// [`LedgerError`] where there is nothing to lock.
    fn step_lock(
        &self,
        release: &ReleaseName,
        first: &Record,
    ) -> Result<Option<Arc<dyn InheritedLock>>, LedgerError>;

    /// Lets whoever has the duty go on where that process was stopped: it would keep the duty and not do it. Returns
    /// whether it was; never where the system does not tell (macOS), or where the process is another user's.
    fn wake(&self, release: &ReleaseName, duty: Duty) -> bool;
}

/// A duty that this process has, until it is dropped.
pub trait Lease: Send {
    /// Whether others still see it: its file may have been removed since.
    fn is_current(&self) -> bool;
}

/// Something that one living process at a time does for a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Driving the rollback from its claim to its end.
    Rollback,
    /// Watching the windows. Several may; this says that at least one does.
    Watch,
}
