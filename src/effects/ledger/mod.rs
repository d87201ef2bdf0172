//! Where a release's records are kept.
//!
//! What the records mean, and whether they may follow one another, is left to the domain.

mod ended;
pub mod files;
mod folder;
pub mod folders;
mod locks;

pub use files::FileLedger;
pub use folder::gather;
pub use folders::FileLedgers;

#[cfg(test)]
mod tests;
