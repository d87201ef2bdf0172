//! What closing asks of a release that was deployed, and of one that went back.

use chrono::TimeDelta;
use serde_json::json;

use super::case::Case;
use super::*;
use crate::domain::testing::{drafted, from_json, go};

/// Deployed and verified in both stages.
fn verified() -> Case {
    let mut case = Case::signed();
    case.deploy(at("18:00:00"));
    case.now = at("20:00:00");
    for stage in ["north", "south"] {
        case.verify(stage, "pass");
    }
    case.sign("wrap-up", "manager", "ana");
    case.scope = Scope::Closing;
    case
}

const BEFORE: [&str; 5] = ["code/dev", "quality/qa", "go/dev", "go/qa", "go/manager"];

#[test]
fn what_stood_in_the_go_stands_at_the_closing_whatever_was_edited_or_ran_out_since() {
    let mut case = verified();
    assert_eq!(case.decision(), Decision::Go);
    case.now += TimeDelta::weeks(3);
    assert_eq!(case.decision(), Decision::Go);
    case.notes.known_issues = Some(vec!["found in production".to_owned()]);
    for id in BEFORE {
        case.scope = Scope::Deployment;
        assert_ne!(case.how(id).0, Status::Met, "{id}");
        case.scope = Scope::Closing;
        let (status, why) = case.how(id);
        assert_eq!(status, Status::Met, "{id}: {why}");
        assert!(why.contains("the go of the deployment of south"), "{why}");
    }
    // What belongs to the closing is asked of what the files say now.
    assert_eq!(case.how("wrap-up/manager").0, Status::Stale);
    case.sign("wrap-up", "manager", "ana");
    assert_eq!(case.decision(), Decision::Go);
}

#[test]
fn a_gate_of_the_closing_waits_for_no_sign_off_that_became_stale_after_the_deployment() {
    let mut case = verified();
    let wrap = case.gates.iter_mut().find(|it| it.id.as_str() == "wrap-up");
    wrap.expect("a gate").after = Some(vec!["go".parse().expect("a name")]);
    case.notes.known_issues = Some(vec!["found in production".to_owned()]);
    let inquiry = case.inquiry();
    assert_eq!(waits(&inquiry, case.gate("wrap-up")), None);
    assert!(
        waits(&inquiry, case.gate("go")).is_some(),
        "it is before the deployment"
    );
    case.sign("wrap-up", "manager", "ana");
    assert_eq!(case.decision(), Decision::Go);
}

#[test]
fn a_rejection_after_the_go_keeps_a_release_from_being_closed() {
    let mut case = verified();
    case.reject("quality", "qa", "bea");
    let (status, why) = case.how("quality/qa");
    assert_eq!(status, Status::Rejected, "{why}");
    assert_eq!(case.decision(), Decision::NoGo);
    // Only of who holds the role.
    let mut case = verified();
    case.reject("quality", "qa", "mallory");
    assert_eq!(case.decision(), Decision::Go);
}

#[test]
fn a_go_that_the_records_do_not_bear_out_is_asked_for_again() {
    let forged = |case: &mut Case| {
        let mut check = go(None);
        if let Body::Checked(fact) = &mut check.body {
            fact.notes = digest_of(&case.notes);
            fact.policy = digest_of(&case.policy);
        }
        let go = case.append("cy", at("18:00:00"), check.body);
        for stage in ["north", "south"] {
            let started = drafted("deploy-started", &json!({"stage": stage, "go": go}));
            case.append("cy", at("18:00:00"), started.body);
            let done = drafted("deploy-done", &json!({"stage": stage}));
            case.append("cy", at("18:00:00"), done.body);
        }
        case.scope = Scope::Closing;
        case.now = at("20:00:00");
    };
    let mut case = Case::new();
    case.sign("code", "dev", "cy");
    forged(&mut case);
    assert_eq!(case.how("code/dev").0, Status::Met);
    assert_eq!(case.how("quality/qa").0, Status::Missing);
    let mut case = Case::signed();
    forged(&mut case);
    for id in BEFORE {
        assert_eq!(case.how(id).0, Status::Met, "{id}");
    }
}

#[test]
fn a_release_that_went_back_answers_its_closure_gates_and_what_is_owed_alone() {
    let mut case = Case::signed();
    case.gates.push(from_json(json!({
        "id": "outside", "title": "Looks fine outside", "phase": "post-release", "role": "manager",
    })));
    let wrap = case.gates.iter_mut().find(|it| it.id.as_str() == "wrap-up");
    let after = ["go", "outside"].map(|it| it.parse().expect("a name"));
    wrap.expect("a gate").after = Some(after.to_vec());
    case.deploy(at("18:00:00"));
    case.now = at("20:00:00");
    case.scope = Scope::Closing;
    assert!(case.how("wrap-up/manager").1.contains("waits for"));
    let claimed = json!({
        "attempt": 1, "cause": {"because": "person", "role": "manager", "reason": "it is slow"}, "stage": "north",
        "plan": {"digest": digest_of(&"x"), "previous": "2.3.9", "rollback": {}}, "absorbs": [],
    });
    for (kind, body) in [
        ("rollback-claimed", claimed),
        ("attempt-started", json!({"attempt": 1, "pid": 1})),
        (
            "attempt-ended",
            json!({"attempt": 1, "outcome": {"how": "completed"}}),
        ),
        (
            "rolled-back",
            json!({"attempt": 1, "evidence": [], "obligations": []}),
        ),
    ] {
        let draft = drafted(kind, &body);
        case.append("relgate", case.now, draft.body);
    }
    assert_eq!(case.history.anomalies(), []);
    case.notes.known_issues = Some(vec!["it was slow".to_owned()]);
    let all = case.readiness().requirements;
    let names: Vec<&str> = all.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(names, ["wrap-up/manager"]);
    case.expect("wrap-up/manager", Status::Missing, "nobody has signed");
    case.sign("wrap-up", "manager", "ana");
    assert_eq!(case.decision(), Decision::Go);
}
