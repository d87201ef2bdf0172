//! Regular expressions, held against texts that somebody else sends, within bounds.
//!
//! The engine takes time linear in the text, and linear in the expression too: together that can be minutes. Nothing can
//! stop it once it runs, so an expression that could take long is followed here, byte by byte, and what is new is counted:
//! whatever it knows already costs nothing, as with almost every expression and text.

use std::cell::Cell;
use std::collections::HashSet;

use regex::{Captures, Regex, RegexBuilder};
use regex_automata::Input;
use regex_automata::hybrid::dfa::{self, DFA};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};

/// A compiled regular expression takes no more memory than this, in bytes.
pub const LARGEST: usize = 1024 * 1024;

/// So many steps are taken without counting them: one for each of the states, with each byte. They take a few
/// nanoseconds each.
const CHEAP: u64 = 20_000_000;

/// More than these are not taken for one assertion.
const MOST: u64 = 300_000_000;

/// To make a part of an automaton takes longer than to go through the states that it is made of.
const MAKING: u64 = 3;

/// What the engine has to know, so that it is looked up instead of found out again.
const MEMORY: usize = 8 * 1024 * 1024;

/// A regular expression.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    nfa: NFA,
}

/// To find out whether a text matches would take too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the regular expression is too much for the text: it would take too long to find out")]
pub struct TooMuch;

/// The steps that may still be taken.
#[derive(Debug)]
pub struct Budget(Cell<u64>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(MOST))
    }
}

impl Budget {
    fn take(&self, steps: u64) -> Result<(), TooMuch> {
        self.0.set(self.0.get().checked_sub(steps).ok_or(TooMuch)?);
        Ok(())
    }
}

impl Pattern {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, or that it is too large.
    pub fn read(text: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(text)
            .size_limit(LARGEST)
            .build()
            .map_err(|error| error.to_string())?;
        let config = thompson::Config::new()
            .nfa_size_limit(Some(LARGEST))
            .which_captures(WhichCaptures::None);
        let nfa = NFA::compiler()
            .configure(config)
            .build(text)
            .map_err(|error| error.to_string())?;
        Ok(Self { regex, nfa })
    }

    /// How many states it has: what a byte of a text costs at most.
    pub fn states(&self) -> u64 {
        u64::try_from(self.nfa.states().len()).unwrap_or(u64::MAX)
    }

    /// Whether it is found in `text`. Of a text that was cut, nothing is known of what follows: what reaches its end may
    /// match that end, and nothing that was sent.
    ///
    /// # Errors
    /// [`TooMuch`]: it is not known.
    pub fn is_in(&self, text: &str, cut: bool, budget: &Budget) -> Result<bool, TooMuch> {
        let most = self.cost(text);
        if most > CHEAP
            && let Some(known) = self.follow(text, cut, budget)?
        {
            return Ok(known);
        }
        budget.take(most)?;
        Ok(match cut {
            true => self
                .regex
                .shortest_match(text)
                .is_some_and(|end| end < text.len()),
            false => self.regex.is_match(text),
        })
    }

    /// What its groups find in `text`.
    ///
    /// # Errors
    /// [`TooMuch`]: it is not known.
    pub fn captures<'t>(
        &self,
        text: &'t str,
        budget: &Budget,
    ) -> Result<Option<Captures<'t>>, TooMuch> {
        budget.take(self.cost(text))?;
        Ok(self.regex.captures(text))
    }

    fn cost(&self, text: &str) -> u64 {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.states().saturating_mul(length)
    }

    /// Follows the text with an automaton that is made on the way, and pays for what is made of it: a state and a byte
    /// that met before cost nothing. `None` where this engine cannot tell (a Unicode word boundary).
    fn follow(&self, text: &str, cut: bool, budget: &Budget) -> Result<Option<bool>, TooMuch> {
        let config = dfa::Config::new()
            .unicode_word_boundary(true)
            .skip_cache_capacity_check(true)
            .cache_capacity(MEMORY);
        let built = DFA::builder()
            .configure(config)
            .build_from_nfa(self.nfa.clone());
        let Ok(dfa) = built else {
            return Ok(None);
        };
        let mut cache = dfa.create_cache();
        let Ok(mut state) = dfa.start_state_forward(&mut cache, &Input::new(text)) else {
            return Ok(None);
        };
        let mut met = HashSet::new();
        let mut cleared = cache.clear_count();
        for byte in text.bytes() {
            if met.insert((state, byte)) {
                budget.take(self.states().saturating_mul(MAKING))?;
            }
            let Ok(next) = dfa.next_state(&mut cache, state, byte) else {
                return Ok(None);
            };
            state = next;
            if cache.clear_count() != cleared {
                cleared = cache.clear_count();
                met.clear();
            }
            if state.is_match() {
                return Ok(Some(true));
            }
            if state.is_dead() {
                return Ok(Some(false));
            }
            if state.is_quit() {
                return Ok(None);
            }
        }
        if cut {
            return Ok(Some(false));
        }
        let end = dfa.next_eoi_state(&mut cache, state);
        Ok(end.ok().map(|state| state.is_match()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Letters that follow no pattern.
    fn noise(length: usize) -> String {
        let mut seed = 1_u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            if seed >> 16 & 1 == 1 { 'a' } else { 'b' }
        };
        (0..length).map(|_| next()).collect()
    }

    fn is_in(pattern: &str, text: &str, cut: bool) -> Result<bool, TooMuch> {
        let pattern = Pattern::read(pattern).expect("a pattern");
        pattern.is_in(text, cut, &Budget::default())
    }

    #[test]
    fn what_would_take_minutes_is_too_much() {
        let hard = "(a|b)*a(a|b){3000}c";
        let text = noise(1 << 20);
        assert_eq!(is_in(hard, &text, false), Err(TooMuch));
        assert_eq!(is_in(hard, &text, true), Err(TooMuch));
        let short = &text[..1 << 11];
        assert_eq!(is_in(hard, short, false), Ok(false));
        // Many short ones cost as much as a long one.
        let pattern = Pattern::read(hard).expect("a pattern");
        let budget = Budget::default();
        let all: Result<Vec<bool>, TooMuch> = (0..100)
            .map(|_| pattern.is_in(short, false, &budget))
            .collect();
        assert_eq!(all, Err(TooMuch));
        let groups = pattern.captures(&text, &Budget::default());
        assert!(groups.is_err());
    }

    #[test]
    fn a_long_text_is_not() {
        let text = format!("{}\nstatus: ready é\n", noise(1 << 20));
        for (pattern, found) in [
            (r"status: \w+", true),
            (r"^status: \w+ \w$", false),
            (r"(?m)^status: \w+ \w$", true),
            (r"(?i)error|fatal|panic", false),
            (r"\bready\b", true),
            (r"(?s)^.*$", true),
            (r"[^\n]*ok", false),
            (r"(\w+\s+){3}", false),
            (r"[a-z]{3,}: ready", true),
        ] {
            assert_eq!(is_in(pattern, &text, false), Ok(found), "{pattern}");
        }
        // One match after the other is never looked for.
        assert_eq!(
            is_in(".*[^A-Z]|[A-Z]", &"A".repeat(1 << 20), true),
            Ok(true)
        );
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn it_is_followed_as_the_library_does(
            text in "[ab\\n é]{0,40}",
            at in 0..12_usize,
            cut in any::<bool>(),
        ) {
            let patterns = [
                "a+b", "^a", "b$", "(?m)^b$", "(?s)^.*$", "[^a]*$", "é", r"\w+\s", "a{2,3}b",
                "", "(a|b)*a(a|b){3}", "a|^$",
            ];
            let pattern = Pattern::read(patterns[at]).expect("a pattern");
            let known = pattern.follow(&text, cut, &Budget::default()).expect("little");
            if let Some(known) = known {
                prop_assert_eq!(known || cut, pattern.regex.is_match(&text) || cut);
                // What was seen before the end stays, whatever follows.
                if cut && known {
                    let longer = format!("{text}ab\n");
                    prop_assert!(pattern.regex.is_match(&longer));
                }
            }
        }
    }
}
