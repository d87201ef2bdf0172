//! What a heading of release notes means: a field, a kind of change, a version, or nearly one of them.

/// A field that prose fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Summary,
    Changes,
    Breaking,
    MigrationSteps,
    KnownIssues,
    Expected,
}

/// Every heading that fills a field, in lower case; the first of a field is the one that messages name.
const FIELDS: [(&str, Field); 9] = [
    ("summary", Field::Summary),
    ("changes", Field::Changes),
    ("notable changes", Field::Changes),
    ("breaking changes", Field::Breaking),
    ("breaking", Field::Breaking),
    ("migration steps", Field::MigrationSteps),
    ("known issues", Field::KnownIssues),
    ("expected behaviour", Field::Expected),
    ("expected behavior", Field::Expected),
];

/// The kinds of change of Keep a Changelog 1.1.0.
const KINDS_OF_CHANGE: [&str; 6] = [
    "Added",
    "Changed",
    "Deprecated",
    "Removed",
    "Fixed",
    "Security",
];

impl Field {
    /// The key of the same field in front matter.
    pub(super) fn key(self) -> &'static str {
        match self {
            Field::Summary => "summary",
            Field::Changes => "changes",
            Field::Breaking => "breaking",
            Field::MigrationSteps => "migration_steps",
            Field::KnownIssues => "known_issues",
            Field::Expected => "expected",
        }
    }

    /// The heading that fills it.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Field::Summary => "Summary",
            Field::Changes => "Changes",
            Field::Breaking => "Breaking changes",
            Field::MigrationSteps => "Migration steps",
            Field::KnownIssues => "Known issues",
            Field::Expected => "Expected behaviour",
        }
    }

    /// The field that a heading fills, whatever its number.
    pub(super) fn of_heading(heading: &str) -> Option<Field> {
        let bare = bare(heading);
        known(&bare).or_else(|| known(unnumbered(&bare)))
    }
}

/// The kind of change that a heading names.
pub(super) fn kind_of_change(heading: &str) -> Option<&'static str> {
    let bare = bare(heading);
    KINDS_OF_CHANGE
        .into_iter()
        .find(|kind| kind.eq_ignore_ascii_case(&bare))
}

fn known(bare: &str) -> Option<Field> {
    let found = FIELDS.iter().find(|(name, _)| *name == bare);
    found.map(|(_, field)| *field)
}

/// A heading in lower case without a colon at its end and without an anchor: `Known issues: {#known}`.
fn bare(heading: &str) -> String {
    let heading = heading.trim();
    let heading = match heading.rfind("{#") {
        Some(anchor) if heading.ends_with('}') => &heading[..anchor],
        _ => heading,
    };
    heading
        .trim()
        .trim_end_matches([':', '.'])
        .trim()
        .to_lowercase()
}

/// What follows the number of a heading: `4. `, `4) `, `4 `, `4.1 `, `iv. `, `b) `.
fn unnumbered(heading: &str) -> &str {
    let Some((first, rest)) = heading.split_once(char::is_whitespace) else {
        return heading;
    };
    let word = first.trim_start_matches(['§', '(', '#']);
    let number = word.trim_end_matches(['.', ')', ':']);
    let is_number = number.starts_with(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_letter = number.len() < word.len()
        && (number.len() == 1 && number.chars().all(|c| c.is_ascii_alphabetic())
            || !number.is_empty() && number.chars().all(|c| matches!(c, 'i' | 'v' | 'x')));
    if is_number || is_letter {
        rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '–' | '—'))
    } else {
        heading
    }
}

/// The version that a heading is about: `[2.4.0] - 2026-11-20`, `v2.4.0 (2026-11-20)`, `Version 2.4.0`, `[Unreleased]`.
/// `1.0 clients` and `3. What is new` are about none.
pub(super) fn version_of(heading: &str) -> Option<&str> {
    let heading = heading.trim();
    let first = heading.split_whitespace().next()?;
    let named = ["version", "release"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(first));
    let (rest, bare_number) = match named {
        true => (heading.get(first.len()..)?.trim_start(), false),
        false => (heading, true),
    };
    let word = rest.split_whitespace().next()?;
    let after = rest.get(word.len()..)?.trim_start();
    let bracketed = word.starts_with('[') && word.trim_end_matches(':').ends_with(']');
    let bare = word.trim_start_matches('[').trim_end_matches([']', ':']);
    if bracketed && bare_number {
        return Some(bare);
    }
    let says_when = after.is_empty()
        || word.ends_with(':') && bare_number
        || after.starts_with(['-', '–', '—', '(', '[', '/', ':', '|', '"', ','])
        || after.starts_with(|c: char| c.is_ascii_digit());
    ((is_version(bare) || is_unreleased(bare)) && says_when).then_some(bare)
}

/// `2.4.0`, `v2.4`, `1.0.0-rc.1+7`.
fn is_version(word: &str) -> bool {
    let digits = word.strip_prefix(['v', 'V']).unwrap_or(word);
    let parts = digits.split(['.', '-', '+']);
    digits.contains('.')
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && parts
            .into_iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// What is not released is no release's, whatever its name.
fn is_unreleased(version: &str) -> bool {
    ["unreleased", "upcoming", "next"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(version))
}

/// Whether a heading's version is the release that the notes are about.
pub(super) fn is_this(version: &str, release: Option<&str>) -> bool {
    let plain = |name: &str| name.strip_prefix(['v', 'V']).unwrap_or(name).to_owned();
    !is_unreleased(version) && release.is_none_or(|release| plain(release) == plain(version))
}

/// Whether a heading inside the changes is about a version: there a word in brackets may be anything.
pub(super) fn is_version_inside(version: &str) -> bool {
    is_version(version) || is_unreleased(version)
}

/// Where a heading stands, for what it may have been meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// In no field: whatever is below it fills nothing.
    Nothing,
    /// In a field, which has what is below it.
    Field,
}

/// The heading that `heading` was most probably meant to be; `None` where it is one, or nothing like one.
///
/// Near is: the same but for numbers, marks and what stands in brackets; letters exchanged or missing; outside of a field
/// also a known heading with more words round it, or the first of its two words with another second one.
pub(super) fn near_miss(heading: &str, within: Within) -> Option<&'static str> {
    if heading.len() > 200 || Field::of_heading(heading).is_some() {
        return None;
    }
    let said = words(heading);
    if said.is_empty() || kind_of_change(heading).is_some() {
        return None;
    }
    let fields = FIELDS.iter().map(|(name, field)| (*name, field.heading()));
    let kinds = KINDS_OF_CHANGE
        .iter()
        .map(|kind| (*kind, *kind))
        .filter(|_| within == Within::Nothing);
    let all: Vec<(Vec<String>, &'static str)> = fields
        .chain(kinds)
        .map(|(name, meant)| (words(name), meant))
        .collect();
    let joined = said.concat();
    let nearest = all
        .iter()
        .filter_map(|(name, meant)| {
            if name.concat() == joined {
                return Some((0, *meant));
            }
            Some((distance(&said, name)?, *meant))
        })
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, meant)) = nearest {
        return Some(meant);
    }
    if within == Within::Field {
        return None;
    }
    let is_kind = |meant: &str| KINDS_OF_CHANGE.contains(&meant);
    let longer = all.iter().filter(|(_, meant)| !is_kind(meant));
    longer
        .filter(|(name, _)| match name.as_slice() {
            [only] => said.first() == Some(only),
            [first, _] if said.len() <= 2 && first != "notable" => said.first() == Some(first),
            name => said.windows(name.len()).any(|some| some == name),
        })
        .max_by_key(|(name, _)| name.len())
        .map(|(_, meant)| *meant)
}

/// The words of a heading, without numbers in front, what stands in brackets, marks and emoji.
fn words(heading: &str) -> Vec<String> {
    let bare = bare(heading);
    let mut depth = 0_usize;
    let mut text = String::new();
    for c in unnumbered(&bare).chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            c if c.is_alphabetic() => text.push(c),
            _ => text.push(' '),
        }
    }
    // Emoji by name, as in `:warning: Breaking changes`.
    let emoji = ["warning", "bug", "sparkles", "boom", "rotating light"];
    let mut text = text.trim();
    if bare.starts_with(':') {
        for name in emoji {
            text = text.strip_prefix(name).unwrap_or(text).trim_start();
        }
    }
    text.split_whitespace().map(str::to_owned).collect()
}

/// How many letters two rows of words differ in, where every word is near its fellow.
fn distance(said: &[String], name: &[String]) -> Option<usize> {
    if said.len() != name.len() {
        return None;
    }
    let each = said.iter().zip(name).map(|(one, other)| {
        let allowed = match one.chars().count().max(other.chars().count()) {
            0..=3 => 0,
            4..=6 => 1,
            _ => 2,
        };
        Some(strsim::damerau_levenshtein(one, other)).filter(|apart| *apart <= allowed)
    });
    each.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_anchors_and_colons_do_not_change_a_heading() {
        for heading in [
            "Known issues",
            "KNOWN ISSUES:",
            "4. Known issues",
            "4 Known issues",
            "4) Known issues",
            "4.2 Known issues",
            "4.2. Known issues",
            "iv. Known issues",
            "b) Known issues",
            "§ 4",
            "§4 Known issues",
            "(4) Known issues",
            "4. – Known issues",
            "Known issues {#known-issues}",
        ] {
            let wanted = (heading != "§ 4").then_some(Field::KnownIssues);
            assert_eq!(Field::of_heading(heading), wanted, "{heading}");
        }
    }

    #[test]
    fn what_is_nearly_a_heading_is_told_from_what_is_not() {
        use Within::{Field as InField, Nothing};
        for (heading, within, meant) in [
            ("⚠ BREAKING CHANGES", Nothing, Some("Breaking changes")),
            ("⚠ BREAKING CHANGES", InField, Some("Breaking changes")),
            (
                "⚠\u{fe0f} Breaking Changes",
                Nothing,
                Some("Breaking changes"),
            ),
            (
                ":warning: Breaking changes",
                Nothing,
                Some("Breaking changes"),
            ),
            ("Breaking Changes!", Nothing, Some("Breaking changes")),
            ("Breaking change", Nothing, Some("Breaking changes")),
            ("Breaking API changes", Nothing, Some("Breaking changes")),
            ("Known Issues (2)", Nothing, Some("Known issues")),
            ("Known Issues [2]", InField, Some("Known issues")),
            ("4. Known Issues (2)", Nothing, Some("Known issues")),
            ("Know issues", Nothing, Some("Known issues")),
            ("Known isues", InField, Some("Known issues")),
            ("Known-issues", Nothing, Some("Known issues")),
            ("KnownIssues", Nothing, Some("Known issues")),
            ("known_issues", Nothing, Some("Known issues")),
            (
                "Known issues and limitations",
                Nothing,
                Some("Known issues"),
            ),
            ("Known issues and limitations", InField, None),
            ("All known issues", Nothing, Some("Known issues")),
            ("Known problems", Nothing, Some("Known issues")),
            ("Known problems", InField, None),
            ("✨ Changes", Nothing, Some("Changes")),
            ("Chnages", Nothing, Some("Changes")),
            ("Changes since 2.3.9", Nothing, Some("Changes")),
            ("Sumary", Nothing, Some("Summary")),
            ("Expected behaviors", Nothing, Some("Expected behaviour")),
            ("Expected", Nothing, Some("Expected behaviour")),
            ("Migration", Nothing, Some("Migration steps")),
            ("Migration guide", Nothing, Some("Migration steps")),
            ("Migrations steps", Nothing, Some("Migration steps")),
            ("Fixes", Nothing, Some("Fixed")),
            ("Fixes", InField, None),
            ("Changelog", Nothing, None),
            ("Change log", Nothing, None),
            ("Release 2.4.0", Nothing, None),
            ("Upgrade notes", Nothing, None),
            ("API changes", Nothing, None),
            ("Details", Nothing, None),
            ("Payments", InField, None),
            ("Features", Nothing, None),
            ("Known issues", Nothing, None),
            ("Added", Nothing, None),
            ("", Nothing, None),
            ("2.4.0", Nothing, None),
        ] {
            assert_eq!(near_miss(heading, within), meant, "{heading} {within:?}");
        }
    }

    #[test]
    fn a_heading_is_about_a_version_or_not() {
        for (heading, version) in [
            ("[2.4.0] - 2026-11-20", Some("2.4.0")),
            ("2.4.0", Some("2.4.0")),
            ("v2.4.0 (2026-11-20)", Some("v2.4.0")),
            ("2.4.0 / 2026-11-20", Some("2.4.0")),
            ("2.4.0 2026-11-20", Some("2.4.0")),
            ("2.4.0 – 2026-11-20 [YANKED]", Some("2.4.0")),
            ("1.0.0-rc.1", Some("1.0.0-rc.1")),
            ("Version 2.3.0", Some("2.3.0")),
            ("Release 2.3.0 (2026-10-01)", Some("2.3.0")),
            ("[Unreleased]", Some("Unreleased")),
            ("Unreleased", Some("Unreleased")),
            ("UNRELEASED - 2.5.0", Some("UNRELEASED")),
            ("Next", Some("Next")),
            ("[Autumn]", Some("Autumn")),
            ("1.0 clients", None),
            ("3. What is new", None),
            ("3.", None),
            ("4. Known issues", None),
            ("Next steps", None),
            ("Release notes", None),
            ("Changelog", None),
            ("", None),
        ] {
            assert_eq!(version_of(heading), version, "{heading}");
        }
        assert!(is_this("v2.4.0", Some("2.4.0")));
        assert!(!is_this("Unreleased", Some("2.4.0")));
        assert!(!is_this("unreleased", None));
    }
}
