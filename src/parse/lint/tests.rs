use super::*;
use crate::domain::finding::Source;
use crate::parse;

mod assertions;
mod calendars;
mod kinds;
mod plans;
mod servers;
mod signers;

const POLICY: &str = "\
version: 1
roles: {qa: {}, dev: {}, rm: {}}
people:
  ana: {email: ana@example.com, roles: [qa, rm]}
  ben: {email: ben@example.com, roles: [dev]}
priorities:
  critical: {window: 5m}
triggers:
  data-at-risk: {priority: critical}
";

const CHECKLIST: &str = "\
gates:
  - id: development
    title: Development is done
    phase: pre-release
    role: dev
    items:
      - id: merged
        title: All changes are merged
  - id: go
    title: Go
    phase: staging
    approvals: [{role: qa}, {role: rm}]
    after: [development]
";

const NOTES: &str = "\
release: 2.4.0
type: minor
previous: 2.3.9
known_issues: [The search is slow]
verification:
  within: 10m
  probes:
    - id: home
      priority: critical
      http: {url: 'https://shop.example.com/', expect: {status: 200}}
rollback:
  plan:
    - {id: code, kind: code, argv: [./rollback.sh]}
  target_probe: {id: old, command: {argv: [./version], expect: {exit: 0}}}
  verify:
    - {id: port, tcp: {address: 'localhost:80'}}
";

fn workspace(policy: &str, checklist: &str, notes: &str) -> Workspace {
    fn valid<T>(result: Result<Document<T>, Vec<Finding>>) -> Slot<T> {
        match result {
            Ok(document) => Slot::Read(Box::new(document)),
            Err(findings) => panic!("{findings:#?}"),
        }
    }
    Workspace {
        policy: valid(parse::policy(&Source::new("relgate.yaml", policy))),
        bases: BTreeMap::new(),
        releases: vec![Release {
            folder: "2.4.0".to_owned(),
            notes: valid(parse::notes(&Source::new("notes.yaml", notes))),
            checklist: valid(parse::checklist(&Source::new("checklist.yaml", checklist))),
        }],
        signers: Signers::Unread,
    }
}

fn base(workspace: &mut Workspace, name: &str, text: &str) {
    let source = Source::new(format!(".relgate/checklists/{name}.yaml"), text);
    let mut findings = Vec::new();
    let slot = Slot::of(parse::checklist(&source), &mut findings);
    assert!(findings.is_empty(), "{findings:?}");
    workspace.bases.insert(name.to_owned(), slot);
}

fn shown(workspace: &Workspace) -> Vec<String> {
    lint(workspace)
        .iter()
        .map(|finding| {
            assert!(finding.at.is_some(), "{finding:?} has no position");
            finding.to_string()
        })
        .collect()
}

fn with_policy(change: &[(&str, &str)]) -> Vec<String> {
    shown(&workspace(&changed(POLICY, change), CHECKLIST, NOTES))
}

fn with_checklist(change: &[(&str, &str)]) -> Vec<String> {
    shown(&workspace(POLICY, &changed(CHECKLIST, change), NOTES))
}

fn with_notes(change: &[(&str, &str)]) -> Vec<String> {
    shown(&workspace(POLICY, CHECKLIST, &changed(NOTES, change)))
}

fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in the text");
        text.replacen(from, to, 1)
    })
}

/// Exactly one finding, which contains every part.
fn only(findings: &[String], parts: &[&str]) {
    assert_eq!(findings.len(), 1, "{findings:#?}");
    for part in parts {
        assert!(
            findings[0].contains(part),
            "{part:?} is not in {findings:#?}"
        );
    }
}

#[test]
fn files_that_agree_have_no_findings() {
    assert_eq!(shown(&workspace(POLICY, CHECKLIST, NOTES)), [""; 0]);
}

// req: B4
#[test]
fn the_hand_off_refers_to_gates_that_exist() {
    only(
        &with_checklist(&[("after: [development]", "after: [developement]")]),
        &[
            "checklist.yaml:13:13: gate \"go\": the gate \"developement\" is not declared in the checklist; did you mean \"development\"?",
        ],
    );
}

#[test]
fn gates_that_wait_for_each_other_are_shown_as_a_circle() {
    only(
        &with_checklist(&[("    role: dev\n", "    role: dev\n    after: [go]\n")]),
        &["gates wait for each other in a circle: development -> go -> development"],
    );
    only(
        &with_checklist(&[("after: [development]", "after: [go]")]),
        &[":13:13:", "go -> go"],
    );
    only(
        &with_checklist(&[("phase: pre-release", "phase: closure")]),
        &["gate \"go\" of phase staging waits for gate \"development\" of the later phase closure"],
    );
}

// req: B3
#[test]
fn every_role_of_a_gate_is_declared_and_held() {
    only(
        &with_checklist(&[("role: dev", "role: dve")]),
        &[
            "checklist.yaml:5:11: gate \"development\": the role \"dve\" is not declared in the policy; did you mean \"dev\"?",
        ],
    );
    only(
        &with_policy(&[
            ("qa: {}", "qa: {}, security: {}"),
            (
                "ben@example.com, roles: [dev]",
                "ben@example.com, roles: [security]",
            ),
        ]),
        &[
            "gate \"development\": nobody holds the role \"dev\"; add it to the roles of somebody in relgate.yaml",
        ],
    );
    only(
        &with_checklist(&[("{role: qa}", "{role: qa, count: 2}")]),
        &["it needs 2 people of role \"qa\", and 1 holds it"],
    );
    only(
        &with_checklist(&[("{role: qa}, {role: rm}", "{role: qa}, {role: qa}")]),
        &["the role \"qa\" is listed twice", "\"count\""],
    );
}

#[test]
fn a_gate_decides_something_and_somebody_signs_it() {
    only(
        &with_checklist(&[("    approvals: [{role: qa}, {role: rm}]\n", "")]),
        &[":9:9:", "gate \"go\": it has no items and no approvals"],
    );
    only(
        &with_checklist(&[("    role: dev\n", "")]),
        &["gate \"development\": nobody signs it, and the item \"merged\" needs a person"],
    );
    only(
        &with_checklist(&[("approvals: [{role: qa}, {role: rm}]", "approvals: []")]),
        &["\"approvals\" is empty"],
    );
    only(
        &with_checklist(&[(
            "approvals: [{role: qa}",
            "role: dev\n    approvals: [{role: qa}",
        )]),
        &["both a role and approvals"],
    );
    only(
        &with_checklist(&[(
            "items:\n      - id: merged\n        title: All changes are merged\n",
            "items: []\n",
        )]),
        &["gate \"development\": the list of items is empty"],
    );
    only(
        &with_checklist(&[("    after:", "    within: 0s\n    after:")]),
        &["\"within\" is no time at all"],
    );
}

#[test]
fn ids_name_one_thing() {
    let twice = with_checklist(&[
        ("id: go", "id: development"),
        ("after: [development]", "valid_for: 1d"),
    ]);
    only(
        &twice,
        &[
            ":9:9:",
            "the gate \"development\" is declared twice; it is already on line 2",
        ],
    );
    only(
        &with_checklist(&[(
            "  - id: go",
            "      - {id: merged, title: Again}\n  - id: go",
        )]),
        &["the item \"merged\" is declared twice; it is already on line 7"],
    );
    only(
        &with_notes(&[("{id: port,", "{id: home,")]),
        &[
            "notes.yaml:16:12:",
            "the probe id \"home\" is used twice; it is already on line 8",
        ],
    );
    only(
        &with_checklist(&[(
            "  - id: go",
            "      - {id: up, title: Up, probe: {id: home, tcp: {address: 'x:1'}}}\n  - id: go",
        )]),
        &[
            "notes.yaml:8:11:",
            "used twice in this release; it is already in checklist.yaml on line 9",
        ],
    );
    only(
        &with_notes(&[(
            "    - {id: code,",
            "    - {id: code, kind: database, argv: [./a]}\n    - {id: code,",
        )]),
        &["the step \"code\" is declared twice"],
    );
    only(
        &with_notes(&[(
            "previous: 2.3.9\n",
            "previous: 2.3.9\ndeployment: {stages: [{id: eu}, {id: us}, {id: eu}]}\nartifacts: [{name: a, path: x}]\n",
        )]),
        &["the stage \"eu\" is declared twice"],
    );
}

#[test]
fn distinct_signers_need_distinct_people() {
    let own = "    after: [development]\n    distinct_from: [development]\n";
    assert_eq!(
        with_checklist(&[("    after: [development]\n", own)]),
        [""; 0]
    );
    only(
        &shown(&workspace(
            &changed(
                POLICY,
                &[("roles: [dev]", "roles: []"), ("[qa, rm]", "[qa, rm, dev]")],
            )
            .replace("  ben: {email: ben@example.com, roles: []}\n", ""),
            &changed(CHECKLIST, &[("    after: [development]\n", own)]),
            NOTES,
        )),
        &["warning:", "only \"ana\" can sign either"],
    );
    only(
        &with_checklist(&[("after: [development]", "distinct_from: [nobody]")]),
        &["the gate \"nobody\" is not declared in the checklist; valid: development, go"],
    );
}

#[test]
fn a_checklist_extends_one_that_exists() {
    let extending = changed(CHECKLIST, &[("gates:", "extends: standrad\ngates:")]);
    let mut files = workspace(POLICY, &extending, NOTES);
    base(
        &mut files,
        "standard",
        "gates: [{id: base, title: B, phase: pre-release, role: qa}]\n",
    );
    // What the missing base might hold is not guessed at: one finding.
    only(
        &shown(&files),
        &[
            "checklist.yaml:1:10:",
            "the checklist \"standrad\" is not declared in .relgate/checklists; did you mean \"standard\"?",
        ],
    );
    let extending = changed(
        CHECKLIST,
        &[
            ("gates:", "extends: standard\ngates:"),
            ("after: [development]", "after: [development, base]"),
        ],
    );
    let mut files = workspace(POLICY, &extending, NOTES);
    base(
        &mut files,
        "standard",
        "gates: [{id: base, title: B, phase: pre-release, role: qa}]\n",
    );
    assert_eq!(shown(&files), [""; 0]);
    base(
        &mut files,
        "standard",
        "gates: [{id: go, title: B, phase: pre-release, role: qa}]\n",
    );
    let findings = shown(&files);
    assert!(findings.iter().any(|f| f.contains("is already in .relgate/checklists/standard.yaml on line 1; a base's gates can be added to, not changed")), "{findings:#?}");
    base(&mut files, "standard", "extends: other\n");
    base(&mut files, "other", "extends: standard\n");
    let findings = shown(&files);
    assert!(
        findings
            .iter()
            .any(|f| f.contains("in a circle: other -> standard -> other")),
        "{findings:#?}"
    );
}

#[test]
fn a_base_that_is_broken_hides_no_other_finding_and_adds_none() {
    let extending = changed(
        CHECKLIST,
        &[
            ("gates:", "extends: standard\ngates:"),
            ("[development]", "[from-base]"),
        ],
    );
    let mut files = workspace(POLICY, &extending, NOTES);
    files.bases.insert("standard".to_owned(), Slot::Broken);
    assert_eq!(shown(&files), [""; 0]);
    files.policy = Slot::Broken;
    assert_eq!(shown(&files), [""; 0]);
}

#[test]
fn the_policy_can_demand_a_checklist() {
    let policy = format!("{POLICY}checklists: {{default: standard}}\n");
    let mut files = workspace(&policy, CHECKLIST, NOTES);
    base(
        &mut files,
        "standard",
        "gates: [{id: base, title: B, phase: pre-release, role: qa}]\n",
    );
    only(
        &shown(&files),
        &["the policy demands that a minor release extends the checklist \"standard\""],
    );
    files.bases.clear();
    let findings = shown(&files);
    assert!(
        findings
            .iter()
            .any(|f| f.starts_with("relgate.yaml:10:23: checklists \"default\"")),
        "{findings:#?}"
    );
}

#[test]
fn every_duration_may_have_parts_of_a_second() {
    for fine in ["500ms", "1.5s", "1m1s500ms", "5m"] {
        let window = format!("{{window: {fine}}}");
        assert_eq!(with_policy(&[("{window: 5m}", &window)]), [""; 0], "{fine}");
    }
    let times = "priority: critical, timeout: 500ms, settle: 1.5s, every: 250ms, retries: 1, backoff: 100ms"
        .replace(", ", "\n      ");
    assert_eq!(with_notes(&[("priority: critical", &times)]), [""; 0]);
}

#[test]
fn an_empty_checklist_is_no_checklist() {
    only(
        &shown(&workspace(POLICY, "gates: []\n", NOTES)),
        &["checklist.yaml:1:1:", "the checklist has no gates"],
    );
}

#[test]
fn the_policy_refers_to_what_it_declares() {
    only(
        &with_policy(&[
            ("[qa, rm]", "[qa, rm, relase-manager]"),
            ("rm: {}", "rm: {}, release-manager: {}"),
        ]),
        &[
            "relgate.yaml:4:49: person \"ana\": the role \"relase-manager\" is not declared",
            "did you mean \"release-manager\"?",
        ],
    );
    only(
        &with_policy(&[("{priority: critical}", "{priority: critcal}")]),
        &[
            "trigger \"data-at-risk\": the priority \"critcal\" is not declared in the policy; did you mean \"critical\"?",
        ],
    );
    let extra = |text: &str| shown(&workspace(&format!("{POLICY}{text}"), CHECKLIST, NOTES));
    only(
        &extra("default_priority: low\n"),
        &["default_priority", "\"low\"", "valid: critical"],
    );
    only(
        &extra("authority: {rollback: []}\n"),
        &["nobody has the authority to rollback"],
    );
    only(
        &extra("authority: {close: [rmm]}\n"),
        &["authority \"close\"", "did you mean \"rm\"?"],
    );
    only(
        &extra("follow_up: [{after: rollback, title: RCA, role: dvelopment, due: 1d}]\n"),
        &["follow-up \"RCA\": the role \"dvelopment\" is not declared"],
    );
    only(
        &extra("deployment_checklist: {distinct_people: true, passes: 3}\n"),
        &[
            "warning:",
            "needs 3 passes by distinct people, and 2 may verify",
        ],
    );
    only(
        &with_policy(&[("ben@example.com", "Ana@example.com")]),
        &["person \"ben\" has the e-mail address of person \"ana\""],
    );
}

#[test]
fn what_a_type_demands_can_be_met() {
    // req: C7
    let types = |rule: &str| {
        let policy = format!("{POLICY}types: {{minor: {rule}}}\n");
        shown(&workspace(&policy, CHECKLIST, NOTES))
    };
    assert_eq!(
        types("{approvals: [{gate: go, role: dev}], notice: 2w, required: [links]}"),
        [""; 0]
    );
    only(
        &types("{approvals: [{gate: goo, role: dev}]}"),
        &[
            "the gate \"goo\" is not declared in the checklist of 2.4.0",
            "did you mean \"go\"?",
        ],
    );
    only(
        &types("{approvals: [{gate: go, role: dvv}]}"),
        &["the role \"dvv\" is not declared"],
    );
    only(
        &types("{approvals: [{gate: go, role: dev, count: 2}]}"),
        &["2 people must sign as dev, and 1 can"],
    );
    only(
        &types("{review: {role: boss, due: 1d}}"),
        &["the role \"boss\" is not declared"],
    );
}

#[test]
fn nothing_is_told_twice_over_several_releases() {
    let mut files = workspace(POLICY, &format!("extends: standard\n{CHECKLIST}"), NOTES);
    base(
        &mut files,
        "standard",
        "gates: [{id: base, title: B, phase: pre-release, role: qaa}]\n",
    );
    let mut second = files.releases[0].clone();
    second.folder = "2.4.0".to_owned();
    files.releases.push(second);
    only(
        &shown(&files),
        &[
            ".relgate/checklists/standard.yaml:1:",
            "did you mean \"qa\"?",
        ],
    );
}

mod arbitrary {
    use super::*;
    use proptest::prelude::*;

    /// `text` with `snippet` in place of `length` characters from `at`.
    fn damaged(text: &str, at: usize, length: usize, snippet: &str) -> String {
        let at = at % text.len();
        let end = (at + length).min(text.len());
        format!("{}{snippet}{}", &text[..at], &text[end..])
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn no_damage_panics_and_every_finding_is_in_its_file(
            which in 0..3usize,
            at in 0..2_000usize,
            length in 0..12usize,
            snippet in "(\\PC{0,3}|: |- |\\[|\\{|\n|\n  |~|''|\\$\\{|&a |\\*a |0s|-1)",
        ) {
            let mut texts = [POLICY.to_owned(), CHECKLIST.to_owned(), NOTES.to_owned()];
            texts[which] = damaged(&texts[which], at, length, &snippet);
            let [policy, checklist, notes] = texts.map(|text| Source::new("", text));
            let named = |file: &str, source: &Source| Source { file: file.to_owned(), ..source.clone() };
            let (policy, checklist, notes) = (named("p", &policy), named("c", &checklist), named("n", &notes));
            let mut findings = Vec::new();
            let workspace = Workspace {
                policy: Slot::of(parse::policy(&policy), &mut findings),
                bases: BTreeMap::new(),
                releases: vec![Release {
                    folder: "2.4.0".to_owned(),
                    notes: Slot::of(parse::notes(&notes), &mut findings),
                    checklist: Slot::of(parse::checklist(&checklist), &mut findings),
                }],
                signers: Signers::Absent,
            };
            findings.extend(lint(&workspace));
            for finding in findings {
                let source = [&policy, &checklist, &notes].into_iter().find(|s| s.file == finding.file);
                let text = &source.expect("a finding names one of the files").text;
                let at = finding.at.expect("a finding has a position");
                prop_assert!(at.line <= text.lines().count() + 1, "{finding:?}");
                prop_assert!(finding.span.clone().is_none_or(|span| text.get(span).is_some()));
                prop_assert!(!finding.message.contains('\n'), "{finding:?}");
            }
        }
    }
}
