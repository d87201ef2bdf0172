use schemars::schema_for;
use serde_json::json;

use super::*;
use crate::domain::gate::Checklist;
use crate::domain::policy::Policy;
use crate::domain::release::ReleaseNotes;
use crate::parse::yaml;

fn findings(text: &str, schema: &Json, what: &str) -> Vec<String> {
    let source = Source::new("f.yaml", text);
    let node = yaml::parse(&source).expect("the YAML is well formed");
    check(&source, &node, (schema, schema), what)
        .iter()
        .map(|finding| {
            assert!(finding.at.is_some(), "{finding:?} has no position");
            finding.to_string()
        })
        .collect()
}

fn checklist(text: &str) -> Vec<String> {
    findings(text, schema_for!(Checklist).as_value(), "the checklist")
}

fn policy(text: &str) -> Vec<String> {
    findings(text, schema_for!(Policy).as_value(), "the policy")
}

fn notes(text: &str) -> Vec<String> {
    let text = format!("release: 2.4.0\ntype: minor\n{text}");
    findings(
        &text,
        schema_for!(ReleaseNotes).as_value(),
        "the release notes",
    )
}

const PROBES: &str = "verification:\n  probes:\n    - id: home-page\n";

#[test]
fn what_is_valid_has_no_findings() {
    let none: [String; 0] = [];
    assert_eq!(
        notes("changes:\nreason: ~\nverification: {within: 5m}\n"),
        none
    );
    assert_eq!(
        policy(
            "version: 1\nroles: {qa: {}, dev: {title: Developer}}\npeople:\n  ana: {roles: [qa]}\n\
             follow_up:\n  - {after: rollback, title: RCA, role: dev, due: next-business-day}\n  \
             - {after: incident, title: x, role: dev, due: 48h}\ncalendar: {time_zone: Europe/Madrid, holidays: [2026-12-25]}\n"
        ),
        none
    );
    assert_eq!(
        notes(&format!(
            "{PROBES}      http: {{url: 'http://x/', expect: {{status: [200, 3xx], body: {{contains: ok}}}}}}\n"
        )),
        none
    );
}

#[test]
fn an_unknown_key_names_its_thing_and_the_nearest_key() {
    assert_eq!(
        notes(&format!("{PROBES}      tiemout: 5s\n")),
        ["f.yaml:6:7: unknown key \"tiemout\" in probe \"home-page\"; did you mean \"timeout\"?"]
    );
    assert_eq!(
        notes(&format!(
            "{PROBES}      http:\n        url: http://x/\n        expect:\n          statsu: 200\n"
        )),
        [
            "f.yaml:9:11: unknown key \"statsu\" in \"expect\" of \"http\" of probe \"home-page\"; did you mean \"status\"?"
        ]
    );
    assert_eq!(
        notes(&format!("{PROBES}      url: http://x/\n")),
        ["f.yaml:6:7: unknown key \"url\" in probe \"home-page\"; \"url\" belongs under \"http\""]
    );
    assert_eq!(
        policy("version: 1\nroles: {qa: {titel: QA}}\nzzz: 1\n")[..1],
        ["f.yaml:2:14: unknown key \"titel\" in role \"qa\"; did you mean \"title\"?"]
    );
    let unknown = policy("version: 1\nroles: {}\nzzz: 1\n");
    assert!(
        unknown[0].contains("unknown key \"zzz\" in the policy; valid keys: "),
        "{unknown:?}"
    );
}

#[test]
fn a_missing_key_says_what_belongs_there() {
    let found = checklist("gates:\n  - id: qa\n    phase: staging\n");
    assert_eq!(
        found,
        [
            "f.yaml:2:5: missing key \"title\" in gate \"qa\"; expected text; title: What it decides, for people."
        ]
    );
    let found = checklist("gates:\n  - title: x\n    phase: staging\n");
    assert!(
        found[0].starts_with("f.yaml:2:5: missing key \"id\" in gate 1; expected text"),
        "{found:?}"
    );
    // The misspelt key is the missing one: one finding.
    assert_eq!(
        checklist("gates:\n  - id: qa\n    titel: x\n    phase: staging\n"),
        ["f.yaml:3:5: unknown key \"titel\" in gate \"qa\"; did you mean \"title\"?"]
    );
    // Required and empty is not "not filled in yet".
    assert_eq!(
        checklist("gates:\n  - id: qa\n    title:\n    phase: staging\n"),
        ["f.yaml:3:5: \"title\" of gate \"qa\": expected text, found nothing"]
    );
}

#[test]
fn a_duration_is_strict() {
    let gate = |within: &str| {
        let found = checklist(&format!(
            "gates:\n  - id: go\n    title: x\n    phase: staging\n    within: {within}\n"
        ));
        assert_eq!(found.len(), 1, "{within}: {found:?}");
        found[0].replace("f.yaml:5:13: \"within\" of gate \"go\": ", "")
    };
    assert_eq!(
        gate("5"),
        "expected a duration such as 5m, found the number 5; a duration has a unit: 5s, 5m or 5h"
    );
    let upper = gate("5M");
    assert!(
        upper.contains("unknown unit \"M\"") && upper.contains("did you mean 5m?"),
        "{upper}"
    );
    let negative = gate("-1s");
    assert!(negative.contains("\"-1s\" is not a duration"), "{negative}");
    let quoted = gate("'24'");
    assert!(quoted.contains("has no unit"), "{quoted}");
    assert!(gate("[5m]").contains("found a list"));
    let fraction = gate("1.5m");
    assert!(fraction.contains("only seconds have one"), "{fraction}");
    let unknown = gate("5us");
    assert!(unknown.contains("ms, s, m, h, d and w"), "{unknown}");
}

#[test]
fn a_word_out_of_a_list_has_its_nearest() {
    assert_eq!(
        findings(
            "release: 1\ntype: mnior\n",
            schema_for!(ReleaseNotes).as_value(),
            "the release notes"
        ),
        [
            "f.yaml:1:10: \"release\": expected text, found the number 1; quote it: \"1\"",
            "f.yaml:2:7: \"type\": expected \"patch\", \"minor\", \"major\" or \"emergency\", found \"mnior\"; did you mean \"minor\"?",
        ]
    );
    let found = policy("version: 2\nroles: {}\nsignatures: yes\n");
    assert_eq!(
        found[0],
        "f.yaml:1:10: \"version\": expected 1, found the number 2"
    );
    assert!(
        found[1].contains("expected \"optional\" or \"required\", found \"yes\""),
        "{found:?}"
    );
}

#[test]
fn a_number_where_text_belongs_is_quoted_as_written() {
    let found = findings(
        "release: 2.10\ntype: minor\n",
        schema_for!(ReleaseNotes).as_value(),
        "the release notes",
    );
    assert!(
        found[0].ends_with("found the number 2.10; quote it: \"2.10\""),
        "{found:?}"
    );
    let found = notes(&format!(
        "{PROBES}      advisory: yes\n      retries: '3'\n      passes: 0\n"
    ));
    assert!(
        found[0].ends_with("expected true or false, found \"yes\"; did you mean true?"),
        "{found:?}"
    );
    assert!(
        found[1].ends_with("write it without quotes: 3"),
        "{found:?}"
    );
    assert!(
        found[2].ends_with("expected a whole number from 1 to 1000, found the number 0"),
        "{found:?}"
    );
}

#[test]
fn alternatives_are_told_apart() {
    let due = |due: &str| {
        let found = policy(&format!(
            "version: 1\nroles: {{}}\nfollow_up:\n  - {{after: rollback, title: x, role: r, due: {due}}}\n"
        ));
        assert_eq!(found.len(), 1, "{due}: {found:?}");
        found[0].clone()
    };
    let wanted = "expected a duration such as 5m or \"next-business-day\"";
    for (bad, help) in [
        ("next-buisness-day", "did you mean \"next-business-day\"?"),
        ("5M", "did you mean 5m?"),
        ("3", "found the number 3"),
    ] {
        let found = due(bad);
        assert!(found.contains(wanted) && found.contains(help), "{found}");
    }
    let status = |status: &str| {
        notes(&format!(
            "{PROBES}      http: {{url: 'http://x/', expect: {{status: {status}}}}}\n"
        ))
    };
    for bad in ["9xx", "700", "true", "[200, 9xx]", "[]", "{}"] {
        assert_eq!(status(bad).len(), 1, "{bad}: {:?}", status(bad));
    }
}

#[test]
fn names_patterns_and_dates_are_explained() {
    let found = notes("date: 2026-02-30\ndeploy_at: 2026-11-20 18:00\nartifacts: [{name: a b}]\n");
    assert!(
        found[0].contains("\"2026-02-30\" is not a day of the calendar"),
        "{found:?}"
    );
    assert!(
        found[1].contains("no seconds and no offset; expected a time with its offset"),
        "{found:?}"
    );
    assert!(found[1].contains("write 2026-11-20T18:00:00Z"), "{found:?}");
    assert!(
        found[2].contains("expected the name of a artifact")
            || found[2].contains("expected the name of an artifact"),
        "{found:?}"
    );
    let found = policy("version: 1\nroles: {qa lead: {}}\ncalendar: {time_zone: Europe/Madird}\n");
    assert!(
        found[0].contains("role \"qa lead\"") || found[0].contains("\"qa lead\" cannot be a key"),
        "{found:?}"
    );
    assert!(
        found[1].contains("did you mean \"Europe/Madrid\"?"),
        "{found:?}"
    );
}

#[test]
fn a_day_written_otherwise_is_recognised() {
    for (written, help) in [
        ("2026/11/20", "did you mean 2026-11-20?"),
        ("2026-11-20T10:00", "did you mean 2026-11-20?"),
        ("20.11.2026", "expected a date such as 2026-11-20"),
        ("2026-1-2", "expected a date such as 2026-11-20"),
    ] {
        let found = notes(&format!("date: {written}\n"));
        assert_eq!(found.len(), 1, "{written}: {found:?}");
        assert!(found[0].contains(help), "{written}: {found:?}");
    }
}

#[test]
fn every_finding_is_reported() {
    let found = checklist(
        "extends: 1\ngates:\n  - id: a\n    phase: x\n    items: {}\n  - 3\n  - id: b\n    title: y\n    phase: staging\n    \
         approvals: [{role: qa, count: 0}]\nbogus: 1\n",
    );
    assert_eq!(found.len(), 7, "{found:#?}");
    for part in [
        ":1:10: \"extends\"",
        "missing key \"title\" in gate \"a\"",
        "\"phase\" of gate \"a\"",
        "\"items\" of gate \"a\": expected a list, found an empty mapping",
        "gate 2: expected a mapping, found the number 3",
        "\"count\" of approval 1 of gate \"b\"",
        "unknown key \"bogus\"",
    ] {
        assert!(found.iter().any(|f| f.contains(part)), "{part}: {found:#?}");
    }
}

#[test]
fn a_root_that_is_no_mapping_is_told_once() {
    assert_eq!(
        checklist("- a\n"),
        ["f.yaml:1:1: the checklist: expected a mapping, found a list"]
    );
    assert_eq!(checklist("").len(), 1);
}

#[test]
fn extensions_of_the_schema_speak() {
    let schema = json!({"type": "object", "properties": {
        "port": {"type": "string", "x-expected": "a port such as :8080", "pattern": "^:[0-9]+$"},
        "tags": {"type": "array", "uniqueItems": true, "items": {"type": "string"}},
    }, "additionalProperties": false});
    assert_eq!(
        findings("port: x\ntags: [a, b, a]\n", &schema, "it"),
        [
            "f.yaml:1:7: \"port\": expected a port such as :8080, found \"x\"",
            "f.yaml:2:14: \"tags\": \"a\" is listed twice",
        ]
    );
}

#[test]
fn every_pattern_of_ours_compiles() {
    fn patterns(json: &Json, all: &mut Vec<String>) {
        match json {
            Json::Object(map) => {
                all.extend(map.get("pattern").and_then(Json::as_str).map(str::to_owned));
                if let Some(Json::Object(by)) = map.get("patternProperties") {
                    all.extend(by.keys().cloned());
                }
                map.values().for_each(|value| patterns(value, all));
            }
            Json::Array(list) => list.iter().for_each(|value| patterns(value, all)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    for schema in [
        schema_for!(Policy),
        schema_for!(ReleaseNotes),
        schema_for!(Checklist),
    ] {
        patterns(schema.as_value(), &mut all);
    }
    assert!(!all.is_empty());
    for pattern in all {
        assert!(regex::Regex::new(&pattern).is_ok(), "{pattern}");
    }
}

mod arbitrary {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("~".to_owned()),
            Just("[]".to_owned()),
            Just("{}".to_owned()),
            Just("[{id: x}]".to_owned()),
            "[a-zA-Z0-9.:/-]{0,8}",
            "\\PC{0,6}",
        ]
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn no_tree_panics(
            keys in prop::collection::vec(
                prop::sample::select(vec!["gates", "version", "roles", "people", "release", "type", "date", "deploy_at",
                    "verification", "rollback", "artifacts", "extends", "follow_up", "calendar", "x"]), 0..8),
            values in prop::collection::vec(value(), 8),
        ) {
            let text: String = keys.iter().zip(&values).map(|(key, value)| format!("{key}: {value}\n")).collect();
            let source = Source::new("f", text);
            if let Ok(node) = yaml::parse(&source) {
                for schema in [schema_for!(Policy), schema_for!(ReleaseNotes), schema_for!(Checklist)] {
                    for finding in check(&source, &node, (schema.as_value(), schema.as_value()), "it") {
                        prop_assert!(source.text.get(finding.span.clone().unwrap_or(0..0)).is_some());
                    }
                }
            }
        }
    }
}

#[test]
fn a_digest_of_digits_alone_is_a_text_in_quotes() {
    let zeros = "0".repeat(30);
    for digest in [
        format!("{zeros}1234567890123456789012345678901234"),
        "1234567890".repeat(7)[..64].to_owned(),
        "0".repeat(64),
        format!("{zeros}1234567890123456789012e45678901234"),
        format!("{zeros}12345678901234567890123456789e1234"),
        format!("1{zeros}234567890123456789e01234567890123"),
    ] {
        assert_eq!(digest.len(), 64);
        let text = format!(
            "release: 2.4.0\ntype: minor\nartifacts: [{{name: shop, path: shop.tar, sha256: {digest}}}]\n"
        );
        let source = Source::new("f.yaml", text.as_str());
        let found: Vec<String> = match yaml::parse(&source) {
            Ok(_) => notes(text.split_once("minor\n").map_or("", |it| it.1)),
            Err(findings) => findings.iter().map(Finding::to_string).collect(),
        };
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains(":3:") && found[0].contains(&format!("quote it: \"{digest}\"")),
            "{found:?}"
        );
        let quoted = text.replace(&digest, &format!("\"{digest}\""));
        let source = Source::new("f.yaml", quoted);
        assert!(crate::parse::notes(&source).is_ok(), "{digest}");
    }
}

#[test]
fn a_fixed_offset_is_no_zone_and_the_help_says_what_is() {
    let found = policy("version: 1\nroles: {}\npeople: {}\ncalendar: {time_zone: 'UTC+02:00'}\n");
    assert_eq!(
        found,
        [
            "f.yaml:4:23: \"time_zone\" of \"calendar\": the time zone \"UTC+02:00\" is not known; expected a time zone such as \
             Europe/Madrid; a zone is that of a place, such as Europe/Madrid, and knows when its clocks change; for +02:00 all year \
             write Etc/GMT-2 (in these names the sign is the other way round)"
        ]
    );
}
