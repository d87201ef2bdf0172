//! What the manual says of one word.

use serde::Serialize;

/// A piece of the manual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Manual {
    /// What was looked up, as it can be typed again.
    pub name: String,
    /// What it says, in Markdown.
    pub text: String,
}
