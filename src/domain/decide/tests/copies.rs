//! Copies of records under other forms of their signatures change nothing.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::intents::{act, intent};
use crate::domain::history::History;
use crate::domain::ids::RecordId;
use crate::domain::record::{Body, Draft, Record};
use crate::domain::signature::{Flaw, Signer, Standing};
use crate::domain::testing::{Site, drafted};

/// The same records, each of them signed.
fn signed(site: &Site) -> Vec<Record> {
    let mut ids: BTreeMap<RecordId, RecordId> = BTreeMap::new();
    let mut all = Vec::new();
    for record in site.history.records() {
        let mut body = record.body.clone();
        match &mut body {
            Body::DeployStarted(fact) => fact.go = ids[&fact.go],
            Body::Closed(fact) => fact.check = ids[&fact.check],
            _ => {}
        }
        let draft = Draft {
            by: record.by.clone(),
            body,
        };
        let parents = record.parents.iter().map(|it| ids[it]).collect();
        let again = Record::new(draft, &record.release, parents, record.at, &record.host);
        let again = again.signed("a signature".to_owned());
        ids.insert(record.id, again.id);
        all.push(again);
    }
    all
}

fn counts() -> Standing {
    Standing::Signed(Signer {
        principal: "ana".to_owned(),
        fingerprint: "SHA256:x".to_owned(),
    })
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]

    #[test]
    fn copies_with_other_forms_of_a_signature_change_no_state(
        intents in prop::collection::vec(intent(), 1..25),
        copied in prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, any::<bool>()), 1..12),
        at_once in any::<bool>(),
    ) {
        let mut site = Site::deployed();
        let stale = site.history.state().clone();
        for intent in &intents {
            act(&mut site, &stale, intent);
        }
        site.record(drafted("noted", &serde_json::json!({"text": "the last"})));
        let records = signed(&site);
        let (last, before) = records.split_last().expect("a record");
        let mut plain = History::new(site.history.release().clone());
        for record in &records {
            plain.judge(record.id, counts());
        }
        plain.extend(records.clone());

        let mut other = History::new(site.history.release().clone());
        let mut copies = BTreeSet::new();
        let mut all = vec![last.clone()];
        for (place, form, holds) in &copied {
            let copy = place.get(before).clone().signed(format!("another form {form}"));
            let standing = if *holds { counts() } else { Standing::Void(Flaw::Tampered) };
            other.judge(copy.id, standing);
            copies.insert(copy.id);
            all.push(copy);
        }
        all.extend(before.iter().cloned());
        for record in &records {
            other.judge(record.id, counts());
        }
        match at_once {
            true => other.extend(all),
            false => all.into_iter().rev().for_each(|record| other.extend(vec![record])),
        }
        prop_assert_eq!(other.state(), plain.state());
        prop_assert_eq!(other.anomalies(), plain.anomalies());
        prop_assert_eq!(other.set_aside(), plain.set_aside());
        let named = other.superseded().iter().map(|it| it.record).collect::<BTreeSet<_>>();
        let known: BTreeSet<RecordId> = plain.superseded().iter().map(|it| it.record).collect();
        prop_assert_eq!(named.difference(&known).copied().collect::<BTreeSet<_>>(), copies);
    }
}
