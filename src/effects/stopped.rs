//! Who holds a lock, and whether that process was stopped (`SIGSTOP`, Ctrl-Z): it holds what it holds for ever, and does
//! nothing.
//!
//! Linux tells who holds a lock and whether that process is stopped; where the system does not, nobody is found.

use std::path::Path;

/// The processes that hold a lock, as far as the system shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Those that hold it alone.
    exclusive: Vec<i32>,
    /// Those that only ask whether somebody holds it: for a moment, unless they were stopped in it.
    shared: Vec<i32>,
}

impl Holders {
    /// Sends `SIGCONT` to those that were stopped. Returns whether there was one; never one that another user owns, or
    /// that a debugger holds.
    pub fn resume_stopped(&self) -> bool {
        let mut resumed = false;
        for pid in self.exclusive.iter().chain(&self.shared) {
            resumed |= system::is_stopped(*pid) && system::resume(*pid);
        }
        resumed
    }

    /// One that holds it alone, is stopped, and cannot be made to go on.
    pub fn stopped_out_of_reach(&self) -> Option<i32> {
        let stopped = |pid: &&i32| system::is_stopped(**pid);
        let mut exclusive = self.exclusive.iter();
        exclusive
            .find(|pid| stopped(pid) && !system::resume(**pid))
            .copied()
    }

    /// Those that hold it alone.
    pub fn exclusive(&self) -> Vec<i32> {
        self.exclusive.clone()
    }

    /// All of them.
    pub fn all(&self) -> Vec<i32> {
        [self.exclusive.as_slice(), &self.shared].concat()
    }
}

/// Whether a process was stopped.
pub fn is_stopped(process: i32) -> bool {
    system::is_stopped(process)
}

/// Sends `SIGCONT` to a process that was stopped. Returns whether it was; never one that another user owns, or that a
/// debugger holds.
pub fn resume(process: i32) -> bool {
    system::is_stopped(process) && system::resume(process)
}

/// The processes that have a lock on one of the files or folders at `paths`, or that have the abstract socket of this
/// name.
pub fn holders(paths: &[&Path], socket: Option<&str>) -> Holders {
    let mut found = Holders::default();
    for path in paths {
        for (pid, is_exclusive) in system::holders(path) {
            match is_exclusive {
                true => found.exclusive.push(pid),
                false => found.shared.push(pid),
            }
        }
    }
    if let Some(name) = socket.filter(|_| found.exclusive.is_empty()) {
        found.exclusive.extend(system::socket_holders(name));
    }
    found
}

/// Whether a process that the system shows has the file or folder at `path` for itself alone.
pub fn is_locked(path: &Path) -> bool {
    system::holders(path)
        .iter()
        .any(|(_, is_exclusive)| *is_exclusive)
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use rustix::process::{Pid, Signal, kill_process};

    /// The processes that have a lock on what lies at `path`, and whether they have it alone.
    pub fn holders(path: &Path) -> Vec<(i32, bool)> {
        let Ok(there) = fs::symlink_metadata(path) else {
            return Vec::new();
        };
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        locks
            .lines()
            .filter_map(|line| holder(line, there.ino()))
            .filter(|(pid, _)| has_open(*pid, &there))
            .collect()
    }

    /// The process of a line of `/proc/locks` such as `3: FLOCK ADVISORY WRITE 4171 fe:00:12345 0 EOF`, where the lock is
    /// on a file of this number, and whether it is exclusive.
    fn holder(line: &str, inode: u64) -> Option<(i32, bool)> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, kind, pid, file, ..] = words.as_slice() else {
            return None;
        };
        let (_, number) = file.rsplit_once(':')?;
        (number.parse() == Ok(inode)).then_some(())?;
        let pid = pid.parse().ok().filter(|pid| *pid > 0)?;
        Some((pid, *kind == "WRITE"))
    }

    /// File numbers repeat from disk to disk. What another user has open is not shown, and counts.
    fn has_open(pid: i32, there: &fs::Metadata) -> bool {
        let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            return fs::metadata(format!("/proc/{pid}")).is_ok();
        };
        open.flatten().any(|entry| {
            fs::metadata(entry.path())
                .is_ok_and(|it| (it.dev(), it.ino()) == (there.dev(), there.ino()))
        })
    }

    /// The processes that have the abstract socket `name`.
    pub fn socket_holders(name: &str) -> Vec<i32> {
        let sockets = fs::read_to_string("/proc/net/unix").unwrap_or_default();
        let Some(number) = sockets.lines().find_map(|line| socket_number(line, name)) else {
            return Vec::new();
        };
        let link = format!("socket:[{number}]");
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
            .filter(|pid| {
                let open = fs::read_dir(format!("/proc/{pid}/fd"))
                    .into_iter()
                    .flatten();
                open.flatten().any(|entry| {
                    fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str() == link.as_str())
                })
            })
            .collect()
    }

    /// The number of the socket of a line of `/proc/net/unix`, where it is the abstract one of this name.
    fn socket_number<'a>(line: &'a str, name: &str) -> Option<&'a str> {
        let mut words = line.split_whitespace();
        let number = words.nth(6)?;
        (words.next()?.strip_prefix('@')? == name).then_some(number)
    }

    pub fn is_stopped(pid: i32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('T'))
    }

    pub fn resume(pid: i32) -> bool {
        Pid::from_raw(pid).is_some_and(|pid| kill_process(pid, Signal::CONT).is_ok())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_lock_on_the_same_file_is_found_with_its_kind() {
            let held = "3: FLOCK  ADVISORY  WRITE 4171 fe:00:12345 0 EOF";
            assert_eq!(holder(held, 12345), Some((4171, true)));
            assert_eq!(holder(held, 1234), None);
            let shared = held.replace("WRITE", "READ");
            assert_eq!(holder(&shared, 12345), Some((4171, false)));
            assert_eq!(holder(&held.replace("FLOCK", "POSIX"), 12345), None);
            // Another namespace's process has no number here; a waiting one holds nothing.
            assert_eq!(holder(&held.replace("4171", "0"), 12345), None);
            assert_eq!(holder(&held.replace("3: ", "3: -> "), 12345), None);
            assert_eq!(holder("", 12345), None);
        }

        #[test]
        fn an_abstract_socket_is_found_by_its_whole_name() {
            let line = "0000000000000000: 00000002 00000000 00000000 0002 01 77123 @relgate-1";
            assert_eq!(socket_number(line, "relgate-1"), Some("77123"));
            assert_eq!(socket_number(line, "relgate-11"), None);
            assert_eq!(socket_number(&line.replace('@', "/"), "relgate-1"), None);
            assert_eq!(socket_number("Num RefCount Protocol", "relgate-1"), None);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::Path;

    pub fn holders(_: &Path) -> Vec<(i32, bool)> {
        Vec::new()
    }

    pub fn socket_holders(_: &str) -> Vec<i32> {
        Vec::new()
    }

    pub fn is_stopped(_: i32) -> bool {
        false
    }

    pub fn resume(_: i32) -> bool {
        false
    }
}
