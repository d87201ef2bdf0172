//! Records that cannot be read, or count for nothing: a window is armed by the fact that somebody opened it, and nobody
//! says that nothing is open over a ledger that was not read whole.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::json;

use crate::run::until;
use crate::signing::SIGNERS;
use crate::team::Team;

/// Makes the file of a record unreadable as one, in some way.
type Damage = fn(&Path);

const DAMAGES: [(&str, Damage); 5] = [
    ("empty", |file| fs::write(file, "").expect("written")),
    ("truncated", |file| {
        let bytes = fs::read(file).expect("a record");
        fs::write(file, &bytes[..bytes.len() / 2]).expect("written");
    }),
    ("edited", |file| {
        let text = fs::read_to_string(file).expect("a record");
        fs::write(file, text.replace("Broken", "Fine")).expect("written");
    }),
    ("a folder", |file| {
        fs::remove_file(file).expect("removed");
        fs::create_dir(file).expect("made");
    }),
    ("a link to nowhere", |file| {
        fs::remove_file(file).expect("removed");
        std::os::unix::fs::symlink("nowhere", file).expect("linked");
    }),
];

#[test]
fn nobody_says_that_nothing_is_open_where_the_opening_cannot_be_read() {
    for (what, damage) in DAMAGES {
        let team = Team::new();
        team.deploy();
        team.open_incident("Broken", "lower");
        damage(&team.record_files("incident-opened")[0]);
        for args in [&["status"][..], &["incident", "list"]] {
            let ended = team.run("rory", args).code(3);
            let ended = ended.says(&["NOT ALL OF THE LEDGER WAS READ", "incident-opened"]);
            assert!(!ended.stdout.contains("NO INCIDENT"), "{what}: {ended}");
        }
        let status = team.run("rory", &["status", "--format", "json"]).code(3);
        let release = &status.json()["result"]["releases"][0];
        assert_eq!(release["standing"], "unread", "{what}");
        assert_eq!(release["unread"].as_array().map(Vec::len), Some(1));
        let verify = team.run("omar", &["verify", "--all", "--yes"]).code(3);
        verify.warns(&["cannot be read whole"]);
        assert!(team.record_files("verification").is_empty(), "{what}");
        for args in [&["watch"][..], &["watch", "--all"]] {
            let watcher = team.start("omar", args);
            until("it says so", || {
                watcher.output().contains("cannot be read whole")
            });
            watcher.signal(Signal::TERM);
            let all = args.len() > 1;
            let ended = watcher.end().code(if all { 0 } else { 3 });
            assert!(
                !ended.stdout.contains("no incident is open"),
                "{what}: {ended}"
            );
        }
    }
}

#[test]
fn a_watcher_arms_the_window_once_its_opening_can_be_read() {
    let team = Team::new();
    team.deploy();
    team.open_incident("Broken", "critical");
    let file = team.record_files("incident-opened").remove(0);
    let bytes = fs::read(&file).expect("a record");
    fs::write(&file, "").expect("written");
    let watcher = team.start("omar", &["watch"]);
    until("it says so", || {
        watcher.output().contains("cannot be read whole")
    });
    fs::write(&file, bytes).expect("written");
    watcher.end().code(5);
    assert_eq!(team.read("live/version"), "1.0.0\n");
}

#[test]
fn a_key_that_was_taken_out_since_takes_nothing_from_the_window() {
    let team = Team::signed();
    team.deploy();
    team.open_incident("Broken", "critical");
    let key = team.new_key("keys/new", "ed25519");
    let others: String = team
        .read(SIGNERS)
        .lines()
        .filter(|line| !line.starts_with("omar@"))
        .map(|line| format!("{line}\n"))
        .collect();
    team.write(SIGNERS, others + &team.signer_line("omar", &key, ""));
    team.run("rory", &["watch"]).code(5);
    assert_eq!(team.read("live/version"), "1.0.0\n");
}

#[test]
fn signatures_that_are_required_since_take_nothing_from_the_window() {
    let team = Team::signed();
    team.edit(
        "relgate.yaml",
        "signatures: required",
        "signatures: optional",
    );
    team.deploy();
    for key in ["omar", "rory"] {
        team.remove(&format!("keys/{key}"));
    }
    let mut open = team.command(
        "omar",
        &[
            "incident",
            "open",
            "--no-watch",
            "--title",
            "Broken",
            "--priority",
            "critical",
        ],
    );
    open.env_remove("RELGATE_SIGNING_KEY");
    assert_eq!(open.output().expect("it runs").status.code(), Some(1));
    let opened = fs::read_to_string(&team.record_files("incident-opened")[0]).expect("a record");
    assert!(!opened.contains("\"signature\""), "{opened}");
    team.edit(
        "relgate.yaml",
        "signatures: optional",
        "signatures: required",
    );
    let mut watch = team.command("rory", &["watch"]);
    watch.env_remove("RELGATE_SIGNING_KEY");
    assert_eq!(watch.output().expect("it runs").status.code(), Some(5));
    assert_eq!(team.read("live/version"), "1.0.0\n");
}

#[test]
fn a_release_is_watched_whatever_files_say_that_it_is_closed() {
    let names = |team: &Team, name: &str| team.path(&format!("releases/2.0.0/ledger/{name}"));
    let nobody = "0".repeat(64);
    for stray in [
        "20260101T000000.000Z-closed-0000.json.orig".to_owned(),
        format!("20260101T000000.000Z-closed-{nobody}.json.orig"),
        format!("20260101T000000.000Z-rolled-back-{nobody}.json~"),
    ] {
        let team = Team::new();
        team.deploy();
        fs::write(names(&team, &stray), "").expect("written");
        let watcher = team.start("omar", &["watch", "--all"]);
        team.open_incident("Broken", "critical");
        until("it is rolled back", || {
            team.recorded("rolled-back").len() == 1
        });
        watcher.signal(Signal::TERM);
        watcher.end().code(0);
    }
}

#[test]
fn a_closing_without_effect_keeps_no_window_from_being_watched() {
    let team = Team::new();
    team.deploy();
    // Written on another branch, by somebody who did not know of the trouble.
    let closed = json!({"check": "0".repeat(64)});
    team.forge(
        json!({"by": "rory", "kind": "closed", "body": closed}),
        None,
    );
    let watcher = team.start("omar", &["watch", "--all"]);
    team.open_incident("Broken", "critical");
    until("it is rolled back", || {
        team.recorded("rolled-back").len() == 1
    });
    watcher.signal(Signal::TERM);
    watcher.end().code(0);
}

#[test]
fn what_a_newer_relgate_wrote_is_said_at_once_and_disarms_nothing() {
    let team = Team::new();
    team.deploy();
    team.open_incident("Broken", "critical");
    let resolved = json!({
        "by": "quin", "kind": "incident-resolved", "version": 2,
        "body": {"incident": "I1", "how": "restarted"},
    });
    team.forge(resolved, None);
    let status = team.run("rory", &["status"]).code(3);
    status.says(&["incident-resolved", "newer relgate"]);
    let watch = team.run("rory", &["watch"]).code(5);
    assert!(
        format!("{}{}", watch.stdout, watch.stderr).contains("newer relgate"),
        "{watch}"
    );
    assert_eq!(team.read("live/version"), "1.0.0\n");
}
