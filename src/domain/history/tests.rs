//! One order, one state, whatever was merged.

use super::*;
use crate::domain::decide::{incident, rollback};
use crate::domain::record::Draft;
use crate::domain::record::body::Noted;
use crate::domain::testing::{Site, actor, north, notes, policy};
use chrono::TimeDelta;

fn release() -> ReleaseName {
    ReleaseName::new("1").expect("a name")
}

fn note(text: &str, parents: &[&Record], seconds: i64) -> Record {
    let draft = Draft {
        by: "ana".into(),
        body: Body::Noted(Noted { text: text.into() }),
    };
    let parents = parents.iter().map(|record| record.id).collect();
    Record::new(
        draft,
        &release(),
        parents,
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds),
        "h",
    )
}

fn texts(history: &History) -> String {
    let text = |record: &Record| match &record.body {
        Body::Noted(noted) => noted.text.clone(),
        _ => String::new(),
    };
    history.records().iter().map(text).collect()
}

#[test]
fn two_branches_merge_to_one_order_whichever_came_first() {
    let a = note("a", &[], 0);
    let b = note("b", &[&a], 1);
    let c = note("c", &[&a], 2);
    let d = note("d", &[&b, &c], 3);
    for order in [[&a, &b, &c, &d], [&d, &c, &b, &a], [&c, &a, &d, &b]] {
        let mut at_once = History::new(release());
        at_once.extend(order.into_iter().cloned().collect());
        let mut one_by_one = History::new(release());
        for record in order {
            one_by_one.extend(vec![record.clone()]);
        }
        for history in [&at_once, &one_by_one] {
            assert_eq!(texts(history), "abcd");
            assert_eq!(history.heads(), vec![d.id]);
            assert!(history.anomalies().is_empty());
        }
    }
}

#[test]
fn a_removed_record_is_named() {
    let a = note("a", &[], 0);
    let b = note("b", &[&a], 1);
    let c = note("c", &[&b], 2);
    let mut history = History::new(release());
    history.extend(vec![a, c]);
    assert_eq!(history.anomalies().len(), 1);
    assert!(history.anomalies()[0].what.contains(&b.id.short()));
}

#[test]
fn a_record_of_another_release_is_named_and_changes_nothing() {
    let mut history = History::new(ReleaseName::new("2").expect("a name"));
    history.extend(vec![note("a", &[], 0)]);
    assert_eq!(history.anomalies().len(), 1);
}

#[test]
fn known_records_are_not_taken_twice() {
    let a = note("a", &[], 0);
    let mut history = History::new(release());
    history.extend(vec![a.clone()]);
    history.extend(vec![a]);
    assert_eq!(texts(&history), "a");
}

/// Two clones of a deployed release, on hosts of their own.
fn clones() -> (Site, Site) {
    let common = Site::deployed();
    let on = |host: &str| Site {
        host: host.to_owned(),
        ..common.clone()
    };
    (on("a"), on("b"))
}

fn open(site: &mut Site, title: &str) -> Record {
    let trouble = incident::Trouble {
        title: title.to_owned(),
        stage: north(),
        priority: "critical".parse().expect("a name"),
        trigger: None,
        probes: Vec::new(),
        failures: Vec::new(),
    };
    site.tick(1_000);
    let by = ("cy", &site.now());
    let opened = incident::open(&policy(), &notes(), &site.history, &trouble, by);
    site.record(opened.expect("a deployed release"))
}

fn resolve(site: &mut Site, id: &str) -> Record {
    let resolution = incident::Resolution {
        how: Some("mended".to_owned()),
        ..incident::Resolution::default()
    };
    site.tick(1_000);
    let now = site.now();
    let who = (Some(&actor("bea")), id);
    let resolved = incident::resolve(&policy(), &notes(), &site.history, who, resolution, &now);
    site.record(resolved.expect("it is open"))
}

fn claim(site: &mut Site) -> Record {
    let who = (&actor("ana"), None);
    site.tick(1_000);
    let claimed = rollback::claim_by_hand(
        &policy(),
        &notes(),
        &site.history,
        who,
        ("now", &site.now()),
    );
    site.record(claimed.expect("authority"))
}

fn merged(one: &Site, other: &Site) -> History {
    let mut history = one.history.clone();
    history.extend(other.history.records().to_vec());
    let mut turned = other.history.clone();
    turned.extend(one.history.records().to_vec());
    assert_eq!(history.state(), turned.state());
    assert_eq!(history.superseded(), turned.superseded());
    assert_eq!(history.anomalies(), vec![]);
    history
}

fn standings(history: &History) -> Vec<(String, &str, &str)> {
    let incidents = history.state().incidents.values();
    incidents
        .map(|it| (it.id().to_string(), it.facts.title.as_str(), it.word()))
        .collect()
}

#[test]
fn two_incidents_of_one_name_both_stay_and_each_branch_means_its_own() {
    let (mut a, mut b) = clones();
    open(&mut a, "slow");
    b.tick(500);
    let second = open(&mut b, "down");
    resolve(&mut b, "I1");
    let history = merged(&a, &b);
    let other = format!("I1-{}", &second.id.to_string()[..4]);
    assert_eq!(
        standings(&history),
        [
            ("I1".to_owned(), "slow", "open"),
            (other.clone(), "down", "resolved")
        ]
    );
    assert!(history.superseded().is_empty());
    // Whoever goes on after the merge means them by the names that they have there.
    let mut after = Site { history, ..a };
    resolve(&mut after, "I1");
    let third = open(&mut after, "slow again");
    assert!(matches!(&third.body, Body::IncidentOpened(it) if it.incident.as_str() == "I3"));
    let words: Vec<&str> = standings(&after.history).iter().map(|it| it.2).collect();
    assert_eq!(words, ["resolved", "resolved", "open"]);
}

#[test]
fn of_two_claims_the_first_stands_with_what_follows_it() {
    let (mut a, mut b) = clones();
    claim(&mut a);
    b.tick(500);
    claim(&mut b);
    let late = Draft {
        by: "relgate".into(),
        body: Body::AttemptStarted(crate::domain::record::body::AttemptStarted {
            attempt: 1,
            stage: None,
            pid: 7,
        }),
    };
    b.record(late);
    let history = merged(&a, &b);
    let rollback = history.state().rollback.clone().expect("a rollback");
    assert_eq!(rollback.attempts.len(), 1);
    assert!(
        rollback.attempts[0].started.is_none(),
        "it is another's attempt"
    );
    let kinds: Vec<&str> = history
        .superseded()
        .iter()
        .filter_map(|it| history.find(&it.record))
        .map(Record::kind)
        .collect();
    assert_eq!(kinds, ["rollback-claimed", "attempt-started"]);
}

#[test]
fn an_incident_is_resolved_once_and_by_whoever_was_first() {
    let (mut a, mut b) = clones();
    let opened = open(&mut a, "slow");
    b.history.extend(vec![opened]);
    b.tick(1_500);
    resolve(&mut a, "I1");
    let second = resolve(&mut b, "I1");
    let history = merged(&a, &b);
    let superseded: Vec<RecordId> = history.superseded().iter().map(|it| it.record).collect();
    assert_eq!(superseded, [second.id]);
    assert!(history.superseded()[0].why.contains("was resolved by bea"));
    assert_eq!(history.state().obligations.len(), 1, "owed once");
}

#[test]
fn trouble_found_beside_a_closing_opens_the_release_again() {
    let close = |site: &mut Site| {
        site.tick(2_000);
        let check = site.record(crate::domain::testing::go(Some("closure"))).id;
        site.record(Draft {
            by: "ana".into(),
            body: Body::Closed(crate::domain::record::body::Closed { check }),
        })
    };
    for trouble_first in [true, false] {
        let (mut a, mut b) = clones();
        b.tick(if trouble_first { 0 } else { 5_000 });
        let closed = close(&mut a);
        open(&mut b, "slow");
        let history = merged(&a, &b);
        assert_eq!(history.state().closed, None);
        assert_eq!(standings(&history)[0].2, "open");
        let superseded: Vec<RecordId> = history.superseded().iter().map(|it| it.record).collect();
        assert_eq!(superseded, [closed.id]);
    }
}

#[test]
fn an_incident_opened_beside_a_claim_is_taken_over_by_it() {
    for claim_first in [true, false] {
        let (mut a, mut b) = clones();
        b.tick(if claim_first { 500 } else { 0 });
        a.tick(if claim_first { 0 } else { 500 });
        claim(&mut a);
        open(&mut b, "slow");
        assert_eq!(standings(&merged(&a, &b))[0].2, "absorbed");
    }
}

#[test]
fn what_is_illegal_where_it_was_written_is_an_anomaly_on_any_branch() {
    let (mut a, mut b) = clones();
    open(&mut a, "slow");
    b.tick(10_000);
    let forged = Draft {
        by: "relgate".into(),
        body: Body::AttemptEnded(crate::domain::record::body::AttemptEnded {
            attempt: 1,
            stage: None,
            outcome: crate::domain::record::body::AttemptOutcome::Completed,
        }),
    };
    let heads = b.history.heads();
    let record = Record::new(forged, b.history.release(), heads, b.wall, "b");
    b.history.extend(vec![record.clone()]);
    let mut history = a.history.clone();
    history.extend(b.history.records().to_vec());
    let damage: Vec<_> = history
        .anomalies()
        .iter()
        .map(|it| (it.damage, it.record))
        .collect();
    assert_eq!(damage, [(Damage::Illegal, Some(record.id))]);
    assert!(history.superseded().is_empty());
}

#[test]
fn what_follows_a_missing_record_reads_the_same_in_any_pieces() {
    let a = note("a", &[], 0);
    let b = note("b", &[&a], 1);
    let c = note("c", &[&b], 2);
    let d = note("d", &[&c], 3);
    let e = note("e", &[&a, &d], 4);
    let mut at_once = History::new(release());
    at_once.extend(vec![e.clone(), d.clone(), c.clone(), a.clone(), c.clone()]);
    let mut one_by_one = History::new(release());
    for record in [&c, &a, &e, &d] {
        one_by_one.extend(vec![record.clone()]);
    }
    assert_eq!(texts(&at_once), "acde");
    assert_eq!(at_once.records(), one_by_one.records());
    assert_eq!(at_once.anomalies(), one_by_one.anomalies());
    assert_eq!(at_once.anomalies().len(), 1, "one record is missing");
    one_by_one.extend(vec![b]);
    assert_eq!(texts(&one_by_one), "abcde");
    assert_eq!(one_by_one.anomalies(), vec![]);
}

#[test]
fn a_record_that_cannot_follow_is_not_admitted() {
    let mut site = Site::deployed();
    claim(&mut site);
    let (draft, at) = (note("x", &[], 0).body, site.wall);
    let by = "relgate".to_owned();
    let drafts = [
        Draft {
            by: by.clone(),
            body: draft,
        },
        Draft {
            by,
            body: site.history.records()[5].body.clone(),
        },
    ];
    let records = drafts
        .map(|draft| Record::new(draft, site.history.release(), site.history.heads(), at, "h"));
    assert_eq!(site.history.admits(&records[..1]), Ok(()));
    for several in [&records[..], &records[1..]] {
        let refused = site.history.admits(several).expect_err("claimed already");
        assert_eq!(refused.kind, crate::domain::refusal::Kind::Refused);
        assert!(refused.message.contains("claimed already"), "{refused}");
    }
}
