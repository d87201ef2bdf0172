//! Where records, leases and presence are kept: in the files of a repository, or in memory.

pub mod file;
pub mod memory;
