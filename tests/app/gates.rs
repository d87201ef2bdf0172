//! Signing, checking, deploying and verifying, alone and beside others.

use relgate::app::Error;
use relgate::app::verification::Part;
use relgate::domain::outcome::Conclusion;
use relgate::domain::probe::judge::Verdict;
use relgate::domain::readiness::Decision;
use relgate::domain::record::Body;

use crate::team;
use crate::windows::records;
use crate::world::{POLICY, Process, Sim};

/// Runs `work` as the only process.
fn alone(work: impl FnOnce(&Process) + Send + 'static) -> Sim {
    let sim = Sim::new();
    sim.spawn("team", 0, work);
    sim.run();
    sim
}

#[track_caller]
fn refused<T>(result: relgate::app::Result<T>) -> String {
    match result {
        Err(Error::Refused(refusal)) => refusal.message,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[test]
fn a_gate_says_go_once_everybody_signed_and_records_every_answer() {
    let sim = alone(|process| {
        let decision = |process| team::check(process).expect("a ledger").readiness.decision;
        assert_eq!(decision(process), Decision::NoGo);
        for person in ["dana", "quin", "dana", "quin"] {
            team::sign(process, person).expect("signed");
            assert_eq!(decision(process), Decision::NoGo);
        }
        team::sign(process, "rory").expect("signed");
        assert_eq!(decision(process), Decision::Go);
    });
    let answers = records(&sim, |it| matches!(it, Body::Checked(_)));
    assert_eq!(answers.len(), 6);
}

#[test]
fn what_a_store_cannot_keep_is_no_go_and_no_sign_off() {
    alone(|process| {
        let memory = process.sim.memory();
        team::sign_all(process);
        memory.fail_writing(Some(std::io::ErrorKind::StorageFull));
        assert!(matches!(team::check(process), Err(Error::Store(_))));
        assert!(matches!(team::deploy_start(process), Err(Error::Store(_))));
        memory.fail_writing(None);
        memory.fail_reading(Some(std::io::ErrorKind::PermissionDenied));
        assert!(matches!(team::check(process), Err(Error::Store(_))));
        memory.fail_reading(None);
        assert_eq!(
            team::check(process).expect("a ledger").readiness.decision,
            Decision::Go
        );
    });
}

#[test]
fn edited_notes_take_the_go_back() {
    alone(|process| {
        team::sign_all(process);
        let notes = "releases/2.0.0/release-notes.md";
        process
            .sim
            .edit(notes, "Added: a wish list.", "Added: a list.");
        let checked = team::check(process).expect("a ledger");
        assert_eq!(checked.readiness.decision, Decision::NoGo);
        refused(team::deploy_start(process));
    });
}

#[test]
fn evidence_that_is_gone_takes_the_go_back_and_what_cannot_be_asked_is_no_go() {
    for (verdict, decision) in [
        (Verdict::Fail, Decision::NoGo),
        (Verdict::Error, Decision::Inconclusive),
    ] {
        let sim = Sim::new();
        sim.spawn("team", 0, move |process| {
            team::sign_all(process);
            process.sim.answer(move |id, _, _| match id {
                "old-shop-up" => verdict,
                _ => Verdict::Pass,
            });
            let checked = team::check(process).expect("a ledger");
            assert_eq!(checked.readiness.decision, decision);
            assert!(team::deploy_start(process).is_err());
        });
        sim.run();
    }
}

#[test]
fn two_who_sign_at_once_both_count_and_a_second_deployment_is_refused() {
    let sim = Sim::new();
    for (person, delay) in [
        ("dana", 0),
        ("quin", 5),
        ("dana", 10),
        ("quin", 10),
        ("rory", 15),
    ] {
        sim.spawn("team", delay, move |process| {
            team::sign(process, person).expect("signed");
        });
    }
    for _ in 0..3 {
        sim.spawn("team", 20, |process| match team::deploy_start(process) {
            Ok(()) => process.say("started"),
            Err(error) => process.say(format!("refused: {error}")),
        });
    }
    sim.run();
    let started = sim.said().iter().filter(|(_, it)| it == "started").count();
    assert_eq!(started, 1, "{:?}", sim.said());
    assert_eq!(
        records(&sim, |it| matches!(it, Body::DeployStarted(_))).len(),
        1
    );
}

#[test]
fn nothing_is_verified_before_it_is_deployed_and_passes_are_made() {
    alone(|process| {
        team::sign_all(process);
        refused(team::verify(process));
        team::deploy_start(process).expect("a go");
        refused(team::verify(process));
    });
}

#[test]
fn a_verified_release_needs_no_watcher() {
    let sim = alone(|process| {
        team::deploy(process);
        let run = team::verify(process).expect("it can be run");
        assert_eq!(run.verdict, Verdict::Pass);
        team::watch(process);
    });
    assert_eq!(
        sim.said().last().map(|it| it.1.as_str()),
        Some("watched: quiet")
    );
    assert!(team::state(&sim).open_incidents().next().is_none());
}

#[test]
fn probes_that_cannot_be_asked_are_inconclusive_and_open_no_window() {
    let sim = alone(|process| {
        team::deploy(process);
        process.sim.answer(|id, _, _| match id {
            "home-page" => Verdict::Error,
            _ => Verdict::Pass,
        });
        let run = team::verify(process).expect("it can be run");
        assert_ne!(run.verdict, Verdict::Pass);
        assert_ne!(run.verdict, Verdict::Fail);
    });
    assert!(records(&sim, |it| matches!(it, Body::IncidentOpened(_))).is_empty());
}

#[test]
fn a_failure_is_watched_and_only_a_whole_new_run_verifies() {
    // The probes of the window close it after two minutes.
    for (mended, conclusion, parts) in [
        (
            120_000,
            Conclusion::Verified,
            &[Part::Run, Part::Watch, Part::Run][..],
        ),
        (u64::MAX, Conclusion::RolledBack, &[Part::Run, Part::Watch]),
    ] {
        let sim = Sim::new();
        sim.edit(POLICY, "window: 5m", "window: 5m, resolved_by: evidence");
        sim.answer(move |id, now, live| match id {
            "home-page" if live == "2.0.0" && now < mended => Verdict::Fail,
            "previous-live" if live == "2.0.0" => Verdict::Fail,
            _ => Verdict::Pass,
        });
        sim.spawn("team", 0, move |process| {
            team::deploy(process);
            let (concluded, seen) = team::verify_to_the_end(process).expect("a conclusion");
            assert_eq!(concluded.verification.conclusion, conclusion);
            assert_eq!(seen, parts);
            assert!(concluded.left.is_none());
        });
        sim.run();
    }
}
