//! Probes that need others: what must have passed first, and which need each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::Probe;
use crate::domain::ids::ProbeId;

/// The probes that must not be asked, with the reason: they need one that is not here, or each other.
///
/// `lint` reports both; a run must not wait for ever all the same.
pub fn unaskable(probes: &[Probe]) -> BTreeMap<ProbeId, String> {
    let mut reasons = BTreeMap::new();
    let mut ready: BTreeSet<&str> = BTreeSet::new();
    loop {
        let before = ready.len();
        for probe in probes {
            if probe.needs.iter().all(|need| ready.contains(need.as_str())) {
                ready.insert(probe.id.as_str());
            }
        }
        if ready.len() == before {
            break;
        }
    }
    for probe in probes {
        if ready.contains(probe.id.as_str()) {
            continue;
        }
        let missing = probe
            .needs
            .iter()
            .find(|need| probes.iter().all(|other| other.id != **need));
        let reason = match missing {
            Some(missing) => format!("not asked: it needs \"{missing}\", which is not asked"),
            None if all_of(probes, probe).contains(&probe.id) => {
                "not asked: it needs one that needs it".to_owned()
            }
            None => "not asked: it needs one that cannot be asked".to_owned(),
        };
        reasons.insert(probe.id.clone(), reason);
    }
    reasons
}

/// All that a probe needs, and what those need; itself only where they need each other in a circle.
pub fn all_of<'a>(probes: &'a [Probe], probe: &'a Probe) -> BTreeSet<&'a ProbeId> {
    let mut needed = BTreeSet::new();
    let mut left: Vec<&ProbeId> = probe.needs.iter().collect();
    while let Some(id) = left.pop() {
        if needed.insert(id)
            && let Some(next) = probes.iter().find(|probe| probe.id == *id)
        {
            left.extend(&next.needs);
        }
    }
    needed
}

/// `wanted`, and whatever of `probes` they need, in the order of `probes`; one of `wanted` that is not among them stays.
pub fn with_needed(probes: &[Probe], wanted: &[Probe]) -> Vec<Probe> {
    let mut ids: BTreeSet<&ProbeId> = wanted.iter().map(|probe| &probe.id).collect();
    for probe in wanted {
        ids.extend(all_of(probes, probe));
    }
    let mut all = Vec::new();
    for probe in probes.iter().filter(|probe| ids.contains(&probe.id)) {
        // What was pinned when an incident was opened stays as it was.
        let pinned = wanted.iter().find(|pinned| pinned.id == probe.id);
        all.push(pinned.unwrap_or(probe).clone());
    }
    let gone = wanted
        .iter()
        .filter(|probe| probes.iter().all(|other| other.id != probe.id));
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

    proptest! {
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
