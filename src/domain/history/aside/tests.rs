use serde_json::json;

use crate::domain::decide::deployment::{Passes, passes};
use crate::domain::decide::{incident, rollback};
use crate::domain::policy::{Policy, Signatures};
use crate::domain::record::{Body, Draft, Record, TOOL};
use crate::domain::signature::{Flaw, Signer, Standing};
use crate::domain::testing::{Site, actor, from_json, go, north, notes, policy};
use crate::domain::watch::{Next, next};

fn strict() -> Policy {
    Policy {
        signatures: Some(Signatures::Required),
        ..policy()
    }
}

fn signer() -> Signer {
    Signer {
        principal: "ana".to_owned(),
        fingerprint: "SHA256:x".to_owned(),
    }
}

fn signed() -> Standing {
    Standing::Signed(signer())
}

fn lapsed() -> Standing {
    let fingerprint = "SHA256:x".to_owned();
    Standing::Lapsed(signer(), Flaw::Revoked { fingerprint })
}

fn void() -> Standing {
    Standing::Void(Flaw::Unsigned)
}

/// Takes in what was decided, or forged, with what its signature makes of it.
fn take(site: &mut Site, draft: Draft, standing: Standing) -> Record {
    let heads = site.history.heads();
    let record = Record::new(draft, site.history.release(), heads, site.wall, &site.host);
    site.history.judge(record.id, standing);
    site.history.extend(vec![record.clone()]);
    record
}

/// A site with an incident whose window is five minutes long.
fn armed(policy: &Policy) -> Site {
    let mut site = Site::deployed();
    let trouble = incident::Trouble {
        title: "it is down".to_owned(),
        stage: north(),
        priority: "critical".parse().expect("a name"),
        trigger: None,
        probes: Vec::new(),
        failures: Vec::new(),
    };
    let by = (TOOL, &site.now());
    let opened = incident::open(policy, &notes(), &site.history, &trouble, by);
    site.record(opened.expect("a deployed release"));
    site
}

fn resolution(by: &str) -> Draft {
    Draft {
        by: by.to_owned(),
        body: Body::IncidentResolved(from_json(json!({"incident": "I1", "how": "mended"}))),
    }
}

fn is_open(site: &Site) -> bool {
    site.history.state().open_incidents().next().is_some()
}

#[test]
fn a_resolution_that_does_not_count_leaves_the_window_to_its_end() {
    for standing in [void(), lapsed()] {
        let mut site = armed(&strict());
        take(&mut site, resolution("ana"), standing);
        assert!(is_open(&site));
        assert_eq!(site.history.set_aside().len(), 1);
        assert!(site.history.anomalies().is_empty());
        site.tick(300_000);
        let Next::Claim(id) = next(site.history.state(), &site.now()) else {
            panic!("the window has expired");
        };
        let claim = rollback::claim_expired(&site.history, &id, None, &site.now());
        site.record(claim.expect("it is due"));
    }
}

#[test]
fn what_was_mended_long_ago_is_not_rolled_back_because_a_key_has_ended() {
    let fingerprint = || "SHA256:x".to_owned();
    let unknown = Standing::Void(Flaw::UnknownKey {
        fingerprint: fingerprint(),
    });
    for (opened, standing) in [
        (strict(), lapsed()),
        (strict(), unknown),
        // The policy has come to require signatures since.
        (policy(), void()),
    ] {
        let mut site = armed(&opened);
        take(&mut site, resolution("ana"), standing);
        site.tick(300_000 + 60_001);
        assert_eq!(next(site.history.state(), &site.now()), Next::WaitForPerson);
        let id = "I1".parse().expect("a name");
        assert!(rollback::claim_expired(&site.history, &id, None, &site.now()).is_err());
        // No gate opens, and a person can resolve it again.
        assert!(is_open(&site));
        let again = incident::resolve(
            &strict(),
            &notes(),
            &site.history,
            (Some(&actor("ana")), "I1"),
            incident::Resolution {
                how: Some("it was mended".to_owned()),
                ..incident::Resolution::default()
            },
            &site.now(),
        );
        take(&mut site, again.expect("it waits for a person"), signed());
        assert!(!is_open(&site));
    }
}

#[test]
fn a_resolution_that_never_counted_stops_no_rollback_however_late_it_is_found() {
    let malformed = Flaw::Malformed {
        why: "it is none".to_owned(),
    };
    for flaw in [Flaw::Unsigned, Flaw::Tampered, malformed] {
        let mut site = armed(&strict());
        take(&mut site, resolution("ana"), Standing::Void(flaw.clone()));
        site.tick(3_600_000);
        let Next::Claim(id) = next(site.history.state(), &site.now()) else {
            panic!("{flaw}: the window has expired");
        };
        // It takes nothing from one that may have counted either, in whatever order they come.
        let mut first = site.clone();
        take(&mut first, resolution("bea"), lapsed());
        assert_eq!(
            next(first.history.state(), &first.now()),
            Next::WaitForPerson
        );
        take(&mut first, resolution("ana"), Standing::Void(flaw));
        assert_eq!(
            next(first.history.state(), &first.now()),
            Next::WaitForPerson
        );
        let claim = rollback::claim_expired(&site.history, &id, None, &site.now());
        site.record(claim.expect("it is due"));
    }
}

#[test]
fn without_a_disputed_resolution_a_late_window_rolls_back() {
    let mut site = armed(&strict());
    site.tick(3_600_000);
    assert!(matches!(
        next(site.history.state(), &site.now()),
        Next::Claim(_)
    ));
}

#[test]
fn what_was_opened_under_signatures_closes_by_nothing_less() {
    for by in ["ana", TOOL] {
        let mut site = armed(&strict());
        take(&mut site, resolution(by), Standing::Plain);
        assert!(is_open(&site), "{by}");
        let mut site = armed(&policy());
        take(&mut site, resolution(by), Standing::Plain);
        assert!(!is_open(&site), "{by}");
    }
}

#[test]
fn what_rests_on_a_record_that_does_not_count_is_blamed_on_nobody() {
    let close = |site: &mut Site| {
        let check = site.record(go(Some("closure"))).id;
        Draft {
            by: "ana".to_owned(),
            body: Body::Closed(from_json(json!({"check": check}))),
        }
    };
    let mut site = armed(&strict());
    take(&mut site, resolution("ana"), lapsed());
    let draft = close(&mut site);
    let closed = take(&mut site, draft, signed());
    assert!(site.history.state().closed.is_none());
    assert!(
        site.history.anomalies().is_empty(),
        "{:?}",
        site.history.anomalies()
    );
    assert_eq!(site.history.superseded()[0].record, closed.id);
    // Without a record that it could rest on, it is illegal as ever.
    let mut site = armed(&strict());
    let draft = close(&mut site);
    take(&mut site, draft, signed());
    assert_eq!(site.history.anomalies().len(), 1);
}

#[test]
fn what_is_cautious_stands_when_its_key_has_ended_and_what_opens_does_not() {
    let mut site = armed(&strict());
    let escalated = json!({
        "incident": "I1", "priority": "at-once", "window": "0s", "on_expiry": "rollback", "escalated": site.now(),
    });
    let escalate = Draft {
        by: "ana".to_owned(),
        body: Body::IncidentEscalated(from_json(escalated)),
    };
    let mut forged = site.clone();
    take(&mut forged, escalate.clone(), void());
    assert!(matches!(
        next(forged.history.state(), &forged.now()),
        Next::Wait(_)
    ));
    take(&mut site, escalate, lapsed());
    assert!(matches!(
        next(site.history.state(), &site.now()),
        Next::Claim(_)
    ));
    assert!(site.history.set_aside()[0].stands);
    let passed = json!({"stage": "north", "verdict": "pass", "samples": 1, "last": []});
    let run = Draft {
        by: "cy".to_owned(),
        body: Body::Verified(from_json(passed)),
    };
    take(&mut site, run, lapsed());
    assert!(
        site.history.state().deployments[&north()]
            .verification
            .is_none()
    );
}

#[test]
fn a_window_is_armed_though_its_opener_has_no_key_any_more() {
    let trouble = incident::Trouble {
        title: "it is down".to_owned(),
        stage: north(),
        priority: "critical".parse().expect("a name"),
        trigger: None,
        probes: Vec::new(),
        failures: Vec::new(),
    };
    let deployed = Site::deployed();
    let by = ("cy", &deployed.now());
    let opened = incident::open(&strict(), &notes(), &deployed.history, &trouble, by);
    let opened = opened.expect("a deployed release");
    let unknown = Flaw::UnknownKey {
        fingerprint: "SHA256:x".to_owned(),
    };
    for (flaw, arms) in [
        (unknown, true),
        (Flaw::Unsigned, true),
        (Flaw::Tampered, false),
    ] {
        let mut site = deployed.clone();
        take(&mut site, opened.clone(), Standing::Void(flaw));
        assert_eq!(is_open(&site), arms);
        assert_eq!(site.history.set_aside().len(), 1, "it is named");
    }
}

#[test]
fn a_claim_that_does_not_count_starts_nothing_and_stands_once_it_was_acted_on() {
    let mut site = armed(&strict());
    let claim = rollback::claim_by_hand(
        &strict(),
        &notes(),
        &site.history,
        (&actor("ana"), None),
        ("too slow", &site.now()),
    );
    take(&mut site, claim.expect("authority"), lapsed());
    assert!(site.history.state().rollback.is_none());
    assert!(matches!(
        next(site.history.state(), &site.now()),
        Next::Wait(_)
    ));
    let started = Draft {
        by: TOOL.to_owned(),
        body: Body::AttemptStarted(from_json(json!({"attempt": 1, "pid": 1}))),
    };
    take(&mut site, started, Standing::Plain);
    assert!(site.history.state().rollback.is_some());
    assert!(site.history.anomalies().is_empty());
}

#[test]
fn every_reader_sets_the_same_records_aside_in_whatever_order_they_come() {
    let mut site = armed(&strict());
    take(&mut site, resolution("ana"), void());
    take(&mut site, resolution("bea"), signed());
    let records = site.history.records().to_vec();
    let mut other = crate::domain::history::History::new(site.history.release().clone());
    for aside in site.history.set_aside() {
        other.judge(aside.record, void());
    }
    for record in records.into_iter().rev() {
        other.extend(vec![record]);
    }
    // Bea's was judged plain here, and the incident demands a signature.
    assert_eq!(other.set_aside().len(), 2);
    assert!(!is_open(&site) && other.state().open_incidents().next().is_some());
}

#[test]
fn what_counts_after_all_does_so_from_the_beginning() {
    let mut site = armed(&strict());
    let resolved = take(&mut site, resolution("ana"), void());
    let note = Draft {
        by: TOOL.to_owned(),
        body: Body::Noted(from_json(json!({"text": "later"}))),
    };
    take(&mut site, note, Standing::Plain);
    let heads = site.history.heads();
    assert!(is_open(&site) && *site.history.standing(&resolved.id) != Standing::Plain);
    site.history.judge_anew(vec![(resolved.id, signed())]);
    assert!(!is_open(&site));
    assert!(site.history.set_aside().is_empty() && site.history.anomalies().is_empty());
    assert_eq!(site.history.heads(), heads);
}

#[test]
fn passes_of_several_people_with_one_key_count_once() {
    let policy = Policy {
        deployment_checklist: Some(from_json(json!({"distinct_people": true}))),
        ..strict()
    };
    let pass = |by: &str| Draft {
        by: by.to_owned(),
        body: Body::ChecklistPass(from_json(json!({
            "stage": "north", "answers": [{"item": "config", "answer": "yes"}], "complete": true,
            "checklist": crate::domain::record::digest_of(&notes().deployment_checklist()),
        }))),
    };
    let with = |fingerprint: &str| {
        Standing::Signed(Signer {
            principal: "x".to_owned(),
            fingerprint: fingerprint.to_owned(),
        })
    };
    let made = |site: &Site| passes(&policy, &notes(), &site.history, &north());
    let mut site = Site::deployed();
    take(&mut site, pass("bea"), with("SHA256:b"));
    take(&mut site, pass("cy"), with("SHA256:b"));
    assert_eq!(made(&site), Passes::Next(2));
    take(&mut site, pass("dee"), with("SHA256:d"));
    assert_eq!(made(&site), Passes::Complete);
}

#[test]
fn a_baseline_counts_with_authority_alone() {
    // req: E3
    let captured = Draft {
        by: "ana".to_owned(),
        body: Body::BaselineCaptured(from_json(json!({"baselines": [{
            "probe": "errors", "measures": crate::domain::ids::Digest::of(b""), "value": 5, "samples": [5],
        }]}))),
    };
    let fingerprint = "SHA256:x".to_owned();
    let at = Site::new("site").wall;
    let no_authority = Flaw::NoAuthority {
        by: "ana".to_owned(),
        action: "verify",
    };
    for (standing, counted) in [
        (signed(), 1),
        (Standing::Lapsed(signer(), no_authority), 0),
        (lapsed(), 0),
        // It was measured when the key was valid, and cannot be measured again.
        (
            Standing::Lapsed(signer(), Flaw::Ended { fingerprint, at }),
            1,
        ),
    ] {
        let mut site = Site::new("site");
        take(&mut site, captured.clone(), standing.clone());
        let baselines = &site.history.state().baselines;
        assert_eq!(baselines.len(), counted, "{standing:?}");
    }
}
