//! The signatures of artifacts: what is one, and whose counts.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::domain::finding::Source;
use crate::domain::policy::Policy;
use crate::domain::signature::Flaw;
use crate::domain::signature::allowed_signers::AllowedSigners;
use crate::domain::signature::artifact::{Detached, Fault, SignedArtifact, SignedBy};
use crate::domain::signature::key::PublicKey;
use crate::domain::signature::revoked::Revoked;
use crate::domain::signature::testing::TestKey;
use crate::domain::signature::trust::{Oracle, Payload, Trust};
use crate::domain::testing::from_json;

const BYTES: &[u8] = b"the package";

/// An OpenSSH that nobody has.
struct Nobody;

impl Oracle for Nobody {
    fn is_revoked(&self, _: &PublicKey) -> Result<bool, String> {
        Err("nobody knows".to_owned())
    }
    fn certifies(
        &self,
        _: &str,
        _: (Payload<'_>, &str),
        _: DateTime<Utc>,
        _: Tz,
    ) -> Result<(), String> {
        Err("nobody knows".to_owned())
    }
}

fn policy(artifacts: Value) -> Policy {
    let mut policy = json!({
        "version": 1,
        "roles": {"manager": {}, "qa": {}},
        "people": {"ana": {"email": "ana@shop.example", "roles": ["manager"]}, "bea": {"roles": ["qa"]}},
    });
    if !artifacts.is_null() {
        policy["artifacts"] = artifacts;
    }
    from_json(policy)
}

/// Ana signs with the key 1, bea with the key 2, the build machine with the key 3.
fn trust(artifacts: Value, options: &str) -> Trust {
    let line = |number| TestKey::ed25519(number).line();
    let text = format!(
        "ana@shop.example {options} {}\nbea {}\nci@shop.example namespaces=\"file\" {}\n",
        line(1),
        line(2),
        line(3)
    );
    let (signers, findings) = AllowedSigners::read(&Source::new("s", text));
    assert!(findings.is_empty(), "{findings:?}");
    Trust {
        policy: Some(policy(artifacts)),
        signers: Ok(signers),
        revoked: Ok(Revoked::default()),
    }
}

fn read(armored: &str) -> Result<Detached, Fault> {
    Detached::read("shop.sig", armored.as_bytes())
}

/// Whose the signature is over `bytes`.
fn signer(trust: &Trust, armored: &str, bytes: &[u8]) -> Result<SignedBy, Fault> {
    let detached = read(armored)?;
    let artifact = SignedArtifact {
        path: "shop.tar",
        hashed: &detached.hash().of(bytes),
        detached: &detached,
    };
    let now = "2026-11-20T12:00:00Z".parse().expect("a time");
    artifact.signer(trust, now, &Nobody)
}

fn by(trust: &Trust, key: u8) -> Result<String, Fault> {
    let armored = TestKey::ed25519(key).sign_in("file", BYTES);
    signer(trust, &armored, BYTES).map(|by| by.who)
}

#[test]
fn those_sign_artifacts_whom_the_policy_lets() {
    let fingerprint = |key| TestKey::ed25519(key).public().fingerprint();
    let no = |who: &str| {
        Err(Fault::NoAuthority {
            who: who.to_owned(),
        })
    };
    let ok = |who: &str| Ok(who.to_owned());
    let cases = [
        (Value::Null, [ok("ana"), ok("bea"), no("ci@shop.example")]),
        (
            json!({"signatures": "required"}),
            [ok("ana"), ok("bea"), no("ci@shop.example")],
        ),
        (
            json!({"signers": ["ci@shop.example"]}),
            [no("ana"), no("bea"), ok("ci@shop.example")],
        ),
        (
            json!({"roles": ["manager"]}),
            [ok("ana"), no("bea"), no("ci@shop.example")],
        ),
        (
            json!({"roles": ["qa"], "signers": ["ci@shop.example"]}),
            [no("ana"), ok("bea"), ok("ci@shop.example")],
        ),
        (
            json!({"roles": []}),
            [no("ana"), no("bea"), no("ci@shop.example")],
        ),
    ];
    for (rules, expected) in cases {
        let trust = trust(rules.clone(), "");
        let found = [1, 2, 3].map(|key| by(&trust, key));
        assert_eq!(found, expected, "{rules}");
        let fingerprint = fingerprint(4);
        assert_eq!(
            by(&trust, 4),
            Err(Fault::Key(Flaw::UnknownKey { fingerprint }))
        );
    }
}

#[test]
fn a_key_must_be_for_files_and_valid_now() {
    let fingerprint = || TestKey::ed25519(1).public().fingerprint();
    let found = |options: &str| by(&trust(Value::Null, options), 1);
    assert_eq!(found("namespaces=\"file,relgate\""), Ok("ana".to_owned()));
    assert_eq!(
        found("valid-after=\"20261119Z\",valid-before=\"20261121Z\""),
        Ok("ana".to_owned())
    );
    let other = Fault::OtherUse {
        fingerprint: fingerprint(),
    };
    assert_eq!(found("namespaces=\"relgate\""), Err(other));
    let ended = found("valid-before=\"20261120Z\"");
    assert!(
        matches!(ended, Err(Fault::Key(Flaw::Ended { .. }))),
        "{ended:?}"
    );
    let early = found("valid-after=\"20261121Z\"");
    assert!(
        matches!(early, Err(Fault::Key(Flaw::NotYetValid { .. }))),
        "{early:?}"
    );
    // One line that holds is enough, whatever another says.
    let mut both = trust(Value::Null, "valid-before=\"20261120Z\"");
    let text = format!(
        "ana@shop.example valid-before=\"20261120Z\" {key}\nana@shop.example {key}\n",
        key = TestKey::ed25519(1).line()
    );
    both.signers = Ok(AllowedSigners::read(&Source::new("s", text)).0);
    assert_eq!(by(&both, 1), Ok("ana".to_owned()));
    // A pattern gives a key to whom the policy does not know.
    let text = format!("*@elsewhere.example {}\n", TestKey::ed25519(1).line());
    both.signers = Ok(AllowedSigners::read(&Source::new("s", text)).0);
    let fingerprint = fingerprint();
    assert_eq!(by(&both, 1), Err(Fault::Nobody { fingerprint }));
}

#[test]
fn what_is_not_known_is_no_yes() {
    let mut revoked = trust(Value::Null, "");
    let list = Source::new("r", TestKey::ed25519(1).line());
    revoked.revoked = Ok(Revoked::read(&list).expect("a list"));
    let taken_back = by(&revoked, 1);
    assert!(
        matches!(taken_back, Err(Fault::Key(Flaw::Revoked { .. }))),
        "{taken_back:?}"
    );
    assert_eq!(by(&revoked, 2), Ok("bea".to_owned()));
    type Break = fn(&mut Trust);
    let breaks: [(Break, &str); 4] = [
        (|trust| trust.policy = None, "the policy cannot be read"),
        (|trust| trust.signers = Err("torn".into()), "torn"),
        (|trust| trust.revoked = Err("torn".into()), "torn"),
        (|trust| trust.revoked = Ok(Revoked::Krl), "nobody knows"),
    ];
    for (spoil, why) in breaks {
        let mut trust = trust(Value::Null, "");
        spoil(&mut trust);
        let why = why.to_owned();
        assert_eq!(by(&trust, 1), Err(Fault::Unverifiable { why }));
    }
}

#[test]
fn a_signature_is_over_the_artifact_it_was_made_for() {
    let trust = trust(Value::Null, "");
    let armored = TestKey::ed25519(1).sign_in("file", BYTES);
    assert!(signer(&trust, &armored, BYTES).is_ok());
    for other in [&b"another package"[..], b"", b"the package\n"] {
        assert_eq!(signer(&trust, &armored, other), Err(Fault::OtherBytes));
    }
    for namespace in ["relgate", "git", ""] {
        let armored = TestKey::ed25519(1).sign_in(namespace, BYTES);
        let found = namespace.to_owned();
        assert_eq!(read(&armored), Err(Fault::WrongNamespace { found }));
    }
    let untouched = TestKey::ed25519(1).security(false).sign_in("file", BYTES);
    let untouched = signer(&trust, &untouched, BYTES);
    assert!(
        matches!(untouched, Err(Fault::Key(Flaw::Untouched { .. }))),
        "{untouched:?}"
    );
}

#[test]
fn what_is_no_ssh_signature_is_called_what_it_is() {
    let armored = TestKey::ed25519(1).sign_in("file", BYTES);
    assert!(read(&armored.replace('\n', "\r\n")).is_ok());
    let said = |bytes: &[u8]| Detached::read("shop.sig", bytes).map_err(|fault| fault.to_string());
    let huge = armored.replace("-----END", &format!("{}\n-----END", "A".repeat(40_000)));
    let cases: [(&[u8], &str); 11] = [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (
            b"-----BEGIN PGP SIGNATURE-----\n\niHUE",
            "an OpenPGP signature",
        ),
        (
            &[0x89, 0x01, 0x33, 0x04, 0x00, 0xff],
            "a binary OpenPGP signature",
        ),
        (
            b"untrusted comment: signature from minisign secret key\nRUQ",
            "a minisign or signify signature",
        ),
        (b"-----BEGIN PKCS7-----\nMII", "a CMS signature"),
        (
            b"{\"mediaType\":\"application/vnd.dev.sigstore.bundle+json\"}",
            "a Sigstore bundle",
        ),
        (&[0xff, 0xfe, 0x00], "it is binary"),
        (b"SSHSIG", "it is not an armored SSH signature"),
        (b"MEUCIQDx", "it is not an armored SSH signature"),
        (huge.as_bytes(), "more than 32768 bytes"),
    ];
    for (bytes, expected) in cases {
        let fault = said(bytes).expect_err(expected);
        assert!(fault.contains("shop.sig"), "{fault}");
        assert!(fault.contains(expected), "{fault}");
    }
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]
    #[test]
    fn no_bytes_are_a_signature_by_chance(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Detached::read("x", &bytes).is_err());
    }

    #[test]
    fn a_signature_that_is_damaged_is_nobodys_over_other_bytes(at in any::<usize>(), change in 1..=255u8, other in proptest::collection::vec(any::<u8>(), 0..20)) {
        let trust = trust(Value::Null, "");
        let mut bytes = TestKey::ed25519(1).sign_in("file", BYTES).into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= change;
        if let Ok(text) = String::from_utf8(bytes) && other != BYTES {
            prop_assert!(signer(&trust, &text, &other).is_err());
        }
    }
}
