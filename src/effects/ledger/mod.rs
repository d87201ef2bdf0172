//! Where a release's records are kept.
//!
//! What the records mean, and whether they may follow one another, is left to the domain.

pub mod files;
mod folder;

pub use files::FileLedger;
pub use folder::gather;

#[cfg(test)]
mod tests;
