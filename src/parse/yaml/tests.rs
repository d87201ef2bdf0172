use super::*;
use crate::domain::finding::Position;
use crate::parse::node::pointer_step;

fn read(text: &str) -> Node {
    match parse(&Source::new("f.yaml", text)) {
        Ok(node) => node,
        Err(findings) => panic!("{text:?}: {findings:?}"),
    }
}

fn refused(text: &str) -> Vec<String> {
    match parse(&Source::new("f.yaml", text)) {
        Ok(node) => panic!("{text:?} was read as {node:?}"),
        Err(findings) => findings.iter().map(Finding::to_string).collect(),
    }
}

fn position(node: &Node, path: &str) -> (usize, usize) {
    let place = node.value_position(path).expect("the path is in the text");
    (place.at.line, place.at.column)
}

#[test]
fn every_key_and_value_has_its_place() {
    let text =
        "gates:\n  - id: qa\n    items: [one, two]\n  - id: \"go\"\n    within: 24h\nempty:\n";
    let node = read(text);
    assert_eq!(position(&node, "/gates/0/id"), (2, 9));
    assert_eq!(position(&node, "/gates/0/items/1"), (3, 18));
    let place = node.value_position("/gates/1/id").expect("it is there");
    assert_eq!(&text[place.span.clone()], "\"go\"");
    let key = node.key_position("/gates/1/within").expect("it is there");
    assert_eq!(&text[key.span.clone()], "within");
    assert_eq!(key.at, Position { line: 5, column: 5 });
    assert_eq!(node.at("/gates/2"), None);
    assert_eq!(node.nearest_position("/gates/1/role").at.line, 4);
    assert_eq!(node.nearest_position("/empty").at.line, 6);
    assert!(node.get("empty").is_some_and(Node::is_null));
}

#[test]
fn pointers_escape_slashes() {
    let node = read("a/b:\n  c~d: 1\n");
    let path = format!("{}{}", pointer_step("a/b"), pointer_step("c~d"));
    assert_eq!(node.at(&path).map(|n| &n.value), Some(&Value::UInt(1)));
}

#[test]
fn scalars_have_the_types_of_yaml_1_2() {
    let node = read("[yes, on, true, 1, -2, 0x10, 1.5, 2.10, '3', ~, 2026-11-20, 10:30, 5M, 007]");
    let json = node.to_json();
    assert_eq!(
        json.to_string(),
        r#"["yes","on",true,1,-2,16,1.5,2.1,"3",null,"2026-11-20","10:30","5M",7.0]"#
    );
}

#[test]
fn every_duplicate_key_is_reported_with_the_line_of_the_first() {
    let findings = refused("a: 1\nb:\n  c: 1\n  c: 2\na: 3\na: 4\n");
    assert_eq!(
        findings,
        [
            "f.yaml:4:3: duplicate key \"c\"; it is already on line 3; keep one of the two",
            "f.yaml:5:1: duplicate key \"a\"; it is already on line 1; keep one of the two",
            "f.yaml:6:1: duplicate key \"a\"; it is already on line 1; keep one of the two",
        ]
    );
}

#[test]
fn keys_must_be_text() {
    let findings = refused("200: ok\ntrue: x\n? [a, b]\n: y\n");
    assert!(
        findings[0]
            .starts_with("f.yaml:1:1: a key must be text, found a number; quote it: \"200\""),
        "{findings:?}"
    );
    assert!(
        findings[1].contains(":2:1: a key must be text, found true or false"),
        "{findings:?}"
    );
    assert!(findings[2].contains("found a list"), "{findings:?}");
}

#[test]
fn merge_keys_work_and_are_no_duplicates() {
    let node =
        read("base: &base\n  timeout: 5s\n  retries: 1\nprobe:\n  <<: *base\n  retries: 3\n");
    assert_eq!(
        node.at("/probe").map(Node::to_json),
        Some(serde_json::json!({"retries": 3, "timeout": "5s"}))
    );
    assert_eq!(position(&node, "/probe/timeout"), (2, 12));
    let findings = refused("a: &a\n  x: 1\n  x: 2\nb: *a\n");
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(refused("a: {<<: 3}\n")[0].contains("merge key"));
}

#[test]
fn one_file_is_one_document() {
    let findings = refused("a: 1\n---\nb: 2\n");
    assert!(
        findings[0].contains("more than one YAML document"),
        "{findings:?}"
    );
    read("---\na: 1\n...\n");
}

#[test]
fn an_empty_file_is_nothing() {
    for text in ["", "\n", "# only a comment\n", "\u{feff}", "---\n"] {
        assert!(read(text).is_null(), "{text:?}");
    }
}

#[test]
fn other_editors_files_are_read() {
    let node = read("\u{feff}a: 1\r\nb:\r\n  - x\r\n  - é: y\r\n");
    assert_eq!(position(&node, "/a"), (1, 4));
    assert_eq!(position(&node, "/b/1/é"), (4, 8));
    assert_eq!(node.value_position("/a").map(|p| p.span), Some(6..7));
}

#[test]
fn a_part_keeps_the_places_of_the_whole() {
    let text = "---\nü: 1\nb: [x]\n---\n# prose\n";
    let source = Source::new("n.md", text);
    let end = text.rfind("---").expect("it is there");
    let node = parse_part(&source, 4..end).expect("it is well formed");
    let place = node.value_position("/b/0").expect("it is there");
    assert_eq!(place.at, Position { line: 3, column: 5 });
    assert_eq!(&text[place.span], "x");
    assert!(parse_part(&source, 5..end).is_err());
}

#[test]
fn characters_that_no_editor_shows_are_named() {
    assert_eq!(
        refused("a: 1\nb: x\0y\n"),
        ["f.yaml:2:5: the file contains a NUL character; save it as plain UTF-8 text"]
    );
    let findings = refused("a:\n\tb: 1\n");
    assert!(
        findings[0].starts_with("f.yaml:2:1: a tab is used for indentation"),
        "{findings:?}"
    );
    read("a: |\n  x\n  \ty: z\n");
}

#[test]
fn syntax_errors_have_a_place() {
    for (text, line) in [
        ("a: 1\nb: [1, 2\n", 2..=3),
        ("a: \"open\n", 1..=2),
        ("a: 1\n b: 2\n", 1..=2),
        ("a: x: y\n", 1..=1),
        ("a: *nowhere\n", 1..=1),
        ("a: !custom x\n", 1..=1),
        ("- a\nb: 1\n", 2..=2),
    ] {
        let findings = parse(&Source::new("f.yaml", text)).expect_err("it is malformed");
        assert_eq!(findings.len(), 1, "{text:?}");
        let at = findings[0].at.expect("a syntax error has a position");
        assert!(line.contains(&at.line), "{text:?} {findings:?}");
        assert!(!findings[0].message.contains('\n'));
    }
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let findings = refused("sha: 12e4567\nx: .inf\n");
    assert!(
        findings[0].contains("12e4567 is not a number") && findings[0].contains("quote it"),
        "{findings:?}"
    );
    assert_eq!(findings.len(), 2);
}

#[test]
fn bombs_are_refused_quickly() {
    let mut aliases = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = level - 1;
        let list = vec![format!("*a{before}"); 9].join(", ");
        aliases.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    let findings = refused(&aliases);
    assert!(findings[0].contains("aliases multiply"), "{findings:?}");
    let allowed = read(&format!("{}{}", "[".repeat(46), "]".repeat(46)));
    assert_eq!(allowed.to_json().to_string().len(), 92);
    assert!(!refused(&"[".repeat(100_000)).is_empty());
    let deep: String = (0..200).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    assert!(!refused(&deep).is_empty());
    assert!(refused(&"x".repeat(LARGEST_FILE + 1))[0].contains("bytes"));
}

mod arbitrary {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn no_text_panics(text in "(\\PC|[\n\t\r :\\-\\[\\]{}&*!|>'\"#?,a0~<]){0,120}") {
            let source = Source::new("f.yaml", text);
            if let Ok(node) = parse(&source) {
                // Every span lies in the text on character boundaries, or a renderer would panic.
                fn walk(node: &Node, text: &str) {
                    assert!(text.get(node.place.span.clone()).is_some(), "{node:?}");
                    for entry in node.entries() {
                        assert!(text.get(entry.key_place.span.clone()).is_some(), "{entry:?}");
                        walk(&entry.value, text);
                    }
                    node.elements().iter().for_each(|element| walk(element, text));
                }
                walk(&node, &source.text);
            } else if let Err(findings) = parse(&source) {
                for finding in findings {
                    if let Some(span) = finding.span {
                        prop_assert!(source.text.get(span).is_some());
                    }
                }
            }
        }
    }
}
