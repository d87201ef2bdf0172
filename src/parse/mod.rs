//! Text -> domain, with positions.

pub mod node;
pub mod yaml;
