//! Signatures: made by OpenSSH and verified here, made here and verified by OpenSSH, and what becomes of those that do
//! not hold.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::signing::SIGNERS;
use crate::team::Team;

/// Signs the first gate as dana.
const SIGN: [&str; 4] = ["sign", "development", "--all", "--yes"];

fn record(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a record")).expect("JSON")
}

/// Dana's only sign-off, whole.
fn sign_off(team: &Team) -> Value {
    record(&team.record_files("signed-off")[0])
}

/// Whether `ssh-keygen -Y verify` takes the signature of a record.
fn openssh_verifies(team: &Team, record: &Value, principal: &str) -> bool {
    let mut payload = record.clone();
    let object = payload.as_object_mut().expect("an object");
    let signature = object.remove("signature").expect("a signature");
    team.write("live/payload", payload.to_string());
    team.write("live/signature", signature.as_str().expect("a text"));
    let status = Command::new("ssh-keygen")
        .args(["-q", "-Y", "verify", "-n", "relgate", "-I", principal, "-f"])
        .arg(team.path(SIGNERS))
        .arg("-s")
        .arg(team.path("live/signature"))
        .stdin(fs::File::open(team.path("live/payload")).expect("the payload"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.expect("ssh-keygen is there").success()
}

/// A team in which dana has one key, of this type.
fn with_key(kind: &str) -> Team {
    let team = Team::signed();
    fs::remove_file(team.path("keys/dana")).expect("removed");
    let key = team.new_key("keys/dana", kind);
    let others: String = team
        .read(SIGNERS)
        .lines()
        .skip(1)
        .map(|it| format!("{it}\n"))
        .collect();
    team.write(SIGNERS, team.signer_line("dana", &key, "") + &others);
    team
}

#[test]
fn a_release_goes_from_notes_to_close_signed() {
    let team = Team::signed();
    team.run("rory", &["lint"]).code(0);
    team.deploy();
    team.run("omar", &["verify", "--all", "--yes"]).code(0);
    team.run("omar", &["sign", "--all", "--yes"]).code(0);
    team.run("rory", &["sign", "--all", "--yes"]).code(0);
    team.run("rory", &["close"]).code(0);
    team.run("rory", &["log"])
        .code(0)
        .says(&["SHA256:", "signed with"]);
    team.run("rory", &["ledger", "verify"]).code(0);
    let records = team.records();
    assert!(records.len() > 15, "{}", records.len());
    for record in records {
        assert_eq!(
            record["by"] == "relgate",
            record["signature"].is_null(),
            "{record}"
        );
    }
}

#[test]
fn every_kind_of_key_is_made_and_verified_both_ways() {
    for kind in ["ed25519", "ecdsa-256", "ecdsa-384", "rsa-3072"] {
        let team = with_key(kind);
        team.run("dana", &SIGN).code(0);
        team.run("rory", &["check", "development"])
            .code(0)
            .says(&["dana (SHA256:"]);
        let own = sign_off(&team);
        assert!(
            openssh_verifies(&team, &own, "dana@shop.example"),
            "{kind}: {own}"
        );
        assert!(
            !openssh_verifies(&team, &own, "quin@shop.example"),
            "{kind}"
        );
        // The same record, signed by OpenSSH alone.
        let mut theirs = own.clone();
        theirs
            .as_object_mut()
            .expect("an object")
            .remove("signature");
        theirs["host"] = json!("openssh");
        fs::remove_file(&team.record_files("signed-off")[0]).expect("removed");
        fs::remove_file(&team.record_files("checked")[0]).expect("removed");
        team.run("rory", &["check", "development"]).code(1);
        let only = team.record_files("checked").remove(0);
        fs::remove_file(only).expect("removed");
        team.forge(theirs, Some("keys/dana"));
        team.run("rory", &["check", "development"]).code(0);
    }
}

#[test]
fn a_certificate_counts_for_whom_it_names_as_long_as_it_is_valid() {
    let team = Team::signed();
    let authority = team.new_key("keys/authority", "ed25519");
    let certify = |name: &str, principal: &str, validity: &str| {
        team.new_key(name, "ed25519");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-I", name, "-n", principal, "-V", validity, "-s"])
            .args([
                team.path("keys/authority"),
                team.path(&format!("{name}.pub")),
            ])
            .status();
        assert!(made.expect("ssh-keygen is there").success());
        let (private, certificate) = (team.read(name), team.read(&format!("{name}-cert.pub")));
        // OpenSSH takes the private half from beside the certificate.
        team.write(&format!("{name}-cert"), private);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(team.path(&format!("{name}-cert")), mode).expect("its owner's alone");
        assert!(certificate.starts_with("ssh-ed25519-cert-v01"));
        format!("{name}-cert.pub")
    };
    let line = format!("*@shop.example cert-authority,namespaces=\"relgate\" {authority}\n");
    let others: String = team
        .read(SIGNERS)
        .lines()
        .skip(1)
        .map(|it| format!("{it}\n"))
        .collect();
    team.write(SIGNERS, line + &others);
    let bad = [
        certify("keys/other", "quin@shop.example", "always:forever"),
        certify("keys/over", "dana@shop.example", "20200101:20210101"),
        certify("keys/early", "dana@shop.example", "20900101:20910101"),
    ];
    for key in bad {
        let mut command = team.command("dana", &SIGN);
        let ended = crate::run::Ended::of(command.env("RELGATE_SIGNING_KEY", team.path(&key)));
        ended
            .code(7)
            .silent()
            .warns(&["would not count", "certificate"]);
    }
    let good = certify("keys/good", "dana@shop.example", "always:forever");
    let mut command = team.command("dana", &SIGN);
    crate::run::Ended::of(command.env("RELGATE_SIGNING_KEY", team.path(&good))).code(0);
    team.run("rory", &["check", "development"])
        .code(0)
        .says(&["dana (SHA256:"]);
    assert!(openssh_verifies(
        &team,
        &sign_off(&team),
        "dana@shop.example"
    ));
    // The authority is revoked, and with it what it certified.
    team.write(".relgate/revoked_keys", format!("{authority}\n"));
    team.run("rory", &["check", "development"])
        .code(1)
        .says(&["certificate"]);
}

#[test]
fn a_revoked_key_counts_no_more_however_the_list_is_written() {
    for binary in [false, true] {
        let team = Team::signed();
        team.run("dana", &SIGN).code(0);
        let public = team.path("keys/dana.pub");
        if binary {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-k", "-f"])
                .args([team.path(".relgate/revoked_keys"), public])
                .status();
            assert!(made.expect("ssh-keygen is there").success());
        } else {
            team.write(".relgate/revoked_keys", fs::read(public).expect("a key"));
        }
        team.run("rory", &["check", "development"]).code(1).says(&[
            "expired",
            "revoked",
            "relgate sign development --as developer",
        ]);
        team.run("dana", &SIGN)
            .code(7)
            .warns(&["would not count", "revoked"]);
        // It counted in its time: no forgery, and told.
        team.run("rory", &["ledger", "verify"])
            .code(0)
            .says(&["revoked"]);
        team.new_key("keys/new", "ed25519");
        let line = team.signer_line("dana", &team.read("keys/new.pub"), "");
        team.write(SIGNERS, team.read(SIGNERS) + line.trim_end());
        let mut again = team.command("dana", &SIGN);
        let again = again.env("RELGATE_SIGNING_KEY", team.path("keys/new"));
        crate::run::Ended::of(again).code(0);
        team.run("rory", &["check", "development"]).code(0);
    }
    let team = Team::signed();
    team.write(".relgate/revoked_keys", "dana\n");
    team.run("rory", &["check"])
        .code(3)
        .warns(&["revoked_keys:1:1"]);
}

#[test]
fn nobody_signs_without_a_key_where_signatures_are_required() {
    let team = Team::signed();
    fs::remove_file(team.path("keys/dana")).expect("removed");
    team.run("dana", &SIGN).code(7).silent().warns(&[
        "requires signatures",
        "no key of dana",
        "--key FILE",
        "dana@shop.example namespaces=\"relgate\"",
    ]);
    // Asking grants nothing, and a machine may ask.
    team.run("dana", &["check"]).code(1);
    let mut args = SIGN.to_vec();
    args.extend(["--key", "keys/nothing"]);
    team.run("dana", &args)
        .code(7)
        .warns(&["--key keys/nothing cannot sign"]);
    args[5] = "keys/quin";
    team.run("dana", &args).code(7).warns(&[
        "would not count",
        "is not dana@shop.example's",
        "add to .relgate/allowed_signers",
    ]);
    args[5] = "";
    team.run("dana", &args).code(2);
    assert_eq!(team.recorded("signed-off").len(), 0);
}

#[test]
fn a_key_is_found_where_people_have_it() {
    // In git's settings, as a path and as the key itself with an agent; and where OpenSSH looks.
    let team = Team::signed();
    fs::rename(team.path("keys"), team.path("safe")).expect("moved");
    team.run("dana", &SIGN).code(7);
    fs::create_dir_all(team.path(".ssh")).expect("a folder");
    for (from, to) in [
        ("safe/dana", ".ssh/id_ed25519"),
        ("safe/dana.pub", ".ssh/id_ed25519.pub"),
    ] {
        fs::copy(team.path(from), team.path(to)).expect("copied");
    }
    team.run("dana", &SIGN).code(0);
    // Somebody else's key is not taken for one's own.
    team.run("quin", &["sign", "qa", "--all", "--yes"])
        .code(7)
        .warns(&["no key of quin"]);
    team.write(
        ".gitconfig",
        format!(
            "[gpg]\n\tformat = ssh\n[user]\n\tsigningkey = {}\n",
            team.path("safe/quin").display()
        ),
    );
    team.run("quin", &["sign", "qa", "--all", "--yes"]).code(0);
    assert!(team.records().iter().all(|it| it["signature"].is_string()));
}

#[test]
fn an_agent_signs_with_the_keys_that_it_holds() {
    let team = Team::signed();
    let socket = team.path("live/agent");
    let agent = Command::new("ssh-agent")
        .args(["-D", "-a"])
        .arg(&socket)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut agent = agent.expect("ssh-agent is there");
    crate::run::until("the agent listens", || socket.exists());
    let added = Command::new("ssh-add")
        .arg("-q")
        .arg(team.path("keys/dana"))
        .env("SSH_AUTH_SOCK", &socket)
        .status();
    assert!(added.expect("ssh-add is there").success());
    fs::remove_file(team.path("keys/dana")).expect("removed");
    let mut sign = team.command("dana", &SIGN);
    let signed = crate::run::Ended::of(sign.env("SSH_AUTH_SOCK", &socket));
    agent.kill().expect("it lives");
    agent.wait().expect("it ends");
    signed.code(0);
    team.run("rory", &["check", "development"]).code(0);
}

#[test]
fn without_openssh_the_next_step_is_told() {
    let team = Team::signed();
    team.write("bin/git", "");
    let mut command = team.command("dana", &SIGN);
    let ended = crate::run::Ended::of(command.env("PATH", team.path("bin")));
    ended
        .code(7)
        .warns(&["ssh-keygen is not installed", "openssh-client"]);
}

#[test]
fn where_signatures_are_optional_a_bad_one_is_worse_than_none() {
    let team = Team::signed();
    team.edit(
        "relgate.yaml",
        "signatures: required",
        "signatures: optional",
    );
    team.run("dana", &SIGN).code(0);
    let bad = team.record_files("signed-off").remove(0);
    let mut record = record(&bad);
    fs::remove_file(bad).expect("removed");
    team.run("rory", &["check", "development"]).code(1);
    for file in team.record_files("checked") {
        fs::remove_file(file).expect("removed");
    }
    let signature = record
        .as_object_mut()
        .expect("an object")
        .remove("signature");
    record["host"] = json!("edited");
    let mut edited = record.clone();
    edited["signature"] = signature.expect("a signature");
    let edited = team.put(&edited);
    team.run("rory", &["check", "development"]).code(1).says(&[
        "dana's sign-off does not count",
        "its signature does not fit",
    ]);
    fs::remove_file(edited).expect("removed");
    for file in team.record_files("checked") {
        fs::remove_file(file).expect("removed");
    }
    team.put(&record);
    team.run("rory", &["check", "development"])
        .code(0)
        .says(&["signed by dana"]);
}

#[test]
fn a_key_that_is_not_the_teams_does_not_keep_an_unsigned_team_from_work() {
    let team = Team::new();
    fs::create_dir_all(team.path(".ssh")).expect("a folder");
    team.new_key(".ssh/id_ed25519", "ed25519");
    team.run("dana", &SIGN).code(0);
    assert!(team.records().iter().all(|it| it["signature"].is_null()));
    team.run("rory", &["check", "development"]).code(0);
}

#[test]
fn a_forged_record_changes_nothing_whoever_looks() {
    let team = Team::signed();
    team.new_key("keys/mallory", "ed25519");
    let open = [
        "incident",
        "open",
        "--no-watch",
        "--priority",
        "lower",
        "--title",
        "Slow",
    ];
    team.deploy();
    team.run("omar", &open).code(1);
    let resolve = json!({"incident": "I1", "how": "it is fine"});
    let forged = |by: &str, kind: &str, body: &Value| json!({"by": by, "kind": kind, "body": body});
    for key in [
        None,
        Some("keys/mallory"),
        Some("keys/rory"),
        Some("keys/dana"),
    ] {
        team.forge(forged("quin", "incident-resolved", &resolve), key);
    }
    // Dana's own key, and no authority; and relgate, which closes no window that a person opened.
    team.forge(
        forged("dana", "incident-resolved", &resolve),
        Some("keys/dana"),
    );
    team.forge(forged("relgate", "incident-resolved", &resolve), None);
    let claim = json!({"attempt": 1, "cause": {"because": "person", "role": "release-manager", "reason": "x"},
        "stage": "production", "absorbs": ["I1"], "plan": team.recorded("incident-opened")[0]["plan"]});
    team.forge(
        forged("rory", "rollback-claimed", &claim),
        Some("keys/mallory"),
    );
    let standing = team.standing();
    assert_eq!(standing["standing"], "incident", "{standing}");
    assert_eq!(standing["windows"].as_array().map(Vec::len), Some(1));
    assert_eq!(standing["set_aside"].as_array().map(Vec::len), Some(7));
    team.run("rory", &["check"])
        .code(1)
        .says(&["I1", "does not count"]);
    team.run("rory", &["log"])
        .code(0)
        .says(&["does not count: it is not signed"]);
    team.run("rory", &["ledger", "verify"]).code(3).says(&[
        "it is not signed",
        "is not in .relgate/allowed_signers",
        "is not quin@shop.example's",
    ]);
    // The real one still closes it.
    team.run("quin", &["incident", "resolve", "I1", "--how", "restarted"])
        .code(0);
    assert_eq!(team.standing()["windows"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_window_stays_armed_and_fires_whatever_is_forged_or_broken() {
    let open = [
        "incident",
        "open",
        "--no-watch",
        "--priority",
        "critical",
        "--title",
        "Down",
    ];
    let resolve = json!({"by": "quin", "kind": "incident-resolved", "body": {"incident": "I1", "how": "it is fine"}});
    let breaks: [&dyn Fn(&Team); 5] = [
        &|team| drop(team.forge(resolve.clone(), None)),
        // A weaker policy is no way around: the incident was opened under the stronger one.
        &|team| {
            team.edit(
                "relgate.yaml",
                "signatures: required",
                "signatures: optional",
            );
            team.forge(resolve.clone(), None);
        },
        &|team| {
            team.forge(resolve.clone(), None);
            team.write("relgate.yaml", "version: [\n");
        },
        &|team| {
            team.forge(resolve.clone(), Some("keys/quin"));
            team.write(SIGNERS, "nonsense\n");
        },
        &|team| {
            team.forge(resolve.clone(), Some("keys/quin"));
            team.write(
                ".relgate/revoked_keys",
                fs::read(team.path("keys/quin.pub")).expect("a key"),
            );
        },
    ];
    for (number, broken) in breaks.iter().enumerate() {
        let team = Team::signed();
        team.deploy();
        team.run("omar", &open).code(1);
        broken(&team);
        let watched = team.run("rory", &["watch", "--release", "2.0.0"]);
        assert_eq!(team.read("live/version"), "1.0.0\n", "{number}: {watched}");
        watched.code(5);
    }
}

#[test]
fn the_same_key_counts_once() {
    let team = Team::signed();
    team.edit(
        ".relgate/checklists/standard.yaml",
        "role: developer\n    items",
        "approvals: [{role: developer, count: 2}]\n    items",
    );
    team.edit(
        "relgate.yaml",
        "roles: [qa-lead] }",
        "roles: [qa-lead, developer] }",
    );
    let shared = team.signer_line("quin", &team.read("keys/dana.pub"), "");
    team.write(SIGNERS, team.read(SIGNERS) + shared.trim_end() + "\n");
    team.run("rory", &["lint"]).code(0).says(&["counts once"]);
    team.run("dana", &SIGN).code(0);
    let args = ["sign", "development", "--as", "developer", "--all", "--yes"];
    team.run("quin", &[args.as_slice(), &["--key", "keys/dana"]].concat())
        .code(0);
    team.run("rory", &["check", "development"])
        .code(1)
        .says(&["a key counts once"]);
    team.run("quin", &args).code(0);
    team.run("rory", &["check", "development"]).code(0);
}

/// Puts a program in place of ssh-keygen, for one command: `$REAL` is the real one.
fn with_openssh(team: &Team, by: &str, args: &[&str], script: &str) -> Command {
    let path = std::env::var("PATH").expect("a path");
    let real = path
        .split(':')
        .map(|folder| Path::new(folder).join("ssh-keygen"))
        .find(|it| it.is_file())
        .expect("ssh-keygen is there");
    team.write(
        "bin/ssh-keygen",
        format!("#!/bin/sh\n{script}\nexec {} \"$@\"\n", real.display()),
    );
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(team.path("bin/ssh-keygen"), mode).expect("it may be executed");
    let mut command = team.command(by, args);
    command.env("PATH", format!("{}:{path}", team.path("bin").display()));
    command.env("RELGATE", env!("CARGO_BIN_EXE_relgate"));
    command
}

#[test]
fn the_ledger_is_free_while_somebody_looks_for_the_key() {
    let team = Team::signed();
    let wait = "touch live/asked\nuntil [ -f live/touched ]; do sleep 0.05; done";
    let signing = team.start_command(with_openssh(&team, "dana", &SIGN, wait));
    crate::run::until("the key is asked for", || team.path("live/asked").exists());
    team.run("rory", &["check", "development"]).code(1);
    let check = team.record_files("checked").remove(0);
    team.write("live/touched", "");
    signing.end().code(0);
    // It was decided and signed again, after what was recorded meanwhile.
    let name = check.to_string_lossy().into_owned();
    let id = name
        .trim_end_matches(".json")
        .rsplit('-')
        .next()
        .expect("an id");
    assert_eq!(sign_off(&team)["parents"], json!([id]));
    team.run("rory", &["check", "development"]).code(0);
}

#[test]
fn what_cannot_be_signed_in_time_is_not_recorded() {
    let team = Team::signed();
    let always_second = "case \"$*\" in *live/*) ;; *) PATH=${PATH#*:} RELGATE_BY=rory RELGATE_SIGNING_KEY=keys/rory \
        $RELGATE check >live/checks 2>&1 ;; esac";
    let ended = crate::run::Ended::of(&mut with_openssh(&team, "dana", &SIGN, always_second));
    ended.code(7).silent().warns(&[
        "something else was recorded 5 times",
        "nothing was recorded",
    ]);
    assert_eq!(team.recorded("signed-off").len(), 0);
    // A key that nobody touches, or a wrong passphrase: nothing is recorded.
    let fails = "echo 'incorrect passphrase supplied to decrypt private key' >&2; exit 255";
    let ended = crate::run::Ended::of(&mut with_openssh(&team, "dana", &SIGN, fails));
    ended
        .code(7)
        .silent()
        .warns(&["cannot sign", "incorrect passphrase", "--key FILE"]);
    // One that writes something else.
    let garbage = "for it; do :; done; echo yes >$it.sig; exit 0";
    let ended = crate::run::Ended::of(&mut with_openssh(&team, "dana", &SIGN, garbage));
    ended
        .code(7)
        .silent()
        .warns(&["would not count", "malformed"]);
    assert_eq!(team.recorded("signed-off").len(), 0);
}

#[test]
fn a_watcher_sees_the_line_that_arrives_after_what_its_key_signed() {
    let team = Team::signed();
    let key = team.new_key("keys/new", "ed25519");
    team.deploy();
    team.open_incident("Slow", "lower");
    let watch = team.start("rory", &["watch"]);
    crate::run::until("it watches", || !watch.output().is_empty());
    let resolve = json!({"by": "quin", "kind": "incident-resolved", "body": {"incident": "I1", "how": "restarted"}});
    team.forge(resolve, Some("keys/new"));
    crate::run::until("the watcher has read it", || {
        watch.output().contains("does not count")
    });
    assert_eq!(team.standing()["windows"].as_array().map(Vec::len), Some(1));
    let line = team.signer_line("quin", &key, "");
    team.write(SIGNERS, team.read(SIGNERS) + &line);
    watch.end().code(0);
}

#[test]
fn a_key_that_has_ended_opens_nothing_and_is_no_forgery() {
    let team = Team::signed();
    team.run("dana", &SIGN).code(0);
    let lines = team.read(SIGNERS);
    let ended = lines.replacen(
        "dana@shop.example ",
        "dana@shop.example valid-before=\"20260101Z\" ",
        1,
    );
    let later = lines.replacen(
        "dana@shop.example ",
        "dana@shop.example valid-after=\"20900101Z\" ",
        1,
    );
    // It was not valid when the record says that it was signed: a forgery.
    for (text, why) in [
        (ended, "was valid until 2026-01-01"),
        (later, "is valid from 2090-01-01"),
    ] {
        team.write(SIGNERS, text);
        team.run("rory", &["check", "development"])
            .code(1)
            .says(&[why, "sign again with a valid key"]);
        team.run("dana", &SIGN)
            .code(7)
            .warns(&["would not count", why]);
        team.run("rory", &["ledger", "verify"]).code(3).says(&[why]);
    }
    // It was, and is not any more.
    let second = |time: &str| time.split('.').next().map(str::to_owned);
    let at = sign_off(&team)["at"].as_str().and_then(second);
    crate::run::until("the second of the sign-off is over", || {
        second(&team.now(0)) > at
    });
    let end = team.now(0).replace(['-', ':', 'T'], "");
    let end = format!(
        "valid-before=\"{}Z\" ",
        end.split('.').next().expect("seconds")
    );
    team.write(
        SIGNERS,
        lines.replacen("dana@shop.example ", &format!("dana@shop.example {end}"), 1),
    );
    team.run("rory", &["check", "development"])
        .code(1)
        .says(&["expired", "sign again with a valid key"]);
    team.run("rory", &["ledger", "verify"])
        .code(0)
        .says(&["does not count any more"]);
}
