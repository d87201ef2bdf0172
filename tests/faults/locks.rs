//! Lock files of another user, lock files that are removed or are none, and holders that are stopped.

use std::process::Command;

use rustix::process::Signal;

use crate::run::until;
use crate::shop::{BACK, broken, broken_with, deployed, fate, kept, processes, signal, tell};
use crate::team::Team;
use crate::user::User;

const LEDGER: &str = "releases/2.0.0/ledger";
const LOCKS: [&str; 3] = [".lock", ".watch", ".rollback"];

/// Insists that the plan ran once, and that the window was rolled back.
#[track_caller]
fn once(team: &Team, fault: &str) {
    until(fault, || !team.recorded("rolled-back").is_empty());
    let fate = fate(team);
    assert!(
        !fate.lost && !fate.double && !fate.early && fate.runs == 1,
        "{fault}: {fate:?}"
    );
    let late = format!("rolled back once, {} ms after the deadline", fate.after_ms);
    tell(fault, &late);
}

#[test]
fn lock_files_of_another_user_let_nobody_in_twice() {
    for mode in ["0644", "0444", "0600"] {
        let team = broken();
        let user = User::owning(&team, 65534);
        for lock in LOCKS {
            team.write(&format!("{LEDGER}/{lock}"), "");
            User::disown(&team.path(&format!("{LEDGER}/{lock}")), mode);
        }
        let _one = team.start_command(user.command(&team, &["watch", "--release", "2.0.0"]));
        let _all = team.start_command(user.command(&team, &["watch", "--all"]));
        once(&team, &format!("the lock files are root's (mode {mode})"));
    }
}

#[test]
fn what_is_no_lock_file_lets_nobody_in_twice() {
    for what in ["mkdir", "ln -s nowhere"] {
        let team = broken();
        let script = format!("for it in .lock .watch .rollback; do rm -f $it; {what} $it; done");
        let made = Command::new("sh")
            .args(["-c", &script])
            .current_dir(team.path(LEDGER))
            .status();
        assert!(made.is_ok_and(|it| it.success()), "{script}");
        let _one = team.start("rory", &["watch", "--release", "2.0.0"]);
        let _all = team.start("quin", &["watch", "--all"]);
        once(&team, &format!("the lock files are made by `{what}`"));
        assert!(!team.path(LEDGER).join("nowhere").exists());
    }
}

#[test]
fn a_plan_that_runs_is_left_to_finish_when_the_lock_files_go() {
    // Somebody runs `git clean -fdX` while the plan runs.
    let team = broken_with(&BACK.replacen("sleep 0.1", "sleep 3", 1), &[]);
    let _one = team.start("rory", &["watch", "--release", "2.0.0"]);
    let _all = team.start("quin", &["watch", "--all"]);
    until("the plan runs", || team.path("live/runs").exists());
    for lock in LOCKS {
        let _ = std::fs::remove_file(team.path(&format!("{LEDGER}/{lock}")));
    }
    once(&team, "the lock files are removed while the plan runs");
    // The plan does it itself.
    let clean = "rm -f releases/2.0.0/ledger/.lock releases/2.0.0/ledger/.watch releases/2.0.0/ledger/.rollback; sleep 2";
    let team = broken_with(&BACK.replacen("sleep 0.1", clean, 1), &[]);
    let _one = team.start("rory", &["watch", "--release", "2.0.0"]);
    let _all = team.start("quin", &["watch", "--all"]);
    once(&team, "a step of the plan removes the lock files");
    kept(&team, "removed lock files");
}

#[test]
fn a_stopped_writer_does_not_put_the_rollback_off() {
    let team = broken();
    let watching = team.start("rory", &["watch"]);
    // It stands for a relgate that is stopped while it has the lock, and gives it back when it goes on.
    let mut writer = Command::new("flock");
    writer.arg(team.path(&format!("{LEDGER}/.lock")));
    writer.args(["sh", "-c", "kill -STOP $PPID"]);
    let writer = team.start_command(writer);
    watching.end().code(5);
    writer.end().code(0);
    let fate = kept(&team, "a stopped writer");
    assert!(fate.runs == 1 && fate.after_ms < 8_000, "{fate:?}");
    tell(
        "somebody stopped has the ledger's lock over the deadline",
        &format!("made to go on; {} ms after the deadline", fate.after_ms),
    );
}

#[test]
fn a_stopped_watcher_watches_nothing() {
    let team = deployed();
    team.open_incident("Slow", "lower");
    let watching = team.start("rory", &["watch"]);
    let watched = |team: &Team| team.standing()["watched"].as_bool() == Some(true);
    until("somebody watches", || watched(&team));
    watching.signal(Signal::STOP);
    until("it is stopped", || !watched(&team));
    let status = team.run("rory", &["status", "--release", "2.0.0"]);
    status.says(&["NOBODY WATCHES"]);
    let open = [
        "incident",
        "open",
        "--title",
        "Worse",
        "--priority",
        "critical",
    ];
    team.run("omar", &open).code(5);
    watching.signal(Signal::CONT);
    watching.end().code(5);
    tell(
        "a watcher is stopped (Ctrl-Z), and an incident is opened",
        "whoever opened it watches itself; rolled back",
    );
}

#[test]
fn a_second_watcher_is_seen_when_the_first_ends_or_the_lock_file_goes() {
    let team = deployed();
    team.open_incident("Slow", "lower");
    let watched = || team.standing()["watched"].as_bool() == Some(true);
    let first = team.start("rory", &["watch"]);
    until("the first watches", watched);
    let second = team.start("quin", &["watch"]);
    until("the second watches", || {
        processes(&team, "watch").len() == 2
    });
    drop(first);
    until("the second is seen", watched);
    std::fs::remove_file(team.path(&format!("{LEDGER}/.watch"))).expect("removed");
    until("it has its lock again", || {
        team.path(&format!("{LEDGER}/.watch")).exists()
    });
    assert!(watched());
    drop(second);
    until("nobody watches", || !watched());
}

#[test]
fn a_ledger_that_cannot_be_written_runs_one_plan_at_a_time_and_hears_term() {
    let script = BACK.replacen(
        "sleep 0.1",
        "test -f live/once || { touch live/once; exit 1; }; sleep 3",
        1,
    );
    let team = broken_with(&script, &[]);
    let user = User::owning(&team, 65534);
    for lock in LOCKS {
        team.write(&format!("{LEDGER}/{lock}"), "");
    }
    User::disown(&team.path(LEDGER), "0555");
    let watching = team.start_command(user.command(&team, &["watch", "--release", "2.0.0"]));
    let runs = || std::fs::read_to_string(team.path("live/runs")).unwrap_or_default();
    until("the second attempt runs", || runs().lines().count() >= 2);
    assert_eq!(signal(&team, "drive-rollback", Signal::KILL), 1);
    until("another driver runs the plan", || {
        runs().lines().count() >= 3
    });
    assert!(!team.path("live/overlaps").exists(), "{}", runs());
    watching.signal(Signal::TERM);
    watching.end().code(1).says(&["stay armed"]);
    // What was kept in memory is written once it can be.
    let opened = Command::new("chmod")
        .arg("0777")
        .arg(team.path(LEDGER))
        .status();
    assert!(opened.is_ok_and(|it| it.success()));
    until("it is recorded", || {
        !team.recorded("rolled-back").is_empty()
    });
    assert!(!team.path("live/overlaps").exists(), "{}", runs());
    tell(
        "the ledger cannot be written, and the driver is killed in the second attempt",
        "one plan at a time; the watcher ends at TERM",
    );
}
