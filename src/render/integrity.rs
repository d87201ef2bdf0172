//! Whether a ledger is whole.

use super::page::{Block, Item, Mark, Page, Tone, code, faint, plain, strong};
use super::words;
use crate::domain::outcome::{Integrity, IntegrityFinding};

/// The page of a ledger's integrity.
pub fn page(integrity: &Integrity) -> Page {
    let release = &integrity.release;
    let records = words::count(integrity.records, "record");
    let mut page = match integrity.findings.len() {
        0 => Page::new(
            Tone::Good,
            "WHOLE",
            format!("{release}: {records}, every digest and link holds"),
        ),
        some => Page::new(
            Tone::Bad,
            "NOT WHOLE",
            format!("{release}: {} in {records}", words::count(some, "fault")),
        ),
    };
    page.push(Block::Paragraph(vec![
        faint("ledger: "),
        code(integrity.folder.clone()),
        faint(match integrity.heads {
            0 | 1 => String::new(),
            some => format!("  {some} branches, which the next record joins"),
        }),
    ]));
    page.list("", integrity.findings.iter().map(finding).collect());
    let remarks = integrity
        .remarks
        .iter()
        .map(|remark| Item::new(Mark::Neutral, vec![plain(remark.as_str())]))
        .collect();
    page.list("worth knowing", remarks);
    page
}

fn finding(finding: &IntegrityFinding) -> Item {
    let text = match &finding.file {
        Some(file) => vec![strong(file.as_str()), plain(format!(": {}", finding.what))],
        None => vec![plain(finding.what.as_str())],
    };
    let mut item = Item::new(Mark::Bad, text);
    item.say("help", finding.help.as_deref().unwrap_or_default());
    item
}
