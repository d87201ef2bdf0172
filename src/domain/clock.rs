//! What the clocks said at one moment.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A reading of the wall clock and of the boot-time clock, with what the latter is worth.
///
/// The boot-time clock counts suspend and ignores jumps of the wall clock, but means something only on the same boot of
/// the same host in the same time namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The wall clock.
    pub wall: DateTime<Utc>,
    /// Milliseconds on the boot-time clock.
    pub boot_ms: u64,
    /// Which boot the milliseconds count from, with the time namespace that shifts them.
    pub boot: BootId,
    /// The host's name, for people.
    pub host: String,
}

/// Identifies a boot-time clock: two readings can be subtracted only where it is the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BootId {
    /// The kernel's id of this boot.
    pub id: String,
    /// The time namespace, where the system has them.
    pub time_namespace: String,
}

impl Reading {
    /// Milliseconds on the boot-time clock from `earlier` to this reading; `None` where the clocks cannot be compared.
    pub fn boot_ms_since(&self, earlier: &Self) -> Option<u64> {
        (self.boot == earlier.boot && self.host == earlier.host)
            .then(|| self.boot_ms.saturating_sub(earlier.boot_ms))
    }

    /// Milliseconds on the wall clock from `earlier` to this reading; 0 where the clock went backwards.
    pub fn wall_ms_since(&self, earlier: &Self) -> u64 {
        u64::try_from((self.wall - earlier.wall).num_milliseconds()).unwrap_or(0)
    }
}
