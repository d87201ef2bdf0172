//! Text -> domain, with positions.

mod decode;
pub mod nearest;
pub mod node;
pub mod notes_markdown;
pub mod structure;
pub mod yaml;
