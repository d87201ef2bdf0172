//! How releases stand: one block for each, what needs a person now before everything else.

use super::page::{Block, Cell, Item, Mark, Page, Tone, faint, plain};
use super::{due, windows, words};
use crate::domain::outcome::{
    GateStatus, ObligationView, ReleaseStatus, StageStatus, StatusReport,
};
use crate::domain::readiness::{command, sentence};

/// The page of a status report.
pub fn page(report: &StatusReport) -> Page {
    match report.releases.as_slice() {
        [] => {
            let mut page = Page::new(Tone::Neutral, "NONE", "there is no open release");
            page.next(&["relgate new VERSION --type minor".to_owned()]);
            page
        }
        [one] => {
            let mut page = Page::new(words::standing_tone(&one.standing), word(one), about(one));
            add(&mut page, one);
            page
        }
        several => {
            let urgent = several.iter().filter(|one| is_urgent(one)).count();
            let (tone, answer) = match urgent {
                0 => (Tone::Neutral, "STATUS"),
                _ => (Tone::Bad, "ATTENTION"),
            };
            let mut page = Page::new(
                tone,
                answer,
                format!(
                    "{}, {} in need of a person now",
                    words::count(several.len(), "release"),
                    match urgent {
                        0 => "none".to_owned(),
                        some => some.to_string(),
                    }
                ),
            );
            // Those in need of a person come first, the others stay in order.
            let (first, rest): (Vec<_>, Vec<_>) = several.iter().partition(|one| is_urgent(one));
            for one in first.into_iter().chain(rest) {
                page.push(Block::Section {
                    answer: word(one),
                    about: about(one),
                    tone: words::standing_tone(&one.standing),
                });
                add(&mut page, one);
            }
            page
        }
    }
}

fn word(status: &ReleaseStatus) -> String {
    status.standing.to_uppercase()
}

fn about(status: &ReleaseStatus) -> String {
    let mut about = status.release.to_string();
    if let Some(summary) = status
        .summary
        .as_deref()
        .and_then(|text| text.lines().next())
    {
        about.push_str(&format!(": {summary}"));
    }
    about
}

fn is_urgent(status: &ReleaseStatus) -> bool {
    !status.windows.is_empty()
        || !status.unread.is_empty()
        || status.wrong_files.is_some()
        || !status.anomalies.is_empty()
        || status.set_aside.iter().any(|it| !it.lapsed)
        || is_stuck(status)
}

fn is_stuck(status: &ReleaseStatus) -> bool {
    status
        .rollback
        .as_ref()
        .is_some_and(|rollback| rollback.standing == "stuck")
}

fn add(page: &mut Page, status: &ReleaseStatus) {
    let release = &status.release;
    if let Some(at) = status.deploy_at {
        page.line(vec![plain(format!("deploys {}", words::time(at)))]);
    }
    if let Some(what) = &status.wrong_files {
        page.alert(
            Tone::Bad,
            format!("its files are wrong: {what}"),
            Some(command(release, "lint")),
        );
    }
    for change in &status.edited {
        page.alert(
            Tone::Warning,
            format!("edited since the go, and not used: {}", sentence(change)),
            Some(command(release, "deploy repin")),
        );
    }
    for doubt in &status.doubts {
        page.alert(Tone::Bad, doubt.what.clone(), Some(doubt.help.clone()));
    }
    // What could not be read stands below.
    let is_unread = |what: &str| status.unread.iter().any(|it| it.what == what);
    let anomalies = status.anomalies.iter();
    for anomaly in anomalies.filter(|it| !is_unread(&it.what)) {
        page.alert(
            Tone::Bad,
            format!("the ledger is not whole: {}", anomaly.what),
            Some(anomaly.help.clone()),
        );
    }
    windows::add_unread(page, &status.unread);
    // What has lapsed in time says nothing of anybody.
    for aside in status.set_aside.iter().filter(|it| !it.lapsed) {
        page.alert(
            Tone::Bad,
            format!("a record does not count: {}", aside.what),
            Some(command(release, "ledger verify")),
        );
    }
    if status.unwatched {
        let what = match status.windows.is_empty() {
            true => {
                "NOBODY WATCHES, and a rollback has not come to its end: nothing goes on by itself"
            }
            false => "NOBODY WATCHES these windows: nothing will be rolled back by itself",
        };
        page.alert(Tone::Bad, what, Some(command(release, "watch")));
    }
    if let Some(rollback) = &status.rollback {
        windows::add_rollback(page, release, rollback);
    }
    windows::add(page, release, &status.windows);
    windows::add_tolerated(page, &status.tolerated);
    page.list("gates", status.gates.iter().map(gate).collect());
    page.list("stages", status.stages.iter().map(stage).collect());
    let owed: Vec<&ObligationView> = status
        .obligations
        .iter()
        .filter(|one| one.settled.is_none())
        .collect();
    page.table(
        "owed",
        &["until", "what", "who", "obligation"],
        owed.into_iter().map(obligation).collect(),
    );
    page.next(&status.next);
}

fn gate(gate: &GateStatus) -> Item {
    let mut text = vec![plain(gate.title.as_str())];
    if !gate.why.is_empty() {
        text.push(faint(format!("  {}", gate.why)));
    }
    Item::new(words::status_mark(gate.status), text).lead(format!(
        "{} {}",
        gate.gate,
        gate.status.word()
    ))
}

fn stage(stage: &StageStatus) -> Item {
    let (mark, word) = match (stage.started, stage.done, stage.verification) {
        (None, ..) => (Mark::Neutral, "not deployed".to_owned()),
        (Some(at), None, _) => (
            Mark::Running,
            format!("deploying since {}", words::time(at)),
        ),
        (_, Some(at), None) => (
            Mark::Warning,
            format!("deployed {}, not verified yet", words::time(at)),
        ),
        (_, Some(at), verdict) => (
            words::verdict_mark(verdict),
            format!(
                "deployed {}, verification: {}",
                words::time(at),
                words::verdict(verdict)
            ),
        ),
    };
    let mut item = Item::new(mark, vec![plain(word)]).lead(stage.stage.as_str());
    if stage.checklist_passes > 0 {
        item.text.push(faint(format!(
            "  deployment checklist: {}",
            words::count(stage.checklist_passes as usize, "pass")
        )));
    }
    item
}

fn obligation(owed: &ObligationView) -> Vec<Cell> {
    let (tone, late) = match owed.overdue {
        true => (Tone::Bad, " OVERDUE"),
        false => (Tone::Neutral, ""),
    };
    vec![
        Cell::toned(tone, format!("{}{late}", words::time(owed.due))),
        Cell::new(owed.title.as_str()),
        Cell::new(due::who(owed)),
        Cell::new(owed.id.as_str()),
    ]
}
