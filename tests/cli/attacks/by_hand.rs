//! Records that somebody with a key writes by hand, past the command that would have refused them.

use serde_json::json;

use super::{VERIFY, forged, row};
use crate::team::Team;

const STARTED: &str = "deploy-started";

#[test]
fn a_deployment_past_its_check() {
    let team = Team::signed();
    let nothing = json!({"stage": "production", "go": "0".repeat(64)});
    team.forge(forged("omar", STARTED, nothing), Some("keys/omar"));
    let says = ["without effect", "did not say go for the deployment"];
    row(
        "a deployment that names no go: ledger verify",
        team.run("rory", &VERIFY),
        0,
        &says,
    );
    let says = ["production was not deployed"];
    row(
        "a deployment that names no go: verify",
        team.run("omar", &["verify", "--all", "--yes"]),
        7,
        &says,
    );
}

#[test]
fn a_go_that_no_sign_off_bears_out() {
    let team = Team::signed();
    team.run("rory", &["check"]).code(1);
    let mut go = team.recorded("checked").remove(0);
    go["go"] = json!(true);
    go["unmet"] = json!([]);
    let file = team.forge(forged("omar", "checked", go), None);
    let name = file.file_stem().expect("a name").to_string_lossy();
    let id = name.rsplit_once('-').expect("an id").1;
    let started = json!({"stage": "production", "go": id});
    team.forge(forged("omar", STARTED, started), Some("keys/omar"));
    let says = [
        "it says go for the deployment of production",
        "development/developer was missing",
        "relgate check --explain development/developer",
    ];
    row(
        "a go that nobody signed for: ledger verify",
        team.run("rory", &VERIFY),
        3,
        &says,
    );
}

#[test]
fn a_go_that_was_signed_for_is_borne_out() {
    let team = Team::signed();
    team.deploy();
    let ended = team.run("rory", &VERIFY).code(0);
    assert!(!ended.stdout.contains("go"), "{}", ended.stdout);
    // Of files that were edited since, nothing is said that could be wrong.
    team.edit("relgate.yaml", "product: Shop", "product: Store");
    let ended = team.run("rory", &VERIFY).code(0);
    assert!(
        ended.stdout.contains("was not looked at"),
        "{}",
        ended.stdout
    );
}
