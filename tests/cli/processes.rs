//! Watchers and drivers that are interrupted, killed and doubled: a window is kept all the same, and rolled back once.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::run::until;
use crate::team::{NOTES, Team};

/// A team whose release is deployed, with an incident of a priority that nobody watches.
fn with_incident(priority: &str) -> Team {
    let team = Team::new();
    team.deploy();
    team.open_incident("Slow", priority);
    team
}

/// Lets the rollback wait for the file `live/go`.
fn held_back(team: &Team) {
    let plan = team.read("back.sh");
    team.script(&plan.replace(
        "set -eu",
        "set -eu\nwhile test ! -f live/go; do sleep 0.1; done",
    ));
}

/// Waits for a record of a kind.
fn recorded(team: &Team, kind: &str) {
    until(kind, || !team.recorded(kind).is_empty());
}

/// The processes that began attempts: those that claimed them, and those that took up what others had claimed.
fn drivers(team: &Team) -> Vec<i64> {
    let mut claimed = team.recorded("rollback-claimed");
    claimed.extend(team.recorded("attempt-started"));
    claimed.iter().filter_map(|it| it["pid"].as_i64()).collect()
}

/// The process of the attempt that was started last.
fn driver(team: &Team) -> Pid {
    until("an attempt begins", || !drivers(team).is_empty());
    let pid = drivers(team).last().copied();
    pid.and_then(|it| Pid::from_raw(i32::try_from(it).ok()?))
        .expect("a pid")
}

/// The process group of the step that was started last.
fn step(team: &Team) -> Pid {
    recorded(team, "step-started");
    let started = team.recorded("step-started");
    let group = started.last().and_then(|it| it["group"]["pid"].as_i64());
    group
        .and_then(|it| Pid::from_raw(i32::try_from(it).ok()?))
        .expect("a group")
}

fn runs(team: &Team) -> usize {
    team.read("live/runs").lines().count()
}

#[test]
fn a_signal_detaches_and_the_window_stays_armed() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let team = with_incident("lower");
        let watch = team.start("rory", &["watch"]);
        until("it counts down", || watch.output().contains("I1"));
        until("somebody watches", || team.standing()["watched"] == true);
        watch.signal(signal);
        let ended = watch.end().code(1);
        let text = ended.stdout.trim_end();
        let last = text.lines().last().unwrap_or_default();
        for part in [
            "NOBODY IS WATCHING, and the windows stay armed: I1 has ",
            " left; go on with \"relgate watch --release 2.0.0\"",
            "\"relgate incident resolve I1 --how TEXT --release 2.0.0\"",
        ] {
            assert!(last.contains(part), "{part}: {ended}");
        }
        assert_eq!(team.standing()["watched"], false);
        team.run("rory", &["status"])
            .code(0)
            .says(&["NOBODY WATCHES"]);
        // Going on, with the same deadline.
        team.run(
            "dana",
            &["incident", "escalate", "I1", "--priority", "critical"],
        )
        .code(0);
        team.run("rory", &["watch"]).code(5);
        assert_eq!(runs(&team), 1);
    }
}

#[test]
fn whoever_ends_one_of_two_countdowns_reads_who_watches() {
    let team = with_incident("lower");
    let first = team.start("rory", &["watch"]);
    until("somebody watches", || team.standing()["watched"] == true);
    let second = team.start("dana", &["watch", "--format", "json"]);
    until("it counts down too", || second.output().contains("I1"));
    first.signal(Signal::INT);
    let ended = first.end().code(1);
    let last = ended.stdout.lines().last().unwrap_or_default();
    assert!(last.contains("the windows stay armed: I1 has "), "{ended}");
    assert!(!ended.stdout.contains("NOBODY"), "{ended}");
    if cfg!(target_os = "linux") {
        let pid = last
            .split_once("process ")
            .and_then(|(_, it)| it.split_once(" watches"));
        let program = pid.map(|(pid, _)| std::fs::read(format!("/proc/{pid}/cmdline")));
        let program = program.and_then(Result::ok).unwrap_or_default();
        let program = String::from_utf8_lossy(&program);
        assert!(program.contains("--format"), "{program} of {ended}");
    }
    // Nobody is left; machine output stays machine output, and the warning goes to standard error.
    second.signal(Signal::INT);
    let ended = second.end().code(1);
    let others: Vec<&str> = ended
        .stdout
        .lines()
        .filter(|it| !it.starts_with('{'))
        .collect();
    assert_eq!(others.len(), 1, "{ended}");
    assert!(
        others[0].starts_with("warning: NOBODY IS WATCHING"),
        "{ended}"
    );
}

#[test]
fn a_verification_whose_countdown_is_ended_says_that_nobody_watches() {
    let team = Team::new();
    // Nothing of it comes to its end meanwhile, and no driver is started ahead of it.
    team.edit("relgate.yaml", "window: 2s", "window: 1m");
    team.deploy();
    team.remove("live/home");
    let verify = team.start("omar", &["verify", "--all", "--yes"]);
    until("somebody watches", || team.standing()["watched"] == true);
    verify.signal(Signal::INT);
    let ended = verify.end().code(1);
    let last = ended.stdout.trim_end().lines().last().unwrap_or_default();
    assert!(last.starts_with("NOBODY IS WATCHING"), "{ended}");
    assert!(last.contains("relgate incident resolve I1"), "{ended}");
}

#[test]
fn a_dead_mans_switch_says_where_an_armed_window_has_no_living_watcher() {
    let status = |team: &Team, code: i32| {
        let args = ["status", "--require-watch", "--format", "json"];
        team.run("rory", &args).code(code).json()["result"]["unwatched"].clone()
    };
    let team = Team::new();
    assert_eq!(status(&team, 0), serde_json::json!([]));
    team.deploy();
    team.run(
        "omar",
        &[
            "incident",
            "open",
            "--title",
            "odd",
            "--priority",
            "lower",
            "--no-watch",
        ],
    )
    .code(1);
    assert_eq!(status(&team, 1), serde_json::json!(["2.0.0"]));
    team.run("rory", &["status", "--require-watch", "--quiet"])
        .code(1);
    team.run("rory", &["status"])
        .code(0)
        .says(&["NOBODY WATCHES"]);
    let watch = team.start("rory", &["watch"]);
    until("somebody watches", || team.standing()["watched"] == true);
    assert_eq!(status(&team, 0), serde_json::json!([]));
    if cfg!(target_os = "linux") {
        watch.signal(Signal::STOP);
        until("it is stopped", || team.standing()["watched"] == false);
        assert_eq!(status(&team, 1), serde_json::json!(["2.0.0"]));
        watch.signal(Signal::CONT);
        until("it goes on", || team.standing()["watched"] == true);
        assert_eq!(status(&team, 0), serde_json::json!([]));
    }
    watch.signal(Signal::KILL);
    until("it is gone", || team.standing()["watched"] == false);
    assert_eq!(status(&team, 1), serde_json::json!(["2.0.0"]));
    team.run("omar", &["incident", "resolve", "I1", "--how", "mended"])
        .code(0);
    assert_eq!(status(&team, 0), serde_json::json!([]));
    // What cannot be read is no reason to be calm.
    let file = format!(
        "20261128T100000.000000Z-incident-opened-{}.json",
        "0".repeat(64)
    );
    team.write(&format!("releases/2.0.0/ledger/{file}"), "{");
    team.run("rory", &["status", "--require-watch"]).code(3);
}

#[test]
fn a_verification_that_is_interrupted_decides_nothing() {
    let team = Team::new();
    team.edit(NOTES, "      failures: 1\n", "      failures: 30\n");
    team.deploy();
    team.remove("live/home");
    let verify = team.start("omar", &["verify", "--all", "--yes"]);
    until("it asks", || verify.output().contains("home"));
    verify.signal(Signal::INT);
    verify.end().code(4).says(&["interrupted"]);
    assert_eq!(team.recorded("verification").len(), 0);
    assert_eq!(team.recorded("incident-opened").len(), 0);
}

#[test]
fn a_watcher_that_is_killed_within_the_window_is_replaced() {
    let team = with_incident("critical");
    let watch = team.start("rory", &["watch"]);
    until("it counts down", || watch.output().contains("I1"));
    watch.signal(Signal::KILL);
    drop(watch);
    team.run("rory", &["watch"]).code(5);
    assert_eq!(runs(&team), 1);
    assert_eq!(team.recorded("rollback-claimed").len(), 1);
}

#[test]
fn a_window_that_expired_unwatched_is_rolled_back_by_the_next_watcher() {
    let team = with_incident("critical");
    until("it has expired", || {
        team.standing()["windows"][0]["left_ms"] == 0
    });
    assert_eq!(team.recorded("rollback-claimed").len(), 0);
    team.run("quin", &["incident", "resolve", "I1", "--override", "late"])
        .code(7)
        .warns(&["expired"]);
    team.run("rory", &["watch"]).code(5);
    assert!(team.recorded("rollback-claimed")[0]["late_ms"].is_u64());
}

#[test]
fn a_watcher_that_is_killed_in_the_rollback_does_not_end_it() {
    let team = with_incident("critical");
    held_back(&team);
    let watch = team.start("rory", &["watch"]);
    let driver = driver(&team);
    recorded(&team, "step-started");
    watch.signal(Signal::KILL);
    drop(watch);
    assert!(
        rustix::process::test_kill_process(driver).is_ok(),
        "the driver is gone"
    );
    let adopts = team.start("rory", &["watch"]);
    until("it follows", || adopts.output().contains("old-version"));
    team.write("live/go", "");
    adopts.end().code(5);
    assert_eq!(runs(&team), 1);
    assert_eq!(drivers(&team).len(), 1);
}

#[test]
fn the_rollback_ends_without_any_watcher() {
    // req: A13
    let team = with_incident("critical");
    held_back(&team);
    let watch = team.start("rory", &["watch"]);
    recorded(&team, "step-started");
    watch.signal(Signal::INT);
    watch
        .end()
        .code(1)
        .says(&["the rollback goes on by itself"]);
    team.write("live/go", "");
    recorded(&team, "rolled-back");
    assert_eq!(runs(&team), 1);
}

#[test]
fn two_watchers_make_one_attempt() {
    for _ in 0..3 {
        let team = with_incident("critical");
        let watchers = [(); 3].map(|()| team.start("rory", &["watch"]));
        for watch in watchers {
            watch.end().code(5);
        }
        assert_eq!(runs(&team), 1);
        assert_eq!(team.recorded("rollback-claimed").len(), 1);
        assert_eq!(drivers(&team).len(), 1);
        team.run("rory", &["ledger", "verify"]).code(0);
    }
}

/// Whether a process is dead, and only its parent has not looked yet.
fn is_zombie(pid: rustix::process::Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| {
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" Z"))
    })
}

#[test]
fn a_driver_that_dies_before_the_old_version_is_live_is_replaced() {
    let team = with_incident("critical");
    let plan = team.read("back.sh");
    team.script("#!/bin/sh\necho ran >>live/runs\nsleep 600\n");
    let watch = team.start("rory", &["watch"]);
    let (driver, step) = (driver(&team), step(&team));
    until("the step runs", || team.path("live/runs").exists());
    team.script(&plan);
    kill_process(driver, Signal::KILL).expect("it lives");
    watch.end().code(5);
    assert_eq!(runs(&team), 2);
    let ended = team.recorded("attempt-ended");
    assert_eq!(ended[0]["outcome"]["how"], "lost");
    assert_eq!(team.recorded("rolled-back")[0]["attempt"], 2);
    // What the dead driver left is ended, so that it cannot work against the second attempt.
    until("nothing of it is left alive", || {
        rustix::process::test_kill_process_group(step).is_err() || is_zombie(step)
    });
}

#[test]
fn a_driver_that_dies_once_the_old_version_is_live_is_not_run_again() {
    let team = with_incident("critical");
    let plan = team.read("back.sh");
    team.script(&format!("{plan}\nsleep 600\n"));
    let watch = team.start("rory", &["watch"]);
    let driver = driver(&team);
    recorded(&team, "step-started");
    until("the old version is live", || {
        team.read("live/version") == "1.0.0\n" && team.path("live/search").exists()
    });
    kill_process(driver, Signal::KILL).expect("it lives");
    watch.end().code(5);
    assert_eq!(runs(&team), 1);
    assert_eq!(team.recorded("attempt-ended")[0]["outcome"]["how"], "lost");
}

#[test]
fn a_driver_and_its_watcher_that_die_together_are_replaced() {
    let team = with_incident("critical");
    let plan = team.read("back.sh");
    team.script("#!/bin/sh\necho ran >>live/runs\nsleep 600\n");
    let watch = team.start("rory", &["watch"]);
    let (driver, step) = (driver(&team), step(&team));
    watch.signal(Signal::KILL);
    kill_process(driver, Signal::KILL).expect("it lives");
    let _ = kill_process_group(step, Signal::KILL);
    drop(watch);
    team.script(&plan);
    team.run("rory", &["watch"]).code(5);
    assert_eq!(team.recorded("rolled-back").len(), 1);
}

#[test]
fn files_that_break_within_the_window_do_not_keep_it_from_its_rollback() {
    // req: A13
    for file in [NOTES, "releases/2.0.0/checklist.yaml", "relgate.yaml"] {
        let team = with_incident("critical");
        let watch = team.start("rory", &["watch"]);
        until("it counts down", || watch.output().contains("I1"));
        team.write(file, "broken: [\n");
        watch.end().code(5);
        assert_eq!(team.recorded("rolled-back").len(), 1, "{file}");

        let team = with_incident("critical");
        team.write(file, "broken: [\n");
        team.run("rory", &["watch"]).code(5);
        assert_eq!(runs(&team), 1, "{file}");
    }
}

#[test]
fn a_probe_that_hangs_does_not_delay_a_deadline() {
    let team = Team::new();
    team.write(
        "ask.sh",
        "#!/bin/sh\ntest ! -f live/hang || sleep 600\ntest -f live/home\n",
    );
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(team.path("ask.sh"), mode).expect("it may be executed");
    team.edit(NOTES, "argv: [test, -f, live/home]", "argv: [./ask.sh]");
    team.edit(
        NOTES,
        "priority: critical",
        "priority: critical\n      timeout: 10m",
    );
    team.deploy();
    team.remove("live/home");
    team.run("omar", &["verify", "--all", "--yes", "--no-watch"])
        .code(1);
    team.write("live/hang", "");
    team.run("rory", &["watch"]).code(5);
    let late = team.recorded("rollback-claimed")[0]["late_ms"].as_u64();
    assert!(late < Some(30_000), "{late:?}");
}

#[test]
fn a_hang_up_while_the_rollback_runs_changes_nothing() {
    let team = with_incident("immediate");
    held_back(&team);
    let watch = team.start("rory", &["watch"]);
    let driver = driver(&team);
    recorded(&team, "step-started");
    for signal in [Signal::HUP, Signal::INT, Signal::TERM] {
        kill_process(driver, signal).expect("it lives");
    }
    team.write("live/go", "");
    watch.end().code(5);
    assert_eq!((runs(&team), drivers(&team).len()), (1, 1));
}
