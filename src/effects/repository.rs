//! The files of a team's repository.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use ring::digest::{Context, SHA256, SHA512};

use crate::domain::ids::Digest;
use crate::domain::signature::sshsig::Hash;
use crate::effects::plain::{self, Made};
use crate::ports::{FileError, Files, Hashes};

/// A file that people write is smaller than this; a larger one is a mistake.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The repository around a policy.
#[derive(Clone, Debug)]
pub struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The repository whose root is `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn full(&self, path: &str) -> Result<PathBuf, FileError> {
        let plain = Path::new(path)
            .components()
            .all(|it| matches!(it, Component::Normal(_) | Component::CurDir));
        if plain {
            return Ok(self.root.join(path));
        }
        let why = "the path leaves the repository; write it relative to the repository's root";
        Err(FileError {
            path: path.into(),
            source: io::Error::new(io::ErrorKind::InvalidInput, why),
        })
    }

    /// The names in a folder that are `wanted` and not hidden, sorted.
    fn entries(&self, path: &str, wanted: fn(&Path) -> bool) -> Result<Vec<String>, FileError> {
        let full = self.full(path)?;
        let failed = |source| FileError {
            path: full.clone(),
            source,
        };
        let entries = match fs::read_dir(&full) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if wanted(&entry.path()) && !name.starts_with('.') {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

/// The repository among whose releases `folder` lies, if any: a policy in there would be written by whom the policy of
/// that repository guards against.
pub fn around(folder: &Path, policy: &str, releases: &str) -> Option<PathBuf> {
    let lies_in = |outer: &&Path| {
        let mut below = folder.strip_prefix(outer).ok().into_iter().flatten();
        below.next().is_some_and(|it| it == releases)
            && outer.join(policy).symlink_metadata().is_ok()
    };
    let mut outer = folder.ancestors().skip(1);
    outer.find(lies_in).map(Path::to_owned)
}

/// A file opened to read; `None` where there is none.
fn open(path: &Path) -> Result<Option<fs::File>, FileError> {
    let failed = |source| FileError {
        path: path.to_owned(),
        source,
    };
    match fs::metadata(path) {
        // A pipe or a device could be read for ever.
        Ok(found) if !found.is_file() => Err(failed(io::Error::other("it is not a plain file"))),
        Ok(_) => fs::File::open(path).map(Some).map_err(failed),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

impl Files for Repository {
    fn root(&self) -> &Path {
        &self.root
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        let full = self.full(path)?;
        let failed = |source| FileError {
            path: full.clone(),
            source,
        };
        let Some(file) = open(&full)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > LARGEST {
            return Err(failed(io::Error::other("it is larger than 16 MiB")));
        }
        Ok(Some(bytes))
    }

    fn hashes(&self, path: &str, signed: Hash) -> Result<Option<Hashes>, FileError> {
        let full = self.full(path)?;
        let failed = |source| FileError {
            path: full.clone(),
            source,
        };
        let Some(mut file) = open(&full)? else {
            return Ok(None);
        };
        let mut sha256 = Context::new(&SHA256);
        let mut sha512 = (signed == Hash::Sha512).then(|| Context::new(&SHA512));
        let mut piece = vec![0; 128 * 1024];
        loop {
            let read = match file.read(&mut piece).map_err(failed)? {
                0 => break,
                read => &piece[..read],
            };
            sha256.update(read);
            if let Some(sha512) = &mut sha512 {
                sha512.update(read);
            }
        }
        let sha256 = sha256.finish();
        let mut bytes = [0; 32];
        bytes.copy_from_slice(sha256.as_ref());
        let signed = sha512.map_or(sha256, Context::finish);
        Ok(Some(Hashes {
            sha256: Digest::from_bytes(bytes),
            signed: signed.as_ref().to_vec(),
        }))
    }

    fn folders(&self, path: &str) -> Result<Vec<String>, FileError> {
        self.entries(path, Path::is_dir)
    }

    fn files(&self, path: &str) -> Result<Vec<String>, FileError> {
        self.entries(path, Path::is_file)
    }

    fn commit(&self) -> Option<String> {
        let git = |args: &[&str]| {
            let mut command = Command::new("git");
            command.args(["--no-optional-locks", "-C"]).arg(&self.root);
            let output = command
                .args(args)
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .output()
                .ok()?;
            let said = String::from_utf8(output.stdout).ok()?;
            output.status.success().then(|| said.trim().to_owned())
        };
        let own = [":!releases/*/ledger", ":!releases/*/documents"];
        let status = git(&["status", "--porcelain", "--", ".", own[0], own[1]])?;
        let commit = git(&["rev-parse", "--verify", "HEAD"])?;
        status.is_empty().then_some(commit)
    }

    fn create(&self, files: &[(String, String)]) -> Result<(), FileError> {
        let mut made: Vec<Made> = Vec::new();
        for (path, text) in files {
            if let Err(error) = self.full(path).and_then(|full| {
                plain::create(&self.root, Path::new(path), text.as_bytes(), &mut made)
                    .map_err(|source| FileError { path: full, source })
            }) {
                // What was made before the failure is taken back, the last first, so that nothing is left half-done.
                for thing in made.iter().rev() {
                    let _ = match thing {
                        Made::File(path) => fs::remove_file(path),
                        Made::Folder(path) => fs::remove_dir(path),
                    };
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> (tempfile::TempDir, Repository) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repository = Repository::new(folder.path());
        (folder, repository)
    }

    #[test]
    fn a_folder_among_the_releases_of_another_is_told_apart() {
        let (folder, repository) = repository();
        let root = folder.path();
        let of = |path: &str| around(&root.join(path), "relgate.yaml", "releases");
        assert_eq!(of("releases/2.0.0"), None, "there is no policy above");
        let policy = ("relgate.yaml".to_owned(), String::new());
        repository.create(&[policy]).expect("written");
        for inside in ["releases", "releases/2.0.0", "releases/2.0.0/a/releases/b"] {
            assert_eq!(of(inside).as_deref(), Some(root), "{inside}");
        }
        for beside in ["", "docs", "services/shop/releases/1", "releases-old/2"] {
            assert_eq!(of(beside), None, "{beside}");
        }
    }

    #[test]
    fn no_path_leaves_the_repository() {
        let (_folder, repository) = repository();
        for bad in ["../x", "/etc/passwd", "a/../../x"] {
            assert!(repository.read(bad).is_err(), "{bad} was read");
            assert!(
                repository.create(&[(bad.into(), String::new())]).is_err(),
                "{bad} was written"
            );
        }
    }

    #[test]
    fn files_are_created_all_or_none_and_never_over_another() {
        let (folder, repository) = repository();
        let files = |names: &[&str]| -> Vec<(String, String)> {
            names
                .iter()
                .map(|name| ((*name).to_owned(), "text".to_owned()))
                .collect()
        };
        repository.create(&files(&["a/b.txt"])).expect("written");
        let error = repository
            .create(&files(&["c/d/e.txt", "a/b.txt"]))
            .expect_err("there already");
        assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists);
        assert!(!folder.path().join("c").exists());
        assert_eq!(
            repository.read("a/b.txt").expect("readable"),
            Some(b"text".to_vec())
        );
        assert_eq!(
            repository.digest("a/b.txt").expect("readable"),
            Some(Digest::of(b"text"))
        );
    }

    #[test]
    fn what_is_not_there_is_no_error() {
        let (_folder, repository) = repository();
        assert_eq!(repository.read("x").expect("no error"), None);
        assert_eq!(
            repository.folders("x").expect("no error"),
            Vec::<String>::new()
        );
    }
}
