//! A window from its opening to its end: the watcher and the driver, by themselves and where something goes wrong.

use relgate::domain::probe::judge::Verdict;
use relgate::domain::record::{Body, Record};
use relgate::domain::state::rollback::Rollback;
use relgate::ports::LeaseName;

use crate::team;
use crate::world::{POLICY, Process, Sim, release};

/// The window of a critical failure, in milliseconds.
pub const WINDOW: u64 = 300_000;

/// A release whose home page is gone from the beginning until `mended`, deployed, verified and watched by one process.
pub fn broken_until(mended: u64) -> Sim {
    let sim = Sim::new();
    sim.answer(move |id, now, live| match id {
        "version-live" if live != "2.0.0" => Verdict::Fail,
        "previous-live" if live != "1.0.0" => Verdict::Fail,
        "home-page" if live == "2.0.0" && now < mended => Verdict::Fail,
        _ => Verdict::Pass,
    });
    sim.spawn("team", 0, open);
    sim
}

/// Deploys, and verifies to the failure.
pub fn open(process: &Process) {
    team::deploy(process);
    let run = team::verify(process).expect("it can be run");
    assert_eq!(run.verdict, Verdict::Fail);
    process.say("opened");
}

/// The time of the deadline.
pub fn deadline(sim: &Sim) -> u64 {
    let opened = sim
        .said()
        .iter()
        .find(|(_, it)| it == "opened")
        .map(|it| it.0);
    opened.expect("it was opened") + WINDOW
}

pub fn records(sim: &Sim, is_meant: impl Fn(&Body) -> bool) -> Vec<Record> {
    let all = sim.memory().records(&release());
    all.into_iter().filter(|it| is_meant(&it.body)).collect()
}

/// It went back once, at the deadline, and no step ran beside another.
#[track_caller]
pub fn assert_rolled_back(sim: &Sim, late: u64) {
    let state = team::state(sim);
    let rollback = state.rollback.as_ref();
    assert!(
        rollback.is_some_and(Rollback::is_rolled_back),
        "{:?}",
        sim.said()
    );
    assert_eq!(sim.live(), "1.0.0");
    assert_eq!(
        records(sim, |it| matches!(it, Body::RolledBack(_))).len(),
        1
    );
    let ran = sim.ran();
    let began = ran.first().expect("a step ran").from;
    let deadline = deadline(sim);
    assert!(began >= deadline, "began at {began}, due at {deadline}");
    assert!(
        began <= deadline + late,
        "began at {began}, due at {deadline}"
    );
    for (before, after) in ran.iter().zip(ran.iter().skip(1)) {
        let until = before.until.expect("it ended");
        assert!(until <= after.from, "{before:?} beside {after:?}");
    }
}

fn watcher(sim: &Sim, delay: u64) -> u32 {
    sim.spawn("watcher", delay, team::watch)
}

fn said(sim: &Sim, text: &str) -> usize {
    sim.said()
        .iter()
        .filter(|(_, it)| it.contains(text))
        .count()
}

#[test]
fn a_window_that_nobody_resolves_runs_the_rollback_at_its_end_once() {
    let sim = broken_until(u64::MAX);
    watcher(&sim, 1);
    sim.run();
    assert_rolled_back(&sim, 1);
    assert_eq!(sim.ran().len(), 1);
    assert_eq!(said(&sim, "watched: rolled back"), 1);
}

#[test]
fn ten_watchers_run_it_once() {
    let sim = broken_until(u64::MAX);
    for number in 0..10 {
        watcher(&sim, 1 + 37 * number);
    }
    sim.run();
    assert_rolled_back(&sim, 1);
    assert_eq!(sim.ran().len(), 1);
    assert_eq!(said(&sim, "watched: rolled back"), 10);
}

/// The probes close the window by themselves.
fn by_evidence(sim: &Sim) {
    let to = "window: 5m, resolved_by: evidence";
    sim.edit(POLICY, "window: 5m", to);
}

#[test]
fn evidence_in_time_closes_the_window_and_nothing_runs() {
    let sim = broken_until(120_000);
    by_evidence(&sim);
    watcher(&sim, 1);
    sim.run();
    assert_eq!(sim.ran().len(), 0);
    assert_eq!(sim.live(), "2.0.0");
    assert_eq!(said(&sim, "watched: resolved"), 1);
    assert!(team::state(&sim).open_incidents().next().is_none());
}

#[test]
fn evidence_after_the_deadline_is_too_late() {
    let sim = broken_until(WINDOW + 2_000);
    by_evidence(&sim);
    watcher(&sim, 1);
    sim.run();
    assert_rolled_back(&sim, 1);
}

#[test]
fn a_watcher_that_comes_late_rolls_back_at_once() {
    let sim = broken_until(u64::MAX);
    watcher(&sim, 2 * WINDOW);
    sim.run();
    assert_rolled_back(&sim, WINDOW + 200);
}

#[test]
fn a_plan_that_fails_is_run_again_and_then_a_person_is_called() {
    for (exits, attempts, end) in [(&[1, 0][..], 2, "rolled back"), (&[1], 2, "stuck")] {
        let sim = broken_until(u64::MAX);
        sim.steps(1_500, exits);
        watcher(&sim, 1);
        sim.run();
        assert_eq!(sim.ran().len(), attempts, "{exits:?}");
        assert_eq!(
            said(&sim, &format!("watched: {end}")),
            1,
            "{:?}",
            sim.said()
        );
    }
}

#[test]
fn a_full_disk_keeps_no_rollback_and_is_made_good() {
    // Full from before the deadline until long after it.
    let sim = broken_until(u64::MAX);
    watcher(&sim, 1);
    sim.spawn("team", WINDOW - 10_000, |process| {
        let memory = process.sim.memory();
        memory.fail_writing(Some(std::io::ErrorKind::StorageFull));
        process.sleep(60_000);
        memory.fail_writing(None);
    });
    sim.run();
    assert_rolled_back(&sim, 1_100);
    assert_eq!(sim.ran().len(), 1);
    let late = records(
        &sim,
        |it| matches!(it, Body::Noted(it) if it.text.contains("late")),
    );
    assert_eq!(late.len(), 1);
}

#[test]
fn a_store_that_cannot_be_read_for_a_while_loses_no_window() {
    let sim = broken_until(u64::MAX);
    watcher(&sim, 1);
    sim.spawn("team", 1_000, |process| {
        let memory = process.sim.memory();
        memory.fail_reading(Some(std::io::ErrorKind::TimedOut));
        process.sleep(WINDOW - 60_000);
        memory.fail_reading(None);
    });
    sim.run();
    assert_rolled_back(&sim, 1);
}

#[test]
fn a_stopped_watcher_is_made_to_go_on_by_another_or_replaced_by_it() {
    let sim = broken_until(u64::MAX);
    let first = watcher(&sim, 1);
    watcher(&sim, 2);
    sim.spawn("team", 60_000, move |process| process.sim.stop(first));
    sim.run();
    assert_rolled_back(&sim, 1);
    assert_eq!(sim.ran().len(), 1);
}

#[test]
fn a_stopped_driver_is_made_to_go_on() {
    let sim = broken_until(u64::MAX);
    watcher(&sim, 1);
    // Stopped as soon as it holds its lease, before the deadline.
    sim.spawn("team", WINDOW - 3_000, |process| {
        let driver = loop {
            process.sleep(20);
            let name = LeaseName::Rollback(release());
            let holder = process.with_world(|world| world.leases.holder(&name));
            let holder = holder.expect("a store").map(|it| it.processes);
            if let Some([driver]) = holder.as_deref() {
                break u32::try_from(*driver).expect("a process");
            }
        };
        process.sim.stop(driver);
        process.say("stopped");
    });
    sim.run();
    assert_eq!(
        said(&sim, "stopped"),
        2,
        "stopped once, and told once: {:?}",
        sim.said()
    );
    assert_rolled_back(&sim, 1_300);
    assert_eq!(sim.ran().len(), 1);
}

#[test]
fn a_driver_that_lost_its_lease_begins_nothing_more_and_another_one_goes_on() {
    let sim = broken_until(u64::MAX);
    let notes = "releases/2.0.0/release-notes.md";
    let second = "    - id: cache\n      kind: code\n      argv: [./back.sh]\n  attempts: 2";
    sim.edit(notes, "  attempts: 2", second);
    sim.steps(10_000, &[0]);
    watcher(&sim, 1);
    sim.spawn("team", WINDOW + 5_000, |process| {
        process
            .sim
            .memory()
            .end_term(&LeaseName::Rollback(release()));
    });
    sim.run();
    assert_rolled_back(&sim, 1);
    // The first step of the driver that lost it was ended by the next one, which ran the plan from its beginning.
    let ran = sim.ran();
    assert_eq!(ran.len(), 3, "{ran:?}");
    assert!(ran[0].was_ended && ran[0].owner != ran[1].owner, "{ran:?}");
    assert_eq!(ran[1].owner, ran[2].owner, "{ran:?}");
}

#[test]
fn what_a_watcher_was_asked_to_leave_is_told() {
    let sim = broken_until(u64::MAX);
    let first = watcher(&sim, 1);
    sim.spawn("team", 60_000, move |process| process.sim.end(first));
    sim.run();
    assert_eq!(said(&sim, "watched: detached"), 1);
    assert_eq!(sim.ran().len(), 0, "nobody watches");
}
