//! Which releases need nothing any more: judged by the fold of their records, and looked up cheaply.
//!
//! The kinds of the records alone say it where they leave no doubt: a sound record that closes the release, and none that
//! opens an incident or claims a rollback. In every other case the records are folded, and what that said is kept for as
//! long as nothing changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::Ledger;
use crate::domain::history::History;
use crate::domain::ids::ReleaseName;
use crate::ports::Summaries;

/// The kinds after which the records must be read: a window may be armed, or the end taken back.
const UNCLEAR: [&str; 3] = ["incident-opened", "rollback-claimed", "abandoned"];

/// What was found out, by release.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended(Arc<Mutex<HashMap<ReleaseName, Known>>>);

/// What was found out of a release as it was at a version.
#[derive(Clone, Debug)]
struct Known {
    version: String,
    ended: bool,
}

/// What the kinds of the records say.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// Nothing closes the release.
    Open,
    /// Something closes it, and nothing was armed.
    Closed,
    /// The records must be read.
    Unclear,
}

impl Ended {
    /// Whether the release has ended; `open` is asked for the ledger where its records must be folded. What cannot be read
    /// has not ended.
    pub fn is_ended<'a>(
        &self,
        release: &ReleaseName,
        summaries: &dyn Summaries,
        open: &dyn Fn() -> Box<dyn Ledger + Send + 'a>,
    ) -> bool {
        let folded = || open().refresh().is_ok_and(has_ended);
        let Ok(summary) = summaries.summary(release) else {
            return folded();
        };
        if let Some(known) = self.known(release)
            && known.version == summary.version
        {
            return known.ended;
        }
        let ended = match said(summary.kinds.as_ref()) {
            Said::Open => false,
            Said::Closed if summaries.has_sound(release, "closed").unwrap_or(false) => true,
            Said::Closed | Said::Unclear => folded(),
        };
        let version = summary.version;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(release.clone(), Known { version, ended });
        ended
    }

    fn known(&self, release: &ReleaseName) -> Option<Known> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(release).cloned()
    }
}

/// Whether nothing of a release happens by itself any more, and it runs nowhere; never where a record may be missing.
fn has_ended(history: &History) -> bool {
    let state = history.state();
    let over = state.closed.is_some() || state.is_over() && state.running_stages().is_empty();
    over && history.is_whole() && history.unknown().is_empty()
}

fn said(kinds: Option<&BTreeSet<String>>) -> Said {
    match kinds {
        None => Said::Unclear,
        Some(kinds) if UNCLEAR.iter().any(|kind| kinds.contains(*kind)) => Said::Unclear,
        Some(kinds) if kinds.contains("closed") => Said::Closed,
        Some(_) => Said::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_say_that_a_release_is_closed_only_where_nothing_was_armed() {
        let of = |kinds: &[&str]| {
            let kinds = kinds.iter().map(|it| (*it).to_owned()).collect();
            said(Some(&kinds))
        };
        assert_eq!(of(&[]), Said::Open);
        assert_eq!(of(&["signed-off"]), Said::Open);
        assert_eq!(of(&["signed-off", "closed"]), Said::Closed);
        for armed in UNCLEAR {
            assert_eq!(of(&["closed", armed]), Said::Unclear, "{armed}");
        }
        assert_eq!(said(None), Said::Unclear);
    }
}
