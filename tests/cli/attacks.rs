//! The whole program under attack: every attack with the command that meets it, its exit code and what it says. Each test
//! prints its rows, so that `cargo test --test cli attacks -- --nocapture` shows the matrix.

mod artifacts;
mod by_hand;
mod commands;
mod people;
mod policy;
mod records;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::run::Ended;
use crate::team::Team;

/// Signs the first gate as dana.
const SIGN: [&str; 4] = ["sign", "development", "--all", "--yes"];

/// Asks for the first gate.
const CHECK: [&str; 2] = ["check", "development"];

const VERIFY: [&str; 2] = ["ledger", "verify"];

/// A row of the matrix: what was tried, what was run, how it ended; and what it must say in either output.
#[track_caller]
fn row(attack: &str, ended: Ended, code: i32, says: &[&str]) -> Ended {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = plain(&format!("{} {}", ended.stdout, ended.stderr));
    for text in says {
        assert!(
            said.contains(&plain(text)),
            "{attack}: no {text:?} in {ended}"
        );
    }
    let shown = format!("{attack:<62} {code}  {}", says.join("; "));
    println!("{shown}");
    ended.code(code)
}

/// The same for both commands that look at records: the gate's check, and the audit.
#[track_caller]
fn rows(attack: &str, team: &Team, check: (i32, &[&str]), verify: (i32, &[&str])) {
    let ended = team.run("rory", &CHECK);
    row(&format!("{attack}: check"), ended, check.0, check.1);
    let ended = team.run("rory", &VERIFY);
    row(
        &format!("{attack}: ledger verify"),
        ended,
        verify.0,
        verify.1,
    );
}

/// A team whose people sign, in which dana has signed the first gate.
fn signed() -> Team {
    let team = Team::signed();
    team.run("dana", &SIGN).code(0);
    team
}

fn record(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a record")).expect("JSON")
}

/// The file of dana's sign-off.
fn sign_off(team: &Team) -> PathBuf {
    team.record_files("signed-off").remove(0)
}

/// Dana's sign-off without its signature, and its file gone: to be forged.
fn taken(team: &Team) -> Value {
    let file = sign_off(team);
    let mut found = record(&file);
    fs::remove_file(file).expect("removed");
    found
        .as_object_mut()
        .expect("an object")
        .remove("signature");
    found
}

/// What nobody has recorded yet.
fn forged(by: &str, kind: &str, body: Value) -> Value {
    json!({"by": by, "kind": kind, "body": body})
}
