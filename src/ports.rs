//! The traits through which use cases reach the world, one file each, with the promise that every implementation keeps.

mod clock;
mod environment;
mod files;
mod probes;
mod processes;
mod records;
mod signing;

pub use clock::Clock;
pub use environment::Environment;
pub use files::{FileError, Files, Hashes};
pub use probes::{Asked, Limits, Nobody, Onlooker, Prober, nobody};
pub use processes::{Command, Ended, InheritedLock, Outcome, ProcessGroup, Runner};
pub use records::{AppendError, Decide, Duty, Lease, Ledger, LedgerError, Ledgers};
pub use signing::{Certified, KeyFile, OpenSsh, Seal, SigningKey, Unsealed};
