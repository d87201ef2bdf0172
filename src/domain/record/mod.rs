//! Ledger records: their envelope, their canonical form, and the id that follows from it.
//!
//! A record's bytes are its canonical JSON (RFC 8785) and nothing else, so its id is the SHA-256 of the file as it
//! lies there: `sha256sum` repeats it.

pub mod body;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ids::{Digest, RecordId, ReleaseName};
pub use body::Body;

/// The version of the record format that this program writes.
pub const VERSION: u32 = 1;

/// The principal of what relgate does by itself.
pub const TOOL: &str = "relgate";

/// What somebody wants recorded, before it has a place in the history.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Who: a person of the policy, or [`TOOL`].
    pub by: String,
    /// What.
    pub body: Body,
}

/// One fact in a release's history.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The SHA-256 of the canonical form.
    pub id: RecordId,
    /// The format's version.
    pub version: u32,
    /// The release that it belongs to.
    pub release: ReleaseName,
    /// The records that had no successor when this one was written, sorted.
    pub parents: Vec<RecordId>,
    /// When, by the wall clock of the writer.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
    /// On which host.
    pub host: String,
    /// What.
    pub body: Body,
    /// A signature over the canonical form without it.
    pub signature: Option<String>,
}

/// Why bytes are not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not JSON, or not of a record's shape.
    #[error("it is not a record: {0}")]
    Malformed(String),
    /// Valid JSON in another form than RFC 8785 demands.
    #[error("it is not in canonical form (RFC 8785)")]
    NotCanonical,
}

#[derive(Serialize)]
struct Envelope<'a> {
    version: u32,
    release: &'a ReleaseName,
    parents: &'a [RecordId],
    at: String,
    by: &'a str,
    host: &'a str,
    kind: &'a str,
    body: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parsed<'a> {
    version: u32,
    release: ReleaseName,
    parents: Vec<RecordId>,
    at: DateTime<Utc>,
    by: String,
    host: String,
    kind: String,
    #[serde(borrow)]
    body: &'a RawValue,
    #[serde(default)]
    signature: Option<String>,
}

impl Record {
    /// Gives `draft` its place after `parents`, and with it its id.
    pub fn new(
        draft: Draft,
        release: &ReleaseName,
        mut parents: Vec<RecordId>,
        at: DateTime<Utc>,
        host: &str,
    ) -> Self {
        parents.sort_unstable();
        parents.dedup();
        let mut record = Self {
            id: Digest::of(b""),
            version: VERSION,
            release: release.clone(),
            parents,
            at: truncate(at),
            by: draft.by,
            host: host.to_owned(),
            body: draft.body,
            signature: None,
        };
        record.id = Digest::of(&record.canonical());
        record
    }

    /// The canonical form, which is what is stored and hashed.
    pub fn canonical(&self) -> Vec<u8> {
        let (kind, body) = self.body.to_parts();
        let envelope = Envelope {
            version: self.version,
            release: &self.release,
            parents: &self.parents,
            at: self.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            by: &self.by,
            host: &self.host,
            kind,
            body,
            signature: self.signature.as_deref(),
        };
        // Serializing our own types into memory has no way to fail: no maps with keys that are not text, no writer.
        serde_json_canonicalizer::to_vec(&envelope).unwrap_or_default()
    }

    /// What a signature is over: the canonical form without a signature.
    pub fn payload(&self) -> Vec<u8> {
        match self.signature {
            None => self.canonical(),
            Some(_) => Self {
                signature: None,
                ..self.clone()
            }
            .canonical(),
        }
    }

    /// The same record after other ones, and with them another id.
    #[must_use]
    pub fn after(mut self, mut parents: Vec<RecordId>) -> Self {
        parents.sort_unstable();
        parents.dedup();
        self.parents = parents;
        self.id = Digest::of(&self.canonical());
        self
    }

    /// The same record with a signature, and with it another id.
    #[must_use]
    pub fn signed(mut self, signature: String) -> Self {
        self.signature = Some(signature);
        self.id = Digest::of(&self.canonical());
        self
    }

    /// Reads a record from its stored bytes; its id is their digest.
    ///
    /// # Errors
    /// [`RecordError::Malformed`] names what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let malformed = |error: serde_json::Error| RecordError::Malformed(error.to_string());
        let parsed: Parsed<'_> = serde_json::from_slice(bytes).map_err(malformed)?;
        let body =
            Body::from_parts(parsed.version, &parsed.kind, parsed.body).map_err(malformed)?;
        Ok(Self {
            id: Digest::of(bytes),
            version: parsed.version,
            release: parsed.release,
            parents: parsed.parents,
            at: parsed.at,
            by: parsed.by,
            host: parsed.host,
            body,
            signature: parsed.signature,
        })
    }

    /// The word for its kind.
    pub fn kind(&self) -> &str {
        self.body.kind()
    }

    /// The name of the file that holds it: `<time>-<kind>-<id>.json`.
    pub fn file_name(&self) -> String {
        format!(
            "{}-{}-{}.json",
            self.at.format("%Y%m%dT%H%M%S%.3fZ"),
            file_kind(self.kind()),
            self.id
        )
    }
}

/// The id that the name of a record's file claims, if the name has a record's form.
pub fn id_of_file_name(name: &str) -> Option<RecordId> {
    name.strip_suffix(".json")?.rsplit_once('-')?.1.parse().ok()
}

/// Whether `bytes` are JSON in canonical form.
///
/// # Errors
/// [`RecordError`] where they are not.
pub fn check_canonical(bytes: &[u8]) -> Result<(), RecordError> {
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| RecordError::Malformed(error.to_string()))?;
    match serde_json_canonicalizer::to_vec(&value) {
        Ok(canonical) if canonical == bytes => Ok(()),
        _ => Err(RecordError::NotCanonical),
    }
}

/// The digest of anything's canonical JSON: what sign-offs and plans are bound to.
pub fn digest_of<T: Serialize>(value: &T) -> Digest {
    Digest::of(&serde_json_canonicalizer::to_vec(value).unwrap_or_default())
}

/// An unknown kind may hold anything; a file name may not.
fn file_kind(kind: &str) -> String {
    kind.chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(40)
        .collect()
}

/// Milliseconds are what a record keeps.
fn truncate(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::body::Noted;
    use super::*;

    fn record(text: &str) -> Record {
        let draft = Draft {
            by: "ana".into(),
            body: Body::Noted(Noted { text: text.into() }),
        };
        let release = ReleaseName::new("2.4.0").expect("a name");
        Record::new(
            draft,
            &release,
            vec![Digest::of(b"p")],
            DateTime::UNIX_EPOCH,
            "host",
        )
    }

    #[test]
    fn what_is_stored_reads_back_to_the_same_record() {
        let record = record("a \u{1F680} and a \"quote\"");
        let bytes = record.canonical();
        assert_eq!(check_canonical(&bytes), Ok(()));
        assert_eq!(Record::from_bytes(&bytes), Ok(record.clone()));
        assert_eq!(id_of_file_name(&record.file_name()), Some(record.id));
        assert!(
            record
                .file_name()
                .starts_with("19700101T000000.000Z-noted-")
        );
    }

    #[test]
    fn any_change_of_the_bytes_changes_the_id() {
        let bytes = record("go").canonical();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            if let Ok(read) = Record::from_bytes(&changed) {
                assert_ne!(read.id, record("go").id, "byte {index}");
            }
        }
    }

    #[test]
    fn an_unknown_kind_or_newer_version_is_kept_and_not_understood() {
        let text = String::from_utf8(record("go").canonical()).expect("UTF-8");
        let future = text.replace("\"noted\"", "\"blessed\"");
        let read = Record::from_bytes(future.as_bytes()).expect("a record");
        assert!(matches!(&read.body, Body::Unknown { kind, .. } if kind == "blessed"));
        assert_eq!(read.canonical(), future.as_bytes());
        let newer = text.replace("\"version\":1", "\"version\":2");
        let read = Record::from_bytes(newer.as_bytes()).expect("a record");
        assert!(matches!(read.body, Body::Unknown { .. }));
    }

    #[test]
    fn other_spellings_of_the_same_json_are_not_canonical() {
        let text = String::from_utf8(record("go").canonical()).expect("UTF-8");
        assert_eq!(
            check_canonical(format!("{text}\n").as_bytes()),
            Err(RecordError::NotCanonical)
        );
        assert!(Record::from_bytes(text.replace("\"host\"", "\"by\"").as_bytes()).is_err());
    }
}
