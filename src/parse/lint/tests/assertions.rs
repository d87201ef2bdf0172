//! Findings about what probes assert, and about how they are asked.

use super::*;

/// The only finding where the plan's probe asserts this about its JSON.
fn about(json: &str) -> Vec<String> {
    let expect = format!("{{status: 200, json: [{json}]}}");
    with_notes(&[("expect: {status: 200}}", &format!("expect: {expect}}}"))])
}

#[test]
fn a_json_assertion_can_hold_and_can_fail() {
    assert_eq!(about("{path: $.status, equals: up}"), [""; 0]);
    assert_eq!(
        about("{path: '$.items[?@.price > 5]', length: {at_least: 1}}"),
        [""; 0]
    );
    assert_eq!(
        about("{path: $.id, at_least: '9007199254740993', at_most: 9007199254740993}"),
        [""; 0]
    );
    for fine in [
        "{path: $.a, not: null}",
        "{path: $.a, not_in: [null, 1, up]}",
        "{path: $.a, in: [1, 2], not_matches: x}",
        "{path: $.a, as: number, equals: '${env:N}', at_least: '${env:N}', less: 5}",
        "{path: $.a, length: '${env:N}'}",
        "{path: $.a, length: {at_most: '${env:N}', at_least: 5}}",
    ] {
        assert_eq!(about(fine), [""; 0], "{fine}");
    }
    for (json, parts) in [
        (
            "{path: $.a, as: number}",
            ["nothing is said about what stands there"].as_slice(),
        ),
        (
            "{path: $.a, as: number, matches: x}",
            &["\"matches\" asks for something else than a number"],
        ),
        (
            "{path: $.a, as: number, equals: up}",
            &["notes.yaml:10:", "\"up\" is no number", "such as 5"],
        ),
        (
            "{path: $.a, as: number, not_in: [1, [2]]}",
            &["[2] is no number"],
        ),
        (
            "{path: $.a, not_matches: ''}",
            &["every text matches the empty expression"],
        ),
        (
            "{path: $.a, not_in: [9007199254740993]}",
            &["too large to be kept exactly"],
        ),
        (
            "{path: status, equals: up}",
            &["notes.yaml:10:", "\"status\" is not a JSONPath", "$.status"],
        ),
        ("{path: '$..a..b..c', exists: true}", &["more than two"]),
        ("{path: $.a}", &["nothing is said about what stands there"]),
        ("{path: $.a, length: {}}", &["nothing is said"]),
        (
            "{path: $.a, type: null}",
            &["\"type\" has no value", "type: \"null\", in quotes"],
        ),
        ("{path: $.a, equals: null}", &["\"equals\" has no value"]),
        (
            "{path: $.a, equals: {b: null}}",
            &["a key without a value cannot stand here"],
        ),
        ("{path: $.a, exists: false, equals: 1}", &["can never hold"]),
        (
            "{path: $.a, equals: 9007199254740993}",
            &[
                "too large to be kept exactly",
                "at_least: \"9007199254740993\"",
            ],
        ),
        (
            "{path: $.a, contains: [1, 1e300]}",
            &["too large to be kept exactly"],
        ),
        ("{path: $.a, at_most: 1e300}", &["in quotes"]),
        (
            "{path: $.a, at_least: 5, less: 3}",
            &["no number reaches 5 and does not exceed 3"],
        ),
        (
            "{path: $.a, length: {at_least: 5, at_most: 3}}",
            &["no length satisfies all of this"],
        ),
        (
            "{path: $.a, matches: '('}",
            &["is not a regular expression"],
        ),
        (
            "{path: $.a, matches: '((a{1000}){1000}){1000}'}",
            &["is not a regular expression", "size limit"],
        ),
        ("{path: $.a, contains: ''}", &["every text contains"]),
        (
            "{path: $.a, equal: 1}",
            &["unknown key \"equal\"", "\"equals\""],
        ),
        ("{path: $.a, at_least: five}", &["a number"]),
    ] {
        let findings = about_or_malformed(json);
        assert_eq!(findings.len(), 1, "{json}: {findings:#?}");
        for part in parts {
            assert!(
                findings[0].contains(part),
                "{json}: {part:?} is not in {findings:#?}"
            );
        }
    }
}

/// As [`about`], where the notes may be malformed.
fn about_or_malformed(json: &str) -> Vec<String> {
    let expect = format!("expect: {{status: 200, json: [{json}]}}}}");
    malformed_or_linted(&[("expect: {status: 200}}", &expect)])
}

fn malformed_or_linted(change: &[(&str, &str)]) -> Vec<String> {
    let text = changed(NOTES, change);
    match parse::notes(&Source::new("notes.yaml", &text)) {
        Ok(_) => with_notes(change),
        Err(findings) => findings.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_json_schema_can_be_used() {
    let schema = |schema: &str| {
        let expect = format!("expect: {{json_schema: {schema}}}}}");
        with_notes(&[("expect: {status: 200}}", &expect)])
    };
    assert_eq!(schema("{type: object, required: [id]}"), [""; 0]);
    assert_eq!(schema("schemas/order.json"), [""; 0]);
    only(
        &schema("{type: objekt}"),
        &["the JSON Schema cannot be used", "objekt"],
    );
    only(
        &schema("{$ref: 'https://example.com/a.json'}"),
        &["cannot be used"],
    );
    only(
        &schema("{}"),
        &["every document satisfies the empty schema"],
    );
    only(
        &schema("{properties: {a: null}}"),
        &["a key without a value"],
    );
    only(&schema("../order.json"), &["leaves its folder"]);
}

/// The plan's probe with more keys, and another one after it.
fn plan(keys: &str, more: &str) -> Vec<String> {
    let probe = "      priority: critical\n";
    let end = "rollback:\n  plan";
    malformed_or_linted(&[
        (probe, &format!("{probe}{keys}")),
        (end, &format!("{more}{end}")),
    ])
}

const LOGIN: &str = "    - id: login\n      capture: {token: {json: $.token}}\n      http: {url: 'http://x/', expect: {status: 200}}\n";

// req: A9
#[test]
fn probes_need_probes_of_the_same_list_and_never_each_other() {
    assert_eq!(plan("      needs: [login]\n", LOGIN), [""; 0]);
    only(
        &plan("      needs: [logn]\n", LOGIN),
        &[
            "notes.yaml:10:15:",
            "the probe \"logn\" is not declared in the same list",
            "\"login\"",
        ],
    );
    only(
        &plan("      needs: [port]\n", LOGIN),
        &["the probe \"port\" is not declared in the same list"],
    );
    only(
        &plan(
            "      needs: [login]\n",
            &LOGIN.replace("capture", "needs: [home]\n      capture"),
        ),
        &["probes need each other in a circle: home -> login -> home"],
    );
    only(
        &plan("      needs: [home]\n", ""),
        &["circle: home -> home"],
    );
}

#[test]
fn a_captured_value_comes_from_a_probe_that_is_needed() {
    let uses = "http: {url: 'https://shop.example.com/${capture:token}'";
    let using = |keys: &str, more: &str| {
        with_notes(&[
            ("http: {url: 'https://shop.example.com/'", uses),
            (
                "      priority: critical\n",
                &format!("      priority: critical\n{keys}"),
            ),
            ("rollback:\n  plan", &format!("{more}rollback:\n  plan")),
        ])
    };
    assert_eq!(using("      needs: [login]\n", LOGIN), [""; 0]);
    only(
        &using("", LOGIN),
        &[
            "does not need the probe that captures it",
            "add \"needs: [login]\"",
        ],
    );
    only(
        &using("", &LOGIN.replace("token", "tokn")),
        &[
            "the captured value \"token\" is not declared in the same list",
            "\"tokn\"",
        ],
    );
    for (capture, why) in [
        ("{}", "taken from nowhere"),
        ("{json: $.a, header: b}", "taken from json and header"),
        ("{json: a}", "is not a JSONPath"),
        ("{regex: ''}", "the empty expression"),
    ] {
        let keys = format!("      capture: {{it: {capture}}}\n");
        only(&plan(&keys, ""), &[why]);
    }
    only(
        &plan("      capture: {token: {regex: a}}\n", LOGIN),
        &["\"token\" is captured by probe \"home\" already"],
    );
}

#[test]
fn what_has_no_meaning_where_a_probe_stands_alone_is_said() {
    let target = |keys: &str| {
        with_notes(&[(
            "target_probe: {id: old,",
            &format!("target_probe: {{id: old, {keys},"),
        )])
    };
    only(&target("needs: [home]"), &["\"needs\" has no meaning here"]);
    only(
        &target("capture: {a: {regex: b}}"),
        &["\"capture\" has no meaning here"],
    );
    only(
        &target("p95: 1s, passes: 20"),
        &["\"p95\" has no meaning here: it is asked once"],
    );
}

#[test]
fn retries_and_trouble_are_said_without_contradiction() {
    for keys in [
        "      retries: 2\n      retry_if: [error, timeout, 5xx, 429]\n      backoff: {initial: 1s, factor: 3, max: 1m}\n",
        "      retries: 2\n      retry_if: unserved\n      backoff: 2s\n",
        "      on_error: fail\n      on_no_data: fail\n",
        "      p95: 200ms\n      passes: 20\n      every: 1s\n      tags: [smoke]\n",
    ] {
        assert_eq!(plan(keys, ""), [""; 0], "{keys}");
    }
    for (keys, parts) in [
        (
            "      retry_if: [error]\n",
            ["nothing is retried"].as_slice(),
        ),
        ("      backoff: 2s\n", &["nothing is retried"]),
        (
            "      retries: 1\n      retry_if: [eror]\n",
            &["\"eror\"", "did you mean \"error\"?"],
        ),
        (
            "      retries: 1\n      backoff: {initial: 2m}\n      retry_if: 6xx\n",
            &["\"6xx\""],
        ),
        (
            "      retries: 1\n      backoff: {initial: 2m, max: 1m}\n",
            &["longer than the longest"],
        ),
        (
            "      errors: 3\n      on_error: fail\n",
            &["both say what errors count as"],
        ),
        (
            "      on_no_data: pass\n",
            &["\"pass\"", "\"fail\"", "\"inconclusive\""],
        ),
        ("      on_error: ignore\n", &["\"ignore\"", "\"fail\""]),
        (
            "      p95: 200ms\n",
            &["only over 20 samples", "passes: 20"],
        ),
        ("      p95: 0ms\n      passes: 20\n", &["no time at all"]),
        ("      p95: 200\n      passes: 20\n", &["200"]),
    ] {
        let findings = plan(keys, "");
        assert_eq!(findings.len(), 1, "{keys}: {findings:#?}");
        for part in parts {
            assert!(
                findings[0].contains(part),
                "{keys}: {part:?} is not in {findings:#?}"
            );
        }
    }
}

#[test]
fn a_text_is_compared_as_a_number_only_where_that_is_said() {
    let body = |body: &str| {
        let expect = format!("{{status: 200, body: {body}}}");
        with_notes(&[("expect: {status: 200}}", &format!("expect: {expect}}}"))])
    };
    for fine in [
        "{as: number, equals: '5', not_in: ['1', '${env:N}']}",
        "{as: number, at_least: '${env:N}', less: 5}",
        "{in: [up, ready], not_in: [down]}",
    ] {
        assert_eq!(body(fine), [""; 0], "{fine}");
    }
    for (text, parts) in [
        (
            "{at_least: 5}",
            ["notes.yaml:10:", "a text has no size", "\"as: number\""].as_slice(),
        ),
        (
            "{as: number, equals: up}",
            &["\"up\" is no number", "in quotes"],
        ),
        ("{as: number, in: ['1', up]}", &["\"up\" is no number"]),
        (
            "{as: number, at_least: 1, contains: x}",
            &["\"contains\" asks for something else"],
        ),
        (
            "{as: number, at_least: 5, less: 3}",
            &["no number reaches 5"],
        ),
    ] {
        only(&body(text), parts);
    }
}

#[test]
fn a_header_is_absent_or_present_or_says_something() {
    let header = |expected: &str| {
        let expect = format!("{{status: 200, headers: {{X-Debug: {expected}}}}}");
        with_notes(&[("expect: {status: 200}}", &format!("expect: {expect}}}"))])
    };
    for fine in ["absent", "present", "{equals: a}", "{not_matches: x}"] {
        assert_eq!(header(fine), [""; 0], "{fine}");
    }
    only(
        &header("{contains: ''}"),
        &["every text contains the empty text"],
    );
}
