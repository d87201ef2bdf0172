//! What is true: names, release notes, gates, probes and their judgement, windows, records, the state they fold to, and
//! every decision. Pure: no clock, no disk, no socket, and nothing of the other layers.

pub mod anomaly;
pub mod audit;
pub mod baseline;
pub mod bundle;
pub mod calendar;
pub mod clock;
pub mod completeness;
pub mod decide;
pub mod document;
pub mod event;
pub mod finding;
pub mod gate;
pub mod history;
pub mod ids;
pub mod latency;
pub mod markdown;
pub mod nearest;
pub mod outcome;
pub mod policy;
pub mod probe;
pub mod quote;
pub mod readable;
pub mod readiness;
pub mod record;
pub mod refusal;
pub mod release;
pub mod running;
pub mod secret_name;
pub mod shares;
pub mod signature;
pub mod state;
#[cfg(test)]
pub(crate) mod testing;
pub mod timespan;
pub mod variables;
pub mod visible;
pub mod watch;
pub mod window;
pub mod writer;
