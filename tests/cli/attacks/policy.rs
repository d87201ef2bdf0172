//! The policy and its signers swapped for weaker ones, where a pipeline pins their digest and where it does not.

use super::{CHECK, SIGN, VERIFY, row, signed};
use crate::run::Ended;
use crate::signing::SIGNERS;
use crate::team::Team;

const BASE: &str = ".relgate/checklists/standard.yaml";

/// The digest as people copy it.
fn digest(team: &Team) -> String {
    let ended = team.run("rory", &["policy", "digest"]).code(0);
    let mut words = ended.stdout.split_whitespace();
    let digest = words.find(|it| it.starts_with("sha256:"));
    digest.expect("a digest").to_owned()
}

fn pinned(team: &Team, pin: &str, by: &str, args: &[&str]) -> Ended {
    team.run(by, &[args, &["--policy-digest", pin]].concat())
}

#[test]
fn a_digest_is_passed_back_as_json_shows_it_and_does_not_depend_on_line_ends() {
    let team = signed();
    let pin = digest(&team);
    let shown = team
        .run("rory", &["policy", "digest", "--format", "json"])
        .code(0);
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).expect("JSON");
    let bare = shown["result"]["digest"].as_str().expect("a digest");
    assert_eq!(pin, format!("sha256:{bare}"));
    pinned(&team, bare, "rory", &CHECK).code(0);
    for file in ["relgate.yaml", SIGNERS, BASE] {
        team.write(file, team.read(file).replace('\n', "\r\n"));
        assert_eq!(digest(&team), pin, "{file}");
    }
    team.edit(
        "relgate.yaml",
        "signatures: required",
        "signatures: optional",
    );
    assert_ne!(digest(&team), pin);
}

#[test]
fn a_weaker_policy_is_refused_where_its_digest_is_pinned() {
    type Swap = fn(&Team);
    let swaps: [(&str, Swap); 6] = [
        ("signatures are made optional", |team| {
            team.edit(
                "relgate.yaml",
                "signatures: required",
                "signatures: optional",
            );
        }),
        ("a role is given away", |team| {
            team.edit(
                "relgate.yaml",
                "roles: [developer]",
                "roles: [developer, qa-lead]",
            );
        }),
        ("a key is added", |team| {
            let key = team.new_key("keys/mallory", "ed25519");
            let line = team.signer_line("dana", &key, "");
            team.write(SIGNERS, team.read(SIGNERS) + &line);
        }),
        ("a gate's item is dropped", |team| {
            team.edit(BASE, "All changes are merged", "Nothing");
        }),
        ("a checklist is added", |team| {
            team.write(".relgate/checklists/none.yaml", team.read(BASE));
        }),
        ("the list of revoked keys is removed", |team| {
            team.remove(".relgate/revoked_keys")
        }),
    ];
    for (what, swap) in swaps {
        let team = signed();
        let key = team.new_key("keys/old", "ed25519");
        team.write(".relgate/revoked_keys", format!("{key}\n"));
        let pin = digest(&team);
        pinned(&team, &pin, "rory", &CHECK).code(0);
        pinned(&team, &pin, "rory", &VERIFY).code(0);
        swap(&team);
        let before = team.files();
        let says = ["not the pinned ones", "relgate policy digest"];
        let ended = pinned(&team, &pin, "rory", &CHECK).silent();
        row(&format!("pinned, and {what}: check"), ended, 7, &says);
        for args in [
            &SIGN[..],
            &VERIFY,
            &["deploy", "start"],
            &["verify", "--all", "--yes"],
            &["close"],
        ] {
            pinned(&team, &pin, "dana", args).code(7).silent();
        }
        assert_eq!(team.files(), before);
        // What decides nothing is shown, with a warning.
        pinned(&team, &pin, "rory", &["status"])
            .code(0)
            .warns(&["not the pinned ones"]);
        assert_ne!(digest(&team), pin);
    }
}

/// A team in which somebody has signed off in quin's name with a key of their own, and the evidence of the same gate, while it
/// is asked for, gives that key to quin.
fn swapping() -> Team {
    let team = Team::signed();
    team.edit(BASE, "[test, -f, live/home]", "[./swap.sh]");
    let swap = "#!/bin/sh\ncp live/signers .relgate/allowed_signers\n";
    team.write("swap.sh", swap);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(team.path("swap.sh"), mode).expect("it may be executed");
    team.write("live/signers", team.read(SIGNERS));
    team.run("dana", &SIGN).code(0);
    team.run("quin", &["sign", "qa", "--all", "--yes"]).code(0);
    let mut files = team.record_files("signed-off");
    let mut record = super::record(&files[1]);
    assert_eq!(record["by"], "quin");
    record
        .as_object_mut()
        .expect("an object")
        .remove("signature");
    std::fs::remove_file(files.remove(1)).expect("removed");
    for file in team.record_files("checked") {
        std::fs::remove_file(file).expect("removed");
    }
    let key = team.new_key("keys/mallory", "ed25519");
    team.forge(record, Some("keys/mallory"));
    let line = team.signer_line("quin", &key, "");
    team.write("live/signers", team.read(SIGNERS) + &line);
    team
}

#[test]
fn a_weaker_list_of_signers_that_comes_while_it_is_decided() {
    let team = swapping();
    let pin = digest(&team);
    let ended = pinned(&team, &pin, "rory", &["check", "qa"]);
    let attack = "pinned, and the signers are swapped during the check";
    row(attack, ended, 1, &["is not in .relgate/allowed_signers"]);
    assert!(
        team.read(SIGNERS)
            .contains(team.read("keys/mallory.pub").trim())
    );
    // Nothing holds the same against it where nobody pinned it.
    let ended = swapping().run("rory", &["check", "qa"]);
    let attack = "NOT STOPPED: the signers are swapped during a check that pins nothing";
    row(attack, ended, 0, &["signed by quin"]);
}

#[test]
fn a_weaker_policy_that_nobody_pinned() {
    let team = Team::signed();
    team.edit(
        "relgate.yaml",
        "signatures: required",
        "signatures: optional",
    );
    team.remove("keys/dana");
    team.run("dana", &SIGN).code(0);
    let ended = team.run("rory", &CHECK);
    row(
        "NOT STOPPED: a weaker policy that nobody pinned or reviewed",
        ended,
        0,
        &["signed by dana"],
    );
}

#[test]
fn an_armed_window_goes_back_whatever_the_pin_says() {
    let open = [
        "incident",
        "open",
        "--no-watch",
        "--priority",
        "critical",
        "--title",
        "Down",
    ];
    let team = Team::signed();
    let pin = digest(&team);
    team.deploy();
    team.edit("relgate.yaml", "product: Shop", "product: Shops");
    let rollback = ["rollback", "--yes", "--reason", "down"];
    let ended = pinned(&team, &pin, "rory", &rollback);
    row(
        "pinned, another policy, nothing armed: rollback",
        ended,
        7,
        &["not the pinned ones"],
    );
    team.run("omar", &open).code(1);
    let ended = pinned(&team, &pin, "rory", &["watch"]);
    row(
        "pinned, another policy, an armed window: watch",
        ended,
        5,
        &["not the pinned ones"],
    );
    assert_eq!(team.read("live/version"), "1.0.0\n");

    let team = Team::signed();
    let pin = digest(&team);
    team.deploy();
    team.run("omar", &open).code(1);
    team.edit("relgate.yaml", "product: Shop", "product: Shops");
    let ended = pinned(&team, &pin, "rory", &rollback);
    row(
        "pinned, another policy, an armed window: rollback",
        ended,
        5,
        &["not the pinned ones"],
    );
    assert_eq!(team.read("live/version"), "1.0.0\n");
}

#[test]
fn a_pin_that_is_none_is_refused() {
    let team = Team::new();
    let pin = digest(&team);
    let hex = pin.strip_prefix("sha256:").expect("a digest").to_owned();
    for bad in [
        pin.to_uppercase(),
        format!("{pin} "),
        pin[..70].to_owned(),
        String::new(),
    ] {
        let mut command = team.command("rory", &CHECK);
        let ended = Ended::of(command.env("RELGATE_POLICY_DIGEST", &bad)).silent();
        row(&format!("RELGATE_POLICY_DIGEST={bad:.12}"), ended, 2, &[]);
    }
    // As it stands in a text, and as it stands in JSON.
    for good in [pin, hex] {
        let mut command = team.command("rory", &CHECK);
        Ended::of(command.env("RELGATE_POLICY_DIGEST", &good)).code(1);
    }
}

#[test]
fn a_policy_among_the_releases_decides_nothing() {
    let team = signed();
    let inner = "releases/2.0.0/relgate.yaml";
    team.write(
        inner,
        team.read("relgate.yaml")
            .replace("signatures: required\n", ""),
    );
    std::os::unix::fs::symlink(team.path("releases/2.0.0"), team.path("link")).expect("a link");
    let says = ["lies among the releases of", "and decides nothing"];
    team.write("releases/2.0.0/releases/2.0.0/x", "");
    for from in ["releases/2.0.0", "releases/2.0.0/releases/2.0.0", "link"] {
        let mut command = team.command("rory", &CHECK);
        command
            .current_dir(team.path(from))
            .env("PWD", team.path(from));
        let output = command.output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{from}: {said}");
        let plain = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(says.iter().all(|it| plain.contains(it)), "{from}: {said}");
    }
    let named = [&CHECK[..], &["--policy", inner]].concat();
    row(
        "a policy among the releases, by name",
        team.run("rory", &named),
        3,
        &says,
    );
    row("the policy above it", team.run("rory", &CHECK), 0, &[]);
}

#[test]
fn a_sign_off_counts_in_no_other_repository() {
    let says = ["it was for the product Shop, and this is Payments"];
    let team = signed();
    row("the sign-off at home", team.run("rory", &CHECK), 0, &[]);
    team.edit("relgate.yaml", "product: Shop", "product: Payments");
    row(
        "a sign-off of another product",
        team.run("rory", &CHECK),
        1,
        &says,
    );
    team.edit(
        "relgate.yaml",
        "product: Payments",
        "product: Shop\nrepository: b2c3",
    );
    let says = ["the policy had no id of this repository then"];
    row(
        "a sign-off from before the id",
        team.run("rory", &CHECK),
        1,
        &says,
    );
    team.run("dana", &SIGN).code(0);
    row(
        "one that is bound to the id",
        team.run("rory", &CHECK),
        0,
        &[],
    );
    team.edit("relgate.yaml", "repository: b2c3", "repository: c3d4");
    let says = ["it was for the repository b2c3, and this is c3d4"];
    row(
        "a sign-off of another repository",
        team.run("rory", &CHECK),
        1,
        &says,
    );
}
