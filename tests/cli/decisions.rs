//! Windows that wait for a person, and what the person decides.

use crate::run::until;
use crate::team::{NOTES, Team};

const VERIFY: [&str; 3] = ["verify", "--all", "--yes"];

/// A team whose home page asks for a decision when it is gone, deployed, with the home page gone and the question asked.
fn asked() -> Team {
    let team = Team::new();
    team.edit(
        NOTES,
        "      priority: critical\n",
        "      priority: decided\n",
    );
    team.deploy();
    team.remove("live/home");
    team.run("omar", &VERIFY).code(1).says(&["home-page", "I1"]);
    assert_eq!(team.standing()["standing"], "incident");
    team
}

fn decide(team: &Team, by: &str, how: &[&str]) -> crate::run::Ended {
    let reason = ["--reason", "nobody needs it tonight", "--release", "2.0.0"];
    team.run(
        by,
        &[&["incident", "decide", "I1"][..], how, &reason].concat(),
    )
}

#[test]
fn a_failure_that_is_kept_stands_in_nobodys_way_and_is_named() {
    let team = asked();
    // It takes the authority to resolve, and a reason.
    decide(&team, "dana", &["--keep"]).code(7);
    let without = ["incident", "decide", "I1", "--keep", "--release", "2.0.0"];
    team.run("omar", &without).code(2);
    decide(&team, "omar", &["--keep"]).code(0).says(&["kept"]);
    team.run("omar", &VERIFY)
        .code(0)
        .says(&["I1", "nobody needs it tonight"]);
    for (by, gate) in [("omar", "deployment"), ("rory", "closure")] {
        team.run(by, &["sign", gate, "--all", "--yes"]).code(0);
    }
    team.run("rory", &["close"]).code(0);
    team.run("rory", &["ledger", "verify", "--release", "2.0.0"])
        .code(0);
}

#[test]
fn another_failure_than_the_one_that_was_kept_opens_an_incident() {
    let team = asked();
    decide(&team, "omar", &["--keep"]).code(0);
    team.remove("live/search");
    let again = [&VERIFY[..], &["--no-watch"]].concat();
    team.run("omar", &again).code(1).says(&["I2", "search"]);
    assert_eq!(team.recorded("incident-opened").len(), 2);
}

#[test]
fn a_time_to_fix_it_is_a_window_of_its_own_that_asks_again() {
    let team = asked();
    let fix = decide(&team, "omar", &["--fix-within", "2s"]).code(0);
    fix.says(&["2s", "relgate watch"]);
    assert!(team.standing()["windows"][0]["left_ms"].as_u64() > Some(0));
    team.run("omar", &["watch"])
        .code(1)
        .says(&["WAITS FOR A PERSON"]);
    assert!(!team.path("live/runs").exists());
    // Fixed at last, it is resolved on evidence.
    team.write("live/home", "");
    team.run("quin", &["incident", "resolve", "I1"]).code(0);
    team.run("omar", &VERIFY).code(0);
}

#[test]
fn a_rollback_is_decided_by_whoever_may_roll_back_and_the_release_is_closed_as_it_is() {
    let team = asked();
    decide(&team, "omar", &["--rollback"]).code(7);
    decide(&team, "rory", &["--rollback"])
        .code(5)
        .says(&["rolled back to 1.0.0"]);
    assert_eq!(team.read("live/version"), "1.0.0\n");
    // Closure gates and what is owed are all that is asked.
    team.run(
        "rory",
        &["sign", "closure", "--all", "--yes", "--release", "2.0.0"],
    )
    .code(0);
    let owed = team.run("rory", &["due", "--format", "json"]).json();
    for one in owed["result"]["obligations"].as_array().expect("a list") {
        let id = one["id"].as_str().expect("an id");
        let document = one["document"].as_str();
        if let Some(document) = document {
            let text = team.read(document);
            team.write(document, format!("{text}\nThe cache was cold.\n"));
        }
        let by = match one["role"].as_str() {
            Some("developer") => "dana",
            _ => "omar",
        };
        let settle = [
            "due",
            "settle",
            id,
            "--how",
            "written down",
            "--release",
            "2.0.0",
        ];
        team.run(by, &settle).code(0);
    }
    team.run("rory", &["close", "--release", "2.0.0"]).code(0);
    assert_eq!(team.standing()["standing"], "closed");
}

#[test]
fn the_next_pass_over_the_checklist_says_from_when_and_by_whom_not() {
    let team = Team::new();
    team.edit(
        "relgate.yaml",
        "  passes: 2\n",
        "  passes: 2\n  apart: 1h\n  distinct_people: true\n",
    );
    team.deploy();
    let verify = [&VERIFY[..], &["--format", "json"]].concat();
    let ended = team.run("omar", &verify).code(4);
    let waiting = &ended.json()["result"]["waiting"];
    assert_eq!(waiting["not_by"], serde_json::json!(["omar"]), "{ended}");
    let from = waiting["from"].as_str().expect("a time");
    assert!(
        from.parse::<chrono::DateTime<chrono::Utc>>().is_ok(),
        "{from}"
    );
    team.run("omar", &VERIFY).code(4).says(&["omar"]);
}

#[test]
fn a_question_about_an_opening_that_was_damaged_is_answered_by_opening_it_again() {
    let team = Team::new();
    team.deploy();
    team.open_incident("Slow", "lower");
    let file = team.record_files("incident-opened")[0].clone();
    let text = std::fs::read_to_string(&file).expect("a record");
    std::fs::write(&file, &text[..text.len() / 2]).expect("cut");
    decide(&team, "omar", &["--keep"]).refuses();
    team.run("omar", &["status", "--release", "2.0.0"]).code(3);
    team.open_incident("Slow", "decided");
    until("it asks", || {
        team.run("omar", &["watch", "--for", "1s"]);
        let list = team.run("omar", &["incident", "list", "--release", "2.0.0"]);
        list.to_string().contains("expired")
    });
    decide(&team, "omar", &["--keep"]).code(0);
    // Who cannot read the ledger whole says so all the same.
    team.run("omar", &["status", "--release", "2.0.0"]).code(3);
}
