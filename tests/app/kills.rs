//! A rollback is killed at each of its steps: before and after every record, every lease, every start of a process and
//! every step of the plan. Whatever dies, the release goes back once, in time.

use relgate::domain::record::Body;
use relgate::domain::record::body::AttemptOutcome;

use crate::team;
use crate::windows::{assert_rolled_back, broken_until, records};
use crate::world::{Process, Sim};

/// Watches, and starts a watcher anew two seconds after one was killed, as a service manager does.
fn supervise(sim: &Sim) {
    sim.spawn("watcher", 1, team::watch);
    sim.spawn("team", 2, restart);
}

fn restart(process: &Process) {
    let mut restarted = 0;
    for _ in 0..400 {
        process.sleep(1_000);
        let killed = process.sim.killed();
        let killed = killed.iter().filter(|it| *it == "watcher").count();
        if restarted < killed {
            process.sleep(1_000);
            process.sim.spawn("watcher", 0, team::watch);
            restarted = killed;
        }
    }
}

#[test]
fn whatever_is_killed_the_release_goes_back_once_and_in_time() {
    let mut points = 0;
    let mut again = 0;
    loop {
        let sim = broken_until(u64::MAX);
        sim.kill_at(points);
        supervise(&sim);
        sim.run();
        // What died at the deadline is replaced within three seconds.
        assert_rolled_back(&sim, 3_500);
        let lost =
            |it: &Body| matches!(it, Body::AttemptEnded(it) if it.outcome == AttemptOutcome::Lost);
        let lost = records(&sim, lost).len();
        assert!(lost <= 1, "point {points}: {lost} attempts were lost");
        assert!(
            sim.ran().len() <= 1 + lost,
            "point {points}: {:?}",
            sim.ran()
        );
        again += usize::from(sim.ran().len() > 1);
        points += 1;
        if points > 1_000 {
            panic!("the points have no end");
        }
        if sim.killed().is_empty() && points > 60 {
            break;
        }
    }
    assert!(again > 0, "no step was begun again in {points} points");
}
