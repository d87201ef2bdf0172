//! Ledgers of earlier versions are read for ever: every record is sound, legal and signed as it was, and folds to the
//! state that it folded to then.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use relgate::domain::audit::{Content, File, audit, examine};
use relgate::domain::history::History;
use relgate::domain::ids::ReleaseName;
use relgate::domain::record::Record;
use relgate::domain::signature::{Signer, Standing};

const RELEASES: [&str; 3] = ["2.0.0", "2.1.0", "2.2.0"];

/// The kinds that the first format has.
const KINDS: [&str; 26] = [
    "attempt-ended",
    "attempt-started",
    "baseline-captured",
    "checked",
    "checklist-pass",
    "checkpoint",
    "closed",
    "deploy-done",
    "deploy-started",
    "drilled",
    "incident-escalated",
    "incident-opened",
    "incident-resolved",
    "noted",
    "obligation-settled",
    "rejected",
    "rollback-claimed",
    "rollback-stuck",
    "rolled-back",
    "signed-off",
    "step-ended",
    "step-started",
    "verification",
    "waived",
    "waiver-withdrawn",
    "window-expired",
];

fn team(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    tests.join("golden/1").join(name)
}

fn files(team: &Path, release: &str) -> Vec<(String, Vec<u8>)> {
    let folder = team.join("releases").join(release).join("ledger");
    let entries = fs::read_dir(folder).expect("a ledger").flatten();
    let named = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = named.filter(|name| name.ends_with(".json")).collect();
    names.sort();
    let read = |name: String| {
        let path = team.join("releases").join(release).join("ledger");
        (name.clone(), fs::read(path.join(name)).expect("a record"))
    };
    names.into_iter().map(read).collect()
}

fn history(team: &Path, release: &str) -> History {
    let records: Vec<Record> = files(team, release)
        .iter()
        .map(|(name, bytes)| examine(name, bytes).expect("a sound record"))
        .collect();
    let mut history = History::new(ReleaseName::new(release).expect("a name"));
    // Whether the signatures hold is looked at with the program itself.
    for record in records.iter().filter(|it| it.signature.is_some()) {
        let signer = Signer {
            principal: record.by.clone(),
            fingerprint: "looked at elsewhere".to_owned(),
        };
        history.judge(record.id, Standing::Signed(signer));
    }
    history.extend(records);
    history
}

fn relgate(folder: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::cargo_bin("relgate").expect("the program");
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("RELGATE_BY", "dana")
        .args(arguments);
    command.output().expect("it runs")
}

#[test]
fn every_kind_of_the_first_format_is_sound_and_legal() {
    for name in ["plain", "signed"] {
        let mut kinds = BTreeSet::new();
        for release in RELEASES {
            let files: Vec<File> = files(&team(name), release)
                .into_iter()
                .map(|(name, bytes)| File {
                    name,
                    content: Content::Bytes(bytes),
                })
                .collect();
            let count = files.len();
            let audit = audit(&ReleaseName::new(release).expect("a name"), "ledger", files);
            assert_eq!(audit.findings, [], "{name} {release}");
            assert_eq!((audit.records, audit.unknown.len()), (count, 0));
            let history = history(&team(name), release);
            assert_eq!(history.superseded(), [], "{name} {release}");
            kinds.extend(history.records().iter().map(|it| it.kind().to_owned()));
        }
        assert_eq!(Vec::from_iter(kinds), KINDS, "{name}");
    }
}

#[test]
fn what_was_written_folds_to_the_same_state() {
    for name in ["plain", "signed"] {
        let states = RELEASES.map(|release| history(&team(name), release));
        let [closed, rolled_back, stuck] = states.each_ref().map(History::state);
        let incidents = |state: &relgate::domain::state::ReleaseState| {
            let all = state.incidents.values();
            all.map(|it| format!("{} {}", it.id(), it.word()))
                .collect::<Vec<_>>()
        };
        assert!(closed.closed.is_some());
        assert_eq!(incidents(closed), ["I1 resolved"]);
        assert_eq!(closed.deployments.len(), 2);
        assert_eq!((closed.sign_offs.len(), closed.rejections.len()), (3, 1));
        assert_eq!((closed.waivers.len(), closed.drills.len()), (1, 1));
        assert!(closed.waivers[0].withdrawn.is_some());
        assert_eq!(incidents(rolled_back), ["I1 resolved", "I2 absorbed"]);
        assert!(rolled_back.is_over() && !rolled_back.is_deployed());
        assert_eq!(rolled_back.counts["rollback-claimed"], 2);
        assert!(!stuck.is_over() && stuck.is_deployed());
        assert_eq!(stuck.counts["rollback-stuck"], 1);
    }
}

#[test]
fn its_signatures_hold_and_nothing_else_passes_under_them() {
    let copy = tempfile::tempdir().expect("a folder");
    for release in RELEASES {
        let output = relgate(&team("signed"), &["ledger", "verify", "--release", release]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{release}: {text}");
        assert!(!text.contains("does not count"), "{text}");
    }
    // The same with one signed record of another wording.
    let target = copy.path().join("signed");
    copy_all(&team("signed"), &target);
    let (name, bytes) = files(&target, "2.0.0")
        .into_iter()
        .find(|(name, _)| name.contains("-rejected-"))
        .expect("a rejection");
    let ledger = target.join("releases/2.0.0/ledger");
    fs::remove_file(ledger.join(&name)).expect("removed");
    let text = String::from_utf8(bytes).expect("text");
    let forged = text.replace("A change is missing", "A change is missin!");
    assert_ne!(forged, text);
    let forged = Record::from_bytes(forged.as_bytes()).expect("a record");
    fs::write(ledger.join(forged.file_name()), forged.bytes()).expect("written");
    let output = relgate(&target, &["ledger", "verify", "--release", "2.0.0"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stdout).contains("does not fit"));
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy_all(&path, &target),
            false => fs::copy(&path, &target).map(|_| ()).expect("copied"),
        }
    }
}
