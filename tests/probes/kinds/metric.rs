//! `metric` probes: thresholds, over HTTP and out of files.

use std::fs;
use std::path::Path;

use relgate::domain::probe::judge::Verdict::{self, Error, Fail, Inconclusive, Pass};
use serde_json::{Value, json};

use super::assert_sample;
use crate::support::{Server, hold, read_request, refused, response};

fn reply(status: &str, kind: &str, result: &Value) -> Server {
    let body = json!({"status": "success", "data": {"resultType": kind, "result": result}});
    Server::http(status, &body.to_string())
}

fn query(server: &Server, expect: Value) -> Value {
    let url = format!("http://{}/", server.address);
    json!({"timeout": "1s", "metric": {
        "prometheus": {"url": url, "query": "rate(errors[5m]) > 0"}, "expect": expect,
    }})
}

#[track_caller]
fn told(ask: Value, verdict: Verdict, reason: &str) {
    assert_sample(Path::new("/"), ask, verdict, reason);
}

// req: D13
#[test]
fn an_instant_query_is_held_to_its_threshold() {
    let errors = reply(
        "200 OK",
        "vector",
        &json!([{"metric": {}, "value": [1, "0.0007"]}]),
    );
    told(query(&errors, json!({"less": 0.001})), Pass, "1 of 1");
    told(
        query(&errors, json!({"less": 0.0005})),
        Fail,
        "expected less than 0.0005, found 0.0007",
    );
    let asked = Server::new(|mut stream| {
        let request = read_request(&mut stream).unwrap_or_default();
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let number = if path == "/api/v1/query?query=rate%28errors%5B5m%5D%29+%3E+0" {
            "1"
        } else {
            "0"
        };
        let body =
            json!({"status": "success", "data": {"resultType": "scalar", "result": [1, number]}});
        let _ = std::io::Write::write_all(
            &mut stream,
            response("200 OK", &body.to_string()).as_bytes(),
        );
    });
    told(query(&asked, json!({"equals": 1})), Pass, "1 of 1");
}

#[test]
fn no_data_is_no_number_and_never_a_pass() {
    let anything = json!({"at_least": 0});
    let none = reply("200 OK", "vector", &json!([]));
    told(
        query(&none, anything.clone()),
        Inconclusive,
        "there is no such number",
    );
    let nan = reply("200 OK", "scalar", &json!([1, "NaN"]));
    told(query(&nan, anything.clone()), Inconclusive, "not finite");
    let mut strict = query(&nan, anything.clone());
    strict["on_no_data"] = "fail".into();
    told(strict, Fail, "not finite");
    let series = json!([{"metric": {"a": "1"}, "value": [1, "1"]}, {"metric": {"a": "2"}, "value": [1, "2"]}]);
    let two = reply("200 OK", "vector", &series);
    told(
        query(&two, anything.clone()),
        Inconclusive,
        "write `reduce`",
    );
    let mut reduced = query(&two, json!({"equals": 2}));
    reduced["metric"]["reduce"] = "max".into();
    told(reduced, Pass, "1 of 1");
    told(
        query(&two, json!({"no_worse_than": "50%"})),
        Inconclusive,
        "write `reduce`",
    );
    let one = reply("200 OK", "scalar", &json!([1, "1"]));
    told(
        query(&one, json!({"no_worse_than": "50%"})),
        Inconclusive,
        "no baseline",
    );
}

#[test]
fn what_measures_and_cannot_be_asked_is_an_error_and_no_failure() {
    let anything = json!({"at_least": 0});
    told(
        query(&refused(), anything.clone()),
        Error,
        "could not be measured",
    );
    let silent = Server::new(|mut stream| hold(&mut stream));
    told(
        query(&silent, anything.clone()),
        Error,
        "no answer within 1s",
    );
    let down = Server::http("503 Service Unavailable", "later");
    told(query(&down, anything.clone()), Error, "the status 503");
    let refusing = Server::http(
        "400 Bad Request",
        r#"{"status": "error", "errorType": "bad_data", "error": "parse error at char 3"}"#,
    );
    told(
        query(&refusing, anything.clone()),
        Error,
        "parse error at char 3",
    );
    let page = Server::http("200 OK", "<html>log in</html>");
    told(
        query(&page, anything.clone()),
        Error,
        "no answer of Prometheus",
    );
    let endless = Server::http("200 OK", &" ".repeat(2 << 20));
    told(
        query(&endless, anything.clone()),
        Error,
        "longer than 1 MiB",
    );
    let moved = Server::answering(
        "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
        false,
    );
    told(query(&moved, anything), Error, "the status 302");
}

#[test]
fn a_number_comes_out_of_json_and_of_a_page_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    fs::write(root.join("load.json"), r#"{"latency": {"p95": 0.181}}"#).expect("written");
    fs::write(root.join("broken.json"), r#"{"latency": "#).expect("written");
    let file = |name: &str, path: &str| json!({"metric": {"json": {"file": name, "path": path}, "expect": {"at_most": 0.2}}});
    assert_sample(root, file("load.json", "$.latency.p95"), Pass, "1 of 1");
    assert_sample(
        root,
        file("load.json", "$.latency.p99"),
        Inconclusive,
        "no such number",
    );
    assert_sample(
        root,
        file("load.json", "$.latency"),
        Inconclusive,
        "of the type object",
    );
    assert_sample(
        root,
        file("missing.json", "$.a"),
        Inconclusive,
        "there is no file missing.json",
    );
    assert_sample(root, file("broken.json", "$.a"), Error, "it is no JSON");
    assert_sample(
        root,
        file("../load.json", "$.a"),
        Error,
        "leaves the repository",
    );
    let page = Server::http(
        "200 OK",
        "# HELP e All.\ne{code=\"500\"} 3\ne{code=\"200\"} 1000\n",
    );
    let metric = |labels: Value| {
        json!({"metric": {
            "exposition": {"url": page.url(), "metric": "e", "labels": labels},
            "expect": {"at_most": 5},
        }})
    };
    assert_sample(root, metric(json!({"code": "500"})), Pass, "1 of 1");
    assert_sample(
        root,
        metric(json!({"code": "200"})),
        Fail,
        "expected at most 5, found 1000",
    );
    assert_sample(
        root,
        metric(json!({"code": "404"})),
        Inconclusive,
        "these labels",
    );
    let stats = Server::http("200 OK", r#"{"open": 12}"#);
    let json = json!({"metric": {"json": {"url": stats.url(), "path": "$.open"}, "expect": {"equals": 12}}});
    assert_sample(root, json, Pass, "1 of 1");
}
