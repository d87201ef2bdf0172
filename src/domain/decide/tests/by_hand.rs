//! Records that somebody writes by hand where the command would refuse: each is without effect, is named, and is not
//! admitted by a writer either.

use serde_json::{Value, json};

use crate::domain::clock::Reading;
use crate::domain::decide::incident::{self, Trouble};
use crate::domain::decide::{deployment, dispute};
use crate::domain::ids::Digest;
use crate::domain::probe::judge::Verdict;
use crate::domain::record::body::Checkpoint;
use crate::domain::record::{Body, Draft, Record, TOOL, digest_of};
use crate::domain::signature::{Flaw, Signer, Standing};
use crate::domain::testing::{Site, actor, drafted, go, north, notes, policy, sample};

/// Takes `draft` in as a file that was put into the ledger. Nothing but its being there may follow from it.
#[track_caller]
fn has_no_effect(site: &Site, draft: Draft, why: &str) {
    let mut history = site.history.clone();
    let now = site.now();
    let record = Record::new(draft, history.release(), history.heads(), now.wall, "hand");
    let refusal = history.admits(std::slice::from_ref(&record));
    assert!(refusal.is_err(), "a writer admits it: {record:?}");
    history.extend(vec![record.clone()]);
    assert_eq!(history.state(), site.history.state(), "{record:?}");
    let named = history
        .superseded()
        .iter()
        .find(|it| it.record == record.id);
    let named = named.unwrap_or_else(|| panic!("nobody names {record:?}"));
    assert!(named.why.contains(why), "{}", named.why);
    assert!(history.anomalies().is_empty(), "it is no damage");
}

/// A site whose deployment of the north `by` did, with a key that has gone since or without authority.
fn disputed(flaw: &Flaw) -> Site {
    let mut site = Site::deployed();
    let started = site
        .history
        .records()
        .iter()
        .find(|it| matches!(it.body, Body::DeployStarted(_)))
        .map(|it| it.id)
        .expect("a deployment");
    site.history
        .judge_anew(vec![(started, Standing::Lapsed(signer(), flaw.clone()))]);
    site
}

fn signer() -> Signer {
    Signer {
        principal: "x".to_owned(),
        fingerprint: "SHA256:x".to_owned(),
    }
}

fn revoked() -> Flaw {
    Flaw::Revoked {
        fingerprint: "SHA256:x".to_owned(),
    }
}

#[test]
fn a_deployment_without_authority_waits_for_a_confirmation() {
    let no_authority = Flaw::NoAuthority {
        by: "x".to_owned(),
        action: "deploy",
    };
    for flaw in [revoked(), no_authority] {
        let mut site = disputed(&flaw);
        let verify = |site: &Site| deployment::may_verify(&notes(), &site.history, &north());
        let refusal = verify(&site).expect_err("it is disputed");
        let help = refusal.help.clone().unwrap_or_default();
        assert!(help.contains("deploy confirm --stage north"), "{help}");
        assert!(site.history.doubts()[0].what.contains("is disputed"));
        // Incidents work on it.
        let trouble = Trouble {
            title: "down".to_owned(),
            stage: north(),
            priority: "critical".parse().expect("a name"),
            trigger: None,
            probes: Vec::new(),
            failures: Vec::new(),
        };
        let by = (TOOL, &site.now());
        assert!(incident::open(&policy(), &notes(), &site.history, &trouble, by).is_ok());
        let confirmed =
            dispute::confirm(&policy(), &site.history, (&actor("cy"), &north()), "seen");
        site.record(confirmed.expect("a confirmation"));
        assert!(verify(&site).is_ok());
        assert_eq!(site.history.doubts(), []);
    }
    // A key that has ended leaves what it signed.
    let at = Site::new("site").wall;
    let ended = Flaw::Ended {
        fingerprint: "SHA256:x".to_owned(),
        at,
    };
    assert_eq!(disputed(&ended).history.doubts(), []);
}

#[test]
fn a_confirmation_names_what_is_disputed_and_why_it_stands() {
    let site = disputed(&revoked());
    let confirmed = |record: Digest, reason: &str| {
        drafted(
            "deploy-confirmed",
            &json!({"stage": "north", "record": record, "role": "dev", "reason": reason}),
        )
    };
    let own = site.history.state().dispute(&north()).expect("disputed");
    let own = own.origin.record;
    has_no_effect(&site, confirmed(Digest::of(b"x"), "seen"), "another record");
    has_no_effect(&site, confirmed(own, " "), "gives no reason");
    has_no_effect(&Site::deployed(), confirmed(own, "seen"), "nobody disputes");
    let refused = dispute::confirm(
        &policy(),
        &Site::deployed().history,
        (&actor("cy"), &north()),
        "seen",
    );
    assert!(refused.is_err());
}

#[test]
fn a_claim_comes_at_its_deadline_and_a_checkpoint_says_what_its_clocks_say() {
    let mut site = opened_by(1);
    site.tick(60_000);
    let incident = &site.history.state().incidents["I1"];
    let claim = |claimed: &Reading| {
        let body = json!({
            "attempt": 1, "cause": {"because": "expired", "incident": "I1"}, "stage": "north",
            "absorbs": ["I1"], "plan": incident.facts.plan, "claimed": claimed,
        });
        Draft {
            by: TOOL.to_owned(),
            ..drafted("rollback-claimed", &body)
        }
    };
    let mut soon = site.now();
    soon.boot_ms += 200_000;
    soon.wall += chrono::TimeDelta::hours(1);
    for claimed in [&site.now(), &soon, &incident.facts.opened] {
        has_no_effect(&site, claim(claimed), "before the window of I1 expires");
    }
    let ahead = Draft {
        by: TOOL.to_owned(),
        body: Body::Checkpoint(Checkpoint {
            reading: site.now(),
            elapsed_ms: [("I1".parse().expect("a name"), 299_000)].into(),
            divergence_ms: None,
        }),
    };
    has_no_effect(&site, ahead, "had passed");
}

fn passed() -> Site {
    let mut site = Site::deployed();
    let answers = json!([{"item": "config", "answer": "yes"}]);
    site.record(pass(&answers, true));
    site
}

fn pass(answers: &Value, complete: bool) -> Draft {
    let checklist = digest_of(&notes().deployment_checklist());
    drafted(
        "checklist-pass",
        &json!({"stage": "north", "answers": answers, "complete": complete, "checklist": checklist}),
    )
}

fn opened_by(probes: usize) -> Site {
    let mut site = Site::deployed();
    let trouble = Trouble {
        title: "down".to_owned(),
        stage: north(),
        priority: "critical".parse().expect("a name"),
        trigger: None,
        probes: notes().probes()[..probes].to_vec(),
        failures: Vec::new(),
    };
    let by = (TOOL, &site.now());
    let opened = incident::open(&policy(), &notes(), &site.history, &trouble, by);
    site.record(opened.expect("a deployed release"));
    site
}

#[test]
fn a_deployment_names_the_check_that_said_go() {
    let empty = Site::new("site");
    let started =
        |stage: &str, go: Digest| drafted("deploy-started", &json!({"stage": stage, "go": go}));
    has_no_effect(
        &empty,
        started("north", Digest::of(b"none")),
        "did not say go",
    );
    let mut asked = Site::new("site");
    let mut no = go(None);
    if let Body::Checked(fact) = &mut no.body {
        fact.go = false;
    }
    let no = asked.record(no).id;
    has_no_effect(&asked, started("north", no), "did not say go");
    let closing = asked.record(go(Some("closure"))).id;
    has_no_effect(&asked, started("north", closing), "did not say go");
    let yes = asked.record(go(None)).id;
    let mut running = asked.clone();
    running.record(started("north", yes));
    has_no_effect(&running, started("north", yes), "is not done");
}

#[test]
fn what_comes_after_a_release_was_abandoned_counts_for_nothing() {
    let mut site = Site::new("site");
    let yes = site.record(go(None)).id;
    let closing = site.record(go(Some("closure"))).id;
    let why = json!({"role": "release-manager", "reason": "replaced by 2.4.1"});
    let mut before = site.clone();
    site.record(drafted("abandoned", &why));
    let digest = Digest::of(b"");
    let binding = json!({"notes": digest, "fields": {}, "gate": digest, "artifacts": digest});
    for (kind, body) in [
        (
            "signed-off",
            json!({"gate": "qa", "role": "qa", "answers": [], "binding": binding}),
        ),
        (
            "rejected",
            json!({"gate": "qa", "role": "qa", "reason": "no", "answers": []}),
        ),
        (
            "waived",
            json!({
                "requirement": "qa/qa", "role": "qa", "reason": "x", "until": "2026-11-21T18:00:00Z",
                "bound": digest, "found": "missing",
            }),
        ),
        ("deploy-started", json!({"stage": "north", "go": yes})),
        ("closed", json!({"check": closing})),
    ] {
        has_no_effect(
            &site,
            drafted(kind, &body),
            "was abandoned by cy: replaced by 2.4.1",
        );
    }
    // Whoever deployed beside it did not know: that counts, and the other is named.
    before.tick(5);
    let started = json!({"stage": "north", "go": yes});
    before.record(drafted("deploy-started", &started));
    let mut merged = site.history.clone();
    merged.extend(before.history.records().to_vec());
    assert!(merged.state().abandoned.is_none());
    assert_eq!(merged.superseded().len(), 1, "{:?}", merged.superseded());
}

#[test]
fn a_clock_that_went_back_is_accepted_once_by_somebody_with_authority() {
    let mut site = Site::new("site");
    let first = site.record(go(None));
    site.jump(-3 * 24 * 3_600_000);
    let early = site.record(go(None));
    let accepts = |record: Digest, reason: &str| {
        let body = json!({"record": record, "role": "release-manager", "reason": reason});
        drafted("clock-jump-accepted", &body)
    };
    has_no_effect(
        &site,
        accepts(first.id, "x"),
        "no older than what it follows",
    );
    has_no_effect(&site, accepts(early.id, " "), "no reason");
    let accept = |site: &Site, who: &str, named: &str, reason: &str| {
        let actor = crate::domain::testing::actor(who);
        crate::domain::decide::clock::accept_jump(&policy(), &site.history, &actor, (named, reason))
    };
    let id = early.id.to_string();
    for (who, named, reason) in [
        ("cy", id.as_str(), "NTP was off"),
        ("ana", &id, ""),
        ("ana", "nothing", "NTP was off"),
        ("ana", &id[..3], "NTP was off"),
        ("ana", &first.file_name(), "NTP was off"),
    ] {
        assert!(accept(&site, who, named, reason).is_err(), "{who} {named}");
    }
    site.try_record(accept(&site, "ana", &id[..12], "NTP was off"))
        .expect("ana closes");
    let jump = &site.history.state().clock_jumps[&early.id];
    assert_eq!(
        jump.accepted.as_ref().map(|it| it.fact.reason.as_str()),
        Some("NTP was off")
    );
    assert!(accept(&site, "ana", &early.file_name(), "again").is_err());
    has_no_effect(&site, accepts(early.id, "again"), "was accepted by ana");
    // A later one is another one.
    site.jump(-24 * 3_600_000);
    let later = site.record(go(None));
    assert!(site.history.state().has_open_clock_jump(&later.id).is_ok());
}

#[test]
fn a_deployment_that_is_done_is_not_done_again() {
    // It would take back the passes that were made since.
    let done = drafted("deploy-done", &json!({"stage": "north"}));
    has_no_effect(&passed(), done, "was done already");
}

#[test]
fn a_complete_pass_holds_what_makes_it_complete() {
    let site = Site::deployed();
    let no = json!([{"item": "config", "answer": "no"}]);
    has_no_effect(&site, pass(&no, true), "answered with no");
    has_no_effect(&site, pass(&json!([]), true), "no answer");
    let mut failed = pass(&json!([]), true);
    if let Body::ChecklistPass(fact) = &mut failed.body {
        fact.evidence = vec![sample("up", Verdict::Fail)];
    }
    has_no_effect(&site, failed, "up did not pass");
}

#[test]
fn a_verification_that_asked_nothing_proves_nothing() {
    let run = |last: &[(&str, Verdict)]| {
        let last: Vec<_> = last.iter().map(|(probe, it)| sample(probe, *it)).collect();
        drafted(
            "verification",
            &json!({"stage": "north", "verdict": "pass", "samples": 1, "last": last}),
        )
    };
    has_no_effect(&passed(), run(&[]), "no probe did");
    has_no_effect(&passed(), run(&[("home", Verdict::Error)]), "no probe did");
    let good = [("home", Verdict::Pass)];
    has_no_effect(&Site::deployed(), run(&good), "checklist of north");
    let mut failed = run(&good);
    if let Body::Verified(fact) = &mut failed.body {
        fact.failures = vec![crate::domain::probe::sampling::Failure {
            probe: "cart".parse().expect("a name"),
            reason: "down".to_owned(),
        }];
    }
    has_no_effect(&passed(), failed, "cart failed");
}

#[test]
fn a_window_that_probes_opened_is_closed_by_those_probes_or_an_override() {
    let site = opened_by(2);
    let resolved = |more: Value| {
        let mut body = json!({"incident": "I1", "how": "restarted"});
        for (key, value) in more.as_object().expect("an object") {
            body[key] = value.clone();
        }
        drafted("incident-resolved", &body)
    };
    let evidence = |all: &[(&str, Verdict)]| {
        let all: Vec<_> = all.iter().map(|(probe, it)| sample(probe, *it)).collect();
        json!({"evidence": all})
    };
    has_no_effect(&site, resolved(json!({})), "home");
    has_no_effect(
        &site,
        resolved(json!({"overridden": " "})),
        "without a reason",
    );
    for all in [
        &[("home", Verdict::Pass)][..],
        &[("home", Verdict::Pass), ("cart", Verdict::Fail)],
        &[("home", Verdict::Pass), ("other", Verdict::Pass)],
    ] {
        has_no_effect(&site, resolved(evidence(all)), "cart");
    }
    let silent = drafted("incident-resolved", &json!({"incident": "I1"}));
    has_no_effect(&opened_by(0), silent, "how I1 was fixed");
}

#[test]
fn a_window_is_not_escalated_to_a_longer_one() {
    let mut site = opened_by(1);
    site.tick(60_000);
    let longer = drafted(
        "incident-escalated",
        &json!({
            "incident": "I1", "priority": "lower", "window": "30m", "on_expiry": "rollback",
            "escalated": site.now(),
        }),
    );
    has_no_effect(&site, longer, "would not get shorter");
}

#[test]
fn a_checkpoint_takes_no_time_back() {
    let mut site = opened_by(1);
    site.tick(120_000);
    let mut ahead = site.now();
    ahead.boot_ms += 3_600_000;
    for reading in [site.now(), ahead] {
        let draft = Draft {
            by: TOOL.to_owned(),
            body: Body::Checkpoint(Checkpoint {
                reading,
                elapsed_ms: [("I1".parse().expect("a name"), 1_000)].into(),
                divergence_ms: None,
            }),
        };
        has_no_effect(&site, draft, "had passed");
    }
}

#[test]
fn a_release_is_closed_by_a_check_of_its_closing() {
    let mut site = Site::deployed();
    let deployment = site.record(go(None)).id;
    for check in [deployment, Digest::of(b"none")] {
        let closed = drafted("closed", &json!({"check": check}));
        has_no_effect(&site, closed, "go for the closing");
    }
}

#[test]
fn a_drill_passes_by_its_steps() {
    let site = Site::new("site");
    let drilled = |code: i64| {
        let mut ended = Vec::new();
        if code >= 0 {
            ended.push(json!({
                "attempt": 0, "step": "back", "outcome": {"how": "exited", "code": code}, "took_ms": 1,
                "output": "x", "output_bytes": 0, "output_digest": Digest::of(b""), "tail": "",
            }));
        }
        let steps = Digest::of(b"steps");
        drafted(
            "drilled",
            &json!({"steps": steps, "ended": ended, "evidence": [], "passed": true, "took_ms": 1}),
        )
    };
    has_no_effect(&site, drilled(1), "did not");
    has_no_effect(&site, drilled(-1), "did not");
}

#[test]
fn a_review_is_settled_once_and_by_somebody_else() {
    let mut site = Site::new("site");
    let waived = json!({
        "requirement": "code/dev", "role": "dev", "reason": "it is urgent", "until": "2026-11-21T18:00:00Z",
        "bound": Digest::of(b""), "found": "missing", "review": "O1",
        "obligations": [{"id": "O1", "title": "review", "role": "qa", "due": "2026-11-21T18:00:00Z", "not_by": "cy"}],
    });
    site.record(drafted("waived", &waived));
    let settled = |by: &str, how: &str| Draft {
        by: by.to_owned(),
        ..drafted(
            "obligation-settled",
            &json!({"obligation": "O1", "how": how}),
        )
    };
    has_no_effect(&site, settled("cy", "looked at it"), "about what cy did");
    has_no_effect(
        &site,
        settled("bea", "\u{200b} \u{3164}"),
        "does not say how",
    );
    site.record(settled("bea", "looked at it"));
    has_no_effect(&site, settled("ben", "again"), "was settled by bea");
}

#[test]
fn a_successor_is_deployed_before_it_takes_a_place() {
    let site = opened_by(0);
    let digest = Digest::of(b"");
    for step in ["done", "failed"] {
        let body = json!({"successor": "2.4.1", "deployment": digest, "stages": ["north"], "progress": {"step": step}});
        has_no_effect(&site, drafted("replacement", &body), "had begun");
    }
}

#[test]
fn a_claim_takes_back_no_newer_release() {
    let mut site = opened_by(0);
    let digest = Digest::of(b"");
    let of = |progress: &Value| json!({"successor": "2.4.1", "deployment": digest, "stages": ["north"], "progress": progress});
    let started = json!({"step": "started", "limit": "30m", "started": site.now()});
    site.record(drafted("replacement", &of(&started)));
    site.record(drafted("replacement", &of(&json!({"step": "done"}))));
    let plan = incident::pinned(&notes()).expect("a plan");
    let body = json!({
        "attempt": 1, "cause": {"because": "person", "role": "manager", "reason": "bad"}, "stage": "north",
        "covers": ["north"], "absorbs": [], "plan": plan,
    });
    has_no_effect(&site, drafted("rollback-claimed", &body), "is newer");
}
