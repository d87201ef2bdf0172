//! Evidence bundles: everything about one release that an auditor needs, in one JSON document that is checked without the
//! repository, the network or relgate's word.
//!
//! A bundle proves no more than what is in it: whose the signatures are is said by the signers that it carries, which
//! whoever made the bundle chose. So it names the digest of the policy files, to be held against the one that is pinned.
//! Gathering and writing it is left to the application.

mod dsse;
pub mod statement;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::audit::{self, Content, File};
use super::ids::{Digest, RecordId, ReleaseName};
use super::outcome::{IntegrityFinding, PinnedFile};
use super::record::{Record, digest_of};
pub use dsse::{Envelope, Opened, PAYLOAD_TYPE, pae};

/// The version of the format.
pub const VERSION: u32 = 1;

/// The largest bundle that is read, in bytes: 256 MiB.
pub const LARGEST: u64 = 256 << 20;

/// The whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// The version of the format.
    pub relgate_bundle: u32,
    /// Which release.
    pub release: ReleaseName,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// Who made it.
    pub by: String,
    /// Which of the files is the policy.
    pub policy: String,
    /// The records that have no successor: what was the end when the bundle was made.
    pub heads: Vec<RecordId>,
    /// Every record, in the order of the history.
    pub records: Vec<BundledRecord>,
    /// The policy, who signs with which key, the revoked keys, the checklists, the release's own files and documents.
    pub files: Vec<BundledFile>,
    /// The artifacts.
    pub artifacts: Vec<BundledArtifact>,
    /// The outputs of rollback steps, by digest alone.
    pub outputs: Vec<Output>,
    /// in-toto statements in DSSE envelopes: one for every sign-off, one for the last check, one for the ledger's end. None
    /// where the exporter has no key.
    pub attestations: Vec<Envelope>,
}

/// A record as it lies in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledRecord {
    /// The name of its file, in which its id is.
    pub file: String,
    /// Its bytes, which are its canonical form.
    pub text: String,
}

/// A file of the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledFile {
    /// Its path, relative to the repository's root.
    pub path: String,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// Its bytes, where they are text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its bytes in base64, where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

impl BundledFile {
    /// A file with these bytes.
    pub fn new(path: String, bytes: Vec<u8>) -> Self {
        let sha256 = Digest::of(&bytes);
        let (text, base64) = match String::from_utf8(bytes) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
        };
        Self {
            path,
            sha256,
            text,
            base64,
        }
    }

    /// Its bytes; `None` where they are not there in one form, or not those of the digest.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let bytes = match (&self.text, &self.base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(base64)) => STANDARD.decode(base64).ok()?,
            _ => return None,
        };
        (Digest::of(&bytes) == self.sha256).then_some(bytes)
    }
}

/// An artifact of the release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledArtifact {
    /// Its name in the notes.
    pub name: String,
    /// The digest that the notes give it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Digest>,
    /// The digest that it had on the exporter's disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Digest>,
}

/// What a rollback step printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The name of its file in the ledger's output folder.
    pub file: String,
    /// The digest of its bytes.
    pub sha256: Digest,
}

/// Why bytes are no bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not JSON, or not of a bundle's shape.
    #[error("it is not an evidence bundle: {0}")]
    Malformed(String),
    /// Of a version that this program does not know.
    #[error("it is an evidence bundle of version {0}, and this relgate reads version {VERSION}")]
    Version(u64),
}

/// What every version has.
#[derive(Deserialize)]
struct Header {
    relgate_bundle: u64,
}

impl Bundle {
    /// Reads a bundle. Nothing in it has been checked then.
    ///
    /// # Errors
    /// [`BundleError`] where it is none, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        let malformed = |error: serde_json::Error| BundleError::Malformed(error.to_string());
        let header: Header = serde_json::from_slice(bytes).map_err(malformed)?;
        if header.relgate_bundle != u64::from(VERSION) {
            return Err(BundleError::Version(header.relgate_bundle));
        }
        serde_json::from_slice(bytes).map_err(malformed)
    }

    /// Its bytes: canonical JSON (RFC 8785), so that the same evidence makes the same file.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Serializing our own types into memory has no way to fail.
        serde_json_canonicalizer::to_vec(self).unwrap_or_default()
    }

    /// The digest of the files that say who may decide, as a pipeline pins it.
    pub fn policy_digest(&self) -> Digest {
        let decides = |path: &str| {
            path == self.policy
                || path
                    .strip_prefix(".relgate/")
                    .is_some_and(|rest| !rest.is_empty())
        };
        let mut files: Vec<PinnedFile> = self
            .files
            .iter()
            .filter(|file| decides(&file.path))
            .map(|file| match file.bytes() {
                Some(bytes) => PinnedFile::new(&file.path, &bytes),
                None => PinnedFile {
                    path: file.path.clone(),
                    sha256: file.sha256,
                },
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        digest_of(&files)
    }

    /// Its records: those whose bytes are what their names stand for.
    pub fn sound_records(&self) -> Vec<Record> {
        let examine = |it: &BundledRecord| audit::examine(&it.file, it.text.as_bytes()).ok();
        self.records.iter().filter_map(examine).collect()
    }

    /// Everything that is wrong with it, apart from whose the signatures over its records are: digests, names, links, order,
    /// the end, files, attestations. `shown` is what the bundle is called.
    pub fn faults(&self, shown: &str) -> Vec<IntegrityFinding> {
        let mut faults = Vec::new();
        let mut blame = |file: Option<&str>, what: String| {
            faults.push(IntegrityFinding {
                file: file.map(str::to_owned),
                what,
                help: None,
            });
        };
        let mut names = BTreeSet::new();
        for record in &self.records {
            if !names.insert(&record.file) {
                blame(Some(&record.file), "it is in the bundle twice".to_owned());
            }
        }
        let files = self.records.iter().map(|record| File {
            name: record.file.clone(),
            content: match record.text.len() as u64 > audit::LARGEST_RECORD {
                true => Content::Unfit(audit::foreign()),
                false => Content::Bytes(record.text.clone().into_bytes()),
            },
        });
        let audit = audit::audit(&self.release, shown, files);
        for found in audit.findings {
            blame(found.file.as_deref(), found.what);
        }
        let heads: BTreeSet<RecordId> = self.heads.iter().copied().collect();
        if heads != audit.heads.iter().copied().collect() {
            let what = "the history does not end where the bundle says: records were removed from its end, or added";
            blame(None, what.to_owned());
        }
        let mut paths = BTreeSet::new();
        for file in &self.files {
            if !paths.insert(&file.path) {
                blame(Some(&file.path), "it is in the bundle twice".to_owned());
            }
            if file.bytes().is_none() {
                let what = "its bytes are not those of its digest";
                blame(Some(&file.path), what.to_owned());
            }
        }
        if !paths.contains(&self.policy) {
            blame(
                Some(&self.policy),
                "the policy is not in the bundle".to_owned(),
            );
        }
        for (index, envelope) in self.attestations.iter().enumerate() {
            let checked = envelope
                .open()
                .and_then(|opened| statement::check(self, &opened.statement));
            if let Err(what) = checked {
                blame(Some(&format!("attestations[{index}]")), what);
            }
        }
        faults
    }
}
