//! Exceptions, freezes, rules by type, and the reasoning behind an answer, from the command line.

use crate::team::{NOTES, Team};

const POLICY: &str = "relgate.yaml";
const BASE: &str = ".relgate/checklists/standard.yaml";

/// A waiver of these, for a day, as somebody.
fn waive<'a>(items: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [&["waive"], items, more].concat()
}

const ILL: [&str; 4] = ["--reason", "The tester is ill", "--until", "24h"];

#[test]
fn an_emergency_goes_out_on_waivers_and_owes_their_review() {
    // req: C8
    let team = Team::new();
    team.edit(NOTES, "type: minor", "type: emergency");
    team.run("dana", &["sign", "--all", "--yes"]).code(0);
    let items = ["qa/qa-lead", "go-no-go/developer", "go-no-go/qa-lead"];
    team.run("rory", &waive(&items, &ILL)).code(0).says(&[
        "WAIVED",
        "qa/qa-lead",
        "by: rory as release-manager",
        "reason: The tester is ill",
        "review: O1, owed by qa-lead",
    ]);
    team.run("rory", &["sign", "go-no-go", "--all", "--yes"])
        .code(0);
    // Every answer that used them says so.
    team.run("rory", &["check"]).code(0).says(&[
        "GO",
        "3 of",
        "waived",
        "stands: missing: nobody has signed",
        "The tester is ill",
    ]);
    let json = team
        .run("rory", &["check", "--format", "json"])
        .code(0)
        .json();
    let all = json["result"]["readiness"]["requirements"]
        .as_array()
        .expect("a list")
        .clone();
    let one = all.iter().find(|it| it["id"] == "qa/qa-lead").expect("it");
    assert_eq!(one["status"], "waived");
    assert_eq!(one["waiver"]["by"], "rory");
    assert_eq!(one["waiver"]["review"]["obligation"], "O1");
    let markdown = team.run("rory", &["check", "--format", "markdown"]).code(0);
    markdown.says(&["The tester is ill", "waived"]);
    team.run("omar", &["deploy", "start"])
        .code(0)
        .says(&["waived", "The tester is ill"]);
    assert_eq!(
        team.recorded("checked").last().expect("a check")["waived"][0]
            .as_str()
            .expect("text")
            .split(':')
            .next(),
        Some("qa/qa-lead")
    );
    team.write("live/version", "2.0.0\n");
    team.run("omar", &["deploy", "done"]).code(0);
    team.run("omar", &["verify", "--all", "--yes"]).code(0);
    team.run("omar", &["sign", "--all", "--yes"]).code(0);
    team.run("rory", &["sign", "--all", "--yes"]).code(0);
    // It is not complete before somebody has looked at it.
    team.run("rory", &["close"]).code(1).says(&["O1"]);
    team.run("rory", &["due", "settle", "O1", "--how", "fine"])
        .code(7);
    team.run("rory", &["due"])
        .code(0)
        .says(&["Review the waiver of qa/qa-lead"]);
    team.run(
        "quin",
        &["due", "settle", "O1", "--how", "Looked at together"],
    )
    .code(0);
    team.run("rory", &["close"]).code(0).says(&["waived"]);
    team.run("rory", &["log"])
        .code(0)
        .says(&["waived qa/qa-lead as", "go, 3 waived"]);
    team.run("rory", &["ledger", "verify"]).code(0);
}

#[test]
fn a_type_owes_its_review_once_it_is_deployed() {
    // req: C8
    let team = Team::new();
    team.edit(
        POLICY,
        "calendar:\n",
        "types:\n  minor: { review: { title: Look back, role: qa-lead, due: 24h } }\ncalendar:\n",
    );
    team.sign_all();
    team.run("omar", &["deploy", "start"]).code(0);
    team.run("rory", &["due"]).code(0).says(&["Look back"]);
}

#[test]
fn a_waiver_that_is_malformed_or_nobodys_to_make_changes_nothing() {
    let team = Team::new();
    let reason = ["--reason", "The tester is ill"];
    for until in [
        "",
        " ",
        "never",
        "2026-13-40",
        "48",
        "0s",
        "2020-01-01",
        "9999999999d",
    ] {
        let args = [&waive(&["qa/qa-lead"], &reason)[..], &["--until", until]].concat();
        team.run("rory", &args).code(2).silent();
    }
    for args in [
        &["waive"][..],
        &["waive", "qa/qa-lead"],
        &["waive", "qa/qa-lead", "--until", "1d"],
        &["waive", "qa/qa-lead", "--reason", "x"],
        &["waive", "qa/qa-lead", "--reason", "", "--until", "1d"],
        &["waive", "qa/qa-lead", "--reason", "  ", "--until", "1d"],
        &["waive", "", "--reason", "x", "--until", "1d"],
        &["waive", "qa/qa-lead", "--withdraw", "--reason", "x"],
    ] {
        team.run("rory", args).code(2).silent();
    }
    let two_weeks = ["--reason", "x", "--until", "2w"];
    team.run("rory", &waive(&["qa/qa-lead"], &two_weeks))
        .code(7)
        .warns(&["--until 2d"]);
    team.run("dana", &waive(&["qa/qa-lead"], &ILL))
        .code(7)
        .warns(&["ask Rory Chen"]);
    team.run("rory", &waive(&["qa/qa-led"], &ILL))
        .code(3)
        .warns(&["did you mean \"qa/qa-lead\"?"]);
    team.run("rory", &waive(&["go-no-go/release-manager"], &ILL))
        .code(7)
        .warns(&["can sign it"]);
    team.run(
        "rory",
        &waive(
            &["qa/qa-lead"],
            &[&ILL[..], &["--as", "operations"]].concat(),
        ),
    )
    .code(7);
    team.run("rory", &["waive", "qa/qa-lead", "--withdraw"])
        .code(7)
        .warns(&["is not waived"]);
    team.edit(POLICY, "  waive: [release-manager]\n", "");
    team.run("rory", &waive(&["qa/qa-lead"], &ILL))
        .code(7)
        .warns(&["gives nobody the authority"]);
    assert_eq!(team.recorded("waived").len(), 0);
}

#[test]
fn a_waiver_ends_by_withdrawal_and_by_a_change() {
    let team = Team::new();
    team.sign_all();
    team.remove("live/home");
    team.run("rory", &["check"])
        .code(1)
        .says(&["qa/old-shop-up"]);
    team.run("rory", &waive(&["qa/old-shop-up"], &ILL)).code(0);
    team.run("rory", &["check"]).code(0).says(&["waived"]);
    team.edit(
        BASE,
        "The shop is up before anything changes",
        "The shop is up",
    );
    team.run("rory", &["check", "qa"])
        .code(1)
        .says(&["what it waived has changed since"]);
    team.edit(
        BASE,
        "The shop is up",
        "The shop is up before anything changes",
    );
    team.run("rory", &["check"]).code(0);
    team.run("rory", &["waive", "qa/old-shop-up", "--withdraw"])
        .code(0);
    team.run("rory", &["check"])
        .code(1)
        .says(&["rory withdrew it"]);
    // With the item waived, the gate can be signed although its probe fails.
    let team = Team::new();
    team.run("dana", &["sign", "--all", "--yes"]).code(0);
    team.remove("live/home");
    team.run("quin", &["sign", "qa", "--all", "--yes"]).code(7);
    team.run("rory", &waive(&["qa/old-shop-up"], &ILL)).code(0);
    team.run("quin", &["sign", "qa", "--all", "--yes"]).code(0);
}

#[test]
fn a_freeze_holds_a_deployment_until_somebody_answers_for_it() {
    // req: B6
    let team = Team::new();
    team.sign_all();
    team.edit(
        POLICY,
        "  time_zone: UTC\n",
        "  time_zone: UTC\n  freezes: [{ id: audit, title: The audit, from: 2020-01-01, to: 2200-01-01 }]\n",
    );
    team.run("rory", &["check"]).code(1).says(&[
        "calendar",
        "is closed: the freeze \"The audit\"; nothing opens within two years",
    ]);
    team.run("omar", &["deploy", "start"])
        .code(1)
        .says(&["The audit"]);
    team.run("omar", &waive(&["calendar"], &ILL)).code(7);
    team.run("rory", &waive(&["calendar"], &ILL)).code(0);
    team.run("rory", &["check"])
        .code(0)
        .says(&["The audit", "The tester is ill"]);
    team.edit(
        POLICY,
        "  waive: [release-manager]\n",
        "  waive: [release-manager]\n  override_freeze: [operations]\n",
    );
    team.run("rory", &["check"])
        .code(1)
        .says(&["no authority for \"override_freeze\""]);
    team.run("rory", &waive(&["calendar"], &ILL)).code(7);
    team.run("omar", &waive(&["calendar"], &ILL)).code(0);
    team.run("omar", &["deploy", "start"]).code(0);
}

#[test]
fn the_reasoning_behind_every_requirement_can_be_asked_for() {
    let team = Team::new();
    team.sign_all();
    team.edit(
        NOTES,
        "Customers can keep things",
        "Customers can hoard things",
    );
    team.run("rory", &["check", "--explain", "development/developer"])
        .code(1)
        .says(&[
            "STALE",
            "Development hands over: signed by developer",
            ".relgate/checklists/standard.yaml:2:",
            "dana signed",
            "does not count",
            "summary was \"Customers can keep things on a wish list.\"",
            "Dana Okafor",
            "relgate sign development --as developer",
        ]);
    let all = team.run("rory", &["check", "--format", "json"]).json();
    let all = all["result"]["readiness"]["requirements"]
        .as_array()
        .expect("a list")
        .clone();
    assert!(all.len() > 7);
    for requirement in &all {
        let id = requirement["id"].as_str().expect("an id");
        let code = if requirement["status"] == "met" { 0 } else { 1 };
        let json = team
            .run("rory", &["check", "--explain", id, "--format", "json"])
            .code(code)
            .json();
        assert_eq!(json["result"]["requirement"]["id"], id);
        assert_eq!(
            json["result"]["requirement"]["status"],
            requirement["status"]
        );
        let rule = json["result"]["rule"].as_array().expect("a list");
        assert!(!rule.is_empty(), "{id} has no rule");
        let human = team.run("rory", &["check", "--explain", id]).code(code);
        human.says(&[id]);
        team.run("rory", &["check", "--explain", id, "--format", "markdown"])
            .code(code);
    }
    let checks = team.recorded("checked").len();
    team.run("rory", &["check", "--explain", "qa/qa-led"])
        .code(3)
        .silent()
        .warns(&["did you mean \"qa/qa-lead\"?"]);
    team.run("rory", &["check", "--explain", ""]).code(2);
    team.run("rory", &["check", "qa", "--explain", "qa/qa-lead"])
        .code(2);
    assert_eq!(
        team.recorded("checked").len(),
        checks,
        "to explain is not to decide"
    );
}

#[test]
fn the_same_question_is_asked_once_however_many_items_it_answers() {
    let team = Team::new();
    let item = |id: &str| {
        format!(
            "      - id: {id}\n        title: Asked\n        probe: {{ id: {id}, command: {{ argv: [./count.sh], expect: {{ exit: 0 }} }} }}\n"
        )
    };
    team.write("count.sh", "#!/bin/sh\necho asked >>live/count\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(team.path("count.sh"), mode).expect("it may be executed");
    let old = "      - id: old-shop-up\n";
    team.edit(BASE, old, &format!("{}{}{old}", item("one"), item("two")));
    let json = team
        .run("rory", &["check", "qa", "--format", "json"])
        .code(1)
        .json();
    assert_eq!(team.read("live/count"), "asked\n");
    assert!(json["result"]["asked_at"].is_string());
    let all = json["result"]["readiness"]["requirements"]
        .as_array()
        .expect("a list")
        .clone();
    for id in ["qa/one", "qa/two"] {
        let one = all.iter().find(|it| it["id"] == id).expect("it");
        assert_eq!(one["status"], "met");
    }
}

#[test]
fn evidence_that_takes_too_long_is_unknown() {
    let team = Team::new();
    team.edit(
        POLICY,
        "calendar:\n",
        "evidence: { within: 1s }\ncalendar:\n",
    );
    team.edit(BASE, "argv: [test, -f, live/home]", "argv: [sleep, \"60\"]");
    team.run("rory", &["check", "qa", "--format", "json"])
        .code(1)
        .says(&["\"status\": \"unknown\""]);
}

#[test]
fn a_major_release_needs_what_the_policy_wants_of_one() {
    // req: B1, req: C7
    let team = Team::new();
    let rule = "types:\n  minor:\n    required: [links]\n    approvals: [{ gate: qa, role: release-manager }]\n    notice: 30d\ncalendar:\n";
    team.edit(POLICY, "calendar:\n", rule);
    team.run("rory", &["check"]).code(1).says(&[
        "links",
        "the policy demands it of a minor release",
        "qa/release-manager",
        "a minor release has 4w2d of notice",
    ]);
    team.edit(POLICY, "gate: qa,", "gate: qaa,");
    team.run("rory", &["lint"])
        .code(3)
        .says(&["did you mean \"qa\"?"]);
    team.run("rory", &["check"]).code(3).silent();
}

#[test]
fn where_signatures_are_required_a_waiver_counts_signed_alone() {
    let team = Team::signed();
    team.run("dana", &["sign", "--all", "--yes"]).code(0);
    team.run("rory", &waive(&["qa/qa-lead"], &ILL)).code(0);
    team.run("rory", &["check", "qa"]).code(0).says(&["waived"]);
    let given = team.recorded("waived")[0].clone();
    let record = |by: &str, kind: &str, body: &serde_json::Value| serde_json::json!({"by": by, "kind": kind, "body": body});
    // Nor is one taken back by whoever can write a file.
    let back = serde_json::json!({"requirement": "qa/qa-lead", "role": "release-manager"});
    team.forge(record("rory", "waiver-withdrawn", &back), None);
    team.run("rory", &["check", "qa"]).code(0);
    team.run("rory", &["waive", "qa/qa-lead", "--withdraw"])
        .code(0);
    team.run("rory", &["check", "qa"]).code(1);
    for (by, key) in [
        ("rory", None),
        ("rory", Some("keys/dana")),
        ("dana", Some("keys/dana")),
        ("relgate", None),
    ] {
        team.forge(record(by, "waived", &given), key);
        team.run("rory", &["check", "qa"]).code(1);
    }
}

#[test]
fn an_item_that_people_confirm_is_waived_by_itself() {
    let team = Team::new();
    let waive = |by: &str, until: &str| {
        let args = ["waive", "development/load-tested", "--until", until];
        team.run(
            by,
            &[&args[..], &["--reason", "no machines for it"]].concat(),
        )
    };
    team.run("rory", &["check", "--explain", "development/load-tested"])
        .code(1)
        .says(&["whoever signs the gate development confirms it: developer"]);
    waive("rory", "4h")
        .code(0)
        .says(&["development/load-tested"]);
    let sign = ["sign", "development", "--all", "--yes"];
    team.run("dana", &sign).code(0).says(&[
        "1 item",
        "not asked for: load-tested: waived by rory",
        "no machines for it",
    ]);
    let answers = team.recorded("signed-off")[0]["answers"].clone();
    assert_eq!(answers.as_array().map(Vec::len), Some(1), "{answers}");
    team.run("rory", &["check", "development"]).code(0).says(&[
        "waived",
        "development/load-tested",
        "no machines for it",
        "signed by dana",
    ]);
    team.run("rory", &["check", "--explain", "development/load-tested"])
        .code(0)
        .says(&["WAIVED"]);
    // Without the waiver nobody has confirmed it.
    team.run("rory", &["waive", "development/load-tested", "--withdraw"])
        .code(0);
    team.run("rory", &["check", "development"]).code(1).says(&[
        "dana did not confirm load-tested",
        "relgate sign development",
    ]);
    team.run("dana", &sign).code(0);
    team.run("rory", &["check", "development"]).code(0);
    waive("rory", "4h")
        .code(7)
        .warns(&["there is nothing to waive"]);
    team.run(
        "rory",
        &[
            "waive",
            "development/load-test",
            "--reason",
            "x",
            "--until",
            "1h",
        ],
    )
    .code(3)
    .warns(&["load-tested"]);
}
