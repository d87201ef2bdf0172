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
        } else if path == "/team/api/v1/query?dedup=true&query=rate%28errors%5B5m%5D%29+%3E+0" {
            "2"
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
    // Thanos and its like take parameters of their own.
    let mut thanos = query(&asked, json!({"equals": 2}));
    thanos["metric"]["prometheus"]["url"] =
        format!("http://{}/team/?dedup=true", asked.address).into();
    told(thanos, Pass, "1 of 1");
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

/// A server that answers a query with what `answer` makes of its path, decoded.
fn querying(answer: impl Fn(&str) -> Value + Send + Sync + 'static) -> Server {
    Server::new(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let path = request.split(' ').nth(1).unwrap_or_default();
            let url = url::Url::parse(&format!("http://p{path}")).expect("an address");
            let asked: Vec<String> = url
                .query_pairs()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            let asked = format!("{} {}", url.path(), asked.join(" "));
            let body = json!({"status": "success", "data": answer(&asked)}).to_string();
            let response = response("200 OK", &body);
            if std::io::Write::write_all(&mut stream, response.as_bytes()).is_err() {
                return;
            }
        }
    })
}

fn at(moment: f64, number: &str) -> Value {
    json!({"resultType": "vector", "result": [{"metric": {}, "value": [moment, number]}]})
}

#[test]
fn a_canary_and_its_control_group_are_asked_about_the_same_moment() {
    let server = querying(|asked| match asked {
        "/api/v1/query query=canary" => at(1_700_000_000.25, "0.03"),
        "/api/v1/query query=stable time=1700000000.25" => at(1_700_000_000.25, "0.02"),
        "/api/v1/query query=canary_count time=1700000000.25" => at(1_700_000_000.25, "120"),
        "/api/v1/query query=stable_count time=1700000000.25" => at(1_700_000_000.25, "900"),
        _ => at(0.0, "-1"),
    });
    let ask = |expect: Value, least: u32, other: &str| {
        json!({"timeout": "2s", "metric": {
            "prometheus": {"url": server.url(), "query": "canary"},
            "control": {"query": "stable"},
            "samples": {"at_least": least, "count": {"query": "canary_count"}, "control": {"query": other}},
            "expect": expect,
        }})
    };
    let ratio = json!({"ratio": {"at_most": 1.6}});
    told(ask(ratio.clone(), 100, "stable_count"), Pass, "1 of 1");
    told(
        ask(json!({"ratio": {"at_most": 1.2}}), 100, "stable_count"),
        Fail,
        "ratio to the control: expected at most 1.2, found 1.5 (0.03 / 0.02)",
    );
    told(
        ask(json!({"no_worse_than": "40%"}), 100, "stable_count"),
        Fail,
        "value against the control",
    );
    // Too few samples decide nothing, whatever the numbers are.
    told(
        ask(json!({"less": 0}), 121, "stable_count"),
        Inconclusive,
        "the number has 120 samples, and it takes 121",
    );
    told(
        ask(ratio, 100, "nothing"),
        Inconclusive,
        "the control group has -1 samples",
    );
}

#[test]
fn what_is_wrong_with_the_control_group_is_named() {
    for (result, verdict, said) in [
        (
            json!([]),
            Inconclusive,
            "the control group: there is no such number",
        ),
        (
            json!([{"value": [1, "NaN"]}]),
            Inconclusive,
            "the control group: the number is not finite",
        ),
        (
            json!([{"value": [1]}]),
            Error,
            "the control group: its vector is malformed",
        ),
    ] {
        let server = querying(move |asked| {
            if asked.contains("query=stable") {
                json!({"resultType": "vector", "result": result})
            } else {
                at(1.0, "1")
            }
        });
        let probe = json!({"timeout": "2s", "metric": {
            "prometheus": {"url": server.url(), "query": "canary"},
            "control": {"query": "stable"}, "expect": {"ratio": {"at_most": 2}},
        }});
        told(probe, verdict, said);
    }
    // All its queries have the one timeout of the attempt.
    let slow = Server::new(|mut stream| {
        while let Some(request) = read_request(&mut stream) {
            if request.contains("query=stable") {
                return hold(&mut stream);
            }
            let body = json!({"status": "success", "data": at(1.0, "1")}).to_string();
            let _ = std::io::Write::write_all(&mut stream, response("200 OK", &body).as_bytes());
        }
    });
    let probe = json!({"timeout": "1s", "metric": {
        "prometheus": {"url": slow.url(), "query": "canary"},
        "control": {"query": "stable"}, "expect": {"ratio": {"at_most": 2}},
    }});
    told(probe, Error, "no answer within 1s");
}

#[test]
fn a_range_is_asked_up_to_now() {
    let server = querying(|asked| {
        let number = |key: &str| {
            let value = asked.split(' ').find_map(|it| it.strip_prefix(key));
            value.and_then(|it| it.parse::<i64>().ok()).unwrap_or(0)
        };
        let now = chrono::Utc::now().timestamp();
        let right = asked.starts_with("/api/v1/query_range query=latency start=")
            && asked.ends_with(" step=30")
            && number("end=") - number("start=") == 600
            && (now - number("end=")).abs() < 60;
        let values = if right {
            json!([[1, "0.1"], [2, "0.3"], [3, "0.2"]])
        } else {
            json!([])
        };
        json!({"resultType": "matrix", "result": [{"metric": {}, "values": values}]})
    });
    let ask = |reduce: &str, keys: Value| {
        let mut metric = json!({
            "prometheus": {"url": server.url(), "query": "latency", "range": "10m", "step": "30s"},
            "reduce": reduce,
        });
        for (key, part) in keys.as_object().expect("an object") {
            metric[key] = part.clone();
        }
        json!({"timeout": "2s", "metric": metric})
    };
    told(
        ask("max", json!({"expect": {"equals": 0.3}})),
        Pass,
        "1 of 1",
    );
    told(
        ask("last", json!({"expect": {"equals": 0.2}})),
        Pass,
        "1 of 1",
    );
    told(
        ask("max", json!({"expect": {"less": 0.25}})),
        Fail,
        "expected less than 0.25, found 0.3",
    );
    told(
        ask(
            "max",
            json!({"expect": {"less": 0.25}, "samples": {"at_least": 4}}),
        ),
        Inconclusive,
        "the number has 3 samples, and it takes 4",
    );
    told(
        ask(
            "max",
            json!({"expect": {"less": 0.25}, "fail_if": {"greater": 0.5}}),
        ),
        Inconclusive,
        "it neither passes nor fails",
    );
}

#[test]
fn a_control_group_stands_in_the_same_document_and_on_the_same_page() {
    let page = Server::http(
        "200 OK",
        "e{track=\"canary\"} 3\ne{track=\"stable\"} 2\nn{track=\"canary\"} 7\nn{track=\"stable\"} 9\n",
    );
    let metric = |least: u32| {
        json!({"metric": {
            "exposition": {"url": page.url(), "metric": "e", "labels": {"track": "canary"}},
            "control": {"labels": {"track": "stable"}},
            "samples": {
                "at_least": least,
                "count": {"metric": "n", "labels": {"track": "canary"}},
                "control": {"metric": "n", "labels": {"track": "stable"}},
            },
            "expect": {"ratio": {"at_most": 1.5}},
        }})
    };
    told(metric(7), Pass, "1 of 1");
    told(metric(8), Inconclusive, "the number has 7 samples");
    assert_eq!(
        page.accepted.load(std::sync::atomic::Ordering::SeqCst),
        2,
        "the page is read once"
    );
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(
        folder.path().join("load.json"),
        r#"{"new": 300, "old": 200}"#,
    )
    .expect("written");
    let file = json!({"metric": {
        "json": {"file": "load.json", "path": "$.new"}, "control": {"path": "$.old"},
        "expect": {"no_worse_than": "20%"},
    }});
    assert_sample(
        folder.path(),
        file,
        Fail,
        "20% worse than 200, so at most 240, found 300",
    );
}
