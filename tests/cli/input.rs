//! Files and words that are wrong: everything is named, nothing is decided, nothing is written.

use std::os::unix::ffi::OsStrExt;

use crate::run::Ended;
use crate::team::{NOTES, Team};

const BASE: &str = ".relgate/checklists/standard.yaml";
const CHECKLIST: &str = "releases/2.0.0/checklist.yaml";

/// Every command that acts on a release.
const ACTING: [&[&str]; 10] = [
    &["sign", "--all", "--yes"],
    &["check"],
    &["deploy", "start"],
    &["deploy", "done"],
    &["verify", "--all", "--yes"],
    &["incident", "open", "--title", "x", "--priority", "critical"],
    &["incident", "resolve", "I1"],
    &["watch"],
    &["rollback", "--yes", "--reason", "x"],
    &["close"],
];

/// Runs a command that must not write anything.
#[track_caller]
fn untouched(team: &Team, by: &str, args: &[&str]) -> Ended {
    let before = team.files();
    let ended = team.run(by, args);
    assert!(before == team.files(), "something was written: {ended}");
    ended
}

#[test]
fn every_finding_of_every_file_comes_in_one_run() {
    let team = Team::new();
    team.edit("relgate.yaml", "window: 2s", "windw: 2s");
    team.edit(BASE, "phase: staging", "phase: stagin");
    team.write(CHECKLIST, "extends: standard\nextends: standard\n");
    team.edit(NOTES, "within: 20s", "within: 20");
    team.edit(NOTES, "attempts: 2", "atempts: 2");
    let found = [
        "relgate.yaml:19:15:",
        "\"windw\"",
        "\"window\"",
        ".relgate/checklists/standard.yaml:25:12:",
        "\"stagin\"",
        "\"staging\"",
        "releases/2.0.0/checklist.yaml:2:1:",
        "duplicate",
        "releases/2.0.0/release-notes.md:22:11:",
        "the number 20",
        "releases/2.0.0/release-notes.md:44:3:",
        "\"atempts\"",
        "\"attempts\"",
    ];
    untouched(&team, "rory", &["lint"]).code(3).says(&found);
    for args in ACTING {
        untouched(&team, "rory", args)
            .code(3)
            .silent()
            .warns(&found);
    }
    let machine = untouched(&team, "rory", &["check", "--format", "json"]).code(3);
    let findings = machine.json()["error"]["findings"].clone();
    assert_eq!(findings.as_array().map(Vec::len), Some(5), "{machine}");
}

#[test]
fn text_that_is_no_yaml_is_named_in_each_file() {
    for file in ["relgate.yaml", BASE, CHECKLIST, NOTES] {
        let team = Team::new();
        let text = team.read(file);
        team.write(file, format!("---\n\"\n{text}"));
        let place = format!("{file}:");
        untouched(&team, "rory", &["check"])
            .code(3)
            .warns(&[&place]);
        untouched(&team, "rory", &["lint"]).code(3).says(&[&place]);
    }
}

#[test]
fn bytes_that_are_no_text_are_named_in_each_file() {
    for file in ["relgate.yaml", BASE, CHECKLIST, NOTES] {
        for bytes in [
            &b"version: 1\nproduct: \xff\xfe\n"[..],
            b"\x7fELF\0\0\x01",
            b"a: \0\n",
        ] {
            let team = Team::new();
            team.write(file, bytes);
            untouched(&team, "rory", &["check"]).code(3).warns(&[file]);
        }
    }
}

#[test]
fn a_huge_file_and_an_empty_one_are_refused() {
    for file in ["relgate.yaml", BASE, CHECKLIST, NOTES] {
        let team = Team::new();
        team.write(file, " ".repeat((16 << 20) + 1));
        untouched(&team, "rory", &["check"])
            .code(3)
            .warns(&[file, "16 MiB"]);
        team.write(file, "");
        untouched(&team, "rory", &["check"]).code(3).warns(&[file]);
    }
}

#[test]
fn a_folder_in_place_of_a_file_is_named() {
    let team = Team::new();
    team.remove(CHECKLIST);
    team.write("releases/2.0.0/checklist.yaml/x", "");
    untouched(&team, "rory", &["check"])
        .code(3)
        .warns(&["checklist.yaml"]);
}

#[test]
fn an_empty_suite_is_no_pass() {
    for (from, until, to, what) in [
        ("  probes:", "\nrollback:", "  probes: []\n", "probes"),
        (
            "expect: { exit: 0 }",
            " }\n      every",
            "expect: {}",
            "expect",
        ),
        ("  plan:", "  attempts:", "  plan: []\n", "plan"),
    ] {
        let team = Team::new();
        team.cut(NOTES, from, until, to);
        untouched(&team, "rory", &["check"]).code(3).warns(&[what]);
    }
    let team = Team::new();
    team.write(BASE, "gates: []\n");
    untouched(&team, "rory", &["check"])
        .code(3)
        .warns(&["gates"]);
    let team = Team::new();
    // A phase without gates has nothing that could be met.
    team.run("rory", &["check", "--phase", "post-release"])
        .code(1);
}

#[test]
fn an_unknown_name_is_answered_with_the_valid_ones() {
    // req: B12
    let team = Team::new();
    team.write(
        "releases/1.9.0/release-notes.yaml",
        "release: 1.9.0\ntype: patch\n",
    );
    team.write("releases/1.9.0/checklist.yaml", "extends: standard\n");
    let of = |args: &[&'static str]| [args, &["--release", "2.0.0"]].concat();
    let cases: [(&str, Vec<&str>, &[&str]); 12] = [
        (
            "rory",
            vec!["check", "--release", "2.0.1"],
            &["release \"2.0.1\"", "2.0.0"],
        ),
        (
            "rory",
            vec!["check", "--release", "zzz"],
            &["release \"zzz\"", "1.9.0", "2.0.0"],
        ),
        (
            "rory",
            vec!["lint", "--release", "2.0.1"],
            &["release \"2.0.1\"", "2.0.0"],
        ),
        (
            "rory",
            vec!["status", "--release", "2.0.1"],
            &["release \"2.0.1\"", "2.0.0"],
        ),
        (
            "rory",
            of(&["check", "developmnt"]),
            &["gate \"developmnt\"", "development"],
        ),
        (
            "rory",
            of(&["check", "zzz"]),
            &[
                "gate \"zzz\"",
                "development",
                "qa",
                "go-no-go",
                "deployment",
                "closure",
            ],
        ),
        (
            "dana",
            of(&["sign", "zzz", "--all", "--yes"]),
            &["gate \"zzz\"", "development", "closure"],
        ),
        (
            "dana",
            of(&["sign", "--as", "zzz", "--all", "--yes"]),
            &[
                "role \"zzz\"",
                "developer",
                "qa-lead",
                "release-manager",
                "operations",
                "on-call",
            ],
        ),
        (
            "zzz",
            of(&["sign", "--all", "--yes"]),
            &["person \"zzz\"", "dana", "quin", "rory", "omar"],
        ),
        (
            "omar",
            of(&["deploy", "start", "--stage", "zzz"]),
            &["stage \"zzz\"", "production"],
        ),
        (
            "omar",
            of(&["incident", "resolve", "I9"]),
            &["incident \"I9\""],
        ),
        (
            "omar",
            of(&["due", "settle", "zzz", "--how", "so"]),
            &["\"zzz\""],
        ),
    ];
    for (by, args, words) in cases {
        untouched(&team, by, &args).code(3).silent().warns(words);
    }
    for (args, word) in [
        (&["check", "--phase", "zzz"][..], "pre-release"),
        (&["new", "3.0.0", "--type", "zzz"], "emergency"),
        (&["check", "--format", "zzz"], "markdown"),
        (&["schema", "zzz"], "release-notes"),
        (&["zzz"], "relgate"),
    ] {
        untouched(&team, "rory", args)
            .code(2)
            .silent()
            .warns(&["zzz", word]);
    }
}

#[test]
fn unknown_priorities_and_triggers_are_answered_with_the_valid_ones() {
    let team = Team::new();
    team.deploy();
    for (args, words) in [
        (
            ["--priority", "zzz"],
            ["priority \"zzz\"", "critical", "lower"],
        ),
        (
            ["--trigger", "zzz"],
            ["trigger \"zzz\"", "data-at-risk", ""],
        ),
    ] {
        let open = [&["incident", "open", "--title", "x"][..], &args].concat();
        untouched(&team, "omar", &open)
            .code(3)
            .silent()
            .warns(&words);
    }
    team.run(
        "omar",
        &[
            "incident",
            "open",
            "--title",
            "Slow",
            "--priority",
            "lower",
            "--no-watch",
        ],
    )
    .code(1);
    untouched(
        &team,
        "omar",
        &["incident", "escalate", "I1", "--priority", "zzz"],
    )
    .code(3)
    .warns(&["priority \"zzz\"", "critical"]);
    untouched(&team, "omar", &["incident", "resolve", "zzz", "--how", "x"])
        .code(3)
        .warns(&["incident \"zzz\"", "I1"]);
}

#[test]
fn an_empty_value_is_an_error_and_never_a_pass() {
    let team = Team::new();
    let cases: [&[&str]; 14] = [
        &["check", "--release", ""],
        &["check", "--by", ""],
        &["check", "--policy", ""],
        &["check", ""],
        &["sign", "--as", "", "--all", "--yes"],
        &["sign", "", "--all", "--yes"],
        &["sign", "qa", "--reject", "--reason", ""],
        &["deploy", "start", "--stage", ""],
        &["verify", "--stage", "", "--all", "--yes"],
        &["incident", "open", "--title", "", "--priority", "critical"],
        &["incident", "open", "--title", "x", "--priority", ""],
        &["rollback", "--reason", "", "--yes"],
        &["new", "", "--type", "minor"],
        &["init", "--preset", ""],
    ];
    for args in cases {
        untouched(&team, "dana", args).code(2).silent();
    }
    // As an unset shell variable gives it.
    untouched(&team, "", &["check"]).code(2).silent();
    for blank in [
        &["sign", "qa", "--reject", "--reason", " "][..],
        &["rollback", "--reason", " ", "--yes"],
        &["incident", "open", "--title", " ", "--priority", "critical"],
    ] {
        let ended = untouched(&team, "quin", blank);
        assert!(ended.stdout.is_empty(), "{ended}");
        ended.refuses();
    }
}

#[test]
fn a_release_name_never_leaves_its_folder() {
    let team = Team::new();
    let names = [
        "../x",
        "..",
        ".",
        "/tmp/x",
        "a/b",
        "a/../b",
        "x\u{1b}[31m",
        "x\ny",
        "x y",
        "-x",
        ".hidden",
        "é",
        "x..y",
        "x.",
    ];
    for name in names {
        for args in [
            vec!["new", "--type", "minor", "--", name],
            vec!["check", "--release", name],
            vec!["status", "--release", name],
            vec!["watch", "--release", name],
        ] {
            let ended = untouched(&team, "rory", &args);
            assert!(!ended.stderr.contains('\u{1b}'), "{ended}");
            ended.silent().refuses();
        }
    }
    let long = "9".repeat(101);
    untouched(&team, "rory", &["new", &long, "--type", "minor"]).code(3);
    let raw = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let before = team.files();
    let mut command = team.command("rory", &["new", "--type", "minor"]);
    Ended::of(command.arg(raw)).code(2);
    assert!(before == team.files());
}

#[test]
fn a_repository_is_found_from_within_and_by_policy() {
    let team = Team::new();
    team.write("src/deep/x", "");
    let mut command = team.command("rory", &["status"]);
    Ended::of(command.current_dir(team.path("src/deep")))
        .code(0)
        .says(&["2.0.0"]);

    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let mut command = team.command("rory", &["check"]);
    Ended::of(command.current_dir(elsewhere.path()))
        .code(3)
        .silent()
        .warns(&["there is no policy relgate.yaml", "relgate init"]);
    let policy = team.path("relgate.yaml");
    let mut command = team.command("rory", &["check", "--policy"]);
    Ended::of(command.arg(&policy).current_dir(elsewhere.path()))
        .code(1)
        .says(&["NO-GO"]);
    let mut command = team.command("rory", &["check", "--policy", "nowhere.yaml"]);
    Ended::of(&mut command)
        .code(3)
        .silent()
        .warns(&["nowhere.yaml"]);
    assert_eq!(std::fs::read_dir(elsewhere.path()).expect("it").count(), 0);

    // A policy of another name keeps its repository.
    std::fs::rename(&policy, team.path("policy.yaml")).expect("renamed");
    untouched(&team, "rory", &["lint"]).code(3).silent();
    untouched(&team, "rory", &["lint", "--policy", "policy.yaml"]).code(0);
}

#[test]
fn a_policy_without_people_signs_nothing() {
    let team = Team::new();
    let policy = team.read("relgate.yaml");
    let (head, rest) = policy.split_once("people:\n").expect("people");
    let (_, tail) = rest.split_once("\nroles:\n").expect("roles");
    for people in ["", "people: {}\n"] {
        team.write("relgate.yaml", format!("{head}{people}\nroles:\n{tail}"));
        for args in ACTING {
            untouched(&team, "rory", args)
                .code(3)
                .silent()
                .warns(&["people"]);
        }
    }
}

#[test]
fn nobody_in_particular_signs_nothing() {
    let team = Team::new();
    let before = team.files();
    let mut command = team.command("x", &["sign", "--all", "--yes"]);
    command
        .env_remove("RELGATE_BY")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    Ended::of(&mut command)
        .code(3)
        .silent()
        .warns(&["who you are", "--by", "RELGATE_BY", "dana"]);
    assert!(before == team.files());
    // The policy knows a person by the address of their commits.
    team.write(".gitconfig", "[user]\n email = DANA@shop.example\n");
    Ended::of(&mut command).code(0).says(&["dana"]);
}

#[test]
fn several_open_releases_need_a_name() {
    let team = Team::new();
    team.run("rory", &["new", "2.1.0", "--type", "patch"])
        .code(0);
    untouched(&team, "rory", &["check"])
        .code(2)
        .silent()
        .warns(&["2 releases are open", "--release", "2.0.0", "2.1.0"]);
    team.run("rory", &["check", "--release", "2.1.0"]).code(1);
    untouched(&team, "rory", &["new", "2.1.0", "--type", "patch"])
        .code(7)
        .silent()
        .warns(&["releases/2.1.0/release-notes.md", "there already"]);
    untouched(&team, "rory", &["init"])
        .code(7)
        .silent()
        .warns(&["relgate.yaml"]);
}

#[test]
fn a_release_fresh_from_its_template_parses_and_is_no_go_field_by_field() {
    // req: B1, req: C2, req: C4
    for kind in ["patch", "minor", "major", "emergency"] {
        let team = Team::new();
        std::fs::remove_dir_all(team.path("releases")).expect("removed");
        for file in ["relgate.yaml", BASE] {
            team.remove(file);
        }
        team.run("you", &["init"]).code(0);
        team.run("you", &["new", "3.0.0", "--type", kind]).code(0);
        team.run("you", &["lint"]).code(0);
        let check = team.run("you", &["check"]).code(1);
        check.says(&[
            "reason",
            "previous",
            "deployment.checklist",
            "verification.probes",
            "rollback.plan",
        ]);
    }
}

#[test]
fn files_that_are_wrong_hide_no_open_window() {
    let team = Team::new();
    team.deploy();
    team.open_incident("Slow", "lower");
    team.write(NOTES, "broken: [");
    let shown = [
        "release-notes.md",
        "NOBODY WATCHES",
        "Slow",
        "relgate lint",
        "relgate watch",
    ];
    team.run("rory", &["status"]).code(3).says(&shown);
    // Beside another release too, which is shown as ever.
    team.run("rory", &["new", "3.0.0", "--type", "patch"])
        .code(0);
    let status = team.run("rory", &["status"]).code(3).says(&shown);
    status.says(&["3.0.0"]);
    team.write("releases/3.0.0/checklist.yaml", "");
    let json = team
        .run("rory", &["status", "--format", "json"])
        .code(3)
        .json();
    let releases = json["result"]["releases"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let wrong = releases.iter().filter(|it| it["wrong_files"].is_string());
    assert_eq!((releases.len(), wrong.count()), (2, 2));
    assert_eq!(releases[1]["standing"], "preparing");
}
