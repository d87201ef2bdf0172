//! Releases of several stages: what is taken back, in which order, and what is left to do.

use rustix::process::Signal;

use crate::run::until;
use crate::team::{NOTES, Team};

const STAGES: &str = "  stages:\n    - { id: canary }\n    - { id: full }\n";

/// A team whose releases go to a canary first.
fn staged() -> Team {
    let team = Team::new();
    team.edit(
        NOTES,
        "  strategy: rolling\n",
        &format!("  strategy: canary\n{STAGES}"),
    );
    team
}

/// Deploys the next stage.
fn deploy(team: &Team) {
    team.run("omar", &["deploy", "start"]).code(0);
    team.write("live/version", "2.0.0\n");
    team.run("omar", &["deploy", "done"]).code(0);
}

/// A team with both stages deployed, the canary verified.
fn both(team: &Team) {
    team.sign_all();
    deploy(team);
    team.run("omar", &["verify", "--all", "--yes"])
        .code(0)
        .says(&["canary"]);
    deploy(team);
}

fn runs(team: &Team) -> Vec<String> {
    let runs = std::fs::read_to_string(team.path("live/runs")).unwrap_or_default();
    let stage = |line: &str| {
        line.split(", ")
            .skip(1)
            .take(2)
            .collect::<Vec<_>>()
            .join(" ")
    };
    runs.lines().map(stage).collect()
}

#[test]
fn a_bad_full_rollout_takes_both_stages_back_the_newest_first() {
    let team = staged();
    both(&team);
    team.remove("live/home");
    // Without a stage it is the last deployed.
    team.run("omar", &["verify", "--all", "--yes"])
        .code(5)
        .says(&["full", "rolled back to 1.0.0"]);
    assert_eq!(runs(&team), ["attempt 1 full", "attempt 2 canary"]);
    assert_eq!(team.recorded("rolled-back").len(), 1);
    assert_eq!(team.recorded("stage-rolled-back").len(), 1);
    assert_eq!(team.standing()["standing"], "rolled-back");
    team.run("rory", &["ledger", "verify", "--release", "2.0.0"])
        .code(0);
}

#[test]
fn a_bad_canary_takes_back_nothing_that_was_never_deployed() {
    let team = staged();
    team.sign_all();
    deploy(&team);
    team.remove("live/home");
    let verify = team.run("omar", &["verify", "--all", "--yes"]).code(5);
    verify.says(&["canary", "rolled back to 1.0.0: everybody can go home"]);
    assert_eq!(runs(&team), ["attempt 1 canary"]);
    // Nobody is told to deploy what is broken, and nothing is left to roll back.
    for args in [
        &[
            "rollback",
            "--yes",
            "--reason",
            "again",
            "--release",
            "2.0.0",
        ][..],
        &[
            "incident",
            "open",
            "--title",
            "x",
            "--priority",
            "critical",
            "--release",
            "2.0.0",
        ],
        &["verify", "--release", "2.0.0"],
        &["status", "--release", "2.0.0"],
    ] {
        let by = if args[0] == "rollback" {
            "rory"
        } else {
            "omar"
        };
        let ended = team.run(by, args).to_string();
        assert!(!ended.contains("deploy start"), "{ended}");
    }
}

#[test]
fn one_stage_is_taken_back_alone_and_the_others_are_named() {
    let team = staged();
    both(&team);
    let alone = [
        "rollback",
        "--yes",
        "--stage",
        "canary",
        "--reason",
        "it is bad there",
    ];
    team.run("rory", &alone)
        .code(5)
        .says(&["in canary", "still runs in full"]);
    assert_eq!(runs(&team), ["attempt 1 canary"]);
    let standing = team.standing();
    assert_eq!(standing["rollback"]["still_running"][0], "full");
    let stages: Vec<_> = ["west", "canary"]
        .map(|stage| ["rollback", "--yes", "--stage", stage, "--reason", "x"])
        .into();
    for args in stages {
        team.run("rory", &args).code(7);
    }
    team.run("rory", &["rollback", "--yes", "--reason", "there too"])
        .code(5)
        .says(&["everybody can go home"]);
    assert_eq!(runs(&team)[1..], ["attempt 2 full"]);
    assert_eq!(team.standing()["standing"], "rolled-back");
}

#[test]
fn a_window_of_one_stage_keeps_its_deadline_while_another_is_taken_back() {
    let team = staged();
    team.edit(NOTES, "rollback:\n", "rollback:\n  scope: stage\n");
    both(&team);
    let open = |stage: &str| {
        team.run(
            "omar",
            &[
                "incident",
                "open",
                "--no-watch",
                "--title",
                "Slow",
                "--priority",
                "critical",
                "--stage",
                stage,
            ],
        )
        .code(1);
    };
    open("full");
    team.run("rory", &["watch"])
        .code(5)
        .says(&["still runs in canary"]);
    assert_eq!(runs(&team), ["attempt 1 full"]);
    open("canary");
    let every = team.start("rory", &["watch", "--all"]);
    until("the other stage is taken back too", || {
        team.recorded("rolled-back").len() == 2
    });
    every.signal(Signal::TERM);
    every.end();
    assert_eq!(runs(&team), ["attempt 1 full", "attempt 2 canary"]);
}

#[test]
fn a_database_that_the_stages_share_goes_back_once_with_the_last() {
    let team = staged();
    team.edit(
        NOTES,
        "      timeout: 20s\n  attempts",
        "      timeout: 20s\n    - { id: schema, kind: database, per: release, argv: [./schema.sh] }\n  attempts",
    );
    team.write(
        "schema.sh",
        "#!/bin/sh\necho \"schema, $RELGATE_STAGE\" >>live/schema\n",
    );
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(team.path("schema.sh"), mode).expect("it may be executed");
    both(&team);
    team.run("rory", &["rollback", "--yes", "--reason", "x"])
        .code(5);
    assert_eq!(runs(&team), ["attempt 1 full", "attempt 2 canary"]);
    assert_eq!(team.read("live/schema"), "schema, canary\n");
}

#[test]
fn a_stage_that_is_stuck_is_named_and_the_other_goes_back() {
    let team = staged();
    team.edit(NOTES, "attempts: 2", "attempts: 1");
    // The target probe would say that the old version is live: in this test it is not.
    team.edit(
        NOTES,
        "grep, -qx, 1.0.0, live/version",
        "test, -f, \"live/back-${stage}\"",
    );
    both(&team);
    let script = team.read("back.sh");
    team.script(&script.replace("set -eu\n", "set -eu\ntest \"$RELGATE_STAGE\" != full\n"));
    team.run("rory", &["rollback", "--yes", "--reason", "x"])
        .code(6)
        .says(&["STUCK in full", "full", "canary"]);
    assert_eq!(runs(&team), ["attempt 2 canary"]);
    let stages = &team.standing()["rollback"]["stages"];
    assert_eq!(stages[0]["standing"], "stuck");
    assert_eq!(stages[1]["standing"], "rolled-back");
    team.script(&script);
    team.run("rory", &["rollback", "--yes", "--reason", "repaired"])
        .code(5);
    assert_eq!(team.recorded("rolled-back").len(), 1);
}

#[test]
fn a_probe_is_run_with_the_stage_of_its_incident_wherever_it_is_run() {
    for resolved_by in ["evidence", "person"] {
        let team = staged();
        let lower = "lower: { window: 1h, on_expiry: rollback }";
        let rule =
            format!("lower: {{ window: 1h, on_expiry: rollback, resolved_by: {resolved_by} }}");
        team.edit("relgate.yaml", lower, &rule);
        team.edit(
            NOTES,
            "test, -f, live/search",
            "test, -f, \"live/search-${stage}\"",
        );
        team.write("live/search-canary", "");
        both(&team);
        team.write("live/search-full", "");
        team.remove("live/search-full");
        let verify = team.start("omar", &["verify", "--all", "--yes"]);
        until("its window is open", || {
            team.recorded("incident-opened").len() == 1
        });
        team.write("live/search-full", "");
        if resolved_by == "person" {
            team.run("quin", &["incident", "resolve", "I1"]).code(0);
        }
        verify.end().code(0);
        assert_eq!(team.recorded("incident-resolved").len(), 1);
        assert_eq!(team.recorded("rollback-claimed").len(), 0);
    }
}

/// A plan that does harm, and does not end by itself.
const HARM: &str = "#!/bin/sh\necho $$ >>live/harm\nsleep 300 &\nsleep 300\n";

#[test]
fn a_plan_that_does_harm_is_stopped_whatever_became_of_its_driver() {
    for fault in [None, Some(Signal::KILL), Some(Signal::STOP)] {
        let team = staged();
        both(&team);
        let script = team.read("back.sh");
        team.script(HARM);
        let rolling = team.start("rory", &["rollback", "--yes", "--reason", "it is bad"]);
        until("it runs", || {
            team.recorded("step-started").len() == 1 && team.path("live/harm").is_file()
        });
        if fault == Some(Signal::KILL) {
            rolling.signal(Signal::KILL);
        }
        let drivers = processes(&team, "drive-rollback");
        for pid in fault.iter().flat_map(|_| &drivers) {
            rustix::process::kill_process(*pid, fault.expect("one")).expect("it lives");
        }
        let stop = [
            "rollback",
            "stop",
            "--reason",
            "it deletes orders",
            "--release",
            "2.0.0",
        ];
        team.run("omar", &stop).code(7);
        team.run("rory", &stop).code(6).says(&["stopped"]);
        until("nothing of it runs", || {
            processes(&team, "back.sh").is_empty()
        });
        assert!(processes(&team, "sleep").is_empty(), "{fault:?}");
        if fault != Some(Signal::KILL) {
            rolling.end().code(6);
        }
        team.run("rory", &["status", "--release", "2.0.0"])
            .code(0)
            .says(&["STUCK", "it deletes orders"]);
        team.run("rory", &["watch", "--release", "2.0.0"]).code(6);
        team.run("rory", &stop).code(7);
        assert_eq!(
            team.recorded("rollback-claimed").len(),
            1,
            "no other attempt"
        );
        team.run("rory", &["ledger", "verify", "--release", "2.0.0"])
            .code(0);
        // A person goes on with a plan that was put right.
        team.script(&script);
        team.run(
            "rory",
            &[
                "rollback",
                "--yes",
                "--reason",
                "repaired",
                "--release",
                "2.0.0",
            ],
        )
        .code(5);
        assert_eq!(runs(&team), ["attempt 2 full", "attempt 3 canary"]);
    }
}

/// The processes that work in the team's folder and whose command line has `word`.
fn processes(team: &Team, word: &str) -> Vec<rustix::process::Pid> {
    let folder = team.path("").canonicalize().expect("a folder");
    let entries = std::fs::read_dir("/proc").expect("Linux").flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let its = std::fs::read_link(entry.path().join("cwd")).ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            (its == folder && line.contains(word)).then_some(pid)
        })
        .filter_map(rustix::process::Pid::from_raw)
        .collect()
}
