//! Probes: a list of them, a run over some, and the baselines of those that measure.

use super::page::{Cell, Item, Mark, Page, Tone, faint, plain, strong};
use super::{verification, words};
use crate::domain::outcome::{BaselineReport, BaselineView, ProbeList, ProbeRun};
use crate::domain::probe::judge::Verdict;

/// The page of a list of probes.
pub fn list(list: &ProbeList) -> Page {
    let about = format!(
        "{} in {}",
        words::count(list.probes.len(), "probe"),
        list.of
    );
    let mut page = Page::new(Tone::Neutral, "PROBES", about);
    if list.probes.is_empty() {
        page.say("nothing is asked of the running system: no item, verification plan or rollback has a probe");
    }
    let rows = list.probes.iter().map(|probe| {
        let mut remarks = Vec::new();
        if probe.advisory {
            remarks.push("advisory".to_owned());
        }
        if !probe.needs.is_empty() {
            let needs: Vec<&str> = probe.needs.iter().map(|it| it.as_str()).collect();
            remarks.push(format!("needs {}", needs.join(", ")));
        }
        remarks.extend(probe.tags.iter().map(|tag| format!("#{tag}")));
        vec![
            Cell::new(probe.probe.as_str()),
            Cell::new(probe.kind.as_str()),
            Cell::new(probe.asks.as_str()),
            Cell::new(probe.place.as_str()),
            Cell::new(remarks.join(" ")),
        ]
    });
    let headers = ["probe", "kind", "asks", "where", ""];
    page.table("", &headers, rows.collect());
    page.next(&list.next);
    page
}

/// The page of a run over probes.
pub fn run(run: &ProbeRun) -> Page {
    let (tone, answer) = match run.verdict {
        Verdict::Pass => (Tone::Good, "PASS"),
        Verdict::Fail => (Tone::Bad, "FAIL"),
        Verdict::Error => (Tone::Warning, "ERROR"),
        Verdict::Inconclusive => (Tone::Warning, "INCONCLUSIVE"),
    };
    let passed = run.samples.iter().filter(|it| it.verdict == Verdict::Pass);
    let about = format!(
        "{} of {} pass ({}, {})",
        passed.count(),
        words::count(run.samples.len(), "probe"),
        run.file,
        words::count(run.taken as usize, "sample")
    );
    let mut page = Page::new(tone, answer, about);
    let of = |wanted: fn(Verdict) -> bool| {
        let all = run.samples.iter();
        all.filter(|sample| wanted(sample.verdict))
            .map(verification::sample_item)
            .collect()
    };
    page.list("failed", of(|it| it == Verdict::Fail));
    let unknown = |it| matches!(it, Verdict::Error | Verdict::Inconclusive);
    page.list("could not be found out", of(unknown));
    page.list("passed", of(|it| it == Verdict::Pass));
    page
}

/// The page of baselines.
pub fn baselines(report: &BaselineReport) -> Page {
    let have = report
        .metrics
        .iter()
        .filter(|it| it.value.is_some())
        .count();
    let all = report.metrics.len();
    let tone = if have == all {
        Tone::Good
    } else {
        Tone::Warning
    };
    let about = format!(
        "{}: {} have one",
        report.release,
        words::part(have, all, "metric")
    );
    let mut page = Page::new(tone, "BASELINE", about);
    page.list("", report.metrics.iter().map(baseline).collect());
    if let Some(record) = &report.record {
        page.say(&format!("recorded as {}", record.short()));
    }
    page.next(&report.next);
    page
}

fn baseline(view: &BaselineView) -> Item {
    let stage = view.stage.as_ref().map(|stage| format!(" in {stage}"));
    let name = format!("{}{}", view.probe, stage.unwrap_or_default());
    let Some(value) = view.value else {
        let mark = if view.compared {
            Mark::Bad
        } else {
            Mark::Neutral
        };
        let mut item = Item::new(mark, vec![strong(name)]).lead("none");
        item.say("why", view.missing.as_deref().unwrap_or_default());
        return item;
    };
    let mut item = Item::new(Mark::Good, vec![strong(name), plain(format!("  {value}"))]);
    let samples: Vec<String> = view.samples.iter().map(ToString::to_string).collect();
    if samples.len() > 1 {
        item.detail(vec![faint(format!("the median of {}", samples.join(", ")))]);
    }
    if let (Some(at), Some(by)) = (view.at, &view.by) {
        item.detail(vec![faint(format!("captured {} by {by}", words::time(at)))]);
    }
    if !view.compared {
        item.detail(vec![faint("nothing is compared with it")]);
    }
    item
}
