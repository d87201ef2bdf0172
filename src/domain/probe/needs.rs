//! Probes that need others: what must have passed first, and which need each other in a circle.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Probe;
use crate::domain::ids::ProbeId;

/// The probes that must not be asked, with the reason: they need one that is not here, or each other.
///
/// `lint` reports both; a run must not wait for ever all the same.
pub fn unaskable(probes: &[Probe]) -> BTreeMap<ProbeId, String> {
    let known = by_id(probes);
    let needing = needing(probes);
    let mut waits: HashMap<&ProbeId, usize> = HashMap::new();
    for probe in probes {
        *waits.entry(&probe.id).or_default() += probe.needs.len();
    }
    let mut ready: Vec<&ProbeId> = waits
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(id, _)| *id)
        .collect();
    let mut askable: HashSet<&ProbeId> = ready.iter().copied().collect();
    while let Some(id) = ready.pop() {
        for next in needing.get(id).into_iter().flatten() {
            let Some(left) = waits.get_mut(&next.id) else {
                continue;
            };
            *left = left.saturating_sub(1);
            if *left == 0 && askable.insert(&next.id) {
                ready.push(&next.id);
            }
        }
    }
    let mut reasons = BTreeMap::new();
    for probe in probes.iter().filter(|probe| !askable.contains(&probe.id)) {
        let missing = probe.needs.iter().find(|need| !known.contains_key(need));
        let reason = match missing {
            Some(missing) => format!("not asked: it needs \"{missing}\", which is not asked"),
            None if closure(&known, [probe]).contains(&probe.id) => {
                "not asked: it needs one that needs it".to_owned()
            }
            None => "not asked: it needs one that cannot be asked".to_owned(),
        };
        reasons.insert(probe.id.clone(), reason);
    }
    reasons
}

/// The first probe of every id.
fn by_id(probes: &[Probe]) -> HashMap<&ProbeId, &Probe> {
    let mut known = HashMap::with_capacity(probes.len());
    for probe in probes {
        known.entry(&probe.id).or_insert(probe);
    }
    known
}

/// By what is needed: the probes that need it themselves.
fn needing(probes: &[Probe]) -> HashMap<&ProbeId, Vec<&Probe>> {
    let mut needing: HashMap<&ProbeId, Vec<&Probe>> = HashMap::new();
    for probe in probes {
        for need in &probe.needs {
            needing.entry(need).or_default().push(probe);
        }
    }
    needing
}

/// All that `wanted` need, and what those need.
fn closure<'a>(
    known: &HashMap<&'a ProbeId, &'a Probe>,
    wanted: impl IntoIterator<Item = &'a Probe>,
) -> BTreeSet<&'a ProbeId> {
    let mut needed = BTreeSet::new();
    let mut left: Vec<&ProbeId> = wanted.into_iter().flat_map(|probe| &probe.needs).collect();
    while let Some(id) = left.pop() {
        if needed.insert(id)
            && let Some(next) = known.get(id)
        {
            left.extend(&next.needs);
        }
    }
    needed
}

/// All that a probe needs, and what those need; itself only where they need each other in a circle.
pub fn all_of<'a>(probes: &'a [Probe], probe: &'a Probe) -> BTreeSet<&'a ProbeId> {
    closure(&by_id(probes), [probe])
}

/// `ids`, and the probes that need any of them, themselves or through others.
pub fn with_needing<'a>(
    probes: &'a [Probe],
    ids: impl IntoIterator<Item = &'a ProbeId>,
) -> BTreeSet<&'a ProbeId> {
    let needing = needing(probes);
    let mut all = BTreeSet::new();
    let mut left: Vec<&ProbeId> = ids.into_iter().collect();
    while let Some(id) = left.pop() {
        if all.insert(id) {
            left.extend(needing.get(id).into_iter().flatten().map(|probe| &probe.id));
        }
    }
    all
}

/// `wanted`, and whatever of `probes` they need, in the order of `probes`; one of `wanted` that is not among them stays.
pub fn with_needed(probes: &[Probe], wanted: &[Probe]) -> Vec<Probe> {
    let known = by_id(probes);
    // What was pinned when an incident was opened stays as it was.
    let pinned = by_id(wanted);
    let needed = closure(&known, wanted);
    let mut all: Vec<Probe> = probes
        .iter()
        .filter(|probe| pinned.contains_key(&probe.id) || needed.contains(&probe.id))
        .map(|probe| pinned.get(&probe.id).copied().unwrap_or(probe).clone())
        .collect();
    let gone = wanted.iter().filter(|probe| !known.contains_key(&probe.id));
    all.extend(gone.cloned());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn probe(id: &str, needs: &[&str]) -> Probe {
        serde_json::from_value(serde_json::json!({
            "id": id, "needs": needs, "tcp": {"address": "x:1"}
        }))
        .expect("a valid probe")
    }

    fn ids(probes: &[Probe]) -> Vec<&str> {
        probes.iter().map(|probe| probe.id.as_str()).collect()
    }

    #[test]
    fn circles_and_strangers_are_not_asked() {
        let probes = [
            probe("a", &["b"]),
            probe("b", &["c"]),
            probe("c", &["a"]),
            probe("d", &["x"]),
            probe("e", &["d", "f"]),
            probe("f", &[]),
            probe("g", &["g"]),
        ];
        let reasons = unaskable(&probes);
        let reason = |id: &str| reasons.get(id).map(String::as_str);
        assert_eq!(reason("a"), Some("not asked: it needs one that needs it"));
        assert_eq!(
            reason("d"),
            Some("not asked: it needs \"x\", which is not asked")
        );
        assert_eq!(
            reason("e"),
            Some("not asked: it needs one that cannot be asked")
        );
        assert_eq!(reason("f"), None);
        assert_eq!(reason("g"), Some("not asked: it needs one that needs it"));
    }

    #[test]
    fn what_is_needed_comes_along() {
        let probes = [
            probe("login", &[]),
            probe("other", &[]),
            probe("cart", &["login"]),
            probe("pay", &["cart"]),
        ];
        assert_eq!(
            ids(&with_needed(&probes, &probes[3..])),
            ["login", "cart", "pay"]
        );
        assert_eq!(
            ids(&with_needed(&probes, &[probe("gone", &["login"])])),
            ["login", "gone"]
        );
    }

    #[test]
    fn ten_thousand_that_need_each_other_the_wrong_way_round_are_put_in_order() {
        let name = |number: usize| format!("p{number}");
        let chain: Vec<Probe> = (0..10_000)
            .map(|number| probe(&name(number), &[&name(number + 1)]))
            .chain([probe(&name(10_000), &[])])
            .collect();
        assert_eq!(unaskable(&chain), BTreeMap::new());
        assert_eq!(with_needed(&chain, &chain[..1]).len(), chain.len());
        let last = &chain[10_000].id;
        assert_eq!(with_needing(&chain, [last]).len(), chain.len());
        assert_eq!(with_needing(&chain, [&chain[1].id]).len(), 2);
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn whatever_needs_whatever_it_ends(edges in proptest::collection::vec((0usize..8, 0usize..9), 0..20)) {
            let name = |index: usize| format!("p{index}");
            let probes: Vec<Probe> = (0..8)
                .map(|index| {
                    let needs: Vec<String> = edges
                        .iter()
                        .filter(|(from, _)| *from == index)
                        .map(|(_, to)| name(*to))
                        .collect();
                    let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
                    probe(&name(index), &needs)
                })
                .collect();
            let reasons = unaskable(&probes);
            for probe in &probes {
                if all_of(&probes, probe).contains(&probe.id) {
                    prop_assert!(reasons.contains_key(&probe.id));
                }
                for need in all_of(&probes, probe) {
                    prop_assert!(with_needing(&probes, [need]).contains(&probe.id));
                }
                // Whatever may be asked needs only what may be asked, and never itself.
                if !reasons.contains_key(&probe.id) {
                    let needed = all_of(&probes, probe);
                    prop_assert!(!needed.contains(&probe.id));
                    prop_assert!(needed.iter().all(|need| !reasons.contains_key(*need) && need.as_str() != "p8"));
                }
            }
        }
    }
}
