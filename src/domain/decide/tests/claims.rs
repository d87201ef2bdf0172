//! The claim protocol, explored to the end: two watchers that may look and act at different moments, a person who
//! resolves, an incident that asks for a rollback, and a driver that can die at any step.
//!
//! Every interleaving within the bounds is taken, each on the real decisions and the real fold.

use std::collections::{HashSet, VecDeque};

use super::intents::{drive, follow};
use crate::domain::decide::{incident, rollback};
use crate::domain::record::Draft;
use crate::domain::record::body::Cause;
use crate::domain::record::{Body, Record};
use crate::domain::state::incident::Standing;
use crate::domain::testing::{Site, actor, north, notes, policy};
use crate::domain::watch::{self, Next, Outcome};

/// One state of the world.
#[derive(Clone)]
struct World {
    site: Site,
    /// What each watcher saw and has not acted on yet.
    seen: [Option<Next>; 2],
    /// Whether a driver lives that runs an attempt's steps, and which attempt it believes to run.
    driver: Option<u32>,
    /// How often the plan was begun.
    begun: u32,
    deaths: u8,
    by_hand: u8,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Look(usize),
    Act(usize),
    /// A driver that was ready for the deadline claims for itself.
    Expire,
    Resolve,
    ByHand,
    Time,
    /// The duty of the driver is taken up, or gone on with; whether what it does works.
    Drive(u8),
    Die,
}

const STEPS: [Step; 12] = [
    Step::Look(0),
    Step::Look(1),
    Step::Act(0),
    Step::Act(1),
    Step::Expire,
    Step::Resolve,
    Step::ByHand,
    Step::Time,
    Step::Drive(0),
    Step::Drive(1),
    Step::Drive(2),
    Step::Die,
];

impl World {
    fn new() -> Self {
        let mut site = Site::deployed_in(&["north"]);
        let trouble = incident::Trouble {
            title: "it is down".to_owned(),
            stage: north(),
            priority: "critical".parse().expect("a name"),
            trigger: None,
            probes: Vec::new(),
            failures: Vec::new(),
        };
        let by = ("cy", &site.now());
        let opened = incident::open(&policy(), &notes(), &site.history, &trouble, by);
        site.record(opened.expect("a deployed release"));
        Self {
            site,
            seen: [None, None],
            driver: None,
            begun: 0,
            deaths: 0,
            by_hand: 0,
        }
    }

    /// What distinguishes it from other states, times and ids apart.
    fn key(&self) -> String {
        let state = self.site.history.state();
        let incident = &state.incidents["I1"];
        let attempts: Vec<_> = state
            .rollback
            .iter()
            .flat_map(|rollback| &rollback.attempts)
            .map(|it| {
                let ended = it.ended.as_ref().map(|ended| &ended.fact.outcome);
                (it.number, it.started.is_some(), format!("{ended:?}"))
            })
            .collect();
        let standing = state.rollback.as_ref().map(|it| {
            let ends = (it.is_rolled_back(), it.is_stuck());
            let stages = it.stages.iter();
            let stages = stages.map(|it| (it.standing.word(), it.granted_after));
            (ends, stages.collect::<Vec<_>>())
        });
        let due = incident.is_due(&self.site.now());
        let word = incident.word();
        let counts = (self.begun, self.deaths, self.by_hand);
        format!(
            "{word} {due} {standing:?} {attempts:?} {:?} {:?} {counts:?}",
            self.seen, self.driver
        )
    }

    /// The world after `step`; `None` where it cannot be taken, or changes nothing.
    fn after(&self, step: Step) -> Option<Self> {
        let mut world = self.clone();
        let now = world.site.now();
        match step {
            Step::Look(watcher) => {
                world.seen[watcher] = Some(watch::next(world.site.history.state(), &now));
            }
            Step::Act(watcher) => {
                let seen = world.seen[watcher].take()?;
                // Whoever was second is refused, and looks again.
                let decided = follow(&world.site, &seen, None);
                world.write(decided.ok());
            }
            Step::Expire => {
                let next = watch::next(world.site.history.state(), &now);
                if world.driver.is_some() || !matches!(next, Next::Claim(_)) {
                    return None;
                }
                world.write(follow(&world.site, &next, Some(1)).ok());
            }
            Step::Resolve => {
                let resolution = incident::Resolution {
                    how: Some("mended".to_owned()),
                    ..incident::Resolution::default()
                };
                let who = (Some(&actor("bea")), "I1");
                let history = &world.site.history;
                let decided =
                    incident::resolve(&policy(), &notes(), history, who, resolution, &now).ok()?;
                world.write(Some(decided));
            }
            Step::ByHand => {
                if world.by_hand == 1 {
                    return None;
                }
                let who = (&actor("ana"), None);
                let history = &world.site.history;
                let decided = rollback::claim_by_hand(
                    &policy(),
                    &notes(),
                    history,
                    who,
                    ("now", &world.site.now()),
                );
                world.write(Some(decided.ok()?));
                world.by_hand += 1;
            }
            Step::Time => {
                if world.site.history.state().incidents["I1"].is_due(&now) {
                    return None;
                }
                world.site.tick(150_000);
            }
            Step::Drive(luck) => {
                let next = rollback::next(world.site.history.state());
                let draft = match (next, world.driver) {
                    // This driver has not died: it goes on with its steps.
                    (rollback::Next::Recover(attempt, _), Some(own)) => {
                        assert_eq!(attempt, own, "two attempts live");
                        drive(&world.site, luck)?
                    }
                    // A dead one's attempt is lost, once it is ended.
                    (rollback::Next::Recover(..), None) => drive(&world.site, 2)?,
                    (rollback::Next::Run(attempt), None) => {
                        world.driver = Some(attempt);
                        world.begun += 1;
                        drive(&world.site, luck)?
                    }
                    (rollback::Next::Run(_), Some(_)) => panic!("a second attempt is begun"),
                    _ => drive(&world.site, luck)?,
                };
                let draft = draft.expect("the one driver is not refused");
                if matches!(draft.body, Body::AttemptEnded(_)) {
                    world.driver = None;
                }
                world.write(Some(draft));
            }
            Step::Die => {
                if world.deaths == 2 {
                    return None;
                }
                world.driver.take()?;
                world.deaths += 1;
            }
        }
        Some(world)
    }

    fn write(&mut self, draft: Option<Draft>) {
        let Some(draft) = draft else { return };
        let before = self.site.history.state().clone();
        let record: Record = self.site.record(draft);
        if let Body::RollbackClaimed(claim) = &record.body {
            let live = before.rollback.as_ref().and_then(|it| it.last());
            assert!(
                live.is_none_or(|last| last.ended.is_some()),
                "claimed twice"
            );
            if claim.pid.is_some() {
                assert_eq!(self.driver, None, "a second driver claims");
                self.driver = Some(claim.attempt);
                self.begun += 1;
            }
            if matches!(claim.cause, Cause::Expired { .. }) {
                assert!(
                    before.incidents["I1"].has_running_window(),
                    "claimed after resolve"
                );
            }
        }
    }

    /// Nothing is left that happens by itself.
    fn is_at_its_end(&self) -> bool {
        let next = watch::next(self.site.history.state(), &self.site.now());
        let Next::Done(outcome) = next else {
            return false;
        };
        let standing = &self.site.history.state().incidents["I1"].standing;
        match outcome {
            Outcome::Resolved => assert!(matches!(standing, Standing::Resolved { .. })),
            Outcome::RolledBack => assert!(self.begun > 0, "rolled back by nobody"),
            Outcome::Stuck => assert!(self.begun >= 2, "stuck before its attempts were made"),
            Outcome::Quiet | Outcome::Replaced => panic!("the incident is lost"),
        }
        true
    }
}

// req: A10, req: A13, req: B12
#[test]
fn every_interleaving_has_one_live_attempt_no_claim_after_a_resolve_and_an_end() {
    let start = World::new();
    let mut known = HashSet::from([start.key()]);
    let mut queue = VecDeque::from([start]);
    let (mut ends, mut rolled_back, mut resolved, mut stuck) = (0, 0, 0, 0);
    while let Some(world) = queue.pop_front() {
        if world.is_at_its_end() {
            ends += 1;
            match watch::next(world.site.history.state(), &world.site.now()) {
                Next::Done(Outcome::RolledBack) => rolled_back += 1,
                Next::Done(Outcome::Resolved) => resolved += 1,
                _ => stuck += 1,
            }
        } else {
            // Progress: whatever happened, somebody who goes on without a death comes to an end.
            let mut ahead = world.clone();
            for _ in 0..30 {
                let step = if ahead.is_at_its_end() {
                    break;
                } else if ahead.site.history.state().rollback.is_some() {
                    Step::Drive(0)
                } else {
                    Step::Time
                };
                ahead = match ahead.after(step) {
                    Some(after) => after,
                    None => ahead
                        .after(Step::Look(0))
                        .and_then(|it| it.after(Step::Act(0)))
                        .expect("a watcher can always look and act"),
                };
            }
            assert!(ahead.is_at_its_end(), "no progress from {}", world.key());
        }
        for after in STEPS.iter().filter_map(|step| world.after(*step)) {
            if known.insert(after.key()) {
                queue.push_back(after);
            }
        }
    }
    // The bounds are wide enough to reach every end.
    assert!(
        rolled_back > 0 && resolved > 0 && stuck > 0 && ends > 100,
        "{ends} ends"
    );
    assert!(known.len() > 1_000, "only {} states", known.len());
}
