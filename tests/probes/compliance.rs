//! JSONPath as relgate reads it, against the public compliance suite of RFC 9535.
//!
//! `jsonpath/cts.json` is that suite (jsonpath-standard/jsonpath-compliance-test-suite, revision 7be7c1f, BSD-2-Clause:
//! the licence and notice lie beside it).

use relgate::domain::probe::json::path::Path;
use relgate::domain::probe::json::tree::Document;
use serde_json::Value;

const SUITE: &str = include_str!("jsonpath/cts.json");

/// What is found, or nothing where the selector is refused.
fn found(case: &Value) -> Option<Value> {
    let selector = case["selector"].as_str().expect("a selector");
    let path = Path::parse(selector).ok()?;
    let document = Document::read(&case["document"].to_string()).expect("a document");
    let values = document
        .find(&path)
        .ok()?
        .into_iter()
        .map(|found| serde_json::from_str(&found.to_string()).expect("JSON"));
    Some(Value::Array(values.collect()))
}

fn complies(case: &Value) -> bool {
    match found(case) {
        None => case["invalid_selector"] == Value::Bool(true),
        Some(values) => {
            let one = case.get("result").is_some_and(|result| *result == values);
            let any = case["results"].as_array();
            one || any.is_some_and(|results| results.contains(&values))
        }
    }
}

#[test]
fn every_case_of_the_public_suite_passes() {
    let suite: Value = serde_json::from_str(SUITE).expect("the suite is JSON");
    let cases = suite["tests"].as_array().expect("cases");
    let failed: Vec<&str> = cases
        .iter()
        .filter(|case| !complies(case))
        .filter_map(|case| case["name"].as_str())
        .collect();
    let passed = cases.len() - failed.len();
    eprintln!(
        "JSONPath compliance suite: {passed} of {} cases pass",
        cases.len()
    );
    assert!(cases.len() >= 703, "the suite is whole");
    assert!(failed.is_empty(), "{failed:?}");
}
