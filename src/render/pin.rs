//! The digest that pins the policy.

use super::page::{Item, Mark, Page, Tone, code, faint};
use crate::domain::outcome::PolicyPin;

/// The page of a policy's digest.
pub fn page(pin: &PolicyPin) -> Page {
    let mut page = Page::new(Tone::Neutral, format!("sha256:{}", pin.digest), "");
    let items = pin.files.iter().map(|file| {
        let digest = faint(format!("  {}", file.sha256));
        Item::new(Mark::Neutral, vec![code(file.path.as_str()), digest])
    });
    page.list("made of", items.collect());
    page
}
