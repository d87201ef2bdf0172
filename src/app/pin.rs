//! The files that say who may decide, pinned by one digest: a pipeline that names it is not led to a go by a weaker policy
//! that somebody put in its working copy. The gates of a release itself are not among them: sign-offs are bound to those.

use std::collections::BTreeMap;
use std::path::Path;

use crate::domain::ids::Digest;
use crate::domain::outcome::{PinnedFile, PolicyPin};
use crate::domain::record::digest_of;
use crate::domain::refusal::Refusal;
use crate::domain::signature::sshsig::Hash;
use crate::domain::signature::{allowed_signers, revoked};
use crate::ports::{FileError, Files, Hashes};

use super::project::CHECKLISTS;
use super::{Result, World};

/// The files that say who may decide, as they were read at one time.
#[derive(Clone, Debug)]
pub struct Kept {
    /// By path; `None` for one that was not there.
    files: BTreeMap<String, Option<Vec<u8>>>,
    /// The names in the folder of the checklists that others extend.
    checklists: Vec<String>,
}

impl Kept {
    /// Reads them: the policy, who signs with which key, which keys are revoked, and every checklist that others extend.
    ///
    /// # Errors
    /// A file or folder that cannot be read.
    pub fn read(files: &dyn Files, policy_path: &str) -> Result<Self> {
        let checklists = files.files(CHECKLISTS)?;
        let paths = [policy_path, allowed_signers::PATH, revoked::PATH].map(str::to_owned);
        let extended = checklists.iter().map(|name| format!("{CHECKLISTS}/{name}"));
        let mut kept = BTreeMap::new();
        for path in paths.into_iter().chain(extended) {
            let bytes = files.read(&path)?;
            kept.insert(path, bytes);
        }
        Ok(Self {
            files: kept,
            checklists,
        })
    }

    /// Their digests. One that is not there is not among them, so that it changes the digest when it appears.
    pub fn pin(&self) -> PolicyPin {
        let there = self.files.iter();
        let files: Vec<PinnedFile> = there
            .filter_map(|(path, bytes)| Some(PinnedFile::new(path, bytes.as_ref()?)))
            .collect();
        PolicyPin {
            digest: digest_of_files(&files),
            files,
        }
    }
}

/// A repository in which the files that decide stay as they were when they were held against a digest, whatever is put in
/// their place: what was compared is what is decided by.
#[derive(Clone, Copy)]
pub struct Pinned<'a> {
    /// All the others.
    pub files: &'a dyn Files,
    /// Those.
    pub kept: &'a Kept,
}

impl Files for Pinned<'_> {
    fn root(&self) -> &Path {
        self.files.root()
    }

    fn read(&self, path: &str) -> std::result::Result<Option<Vec<u8>>, FileError> {
        match self.kept.files.get(path) {
            Some(bytes) => Ok(bytes.clone()),
            // A checklist that appeared since is not there.
            None if path.starts_with(CHECKLISTS) => Ok(None),
            None => self.files.read(path),
        }
    }

    fn hashes(&self, path: &str, signed: Hash) -> std::result::Result<Option<Hashes>, FileError> {
        self.files.hashes(path, signed)
    }

    fn folders(&self, path: &str) -> std::result::Result<Vec<String>, FileError> {
        self.files.folders(path)
    }

    fn files(&self, path: &str) -> std::result::Result<Vec<String>, FileError> {
        match path == CHECKLISTS {
            true => Ok(self.kept.checklists.clone()),
            false => self.files.files(path),
        }
    }

    fn commit(&self) -> Option<String> {
        self.files.commit()
    }

    fn create(&self, files: &[(String, String)]) -> std::result::Result<(), FileError> {
        self.files.create(files)
    }
}

/// The files as they are now.
///
/// # Errors
/// As [`Kept::read`].
pub fn pin(world: &World<'_>, policy_path: &str) -> Result<PolicyPin> {
    Ok(Kept::read(world.files, policy_path)?.pin())
}

/// The digest of files, which are in the order of their paths: the SHA-256 of the canonical JSON of the list of
/// `{path, sha256}`.
pub fn digest_of_files(files: &[PinnedFile]) -> Digest {
    digest_of(&files)
}

/// Holds the files against the digest that was named, and returns them.
///
/// # Errors
/// Refused where they are others, with both digests; as [`Kept::read`].
pub fn require(world: &World<'_>, policy_path: &str, expected: &Digest) -> Result<Kept> {
    let kept = Kept::read(world.files, policy_path)?;
    same(expected, &kept.pin().digest)?;
    Ok(kept)
}

/// Whether the digest that was found is the one that was named.
///
/// # Errors
/// Refused where it is not.
pub fn same(expected: &Digest, found: &Digest) -> std::result::Result<(), Refusal> {
    if found == expected {
        return Ok(());
    }
    Err(Refusal::refused(format!(
        "the policy and its signers are not the pinned ones: expected sha256:{expected}, found sha256:{found}"
    ))
    .help(
        "relgate policy digest shows each file; once the change is reviewed, name the new digest with --policy-digest \
         or RELGATE_POLICY_DIGEST",
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::*;

    const POLICY: &str = "relgate.yaml";
    const BASE: &str = ".relgate/checklists/standard.yaml";

    /// A repository in which somebody swaps every file and folder once it was looked at.
    #[derive(Default)]
    struct Swapped {
        seen: Mutex<BTreeSet<String>>,
    }

    impl Swapped {
        fn is_first(&self, path: &str) -> bool {
            self.seen.lock().expect("alone").insert(path.to_owned())
        }
    }

    impl Files for Swapped {
        fn root(&self) -> &Path {
            Path::new("")
        }

        fn read(&self, path: &str) -> std::result::Result<Option<Vec<u8>>, FileError> {
            let first = self.is_first(path);
            Ok(match (path, first) {
                (revoked::PATH, true) => None,
                (_, true) => Some(b"strict".to_vec()),
                (_, false) => Some(b"weak".to_vec()),
            })
        }

        fn hashes(&self, _: &str, _: Hash) -> std::result::Result<Option<Hashes>, FileError> {
            Ok(None)
        }

        fn folders(&self, _: &str) -> std::result::Result<Vec<String>, FileError> {
            Ok(Vec::new())
        }

        fn files(&self, path: &str) -> std::result::Result<Vec<String>, FileError> {
            let more = (!self.is_first(path)).then_some("weak.yaml");
            let names = std::iter::once("standard.yaml").chain(more);
            Ok(names.map(str::to_owned).collect())
        }

        fn create(&self, _: &[(String, String)]) -> std::result::Result<(), FileError> {
            Ok(())
        }
    }

    #[test]
    fn how_lines_end_changes_no_digest() {
        let of = |text: &str| PinnedFile::new(POLICY, text.as_bytes());
        assert_eq!(of("a: 1\nb: 2\n"), of("a: 1\r\nb: 2\r\n"));
        for other in [
            "a: 1\nb: 2",
            "a: 1\rb: 2\n",
            "a: 1\r\r\nb: 2\n",
            "a: 1\n\nb: 2\n",
        ] {
            assert_ne!(of("a: 1\nb: 2\n"), of(other), "{other:?}");
        }
    }

    #[test]
    fn what_was_held_against_the_digest_is_what_is_read_ever_after() {
        let files = Swapped::default();
        let kept = Kept::read(&files, POLICY).expect("readable");
        let pin = kept.pin();
        let paths: Vec<&str> = pin.files.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, [allowed_signers::PATH, BASE, POLICY]);
        assert!(
            pin.files
                .iter()
                .all(|it| it.sha256 == Digest::of(b"strict"))
        );
        let pinned = Pinned {
            files: &files,
            kept: &kept,
        };
        let read = |path: &str| pinned.read(path).expect("readable");
        for _ in 0..2 {
            for path in paths.iter().copied() {
                assert_eq!(read(path), Some(b"strict".to_vec()), "{path}");
            }
            assert_eq!(read(revoked::PATH), None);
            assert_eq!(read(".relgate/checklists/weak.yaml"), None);
            assert_eq!(pinned.files(CHECKLISTS).expect("listed"), ["standard.yaml"]);
            let again = Kept::read(&pinned, POLICY).expect("readable").pin();
            assert_eq!(again.digest, pin.digest);
        }
        // What is not held against it is read as it is, and what is held against it anew is another.
        assert_eq!(
            read("releases/1/release-notes.md"),
            Some(b"strict".to_vec())
        );
        assert_eq!(read("releases/1/release-notes.md"), Some(b"weak".to_vec()));
        let now = Kept::read(&files, POLICY).expect("readable").pin();
        assert!(same(&pin.digest, &now.digest).is_err());
    }
}
