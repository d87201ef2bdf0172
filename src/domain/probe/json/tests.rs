use super::*;
use proptest::prelude::*;
use serde_json::json;

fn expectation(value: Value) -> JsonExpectation {
    serde_json::from_value(value).expect("an expectation")
}

fn held(expect: Value, text: &str) -> Vec<Assertion> {
    let document = Document::read(text);
    let held = expectation(expect).assertions(document.as_ref().map_err(String::as_str));
    assert_eq!(held.undecided, None);
    held.assertions
}

fn holds(mut expect: Value, path: &str, text: &str) -> bool {
    expect["path"] = json!(path);
    let all = held(expect, text);
    assert!(!all.is_empty());
    all.iter().all(|one| one.holds)
}

const SHOP: &str = r#"{
    "status": "up", "none": null, "zero": 0, "one": "1", "id": 9007199254740993, "price": 0.10,
    "tags": ["a", "b"], "items": [{"price": 5}, {"price": 7.5}], "on": true
}"#;

#[test]
fn each_word_holds_for_what_it_says_and_for_nothing_else() {
    for (expect, path, wanted) in [
        (json!({"equals": "up"}), "$.status", true),
        (json!({"equals": "UP"}), "$.status", false),
        (json!({"not": "down"}), "$.status", true),
        (json!({"not": "up"}), "$.status", false),
        (json!({"less": 1}), "$.zero", true),
        (json!({"less": 0}), "$.zero", false),
        (json!({"at_most": 0}), "$.zero", true),
        (json!({"greater": 0}), "$.zero", false),
        (json!({"at_least": 0}), "$.zero", true),
        (json!({"matches": "^u"}), "$.status", true),
        (json!({"matches": "^x"}), "$.status", false),
        (json!({"contains": "p"}), "$.status", true),
        (json!({"contains": "a"}), "$.tags", true),
        (json!({"contains": "c"}), "$.tags", false),
        (json!({"contains": {"price": 5.0}}), "$.items", true),
        (json!({"not": null}), "$.status", true),
        (json!({"not": null}), "$.none", false),
        (json!({"not": null}), "$.nowhere", false),
        (json!({"not": null}), "$.items[*].price", true),
        (json!({"in": ["up", "ready"]}), "$.status", true),
        (json!({"in": ["UP", 1]}), "$.status", false),
        (json!({"in": [null, 1]}), "$.none", true),
        (json!({"in": [0, 1]}), "$.zero", true),
        (json!({"in": ["0"]}), "$.zero", false),
        (json!({"in": [5, 7.5]}), "$.items[*].price", true),
        (json!({"in": [5]}), "$.items[*].price", false),
        (json!({"not_in": ["down", "starting"]}), "$.status", true),
        (json!({"not_in": ["down", "up"]}), "$.status", false),
        (json!({"not_in": [null]}), "$.none", false),
        (json!({"not_in": ["down"]}), "$.nowhere", false),
        (json!({"not_in": [7.50]}), "$.items[*].price", false),
        (json!({"not_matches": "^x"}), "$.status", true),
        (json!({"not_matches": "^u"}), "$.status", false),
        (json!({"not_matches": "x"}), "$.zero", false),
        (json!({"not_matches": "x"}), "$.none", false),
        (json!({"not_matches": "x"}), "$.nowhere", false),
        (json!({"not_matches": "x"}), "$.tags[*]", true),
        (json!({"not_matches": "b"}), "$.tags[*]", false),
        (json!({"as": "number", "equals": 1}), "$.one", true),
        (json!({"as": "number", "equals": "1.0"}), "$.one", true),
        (json!({"as": "number", "equals": 2}), "$.one", false),
        (json!({"equals": 1}), "$.one", false),
        (
            json!({"as": "number", "at_least": 1, "less": 2}),
            "$.one",
            true,
        ),
        (json!({"as": "number", "at_most": 0}), "$.one", false),
        (json!({"as": "number", "at_most": 0}), "$.zero", true),
        (json!({"as": "number", "not": 2}), "$.one", true),
        (json!({"as": "number", "not": 2}), "$.status", false),
        (json!({"as": "number", "not_in": [2, 3]}), "$.one", true),
        (json!({"as": "number", "not_in": [2, 3]}), "$.on", false),
        (json!({"as": "number", "in": ["1", 3]}), "$.one", true),
        (
            json!({"as": "number", "equals": 9007199254740992_u64}),
            "$.id",
            false,
        ),
        (
            json!({"as": "number", "equals": "9007199254740993"}),
            "$.id",
            true,
        ),
        (json!({"at_most": "${env:N}"}), "$.zero", false),
        (json!({"length": "${env:N}"}), "$.tags", false),
        (json!({"length": 2}), "$.tags", true),
        (json!({"length": 2}), "$.status", true),
        (json!({"length": {"at_least": 3}}), "$.tags", false),
        (json!({"length": {"at_most": 9}}), "$", true),
        (json!({"exists": true}), "$.none", true),
        (json!({"exists": false}), "$.none", false),
        (json!({"type": "null"}), "$.none", true),
        (json!({"type": "integer"}), "$.zero", true),
        (json!({"type": "integer"}), "$.price", false),
        (json!({"type": "number"}), "$.price", true),
        (json!({"type": "boolean"}), "$.on", true),
        (json!({"equals": ["a", "b"]}), "$.tags", true),
        (json!({"equals": ["b", "a"]}), "$.tags", false),
    ] {
        assert_eq!(holds(expect.clone(), path, SHOP), wanted, "{path} {expect}");
    }
}

#[test]
fn nothing_is_coerced() {
    for (expect, path) in [
        (json!({"equals": 1}), "$.one"),
        (json!({"less": 2}), "$.one"),
        (json!({"at_least": 0}), "$.none"),
        (json!({"equals": 0}), "$.none"),
        (json!({"equals": ""}), "$.none"),
        (json!({"equals": false}), "$.zero"),
        (json!({"equals": "true"}), "$.on"),
        (json!({"matches": "0"}), "$.zero"),
        (json!({"contains": 0}), "$.id"),
        (json!({"length": 1}), "$.zero"),
        (json!({"length": 4}), "$.none"),
        (json!({"type": "number"}), "$.one"),
    ] {
        assert!(!holds(expect.clone(), path, SHOP), "{path} {expect}");
    }
}

#[test]
fn numbers_compare_exactly() {
    for (expect, wanted) in [
        (json!({"at_most": 9_007_199_254_740_992_u64}), false),
        (
            json!({"at_least": "9007199254740993", "at_most": "9007199254740993"}),
            true,
        ),
        (json!({"greater": "9007199254740992.9999999999"}), true),
        (json!({"less": "9007199254740993.0"}), false),
    ] {
        assert_eq!(holds(expect.clone(), "$.id", SHOP), wanted, "{expect}");
    }
    assert!(holds(json!({"equals": 0.1}), "$.price", SHOP));
    assert!(!holds(json!({"equals": 0.1}), "$", "0.10000000000000001"));
    assert!(holds(json!({"equals": 1}), "$", "1.0"));
}

/// Every expectation but `exists: false`.
fn demands() -> Vec<Value> {
    vec![
        json!({"equals": 0}),
        json!({"equals": ""}),
        json!({"equals": false}),
        json!({"not": 1}),
        json!({"not": "x"}),
        json!({"less": 1}),
        json!({"at_most": 0}),
        json!({"greater": -1}),
        json!({"at_least": 0}),
        json!({"matches": ".*"}),
        json!({"contains": ""}),
        json!({"length": 0}),
        json!({"length": {"at_most": 5}}),
        json!({"exists": true}),
        json!({"type": "null"}),
    ]
}

#[test]
fn what_is_missing_satisfies_nothing_but_its_absence() {
    for path in [
        "$.nowhere",
        "$.tags[9]",
        "$.nowhere[*]",
        "$..nowhere",
        "$.items[?@.price > 100]",
    ] {
        // None of several values are 0 of them, where what they would stand in is there.
        let counted = ["$..nowhere", "$.items[?@.price > 100]"].contains(&path);
        for demand in demands() {
            let held = holds(demand.clone(), path, SHOP);
            let counts = counted && demand.get("length").is_some();
            assert_eq!(held, counts, "{path} {demand}");
        }
        assert!(holds(json!({"exists": false}), path, SHOP), "{path}");
    }
    let all = held(json!({"path": "$.nowhere", "equals": 0}), SHOP);
    assert_eq!(
        (all[0].expected.as_str(), all[0].actual.as_str()),
        ("0", "missing")
    );
}

#[test]
fn a_document_that_cannot_be_read_satisfies_nothing_at_all() {
    for text in ["", "<html>", "{\"a\":1,\"a\":2}", "[1"] {
        for demand in demands().into_iter().chain([json!({"exists": false})]) {
            assert!(!holds(demand.clone(), "$.a", text), "{text} {demand}");
        }
    }
    let all = held(json!({"path": "$.a", "exists": false}), "<html>");
    assert!(all[0].actual.starts_with("no JSON ("), "{}", all[0].actual);
}

#[test]
fn of_several_values_each_must_hold_and_length_counts_them() {
    assert!(holds(json!({"greater": 4}), "$.items[*].price", SHOP));
    assert!(!holds(json!({"greater": 6}), "$.items[*].price", SHOP));
    assert!(!holds(json!({"equals": 5}), "$.items[*].price", SHOP));
    // One value that is not 5 does not hide one that is.
    assert!(!holds(json!({"not": 5}), "$.items[*].price", SHOP));
    assert!(holds(json!({"length": 2}), "$.items[*]", SHOP));
    assert!(holds(json!({"length": 1}), "$.items[?@.price > 6]", SHOP));
    // None of what is there are 0; of what is not there nothing is known.
    for (path, known) in [
        ("$.items[?@.price > 9]", true),
        ("$.tags[7:]", true),
        ("$..nowhere", true),
        ("$['items'][0]['a','b']", true),
        ("$.zero[*]", true),
        ("$.nowhere[*]", false),
        ("$.nowhere..x", false),
        ("$.items[7].parts[*]", false),
        ("$['nowhere']['a','b']", false),
    ] {
        for (length, holding) in [
            (json!(0), true),
            (json!({"at_most": 3}), true),
            (json!(1), false),
        ] {
            let expect = json!({"length": length});
            assert_eq!(
                holds(expect, path, SHOP),
                known && holding,
                "{path} {length}"
            );
        }
    }
    assert!(!holds(json!({"length": 0}), "$..x", "no JSON"));
    let all = held(json!({"path": "$.items[*].price", "less": 6}), SHOP);
    assert_eq!(
        all[0].actual,
        "7.5 at $['items'][1]['price'], 1 of 2 do not hold"
    );
}

#[test]
fn what_asks_for_nothing_is_known() {
    assert!(expectation(json!({"path": "$.a"})).is_empty());
    assert!(expectation(json!({"path": "$.a", "length": {}})).is_empty());
    assert!(!expectation(json!({"path": "$.a", "exists": false})).is_empty());
}

#[test]
fn a_path_or_pattern_that_cannot_be_read_never_holds() {
    for expect in [
        json!({"path": "status", "exists": false}),
        json!({"path": "$.status", "matches": "("}),
        json!({"path": "$.status", "matches": "((a{1000}){1000}){1000}"}),
    ] {
        assert!(held(expect, SHOP).iter().all(|one| !one.holds));
    }
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]
    #[test]
    fn missing_satisfies_nothing(
        name in "[a-z]{1,6}", index in 0usize..15, text in "\\PC{0,10}", number: i64,
    ) {
        let demand = match index {
            0 => json!({"equals": text}),
            1 => json!({"equals": number}),
            2 => json!({"not": text}),
            3 => json!({"not": number}),
            4 => json!({"less": number}),
            5 => json!({"at_most": number}),
            6 => json!({"greater": number}),
            7 => json!({"at_least": number}),
            8 => json!({"contains": text}),
            9 => json!({"length": number.unsigned_abs() % 1000}),
            other => demands()[other].clone(),
        };
        let path = format!("$.x.{name}");
        let without = "{\"y\": 1}";
        prop_assert!(!holds(demand, &path, without), "{}", path);
        let absent = json!({"exists": false});
        prop_assert!(holds(absent, &path, without), "{}", path);
    }

    #[test]
    fn a_bound_and_its_opposite_never_both_hold(number: i64, bound: i64) {
        let text = number.to_string();
        let below = holds(json!({"less": bound}), "$", &text);
        let from = holds(json!({"at_least": bound}), "$", &text);
        prop_assert_eq!(below, number < bound);
        prop_assert_eq!(from, !below);
    }
}
