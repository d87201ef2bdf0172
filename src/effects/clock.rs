//! The clocks of this machine, and the only place that reads one.
//!
//! The boot-time clock counts suspend and ignores steps of the wall clock: `CLOCK_BOOTTIME` on Linux, `CLOCK_MONOTONIC`
//! on macOS, which counts sleep there. What a reading is worth against another is the domain's business.

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use chrono::Utc;
use rustix::time::ClockId;

use crate::domain::clock::{BootId, Reading};
use crate::domain::writer::Writer;
use crate::ports::Clock;

/// The longest nap where the system has no timer that counts suspend: after a suspend, a deadline is noticed this late
/// at most.
const LONGEST_NAP: Duration = Duration::from_secs(1);

/// The clocks of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Reading {
        Reading {
            wall: Utc::now(),
            boot_ms: milliseconds(boot_time()),
            boot: boot().clone(),
        }
    }

    fn wait(&self, time: Duration) {
        if !wait_by_timer(time) {
            wait_in_naps(time);
        }
    }
}

/// This process.
pub fn writer() -> Writer {
    Writer {
        host: host().to_owned(),
        boot: boot().clone(),
        pid: std::process::id(),
    }
}

/// Measures how long something took. It is steady, says nothing about the time of day, and stops in suspend on Linux.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins to measure.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since it began.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// The time since it began, in whole milliseconds.
    pub fn elapsed_ms(&self) -> u64 {
        milliseconds(self.elapsed())
    }

    /// What is left of `limit`; zero when it has passed.
    pub fn left_of(&self, limit: Duration) -> Duration {
        limit.saturating_sub(self.elapsed())
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(target_os = "linux")]
const BOOT_CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const BOOT_CLOCK: ClockId = ClockId::Monotonic;

fn boot_time() -> Duration {
    let time = rustix::time::clock_gettime(BOOT_CLOCK);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Which boot this is, read once.
///
/// Where the system does not tell its boots apart, the id is this process's own, so that its readings are compared with
/// nobody else's: an id that two boots share would let a window outlive its deadline by a whole reboot.
pub(super) fn boot() -> &'static BootId {
    static BOOT: OnceLock<BootId> = OnceLock::new();
    BOOT.get_or_init(|| BootId {
        id: overridden_boot_id()
            .or_else(system_boot_id)
            .unwrap_or_else(|| {
                format!(
                    "process-{}-{}",
                    std::process::id(),
                    Utc::now().timestamp_micros()
                )
            }),
        time_namespace: std::fs::read_link("/proc/self/ns/time")
            .map(|path| path.to_string_lossy().into_owned())
            .unwrap_or_default(),
        time_offset: std::fs::read_to_string("/proc/self/timens_offsets")
            .ok()
            .and_then(|text| boot_offset(&text)),
    })
}

/// The offset of the boot-time clock in the text of `/proc/self/timens_offsets`: seconds and nanoseconds.
fn boot_offset(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::split_ascii_whitespace);
    lines.find_map(|mut words| {
        (words.next()? == "boottime").then(|| words.collect::<Vec<_>>().join("."))
    })
}

fn host() -> &'static str {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    })
}

/// Lets a test play a reboot. A release build has no such door.
fn overridden_boot_id() -> Option<String> {
    if cfg!(debug_assertions) {
        std::env::var("RELGATE_TEST_BOOT_ID")
            .ok()
            .filter(|id| !id.is_empty())
    } else {
        None
    }
}

#[cfg(target_os = "linux")]
fn system_boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
}

#[cfg(target_os = "macos")]
fn system_boot_id() -> Option<String> {
    let output = std::process::Command::new("/usr/sbin/sysctl")
        .args(["-n", "kern.bootsessionuuid"])
        .stdin(std::process::Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|id| output.status.success() && !id.is_empty())
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn system_boot_id() -> Option<String> {
    None
}

/// Whether the wait is over, by a timer that counts suspend. A signal ends it early, so that the caller can look at what
/// the signal was about.
#[cfg(target_os = "linux")]
fn wait_by_timer(time: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    // An all-zero value would disarm the timer and wait for ever.
    if time.is_zero() {
        return true;
    }
    let zero = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let value = Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    };
    let Ok(timer) = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC) else {
        return false;
    };
    let setting = Itimerspec {
        it_interval: zero,
        it_value: value,
    };
    if timerfd_settime(&timer, TimerfdTimerFlags::empty(), &setting).is_err() {
        return false;
    }
    match poll(&mut [PollFd::new(&timer, PollFlags::IN)], None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => true,
        Err(_) => false,
    }
}

#[cfg(not(target_os = "linux"))]
fn wait_by_timer(_: Duration) -> bool {
    false
}

/// Sleeps in short pieces and asks the boot-time clock after each, since sleep itself may not count suspend.
fn wait_in_naps(time: Duration) {
    let begin = boot_time();
    loop {
        let left = time.saturating_sub(boot_time().saturating_sub(begin));
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(LONGEST_NAP));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_of_one_process_compare_and_do_not_go_back() {
        let first = SystemClock.now();
        SystemClock.wait(Duration::from_millis(3));
        let second = SystemClock.now();
        let between = second.boot_ms_since(&first).expect("the same boot");
        assert!(
            (2..60_000).contains(&between),
            "{between} ms for a wait of 3 ms"
        );
        assert!(!first.boot.id.is_empty() && !writer().host.is_empty());
    }

    #[test]
    fn the_offset_of_a_time_namespace_is_read() {
        let text = "monotonic           0         0\nboottime        86400         7\n";
        assert_eq!(boot_offset(text).as_deref(), Some("86400.7"));
        assert_eq!(boot_offset("monotonic 0 0\n"), None);
        if cfg!(target_os = "linux") {
            assert!(SystemClock.now().boot.time_offset.is_some());
        }
    }

    #[test]
    fn naps_end_when_the_boot_clock_says_so() {
        let begin = boot_time();
        wait_in_naps(Duration::from_millis(3));
        assert!(boot_time() - begin >= Duration::from_millis(3));
    }

    #[test]
    fn a_wait_of_no_time_returns() {
        SystemClock.wait(Duration::ZERO);
        wait_in_naps(Duration::ZERO);
    }

    #[test]
    fn a_stopwatch_knows_what_is_left() {
        let watch = Stopwatch::start();
        assert_eq!(watch.left_of(Duration::ZERO), Duration::ZERO);
        assert!(watch.left_of(Duration::from_secs(3600)) > Duration::from_secs(3000));
        assert!(watch.elapsed_ms() < 600_000);
    }
}
