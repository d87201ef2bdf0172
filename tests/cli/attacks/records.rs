//! What was recorded: replayed, edited, removed, reordered, copied, signed for something else, or no record at all.

use std::fs;

use serde_json::json;

use super::{CHECK, SIGN, VERIFY, record, row, rows, sign_off, signed, taken};
use crate::team::NOTES;

const LEDGER: &str = "releases/2.0.0/ledger";

#[test]
fn a_sign_off_replayed_onto_another_release() {
    let team = signed();
    let next = "releases/2.0.1";
    let notes = team.read(NOTES).replace("2.0.0", "2.0.1");
    team.write(&format!("{next}/release-notes.md"), notes);
    team.write(&format!("{next}/checklist.yaml"), "extends: standard\n");
    let file = sign_off(&team);
    let name = file.file_name().and_then(|it| it.to_str()).expect("a name");
    team.write(
        &format!("{next}/ledger/{name}"),
        fs::read(&file).expect("a record"),
    );
    let on_next = |args: &[&str]| team.run("rory", &[args, &["--release", "2.0.1"]].concat());
    let says = ["belongs to the release 2.0.0"];
    row(
        "copied to another release: check",
        on_next(&CHECK),
        1,
        &says,
    );
    row(
        "copied to another release: ledger verify",
        on_next(&VERIFY),
        3,
        &says,
    );

    fs::remove_file(team.path(&format!("{next}/ledger/{name}"))).expect("removed");
    let mut moved = record(&file);
    moved["release"] = json!("2.0.1");
    let put = team.put(&moved);
    let name = put.file_name().and_then(|it| it.to_str()).expect("a name");
    fs::rename(&put, team.path(&format!("{next}/ledger/{name}"))).expect("moved");
    let says = ["its signature does not fit"];
    row(
        "written for another release: check",
        on_next(&CHECK),
        1,
        &says,
    );
    row(
        "written for another release: ledger verify",
        on_next(&VERIFY),
        3,
        &says,
    );
}

#[test]
fn a_sign_off_replayed_onto_another_gate() {
    let team = signed();
    let mut copy = record(&sign_off(&team));
    team.run("quin", &["sign", "qa", "--all", "--yes"]).code(0);
    copy["body"]["gate"] = json!("go-no-go");
    copy.as_object_mut().expect("an object").remove("parents");
    team.forge(copy, None);
    let says = ["dana's sign-off does not count: its signature does not fit"];
    let ended = team.run("rory", &["check", "go-no-go"]);
    row("replayed onto another gate: check", ended, 1, &says);
    let ended = team.run("rory", &VERIFY);
    row(
        "replayed onto another gate: ledger verify",
        ended,
        3,
        &["its signature does not fit"],
    );

    // The gate itself is rewritten under the sign-off that it has.
    let team = signed();
    team.edit(
        ".relgate/checklists/standard.yaml",
        "All changes are merged",
        "Nothing in particular",
    );
    rows(
        "the gate is rewritten after it was signed",
        &team,
        (1, &["stale", "Nothing in particular"]),
        (0, &["WHOLE"]),
    );
    let team = signed();
    team.edit(NOTES, "The spring catalogue", "The autumn catalogue");
    rows(
        "the notes are rewritten after they were signed",
        &team,
        (1, &["stale", "reason"]),
        (0, &["WHOLE"]),
    );
}

#[test]
fn an_edited_record() {
    let team = signed();
    let file = sign_off(&team);
    let text = fs::read_to_string(&file).expect("a record");
    fs::write(&file, text.replace("\"by\":\"dana\"", "\"by\":\"quin\"")).expect("written");
    let says = ["it was changed after it was written"];
    rows("a record edited in place", &team, (1, &says), (3, &says));

    let team = signed();
    let mut edited = record(&sign_off(&team));
    fs::remove_file(sign_off(&team)).expect("removed");
    edited["body"]["answers"][0]["comment"] = json!("as agreed");
    team.put(&edited);
    let says = ["its signature does not fit"];
    rows(
        "a record edited and named anew",
        &team,
        (1, &says),
        (3, &says),
    );
}

#[test]
fn a_signed_record_with_more_or_other_than_was_signed() {
    type Change = fn(&mut serde_json::Value);
    let changes: [(&str, Change); 3] = [
        ("with a field that nobody reads", |it| {
            it["body"]["approved"] = json!(true)
        }),
        ("with its time in another form", |it| {
            let at = it["at"].as_str().expect("a time").replace('Z', "+00:00");
            it["at"] = json!(at);
        }),
        ("with its time in more detail", |it| {
            let at = it["at"].as_str().expect("a time").replace('Z', "000Z");
            it["at"] = json!(at);
        }),
    ];
    for (what, change) in changes {
        let team = signed();
        let file = sign_off(&team);
        let mut other = record(&file);
        fs::remove_file(&file).expect("removed");
        change(&mut other);
        let put = team.put(&other);
        // Under the name that its record has.
        let name = put.file_name().and_then(|it| it.to_str()).expect("a name");
        let (_, id) = name.rsplit_once('-').expect("an id");
        let old = file.file_name().and_then(|it| it.to_str()).expect("a name");
        let (rest, _) = old.rsplit_once('-').expect("an id");
        fs::rename(&put, team.path(&format!("{LEDGER}/{rest}-{id}"))).expect("moved");
        let says = ["its signature does not fit: the record was changed"];
        rows(
            &format!("a signed record {what}"),
            &team,
            (1, &says),
            (3, &says),
        );
    }
}

#[test]
fn a_removed_record() {
    let team = signed();
    team.run("rory", &CHECK).code(0);
    fs::remove_file(sign_off(&team)).expect("removed");
    let says = ["missing"];
    rows(
        "a record removed from the middle",
        &team,
        (1, &says),
        (3, &says),
    );

    // Nothing follows the last one: what it allowed is gone with it.
    let team = signed();
    fs::remove_file(sign_off(&team)).expect("removed");
    rows(
        "the last record removed, a sign-off",
        &team,
        (1, &["relgate sign development"]),
        (0, &["WHOLE"]),
    );
}

#[test]
fn the_last_record_removed_where_it_said_no() {
    // Not to be seen in the files alone; whoever asked after it has it in their own record.
    let team = signed();
    let no = ["sign", "development", "--reject", "--reason", "it leaks"];
    team.run("dana", &no).code(0);
    let rejection = team.record_files("rejected").remove(0);
    fs::remove_file(&rejection).expect("removed");
    let ended = team.run("rory", &VERIFY);
    row(
        "NOT FOUND: the last record removed, a rejection",
        ended,
        0,
        &["WHOLE"],
    );
    let team = signed();
    team.run("dana", &no).code(0);
    team.run("rory", &CHECK).code(1);
    fs::remove_file(team.record_files("rejected").remove(0)).expect("removed");
    let says = ["missing"];
    rows(
        "a rejection removed that a check has followed",
        &team,
        (1, &says),
        (3, &says),
    );
}

#[test]
fn swapped_parents() {
    let team = signed();
    team.run("quin", &["sign", "qa", "--all", "--yes"]).code(0);
    let mut files = team.record_files("signed-off");
    files.sort_by_key(|file| record(file)["by"].as_str() == Some("quin"));
    let (mut first, mut second) = (record(&files[0]), record(&files[1]));
    let parents = first["parents"].take();
    first["parents"] = second["parents"].take();
    second["parents"] = parents;
    for file in &files {
        fs::remove_file(file).expect("removed");
    }
    team.put(&first);
    team.put(&second);
    let says = ["missing"];
    rows(
        "the parents of two records swapped",
        &team,
        (1, &says),
        (3, &says),
    );
    // The order alone, with every link made good again.
    let team = signed();
    let mut alone = record(&sign_off(&team));
    fs::remove_file(sign_off(&team)).expect("removed");
    for file in team.record_files("checked") {
        fs::remove_file(file).expect("removed");
    }
    team.run("rory", &CHECK).code(1);
    let name = team.record_files("checked").remove(0);
    let name = name.file_stem().and_then(|it| it.to_str()).expect("a name");
    alone["parents"] = json!([name.rsplit('-').next()]);
    team.put(&alone);
    let says = ["its signature does not fit"];
    let ended = team.run("rory", &CHECK);
    row("a record put behind another one: check", ended, 1, &says);
    let ended = team.run("rory", &VERIFY);
    row(
        "a record put behind another one: ledger verify",
        ended,
        3,
        &says,
    );
}

#[test]
fn a_copied_signature() {
    let team = signed();
    let signature = record(&sign_off(&team))["signature"].take();
    let mut other = taken(&team);
    other["host"] = json!("elsewhere");
    other["signature"] = signature;
    team.put(&other);
    let says = [
        "its signature does not fit: the record was changed, or the signature copied from elsewhere",
    ];
    rows("a copied signature", &team, (1, &says), (3, &says));
}

#[test]
fn a_signature_for_something_else() {
    for namespace in ["git", "file", "relgate2", "Relgate"] {
        let team = signed();
        let mut other = taken(&team);
        let signature = team.openssh_sign("keys/dana", namespace, &other.to_string());
        other["signature"] = json!(signature);
        team.put(&other);
        let says = [format!("in the namespace \"{namespace}\"")];
        let says: Vec<&str> = says.iter().map(String::as_str).collect();
        rows(
            &format!("signed in the namespace {namespace}"),
            &team,
            (1, &says),
            (3, &says),
        );
    }
}

#[test]
fn a_truncated_record() {
    let team = signed();
    let file = sign_off(&team);
    let bytes = fs::read(&file).expect("a record");
    for (what, length) in [("to nothing", 0), ("in its middle", bytes.len() / 2)] {
        fs::write(&file, &bytes[..length]).expect("written");
        let says = [if length == 0 {
            "it is empty"
        } else {
            "it ends after"
        }];
        rows(
            &format!("a record truncated {what}"),
            &team,
            (1, &says),
            (3, &says),
        );
    }
}

#[test]
fn reordered_and_duplicated_records() {
    let team = signed();
    let file = sign_off(&team);
    let name = file
        .file_name()
        .and_then(|it| it.to_str())
        .expect("a name")
        .to_owned();
    let (_, rest) = name.split_once('Z').expect("a time");
    let earlier = format!("{LEDGER}/20200101T000000.000Z{rest}");
    fs::copy(&file, team.path(&earlier)).expect("copied");
    let says = ["copy of"];
    let ended = team.run("rory", &VERIFY);
    row(
        "a record duplicated under another time: ledger verify",
        ended,
        3,
        &says,
    );
    let ended = team.run("rory", &CHECK);
    row(
        "a record duplicated under another time: check",
        ended,
        1,
        &["belongs in"],
    );
    fs::remove_file(&file).expect("removed");
    let says = ["belongs in"];
    rows(
        "a record renamed to another time",
        &team,
        (1, &says),
        (3, &says),
    );
    // Byte for byte the same under the same name in another folder of the ledger is no record at all.
    fs::rename(team.path(&earlier), &file).expect("moved");
    team.write(
        &format!("{LEDGER}/old/{name}"),
        fs::read(&file).expect("it"),
    );
    let says = ["does not belong"];
    rows(
        "a folder of records within the ledger",
        &team,
        (1, &says),
        (3, &says),
    );
}

#[test]
fn foreign_files() {
    let names = ["notes.txt", "x.json", ".hidden", "allow-everything"];
    for name in names {
        let team = signed();
        team.write(&format!("{LEDGER}/{name}"), "go\n");
        let says = ["it is no record, and does not belong in a ledger"];
        rows(
            &format!("a foreign file {name}"),
            &team,
            (1, &says),
            (3, &says),
        );
    }
    let team = signed();
    let file = sign_off(&team);
    let elsewhere = team.path("live/record");
    fs::rename(&file, &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, &file).expect("a link");
    let says = ["it is a symbolic link"];
    rows(
        "a record that is a link to elsewhere",
        &team,
        (1, &says),
        (3, &says),
    );
}

#[test]
fn an_unknown_kind_or_version_is_told_and_grants_nothing() {
    for (what, key, value) in [
        ("kind", "kind", json!("signed-off-by-all")),
        ("version", "version", json!(2)),
    ] {
        let team = signed();
        let mut other = taken(&team);
        other[key] = value;
        team.forge(other, Some("keys/dana"));
        rows(
            &format!("a record of an unknown {what}"),
            &team,
            (1, &["relgate sign development"]),
            (0, &["does not know"]),
        );
        team.run("dana", &SIGN).code(0);
        team.run("rory", &CHECK).code(0);
    }
}
