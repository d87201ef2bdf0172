//! Evidence bundles: made, checked without a repository, taken in by another clone; and every way to tamper with one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::run::Ended;
use crate::signing::{PEOPLE, SIGNERS};
use crate::team::Team;

const FILE: &str = "evidence.json";

/// Exports with rory's key, and returns the bundle.
fn export(team: &Team) -> Value {
    team.run("rory", &["ledger", "export", FILE])
        .code(0)
        .says(&["EXPORTED", "relgate ledger verify --bundle evidence.json"]);
    bundle(team)
}

fn bundle(team: &Team) -> Value {
    serde_json::from_str(&team.read(FILE)).expect("JSON")
}

/// Checks a bundle where there is nothing else.
fn verify_alone(bundle: &Value) -> Ended {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join(FILE), bundle.to_string()).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_relgate"));
    command
        .args(["ledger", "verify", "--bundle", FILE])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    Ended::of(&mut command)
}

/// Another clone of the team's repository, as it was before anything was recorded.
fn clone_of(team: &Team) -> Team {
    let clone = Team::signed();
    for (path, bytes) in team.files() {
        let path = path.strip_prefix(team.path("")).expect("within").to_owned();
        let name = path.to_str().expect("a name");
        if !name.contains("/ledger/") && name != FILE {
            clone.write(name, bytes);
        }
    }
    for by in PEOPLE {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(clone.path(&format!("keys/{by}")), mode).expect("its owner's alone");
    }
    clone
}

fn import(team: &Team, bundle: &Value) -> Ended {
    team.write(FILE, bundle.to_string());
    team.run("rory", &["ledger", "import", FILE])
}

#[test]
fn what_was_exported_is_whole_by_itself_and_comes_back_the_same() {
    // req: D11
    let team = Team::signed();
    team.deploy();
    let exported = export(&team);
    verify_alone(&exported)
        .code(0)
        .says(&["WHOLE", "sha256:", "statements are attested"]);
    let clone = clone_of(&team);
    let ledger = |team: &Team| {
        let files = team.files().into_iter();
        let records = files.filter(|(path, _)| path.to_string_lossy().contains("/ledger/"));
        records
            .map(|(path, bytes)| (path.file_name().expect("a name").to_owned(), bytes))
            .collect::<Vec<_>>()
    };
    import(&clone, &exported).code(0).says(&["IMPORTED"]);
    assert_eq!(ledger(&clone), ledger(&team));
    import(&clone, &exported).code(0).says(&["NOTHING NEW"]);
    clone.run("rory", &["ledger", "verify"]).code(0);
    assert_eq!(clone.standing()["standing"], "deployed");
    // Made again it says the same, its time apart; to standard output too.
    let again = clone.run("rory", &["ledger", "export"]).code(0).stdout;
    let mut again: Value = serde_json::from_str(&again).expect("JSON");
    again["at"] = exported["at"].clone();
    assert_eq!(again["records"], exported["records"]);
    assert_eq!(again["files"], exported["files"]);
    // What each has that the other has not is joined, whoever imports.
    clone.write("live/version", "2.0.0\n");
    clone.run("omar", &["verify", "--all", "--yes"]).code(0);
    team.run("rory", &["check"]).code(0);
    clone.remove(FILE);
    let theirs = export(&clone);
    import(&team, &theirs).code(0).says(&["IMPORTED"]);
    team.run("rory", &["ledger", "verify"]).code(0);
}

#[test]
fn anybody_can_verify_an_attestation_with_openssh() {
    let team = Team::signed();
    team.sign_all();
    let exported = export(&team);
    let attestations = exported["attestations"].as_array().expect("a list");
    let mut kinds: Vec<String> = Vec::new();
    for envelope in attestations {
        let decode = |text: &Value| {
            STANDARD
                .decode(text.as_str().expect("a text"))
                .expect("base64")
        };
        assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
        let payload = decode(&envelope["payload"]);
        let statement: Value = serde_json::from_slice(&payload).expect("JSON");
        assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
        assert!(
            statement["subject"][0]["digest"]["sha256"].is_string(),
            "{statement}"
        );
        kinds.push(
            statement["predicateType"]
                .as_str()
                .expect("a type")
                .to_owned(),
        );
        let head = format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len());
        team.write("live/payload", [head.as_bytes(), &payload].concat());
        team.write("live/signature", decode(&envelope["signatures"][0]["sig"]));
        let status = Command::new("ssh-keygen")
            .args([
                "-q",
                "-Y",
                "verify",
                "-n",
                "relgate",
                "-I",
                "rory@shop.example",
                "-f",
            ])
            .arg(team.path(SIGNERS))
            .arg("-s")
            .arg(team.path("live/signature"))
            .stdin(fs::File::open(team.path("live/payload")).expect("the payload"))
            .stdout(Stdio::null())
            .status();
        assert!(status.expect("ssh-keygen is there").success());
    }
    let count = |kind: &str| kinds.iter().filter(|it| *it == kind).count();
    assert_eq!(
        count("urn:relgate:sign-off:v1"),
        team.recorded("signed-off").len()
    );
    assert_eq!(count("urn:relgate:check:v1"), 1);
    assert_eq!(count("urn:relgate:ledger:v1"), 1);
}

#[test]
fn without_a_key_nothing_is_attested_and_a_strangers_key_attests_nothing() {
    let team = Team::new();
    team.run("dana", &["sign", "development", "--all", "--yes"])
        .code(0);
    team.run("rory", &["ledger", "export", FILE])
        .code(0)
        .says(&["no statement is attested", "--key FILE"]);
    verify_alone(&bundle(&team))
        .code(0)
        .says(&["nothing is attested"]);
    team.run("rory", &["ledger", "export", FILE])
        .code(7)
        .warns(&["is there already"]);
    team.run("rory", &["ledger", "export", "nowhere/x.json"])
        .code(3);
    team.new_key("keys/mallory", "ed25519");
    let stranger = ["ledger", "export", "x.json", "--key", "keys/mallory"];
    team.run("dana", &stranger)
        .code(7)
        .warns(&["would not count", "is not in .relgate/allowed_signers"]);
    assert!(!team.path("x.json").exists());
}

/// The index of the first record of a kind.
fn record_of(bundle: &Value, kind: &str) -> usize {
    let records = bundle["records"].as_array().expect("a list");
    let is_kind = |it: &Value| {
        it["file"]
            .as_str()
            .is_some_and(|file| file.contains(&format!("Z-{kind}-")))
    };
    records
        .iter()
        .position(is_kind)
        .expect("a record of the kind")
}

fn remove_record(bundle: &mut Value, index: usize) {
    bundle["records"]
        .as_array_mut()
        .expect("a list")
        .remove(index);
}

/// Lets the bundle end where its records end.
fn mend_heads(bundle: &mut Value) {
    let last = bundle["records"]
        .as_array()
        .and_then(|it| it.last())
        .expect("a record");
    let file = last["file"]
        .as_str()
        .expect("a name")
        .trim_end_matches(".json");
    bundle["heads"] = json!([file.rsplit('-').next()]);
}

#[test]
fn every_way_to_tamper_with_a_bundle_is_named_and_nothing_of_it_is_taken_in() {
    type Tamper = fn(&mut Value);
    let tampers: [(&str, Tamper, &str); 17] = [
        (
            "a record edited",
            |it| {
                let index = record_of(it, "signed-off");
                let text = it["records"][index]["text"]
                    .as_str()
                    .expect("a text")
                    .replace("dana", "quin");
                it["records"][index]["text"] = json!(text);
            },
            "changed after it was written",
        ),
        (
            "a record truncated",
            |it| {
                let text = it["records"][0]["text"]
                    .as_str()
                    .expect("a text")
                    .to_owned();
                it["records"][0]["text"] = json!(text[..40]);
            },
            "it ends after 40 bytes",
        ),
        (
            "a record removed from the middle",
            |it| remove_record(it, 1),
            "missing",
        ),
        (
            "the last record removed",
            |it| {
                let last = it["records"].as_array().map_or(0, Vec::len) - 1;
                remove_record(it, last);
            },
            "does not end where the bundle says",
        ),
        (
            "the last record removed, and the end made good",
            |it| {
                let last = it["records"].as_array().map_or(0, Vec::len) - 1;
                remove_record(it, last);
                mend_heads(it);
            },
            "the ledger ended elsewhere when it was signed",
        ),
        (
            "a record twice",
            |it| {
                let first = it["records"][0].clone();
                it["records"].as_array_mut().expect("a list").push(first);
            },
            "it is in the bundle twice",
        ),
        (
            "a record renamed",
            |it| {
                let file = it["records"][0]["file"]
                    .as_str()
                    .expect("a name")
                    .replace("2026", "2020");
                it["records"][0]["file"] = json!(file);
            },
            "belongs in",
        ),
        (
            "a foreign file among the records",
            |it| {
                it["records"]
                    .as_array_mut()
                    .expect("a list")
                    .push(json!({"file": "x.json", "text": "go"}));
            },
            "it is no record",
        ),
        (
            "another release",
            |it| it["release"] = json!("2.0.1"),
            "belongs to the release 2.0.0",
        ),
        (
            "a file edited",
            |it| it["files"][0]["text"] = json!("nothing\n"),
            "not those of its digest",
        ),
        (
            "a file twice",
            |it| {
                let first = it["files"][0].clone();
                it["files"].as_array_mut().expect("a list").push(first);
            },
            "it is in the bundle twice",
        ),
        (
            "the policy left out",
            |it| it["policy"] = json!("other.yaml"),
            "the policy is not in the bundle",
        ),
        (
            "a statement edited",
            |it| {
                let payload = it["attestations"][0]["payload"]
                    .as_str()
                    .expect("base64")
                    .to_owned();
                let bytes = STANDARD.decode(payload).expect("base64");
                let text = String::from_utf8(bytes)
                    .expect("text")
                    .replace("developer", "qa-lead");
                it["attestations"][0]["payload"] = json!(STANDARD.encode(text));
            },
            "its signature does not fit",
        ),
        (
            "a statement without signatures",
            |it| it["attestations"][0]["signatures"] = json!([]),
            "it is not signed",
        ),
        (
            "a statement with another's signature",
            |it| {
                it["attestations"][0]["signatures"] = it["attestations"][1]["signatures"].clone();
            },
            "its signature does not fit",
        ),
        (
            "another key's id",
            |it| it["attestations"][0]["signatures"][0]["keyid"] = json!("SHA256:x"),
            "keyid",
        ),
        (
            "another payload type",
            |it| it["attestations"][0]["payloadType"] = json!("text/plain"),
            "text/plain",
        ),
    ];
    let team = Team::signed();
    team.sign_all();
    let good = export(&team);
    let clone = clone_of(&team);
    let before = clone.files();
    for (what, tamper, says) in tampers {
        let mut bad = good.clone();
        tamper(&mut bad);
        assert_ne!(bad, good, "{what}");
        verify_alone(&bad).code(3).says(&["NOT WHOLE", says]);
        println!(
            "{:<62} 3  {says}",
            format!("bundle, {what}: ledger verify --bundle")
        );
        let refused = import(&clone, &bad).silent();
        refused
            .code(3)
            .warns(&["nothing was imported", "ledger verify --bundle"]);
        clone.remove(FILE);
        assert_eq!(clone.files(), before, "{what}");
    }
    import(&clone, &good).code(0);
}

#[test]
fn what_is_no_bundle_is_refused() {
    let team = Team::signed();
    team.sign_all();
    let good = export(&team);
    let text = good.to_string();
    let cases = [
        ("", "it is not an evidence bundle"),
        ("[]", "it is not an evidence bundle"),
        ("{\"relgate_bundle\": 2}", "of version 2"),
        ("{\"relgate_bundle\": 1}", "missing field"),
        (&text[..text.len() / 2], "it is not an evidence bundle"),
        (
            &text.replacen("\"release\"", "\"extra\":1,\"release\"", 1),
            "unknown field",
        ),
    ];
    for (text, says) in cases {
        team.write(FILE, text);
        team.run("rory", &["ledger", "verify", "--bundle", FILE])
            .code(3)
            .silent()
            .warns(&[says]);
        team.run("rory", &["ledger", "import", FILE])
            .code(3)
            .silent()
            .warns(&[says]);
    }
    for missing in ["nothing.json", "releases"] {
        team.run("rory", &["ledger", "import", missing])
            .code(3)
            .silent()
            .warns(&[missing]);
    }
}

#[test]
fn a_bundle_brings_no_signers_of_its_own() {
    // The records are signed by keys that the bundle calls the team's; here they are nobody's.
    let team = Team::signed();
    team.run("dana", &["sign", "development", "--all", "--yes"])
        .code(0);
    let theirs = export(&team);
    let ours = Team::signed();
    let before = ours.files();
    import(&ours, &theirs)
        .code(7)
        .silent()
        .warns(&["nothing was imported", "is not in .relgate/allowed_signers"]);
    // Without attestations, the records themselves say it.
    let mut bare = theirs.clone();
    bare["attestations"] = json!([]);
    import(&ours, &bare)
        .code(7)
        .silent()
        .warns(&["does not count here", "is not in .relgate/allowed_signers"]);
    ours.remove(FILE);
    let after: Vec<_> = ours.files().into_keys().collect();
    assert_eq!(after, before.into_keys().collect::<Vec<_>>());
    // Its policy is compared with the pinned one.
    let pin = team.run("rory", &["policy", "digest"]).code(0).stdout;
    let pin = pin.split_whitespace().next().expect("a digest");
    let verify = ["ledger", "verify", "--bundle", FILE, "--policy-digest"];
    team.run("rory", &[&verify[..], &[pin]].concat()).code(0);
    ours.write(FILE, theirs.to_string());
    let own = ours.run("rory", &["policy", "digest"]).code(0).stdout;
    let own = own.split_whitespace().next().expect("a digest");
    ours.run("rory", &[&verify[..], &[own]].concat())
        .code(7)
        .silent()
        .warns(&["not the pinned ones"]);
}

#[test]
fn a_bundle_brings_back_what_was_removed_from_the_end() {
    let team = Team::signed();
    team.sign_all();
    team.run(
        "dana",
        &["sign", "go-no-go", "--reject", "--reason", "it leaks"],
    )
    .code(0);
    let exported = export(&team);
    fs::remove_file(team.record_files("rejected").remove(0)).expect("removed");
    team.run("rory", &["check", "go-no-go"]).code(0);
    for file in team.record_files("checked").into_iter().skip(1) {
        assert!(Path::new(&file).is_file());
    }
    import(&team, &exported).code(0).says(&["rejected"]);
    team.run("rory", &["check", "go-no-go"])
        .code(1)
        .says(&["it leaks"]);
}
