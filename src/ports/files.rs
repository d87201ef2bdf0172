//! The files of a team's repository.

use std::path::{Path, PathBuf};

use crate::domain::ids::Digest;
use crate::domain::signature::sshsig::Hash;

/// The files of a team's repository. Paths are relative to its root and never leave it.
pub trait Files: Sync {
    /// The repository's root, to show and to run commands in.
    fn root(&self) -> &Path;

    /// The bytes of a file of at most 16 MiB; `None` where there is none.
    ///
    /// # Errors
    /// [`FileError`] with the path.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError>;

    /// The SHA-256 of a file of any size, and the hash that a signature over it is of, from one pass over its bytes; `None`
    /// where there is no such file.
    ///
    /// # Errors
    /// [`FileError`] with the path.
    fn hashes(&self, path: &str, signed: Hash) -> Result<Option<Hashes>, FileError>;

    /// The SHA-256 of a file of any size; `None` where there is none.
    ///
    /// # Errors
    /// [`FileError`] with the path.
    fn digest(&self, path: &str) -> Result<Option<Digest>, FileError> {
        let hashes = self.hashes(path, Hash::Sha256)?;
        Ok(hashes.map(|it| it.sha256))
    }

    /// The names of the folders in a folder, sorted; none where there is no such folder.
    ///
    /// # Errors
    /// [`FileError`] with the path.
    fn folders(&self, path: &str) -> Result<Vec<String>, FileError>;

    /// The names of the files in a folder, sorted; none where there is no such folder.
    ///
    /// # Errors
    /// [`FileError`] with the path.
    fn files(&self, path: &str) -> Result<Vec<String>, FileError>;

    /// The commit that the files are, where nothing but what relgate records was changed since; `None` where that is not so,
    /// or not known.
    fn commit(&self) -> Option<String> {
        None
    }

    /// Writes new files whole, with their folders, never over an existing one: all of them, or none.
    ///
    /// # Errors
    /// [`FileError`] with the path; of kind `AlreadyExists` where there is one.
    fn create(&self, files: &[(String, String)]) -> Result<(), FileError>;
}

/// What the bytes of a file come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// Its digest.
    pub sha256: Digest,
    /// The hash that was asked for beside it.
    pub signed: Vec<u8>,
}

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct FileError {
    /// Which file.
    pub path: PathBuf,
    /// The cause.
    pub source: std::io::Error,
}
