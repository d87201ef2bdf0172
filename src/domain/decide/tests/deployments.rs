//! Deploying in order, verifying twice, closing.

use super::{help_of, kind_of};
use crate::domain::decide::Actor;
use crate::domain::decide::deployment::{self, Passes};
use crate::domain::history::History;
use crate::domain::ids::StageName;
use crate::domain::policy::ChecklistPasses;
use crate::domain::probe::judge::Verdict;
use crate::domain::readiness::{Decision, Readiness};
use crate::domain::record::body::{Answer, Answered, VerificationRun};
use crate::domain::record::{Body, Draft, Record};
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::testing::{Site, acting, actor, go, north, notes, policy, sample};

fn stage(name: &str) -> StageName {
    name.parse().expect("a name")
}

fn readiness(decision: Decision) -> Readiness {
    Readiness {
        decision,
        requirements: Vec::new(),
        hand_off: Vec::new(),
    }
}

/// The last check that was made, or one that is not recorded.
fn check(history: &History) -> Record {
    let mut made = history.records().iter().rev();
    let made = made.find(|record| matches!(record.body, Body::Checked(_)));
    made.cloned().unwrap_or_else(|| {
        let at = chrono::DateTime::UNIX_EPOCH;
        Record::new(go(None), history.release(), vec![], at, "host")
    })
}

fn start(site: &Site, who: &str, name: &str, decision: Decision) -> Result<Draft, Refusal> {
    let (notes, history) = (notes(), &site.history);
    let to = (&actor(who), &stage(name));
    deployment::start(
        &policy(),
        &notes,
        history,
        &readiness(decision),
        &check(history),
        to,
    )
}

fn done(site: &Site, name: &str) -> Result<Draft, Refusal> {
    deployment::done(
        &policy(),
        &notes(),
        &site.history,
        &actor("cy"),
        &stage(name),
    )
}

fn verify(site: &Site, name: &str, verdict: Verdict) -> Result<Draft, Refusal> {
    let run = VerificationRun {
        stage: stage(name),
        verdict,
        samples: 1,
        last: vec![sample("home", verdict)],
        failures: Vec::new(),
        accepted: Vec::new(),
        skipped: Vec::new(),
    };
    deployment::verified(&notes(), &site.history, &actor("bea"), run)
}

fn close(site: &Site, who: &str, decision: Decision) -> Result<Draft, Refusal> {
    let history = &site.history;
    let asked = (&readiness(decision), &check(history));
    crate::domain::decide::closing::close(&policy(), &notes(), history, &actor(who), asked)
}

/// One pass over the deployment checklist, with or without its first item.
fn pass(site: &mut Site, who: &Actor, is_complete: bool) {
    let answer = |item: &str, answer| Answered {
        item: item.parse().expect("a name"),
        answer,
        comment: None,
    };
    let first = if is_complete { Answer::Yes } else { Answer::No };
    let answers = vec![
        answer("config", first),
        answer("docs", Answer::NotApplicable),
    ];
    let evidence = vec![sample("up", Verdict::Pass)];
    let (draft, failed) = deployment::pass(&notes(), who, &north(), answers, evidence);
    assert_eq!(failed.is_empty(), is_complete);
    site.record(draft);
}

fn passes(site: &Site) -> Passes {
    deployment::passes(&policy(), &notes(), &site.history, &north())
}

#[test]
fn nothing_is_deployed_without_a_go_and_authority() {
    // req: B12
    let site = Site::new("site");
    assert_eq!(
        kind_of(&start(&site, "cy", "north", Decision::NoGo)),
        Kind::NoGo
    );
    let unknown = start(&site, "cy", "north", Decision::Inconclusive);
    assert_eq!(kind_of(&unknown), Kind::Inconclusive);
    assert_eq!(
        kind_of(&start(&site, "bea", "north", Decision::Go)),
        Kind::Refused
    );
    assert_eq!(
        kind_of(&start(&site, "eve", "north", Decision::Go)),
        Kind::Invalid
    );
    let to = (&acting("cy", "manager"), &north());
    let (policy, history) = (policy(), &site.history);
    let (go, checked) = (readiness(Decision::Go), check(history));
    let refused = deployment::start(&policy, &notes(), history, &go, &checked, to);
    assert!(help_of(&refused).contains("cy does not hold the role manager"));
    let to = (&acting("cy", "wizard"), &north());
    let refused = deployment::start(&policy, &notes(), history, &go, &checked, to);
    assert_eq!(kind_of(&refused), Kind::Invalid);
    assert!(start(&site, "cy", "north", Decision::Go).is_ok());
}

#[test]
fn a_stage_waits_for_the_one_before_it_to_be_verified() {
    // req: C9, req: E4, req: D5
    let mut site = Site::new("site");
    site.record(go(None));
    let south = |site: &Site| start(site, "cy", "south", Decision::Go);
    assert!(help_of(&south(&site)).contains("north comes before south"));
    let begun = start(&site, "cy", "north", Decision::Go);
    site.record(begun.expect("a go"));
    assert_eq!(
        kind_of(&start(&site, "cy", "north", Decision::Go)),
        Kind::Refused,
        "it runs"
    );
    assert_eq!(
        kind_of(&verify(&site, "north", Verdict::Pass)),
        Kind::Refused,
        "not done"
    );
    assert_eq!(kind_of(&done(&site, "south")), Kind::Refused, "not started");
    site.record(done(&site, "north").expect("it was started"));
    assert_eq!(
        kind_of(&done(&site, "north")),
        Kind::Refused,
        "a second time"
    );
    for verdict in [Verdict::Fail, Verdict::Error, Verdict::Inconclusive] {
        let run = verify(&site, "north", verdict);
        site.record(run.expect("it is done"));
        assert_eq!(kind_of(&south(&site)), Kind::Refused, "{verdict:?}");
    }
    pass(&mut site, &actor("bea"), true);
    let run = verify(&site, "north", Verdict::Pass);
    site.record(run.expect("it is done"));
    assert!(south(&site).is_ok());
    // Deployed again, it is to be verified again.
    let again = start(&site, "cy", "north", Decision::Go);
    site.record(again.expect("it is done"));
    assert_eq!(kind_of(&south(&site)), Kind::Refused);
}

#[test]
fn where_no_stage_is_named_it_follows_from_what_it_is_for() {
    use deployment::StageUse::{Deployed, Done, Start};
    let mut site = Site::deployed();
    let used = |site: &Site, to| {
        deployment::stage(&notes(), &site.history, None, to).map(|it| it.to_string())
    };
    let meant = |site: &Site, named| {
        deployment::stage(&notes(), &site.history, named, Start).map(|it| it.to_string())
    };
    assert_eq!(used(&site, Deployed).as_deref(), Ok("south"), "the last");
    let again = start(&site, "cy", "north", Decision::Go);
    let mut started = site.clone();
    started.record(again.expect("it is done"));
    assert_eq!(used(&started, Done).as_deref(), Ok("north"), "the started");
    assert_eq!(used(&started, Deployed).as_deref(), Ok("south"));
    for to in [Start, Done, Deployed] {
        assert_eq!(used(&Site::new("s"), to).as_deref(), Ok("north"));
    }
    let canary = Site::deployed_in(&["north"]);
    assert_eq!(used(&canary, Deployed).as_deref(), Ok("north"));
    assert_eq!(meant(&site, None).as_deref(), Ok("north"));
    pass(&mut site, &actor("bea"), true);
    let run = verify(&site, "north", Verdict::Pass);
    site.record(run.expect("it is done"));
    assert_eq!(meant(&site, None).as_deref(), Ok("south"));
    assert_eq!(meant(&site, Some("north")).as_deref(), Ok("north"));
    for bad in ["", "nort", "North"] {
        assert_eq!(kind_of(&meant(&site, Some(bad))), Kind::Invalid, "{bad:?}");
    }
}

#[test]
fn the_checklist_is_verified_twice_in_a_row() {
    // req: A7
    let mut site = Site::deployed();
    assert_eq!(passes(&site), Passes::Next(1));
    pass(&mut site, &actor("bea"), true);
    assert_eq!(passes(&site), Passes::Next(2));
    pass(&mut site, &actor("bea"), false);
    assert_eq!(
        passes(&site),
        Passes::Next(1),
        "an incomplete one begins anew"
    );
    pass(&mut site, &actor("bea"), true);
    pass(&mut site, &actor("ben"), true);
    assert_eq!(passes(&site), Passes::Complete);
    // Another checklist is not the one that was verified.
    let mut edited = notes();
    let list = edited
        .deployment
        .as_mut()
        .and_then(|it| it.checklist.as_mut());
    list.expect("a checklist")[0].title.push('!');
    let left = deployment::passes(&policy(), &edited, &site.history, &north());
    assert_eq!(left, Passes::Next(1));
    // A new deployment is to be verified anew.
    let again = start(&site, "cy", "north", Decision::Go);
    site.record(again.expect("it is done"));
    site.record(done(&site, "north").expect("it was started"));
    assert_eq!(passes(&site), Passes::Next(1));
}

#[test]
fn a_pass_is_complete_when_every_item_holds() {
    // req: A6, req: A8
    let answers = |config, docs: Option<Answer>| {
        let answered = |item: &str, answer| Answered {
            item: item.parse().expect("a name"),
            answer,
            comment: None,
        };
        let docs = docs.map(|it| answered("docs", it));
        std::iter::once(answered("config", config))
            .chain(docs)
            .collect()
    };
    let (up, yes) = (sample("up", Verdict::Pass), Answer::Yes);
    for (answers, evidence, failed) in [
        (answers(yes, Some(yes)), vec![up.clone()], None),
        (
            answers(yes, Some(Answer::NotApplicable)),
            vec![up.clone()],
            None,
        ),
        (
            answers(Answer::NotApplicable, Some(yes)),
            vec![up.clone()],
            Some("config"),
        ),
        (
            answers(Answer::No, Some(yes)),
            vec![up.clone()],
            Some("config"),
        ),
        (answers(yes, None), vec![up], Some("docs")),
        (answers(yes, Some(yes)), vec![], Some("up")),
        (
            answers(yes, Some(yes)),
            vec![sample("up", Verdict::Fail)],
            Some("up"),
        ),
        (
            answers(yes, Some(yes)),
            vec![sample("up", Verdict::Error)],
            Some("up"),
        ),
    ] {
        let (draft, found) = deployment::pass(&notes(), &actor("bea"), &north(), answers, evidence);
        let found: Vec<&str> = found.iter().map(|it| it.probe.as_str()).collect();
        assert_eq!(found, Vec::from_iter(failed));
        let Body::ChecklistPass(fact) = draft.body else {
            panic!("another record");
        };
        assert_eq!(fact.complete, failed.is_none());
    }
}

#[test]
fn passes_are_by_different_people_and_apart_where_the_policy_says_so() {
    // req: A7
    let mut site = Site::deployed();
    let mut policy = policy();
    policy.deployment_checklist = Some(ChecklistPasses {
        passes: Some(2),
        distinct_people: Some(true),
        apart: Some("10m".parse().expect("a time")),
        owner: None,
    });
    let may = |site: &Site, who: &str| {
        let who = (&actor(who), &north());
        deployment::may_pass(&policy, &notes(), &site.history, who, site.wall)
    };
    assert_eq!(kind_of(&may(&site, "ana")), Kind::Refused, "req: B12");
    assert_eq!(may(&site, "bea"), Ok(()));
    pass(&mut site, &actor("bea"), true);
    assert!(help_of(&may(&site, "bea")).contains("another person's"));
    site.tick(599_999);
    assert_eq!(kind_of(&may(&site, "ben")), Kind::NoGo);
    site.tick(1);
    assert_eq!(may(&site, "ben"), Ok(()));
    assert_eq!(kind_of(&may(&site, "bea")), Kind::NoGo);
}

#[test]
fn it_is_closed_once_on_a_go_and_by_authority() {
    // req: C6
    let mut site = Site::deployed();
    assert_eq!(kind_of(&close(&site, "cy", Decision::Go)), Kind::Refused);
    assert_eq!(kind_of(&close(&site, "ana", Decision::NoGo)), Kind::NoGo);
    let unknown = close(&site, "ana", Decision::Inconclusive);
    assert_eq!(kind_of(&unknown), Kind::Inconclusive);
    site.record(go(Some("closure")));
    site.record(close(&site, "ana", Decision::Go).expect("a go"));
    assert_eq!(kind_of(&close(&site, "ana", Decision::Go)), Kind::Refused);
    for refused in [
        start(&site, "cy", "north", Decision::Go),
        verify(&site, "north", Verdict::Pass),
        done(&site, "north"),
    ] {
        assert_eq!(kind_of(&refused), Kind::Refused);
    }
}

#[test]
fn while_it_is_rolled_back_nothing_is_deployed_verified_or_closed() {
    let mut site = Site::deployed();
    let who = (&actor("ana"), None);
    let claimed = crate::domain::decide::rollback::claim_by_hand(
        &policy(),
        &notes(),
        &site.history,
        who,
        ("data at risk", &site.now()),
    );
    site.record(claimed.expect("authority"));
    for refused in [
        start(&site, "cy", "north", Decision::Go),
        done(&site, "north"),
        verify(&site, "north", Verdict::Pass),
        close(&site, "ana", Decision::Go),
    ] {
        assert_eq!(kind_of(&refused), Kind::Refused);
    }
}
