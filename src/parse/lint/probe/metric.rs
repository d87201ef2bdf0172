//! `metric` probes.

use super::{Check, http, http_options, json};
use crate::domain::finding::Finding;
use crate::domain::probe::kinds::{MetricExpectation, MetricProbe, Worse};

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
    expectation(check, &metric.expect, findings);
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
        findings.push(check.error("/metric", &what).help(help));
    }
    if let Some(source) = prometheus {
        findings.extend(http::url(check, "/metric/prometheus/url", &source.url));
        if source.url.contains("/api/v1/") {
            findings.push(
                check
                    .error(
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
                    .error("/metric/json", "it has either `url` or `file`")
                    .help("say where the document is"),
            ),
        }
    }
    if let Some(source) = exposition {
        findings.extend(http::url(check, "/metric/exposition/url", &source.url));
        if !is_name(&source.metric) && !source.metric.contains("${") {
            let what = format!("{:?} cannot be the name of a metric", source.metric);
            findings.push(
                check
                    .error("/metric/exposition/metric", &what)
                    .help("write the name alone, and its labels under `labels`"),
            );
        }
    }
}

/// A name of Prometheus' data model.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn expectation(check: &Check<'_>, expect: &MetricExpectation, findings: &mut Vec<Finding>) {
    let low = expect.at_least.into_iter().chain(expect.greater);
    let low = low.map(|it| it.get()).fold(f64::NEG_INFINITY, f64::max);
    let high = expect.at_most.into_iter().chain(expect.less);
    let high = high.map(|it| it.get()).fold(f64::INFINITY, f64::min);
    let outside = expect
        .equals
        .is_some_and(|it| it.get() < low || it.get() > high);
    if low > high || outside {
        findings.push(
            check
                .error("/metric/expect", "no number satisfies all of it")
                .help("mend the bounds"),
        );
    }
    let lower = expect.worse == Some(Worse::Lower);
    match expect.no_worse_than {
        Some(share) if lower && share.is_whole() => {
            let what =
                format!("a number that is {share} less is nothing, so this could never fail");
            findings.push(
                check
                    .error("/metric/expect/no_worse_than", &what)
                    .help("write less than 100%"),
            );
        }
        Some(_) => {}
        None => {
            for (key, given) in [
                ("worse", expect.worse.is_some()),
                ("floor", expect.floor.is_some()),
            ] {
                if given {
                    let what =
                        format!("\"{key}\" says something of `no_worse_than`, which is not there");
                    findings.push(
                        check
                            .error(&format!("/metric/expect/{key}"), &what)
                            .help("write `no_worse_than`, or leave the key out"),
                    );
                }
            }
        }
    }
}
