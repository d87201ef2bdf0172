use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::json;

use crate::domain::finding::Source;
use crate::domain::ids::ReleaseName;
use crate::domain::policy::Policy;
use crate::domain::record::body::Noted;
use crate::domain::record::{Body, Draft, Record, TOOL};
use crate::domain::signature::allowed_signers::AllowedSigners;
use crate::domain::signature::key::PublicKey;
use crate::domain::signature::revoked::Revoked;
use crate::domain::signature::testing::TestKey;
use crate::domain::signature::trust::{Oracle, Payload, Trust};
use crate::domain::signature::{Flaw, Standing};
use crate::domain::testing::from_json;

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

fn now() -> DateTime<Utc> {
    "2026-11-20T12:00:00Z".parse().expect("a time")
}

fn policy(signatures: &str) -> Policy {
    from_json(json!({
        "version": 1, "signatures": signatures,
        "roles": {"manager": {}, "qa": {}},
        "people": {"ana": {"email": "ana@shop.example", "roles": ["manager"]}, "bea": {"roles": ["qa"]}},
        "authority": {"close": ["manager"]},
    }))
}

/// Ana signs with the key 1, bea with the key 2.
fn trust(signatures: &str, options: &str) -> Trust {
    let (ana, bea) = (TestKey::ed25519(1).line(), TestKey::ed25519(2).line());
    let text = format!("ana@shop.example {options} {ana}\nbea {bea}\n");
    let (signers, findings) = AllowedSigners::read(&Source::new("s", text));
    assert!(findings.is_empty(), "{findings:?}");
    Trust {
        policy: Some(policy(signatures)),
        signers: Ok(signers),
        revoked: Ok(Revoked::default()),
    }
}

fn body(kind: &str, body: serde_json::Value) -> Body {
    let record = json!({
        "version": 1, "release": "2.4.0", "parents": [], "at": "2026-11-20T12:00:00.000Z",
        "by": "x", "host": "h", "kind": kind, "body": body,
    });
    let record = Record::from_bytes(record.to_string().as_bytes());
    record.expect("a record").body
}

fn done() -> Body {
    body("deploy-done", json!({"stage": "north"}))
}

fn record(by: &str, at: DateTime<Utc>, body: Body) -> Record {
    let draft = Draft {
        by: by.to_owned(),
        body,
    };
    let release = ReleaseName::new("2.4.0").expect("a name");
    Record::new(draft, &release, Vec::new(), at, "h")
}

fn signed(record: Record, key: &TestKey) -> Record {
    let signature = key.sign(&record.payload());
    record.signed(signature)
}

fn judge(trust: &Trust, record: &Record) -> Standing {
    trust.judge(record, now(), &Nobody)
}

fn flaw(trust: &Trust, record: &Record) -> Flaw {
    match judge(trust, record) {
        Standing::Void(flaw) => flaw,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_person_signs_with_their_own_key_counts() {
    for signatures in ["required", "optional"] {
        let trust = trust(signatures, "");
        for (by, number, principal) in [("ana", 1, "ana@shop.example"), ("bea", 2, "bea")] {
            let key = TestKey::ed25519(number);
            let standing = judge(&trust, &signed(record(by, now(), done()), &key));
            let signer = standing.signer().cloned().expect("a signer");
            assert!(matches!(standing, Standing::Signed(_)));
            assert_eq!(signer.principal, principal);
            assert_eq!(signer.fingerprint, key.public().fingerprint());
        }
    }
}

#[test]
fn what_is_not_signed_counts_where_nobody_requires_it() {
    let plain = record("ana", now(), done());
    assert_eq!(judge(&trust("optional", ""), &plain), Standing::Plain);
    assert_eq!(flaw(&trust("required", ""), &plain), Flaw::Unsigned);
    // A remark grants nothing.
    let note = || {
        Body::Noted(Noted {
            text: "x".to_owned(),
        })
    };
    let noted = record("ana", now(), note());
    assert_eq!(judge(&trust("required", ""), &noted), Standing::Plain);
    // relgate signs nothing, and does not do by itself what people do.
    let own = record(TOOL, now(), note());
    assert_eq!(judge(&trust("required", ""), &own), Standing::Plain);
    let forged = record(TOOL, now(), done());
    assert!(matches!(
        flaw(&trust("required", ""), &forged),
        Flaw::NotByItself { .. }
    ));
}

#[test]
fn a_signature_that_does_not_hold_is_worse_than_none() {
    for signatures in ["required", "optional"] {
        let trust = trust(signatures, "");
        let (ana, bea) = (TestKey::ed25519(1), TestKey::ed25519(2));
        let plain = || record("ana", now(), done());
        let mallory = signed(plain(), &TestKey::ed25519(9));
        assert!(matches!(flaw(&trust, &mallory), Flaw::UnknownKey { .. }));
        assert!(matches!(
            flaw(&trust, &signed(plain(), &bea)),
            Flaw::NotTheirs { .. }
        ));
        let in_git = ana.sign_in("git", &plain().payload());
        assert!(matches!(
            flaw(&trust, &plain().signed(in_git)),
            Flaw::WrongNamespace { .. }
        ));
        let garbage = plain().signed("yes".to_owned());
        assert!(matches!(flaw(&trust, &garbage), Flaw::Malformed { .. }));
        let stranger = record("zed", now(), done());
        assert!(matches!(
            flaw(&trust, &signed(stranger, &ana)),
            Flaw::UnknownPerson { .. }
        ));
        // Copied from another record, or from this one before it was changed.
        let other = signed(record("ana", now() - TimeDelta::hours(1), done()), &ana);
        let copied = plain().signed(other.signature.expect("signed"));
        assert_eq!(flaw(&trust, &copied), Flaw::Tampered);
        let text = String::from_utf8(signed(plain(), &ana).bytes().to_vec()).expect("UTF-8");
        let edited = text.replace("\"host\":\"h\"", "\"host\":\"elsewhere\"");
        let edited = Record::from_bytes(edited.as_bytes()).expect("a record");
        assert_eq!(flaw(&trust, &edited), Flaw::Tampered);
    }
}

#[test]
fn the_time_that_a_signer_claims_widens_nothing() {
    let key = TestKey::ed25519(1);
    let at = |hours: i64| signed(record("ana", now() + TimeDelta::hours(hours), done()), &key);
    let ended = trust("required", "valid-before=\"20261120110000Z\"");
    // Now it is over, whatever time the record gives; a record from then is no forgery.
    assert!(matches!(flaw(&ended, &at(0)), Flaw::Ended { .. }));
    assert!(matches!(
        judge(&ended, &at(-2)),
        Standing::Lapsed(_, Flaw::Ended { .. })
    ));
    let later = trust("required", "valid-after=\"20261120130000Z\"");
    assert!(matches!(flaw(&later, &at(0)), Flaw::NotYetValid { .. }));
    assert!(matches!(flaw(&later, &at(2)), Flaw::FutureDated { .. }));
    let recent = trust("required", "valid-after=\"20261120110000Z\"");
    assert!(matches!(flaw(&recent, &at(-2)), Flaw::NotYetValid { .. }));
    assert!(matches!(judge(&recent, &at(0)), Standing::Signed(_)));
    let minutes = |minutes| {
        signed(
            record("ana", now() + TimeDelta::minutes(minutes), done()),
            &key,
        )
    };
    let trust = trust("required", "");
    assert!(matches!(judge(&trust, &minutes(5)), Standing::Signed(_)));
    assert!(matches!(
        flaw(&trust, &minutes(6)),
        Flaw::FutureDated { .. }
    ));
}

#[test]
fn a_revoked_key_counts_no_more() {
    let key = TestKey::ed25519(1);
    let mut trust = trust("required", "");
    let record = signed(record("ana", now(), done()), &key);
    trust.revoked = Ok(Revoked::Keys([key.public()].into()));
    assert!(matches!(
        judge(&trust, &record),
        Standing::Lapsed(_, Flaw::Revoked { .. })
    ));
    for unknown in [Ok(Revoked::Krl), Err("it is broken".to_owned())] {
        trust.revoked = unknown;
        assert!(matches!(
            judge(&trust, &record),
            Standing::Lapsed(_, Flaw::Unverifiable { .. })
        ));
    }
}

#[test]
fn files_that_cannot_be_read_verify_nothing() {
    let record = signed(record("ana", now(), done()), &TestKey::ed25519(1));
    let mut broken = trust("required", "");
    broken.signers = Err("it is broken".to_owned());
    assert!(matches!(
        judge(&broken, &record),
        Standing::Lapsed(_, Flaw::Unverifiable { .. })
    ));
    let mut lost = trust("required", "");
    lost.policy = None;
    assert!(matches!(
        judge(&lost, &record),
        Standing::Lapsed(_, Flaw::Unverifiable { .. })
    ));
}

#[test]
fn the_right_key_gives_no_authority() {
    let close = || body("closed", json!({"check": "0".repeat(64)}));
    let by_bea = signed(record("bea", now(), close()), &TestKey::ed25519(2));
    let by_ana = signed(record("ana", now(), close()), &TestKey::ed25519(1));
    let trust = trust("required", "");
    assert!(matches!(
        judge(&trust, &by_bea),
        Standing::Lapsed(_, Flaw::NoAuthority { .. })
    ));
    assert!(matches!(judge(&trust, &by_ana), Standing::Signed(_)));
}

#[test]
fn a_window_that_is_a_rollback_takes_the_authority_for_one() {
    let mut trust = trust("required", "");
    let rules: Policy = from_json(json!({
        "version": 1, "signatures": "required", "roles": {"manager": {}, "qa": {}},
        "people": {"ana": {"email": "ana@shop.example", "roles": ["manager"]}, "bea": {"roles": ["qa"]}},
        "priorities": {"at-once": {"window": "0s"}},
        "triggers": {"fire": {"priority": "at-once", "open": ["qa"]}},
        "authority": {"rollback": ["manager"]},
    }));
    trust.policy = Some(rules);
    let plan = crate::domain::decide::incident::pinned(&crate::domain::testing::notes());
    let opened = crate::domain::testing::Site::new("site").now();
    let open = |window: &str, trigger: Option<&str>| {
        let mut fact = json!({
            "incident": "I1", "title": "x", "stage": "north", "priority": "at-once", "window": window,
            "on_expiry": "rollback", "resolved_by": "person", "opened": opened, "plan": plan.as_ref().expect("a plan"),
        });
        if let Some(trigger) = trigger {
            fact["trigger"] = trigger.into();
        }
        body("incident-opened", fact)
    };
    let by_bea = |body| {
        judge(
            &trust,
            &signed(record("bea", now(), body), &TestKey::ed25519(2)),
        )
    };
    assert!(matches!(
        by_bea(open("0s", None)),
        Standing::Lapsed(_, Flaw::NoAuthority { .. })
    ));
    assert!(matches!(by_bea(open("5m", None)), Standing::Signed(_)));
    assert!(matches!(
        by_bea(open("0s", Some("fire"))),
        Standing::Signed(_)
    ));
    let by_ana = signed(record("ana", now(), open("0s", None)), &TestKey::ed25519(1));
    assert!(matches!(judge(&trust, &by_ana), Standing::Signed(_)));
}

#[test]
fn what_people_decide_counts_for_nothing_without_their_signature() {
    let digest = "0".repeat(64);
    let clocks = crate::domain::testing::Site::new("site").now();
    let stage = json!({"stage": "north", "role": "manager", "reason": "x"});
    let ended = json!({"role": "manager", "reason": "x", "obligations": []});
    let decided = json!({
        "incident": "I1", "role": "qa", "answer": "keep", "reason": "x", "decided": clocks,
    });
    let replaced = json!({
        "successor": "2.4.1", "deployment": digest, "stages": ["north"], "progress": {"step": "done"},
    });
    let table = [
        ("deploy-failed", stage),
        ("abandoned", ended.clone()),
        ("rollback-stopped", ended),
        ("incident-decided", decided),
        ("replacement", replaced),
    ];
    let trust = trust("required", "");
    for (kind, fact) in table {
        for by in ["ana", TOOL] {
            let standing = judge(&trust, &record(by, now(), body(kind, fact.clone())));
            assert!(matches!(standing, Standing::Void(_)), "{kind} by {by}");
        }
        let signed = signed(record("ana", now(), body(kind, fact)), &TestKey::ed25519(1));
        assert!(
            matches!(judge(&trust, &signed), Standing::Signed(_)),
            "{kind}"
        );
    }
}
