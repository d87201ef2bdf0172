//! Circles in what waits for what.

use std::collections::HashMap;

/// A way that ends where it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Circle<'a> {
    /// The names on it, each waiting for the next, the first repeated at the end.
    pub(super) names: Vec<&'a str>,
}

impl Circle<'_> {
    /// `a -> b -> a`.
    pub(super) fn shown(&self) -> String {
        self.names.join(" -> ")
    }
}

/// The circles among `waits`, pairs of a name and those it waits for: at least one of every group that waits for
/// itself, in the order of the names. Names that are not declared lead nowhere.
pub(super) fn circles<'a>(waits: &[(&'a str, Vec<&'a str>)]) -> Vec<Circle<'a>> {
    let index: HashMap<&str, usize> = waits
        .iter()
        .enumerate()
        .rev()
        .map(|(index, (name, _))| (*name, index))
        .collect();
    let mut done = vec![false; waits.len()];
    let mut on_way = vec![false; waits.len()];
    let mut found = Vec::new();
    for start in 0..waits.len() {
        // The way so far: a name's index, and which of those it waits for comes next. No recursion: a chain may be long.
        let mut way: Vec<(usize, usize)> = vec![(start, 0)];
        if done[start] {
            continue;
        }
        on_way[start] = true;
        while let Some((at, next)) = way.pop() {
            let Some(name) = waits[at].1.get(next) else {
                on_way[at] = false;
                done[at] = true;
                continue;
            };
            way.push((at, next + 1));
            let Some(&to) = index.get(name) else {
                continue;
            };
            if on_way[to] {
                let from = way.iter().position(|(at, _)| *at == to).unwrap_or_default();
                let mut names: Vec<&str> = way[from..].iter().map(|(at, _)| waits[*at].0).collect();
                names.push(waits[to].0);
                found.push(Circle { names });
            } else if !done[to] {
                on_way[to] = true;
                way.push((to, 0));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(waits: &[(&str, &[&str])]) -> Vec<String> {
        let waits: Vec<(&str, Vec<&str>)> = waits
            .iter()
            .map(|(name, on)| (*name, on.to_vec()))
            .collect();
        circles(&waits).iter().map(Circle::shown).collect()
    }

    #[test]
    fn a_circle_is_shown_from_where_it_is_entered() {
        assert_eq!(
            shown(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &["d"])]),
            ["b -> c -> b", "d -> d"]
        );
    }

    #[test]
    fn a_diamond_is_no_circle() {
        assert!(
            shown(&[
                ("a", &["b", "c"]),
                ("b", &["d"]),
                ("c", &["d", "x"]),
                ("d", &[])
            ])
            .is_empty()
        );
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let names: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
        let waits: Vec<(&str, Vec<&str>)> = names
            .iter()
            .zip(names.iter().skip(1))
            .map(|(name, next)| (name.as_str(), vec![next.as_str()]))
            .collect();
        assert!(circles(&waits).is_empty());
    }
}
