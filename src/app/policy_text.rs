//! The policy of a repository, parsed once for as long as its bytes are the same: whoever loads a release and whoever judges
//! signatures read the same file.

use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::finding::{Finding, Source};
use crate::domain::policy::Policy;
use crate::parse::{self, Document};

/// A policy that was parsed, or every finding of it; with its text where it is text.
pub struct Parsed {
    bytes: Vec<u8>,
    /// The text.
    pub source: Option<Source>,
    /// What it says, or what is wrong with it.
    pub document: Result<Document<Policy>, Vec<Finding>>,
}

/// What was parsed last.
#[derive(Default)]
pub struct PolicyText(Mutex<Option<Arc<Parsed>>>);

impl PolicyText {
    /// What the policy with these bytes says; `path` is how the reader would type it.
    pub fn parse(&self, path: &str, bytes: Vec<u8>) -> Arc<Parsed> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parsed) = last.as_ref().filter(|it| it.bytes == bytes) {
            return Arc::clone(parsed);
        }
        let source = parse::source(path, bytes.clone());
        let parsed = Arc::new(Parsed {
            bytes,
            source: source.as_ref().ok().cloned(),
            document: source.and_then(|source| parse::policy(&source)),
        });
        *last = Some(Arc::clone(&parsed));
        parsed
    }
}
