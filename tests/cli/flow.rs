//! Sign-offs, go and no-go, the deployment, its verification, the end: every step with its exit code.

use crate::team::{NOTES, Team};

const BASE: &str = ".relgate/checklists/standard.yaml";

#[test]
fn a_release_goes_from_notes_to_close() {
    // req: B3, req: B4, req: C6, req: D6, req: E10
    let team = Team::new();
    team.run("rory", &["lint"]).code(0);
    team.run("rory", &["check"]).code(1).says(&[
        "NO-GO",
        "development/developer",
        "Dana Okafor",
        "relgate sign development --as developer --release 2.0.0",
    ]);
    team.deploy();
    team.run("omar", &["verify", "--all", "--yes"])
        .code(0)
        .says(&["2.0.0", "home-page", "search"]);
    team.run("rory", &["close"])
        .code(1)
        .says(&["deployment/operations", "closure/release-manager"]);
    team.run("omar", &["sign", "--all", "--yes"]).code(0);
    team.run("rory", &["sign", "--all", "--yes"]).code(0);
    team.run("rory", &["check", "--phase", "closure"]).code(0);
    team.run("dana", &["close"])
        .code(7)
        .warns(&["release-manager"]);
    team.run("rory", &["close"]).code(0);
    assert_eq!(team.standing()["standing"], "closed");
    let told = team.run("rory", &["log"]).code(0);
    told.says(&["signed development as developer", "dana", "closed"]);
    team.run("rory", &["ledger", "verify"]).code(0);
    let after: [(&str, &[&str]); 5] = [
        ("dana", &["sign", "development", "--all", "--yes"]),
        ("omar", &["deploy", "start"]),
        ("omar", &["verify", "--all", "--yes"]),
        ("rory", &["rollback", "--yes", "--reason", "late"]),
        (
            "omar",
            &[
                "incident",
                "open",
                "--title",
                "late",
                "--priority",
                "critical",
            ],
        ),
    ];
    for (by, args) in after {
        let args = [args, &["--release", "2.0.0"]].concat();
        team.run(by, &args).code(7).silent().warns(&["closed"]);
    }
}

#[test]
fn what_the_go_was_given_on_is_not_asked_for_again_at_the_close() {
    let team = Team::new();
    team.deploy();
    team.run("omar", &["verify", "--all", "--yes"]).code(0);
    // Found in production: every sign-off before the deployment is stale, and stands.
    team.edit(
        NOTES,
        "## Known issues\n",
        "## Known issues\n\n- Slow on Mondays\n",
    );
    team.run("omar", &["sign", "--all", "--yes"]).code(0);
    team.run("rory", &["sign", "--all", "--yes"]).code(0);
    team.run("rory", &["check"]).code(1).says(&["stale"]);
    let stood = "it stood in the go of the deployment of production";
    team.run("rory", &["check", "--phase", "closure"]).code(0);
    // What was said later counts.
    team.run(
        "quin",
        &["sign", "qa", "--reject", "--reason", "It was not tested"],
    )
    .code(0);
    team.run("rory", &["close"])
        .code(1)
        .says(&["It was not tested"]);
    let json = team.run("rory", &["close", "--format", "json"]).code(1);
    assert!(json.stdout.contains(stood), "{json}");
}

#[test]
fn a_release_that_was_rolled_back_is_closed_by_its_closure_gates() {
    let team = Team::new();
    team.deploy();
    team.remove("live/home");
    team.run("omar", &["verify", "--all", "--yes"]).code(5);
    let of = ["--release", "2.0.0"];
    let close = || team.run("rory", &[&["close"][..], &of].concat());
    let unmet = close().code(1);
    unmet.says(&["closure/release-manager"]);
    team.run(
        "rory",
        &[&["sign", "closure", "--all", "--yes"][..], &of].concat(),
    )
    .code(0);
    team.write("releases/2.0.0/documents/rca.md", "The page was removed.\n");
    let owed = team.run("dana", &["due", "--format", "json"]).json();
    for one in owed["result"]["obligations"].as_array().expect("a list") {
        let id = one["id"].as_str().expect("an id");
        let who = one["title"].as_str().map(|title| match title {
            "Find the root cause" => "dana",
            _ => "rory",
        });
        let settle = ["due", "settle", id, "--how", "done", "--release", "2.0.0"];
        team.run(who.expect("a title"), &settle).code(0);
    }
    close().code(0);
    assert_eq!(team.recorded("closed").len(), 1);
}

#[test]
fn hand_offs_are_signed_in_order() {
    // req: B4
    let team = Team::new();
    team.run("quin", &["sign", "qa", "--all", "--yes"])
        .code(7)
        .warns(&["waits for development"]);
    team.run("quin", &["sign", "development", "--all", "--yes"])
        .code(7)
        .warns(&[
            "quin holds no role that signs the gate development",
            "developer",
        ]);
    team.run(
        "dana",
        &["sign", "development", "--as", "qa-lead", "--all", "--yes"],
    )
    .code(7);
    team.run("dana", &["sign", "--all", "--yes"]).code(0);
    team.run("dana", &["sign", "development", "--all", "--yes"])
        .code(7)
        .warns(&["already"]);
    team.run("omar", &["deploy", "start"])
        .code(1)
        .says(&["NO-GO"]);
    team.run("omar", &["deploy", "done"]).code(7);
    team.run("omar", &["verify", "--all", "--yes"]).code(7);
    team.run("dana", &["deploy", "start"])
        .code(7)
        .warns(&["operations"]);
    assert_eq!(team.recorded("signed-off").len(), 1);
}

#[test]
fn nobody_signs_what_evidence_speaks_against() {
    let team = Team::new();
    team.run("dana", &["sign", "--all", "--yes"]).code(0);
    team.remove("live/home");
    team.run("quin", &["sign", "qa", "--all", "--yes"])
        .code(7)
        .warns(&["old-shop-up"]);
    team.run("rory", &["check", "qa"])
        .code(1)
        .says(&["qa/old-shop-up"]);
    team.write("live/home", "");
    team.run("quin", &["sign", "qa", "--all", "--yes"]).code(0);
}

#[test]
fn evidence_that_cannot_be_asked_is_inconclusive() {
    let team = Team::new();
    team.write("ask.sh", "#!/bin/sh\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(team.path("ask.sh"), mode).expect("it may be executed");
    team.edit(BASE, "argv: [test, -f, live/home]", "argv: [./ask.sh]");
    team.sign_all();
    team.remove("ask.sh");
    let check = team.run("rory", &["check"]);
    check.code(4).says(&["qa/old-shop-up"]);
    team.run("omar", &["deploy", "start"]).code(4);
    assert_eq!(team.recorded("deploy-started").len(), 0);
}

#[test]
fn a_rejection_is_a_no_with_its_reason() {
    let team = Team::new();
    team.run(
        "dana",
        &[
            "sign",
            "development",
            "--reject",
            "--reason",
            "The build is red",
        ],
    )
    .code(0);
    team.run("rory", &["check"])
        .code(1)
        .says(&["rejected", "The build is red"]);
    team.run("quin", &["sign", "qa", "--all", "--yes"]).code(7);
    team.run(
        "quin",
        &["sign", "development", "--reject", "--reason", "me too"],
    )
    .code(7);
    team.run("dana", &["sign", "development", "--all", "--yes"])
        .code(0);
    team.run("rory", &["check", "development"]).code(0);
}

#[test]
fn a_sign_off_is_stale_once_the_notes_change_and_says_what_did() {
    let team = Team::new();
    team.sign_all();
    team.edit(
        NOTES,
        "Customers can keep things",
        "Customers can hoard things",
    );
    team.run("rory", &["check"])
        .code(1)
        .says(&["stale", "summary"]);
    team.run("omar", &["deploy", "start"]).code(1);
    team.sign_all();
    team.edit(BASE, "All changes are merged", "Most changes are merged");
    team.run("rory", &["check"])
        .code(1)
        .says(&["stale", "gate"]);
    team.edit(BASE, "Most changes are merged", "All changes are merged");
    team.run("rory", &["check"]).code(0);
    // A remark is no change.
    team.edit(NOTES, "deployment:\n", "# what comes now\ndeployment:\n");
    team.run("rory", &["check"]).code(0);
}

#[test]
fn a_go_is_given_within_its_hours_and_for_as_long_as_it_holds() {
    // req: B5
    let team = Team::new();
    let now = team.in_hours(1);
    let later = team.in_hours(30);
    team.edit(
        BASE,
        "title: Go or no-go\n",
        "title: Go or no-go\n    within: 24h\n",
    );
    team.edit(NOTES, &now_of(&team), &later);
    team.run("dana", &["sign", "--all", "--yes"]).code(0);
    team.run("quin", &["sign", "--all", "--yes"]).code(0);
    team.run("quin", &["sign", "go-no-go", "--all", "--yes"])
        .code(7)
        .warns(&["it can be signed from"]);
    team.run("rory", &["check"]).code(1);
    team.edit(NOTES, &later, &now);
    team.sign_all();

    let team = Team::new();
    team.edit(
        BASE,
        "title: Go or no-go\n",
        "title: Go or no-go\n    valid_for: 1s\n",
    );
    for by in ["dana", "quin", "dana", "rory"] {
        team.run(by, &["sign", "--all", "--yes"]).code(0);
    }
    crate::run::until("the sign-offs have run out", || {
        let check = team.run("rory", &["check"]);
        check.stdout.contains("expired")
    });
    team.run("omar", &["deploy", "start"])
        .code(1)
        .says(&["expired"]);
}

/// The time of the deployment in the notes.
fn now_of(team: &Team) -> String {
    let notes = team.read(NOTES);
    let line = notes.lines().find_map(|it| it.strip_prefix("deploy_at: "));
    line.expect("a time").to_owned()
}

#[test]
fn a_deployment_that_is_not_as_written_opens_no_window() {
    // req: A6, req: A8
    let team = Team::new();
    team.deploy();
    team.write("live/version", "1.0.0\n");
    team.remove("live/home");
    team.run("omar", &["verify", "--all", "--yes"])
        .code(1)
        .says(&["version-live", "Omar Haddad"]);
    assert_eq!(team.recorded("incident-opened").len(), 0);
    assert_eq!(team.recorded("verification").len(), 0);
    let json = team.run("omar", &["verify", "--all", "--yes", "--format", "json"]);
    let result = json.code(1).json()["result"].clone();
    assert_eq!(result["conclusion"], "deployment-incomplete");
    assert_eq!(result["checklist_failures"][0]["probe"], "version-live");
    // Mended by the deployment team, it goes on; nothing was rolled back.
    team.write("live/version", "2.0.0\n");
    team.write("live/home", "");
    team.run("omar", &["verify", "--all", "--yes"]).code(0);
    assert_eq!(team.recorded("rollback-claimed").len(), 0);
}

#[test]
fn the_checklist_is_verified_twice_and_production_only_then() {
    // req: A7, req: A9
    let team = Team::new();
    team.edit(
        "relgate.yaml",
        "  passes: 2\n",
        "  passes: 2\n  distinct_people: true\n",
    );
    team.deploy();
    team.run("omar", &["verify", "--all", "--yes"])
        .code(4)
        .says(&["another person"]);
    assert_eq!(team.recorded("checklist-pass").len(), 1);
    assert_eq!(team.recorded("verification").len(), 0);
    team.run("omar", &["verify", "--all", "--yes"]).code(4);
    assert_eq!(team.recorded("checklist-pass").len(), 1);
    team.run("dana", &["verify", "--all", "--yes"]).code(7);
    team.run("quin", &["verify", "--all", "--yes"]).code(0);
    let passes = team.records();
    let by: Vec<_> = passes
        .iter()
        .filter(|it| it["kind"] == "checklist-pass")
        .map(|it| it["by"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(by, ["omar", "quin"]);
    assert_eq!(team.recorded("verification").len(), 1);
}

#[test]
fn an_incomplete_pass_does_not_count() {
    // req: A7
    let team = Team::new();
    team.edit(
        "relgate.yaml",
        "  passes: 2\n",
        "  passes: 2\n  distinct_people: true\n",
    );
    team.deploy();
    team.run("omar", &["verify", "--all", "--yes"]).code(4);
    team.write("live/version", "1.0.0\n");
    team.run("quin", &["verify", "--all", "--yes"])
        .code(1)
        .says(&["version-live"]);
    team.write("live/version", "2.0.0\n");
    assert_eq!(team.recorded("verification").len(), 0);
    let standing = team.standing();
    assert!(
        standing["stages"][0]["checklist_passes"].as_u64() < Some(2),
        "{standing}"
    );
}

#[test]
fn a_script_that_forgets_yes_is_told_so() {
    let team = Team::new();
    team.run("dana", &["sign"])
        .code(2)
        .silent()
        .warns(&["no terminal", "relgate sign --all --yes --release 2.0.0"]);
    team.run("dana", &["sign", "--all"]).code(2).silent();
    team.deploy();
    team.run("omar", &["verify"])
        .code(2)
        .silent()
        .warns(&["--all --yes"]);
    team.run("rory", &["rollback", "--reason", "x"])
        .code(2)
        .silent()
        .warns(&["--yes"]);
    assert_eq!(team.recorded("rollback-claimed").len(), 0);
}

#[test]
fn stages_follow_each_other() {
    // req: C9, req: E4
    let team = Team::new();
    team.edit(
        NOTES,
        "  strategy: rolling\n",
        "  strategy: rolling\n  stages:\n    - { id: europe }\n    - { id: everywhere }\n",
    );
    team.sign_all();
    team.run("omar", &["deploy", "start", "--stage", "everywhere"])
        .code(7)
        .warns(&["europe"]);
    for stage in ["europe", "everywhere"] {
        team.run("omar", &["deploy", "start"])
            .code(0)
            .says(&[stage]);
        team.write("live/version", "2.0.0\n");
        team.run("omar", &["deploy", "done"]).code(0).says(&[stage]);
        team.run("omar", &["verify", "--all", "--yes"])
            .code(0)
            .says(&[stage]);
    }
}
