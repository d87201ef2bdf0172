//! SIGKILL at random instants: `RELGATE_KILLS=1000 cargo test --test faults -- kills --nocapture`.
//!
//! Every round is a window of a second in a repository of its own. At an instant anywhere from the opening to the
//! rollback's end the watcher, its driver, the rollback's command, or several of them are killed, and then somebody
//! watches again. `RELGATE_KILLS_SEED` repeats the instants, `RELGATE_KILLS_AT_ONCE` says how many rounds run side by
//! side.

use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::shop::{Fate, broken, each, fate, signal, sound, tell, uptime, watch};

/// Who is killed together.
const VICTIMS: [&[&str]; 7] = [
    &["watch"],
    &["drive-rollback"],
    &["watch", "drive-rollback"],
    &["back.sh"],
    &["drive-rollback", "back.sh"],
    &["watch", "back.sh"],
    &["watch", "drive-rollback", "back.sh"],
];

/// The same numbers for the same seed: a linear congruential generator by Knuth, whose high bits are good enough here.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What became of the rounds.
#[derive(Debug, Default)]
struct Counts {
    rounds: usize,
    /// Rounds in which at least one process died of it.
    hit: usize,
    lost: usize,
    double: usize,
    early: usize,
    /// First started more than two seconds after both the deadline and the restart, as far as the rollback's command
    /// could tell: one that was killed before its first line is followed by the pause before the next attempt.
    late: usize,
    /// Claims of second and further attempts.
    retried: usize,
    latest_ms: i64,
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(otherwise, |it| it.parse().expect("a number"))
}

fn round(seed: u64, counts: &Mutex<Counts>) {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    chance.below(2);
    let victims = VICTIMS[usize::try_from(chance.below(7)).expect("small")];
    let team = broken();
    let mut watching = team
        .command("rory", &["watch"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    // Half of the rounds aim at the rollback itself, which is short beside its window.
    let instant = match chance.below(2) {
        0 => chance.below(1_100),
        _ => 900 + chance.below(600),
    };
    thread::sleep(Duration::from_millis(instant));
    let killed: usize = victims
        .iter()
        .map(|victim| signal(&team, victim, Signal::KILL))
        .sum();
    let restart = uptime();
    let ended = watch(&team);
    let _ = watching.kill();
    let _ = watching.wait();
    let fate = fate(&team);
    // The deadline is a second after the opening; what came before the restart was not late.
    let opened = team.recorded("incident-opened")[0]["opened"]["boot_ms"].as_i64();
    let began = opened.expect("a time") + 1_000 + fate.after_ms;
    let late_ms = fate.after_ms.min(began - restart);
    let Fate {
        lost,
        double,
        early,
        ..
    } = fate;
    let late = !lost && late_ms > 2_000;
    let bad = lost || double || early || late;
    if bad {
        println!(
            "seed {seed}: {victims:?} after {instant} ms: {fate:?}, {late_ms} ms late\n{ended}"
        );
        let log = team.run("rory", &["log", "--release", "2.0.0"]);
        println!("{log}");
    } else {
        ended.code(5);
        sound(&team);
    }
    let claims = team.recorded("rollback-claimed").len();
    let mut counts = counts.lock().expect("no panic in here");
    counts.rounds += 1;
    counts.hit += usize::from(killed > 0);
    counts.lost += usize::from(lost);
    counts.double += usize::from(double);
    counts.early += usize::from(early);
    counts.late += usize::from(late);
    counts.retried += claims.saturating_sub(1);
    counts.latest_ms = counts.latest_ms.max(late_ms);
}

#[test]
fn kills_at_random_instants_lose_nothing_and_double_nothing() {
    let rounds = number("RELGATE_KILLS", 25);
    let seed = number("RELGATE_KILLS_SEED", 1);
    let at_once = usize::try_from(number("RELGATE_KILLS_AT_ONCE", 6)).expect("small");
    let counts = Mutex::new(Counts::default());
    each(at_once, (seed..seed + rounds).collect(), |seed| {
        round(seed, &counts);
    });
    let counts = counts.into_inner().expect("no panic");
    tell("SIGKILL at random instants", &format!("{counts:?}"));
    // How late depends on the load of the machine; it is printed, and not asserted.
    assert_eq!(
        (counts.lost, counts.double, counts.early),
        (0, 0, 0),
        "{counts:?}"
    );
    assert!(counts.hit * 2 > counts.rounds, "{counts:?}");
}
