//! Lets a process go on that holds a lock and was stopped (`SIGSTOP`): it would hold what it holds for ever, and do
//! nothing.
//!
//! Linux tells who holds a lock and whether that process is stopped; where the system does not, nothing is found.

use std::path::Path;

/// Sends `SIGCONT` to every stopped process that holds a lock on the file or folder at `path`. Returns whether there was
/// one; never one that another user owns, or that a debugger holds.
pub fn wake_holder(path: &Path) -> bool {
    let mut woken = false;
    for pid in system::holders(path) {
        woken |= system::is_stopped(pid) && system::go_on(pid);
    }
    woken
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use rustix::process::{Pid, Signal, kill_process};

    /// The processes that have an exclusive lock on what lies at `path`, and have it open.
    pub fn holders(path: &Path) -> Vec<i32> {
        let Ok(there) = fs::metadata(path) else {
            return Vec::new();
        };
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        locks
            .lines()
            .filter_map(|line| holder(line, there.ino()))
            .filter(|pid| has_open(*pid, &there))
            .collect()
    }

    /// The process of a line of `/proc/locks` such as `3: FLOCK ADVISORY WRITE 4171 fe:00:12345 0 EOF`, where the lock is
    /// exclusive and on a file of this number.
    fn holder(line: &str, inode: u64) -> Option<i32> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, file, ..] = words.as_slice() else {
            return None;
        };
        let (_, number) = file.rsplit_once(':')?;
        (number.parse() == Ok(inode)).then_some(())?;
        pid.parse().ok().filter(|pid| *pid > 0)
    }

    /// File numbers repeat from disk to disk.
    fn has_open(pid: i32, there: &fs::Metadata) -> bool {
        let open = fs::read_dir(format!("/proc/{pid}/fd"));
        open.into_iter().flatten().flatten().any(|entry| {
            fs::metadata(entry.path())
                .is_ok_and(|it| (it.dev(), it.ino()) == (there.dev(), there.ino()))
        })
    }

    pub fn is_stopped(pid: i32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('T'))
    }

    pub fn go_on(pid: i32) -> bool {
        Pid::from_raw(pid).is_some_and(|pid| kill_process(pid, Signal::CONT).is_ok())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_an_exclusive_lock_on_the_same_file_counts() {
            let held = "3: FLOCK  ADVISORY  WRITE 4171 fe:00:12345 0 EOF";
            assert_eq!(holder(held, 12345), Some(4171));
            assert_eq!(holder(held, 1234), None);
            assert_eq!(holder(&held.replace("WRITE", "READ"), 12345), None);
            assert_eq!(holder(&held.replace("FLOCK", "POSIX"), 12345), None);
            // Another namespace's process has no number here; a waiting one holds nothing.
            assert_eq!(holder(&held.replace("4171", "0"), 12345), None);
            assert_eq!(holder(&held.replace("3: ", "3: -> "), 12345), None);
            assert_eq!(holder("", 12345), None);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::Path;

    pub fn holders(_: &Path) -> Vec<i32> {
        Vec::new()
    }

    pub fn is_stopped(_: i32) -> bool {
        false
    }

    pub fn go_on(_: i32) -> bool {
        false
    }
}
