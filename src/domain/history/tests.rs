//! One order, one state, whatever was merged.

use super::*;
use crate::domain::record::Draft;
use crate::domain::record::body::Noted;
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
