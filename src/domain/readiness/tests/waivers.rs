//! Exceptions: who may make one, for what, for how long, and what ends it.

use super::*;
use crate::domain::decide::waive::{until, waive, withdraw};
use crate::domain::ids::ObligationId;
use crate::domain::record::body::Waiver;
use crate::domain::refusal::Kind;
use crate::domain::testing::{acting, actor};

/// A case in which everybody has signed, the manager ana may waive, and QA reviews it.
pub(super) fn case() -> Case {
    allowing(Case::signed())
}

pub(super) fn allowing(mut case: Case) -> Case {
    let authority = case.policy.authority.as_mut().expect("authority");
    authority.waive = Some(vec!["manager".parse().expect("a name")]);
    case.policy.waivers = Some(from_json(serde_json::json!({
        "review": {"role": "qa", "due": "24h"},
    })));
    case
}

/// Waives `ids` as ana for `hours`, and records it.
pub(super) fn give(case: &mut Case, ids: &[&str], hours: i64) -> Result<(), Refusal> {
    give_as(case, "ana", ids, hours)
}

pub(super) fn give_as(
    case: &mut Case,
    person: &str,
    ids: &[&str],
    hours: i64,
) -> Result<(), Refusal> {
    let drafts = {
        let inquiry = case.inquiry();
        let found: Result<Vec<_>, _> = ids.iter().map(|id| find(&inquiry, id)).collect();
        let until = case.now + TimeDelta::hours(hours);
        waive(&inquiry, &actor(person), &found?, ("it is urgent", until))?
    };
    for draft in drafts {
        case.append(&draft.by, case.now, draft.body);
    }
    Ok(())
}

/// The waiver with a review of its own.
pub(super) fn owing(mut waiver: Waiver, id: &str) -> Waiver {
    let id: ObligationId = id.parse().expect("an id");
    for owed in &mut waiver.obligations {
        owed.id = id.clone();
    }
    waiver.review = Some(id);
    waiver
}

pub(super) fn refused(result: Result<(), Refusal>, part: &str) {
    let refusal = result.expect_err("a refusal");
    assert!(
        refusal.message.contains(part),
        "{refusal:?} has no {part:?}"
    );
    assert_eq!(refusal.kind, Kind::Refused, "{refusal:?}");
}

#[test]
fn a_waiver_stands_in_for_what_it_waives_and_says_everything_about_itself() {
    // req: C8
    let mut case = case();
    case.notes.known_issues = None;
    case.history = History::new("2.4.0".parse().expect("a name"));
    case.sign_all();
    case.expect("known_issues", Status::Missing, "not filled in");
    give(&mut case, &["known_issues"], 48).expect("she may");
    case.expect_waived("known_issues");
    let all = case.readiness().requirements;
    let one = all.iter().find(|it| it.id == "known_issues").expect("it");
    let waiver = one.waiver.as_ref().expect("a waiver");
    assert_eq!(
        (waiver.by.as_str(), waiver.reason.as_str()),
        ("ana", "it is urgent")
    );
    assert_eq!(waiver.instead_of, Status::Missing);
    let review = waiver.review.as_ref().expect("it owes a review");
    assert_eq!(review.due, case.now + TimeDelta::hours(24));
    assert!(!review.settled);
    let owed = &case.history.state().obligations["O1"];
    assert_eq!(
        owed.obligation.title,
        "Review the waiver of known_issues: it is urgent"
    );
    assert_eq!(case.readiness().unmet().count(), 0);
}

#[test]
fn several_are_waived_together_or_not_at_all_and_owe_one_review() {
    // req: C8
    let mut case = case();
    case.history = History::new("2.4.0".parse().expect("a name"));
    case.sign("code", "dev", "cy");
    refused(
        give(&mut case, &["quality/qa", "code/dev"], 24),
        "code/dev is met",
    );
    assert!(case.history.state().waivers.is_empty());
    give(&mut case, &["quality/qa", "go/dev", "go/qa"], 24).expect("she may");
    assert_eq!(case.how("quality/qa").0, Status::Waived);
    // The hand-off goes on: what comes after a waived gate can be signed.
    case.expect("go/manager", Status::Missing, "nobody has signed");
    case.sign("go", "manager", "ana");
    assert_eq!(case.decision(), Decision::Go);
    assert_eq!(case.history.state().obligations.len(), 1);
    assert_eq!(case.readiness().waived().count(), 3);
}

#[test]
fn expiry_means_no() {
    let mut case = case();
    case.facts.artifact_problems = [("shop".parse().expect("a name"), "gone".to_owned())].into();
    case.notes.artifacts = Some(from_json(
        serde_json::json!([{"name": "shop", "path": "x"}]),
    ));
    case.history = History::new("2.4.0".parse().expect("a name"));
    case.sign_all();
    give(&mut case, &["shop"], 2).expect("she may");
    case.now += TimeDelta::hours(2) - TimeDelta::seconds(1);
    assert_eq!(case.how("shop").0, Status::Waived);
    case.now += TimeDelta::seconds(1);
    case.expect(
        "shop",
        Status::Failed,
        "gone; ana's waiver does not count: it expired on",
    );
    // A record that says more than the policy allows lasts as long as the policy lets one last.
    let mut body = case.history.state().waivers[0].waiver.fact.clone();
    body.until = case.now + TimeDelta::days(10_000);
    case.append("ana", case.now, Body::Waived(owing(body, "O2")));
    assert_eq!(case.how("shop").0, Status::Waived);
    case.now += TimeDelta::days(7);
    assert_eq!(case.how("shop").0, Status::Failed);
}

#[test]
fn a_change_of_what_was_waived_ends_it() {
    let key = || {
        (
            "code".parse().expect("a name"),
            "ci".parse().expect("a name"),
        )
    };
    let mut case = case();
    case.facts
        .evidence
        .insert(key(), sample("ci", Verdict::Fail));
    give(&mut case, &["code/ci"], 24).expect("she may");
    assert_eq!(case.decision(), Decision::Go);
    // The notes are not what was waived; the sign-offs are stale, and the waiver is not.
    case.notes.summary = Some("another".to_owned());
    assert_eq!(case.how("code/ci").0, Status::Waived);
    let items = case.gates[0].items.as_mut().expect("items");
    items[2].title.push('!');
    case.expect(
        "code/ci",
        Status::Failed,
        "what it waived has changed since",
    );
    // An approval is bound as a sign-off is.
    let mut case = super::waivers::case();
    case.history = History::new("2.4.0".parse().expect("a name"));
    give(&mut case, &["code/dev"], 24).expect("she may");
    assert_eq!(case.how("code/dev").0, Status::Waived);
    case.notes.summary = Some("another".to_owned());
    case.expect(
        "code/dev",
        Status::Missing,
        "what it waived has changed since",
    );
}

#[test]
fn a_field_is_waived_for_the_type_and_value_that_it_had() {
    let mut case = case();
    case.notes.expected = None;
    case.history = History::new("2.4.0".parse().expect("a name"));
    case.sign_all();
    give(&mut case, &["expected"], 24).expect("she may");
    assert_eq!(case.how("expected").0, Status::Waived);
    case.notes.expected = Some(Vec::new());
    assert_eq!(case.how("expected").0, Status::Missing);
    case.notes.expected = None;
    case.notes.kind = crate::domain::release::ReleaseType::Patch;
    assert_eq!(case.how("expected").0, Status::Missing);
}

#[test]
fn nobody_waives_unless_the_policy_says_who() {
    let mut case = case();
    case.history = History::new("2.4.0".parse().expect("a name"));
    refused(
        give_as(&mut case, "cy", &["quality/qa"], 24),
        "no authority for \"waive\"",
    );
    give(&mut case, &["quality/qa"], 24).expect("she may");
    let authority = case.policy.authority.as_mut().expect("authority");
    authority.waive = None;
    assert_ne!(case.how("quality/qa").0, Status::Waived);
    refused(
        give(&mut case, &["code/dev"], 24),
        "gives nobody the authority",
    );
    case.policy.authority = None;
    refused(
        give(&mut case, &["code/dev"], 24),
        "gives nobody the authority",
    );
}

#[test]
fn a_waiver_counts_with_the_review_that_it_owes() {
    // req: C8
    let mut case = case();
    case.history = History::new("2.4.0".parse().expect("a name"));
    let before = case.history.clone();
    give(&mut case, &["quality/qa"], 24).expect("she may");
    let given = case.history.state().waivers[0].waiver.fact.clone();
    let why = |change: &dyn Fn(&mut Waiver)| {
        let mut waiver = given.clone();
        change(&mut waiver);
        let mut forged = allowing(Case::new());
        forged.history = before.clone();
        forged.append("ana", forged.now, Body::Waived(waiver));
        forged.how("quality/qa")
    };
    assert_eq!(why(&|_| ()).0, Status::Waived);
    let changes: [&dyn Fn(&mut Waiver); 3] = [
        &|it| it.review = None,
        &|it| it.obligations.clear(),
        &|it| it.obligations[0].id = "O7".parse().expect("an id"),
    ];
    for change in changes {
        let (status, why) = why(change);
        assert_ne!(status, Status::Waived);
        assert!(why.contains("it owes no review"), "{why}");
    }
    let (status, why) = why(&|it| it.obligations[0].not_by = None);
    assert_ne!(status, Status::Waived);
    assert!(why.contains("ana could review it too"), "{why}");
    // The review of another waiver is none of this one.
    let mut other = given.clone();
    other.requirement = "code/dev".to_owned();
    other.reason = "another".to_owned();
    other.obligations.clear();
    case.append("ana", case.now, Body::Waived(other));
    let (status, why) = case.how("code/dev");
    assert_ne!(status, Status::Waived);
    assert!(
        why.contains("O1, which it names, is no review of it"),
        "{why}"
    );
}

#[test]
fn who_waived_must_still_be_who_may() {
    let mut case = case();
    case.history = History::new("2.4.0".parse().expect("a name"));
    give(&mut case, &["quality/qa"], 24).expect("she may");
    let body = case.history.state().waivers[0].waiver.fact.clone();
    case.policy.people.get_mut("ana").expect("ana").roles = vec!["dev".parse().expect("a name")];
    case.expect(
        "quality/qa",
        Status::Pending,
        "ana does not hold the role manager",
    );
    // Forged, future-dated, without a reason, of another role: none counts.
    let mut forged = super::waivers::case();
    forged.history = History::new("2.4.0".parse().expect("a name"));
    for (by, id) in ["cy", "mallory", "Ana", "ana ", ""].into_iter().zip(11..) {
        let body = owing(body.clone(), &format!("O{id}"));
        forged.append(by, forged.now, Body::Waived(body));
        assert_ne!(forged.how("quality/qa").0, Status::Waived, "{by:?}");
    }
    for (reason, id) in [" ", "\u{200b}", "\u{3164}\u{a0}"].into_iter().zip(21..) {
        let mut blank = owing(body.clone(), &format!("O{id}"));
        blank.reason = reason.to_owned();
        forged.append("ana", forged.now, Body::Waived(blank));
    }
    forged.append(
        "ana",
        forged.now + TimeDelta::seconds(301),
        Body::Waived(owing(body.clone(), "O31")),
    );
    let mut other = owing(body.clone(), "O32");
    other.requirement = "code/dev".to_owned();
    forged.append("ana", forged.now, Body::Waived(other));
    assert!(forged.readiness().waived().next().is_none());
    forged.append("ana", forged.now, Body::Waived(body));
    assert_eq!(forged.readiness().waived().count(), 1);
}

#[test]
fn what_relgate_itself_relies_on_is_not_waived() {
    // req: C8
    let mut case = case();
    let step = "back".parse().expect("a name");
    case.facts
        .step_problems
        .insert(step, "there is no x".to_owned());
    refused(
        give(&mut case, &["back"], 24),
        "a plan that cannot run takes nothing back",
    );
    case.notes.rollback = None;
    case.notes.verification = None;
    for id in [
        "rollback.plan",
        "rollback.verify",
        "rollback.target_probe",
        "verification.probes",
    ] {
        refused(
            give(&mut case, &[id], 24),
            "no release goes out without a way to verify it",
        );
    }
    let mut case = super::waivers::case();
    case.deploy_and_break();
    refused(give(&mut case, &["I1"], 24), "relgate itself relies on it");
    let unknown = give(&mut case, &["quality/qaa"], 24).expect_err("a refusal");
    assert_eq!(unknown.kind, Kind::Invalid);
    assert_eq!(
        unknown.help.as_deref(),
        Some("did you mean \"quality/qa\"?")
    );
}

#[test]
fn a_rejection_is_waived_by_somebody_else_and_only_where_the_policy_lets_it() {
    let mut case = case();
    case.policy.waivers = Some(from_json(serde_json::json!({
        "review": {"role": "dev", "due": "24h"}, "distinct": false,
    })));
    case.reject("quality", "qa", "bea");
    refused(
        give(&mut case, &["quality/qa"], 24),
        "lets nobody waive a rejection",
    );
    let rules = case.policy.waivers.as_mut().expect("rules");
    rules.rejections = Some(true);
    give(&mut case, &["quality/qa"], 24).expect("she may");
    assert_eq!(case.how("quality/qa").0, Status::Waived);
    // Another no was not waived.
    case.reject("quality", "qa", "ben");
    case.expect(
        "quality/qa",
        Status::Rejected,
        "what it waived has changed since",
    );
    let authority = case.policy.authority.as_mut().expect("authority");
    authority.waive = Some(vec!["qa".parse().expect("a name")]);
    refused(
        give_as(&mut case, "ben", &["quality/qa"], 24),
        "ben rejected it",
    );
    give_as(&mut case, "dee", &["quality/qa"], 24).expect("she did not");
}

#[test]
fn it_takes_somebody_else_to_sign_and_to_review() {
    let mut case = case();
    case.history = History::new("2.4.0".parse().expect("a name"));
    refused(give(&mut case, &["go/manager"], 24), "ana can sign it");
    // Ana alone holds the role that would review it.
    let rules = case.policy.waivers.as_mut().expect("rules");
    rules.review = None;
    refused(
        give(&mut case, &["quality/qa"], 24),
        "nobody but ana holds the role manager",
    );
    let rules = case.policy.waivers.as_mut().expect("rules");
    rules.distinct = Some(false);
    give(&mut case, &["go/manager", "quality/qa"], 24).expect("a team of one");
    // Its default is the next business day: the 20th of November is a Friday.
    let owed = &case.history.state().obligations["O1"].obligation;
    assert_eq!(
        owed.due,
        "2026-11-23T23:59:59Z"
            .parse::<DateTime<Utc>>()
            .expect("a time")
    );
    // Who waived does not review.
    let mut case = super::waivers::case();
    case.history = History::new("2.4.0".parse().expect("a name"));
    let ana = case.policy.people.get_mut("ana").expect("ana");
    ana.roles.push("qa".parse().expect("a name"));
    give(&mut case, &["code/dev"], 24).expect("she may");
    let settle = |case: &Case, person| {
        let who = acting(person, "qa");
        crate::domain::decide::obligation::settle(
            &case.policy,
            &case.history,
            (&who, "O1"),
            "seen",
            None,
        )
    };
    let refusal = settle(&case, "ana").expect_err("a refusal");
    assert!(
        refusal.message.contains("settled by somebody else"),
        "{refusal:?}"
    );
    let settled = settle(&case, "bea").expect("she may");
    case.append("bea", case.now, settled.body);
    let all = case.readiness().requirements;
    let one = all.iter().find(|it| it.id == "code/dev").expect("it");
    let review = one.waiver.as_ref().and_then(|it| it.review.as_ref());
    assert!(review.expect("a review").settled);
}

#[test]
fn a_waiver_is_taken_back_and_given_again() {
    let mut case = case();
    case.history = History::new("2.4.0".parse().expect("a name"));
    give(&mut case, &["quality/qa"], 24).expect("she may");
    let back = withdraw(&case.inquiry(), &actor("cy"), "quality/qa").expect_err("he may not");
    assert_eq!(back.kind, Kind::Refused);
    let back = withdraw(&case.inquiry(), &actor("ana"), "quality/qa").expect("she may");
    case.append("ana", case.now, back.body);
    case.expect("quality/qa", Status::Pending, "ana withdrew it");
    let twice = withdraw(&case.inquiry(), &actor("ana"), "quality/qa").expect_err("it is gone");
    assert!(twice.message.contains("is not waived"), "{twice:?}");
    give(&mut case, &["quality/qa"], 24).expect("she may again");
    assert_eq!(case.how("quality/qa").0, Status::Waived);
}

#[test]
fn closing_asks_whether_a_waiver_counted_when_it_was_deployed() {
    // req: C6, req: C8
    let mut case = case();
    case.history = History::new("2.4.0".parse().expect("a name"));
    give(&mut case, &["code/dev"], 8).expect("she may");
    case.deploy(at("18:00:00"));
    case.now = at("21:00:00") + TimeDelta::days(2);
    case.scope = Scope::Closing;
    assert_eq!(case.how("code/dev").0, Status::Waived);
    assert_eq!(
        case.how("O1").0,
        Status::Missing,
        "the review is owed first"
    );
    case.scope = Scope::Deployment;
    assert_ne!(case.how("code/dev").0, Status::Waived);
}

#[test]
fn a_time_is_a_length_a_day_or_a_moment_and_never_for_ever() {
    let calendar = from_json(serde_json::json!({"time_zone": "Europe/Madrid"}));
    let now = at("12:00:00");
    let moment = |text: &str| until(text, &calendar, now);
    for (text, is) in [
        ("48h", "2026-11-22T12:00:00Z"),
        ("2026-11-20", "2026-11-20T23:00:00Z"),
        ("2026-11-25", "2026-11-25T23:00:00Z"),
        ("2026-11-25T18:00:00+01:00", "2026-11-25T17:00:00Z"),
    ] {
        assert_eq!(
            moment(text).expect(text),
            is.parse::<DateTime<Utc>>().expect("a time")
        );
    }
    for bad in [
        "",
        " ",
        "0s",
        "never",
        "forever",
        "48",
        "5M",
        "2026-13-01",
        "2026-11-31",
        "2026-1-1",
        "25.11.2026",
        "+2026-11-25",
        "2026-11-25T18:00",
        "2026-11-19",
        "2026-11-20T12:00:00Z",
        "99999999999d",
        "null",
        "9999999999",
    ] {
        let refusal = moment(bad).expect_err(bad);
        assert_eq!(refusal.kind, Kind::Usage, "{bad:?}: {refusal:?}");
    }
    let mut case = case();
    case.history = History::new("2.4.0".parse().expect("a name"));
    refused(
        give(&mut case, &["quality/qa"], 7 * 24 + 1),
        "the policy lets one last 1w",
    );
}

/// The gate `code` was signed without `flags`, and what it needs beside that is there.
fn unconfirmed() -> Case {
    let mut case = allowing(Case::new());
    let mut sign_off = case.sign_off("code", "dev");
    sign_off.answers.retain(|it| it.item.as_str() != "flags");
    let at = case.now;
    case.append("cy", at, Body::SignedOff(sign_off));
    case
}

#[test]
fn an_item_that_people_confirm_is_waived_by_itself() {
    // req: C8
    let mut case = unconfirmed();
    let ids = |case: &Case| -> Vec<String> {
        let all = case.readiness().requirements.into_iter();
        all.map(|it| it.id).collect()
    };
    assert!(!ids(&case).contains(&"code/flags".to_owned()));
    assert_eq!(case.how("code/dev").0, Status::Missing);
    assert!(case.how("code/dev").1.contains("did not confirm flags"));
    give(&mut case, &["code/flags"], 24).expect("waived");
    assert_eq!(case.how("code/dev").0, Status::Met);
    assert_eq!(case.how("code/flags").0, Status::Waived);
    assert!(is_signed(&case.inquiry(), case.gate("code")));
    let item = |case: &Case, id: &str| {
        let gate = case.gate("code").clone();
        let item = gate.items().iter().find(|it| it.id.as_str() == id);
        waiver_of(&case.inquiry(), &gate, item.expect("an item"))
    };
    assert!(item(&case, "flags").is_some_and(|why| why.contains("waived by ana")));
    assert_eq!(item(&case, "merged"), None);
    // Its end is a no.
    case.now += TimeDelta::hours(24);
    assert_eq!(case.how("code/dev").0, Status::Missing);
    assert_eq!(case.how("code/flags").0, Status::Missing);
    assert_eq!(item(&case, "flags"), None);
    // Whoever confirms it later needs no waiver, and one that is over keeps nobody.
    case.sign("code", "dev", "cy");
    assert_eq!(case.how("code/dev").0, Status::Met);
    assert_eq!(case.how("code/flags").0, Status::Met);
    refused(
        give(&mut case, &["code/flags"], 24),
        "there is nothing to waive",
    );
}

#[test]
fn an_item_that_people_confirm_is_waived_as_it_was_and_by_somebody_else() {
    let mut case = unconfirmed();
    give(&mut case, &["code/flags"], 24).expect("waived");
    let gates = serde_json::to_value(&case.gates).expect("JSON").to_string();
    let other = gates.replace("flags are set", "flags are set everywhere");
    case.gates = from_json(serde_json::from_str(&other).expect("JSON"));
    assert!(case.how("code/flags").1.contains("has changed since"));
    let mut case = unconfirmed();
    let ana = case.policy.people.get_mut("ana").expect("a person");
    ana.roles.push("dev".parse().expect("a name"));
    refused(
        give(&mut case, &["code/flags"], 24),
        "who can sign does not waive",
    );
    assert!(find(&case.inquiry(), "code/flag").is_err());
}
