//! Nothing that stands below a field's heading is lost, whatever block it is.

use super::*;

/// Every heading that fills a field, and its key.
const FIELDS: [(&str, &str); 8] = [
    ("## Summary", "summary"),
    ("## Changes", "changes"),
    ("## Breaking changes", "breaking"),
    ("## 3. Migration steps", "migration_steps"),
    ("Known issues\n============", "known_issues"),
    ("# Known issues:", "known_issues"),
    ("## Expected behaviour", "expected"),
    ("### Fixed", "changes"),
];

/// Blocks that Markdown has; `@` and `%` stand for a word each.
const BLOCKS: [(&str, &str); 27] = [
    ("a paragraph", "@ and\n%."),
    ("a list", "- @\n- %"),
    ("a list with stars", "* @\n* %"),
    ("a numbered list", "1. @\n2. %"),
    ("a loose list", "- @\n\n- %"),
    ("nested lists", "- @\n  - deep\n    1. %"),
    ("an item of several paragraphs", "- @\n\n  % below"),
    ("an item with code", "- @\n\n  ```\n  %\n  ```"),
    ("an item with a heading", "- # @\n\n  %"),
    ("tasks", "- [x] @\n- [ ] %"),
    ("a paragraph before a list", "@:\n\n- %"),
    ("a paragraph after a list", "- @\n\nAnd %."),
    ("a fenced block of code", "```sh\n@ --now\n\n% --then\n```"),
    ("code after a list", "- @\n\n```\n- %\n```"),
    ("an indented block of code", "    @\n\n    %"),
    ("a quotation", "> @\n>\n> - %"),
    ("a quoted heading", "> ## @\n>\n> %"),
    ("a table", "| a | b |\n| --- | --- |\n| @ | % |"),
    ("HTML", "<div class=\"@\">\n%\n</div>"),
    (
        "HTML that hides",
        "<details>\n<summary>@</summary>\n\n%\n\n</details>",
    ),
    (
        "HTML beside a comment",
        "<!-- nothing --> <b>@</b>\n% <!-- nor here -->",
    ),
    ("a bold heading", "**@**\n\n- %"),
    ("a heading below", "#### @\n\n- %"),
    ("headings below each other", "#### @\n\n##### Empty %"),
    ("a heading like a version", "#### 1.0 @\n\nOld %"),
    ("a footnote", "See there.[^@]\n\n[^@]: %"),
    (
        "a link by name",
        "See [@][to @].\n\n[to @]: https://example.com/%",
    ),
];

fn document(heading: &str, body: &str) -> String {
    format!(
        "---\nrelease: 2.4.0\n---\n# 2.4.0\n\nFor people.\n\n{heading}\n\n{body}\n\n# Other\n\n[x]: https://example.com\n"
    )
}

#[test]
fn every_kind_of_block_below_a_heading_belongs_to_its_field() {
    for (heading, key) in FIELDS {
        for (kind, block) in BLOCKS {
            let text = document(
                heading,
                &block.replace('@', "Quince").replace('%', "Medlar"),
            );
            let node = read(&text);
            let value = node.get(key).map(|it| it.to_json().to_string());
            let value = value.unwrap_or_default();
            for word in ["Quince", "Medlar"] {
                assert!(value.contains(word), "{kind} below {heading}: {value}");
            }
            assert_eq!(node.entries().len(), 2, "{kind} below {heading}: {node:?}");
        }
    }
}

#[test]
fn a_change_of_any_letter_below_a_heading_changes_the_field() {
    for (heading, key) in FIELDS {
        for (kind, block) in BLOCKS {
            let body = block.replace('@', "Quince").replace('%', "Medlar");
            let was = read(&document(heading, &body)).get(key).map(Node::to_json);
            let comments = [body.find("<!-- n"), body.rfind("<!-- n")];
            for (at, letter) in body.char_indices() {
                let hidden = comments
                    .iter()
                    .flatten()
                    .any(|open| (*open..open + 18).contains(&at));
                if hidden || !letter.is_ascii_alphabetic() {
                    continue;
                }
                let other = if letter.eq_ignore_ascii_case(&'q') {
                    "r"
                } else {
                    "q"
                };
                let mut changed = body.clone();
                changed.replace_range(at..at + 1, other);
                let is = parse(&Source::new("n.md", document(heading, &changed)));
                let is = is.ok().and_then(|node| node.get(key).map(Node::to_json));
                assert_ne!(is, was, "{kind} below {heading}: {changed:?}");
            }
        }
    }
}

#[test]
fn blocks_beside_each_other_keep_their_order_and_their_headings() {
    let node = read(
        "---\nrelease: 1.1.0\n---\n## Known issues\n\nTwo of them:\n\n- logo blurred\n- cards fail\n\n  twice\n\nAnd the big one: \
         no refunds.\n\n### Old **clients**\n\n- crash\n\n```\ntrace\n```\n\n#### On Mondays\n\n### Nothing below\n\n## Breaking \
         Changes\n\n**The orders API is gone**\n\nClients get 410.\n\n**Migration steps:**\n\n1. Switch\n2. Ask\n",
    );
    assert_eq!(
        node.to_json(),
        json!({
            "release": "1.1.0",
            "known_issues": [
                "Two of them:", "logo blurred", "cards fail\n\ntwice", "And the big one: no refunds.",
                "Old **clients**: crash", "Old **clients**:\n```\ntrace\n```", "Old **clients**: On Mondays", "Nothing below",
            ],
            "breaking": ["**The orders API is gone**", "Clients get 410.", "**Migration steps:**", "Switch", "Ask"],
        })
    );
}

#[test]
fn a_field_within_another_takes_what_is_below_it_and_gives_back_the_rest() {
    let node = read(
        "---\nrelease: 1.1.0\n---\n## Summary\n\nOne.\n\n### Known issues\n\n- a\n\n### More\n\nTwo.\n\n## Breaking changes\n\n- b\n\n\
         ### Migration steps\n\n- c\n\n#### Security\n\n- d\n\n### Others\n\n- e\n",
    );
    assert_eq!(
        node.to_json(),
        json!({
            "release": "1.1.0",
            "summary": "One.\n\n### More\n\nTwo.",
            "known_issues": ["a"],
            "breaking": ["b", "Others: e"],
            "migration_steps": ["c", "Security: d"],
        })
    );
}

#[test]
fn what_is_not_released_is_not_of_this_release() {
    for unreleased in [
        "[Unreleased]",
        "Unreleased",
        "UNRELEASED",
        "[unreleased] - now",
        "[Unreleased](https://example.com/compare)",
    ] {
        for title in ["# Changelog", "# Changes"] {
            let text = format!(
                "---\nrelease: 1.1.0\n---\n{title}\n\n## {unreleased}\n\n### Added\n\n- Something else\n\n## [1.1.0] - 2026-12-20\n\n\
                 ### Fixed\n\n- Baskets\n\n## [1.0.0] - 2026-10-01\n\n### Added\n\n- The shop\n\n[Unreleased]: https://example.com/u\n\
                 [1.1.0]: https://example.com/1\n[1.0.0]: https://example.com/0\n"
            );
            let changes = read(&text).get("changes").map(Node::to_json);
            assert_eq!(
                changes,
                Some(json!(["Fixed: Baskets"])),
                "{title} {unreleased}"
            );
        }
        let alone = format!("---\nrelease: 1.1.0\n---\n## {unreleased}\n\n### Added\n\n- x\n");
        let findings = refused(&alone);
        assert!(findings[0].contains("not of 1.1.0; write them below \"## [1.1.0]\""));
    }
}

#[test]
fn a_numbered_heading_is_not_a_version() {
    let node = read(
        "---\nrelease: 1.1.0\n---\n## 3. What is new\n\n### Changes\n\n- c\n\n## 4. Known issues\n\n- Card payments fail\n\n\
         ### 1.0 clients\n\n- crash\n",
    );
    assert_eq!(
        node.to_json(),
        json!({"release": "1.1.0", "changes": ["c"], "known_issues": ["Card payments fail", "1.0 clients: crash"]})
    );
}

#[test]
fn what_is_nearly_a_heading_is_a_warning_at_its_place() {
    let warned = |prose: &str| -> Vec<String> {
        let source = Source::new("n.md", format!("---\nrelease: 1.1.0\n---\n{prose}"));
        let findings = near_misses(&source, "1.1.0");
        findings.iter().map(Finding::to_string).collect()
    };
    for (prose, found) in [
        (
            "## ⚠ BREAKING CHANGES\n\n- x\n",
            "n.md:4:1: warning: the heading \"⚠ BREAKING CHANGES\" fills no field; expected \"Breaking changes\"; make it a heading \"Breaking changes\", so \
             that what stands below it is signed",
        ),
        (
            "\n## Known Issues (2)\n",
            "n.md:5:1: warning: the heading \"Known Issues (2)\" fills no field; expected \"Known issues\"; make it a heading \"Known issues\", so \
             that what stands below it is signed",
        ),
        (
            "## Changes\n\n- x\n\nKnow issues\n---\n\n- y\n",
            "n.md:8:1: warning: the heading \"Know issues\" fills no field; expected \"Known issues\"; make it a heading \"Known issues\", so \
             that what stands below it is signed",
        ),
        (
            "**Known issues:**\n\n- y\n",
            "n.md:4:1: warning: the line in bold letters \"Known issues:\" fills no field; expected \"Known issues\"; make it a heading \"Known issues\", so \
             that what stands below it is signed",
        ),
        (
            "## Changes\n\n<h2 id=\"k\">Known <b>issues</b></h2>\n\n- y\n",
            "n.md:6:1: warning: the heading in HTML \"Known issues\" fills no field; expected \"Known issues\"; make it a heading \"Known issues\", so \
             that what stands below it is signed",
        ),
    ] {
        assert_eq!(warned(prose), [found.to_owned()], "{prose}");
    }
    for prose in [
        "# Changelog\n\n## 1.1.0\n\n### Added\n\n- x\n\n## 1.0.0\n\n### Fixes\n\n## Know issues in 1.0.0\n",
        "## Breaking changes\n\n**Migration steps:**\n\n- x\n",
        "# Release 1.1.0\n\nWelcome.\n\n## Details\n\n- Known issues (2)\n\n> ## Know issues\n",
    ] {
        let found: Vec<String> = warned(prose);
        let in_old = |it: &String| it.contains("Know issues in 1.0.0");
        assert!(found.iter().all(in_old), "{prose}: {found:?}");
    }
}

mod arbitrary {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(crate::domain::testing::properties(200))]
        #[test]
        fn no_word_below_a_heading_is_lost(
            parts in proptest::collection::vec((0..FIELDS.len() * 3, 0..BLOCKS.len()), 1..8),
        ) {
            // A quotation of headings and blocks in any order; each word once, and below which field it stands.
            let mut text = "---\nrelease: 2.4.0\n---\n".to_owned();
            let mut used = Vec::new();
            let mut words = Vec::new();
            let mut key = None;
            for (number, (field, block)) in parts.iter().enumerate() {
                if let Some((heading, filled)) = FIELDS.get(*field)
                    && !used.contains(filled)
                {
                    // Below another field a kind of change is a heading like others.
                    let is_kind = *heading == "### Fixed" && key.is_some();
                    text.push_str(&format!("\n{heading}\n\n"));
                    if !is_kind {
                        used.push(filled);
                        key = Some(*filled);
                    }
                }
                let one = format!("w{number}a");
                let two = format!("w{number}b");
                text.push_str(&BLOCKS[*block].1.replace('@', &one).replace('%', &two));
                text.push_str("\n\n<!-- apart -->\n\n");
                if key.is_some() {
                    words.extend([one, two]);
                }
            }
            let node = parse(&Source::new("n.md", text.clone()));
            prop_assert!(node.is_ok(), "{text}: {node:?}");
            if let Ok(node) = node {
                let all = node.to_json().to_string();
                for word in words {
                    prop_assert!(all.contains(&word), "{word} of\n{text}\nin {all}");
                }
            }
        }
    }
}
