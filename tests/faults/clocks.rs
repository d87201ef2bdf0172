//! Reboots, namespaces of time, and processes that are stopped over the deadline.

use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::lacking::{is_left_out, succeeds};
use crate::run::until;
use crate::shop::{broken, deployed, fate, kept, processes, signal, sound, tell, watch};
use crate::team::Team;

fn started(command: &mut Command) -> std::process::Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

#[test]
fn a_window_goes_on_over_reboots_and_ends_once() {
    let team = deployed();
    team.edit("relgate.yaml", "window: 1s", "window: 3s");
    team.open_incident("Slow", "critical");
    for boot in ["second", "third"] {
        let before = team.recorded("checkpoint").len();
        let mut command = team.command("rory", &["watch"]);
        let mut watching = started(command.env("RELGATE_TEST_BOOT_ID", boot));
        until("this boot is known", || {
            team.recorded("checkpoint").len() > before
        });
        // A reboot ends everything at once.
        let _ = watching.kill();
        let _ = watching.wait();
        signal(&team, "drive-rollback", Signal::KILL);
    }
    assert_eq!(team.recorded("rollback-claimed").len(), 0, "too early");
    let mut command = team.command("rory", &["watch"]);
    let ended = command.env("RELGATE_TEST_BOOT_ID", "fourth").output();
    assert_eq!(ended.expect("it runs").status.code(), Some(5));
    let fate = kept(&team, "reboots");
    assert_eq!((fate.runs, team.recorded("rollback-claimed").len()), (1, 1));
    tell(
        "the machine boots three times within the window (played, by the boot's id)",
        &format!("rolled back once, {} ms after the deadline", fate.after_ms),
    );
}

/// The program in a time namespace whose boot-time clock is a day ahead; `None` where that is not allowed.
fn a_day_ahead(team: &Team, args: &[&str]) -> Option<Command> {
    let ahead = ["--time", "--fork", "--boottime", "86400"];
    let allowed = succeeds("unshare", &[&ahead[..], &["true"]].concat());
    if is_left_out("time-namespaces", allowed) {
        return None;
    }
    let here = team.command("rory", args);
    let mut command = Command::new("unshare");
    command
        .args(ahead)
        .arg(here.get_program())
        .args(args)
        .current_dir(team.path(""))
        .env("RELGATE_BY", "omar")
        .env("HOME", team.path(""));
    Some(command)
}

/// Milliseconds of the wall clock between the records of two kinds.
fn between(team: &Team, from: &str, to: &str) -> i64 {
    let at = |kind: &str| {
        let records = team.records().into_iter();
        let mut of_kind = records.filter(|it| it["kind"] == kind);
        let at = of_kind
            .next()
            .and_then(|it| it["at"].as_str().map(str::to_owned));
        let at = at.unwrap_or_else(|| panic!("no {kind}"));
        chrono::DateTime::parse_from_rfc3339(&at).expect("a time")
    };
    (at(to) - at(from)).num_milliseconds()
}

#[test]
fn a_watcher_in_another_time_namespace_is_not_misled_by_its_clock() {
    let team = broken();
    let Some(mut watching) = a_day_ahead(&team, &["watch"]) else {
        return;
    };
    assert_eq!(watching.output().expect("it runs").status.code(), Some(5));
    let passed = between(&team, "incident-opened", "rollback-claimed");
    let fate = fate(&team);
    assert!(
        passed >= 1_000 && fate.runs == 1 && !fate.double,
        "{passed} ms: {fate:?}"
    );
    sound(&team);
    tell(
        "watched in a time namespace whose boot-time clock is a day ahead",
        &format!(
            "rolled back once, claimed {} ms after the deadline",
            passed - 1_000
        ),
    );

    let team = deployed();
    let args = [
        "incident",
        "open",
        "--no-watch",
        "--title",
        "Slow",
        "--priority",
        "critical",
    ];
    let Some(mut opening) = a_day_ahead(&team, &args) else {
        return;
    };
    assert_eq!(opening.output().expect("it runs").status.code(), Some(1));
    watch(&team).code(5);
    let passed = between(&team, "incident-opened", "rollback-claimed");
    assert!(passed >= 1_000, "{passed} ms");
    let fate = fate_elsewhere(&team);
    tell(
        "opened in such a namespace, watched outside",
        &format!("{fate}, claimed {} ms after the deadline", passed - 1_000),
    );
}

/// The outcome without the boot-time clock, which cannot be compared.
fn fate_elsewhere(team: &Team) -> String {
    let fate = fate(team);
    assert!(!fate.lost && !fate.double && fate.runs == 1, "{fate:?}");
    sound(team);
    "rolled back once".to_owned()
}

#[test]
fn a_watcher_that_is_stopped_over_the_deadline_delays_nothing() {
    let team = broken();
    let watching = team.start("rory", &["watch"]);
    until("a driver waits", || {
        !processes(&team, "drive-rollback").is_empty()
    });
    watching.signal(Signal::STOP);
    until("it is rolled back", || {
        !team.recorded("rolled-back").is_empty()
    });
    watching.signal(Signal::CONT);
    watching.end().code(5);
    let fate = kept(&team, "a stopped watcher");
    assert_eq!(fate.runs, 1);
    tell(
        "the watcher is stopped over the deadline (SIGSTOP)",
        &format!("rolled back once, {} ms after the deadline", fate.after_ms),
    );
}

/// Whether a driver lives that has its duty: one that is stopped before it has is simply replaced.
fn is_driven(team: &Team) -> bool {
    let duty = std::fs::File::open(team.path("releases/2.0.0/ledger/.rollback"));
    duty.is_ok_and(|duty| duty.try_lock_shared().is_err())
}

/// An incident whose watcher and driver are both stopped before the deadline.
fn stopped() -> (Team, crate::run::Running) {
    let team = broken();
    let watching = team.start("rory", &["watch"]);
    until("a driver waits", || is_driven(&team));
    // In this order: a watcher that lives makes the driver go on at once.
    watching.signal(Signal::STOP);
    assert_eq!(signal(&team, "drive-rollback", Signal::STOP), 1);
    until("the deadline is past", || {
        team.standing()["windows"][0]["left_ms"] == 0
    });
    assert!(!team.path("live/runs").exists());
    (team, watching)
}

#[test]
fn a_watcher_and_a_driver_that_are_stopped_over_the_deadline_go_on_afterwards() {
    let (team, watching) = stopped();
    // The watcher wakes the driver.
    watching.signal(Signal::CONT);
    watching.end().code(5);
    let fate = kept(&team, "both stopped");
    assert_eq!((fate.runs, team.recorded("rollback-claimed").len()), (1, 1));
    tell(
        "the watcher and the driver are stopped over the deadline",
        "rolled back once, as soon as one of them goes on",
    );
}

#[test]
fn a_driver_that_is_stopped_is_made_to_go_on_by_any_watcher() {
    let (team, watching) = stopped();
    let other = team.start("quin", &["watch"]);
    until("it is rolled back", || {
        !team.recorded("rolled-back").is_empty()
    });
    // The stopped watcher is made to go on as well, since its lock is needed; whichever of both is first resumes the driver.
    watching.signal(Signal::CONT);
    let said = [other.end().code(5), watching.end().code(5)].map(|it| it.to_string());
    assert!(
        said.iter().any(|it| it.contains("was told to go on")),
        "{said:?}"
    );
    let fate = kept(&team, "a stopped driver, and a second watcher");
    assert_eq!((fate.runs, team.recorded("rollback-claimed").len()), (1, 1));
    tell(
        "so, and a second watcher begins meanwhile",
        "it makes the driver go on; rolled back once",
    );
}

#[test]
fn a_driver_that_is_stopped_under_its_watcher_is_not_late() {
    let team = broken();
    let watching = team.start("rory", &["watch"]);
    until("a driver waits", || is_driven(&team));
    assert_eq!(signal(&team, "drive-rollback", Signal::STOP), 1);
    watching.end().code(5);
    let fate = kept(&team, "a stopped driver");
    assert_eq!((fate.runs, team.recorded("rollback-claimed").len()), (1, 1));
    tell(
        "the driver is stopped before the deadline (SIGSTOP)",
        &format!(
            "made to go on; rolled back once, {} ms after the deadline",
            fate.after_ms
        ),
    );
}
