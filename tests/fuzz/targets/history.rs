//! A ledger of several records: each line is one, and says which lines it follows by their numbers.

use relgate::domain::audit::{self, Content, File};
use relgate::domain::clock::{BootId, Reading};
use relgate::domain::history::History;
use relgate::domain::ids::{Digest, RecordId};
use relgate::domain::record::Record;
use relgate::domain::watch;
use relgate::parse::lint;
use serde_json::{Value, json};

use super::team::{self, Case};

/// More records than this show nothing that fewer do not.
const MOST: usize = 40;

/// Folds the records, whole and in parts, in order and not: it all comes to the same.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let records = records(&text);
    let whole = fold([records.clone()]);
    let half = records.len() / 2;
    let (before, after) = records.split_at(half);
    same(&whole, &fold([before.to_vec(), after.to_vec()]));
    same(&whole, &fold([after.to_vec(), before.to_vec()]));
    same(&whole, &fold(records.iter().map(|one| vec![one.clone()])));
    let reversed = records.iter().rev().cloned().collect();
    same(&whole, &fold([reversed, records.clone()]));

    for record in &records {
        assert!(whole.contains(&record.id), "a record is lost");
    }
    let files = records.iter().map(|record| File {
        name: record.file_name(),
        content: Content::Bytes(record.bytes().to_vec()),
    });
    let audit = audit::audit(&team::release(), "ledger", files);
    assert!(audit.records <= whole.records().len());

    for at in team::moments() {
        let reading = Reading {
            wall: at,
            boot_ms: 5_000,
            boot: BootId {
                id: "boot".to_owned(),
                time_namespace: String::new(),
                time_offset: None,
            },
        };
        watch::next(whole.state(), &reading);
        watch::checkpoint(whole.state(), &reading);
    }
    let workspace = team::workspace();
    let gates = workspace.releases.first();
    let gates = gates.map(|release| lint::gates(&workspace, release));
    Case {
        policy: &team::POLICY.value,
        notes: &team::NOTES.value,
        gates: &gates.unwrap_or_default(),
        history: &whole,
    }
    .decide(team::now());
}

/// The records of the lines that are any. They need not be in canonical form: what reads a ledger does not ask for it.
fn records(text: &str) -> Vec<Record> {
    let mut ids: Vec<RecordId> = Vec::new();
    let mut records = Vec::new();
    for line in text.lines().take(MOST) {
        let Some(record) = record(line, &ids) else {
            continue;
        };
        ids.push(record.id);
        records.push(record);
    }
    records
}

fn record(line: &str, ids: &[RecordId]) -> Option<Record> {
    let mut value: Value = serde_json::from_str(line).ok()?;
    let fields = value.as_object_mut()?;
    let follows = |number: &Value| {
        let number = number.as_u64()?;
        let id = usize::try_from(number).ok().and_then(|it| ids.get(it));
        // One that is not there is missing.
        let missing = || Digest::of(&number.to_be_bytes());
        Some(id.copied().unwrap_or_else(missing))
    };
    let parents: Vec<RecordId> = match fields.get("parents").and_then(Value::as_array) {
        Some(numbers) => numbers.iter().filter_map(follows).collect(),
        None => ids.last().copied().into_iter().collect(),
    };
    fields.insert("parents".to_owned(), json!(parents));
    let usual = [
        ("version", json!(1)),
        ("release", json!(team::release())),
        ("at", json!("2026-11-20T08:00:00.000Z")),
        ("by", json!("dana")),
        ("host", json!("host")),
    ];
    for (name, value) in usual {
        fields.entry(name).or_insert(value);
    }
    Record::from_bytes(value.to_string().as_bytes()).ok()
}

fn fold(parts: impl IntoIterator<Item = Vec<Record>>) -> History {
    let mut history = History::new(team::release());
    for part in parts {
        history.extend(part);
    }
    history
}

fn same(one: &History, other: &History) {
    let ids = |history: &History| -> Vec<RecordId> {
        history.records().iter().map(|record| record.id).collect()
    };
    assert_eq!(ids(one), ids(other));
    assert_eq!(one.state(), other.state());
    assert_eq!(one.heads(), other.heads());
    assert_eq!(one.anomalies(), other.anomalies());
    assert_eq!(one.superseded(), other.superseded());
    assert_eq!(one.unknown(), other.unknown());
}
