//! A deployed release to try faults on, made once and copied; a rollback that notices whether another one runs beside
//! it; and the judgement of what became of the window.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use rustix::process::{Pid, Signal, kill_process};

use crate::run::Ended;
use crate::team::{NOTES, Team};

/// A rollback that takes a moment. The lock lives as long as the script and all that it starts: whoever does not get it
/// runs beside another attempt. The time is the boot-time clock's, in hundredths of a second.
pub const BACK: &str = r#"#!/bin/sh
read -r now rest </proc/uptime
echo "$now $RELGATE_ATTEMPT" >>live/runs
exec 9>>live/alone
flock -n 9 || echo "attempt $RELGATE_ATTEMPT" >>live/overlaps
sleep 0.1
echo 1.0.0 >live/version
touch live/home live/search
sleep 0.1
echo "the old version serves"
"#;

/// A team whose release 2.0.0 is deployed, with windows of a second where they are critical, and five attempts.
pub fn deployed() -> Team {
    static FILES: Files = OnceLock::new();
    copy(&FILES, || {
        let team = ready();
        team.deploy();
        team
    })
}

/// As [`deployed`], in two stages, of which the canary was verified.
pub fn deployed_in_two_stages() -> Team {
    static FILES: Files = OnceLock::new();
    copy(&FILES, || {
        let team = ready();
        let stages = "  strategy: canary\n  stages: [{ id: canary }, { id: full }]\n";
        team.edit(NOTES, "  strategy: rolling\n", stages);
        team.deploy();
        team.run("omar", &["verify", "--all", "--yes"]).code(0);
        team.run("omar", &["deploy", "start"]).code(0);
        team.run("omar", &["deploy", "done"]).code(0);
        team
    })
}

/// The files of a team, by their paths.
type Files = OnceLock<BTreeMap<PathBuf, Vec<u8>>>;

/// A team like the one that `make` makes, which is made once.
fn copy(files: &Files, make: impl Fn() -> Team) -> Team {
    let files = files.get_or_init(|| {
        let team = make();
        let root = team.path("");
        let files = team.files().into_iter();
        files
            .filter_map(|(path, bytes)| Some((path.strip_prefix(&root).ok()?.to_owned(), bytes)))
            .collect()
    });
    let team = Team::new();
    for (path, bytes) in files {
        team.write(path.to_str().expect("UTF-8"), bytes);
    }
    team.script(BACK);
    team.write("live/version", "2.0.0\n");
    team
}

/// A team before its deployment.
fn ready() -> Team {
    let team = Team::new();
    team.edit("relgate.yaml", "window: 2s", "window: 1s");
    team.edit(NOTES, "attempts: 2", "attempts: 5");
    team.script(BACK);
    team
}

/// A deployed team with an open critical incident.
pub fn broken() -> Team {
    let team = deployed();
    team.open_incident("Slow", "critical");
    team
}

/// A deployed team with an open critical incident whose rollback is another script, with other notes.
pub fn broken_with(script: &str, edits: &[(&str, &str)]) -> Team {
    // The plan is what the notes said at the deployment.
    let team = match edits {
        [] => deployed(),
        edits => {
            let team = ready();
            for (from, to) in edits {
                team.edit(NOTES, from, to);
            }
            team.deploy();
            team
        }
    };
    team.script(script);
    team.open_incident("Slow", "critical");
    team
}

/// Watches to the end.
pub fn watch(team: &Team) -> Ended {
    team.run("rory", &["watch", "--release", "2.0.0"])
}

/// What became of a window.
#[derive(Debug, Default)]
pub struct Fate {
    /// It was not rolled back.
    pub lost: bool,
    /// Attempts ran beside each other, or one number was claimed twice.
    pub double: bool,
    /// The rollback began before the deadline.
    pub early: bool,
    /// Milliseconds from the deadline to the first start of the rollback's command, where both are on the clock of this
    /// machine.
    pub after_ms: i64,
    /// How often the command was started.
    pub runs: usize,
}

/// Judges by the ledger and by what the rollback's command left.
pub fn fate(team: &Team) -> Fate {
    let runs = std::fs::read_to_string(team.path("live/runs")).unwrap_or_default();
    let starts: Vec<i64> = runs.lines().filter_map(hundredths).collect();
    let opened = &team.recorded("incident-opened")[0]["opened"];
    let deadline = opened["boot_ms"].as_i64().expect("a time") + window_ms(team);
    let mut claimed: Vec<String> = team
        .recorded("rollback-claimed")
        .iter()
        .map(|it| it["attempt"].to_string())
        .collect();
    let claims = claimed.len();
    claimed.sort();
    claimed.dedup();
    let first = starts.iter().min().copied();
    Fate {
        lost: team.recorded("rolled-back").len() != 1 || first.is_none(),
        double: team.path("live/overlaps").exists() || claimed.len() != claims,
        // The script's clock is cut off at hundredths.
        early: first.is_some_and(|first| first * 10 + 10 <= deadline),
        after_ms: first.map_or(0, |first| first * 10 - deadline),
        runs: starts.len(),
    }
}

/// The length of the first incident's window.
fn window_ms(team: &Team) -> i64 {
    let opened = &team.recorded("incident-opened")[0];
    let window = opened["window"]
        .as_str()
        .and_then(|it| it.strip_suffix('s'));
    window
        .and_then(|it| it.parse::<i64>().ok())
        .expect("seconds")
        * 1_000
}

/// Insists that the window was kept, and that its story is sound.
#[track_caller]
pub fn kept(team: &Team, fault: &str) -> Fate {
    let fate = fate(team);
    let log = || {
        let log = team.run("rory", &["log", "--release", "2.0.0"]).to_string();
        let driver = std::fs::read_to_string(team.path("releases/2.0.0/ledger/output/driver.log"));
        format!("{log}\n{}", driver.unwrap_or_default())
    };
    assert!(
        !fate.lost && !fate.double && !fate.early,
        "{fault}: {fate:?}\n{}",
        log()
    );
    sound(team);
    fate
}

/// Insists that the ledger is whole and that nothing in it shuts a gate for good.
#[track_caller]
pub fn sound(team: &Team) {
    team.run(
        "rory",
        &["--quiet", "ledger", "verify", "--release", "2.0.0"],
    )
    .code(0)
    .silent();
    assert_eq!(
        team.standing()["anomalies"].as_array().map_or(0, Vec::len),
        0
    );
}

/// Prints a line of the table of faults and outcomes.
pub fn tell(fault: &str, outcome: &str) {
    println!("{fault:<78} | {outcome}");
}

/// The time on the boot-time clock, in milliseconds cut off at hundredths of a second.
pub fn uptime() -> i64 {
    let text = std::fs::read_to_string("/proc/uptime").expect("Linux");
    hundredths(&text).expect("a time") * 10
}

fn hundredths(line: &str) -> Option<i64> {
    let time = line.split_whitespace().next()?;
    time.replacen('.', "", 1).parse().ok()
}

/// The processes that work in the team's folder and whose command line has `word`.
pub fn processes(team: &Team, word: &str) -> Vec<Pid> {
    let folder = team.path("").canonicalize().expect("a folder");
    let entries = std::fs::read_dir("/proc").expect("Linux").flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let its = std::fs::read_link(entry.path().join("cwd")).ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            (its == folder && line.contains(word)).then_some(pid)
        })
        .filter_map(Pid::from_raw)
        .collect()
}

/// Sends a signal to the processes of the team whose command line has `word`; returns how many there were.
pub fn signal(team: &Team, word: &str, signal: Signal) -> usize {
    let pids = processes(team, word);
    pids.iter()
        .filter(|pid| kill_process(**pid, signal).is_ok())
        .count()
}

/// Does `work` on every task, several at a time.
pub fn each<T: Send>(at_once: usize, tasks: Vec<T>, work: impl Fn(T) + Sync) {
    let tasks = Mutex::new(tasks.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let task = tasks.lock().expect("no panic in here").next();
                    match task {
                        Some(task) => work(task),
                        None => return,
                    }
                }
            });
        }
    });
}
