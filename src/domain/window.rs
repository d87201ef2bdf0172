//! Rollback windows: how much time is left, on which clock.
//!
//! Everything is derived from what was recorded and from `now`; nothing here remembers. A wake-up that comes late,
//! early or never changes nothing but latency.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::clock::Reading;
use super::policy::{OnExpiry, ResolvedBy};
use super::timespan::Timespan;

/// The time to mend an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// What happens when it expires.
    pub on_expiry: OnExpiry,
    /// Who closes it when its probes pass again.
    pub resolved_by: ResolvedBy,
    limits: Vec<Limit>,
    checkpoints: Vec<Checkpoint>,
    /// The wall time of an opening that nobody attests: no more has passed than the wall clock says too.
    not_before: Option<DateTime<Utc>>,
}

/// A span of time that began at a reading: the opening's, or an escalation's.
#[derive(Clone, Debug, PartialEq)]
struct Limit {
    duration: Timespan,
    /// Milliseconds of the window that had passed when this limit began.
    began_ms: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Checkpoint {
    reading: Reading,
    elapsed_ms: u64,
}

/// Which clock decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The boot-time clock of the boot on which the window was opened or last checkpointed.
    BootClock,
    /// The wall time since the last checkpoint: after a reboot, or on another host.
    WallSinceCheckpoint,
}

/// How much of a window has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    /// Milliseconds since the opening.
    pub ms: u64,
    /// Which clock said so.
    pub basis: Basis,
}

impl Window {
    /// A window of `duration` that opened at `opened`.
    pub fn open(
        duration: Timespan,
        on_expiry: OnExpiry,
        resolved_by: ResolvedBy,
        opened: Reading,
    ) -> Self {
        Self {
            on_expiry,
            resolved_by,
            limits: vec![Limit {
                duration,
                began_ms: 0,
            }],
            checkpoints: vec![Checkpoint {
                reading: opened,
                elapsed_ms: 0,
            }],
            not_before: None,
        }
    }

    /// From now on no more has passed than the wall clock says too.
    pub(super) fn needs_both_clocks(&mut self) {
        let first = self.checkpoints.first();
        self.not_before = first.map(|first| first.reading.wall);
    }

    /// How much of the window has passed at `now`.
    ///
    /// On a boot that a checkpoint knows, the boot-time clock decides, whatever the wall clock did. On any other, the
    /// time of the last checkpoint and the wall time since decide; a wall clock that went backwards counts as no time,
    /// so it only lengthens the window within its duration.
    pub fn elapsed(&self, now: &Reading) -> Elapsed {
        let elapsed = self.elapsed_by_one(now);
        let Some(not_before) = self.not_before else {
            return elapsed;
        };
        let by_wall = u64::try_from((now.wall - not_before).num_milliseconds()).unwrap_or(0);
        Elapsed {
            ms: elapsed.ms.min(by_wall),
            ..elapsed
        }
    }

    fn elapsed_by_one(&self, now: &Reading) -> Elapsed {
        let same_boot = self.checkpoints.iter().rev().find_map(|checkpoint| {
            now.boot_ms_since(&checkpoint.reading)
                .map(|passed| checkpoint.elapsed_ms.saturating_add(passed))
        });
        if let Some(ms) = same_boot {
            return Elapsed {
                ms,
                basis: Basis::BootClock,
            };
        }
        let ms = self.checkpoints.last().map_or(0, |last| {
            last.elapsed_ms
                .saturating_add(now.wall_ms_since(&last.reading))
        });
        Elapsed {
            ms,
            basis: Basis::WallSinceCheckpoint,
        }
    }

    /// Milliseconds from the opening to the deadline: the earliest of the limits that ever applied, so nothing extends
    /// a window (req: A16).
    pub fn deadline_ms(&self) -> u64 {
        self.limits
            .iter()
            .map(|limit| limit.began_ms.saturating_add(limit.duration.milliseconds()))
            .min()
            .unwrap_or(0)
    }

    /// Milliseconds left at `now`; 0 when the window has expired.
    pub fn left_ms(&self, now: &Reading) -> u64 {
        self.deadline_ms().saturating_sub(self.elapsed(now).ms)
    }

    /// Milliseconds by which `now` is past the deadline; 0 before it.
    pub fn late_ms(&self, now: &Reading) -> u64 {
        self.elapsed(now).ms.saturating_sub(self.deadline_ms())
    }

    /// Whether the window has expired at `now`.
    pub fn has_expired(&self, now: &Reading) -> bool {
        self.left_ms(now) == 0
    }

    /// Adds the limit of an escalation at `at`; the earlier deadline holds, and so does the stricter of the two
    /// consequences.
    pub fn escalate(&mut self, duration: Timespan, on_expiry: OnExpiry, at: Reading) {
        let elapsed_ms = self.elapsed(&at).ms;
        self.limits.push(Limit {
            duration,
            began_ms: elapsed_ms,
        });
        let strictness = |rule: OnExpiry| match rule {
            OnExpiry::None => 0,
            OnExpiry::Decide => 1,
            OnExpiry::Rollback => 2,
        };
        if strictness(on_expiry) > strictness(self.on_expiry) {
            self.on_expiry = on_expiry;
        }
        self.checkpoint(at, elapsed_ms);
    }

    /// Takes in a checkpoint. Time never runs backwards: an earlier elapsed time than one already known is raised.
    pub fn checkpoint(&mut self, reading: Reading, elapsed_ms: u64) {
        let known = self.checkpoints.last().map_or(0, |last| last.elapsed_ms);
        // On every boot its last one decides, and the last of all elsewhere; those before add nothing.
        self.checkpoints
            .retain(|known| reading.boot_ms_since(&known.reading).is_none());
        self.checkpoints.push(Checkpoint {
            reading,
            elapsed_ms: elapsed_ms.max(known),
        });
    }

    /// The last reading of the opening or a checkpoint on the boot of `now`; `None` where this boot is not known yet, and
    /// the wall clock decides.
    pub fn last_reading(&self, now: &Reading) -> Option<&Reading> {
        let mut readings = self.checkpoints.iter().rev().map(|last| &last.reading);
        readings.find(|reading| now.boot_ms_since(reading).is_some())
    }
}

/// `4:59`, `1:04:59`: the time left for people, a started second counting whole.
pub fn clock_face(left_ms: u64) -> String {
    let seconds = left_ms.div_ceil(1_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::BootId;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn reading(boot: &str, boot_s: i64, wall_s: i64) -> Reading {
        Reading {
            wall: DateTime::UNIX_EPOCH + TimeDelta::seconds(1_000_000 + wall_s),
            boot_ms: u64::try_from(boot_s * 1_000).expect("a positive time"),
            boot: BootId {
                id: boot.to_owned(),
                time_namespace: String::new(),
                time_offset: None,
            },
        }
    }

    fn five_minutes(opened: Reading) -> Window {
        Window::open(
            Timespan::from_minutes(5),
            OnExpiry::Rollback,
            ResolvedBy::Person,
            opened,
        )
    }

    #[test]
    fn a_wall_clock_that_jumps_changes_nothing_on_the_same_boot() {
        let window = five_minutes(reading("a", 10, 0));
        for wall in [-100_000, 0, 100_000] {
            assert_eq!(window.left_ms(&reading("a", 10 + 299, wall)), 1_000);
            assert!(!window.has_expired(&reading("a", 10 + 299, wall)));
            assert!(window.has_expired(&reading("a", 10 + 300, wall)));
        }
    }

    #[test]
    fn after_a_reboot_the_checkpoint_and_the_wall_time_since_decide() {
        let mut window = five_minutes(reading("a", 1_000, 0));
        window.checkpoint(reading("a", 1_060, 60), 60_000);
        let back = reading("b", 5, 100);
        assert_eq!(
            window.elapsed(&back),
            Elapsed {
                ms: 100_000,
                basis: Basis::WallSinceCheckpoint
            }
        );
        window.checkpoint(back, 100_000);
        assert_eq!(window.elapsed(&reading("b", 15, 9_999)).ms, 110_000);
    }

    #[test]
    fn a_wall_clock_that_went_back_over_a_reboot_only_lengthens_within_the_duration() {
        let mut window = five_minutes(reading("a", 1_000, 0));
        window.checkpoint(reading("a", 1_200, 200), 200_000);
        let back = reading("b", 5, -500);
        assert_eq!(window.left_ms(&back), 100_000);
        window.checkpoint(back, 200_000);
        assert!(window.has_expired(&reading("b", 105, -400)));
    }

    #[test]
    fn escalation_only_shortens() {
        // req: A16
        let mut window = five_minutes(reading("a", 0, 0));
        window.escalate(
            Timespan::from_minutes(30),
            OnExpiry::Rollback,
            reading("a", 60, 60),
        );
        assert_eq!(window.deadline_ms(), 300_000);
        window.escalate(
            Timespan::from_minutes(1),
            OnExpiry::Rollback,
            reading("a", 60, 60),
        );
        assert_eq!(window.deadline_ms(), 120_000);
    }

    #[test]
    fn another_time_namespace_is_another_clock() {
        let window = five_minutes(reading("a", 0, 0));
        let mut shifted = reading("a", 100_000, 10);
        shifted.boot.time_namespace = "time:[4026532290]".to_owned();
        assert_eq!(
            window.elapsed(&shifted),
            Elapsed {
                ms: 10_000,
                basis: Basis::WallSinceCheckpoint
            }
        );
    }

    #[test]
    fn the_face_never_shows_zero_before_the_deadline() {
        assert_eq!(clock_face(300_000), "5:00");
        assert_eq!(clock_face(1), "0:01");
        assert_eq!(clock_face(0), "0:00");
        assert_eq!(clock_face(3_899_000), "1:04:59");
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        /// However the clocks jump and however often the host reboots, what was once counted stays counted, and no
        /// more than the time that really passed is counted on one boot.
        #[test]
        fn time_is_never_lost(events in prop::collection::vec((0i64..200, -10_000i64..10_000, any::<bool>()), 1..30)) {
            let mut window = five_minutes(reading("0", 1_000, 0));
            let (mut boot, mut boot_s, mut wall_s, mut last) = (0, 1_000, 0, 0);
            for (passed, jump, reboot) in events {
                boot_s += passed;
                wall_s += passed + jump;
                if reboot {
                    boot += 1;
                    boot_s = 1;
                }
                let now = reading(&boot.to_string(), boot_s, wall_s);
                let elapsed = window.elapsed(&now).ms;
                prop_assert!(elapsed >= last, "{elapsed} < {last}");
                if !reboot {
                    prop_assert!(elapsed <= last + u64::try_from(passed).expect("positive") * 1_000);
                }
                prop_assert_eq!(window.deadline_ms(), 300_000);
                window.checkpoint(now, elapsed);
                last = elapsed;
            }
        }
    }
}
