//! Ledgers of two branches that come together, as git brings them together: by the files of both.

use std::fs;
use std::path::Path;

use crate::team::Team;

const LEDGER: &str = "releases/2.0.0/ledger";

/// A copy of a team's repository, as another person's clone.
fn clone(team: &Team) -> Team {
    let other = Team::new();
    fs::remove_dir_all(other.path("releases")).expect("removed");
    copy(&team.path("releases"), &other.path("releases"));
    other
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else if !entry.file_name().to_string_lossy().starts_with('.') {
            fs::copy(from, to).expect("copied");
        }
    }
}

fn merge(from: &Team, into: &Team) {
    let before: Vec<_> = into.files().into_keys().collect();
    copy(&from.path(LEDGER), &into.path(LEDGER));
    let all = into.files();
    assert!(before.iter().all(|it| all.contains_key(it)));
}

#[test]
fn sign_offs_of_two_branches_merge() {
    let ours = Team::new();
    for by in ["dana", "quin"] {
        ours.run(by, &["sign", "--all", "--yes"]).code(0);
    }
    let theirs = clone(&ours);
    ours.run("dana", &["sign", "go-no-go", "--all", "--yes"])
        .code(0);
    theirs
        .run("rory", &["sign", "go-no-go", "--all", "--yes"])
        .code(0);
    merge(&theirs, &ours);
    ours.run("rory", &["ledger", "verify"]).code(0);
    ours.run("rory", &["check"]).code(0);
    // The next record ties both ends together.
    let check = ours
        .records()
        .into_iter()
        .find(|it| it["kind"] == "checked");
    let parents = check.and_then(|it| it["parents"].as_array().map(Vec::len));
    assert_eq!(parents, Some(2));
    // Both sides come to the same answer, whoever merges.
    merge(&ours, &theirs);
    theirs.run("rory", &["check"]).code(0);
}

#[test]
fn the_same_gate_signed_on_both_branches_counts_once() {
    let ours = Team::new();
    let theirs = clone(&ours);
    for team in [&ours, &theirs] {
        team.run("dana", &["sign", "development", "--all", "--yes"])
            .code(0);
    }
    merge(&theirs, &ours);
    ours.run("rory", &["ledger", "verify"]).code(0);
    ours.run("rory", &["check", "development"]).code(0);
    ours.run("quin", &["sign", "--all", "--yes"]).code(0);
}

#[test]
fn incidents_of_two_branches_hide_neither() {
    let ours = Team::new();
    ours.deploy();
    let theirs = clone(&ours);
    for (team, title) in [(&ours, "Slow"), (&theirs, "Wrong prices")] {
        team.open_incident(title, "lower");
    }
    merge(&theirs, &ours);
    ours.run("rory", &["ledger", "verify"]).code(0);
    ours.run("rory", &["incident", "list"])
        .code(0)
        .says(&["Slow", "Wrong prices"]);
    ours.run("rory", &["check"])
        .code(1)
        .says(&["Slow", "Wrong prices"]);
    let standing = ours.standing();
    let ids: Vec<_> = standing["windows"]
        .as_array()
        .expect("windows")
        .iter()
        .map(|window| window["incident"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(ids.len(), 2, "{standing}");
    for id in ids {
        ours.run(
            "quin",
            &["incident", "resolve", &id, "--override", "mended"],
        )
        .code(0);
    }
    ours.run("rory", &["check"]).code(0);
}

#[test]
fn what_was_resolved_on_a_branch_is_what_was_opened_there() {
    let ours = Team::new();
    ours.deploy();
    let theirs = clone(&ours);
    for (team, title) in [(&ours, "Slow"), (&theirs, "Wrong prices")] {
        team.open_incident(title, "lower");
    }
    theirs
        .run(
            "quin",
            &[
                "incident",
                "resolve",
                "I1",
                "--override",
                "the prices are right",
            ],
        )
        .code(0);
    merge(&theirs, &ours);
    let open = ours.run("rory", &["check"]).code(1).says(&["Slow"]);
    assert!(!open.stdout.contains("Wrong prices"), "{open}");
    ours.run("rory", &["ledger", "verify"]).code(0);
}

#[test]
fn a_rollback_on_one_branch_and_a_resolution_on_the_other_end_in_one_state() {
    let ours = Team::new();
    ours.deploy();
    ours.open_incident("Slow", "lower");
    let theirs = clone(&ours);
    theirs.write("live/version", "2.0.0\n");
    theirs
        .run(
            "quin",
            &["incident", "resolve", "I1", "--override", "not so slow"],
        )
        .code(0);
    ours.run("rory", &["rollback", "--yes", "--reason", "too slow"])
        .code(5);
    merge(&theirs, &ours);
    // What was done was done: it is rolled back, and that both happened is told.
    let standing = ours.standing();
    assert_eq!(standing["standing"], "rolled-back", "{standing}");
    ours.run("rory", &["log", "--release", "2.0.0"])
        .code(0)
        .says(&["not so slow", "too slow"]);
    ours.run("omar", &["deploy", "start", "--release", "2.0.0"])
        .code(7);
}

#[test]
fn the_same_thing_owed_on_two_branches_is_owed_once() {
    let ours = Team::new();
    ours.deploy();
    let theirs = clone(&ours);
    for team in [&ours, &theirs] {
        team.open_incident("Slow", "lower");
        team.run(
            "quin",
            &["incident", "resolve", "I1", "--override", "mended"],
        )
        .code(0);
    }
    merge(&theirs, &ours);
    let due = ours
        .run("omar", &["due", "--format", "json"])
        .code(0)
        .json();
    let owed = due["result"]["obligations"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert_eq!(owed.len(), 1, "{due}");
    for one in owed {
        let id = one["id"].as_str().expect("an id");
        ours.run("omar", &["due", "settle", id, "--how", "told"])
            .code(0);
    }
    ours.run("rory", &["ledger", "verify"]).code(0);
}

#[test]
fn rollbacks_on_two_branches_end_in_one_state() {
    let ours = Team::new();
    ours.deploy();
    let theirs = clone(&ours);
    for team in [&ours, &theirs] {
        team.run("rory", &["rollback", "--yes", "--reason", "too slow"])
            .code(5);
    }
    merge(&theirs, &ours);
    assert_eq!(ours.standing()["standing"], "rolled-back");
    ours.run("rory", &["watch", "--release", "2.0.0"]).code(5);
    ours.run("rory", &["ledger", "verify"]).code(0);
}
