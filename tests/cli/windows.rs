//! Windows: opened by failures and people, closed by evidence, by decision, by the rollback.

use crate::run::until;
use crate::team::{NOTES, Team};

/// The story of a release, as kinds of records without the checks.
fn story(team: &Team) -> Vec<String> {
    let records = team.records();
    let kinds = records.iter().filter_map(|it| it["kind"].as_str());
    kinds
        .filter(|it| *it != "checked")
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_failure_that_nobody_mends_is_rolled_back() {
    // req: A9, req: A10, req: A12, req: A13, req: A14, req: A15, req: B10, req: E7
    let team = Team::new();
    team.deploy();
    team.remove("live/home");
    let verify = team.run("omar", &["verify", "--all", "--yes"]).code(5);
    verify.says(&["home-page", "rolled back", "1.0.0"]);
    assert_eq!(team.read("live/version"), "1.0.0\n");
    assert_eq!(
        team.read("live/runs"),
        "2.0.0 to 1.0.0, attempt 1, production, I1\n"
    );
    assert_eq!(
        story(&team)[7..],
        [
            "checklist-pass",
            "checklist-pass",
            "incident-opened",
            "verification",
            "rollback-claimed",
            "step-started",
            "step-ended",
            "attempt-ended",
            "rolled-back",
        ],
    );
    team.run("rory", &["ledger", "verify"]).code(0);
    assert_eq!(team.standing()["standing"], "rolled-back");
    team.run("dana", &["due"])
        .code(0)
        .says(&["Find the root cause", "Dana Okafor"]);
    assert!(
        team.read("releases/2.0.0/documents/rca.md")
            .contains("home-page")
    );
    let owed = team.run("dana", &["due", "--format", "json"]).json();
    let owed = owed["result"]["obligations"]
        .as_array()
        .expect("a list")
        .iter();
    let cause = owed.clone().find(|it| it["title"] == "Find the root cause");
    let cause = cause.expect("it is owed")["id"].as_str().expect("an id");
    let settle = [
        "due",
        "settle",
        cause,
        "--how",
        "See the document",
        "--release",
        "2.0.0",
    ];
    team.run("dana", &settle)
        .code(7)
        .warns(&["nobody has written in it"]);
    let document = team.read("releases/2.0.0/documents/rca.md");
    let title = document.replace("# Root cause", "# The root cause") + "\n\n";
    team.write("releases/2.0.0/documents/rca.md", &title);
    team.run("dana", &settle).code(7);
    team.write(
        "releases/2.0.0/documents/rca.md",
        &(title + "The cache was cold.\n"),
    );
    team.run("dana", &settle).code(0);
    // What went back is no go, however well it was signed.
    team.run("rory", &["check"])
        .code(1)
        .says(&["it was rolled back"]);
    team.run("rory", &["watch", "--release", "2.0.0"]).code(5);
    team.run("omar", &["deploy", "start", "--release", "2.0.0"])
        .code(7);
    team.run(
        "rory",
        &[
            "rollback",
            "--yes",
            "--reason",
            "again",
            "--release",
            "2.0.0",
        ],
    )
    .code(7);
    let output = team.path("releases/2.0.0/ledger/output/attempt-1-1-old-version.log");
    let output = std::fs::read_to_string(output).expect("the step's output");
    assert_eq!(output, "the old version serves\n");
}

#[test]
fn a_failure_that_is_mended_in_its_window_is_verified() {
    // req: A4, req: A11
    let team = Team::new();
    team.deploy();
    team.remove("live/search");
    let verify = team.start("omar", &["verify", "--all", "--yes"]);
    until("its window is open", || {
        team.recorded("incident-opened").len() == 1
    });
    team.run("quin", &["incident", "resolve", "I1", "--how", "restarted"])
        .code(1)
        .warns(&["search"]);
    team.run("dana", &["incident", "resolve", "I1", "--how", "restarted"])
        .code(7)
        .warns(&["qa-lead"]);
    assert_eq!(team.recorded("incident-resolved").len(), 0);
    team.write("live/search", "");
    team.run("quin", &["incident", "resolve", "I1", "--how", "restarted"])
        .code(0)
        .says(&["on evidence"]);
    verify.end().code(0);
    assert_eq!(team.recorded("incident-resolved").len(), 1);
    assert_eq!(team.recorded("rollback-claimed").len(), 0);
    assert_eq!(team.standing()["stages"][0]["verification"], "pass");
    team.run("omar", &["incident", "list"])
        .code(0)
        .says(&["I1", "resolved"]);
    team.run("omar", &["due"])
        .code(0)
        .says(&["Tell those who were alerted"]);
}

#[test]
fn a_window_that_evidence_closes_needs_nobody() {
    let team = Team::new();
    team.edit(
        "relgate.yaml",
        "lower: { window: 1h, on_expiry: rollback }",
        "lower: { window: 1h, on_expiry: rollback, resolved_by: evidence }",
    );
    team.deploy();
    team.remove("live/search");
    let verify = team.start("omar", &["verify", "--all", "--yes"]);
    until("its window is open", || {
        team.recorded("incident-opened").len() == 1
    });
    team.write("live/search", "");
    verify.end().code(0);
    assert_eq!(team.recorded("incident-resolved").len(), 1);
}

#[test]
fn an_override_is_recorded_as_one() {
    // req: A4
    let team = Team::new();
    team.deploy();
    team.remove("live/search");
    team.run("omar", &["verify", "--all", "--yes", "--no-watch"])
        .code(1);
    team.run(
        "quin",
        &[
            "incident",
            "resolve",
            "I1",
            "--override",
            "The probe is wrong",
        ],
    )
    .code(0)
    .says(&["overridden"]);
    let resolved = team.recorded("incident-resolved");
    assert_eq!(resolved[0]["overridden"], "The probe is wrong");
    team.run("rory", &["log"])
        .code(0)
        .says(&["The probe is wrong"]);
    team.run("quin", &["incident", "resolve", "I1", "--how", "again"])
        .code(7)
        .warns(&["was resolved by quin"]);
}

#[test]
fn an_escalation_only_shortens() {
    // req: A16
    let team = Team::new();
    team.deploy();
    team.open_incident("Slow", "lower");
    let left = |team: &Team| {
        team.standing()["windows"][0]["left_ms"]
            .as_u64()
            .expect("a time")
    };
    assert!(left(&team) > 3_000_000);
    for priority in ["lower", "decided"] {
        let escalate = ["incident", "escalate", "I1", "--priority", priority];
        let ended = team.run("dana", &escalate);
        if priority == "lower" {
            ended.code(7).warns(&["never gets longer"]);
        }
    }
    let team = Team::new();
    team.deploy();
    team.open_incident("Slow", "lower");
    team.run(
        "dana",
        &[
            "incident",
            "escalate",
            "I1",
            "--priority",
            "critical",
            "--reason",
            "worse",
        ],
    )
    .code(0);
    assert!(left(&team) <= 2_000);
    team.run("rory", &["watch"]).code(5);
    team.run(
        "dana",
        &[
            "incident",
            "escalate",
            "I1",
            "--priority",
            "immediate",
            "--release",
            "2.0.0",
        ],
    )
    .code(7);
}

#[test]
fn a_window_of_no_length_rolls_back_at_once() {
    // req: B7
    let team = Team::new();
    team.deploy();
    team.run(
        "omar",
        &[
            "incident",
            "open",
            "--title",
            "Orders are gone",
            "--trigger",
            "data-at-risk",
        ],
    )
    .code(5);
    assert_eq!(team.recorded("rolled-back").len(), 1);
    assert_eq!(
        team.recorded("incident-opened")[0]["trigger"],
        "data-at-risk"
    );

    let team = Team::new();
    team.edit(NOTES, "priority: critical", "trigger: data-at-risk");
    team.deploy();
    team.remove("live/home");
    team.run("omar", &["verify", "--all", "--yes"]).code(5);
    assert_eq!(team.recorded("rollback-claimed").len(), 1);
}

#[test]
fn a_window_that_asks_for_a_decision_decides_nothing() {
    // req: D8
    let team = Team::new();
    team.deploy();
    team.open_incident("Slow", "decided");
    team.run("rory", &["watch"]).code(1).says(&["person"]);
    assert_eq!(team.recorded("window-expired").len(), 1);
    assert_eq!(team.recorded("rollback-claimed").len(), 0);
    team.run("rory", &["check"]).code(1).says(&["I1"]);
    team.run("rory", &["watch"]).code(1);
    assert_eq!(team.recorded("window-expired").len(), 1);
    team.run("rory", &["rollback", "--yes", "--reason", "decided"])
        .code(5);
}

#[test]
fn a_kept_incident_and_one_without_a_countdown_stand_in_nobodys_way() {
    let team = Team::new();
    team.deploy();
    team.open_incident("Slow", "decided");
    let keep = |who: &str| {
        let words = [
            "incident",
            "decide",
            "I1",
            "--keep",
            "--reason",
            "A beta page",
        ];
        team.run(who, &words)
    };
    team.run("omar", &["verify", "--all", "--yes", "--no-watch"])
        .code(1);
    keep("quin").code(0);
    keep("quin").code(7).warns(&["already"]);
    team.open_incident("A typo", "noted");
    team.run("rory", &["watch"]).code(0);
    team.run("omar", &["verify", "--all", "--yes"])
        .code(0)
        .says(&["Slow", "A beta page", "A typo", "no countdown"]);
    team.run("rory", &["status"])
        .code(0)
        .says(&["A beta page", "no countdown"]);
}

#[test]
fn a_deployment_that_failed_and_a_release_that_is_abandoned_are_ended_by_a_person() {
    let team = Team::new();
    let abandon = |who: &str| team.run(who, &["abandon", "--reason", "Replaced"]);
    team.deploy();
    abandon("rory").code(7).warns(&["deployed"]);
    let fail = ["deploy", "fail", "--reason", "The registry is down"];
    team.run("omar", &fail).code(7).warns(&["was done"]);

    let team = Team::new();
    let abandon = |who: &str| team.run(who, &["abandon", "--reason", "Replaced"]);
    abandon("omar").code(7);
    abandon("rory").code(0);
    assert_eq!(team.recorded("abandoned")[0]["reason"], "Replaced");
    let of = ["--release", "2.0.0"];
    let before = team.records().len();
    for (who, args) in [
        ("rory", &["abandon", "--reason", "x"][..]),
        ("dana", &["sign", "development", "--all", "--yes"]),
        ("quin", &["sign", "qa", "--reject", "--reason", "late"]),
        (
            "rory",
            &["waive", "qa/qa-lead", "--reason", "late", "--until", "2h"],
        ),
    ] {
        team.run(who, &[args, &of].concat())
            .code(7)
            .warns(&["was abandoned by rory: Replaced"]);
    }
    assert_eq!(team.records().len(), before, "nothing was recorded");
    team.run("omar", &["deploy", "start", "--release", "2.0.0"])
        .code(7)
        .warns(&["was abandoned by rory: Replaced"]);
    assert_eq!(team.recorded("deploy-started").len(), 0);
}

#[test]
fn a_person_with_authority_rolls_back_by_hand() {
    // req: B12
    let team = Team::new();
    team.run("rory", &["rollback", "--yes", "--reason", "early"])
        .code(7)
        .warns(&["not deployed"]);
    team.deploy();
    team.run("omar", &["rollback", "--yes", "--reason", "mine"])
        .code(7)
        .warns(&["omar", "release-manager", "Rory Chen"]);
    team.run(
        "rory",
        &["rollback", "--yes", "--as", "developer", "--reason", "mine"],
    )
    .code(7);
    assert_eq!(team.recorded("rollback-claimed").len(), 0);
    team.run(
        "rory",
        &["rollback", "--yes", "--reason", "Customers complain"],
    )
    .code(5);
    let claimed = team.recorded("rollback-claimed");
    assert_eq!(claimed[0]["cause"]["reason"], "Customers complain");
}

#[test]
fn a_rollback_that_fails_is_tried_again_and_then_stuck_until_a_person_comes() {
    let team = Team::new();
    let good = team.read("back.sh");
    team.deploy();
    team.script("#!/bin/sh\necho ran >>live/runs\necho no space >&2\nexit 3\n");
    team.remove("live/home");
    team.run("omar", &["verify", "--all", "--yes"])
        .code(6)
        .says(&["STUCK", "relgate rollback"]);
    assert_eq!(team.read("live/runs"), "ran\nran\n");
    assert_eq!(team.recorded("attempt-ended").len(), 2);
    assert_eq!(team.recorded("rollback-stuck").len(), 1);
    assert_eq!(team.standing()["standing"], "stuck");
    team.run("rory", &["watch", "--release", "2.0.0"]).code(6);
    team.run("rory", &["check", "--release", "2.0.0"]).no_pass();
    assert_eq!(team.recorded("attempt-ended").len(), 2);
    team.script(&good);
    team.run(
        "omar",
        &[
            "rollback",
            "--yes",
            "--reason",
            "mended",
            "--release",
            "2.0.0",
        ],
    )
    .code(7);
    team.run(
        "rory",
        &[
            "rollback",
            "--yes",
            "--reason",
            "mended",
            "--release",
            "2.0.0",
        ],
    )
    .code(5);
    assert_eq!(team.recorded("rolled-back")[0]["attempt"], 3);
}

#[test]
fn nothing_is_rolled_back_before_its_checks_pass() {
    // req: B10
    let team = Team::new();
    team.deploy();
    // The plan succeeds, and the shop stays broken.
    team.script("#!/bin/sh\necho ran >>live/runs\n");
    team.remove("live/home");
    let verify = team.run("omar", &["verify", "--all", "--yes"]).code(6);
    assert!(!verify.stdout.contains("can go home"), "{verify}");
    assert_eq!(team.recorded("rolled-back").len(), 0);
    team.run("rory", &["log", "--release", "2.0.0"])
        .code(0)
        .says(&["home-after"]);
}

#[test]
fn a_step_that_never_ends_is_ended() {
    let team = Team::new();
    team.edit(NOTES, "timeout: 20s", "timeout: 1s");
    team.edit(NOTES, "attempts: 2", "attempts: 1");
    team.deploy();
    team.script("#!/bin/sh\nsleep 600 & echo $! >live/child\ntrap '' TERM\nwait\nsleep 600\n");
    team.remove("live/home");
    team.run("omar", &["verify", "--all", "--yes"]).code(6);
    assert_eq!(
        team.recorded("step-ended")[0]["outcome"]["how"],
        "timed-out"
    );
    let child: i32 = team.read("live/child").trim().parse().expect("a pid");
    let child = rustix::process::Pid::from_raw(child).expect("a pid");
    let gone = rustix::process::test_kill_process(child);
    assert_eq!(gone, Err(rustix::io::Errno::SRCH), "the step's child lives");
}

#[test]
fn a_plan_that_could_not_run_is_no_go_long_before() {
    // req: A18, req: B2
    let team = Team::new();
    team.edit(NOTES, "argv: [./back.sh]", "argv: [./forth.sh]");
    team.run("rory", &["check"])
        .code(1)
        .says(&["old-version", "forth.sh"]);
    let team = Team::new();
    team.deploy();
    team.remove("back.sh");
    let open = ["incident", "open", "--title", "x", "--priority", "critical"];
    team.run("omar", &open)
        .code(7)
        .warns(&["old-version", "back.sh"]);
}

#[test]
fn a_watch_with_nothing_to_watch_says_so() {
    let team = Team::new();
    team.run("rory", &["watch"])
        .code(0)
        .says(&["nothing of 2.0.0 needs watching"]);
    team.deploy();
    team.run("rory", &["watch"]).code(0);
}

#[test]
fn two_windows_go_back_together() {
    let team = Team::new();
    team.deploy();
    team.remove("live/home");
    team.remove("live/search");
    team.run("omar", &["verify", "--all", "--yes"]).code(5);
    let opened = team.recorded("incident-opened");
    assert_eq!(opened.len(), 2);
    let absorbed = team.recorded("rollback-claimed")[0]["absorbs"].clone();
    assert_eq!(absorbed, serde_json::json!(["I1", "I2"]));
    assert_eq!(team.read("live/runs").lines().count(), 1);
}
