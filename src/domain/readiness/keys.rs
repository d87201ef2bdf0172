//! Counting people by the keys that they signed with.

use std::collections::{BTreeMap, BTreeSet};

/// The most people who can each be given a key of their own among those that they signed with; whoever did not sign
/// needs none. The same key for two people counts once, and adding a sign-off never takes one away.
pub(super) fn with_own_keys<'a>(
    given: &BTreeMap<String, Vec<Option<&'a str>>>,
) -> BTreeMap<String, Option<&'a str>> {
    fn give<'a, 'g>(
        person: &'g str,
        given: &'g BTreeMap<String, Vec<Option<&'a str>>>,
        owners: &mut BTreeMap<&'a str, &'g str>,
        tried: &mut BTreeSet<&'a str>,
    ) -> bool {
        let keys = given.get(person).into_iter().flatten().flatten();
        for key in keys {
            if !tried.insert(key) {
                continue;
            }
            let owner = owners.get(key).copied();
            if owner.is_none_or(|owner| give(owner, given, owners, tried)) {
                owners.insert(key, person);
                return true;
            }
        }
        false
    }
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    let mut people: BTreeMap<String, Option<&str>> = BTreeMap::new();
    for (person, keys) in given {
        if keys.contains(&None) {
            people.insert(person.clone(), None);
        } else {
            give(person, given, &mut owners, &mut BTreeSet::new());
        }
    }
    people.extend(
        owners
            .into_iter()
            .map(|(key, person)| (person.to_owned(), Some(key))),
    );
    people
}

/// The people who signed, with their keys where any of them used one.
pub(super) fn named(people: &BTreeMap<String, Option<String>>) -> String {
    let any = people.values().any(Option::is_some);
    let one = |(person, key): (&String, &Option<String>)| match key {
        Some(key) => format!("{person} ({key})"),
        None if any => format!("{person} (unsigned)"),
        None => person.clone(),
    };
    people.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn given(
        of: &[(&str, &[Option<&'static str>])],
    ) -> BTreeMap<String, Vec<Option<&'static str>>> {
        of.iter()
            .map(|(person, keys)| ((*person).to_owned(), keys.to_vec()))
            .collect()
    }

    #[test]
    fn a_key_counts_once_and_as_many_people_count_as_can() {
        let (k1, k2) = (Some("1"), Some("2"));
        let count = |of: &[(&str, &[Option<&'static str>])]| with_own_keys(&given(of)).len();
        assert_eq!(count(&[("a", &[k1]), ("b", &[k1])]), 1);
        assert_eq!(count(&[("a", &[k1, k2]), ("b", &[k1])]), 2);
        assert_eq!(count(&[("a", &[k1]), ("b", &[k1, k2]), ("c", &[k2])]), 2);
        assert_eq!(
            count(&[("a", &[None]), ("b", &[k1]), ("c", &[k1, None])]),
            3
        );
        assert_eq!(count(&[]), 0);
    }

    #[test]
    fn keys_are_shown_where_anybody_used_one() {
        let shown = |of: &[(&str, Option<&str>)]| {
            let people = of
                .iter()
                .map(|(who, key)| ((*who).to_owned(), key.map(str::to_owned)));
            named(&people.collect())
        };
        assert_eq!(shown(&[("a", None), ("b", None)]), "a, b");
        assert_eq!(
            shown(&[("a", None), ("b", Some("k"))]),
            "a (unsigned), b (k)"
        );
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        /// Another sign-off never takes anybody's away.
        #[test]
        fn more_sign_offs_never_count_for_less(
            signed in proptest::collection::vec((0..5usize, 0..5usize), 0..14),
        ) {
            const PEOPLE: [&str; 5] = ["a", "b", "c", "d", "e"];
            const KEYS: [Option<&str>; 5] = [Some("1"), Some("2"), Some("3"), Some("4"), None];
            let mut given: BTreeMap<String, Vec<Option<&str>>> = BTreeMap::new();
            let mut before = 0;
            for (person, key) in signed {
                given.entry(PEOPLE[person].to_owned()).or_default().push(KEYS[key]);
                let counted = with_own_keys(&given);
                prop_assert!(counted.len() >= before);
                before = counted.len();
                let used: Vec<&str> = counted.values().copied().flatten().collect();
                let distinct: BTreeSet<&str> = used.iter().copied().collect();
                prop_assert_eq!(used.len(), distinct.len());
            }
        }
    }
}
