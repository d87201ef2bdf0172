//! What auditors are shown: the integrity of a ledger, evidence bundles, and what pins a policy.

use serde::Serialize;

use crate::domain::ids::{Digest, ReleaseName};

/// The integrity of a ledger.
#[derive(Clone, Debug, Serialize)]
pub struct Integrity {
    /// Which release.
    pub release: ReleaseName,
    /// Where it lies.
    pub folder: String,
    /// How many records there are.
    pub records: usize,
    /// How many of them have no successor.
    pub heads: usize,
    /// What is wrong.
    pub findings: Vec<IntegrityFinding>,
    /// What is worth knowing, and no fault: records of kinds that this program does not know.
    pub remarks: Vec<String>,
}

/// The files that say who may decide, and the digest that pins them.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyPin {
    /// The SHA-256 of the canonical JSON of the list of files.
    pub digest: Digest,
    /// The files, in the order of their paths.
    pub files: Vec<PinnedFile>,
}

/// A file and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PinnedFile {
    /// Its path, relative to the repository's root.
    pub path: String,
    /// The digest of its bytes, each line ended by LF: git may end them otherwise in a working copy.
    pub sha256: Digest,
}

impl PinnedFile {
    /// A file with these bytes.
    pub fn new(path: impl Into<String>, bytes: &[u8]) -> Self {
        let mut plain = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let [first, after @ ..] = rest {
            if !(*first == b'\r' && after.first() == Some(&b'\n')) {
                plain.push(*first);
            }
            rest = after;
        }
        Self {
            path: path.into(),
            sha256: Digest::of(&plain),
        }
    }
}

/// An evidence bundle that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Exported {
    /// Which release.
    pub release: ReleaseName,
    /// The file.
    pub file: String,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// The digest of the policy files in it.
    pub policy: Digest,
    /// How many records are in it.
    pub records: usize,
    /// How many files.
    pub files: usize,
    /// How many signed statements.
    pub attestations: usize,
    /// What is worth knowing.
    pub remarks: Vec<String>,
}

/// An evidence bundle that was taken in.
#[derive(Clone, Debug, Serialize)]
pub struct Imported {
    /// Which release.
    pub release: ReleaseName,
    /// The files of the records that were added.
    pub added: Vec<String>,
    /// How many of its records were there already.
    pub known: usize,
    /// The next commands to type.
    pub next: Vec<String>,
}

/// Something wrong with a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IntegrityFinding {
    /// The file, relative to the ledger.
    pub file: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: Option<String>,
}
