//! Evidence bundles that were written or taken in.

use super::page::{Block, Item, Mark, Page, Tone, code, faint, plain};
use super::words;
use crate::domain::outcome::{Exported, Imported};
use crate::domain::quote;

/// The page of an export.
pub fn exported(exported: &Exported) -> Page {
    let about = format!(
        "{}: {}, {}, {}",
        exported.release,
        words::count(exported.records, "record"),
        words::count(exported.files, "file"),
        words::count(exported.attestations, "attestation")
    );
    let mut page = Page::new(Tone::Good, "EXPORTED", about);
    page.push(Block::Paragraph(vec![
        code(exported.file.as_str()),
        faint(format!("  sha256:{}", exported.sha256)),
    ]));
    page.line(vec![
        faint("policy digest: "),
        plain(format!("sha256:{}", exported.policy)),
    ]);
    let remarks = exported.remarks.iter();
    let remarks = remarks.map(|it| Item::new(Mark::Neutral, vec![plain(it.as_str())]));
    page.list("worth knowing", remarks.collect());
    page.next(&[format!(
        "relgate ledger verify --bundle {}",
        quote::word(&exported.file)
    )]);
    page
}

/// The page of an import.
pub fn imported(imported: &Imported) -> Page {
    let release = &imported.release;
    let known = format!("{} there already", words::count(imported.known, "record"));
    let mut page = match imported.added.len() {
        0 => Page::new(Tone::Neutral, "NOTHING NEW", format!("{release}: {known}")),
        some => Page::new(
            Tone::Good,
            "IMPORTED",
            format!("{release}: {}, {known}", words::count(some, "record")),
        ),
    };
    let added = imported.added.iter();
    let added = added.map(|file| Item::new(Mark::Good, vec![code(file.as_str())]));
    page.list("", added.collect());
    page.next(&imported.next);
    page
}
