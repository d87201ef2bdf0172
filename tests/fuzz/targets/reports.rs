//! What is read of programs' reports: JUnit, Prometheus' answers, and pages of metrics.

use relgate::domain::ids::ProbeId;
use relgate::domain::probe::Probe;
use relgate::domain::probe::judge::{Answer, Verdict, judge};
use relgate::domain::probe::kinds::junit::read;
use relgate::domain::probe::kinds::{JunitAnswer, MetricAnswer, MetricProbe};
use serde_json::{Value, json};

/// Reads the bytes as each of them.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    junit(&text);
    let sources = [
        json!({"prometheus": {"url": "http://prometheus:9090", "query": "up"}}),
        json!({"exposition": {"url": "http://shop/metrics", "metric": "up", "labels": {"job": "shop"}}}),
        json!({"exposition": {"url": "http://shop/metrics", "metric": "http_requests_total"}}),
        json!({"json": {"url": "http://shop/stats", "path": "$..value"}}),
    ];
    for source in sources {
        for reduce in [None, Some("sum"), Some("min"), Some("max"), Some("average")] {
            metric(&text, &source, reduce);
        }
    }
}

fn junit(text: &str) {
    let Ok(report) = read(text) else {
        return;
    };
    let most = u64::try_from(text.matches("testcase").count()).unwrap_or(u64::MAX);
    assert!(report.executed.saturating_add(report.skipped) <= most);
    let shown = report.failed.iter().all(|name| name.chars().count() <= 120);
    assert!(shown, "a name goes on and on");
    let failed = report.failures > 0 || report.stated > 0;
    let executed = report.executed;
    let answer = Answer::Junit(JunitAnswer {
        files: 1,
        report,
        age_ms: 0,
        today: None,
    });
    let verdict = judge(&probe(json!({"junit": {"path": "r.xml"}})), &answer, 10).verdict;
    assert_eq!(verdict == Verdict::Pass, !failed && executed > 0);
}

fn metric(text: &str, source: &Value, reduce: Option<&str>) {
    let mut source = source.clone();
    source["expect"] = json!({"at_most": 1, "no_worse_than": "50%", "floor": 0.001});
    if let Some(reduce) = reduce {
        source["reduce"] = json!(reduce);
    }
    let metric: MetricProbe = serde_json::from_value(source.clone()).expect("a metric");
    let Ok(number) = metric.read(text, "") else {
        return;
    };
    let value = number.value;
    assert!(value.get().is_finite(), "{value} is no number");
    let shown: f64 = value.to_string().parse().expect("a number");
    assert_eq!(shown, value.get(), "shown as {value}");
    let answer = Answer::Metric(MetricAnswer {
        value,
        control: None,
    });
    let verdict = judge(&probe(json!({"metric": source})), &answer, 10).verdict;
    assert_ne!(
        verdict,
        Verdict::Pass,
        "better than a baseline that is not there"
    );
}

fn probe(mut value: Value) -> Probe {
    value["id"] = json!(ProbeId::new("p").expect("a name"));
    serde_json::from_value(value).expect("a probe")
}
