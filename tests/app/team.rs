//! What the people of the team do, as use cases.

use relgate::app::verification::{Company, Concluded, Part, Session};
use relgate::app::verify::{self, NextPass, Run};
use relgate::app::walk::Walk;
use relgate::app::watch;
use relgate::app::{Result, check, deploy, sign};
use relgate::domain::event::Event;
use relgate::domain::ids::StageName;
use relgate::domain::outcome::{Check, Signed, WatchEnd};
use relgate::domain::probe::selection::Selection;
use relgate::domain::readiness::{Decision, Scope};
use relgate::domain::record::body::Answered;
use relgate::domain::state::ReleaseState;

use crate::world::{Process, Sim, actor};

/// Signs every gate that waits for a person, with yes to all.
pub fn sign(process: &Process, person: &str) -> Result<Signed> {
    process.with_world(|world| {
        let release = process.release(world);
        let who = actor(person);
        let session = sign::Session::new(world, &release)?;
        let mut signed = Vec::new();
        while let Some(ready) = sign::next(&session, &who, (None, &signed))? {
            let answers = Walk::all_yes(&ready.items, None);
            signed.push(sign::approve(&session, &who, &ready, &answers)?);
        }
        sign::result(&session, signed)
    })
}

pub fn check(process: &Process) -> Result<Check> {
    process.with_world(|world| {
        let release = process.release(world);
        check::check(world, &release, "rory", &Scope::Deployment)
    })
}

pub fn stage() -> StageName {
    StageName::new("production").expect("a name")
}

/// Every sign-off that is needed before the deployment.
pub fn sign_all(process: &Process) {
    for person in ["dana", "quin", "dana", "quin", "rory"] {
        sign(process, person).expect("signed");
    }
}

pub fn deploy_start(process: &Process) -> Result<()> {
    process.with_world(|world| {
        let release = process.release(world);
        let (_, started) = deploy::start(world, &release, &actor("omar"), &stage())?;
        started.map(drop)
    })
}

/// Deploys to the end, with the passes over the checklist; then version 2.0.0 is live.
pub fn deploy(process: &Process) {
    sign_all(process);
    let checked = check(process).expect("a readable ledger");
    assert_eq!(checked.readiness.decision, Decision::Go);
    deploy_start(process).expect("a go");
    process.sim.set_live("2.0.0");
    process.with_world(|world| {
        let release = process.release(world);
        deploy::done(world, &release, &actor("omar"), &stage()).expect("done");
    });
    for person in ["omar", "quin"] {
        pass(process, person);
    }
}

fn pass(process: &Process, person: &str) {
    process.with_world(|world| {
        let release = process.release(world);
        let (who, stage) = (actor(person), stage());
        let next = verify::next_pass(world, &release, &who, &stage).expect("allowed");
        let next = next.expect("a pass is needed");
        let answers = Walk::all_yes(&next.items, None);
        let who = (&who, &stage);
        let failures = verify::make_pass(world, &release, who, &next, &answers, &mut |_| {});
        assert_eq!(failures.expect("made"), []);
    });
}

/// Runs the verification plan.
pub fn verify(process: &Process) -> Result<Run> {
    process.with_world(|world| {
        let release = process.release(world);
        let selected = verify::select(&release, &Selection::default())?;
        let (who, stage) = (actor("quin"), stage());
        verify::run(world, &release, (&who, &stage), &selected, &mut |_| {})
    })
}

/// Answers yes to everything, and keeps which parts there were.
struct Yes(Vec<Part>);

impl Company for Yes {
    fn answers(&mut self, next: &NextPass) -> Result<Vec<Answered>> {
        Ok(Walk::all_yes(&next.items, None))
    }

    fn begins(&mut self, part: Part) {
        self.0.push(part);
    }

    fn hears(&mut self, _: &Event) {}

    fn ends(&mut self) {}
}

/// Verifies to a conclusion, with the watch between two runs. Returns the parts that there were too.
pub fn verify_to_the_end(process: &Process) -> Result<(Concluded, Vec<Part>)> {
    process.with_world(|world| {
        let release = process.release(world);
        let selected = verify::select(&release, &Selection::default())?;
        let mut yes = Yes(Vec::new());
        let session = Session {
            world,
            release: &release,
            actor: &actor("quin"),
            stage: &stage(),
            selected: &selected,
            watches: true,
        };
        let concluded = session.verify(&mut yes)?;
        Ok((concluded, yes.0))
    })
}

/// Watches to the end, which is said.
pub fn watch(process: &Process) {
    let end = process.with_world(|world| {
        let release = process.release(world);
        let mut said = Vec::new();
        let watched = watch::watch(world, &release, &mut |event| {
            said.extend(worth_saying(event))
        });
        for text in said {
            process.say(text);
        }
        watched.expect("it can be watched").end
    });
    process.say(format!("watched: {}", word(end)));
}

const fn word(end: WatchEnd) -> &'static str {
    match end {
        WatchEnd::Quiet => "quiet",
        WatchEnd::Resolved => "resolved",
        WatchEnd::Replaced => "replaced",
        WatchEnd::RolledBack => "rolled back",
        WatchEnd::Stuck => "stuck",
        WatchEnd::WaitsForPerson => "waits for a person",
        WatchEnd::Unread => "unread",
        WatchEnd::Detached => "detached",
    }
}

fn worth_saying(event: &Event) -> Option<String> {
    match event {
        Event::Warning { text } => Some(format!("warning: {text}")),
        _ => None,
    }
}

/// The state of the release.
pub fn state(sim: &Sim) -> ReleaseState {
    sim.history().state().clone()
}
