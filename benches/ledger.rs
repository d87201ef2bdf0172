//! How fast a ledger is opened and folded: `cargo bench --bench ledger`.
//!
//! `RELGATE_BENCH_MEMORY=100000 cargo bench --bench ledger` folds that many records once instead, and says the most
//! memory that the process ever had.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use divan::Bencher;
use relgate::app::ledger::{Ledger, StoredLedger};
use relgate::domain::audit::audit;
use relgate::domain::clock::{BootId, Reading};
use relgate::domain::history::History;
use relgate::domain::ids::{Digest, RecordId, ReleaseName};
use relgate::domain::record::body::{
    Answer, Answered, Binding, Checked, ChecklistPass, Checkpoint, DeployDone, DeployStarted,
    Noted, SignOff,
};
use relgate::domain::record::{Body, Draft, Record};
use relgate::domain::writer::Writer;
use relgate::effects::store::file::{FileStore, gather};
use relgate::ports::{Clock, Unsealed};

fn main() {
    if let Ok(count) = std::env::var("RELGATE_BENCH_MEMORY") {
        memory(count.parse().expect("a number of records"));
    } else {
        divan::main();
    }
}

fn release() -> ReleaseName {
    ReleaseName::new("2.4.0").expect("a name")
}

fn reading(number: i64) -> Reading {
    Reading {
        wall: DateTime::UNIX_EPOCH + TimeDelta::seconds(number),
        boot_ms: number.unsigned_abs() * 1000,
        boot: BootId {
            id: "0b0c4f2e-7d3a-4a55-9a0c-2f3d6f1f6c11".into(),
            time_namespace: "4026531834".into(),
            time_offset: None,
        },
    }
}

fn answers() -> Vec<Answered> {
    let answer = |number| Answered {
        item: format!("item-{number}").parse().expect("a name"),
        answer: Answer::Yes,
        comment: None,
    };
    (0..5).map(answer).collect()
}

/// Ten kinds of records as they occur, over and over.
fn body(number: i64, before: Option<RecordId>) -> Body {
    let digest = Digest::of(b"something");
    let stage = "production".parse().expect("a name");
    match number % 10 {
        0 | 1 => Body::SignedOff(SignOff {
            gate: "qa".parse().expect("a name"),
            role: "qa-lead".parse().expect("a name"),
            answers: answers(),
            evidence: Vec::new(),
            binding: Binding {
                notes: digest,
                fields: (0..8)
                    .map(|field| (format!("field-{field}"), digest.short()))
                    .collect(),
                gate: digest,
                artifacts: digest,
                repository: None,
            },
            seen: None,
        }),
        2 => Body::Checked(Checked {
            waived: Vec::new(),
            gate: None,
            phase: None,
            go: true,
            decided: true,
            unmet: vec!["the gate qa lacks the sign-off of qa-lead".into()],
            notes: digest,
            policy: digest,
            evidence: Vec::new(),
            repin: false,
        }),
        3 => Body::DeployStarted(DeployStarted {
            target: None,
            obligations: Vec::new(),
            stage,
            go: before.unwrap_or(digest),
            anchor: None,
        }),
        4 => Body::DeployDone(DeployDone { stage }),
        5 | 6 => Body::ChecklistPass(ChecklistPass {
            stage,
            answers: answers(),
            evidence: Vec::new(),
            complete: true,
            failed: Vec::new(),
            checklist: digest,
        }),
        7 | 8 => Body::Checkpoint(Checkpoint {
            reading: reading(number),
            elapsed_ms: BTreeMap::from([("I1".parse().expect("a name"), 1000)]),
            divergence_ms: None,
        }),
        _ => Body::Noted(Noted {
            text: "the dashboards are calm; the queue is empty again".into(),
        }),
    }
}

fn chain(count: usize) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::with_capacity(count);
    for number in 0..i64::try_from(count).expect("a small number") {
        let before = records.last().map(|record| record.id);
        let draft = Draft {
            by: "ana".into(),
            body: body(number, before),
        };
        let parents = before.into_iter().collect();
        let at = reading(number).wall;
        records.push(Record::new(draft, &release(), parents, at, "deploy-1"));
    }
    records
}

fn long_chain() -> &'static [Record] {
    static RECORDS: OnceLock<Vec<Record>> = OnceLock::new();
    RECORDS.get_or_init(|| chain(100_000))
}

/// A store in the repository at `root`, with so many records of a release.
fn filled(root: &Path, count: usize) -> FileStore<'static> {
    let store = FileStore::new(root.join("releases"), &Still, Writer::default());
    fill(&store.folder(&release()), count);
    store
}

fn ledger<'a>(store: &'a FileStore<'_>) -> StoredLedger<'a> {
    StoredLedger::new(store, &Unsealed, (&release(), &Writer::default()))
}

fn fill(folder: &Path, count: usize) {
    fs::create_dir_all(folder).expect("a folder");
    for record in &long_chain()[..count] {
        fs::write(folder.join(record.file_name()), record.bytes()).expect("written");
    }
}

fn folded(records: Vec<Record>) -> History {
    let mut history = History::new(release());
    history.extend(records);
    assert_eq!(history.anomalies(), []);
    history
}

/// In memory, from records to state.
#[divan::bench(args = [10_000, 50_000, 100_000], sample_count = 10, sample_size = 1)]
fn fold(bencher: Bencher, count: usize) {
    bencher
        .with_inputs(|| long_chain()[..count].to_vec())
        .bench_values(folded);
}

/// In memory, from bytes to records.
#[divan::bench(args = [10_000], sample_count = 10, sample_size = 1)]
fn parse(bencher: Bencher, count: usize) {
    let all: Vec<Vec<u8>> = long_chain()[..count]
        .iter()
        .map(|record| record.bytes().to_vec())
        .collect();
    bencher.bench(|| {
        let read = all.iter().map(|bytes| Record::from_bytes(bytes));
        read.collect::<Result<Vec<_>, _>>().expect("records")
    });
}

/// From files that the system has in memory: listed, read, verified, folded.
#[divan::bench(args = [1_000, 10_000], sample_count = 20, sample_size = 1)]
fn open(bencher: Bencher, count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path(), count);
    bencher.bench(|| {
        let mut ledger = ledger(&store);
        let history = ledger.refresh().expect("it can be read");
        assert_eq!(history.records().len(), count);
        assert_eq!(history.anomalies(), []);
        ledger
    });
}

/// A look at a ledger in which nothing is new, as a watcher takes every second.
#[divan::bench(args = [1_000, 10_000], sample_count = 20, sample_size = 1)]
fn look(bencher: Bencher, count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path(), count);
    let mut ledger = ledger(&store);
    ledger.refresh().expect("it can be read");
    bencher.bench_local(|| ledger.refresh().expect("it can be read").records().len());
}

/// The whole audit.
#[divan::bench(args = [10_000], sample_count = 10, sample_size = 1)]
fn verify(bencher: Bencher, count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path(), count);
    bencher.bench(|| {
        let files = gather(&store.folder(&release())).expect("it can be listed");
        assert!(audit(&release(), "ledger", files).is_sound());
    });
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Reading {
        reading(1_000_000)
    }

    fn wait(&self, _: Duration) {}
}

/// One durable record more; most of it is the disk's.
#[divan::bench(args = [100, 10_000], sample_count = 20, sample_size = 1)]
fn append(bencher: Bencher, count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path(), count);
    let mut ledger = ledger(&store);
    ledger.refresh().expect("it can be read");
    bencher.bench_local(|| {
        let note = Draft {
            by: "ana".into(),
            body: body(9, None),
        };
        let appended = ledger.append(&mut |_, _| Ok(vec![note.clone()]));
        appended.expect("appended").len()
    });
}

fn memory(count: usize) {
    let records = chain(count);
    let bytes: usize = records.iter().map(|record| record.bytes().len()).sum();
    let before = most_memory();
    let history = folded(records);
    println!(
        "{} records of {} bytes on average: {before} before the fold, {} after",
        history.records().len(),
        bytes / count.max(1),
        most_memory()
    );
}

fn most_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.unwrap_or("VmHWM: unknown here").to_owned()
}
