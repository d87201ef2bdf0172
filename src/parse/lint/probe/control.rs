//! How a probe is asked: again, after others, with what they captured, and what its trouble counts as.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Placed};
use crate::domain::finding::{Finding, Rule};
use crate::domain::ids::{CaptureName, ProbeId};
use crate::domain::latency::Latency;
use crate::domain::probe::capture::Capture;
use crate::domain::probe::json::path::Path;
use crate::domain::probe::retry::Backoff;
use crate::domain::probe::sampling::LEAST_FOR_P95;
use crate::domain::probe::{Probe, Question, needs};
use crate::domain::variables::captures_used;
use crate::parse::lint::circles::circles;
use crate::parse::lint::{Reference, dangling};
use crate::parse::node::pointer_step;

/// What can be said of one probe without the others.
pub(super) fn lint(check: &Check<'_>, probe: &Probe, findings: &mut Vec<Finding>) {
    if let Some(Backoff::Exponential(backoff)) = &probe.backoff
        && let (Some(initial), Some(max)) = (backoff.initial, backoff.max)
        && initial > max
    {
        let what = format!("the first pause, {initial}, is longer than the longest, {max}");
        findings.push(check.error(Rule::ProbeConflict, "/backoff/initial", &what));
    }
    if probe.retries() == 0 {
        for key in ["retry_if", "backoff"] {
            let given = match key {
                "retry_if" => probe.retry_if.is_some(),
                _ => probe.backoff.is_some(),
            };
            if given {
                let what = format!("\"{key}\" says how to retry, and nothing is retried");
                findings.push(
                    check
                        .error(Rule::ProbeUnusedKey, &format!("/{key}"), &what)
                        .help("add \"retries\", or leave the key out"),
                );
            }
        }
    }
    if probe.errors.is_some() && probe.on_error.is_some() {
        findings.push(
            check
                .error(
                    Rule::ProbeConflict,
                    "/on_error",
                    "\"on_error\" and \"errors\" both say what errors count as",
                )
                .help("keep \"errors\" to wait for several in a row, \"on_error\" to decide each"),
        );
    }
    if let Some(limit) = probe.p95 {
        if Latency::is_zero(limit) {
            findings.push(check.error(
                Rule::ZeroDuration,
                "/p95",
                "no answer takes no time at all",
            ));
        }
        if probe.passes() < LEAST_FOR_P95 {
            let what = format!(
                "a 95th percentile is known only over {LEAST_FOR_P95} samples or more, and {} is asked for",
                probe.passes()
            );
            let help =
                format!("write \"passes: {LEAST_FOR_P95}\" and how far apart: \"every: 1s\"");
            findings.push(check.error(Rule::ProbeSamples, "/p95", &what).help(help));
        }
    }
    for (name, capture) in &probe.capture {
        lint_capture(check, probe, (name, capture), findings);
    }
}

fn lint_capture(
    check: &Check<'_>,
    probe: &Probe,
    (name, capture): (&CaptureName, &Capture),
    findings: &mut Vec<Finding>,
) {
    let below = format!("/capture{}", pointer_step(name.as_str()));
    let by = |what: &str| format!("captured value \"{name}\": {what}");
    match capture.sources().as_slice() {
        [_] => {}
        [] => findings.push(
            check
                .error(Rule::ProbeCapture, &below, &by("it is taken from nowhere"))
                .help("give it one of json, header, cookie, regex"),
        ),
        several => findings.push(
            check
                .error(
                    Rule::ProbeCapture,
                    &below,
                    &by(&format!("it is taken from {}", several.join(" and "))),
                )
                .help("keep one of them"),
        ),
    }
    if let Some(path) = &capture.json
        && let Err(error) = Path::parse(path)
    {
        findings.push(check.error(
            Rule::ProbePath,
            &format!("{below}/json"),
            &by(&error.to_string()),
        ));
    }
    if capture.regex.as_deref() == Some("") {
        let what = by("every text matches the empty expression");
        findings.push(check.error(Rule::ProbeAlwaysPasses, &format!("{below}/regex"), &what));
    }
    match probe.questions().as_slice() {
        [Question::Http(_)] | [] => {}
        [Question::Command(_) | Question::File(_) | Question::Tcp(_)]
            if capture.header.is_none() && capture.cookie.is_none() => {}
        [Question::Command(_) | Question::File(_) | Question::Tcp(_)] => {
            let key = match capture.header {
                Some(_) => "header",
                None => "cookie",
            };
            let what = by(&format!("only the answer of an http probe has {key}s"));
            findings.push(check.error(Rule::ProbeCapture, &format!("{below}/{key}"), &what));
        }
        _ => {
            let what = by("the answer of such a probe has nothing to capture");
            findings.push(check.error(Rule::ProbeCapture, &below, &what));
        }
    }
}

/// What probes of one list say about each other.
pub(in crate::parse::lint) fn lint_suite(suite: &[Placed<'_>], findings: &mut Vec<Finding>) {
    // Only what uses a captured value needs them.
    let all = LazyCell::new(|| {
        let all = suite.iter().map(|placed| placed.probe.clone());
        all.collect::<Vec<Probe>>()
    });
    let ids: Vec<&str> = suite.iter().map(|it| it.probe.id.as_str()).collect();
    let mut captured_by: BTreeMap<&CaptureName, &ProbeId> = BTreeMap::new();
    for placed in suite {
        if placed.probe.needs.is_empty() && placed.probe.capture.is_empty() {
            continue;
        }
        let check = Check::of(placed);
        let mut seen = BTreeSet::new();
        for (index, need) in placed.probe.needs.iter().enumerate() {
            let below = format!("/needs/{index}");
            let reference = Reference {
                kind: "probe",
                word: need.as_str(),
                by: &check.by,
                home: "the same list",
                valid: ids.iter().copied(),
            };
            findings.extend(dangling(placed.site, &check.at(&below), reference));
            if !seen.insert(need) {
                findings.push(check.error(
                    Rule::ListedTwice,
                    &below,
                    &format!("\"{need}\" is listed twice"),
                ));
            }
        }
        for name in placed.probe.capture.keys() {
            if let Some(other) = captured_by.insert(name, &placed.probe.id) {
                let below = format!("/capture{}", pointer_step(name.as_str()));
                let what = format!("\"{name}\" is captured by probe \"{other}\" already");
                findings.push(
                    check
                        .error(Rule::DeclaredTwice, &below, &what)
                        .help("give it another name"),
                );
            }
        }
    }
    let waits: Vec<(&str, Vec<&str>)> = suite
        .iter()
        .map(|placed| {
            let needs = placed.probe.needs.iter().map(ProbeId::as_str).collect();
            (placed.probe.id.as_str(), needs)
        })
        .collect();
    for circle in circles(&waits) {
        let first = circle.names.first();
        let placed = suite
            .iter()
            .find(|placed| Some(&placed.probe.id.as_str()) == first);
        if let Some(placed) = placed {
            findings.push(placed.site.error(
                Rule::Circle,
                &format!("{}/needs", placed.path),
                format!("probes need each other in a circle: {}", circle.shown()),
            ));
        }
    }
    for placed in suite {
        // What is malformed is reported where it stands.
        let used = captures_used(placed.probe).unwrap_or_default();
        if used.is_empty() {
            continue;
        }
        let check = Check::of(placed);
        let needed = needs::all_of(&all, placed.probe);
        for name in used {
            let Some(by) = captured_by.get(&name) else {
                let reference = Reference {
                    kind: "captured value",
                    word: name.as_str(),
                    by: &check.by,
                    home: "the same list",
                    valid: captured_by
                        .keys()
                        .map(|name| name.as_str())
                        .collect::<Vec<_>>(),
                };
                findings.extend(dangling(placed.site, &check.at("/id"), reference));
                continue;
            };
            if !needed.contains(by) {
                let what = format!(
                    "it uses ${{capture:{name}}} and does not need the probe that captures it"
                );
                findings.push(
                    check
                        .error(Rule::ProbeNeeds, "/id", &what)
                        .help(format!("add \"needs: [{by}]\"")),
                );
            }
        }
    }
}

/// A probe that stands by itself: nothing comes before it, and it is asked once.
pub(in crate::parse::lint) fn lint_alone(placed: &Placed<'_>, findings: &mut Vec<Finding>) {
    let check = Check::of(placed);
    let probe = placed.probe;
    for (key, given, why) in [
        (
            "needs",
            !probe.needs.is_empty(),
            "nothing is asked before it",
        ),
        ("capture", !probe.capture.is_empty(), "nothing can need it"),
        ("p95", probe.p95.is_some(), "it is asked once"),
    ] {
        if given {
            let what = format!("\"{key}\" has no meaning here: {why}");
            findings.push(
                check
                    .error(Rule::ProbeUnusedKey, &format!("/{key}"), &what)
                    .help("move the probe to verification.probes, or leave the key out"),
            );
        }
    }
    if probe.needs.is_empty()
        && let Some(name) = captures_used(probe).unwrap_or_default().first()
    {
        let what = format!("${{capture:{name}}} has no value here: nothing is asked before it");
        findings.push(check.error(Rule::ProbeNeeds, "/id", &what));
    }
}
