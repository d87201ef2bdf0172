//! Probes as a team writes them: needs and captures, parts of a plan, secrets that stay secret.

use crate::team::{NOTES, Team};

/// A plan in which the search needs a session, which is a secret.
fn team_with_a_session() -> Team {
    let team = Team::new();
    let plan = "    - id: session
      tags: [smoke]
      command: { argv: [cat, live/session], expect: { exit: 0, json: [{ path: $.user, equals: quin }] } }
      capture: { token: { json: $.token } }
      priority: critical
    - id: home-page
      tags: [smoke]
      command: { argv: [test, -f, live/home], expect: { exit: 0 } }
      priority: critical
    - id: search
      needs: [session]
      command: { argv: [grep, -c, '${capture:token}', live/search], expect: { exit: 0, stdout: { equals: '1' } } }
      priority: lower
    - id: banner
      tags: [looks]
      advisory: true
      command: { argv: [test, -f, live/home], expect: { exit: 0 } }
";
    team.cut(NOTES, "    - id: home-page", "\nrollback:", plan);
    team.write(
        "live/session",
        r#"{"user": "quin", "token": "s3ss10n-0f-quin"}"#,
    );
    team.write("live/search", "found by s3ss10n-0f-quin\n");
    team
}

fn verify(team: &Team, more: &[&str]) -> crate::run::Ended {
    let args = [&["verify", "--all", "--yes", "--no-watch"], more].concat();
    team.run("omar", &args)
}

fn keeps_the_secret(team: &Team) {
    for (path, bytes) in team.files() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("s3ss10n"), "{}: {text}", path.display());
    }
}

#[test]
fn a_journey_is_verified_and_its_secret_is_kept() {
    // req: A9
    let team = team_with_a_session();
    team.run("rory", &["lint"]).code(0);
    team.deploy();
    let verified = verify(&team, &["--format", "json"]).code(0);
    assert!(!verified.stdout.contains("s3ss10n") && !verified.stderr.contains("s3ss10n"));
    assert!(
        verified.stdout.contains("capture token"),
        "{}",
        verified.stdout
    );
    keeps_the_secret(&team);
}

#[test]
fn a_secret_is_kept_where_probes_fail_too() {
    let team = team_with_a_session();
    team.edit(
        NOTES,
        "stdout: { equals: '1' }",
        "stdout: { matches: no more }",
    );
    team.edit(NOTES, "[grep, -c, ", "[grep, ");
    team.deploy();
    let failed = verify(&team, &[]).code(1).says(&["search", "found by ***"]);
    assert!(!failed.stdout.contains("s3ss10n") && !failed.stderr.contains("s3ss10n"));
    keeps_the_secret(&team);
    let resolved = team.run("omar", &["incident", "resolve", "I1"]).code(1);
    assert!(!resolved.stdout.contains("s3ss10n") && !resolved.stderr.contains("s3ss10n"));
    keeps_the_secret(&team);
}

#[test]
fn an_incident_of_a_probe_that_needs_another_is_resolved_on_evidence() {
    // req: A4
    let team = team_with_a_session();
    team.deploy();
    team.write("live/search", "nothing\n");
    verify(&team, &[]).code(1).says(&["search"]);
    team.run("omar", &["incident", "resolve", "I1"]).code(1);
    team.write(
        "live/session",
        r#"{"user": "nobody", "token": "s3ss10n-0f-quin"}"#,
    );
    team.write("live/search", "found by s3ss10n-0f-quin\n");
    team.run("omar", &["incident", "resolve", "I1"])
        .code(4)
        .warns(&["it needs \"session\", which did not pass"]);
    team.write(
        "live/session",
        r#"{"user": "quin", "token": "s3ss10n-0f-quin"}"#,
    );
    team.run("omar", &["incident", "resolve", "I1"]).code(0);
}

#[test]
fn a_part_of_the_plan_never_verifies_the_release() {
    // req: A9
    let team = team_with_a_session();
    team.deploy();
    verify(&team, &["--only", "smoke"]).code(4).says(&[
        "INCONCLUSIVE",
        "left out",
        "search",
        "banner",
    ]);
    let told = verify(&team, &["--skip", "session", "--format", "json"])
        .code(4)
        .json()["result"]
        .clone();
    assert_eq!(told["skipped"], serde_json::json!(["session", "search"]));
    assert_eq!(told["conclusion"], "inconclusive");
    let recorded = team.recorded("verification");
    assert_eq!(recorded.len(), 2);
    assert_eq!(recorded[0]["verdict"], "inconclusive");
    assert_eq!(
        recorded[0]["skipped"],
        serde_json::json!(["search", "banner"])
    );
    assert_eq!(team.standing()["standing"], "deployed");
    for format in ["markdown", "junit", "tap", "github"] {
        verify(&team, &["--only", "search", "--format", format])
            .code(4)
            .says(&["home-page"]);
    }
    // What decides nothing may be left out, and it is said all the same.
    verify(&team, &["--skip", "looks"])
        .code(0)
        .says(&["1 advisory probe left out", "banner"]);
}

#[test]
fn a_part_that_fails_is_a_failure() {
    let team = team_with_a_session();
    team.deploy();
    team.remove("live/home");
    verify(&team, &["--only", "home-page"]).code(1);
    assert_eq!(team.recorded("incident-opened").len(), 1);
}

#[test]
fn a_part_that_is_not_there_is_refused_before_anything_is_done() {
    let team = team_with_a_session();
    team.deploy();
    let before = team.files();
    verify(&team, &["--only", "smoek"]).code(3).warns(&[
        "no probe has the id or tag \"smoek\"",
        "did you mean \"smoke\"?",
    ]);
    verify(
        &team,
        &["--only", "smoke", "--skip", "smoke", "--skip", "session"],
    )
    .code(3)
    .warns(&["every probe is left out"]);
    verify(&team, &["--skip", ""]).code(2);
    assert!(team.files() == before, "nothing was written");
}
