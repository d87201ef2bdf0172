//! The released package: replaced, or with a signature that is not its own, not now, or not theirs to give.

use std::fs;

use super::row;
use crate::artifacts::{CHECK, PACKAGE, SIGNATURE, packaged, sign};
use crate::signing::SIGNERS;
use crate::team::{NOTES, Team};

#[track_caller]
fn refused(attack: &str, team: &Team, code: i32, says: &[&str]) {
    let ended = team.run("rory", &CHECK);
    row(&format!("{attack}: check"), ended, code, says);
    team.run("omar", &["deploy", "start"]).code(1);
}

#[test]
fn a_package_that_is_another() {
    let team = packaged();
    team.sign_all();
    team.write(PACKAGE, "another package");
    refused("the package is replaced", &team, 1, &["does not fit"]);
    // Whoever can also change the notes still has no key.
    let digest = ring::digest::digest(&ring::digest::SHA256, b"another package");
    let digest: String = digest
        .as_ref()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    team.edit(
        NOTES,
        "name: shop,",
        &format!("name: shop, sha256: {digest},"),
    );
    let attack = "the package and its sha256 in the notes are replaced";
    refused(attack, &team, 1, &["does not fit"]);
    team.edit(NOTES, &format!(", signature: {SIGNATURE}"), "");
    let attack = "the package is replaced, and the notes name no signature";
    refused(attack, &team, 1, &["the policy wants it signed"]);
}

#[test]
fn a_signature_of_another_package() {
    let team = packaged();
    team.sign_all();
    team.write(PACKAGE, "the last release");
    sign(&team, "ci");
    team.write(PACKAGE, "the package");
    let attack = "a signature copied from another package";
    refused(attack, &team, 1, &["is that of another one"]);
    let signature = team.openssh_sign("keys/rory", "relgate", "the package");
    team.write(SIGNATURE, signature);
    let attack = "a signature that was made for records";
    refused(attack, &team, 1, &["in the namespace \"relgate\""]);
}

#[test]
fn a_signature_of_somebody_else() {
    let team = packaged();
    team.sign_all();
    team.new_key("keys/mallory", "ed25519");
    sign(&team, "mallory");
    let says = "is not in .relgate/allowed_signers";
    refused("a package signed by a stranger", &team, 1, &[says]);
    let others = team.read(SIGNERS);
    let line = team.signer_line("quin", &team.read("keys/quin.pub"), "namespaces=\"file\"");
    team.write(SIGNERS, others.clone() + line.trim_end() + "\n");
    sign(&team, "quin");
    let says = "quin signed it, whom the policy does not let";
    refused("a package signed without authority", &team, 1, &[says]);
    // Rory has the authority, and a key for records alone.
    let records = others.replace(
        "rory@shop.example ",
        "rory@shop.example namespaces=\"relgate\"",
    );
    team.write(SIGNERS, records);
    sign(&team, "rory");
    let says = "is not for the namespace \"file\"";
    refused("a package signed with a key for records", &team, 1, &[says]);
}

#[test]
fn a_key_that_is_taken_back_or_out_of_its_time() {
    let team = packaged();
    team.sign_all();
    let public = fs::read(team.path("keys/ci.pub")).expect("a key");
    team.write(".relgate/revoked_keys", public);
    refused(
        "a package signed with a revoked key",
        &team,
        1,
        &["EXPIRED", "is revoked"],
    );
    team.remove(".relgate/revoked_keys");
    let signers = team.read(SIGNERS);
    for (option, attack, says) in [
        (
            "valid-before=\"20200101Z\"",
            "a package signed with a key that has ended",
            "was valid until 2020-01-01",
        ),
        (
            "valid-after=\"20990101Z\"",
            "a package signed with a key of the future",
            "is valid from 2099-01-01",
        ),
    ] {
        let option = format!("ci@shop.example {option},");
        team.write(SIGNERS, signers.replace("ci@shop.example ", &option));
        refused(attack, &team, 1, &[says]);
    }
    // The build machine's key signs packages, and nothing off.
    let team = packaged();
    let sign_off = ["sign", "development", "--all", "--yes", "--key", "keys/ci"];
    let ended = team.run("dana", &sign_off);
    let attack = "a sign-off with the key of the build machine";
    row(attack, ended, 7, &["would not count"]);
}
