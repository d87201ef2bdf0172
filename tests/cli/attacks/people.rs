//! Who signs: somebody else, in another role, under another name, with another key or at another time.

use std::fs;

use serde_json::json;

use super::{CHECK, SIGN, forged, row, rows, signed, taken};
use crate::signing::SIGNERS;
use crate::team::{NOTES, Team};

const BASE: &str = ".relgate/checklists/standard.yaml";

/// The gate development asks for two developers.
fn two_developers(team: &Team) {
    team.edit(
        BASE,
        "role: developer\n    items",
        "approvals: [{role: developer, count: 2}]\n    items",
    );
}

#[test]
fn a_forged_signer() {
    for (key, says) in [
        ("mallory", "is not in .relgate/allowed_signers"),
        ("quin", "is not dana@shop.example's"),
    ] {
        let team = signed();
        team.new_key("keys/mallory", "ed25519");
        let record = taken(&team);
        team.forge(record, Some(&format!("keys/{key}")));
        let attack = format!("signed off in dana's name with {key}'s key");
        rows(&attack, &team, (1, &[says]), (3, &[says]));
    }
    let team = signed();
    let mut record = taken(&team);
    record["by"] = json!("relgate");
    team.forge(record, None);
    let says = ["relgate does not record \"signed-off\" by itself"];
    rows(
        "signed off in relgate's own name",
        &team,
        (1, &says),
        (3, &says),
    );
    let team = signed();
    let mut record = taken(&team);
    record["by"] = json!("zoe");
    team.forge(record, Some("keys/dana"));
    let says = ["the policy has no person \"zoe\""];
    rows(
        "signed off by nobody of the policy",
        &team,
        (1, &says),
        (3, &says),
    );
}

#[test]
fn the_right_key_in_the_wrong_role() {
    let team = signed();
    let mut record = taken(&team);
    record["by"] = json!("quin");
    team.forge(record, Some("keys/quin"));
    rows(
        "right key, a role that quin does not hold",
        &team,
        (1, &["quin, who does not hold the role developer"]),
        // Whose record it is is right; whether it meets a gate is for the gate.
        (0, &["WHOLE"]),
    );
    let ended = team.run("quin", &[&SIGN[..], &["--as", "developer"]].concat());
    let attack = "sign --as a role that one does not hold";
    row(attack, ended, 7, &["quin does not hold the role developer"]);
}

#[test]
fn one_person_under_two_names() {
    let team = Team::signed();
    two_developers(&team);
    team.edit(
        "relgate.yaml",
        "  quin:",
        "  dana2: { name: Dana Okafor, email: dana2@shop.example, roles: [developer] }\n  quin:",
    );
    let second = format!("dana2@shop.example {}", team.read("keys/dana.pub"));
    team.write(SIGNERS, team.read(SIGNERS) + &second);
    team.run("dana", &SIGN).code(0);
    let both = [&SIGN[..], &["--key", "keys/dana"]].concat();
    team.run("dana2", &both).code(0);
    let says = ["as somebody else did: a key counts once"];
    let ended = team.run("rory", &CHECK);
    row("one person under two names, with one key", ended, 1, &says);
    // One address for two people of the policy would make one principal of both.
    team.edit("relgate.yaml", "dana2@shop.example", "dana@shop.example");
    let ended = team.run("rory", &CHECK);
    let attack = "one person under two names, with one address";
    row(attack, ended, 3, &["dana@shop.example"]);
}

#[test]
fn one_key_for_two_people() {
    let team = Team::signed();
    two_developers(&team);
    team.edit(
        "relgate.yaml",
        "roles: [qa-lead] }",
        "roles: [qa-lead, developer] }",
    );
    let shared = team.signer_line("quin", &team.read("keys/dana.pub"), "");
    team.write(SIGNERS, team.read(SIGNERS) + shared.trim_end() + "\n");
    team.run("dana", &SIGN).code(0);
    let args = [&SIGN[..], &["--as", "developer", "--key", "keys/dana"]].concat();
    team.run("quin", &args).code(0);
    let ended = team.run("rory", &CHECK);
    row("one key for two people", ended, 1, &["a key counts once"]);
}

#[test]
fn a_key_out_of_its_time() {
    let line = |team: &Team, option: &str| {
        let others: Vec<String> = team
            .read(SIGNERS)
            .lines()
            .skip(1)
            .map(str::to_owned)
            .collect();
        let own = team.signer_line("dana", team.read("keys/dana.pub").trim(), option);
        team.write(SIGNERS, own + &others.join("\n") + "\n");
    };
    let team = signed();
    line(&team, "valid-after=\"20990101Z\"");
    let says = ["valid from 2099-01-01"];
    rows("a key that is valid later", &team, (1, &says), (3, &says));
    let ended = team.run("dana", &SIGN);
    row(
        "sign with a key that is valid later",
        ended,
        7,
        &["would not count", says[0]],
    );

    let team = signed();
    line(&team, "valid-before=\"20200101Z\"");
    let says = ["was valid until 2020-01-01"];
    rows(
        "a key that is valid no longer",
        &team,
        (1, &says),
        (3, &says),
    );
    let ended = team.run("dana", &SIGN);
    row(
        "sign with a key that is valid no longer",
        ended,
        7,
        &["would not count", says[0]],
    );
    // A claimed time within the key's own takes it no further: it must be valid now as well.
    let team = signed();
    line(&team, "valid-before=\"20200101Z\"");
    let mut record = taken(&team);
    record["at"] = json!("2019-06-01T00:00:00.000Z");
    team.forge(record, Some("keys/dana"));
    rows(
        "dated back into the time of a key that has ended",
        &team,
        (1, &says),
        // It cannot be told from one that was made then: no forgery, and without effect.
        (0, &["does not count any more", says[0]]),
    );
}

#[test]
fn a_sign_off_from_the_future() {
    let team = signed();
    let mut record = taken(&team);
    record["at"] = json!(team.now(3_600));
    team.forge(record, Some("keys/dana"));
    let says = ["dated in the future"];
    rows("a sign-off from the future", &team, (1, &says), (3, &says));
    // It keeps nobody from what is to be done now, and no check that is dated ahead does.
    for file in team.record_files("signed-off") {
        fs::remove_file(file).expect("removed");
    }
    let check = team.record_files("checked").remove(0);
    let mut ahead = super::record(&check);
    fs::remove_file(check).expect("removed");
    let object = ahead.as_object_mut().expect("an object");
    object.remove("signature");
    ahead["at"] = json!(team.now(80_000));
    ahead["parents"] = json!([]);
    team.put(&ahead);
    let ended = team.run("dana", &SIGN);
    row(
        "a check from the future, and signing after it",
        ended,
        0,
        &[],
    );
    let ended = team.run("rory", &CHECK);
    row(
        "a check from the future, and the gate after it",
        ended,
        0,
        &[],
    );
}

#[test]
fn look_alikes() {
    // U+0430 looks like an a.
    let alike = "d\u{430}na@shop.example";
    for principal in ["Dana@shop.example", "dana@SHOP.example", alike] {
        let team = signed();
        let text = team
            .read(SIGNERS)
            .replacen("dana@shop.example", principal, 1);
        team.write(SIGNERS, text);
        // Whose key it is is a matter of bytes: the key of a look-alike is nobody's.
        let says = ["is not dana@shop.example's"];
        let attack = format!("the signer {}", principal.escape_default());
        rows(&attack, &team, (1, &says), (3, &says));
    }
    for by in ["Dana", "d\u{430}na", "dana ", "dana\u{200b}"] {
        let team = signed();
        let mut record = taken(&team);
        record["by"] = json!(by);
        team.forge(record, Some("keys/dana"));
        let attack = format!("signed off by {:?}", by.escape_default().to_string());
        let says = ["the policy has no person"];
        rows(&attack, &team, (1, &says), (3, &says));
        let ended = team.run("rory", &[&SIGN[..], &["--by", by]].concat());
        row(
            &format!("sign --by {}", by.escape_default()),
            ended,
            3,
            &["person"],
        );
    }
    let team = signed();
    team.edit(
        "relgate.yaml",
        "  quin:",
        "  d\u{430}na: { name: Dana, roles: [developer] }\n  quin:",
    );
    let ended = team.run("rory", &CHECK);
    row(
        "a person of the policy with a look-alike's name",
        ended,
        3,
        &["cannot be a key", "expected a name"],
    );
}

#[test]
fn nothing_counts_unsigned() {
    let team = signed();
    let record = taken(&team);
    team.forge(record, None);
    let says = ["it is not signed, and the policy requires signatures"];
    rows("an unsigned sign-off", &team, (1, &says), (3, &says));

    let team = Team::signed();
    team.sign_all();
    team.forge(
        forged(
            "omar",
            "deploy-started",
            json!({"stage": "production", "go": "0".repeat(64)}),
        ),
        None,
    );
    let ended = team.run("rory", &super::VERIFY);
    row("an unsigned deployment: ledger verify", ended, 3, &says);
    assert_eq!(team.standing()["standing"], "ready", "{}", team.standing());

    let team = Team::signed();
    team.deploy();
    team.open_incident("Slow", "lower");
    team.forge(
        forged(
            "quin",
            "incident-resolved",
            json!({"incident": "I1", "how": "it is fine"}),
        ),
        None,
    );
    let claim = json!({"attempt": 1, "cause": {"because": "person", "role": "release-manager", "reason": "x"},
        "stage": "production", "absorbs": ["I1"], "plan": team.recorded("incident-opened")[0]["plan"]});
    team.forge(forged("rory", "rollback-claimed", claim), None);
    let ended = team.run("rory", &super::VERIFY);
    row(
        "an unsigned resolve and an unsigned rollback: ledger verify",
        ended,
        3,
        &says,
    );
    let standing = team.standing();
    assert_eq!(
        standing["windows"].as_array().map(Vec::len),
        Some(1),
        "{standing}"
    );
    assert_eq!(standing["standing"], "incident");
}

#[test]
fn nobody_acts_without_a_key() {
    let keyless = |team: &Team, by: &str, args: &[&str]| {
        team.remove(&format!("keys/{by}"));
        team.run(by, args)
    };
    let says = ["requires signatures", "--key FILE"];
    let team = Team::signed();
    row(
        "sign without a key",
        keyless(&team, "dana", &SIGN),
        7,
        &says,
    );
    let team = Team::signed();
    team.sign_all();
    let ended = keyless(&team, "omar", &["deploy", "start"]);
    row("deploy start without a key", ended, 7, &says);
    let team = Team::signed();
    team.deploy();
    let ended = keyless(&team, "rory", &["rollback", "--yes", "--reason", "bad"]);
    row("rollback without a key", ended, 7, &says);
    assert_eq!(team.read("live/version"), "2.0.0\n");
    team.open_incident("Slow", "lower");
    let ended = keyless(
        &team,
        "quin",
        &["incident", "resolve", "I1", "--how", "restarted"],
    );
    row("incident resolve without a key", ended, 7, &says);
}

#[test]
fn a_waiver_counts_signed_alone() {
    let waive = [
        "waive",
        "development/developer",
        "--reason",
        "x",
        "--until",
        "24h",
    ];
    let team = Team::signed();
    team.edit(NOTES, "type: minor", "type: emergency");
    team.run("rory", &waive).code(0);
    team.run("rory", &CHECK).code(0).says(&["waived"]);
    for file in team.record_files("checked") {
        fs::remove_file(file).expect("removed");
    }
    let file = team.record_files("waived").remove(0);
    let mut waiver = super::record(&file);
    fs::remove_file(file).expect("removed");
    waiver
        .as_object_mut()
        .expect("an object")
        .remove("signature");
    team.forge(waiver.clone(), None);
    let says = ["it is not signed, and the policy requires signatures"];
    let ended = team.run("rory", &CHECK);
    row("an unsigned waiver: check", ended, 1, &[]);
    let ended = team.run("rory", &super::VERIFY);
    row("an unsigned waiver: ledger verify", ended, 3, &says);
    // By somebody with a key and without the authority.
    let team = Team::signed();
    team.edit(NOTES, "type: minor", "type: emergency");
    waiver["by"] = json!("dana");
    waiver["parents"] = json!([]);
    team.forge(waiver, Some("keys/dana"));
    let ended = team.run("rory", &CHECK);
    row("a waiver without authority: check", ended, 1, &[]);
    team.remove("keys/rory");
    let ended = team.run("rory", &waive);
    row(
        "waive without a key",
        ended,
        7,
        &["requires signatures", "--key FILE"],
    );
}
