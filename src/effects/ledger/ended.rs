//! Which releases need nothing any more: judged by the fold of their records, and looked up cheaply.
//!
//! The names of the records alone say it where they leave no doubt: a sound record that closes the release, and none
//! that opens an incident or claims a rollback. In every other case the records are folded, and what that said is kept
//! for as long as the folder does not change.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::folder::{self, Reader};
use crate::domain::audit;
use crate::domain::history::History;
use crate::domain::ids::ReleaseName;
use crate::domain::record::{Body, kind_of_file_name};
use crate::ports::{Ledger, LedgerError};

/// The kinds after which a window may be armed, whatever else the names say.
const ARMING: [&str; 2] = ["incident-opened", "rollback-claimed"];

/// What was found out, by release.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended(Arc<Mutex<HashMap<ReleaseName, Known>>>);

/// What was found out of a folder as it was at a time.
#[derive(Clone, Copy, Debug)]
struct Known {
    as_it_was: Look,
    ended: bool,
}

/// What a look at a folder shows without reading its records. The number stands for what was added within one tick of
/// the file system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    changed: Option<SystemTime>,
    records: usize,
}

/// What the names of the records say.
#[derive(Debug, PartialEq, Eq)]
enum Names {
    /// Nothing closes the release.
    Open,
    /// This record closes it, and nothing was armed.
    Closed(String),
    /// The records must be read.
    Unclear,
}

impl Ended {
    /// Whether the release whose ledger lies in `folder` has ended; `open` is asked for the ledger where its records must
    /// be folded. What cannot be read has not ended.
    pub fn is_ended<'a>(
        &self,
        release: &ReleaseName,
        folder: &Path,
        open: &dyn Fn() -> Box<dyn Ledger + Send + 'a>,
    ) -> bool {
        let changed = folder.metadata().and_then(|about| about.modified()).ok();
        let listed = names(folder);
        let as_it_was = Look {
            changed,
            records: listed.as_ref().map_or(0, |(_, records)| *records),
        };
        if let Some(known) = self.known(release)
            && known.as_it_was == as_it_was
            && listed.is_ok()
        {
            return known.ended;
        }
        let ended = match listed {
            Ok((Names::Open, _)) => false,
            Ok((Names::Closed(name), _)) if closes(folder, &name) => true,
            Ok((Names::Closed(_) | Names::Unclear, _)) | Err(_) => {
                open().refresh().is_ok_and(has_ended)
            }
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(release.clone(), Known { as_it_was, ended });
        ended
    }

    fn known(&self, release: &ReleaseName) -> Option<Known> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(release).copied()
    }
}

/// Whether nothing of a release happens by itself any more, and it runs nowhere; never where a record may be missing.
fn has_ended(history: &History) -> bool {
    let state = history.state();
    let over = state.closed.is_some() || state.is_over() && state.running_stages().is_empty();
    over && history.is_whole() && history.unknown().is_empty()
}

/// What the names say, and how many there are.
fn names(folder: &Path) -> Result<(Names, usize), LedgerError> {
    let listing = folder::list(folder, &HashSet::new())?;
    let count = listing.names.len() + listing.unnameable.len();
    let mut said = match listing.unnameable.is_empty() {
        true => Names::Open,
        false => Names::Unclear,
    };
    for name in listing.names {
        match kind_of_file_name(&name) {
            None => said = Names::Unclear,
            Some(kind) if ARMING.contains(&kind) || kind == "abandoned" => said = Names::Unclear,
            Some("closed") if said != Names::Unclear => said = Names::Closed(name),
            Some(_) => {}
        }
    }
    Ok((said, count))
}

/// Whether the file is the record that its name says.
fn closes(folder: &Path, name: &str) -> bool {
    let mut bytes = Vec::new();
    let read = match Reader::open(folder) {
        Ok(Some(reader)) => reader.read(name, &mut bytes),
        _ => return false,
    };
    read.is_ok_and(|there| there)
        && audit::examine(name, &bytes).is_ok_and(|it| matches!(it.body, Body::Closed(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn said(names_of: &[&str]) -> Names {
        let folder = tempfile::tempdir().expect("a folder");
        for name in names_of {
            let id = "0".repeat(64);
            fs::write(folder.path().join(name.replace("ID", &id)), "{}").expect("written");
        }
        names(folder.path()).expect("a folder").0
    }

    #[test]
    fn names_say_that_a_release_is_closed_only_where_nothing_was_armed() {
        let closed = "20260101T000000.000Z-closed-ID.json";
        let signed = "20260101T000000.000Z-signed-off-ID.json";
        assert_eq!(said(&[]), Names::Open);
        assert_eq!(said(&[signed, ".lock"]), Names::Open);
        assert!(matches!(said(&[signed, closed]), Names::Closed(_)));
        for doubtful in [
            "20260101T000000.000Z-incident-opened-ID.json",
            "20260101T000000.000Z-rollback-claimed-ID.json",
            "20260101T000000.000Z-closed-ID.json.orig",
            "20260101T000000.000Z-closed-0000.json",
            "notes.txt",
        ] {
            assert_eq!(
                said(&[signed, closed, doubtful]),
                Names::Unclear,
                "{doubtful}"
            );
        }
    }

    #[test]
    fn a_file_that_only_has_the_name_closes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = format!("20260101T000000.000Z-closed-{}.json", "0".repeat(64));
        fs::write(folder.path().join(&name), "{}").expect("written");
        assert!(!closes(folder.path(), &name));
        assert!(!closes(folder.path(), "nowhere"));
    }
}
