//! Who may say go, when, and about what.

mod artifacts;
mod case;
mod closing;
mod freezes;
mod monotone;
mod notice;
mod processes;
mod rejections;
mod waivers;

use super::*;
use crate::domain::ids::{RecordId, RoleName};
use crate::domain::record::body::{Answer, Answered, Rejection, SignOff};
use crate::domain::record::{Body, Draft, Record};
use crate::domain::testing::{Site, at, from_json, notes as some_notes, policy, sample};
use case::{Case, gates};
use chrono::TimeDelta;

#[test]
fn everything_signed_in_order_is_go() {
    // req: B3, req: B4
    let case = Case::signed();
    let readiness = case.readiness();
    assert_eq!(
        readiness.unmet().collect::<Vec<_>>(),
        Vec::<&Requirement>::new()
    );
    assert_eq!(readiness.decision, Decision::Go);
}

#[test]
fn what_is_not_signed_is_missing_and_says_whose_it_is_and_the_command() {
    let case = Case::new();
    let all = case.readiness().requirements;
    let code = all.iter().find(|it| it.id == "code/dev").expect("it");
    assert_eq!(code.status, Status::Missing);
    assert_eq!(code.who, ["cy", "dee"]);
    assert_eq!(
        code.command.as_deref(),
        Some("relgate sign code --as dev --release 2.4.0")
    );
    assert_eq!(case.decision(), Decision::NoGo);
}

#[test]
fn a_gate_waits_for_the_one_before_it() {
    // req: B4
    let mut case = Case::new();
    case.expect("quality/qa", Status::Pending, "waits for code");
    case.sign("code", "dev", "cy");
    case.expect("quality/qa", Status::Missing, "nobody has signed");
    case.expect("go/manager", Status::Pending, "waits for quality");
    // Signed out of order, as the command signs nothing, it counts neither then nor later.
    let mut case = Case::new();
    case.sign("quality", "qa", "bea");
    case.sign("quality", "qa", "ben");
    case.expect("quality/qa", Status::Pending, "waits for code");
    case.sign("code", "dev", "cy");
    case.expect(
        "quality/qa",
        Status::Missing,
        "signed before code was signed",
    );
    case.sign("quality", "qa", "bea");
    case.sign("quality", "qa", "ben");
    assert_eq!(case.how("quality/qa").0, Status::Met);
    // What comes before and has become stale since was signed in its turn.
    case.gates[0].title = "Code, again".to_owned();
    case.expect("quality/qa", Status::Pending, "waits for code");
    case.sign("code", "dev", "cy");
    assert_eq!(case.how("quality/qa").0, Status::Met);
}

#[test]
fn gates_that_wait_for_each_other_are_never_signed() {
    let mut case = Case::signed();
    case.gates[0].after = Some(vec!["go".parse().expect("a name")]);
    assert_eq!(case.decision(), Decision::NoGo);
    case.gates[0].after = Some(vec!["code".parse().expect("a name")]);
    assert_eq!(case.decision(), Decision::NoGo);
    case.gates[0].after = Some(vec!["unknown".parse().expect("a name")]);
    assert_eq!(case.decision(), Decision::NoGo);
}

#[test]
fn people_are_counted_once_however_often_they_sign() {
    // req: D2
    let mut case = Case::new();
    case.sign("code", "dev", "cy");
    case.sign("quality", "qa", "bea");
    case.sign("quality", "qa", "bea");
    case.expect("quality/qa", Status::Missing, "1 of 2 signed: bea");
    case.sign("quality", "qa", "ben");
    assert_eq!(case.how("quality/qa").0, Status::Met);
}

#[test]
fn a_role_is_needed_now_and_not_only_when_it_was_signed() {
    let mut case = Case::signed();
    let role: RoleName = "dev".parse().expect("a name");
    let cy = case.policy.people.get_mut("cy").expect("cy");
    cy.roles.retain(|it| *it != role);
    case.expect(
        "code/dev",
        Status::Missing,
        "cy, who does not hold the role dev",
    );
    for stranger in ["mallory", "CY", "cy ", "су", "relgate", ""] {
        let mut case = Case::new();
        case.sign("code", "dev", stranger);
        case.expect("code/dev", Status::Missing, "does not hold the role dev");
    }
}

#[test]
fn a_role_signs_for_itself_alone() {
    let mut case = Case::new();
    // Dee holds both roles, and signed as the other one.
    case.sign("code", "qa", "dee");
    case.expect("code/dev", Status::Missing, "nobody has signed");
}

#[test]
fn the_final_gate_is_signed_within_a_day_before_the_deployment() {
    // req: B5
    let from = at("18:00:00") - TimeDelta::days(1);
    for (early, counts) in [(1, false), (0, true), (-1, true)] {
        let mut case = Case::signed();
        case.history = History::new("2.4.0".parse().expect("a name"));
        for (gate, role, by) in [
            ("code", "dev", "cy"),
            ("quality", "qa", "bea"),
            ("quality", "qa", "ben"),
            ("go", "qa", "bea"),
            ("go", "manager", "ana"),
        ] {
            case.sign(gate, role, by);
        }
        case.sign_at("go", "dev", "cy", from - TimeDelta::seconds(early));
        if counts {
            assert_eq!(case.decision(), Decision::Go, "{early} s too early");
        } else {
            case.expect("go/dev", Status::Expired, "cy signed too early");
        }
    }
    let mut case = Case::new();
    case.notes.deploy_at = None;
    case.sign_all();
    case.expect("go/dev", Status::Pending, "waits for deploy_at");
}

#[test]
fn before_its_day_the_final_gate_is_pending() {
    let mut case = Case::new();
    case.now = at("17:59:59") - TimeDelta::days(1);
    for (gate, role, by) in [
        ("code", "dev", "cy"),
        ("quality", "qa", "bea"),
        ("quality", "qa", "ben"),
    ] {
        case.sign(gate, role, by);
    }
    case.expect(
        "go/dev",
        Status::Pending,
        "can be signed from 2026-11-19 18:00",
    );
    case.now += TimeDelta::seconds(1);
    case.expect("go/dev", Status::Missing, "nobody has signed");
}

#[test]
fn a_deployment_that_is_late_needs_the_final_gate_anew() {
    // req: B5
    let mut case = Case::signed();
    case.now += TimeDelta::days(1);
    assert_eq!(case.decision(), Decision::Go);
    case.now += TimeDelta::seconds(1);
    case.expect("go/dev", Status::Expired, "cy signed too early");
    // Once it has begun, it was in time.
    let mut case = Case::signed();
    case.deploy(at("19:00:00"));
    case.now = at("19:00:00") + TimeDelta::hours(20);
    assert_eq!(case.how("go/dev").0, Status::Met);
}

#[test]
fn a_sign_off_expires_after_its_time_and_not_before() {
    let mut case = Case::signed();
    case.now += TimeDelta::hours(48);
    assert_eq!(case.how("quality/qa").0, Status::Met);
    case.now += TimeDelta::seconds(1);
    case.expect("quality/qa", Status::Expired, "signed more than 2d ago");
}

#[test]
fn closing_asks_whether_it_was_valid_when_it_was_deployed() {
    // req: C6
    let mut case = Case::signed();
    case.deploy(at("18:00:00"));
    case.scope = Scope::Closing;
    case.now += TimeDelta::weeks(2);
    assert_eq!(case.how("quality/qa").0, Status::Met);
    assert_eq!(case.how("go/qa").0, Status::Met);
    case.scope = Scope::Deployment;
    assert_eq!(case.how("quality/qa").0, Status::Expired);
}

#[test]
fn one_person_does_not_sign_both_sides_whichever_came_first() {
    let mut case = Case::new();
    case.sign("code", "dev", "dee");
    case.sign("quality", "qa", "bea");
    case.sign("quality", "qa", "dee");
    case.expect("quality/qa", Status::Missing, "dee signed code before");
    let mut case = Case::new();
    case.sign("quality", "qa", "dee");
    case.sign("quality", "qa", "bea");
    case.sign("code", "dev", "dee");
    case.expect("code/dev", Status::Missing, "dee signed quality before");
    case.sign("code", "dev", "cy");
    case.sign("quality", "qa", "ben");
    case.sign("quality", "qa", "bea");
    assert_eq!(case.how("quality/qa").0, Status::Met);
}

#[test]
fn a_rejection_counts_as_long_as_who_made_it_holds_the_role() {
    let mut case = Case::signed();
    case.reject("quality", "qa", "dee");
    let role: RoleName = "qa".parse().expect("a name");
    let dee = case.policy.people.get_mut("dee").expect("dee");
    dee.roles.retain(|it| *it != role);
    assert_eq!(case.decision(), Decision::Go);
    case.reject("quality", "qa", "mallory");
    assert_eq!(case.decision(), Decision::Go);
    // Bea's earlier yes does not outlive her no because somebody else's no is void.
    case.reject("quality", "qa", "bea");
    assert_eq!(case.how("quality/qa").0, Status::Rejected);
}

#[test]
fn a_change_makes_it_stale_and_is_named() {
    let mut case = Case::signed();
    case.notes.summary = Some("another".to_owned());
    case.notes.known_issues = None;
    let why = "cy signed before the release notes (known_issues, summary) changed";
    case.expect("code/dev", Status::Stale, why);
    let mut case = Case::signed();
    case.gates[0].title.push('!');
    case.expect(
        "code/dev",
        Status::Stale,
        "cy signed before the gate changed",
    );
    assert_eq!(case.how("quality/qa").0, Status::Pending);
    // req: A19
    let mut case = Case::signed();
    case.facts.artifacts = Some(Digest::of(b"another package"));
    case.expect(
        "code/dev",
        Status::Stale,
        "cy signed before the artifacts changed",
    );
    let case_with = |change: fn(&mut Case)| {
        let mut case = Case::signed();
        change(&mut case);
        case.how("code/dev").1
    };
    assert_eq!(
        case_with(|case| case.notes.summary = Some("another".to_owned())),
        "cy signed before the release notes (summary) changed: summary was \"s\" and is \"another\""
    );
    let why = case_with(|case| {
        let items = case.gates[0].items.as_mut().expect("items");
        items[0].title = "merged and built".to_owned();
    });
    let what = "gate.items.merged.title was \"merged\" and is \"merged and built\"";
    assert!(why.contains(what), "{why}");
    // What was signed is kept once, and found by whoever signed the same.
    let case = Case::signed();
    let kept = case.history.state().sign_offs.iter();
    let notes = kept
        .filter_map(|it| it.fact.seen.as_ref())
        .filter(|it| !it.notes.is_empty());
    assert_eq!(notes.count(), 1);
    let mut case = Case::signed();
    case.notes.summary = Some("another".to_owned());
    let inquiry = case.inquiry();
    let last = inquiry.history.state().sign_offs.last().expect("ana's");
    assert_eq!(last.fact.seen, None);
    let changes = changes::since(&inquiry, case.gate("go"), last);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].from.as_deref(), Some("s"));
    // An older record kept nothing, and is as stale.
    let mut case = Case::new();
    let old = case.sign_off("code", "dev");
    case.append("cy", case.now, Body::SignedOff(old));
    case.notes.summary = Some("another".to_owned());
    let why = "cy signed before the release notes (summary) changed";
    assert_eq!(case.how("code/dev"), (Status::Stale, why.to_owned()));
    // Signing for what it was once, and is again, counts.
    let mut case = Case::signed();
    let before = case.notes.clone();
    case.notes.summary = Some("another".to_owned());
    case.sign("code", "dev", "cy");
    case.notes = before;
    assert_eq!(case.decision(), Decision::Go);
}

#[test]
fn what_is_dated_in_the_future_does_not_count_yet() {
    for (ahead, counts) in [(300, true), (301, false)] {
        let mut case = Case::new();
        case.sign_at("code", "dev", "cy", case.now + TimeDelta::seconds(ahead));
        if counts {
            assert_eq!(case.how("code/dev").0, Status::Met);
        } else {
            case.expect("code/dev", Status::Missing, "dated in the future");
        }
    }
}

#[test]
fn every_manual_item_is_confirmed() {
    // req: B3
    for (item, answer, why) in [
        ("merged", Some(Answer::No), "cy did not confirm merged"),
        (
            "merged",
            Some(Answer::NotApplicable),
            "cy did not confirm merged",
        ),
        ("merged", None, "cy did not confirm merged"),
        ("flags", Some(Answer::No), "cy did not confirm flags"),
        ("flags", None, "cy did not confirm flags"),
    ] {
        let mut case = Case::new();
        let mut sign_off = case.sign_off("code", "dev");
        sign_off.answers.retain(|it| it.item.as_str() != item);
        sign_off.answers.extend(answer.map(|answer| Answered {
            item: item.parse().expect("a name"),
            answer,
            comment: None,
        }));
        case.append("cy", case.now, Body::SignedOff(sign_off));
        case.expect("code/dev", Status::Missing, why);
    }
    let mut case = Case::new();
    let mut sign_off = case.sign_off("code", "dev");
    sign_off.answers[1].answer = Answer::NotApplicable;
    case.append("cy", case.now, Body::SignedOff(sign_off));
    assert_eq!(case.how("code/dev").0, Status::Met);
}

#[test]
fn evidence_is_asked_now_whoever_signed() {
    // req: B2, req: C11
    let key = (
        "code".parse().expect("a name"),
        "ci".parse().expect("a name"),
    );
    for (verdict, status, decision) in [
        (Verdict::Fail, Status::Failed, Decision::NoGo),
        (Verdict::Error, Status::Unknown, Decision::Inconclusive),
        (
            Verdict::Inconclusive,
            Status::Unknown,
            Decision::Inconclusive,
        ),
    ] {
        let mut case = Case::signed();
        case.facts
            .evidence
            .insert(Clone::clone(&key), sample("ci", verdict));
        assert_eq!(case.how("code/ci").0, status);
        assert_eq!(case.decision(), decision);
    }
    let mut case = Case::signed();
    case.facts.evidence.clear();
    case.expect("code/ci", Status::Unknown, "its probe was not asked");
    assert_eq!(case.decision(), Decision::Inconclusive);
    case.reject("code", "dev", "cy");
    assert_eq!(
        case.decision(),
        Decision::NoGo,
        "a no is a no, whatever is unknown"
    );
}

#[test]
fn what_the_machine_lacks_is_a_no() {
    // req: A18, req: A19, req: C4, req: D10
    let mut case = Case::signed();
    let key = (
        "code".parse().expect("a name"),
        "guide".parse().expect("a name"),
    );
    case.facts
        .file_problems
        .insert(key, "guide.md is empty".to_owned());
    case.expect("code/guide", Status::Missing, "guide.md is empty");
    let mut case = Case::signed();
    let step = "back".parse().expect("a name");
    case.facts
        .step_problems
        .insert(step, "there is no x".to_owned());
    case.expect("back", Status::Failed, "there is no x");
    let mut case = Case::signed();
    case.notes.rollback = None;
    case.expect("rollback.plan", Status::Missing, "not filled in");
}

#[test]
fn nothing_to_check_is_no_go() {
    let mut case = Case::new();
    for scope in [
        Scope::Gate("unknown".parse().expect("a name")),
        Scope::Phase(Phase::PostRelease),
    ] {
        case.scope = scope;
        assert_eq!(case.readiness().requirements, vec![]);
        assert_eq!(case.decision(), Decision::NoGo);
    }
}

#[test]
fn a_scope_asks_for_its_gates_alone() {
    // req: E9
    let mut case = Case::new();
    case.sign("code", "dev", "cy");
    case.scope = Scope::Gate("code".parse().expect("a name"));
    assert_eq!(case.decision(), Decision::Go);
    case.scope = Scope::Phase(Phase::Staging);
    assert_eq!(case.decision(), Decision::NoGo);
    case.scope = Scope::Deployment;
    let all = case.readiness().requirements;
    assert!(!all.iter().any(|it| it.id == "wrap-up/manager"));
}

#[test]
fn damaged_records_shut_the_gate() {
    let mut case = Case::signed();
    let missing = Digest::of(b"never written");
    let note = crate::domain::record::body::Noted {
        text: "x".to_owned(),
    };
    let draft = Draft {
        by: "cy".to_owned(),
        body: Body::Noted(note),
    };
    let release = case.history.release().clone();
    let orphan = Record::new(draft, &release, vec![missing], case.now, "host");
    case.history.extend(vec![orphan]);
    case.expect("ledger", Status::Failed, "missing");
}

#[test]
fn an_open_incident_shuts_the_gate_and_a_closing() {
    // req: C5
    let mut case = Case::signed();
    let opened = case.deploy_and_break();
    case.expect("I1", Status::Failed, "I1 is open");
    case.scope = Scope::Closing;
    assert_eq!(case.how("I1").0, Status::Failed);
    assert!(case.history.contains(&opened));
}

#[test]
fn closing_needs_every_stage_verified_and_everything_settled() {
    // req: C6, req: D11
    let mut case = Case::signed();
    case.deploy(at("18:00:00"));
    case.now = at("20:00:00");
    case.sign("wrap-up", "manager", "ana");
    case.scope = Scope::Closing;
    let before = "waits for the verification of every stage";
    assert!(case.how("wrap-up/manager").1.contains(before));
    for (stage, verdict, status) in [
        ("north", "fail", Status::Missing),
        ("north", "pass", Status::Met),
        ("south", "inconclusive", Status::Missing),
    ] {
        case.verify(stage, verdict);
        assert_eq!(case.how(stage).0, status, "{stage} {verdict}");
        assert_eq!(case.decision(), Decision::NoGo);
    }
    case.verify("south", "pass");
    let (status, why) = case.how("wrap-up/manager");
    assert_eq!(status, Status::Missing);
    assert!(
        why.contains("signed before the verification of every stage"),
        "{why}"
    );
    case.sign("wrap-up", "manager", "ana");
    assert_eq!(case.decision(), Decision::Go);
    case.deploy_and_break();
    let resolved = serde_json::json!({"incident": "I1", "how": "x", "obligations": [
        {"id": "O1", "title": "review", "role": "qa", "due": "2026-11-21T18:00:00Z"},
    ]});
    case.append("bea", case.now, Body::IncidentResolved(from_json(resolved)));
    case.expect("O1", Status::Missing, "owed until 2026-11-21 18:00");
}

#[test]
fn a_deployment_waits_for_the_calendar_at_the_time_that_is_planned() {
    // req: B6
    let frozen = |from: &str, to: &str| -> Option<crate::domain::calendar::Calendar> {
        Some(from_json(serde_json::json!({
            "freezes": [{"id": "sale", "title": "The sale", "from": from, "to": to}],
        })))
    };
    // It is noon, and the deployment is planned for 18:00.
    let mut case = Case::signed();
    case.policy.calendar = frozen("2026-11-20T17:00", "2026-11-20T18:00");
    case.expect(
        "calendar",
        Status::Met,
        "deploy_at, Fri 2026-11-20 18:00 UTC",
    );
    case.policy.calendar = frozen("2026-11-20T18:00", "2026-11-21");
    let why = "is closed: the freeze \"The sale\"; it opens Sun 2026-11-22 00:00 UTC";
    case.expect("calendar", Status::Failed, why);
    // What is frozen now matters to a deployment that begins now, and to one that is late.
    case.policy.calendar = frozen("2026-11-20T11:00", "2026-11-20T13:00");
    case.expect("calendar", Status::Met, "deploy_at");
    case.scope = Scope::Start;
    case.expect(
        "calendar",
        Status::Failed,
        "now, Fri 2026-11-20 12:00 UTC, is closed",
    );
    case.scope = Scope::Deployment;
    case.notes.deploy_at = Some(at("11:59:59").fixed_offset());
    assert_eq!(case.how("calendar").0, Status::Failed);
    // Closing asks for what is over; a calendar of holidays elsewhere forbids nothing.
    case.scope = Scope::Closing;
    assert!(
        case.readiness()
            .requirements
            .iter()
            .all(|it| it.id != "calendar")
    );
    case.scope = Scope::Deployment;
    case.policy.calendar = Some(from_json(serde_json::json!({"time_zone": "UTC"})));
    assert!(
        case.readiness()
            .requirements
            .iter()
            .all(|it| it.id != "calendar")
    );
}

#[test]
fn a_type_can_need_more_than_others() {
    // req: B1, req: C7
    let mut case = Case::signed();
    case.policy.types = Some(from_json(serde_json::json!({
        "minor": {"required": ["links", "expected"], "documents": ["upgrade-guide"], "notice": "6h"},
        "major": {"required": ["artifacts"]},
    })));
    let why = "the policy demands it of a minor release";
    case.expect("links", Status::Missing, why);
    case.expect("documents.upgrade-guide", Status::Missing, why);
    let problem = ("api".to_owned(), "api.md is not there".to_owned());
    case.facts.document_problems.extend([problem]);
    case.expect("documents.api", Status::Missing, "api.md is not there");
    case.facts.document_problems.clear();
    let all = case.readiness().requirements;
    assert!(
        all.iter()
            .all(|it| it.id != "artifacts" && it.id != "expected")
    );
    // On record since noon.
    assert_eq!(case.how("notice").0, Status::Met);
    case.notes.deploy_at = Some(at("17:59:59").fixed_offset());
    case.expect(
        "notice",
        Status::Missing,
        "from Fri 2026-11-20 18:00 UTC on",
    );
    case.scope = Scope::Start;
    case.notes.deploy_at = Some(at("18:00:00").fixed_offset());
    assert_eq!(case.how("notice").0, Status::Missing, "it begins now");
    case.history = History::new("2.4.0".parse().expect("a name"));
    case.now = at("19:00:00");
    assert_eq!(
        case.how("notice").0,
        Status::Missing,
        "nothing is on record"
    );
}
