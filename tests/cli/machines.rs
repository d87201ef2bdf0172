//! Machines that sign what relgate records by itself: what they sign and do not, what becomes of what nobody signed, and
//! of a key that cannot be used.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::run::until;
use crate::signing::SIGNERS;
use crate::team::{NOTES, Team};

const KEY: [&str; 2] = ["--machine-key", "keys/watcher"];

/// A team whose people and whose machine sign.
fn with_machine() -> Team {
    let team = Team::signed();
    let key = team.new_key("keys/watcher", "ed25519");
    let people = team.read(SIGNERS);
    let line = format!("watcher@shop.example namespaces=\"relgate-machine\" {key}\n");
    team.write(SIGNERS, people + &line);
    team.edit(
        "relgate.yaml",
        "product: Shop\n",
        "product: Shop\nmachines: { watcher: { principal: watcher@shop.example } }\n",
    );
    team
}

/// The arguments with the machine's key.
fn keyed<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &KEY].concat()
}

const VERIFY: [&str; 4] = ["verify", "--all", "--yes", "--no-watch"];

/// A machine's incident, opened by a probe of the priority `lower` that fails.
fn failing(team: &Team, args: &[&str]) {
    team.deploy();
    team.remove("live/search");
    team.run("omar", args).code(1);
}

fn evidence_closes(team: &Team, window: &str) {
    team.edit(
        "relgate.yaml",
        "lower: { window: 1h, on_expiry: rollback }",
        &format!("lower: {{ window: {window}, on_expiry: rollback, resolved_by: evidence }}"),
    );
}

fn windows(team: &Team) -> Value {
    team.standing()["windows"].clone()
}

#[test]
fn what_relgate_records_by_itself_is_signed_from_the_incident_to_the_end_of_the_rollback() {
    let team = with_machine();
    team.run("rory", &keyed(&["lint"])).code(0);
    team.edit(NOTES, "priority: lower", "priority: critical");
    team.deploy();
    team.remove("live/search");
    team.run("omar", &keyed(&["verify", "--all", "--yes"]))
        .code(5);
    assert_eq!(team.read("live/version"), "1.0.0\n");
    let machines: Vec<Value> = team
        .records()
        .into_iter()
        .filter(|it| it["by"] == "relgate")
        .collect();
    assert!(machines.len() >= 6, "{machines:#?}");
    for record in &machines {
        assert!(record["signature"].is_string(), "{record}");
    }
    let opened = machines
        .iter()
        .find(|it| it["kind"] == "incident-opened")
        .expect("an incident");
    assert!(openssh_verifies(&team, opened));
    team.run("rory", &["ledger", "verify"]).code(0);
    team.run("rory", &["log"])
        .code(0)
        .says(&["relgate", "signed with"]);
}

/// Whether `ssh-keygen -Y verify` takes the signature of a machine's record.
fn openssh_verifies(team: &Team, record: &Value) -> bool {
    let mut payload = record.clone();
    let object = payload.as_object_mut().expect("an object");
    let signature = object.remove("signature").expect("a signature");
    team.write("live/payload", payload.to_string());
    team.write("live/signature", signature.as_str().expect("a text"));
    let status = Command::new("ssh-keygen")
        .args(["-q", "-Y", "verify", "-n", "relgate-machine"])
        .args(["-I", "watcher@shop.example", "-f"])
        .arg(team.path(SIGNERS))
        .arg("-s")
        .arg(team.path("live/signature"))
        .stdin(fs::File::open(team.path("live/payload")).expect("the payload"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.expect("ssh-keygen is there").success()
}

#[test]
fn an_opening_that_no_machine_signed_asks_for_a_decision_loudly() {
    let team = with_machine();
    team.edit(NOTES, "priority: lower", "priority: critical");
    team.deploy();
    team.remove("live/search");
    team.run("omar", &VERIFY).code(1).warns(&[
        "what relgate recorded by itself is not signed",
        "--machine-key FILE",
    ]);
    assert_eq!(windows(&team)[0]["on_expiry"], "decide");
    team.run("rory", &["status"])
        .code(0)
        .says(&["nobody signed the opening of I1"]);
    team.run("rory", &["ledger", "verify"])
        .code(0)
        .says(&["nobody signed the opening of I1"]);
    team.run("omar", &["watch"])
        .code(1)
        .says(&["nobody signed the opening of I1"]);
    assert_eq!(team.read("live/version"), "2.0.0\n");
    assert!(team.recorded("rollback-claimed").is_empty());
}

#[test]
fn a_key_that_cannot_be_used_is_said_and_the_rollback_runs() {
    let team = with_machine();
    team.edit(NOTES, "priority: lower", "priority: critical");
    team.deploy();
    team.remove("live/search");
    team.run("omar", &keyed(&VERIFY)).code(1);
    team.remove("keys/watcher");
    team.run("omar", &keyed(&["watch"])).code(5).says(&[
        "is not signed",
        "keys/watcher",
        "ssh-keygen -t ed25519",
    ]);
    assert_eq!(team.read("live/version"), "1.0.0\n");
    let claim = team.record_files("rollback-claimed").remove(0);
    let claim: Value = serde_json::from_slice(&fs::read(claim).expect("read")).expect("JSON");
    assert!(claim["signature"].is_null(), "{claim}");
    team.run("rory", &["ledger", "verify"]).code(0);
}

#[test]
fn lint_names_what_is_wrong_with_the_key_that_was_named() {
    let team = with_machine();
    let lint = |says: &[&str]| {
        team.run("rory", &keyed(&["lint"])).code(3).says(says);
    };
    let key = team.path("keys/watcher");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("set");
    lint(&["others may read it", "chmod 600"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("set");
    let encrypted = Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", "a passphrase", "-f"])
        .arg(&key)
        .stdout(Stdio::null())
        .status();
    assert!(encrypted.expect("ssh-keygen").success());
    lint(&["protected by a passphrase", "ssh-keygen -t ed25519 -N ''"]);
    team.remove("keys/watcher");
    team.new_key("keys/watcher", "ecdsa-256");
    lint(&["it is no Ed25519 key"]);
    team.remove("keys/watcher");
    team.new_key("keys/watcher", "ed25519");
    lint(&["would not count", "not in .relgate/allowed_signers"]);
    team.remove("keys/watcher");
    lint(&["No such file", "ssh-keygen -t ed25519"]);
}

/// A record by hand, signed with `key` for machines.
fn forge_as_machine(team: &Team, kind: &str, by: &str, body: Value, key: &str) {
    team.forge_in(
        json!({"by": by, "kind": kind, "body": body}),
        Some((key, "relgate-machine")),
    );
}

#[test]
fn a_machine_s_key_signs_nothing_that_people_decide() {
    let team = with_machine();
    team.sign_all();
    team.run("omar", &["deploy", "start"]).code(0);
    let go = "0".repeat(64);
    let rows = [
        ("deploy-done", json!({"stage": "production"})),
        (
            "abandoned",
            json!({"role": "release-manager", "reason": "x"}),
        ),
        ("closed", json!({"check": go})),
        (
            "deploy-failed",
            json!({"stage": "production", "role": "operations", "reason": "x"}),
        ),
    ];
    for (kind, body) in rows {
        for by in ["relgate", "rory", "omar"] {
            let before = team.standing();
            forge_as_machine(&team, kind, by, body.clone(), "keys/watcher");
            assert_eq!(team.standing()["stages"], before["stages"], "{kind} {by}");
            team.run("rory", &["ledger", "verify"])
                .code(3)
                .says(&["does not count"]);
            let last = team.record_files(kind).pop().expect("the record");
            fs::remove_file(last).expect("removed");
        }
    }
}

#[test]
fn what_a_stranger_s_key_signs_for_a_machine_is_unsigned() {
    let team = with_machine();
    evidence_closes(&team, "1h");
    team.new_key("keys/stranger", "ed25519");
    failing(&team, &keyed(&VERIFY));
    assert_eq!(windows(&team)[0]["on_expiry"], "rollback");
    let resolved = json!({"incident": "I1", "evidence": [{
        "probe": "search", "verdict": "pass", "attempts": [],
    }]});
    for key in ["keys/stranger", "keys/dana"] {
        forge_as_machine(&team, "incident-resolved", "relgate", resolved.clone(), key);
        assert_eq!(windows(&team)[0]["incident"], "I1", "{key}");
    }
    team.run("rory", &["ledger", "verify"])
        .code(3)
        .says(&["nobody signed it"]);
}

#[test]
fn evidence_that_a_machine_signed_closes_a_window_for_everybody() {
    let team = with_machine();
    evidence_closes(&team, "1h");
    team.deploy();
    team.remove("live/search");
    let verify = team.start("omar", &keyed(&["verify", "--all", "--yes"]));
    until("its window is open", || {
        team.recorded("incident-opened").len() == 1
    });
    team.write("live/search", "");
    verify.end().code(0);
    assert_eq!(windows(&team), json!([]));
    assert_eq!(team.recorded("incident-resolved").len(), 1);
}

#[test]
fn evidence_that_nobody_signed_is_requested_again_by_whoever_acts_on_it() {
    for mended in [true, false] {
        let team = Team::signed();
        evidence_closes(&team, "2s");
        failing(&team, &VERIFY);
        let resolved = json!({"incident": "I1", "evidence": [{
            "probe": "search", "verdict": "pass", "attempts": [],
        }]});
        team.forge(
            json!({"by": "relgate", "kind": "incident-resolved", "body": resolved}),
            None,
        );
        assert_eq!(windows(&team)[0]["incident"], "I1");
        if mended {
            team.write("live/search", "");
        }
        // The deadline has passed when somebody takes it up.
        until("the deadline", || {
            windows(&team)[0]["left_ms"].as_u64() == Some(0)
        });
        let code = if mended { 0 } else { 5 };
        team.run("omar", &["watch"]).code(code);
        let claimed = team.recorded("rollback-claimed").len();
        assert_eq!(claimed, usize::from(!mended), "{mended}");
        let resolved = team.recorded("incident-resolved").len();
        assert_eq!(resolved, 1 + usize::from(mended), "{mended}");
    }
}

#[test]
fn a_forged_claim_before_the_deadline_runs_nothing_and_a_forged_checkpoint_shortens_nothing() {
    let team = Team::signed();
    failing(&team, &VERIFY);
    let opened = &team.recorded("incident-opened")[0];
    let claim = |more: Value| {
        let mut body = json!({
            "attempt": 1, "cause": {"because": "expired", "incident": "I1"}, "stage": "production",
            "absorbs": ["I1"], "plan": opened["plan"],
        });
        for (key, value) in more.as_object().expect("an object") {
            body[key] = value.clone();
        }
        json!({"by": "relgate", "kind": "rollback-claimed", "body": body})
    };
    let mut later = opened["opened"].clone();
    later["boot_ms"] = json!(later["boot_ms"].as_u64().expect("a time") + 3_600_000);
    later["wall"] = json!(team.now(3_600));
    for more in [
        json!({}),
        json!({"claimed": opened["opened"]}),
        json!({"claimed": later}),
    ] {
        team.forge(claim(more), None);
    }
    for elapsed in [0, 3_600_000] {
        for reading in [&opened["opened"], &later] {
            let body = json!({"reading": reading, "elapsed_ms": {"I1": elapsed}});
            let forged = json!({"by": "relgate", "kind": "checkpoint", "body": body});
            team.forge(forged, None);
        }
    }
    let window = windows(&team)[0].clone();
    assert_eq!(window["incident"], "I1");
    assert!(window["left_ms"].as_u64() > Some(3_500_000), "{window}");
    team.run("omar", &["watch", "--for", "1s"]);
    assert_eq!(team.read("live/version"), "2.0.0\n");
    team.run("rory", &["ledger", "verify"])
        .code(3)
        .says(&["before the window of I1 expires", "dated in the future"]);
}
