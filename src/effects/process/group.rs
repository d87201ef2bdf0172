//! Who belongs to a command: its process group, what descends from it, and what carries its mark.
//!
//! A group alone is not enough: a child may have begun a session of its own. Such a child is known by its parents while
//! they live, and by the mark in its environment afterwards (on Linux; elsewhere the environment of others cannot be
//! read). Only a process that clears its environment *and* outlives all its parents gets away.
//!
//! Every process is recognised by its id together with its start, so that a reused id is never taken for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

use crate::effects::clock::{Stopwatch, boot};
use crate::ports::ProcessGroup;

/// The environment variable that marks a command and all that it starts; one mark for each relgate on the way down,
/// separated by colons.
pub const MARK: &str = "RELGATE_PROCESS_MARK";

/// How long KILL may take. A process that hangs in the kernel does not go, and is not waited for.
const KILLING: Duration = Duration::from_secs(2);

/// A mark that no other command has.
pub(crate) fn new_mark() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let own = std::process::id();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let start = started(own).split('@').next().unwrap_or("0").to_owned();
    format!("{own}-{start}-{count}").replace([':', ' '], "-")
}

/// The value of [`MARK`] for a command: its own `mark` comes last, after `marks` that it shares with others, and after
/// those that this process has itself.
pub(crate) fn marks_with(marks: &[String], mark: &str) -> String {
    let outer = std::env::var(MARK).ok().filter(|outer| !outer.is_empty());
    let all = outer.as_deref().into_iter();
    all.chain(marks.iter().map(String::as_str))
        .chain([mark])
        .collect::<Vec<_>>()
        .join(":")
}

/// When the process `pid` started, as the system counts it, with the boot that it counts from; empty where there is no
/// such process or the system does not say.
pub fn started(pid: u32) -> String {
    match system::start(pid) {
        Some(start) => format!("{start}@{}", boot().id),
        None => String::new(),
    }
}

/// The marks that `is_meant` of all processes on this machine.
pub(crate) fn marks_in_use(is_meant: &dyn Fn(&str) -> bool) -> BTreeSet<String> {
    let table = system::table();
    let marks = table.iter().filter_map(|row| system::marks(row.pid));
    let all: Vec<String> = marks.collect();
    let each = all.iter().flat_map(|marks| marks.split(':'));
    each.filter(|mark| is_meant(mark))
        .map(str::to_owned)
        .collect()
}

/// Whether the recorded leader itself is alive; one that has ended and was not reaped is not.
pub fn is_alive(group: &ProcessGroup) -> bool {
    system::table()
        .iter()
        .any(|row| row.pid == group.pid && !row.dead)
        && started(group.pid) == group.started
}

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    pid: u32,
    parent: u32,
    group: u32,
    /// It has ended and was not reaped.
    dead: bool,
    /// Its start, as the system counts it.
    start: String,
}

/// The processes of one command.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    /// The id of the group; `None` for a family that is known by its mark alone.
    leader: Option<u32>,
    mark: Option<String>,
    /// Members seen so far with their starts: a child whose parent dies is still one of them.
    known: BTreeMap<u32, String>,
}

impl Family {
    /// The family of a command that this process started with `mark` and has not reaped: until it does, the system
    /// gives the leader's id to nobody else.
    pub(crate) fn new(leader: u32, mark: String) -> Self {
        Self {
            leader: Some(leader),
            mark: Some(mark),
            known: BTreeMap::new(),
        }
    }

    /// What carries `mark`; `None` where this process does, which would end itself.
    pub(crate) fn marked(mark: &str) -> Option<Self> {
        let own = std::env::var(MARK).unwrap_or_default();
        (!mark.is_empty() && !has_mark(&own, mark)).then(|| Self {
            leader: None,
            mark: Some(mark.to_owned()),
            known: BTreeMap::new(),
        })
    }

    /// The family of a group that its parent left behind; `None` where its recorded leader is not alive. A number alone
    /// says nothing: after a reboot, or when the group is gone, it may be a stranger's. What outlives its leader is known
    /// by its marks.
    pub(crate) fn left_behind(group: &ProcessGroup) -> Option<Self> {
        // Ids 0 and 1 would address this process's own group and every process there is.
        if group.pid <= 1 || group.pid == std::process::id() {
            return None;
        }
        if group.started.is_empty() || started(group.pid) != group.started {
            return None;
        }
        let mark = system::marks(group.pid)
            .and_then(|marks| marks.rsplit(':').next().map(str::to_owned))
            // A mark that this process carries too was not made for that command.
            .filter(|mark| !has_mark(&std::env::var(MARK).unwrap_or_default(), mark));
        Some(Self {
            leader: Some(group.pid),
            mark,
            known: BTreeMap::new(),
        })
    }

    /// The members that are alive now.
    fn alive(&mut self) -> Vec<Row> {
        let table = system::table();
        let members = self.members(&table, &|pid| system::marks(pid));
        for row in &members {
            self.known.insert(row.pid, row.start.clone());
        }
        members
    }

    fn members(&self, table: &[Row], marks: &dyn Fn(u32) -> Option<String>) -> Vec<Row> {
        let own = std::process::id();
        let may_be = |row: &&Row| row.pid > 1 && row.pid != own;
        let mut members: BTreeSet<u32> = table
            .iter()
            .filter(may_be)
            .filter(|row| {
                Some(row.pid) == self.leader
                    || Some(row.group) == self.leader
                    || self
                        .known
                        .get(&row.pid)
                        .is_some_and(|start| *start == row.start)
                    || self.mark.as_ref().is_some_and(|mark| {
                        !row.dead && marks(row.pid).is_some_and(|marks| has_mark(&marks, mark))
                    })
            })
            .map(|row| row.pid)
            .collect();
        loop {
            let children: Vec<u32> = table
                .iter()
                .filter(may_be)
                .filter(|row| members.contains(&row.parent) && !members.contains(&row.pid))
                .map(|row| row.pid)
                .collect();
            if children.is_empty() {
                break;
            }
            members.extend(children);
        }
        table
            .iter()
            .filter(|row| !row.dead && members.contains(&row.pid))
            .cloned()
            .collect()
    }

    /// Sends `signal` to the group and to every member outside it. Returns whether anything was alive.
    pub(crate) fn signal(&mut self, signal: Signal) -> bool {
        let alive = self.alive();
        if alive.iter().any(|row| Some(row.group) == self.leader)
            && let Some(group) = self.leader.and_then(pid)
        {
            // A failure means that it is gone, or another user's and out of reach: there is nothing else to try.
            let _ = kill_process_group(group, signal);
        }
        for row in alive.iter().filter(|row| Some(row.group) != self.leader) {
            if let Some(pid) = pid(row.pid) {
                let _ = kill_process(pid, signal);
            }
        }
        !alive.is_empty()
    }

    /// Ends all of it: TERM, up to `grace`, KILL, and up to two seconds for that. `pause` lets the time pass. Returns
    /// whether anything was alive.
    pub(crate) fn end(&mut self, grace: Duration, pause: &mut dyn FnMut(Duration)) -> bool {
        if !self.signal(Signal::TERM) {
            return false;
        }
        // A stopped process would not hear of TERM.
        self.signal(Signal::CONT);
        if !self.gone_within(grace, None, pause) {
            self.signal(Signal::KILL);
            self.gone_within(KILLING, Some(Signal::KILL), pause);
        }
        true
    }

    /// Kills what is left of the group whose leader has ended and was reaped.
    pub(crate) fn kill_group(&mut self) {
        let Some(group) = self.leader.and_then(pid) else {
            return;
        };
        if test_kill_process_group(group).is_err() {
            return;
        }
        // Something has the id. That it is still the same group is known by its mark, where the system shows it.
        let is_ours = system::table().iter().any(|row| {
            Some(row.group) == self.leader
                && !row.dead
                && system::marks(row.pid).is_none_or(|marks| {
                    self.mark.as_ref().is_none_or(|mark| has_mark(&marks, mark))
                })
        });
        if is_ours {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn gone_within(
        &mut self,
        limit: Duration,
        again: Option<Signal>,
        pause: &mut dyn FnMut(Duration),
    ) -> bool {
        let watch = Stopwatch::start();
        let mut nap = Duration::from_millis(2);
        loop {
            pause(nap.min(watch.left_of(limit)));
            let alive = match again {
                // What was forked since the last look is ended too.
                Some(signal) => self.signal(signal),
                None => !self.alive().is_empty(),
            };
            if !alive {
                return true;
            }
            if watch.left_of(limit).is_zero() {
                return false;
            }
            nap = (nap * 2).min(Duration::from_millis(100));
        }
    }
}

fn has_mark(marks: &str, mark: &str) -> bool {
    marks.split(':').any(|one| one == mark)
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

#[cfg(target_os = "linux")]
mod system {
    use super::{MARK, Row};
    use std::fs;

    pub(super) fn table() -> Vec<Row> {
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(row)
            .collect()
    }

    pub(super) fn start(pid: u32) -> Option<String> {
        row(pid).map(|row| row.start)
    }

    fn row(pid: u32) -> Option<Row> {
        // A process may have any bytes for a name.
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        parse(pid, &String::from_utf8_lossy(&stat))
    }

    /// Fields of `/proc/PID/stat`, by proc_pid_stat(5): after the name in parentheses, which may hold anything, come the
    /// state (3), the parent (4), the group (5) and, as 22, the start.
    pub(super) fn parse(pid: u32, stat: &str) -> Option<Row> {
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        Some(Row {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            dead: matches!(*fields.first()?, "Z" | "X" | "x"),
            start: (*fields.get(19)?).to_owned(),
        })
    }

    pub(super) fn marks(pid: u32) -> Option<String> {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let prefix = format!("{MARK}=");
        environment
            .split(|byte| *byte == 0)
            .find_map(|entry| entry.strip_prefix(prefix.as_bytes()))
            .map(|value| String::from_utf8_lossy(value).into_owned())
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::Row;
    use std::process::{Command, Stdio};

    pub(super) fn table() -> Vec<Row> {
        ps(&["-A"])
    }

    pub(super) fn start(pid: u32) -> Option<String> {
        ps(&["-p", &pid.to_string()]).pop().map(|row| row.start)
    }

    fn ps(which: &[&str]) -> Vec<Row> {
        let output = Command::new("/bin/ps")
            .args(which)
            .args(["-o", "pid=,ppid=,pgid=,stat=,lstart="])
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .output();
        output.map_or(Vec::new(), |output| {
            String::from_utf8_lossy(&output.stdout)
                .lines()
                .filter_map(super::ps_row)
                .collect()
        })
    }

    pub(super) fn marks(_: u32) -> Option<String> {
        None
    }
}

/// A line of `ps -o pid=,ppid=,pgid=,stat=,lstart=`.
#[cfg(any(test, not(target_os = "linux")))]
fn ps_row(line: &str) -> Option<Row> {
    let mut fields = line.split_ascii_whitespace();
    let mut number = || fields.next()?.parse::<u32>().ok();
    let (pid, parent, group) = (number()?, number()?, number()?);
    let dead = fields.next()?.starts_with('Z');
    let start: Vec<&str> = fields.collect();
    Some(Row {
        pid,
        parent,
        group,
        dead,
        start: start.join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pid: u32, parent: u32, group: u32) -> Row {
        Row {
            pid,
            parent,
            group,
            dead: false,
            start: format!("s{pid}"),
        }
    }

    fn pids(rows: &[Row]) -> Vec<u32> {
        rows.iter().map(|row| row.pid).collect()
    }

    #[test]
    fn a_family_is_its_group_its_descendants_and_its_marked() {
        let mut family = Family::new(100, "m1".to_owned());
        let mut ended = row(104, 100, 100);
        ended.dead = true;
        let table = [
            row(1, 0, 1),
            row(50, 1, 50),
            row(100, 50, 100),
            row(101, 1, 100),
            row(102, 100, 102),
            row(103, 102, 103),
            ended,
            row(105, 1, 105),
            row(106, 1, 106),
            row(107, 1, 107),
        ];
        let marks = |pid| match pid {
            105 => Some("outer:m1".to_owned()),
            106 => Some("m12".to_owned()),
            _ => None,
        };
        assert_eq!(
            pids(&family.members(&table, &marks)),
            [100, 101, 102, 103, 105]
        );
        family.known.insert(107, "s107".to_owned());
        family.known.insert(50, "an earlier start".to_owned());
        assert_eq!(
            pids(&family.members(&table, &marks)),
            [100, 101, 102, 103, 105, 107]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_in_proc_may_hold_anything() {
        let stat = "7 (a) Z 1 (b) S 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 4242 22 23";
        let row = system::parse(7, stat).expect("a row");
        assert_eq!(
            (row.parent, row.group, row.dead, row.start.as_str()),
            (3, 4, false, "4242")
        );
        assert_eq!(system::parse(7, "7 (a"), None);
        assert_eq!(system::parse(7, "7 (a) S 3"), None);
    }

    #[test]
    fn a_line_of_ps_is_read() {
        let row = ps_row("  12   1    12 Ss   Mon Nov 20 15:43:01 2026").expect("a row");
        assert_eq!(
            (row.pid, row.parent, row.group, row.dead),
            (12, 1, 12, false)
        );
        assert_eq!(row.start, "Mon Nov 20 15:43:01 2026");
        assert!(ps_row("12 1 12 Z+ x").expect("a row").dead);
        assert_eq!(ps_row("PID PPID"), None);
    }

    #[test]
    fn this_process_is_alive_by_its_start_alone() {
        let pid = std::process::id();
        let group = ProcessGroup {
            pid,
            started: started(pid),
        };
        assert!(is_alive(&group));
        let reused = ProcessGroup {
            pid,
            started: "another start".to_owned(),
        };
        assert!(!is_alive(&reused));
    }
}
