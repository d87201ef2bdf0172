//! The ports made real: the clocks, the environment, processes and probes of this machine.
//!
//! Nothing here decides: what an answer means, when a window ends and what is run are the domain's. Each module keeps
//! the promise that is written on its trait in [`crate::ports`].

pub mod clock;
pub mod document;
pub mod environment;
pub mod failpoint;
pub mod identity;
pub mod lock;
pub mod plain;
pub mod probe;
pub mod process;
pub mod repository;
pub mod service;
pub mod signals;
pub mod ssh;
pub mod stopped;
pub mod store;
pub mod stream;
