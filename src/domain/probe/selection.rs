//! Which probes of a suite are asked: `--only` and `--skip`, by id or tag.
//!
//! What is left out is said everywhere; a run that left out a required probe is never a pass.

use std::collections::BTreeSet;

use super::judge::Verdict;
use super::{Probe, needs};
use crate::domain::ids::ProbeId;
use crate::domain::nearest::suggestion;

/// What is wanted, and what is not: ids or tags. Nothing wanted means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these, and what they need.
    pub only: Vec<String>,
    /// Not these, and not what needs them.
    pub skip: Vec<String>,
}

/// What became of a selection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selected {
    /// What is asked, in the order of the suite.
    pub asked: Vec<Probe>,
    /// What is left out.
    pub skipped: Vec<ProbeId>,
    /// Whether something required is left out.
    pub incomplete: bool,
}

/// Why a selection cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// Neither an id nor a tag.
    #[error("no probe has the id or tag \"{word}\"")]
    Unknown {
        /// What was written.
        word: String,
        /// What to write instead.
        help: String,
    },
    /// Nothing is left.
    #[error("every probe is left out, so nothing would be asked")]
    Nothing,
}

impl Selection {
    /// Applies it to a suite.
    ///
    /// # Errors
    /// A [`SelectionError`] where a word is unknown or nothing is left.
    pub fn apply(&self, probes: &[Probe]) -> Result<Selected, SelectionError> {
        for word in self.only.iter().chain(&self.skip) {
            if probes.iter().any(|probe| is_called(probe, word)) {
                continue;
            }
            let known: BTreeSet<&str> = probes.iter().flat_map(names).collect();
            let known: Vec<&str> = known.into_iter().collect();
            let help = suggestion(word, known.iter().copied())
                .unwrap_or_else(|| format!("known: {}", known.join(", ")));
            return Err(SelectionError::Unknown {
                word: word.clone(),
                help,
            });
        }
        if self.only.is_empty() && self.skip.is_empty() {
            return Ok(Selected {
                asked: probes.to_vec(),
                ..Selected::default()
            });
        }
        let called =
            |probe: &Probe, words: &[String]| words.iter().any(|word| is_called(probe, word));
        let skipped = probes
            .iter()
            .filter(|probe| called(probe, &self.skip))
            .map(|probe| &probe.id);
        let impossible = needs::with_needing(probes, skipped);
        let wanted: Vec<Probe> = probes
            .iter()
            .filter(|probe| self.only.is_empty() || called(probe, &self.only))
            .filter(|probe| !impossible.contains(&probe.id))
            .cloned()
            .collect();
        let asked = needs::with_needed(probes, &wanted);
        if asked.is_empty() && !probes.is_empty() {
            return Err(SelectionError::Nothing);
        }
        let ids: BTreeSet<&ProbeId> = asked.iter().map(|probe| &probe.id).collect();
        let left_out = |probe: &&Probe| !ids.contains(&probe.id);
        let left_out: Vec<&Probe> = probes.iter().filter(left_out).collect();
        Ok(Selected {
            incomplete: left_out.iter().any(|probe| !probe.is_advisory()),
            skipped: left_out.iter().map(|probe| probe.id.clone()).collect(),
            asked,
        })
    }
}

impl Selected {
    /// What a run over the selection comes to: a pass over a part proves nothing about the whole. A failure stays one.
    pub fn verdict(&self, of_asked: Verdict) -> Verdict {
        match of_asked {
            Verdict::Pass if self.incomplete => Verdict::Inconclusive,
            other => other,
        }
    }
}

fn names(probe: &Probe) -> impl Iterator<Item = &str> {
    let tags = probe.tags.iter().map(|tag| tag.as_str());
    tags.chain([probe.id.as_str()])
}

fn is_called(probe: &Probe, word: &str) -> bool {
    names(probe).any(|name| name == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn probe(value: serde_json::Value) -> Probe {
        let mut value = value;
        value["tcp"] = json!({"address": "x:1"});
        serde_json::from_value(value).expect("a valid probe")
    }

    fn suite() -> Vec<Probe> {
        vec![
            probe(json!({"id": "home", "tags": ["smoke"]})),
            probe(json!({"id": "login", "tags": ["smoke"]})),
            probe(json!({"id": "cart", "needs": ["login"]})),
            probe(json!({"id": "speed", "advisory": true, "tags": ["slow"]})),
        ]
    }

    fn select(only: &[&str], skip: &[&str]) -> Result<Selected, SelectionError> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let selection = Selection {
            only: words(only),
            skip: words(skip),
        };
        selection.apply(&suite())
    }

    fn asked(selected: &Selected) -> Vec<&str> {
        selected
            .asked
            .iter()
            .map(|probe| probe.id.as_str())
            .collect()
    }

    #[test]
    fn nothing_said_is_everything() {
        let all = select(&[], &[]).expect("a selection");
        assert_eq!(all.asked, suite());
        assert!(!all.incomplete && all.skipped.is_empty());
        assert_eq!(all.verdict(Verdict::Pass), Verdict::Pass);
    }

    #[test]
    fn a_run_without_a_required_probe_is_never_a_pass() {
        for (only, skip, left) in [
            (vec!["smoke"], vec![], vec!["home", "login"]),
            (vec!["cart"], vec![], vec!["login", "cart"]),
            (vec![], vec!["login"], vec!["home", "speed"]),
            (vec!["smoke"], vec!["home"], vec!["login"]),
        ] {
            let some = select(&only, &skip).expect("a selection");
            assert_eq!(asked(&some), left);
            assert!(some.incomplete);
            assert_eq!(some.verdict(Verdict::Pass), Verdict::Inconclusive);
            assert_eq!(some.verdict(Verdict::Fail), Verdict::Fail);
        }
        let without_advice = select(&[], &["slow"]).expect("a selection");
        assert!(!without_advice.incomplete);
        assert_eq!(without_advice.skipped.len(), 1);
        assert_eq!(without_advice.verdict(Verdict::Pass), Verdict::Pass);
    }

    #[test]
    fn an_unknown_word_or_an_empty_selection_is_refused() {
        let unknown = select(&["smok"], &[]).expect_err("unknown");
        assert_eq!(
            unknown,
            SelectionError::Unknown {
                word: "smok".to_owned(),
                help: "did you mean \"smoke\"?".to_owned()
            }
        );
        assert!(matches!(
            select(&[], &["xyzzy"]),
            Err(SelectionError::Unknown { .. })
        ));
        assert_eq!(select(&["home"], &["home"]), Err(SelectionError::Nothing));
        assert_eq!(select(&["cart"], &["login"]), Err(SelectionError::Nothing));
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn never_a_pass_where_something_required_is_left_out(
            only in proptest::collection::vec(0usize..6, 0..3),
            skip in proptest::collection::vec(0usize..6, 0..3),
        ) {
            let words = ["home", "login", "cart", "speed", "smoke", "slow"];
            let named = |which: &[usize]| -> Vec<&str> { which.iter().map(|index| words[*index]).collect() };
            if let Ok(selected) = select(&named(&only), &named(&skip)) {
                let required = suite().iter().filter(|probe| !probe.is_advisory()).count();
                let of_them = selected.asked.iter().filter(|probe| !probe.is_advisory()).count();
                let passes = selected.verdict(Verdict::Pass) == Verdict::Pass;
                prop_assert_eq!(passes, of_them == required);
                prop_assert_eq!(selected.asked.len() + selected.skipped.len(), suite().len());
                // Whatever is asked, all that it needs is asked too.
                for probe in &selected.asked {
                    prop_assert!(probe.needs.iter().all(|need| asked(&selected).contains(&need.as_str())));
                }
            }
        }
    }
}
