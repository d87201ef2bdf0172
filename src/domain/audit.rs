//! Whether the files of a ledger are what they were written as.
//!
//! [`examine`] judges one file by itself, as every reading of a ledger does. [`audit`] judges them together and harder:
//! canonical form, links, order, release, the legality of the fold, and whether a wrong name is a rename or a copy.
//! Gathering the files is left to the effects. What no reader of the files alone can see is that the *last* records of
//! a chain were removed: nothing follows them. For that there are git's own history and signed exports.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::anomaly::{Anomaly, Damage};
use super::history::History;
use super::ids::{Digest, RecordId, ReleaseName};
use super::quote;
use super::record::{Body, Record, check_canonical, id_of_file_name};
use super::timespan::Timespan;

/// The largest file that is read as a record, in bytes: 16 MiB. A larger one is never written either.
pub const LARGEST_RECORD: u64 = 16 << 20;

/// What the names of unfinished writes begin with; a crash may leave some behind.
pub const UNFINISHED: &str = ".tmp-";

/// Files that lie beside the records and belong there.
const FURNITURE: [&str; 5] = [
    ".lock",
    ".watch",
    ".rollback",
    ".gitignore",
    ".gitattributes",
];

/// The folder of the outputs of commands.
const OUTPUT: &str = "output";

/// Whether something of this name lies in a ledger's folder by right without being a record.
pub fn belongs(name: &str, is_folder: bool) -> bool {
    if is_folder {
        name == OUTPUT
    } else {
        FURNITURE.contains(&name) || name.starts_with(UNFINISHED)
    }
}

/// Something that lies in a ledger's folder.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name within the folder.
    pub name: String,
    /// What is in it.
    pub content: Content,
}

/// What is in a file.
#[derive(Clone, Debug)]
pub enum Content {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// It was not read, because it is no plain file of a record's size, or could not be.
    Unfit(Flaw),
}

/// Why a file is not the record that its name stands for.
#[derive(Clone, Debug)]
pub struct Flaw {
    /// The kind of damage.
    pub damage: Damage,
    /// What is wrong, to follow the file's name: `its bytes …`.
    pub what: String,
    /// The record that its bytes make, where they make one.
    pub record: Option<Box<Record>>,
}

impl Flaw {
    /// A flaw of something that is no record at all.
    pub fn new(damage: Damage, what: impl Into<String>) -> Self {
        Self {
            damage,
            what: what.into(),
            record: None,
        }
    }
}

/// The record in the file `name` that holds `bytes`.
///
/// # Errors
/// A [`Flaw`] where the bytes are no record, their SHA-256 is not the one in the name, or the rest of the name is not
/// the record's.
pub fn examine(name: &str, bytes: &[u8]) -> Result<Record, Flaw> {
    let named = id_of_file_name(name);
    let record = match Record::from_bytes(bytes) {
        Ok(record) => record,
        Err(error) => {
            return Err(match named {
                None => foreign(),
                Some(named) if named == Digest::of(bytes) => {
                    Flaw::new(Damage::NotARecord, error.to_string())
                }
                Some(_) if bytes.is_empty() => Flaw::new(Damage::Truncated, "it is empty"),
                Some(_) if ends_early(bytes) => Flaw::new(
                    Damage::Truncated,
                    format!("it ends after {} bytes, within the record", bytes.len()),
                ),
                Some(named) => edited(named, Digest::of(bytes)),
            });
        }
    };
    if named == Some(record.id) && record.file_name() == name {
        // A signature is over the canonical form: what is written in another way would be one more record under it.
        if record.signature.is_some() && check_canonical(bytes).is_err() {
            let what = "it is signed, and is not in the form that is signed (RFC 8785)";
            return Err(Flaw::new(Damage::NotARecord, what));
        }
        return Ok(record);
    }
    let mut flaw = match named {
        Some(named) if named != record.id => edited(named, record.id),
        _ => Flaw::new(
            Damage::Renamed,
            format!("it holds the record that belongs in {}", record.file_name()),
        ),
    };
    flaw.record = Some(Box::new(record));
    Err(flaw)
}

/// The flaw of a file that has nothing to do with the ledger.
pub fn foreign() -> Flaw {
    Flaw::new(
        Damage::Foreign,
        "it is no record, and does not belong in a ledger",
    )
}

fn edited(named: RecordId, found: RecordId) -> Flaw {
    Flaw::new(
        Damage::Edited,
        format!(
            "it was changed after it was written: its name says SHA-256 {}, its bytes have {}",
            named.short(),
            found.short()
        ),
    )
}

fn ends_early(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_err_and(|error| error.is_eof())
}

/// Tells the flaw of the file `name` in `folder`, with the command that shows more.
pub fn anomaly(folder: &str, name: &str, flaw: Flaw) -> Anomaly {
    let path = quote::word(&format!("{folder}/{name}"));
    let proper = flaw.record.as_ref().map(|record| record.file_name());
    let proper = proper.map(|name| quote::word(&format!("{folder}/{name}")));
    let help = match (flaw.damage, proper) {
        (Damage::Renamed, Some(proper)) => format!("git mv {path} {proper}"),
        (Damage::Copied, _) => format!("git rm {path}"),
        (Damage::Foreign, _) => format!("move {path} out of the ledger's folder"),
        (Damage::Unreadable, _) => format!("ls -l {path}"),
        (Damage::TimeOrder, _) => {
            let id = id_of_file_name(name).map(|id| id.short());
            let id = id.unwrap_or_default();
            format!("relgate ledger accept {id} --reason TEXT, once somebody has looked into it")
        }
        (Damage::Removed, _) => {
            format!(
                "git log --diff-filter=D -- {path} shows who removed it; relgate ledger import FILE brings it back from a \
                 bundle, and ends an import that was cut off"
            )
        }
        _ => format!("git log -p -- {path} shows who changed it"),
    };
    Anomaly {
        damage: flaw.damage,
        file: Some(name.to_owned()),
        record: id_of_file_name(name).or(flaw.record.map(|record| record.id)),
        what: format!("{path}: {}", flaw.what),
        help,
    }
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The release.
    pub release: ReleaseName,
    /// How many files are sound records.
    pub records: usize,
    /// The records that have no successor; two or more are branches that the next record joins.
    pub heads: Vec<RecordId>,
    /// The sound records of a kind or version that this program does not know. They are no damage.
    pub unknown: Vec<Unknown>,
    /// What is wrong, by file.
    pub findings: Vec<Anomaly>,
}

/// A sound record that this program does not understand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// The name of its file.
    pub file: String,
    /// Which record.
    pub record: RecordId,
    /// The format's version.
    pub version: u32,
    /// The word for its kind.
    pub kind: String,
}

impl Audit {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Audits the `files` of the ledger of `release` in `folder`; those that [belong](belongs) there are no part of it.
///
/// Records that are illegal in the fold are findings only where no record is missing: what a history with a gap makes
/// illegal says nothing.
pub fn audit(release: &ReleaseName, folder: &str, files: impl IntoIterator<Item = File>) -> Audit {
    let mut flaws: Vec<(String, Flaw)> = Vec::new();
    let mut sound: Vec<Record> = Vec::new();
    for File { name, content } in files {
        match content {
            Content::Unfit(flaw) => flaws.push((name, flaw)),
            Content::Bytes(bytes) => match examine(&name, &bytes) {
                Ok(record) => {
                    flaws.extend(form(&record, &bytes).map(|flaw| (name, flaw)));
                    sound.push(record);
                }
                Err(flaw) => flaws.push((name, flaw)),
            },
        }
    }
    let mut history = History::new(release.clone());
    history.extend(sound);
    distinguish_renames(&history, &mut flaws);
    flaws.extend(removed(&history, &flaws));
    flaws.extend(time_order(&history));
    let gap = flaws.iter().any(|(_, flaw)| flaw.damage.leaves_a_gap());

    let mut findings: Vec<Anomaly> = flaws
        .into_iter()
        .map(|(name, flaw)| anomaly(folder, &name, flaw))
        .collect();
    findings.extend(
        history
            .anomalies()
            .into_iter()
            .filter(|it| match it.damage {
                Damage::OtherRelease => true,
                Damage::Illegal => !gap,
                _ => false,
            }),
    );
    findings.sort_by(|a, b| (&a.file, a.damage).cmp(&(&b.file, b.damage)));
    Audit {
        release: release.clone(),
        records: history.records().len(),
        heads: history.heads(),
        unknown: history.records().iter().filter_map(unknown).collect(),
        findings,
    }
}

fn unknown(record: &Record) -> Option<Unknown> {
    matches!(record.body, Body::Unknown { .. }).then(|| Unknown {
        file: record.file_name(),
        record: record.id,
        version: record.version,
        kind: record.kind().to_owned(),
    })
}

/// What is wrong with the form of a record whose digest is right: nobody but relgate may have written it.
fn form(record: &Record, bytes: &[u8]) -> Option<Flaw> {
    if let Err(error) = check_canonical(bytes) {
        return Some(Flaw::new(Damage::NotCanonical, error.to_string()));
    }
    (!record.parents.is_sorted_by(|a, b| a < b)).then(|| {
        Flaw::new(
            Damage::NotCanonical,
            "the records that it follows are not in order, each once",
        )
    })
}

/// A file whose name is not its record's is a copy where the record is there too, and a rename where another record
/// follows the one that it holds, or another file has its name.
fn distinguish_renames(history: &History, flaws: &mut [(String, Flaw)]) {
    let misplaced = flaws.iter().filter_map(|(_, flaw)| flaw.record.as_deref());
    let wanted: HashSet<RecordId> = history
        .records()
        .iter()
        .chain(misplaced)
        .flat_map(|record| record.parents.iter().copied())
        .chain(flaws.iter().filter_map(|(name, _)| id_of_file_name(name)))
        .collect();
    for (_, flaw) in flaws {
        let Some(record) = &flaw.record else { continue };
        let proper = record.file_name();
        if history.contains(&record.id) {
            flaw.damage = Damage::Copied;
            flaw.what = format!("it is a copy of {proper}, which is there");
        } else if wanted.contains(&record.id) {
            flaw.damage = Damage::Renamed;
            flaw.what = format!("it holds the record that belongs in {proper}");
        }
    }
}

/// The records that others follow and that no file claims to be.
fn removed(history: &History, flaws: &[(String, Flaw)]) -> Vec<(String, Flaw)> {
    let claimed: HashSet<RecordId> = flaws
        .iter()
        .flat_map(|(name, flaw)| {
            let held = flaw.record.as_ref().map(|record| record.id);
            id_of_file_name(name).into_iter().chain(held)
        })
        .collect();
    let mut missing: BTreeMap<RecordId, &Record> = BTreeMap::new();
    for record in history.records() {
        if record.release != *history.release() {
            continue;
        }
        for parent in &record.parents {
            if !history.contains(parent) && !claimed.contains(parent) {
                missing.entry(*parent).or_insert(record);
            }
        }
    }
    missing
        .into_iter()
        .map(|(id, child)| {
            let what = format!(
                "the record is missing, and {} follows it",
                child.file_name()
            );
            (format!("*-{id}.json"), Flaw::new(Damage::Removed, what))
        })
        .collect()
}

/// The records that claim to be older than one that they follow.
fn time_order(history: &History) -> Vec<(String, Flaw)> {
    let times: HashMap<RecordId, &Record> = history
        .records()
        .iter()
        .map(|record| (record.id, record))
        .collect();
    let older = |record: &Record| {
        let parents = record.parents.iter().filter_map(|id| times.get(id));
        let latest = parents.max_by_key(|parent| parent.at)?;
        (record.at < latest.at).then(|| {
            let apart = (latest.at - record.at).num_seconds().max(1);
            let apart = Timespan::from_seconds(apart.unsigned_abs());
            let what = format!(
                "it says {} on {}, and follows {}, which says {} on {}: one of the clocks was wrong, by {apart} or more. The \
                 order of the records is that of their links, and windows keep to the boot-time clock; what goes by the \
                 wall clock between the two (how long a sign-off or a waiver is valid, notice, what is due) may be wrong",
                record.at.to_rfc3339(),
                record.host,
                latest.file_name(),
                latest.at.to_rfc3339(),
                latest.host
            );
            (record.file_name(), Flaw::new(Damage::TimeOrder, what))
        })
    };
    history.records().iter().filter_map(older).collect()
}

#[cfg(test)]
mod tests;
