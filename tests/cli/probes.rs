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

#[test]
fn what_a_step_of_a_rollback_prints_keeps_its_secrets() {
    let team = Team::new();
    // One that a probe refers to, one of the step's own, one that is inherited; printed in pieces and in another form.
    let search = "command: { argv: [test, -f, live/search], expect: { exit: 0 } }";
    let asks =
        "command: { argv: [grep, -q, '${file:live/token}', live/search], expect: { exit: 0 } }";
    team.edit(NOTES, search, asks);
    team.write("live/token", "s3ss10n-0f-quin\n");
    let env = "argv: [./back.sh]\n      env: { SWITCH_TOKEN: s3ss10n-0f-the-switch }";
    team.edit(NOTES, "argv: [./back.sh]", env);
    let loud = "set -eu
printf 's3ss10n'; sleep 0.2; printf -- '-0f-quin is the session\\n'
echo \"the switch: $SWITCH_TOKEN\" >&2
echo \"inherited: $SHOP_PASSWORD\"
printf '%s' \"$SHOP_PASSWORD\" | base64
echo nothing else is hidden";
    let script = team.read("back.sh").replace("set -eu", loud);
    team.script(&script);
    team.deploy();
    let rollback = ["rollback", "--yes", "--reason", "a try"];
    let mut command = team.command("rory", &rollback);
    command.env("SHOP_PASSWORD", "s3ss10n-0f-the-shop");
    let ended = crate::run::Ended::of(&mut command).code(5);
    let output = team.read("releases/2.0.0/ledger/output/attempt-1-1-old-version.log");
    let expected =
        "*** is the session\nthe switch: ***\ninherited: ***\n***\nnothing else is hidden\n";
    assert!(
        output.replace("***==", "***").starts_with(expected),
        "{output}"
    );
    let status = team.run("rory", &["status"]);
    let log = team.run("rory", &["log"]);
    for shown in [&ended, &status, &log] {
        assert!(
            !shown.stdout.contains("s3ss10n") && !shown.stderr.contains("s3ss10n"),
            "{shown}"
        );
    }
    assert!(
        team.recorded("step-ended")[0]["tail"]
            .to_string()
            .contains("inherited: ***")
    );
    for (path, bytes) in team.files() {
        let text = String::from_utf8_lossy(&bytes);
        // What the notes say in clear was pinned as they say it.
        let pinned = text.replace("s3ss10n-0f-the-switch", "");
        let is_ours = path.starts_with(team.path("back.sh"));
        assert!(
            is_ours || !pinned.contains("s3ss10n"),
            "{}: {text}",
            path.display()
        );
    }
}
