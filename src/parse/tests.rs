use super::*;
use crate::domain::finding::Rule;

fn src(file: &str, text: &str) -> Source {
    Source::new(file, text)
}

fn lines(findings: Vec<Finding>) -> Vec<String> {
    findings.iter().map(Finding::to_string).collect()
}

#[test]
fn a_policy_is_read_with_its_places() {
    let text = "version: 1\nroles:\n  qa: {}\npeople:\n  ana: {roles: [qa]}\n";
    let document = policy(&src("relgate.yaml", text)).expect("it is valid");
    assert_eq!(document.value.roles.len(), 1);
    let finding = document
        .site()
        .error(Rule::UnknownKey, "/people/ana/roles/0", "m");
    assert_eq!(finding.at.map(|at| (at.line, at.column)), Some((5, 17)));
    let finding = document
        .site()
        .error_at_key(Rule::UnknownKey, "/roles/qa", "m");
    assert_eq!(finding.at.map(|at| (at.line, at.column)), Some((3, 3)));
}

#[test]
fn notes_are_read_by_the_files_name() {
    let yaml = notes(&src(
        "release-notes.yaml",
        "release: 2.4.0\ntype: minor\nsummary: s\n",
    ));
    let markdown = notes(&src(
        "releases/2.4.0/release-notes.md",
        "---\nrelease: 2.4.0\ntype: minor\n---\n\n## Summary\n\ns\n",
    ));
    assert_eq!(
        yaml.expect("it is valid").value,
        markdown.expect("it is valid").value
    );
}

#[test]
fn what_is_not_filled_in_parses() {
    let text = "---\nrelease: 2.4.0\ntype: patch\nteam:\nartifacts:\nrollback: {plan: }\n---\n## Summary\n<!-- help -->\n";
    let document = notes(&src("release-notes.md", text)).expect("it is valid");
    assert_eq!(document.value.team, None);
    assert_eq!(document.value.summary, None);
    assert!(document.value.rollback.is_some_and(|r| r.plan.is_none()));
}

#[test]
fn an_empty_file_says_what_belongs_there() {
    for text in ["", "# later\n", "---\n"] {
        let findings = checklist(&src("checklist.yaml", text)).expect_err("it is empty");
        assert_eq!(
            lines(findings),
            [
                "checklist.yaml:1:1: the checklist is empty; \"relgate schema checklist\" prints what belongs there"
            ]
        );
    }
}

#[test]
fn what_only_the_type_refuses_has_its_place() {
    let text = "version: 1\nroles: {a..b: {}}\n";
    let findings = policy(&src("relgate.yaml", text)).expect_err("the name is refused");
    assert_eq!(findings.len(), 1);
    assert!(
        findings[0].to_string().starts_with("relgate.yaml:2:9: ")
            && findings[0].message.contains("a..b"),
        "{findings:?}"
    );
    let text = "version: 1\nroles: {}\nchecklists:\n  minro: standard\n";
    let findings = policy(&src("relgate.yaml", text)).expect_err("the rule is unknown");
    assert_eq!(
        lines(findings),
        [
            "relgate.yaml:4:3: \"minro\" is not one of the words that can stand here; did you mean \"minor\"?"
        ]
    );
    let text = "release: a..b\ntype: minor\n";
    let findings = notes(&src("n.yaml", text)).expect_err("the name is refused");
    assert_eq!(findings[0].at.map(|at| (at.line, at.column)), Some((1, 10)));
}

#[test]
fn bytes_that_are_no_text_are_placed() {
    let findings = source("n.md", b"a: 1\nb: \xff\n".to_vec()).expect_err("it is not UTF-8");
    assert_eq!(
        lines(findings),
        ["n.md:2:4: the file is not UTF-8 text; save it as UTF-8"]
    );
    assert!(source("n.md", "é".into()).is_ok());
}

/// Speed is measured in benches, not here; this holds the shape of the work: it grows with the file, not faster.
#[test]
fn a_checklist_of_fifty_items_is_read() {
    let mut text = String::from("gates:\n");
    for gate in 0..10 {
        text.push_str(&format!("  - id: g{gate}\n    title: Gate {gate}\n    phase: pre-release\n    role: qa\n    items:\n"));
        for item in 0..5 {
            text.push_str(&format!(
                "      - id: i{item}\n        title: Item {item} is done\n        help: Look\n"
            ));
        }
    }
    let document = checklist(&src("checklist.yaml", &text)).expect("it is valid");
    let items: usize = document
        .value
        .gates()
        .iter()
        .map(|gate| gate.items().len())
        .sum();
    assert_eq!(items, 50);
}
