//! What the locks of a ledger are acquired on, and what tells one ledger from another on this machine.
//!
//! | lock | file | folder | socket |
//! | --- | --- | --- | --- |
//! | appending a record | `.lock` | the release's | `…-append` |
//! | driving the rollback | `.rollback` | the ledger's | `…-rollback` |
//! | watching | `.watch` | none | `…-watch` |
//! | a step that runs | the ledger's first record | none | none |
//! | rolling back on a target | none | none | `…-target` |
//!
//! `git clean -X` removes the files; it leaves the folders and the first record, and knows no sockets.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::domain::ids::{Digest, ReleaseName};
use crate::effects::lock::LockTarget;

/// What a lock of a release is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Held while a record is appended.
    Append,
    /// Held by whoever drives the rollback.
    Rollback,
    /// Held by one of those who watch.
    Watch,
}

/// The locks of one ledger.
#[derive(Clone, Debug)]
pub(super) struct Locks {
    folder: PathBuf,
    identity: Option<String>,
}

impl Locks {
    /// The locks of the ledger of `release` in `folder`.
    pub fn new(folder: &Path, release: &ReleaseName) -> Self {
        Self {
            folder: folder.to_owned(),
            identity: identity(folder, release),
        }
    }

    /// What a lock is acquired on.
    pub fn target(&self, kind: Kind) -> LockTarget {
        let (file, folder, socket) = match kind {
            Kind::Append => (".lock", self.folder.parent(), "append"),
            Kind::Rollback => (".rollback", Some(self.folder.as_path()), "rollback"),
            Kind::Watch => (".watch", None, "watch"),
        };
        let identity = self.identity.as_ref();
        LockTarget {
            file: Some(self.folder.join(file)),
            folder: folder.map(Path::to_owned),
            socket: identity.map(|it| format!("relgate-{it}-{socket}")),
        }
    }

    /// What tells this ledger from every other one on this machine: its path, where the system says nothing better.
    pub fn identity(&self) -> String {
        let path = self.folder.as_os_str().as_encoded_bytes();
        let identity = self.identity.clone();
        identity.unwrap_or_else(|| Digest::of(path).short())
    }
}

/// The repository's root by its device and number, with the release. The ledger's own folder may be replaced by a
/// checkout, or lie under a mount.
fn identity(folder: &Path, release: &ReleaseName) -> Option<String> {
    // The folder is `releases/NAME/ledger` in the repository.
    let root = folder.ancestors().nth(3);
    let root = fs::metadata(root.filter(|it| *it != Path::new(""))?).ok()?;
    let text = format!("{} {} {release}", root.dev(), root.ino());
    Some(Digest::of(text.as_bytes()).to_string()[..32].to_owned())
}

/// The name of the socket that a rollback on `target` of the repository at `root` holds. There is no file for it: it would lie
/// in the way of every release.
pub(super) fn of_target(root: &Path, target: &str) -> String {
    let place = match fs::metadata(root) {
        Ok(root) => format!("{} {}", root.dev(), root.ino()),
        Err(_) => root.display().to_string(),
    };
    let digest = Digest::of(format!("{place} {target}").as_bytes()).to_string();
    format!("relgate-{}-target", &digest[..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_has_one_identity_however_its_path_is_spelled() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("repository");
        let ledger = root.join("releases/1.0/ledger");
        fs::create_dir_all(&ledger).expect("folders");
        std::os::unix::fs::symlink("repository", folder.path().join("link")).expect("a link");
        let release = |name: &str| ReleaseName::new(name).expect("a name");
        let of = |path: &Path, name: &str| Locks::new(path, &release(name)).identity;
        let here = of(&ledger, "1.0");
        assert!(here.is_some());
        let other = folder.path().join("link/../link/./releases/1.0/ledger");
        assert_eq!(of(&other, "1.0"), here);
        // A checkout that takes the release away and brings it back changes nothing.
        fs::remove_dir_all(root.join("releases")).expect("removed");
        assert_eq!(of(&ledger, "1.0"), here);
        assert_ne!(of(&root.join("releases/1.1/ledger"), "1.1"), here);
        let copy = folder.path().join("copy");
        fs::create_dir_all(&copy).expect("a folder");
        assert_ne!(of(&copy.join("releases/1.0/ledger"), "1.0"), here);
    }
}
