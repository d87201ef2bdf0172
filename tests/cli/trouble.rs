//! Outputs and disks that fail, several processes at once.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use crate::lacking::is_left_out;
use crate::run::{Ended, with_mounts};
use crate::team::{NOTES, Team};

/// Runs a command whose standard output nobody reads, and returns its code and standard error.
fn into_closed_pipe(mut command: Command) -> (Option<i32>, String) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let mut stderr = String::new();
    let mut from = child.stderr.take().expect("piped");
    from.read_to_string(&mut stderr).expect("UTF-8");
    (child.wait().expect("it ends").code(), stderr)
}

/// Puts a record into the ledger that says another time than it was written at, after everything that is there.
fn record_at(team: &Team, at: &str, kind: &str, body: &serde_json::Value) -> String {
    use relgate::domain::record::Record;
    let known: Vec<Record> = team
        .records()
        .iter()
        .filter_map(|it| Record::from_bytes(it.to_string().as_bytes()).ok())
        .collect();
    let mut heads: Vec<String> = known.iter().map(|it| it.id.to_string()).collect();
    heads.retain(|id| {
        known
            .iter()
            .all(|it| it.parents.iter().all(|parent| parent.to_string() != *id))
    });
    heads.sort();
    let record = serde_json::json!({
        "version": 1, "release": "2.0.0", "parents": heads, "at": at, "by": "rory", "host": "late",
        "kind": kind, "body": body,
    });
    let record = Record::from_bytes(record.to_string().as_bytes()).expect("a record");
    let name = record.file_name();
    team.write(&format!("releases/2.0.0/ledger/{name}"), record.bytes());
    name
}

#[test]
fn a_clock_that_went_back_is_explained_and_settled_by_a_person() {
    let team = Team::new();
    team.run("rory", &["check"]).code(1);
    let note = serde_json::json!({"text": "written late"});
    let file = record_at(&team, "2026-11-01T10:00:00.000Z", "noted", &note);
    let found = team.run("rory", &["ledger", "verify"]).code(3);
    found.says(&[
        "one of the clocks was wrong",
        "boot-time clock",
        "relgate ledger accept ",
    ]);
    let accept = |who: &str, record: &str| {
        team.run(
            who,
            &[
                "ledger",
                "accept",
                record,
                "--reason",
                "The battery was empty",
            ],
        )
    };
    accept("dana", &file).code(7).warns(&["no authority"]);
    accept("rory", "nothing").code(3);
    accept("rory", &file).code(0);
    accept("rory", &file)
        .code(7)
        .warns(&["was accepted by rory"]);
    team.run("rory", &["ledger", "verify"]).code(0).says(&[
        "one of the clocks was wrong",
        "accepted by rory: The battery was empty",
    ]);
    team.run("rory", &["log"])
        .code(0)
        .says(&["accepted that the clock went back"]);
    // A later one is another one.
    record_at(&team, "2026-10-01T10:00:00.000Z", "noted", &note);
    team.run("rory", &["ledger", "verify"]).code(3);
}

#[test]
fn a_closed_pipe_ends_quietly_with_the_code_of_the_decision() {
    let team = Team::new();
    team.run("rory", &["check"]).code(1);
    let cases: [(&[&str], i32); 12] = [
        (&["log"], 0),
        (&["status"], 0),
        (&["check"], 1),
        (&["check", "--format", "json"], 1),
        (&["check", "--format", "markdown"], 1),
        (&["check", "--release", "9.9.9", "--format", "json"], 3),
        (&["due"], 0),
        (&["schema", "policy"], 0),
        (&["completions", "bash"], 0),
        (&["man"], 0),
        (&["--help"], 0),
        (&["watch"], 0),
    ];
    for (args, code) in cases {
        let ended = into_closed_pipe(team.command("rory", args));
        assert_eq!(ended, (Some(code), String::new()), "{args:?}");
    }
    let signed = into_closed_pipe(team.command("dana", &["sign", "--all", "--yes"]));
    assert_eq!(signed, (Some(0), String::new()));
    assert_eq!(team.recorded("signed-off").len(), 1);
}

#[test]
fn a_full_output_is_told_and_no_pass() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        is_left_out("dev-full", false);
        return;
    };
    let team = Team::new();
    for args in [
        &["log"][..],
        &["status"],
        &["check"],
        &["check", "--format", "json"],
        &["schema", "policy"],
        &["completions", "bash"],
    ] {
        let mut command = team.command("rory", args);
        command.stdout(full.try_clone().expect("a copy"));
        let output = command.stdin(Stdio::null()).stderr(Stdio::piped());
        let output = output.spawn().and_then(|it| it.wait_with_output());
        Ended::new(format!("{args:?}"), output.expect("it ends"))
            .code(3)
            .warns(&["standard output"]);
    }
}

#[test]
fn a_read_only_ledger_stops_the_gate() {
    let team = Team::new();
    let script = r#"
        "$1" check >/dev/null || test $? -eq 1
        ledger=releases/2.0.0/ledger
        ls $ledger >live/before
        mount --bind $ledger $ledger
        mount -o remount,ro,bind $ledger
        for command in "check" "sign --all --yes" "deploy start" "incident open --title x --priority critical"; do
            code=0
            "$1" --by omar $command >live/out 2>live/err || code=$?
            case "$command" in
            # Nothing is deployed, which is known without writing.
            sign*|incident*) test $code -eq 7 ;;
            *) test $code -eq 3 || { echo "$command: $code"; cat live/out live/err; exit 9; }
               test ! -s live/out
               grep -q "Read-only file system" live/err ;;
            esac
            ls $ledger | cmp - live/before
        done
        code=0; "$1" sign --all --yes >live/out 2>live/err || code=$?
        test $code -eq 3
        grep -q "nothing was recorded" live/err
        "$1" log >/dev/null
        "$1" status >/dev/null
    "#;
    let Some(ended) = with_mounts(&team, script) else {
        return;
    };
    ended.code(0);
    assert_eq!(team.records().len(), 1);
}

#[test]
fn a_full_disk_stops_the_gate_and_leaves_nothing_half_written() {
    let team = Team::new();
    let script = r#"
        ledger=releases/2.0.0/ledger
        mkdir $ledger
        mount -t tmpfs -o size=128k tmpfs $ledger
        "$1" check >/dev/null || test $? -eq 1
        ls -A $ledger >live/before
        dd if=/dev/zero of=$ledger/output bs=1k 2>/dev/null || true
        for command in "check" "sign --all --yes"; do
            code=0
            "$1" $command >live/out 2>live/err || code=$?
            test $code -eq 3 || { echo "$command: $code"; cat live/out live/err; exit 9; }
            test ! -s live/out
            grep -q "No space left" live/err
            grep -q "free some space" live/err
        done
        rm $ledger/output
        ls -A $ledger | cmp - live/before
        "$1" ledger verify >/dev/null
        "$1" sign --all --yes >/dev/null
    "#;
    if let Some(ended) = with_mounts(&team, script) {
        ended.code(0);
    }
}

#[test]
fn a_full_disk_leaves_no_half_scaffold() {
    let team = Team::new();
    let script = r#"
        mkdir disk
        mount -t tmpfs -o size=16k tmpfs disk
        new() { "$1" new 3.0.0 --type minor; }
        cp -R relgate.yaml .relgate disk/ 2>live/err || true
        rm -rf disk/.relgate && cp relgate.yaml disk
        cd disk
        dd if=/dev/zero of=filler bs=1k count=8 2>/dev/null
        ls -AR >../live/before
        code=0; "$1" new 3.0.0 --type minor >../live/out 2>../live/err || code=$?
        test $code -eq 3 || { echo "code $code"; cat ../live/out ../live/err; exit 9; }
        ls -AR | cmp - ../live/before
    "#;
    if let Some(ended) = with_mounts(&team, script) {
        ended.code(0).silent();
    }
}

#[test]
fn two_that_sign_at_once_sign_once() {
    let team = Team::new();
    for _ in 0..3 {
        let both = [(); 2].map(|()| team.start("dana", &["sign", "development", "--all", "--yes"]));
        let mut codes: Vec<String> = both.into_iter().map(|it| it.end().to_string()).collect();
        codes.sort();
        assert_eq!(team.recorded("signed-off").len(), 1, "{codes:?}");
        assert!(
            codes.iter().any(|it| it.contains("exit code Some(7)")),
            "{codes:?}"
        );
        team.run("rory", &["ledger", "verify"]).code(0);
        fs::remove_dir_all(team.path("releases/2.0.0/ledger")).expect("removed");
    }
}

#[test]
fn many_that_check_at_once_leave_one_chain() {
    let team = Team::new();
    let many: Vec<_> = (0..8).map(|_| team.start("rory", &["check"])).collect();
    for check in many {
        check.end().code(1);
    }
    let records = team.records();
    assert_eq!(records.len(), 8);
    let roots = records
        .iter()
        .filter(|it| it["parents"] == serde_json::json!([]));
    assert_eq!(roots.count(), 1);
    assert!(
        records
            .iter()
            .all(|it| it["parents"].as_array().map_or(0, Vec::len) <= 1)
    );
}

#[test]
fn damage_to_a_record_is_found_and_is_no_go() {
    let team = Team::new();
    team.deploy();
    let folder = team.path("releases/2.0.0/ledger");
    let mut names: Vec<_> = fs::read_dir(&folder)
        .expect("a folder")
        .flatten()
        .map(|it| it.path())
        .filter(|it| it.to_string_lossy().contains("signed-off"))
        .collect();
    names.sort();
    let text = fs::read_to_string(&names[0]).expect("text");
    fs::write(&names[0], text.replace("dana", "rory")).expect("written");
    let name = names[0].file_name().expect("a name").to_string_lossy();
    team.run("rory", &["ledger", "verify"])
        .code(3)
        .says(&[&name]);
    team.run("rory", &["check"]).no_pass();
    // Bytes that are no record.
    fs::write(&names[0], b"\xff{").expect("written");
    team.run("rory", &["ledger", "verify"])
        .code(3)
        .says(&[&name]);
    team.run("rory", &["check"]).no_pass();
    fs::remove_file(&names[0]).expect("removed");
    team.run("rory", &["ledger", "verify"]).code(3);
    team.run("rory", &["check"]).no_pass();
}

#[test]
fn an_artifact_that_is_not_the_approved_one_is_no_go() {
    // req: A19
    let team = Team::new();
    team.write("shop.tar", "as built");
    team.edit(
        NOTES,
        "deployment:\n",
        "artifacts:\n  - { name: shop, path: shop.tar, sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 }\n\ndeployment:\n",
    );
    let check = team.run("rory", &["check"]).code(1);
    check.says(&["shop.tar is not what the notes say"]);
    team.write("shop.tar", "");
    team.sign_all();
    team.write("shop.tar", "exchanged");
    team.run("omar", &["deploy", "start"])
        .code(1)
        .says(&["shop.tar is not what the notes say"]);
    assert_eq!(team.recorded("deploy-started").len(), 0);
    team.write("shop.tar", "");
    team.run("omar", &["deploy", "start"]).code(0);
}

#[test]
fn every_machine_format_is_whole_and_versioned() {
    let team = Team::new();
    team.run("rory", &["check"]).code(1);
    for (args, code) in [
        (&["lint"][..], 0),
        (&["check"], 1),
        (&["check", "qa"], 1),
        (&["status"], 0),
        (&["log"], 0),
        (&["due"], 0),
        (&["incident", "list"], 0),
        (&["ledger", "verify"], 0),
        (&["deploy", "start"], 7),
        (&["sign", "--all", "--yes"], 7),
        (&["check", "--release", "9"], 3),
    ] {
        let json = [args, &["--format", "json"]].concat();
        let ended = team.run("rory", &json).code(code);
        let value = ended.json();
        assert_eq!(
            value["command"].as_str().map(|it| it.starts_with(args[0])),
            Some(true)
        );
        let has = |key: &str| value.get(key).is_some();
        assert_eq!(
            (has("result"), has("error")),
            (code < 2, code >= 2),
            "{ended}"
        );
        assert_eq!(ended.stderr, "", "{ended}");
        let markdown = [args, &["--format", "markdown"]].concat();
        let ended = team.run("rory", &markdown).code(code);
        assert!(!ended.stdout.trim().is_empty(), "{ended}");
        let quiet = [args, &["--quiet"]].concat();
        team.run("rory", &quiet).code(code).silent();
    }
}
