//! What was signed, kept short, and what has become of it: which value changed, from what to what.
//!
//! Whether a sign-off is stale is decided by digests alone; this only says what happened, as far as it was kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::edited::sentence;
use super::requirement::Change;
use super::{Facts, Inquiry};
use crate::domain::gate::Gate;
use crate::domain::record::body::{Seen, SignOff};
use crate::domain::record::digest_of;
use crate::domain::release::ReleaseNotes;
use crate::domain::state::Recorded;

/// Longer values are kept by their beginning and their digest.
const LONGEST_VALUE: usize = 120;

/// With more values than this, the innermost are kept as one.
const MOST_VALUES: usize = 400;

/// What a sign-off of `gate` sees now, without what an earlier sign-off of the same has kept already.
pub(in crate::domain) fn seen(inquiry: &Inquiry<'_>, gate: &Gate) -> Option<Seen> {
    let (notes, own) = (digest_of(inquiry.notes), digest_of(gate));
    let artifacts = inquiry.facts.artifacts;
    let sign_offs = &inquiry.history.state().sign_offs;
    let kept = |is_kept: &dyn Fn(&SignOff, &Seen) -> bool| {
        sign_offs.iter().any(|it| {
            let seen = it.fact.seen.as_ref();
            seen.is_some_and(|seen| is_kept(&it.fact, seen))
        })
    };
    let mut now = everything(inquiry.notes, gate, inquiry.facts);
    if kept(&|fact, seen| fact.binding.notes == notes && !seen.notes.is_empty()) {
        now.notes.clear();
    }
    if kept(&|fact, seen| fact.binding.gate == own && !seen.gate.is_empty()) {
        now.gate.clear();
    }
    if kept(&|fact, seen| Some(fact.binding.artifacts) == artifacts && !seen.artifacts.is_empty()) {
        now.artifacts.clear();
    }
    let nothing = now.notes.is_empty() && now.gate.is_empty() && now.artifacts.is_empty();
    (!nothing).then_some(now)
}

/// What has changed since `sign_off`, as far as the values were kept; in the order of their paths.
pub(super) fn since(
    inquiry: &Inquiry<'_>,
    gate: &Gate,
    sign_off: &Recorded<SignOff>,
) -> Vec<Change> {
    let then = &sign_off.fact.binding;
    let sign_offs = &inquiry.history.state().sign_offs;
    // Its own first: what others kept of the same is only looked for where it kept nothing.
    let kept = |part: fn(&Seen) -> &BTreeMap<String, String>, same: &dyn Fn(&SignOff) -> bool| {
        std::iter::once(sign_off)
            .chain(sign_offs)
            .filter(|it| same(&it.fact))
            .filter_map(|it| it.fact.seen.as_ref().map(part))
            .find(|values| !values.is_empty())
    };
    let now = everything(inquiry.notes, gate, inquiry.facts);
    let mut changes = Vec::new();
    if then.gate != digest_of(gate)
        && let Some(before) = kept(|it| &it.gate, &|it| it.binding.gate == then.gate)
    {
        changes.extend(difference(before, &now.gate));
    }
    if inquiry
        .facts
        .artifacts
        .is_some_and(|it| it != then.artifacts)
        && let Some(before) = kept(|it| &it.artifacts, &|it| {
            it.binding.artifacts == then.artifacts
        })
    {
        changes.extend(difference(before, &now.artifacts));
    }
    if then.notes != digest_of(inquiry.notes)
        && let Some(before) = kept(|it| &it.notes, &|it| it.binding.notes == then.notes)
    {
        changes.extend(difference(before, &now.notes));
    }
    changes
}

fn everything(notes: &ReleaseNotes, gate: &Gate, facts: &Facts) -> Seen {
    let artifacts = facts.artifact_digests.iter();
    Seen {
        notes: values("", notes),
        gate: values("gate", gate),
        artifacts: artifacts
            .map(|(name, digest)| (format!("artifact {name} on disk"), digest.to_string()))
            .collect(),
    }
}

pub(super) fn difference(
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> Vec<Change> {
    let paths: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    paths
        .into_iter()
        .filter(|path| before.get(*path) != now.get(*path))
        .map(|path| Change {
            field: path.clone(),
            from: before.get(path).cloned(),
            to: now.get(path).cloned(),
        })
        .collect()
}

/// The values of a tree by their paths. An element of a list goes by its `id` where it has one, and a text of several
/// lines by each of its lines.
pub(super) fn values(root: &str, tree: &impl Serialize) -> BTreeMap<String, String> {
    let tree = serde_json::to_value(tree).unwrap_or_default();
    // As deep as there is room for: what is too much is told from what it was by a digest.
    for depth in (1..=12).rev() {
        let mut all = BTreeMap::new();
        flatten(root.to_owned(), &tree, depth, &mut all);
        if all.len() <= MOST_VALUES {
            return all;
        }
    }
    let digest = digest_of(&tree).short();
    [(root.to_owned(), format!("(sha256 {digest})"))].into()
}

fn flatten(path: String, value: &Value, depth: usize, all: &mut BTreeMap<String, String>) {
    let below = |key: &str| match path.as_str() {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match value {
        Value::Object(map) if depth > 0 && !map.is_empty() => {
            for (key, value) in map {
                flatten(below(key), value, depth - 1, all);
            }
        }
        Value::Array(list) if depth > 0 && !list.is_empty() => {
            for (index, value) in list.iter().enumerate() {
                let path = match value.get("id").and_then(Value::as_str) {
                    Some(id) => below(id),
                    None => format!("{path}[{index}]"),
                };
                flatten(path, value, depth - 1, all);
            }
        }
        Value::Array(list) if list.is_empty() => {
            all.insert(path, "[]".to_owned());
        }
        Value::Object(map) if map.is_empty() => {
            all.insert(path, "{}".to_owned());
        }
        Value::Object(_) | Value::Array(_) => {
            let digest = digest_of(value).short();
            all.insert(path, format!("(sha256 {digest})"));
        }
        Value::String(text) if text.lines().count() > 1 => {
            for (index, line) in text.lines().enumerate() {
                all.insert(format!("{path} line {:02}", index + 1), short(line));
            }
        }
        Value::String(text) => {
            all.insert(path, short(text));
        }
        other => {
            all.insert(path, other.to_string());
        }
    }
}

/// A text of at most so many characters, told from every other one by its digest where it is cut.
fn short(text: &str) -> String {
    if text.chars().count() <= LONGEST_VALUE {
        return text.to_owned();
    }
    let begin: String = text.chars().take(LONGEST_VALUE - 30).collect();
    let digest = digest_of(&text).short();
    format!("{begin}… (sha256 {digest})")
}

/// Changes in a sentence: the first few with their values, and how many more there are.
pub(super) fn told(changes: &[Change]) -> String {
    const MOST: usize = 3;
    let mut told: Vec<String> = changes.iter().take(MOST).map(sentence).collect();
    match changes.len() {
        0..=MOST => {}
        all => told.push(format!("{} more", all - MOST)),
    }
    told.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn changed(before: Value, now: Value) -> Vec<String> {
        let changes = difference(&values("", &before), &values("", &now));
        let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        changes
            .into_iter()
            .map(|it| format!("{}: {} > {}", it.field, shown(it.from), shown(it.to)))
            .collect()
    }

    #[test]
    fn a_change_is_named_where_it_is() {
        let before = json!({
            "summary": "one\ntwo\nthree", "artifacts": [{"name": "shop", "sha256": "aa"}],
            "items": [{"id": "smoke", "title": "Smoke"}, {"id": "load", "title": "Load"}], "count": 1,
        });
        let mut now = before.clone();
        now["summary"] = "one\nzwei\nthree\nfour".into();
        now["artifacts"][0]["sha256"] = "bb".into();
        now["items"][0]["title"] = "Smoke test".into();
        now["items"].as_array_mut().expect("a list").remove(1);
        now["count"] = 2.into();
        assert_eq!(
            changed(before, now),
            [
                "artifacts[0].sha256: aa > bb",
                "count: 1 > 2",
                "items.load.id: load > -",
                "items.load.title: Load > -",
                "items.smoke.title: Smoke > Smoke test",
                "summary line 02: two > zwei",
                "summary line 04: - > four",
            ]
        );
    }

    #[test]
    fn a_change_beyond_what_is_kept_shows_all_the_same() {
        let long = "x".repeat(5_000);
        let changes = changed(
            json!({"a": format!("{long}1")}),
            json!({"a": format!("{long}2")}),
        );
        assert_eq!(changes.len(), 1);
        assert!(changes[0].chars().count() < 300, "{changes:?}");
        let many = |last: u32| {
            let probes: Vec<Value> = (0..2_000)
                .map(|it| json!({"id": format!("p{it}"), "http": {"url": it, "to": last}}))
                .collect();
            json!({"probes": probes, "summary": "s"})
        };
        let kept = values("", &many(1));
        assert!(kept.len() <= MOST_VALUES);
        assert_eq!(changed(many(1), many(2)).len(), 1);
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,140}|(a\n|b){0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 60, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,3}|id", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn what_is_kept_is_small_whatever_it_is_of(tree in tree()) {
            let kept = values("", &tree);
            prop_assert!(kept.len() <= MOST_VALUES);
            prop_assert!(kept.values().all(|value| value.chars().count() <= LONGEST_VALUE));
        }
    }
}
