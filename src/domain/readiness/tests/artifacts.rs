//! What the gate says of the things that are released.

use super::*;
use crate::domain::signature::artifact::{Fault, SignedBy};
use crate::domain::signature::{Flaw, Signer};

/// A case in which everybody has signed, and one artifact is released: a package on disk, with `more` of its keys.
fn released(more: serde_json::Value) -> Case {
    let mut artifact = serde_json::json!({"name": "shop", "path": "dist/shop.tar"});
    for (key, value) in more.as_object().expect("keys") {
        artifact[key] = value.clone();
    }
    let mut case = Case::new();
    case.notes.artifacts = Some(from_json(serde_json::json!([artifact])));
    case.sign_all();
    case
}

fn signed() -> Case {
    released(serde_json::json!({"signature": "dist/shop.sig"}))
}

fn judged(case: &mut Case, signer: Result<SignedBy, Fault>) {
    let name = "shop".parse().expect("a name");
    case.facts.artifact_signers = [(name, signer)].into();
}

fn by_ci() -> SignedBy {
    SignedBy {
        who: "ci@shop.example".to_owned(),
        signer: Signer {
            principal: "ci@shop.example".to_owned(),
            fingerprint: "SHA256:abc".to_owned(),
        },
    }
}

#[test]
fn an_artifact_is_called_what_it_was_found_to_be() {
    // req: A19
    let case = released(serde_json::json!({}));
    case.expect("shop", Status::Met, "it is what the notes say");
    let mut case = released(serde_json::json!({"path": null, "reference": "shop:1"}));
    case.expect("shop", Status::Met, "not looked at");
    case.notes.artifacts.as_mut().expect("one")[0].signature = Some("shop.sig".to_owned());
    case.expect("shop", Status::Unknown, "cannot be verified");
}

#[test]
fn a_signature_counts_where_it_was_verified_and_nowhere_else() {
    // req: A19
    let mut case = signed();
    case.expect("shop", Status::Unknown, "was not verified");
    assert_eq!(case.decision(), Decision::Inconclusive);
    judged(&mut case, Ok(by_ci()));
    case.expect(
        "shop",
        Status::Met,
        "signed by ci@shop.example (SHA256:abc)",
    );
    let file = || "dist/shop.sig".to_owned();
    let fingerprint = || "SHA256:abc".to_owned();
    let why = || "torn".to_owned();
    let at = case.now;
    let cases = [
        (Fault::Absent { file: file() }, Status::Missing),
        (Fault::Empty { file: file() }, Status::Failed),
        (
            Fault::Malformed {
                file: file(),
                why: why(),
            },
            Status::Failed,
        ),
        (
            Fault::Foreign {
                file: file(),
                format: "an OpenPGP signature",
            },
            Status::Unknown,
        ),
        (Fault::Unreadable { why: why() }, Status::Unknown),
        (Fault::Unverifiable { why: why() }, Status::Unknown),
        (
            Fault::WrongNamespace {
                found: "git".to_owned(),
            },
            Status::Failed,
        ),
        (Fault::OtherBytes, Status::Failed),
        (
            Fault::NoAuthority {
                who: "bea".to_owned(),
            },
            Status::Failed,
        ),
        (
            Fault::Nobody {
                fingerprint: fingerprint(),
            },
            Status::Failed,
        ),
        (
            Fault::OtherUse {
                fingerprint: fingerprint(),
            },
            Status::Failed,
        ),
        (
            Fault::Key(Flaw::UnknownKey {
                fingerprint: fingerprint(),
            }),
            Status::Failed,
        ),
        (
            Fault::Key(Flaw::Untouched {
                fingerprint: fingerprint(),
            }),
            Status::Failed,
        ),
        (
            Fault::Key(Flaw::Revoked {
                fingerprint: fingerprint(),
            }),
            Status::Expired,
        ),
        (
            Fault::Key(Flaw::Ended {
                fingerprint: fingerprint(),
                at,
            }),
            Status::Expired,
        ),
        (
            Fault::Key(Flaw::NotYetValid {
                fingerprint: fingerprint(),
                from: at,
            }),
            Status::Expired,
        ),
        (
            Fault::Key(Flaw::Unsupported {
                what: "a key".to_owned(),
            }),
            Status::Unknown,
        ),
    ];
    for (fault, status) in cases {
        judged(&mut case, Err(fault.clone()));
        case.expect("shop", status, &fault.to_string());
        let all = case.readiness().requirements;
        let one = all.iter().find(|it| it.id == "shop").expect("it");
        assert!(one.command.is_some(), "{fault}");
    }
}

#[test]
fn a_policy_that_wants_artifacts_signed_takes_none_without() {
    let mut case = released(serde_json::json!({}));
    case.policy.artifacts = Some(from_json(serde_json::json!({"signatures": "required"})));
    case.expect(
        "shop",
        Status::Missing,
        "ssh-keygen -Y sign -n file -f KEY dist/shop.tar",
    );
    let mut elsewhere = released(serde_json::json!({"path": null, "reference": "shop:1"}));
    elsewhere.policy.artifacts = case.policy.artifacts.clone();
    elsewhere.expect("shop", Status::Unknown, "it lies elsewhere");
    let mut case = signed();
    case.policy.artifacts = elsewhere.policy.artifacts.clone();
    judged(&mut case, Ok(by_ci()));
    assert_eq!(case.decision(), Decision::Go);
    // What is signed and is not what the notes say is still not what the notes say.
    let name = || "shop".parse().expect("a name");
    case.facts.artifact_problems = [(name(), "it is another".to_owned())].into();
    case.expect("shop", Status::Failed, "it is another");
}

#[test]
fn who_waives_a_signature_waives_it_for_these_bytes() {
    let mut case = signed();
    judged(&mut case, Err(Fault::OtherBytes));
    let name = || "shop".parse().expect("a name");
    let terms = |case: &Case| {
        let all = case.readiness().requirements;
        let one = all.into_iter().find(|it| it.id == "shop");
        one.expect("it").terms
    };
    case.facts.artifact_digests = [(name(), Digest::of(b"one"))].into();
    let one = terms(&case);
    case.facts.artifact_digests = [(name(), Digest::of(b"other"))].into();
    assert_ne!(one, terms(&case));
    let other = terms(&case);
    judged(
        &mut case,
        Err(Fault::NoAuthority {
            who: "bea".to_owned(),
        }),
    );
    assert_ne!(other, terms(&case));
}

#[test]
fn a_sign_off_is_about_the_bytes_and_not_about_their_signature() {
    let mut case = signed();
    judged(&mut case, Ok(by_ci()));
    assert_eq!(case.decision(), Decision::Go);
    let mut renewed = by_ci();
    renewed.signer.fingerprint = "SHA256:def".to_owned();
    judged(&mut case, Ok(renewed));
    assert_eq!(case.decision(), Decision::Go);
}

#[test]
fn a_name_of_two_things_means_neither() {
    let mut case = released(serde_json::json!({"name": "I1"}));
    let command = |case: &Case| find(&case.inquiry(), "I1").map(|it| it.subject);
    assert_eq!(command(&case), Ok(Subject::Artifact));
    let record = case.deploy_and_break();
    assert!(case.history.find(&record).is_some());
    for refusal in [
        command(&case).expect_err("the incident is called so too"),
        stands(&case.inquiry(), "I1").expect_err("the same"),
    ] {
        let said = refusal.to_string();
        assert!(said.contains("the artifact I1; or: it is slow"), "{said}");
    }
    let gates = serde_json::to_value(&case.gates).expect("JSON");
    let gates = gates.to_string().replace("\"ci\"", "\"dev\"");
    case.gates = from_json(serde_json::from_str(&gates).expect("JSON"));
    assert!(find(&case.inquiry(), "code/dev").is_err());
    assert!(find(&case.inquiry(), "quality/qa").is_ok());
}

#[test]
fn an_artifact_that_is_gone_makes_every_sign_off_over_it_stale() {
    // req: A19
    let mut case = released(serde_json::json!({}));
    let authority = case.policy.authority.as_mut().expect("authority");
    authority.waive = Some(vec!["manager".parse().expect("a name")]);
    case.policy.waivers = Some(from_json(serde_json::json!({
        "review": {"role": "qa", "due": "24h"},
    })));
    let name: crate::domain::ids::ArtifactName = "shop".parse().expect("a name");
    let bytes = case.facts.artifacts;
    let gone = |case: &mut Case| {
        case.facts.artifacts = Some(Digest::of(b"nothing"));
        case.facts.artifacts_gone = [name.clone()].into();
        let problem = "dist/shop.tar is not there".to_owned();
        case.facts.artifact_problems = [(name.clone(), problem)].into();
    };
    gone(&mut case);
    let every: [Scope; 4] = [
        Scope::Deployment,
        Scope::Phase(Phase::PreRelease),
        Scope::Gate("code".parse().expect("a name")),
        Scope::Closing,
    ];
    for scope in every {
        case.scope = scope;
        let (status, why) = case.how("code/dev");
        assert_eq!(status, Status::Stale);
        assert!(why.contains("dist/shop.tar is not there"), "{why}");
    }
    // Nothing is signed over it, unless somebody answers for it.
    let sign = |case: &Case| {
        let answers = case.sign_off("code", "dev").answers;
        let (gate, by) = (case.gate("code"), crate::domain::testing::actor("cy"));
        let passed = sample("ci", Verdict::Pass);
        crate::domain::decide::sign::sign(&case.inquiry(), gate, &by, answers, vec![passed])
    };
    case.scope = Scope::Deployment;
    let refusal = sign(&case).expect_err("a refusal");
    assert!(
        refusal.message.contains("dist/shop.tar is not there"),
        "{}",
        refusal.message
    );
    let drafts = {
        let found = find(&case.inquiry(), "shop").expect("it");
        let until = case.now + TimeDelta::hours(1);
        let ana = crate::domain::testing::actor("ana");
        crate::domain::decide::waive::waive(
            &case.inquiry(),
            &ana,
            &[found],
            ("it is elsewhere", until),
        )
    };
    for draft in drafts.expect("she may") {
        case.append(&draft.by, case.now, draft.body);
    }
    assert_eq!(case.how("shop").0, Status::Waived);
    assert_eq!(
        case.how("code/dev").0,
        Status::Stale,
        "signed over other bytes"
    );
    let signed = sign(&case).expect("it is waived");
    case.append(&signed.by, case.now, signed.body);
    assert_eq!(case.how("code/dev").0, Status::Met);
    // It counts again with the same bytes.
    case.facts.artifacts_gone.clear();
    case.facts.artifact_problems.clear();
    case.facts.artifacts = bytes;
    assert_ne!(case.how("go/manager").0, Status::Stale);
}
