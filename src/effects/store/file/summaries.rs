//! What the names of the files of a release tell.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::time::SystemTime;

use super::FileStore;
use super::folder::{self, Reader};
use crate::domain::audit;
use crate::domain::ids::ReleaseName;
use crate::domain::record::kind_of_file_name;
use crate::ports::{StoreError, Summaries, Summary};

impl Summaries for FileStore<'_> {
    /// The version is the time of the folder's last change, and the number of names in it: several files may be added within
    /// one tick of the file system's clock.
    fn summary(&self, release: &ReleaseName) -> Result<Summary, StoreError> {
        summary(&self.folder(release))
    }

    fn has_sound(&self, release: &ReleaseName, kind: &str) -> Result<bool, StoreError> {
        has_sound(&self.folder(release), kind)
    }
}

fn summary(folder: &Path) -> Result<Summary, StoreError> {
    let changed = folder.metadata().and_then(|about| about.modified()).ok();
    let changed = changed.and_then(|it| it.duration_since(SystemTime::UNIX_EPOCH).ok());
    let listing = folder::list(folder, &HashSet::new())?;
    let count = listing.names.len() + listing.unnameable.len();
    let kinds: Option<BTreeSet<String>> = listing
        .names
        .iter()
        .map(|name| kind_of_file_name(name).map(str::to_owned))
        .collect();
    Ok(Summary {
        version: format!("{:?} {count}", changed.map(|it| it.as_nanos())),
        kinds: kinds.filter(|_| listing.unnameable.is_empty()),
    })
}

fn has_sound(folder: &Path, kind: &str) -> Result<bool, StoreError> {
    let Some(reader) = Reader::open(folder)? else {
        return Ok(false);
    };
    let listing = folder::list(folder, &HashSet::new())?;
    let mut named = listing.names.iter();
    let mut bytes = Vec::new();
    Ok(named.any(|name| {
        kind_of_file_name(name) == Some(kind)
            && reader.read(name, &mut bytes).is_ok_and(|there| there)
            && audit::examine(name, &bytes).is_ok_and(|it| it.kind() == kind)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn kinds(names: &[&str]) -> Option<Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        for name in names {
            let id = "0".repeat(64);
            fs::write(folder.path().join(name.replace("ID", &id)), "{}").expect("written");
        }
        let summary = summary(folder.path()).expect("a folder");
        summary.kinds.map(|it| it.into_iter().collect())
    }

    #[test]
    fn names_tell_kinds_only_where_they_leave_no_doubt() {
        let closed = "20260101T000000.000Z-closed-ID.json";
        let signed = "20260101T000000.000Z-signed-off-ID.json";
        let known = |names: &[&str]| Some(names.iter().map(|it| (*it).to_owned()).collect());
        assert_eq!(kinds(&[]), known(&[]));
        assert_eq!(kinds(&[signed, ".lock"]), known(&["signed-off"]));
        assert_eq!(kinds(&[signed, closed]), known(&["closed", "signed-off"]));
        for doubtful in [
            "20260101T000000.000Z-closed-ID.json.orig",
            "20260101T000000.000Z-closed-0000.json",
            "notes.txt",
        ] {
            assert_eq!(kinds(&[signed, closed, doubtful]), None, "{doubtful}");
        }
    }

    #[test]
    fn a_file_that_only_has_the_name_is_no_record() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = format!("20260101T000000.000Z-closed-{}.json", "0".repeat(64));
        fs::write(folder.path().join(&name), "{}").expect("written");
        assert!(!has_sound(folder.path(), "closed").expect("a folder"));
        assert!(!has_sound(&folder.path().join("nowhere"), "closed").expect("no folder"));
    }
}
