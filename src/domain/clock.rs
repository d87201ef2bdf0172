//! What the clocks said at one moment.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A reading of the wall clock and of the boot-time clock, with what the latter is worth.
///
/// The boot-time clock counts suspend and ignores jumps of the wall clock, but means something only on the same boot in the
/// same time namespace. Who reads the clocks is said apart, by a [`Writer`](super::writer::Writer).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The wall clock.
    pub wall: DateTime<Utc>,
    /// Milliseconds on the boot-time clock.
    pub boot_ms: u64,
    /// Which boot the milliseconds count from, with the time namespace that shifts them.
    pub boot: BootId,
}

/// Identifies a boot-time clock: two readings can be subtracted only where it is the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BootId {
    /// The kernel's id of this boot.
    pub id: String,
    /// The time namespace, where the system has them.
    pub time_namespace: String,
    /// By how much the time namespace shifts the clock, as the system writes it: the number of a namespace that has ended
    /// is given to another one. None in older records, and where the system has no such thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_offset: Option<String>,
}

impl BootId {
    /// Whether it is the same clock, as far as both say.
    fn is_same(&self, other: &Self) -> bool {
        let offsets = self.time_offset.as_ref().zip(other.time_offset.as_ref());
        self.id == other.id
            && self.time_namespace == other.time_namespace
            && offsets.is_none_or(|(ours, theirs)| ours == theirs)
    }
}

impl Reading {
    /// Milliseconds on the boot-time clock from `earlier` to this reading; `None` where the clocks cannot be compared.
    pub fn boot_ms_since(&self, earlier: &Self) -> Option<u64> {
        self.boot
            .is_same(&earlier.boot)
            .then(|| self.boot_ms.saturating_sub(earlier.boot_ms))
    }

    /// Milliseconds on the wall clock from `earlier` to this reading; 0 where the clock went backwards.
    pub fn wall_ms_since(&self, earlier: &Self) -> u64 {
        u64::try_from((self.wall - earlier.wall).num_milliseconds()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_time_namespaces_with_one_number_are_two_clocks() {
        let reading = |offset: Option<&str>| Reading {
            wall: DateTime::UNIX_EPOCH,
            boot_ms: 1_000,
            boot: BootId {
                id: "a".to_owned(),
                time_namespace: "time:[4026532290]".to_owned(),
                time_offset: offset.map(str::to_owned),
            },
        };
        let compared = |earlier, now| reading(now).boot_ms_since(&reading(earlier));
        assert_eq!(compared(Some("60.0"), Some("60.0")), Some(0));
        assert_eq!(compared(Some("60.0"), Some("0.0")), None);
        // Older records say nothing of it.
        assert_eq!(compared(None, Some("60.0")), Some(0));
        assert_eq!(compared(Some("60.0"), None), Some(0));
        let old = r#"{"id":"a","time_namespace":"time:[1]"}"#;
        let read: BootId = serde_json::from_str(old).expect("an older record");
        assert_eq!(serde_json::to_string(&read).expect("text"), old);
    }
}
