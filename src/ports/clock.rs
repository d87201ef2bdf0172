//! The clocks.

use std::time::Duration;

use crate::domain::clock::Reading;

/// The clocks.
pub trait Clock: Sync {
    /// What the clocks say now.
    fn now(&self) -> Reading;

    /// Waits for `time`, counted with suspend where the system can; may return early, and its return decides nothing.
    fn wait(&self, time: Duration);
}
