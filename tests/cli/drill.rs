//! The rollback plan, tried on staging before it is needed.

use crate::team::{NOTES, Team};

const TARGET: &str = "  drill:
    env: { SITE: staging }
    verify:
      - { id: staging-back, command: { argv: [grep, -qx, 1.0.0, staging/version], expect: { exit: 0 } } }
";

/// A team whose plan can be pointed at staging.
fn team() -> Team {
    let team = Team::new();
    team.script("#!/bin/sh\nset -eu\necho \"$RELGATE_PREVIOUS\" >\"${SITE:-live}/version\"\n");
    team.edit(
        NOTES,
        "  verify_within: 3s\n",
        &format!("  verify_within: 3s\n{TARGET}"),
    );
    team.write("staging/version", "2.0.0\n");
    team.write("live/version", "still live\n");
    team
}

#[test]
fn a_drill_runs_on_staging_and_opens_the_gate() {
    // req: D9, req: C5
    let team = team();
    team.sign_all();
    team.edit(
        "relgate.yaml",
        "version: 1\n",
        "version: 1\ndrill_valid_for: 30d\n",
    );
    team.run("rory", &["check"]).code(1).says(&[
        "rollback.drill",
        "never tried",
        "rollback --drill",
    ]);
    team.run("rory", &["rollback", "--drill"])
        .code(0)
        .says(&["DRILL PASSED", "old-version"]);
    assert_eq!(team.read("staging/version"), "1.0.0\n");
    assert_eq!(team.read("live/version"), "still live\n");
    team.run("rory", &["check"]).code(0);
    assert!(team.recorded("rollback-claimed").is_empty());
    let drills = team.recorded("drilled");
    assert_eq!(drills.len(), 1);
    assert!(drills[0]["took_ms"].is_u64(), "{}", drills[0]);
    // Another plan was never tried.
    team.edit(NOTES, "timeout: 20s", "timeout: 21s");
    team.run("rory", &["check"])
        .code(1)
        .says(&["the plan has changed since the last drill"]);
}

#[test]
fn a_drill_that_fails_says_so() {
    let team = team();
    team.edit(
        "relgate.yaml",
        "version: 1\n",
        "version: 1\ndrill_valid_for: 30d\n",
    );
    team.script("#!/bin/sh\necho no such host\nexit 3\n");
    team.run("rory", &["rollback", "--drill"])
        .code(1)
        .says(&["DRILL FAILED", "no such host"]);
    team.run("rory", &["check"])
        .code(1)
        .says(&["the last drill failed"]);
}

#[test]
fn a_drill_without_a_target_of_its_own_is_refused() {
    let team = team();
    let notes = team.read(NOTES);
    team.write(NOTES, notes.replace(TARGET, ""));
    team.run("rory", &["rollback", "--drill"])
        .code(7)
        .warns(&["rollback.drill.env"]);
    assert_eq!(team.read("live/version"), "still live\n");
}
