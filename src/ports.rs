//! The traits through which use cases reach the world, one file each, with the promise that every implementation keeps.

mod clock;
mod environment;
mod files;
mod leases;
mod presence;
mod probes;
mod processes;
mod records;
mod signing;
mod summaries;

pub use clock::Clock;
pub use environment::Environment;
pub use files::{FileError, Files, Hashes};
pub use leases::{Acquired, Holder, Lease, LeaseName, Leases, Tenure};
pub use presence::Presence;
pub use probes::{Asked, Limits, Nobody, Onlooker, Prober, nobody};
pub use processes::{Command, CommandEnd, InheritedLock, OutputFile, ProcessGroup, Runner};
pub use records::{AppendError, Appended, Batch, Order, Proposal, Reader, Records, StoreError};
pub use signing::{Certified, KeyFile, OpenSsh, Seal, SigningKey, Unsealed};
pub use summaries::{Summaries, Summary};
