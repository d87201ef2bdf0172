//! The digest that pins the policy.

use super::page::{Block, Item, Mark, Page, Tone, code, faint};
use super::words;
use crate::domain::outcome::PolicyPin;

/// The page of a policy's digest.
pub fn page(pin: &PolicyPin) -> Page {
    let about = format!(
        "{} say who may decide",
        words::count(pin.files.len(), "file")
    );
    let mut page = Page::new(Tone::Neutral, "POLICY", about);
    page.push(Block::Preformatted(format!("sha256:{}", pin.digest)));
    let items = pin.files.iter().map(|file| {
        let digest = faint(format!("  sha256:{}", file.sha256));
        Item::new(Mark::Neutral, vec![code(file.path.as_str()), digest])
    });
    page.list("made of", items.collect());
    page
}
