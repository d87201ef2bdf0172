//! A rollback of several stages: the newest first, each with attempts of its own, and one end.

use super::intents::drive;
use super::{help_of, kind_of};
use crate::domain::decide::incident::{self, Trouble};
use crate::domain::decide::rollback::{self, Next};
use crate::domain::ids::StageName;
use crate::domain::record::body::{AttemptOutcome, Cause, RollbackClaimed, StepEnded};
use crate::domain::record::{Body, Draft, Record, TOOL};
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::release::{ReleaseNotes, RollbackScope, StepScope};
use crate::domain::state::rollback::Rollback;
use crate::domain::testing::{Site, actor, from_json, notes, policy};
use crate::domain::watch;

fn stage(name: &str) -> StageName {
    name.parse().expect("a name")
}

/// An incident in a stage, with a window of no length.
fn broken(site: &mut Site, of: &str, notes: &ReleaseNotes) -> Result<Record, Refusal> {
    open(site, (of, "at-once"), notes)
}

fn open(
    site: &mut Site,
    (of, priority): (&str, &str),
    notes: &ReleaseNotes,
) -> Result<Record, Refusal> {
    let trouble = Trouble {
        title: format!("{of} is slow"),
        stage: stage(of),
        priority: priority.parse().expect("a name"),
        trigger: None,
        probes: Vec::new(),
        failures: Vec::new(),
    };
    let by = ("cy", &site.now());
    let opened = incident::open(&policy(), notes, &site.history, &trouble, by);
    site.try_record(opened)
}

/// Claims the rollback because the window of `id` has expired.
fn claim(site: &mut Site, id: &str) -> RollbackClaimed {
    let id = id.parse().expect("a name");
    let claimed = rollback::claim_expired(&site.history, &id, None, &site.now());
    match site.record(claimed.expect("it has expired")).body {
        Body::RollbackClaimed(fact) => fact,
        other => panic!("{other:?}"),
    }
}

fn by_hand(site: &Site, of: Option<&str>) -> Result<Draft, Refusal> {
    let of = of.map(stage);
    let who = (&actor("ana"), of.as_ref());
    rollback::claim_by_hand(
        &policy(),
        &notes(),
        &site.history,
        who,
        ("it is bad", &site.now()),
    )
}

fn next(site: &Site) -> Next {
    rollback::next(site.history.state())
}

/// The driver goes on; 0 makes everything work.
fn go_on(site: &mut Site, luck: u8) -> Record {
    let draft = drive(site, luck).expect("something to drive");
    site.record(draft.expect("the one driver is not refused"))
}

fn to_the_end(site: &mut Site, luck: u8) {
    while !matches!(next(site), Next::Ended | Next::Nothing) {
        go_on(site, luck);
    }
}

fn of_rollback(site: &Site) -> &Rollback {
    let rollback = &site.history.state().rollback;
    rollback.as_ref().expect("a rollback")
}

fn standings(site: &Site) -> Vec<(String, &'static str)> {
    let stages = of_rollback(site).stages.iter();
    stages
        .map(|it| (it.stage.to_string(), it.standing.word()))
        .collect()
}

fn kinds(site: &Site, kind: &str) -> usize {
    let records = site.history.records().iter();
    records.filter(|record| record.kind() == kind).count()
}

#[test]
fn every_stage_is_taken_back_the_newest_first_and_said_once() {
    let mut site = Site::deployed();
    broken(&mut site, "north", &notes()).expect("it runs");
    let claimed = claim(&mut site, "I1");
    assert_eq!(claimed.stage, stage("south"), "deployed last");
    assert_eq!(claimed.covers, Some(vec![stage("south"), stage("north")]));
    go_on(&mut site, 0);
    go_on(&mut site, 0);
    assert_eq!(next(&site), Next::NextStage(stage("north")));
    go_on(&mut site, 0);
    to_the_end(&mut site, 0);
    let numbers: Vec<_> = of_rollback(&site)
        .attempts
        .iter()
        .map(|it| (it.number, it.stage.to_string()))
        .collect();
    assert_eq!(numbers, [(1, "south".into()), (2, "north".into())]);
    assert!(of_rollback(&site).is_rolled_back());
    assert_eq!(kinds(&site, "rolled-back"), 1);
    assert_eq!(kinds(&site, "stage-rolled-back"), 1);
    assert!(site.history.state().running_stages().is_empty());
    assert_eq!(kind_of(&by_hand(&site, None)), Kind::Refused);
}

#[test]
fn a_stage_that_was_never_deployed_is_not_taken_back() {
    let mut site = Site::deployed_in(&["north"]);
    broken(&mut site, "north", &notes()).expect("it runs");
    let claimed = claim(&mut site, "I1");
    assert_eq!(claimed.covers, Some(vec![stage("north")]));
    to_the_end(&mut site, 0);
    assert!(of_rollback(&site).is_rolled_back());
    assert_eq!(kinds(&site, "rollback-claimed"), 1);
    let opened = broken(&mut site, "south", &notes());
    assert_eq!(kind_of(&opened), Kind::Refused);
    assert!(!help_of(&opened).contains("deploy start"), "{opened:?}");
}

#[test]
fn a_stage_that_fails_holds_up_no_other_and_is_named() {
    let mut site = Site::deployed();
    broken(&mut site, "south", &notes()).expect("it runs");
    claim(&mut site, "I1");
    // South fails as often as it is tried; north works at once.
    for _ in 0..40 {
        let luck = match next(&site) {
            Next::Ended => break,
            Next::Recover(number, _) => {
                let of = rollback::stage_of(site.history.state(), number);
                u8::from(of == Some(stage("south")))
            }
            Next::AskTarget(_) => 1,
            _ => 0,
        };
        go_on(&mut site, luck);
    }
    let order: Vec<_> = of_rollback(&site)
        .attempts
        .iter()
        .map(|it| it.stage.to_string())
        .collect();
    assert_eq!(order, ["south", "north", "south"], "they take turns");
    let stood = [
        ("south".to_owned(), "stuck"),
        ("north".to_owned(), "rolled-back"),
    ];
    assert_eq!(standings(&site), stood);
    assert!(of_rollback(&site).is_stuck());
    assert_eq!(kinds(&site, "rolled-back"), 0);
    assert_eq!(site.history.state().running_stages(), [stage("south")]);
    // A person tries again: only what is stuck, with numbers that go on.
    site.record(by_hand(&site, None).expect("stuck"));
    assert_eq!(next(&site), Next::Run(4));
    assert_eq!(of_rollback(&site).attempts_left(&stage("south")), 1);
    to_the_end(&mut site, 0);
    assert!(of_rollback(&site).is_rolled_back());
    assert_eq!(kinds(&site, "rolled-back"), 1);
}

#[test]
fn one_stage_alone_leaves_the_windows_of_the_others() {
    let mut site = Site::deployed();
    let mut notes = notes();
    let rollback = notes.rollback.as_mut().expect("a rollback");
    rollback.scope = Some(RollbackScope::Stage);
    broken(&mut site, "south", &notes).expect("it runs");
    open(&mut site, ("north", "critical"), &notes).expect("it runs");
    let claimed = claim(&mut site, "I1");
    assert_eq!(claimed.covers, Some(vec![stage("south")]));
    assert_eq!(claimed.absorbs.len(), 1);
    let left = |site: &Site| {
        let state = site.history.state();
        state.incidents["I2"].has_running_window()
    };
    assert!(left(&site));
    to_the_end(&mut site, 0);
    assert!(of_rollback(&site).is_partly_rolled_back());
    assert_eq!(site.history.state().running_stages(), [stage("north")]);
    assert_eq!(kinds(&site, "rolled-back"), 1);
    let Next::Ended = next(&site) else {
        panic!("something to drive");
    };
    let waits = watch::next(site.history.state(), &site.now());
    assert_eq!(waits, watch::Next::Wait(300_000), "the window is kept");
    // What was taken back gets no incident, what still runs does.
    assert_eq!(
        kind_of(&open(&mut site, ("south", "lower"), &notes)),
        Kind::Refused
    );
    open(&mut site, ("north", "lower"), &notes).expect("it runs");
    site.tick(300_000);
    let claimed = claim(&mut site, "I2");
    assert_eq!(claimed.attempt, 2);
    to_the_end(&mut site, 0);
    assert!(of_rollback(&site).is_rolled_back());
    assert_eq!(kinds(&site, "rolled-back"), 2, "one for each rollback");
}

#[test]
fn a_window_that_expires_while_another_stage_is_taken_back_is_claimed_at_once() {
    let mut site = Site::deployed();
    site.record(by_hand(&site, Some("south")).expect("it runs"));
    go_on(&mut site, 0);
    assert!(matches!(next(&site), Next::Recover(1, _)));
    broken(&mut site, "north", &notes()).expect("it is not taken back");
    let due = watch::next(site.history.state(), &site.now());
    assert_eq!(due, watch::Next::Claim("I1".parse().expect("a name")));
    let claimed = claim(&mut site, "I1");
    assert_eq!((claimed.attempt, claimed.stage), (2, stage("north")));
    to_the_end(&mut site, 0);
    assert!(of_rollback(&site).is_rolled_back());
}

#[test]
fn a_rollback_by_hand_takes_the_stage_that_is_named_or_all() {
    let site = Site::deployed();
    let covers = |draft: Result<Draft, Refusal>| match draft.expect("authority").body {
        Body::RollbackClaimed(fact) => fact.covers,
        other => panic!("{other:?}"),
    };
    let all = Some(vec![stage("south"), stage("north")]);
    assert_eq!(covers(by_hand(&site, None)), all);
    let one = Some(vec![stage("north")]);
    assert_eq!(covers(by_hand(&site, Some("north"))), one);
    assert_eq!(kind_of(&by_hand(&site, Some("west"))), Kind::Refused);
    // While one is taken back, the rest can be.
    let mut site = site;
    site.record(by_hand(&site, Some("south")).expect("it runs"));
    assert_eq!(kind_of(&by_hand(&site, Some("south"))), Kind::Refused);
    assert_eq!(covers(by_hand(&site, None)), one);
}

/// A plan with a database that all stages share.
fn shared_database() -> ReleaseNotes {
    let mut notes = notes();
    let rollback = notes.rollback.as_mut().expect("a rollback");
    let steps = rollback.plan.as_mut().expect("a plan");
    let mut database = steps[0].clone();
    database.id = "database".parse().expect("a name");
    database.per = Some(StepScope::Release);
    steps.push(database);
    notes
}

fn steps(site: &Site, of: &str) -> Vec<String> {
    let steps = site.history.state().steps_to_run(&stage(of));
    steps.iter().map(|(_, step)| step.id.to_string()).collect()
}

fn step_ended(site: &mut Site, attempt: u32, step: &str) {
    let ended: StepEnded = from_json(serde_json::json!({
        "attempt": attempt, "step": step, "outcome": {"how": "exited", "code": 0}, "took_ms": 1, "output": "o",
        "output_bytes": 0, "output_digest": crate::domain::ids::Digest::of(b""), "tail": "",
    }));
    assert!(ended.end.is_success());
    site.record(Draft {
        by: TOOL.to_owned(),
        body: Body::StepEnded(ended),
    });
}

#[test]
fn what_all_stages_share_is_taken_back_once_with_the_last_stage() {
    let mut site = Site::deployed();
    broken(&mut site, "north", &shared_database()).expect("it runs");
    claim(&mut site, "I1");
    assert_eq!(steps(&site, "south"), ["back"], "north runs the release");
    go_on(&mut site, 0);
    go_on(&mut site, 1);
    // South failed: north is not the last to go.
    go_on(&mut site, 0);
    assert_eq!(steps(&site, "north"), ["back"]);
    while !matches!(next(&site), Next::AskTarget(1)) {
        go_on(&mut site, 0);
    }
    go_on(&mut site, 1);
    assert_eq!(next(&site), Next::Run(3));
    assert_eq!(steps(&site, "south"), ["back", "database"]);
    go_on(&mut site, 0);
    step_ended(&mut site, 3, "back");
    step_ended(&mut site, 3, "database");
    assert_eq!(steps(&site, "south"), ["back"], "it has run");
    go_on(&mut site, 0);
    to_the_end(&mut site, 0);
    assert!(of_rollback(&site).is_rolled_back());
}

#[test]
fn what_all_stages_share_stays_while_a_stage_keeps_the_release() {
    let mut site = Site::deployed();
    let notes = shared_database();
    let who = (&actor("ana"), Some(&stage("south")));
    let claimed = rollback::claim_by_hand(
        &policy(),
        &notes,
        &site.history,
        who,
        ("it is bad", &site.now()),
    );
    site.record(claimed.expect("authority"));
    assert_eq!(steps(&site, "south"), ["back"]);
    to_the_end(&mut site, 0);
    site.record(by_hand(&site, None).expect("north runs it"));
    assert_eq!(steps(&site, "north"), ["back"], "as its own plan says");
}

#[test]
fn a_claim_that_does_not_say_what_it_covers_takes_the_whole_release_back() {
    for of in ["north", "south"] {
        let mut site = Site::deployed();
        broken(&mut site, "north", &notes()).expect("it runs");
        let mut fact = {
            let id = "I1".parse().expect("a name");
            let claimed = rollback::claim_expired(&site.history, &id, None, &site.now());
            match claimed.expect("due").body {
                Body::RollbackClaimed(fact) => fact,
                other => panic!("{other:?}"),
            }
        };
        fact.covers = None;
        fact.stage = stage(of);
        site.record(Draft {
            by: TOOL.to_owned(),
            body: Body::RollbackClaimed(fact),
        });
        to_the_end(&mut site, 0);
        assert!(of_rollback(&site).is_rolled_back());
        assert_eq!(of_rollback(&site).attempts.len(), 1, "nothing runs again");
        assert!(site.history.state().running_stages().is_empty());
        assert_eq!(kinds(&site, "stage-rolled-back"), 0);
    }
}

#[test]
fn whoever_stops_a_rollback_ends_it_and_nothing_follows_by_itself() {
    let mut site = Site::deployed();
    let stop = |site: &Site, who: &str, reason: &str| {
        rollback::stop(&policy(), &site.history, &actor(who), reason, &site.now())
    };
    assert_eq!(
        kind_of(&stop(&site, "ana", "x")),
        Kind::Refused,
        "none runs"
    );
    broken(&mut site, "north", &notes()).expect("it runs");
    claim(&mut site, "I1");
    go_on(&mut site, 0);
    assert_eq!(kind_of(&stop(&site, "cy", "x")), Kind::Refused);
    assert_eq!(kind_of(&stop(&site, "ana", " ")), Kind::Usage);
    let driver = rollback::end_attempt(site.history.state(), 1, AttemptOutcome::Completed);
    site.record(stop(&site, "ana", "it deletes orders").expect("authority"));
    assert_eq!(next(&site), Next::Ended);
    assert!(of_rollback(&site).is_stuck());
    let state = site.history.state();
    assert!(!state.obligations.is_empty(), "the follow-up is owed");
    // The driver was second, and so is whoever stops it again.
    assert!(state.check(&driver.body).is_err());
    assert_eq!(kind_of(&stop(&site, "ana", "again")), Kind::Refused);
    for attempt in [1, 2] {
        let retry = rollback::claim_retry(&site.history, attempt, None);
        assert_eq!(kind_of(&retry), Kind::Refused);
    }
    let passed = rollback::rolled_back(&policy(), &site.history, (1, Vec::new()), &site.now());
    assert_eq!(kind_of(&passed), Kind::Refused);
    let done = watch::next(site.history.state(), &site.now());
    assert_eq!(done, watch::Next::Done(watch::Outcome::Stuck));
    // A person may try again, with attempts of their own.
    site.record(by_hand(&site, None).expect("stuck"));
    assert_eq!(next(&site), Next::Run(2));
    to_the_end(&mut site, 0);
    assert!(of_rollback(&site).is_rolled_back());
}

#[test]
fn a_claim_of_a_stage_that_is_being_taken_back_is_illegal() {
    let mut site = Site::deployed();
    site.record(by_hand(&site, None).expect("authority"));
    let Body::RollbackClaimed(fact) = by_hand(&Site::deployed(), None).expect("authority").body
    else {
        panic!("another record");
    };
    for (attempt, cause) in [
        (1, Cause::Retry),
        (2, Cause::Retry),
        (2, fact.cause.clone()),
        (3, Cause::NextStage),
    ] {
        let again = RollbackClaimed {
            attempt,
            cause,
            ..fact.clone()
        };
        let body = Body::RollbackClaimed(again);
        assert!(site.history.state().check(&body).is_err());
    }
}
