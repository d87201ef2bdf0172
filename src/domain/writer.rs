//! Who writes: a process on a machine.

use super::clock::BootId;

/// The process that records and holds leases. What its clocks say is apart from this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Writer {
    /// The name of its host, for people.
    pub host: String,
    /// The boot of that host, with its time namespace.
    pub boot: BootId,
    /// Its process id there.
    pub pid: u32,
}
