//! What is true: names, release notes, gates, probes and their judgement, windows, records, the state they fold to, and
//! every decision. Pure: no clock, no disk, no socket, and nothing of the other layers.

pub mod clock;
pub mod gate;
pub mod ids;
pub mod policy;
pub mod probe;
pub mod release;
pub mod timespan;
pub mod variables;
