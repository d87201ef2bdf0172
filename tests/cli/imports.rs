//! An import that meets trouble: a disk that is full or read-only, a process that dies. It comes whole or not at all, and
//! where it was cut off no gate opens until it was made again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::run::{Ended, with_mounts};
use crate::team::Team;

const FILE: &str = "evidence.json";
const IMPORT: [&str; 3] = ["ledger", "import", FILE];
const LEDGER: &str = "releases/2.0.0/ledger";

/// A team that has signed everything and then rejected it, and lost its ledger, which is in a bundle. With its records.
fn lost() -> (Team, BTreeMap<String, Vec<u8>>) {
    let team = Team::new();
    team.sign_all();
    let reject = ["sign", "qa", "--reject", "--reason", "it is slow"];
    team.run("quin", &reject).code(0);
    team.run("rory", &["ledger", "export", FILE]).code(0);
    let records = records(&team.path(LEDGER));
    assert!(records.len() > 6, "{}", records.len());
    fs::remove_dir_all(team.path(LEDGER)).expect("removed");
    (team, records)
}

/// The records in a folder, by name.
fn records(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|it| it.path().extension().is_some_and(|it| it == "json"))
        .map(|it| {
            let name = it.file_name().to_string_lossy().into_owned();
            (name, fs::read(it.path()).expect("a record"))
        })
        .collect()
}

#[test]
fn whoever_dies_importing_opens_no_gate_and_imports_again() {
    let (team, whole) = lost();
    let mut cut_off = 0;
    for point in ["begin", "written", "synced", "linked", "durable"] {
        for nth in 1..=whole.len() {
            // Where a record is linked, every one of them; elsewhere the first, one in the middle and the last.
            if point != "linked" && ![1, whole.len() / 2, whole.len()].contains(&nth) {
                continue;
            }
            let mut command = team.command("rory", &IMPORT);
            let died = command.env("RELGATE_FAILPOINT", format!("ledger:{point}:{nth}"));
            let died = died.output().expect("it runs");
            assert_eq!(died.status.code(), None, "{point}:{nth}: {died:?}");
            let there = records(&team.path(LEDGER));
            let done = matches!(point, "linked" | "durable");
            assert_eq!(there.len(), nth - usize::from(!done), "{point}:{nth}");
            assert!(
                there
                    .iter()
                    .all(|(name, bytes)| whole.get(name) == Some(bytes))
            );
            let is_part = !there.is_empty() && there.len() < whole.len();
            let check = team.run("rory", &["check", "--format", "json"]);
            let verdict = check.json();
            assert_eq!(
                verdict["result"]["readiness"]["decision"], "no-go",
                "{point}:{nth}: {check}"
            );
            if is_part {
                cut_off += 1;
                let says = ["the record is missing, and", "relgate ledger import FILE"];
                team.run("rory", &["ledger", "verify"]).code(3).says(&says);
            }
            for check in team.record_files("checked") {
                let name = check.file_name().expect("a name").to_string_lossy();
                if !whole.contains_key(&*name) {
                    fs::remove_file(&check).expect("removed");
                }
            }
            let again = team.run("rory", &IMPORT).code(0);
            again.says(&[if there.len() == whole.len() {
                "NOTHING NEW"
            } else {
                "IMPORTED"
            }]);
            assert_eq!(records(&team.path(LEDGER)), whole, "{point}:{nth}");
            team.run("rory", &["ledger", "verify"]).code(0);
            let left = fs::read_dir(team.path(LEDGER)).expect("a folder").flatten();
            let mut left = left.map(|it| it.file_name().to_string_lossy().into_owned());
            assert!(!left.any(|name| name.starts_with(".tmp-")), "{point}:{nth}");
            fs::remove_dir_all(team.path(LEDGER)).expect("removed");
        }
    }
    assert!(cut_off > 6, "{cut_off}");
}

/// Imports on a disk that fails after `fail` and is well after `mend`, and once more.
fn on_a_disk(fail: &str, mend: &str) -> Option<(Ended, usize, Ended)> {
    let (team, whole) = lost();
    let script = format!(
        r#"
        ledger={LEDGER}
        mkdir -p $ledger
        mount -t tmpfs -o size=1m tmpfs $ledger
        {fail}
        code=0
        "$1" --by rory ledger import {FILE} || code=$?
        ls $ledger | grep -c json >live/there || true
        {mend}
        "$1" --by rory ledger import {FILE} >live/again
        "$1" --by rory ledger verify >>live/again
        mkdir live/ledger
        cp $ledger/*.json live/ledger
        exit $code
    "#
    );
    let ended = with_mounts(&team, &script)?;
    if !team.path("live/again").exists() {
        panic!("{ended}");
    }
    let there = team.read("live/there").trim().parse().expect("a number");
    assert_eq!(records(&team.path("live/ledger")), whole);
    let mut show = std::process::Command::new("cat");
    let again = Ended::of(show.arg(team.path("live/again")));
    Some((ended, there, again))
}

#[test]
fn a_full_disk_takes_all_of_an_import_or_nothing() {
    // Room for some of the records, for the lock alone, and for nothing at all.
    for pages in [6, 2, 1] {
        let bytes = pages * 4096;
        let fail = format!("mount -o remount,size={bytes} $ledger");
        let mend = "mount -o remount,size=1m $ledger";
        let Some((ended, there, again)) = on_a_disk(&fail, mend) else {
            return;
        };
        ended
            .code(3)
            .silent()
            .warns(&["cannot be written", "No space left", "free some space"]);
        assert_eq!(there, 0, "{pages} pages");
        again.says(&["IMPORTED", "WHOLE"]);
    }
}

#[test]
fn a_read_only_folder_takes_nothing_and_says_so() {
    let fail = "mount -o remount,ro $ledger";
    let mend = "mount -o remount,rw $ledger";
    let Some((ended, there, again)) = on_a_disk(fail, mend) else {
        return;
    };
    ended.code(3).silent().warns(&[
        "cannot be written",
        "Read-only file system",
        "run the command again",
    ]);
    assert_eq!(there, 0);
    again.says(&["IMPORTED", "WHOLE"]);
}

#[test]
fn a_ledger_that_lost_a_record_in_its_middle_gets_it_back() {
    let (team, whole) = lost();
    team.run("rory", &IMPORT).code(0);
    let files = team.record_files("signed-off");
    fs::remove_file(&files[2]).expect("removed");
    team.run("rory", &["ledger", "verify"]).code(3);
    team.run("rory", &IMPORT)
        .code(0)
        .says(&["IMPORTED", "1 record"]);
    assert_eq!(records(&team.path(LEDGER)), whole);
    // What is wrong beside that is not mended, and nothing is added to it.
    fs::remove_file(&files[2]).expect("removed");
    fs::write(&files[1], "{}").expect("written");
    team.run("rory", &IMPORT)
        .code(7)
        .silent()
        .warns(&["nothing was imported", "the ledger here is not whole"]);
    assert!(!files[2].exists());
}
