//! Deployments that nobody with authority recorded: incidents and rollback work on them, the rest waits for a confirmation.

use std::fs;

use serde_json::json;

use crate::signing::SIGNERS;
use crate::team::Team;

const VERIFY: [&str; 4] = ["verify", "--all", "--yes", "--no-watch"];
const CONFIRM: [&str; 4] = ["deploy", "confirm", "--reason", "seen in production"];
const SAYS: [&str; 2] = ["the deployment of production", "is disputed"];

/// A team whose release quin deployed by hand, who may not.
fn deployed_by_quin() -> Team {
    let team = Team::signed();
    team.sign_all();
    team.run("rory", &["check"]).code(0);
    let go = team.record_files("checked").pop().expect("a check");
    let go = go
        .file_stem()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let go = go.rsplit_once('-').expect("an id").1;
    for (kind, body) in [
        ("deploy-started", json!({"stage": "production", "go": go})),
        ("deploy-done", json!({"stage": "production"})),
    ] {
        let record = json!({"by": "quin", "kind": kind, "body": body});
        team.forge(record, Some("keys/quin"));
    }
    team.write("live/version", "2.0.0\n");
    team
}

#[test]
fn a_deployment_by_somebody_without_authority_waits_for_a_confirmation() {
    let team = deployed_by_quin();
    let next = "relgate deploy confirm --stage production --reason TEXT";
    team.run("omar", &VERIFY)
        .code(7)
        .warns(&["is disputed", next]);
    team.run("rory", &["check"])
        .code(1)
        .says(&["it is disputed", next]);
    team.run("rory", &["status"]).code(0).says(&SAYS);
    team.run("rory", &["ledger", "verify"]).code(0).says(&SAYS);
    team.run("rory", &["close"])
        .code(1)
        .says(&["it is disputed"]);
    // Who has no authority confirms nothing, and nobody confirms by hand what is another record.
    team.run("quin", &CONFIRM).code(7).warns(&["operations"]);
    let before = team.records().len();
    team.run("omar", &CONFIRM).code(0).says(&["is confirmed"]);
    assert_eq!(team.records().len(), before + 1);
    team.run("omar", &VERIFY).code(0);
    team.run("omar", &CONFIRM)
        .code(7)
        .warns(&["nobody disputes"]);
    let confirmed = &team.recorded("deploy-confirmed")[0];
    assert_eq!(confirmed["reason"], "seen in production");
}

#[test]
fn incidents_and_the_rollback_work_on_a_disputed_deployment() {
    let team = deployed_by_quin();
    team.open_incident("down", "lower");
    team.run("rory", &["rollback", "--yes", "--reason", "down"])
        .code(5);
    assert_eq!(team.read("live/version"), "1.0.0\n");
}

#[test]
fn a_deployment_by_a_key_that_was_revoked_since_waits_for_a_confirmation() {
    let team = Team::signed();
    team.deploy();
    let old = team.read("keys/omar.pub");
    team.write(".relgate/revoked_keys", old);
    fs::remove_file(team.path("keys/omar")).expect("removed");
    let key = team.new_key("keys/omar", "ed25519");
    let line = team.signer_line("omar", &key, "");
    let others = team.read(SIGNERS);
    team.write(SIGNERS, others + &line);
    team.run("omar", &VERIFY)
        .code(7)
        .warns(&["is disputed", "is revoked"]);
    // A confirmation that nobody signed, or that is signed by the revoked key, is none.
    let record = team.record_files("deploy-done").pop().expect("a record");
    let record = record
        .file_stem()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let record = record.rsplit_once('-').expect("an id").1;
    let body =
        json!({"stage": "production", "record": record, "role": "operations", "reason": "x"});
    let forged = json!({"by": "omar", "kind": "deploy-confirmed", "body": body});
    team.forge(forged.clone(), None);
    team.run("omar", &VERIFY).code(7);
    team.run("omar", &CONFIRM).code(0);
    team.run("omar", &VERIFY).code(0);
    team.run("rory", &["check", "--phase", "closure"]);
}
