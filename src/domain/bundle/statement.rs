//! in-toto statements (version 1) about what a bundle holds: that a role signed a gate, what the last check answered, and
//! where the ledger ended.
//!
//! Subjects are named by sha256 alone where the record itself is bound to them: the release notes as canonical JSON, and the
//! artifacts whose digests the sign-off was made over.

use serde_json::{Value, json};

use super::{Bundle, BundledRecord};
use crate::domain::ids::{Digest, RecordId};
use crate::domain::record::{Body, Record};

/// The type of every statement.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// A role signed a gate.
pub const SIGN_OFF: &str = "urn:relgate:sign-off:v1";
/// What a check answered.
pub const CHECK: &str = "urn:relgate:check:v1";
/// Where a ledger ended.
pub const LEDGER: &str = "urn:relgate:ledger:v1";

/// What statements are about beside the records.
#[derive(Clone, Debug, Default)]
pub struct Subjects {
    /// The digest of the release notes as they are now, as canonical JSON.
    pub notes: Option<Digest>,
    /// The digest of the artifacts' list, to which sign-offs are bound.
    pub list: Option<Digest>,
    /// The artifacts as they are now, with the digests that are on disk or in the notes.
    pub now: Vec<(String, Digest)>,
    /// The artifacts whose digests the notes themselves give.
    pub noted: Vec<(String, Digest)>,
}

/// The statements about `records`, which are in the order of the history and end in `heads`.
pub fn all(records: &[Record], heads: &[RecordId], subjects: &Subjects) -> Vec<Value> {
    let sign_offs = records
        .iter()
        .filter_map(|record| sign_off(record, subjects));
    let last = records
        .iter()
        .rev()
        .find_map(|record| check_result(record, subjects));
    let mut all: Vec<Value> = sign_offs.chain(last).collect();
    if let Some(first) = records.first() {
        all.push(ledger(first, records.len(), heads));
    }
    all
}

fn sign_off(record: &Record, subjects: &Subjects) -> Option<Value> {
    let Body::SignedOff(body) = &record.body else {
        return None;
    };
    let is_bound = subjects.list == Some(body.binding.artifacts);
    let artifacts = if is_bound {
        subjects.now.as_slice()
    } else {
        &[]
    };
    let predicate = json!({
        "gate": body.gate,
        "role": body.role,
        "by": record.by,
        "binding": body.binding,
    });
    Some(about_record(
        SIGN_OFF,
        record,
        (body.binding.notes, artifacts),
        predicate,
    ))
}

fn check_result(record: &Record, subjects: &Subjects) -> Option<Value> {
    let Body::Checked(body) = &record.body else {
        return None;
    };
    let is_same = subjects.notes == Some(body.notes);
    let artifacts = if is_same {
        subjects.noted.as_slice()
    } else {
        &[]
    };
    let predicate = json!({
        "gate": body.gate,
        "phase": body.phase,
        "go": body.go,
        "decided": body.decided,
        "unmet": body.unmet,
        "policy": body.policy,
        "by": record.by,
    });
    Some(about_record(
        CHECK,
        record,
        (body.notes, artifacts),
        predicate,
    ))
}

/// A statement that carries its record, signature and all.
fn about_record(
    kind: &str,
    record: &Record,
    (notes, artifacts): (Digest, &[(String, Digest)]),
    mut predicate: Value,
) -> Value {
    let mut subject = vec![json!({"name": "release-notes", "digest": {"sha256": notes}})];
    subject.extend(
        artifacts
            .iter()
            .map(|(name, digest)| json!({"name": name, "digest": {"sha256": digest}})),
    );
    predicate["release"] = json!(record.release);
    predicate["at"] = json!(record.at.to_rfc3339());
    predicate["record"] = json!({
        "id": record.id,
        "file": record.file_name(),
        "text": String::from_utf8_lossy(record.bytes()),
        "signature": record.signature,
    });
    json!({"_type": STATEMENT, "subject": subject, "predicateType": kind, "predicate": predicate})
}

fn ledger(first: &Record, count: usize, heads: &[RecordId]) -> Value {
    let subject: Vec<Value> = heads
        .iter()
        .map(|id| json!({"name": format!("record {}", id.short()), "digest": {"sha256": id}}))
        .collect();
    let predicate = json!({"release": first.release, "records": count, "heads": heads});
    json!({"_type": STATEMENT, "subject": subject, "predicateType": LEDGER, "predicate": predicate})
}

/// Whether `statement` is about what `bundle` holds.
///
/// # Errors
/// What it says that the bundle does not.
pub fn check(bundle: &Bundle, statement: &Value) -> Result<(), String> {
    if statement["_type"] != STATEMENT {
        return Err("it is no in-toto statement of version 1".to_owned());
    }
    let predicate = &statement["predicate"];
    if predicate["release"] != bundle.release.as_str() {
        return Err("it is about another release".to_owned());
    }
    match statement["predicateType"].as_str() {
        Some(LEDGER) => {
            let same = predicate["heads"] == json!(bundle.heads)
                && predicate["records"] == json!(bundle.records.len());
            match same {
                true => Ok(()),
                false => Err(
                    "the ledger ended elsewhere when it was signed: records were removed, or added"
                        .to_owned(),
                ),
            }
        }
        Some(SIGN_OFF | CHECK) => about_held_record(bundle, statement),
        _ => Err("it is of a type that relgate does not make".to_owned()),
    }
}

/// Whether `statement` says of its record what follows from the one in `bundle`, and of artifacts what the bundle says.
fn about_held_record(bundle: &Bundle, statement: &Value) -> Result<(), String> {
    let named = &statement["predicate"]["record"];
    let same = |it: &&BundledRecord| {
        named["file"] == it.file.as_str() && named["text"] == it.text.as_str()
    };
    let held = bundle.records.iter().find(same);
    let held = held.and_then(|it| Record::from_bytes(it.text.as_bytes()).ok());
    let Some(record) = held else {
        return Err("it is about a record that is not in the bundle".to_owned());
    };
    let nothing = Subjects::default();
    let anew = sign_off(&record, &nothing).or_else(|| check_result(&record, &nothing));
    let follows = anew.is_some_and(|anew| {
        anew["predicateType"] == statement["predicateType"]
            && anew["predicate"] == statement["predicate"]
            && anew["subject"][0] == statement["subject"][0]
    });
    if !follows {
        return Err("it says something else than its record".to_owned());
    }
    let artifacts = statement["subject"]
        .as_array()
        .into_iter()
        .flatten()
        .skip(1);
    for subject in artifacts {
        let digest = &subject["digest"]["sha256"];
        let is_held = bundle.artifacts.iter().any(|it| {
            subject["name"] == it.name.as_str()
                && [it.found, it.expected]
                    .iter()
                    .flatten()
                    .any(|known| *digest == known.to_string())
        });
        if !is_held {
            return Err(format!(
                "the bundle knows no artifact {} with that digest",
                subject["name"]
            ));
        }
    }
    Ok(())
}
