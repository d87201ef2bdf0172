use serde_json::json;

use super::super::*;
use crate::domain::record::Draft;
use crate::domain::signature::{Flaw, Signer};
use crate::domain::testing::{Site, drafted, go};

fn signed_by(key: &str) -> Standing {
    Standing::Signed(Signer {
        principal: "cy".to_owned(),
        fingerprint: key.to_owned(),
    })
}

/// A record at the end of the history, with a signature.
fn placed(site: &Site, draft: Draft, signature: &str) -> Record {
    let heads = site.history.heads();
    let record = Record::new(draft, site.history.release(), heads, site.wall, &site.host);
    record.signed(signature.to_owned())
}

fn names(history: &History) -> Vec<RecordId> {
    history.superseded().iter().map(|it| it.record).collect()
}

#[test]
fn of_two_records_with_one_payload_the_one_that_counts_is_folded_whichever_came_first() {
    for void_first in [true, false] {
        let mut site = Site::new("site");
        site.record(go(None));
        let one = placed(&site, drafted("noted", &json!({"text": "x"})), "one");
        let other = placed(&site, drafted("noted", &json!({"text": "x"})), "other");
        assert_eq!(one.fact(), other.fact());
        assert_ne!(one.id, other.id);
        site.history.judge(one.id, Standing::Void(Flaw::Tampered));
        site.history.judge(other.id, signed_by("k"));
        let mut both = vec![other.clone(), one.clone()];
        if void_first {
            both.reverse();
        }
        for record in both {
            site.history.extend(vec![record]);
        }
        assert_eq!(names(&site.history), [one.id]);
        assert!(site.history.set_aside().is_empty());
        assert_eq!(site.history.state().counts["noted"], 1);
        assert!(
            site.history.superseded()[0]
                .why
                .contains(&other.file_name())
        );
    }
}

#[test]
fn where_none_of_them_counts_none_is_folded() {
    let mut site = Site::new("site");
    site.record(go(None));
    let ids: Vec<RecordId> = ["one", "other"]
        .into_iter()
        .map(|signature| {
            let heads = vec![site.history.records()[0].id];
            let draft = drafted("noted", &json!({"text": "x"}));
            let record = Record::new(draft, site.history.release(), heads, site.wall, "h");
            let record = record.signed(signature.to_owned());
            site.history
                .judge(record.id, Standing::Void(Flaw::Tampered));
            site.history.extend(vec![record.clone()]);
            record.id
        })
        .collect();
    assert!(!site.history.state().counts.contains_key("noted"));
    assert_eq!(site.history.set_aside().len(), 1);
    assert_eq!(names(&site.history).len(), 1);
    // The one that counts after all does so from the beginning.
    site.history.judge_anew(vec![(ids[0], signed_by("k"))]);
    assert_eq!(names(&site.history), [ids[1]]);
    assert_eq!(site.history.state().counts["noted"], 1);
}

#[test]
fn a_record_that_names_a_copy_means_what_both_of_them_say() {
    let mut site = Site::new("site");
    let first = site.record(go(None));
    let check = placed(&site, go(None), "one");
    let copy = placed(&site, go(None), "other");
    for record in [&check, &copy] {
        site.history.judge(record.id, signed_by("k"));
        site.history.extend(vec![record.clone()]);
    }
    let started = json!({"stage": "north", "go": copy.id});
    let started = site.record(drafted("deploy-started", &started));
    let deployed = &site.history.state().deployments;
    assert!(deployed.values().any(|it| it.order == 0));
    // Also as somebody saw it who knew of the copy alone.
    let parents = vec![copy.id];
    let draft = drafted("deploy-done", &json!({"stage": "north"}));
    let alone = Record::new(draft, site.history.release(), parents, site.wall, "h");
    let view = site.history.view_of(&alone);
    assert!(view.contains(&first.id) && !view.contains(&started.id));
    assert_eq!(view.state().counts["checked"], 2);
    assert_eq!(site.history.state().counts["checked"], 2);
}
