//! Use cases over the ports: what every command does, apart from its command line and its display.

pub mod again;
pub mod anchor;
mod artifacts;
pub mod ask;
pub mod baseline;
pub mod check;
pub mod close;
pub mod deploy;
mod documents;
pub mod due;
pub mod evidence;
pub mod explain;
pub mod facts;
pub mod incident;
pub mod insistent;
pub mod integrity;
pub mod lease;
pub mod ledger;
pub mod log;
pub mod manual;
mod named_files;
pub mod pin;
pub mod place;
pub mod policy_text;
pub mod probe;
pub mod project;
pub mod rollback;
pub mod root_cause;
pub mod scaffold;
pub mod seal;
pub mod sign;
pub mod status;
mod target;
pub mod verification;
pub mod verify;
pub mod view;
pub mod waive;
pub mod walk;
pub mod watch;

use std::ffi::OsString;
use std::sync::Arc;

use crate::domain::event::Event;
use crate::domain::finding::{Finding, Source};
use crate::domain::record::Record;
use crate::domain::refusal::{Kind, Refusal};
use crate::ports::{
    AppendError, Clock, Environment, FileError, Files, Leases, Onlooker, Presence, Prober, Runner,
    Seal, StoreError,
};
use ledger::{Decide, Ledger, Ledgers};
use policy_text::PolicyText;

/// The world that a use case acts in.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The clocks.
    pub clock: &'a dyn Clock,
    /// Asks probes.
    pub prober: &'a dyn Prober,
    /// Sees how far they have come.
    pub onlooker: &'a Arc<dyn Onlooker>,
    /// Runs commands.
    pub runner: &'a dyn Runner,
    /// The variables and files that probes refer to.
    pub environment: &'a dyn Environment,
    /// The repository's files.
    pub files: &'a dyn Files,
    /// The releases' ledgers.
    pub ledgers: &'a Ledgers<'a>,
    /// What one process at a time does.
    pub leases: &'a dyn Leases,
    /// Who watches.
    pub presence: &'a dyn Presence,
    /// The policy's text.
    pub policy: &'a PolicyText,
    /// Judges signatures.
    pub seal: &'a dyn Seal,
    /// Whether what may take long is done on threads of its own. In a simulation it is done at once.
    pub is_concurrent: bool,
    /// Whether this process was asked to stop.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// The command line that starts relgate on this repository: the program, and what chooses the policy. Paths need not
    /// be text.
    pub relgate: &'a [OsString],
}

/// Hears what happens.
pub type Hear<'a> = dyn FnMut(&Event) + 'a;

/// Why a use case came to no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was refused, with its kind and the next step.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Files are wrong; all findings of all of them.
    #[error("{} findings", findings.len())]
    Findings {
        /// What is wrong, in order.
        findings: Vec<Finding>,
        /// The texts that they are about.
        sources: Vec<Source>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file failed.
    #[error(transparent)]
    File(#[from] FileError),
}

impl From<AppendError> for Error {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Refused(refusal) => Self::Refused(refusal),
            AppendError::Store(error) => Self::Store(error),
        }
    }
}

impl Error {
    /// What it comes to for the caller.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Refused(refusal) => refusal.kind,
            Self::Findings { .. } | Self::Store(_) | Self::File(_) => Kind::Invalid,
        }
    }
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// Appends what `decide` wants, and returns the first record of it.
///
/// # Errors
/// What the decision refused, or why the ledger failed.
pub fn append(ledger: &mut dyn Ledger, decide: &mut Decide<'_>) -> Result<Record> {
    let records = ledger.append(decide)?;
    records
        .into_iter()
        .next()
        .ok_or_else(|| Refusal::refused("there was nothing to record").into())
}
