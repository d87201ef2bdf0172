//! The file store under the ledger: what lies in a folder, other processes, and disks that fail.

mod appending;
mod damage;
mod trouble;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use relgate::app::ledger::{Ledger, StoredLedger};
use relgate::domain::anomaly::Damage;
use relgate::domain::audit::{Audit, audit};
use relgate::domain::clock::Reading;
use relgate::domain::history::History;
use relgate::domain::ids::ReleaseName;
use relgate::domain::record::body::Noted;
use relgate::domain::record::{Body, Draft, Record};
use relgate::domain::refusal::Refusal;
use relgate::effects::store::file::{FAILPOINTS, FileStore, gather};
use relgate::ports::{AppendError, Clock, StoreError, Unsealed};

use crate::world::{boot, writer};

/// A clock that is set by hand; what it is asked to wait it waits as little as makes room for others.
struct ByHand(Mutex<DateTime<Utc>>);

impl ByHand {
    /// A clock for the rest of the test.
    fn at(seconds: i64) -> &'static Self {
        let time = DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        Box::leak(Box::new(Self(Mutex::new(time))))
    }

    fn set(&self, seconds: i64) {
        *self.0.lock().expect("no panic") = DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
    }
}

impl Clock for ByHand {
    fn now(&self) -> Reading {
        Reading {
            wall: *self.0.lock().expect("no panic"),
            boot_ms: 0,
            boot: boot("host"),
        }
    }

    fn wait(&self, time: Duration) {
        std::thread::park_timeout(time);
    }
}

fn release() -> ReleaseName {
    ReleaseName::new("2.4.0").expect("a name")
}

/// The ledger in `folder`, with a clock that stands still.
fn ledger(folder: &Path) -> StoredLedger<'static> {
    ledger_at(folder, ByHand::at(100))
}

fn ledger_at(folder: &Path, clock: &'static ByHand) -> StoredLedger<'static> {
    let releases = folder.ancestors().nth(2).expect("releases/NAME/ledger");
    let writer = writer("host", 1);
    let store = FileStore::new(releases, clock, writer.clone());
    StoredLedger::new(Box::leak(Box::new(store)), &Unsealed, (&release(), &writer))
}

fn note(text: &str) -> Draft {
    Draft {
        by: "ana".into(),
        body: Body::Noted(Noted { text: text.into() }),
    }
}

fn append(ledger: &mut StoredLedger<'_>, texts: &[&str]) -> Result<Vec<Record>, AppendError> {
    let drafts: Vec<Draft> = texts.iter().map(|text| note(text)).collect();
    ledger.append(&mut |_, _| Ok(drafts.clone()))
}

fn text(record: &Record) -> &str {
    match &record.body {
        Body::Noted(noted) => &noted.text,
        _ => "",
    }
}

fn texts(history: &History) -> Vec<String> {
    history.records().iter().map(|it| text(it).into()).collect()
}

/// A folder for a ledger, which does not exist yet, and what removes it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = in_repository(parent.path());
    fs::create_dir_all(folder.parent().expect("a release")).expect("folders");
    (parent, folder)
}

/// Where the ledger lies in the repository at `root`.
fn in_repository(root: &Path) -> PathBuf {
    root.join("releases/2.4.0/ledger")
}

fn audited(folder: &Path) -> Audit {
    audit(
        &release(),
        "ledger",
        gather(folder).expect("a folder that can be listed"),
    )
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    entries
        .map(|it| it.file_name().to_string_lossy().into_owned())
        .collect()
}

fn anomalies(ledger: &mut StoredLedger<'_>) -> Vec<(Damage, String)> {
    let history = ledger.refresh().expect("it can be read");
    let told = history.anomalies().into_iter().map(|it| {
        assert!(!it.help.is_empty());
        (it.damage, it.file.expect("a file"))
    });
    told.collect()
}

/// Every record follows the one before it, and nothing is wrong.
fn assert_chain(folder: &Path) -> Vec<String> {
    let mut ledger = ledger(folder);
    let history = ledger.refresh().expect("it can be read");
    assert_eq!(history.anomalies(), []);
    let mut before = vec![];
    for record in history.records() {
        assert_eq!(record.parents, before);
        before = vec![record.id];
    }
    let audit = audited(folder);
    assert_eq!(audit.findings, []);
    assert_eq!(audit.records, history.records().len());
    texts(history)
}

const TASK: &str = "RELGATE_TEST_TASK";
const FOLDER: &str = "RELGATE_TEST_FOLDER";

/// Runs `task` of [`another_process`] on `folder` in another process, by this same program.
fn command(task: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .arg("file::another_process")
        .env(TASK, task)
        .env(FOLDER, folder)
        .stdout(Stdio::piped());
    command
}

fn spawn(task: &str, folder: &Path) -> Child {
    command(task, folder).spawn().expect("this program runs")
}

#[test]
#[ignore = "what the other processes of the tests here do"]
fn another_process() {
    let (Ok(task), Ok(folder)) = (std::env::var(TASK), std::env::var(FOLDER)) else {
        return;
    };
    let folder = Path::new(&folder);
    let mut ledger = ledger(folder);
    match task.split_once(' ').unwrap_or((&task, "")) {
        ("append", who) => {
            for number in 0..20 {
                append(&mut ledger, &[&format!("{who}{number}")]).expect("appended");
            }
        }
        ("crash", _) => {
            // The failpoint is reached before the second record is durable, or after.
            let _ = append(&mut ledger, &["second"]);
            panic!("the failpoint was not reached");
        }
        ("hold", _) => trouble::hold_until_killed(folder),
        ("disks", _) => trouble::on_a_full_disk(folder),
        _ => panic!("no such task: {task}"),
    }
}
