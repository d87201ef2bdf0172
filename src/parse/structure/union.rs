//! What a union of a schema allows, found out once for all the values that are held against it.

use serde_json::Value as Json;

use super::words::{branches, is_null_only, words};

/// What a union allows, looked up once.
pub(super) struct Union<'a> {
    /// Whether nothing may stand there.
    pub(super) nothing: bool,
    /// Where it is one of some words alone.
    pub(super) words: Option<Vec<&'a str>>,
    /// Each of what else it allows.
    pub(super) branches: Vec<&'a Json>,
}

impl<'a> Union<'a> {
    pub(super) fn of(root: &'a Json, schema: &'a Json) -> Self {
        let mut all = branches(root, schema);
        let count = all.len();
        all.retain(|branch| !is_null_only(branch));
        Self {
            nothing: all.len() < count,
            words: words(root, schema),
            branches: all,
        }
    }
}
