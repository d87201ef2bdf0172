//! The incidents of a release: the open ones with all that mends them, then the others in a line each.

use super::page::{Item, Mark, Page, Tone, faint, plain};
use super::{windows, words};
use crate::domain::outcome::{IncidentReport, IncidentView};

/// The page of the incidents.
pub fn page(report: &IncidentReport) -> Page {
    let release = &report.release;
    let (open, ended): (Vec<&IncidentView>, Vec<&IncidentView>) =
        report.incidents.iter().partition(|one| {
            one.ending.is_none() && matches!(one.standing.as_str(), "open" | "expired")
        });
    let (tone, answer) = match (open.len(), ended.len()) {
        (0, _) if !report.unread.is_empty() => (Tone::Bad, "NOT READ"),
        (0, 0) => (Tone::Good, "NO INCIDENT"),
        (0, _) => (Tone::Good, "NO OPEN INCIDENT"),
        _ => (Tone::Bad, "OPEN"),
    };
    let about = match (open.len(), ended.len()) {
        (0, 0) => release.to_string(),
        (0, some) => format!("{release}: {} ended", words::count(some, "incident")),
        (some, 0) => format!("{release}: {} open", words::count(some, "incident")),
        (some, others) => format!(
            "{release}: {} open, {others} ended",
            words::count(some, "incident")
        ),
    };
    let mut page = Page::new(tone, answer, about);
    windows::add_unread(&mut page, &report.unread);
    let items = open
        .into_iter()
        .map(|one| {
            let mut item = windows::item(release, &one.window);
            item.say("opened", &opened(one));
            item
        })
        .collect();
    page.list("open incidents", items);
    page.list("ended", ended.into_iter().map(ended_item).collect());
    page
}

fn opened(incident: &IncidentView) -> String {
    format!(
        "{} by {}",
        words::time(incident.opened_at),
        incident.opened_by
    )
}

fn ended_item(incident: &IncidentView) -> Item {
    let mark = match incident.standing.as_str() {
        "resolved" => Mark::Good,
        _ => Mark::Warning,
    };
    let mut item = Item::new(
        mark,
        vec![
            plain(incident.window.title.as_str()),
            faint(format!(
                "  {}, {}, opened {}",
                incident.window.priority,
                incident.window.stage,
                opened(incident)
            )),
        ],
    )
    .lead(format!(
        "{} {}",
        incident.window.incident, incident.standing
    ));
    item.say("", incident.ending.as_deref().unwrap_or_default());
    item
}
