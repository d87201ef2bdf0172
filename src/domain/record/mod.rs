//! Ledger records: their envelope, their canonical form, and the id that follows from it.
//!
//! A record's bytes are its canonical JSON (RFC 8785) and nothing else, so its id is the SHA-256 of the file as it
//! lies there: `sha256sum` repeats it. A record that was read keeps the bytes that were stored: they are what is hashed,
//! verified and copied, so that a key that this program does not know takes nothing from a signature.

pub mod body;

use std::sync::Arc;

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
    /// What is stored.
    bytes: Arc<[u8]>,
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

/// The envelope of a version that this program knows.
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

/// What the envelope of a newer version has in common with those that are known.
#[derive(Deserialize)]
struct Newer<'a> {
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

impl<'a> From<Newer<'a>> for Parsed<'a> {
    fn from(newer: Newer<'a>) -> Self {
        let Newer {
            version,
            release,
            parents,
            at,
            by,
            host,
            kind,
            body,
            signature,
        } = newer;
        Self {
            version,
            release,
            parents,
            at,
            by,
            host,
            kind,
            body,
            signature,
        }
    }
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
            bytes: Arc::default(),
        };
        record.write();
        record
    }

    /// Writes what it says now, which gives it its bytes and its id.
    fn write(&mut self) {
        self.bytes = self.canonical().into();
        self.id = Digest::of(&self.bytes);
    }

    /// What is stored and hashed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The canonical form of what this program knows of it.
    fn canonical(&self) -> Vec<u8> {
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

    /// What a signature is over: the stored bytes without the signature.
    pub fn payload(&self) -> Vec<u8> {
        let Some(signature) = &self.signature else {
            return self.bytes.to_vec();
        };
        // In canonical form the signature stands before the version, and that is the last.
        let text = serde_json::Value::from(signature.as_str());
        let tail = format!(",\"signature\":{text},\"version\":{}}}", self.version);
        if let Some(head) = self.bytes.strip_suffix(tail.as_bytes()) {
            let version = format!(",\"version\":{}}}", self.version);
            return [head, version.as_bytes()].concat();
        }
        let value = serde_json::from_slice::<serde_json::Value>(&self.bytes);
        let mut value = value.unwrap_or_default();
        if let Some(envelope) = value.as_object_mut() {
            envelope.remove("signature");
        }
        serde_json_canonicalizer::to_vec(&value).unwrap_or_default()
    }

    /// The digest of its payload: the same for every valid form of its signature.
    pub fn fact(&self) -> Digest {
        match self.signature {
            Some(_) => Digest::of(&self.payload()),
            None => self.id,
        }
    }

    /// The same record after other ones, and with them another id.
    #[must_use]
    pub fn after(mut self, mut parents: Vec<RecordId>) -> Self {
        parents.sort_unstable();
        parents.dedup();
        self.parents = parents;
        self.write();
        self
    }

    /// The same record without a signature.
    #[must_use]
    pub fn unsigned(mut self) -> Self {
        self.signature = None;
        self.write();
        self
    }

    /// The same record with a signature, and with it another id.
    #[must_use]
    pub fn signed(mut self, signature: String) -> Self {
        self.signature = Some(signature);
        self.write();
        self
    }

    /// The same record where what it says is understood as `body`; what is stored, and its id, stay as they are.
    #[must_use]
    pub fn understood_as(&self, body: Body) -> Self {
        Self {
            body,
            ..self.clone()
        }
    }

    /// Reads a record from its stored bytes; its id is their digest.
    ///
    /// # Errors
    /// [`RecordError::Malformed`] names what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let malformed = |error: serde_json::Error| RecordError::Malformed(error.to_string());
        let parsed: Parsed<'_> = match serde_json::from_slice(bytes) {
            Ok(parsed) => parsed,
            // A newer version may have more in its envelope.
            Err(error) => match serde_json::from_slice::<Newer<'_>>(bytes) {
                Ok(newer) if newer.version > VERSION => newer.into(),
                _ => return Err(malformed(error)),
            },
        };
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
            bytes: bytes.into(),
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

/// The kind that the name of a record's file claims, if the name has a record's form.
pub fn kind_of_file_name(name: &str) -> Option<&str> {
    id_of_file_name(name)?;
    let (rest, _) = name.strip_suffix(".json")?.rsplit_once('-')?;
    rest.split_once("Z-").map(|(_, kind)| kind)
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
        let bytes = record.bytes();
        assert_eq!(check_canonical(bytes), Ok(()));
        assert_eq!(Record::from_bytes(bytes), Ok(record.clone()));
        assert_eq!(id_of_file_name(&record.file_name()), Some(record.id));
        assert_eq!(kind_of_file_name(&record.file_name()), Some("noted"));
        assert_eq!(
            kind_of_file_name("20260101T000000.000Z-closed-0000.json"),
            None
        );
        assert!(
            record
                .file_name()
                .starts_with("19700101T000000.000Z-noted-")
        );
    }

    #[test]
    fn any_change_of_the_bytes_changes_the_id() {
        let bytes = record("go").bytes().to_vec();
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
        let text = String::from_utf8(record("go").bytes().to_vec()).expect("UTF-8");
        let future = text.replace("\"noted\"", "\"blessed\"");
        let read = Record::from_bytes(future.as_bytes()).expect("a record");
        assert!(matches!(&read.body, Body::Unknown { kind, .. } if kind == "blessed"));
        assert_eq!(read.bytes(), future.as_bytes());
        let newer = text.replace("\"version\":1", "\"target\":\"shop\",\"version\":2");
        let read = Record::from_bytes(newer.as_bytes()).expect("a record");
        assert!(matches!(read.body, Body::Unknown { .. }));
        // What this version does not write in its envelope is no record of it.
        let foreign = text.replace("\"version\":1", "\"target\":\"shop\",\"version\":1");
        assert!(Record::from_bytes(foreign.as_bytes()).is_err());
    }

    #[test]
    fn a_key_that_is_not_known_stays_in_what_is_hashed_and_signed() {
        let unsigned = record("go");
        let signed = unsigned.clone().signed("a\nsignature\n".to_owned());
        assert_eq!(signed.payload(), unsigned.bytes());
        let more = |record: &Record| {
            let text = String::from_utf8(record.bytes().to_vec()).expect("UTF-8");
            text.replace("\"text\":\"go\"", "\"text\":\"go\",\"tone\":\"glad\"")
        };
        let read = Record::from_bytes(more(&signed).as_bytes()).expect("a record");
        assert_eq!(read.bytes(), more(&signed).as_bytes());
        assert_eq!(read.id, Digest::of(more(&signed).as_bytes()));
        assert_eq!(read.payload(), more(&unsigned).as_bytes());
        // Also where it is not in canonical form.
        let spaced = more(&signed).replace("\"version\":1", "\"version\": 1");
        let read = Record::from_bytes(spaced.as_bytes()).expect("a record");
        assert_eq!(read.payload(), more(&unsigned).as_bytes());
    }

    #[test]
    fn other_spellings_of_the_same_json_are_not_canonical() {
        let text = String::from_utf8(record("go").bytes().to_vec()).expect("UTF-8");
        assert_eq!(
            check_canonical(format!("{text}\n").as_bytes()),
            Err(RecordError::NotCanonical)
        );
        assert!(Record::from_bytes(text.replace("\"host\"", "\"by\"").as_bytes()).is_err());
    }
}
