//! The control group of a `metric` probe, the samples that it takes, and when it fails.

use super::{Check, is_series, json};
use crate::domain::finding::{Finding, Rule};
use crate::domain::probe::kinds::{Bounds, MetricProbe, Selection};
use crate::domain::probe::measure::Measure;

pub(super) fn lint(check: &Check<'_>, metric: &MetricProbe, findings: &mut Vec<Finding>) {
    if let Some(control) = &metric.control {
        selection(check, metric, "control", control, findings);
    }
    if let Some(samples) = &metric.samples {
        for (key, given) in [("count", &samples.count), ("control", &samples.control)] {
            if let Some(given) = given {
                selection(check, metric, &format!("samples/{key}"), given, findings);
            }
        }
        let mut error = |key: &str, what: &str, help: &str| {
            let below = format!("/metric/samples{key}");
            findings.push(check.error(Rule::ProbeMetric, &below, what).help(help));
        };
        if samples.at_least.is_known_and(|least| least.get() < 1.0) {
            let what = format!("{} samples are always there", samples.at_least);
            error("/at_least", &what, "write 1 or more");
        }
        match (&metric.control, &samples.count, &samples.control) {
            (None, _, Some(_)) => error(
                "/control",
                "there is no control group",
                "write `control` beside `samples`, or leave the key out",
            ),
            (Some(_), Some(_), None) => error(
                "",
                "it does not say where the samples of the control group are counted",
                "write `control` beside `count`",
            ),
            (Some(_), None, Some(_)) => error(
                "",
                "it does not say where the samples of the number are counted",
                "write `count` beside `control`",
            ),
            _ => {}
        }
    }
    compared(check, metric, findings);
    contradictions(check, metric, findings);
}

/// Whether what names another number fits the source.
fn selection(
    check: &Check<'_>,
    metric: &MetricProbe,
    key: &str,
    selection: &Selection,
    findings: &mut Vec<Finding>,
) {
    let below = format!("/metric/{key}");
    let has_page_key = selection.metric.is_some() || !selection.labels.is_empty();
    let given = [
        (
            "query",
            selection.query.is_some(),
            metric.prometheus.is_some(),
        ),
        ("path", selection.path.is_some(), metric.json.is_some()),
        (
            "metric",
            selection.metric.is_some(),
            metric.exposition.is_some(),
        ),
        (
            "labels",
            !selection.labels.is_empty(),
            metric.exposition.is_some(),
        ),
    ];
    for (name, given, fits) in given {
        if given && !fits {
            let what = format!("\"{name}\" belongs to another source than the probe's");
            let at = format!("{below}/{name}");
            let help = "of `prometheus` it is a `query`, of `json` a `path`, of `exposition` a `metric` with `labels`";
            findings.push(check.error(Rule::ProbeMetric, &at, &what).help(help));
        }
    }
    let missing = match (&metric.prometheus, &metric.json, &metric.exposition) {
        (Some(_), ..) if selection.query.is_none() => Some("query"),
        (_, Some(_), _) if selection.path.is_none() => Some("path"),
        (.., Some(_)) if !has_page_key => Some("labels"),
        _ => None,
    };
    if let Some(name) = missing {
        findings.push(
            check
                .error(
                    Rule::ProbeMetric,
                    &below,
                    "it does not say which number it is",
                )
                .help(format!("write `{name}`")),
        );
    }
    if let Some(path) = &selection.path {
        json::lint_path(check, &format!("{below}/path"), path, findings);
    }
    if let Some(name) = &selection.metric
        && is_series(name)
    {
        let what = format!("{name:?} cannot be the name of a metric");
        findings.push(
            check
                .error(Rule::ProbeMetric, &format!("{below}/metric"), &what)
                .help("write the name alone, and its labels under `labels`"),
        );
    }
    let same = match (&metric.prometheus, &metric.json, &metric.exposition) {
        (Some(source), ..) => selection.query.as_ref() == Some(&source.query),
        (_, Some(source), _) => selection.path.as_ref() == Some(&source.path),
        (.., Some(source)) => {
            selection.labels == source.labels
                && selection
                    .metric
                    .as_ref()
                    .is_none_or(|it| *it == source.metric)
        }
        _ => false,
    };
    if same && key == "control" {
        findings.push(
            check
                .error(
                    Rule::ProbeMetric,
                    &below,
                    "it is the same number as the one that is compared",
                )
                .help("say which number the control group has"),
        );
    }
}

/// A ratio needs something to divide by, and a control group something that is compared with it.
fn compared(check: &Check<'_>, metric: &MetricProbe, findings: &mut Vec<Finding>) {
    let condition = metric.fail_if.as_ref();
    let ratios = [
        ("expect/ratio", metric.expect.ratio.as_ref()),
        ("fail_if/ratio", condition.and_then(|it| it.ratio.as_ref())),
    ];
    for (key, ratio) in ratios {
        let Some(ratio) = ratio else { continue };
        let at = format!("/metric/{key}");
        if metric.control.is_none() {
            findings.push(
                check
                    .error(Rule::ProbeMetric, &at, "there is nothing to divide by")
                    .help("write `control`, or compare with a baseline by `no_worse_than`"),
            );
        }
        if ratio.bounds().is_empty() {
            findings.push(
                check
                    .error(Rule::ProbeNoAssertion, &at, "it says nothing of the ratio")
                    .help("write at_most, at_least, less or greater"),
            );
        }
    }
    let shares = metric.expect.no_worse_than.is_some()
        || condition.is_some_and(|it| it.worse_than.is_some());
    let uses = shares || ratios.iter().any(|(_, ratio)| ratio.is_some());
    if metric.control.is_some() && !uses {
        findings.push(
            check
                .error(
                    Rule::ProbeUnusedKey,
                    "/metric/control",
                    "nothing is compared with it",
                )
                .help("write `ratio` or `no_worse_than` under `expect`"),
        );
    }
}

/// No number passes and fails.
fn contradictions(check: &Check<'_>, metric: &MetricProbe, findings: &mut Vec<Finding>) {
    let Some(condition) = &metric.fail_if else {
        return;
    };
    if !condition.says_something() {
        findings.push(
            check
                .error(
                    Rule::ProbeNoAssertion,
                    "/metric/fail_if",
                    "it says nothing, so it could never fail",
                )
                .help("write at_least, greater or another bound, or leave it out"),
        );
    }
    let ratio = |given: Option<Bounds>| given.unwrap_or_default();
    let expected = metric.expect.ratio.as_ref().map(|it| it.bounds());
    let failing = condition.ratio.as_ref().map(|it| it.bounds());
    for (below, expected, failing) in [
        ("", metric.expect.bounds(), condition.bounds()),
        ("/ratio", ratio(expected), ratio(failing)),
    ] {
        // Without a bound in `expect` other parts of it decide.
        if let Some(both) = in_both(&expected, &failing).filter(|_| !expected.is_empty()) {
            let what = format!("{both} satisfies `expect` and this");
            findings.push(
                check
                    .error(
                        Rule::ProbeConflict,
                        &format!("/metric/fail_if{below}"),
                        &what,
                    )
                    .help("leave room between what passes and what fails, or none"),
            );
        }
    }
    let shares = (metric.expect.no_worse_than, condition.worse_than);
    if let (Some(passes), Some(fails)) = shares
        && fails < passes
    {
        let what = format!("what is {passes} worse satisfies `expect` and this");
        findings.push(
            check
                .error(Rule::ProbeConflict, "/metric/fail_if/worse_than", &what)
                .help("write a larger share than that of `no_worse_than`"),
        );
    }
}

/// A number that passes and fails, of those at the limits, between them and beyond.
fn in_both(expected: &Bounds, failing: &Bounds) -> Option<Measure> {
    let mut limits = expected.limits();
    limits.extend(failing.limits());
    limits.sort_by(|a, b| a.get().total_cmp(&b.get()));
    let beyond = |by: f64| limits.iter().map(move |it| it.get() + by);
    let between = limits
        .windows(2)
        .map(|pair| pair.iter().map(|it| it.get() / 2.0).sum::<f64>());
    let candidates = limits.iter().map(|it| it.get());
    let mut candidates = candidates
        .chain(between)
        .chain(beyond(-1.0))
        .chain(beyond(1.0))
        .filter_map(Measure::new);
    candidates.find(|it| expected.hold(*it) && failing.any_applies(*it))
}
