//! `metric` probes.

mod group;

use super::{Check, http, http_options, json};
use crate::domain::finding::{Finding, Rule};
use crate::domain::probe::kinds::{MetricProbe, PrometheusSource, Reduce, Worse};

pub(super) fn lint(check: &Check<'_>, metric: &MetricProbe, findings: &mut Vec<Finding>) {
    source(check, metric, findings);
    if let Some(ca) = &metric.ca {
        check.path("/metric/ca", ca, findings);
    }
    check.verifies("/metric/verify_tls", metric.verify_tls, findings);
    http::headers(check, "/metric/headers", &metric.headers, findings);
    http_options::auth(
        check,
        "/metric",
        metric.auth.as_ref(),
        &metric.headers,
        findings,
    );
    http_options::proxy(
        check,
        "/metric",
        (metric.proxy.as_deref(), metric.proxy_auth.as_ref()),
        findings,
    );
    group::lint(check, metric, findings);
    expectation(check, metric, findings);
}

fn source(check: &Check<'_>, metric: &MetricProbe, findings: &mut Vec<Finding>) {
    let MetricProbe {
        prometheus,
        json: document,
        exposition,
        ..
    } = metric;
    let count = usize::from(prometheus.is_some())
        + usize::from(document.is_some())
        + usize::from(exposition.is_some());
    if count != 1 {
        let what = format!("it has {count} of `prometheus`, `json` and `exposition`");
        let help = "give it exactly one: where the number comes from";
        findings.push(check.error(Rule::ProbeMetric, "/metric", &what).help(help));
    }
    if let Some(source) = prometheus {
        findings.extend(http::url(check, "/metric/prometheus/url", &source.url));
        range(check, source, metric.reduce, findings);
        let address = source.url.split(['?', '#']).next().unwrap_or_default();
        if address.contains("/api/v1/") {
            findings.push(
                check
                    .error(
                        Rule::ProbeAddress,
                        "/metric/prometheus/url",
                        "\"/api/v1/query\" is added by relgate",
                    )
                    .help("write the server's address alone, such as http://prometheus:9090"),
            );
        }
    }
    if let Some(source) = document {
        json::lint_path(check, "/metric/json/path", &source.path, findings);
        match (&source.url, &source.file) {
            (Some(url), None) => findings.extend(http::url(check, "/metric/json/url", url)),
            (None, Some(file)) => check.path("/metric/json/file", file, findings),
            _ => findings.push(
                check
                    .error(
                        Rule::ProbeMetric,
                        "/metric/json",
                        "it has either `url` or `file`",
                    )
                    .help("say where the document is"),
            ),
        }
    }
    if let Some(source) = exposition {
        findings.extend(http::url(check, "/metric/exposition/url", &source.url));
        if is_series(&source.metric) {
            let what = format!("{:?} cannot be the name of a metric", source.metric);
            findings.push(
                check
                    .error(Rule::ProbeMetric, "/metric/exposition/metric", &what)
                    .help("write the name alone, and its labels under `labels`"),
            );
        }
    }
}

/// Prometheus refuses a range of more values.
const MOST_VALUES: u128 = 11_000;

fn range(
    check: &Check<'_>,
    source: &PrometheusSource,
    reduce: Option<Reduce>,
    findings: &mut Vec<Finding>,
) {
    let mut error = |key: &str, what: &str, help: &str| {
        findings.push(
            check
                .error(Rule::ProbeMetric, &format!("/metric/{key}"), what)
                .help(help),
        );
    };
    let Some(range) = source.range else {
        if source.step.is_some() {
            let what = "\"step\" says something of `range`, which is not there";
            error(
                "prometheus/step",
                what,
                "write `range`, or leave the key out",
            );
        }
        if reduce == Some(Reduce::Last) {
            let what = "an instant query has no last value";
            error(
                "reduce",
                what,
                "write `range`, or another of sum, min, max and average",
            );
        }
        return;
    };
    let (range, step) = (range.duration(), source.step().duration());
    if step.is_zero() {
        let what = "values that are no time apart are without number";
        error("prometheus/step", what, "write a step such as 1m");
    } else if range < step {
        let what = format!(
            "a range is no shorter than its step, which is {}",
            source.step()
        );
        error(
            "prometheus/range",
            &what,
            "write a longer `range` or a shorter `step`",
        );
    } else if range.as_millis() / step.as_millis().max(1) >= MOST_VALUES {
        let what = format!("it brings more than the {MOST_VALUES} values that Prometheus allows");
        error(
            "prometheus/range",
            &what,
            "write a shorter `range` or a longer `step`",
        );
    }
    if reduce.is_none() {
        let help = "write `reduce`, such as max, so that every value is held to the limit";
        error("prometheus/range", "a range brings several numbers", help);
    }
}

/// Whether it is more than a name, which may be any text (`http.errors`) since Prometheus 3. Blanks and braces stand where
/// somebody wrote labels or a query.
fn is_series(name: &str) -> bool {
    !name.contains("${") && name.contains(|c: char| c.is_whitespace() || "{}()[]=\"".contains(c))
}

fn expectation(check: &Check<'_>, metric: &MetricProbe, findings: &mut Vec<Finding>) {
    let expect = &metric.expect;
    let ratio = expect.ratio.as_ref().map(|it| it.bounds());
    for (below, bounds) in [("", Some(expect.bounds())), ("/ratio", ratio)] {
        if bounds.is_some_and(|it| it.is_impossible()) {
            findings.push(
                check
                    .error(
                        Rule::ProbeNeverPasses,
                        &format!("/metric/expect{below}"),
                        "no number satisfies all of it",
                    )
                    .help("mend the bounds"),
            );
        }
    }
    let lower = expect.worse == Some(Worse::Lower);
    let shares = [
        ("expect/no_worse_than", expect.no_worse_than),
        (
            "fail_if/worse_than",
            metric.fail_if.as_ref().and_then(|it| it.worse_than),
        ),
    ];
    for (key, share) in shares {
        if let Some(share) = share.filter(|it| lower && it.is_whole()) {
            let what =
                format!("a number that is {share} less is nothing, so this could never fail");
            findings.push(
                check
                    .error(Rule::ProbeMetric, &format!("/metric/{key}"), &what)
                    .help("write less than 100%"),
            );
        }
    }
    if shares.iter().all(|(_, share)| share.is_none()) {
        for (key, given) in [
            ("worse", expect.worse.is_some()),
            ("floor", expect.floor.is_some()),
        ] {
            if given {
                let what =
                    format!("\"{key}\" says something of `no_worse_than`, which is not there");
                findings.push(
                    check
                        .error(
                            Rule::ProbeUnusedKey,
                            &format!("/metric/expect/{key}"),
                            &what,
                        )
                        .help("write `no_worse_than`, or leave the key out"),
                );
            }
        }
    }
}
