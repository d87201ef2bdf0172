//! Prometheus: queries at a moment and over a range, and everything that is no number.

use std::process::Command;

use relgate::domain::probe::judge::Verdict::{Error, Fail, Inconclusive, Pass};
use serde_json::{Value, json};

use super::{Process, listens, play, ports, program};
use crate::kinds::sample;

#[test]
fn what_people_ask_of_prometheus_has_its_verdict() {
    let prometheus = program("prometheus", "prometheus");
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let [port] = ports::<1>();
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: self\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
    );
    std::fs::write(root.join("prometheus.yml"), config).expect("written");
    let mut command = Command::new(prometheus);
    let path = |name: &str| root.join(name).display().to_string();
    command.args([
        format!("--config.file={}", path("prometheus.yml")),
        format!("--storage.tsdb.path={}", path("data")),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ]);
    let mut process = Process::start(&mut command, root);
    process.wait_until(|| listens(port));
    let url = format!("http://127.0.0.1:{port}");
    let ask = |query: &str, source: Value, more: Value| {
        let mut prometheus = json!({"url": url, "query": query});
        let mut metric = json!({"expect": {"at_least": 0}});
        for (to, from) in [(&mut prometheus, source), (&mut metric, more)] {
            for (key, value) in from.as_object().expect("an object") {
                to[key] = value.clone();
            }
        }
        metric["prometheus"] = prometheus;
        json!({"metric": metric})
    };
    let now = |query: &str, more: Value| ask(query, json!({}), more);
    let over = |query: &str, more: Value| ask(query, json!({"range": "10s", "step": "1s"}), more);
    // It has looked at itself.
    process.wait_until(|| sample(root, now("up", json!({}))).verdict == Pass);
    let equals = |number: u32| json!({"expect": {"equals": number}});
    let max = json!({"reduce": "max", "expect": {"equals": 3}});
    play(
        root,
        [
            (now("up", equals(1)), Pass, "1 of 1"),
            (
                now("up{job=\"self\"}", json!({"expect": {"less": 1}})),
                Fail,
                "found 1",
            ),
            (now("vector(3)", equals(3)), Pass, "1 of 1"),
            (now("scalar(vector(3))", equals(3)), Pass, "1 of 1"),
            (now("no_such_metric", json!({})), Inconclusive, ""),
            (now("vector(0) / 0", json!({})), Inconclusive, "NaN"),
            (now("vector(1) / 0", json!({})), Inconclusive, "Inf"),
            (now("{job=\"self\"}", json!({})), Inconclusive, ""),
            (
                now("count({job=\"self\"})", json!({"expect": {"greater": 10}})),
                Pass,
                "1 of 1",
            ),
            (
                now(
                    "prometheus_build_info",
                    json!({"reduce": "sum", "expect": {"equals": 1}}),
                ),
                Pass,
                "1 of 1",
            ),
            (now("\"text\"", json!({})), Error, "a string, not a number"),
            (now("sum(", json!({})), Error, "parse error"),
            (now("up[5m]", json!({})), Error, "a matrix, not a number"),
            (over("vector(3)", max.clone()), Pass, "1 of 1"),
            (
                over(
                    "vector(3)",
                    json!({"reduce": "sum", "expect": {"equals": 33}}),
                ),
                Pass,
                "1 of 1",
            ),
            (over("no_such_metric", max.clone()), Inconclusive, ""),
            (over("vector(0) / 0", max.clone()), Inconclusive, ""),
            (over("sum(", max), Error, "parse error"),
            (
                now(
                    "vector(2)",
                    json!({"control": {"query": "vector(1)"}, "expect": {"ratio": {"at_most": 1.2}}}),
                ),
                Fail,
                "found 2",
            ),
            (
                now(
                    "vector(2)",
                    json!({
                        "control": {"query": "vector(2)"}, "expect": {"ratio": {"at_most": 1.2}},
                        "samples": {"at_least": 5, "count": {"query": "vector(9)"}, "control": {"query": "vector(4)"}},
                    }),
                ),
                Inconclusive,
                "",
            ),
            // Its own page, in the text format.
            (
                json!({"metric": {
                    "exposition": {"url": format!("{url}/metrics"), "metric": "prometheus_ready"},
                    "expect": {"equals": 1},
                }}),
                Pass,
                "1 of 1",
            ),
        ],
    );
}
