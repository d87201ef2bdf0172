//! What relgate hands out is right: the preset, the templates, the examples in their comments, and the storefront.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use relgate::domain::completeness;
use relgate::domain::finding::{Finding, Source};
use relgate::domain::gate::{Checklist, Phase};
use relgate::domain::ids::TriggerName;
use relgate::domain::policy::{Action, Due, DueDay, FollowUpEvent, OnExpiry, Policy};
use relgate::domain::release::{ReleaseNotes, ReleaseType};
use relgate::parse;
use relgate::parse::lint::{Release, Slot, Workspace, lint};

const VERSION: &str = "2.4";

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A value that was read, or every finding as text.
fn good<T>(read: Result<parse::Document<T>, Vec<Finding>>) -> T {
    match read {
        Ok(document) => document.value,
        Err(findings) => {
            let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
            panic!("\n{}", lines.join("\n"))
        }
    }
}

fn preset() -> Policy {
    let path = "src/presets/standard/relgate.yaml";
    good(parse::policy(&Source::new(path, read(path))))
}

fn preset_checklist() -> Checklist {
    let path = "src/presets/standard/checklist.yaml";
    good(parse::checklist(&Source::new(path, read(path))))
}

/// A template as `new` writes it; a variable that `new` does not give is an error.
fn rendered(name: &str, kind: &str) -> String {
    let mut templates = minijinja::Environment::new();
    templates.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    templates.set_keep_trailing_newline(true);
    let template = read(&format!("release-notes-templates/{name}"));
    templates
        .render_str(
            &template,
            minijinja::context! { version => VERSION, type => kind, date => "2026-11-20", checklist => "standard" },
        )
        .unwrap_or_else(|error| panic!("{name}: {error:#}"))
}

fn notes(kind: ReleaseType, text: &str) -> ReleaseNotes {
    let source = Source::new(format!("{}.md", kind.word()), text);
    good(parse::notes(&source))
}

/// A text with its commented examples in place; the comments that are prose stay.
fn with_examples(text: &str) -> String {
    let example = |line: &str| {
        let rest = line.trim_start().strip_prefix("# ")?;
        let key = rest.split_once(':').map_or("", |(key, _)| key);
        let is_key = !key.is_empty()
            && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            && !rest.starts_with("yaml-language-server");
        (is_key || rest.starts_with("- ") || rest.starts_with("  ")).then(|| {
            let indent = line.len() - line.trim_start().len();
            format!("{}{rest}", &line[..indent])
        })
    };
    let lines: Vec<String> = text
        .lines()
        .map(|line| example(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    lines.join("\n") + "\n"
}

#[test]
fn a_fresh_release_parses_and_lacks_what_only_its_author_knows() {
    // req: B14
    for kind in ReleaseType::ALL {
        let fresh = notes(kind, &rendered(&format!("{}.md", kind.word()), kind.word()));
        assert_eq!(fresh.release.as_str(), VERSION);
        assert_eq!(fresh.kind, kind);
        let bare = serde_json::json!({"release": VERSION, "type": kind});
        let bare: ReleaseNotes = serde_json::from_value(bare).expect("a bare release");
        assert_eq!(
            completeness::gaps(&fresh),
            completeness::gaps(&bare),
            "{}: the template fills in something by itself",
            kind.word()
        );
    }
}

#[test]
fn a_template_has_a_place_for_every_field_that_a_check_asks_for() {
    for kind in ReleaseType::ALL {
        let name = format!("{}.md", kind.word());
        let text = rendered(&name, kind.word());
        let notes = notes(kind, &text);
        for gap in completeness::gaps(&notes) {
            let last = gap.field.rsplit('.').next().unwrap_or(gap.field);
            let heading = match last {
                "breaking" => "## Breaking changes".to_owned(),
                "expected" => "## Expected behaviour".to_owned(),
                "summary" | "changes" | "migration_steps" | "known_issues" => {
                    let words = last.replace('_', " ");
                    format!("## {}{}", words[..1].to_uppercase(), &words[1..])
                }
                key => format!("{key}:"),
            };
            assert!(
                text.lines().any(|line| line.trim() == heading),
                "{name} has no {heading:?}"
            );
        }
    }
}

#[test]
fn the_examples_in_a_template_fill_the_plan() {
    for kind in ReleaseType::ALL {
        let name = format!("{}.md", kind.word());
        let text = rendered(&name, kind.word());
        let notes = notes(kind, &with_examples(&text));
        let missing: BTreeSet<&str> = completeness::gaps(&notes)
            .iter()
            .map(|gap| gap.field)
            .filter(|field| field.contains('.') && *field != "deployment.strategy")
            .collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
        assert!(notes.steps().len() > 1 && !notes.artifacts().is_empty());
        assert!(notes.links.is_some_and(|links| links.len() > 1));
    }
}

#[test]
fn a_fresh_checklist_extends_the_standard_with_and_without_its_example() {
    let text = rendered("checklist.yaml", "minor");
    for (text, gates) in [(text.clone(), 0), (with_examples(&text), 1)] {
        let checklist = good(parse::checklist(&Source::new("checklist.yaml", text)));
        assert_eq!(
            checklist.extends.as_ref().map(|base| base.as_str()),
            Some("standard")
        );
        assert_eq!(checklist.gates().len(), gates);
    }
}

#[test]
fn every_scaffolded_file_names_its_schema() {
    let schema = |text: &str| {
        let line = text
            .lines()
            .find(|line| *line != "---")
            .unwrap_or_default()
            .to_owned();
        line.strip_prefix("# yaml-language-server: $schema=")
            .map(str::to_owned)
    };
    for kind in ReleaseType::ALL {
        assert_eq!(
            schema(&read(&format!(
                "release-notes-templates/{}.md",
                kind.word()
            )))
            .as_deref(),
            Some("../../.relgate/schema/release-notes.json")
        );
    }
    for (path, expected) in [
        (
            "release-notes-templates/checklist.yaml",
            "../../.relgate/schema/checklist.json",
        ),
        (
            "src/presets/standard/checklist.yaml",
            "../schema/checklist.json",
        ),
        (
            "src/presets/standard/relgate.yaml",
            ".relgate/schema/policy.json",
        ),
    ] {
        assert_eq!(schema(&read(path)).as_deref(), Some(expected), "{path}");
    }
}

#[test]
fn the_preset_has_the_windows_and_follow_up_of_the_support_phase() {
    // req: A7, req: A10, req: A11, req: A15, req: B11
    let policy = preset();
    let window = |name: &str| {
        let priorities = policy.priorities();
        let priority = priorities
            .get(name)
            .unwrap_or_else(|| panic!("no priority {name}"));
        assert_eq!(priority.on_expiry.unwrap_or_default(), OnExpiry::Rollback);
        priority.window.to_string()
    };
    assert_eq!(
        (window("critical"), window("lower")),
        ("5m".to_owned(), "30m".to_owned())
    );
    let default = policy.default_priority().expect("a default priority");
    assert_eq!(
        default.as_str(),
        "critical",
        "an unnamed failure must not roll back at once"
    );
    assert_eq!(policy.checklist_passes(), 2);
    let follow_up = policy.follow_up.clone().unwrap_or_default();
    let owed = |due: &Due, role: &str| {
        follow_up.iter().any(|owed| {
            owed.after == FollowUpEvent::Rollback && owed.due == *due && owed.role.as_str() == role
        })
    };
    assert!(owed(&Due::Day(DueDay::NextBusinessDay), "developer"));
    assert!(owed(
        &Due::After("48h".parse().expect("a duration")),
        "release-manager"
    ));
}

#[test]
fn the_preset_rolls_back_at_once_on_every_trigger_of_the_guide() {
    // req: B7
    let policy = preset();
    for trigger in [
        "core-functionality-broken",
        "data-at-risk",
        "security-threat",
        "performance-degraded",
        "revenue-impact",
    ] {
        let name = TriggerName::new(trigger).expect("a trigger's name");
        let priority = policy
            .trigger_priority(&name)
            .unwrap_or_else(|| panic!("no trigger {trigger}"));
        let priority = policy
            .priorities()
            .remove(&priority)
            .expect("the priority exists");
        assert!(
            priority.window.is_zero(),
            "{trigger} waits {}",
            priority.window
        );
        assert_eq!(priority.on_expiry.unwrap_or_default(), OnExpiry::Rollback);
    }
}

#[test]
fn the_preset_gives_the_authority_to_roll_back_to_those_of_the_guide() {
    // req: B12
    let policy = preset();
    let roles: BTreeSet<&str> = policy
        .authority(Action::Rollback)
        .expect("the action is restricted")
        .iter()
        .map(|role| role.as_str())
        .collect();
    assert_eq!(
        roles,
        BTreeSet::from([
            "on-call",
            "product-lead",
            "release-manager",
            "security-lead"
        ])
    );
}

#[test]
fn the_preset_hands_over_in_order_to_a_decision_by_all() {
    // req: B3, req: B4, req: B5, req: C3
    let checklist = preset_checklist();
    let gates = checklist.gates();
    let find = |id: &str| {
        gates
            .iter()
            .find(|gate| gate.id.as_str() == id)
            .unwrap_or_else(|| panic!("no gate {id}"))
    };
    let order = [
        ("development", "developer"),
        ("qa", "qa-lead"),
        ("security", "security-lead"),
        ("release-management", "release-manager"),
        ("stakeholder", "stakeholder"),
    ];
    for (place, (id, role)) in order.iter().enumerate() {
        let gate = find(id);
        let after: Vec<&str> = gate.after().iter().map(|id| id.as_str()).collect();
        let before: Vec<&str> = place
            .checked_sub(1)
            .map(|before| order[before].0)
            .into_iter()
            .collect();
        assert_eq!(after, before, "{id}");
        assert_eq!(gate.role.as_ref().map(|role| role.as_str()), Some(*role));
    }
    let decision = find("go-no-go");
    let signers: Vec<String> = decision
        .approvals()
        .into_iter()
        .map(|(role, _)| role.to_string())
        .collect();
    assert_eq!(signers, order.map(|(_, role)| role.to_owned()));
    assert_eq!(decision.within, Some("24h".parse().expect("a duration")));
    assert!(
        decision
            .after()
            .iter()
            .any(|id| id.as_str() == "stakeholder")
    );
    assert!(decision.phase.precedes_deployment());
    for phase in Phase::ALL {
        assert!(
            gates.iter().any(|gate| gate.phase == phase),
            "no gate in {}",
            phase.word()
        );
    }
}

#[test]
fn one_person_can_begin_with_the_preset_alone() {
    let policy = preset();
    for role in policy.roles.keys() {
        assert!(!policy.holders(role).is_empty(), "nobody holds {role}");
    }
    for gate in preset_checklist().gates() {
        for (role, count) in gate.approvals() {
            assert!(
                policy.roles.contains_key(&role) && count == 1,
                "{}: {role}",
                gate.id
            );
        }
        assert!(
            gate.manual_items().count() > 0,
            "{} asks for nothing",
            gate.id
        );
    }
    assert_eq!(
        policy
            .required_checklist(ReleaseType::Patch)
            .map(|name| name.as_str()),
        Some("standard")
    );
}

#[test]
fn the_root_cause_document_says_whose_it_is_and_what_happened() {
    // req: A14, req: A17
    let facts = |incidents: serde_json::Value| {
        serde_json::json!({
            "release": "2.4.0", "team": "Catalogue team", "previous": "2.3.9", "incidents": incidents,
            "timeline": [{"at": "2026-11-20 18:04:01 UTC", "by": "omar", "text": "deployment done"}],
            "checklist_passes": 2, "rolled_back_at": "2026-11-20 18:10:00 UTC", "attempts": 1,
            "steps": [{"step": "old-version", "outcome": "exit 0", "took_ms": 412}],
            "due": "2026-11-23", "owner": "developer",
        })
    };
    let render = |facts: serde_json::Value| {
        let mut templates = minijinja::Environment::new();
        templates.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        templates
            .render_str(&read("release-notes-templates/rca.md"), facts)
            .unwrap_or_else(|error| panic!("{error:#}"))
    };
    let opened = render(facts(serde_json::json!([{
        "id": "I1", "title": "Home page", "priority": "critical", "opened": "2026-11-20 18:04:30 UTC",
        "failures": [{"probe": "home-page", "reason": "body contains: expected <nav"}],
    }])));
    for part in [
        "Rolled back to | 2.3.9 |",
        "verified 2 times",
        "to its development team, Catalogue team",
        "### I1: Home page",
        "- `home-page`: body contains: expected <nav",
        "| old-version | exit 0 | 412 ms |",
        "| 2026-11-20 18:04:01 UTC | omar | deployment done |",
        "## Five whys",
        "## Action items",
    ] {
        assert!(opened.contains(part), "no {part:?} in:\n{opened}");
    }
    let mut by_hand = facts(serde_json::json!([]));
    by_hand["checklist_passes"] = 0.into();
    by_hand["rolled_back_at"] = serde_json::Value::Null;
    let by_hand = render(by_hand);
    for part in [
        "ordered by a person",
        "never verified",
        "the rollback is stuck",
    ] {
        assert!(by_hand.contains(part), "no {part:?} in:\n{by_hand}");
    }
}

#[test]
fn the_storefront_is_complete() {
    // req: A18, req: D15
    let folder = "examples/storefront";
    let at = |name: &str| Source::new(name, read(&format!("{folder}/{name}")));
    let policy = good(parse::policy(&at("relgate.yaml")));
    good(parse::checklist(&at(".relgate/checklists/standard.yaml")));
    good(parse::checklist(&at("releases/2.4.0/checklist.yaml")));
    let notes = good(parse::notes(&at("releases/2.4.0/release-notes.md")));
    assert_eq!(completeness::gaps(&notes), []);
    let kinds: BTreeSet<&str> = notes
        .probes()
        .iter()
        .flat_map(|probe| {
            [
                ("http", probe.http.is_some()),
                ("tcp", probe.tcp.is_some()),
                ("command", probe.command.is_some()),
            ]
        })
        .filter_map(|(kind, used)| used.then_some(kind))
        .collect();
    assert_eq!(kinds, BTreeSet::from(["command", "http", "tcp"]));
    let steps: BTreeSet<_> = notes.steps().iter().map(|step| step.kind).collect();
    assert_eq!(steps.len(), 3, "the plan shows several kinds of steps");
    assert_eq!(policy.checklist_passes(), 2);
    for artifact in notes.artifacts() {
        let path = artifact.path.as_deref().expect("the artifact has a path");
        let bytes = read(&format!("{folder}/{path}"));
        let digest = relgate::domain::ids::Digest::of(bytes.as_bytes());
        assert_eq!(artifact.sha256, Some(digest), "{path}");
    }
}

/// All that lint says of a policy, the checklist `standard` and one release, in the order of their files.
fn linted(
    policy: &Source,
    standard: &Source,
    folder: &str,
    notes: &Source,
    own: &Source,
) -> Vec<String> {
    let mut findings = Vec::new();
    let mut workspace = Workspace {
        policy: Slot::of(parse::policy(policy), &mut findings),
        ..Workspace::default()
    };
    let base = Slot::of(parse::checklist(standard), &mut findings);
    workspace.bases.insert("standard".to_owned(), base);
    workspace.releases.push(Release {
        folder: folder.to_owned(),
        notes: Slot::of(parse::notes(notes), &mut findings),
        checklist: Slot::of(parse::checklist(own), &mut findings),
    });
    findings.extend(lint(&workspace));
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_scaffolded_lints_clean_with_and_without_its_examples() {
    let preset = |name: &str| Source::new(name, read(&format!("src/presets/standard/{name}")));
    let (policy, standard) = (preset("relgate.yaml"), preset("checklist.yaml"));
    let plain = |text: &str| text.to_owned();
    for kind in ReleaseType::ALL {
        for change in [&plain as &dyn Fn(&str) -> String, &with_examples] {
            let name = format!("{}.md", kind.word());
            let notes = Source::new(&name, change(&rendered(&name, kind.word())));
            let own = change(&rendered("checklist.yaml", kind.word()));
            let own = Source::new("checklist.yaml", own);
            assert_eq!(
                linted(&policy, &standard, VERSION, &notes, &own),
                Vec::<String>::new()
            );
        }
    }
}

#[test]
fn the_storefront_lints_clean() {
    let at = |name: &str| Source::new(name, read(&format!("examples/storefront/{name}")));
    let findings = linted(
        &at("relgate.yaml"),
        &at(".relgate/checklists/standard.yaml"),
        "2.4.0",
        &at("releases/2.4.0/release-notes.md"),
        &at("releases/2.4.0/checklist.yaml"),
    );
    assert_eq!(findings, Vec::<String>::new());
}
