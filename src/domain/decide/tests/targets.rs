//! Two releases on one target: one deployment or rollback at a time, and what a successor takes over.

use serde_json::json;

use super::kind_of;
use crate::domain::decide::incident::{self, Trouble};
use crate::domain::decide::{deployment, rollback, target};
use crate::domain::history::History;
use crate::domain::ids::{IncidentId, StageName};
use crate::domain::record::body::ReplacementProgress;
use crate::domain::record::{Body, Draft};
use crate::domain::refusal::Kind;
use crate::domain::release::ReleaseNotes;
use crate::domain::state::incident::Standing;
use crate::domain::testing::{Site, actor, drafted, from_json, go, north, notes, policy};
use crate::domain::watch::{Next, next};

fn south() -> StageName {
    "south".parse().expect("a name")
}

fn i1() -> IncidentId {
    "I1".parse().expect("a name")
}

/// 2.4.0 on both stages, with a critical incident in the north.
fn old() -> Site {
    let mut site = Site::deployed();
    trouble_in(&mut site, &north());
    site
}

fn trouble_in(site: &mut Site, stage: &StageName) {
    let trouble = Trouble {
        title: "it is down".to_owned(),
        stage: stage.clone(),
        priority: "critical".parse().expect("a name"),
        trigger: None,
        probes: Vec::new(),
        failures: Vec::new(),
    };
    let by = ("cy", &site.now());
    let opened = incident::open(&policy(), &notes(), &site.history, &trouble, by);
    site.record(opened.expect("a deployed release"));
}

/// 2.4.1, which nobody has deployed yet, a minute after `old`.
fn new(old: &mut Site) -> Site {
    old.tick(60_000);
    let mut site = Site {
        history: History::new("2.4.1".parse().expect("a name")),
        ..old.clone()
    };
    site.record(go(None));
    site
}

fn its_notes() -> ReleaseNotes {
    ReleaseNotes {
        release: "2.4.1".parse().expect("a name"),
        previous: Some("2.4.0".to_owned()),
        ..notes()
    }
}

fn deploys(site: &mut Site, stage: &str) {
    let go = site.history.records()[0].id;
    let body = json!({"stage": stage, "go": go, "target": "shop"});
    site.record(drafted("deploy-started", &body));
}

fn says(site: &mut Site, kind: &str, stage: &str) {
    let body = match kind {
        "deploy-failed" => json!({"stage": stage, "role": "manager", "reason": "no disk"}),
        _ => json!({"stage": stage}),
    };
    site.record(drafted(kind, &body));
}

fn news(old: &Site, new: &Site) -> Vec<Body> {
    let own = its_notes();
    target::news(&policy(), (&own, &new.history), &old.history, &old.now())
}

/// Writes what `old` does not know yet into its ledger, and returns how much that was.
fn announce(old: &mut Site, new: &Site) -> usize {
    let news = news(old, new);
    let number = news.len();
    for body in news {
        let by = "cy".to_owned();
        old.record(Draft { by, body });
    }
    assert_eq!(self::news(old, new), [], "it is said once");
    number
}

#[test]
fn a_rollback_waits_for_the_end_of_a_successors_deployment_and_no_longer_than_its_limit() {
    let mut old = old();
    let mut new = new(&mut old);
    deploys(&mut new, "north");
    assert_eq!(announce(&mut old, &new), 1);
    old.tick(240_000);
    let now = old.now();
    assert_eq!(next(old.history.state(), &now), Next::Wait(26 * 60_000));
    let claimed = rollback::claim_expired(&old.history, &i1(), None, &now);
    assert_eq!(kind_of(&claimed), Kind::Refused);
    old.tick(26 * 60_000 - 1);
    assert_eq!(next(old.history.state(), &old.now()), Next::Wait(1));
    old.tick(1);
    assert_eq!(next(old.history.state(), &old.now()), Next::Claim(i1()));
    old.record(rollback::claim_expired(&old.history, &i1(), None, &old.now()).expect("it is due"));
}

#[test]
fn windows_that_roll_nothing_back_do_not_wait() {
    let mut old = old();
    let mut new = new(&mut old);
    deploys(&mut new, "north");
    announce(&mut old, &new);
    let to = ("ask".parse().expect("a name"), None);
    let who = (&actor("ana"), "I1");
    let escalated = incident::escalate(
        &policy(),
        &notes(),
        &old.history,
        who,
        (&to.0, to.1),
        &old.now(),
    );
    // It is a window of ten minutes: the rollback in five stays.
    assert!(escalated.is_err());
    let trouble = Trouble {
        title: "odd".to_owned(),
        stage: north(),
        priority: "ask".parse().expect("a name"),
        trigger: None,
        probes: Vec::new(),
        failures: Vec::new(),
    };
    let by = ("cy", &old.now());
    let opened = incident::open(&policy(), &notes(), &old.history, &trouble, by);
    old.record(opened.expect("it is deployed"));
    old.tick(600_000);
    let asks = "I2".parse().expect("a name");
    assert_eq!(next(old.history.state(), &old.now()), Next::Expire(asks));
}

#[test]
fn a_deployment_that_failed_leaves_the_window_due() {
    let mut old = old();
    let mut new = new(&mut old);
    deploys(&mut new, "north");
    announce(&mut old, &new);
    old.tick(600_000);
    says(&mut new, "deploy-failed", "north");
    assert_eq!(announce(&mut old, &new), 1);
    assert_eq!(next(old.history.state(), &old.now()), Next::Claim(i1()));
}

#[test]
fn what_a_successor_replaced_runs_no_more_and_its_windows_end() {
    let mut old = old();
    trouble_in(&mut old, &south());
    let mut new = new(&mut old);
    deploys(&mut new, "north");
    announce(&mut old, &new);
    says(&mut new, "deploy-done", "north");
    assert_eq!(announce(&mut old, &new), 1);
    let state = old.history.state();
    assert!(matches!(
        state.incidents["I1"].standing,
        Standing::Retired { .. }
    ));
    assert!(state.incidents["I2"].is_open(), "the south runs it still");
    assert_eq!(state.running_stages(), [south()]);
    // The rollback of the south takes back the south alone.
    old.tick(600_000);
    let id = "I2".parse().expect("a name");
    let claim = rollback::claim_expired(&old.history, &id, None, &old.now()).expect("it is due");
    let Body::RollbackClaimed(fact) = claim.body else {
        panic!("another kind");
    };
    assert_eq!(fact.covers, Some(vec![south()]));
    // Nobody verifies it there, opens an incident, or rolls it back by hand.
    let verifies = deployment::may_verify(&notes(), &old.history, &north());
    assert_eq!(kind_of(&verifies), Kind::Refused);
    let who = (&actor("ana"), Some(&north()));
    let by_hand =
        rollback::claim_by_hand(&policy(), &notes(), &old.history, who, ("bad", &old.now()));
    assert_eq!(kind_of(&by_hand), Kind::Refused);
    deploys(&mut new, "south");
    says(&mut new, "deploy-done", "south");
    announce(&mut old, &new);
    let state = old.history.state();
    assert!(state.replaced_everywhere().is_some());
    let over = Next::Done(crate::domain::watch::Outcome::Replaced);
    assert_eq!(next(state, &old.now()), over);
    assert!(state.open_incidents().next().is_none());
    assert!(state.is_over());
    let who = (&actor("ana"), None);
    let by_hand =
        rollback::claim_by_hand(&policy(), &notes(), &old.history, who, ("bad", &old.now()));
    assert_eq!(kind_of(&by_hand), Kind::Refused);
}

#[test]
fn the_last_stage_of_a_successor_replaces_stages_of_other_names_too() {
    let mut old = old();
    let mut new = new(&mut old);
    deploys(&mut new, "production");
    says(&mut new, "deploy-done", "production");
    let mut own = its_notes();
    own.deployment = from_json(json!({"stages": [{"id": "production"}]}));
    let news = target::news(&policy(), (&own, &new.history), &old.history, &old.now());
    let [Body::Replacement(started), Body::Replacement(done)] = news.as_slice() else {
        panic!("{news:?}");
    };
    assert!(matches!(
        started.progress,
        ReplacementProgress::Started { .. }
    ));
    assert_eq!(done.progress, ReplacementProgress::Done);
    let stages: Vec<&str> = done.stages.iter().map(StageName::as_str).collect();
    assert_eq!(stages, ["south", "north"]);
}

#[test]
fn a_release_that_was_deployed_again_later_is_not_replaced_by_an_earlier_deployment() {
    let mut old = old();
    let mut new = new(&mut old);
    deploys(&mut new, "north");
    says(&mut new, "deploy-done", "north");
    announce(&mut old, &new);
    old.tick(60_000);
    let again = json!({"stage": "north", "go": old.history.records()[0].id});
    old.record(drafted("deploy-started", &again));
    says(&mut old, "deploy-done", "north");
    assert_eq!(news(&old, &new), []);
    assert_eq!(old.history.state().running_stages(), [north(), south()]);
}

#[test]
fn a_target_is_free_while_nothing_is_deployed_or_rolled_back_there() {
    let mut old = old();
    let mut new = new(&mut old);
    assert_eq!(target::must_be_free(&old.history), Ok(()));
    deploys(&mut new, "north");
    assert_eq!(kind_of(&target::must_be_free(&new.history)), Kind::Refused);
    says(&mut new, "deploy-done", "north");
    assert_eq!(target::must_be_free(&new.history), Ok(()));
    old.tick(600_000);
    old.record(rollback::claim_expired(&old.history, &i1(), None, &old.now()).expect("it is due"));
    assert_eq!(kind_of(&target::must_be_free(&old.history)), Kind::Refused);
    // Whoever looked a moment before meets a record that is not admitted.
    let body = news(&old, &new)
        .into_iter()
        .next()
        .expect("it is not known");
    let by = "cy".to_owned();
    let heads = old.history.heads();
    let draft = Draft { by, body };
    let record =
        crate::domain::record::Record::new(draft, old.history.release(), heads, old.wall, "site");
    assert!(old.history.admits(&[record]).is_err());
}

#[test]
fn releases_of_other_targets_are_left_alone() {
    let (mut shop, mut mail) = (policy(), Site::deployed());
    shop.product = Some("shop".to_owned());
    let shares = |target: &str, site: &Site| target::shares_target(&shop, target, &site.history);
    // Records of before name no target: it is the product.
    assert!(shares("shop", &mail));
    assert!(!shares("mail", &mail));
    let go = mail.history.records()[0].id;
    let body = json!({"stage": "north", "go": go, "target": "mail"});
    mail.record(drafted("deploy-started", &body));
    assert!(shares("mail", &mail));
    assert!(
        !shares("shop", &Site::new("site")),
        "it is deployed nowhere"
    );
}

#[test]
fn a_release_that_names_no_target_shares_that_of_its_product_and_component() {
    let mut shop = policy();
    shop.product = Some("shop".to_owned());
    for (name, expected) in [
        ("2.4.0", "shop"),
        ("v2.4.1-rc.1", "shop"),
        ("2026-11-28", "shop"),
        ("42", "shop"),
        ("v7", "shop"),
        ("search-1.4.0", "shop/search"),
        ("search-v1.4.0", "shop/search"),
        ("web2-1.4", "shop/web2"),
        ("emea_2026.11", "shop/emea"),
        // What it follows is not known.
        ("m0", "shop/m0"),
        ("spring", "shop/spring"),
        ("cart-3", "shop/cart-3"),
    ] {
        let mut notes = notes();
        notes.release = name.parse().expect("a name");
        assert_eq!(target::target(&shop, &notes), expected, "{name}");
        notes.target = Some("eu".to_owned());
        assert_eq!(target::target(&shop, &notes), "eu");
    }
}

#[test]
fn a_release_that_would_go_back_to_a_broken_one_is_named() {
    let mut old = old();
    let warned = target::warning(&its_notes(), &old.history).expect("it is broken");
    assert!(warned.contains("I1"), "{warned}");
    assert_eq!(target::warning(&notes(), &old.history), None);
    let mut new = new(&mut old);
    deploys(&mut new, "north");
    says(&mut new, "deploy-done", "north");
    announce(&mut old, &new);
    assert_eq!(target::warning(&its_notes(), &old.history), None);
}

#[test]
fn an_incident_of_a_replaced_release_that_comes_in_later_arms_nothing() {
    let mut old = old();
    let mut before = old.clone();
    let mut new = new(&mut old);
    deploys(&mut new, "north");
    says(&mut new, "deploy-done", "north");
    announce(&mut old, &new);
    trouble_in(&mut before, &north());
    let opened = before.history.records().last().expect("a record").clone();
    old.history.extend(vec![opened]);
    let state = old.history.state();
    assert!(matches!(
        state.incidents["I2"].standing,
        Standing::Retired { .. }
    ));
}
