//! What the files say that was not signed for a deployment: field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::changes::{difference, values};
use super::requirement::Change;
use crate::domain::gate::Gate;
use crate::domain::ids::Digest;
use crate::domain::policy::Policy;
use crate::domain::record::body::Anchor;
use crate::domain::record::body::anchor::field_digests;
use crate::domain::record::digest_of;
use crate::domain::release::ReleaseNotes;

/// The fields whose values are kept whole.
const PLANS: [&str; 4] = ["previous", "deployment", "verification", "rollback"];

/// What the files say now that differs from what was signed, in the order of their paths: the plans by each value, the
/// other fields of the notes and the gates by name, the policy by each value.
pub fn edited(
    anchor: &Anchor,
    (notes, policy, gates): (&ReleaseNotes, &Policy, &[Gate]),
) -> Vec<Change> {
    let mut changes = edited_notes(anchor, notes);
    changes.extend(edited_policy(anchor, policy));
    let now: BTreeMap<_, _> = gates.iter().map(|it| (&it.id, digest_of(it))).collect();
    let names: BTreeSet<_> = anchor.gates.keys().chain(now.keys().copied()).collect();
    for name in names {
        let (from, to) = (anchor.gates.get(name), now.get(name));
        if from != to {
            changes.push(by_digest(format!("gate {name}"), from, to));
        }
    }
    changes
}

/// The values of the plans that differ from what was signed.
pub fn edited_plans(anchor: &Anchor, notes: &ReleaseNotes) -> Vec<Change> {
    let signed = json!({
        "previous": anchor.previous, "deployment": anchor.deployment,
        "verification": anchor.verification, "rollback": anchor.rollback,
    });
    let now = json!({
        "previous": notes.previous, "deployment": notes.deployment,
        "verification": notes.verification, "rollback": notes.rollback,
    });
    difference(&values("", &signed), &values("", &now))
}

fn edited_notes(anchor: &Anchor, notes: &ReleaseNotes) -> Vec<Change> {
    if digest_of(notes) == anchor.notes {
        return Vec::new();
    }
    let mut changes = edited_plans(anchor, notes);
    let fields = field_digests(notes);
    let names: BTreeSet<&String> = anchor.fields.keys().chain(fields.keys()).collect();
    let others = names
        .into_iter()
        .filter(|name| !PLANS.contains(&name.as_str()))
        .filter(|name| anchor.fields.get(*name) != fields.get(*name));
    changes.extend(others.map(|name| {
        let short = |digest: Option<&String>| digest.map(|it| format!("(sha256 {it})"));
        Change {
            field: name.clone(),
            from: short(anchor.fields.get(name)),
            to: short(fields.get(name)),
        }
    }));
    changes
}

fn edited_policy(anchor: &Anchor, policy: &Policy) -> Vec<Change> {
    let now = digest_of(policy);
    if now == anchor.policy {
        return Vec::new();
    }
    let differing = match anchor.rules() {
        Some(signed) => difference(&values("policy", &signed), &values("policy", policy)),
        None => Vec::new(),
    };
    if differing.is_empty() {
        return vec![by_digest(
            "policy".to_owned(),
            Some(&anchor.policy),
            Some(&now),
        )];
    }
    differing
}

/// What was named by a file's digest alone, and is another file now, or none.
pub fn edited_file(path: &str, signed: &Digest, now: Option<&Digest>) -> Change {
    by_digest(path.to_owned(), Some(signed), now)
}

fn by_digest(field: String, from: Option<&Digest>, to: Option<&Digest>) -> Change {
    let short = |digest: &Digest| format!("(sha256 {})", digest.short());
    Change {
        field,
        from: from.map(short),
        to: to.map(short),
    }
}

/// A change in a clause.
pub fn sentence(change: &Change) -> String {
    let quoted = |value: &Option<String>| match value {
        Some(value) => format!("\"{value}\""),
        None => "nothing".to_owned(),
    };
    let (from, to) = (quoted(&change.from), quoted(&change.to));
    format!("{} was {from} and is {to}", change.field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{notes, policy};

    fn fields(notes: &ReleaseNotes, policy: &Policy) -> Vec<String> {
        let signed = self::notes();
        let anchor = Anchor::new(&signed, &self::policy(), &[]);
        let changes = edited(&anchor, (notes, policy, &[]));
        changes.iter().map(sentence).collect()
    }

    #[test]
    fn what_is_as_it_was_signed_is_not_named() {
        assert_eq!(fields(&notes(), &policy()), Vec::<String>::new());
    }

    #[test]
    fn what_was_edited_is_named_field_by_field() {
        let mut edited = notes();
        edited.previous = Some("1.0.0".to_owned());
        edited.summary = Some("another".to_owned());
        if let Some(step) = edited
            .rollback
            .as_mut()
            .and_then(|it| it.plan.as_mut())
            .and_then(|it| it.first_mut())
        {
            step.argv = vec!["y".to_owned()];
        }
        let mut rules = policy();
        rules.default_priority = None;
        let named = fields(&edited, &rules);
        assert_eq!(named.len(), 4, "{named:?}");
        assert!(named.contains(&"previous was \"2.3.9\" and is \"1.0.0\"".to_owned()));
        assert!(
            named.contains(&"rollback.plan.back.argv[0] was \"x\" and is \"y\"".to_owned()),
            "{named:?}"
        );
        assert!(named.iter().any(|it| it.starts_with("summary was ")));
        assert!(
            named.contains(&"policy.default_priority was \"lower\" and is nothing".to_owned()),
            "{named:?}"
        );
    }
}
