//! Artifacts with signatures of their own: made by OpenSSH, verified by the program.

use std::fs;
use std::process::Command;

use crate::run::Ended;
use crate::signing::SIGNERS;
use crate::team::{NOTES, Team};

pub const PACKAGE: &str = "dist/shop.tar";
pub const SIGNATURE: &str = "dist/shop.tar.sig";
pub const CHECK: [&str; 3] = ["check", "--explain", "shop"];

/// A team whose release is one package, which the build machine `ci@shop.example` has signed, with a key of this type.
pub fn packaged_with(kind: &str) -> Team {
    let team = Team::signed();
    team.edit(
        "relgate.yaml",
        "product: Shop\n",
        "product: Shop\nartifacts:\n  signatures: required\n  roles: [release-manager]\n  signers: [ci@shop.example]\n",
    );
    team.edit(
        NOTES,
        "previous: 1.0.0\n",
        &format!("previous: 1.0.0\nartifacts:\n  - {{ name: shop, path: {PACKAGE}, signature: {SIGNATURE} }}\n"),
    );
    let key = team.new_key("keys/ci", kind);
    let line = format!("ci@shop.example namespaces=\"file\" {key}\n");
    team.write(SIGNERS, team.read(SIGNERS) + &line);
    team.write(PACKAGE, "the package");
    sign(&team, "ci");
    team
}

pub fn packaged() -> Team {
    packaged_with("ed25519")
}

/// Signs the package, as anybody does.
pub fn sign(team: &Team, key: &str) {
    sign_as(team, &format!("keys/{key}"), &["-n", "file"]);
}

fn sign_as(team: &Team, key: &str, more: &[&str]) {
    let _ = fs::remove_file(team.path(SIGNATURE));
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-f"])
        .arg(team.path(key))
        .args(more)
        .arg(team.path(PACKAGE))
        .status();
    assert!(signed.expect("ssh-keygen is there").success());
}

fn check(team: &Team) -> Ended {
    team.run("rory", &CHECK)
}

#[test]
fn a_signed_package_goes_out_signed() {
    // req: A19
    let team = packaged();
    team.run("rory", &["lint"]).code(0);
    team.sign_all();
    let fingerprint = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(team.path("keys/ci.pub"))
        .output();
    let fingerprint = fingerprint.expect("ssh-keygen is there").stdout;
    let fingerprint = String::from_utf8(fingerprint).expect("UTF-8");
    let fingerprint = fingerprint.split(' ').nth(1).expect("a fingerprint");
    team.run("rory", &["check"])
        .code(0)
        .says(&["shop (signed by ci@shop.example", fingerprint]);
    check(&team).code(0).says(&[
        "the policy wants every artifact signed",
        "dist/shop.tar.sig is an SSH signature over its bytes in the namespace \"file\"",
        "Rory Chen",
        fingerprint,
    ]);
    // A renewed signature takes nothing from what was signed off, and a person with the role may make it.
    let own = team.signer_line("rory", &team.read("keys/rory.pub"), "namespaces=\"file\"");
    team.write(SIGNERS, team.read(SIGNERS) + own.trim_end() + "\n");
    sign(&team, "rory");
    team.run("rory", &["check"])
        .code(0)
        .says(&["shop (signed by rory"]);
    team.run("omar", &["deploy", "start"]).code(0);
}

#[test]
fn every_kind_of_key_and_both_hashes_are_verified() {
    for kind in ["ed25519", "ecdsa-256", "ecdsa-384", "rsa-3072"] {
        let team = packaged_with(kind);
        for hash in ["sha256", "sha512"] {
            let hash = format!("-Ohashalg={hash}");
            sign_as(&team, "keys/ci", &["-n", "file", &hash]);
            check(&team).code(0).says(&["signed by ci@shop.example"]);
            team.write(PACKAGE, "another");
            check(&team).code(1).says(&["does not fit"]);
            team.write(PACKAGE, "the package");
        }
    }
}

#[test]
fn a_package_larger_than_any_buffer_is_read_to_its_end() {
    let team = packaged();
    let mut bytes = vec![7; 5_000_001];
    team.write(PACKAGE, &bytes);
    sign(&team, "ci");
    check(&team).code(0);
    *bytes.last_mut().expect("the last") = 8;
    team.write(PACKAGE, &bytes);
    check(&team).code(1).says(&["does not fit"]);
}

#[test]
fn a_certificate_signs_for_whom_it_names() {
    let team = packaged();
    let authority = team.new_key("keys/authority", "ed25519");
    let line = format!("*@shop.example cert-authority,namespaces=\"file\" {authority}\n");
    team.write(SIGNERS, line);
    let certify = |principals: &str, validity: &str| {
        let _ = fs::remove_file(team.path("keys/built-cert.pub"));
        let made = Command::new("ssh-keygen")
            .args(["-q", "-I", "build", "-n", principals, "-V", validity, "-s"])
            .args([team.path("keys/authority"), team.path("keys/built.pub")])
            .status();
        assert!(made.expect("ssh-keygen is there").success());
        fs::copy(team.path("keys/built"), team.path("keys/built-cert")).expect("copied");
        sign_as(&team, "keys/built-cert.pub", &["-n", "file"]);
    };
    team.new_key("keys/built", "ed25519");
    certify("ci@shop.example", "always:forever");
    check(&team).code(0).says(&["signed by ci@shop.example"]);
    team.write(PACKAGE, "another");
    check(&team).code(1).says(&["does not fit"]);
    team.write(PACKAGE, "the package");
    certify("quin@shop.example,dana@shop.example", "always:forever");
    check(&team)
        .code(1)
        .says(&["the policy lets nobody whom it names sign artifacts"]);
    certify("ci@shop.example", "20200101:20210101");
    check(&team).code(1).says(&["certificate"]);
    certify("ci@shop.example,rory@shop.example", "always:forever");
    check(&team).code(0);
    team.write(".relgate/revoked_keys", format!("{authority}\n"));
    check(&team).code(1).says(&["certificate"]);
}

#[test]
fn what_is_no_signature_is_told_with_what_to_do() {
    let armored = "-----BEGIN PGP SIGNATURE-----\n\niHUEABYK\n-----END PGP SIGNATURE-----\n";
    let team = packaged();
    let cases: [(&[u8], i32, &str, &str); 6] = [
        (
            armored.as_bytes(),
            4,
            "is an OpenPGP signature",
            "verify it by a command as evidence of a gate",
        ),
        (
            b"untrusted comment: x\nRUQ\n",
            4,
            "is a minisign or signify signature",
            "evidence of a gate",
        ),
        (
            b"",
            1,
            "is empty",
            "ssh-keygen -Y sign -n file -f KEY dist/shop.tar",
        ),
        (&[0xff, 0xfe, 0x00], 1, "it is binary", "ssh-keygen -Y sign"),
        (
            &[b'a'; 40_000],
            1,
            "more than 32768 bytes",
            "ssh-keygen -Y sign",
        ),
        (
            b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
            1,
            "it is cut off",
            "ssh-keygen -Y sign",
        ),
    ];
    for (bytes, code, what, then) in cases {
        team.write(SIGNATURE, bytes);
        check(&team).code(code).says(&[what, then]);
    }
    team.remove(SIGNATURE);
    check(&team).code(1).says(&[
        "MISSING",
        "dist/shop.tar.sig is not there",
        "ssh-keygen -Y sign",
    ]);
    fs::create_dir(team.path(SIGNATURE)).expect("a folder");
    check(&team).code(4).says(&["not a plain file"]);
    fs::remove_dir(team.path(SIGNATURE)).expect("removed");
    sign_as(&team, "keys/ci", &["-n", "git"]);
    check(&team).code(1).says(&["in the namespace \"git\""]);
    // A signature that is fine, where nobody can be held against it.
    sign(&team, "ci");
    check(&team).code(0);
    team.write(".relgate/revoked_keys", "SSHKRL\n\0 torn");
    check(&team).code(4).says(&["cannot be verified"]);
    team.remove(".relgate/revoked_keys");
    team.remove(SIGNERS);
    team.edit("relgate.yaml", "signatures: required\n\n", "\n");
    check(&team)
        .code(1)
        .says(&["is not in .relgate/allowed_signers"]);
    team.run("rory", &["lint"])
        .code(0)
        .says(&["counts for nobody"]);
}

#[test]
fn a_signature_that_is_wanted_can_be_waived_for_these_bytes() {
    let team = packaged();
    team.remove(SIGNATURE);
    team.edit(NOTES, &format!(", signature: {SIGNATURE}"), "");
    check(&team).code(1).says(&["the policy wants it signed"]);
    let waive = [
        "waive",
        "shop",
        "--reason",
        "the build machine is down",
        "--until",
        "4h",
    ];
    team.run("rory", &waive).code(0);
    check(&team).code(0).says(&["WAIVED"]);
    team.write(PACKAGE, "another");
    check(&team)
        .code(1)
        .says(&["what it waived has changed since"]);
}
