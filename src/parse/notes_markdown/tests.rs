use serde_json::json;

use super::*;
use crate::domain::finding::Position;

fn read(text: &str) -> Node {
    match parse(&Source::new("release-notes.md", text)) {
        Ok(node) => node,
        Err(findings) => panic!("{text:?}: {findings:#?}"),
    }
}

fn refused(text: &str) -> Vec<String> {
    match parse(&Source::new("release-notes.md", text)) {
        Ok(node) => panic!("{text:?} was read as {node:?}"),
        Err(findings) => findings.iter().map(Finding::to_string).collect(),
    }
}

#[test]
fn headings_fill_the_fields_of_the_same_name() {
    let text = "---\nrelease: 2.4.0\ntype: minor\n---\n\n# Release 2.4.0\n\nWelcome.\n\n## Summary\n\nFaster *search*.\n\n\
                And more.\n\n## CHANGES:\n\n- One,\n  on two lines\n- Two\n  - nested\n\n### Details\n\n* Three\n\n## Other\n\n\
                - not a change\n\n## Migration steps\n\n1. Stop\n2. Start\n\n## Known issues\n\nThe first is odd.\n\n\
                The second too.\n\n## Breaking changes\n\nNone.\n\n# Expected behavior\n\nSlow first start.\n";
    let node = read(text);
    assert_eq!(
        node.to_json(),
        json!({
            "release": "2.4.0",
            "type": "minor",
            "summary": "Faster *search*.\n\nAnd more.",
            "changes": ["One,\non two lines", "Two\n- nested", "Details: Three"],
            "migration_steps": ["Stop", "Start"],
            "known_issues": ["The first is odd.", "The second too."],
            "breaking": [],
            "expected": ["Slow first start."],
        })
    );
    let key = node.key_position("/summary").expect("it is there");
    assert_eq!(
        key.at,
        Position {
            line: 10,
            column: 1
        }
    );
    let second = node
        .value_position("/migration_steps/1")
        .expect("it is there");
    assert_eq!(&text[second.span], "Start");
    assert_eq!(second.at.column, 4);
}

#[test]
fn keep_a_changelog_is_understood() {
    let text = "---\nrelease: v2.4.0\n---\n# Changelog\n\n## [2.4.0] - 2026-11-20\n\n### Added\n\n- Search\n- Sort\n\n### Removed\n\n\
                - The old page\n\n## [2.3.0] - 2026-10-01\n\n### Fixed\n\n- Not of this release\n\n\
                [2.4.0]: https://example.com/2.4.0\n";
    let node = read(text);
    assert_eq!(
        node.get("changes").map(Node::to_json),
        Some(json!([
            "Added: Search",
            "Added: Sort",
            "Removed: The old page"
        ]))
    );
    let mixed = read("---\nrelease: '1'\n---\n## Changes\n\n- a\n\n### Fixed\n\n- b\n");
    assert_eq!(
        mixed.get("changes").map(Node::to_json),
        Some(json!(["a", "Fixed: b"]))
    );
}

#[test]
fn another_releases_changes_are_not_taken() {
    let findings = refused("---\nrelease: 2.4.0\n---\n## [2.4.1]\n\n### Added\n\n- x\n");
    assert_eq!(
        findings,
        [
            "release-notes.md:4:1: the changes below this heading are those of 2.4.1, not of 2.4.0; write them below \"## [2.4.0]\""
        ]
    );
}

#[test]
fn comments_are_not_content() {
    let text = "---\nrelease: 2.4.0\nknown_issues:\n---\n## Summary\n\n<!-- What does it\n\nbring? -->\n\n## Changes\n\n<!-- one per line -->\n\
                - <!-- first -->\n- real <!-- yes --> one\n\n## Known issues\n\n<!-- none? -->\n\nAn issue.\n\n<!-- more -->\n\n    <!-- code -->\n";
    let node = read(text);
    assert_eq!(node.get("summary"), None);
    assert_eq!(
        node.get("changes").map(Node::to_json),
        Some(json!(["real  one"]))
    );
    assert_eq!(
        node.get("known_issues").map(Node::to_json),
        Some(json!(["An issue.", "<!-- code -->"]))
    );
}

#[test]
fn a_field_has_one_source() {
    let findings = refused("---\nrelease: a\nsummary: x\n---\n## Summary\n\ny\n");
    assert_eq!(
        findings,
        [
            "release-notes.md:5:1: the field \"summary\" is filled twice: here and in the front matter on line 3; keep one of the two"
        ]
    );
    let findings = refused("---\nrelease: a\n---\n## Summary\n\ny\n\n## Summary\n\nz\n");
    assert!(
        findings[0].contains(":8:1: a second heading for \"summary\"; the first is on line 4"),
        "{findings:?}"
    );
    read("---\nsummary: x\nchanges: []\n---\n## Summary\n\n<!-- nothing -->\n");
}

#[test]
fn front_matter_is_needed_and_closed() {
    assert!(
        refused("# Release\n")[0]
            .starts_with("release-notes.md:1:1: the release notes do not begin with front matter")
    );
    assert!(refused("")[0].contains("do not begin with front matter"));
    assert!(
        refused("---\nrelease: x\n\n# Prose\n")[0]
            .starts_with("release-notes.md:1:1: the front matter that begins here is never closed")
    );
    assert!(refused("---\n- a\n---\n")[0].contains(":2:1: the front matter is not a mapping"));
    assert_eq!(read("---\n---\n").entries(), []);
}

#[test]
fn findings_in_front_matter_have_the_lines_of_the_file() {
    let findings = refused("---\nrelease: x\nrelease: y\n---\n## Summary\n");
    assert!(
        findings[0].starts_with("release-notes.md:3:1: duplicate key \"release\""),
        "{findings:?}"
    );
    let findings = refused("---\na: [1\n---\n");
    assert!(
        findings[0].starts_with("release-notes.md:2:")
            || findings[0].starts_with("release-notes.md:3:"),
        "{findings:?}"
    );
}

#[test]
fn other_editors_files_are_read() {
    let node = read(
        "\u{feff}---\r\nrelease: 2.4.0\r\n---\r\n\r\n## Summary\r\n\r\nA\r\nb\r\n\r\n## Changes\r\n\r\n- x\r\n- y\r\n",
    );
    assert_eq!(
        node.to_json(),
        json!({"release": "2.4.0", "summary": "A\nb", "changes": ["x", "y"]})
    );
    assert_eq!(
        node.value_position("/changes/1").map(|p| p.at),
        Some(Position {
            line: 13,
            column: 3
        })
    );
}

mod blocks;

mod arbitrary {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn no_text_panics(
            front in "(a: 1\n|summary: x\n|\\PC{0,5}\n){0,3}",
            prose in "(\\PC|## Summary\n|# Changes\n|### Added\n|## \\[1.0.0\\]\n|<!--|-->|- |1. |\n|\r\n|  |> |```\n|ü){0,40}",
        ) {
            let source = Source::new("n.md", format!("---\n{front}---\n{prose}"));
            match parse(&source) {
                Ok(node) => {
                    for entry in node.entries() {
                        prop_assert!(source.text.get(entry.key_place.span.clone()).is_some());
                        prop_assert!(source.text.get(entry.value.place.span.clone()).is_some());
                        for element in entry.value.elements() {
                            prop_assert!(source.text.get(element.place.span.clone()).is_some());
                        }
                    }
                }
                Err(findings) => {
                    for finding in findings {
                        prop_assert!(finding.span.is_none_or(|span| source.text.get(span).is_some()));
                    }
                }
            }
            let _ = parse(&Source::new("n.md", prose));
        }
    }
}
