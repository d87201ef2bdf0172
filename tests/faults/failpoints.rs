//! The real program aborted at every durable step, and begun anew.

use crate::run::until;
use crate::shop::{BACK, broken, deployed, deployed_in_two_stages, each, kept, tell, watch};
use crate::team::Team;

const POINTS: [&str; 5] = ["begin", "written", "synced", "linked", "durable"];
/// More durable steps than any process here takes; the search ends at the first that is not reached.
const MOST: usize = 30;

/// The same command, to die at the `nth` pass of a place; only where `of` is one of its words.
fn dying(
    team: &Team,
    args: &[&str],
    (point, nth, of): (&str, usize, &str),
) -> std::process::Command {
    let mut command = team.command("rory", args);
    command
        .env("RELGATE_FAILPOINT", format!("ledger:{point}:{nth}"))
        .env("RELGATE_FAILPOINT_IN", of);
    command
}

fn driver_died(team: &Team) -> bool {
    let log = team.path("releases/2.0.0/ledger/output/driver.log");
    std::fs::read_to_string(log).is_ok_and(|log| log.contains("died at the failpoint"))
}

/// Whether the driver reached the place.
fn kill_driver(team: &Team, stages: &str, (point, nth): (&str, usize)) -> bool {
    let mut child = dying(team, &["watch"], (point, nth, "drive-rollback"))
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    let mut ended = false;
    until("the driver dies or the watcher ends", || {
        ended = child.try_wait().expect("it can be waited for").is_some();
        ended || driver_died(team)
    });
    let died = driver_died(team);
    let _ = child.kill();
    let _ = child.wait();
    watch(team).code(5);
    let fate = kept(team, &format!("the driver at {point}:{nth}{stages}"));
    if died {
        let claims = team.recorded("rollback-claimed").len();
        let outcome = format!("rolled back, {claims} claimed, {} run", fate.runs);
        let what = format!("driver aborted at ledger:{point}:{nth}{stages}");
        tell(&what, &outcome);
    }
    died
}

#[test]
fn a_driver_that_dies_at_any_durable_step_is_replaced() {
    let tasks: Vec<&str> = POINTS.to_vec();
    each(5, tasks, |point| {
        let reached = (1..MOST)
            .take_while(|nth| kill_driver(&broken(), "", (point, *nth)))
            .count();
        // Claimed, step started, step ended, attempt ended, rolled back.
        assert!(reached >= 5, "only {reached} durable steps at {point}");
    });
}

#[test]
fn a_driver_of_two_stages_that_dies_at_any_durable_step_is_replaced() {
    let tasks: Vec<&str> = POINTS.to_vec();
    each(5, tasks, |point| {
        let killed = |nth: &usize| {
            let team = deployed_in_two_stages();
            team.open_incident("Slow", "critical");
            let reached = kill_driver(&team, " of two stages", (point, *nth));
            // Each stage went back once, and the release once, at the end.
            let back: Vec<_> = team.recorded("stage-rolled-back");
            assert_eq!(back.len(), 1, "{point}:{nth}: {back:?}");
            team.run("rory", &["ledger", "verify", "--release", "2.0.0"])
                .code(0);
            reached
        };
        let reached = (1..MOST).take_while(killed).count();
        // As for one stage, twice but for the end.
        assert!(reached >= 9, "only {reached} durable steps at {point}");
    });
}

#[test]
fn a_watcher_that_dies_at_its_checkpoint_is_replaced() {
    for point in POINTS {
        let team = broken();
        // On a boot that the window does not know, a checkpoint is the first thing a watcher writes.
        let mut command = dying(&team, &["watch"], (point, 1, "watch"));
        let status = command
            .env("RELGATE_TEST_BOOT_ID", "another")
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
        assert_eq!(status.expect("it runs").code(), None, "it was not aborted");
        watch(&team).code(5);
        let fate = kept(&team, point);
        assert_eq!(fate.runs, 1);
        tell(
            &format!("watcher aborted at ledger:{point} of its checkpoint"),
            "rolled back once",
        );
    }
}

#[test]
fn whoever_dies_while_opening_an_incident_has_opened_it_or_not() {
    for point in POINTS {
        let team = deployed();
        let open = [
            "incident",
            "open",
            "--title",
            "Slow",
            "--priority",
            "critical",
        ];
        let mut command = dying(&team, &open, (point, 1, "incident"));
        let ended = command.env("RELGATE_BY", "omar").output().expect("it runs");
        assert_eq!(ended.status.code(), None, "it was not aborted");
        let opened = team.recorded("incident-opened").len();
        let linked = matches!(point, "linked" | "durable");
        assert_eq!(opened, usize::from(linked), "{point}");
        if !linked {
            team.run("omar", &open).code(5);
        } else {
            watch(&team).code(5);
        }
        assert_eq!(kept(&team, point).runs, 1);
        let outcome = if linked {
            "it was open"
        } else {
            "nothing was open, opened again"
        };
        tell(
            &format!("incident open aborted at ledger:{point}"),
            &format!("{outcome}; rolled back once"),
        );
    }
}

#[test]
fn a_step_that_runs_unrecorded_is_ended_before_the_next_attempt() {
    let team = deployed();
    // The first attempt's step outlives its driver by far, and would work against the second.
    team.script(&BACK.replacen("sleep 0.1", "test $RELGATE_ATTEMPT -gt 1 || sleep 20", 1));
    team.open_incident("Slow", "critical");
    // Claimed, then the step, of which nothing is on disk.
    let mut child = dying(&team, &["watch"], ("begin", 2, "drive-rollback"))
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    until("the driver dies", || driver_died(&team));
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(team.recorded("step-started").len(), 0);
    watch(&team).code(5);
    assert_eq!(kept(&team, "an unrecorded step").runs, 2);
    tell(
        "driver died between starting a step and recording it",
        "ended, then a second attempt",
    );
}
