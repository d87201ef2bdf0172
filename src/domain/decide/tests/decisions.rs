//! What people decide: a window that waits for them, a deployment that did not finish, a release that goes no further.

use super::kind_of;
use crate::domain::decide::incident::{self, Trouble};
use crate::domain::decide::{deployment, rollback};
use crate::domain::policy::OnExpiry;
use crate::domain::probe::sampling::Failure;
use crate::domain::record::body::DecidedAnswer::{self, FixWithin, Keep};
use crate::domain::record::{Draft, Record};
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::state::incident::Standing;
use crate::domain::testing::{Site, actor, drafted, go, north, notes, policy};
use crate::domain::timespan::Timespan;
use crate::domain::watch::{Next, Outcome, next};

fn failure(probe: &str, reason: &str) -> Failure {
    Failure {
        probe: probe.parse().expect("a name"),
        reason: reason.to_owned(),
    }
}

fn with_incident(priority: &str) -> Site {
    let mut site = Site::deployed();
    let trouble = Trouble {
        title: "home fails".to_owned(),
        stage: north(),
        priority: priority.parse().expect("a name"),
        trigger: None,
        probes: notes().probes().iter().take(1).cloned().collect(),
        failures: vec![failure("home", "expected 200, found 404 after 12 ms")],
    };
    let by = ("relgate", &site.now());
    let opened = incident::open(&policy(), &notes(), &site.history, &trouble, by);
    site.record(opened.expect("a deployed release"));
    site
}

fn decide(site: &Site, who: &str, answer: &DecidedAnswer, reason: &str) -> Result<Draft, Refusal> {
    incident::decide(
        &policy(),
        &notes(),
        &site.history,
        (&actor(who), "I1"),
        (answer, reason),
        &site.now(),
    )
}

fn is_accepted(site: &Site, failure: &Failure) -> bool {
    site.history.state().is_accepted(&north(), failure)
}

#[test]
fn a_kept_failure_stands_in_nobodys_way_and_another_does() {
    let mut site = with_incident("ask");
    let known = failure("home", "expected 200, found 404 after 99 ms");
    assert!(!is_accepted(&site, &known));
    assert_eq!(site.history.state().blocking_incidents().count(), 1);
    site.try_record(decide(&site, "ana", &Keep, "it is a beta page"))
        .expect("ana resolves");
    let state = site.history.state();
    assert_eq!(state.blocking_incidents().count(), 0);
    assert_eq!(state.tolerated_incidents().count(), 1);
    assert!(is_accepted(&site, &known));
    let others = [
        failure("home", "expected 200, found 500 after 12 ms"),
        failure("cart", "expected 200, found 404 after 12 ms"),
    ];
    for other in others {
        assert!(!is_accepted(&site, &other), "{other:?}");
        let found = incident::troubles(
            &policy(),
            &site.history,
            &north(),
            notes().probes(),
            std::slice::from_ref(&other),
        );
        assert_eq!(found.map(|it| it.len()), Ok(1), "{other:?}");
    }
    assert_eq!(next(state, &site.now()), Next::Done(Outcome::Resolved));
}

#[test]
fn a_decision_needs_authority_a_reason_and_a_window_that_waits_for_one() {
    let site = with_incident("ask");
    assert_eq!(kind_of(&decide(&site, "cy", &Keep, "why")), Kind::Refused);
    assert_eq!(kind_of(&decide(&site, "ana", &Keep, " ")), Kind::Usage);
    let long = FixWithin(Timespan::from_minutes(60 * 24 * 8));
    for limit in [long, FixWithin(Timespan::ZERO)] {
        assert_eq!(kind_of(&decide(&site, "ana", &limit, "why")), Kind::Usage);
    }
    for priority in ["critical", "note"] {
        let site = with_incident(priority);
        assert_eq!(kind_of(&decide(&site, "ana", &Keep, "why")), Kind::Refused);
    }
    let mut kept = site;
    kept.try_record(decide(&kept, "ana", &Keep, "why"))
        .expect("the first");
    assert_eq!(kind_of(&decide(&kept, "bea", &Keep, "why")), Kind::Refused);
}

#[test]
fn a_time_to_fix_it_is_asked_about_again_at_its_end() {
    let mut site = with_incident("ask");
    site.tick(700_000);
    let id = "I1".parse().expect("a name");
    site.try_record(rollback::expire(&site.history, &id, &site.now()))
        .expect("it is due");
    let limit = FixWithin(Timespan::from_minutes(30));
    site.try_record(decide(&site, "ana", &limit, "a hotfix is on its way"))
        .expect("ana resolves");
    assert_eq!(
        next(site.history.state(), &site.now()),
        Next::Wait(1_800_000)
    );
    assert_eq!(site.history.state().blocking_incidents().count(), 1);
    site.tick(1_800_000);
    assert_eq!(next(site.history.state(), &site.now()), Next::Expire(id));
}

#[test]
fn a_decision_that_a_hand_wrote_is_about_its_own_incident_alone() {
    let mut site = with_incident("ask");
    let body = serde_json::json!({
        "incident": "I1", "role": "manager", "answer": "keep", "reason": "why",
        "failures": [failure("cart", "down")], "decided": site.now(),
    });
    let record = Record::new(
        drafted("incident-decided", &body),
        site.history.release(),
        site.history.heads(),
        site.wall,
        "site",
    );
    site.history.extend(vec![record]);
    assert_eq!(site.history.superseded().len(), 1);
    assert_eq!(site.history.state().tolerated_incidents().count(), 0);
}

#[test]
fn an_escalation_on_another_branch_wins_over_keeping() {
    let site = with_incident("ask");
    let mut here = site.clone();
    here.try_record(decide(&here, "ana", &Keep, "why"))
        .expect("the first");
    let mut there = site;
    there.tick(5);
    let to = ("critical".parse().expect("a name"), None);
    let escalated = incident::escalate(
        &policy(),
        &notes(),
        &there.history,
        (&actor("bea"), "I1"),
        (&to.0, to.1),
        &there.now(),
    );
    let record = there.try_record(escalated).expect("a shorter window");
    here.history.extend(vec![record]);
    let state = here.history.state();
    let incident = state.blocking_incidents().next().expect("an open incident");
    assert_eq!(incident.standing, Standing::Open);
    assert_eq!(incident.window.on_expiry, OnExpiry::Rollback);
}

#[test]
fn an_incident_without_a_countdown_has_nothing_to_watch() {
    let mut site = with_incident("note");
    let state = site.history.state();
    assert_eq!(next(state, &site.now()), Next::Done(Outcome::Quiet));
    assert_eq!(state.blocking_incidents().count(), 0);
    assert!(is_accepted(
        &site,
        &failure("home", "expected 200, found 404 after 3 ms")
    ));
    site.tick(10 * 3_600_000);
    assert_eq!(
        next(site.history.state(), &site.now()),
        Next::Done(Outcome::Quiet)
    );
}

fn begun() -> Site {
    let mut site = Site::new("site");
    let go = site.record(go(None)).id;
    let started = serde_json::json!({"stage": "north", "go": go});
    site.record(drafted("deploy-started", &started));
    site
}

fn fail(site: &Site, who: &str, reason: &str) -> Result<Draft, Refusal> {
    let who = (&actor(who), &north());
    deployment::fail(&policy(), &notes(), &site.history, who, reason)
}

#[test]
fn a_deployment_that_did_not_finish_begins_again_or_is_rolled_back() {
    let mut site = begun();
    assert_eq!(kind_of(&fail(&site, "bea", "why")), Kind::Refused);
    assert_eq!(kind_of(&fail(&site, "cy", "")), Kind::Usage);
    site.try_record(fail(&site, "cy", "the registry is down"))
        .expect("cy deploys");
    assert_eq!(kind_of(&fail(&site, "ana", "again")), Kind::Refused);
    let done = deployment::done(&policy(), &notes(), &site.history, &actor("cy"), &north());
    assert_eq!(kind_of(&done), Kind::Refused);
    // Something of it may run.
    assert_eq!(site.history.state().running_stages(), [north()]);
    let claim = rollback::claim_by_hand(
        &policy(),
        &notes(),
        &site.history,
        (&actor("ana"), None),
        ("half of it runs", &site.now()),
    );
    assert!(claim.is_ok(), "{claim:?}");
    let go = site.record(go(None)).id;
    let started = serde_json::json!({"stage": "north", "go": go});
    site.record(drafted("deploy-started", &started));
    let deployment = &site.history.state().deployments[&north()];
    assert_eq!((&deployment.failed, &deployment.done), (&None, &None));
    assert_eq!(
        kind_of(&fail(&Site::deployed(), "cy", "why")),
        Kind::Refused
    );
}

fn abandon(site: &Site, who: &str, reason: &str) -> Result<Draft, Refusal> {
    crate::domain::decide::closing::abandon(&policy(), &site.history, &actor(who), reason)
}

#[test]
fn a_release_that_runs_nowhere_is_abandoned_once() {
    let mut site = Site::new("site");
    assert_eq!(kind_of(&abandon(&site, "cy", "why")), Kind::Refused);
    assert_eq!(kind_of(&abandon(&site, "ana", "")), Kind::Usage);
    for deployed in [begun(), Site::deployed(), with_incident("ask")] {
        assert_eq!(kind_of(&abandon(&deployed, "ana", "why")), Kind::Refused);
    }
    site.try_record(abandon(&site, "ana", "it is replaced by 2.4.1"))
        .expect("ana closes");
    assert!(site.history.state().is_over());
    assert_eq!(kind_of(&abandon(&site, "ana", "why")), Kind::Refused);
}

#[test]
fn a_deployment_on_another_branch_wins_over_an_abandoned_release() {
    let mut site = Site::new("site");
    let go = site.record(go(None)).id;
    let mut there = site.clone();
    site.try_record(abandon(&site, "ana", "why"))
        .expect("ana closes");
    there.tick(5);
    let started = serde_json::json!({"stage": "north", "go": go});
    let record = there.record(drafted("deploy-started", &started));
    site.history.extend(vec![record]);
    assert!(!site.history.state().is_over());
    assert_eq!(site.history.state().running_stages(), [north()]);
}
