use super::*;
use crate::domain::probe::Probe;
use crate::domain::probe::judge::{Answer, Verdict, judge};
use proptest::prelude::*;
use serde_json::{Value, json};

fn metric(source: Value) -> MetricProbe {
    let mut value = json!({"expect": {"at_most": 1}});
    for (key, part) in source.as_object().expect("an object") {
        value[key] = part.clone();
    }
    serde_json::from_value(value).expect("a metric")
}

fn prometheus() -> MetricProbe {
    metric(json!({"prometheus": {"url": "http://p", "query": "up"}}))
}

fn vector(values: &[&str]) -> String {
    let series: Vec<Value> = values
        .iter()
        .map(|it| json!({"metric": {"a": "b"}, "value": [1_700_000_000.5, it]}))
        .collect();
    json!({"status": "success", "data": {"resultType": "vector", "result": series}}).to_string()
}

fn measure(number: f64) -> Measure {
    Measure::new(number).expect("finite")
}

/// What a metric reads, whatever it was made of.
fn value_of(metric: &MetricProbe, text: &str, content_type: &str) -> Result<Measure, Unread> {
    metric.read(text, content_type).map(|number| number.value)
}

fn no_data(read: Result<Measure, Unread>, part: &str) {
    match read {
        Err(Unread::NoData(why)) => assert!(why.contains(part), "{why}"),
        other => panic!("{part}: {other:?}"),
    }
}

fn broken(read: Result<Measure, Unread>, part: &str) {
    match read {
        Err(Unread::Broken(why)) => assert!(why.contains(part), "{why}"),
        other => panic!("{part}: {other:?}"),
    }
}

#[test]
fn one_sample_of_prometheus_is_a_number_and_nothing_else_is() {
    let read = |text: &str| value_of(&prometheus(), text, "");
    assert_eq!(read(&vector(&["0.25"])), Ok(measure(0.25)));
    let scalar =
        json!({"status": "success", "data": {"resultType": "scalar", "result": [1, "3e2"]}});
    assert_eq!(read(&scalar.to_string()), Ok(measure(300.0)));
    no_data(read(&vector(&[])), "no such number");
    no_data(read(&vector(&["1", "2"])), "there are 2 numbers");
    for text in ["NaN", "+Inf", "-Inf", "Inf"] {
        no_data(read(&vector(&[text])), "not finite");
    }
    let warned = json!({
        "status": "success", "warnings": ["store s1 is unreachable"],
        "data": {"resultType": "scalar", "result": [1, "3"]},
    });
    no_data(read(&warned.to_string()), "s1 is unreachable");
    let histogram = json!({"status": "success", "data": {"resultType": "vector", "result": [
        {"metric": {}, "histogram": [1, {"count": "1"}]}
    ]}});
    no_data(read(&histogram.to_string()), "histogram");
    let refused = json!({"status": "error", "errorType": "bad_data", "error": "parse error"});
    broken(read(&refused.to_string()), "refuses the query: parse error");
    let matrix = json!({"status": "success", "data": {"resultType": "matrix", "result": []}});
    broken(read(&matrix.to_string()), "brings a matrix");
    broken(read(&vector(&["one"])), "\"one\" is no number");
    broken(read("<html>"), "no answer of Prometheus");
    broken(read(""), "no answer of Prometheus");
    broken(read(r#"{"status": "success"}"#), "has no data");
}

#[test]
fn several_become_one_only_where_it_is_said() {
    let reduced = |how: &str, values: &[&str]| {
        let mut probe = prometheus();
        probe.reduce = serde_json::from_value(json!(how)).expect("a word");
        value_of(&probe, &vector(values), "")
    };
    let values = ["1", "4", "-2"];
    assert_eq!(reduced("sum", &values), Ok(measure(3.0)));
    assert_eq!(reduced("min", &values), Ok(measure(-2.0)));
    assert_eq!(reduced("max", &values), Ok(measure(4.0)));
    assert_eq!(reduced("average", &values), Ok(measure(1.0)));
    no_data(reduced("sum", &[]), "no such number");
    no_data(reduced("max", &["1", "NaN"]), "not finite");
    no_data(
        reduced("sum", &["1e308", "1e308"]),
        "together are not finite",
    );
}

#[test]
fn a_number_of_a_json_document_has_the_type_of_one() {
    let at = |path: &str, text: &str| {
        value_of(
            &metric(json!({"json": {"url": "http://s", "path": path}})),
            text,
            "",
        )
    };
    let text = r#"{"p95": 0.2, "count": "7", "none": null, "list": [1, 2]}"#;
    assert_eq!(at("$.p95", text), Ok(measure(0.2)));
    assert_eq!(at("$.list[1]", text), Ok(measure(2.0)));
    no_data(at("$.missing", text), "no such number");
    no_data(at("$.count", text), "of the type string");
    no_data(at("$.none", text), "of the type null");
    no_data(at("$.list[*]", text), "there are 2 numbers");
    broken(at("$.p95", "not json"), "no JSON");
    broken(at("p95", text), "does not begin with $");
    broken(at("$.big", r#"{"big": 1e999}"#), "out of range");
}

const PAGE: &str = r#"# HELP requests_total All of them.
# TYPE requests_total counter
requests_total{code="200",path="/a b"} 1027 1395066363000
requests_total{ code = "500" , path = "/\"x\"\\", } 3
requests_total_other 9
latency_seconds NaN
temperature -4.5e1 # {trace="x"} 1
broken{code="200" 7
"#;

#[test]
fn a_page_is_read_by_name_and_labels() {
    let read = |metric_name: &str, labels: Value| {
        let source = json!({"url": "http://s/metrics", "metric": metric_name, "labels": labels});
        value_of(&metric(json!({"exposition": source})), PAGE, "")
    };
    assert_eq!(
        read("requests_total", json!({"code": "200"})),
        Ok(measure(1027.0))
    );
    assert_eq!(
        read("requests_total", json!({"path": "/\"x\"\\"})),
        Ok(measure(3.0))
    );
    assert_eq!(read("requests_total_other", json!({})), Ok(measure(9.0)));
    assert_eq!(read("temperature", json!({})), Ok(measure(-45.0)));
    no_data(read("requests_total", json!({})), "there are 2 numbers");
    no_data(
        read("requests_total", json!({"code": "404"})),
        "has these labels",
    );
    no_data(read("requests", json!({})), "no metric requests");
    no_data(read("latency_seconds", json!({})), "not finite");
    broken(read("broken", json!({})), "malformed");
}

#[test]
fn a_page_that_is_not_whole_is_broken_even_where_the_number_stands_in_it() {
    let read = |page: &str, content_type: &str| {
        let source = json!({"url": "http://s/metrics", "metric": "errors_total"});
        value_of(&metric(json!({"exposition": source})), page, content_type)
    };
    let (text, open) = (
        "text/plain; version=0.0.4",
        "Application/OpenMetrics-text; version=1.0.0; charset=utf-8",
    );
    for page in [
        "errors_total 1\n",
        "errors_total 1\r\n",
        "errors_total 1\n# EOF",
    ] {
        assert_eq!(read(page, text), Ok(measure(1.0)), "{page:?}");
    }
    for page in ["errors_total 1\n# EOF\n", "errors_total 1\n# EOF"] {
        assert_eq!(read(page, open), Ok(measure(1.0)), "{page:?}");
    }
    for page in [
        "errors_total 1",
        "errors_total 1\nother 12",
        "errors_total 1\n# HEL",
    ] {
        broken(read(page, text), "it ends inside the line");
        broken(read(page, ""), "it ends inside the line");
        broken(read(page, open), "its last line is not \"# EOF\"");
    }
    broken(read("errors_total 1\n", open), "its last line is not");
    broken(read("# EOF\nerrors_total 1\n", open), "goes on after");
    broken(read("errors_total 1\n# EOF\n\n", open), "goes on after");
    no_data(read("", text), "no metric");
}

#[test]
fn odd_pages_are_read_as_prometheus_reads_them() {
    let read = |page: &str, metric_name: &str, labels: Value| {
        let source = json!({"url": "http://s/metrics", "metric": metric_name, "labels": labels});
        value_of(&metric(json!({"exposition": source})), page, "")
    };
    for (page, name, labels, found) in [
        ("a {x=\"1\"} 2\n", "a", json!({"x": "1"}), 2.0),
        ("a\t{ x=\"1\" , } 2\n", "a", json!({}), 2.0),
        ("a{} 2\n", "a", json!({}), 2.0),
        (
            "{\"http.errors\",method=\"GET\"} 7\n",
            "http.errors",
            json!({"method": "GET"}),
            7.0,
        ),
        ("{ \"http.errors\" } 7\n", "http.errors", json!({}), 7.0),
        (
            "a{\"label.name\"=\"x\"} 3\n",
            "a",
            json!({"label.name": "x"}),
            3.0,
        ),
        ("{\"a\"} 3\nab 4\n", "a", json!({}), 3.0),
        ("{{{ odd\nb{x=1} y\n\"\na 2\n", "a", json!({}), 2.0),
        ("a{x=\"{b}\"} 2\n", "a", json!({"x": "{b}"}), 2.0),
        (
            "a{x=\"1\"} {count:1}\na{x=\"2\"} 5\n",
            "a",
            json!({"x": "2"}),
            5.0,
        ),
    ] {
        assert_eq!(read(page, name, labels), Ok(measure(found)), "{page}");
    }
    for word in ["nan", "NAN", "inf", "+INF", "-inf", "Infinity", "-infinity"] {
        no_data(read(&format!("a {word}\n"), "a", json!({})), "not finite");
    }
    for page in [
        "a{x=\"1\",,y=\"2\"} 2\n",
        "a{,x=\"1\"} 2\n",
        "a{,} 2\n",
        "a{x=\"1\",,} 2\n",
        "a{x=\"1\" y=\"2\"} 2\n",
        "{\"a\" x=\"1\"} 2\n",
        "a{=\"1\"} 2\n",
        "a infinit\n",
        "a 0x10\n",
    ] {
        broken(read(page, "a", json!({})), "malformed");
    }
    let native = "a {count:12,sum:3.5,schema:0,zero_threshold:0,zero_count:0}\n";
    no_data(read(native, "a", json!({})), "native histogram");
    no_data(read("{\"a\"=\"x\"} 3\n", "a", json!({})), "no metric a");
}

#[test]
fn what_prometheus_only_remarks_changes_no_number() {
    let info = "PromQL info: metric might not be a counter";
    let read = |warnings: Value| {
        let mut value: Value = serde_json::from_str(&vector(&["1"])).expect("JSON");
        value["warnings"] = warnings;
        value_of(&prometheus(), &value.to_string(), "")
    };
    for harmless in [json!([info]), json!([info, info]), json!([]), Value::Null] {
        assert_eq!(read(harmless), Ok(measure(1.0)));
    }
    no_data(read(json!([info, "PromQL warning: bad"])), "PromQL warning");
    no_data(read(json!(["store s1 is unreachable"])), "s1");
}

#[test]
fn a_partial_answer_of_a_monitoring_system_is_broken() {
    let read = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&vector(&["1"])).expect("JSON");
        change(&mut value);
        value_of(&prometheus(), &value.to_string(), "application/json")
    };
    assert_eq!(read(&|_| {}), Ok(measure(1.0)));
    for key in ["isPartial", "warnings", "infos", "error"] {
        assert_eq!(read(&|it| it[key] = Value::Null), Ok(measure(1.0)), "{key}");
    }
    assert_eq!(read(&|it| it["isPartial"] = json!(false)), Ok(measure(1.0)));
    broken(read(&|it| it["isPartial"] = json!(true)), "is partial");
    broken(read(&|it| it["isPartial"] = json!("true")), "no answer");
    broken(read(&|it| it["data"] = Value::Null), "has no data");
    broken(read(&|it| it["data"]["result"] = Value::Null), "malformed");
    for key in ["status", "data"] {
        let gone = |it: &mut Value| drop(it.as_object_mut().map(|it| it.remove(key)));
        broken(read(&gone), "no answer of Prometheus");
    }
}

/// The verdict of a probe that expects this, of this number, with this baseline.
fn verdict(expect: Value, value: f64, baseline: Option<f64>) -> (Verdict, String) {
    let mut probe: Probe = serde_json::from_value(json!({
        "id": "p", "metric": {"prometheus": {"url": "http://p", "query": "up"}, "expect": expect},
    }))
    .expect("a probe");
    if let Some(metric) = &mut probe.metric {
        metric.baseline = baseline.map(measure);
    }
    let answer = Answer::Metric(MetricAnswer {
        value: measure(value),
        control: None,
    });
    let attempt = judge(&probe, &answer, 0);
    assert_eq!(attempt.measured, Some(measure(value)));
    (attempt.verdict, attempt.reason())
}

use Verdict::{Fail, Inconclusive, Pass};

#[test]
fn thresholds_are_as_they_are_called() {
    for (expect, passing) in [
        (json!({"at_most": 2}), [true, true, false]),
        (json!({"at_least": 2}), [false, true, true]),
        (json!({"less": 2}), [true, false, false]),
        (json!({"greater": 2}), [false, false, true]),
        (json!({"equals": 2}), [false, true, false]),
    ] {
        let found = [1.0, 2.0, 3.0].map(|value| verdict(expect.clone(), value, None).0 == Pass);
        assert_eq!(found, passing, "{expect}");
    }
}

// req: B7
#[test]
fn fifty_percent_worse_than_before_is_the_limit() {
    let half = json!({"no_worse_than": "50%"});
    assert_eq!(verdict(half.clone(), 3.0, Some(2.0)).0, Pass);
    assert_eq!(verdict(half.clone(), 0.0, Some(2.0)).0, Pass);
    let (failed, why) = verdict(half, 3.01, Some(2.0));
    assert_eq!(failed, Fail);
    assert!(
        why.contains("no more than 50% worse than 2, so at most 3, found 3.01 (+50.5%)"),
        "{why}"
    );
    let fewer = json!({"no_worse_than": "20%", "worse": "lower"});
    assert_eq!(verdict(fewer.clone(), 80.0, Some(100.0)).0, Pass);
    assert_eq!(verdict(fewer.clone(), 900.0, Some(100.0)).0, Pass);
    assert_eq!(verdict(fewer, 79.0, Some(100.0)).0, Fail);
}

// req: E3
#[test]
fn a_baseline_that_is_missing_or_zero_has_a_stated_outcome() {
    let half = json!({"no_worse_than": "50%"});
    let (missing, why) = verdict(half.clone(), 0.0, None);
    assert_eq!(missing, Inconclusive);
    assert!(why.contains("relgate baseline capture"), "{why}");
    let (zero, why) = verdict(half.clone(), 0.0, Some(0.0));
    assert_eq!(zero, Inconclusive);
    assert!(why.contains("floor"), "{why}");
    assert_eq!(verdict(half.clone(), 0.0, Some(-0.0)).0, Inconclusive);
    assert_eq!(verdict(half.clone(), 0.0, Some(-1.0)).0, Inconclusive);
    assert_eq!(verdict(half, 0.0, Some(f64::MAX)).0, Inconclusive);
    let floored = json!({"no_worse_than": "50%", "floor": 0.01});
    assert_eq!(verdict(floored.clone(), 0.01, Some(0.0)).0, Pass);
    assert_eq!(verdict(floored.clone(), 0.011, Some(0.0)).0, Fail);
    assert_eq!(verdict(floored.clone(), 0.01, Some(0.001)).0, Pass);
    assert_eq!(verdict(floored.clone(), 1.4, Some(1.0)).0, Pass);
    assert_eq!(verdict(floored, 0.0, None).0, Inconclusive);
    let rate = json!({"no_worse_than": "50%", "worse": "lower", "floor": 10});
    assert_eq!(verdict(rate.clone(), 9.0, Some(0.0)).0, Fail);
    assert_eq!(verdict(rate, 9.0, Some(12.0)).0, Fail);
    // What fails without a baseline has failed.
    let both = json!({"no_worse_than": "50%", "at_most": 1});
    let (failed, why) = verdict(both.clone(), 2.0, None);
    assert_eq!(failed, Fail);
    assert!(
        why.contains("at most 1") && why.contains("no baseline"),
        "{why}"
    );
    assert_eq!(verdict(both, 1.0, None).0, Inconclusive);
}

/// The verdict of a probe with these keys, of this number and that of its control group.
fn judged(keys: Value, value: f64, control: Option<f64>) -> (Verdict, String) {
    let mut metric = json!({"prometheus": {"url": "http://p", "query": "a"}});
    for (key, part) in keys.as_object().expect("an object") {
        metric[key] = part.clone();
    }
    if control.is_some() {
        metric["control"] = json!({"query": "b"});
    }
    let probe: Probe =
        serde_json::from_value(json!({"id": "p", "metric": metric})).expect("a probe");
    let answer = Answer::Metric(MetricAnswer {
        value: measure(value),
        control: control.map(measure),
    });
    let attempt = judge(&probe, &answer, 0);
    (attempt.verdict, attempt.reason())
}

#[test]
fn between_what_passes_and_what_fails_nothing_is_known() {
    let both = json!({"expect": {"at_most": 1}, "fail_if": {"greater": 5}});
    for (value, expected, said) in [
        (1.0, Pass, ""),
        (
            1.1,
            Inconclusive,
            "neither passes nor fails: value: expected at most 1, found 1.1",
        ),
        (5.0, Inconclusive, "neither passes nor fails"),
        (
            5.1,
            Fail,
            "value (fail_if): expected not greater than 5, found 5.1",
        ),
    ] {
        let (verdict, why) = judged(both.clone(), value, None);
        assert_eq!(verdict, expected, "{value}: {why}");
        assert!(why.contains(said), "{why}");
    }
    // Any part of `fail_if` is enough.
    let outside =
        json!({"expect": {"at_least": 1, "at_most": 2}, "fail_if": {"less": 0, "greater": 3}});
    let found = [-1.0, 0.5, 1.5, 2.5, 4.0].map(|value| judged(outside.clone(), value, None).0);
    assert_eq!(found, [Fail, Inconclusive, Pass, Inconclusive, Fail]);
    // What could not be compared neither passes nor fails; what fails beside it has failed.
    let baseline =
        json!({"expect": {"at_most": 1}, "fail_if": {"greater": 5, "worse_than": "50%"}});
    let found = [1.0, 2.0, 6.0].map(|value| judged(baseline.clone(), value, None).0);
    assert_eq!(found, [Inconclusive, Inconclusive, Fail]);
}

#[test]
fn a_canary_is_held_to_its_control_group() {
    let ratio = json!({"expect": {"ratio": {"at_most": 1.2, "greater": 0}}});
    for (value, control, expected, said) in [
        (1.2, 1.0, Pass, ""),
        // Twice the load on both is no regression.
        (240.0, 200.0, Pass, ""),
        (
            1.3,
            1.0,
            Fail,
            "ratio to the control: expected at most 1.2, found 1.3 (1.3 / 1)",
        ),
        (0.0, 1.0, Fail, "expected greater than 0"),
        (0.0, 0.0, Inconclusive, "the control is 0"),
        (1.0, 0.0, Inconclusive, "the control is 0"),
        (f64::MAX, 1e-300, Inconclusive, "beyond all numbers"),
        (-1.0, 1.0, Fail, "found -1"),
    ] {
        let (verdict, why) = judged(ratio.clone(), value, Some(control));
        assert_eq!(verdict, expected, "{value} / {control}: {why}");
        assert!(why.contains(said), "{why}");
    }
    let share = json!({
        "expect": {"no_worse_than": "10%", "floor": 0.01}, "fail_if": {"worse_than": "50%"},
    });
    for (value, control, expected, said) in [
        (1.1, 1.0, Pass, ""),
        (0.01, 0.0, Pass, ""),
        (
            1.2,
            1.0,
            Inconclusive,
            "value against the control: expected no more than 10% worse than 1",
        ),
        (
            1.6,
            1.0,
            Fail,
            "value against the control (fail_if): expected no more than 50% worse than 1, so at most 1.5",
        ),
        (1.0, -1.0, Inconclusive, "the control is -1"),
    ] {
        let (verdict, why) = judged(share.clone(), value, Some(control));
        assert_eq!(verdict, expected, "{value} / {control}: {why}");
        assert!(why.contains(said), "{why}");
    }
    // A ratio that could not be made hides no failure.
    let beside = json!({"expect": {"at_most": 1, "ratio": {"at_most": 1.2}}});
    assert_eq!(judged(beside.clone(), 2.0, Some(0.0)).0, Fail);
    assert_eq!(judged(beside, 1.0, Some(0.0)).0, Inconclusive);
}

#[test]
fn with_a_control_group_nothing_is_compared_with_a_captured_baseline() {
    let expect = json!({"no_worse_than": "10%"});
    let source = json!({"prometheus": {"url": "http://p", "query": "a"}, "expect": expect});
    assert!(metric(source.clone()).compares());
    let mut with = source.clone();
    with["control"] = json!({"query": "b"});
    assert!(!metric(with).compares());
    let condition = json!({"expect": {"at_most": 1}, "fail_if": {"worse_than": "10%"}});
    let mut fails = source;
    fails["expect"] = condition["expect"].clone();
    fails["fail_if"] = condition["fail_if"].clone();
    assert!(metric(fails).compares());
}

#[test]
fn a_range_is_one_series_of_finite_numbers() {
    let range = |reduce: &str| {
        metric(json!({
            "prometheus": {"url": "http://p", "query": "up", "range": "10m"}, "reduce": reduce,
        }))
    };
    let matrix = |series: Value| {
        json!({"status": "success", "data": {"resultType": "matrix", "result": series}}).to_string()
    };
    let values = |values: &[&str]| {
        let all: Vec<Value> = values.iter().map(|it| json!([1, it])).collect();
        json!({"metric": {}, "values": all})
    };
    let one = matrix(json!([values(&["1", "5", "3"])]));
    for (reduce, found) in [
        ("sum", 9.0),
        ("min", 1.0),
        ("max", 5.0),
        ("average", 3.0),
        ("last", 3.0),
    ] {
        let read = range(reduce).read(&one, "").expect("a number");
        assert_eq!((read.value, read.count), (measure(found), 3), "{reduce}");
    }
    let read = |text: &str| value_of(&range("max"), text, "");
    no_data(read(&matrix(json!([]))), "no such number");
    no_data(read(&matrix(json!([values(&[])]))), "no such number");
    no_data(
        read(&matrix(json!([values(&["1"]), values(&["2"])]))),
        "brings 2 series",
    );
    no_data(read(&matrix(json!([values(&["1", "NaN"])]))), "not finite");
    let histogram = json!({"metric": {}, "histograms": [[1, {"count": "2"}]]});
    no_data(read(&matrix(json!([histogram]))), "is a histogram");
    broken(read(&matrix(json!([{"values": [[1]]}]))), "malformed");
    broken(read(&matrix(json!([values(&["x"])]))), "is no number");
    // A range that nobody asked for is no number.
    broken(value_of(&prometheus(), &one, ""), "brings a matrix");
}

#[test]
fn the_moment_of_an_answer_is_as_it_is_written() {
    let scalar = r#"{"status": "success", "data": {"resultType": "scalar", "result": [1700000000.781, "1"]}}"#;
    for (text, moment) in [
        (vector(&["1"]).as_str(), Some("1700000000.5")),
        (scalar, Some("1700000000.781")),
        (vector(&[]).as_str(), None),
        ("{}", None),
        ("no JSON", None),
        (r#"{"data": {"result": ["soon", "1"]}}"#, None),
        (
            r#"{"data": {"result": [{"value": ["0&query=x", "1"]}]}}"#,
            None,
        ),
    ] {
        assert_eq!(MetricProbe::moment(text).as_deref(), moment, "{text}");
    }
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]
    #[test]
    fn no_answer_panics(text in "\\PC{0,200}", name in "[a-z]{1,4}") {
        let _ = prometheus().read(&text, "");
        let _ = metric(json!({"json": {"url": "u", "path": "$..*"}})).read(&text, "");
        let source = json!({"exposition": {"url": "u", "metric": name}});
        let _ = metric(source.clone()).read(&text, "");
        let _ = metric(source).read(&format!("{name}{text}\n"), "");
    }

    #[test]
    fn damage_to_a_page_never_panics_and_never_makes_zero(at in 0..PAGE.len(), byte in any::<u8>()) {
        let mut bytes = PAGE.as_bytes().to_vec();
        bytes[at] = byte;
        let page = String::from_utf8_lossy(&bytes);
        let source = json!({"exposition": {"url": "u", "metric": "latency_seconds"}});
        let read = value_of(&metric(source), &page, "");
        prop_assert!(!matches!(read, Ok(value) if value.get() == 0.0) || byte == b'0', "{read:?}");
    }

    #[test]
    fn worse_never_passes_where_better_failed(base in 0.001..1e6_f64, share in 0..500_u32, a in 0.0..1e7_f64, b in 0.0..1e7_f64) {
        let (better, worse) = if a <= b { (a, b) } else { (b, a) };
        let expect = json!({"no_worse_than": format!("{share}%")});
        let at_better = verdict(expect.clone(), better, Some(base)).0;
        let at_worse = verdict(expect, worse, Some(base)).0;
        prop_assert!(at_better == Pass || at_worse == Fail);
    }
}
