//! Claiming, trying again, and how it ends.

use super::intents::drive;
use super::{help_of, kind_of};
use crate::domain::decide::incident::{self, Trouble};
use crate::domain::decide::rollback::{self, Next};
use crate::domain::record::body::AttemptOutcome;
use crate::domain::record::{Body, Draft};
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::testing::{Site, actor, north, notes, policy};

fn broken(priority: &str) -> Site {
    let mut site = Site::deployed_in(&["north"]);
    let trouble = Trouble {
        title: "it is slow".to_owned(),
        stage: north(),
        priority: priority.parse().expect("a name"),
        trigger: None,
        probes: Vec::new(),
        failures: Vec::new(),
    };
    let by = ("cy", &site.now());
    let opened = incident::open(&policy(), &notes(), &site.history, &trouble, by);
    site.record(opened.expect("a deployed release"));
    site
}

fn claim(site: &Site) -> Result<Draft, Refusal> {
    let id = "I1".parse().expect("a name");
    rollback::claim_expired(&site.history, &id, None, &site.now())
}

fn by_hand(site: &Site, who: &str, reason: &str) -> Result<Draft, Refusal> {
    let who = (&actor(who), None);
    rollback::claim_by_hand(
        &policy(),
        &notes(),
        &site.history,
        who,
        (reason, &site.now()),
    )
}

fn go_on(site: &mut Site, luck: u8) {
    let draft = drive(site, luck).expect("something to drive");
    site.record(draft.expect("the one driver is not refused"));
}

fn next(site: &Site) -> Next {
    rollback::next(site.history.state())
}

/// Claimed, with both attempts failed and the target dead.
fn used_up() -> Site {
    let mut site = broken("at-once");
    site.record(claim(&site).expect("a window of no length"));
    for _ in 0..2 {
        go_on(&mut site, 0);
        go_on(&mut site, 1);
        go_on(&mut site, 1);
    }
    site
}

#[test]
fn it_is_claimed_at_the_deadline_and_not_before() {
    // req: A10
    let mut site = broken("critical");
    site.tick(299_999);
    assert_eq!(kind_of(&claim(&site)), Kind::Refused);
    assert!(help_of(&claim(&site)).contains("has not expired"));
    site.tick(1);
    let Body::RollbackClaimed(claimed) = claim(&site).expect("expired").body else {
        panic!("another record");
    };
    assert_eq!((claimed.attempt, claimed.late_ms), (1, Some(0)));
}

#[test]
fn the_second_who_claims_is_refused() {
    let mut site = broken("at-once");
    site.record(claim(&site).expect("a window of no length"));
    assert!(help_of(&claim(&site)).contains("was claimed already"));
    assert_eq!(kind_of(&by_hand(&site, "ana", "now")), Kind::Refused);
    // The claim took the incident over: nobody resolves it any more.
    let resolution = incident::Resolution {
        overridden: Some("x".to_owned()),
        ..incident::Resolution::default()
    };
    let now = site.now();
    let who = (Some(&actor("bea")), "I1");
    let late = incident::resolve(&policy(), &notes(), &site.history, who, resolution, &now);
    assert!(help_of(&late).contains("absorbed in the rollback"));
}

#[test]
fn a_window_that_does_not_roll_back_is_expired_and_not_claimed() {
    // req: D8
    let mut site = broken("ask");
    let id = "I1".parse().expect("a name");
    let expire = |site: &Site| rollback::expire(&site.history, &id, &site.now());
    assert_eq!(kind_of(&expire(&site)), Kind::Refused, "too early");
    site.tick(3_600_000);
    assert!(help_of(&claim(&site)).contains("does not end in a rollback"));
    site.record(expire(&site).expect("expired"));
    assert_eq!(kind_of(&expire(&site)), Kind::Refused, "a second time");
    // One ends in a rollback, the other has no countdown.
    for name in ["critical", "note"] {
        let mut site = broken(name);
        site.tick(3_600_000);
        let id = "I1".parse().expect("a name");
        let expired = rollback::expire(&site.history, &id, &site.now());
        assert_eq!(kind_of(&expired), Kind::Refused, "{name}");
    }
}

#[test]
fn a_person_with_authority_rolls_back_at_any_time() {
    // req: B12
    let site = Site::deployed();
    assert!(by_hand(&site, "ana", "data at risk").is_ok());
    assert_eq!(kind_of(&by_hand(&site, "ana", " ")), Kind::Usage);
    assert_eq!(kind_of(&by_hand(&site, "cy", "x")), Kind::Refused);
    assert!(help_of(&by_hand(&site, "cy", "x")).contains("ask ana"));
    assert_eq!(kind_of(&by_hand(&site, "nobody", "x")), Kind::Invalid);
    let nothing = by_hand(&Site::new("s"), "ana", "x");
    assert!(help_of(&nothing).contains("nothing to roll back"));
}

#[test]
fn what_was_pinned_runs_whatever_was_edited_since() {
    let site = broken("lower");
    let mut edited = notes();
    edited.previous = Some("9.9.9".to_owned());
    let who = (&actor("ana"), None);
    let draft =
        rollback::claim_by_hand(&policy(), &edited, &site.history, who, ("now", &site.now()));
    let Body::RollbackClaimed(claimed) = draft.expect("authority").body else {
        panic!("another record");
    };
    assert_eq!(claimed.plan.previous, "2.3.9");
}

#[test]
fn it_is_tried_as_often_as_the_plan_says_and_then_it_is_stuck() {
    let mut site = used_up();
    assert_eq!(next(&site), Next::Ended);
    let rollback = site.history.state().rollback.clone().expect("a rollback");
    assert!(rollback.is_stuck());
    assert_eq!(rollback.attempts.len(), 2);
    assert_eq!(
        kind_of(&rollback::claim_retry(&site.history, 2, None)),
        Kind::Refused
    );
    let stuck_again = rollback::stuck(&policy(), &site.history, &north(), &site.now());
    assert_eq!(kind_of(&stuck_again), Kind::Refused);
    // A person gives it as many attempts again.
    site.record(by_hand(&site, "ana", "the disk is free again").expect("stuck"));
    assert_eq!(next(&site), Next::Run(3));
    let rollback = site.history.state().rollback.clone().expect("a rollback");
    assert_eq!(rollback.attempts_left(&north()), 1);
}

#[test]
fn only_the_attempt_that_failed_last_is_tried_again_and_once() {
    let mut site = broken("at-once");
    site.record(claim(&site).expect("a window of no length"));
    let retry = |site: &Site, after| rollback::claim_retry(&site.history, after, None);
    assert_eq!(kind_of(&retry(&site, 1)), Kind::Refused, "it has not begun");
    go_on(&mut site, 0);
    assert_eq!(kind_of(&retry(&site, 1)), Kind::Refused, "it has not ended");
    go_on(&mut site, 1);
    assert_eq!(next(&site), Next::AskTarget(1));
    for other in [0, 2] {
        assert_eq!(kind_of(&retry(&site, other)), Kind::Refused);
    }
    let first = retry(&site, 1).expect("it failed");
    site.record(first);
    assert_eq!(kind_of(&retry(&site, 1)), Kind::Refused, "a second time");
}

#[test]
fn nothing_is_stuck_while_attempts_are_left() {
    let mut site = broken("at-once");
    let stuck = |site: &Site| rollback::stuck(&policy(), &site.history, &north(), &site.now());
    assert_eq!(kind_of(&stuck(&site)), Kind::Refused);
    site.record(claim(&site).expect("a window of no length"));
    assert_eq!(kind_of(&stuck(&site)), Kind::Refused);
    go_on(&mut site, 0);
    go_on(&mut site, 1);
    assert_eq!(kind_of(&stuck(&site)), Kind::Refused, "one is left");
}

#[test]
fn it_is_rolled_back_when_the_checks_pass_and_the_follow_up_is_owed_once() {
    // req: A14, req: A15
    let mut site = broken("at-once");
    let done =
        |site: &Site| rollback::rolled_back(&policy(), &site.history, (1, Vec::new()), &site.now());
    assert_eq!(kind_of(&done(&site)), Kind::Refused);
    site.record(claim(&site).expect("a window of no length"));
    go_on(&mut site, 0);
    go_on(&mut site, 0);
    assert_eq!(next(&site), Next::Verify(1));
    let failed = rollback::not_verified(Vec::new());
    site.record(rollback::end_attempt(site.history.state(), 1, failed));
    assert_eq!(next(&site), Next::Retry(1), "completed is not rolled back");
    let titles: Vec<_> = {
        site.record(done(&site).expect("it has ended"));
        let owed = site.history.state().obligations.values();
        owed.map(|it| it.obligation.title.clone()).collect()
    };
    assert_eq!(titles, ["root cause", "post-mortem"]);
    assert_eq!(kind_of(&done(&site)), Kind::Refused, "a second time");
    assert_eq!(kind_of(&by_hand(&site, "ana", "again")), Kind::Refused);
    assert_eq!(site.history.state().obligations.len(), 2);
    // Stuck first and rolled back later owes nothing twice.
    let mut site = used_up();
    site.record(by_hand(&site, "ana", "again").expect("stuck"));
    go_on(&mut site, 0);
    go_on(&mut site, 0);
    go_on(&mut site, 0);
    let state = site.history.state();
    assert!(
        state
            .rollback
            .as_ref()
            .is_some_and(|it| it.is_rolled_back())
    );
    assert_eq!(state.obligations.len(), 2);
}

#[test]
fn an_attempt_whose_process_died_is_lost_and_the_target_is_asked_first() {
    let mut site = broken("at-once");
    site.record(claim(&site).expect("a window of no length"));
    assert_eq!(next(&site), Next::Run(1));
    go_on(&mut site, 0);
    assert_eq!(next(&site), Next::Recover(1, None));
    let state = site.history.state();
    site.record(rollback::end_attempt(state, 1, AttemptOutcome::Lost));
    assert_eq!(next(&site), Next::AskTarget(1));
}
