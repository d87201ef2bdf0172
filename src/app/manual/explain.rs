//! One word of the manual: a key of a file, the code of a finding, the kind of a record.

use super::keys::{Key, Mapping, mappings};
use crate::domain::finding::Rule;
use crate::domain::nearest::nearest;
use crate::domain::outcome::Manual;
use crate::domain::record::body::Body;

/// How many names are suggested for one that is unknown.
const SUGGESTIONS: usize = 5;

/// What `name` is: `probe.retry_if`, `unknown-key`, `signed-off`.
///
/// # Errors
/// The nearest names, where it is none.
pub fn explain(name: &str) -> Result<Manual, Vec<String>> {
    let wanted = name.trim();
    let found = |text: String| Manual {
        name: wanted.to_owned(),
        text,
    };
    if let Some(known) = Rule::ALL.iter().find(|rule| rule.code() == wanted) {
        return Ok(found(rule(*known)));
    }
    if let Some((kind, about)) = Body::KINDS.iter().find(|(kind, _)| *kind == wanted) {
        let about = about.trim();
        return Ok(found(format!(
            "## {kind}\n\nA record of the ledger. {about}\n\nMore: `relgate help records`.\n"
        )));
    }
    let all = mappings();
    match looked_up(&all, wanted) {
        Some(text) => Ok(found(text)),
        None => Err(near(&all, wanted)),
    }
}

/// A rule: its cause, an example, what is right.
pub fn rule(rule: Rule) -> String {
    let mut text = format!(
        "## {}\n\n{}\n\n{}\n",
        rule.code(),
        rule.summary(),
        rule.cause()
    );
    if rule.wrong().is_empty() {
        match rule.right().split_once(' ') {
            Some((first, _)) if first.starts_with(char::is_lowercase) => {
                text.push_str(&format!("\n```text\n{}\n```\n", rule.right()));
            }
            _ => text.push_str(&format!("\n{}\n", rule.right())),
        }
    } else {
        text.push_str(&format!(
            "\nWrong:\n\n```text\n{}\n```\n\nRight:\n\n```text\n{}\n```\n",
            rule.wrong(),
            rule.right()
        ));
    }
    text
}

fn looked_up(all: &[Mapping], wanted: &str) -> Option<String> {
    let mapping = |name: &str| {
        let name = name.replace(['_', ' '], "-");
        all.iter().find(|it| it.name == name)
    };
    if let Some(found) = mapping(wanted) {
        return Some(whole(found));
    }
    if let Some((first, rest)) = wanted.split_once('.') {
        let mut current = mapping(first)?;
        let mut steps = rest.split('.').peekable();
        while let Some(step) = steps.next() {
            let key = current.keys.iter().find(|it| it.name == step)?;
            if steps.peek().is_none() {
                return Some(one(current, key));
            }
            current = mapping(key.leads_to.as_deref()?)?;
        }
        return None;
    }
    // A key alone: wherever it stands.
    let sections: Vec<String> = all
        .iter()
        .flat_map(|mapping| mapping.keys.iter().map(move |key| (mapping, key)))
        .filter(|(_, key)| key.name == wanted)
        .map(|(mapping, key)| one(mapping, key))
        .collect();
    (!sections.is_empty()).then(|| sections.join("\n"))
}

/// A value's type without the links of the reference: `list of [probe](#probe)` is `list of probe`.
fn unlinked(value: &str) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, link)) = rest.split_once('[') {
        text.push_str(before);
        match link.split_once("](") {
            Some((name, target)) => {
                text.push_str(name);
                rest = target.split_once(')').map_or("", |(_, after)| after);
            }
            None => {
                text.push('[');
                rest = link;
            }
        }
    }
    text.push_str(rest);
    text
}

fn one(mapping: &Mapping, key: &Key) -> String {
    let mut text = format!(
        "## {}.{}\n\n{}\n\n- value: {}\n- {}\n",
        mapping.name,
        key.name,
        key.about.replace("\\|", "|"),
        unlinked(&key.value).replace("\\|", "|"),
        if key.required { "required" } else { "optional" },
    );
    if let Some(inner) = &key.leads_to {
        text.push_str(&format!("- its keys: `relgate explain {inner}`\n"));
    }
    text.push_str(&format!("\nMore: `relgate help {}`.\n", mapping.page));
    text
}

fn whole(mapping: &Mapping) -> String {
    let mut text = format!(
        "## {}\n\n{}\n\n| key | value | |\n| --- | --- | --- |\n",
        mapping.name, mapping.about
    );
    for key in &mapping.keys {
        let must = if key.required { " (required)" } else { "" };
        text.push_str(&format!(
            "| `{}`{must} | {} | {} |\n",
            key.name,
            unlinked(&key.value),
            key.about
        ));
    }
    text.push_str(&format!("\nMore: `relgate help {}`.\n", mapping.page));
    text
}

/// The names that are nearest to `wanted`, the nearest first.
fn near(all: &[Mapping], wanted: &str) -> Vec<String> {
    let last = wanted.rsplit('.').next().unwrap_or(wanted);
    let full = all.iter().flat_map(|mapping| {
        let keys = mapping.keys.iter();
        keys.map(move |key| (format!("{}.{}", mapping.name, key.name), key.name.clone()))
    });
    let mut pairs: Vec<(String, String)> = full.collect();
    let plain = |name: &str| (name.to_owned(), name.to_owned());
    pairs.extend(all.iter().map(|mapping| plain(&mapping.name)));
    pairs.extend(Rule::ALL.iter().map(|rule| plain(rule.code())));
    pairs.extend(Body::KINDS.iter().map(|(kind, _)| plain(kind)));
    let mut found: Vec<(usize, String)> = pairs
        .into_iter()
        .filter_map(|(full, short)| {
            let close = |word: &str, name: &str| {
                nearest(word, [name]).map(|_| strsim::damerau_levenshtein(word, name))
            };
            let distance = close(wanted, &full).or_else(|| close(last, &short).map(|it| it + 1));
            distance.map(|distance| (distance, full))
        })
        .collect();
    found.sort();
    found.dedup();
    let names = found.into_iter().map(|(_, name)| name);
    names.take(SUGGESTIONS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_mapping_by_its_way_and_alone() {
        let by_mapping = explain("probe.retry_if").expect("a key");
        assert!(
            by_mapping.text.contains("## probe.retry_if"),
            "{by_mapping:?}"
        );
        let way = explain("release-notes.rollback.plan.timeout").expect("a key");
        assert!(way.text.contains("## step.timeout"), "{way:?}");
        let alone = explain("retry_if").expect("a key");
        assert_eq!(alone.text, by_mapping.text);
        assert!(
            explain("timeout")
                .expect("keys")
                .text
                .contains("## step.timeout")
        );
    }

    #[test]
    fn a_mapping_a_rule_and_a_record_are_explained() {
        assert!(
            explain("http-probe")
                .expect("a mapping")
                .text
                .contains("`url`")
        );
        assert!(explain("http probe").is_ok());
        let rule = explain("unknown-key").expect("a rule");
        assert!(rule.text.contains("tiemout: 5s"), "{rule:?}");
        assert!(
            explain("signed-off")
                .expect("a record")
                .text
                .contains("signed a gate")
        );
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        for (wrong, near) in [
            ("probe.rerty_if", "probe.retry_if"),
            ("unknwon-key", "unknown-key"),
            ("policy.waivres", "policy.waivers"),
            ("retryif", "probe.retry_if"),
        ] {
            let names = explain(wrong).expect_err("it is none");
            assert!(names.iter().any(|it| it == near), "{wrong}: {names:?}");
        }
        assert_eq!(
            explain("qqqqqqqqqqqqqqq").expect_err("it is none"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn every_key_can_be_explained_and_leads_to_a_mapping_that_exists() {
        let all = mappings();
        assert!(all.len() > 40, "{}", all.len());
        for mapping in &all {
            assert!(explain(&mapping.name).is_ok(), "{}", mapping.name);
            for key in &mapping.keys {
                let name = format!("{}.{}", mapping.name, key.name);
                assert!(explain(&name).is_ok(), "{name}");
                if let Some(inner) = &key.leads_to {
                    assert!(all.iter().any(|it| it.name == *inner), "{name}: {inner}");
                }
            }
        }
    }
}
