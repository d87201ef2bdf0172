//! Opening, grouping, escalating and resolving.

use super::{help_of, kind_of};
use crate::domain::decide::incident::{self, Resolution, Trouble};
use crate::domain::ids::PriorityName;
use crate::domain::policy::{Policy, Priority};
use crate::domain::probe::judge::{Sample, Verdict};
use crate::domain::probe::sampling::Failure;
use crate::domain::record::Draft;
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::testing::{Site, acting, actor, north, notes, policy, sample};

fn priority(name: &str) -> PriorityName {
    name.parse().expect("a name")
}

fn failures(probes: &[&str]) -> Vec<Failure> {
    let failure = |probe: &&str| Failure {
        probe: probe.parse().expect("a name"),
        reason: "down".to_owned(),
    };
    probes.iter().map(failure).collect()
}

fn troubles(site: &Site, probes: &[&str]) -> Vec<Trouble> {
    let failures = failures(probes);
    let notes = notes();
    incident::troubles(
        &policy(),
        &site.history,
        &north(),
        notes.probes(),
        &failures,
    )
    .expect("the priorities are known")
}

fn by_hand(name: &str) -> Trouble {
    Trouble {
        title: "it is slow".to_owned(),
        stage: north(),
        priority: priority(name),
        trigger: None,
        probes: Vec::new(),
        failures: Vec::new(),
    }
}

fn open(site: &mut Site, trouble: &Trouble) {
    let by = ("cy", &site.now());
    let opened = incident::open(&policy(), &notes(), &site.history, trouble, by);
    site.record(opened.expect("a deployed release"));
}

fn resolve(site: &Site, who: &str, id: &str, resolution: Resolution) -> Result<Draft, Refusal> {
    let who = (Some(&actor(who)), id);
    incident::resolve(
        &policy(),
        &notes(),
        &site.history,
        who,
        resolution,
        &site.now(),
    )
}

fn on(evidence: Vec<Sample>) -> Resolution {
    Resolution {
        evidence,
        ..Resolution::default()
    }
}

#[test]
fn failures_are_grouped_by_priority_and_trigger() {
    // req: B7
    let site = Site::deployed();
    let found = troubles(&site, &["home", "cart", "pay"]);
    let shown: Vec<_> = found
        .iter()
        .map(|it| (it.priority.as_str(), it.probes.len(), it.title.as_str()))
        .collect();
    // The default priority is the policy's, the trigger's is the one that answers it.
    assert_eq!(
        shown,
        [
            ("lower", 2, "home, and 1 more: do not hold"),
            ("critical", 1, "pay: does not hold")
        ]
    );
    assert_eq!(troubles(&site, &[]), vec![]);
    assert_eq!(troubles(&site, &["unknown"]), vec![]);
}

#[test]
fn a_probe_whose_incident_is_open_opens_no_second_one() {
    let mut site = Site::deployed();
    let first = troubles(&site, &["home"]);
    open(&mut site, &first[0]);
    assert_eq!(troubles(&site, &["home"]), vec![]);
    assert_eq!(troubles(&site, &["home", "cart"]).len(), 1);
    let mended = resolve(&site, "bea", "I1", on(vec![sample("home", Verdict::Pass)]));
    site.record(mended.expect("it passes"));
    assert_eq!(troubles(&site, &["home"]).len(), 1, "it broke again");
}

#[test]
fn a_priority_or_trigger_that_the_policy_does_not_have_is_invalid_with_those_it_has() {
    let site = Site::deployed();
    let mut notes = notes();
    let probes = notes
        .verification
        .as_mut()
        .and_then(|it| it.probes.as_mut());
    let probes = probes.expect("probes");
    probes[0].priority = Some(priority("critcal"));
    probes[2].trigger = Some("data-lost".parse().expect("a name"));
    for (probe, near) in [("home", "critical"), ("pay", "data-loss")] {
        let failed = failures(&[probe]);
        let found = incident::troubles(&policy(), &site.history, &north(), notes.probes(), &failed);
        let refusal = found.expect_err("an unknown name");
        assert_eq!(refusal.kind, Kind::Invalid);
        let help = refusal.help.unwrap_or_default();
        assert!(
            help.contains(&format!("did you mean \"{near}\"?")),
            "{help}"
        );
    }
}

#[test]
fn nothing_is_opened_that_could_not_be_rolled_back() {
    let (policy, whole) = (policy(), notes());
    let mut without_plan = notes();
    without_plan.rollback = None;
    let mut empty = notes();
    empty.rollback.as_mut().expect("a rollback").plan = Some(vec![]);
    let mut nowhere = notes();
    nowhere.previous = Some(" ".to_owned());
    let deployed = Site::deployed();
    for (site, notes, why) in [
        (Site::new("s"), &whole, "north was not deployed"),
        (deployed.clone(), &without_plan, "have no rollback"),
        (deployed.clone(), &empty, "have no rollback.plan"),
        (deployed, &nowhere, "have no previous"),
    ] {
        let by = ("cy", &site.now());
        let refused = incident::open(&policy, notes, &site.history, &by_hand("lower"), by);
        assert_eq!(kind_of(&refused), Kind::Refused);
        assert!(help_of(&refused).contains(why), "{refused:?}");
    }
}

#[test]
fn every_incident_has_an_id_of_its_own() {
    let mut site = Site::deployed();
    for _ in 0..3 {
        open(&mut site, &by_hand("note"));
    }
    let ids: Vec<&str> = site
        .history
        .state()
        .incidents
        .keys()
        .map(|it| it.as_str())
        .collect();
    assert_eq!(ids, ["I1", "I2", "I3"]);
}

#[test]
fn an_escalation_shortens_or_is_refused() {
    // req: A16
    let mut site = Site::deployed();
    open(&mut site, &by_hand("lower"));
    site.tick(60_000);
    let to = |site: &Site, name: &str| {
        let who = (&actor("ana"), "I1");
        let to = (&priority(name), None);
        incident::escalate(&policy(), &notes(), &site.history, who, to, &site.now())
    };
    for longer in ["lower", "note", "ask"] {
        // "ask" is shorter, and asks instead of rolling back: the stricter consequence stays.
        let escalated = to(&site, longer);
        if longer == "ask" {
            let mut other = site.clone();
            other.record(escalated.expect("a shorter window"));
            let window = &other.history.state().incidents["I1"].window;
            assert_eq!(window.left_ms(&other.now()), 600_000);
            assert_eq!(window.on_expiry.word(), "rollback");
            continue;
        }
        assert_eq!(kind_of(&escalated), Kind::Refused, "{longer}");
        assert!(help_of(&escalated).contains("never gets longer"));
    }
    site.record(to(&site, "critical").expect("a shorter window"));
    let left = site.history.state().incidents["I1"]
        .window
        .left_ms(&site.now());
    assert_eq!(left, 300_000);
    assert_eq!(
        kind_of(&to(&site, "critical")),
        Kind::Refused,
        "a second time"
    );
    assert_eq!(kind_of(&to(&site, "urgent")), Kind::Invalid);
    let who = (&actor("cy"), "I1");
    let now = site.now();
    let to = (&priority("at-once"), None);
    let refused = incident::escalate(&policy(), &notes(), &site.history, who, to, &now);
    assert_eq!(kind_of(&refused), Kind::Refused, "req: B12");
}

#[test]
fn a_window_without_any_time_takes_the_authority_for_a_rollback() {
    // req: B7
    let open = |policy: &Policy, who: &str, name: &str, trigger: Option<&str>| {
        let trigger = trigger.map(|it| it.parse().expect("a name"));
        let kind = (&priority(name), trigger.as_ref());
        incident::may_open_by_hand(policy, &actor(who), kind)
    };
    let mut rules = policy();
    assert_eq!(open(&rules, "bea", "critical", None), Ok(()));
    assert_eq!(open(&rules, "ana", "at-once", None), Ok(()));
    let refused = open(&rules, "bea", "at-once", None);
    assert_eq!(kind_of(&refused), Kind::Refused);
    assert!(help_of(&refused).contains("0s"), "{}", help_of(&refused));
    // Nor does somebody who may only make it more urgent.
    let mut site = Site::deployed();
    super::incidents::open(&mut site, &by_hand("critical"));
    let to = (&priority("at-once"), None);
    let who = |name: &str| {
        let now = site.now();
        let who = (&actor(name), "I1");
        incident::escalate(&rules, &notes(), &site.history, who, to.clone(), &now)
    };
    assert_eq!(kind_of(&who("bea")), Kind::Refused);
    assert!(who("ana").is_ok());
    // A trigger names its own people, for the priority that answers it and no other.
    let triggers = rules.triggers.as_mut().expect("triggers");
    let data_loss = triggers.get_mut("data-loss").expect("a trigger");
    data_loss.priority = priority("at-once");
    data_loss.open = Some(vec!["qa".parse().expect("a name")]);
    let with = Some("data-loss");
    assert_eq!(open(&rules, "bea", "at-once", with), Ok(()));
    for (who, name) in [("ana", "at-once"), ("cy", "at-once")] {
        assert_eq!(
            kind_of(&open(&rules, who, name, with)),
            Kind::Refused,
            "{who}"
        );
    }
    rules.priorities.as_mut().expect("priorities").insert(
        priority("now"),
        Priority {
            window: crate::domain::timespan::Timespan::ZERO,
            on_expiry: None,
            resolved_by: None,
        },
    );
    assert_eq!(kind_of(&open(&rules, "bea", "now", with)), Kind::Refused);
}

#[test]
fn past_the_point_of_no_return_a_window_ends_in_a_decision() {
    use crate::domain::policy::OnExpiry;
    let with = |deployment: serde_json::Value| {
        let mut notes = notes();
        notes.deployment = Some(crate::domain::testing::from_json(deployment));
        notes
    };
    let stages = serde_json::json!([{"id": "north"}, {"id": "south"}]);
    let database = serde_json::json!([{"kind": "database", "irreversible": true}]);
    let table = [
        (
            serde_json::json!({"stages": stages}),
            ["rollback", "rollback"],
        ),
        (
            serde_json::json!({"stages": stages, "touches": ["database", {"kind": "code"}]}),
            ["rollback", "rollback"],
        ),
        (
            serde_json::json!({"stages": stages, "touches": database}),
            ["decide", "decide"],
        ),
        (
            serde_json::json!({"stages": stages, "point_of_no_return": "south"}),
            ["rollback", "decide"],
        ),
        (
            serde_json::json!({"stages": stages, "touches": database, "point_of_no_return": "south"}),
            ["rollback", "decide"],
        ),
        // One that is not there was reached.
        (
            serde_json::json!({"stages": stages, "point_of_no_return": "west"}),
            ["decide", "decide"],
        ),
    ];
    for (deployment, expected) in table {
        for (deployed, ends) in [
            (&["north"][..], expected[0]),
            (&["north", "south"], expected[1]),
        ] {
            let mut site = Site::deployed_in(deployed);
            let notes = with(deployment.clone());
            let by = ("cy", &site.now());
            let trouble = by_hand("critical");
            let opened = incident::open(&policy(), &notes, &site.history, &trouble, by);
            site.record(opened.expect("a deployed release"));
            let incident = &site.history.state().incidents["I1"];
            assert_eq!(incident.window.on_expiry.word(), ends, "{deployment}");
            assert_eq!(incident.facts.past_no_return, ends == "decide");
            // An escalation makes no rollback of it.
            let (who, to) = ((&actor("ana"), "I1"), (&priority("at-once"), None));
            let now = site.now();
            let escalated = incident::escalate(&policy(), &notes, &site.history, who, to, &now);
            site.record(escalated.expect("it is shorter"));
            let window = &site.history.state().incidents["I1"].window;
            assert_eq!(window.on_expiry == OnExpiry::Rollback, ends == "rollback");
        }
    }
}

#[test]
fn an_escalation_is_never_longer_whatever_the_policy_says_of_the_priority() {
    // req: A16
    let mut site = Site::deployed();
    open(&mut site, &by_hand("critical"));
    for seconds in [0, 1, 299, 300, 301, 100_000] {
        let mut policy: Policy = policy();
        let rule = Priority {
            window: crate::domain::timespan::Timespan::from_seconds(seconds),
            on_expiry: None,
            resolved_by: None,
        };
        let all = policy.priorities.as_mut().expect("priorities");
        all.insert(priority("other"), rule);
        let mut site = site.clone();
        site.tick(100_000);
        let who = (&actor("ana"), "I1");
        let to = (&priority("other"), None);
        let decided = incident::escalate(&policy, &notes(), &site.history, who, to, &site.now());
        assert_eq!(decided.is_ok(), seconds < 200, "{seconds}");
        let _ = site.try_record(decided);
        let left = site.history.state().incidents["I1"]
            .window
            .left_ms(&site.now());
        assert_eq!(left, seconds.min(200) * 1_000);
    }
}

#[test]
fn it_is_resolved_on_evidence_or_by_an_override_with_its_reason() {
    // req: A4
    let mut site = Site::deployed();
    let both = troubles(&site, &["home", "cart"]);
    open(&mut site, &both[0]);
    let (home, cart) = (sample("home", Verdict::Pass), sample("cart", Verdict::Pass));
    for (evidence, kind) in [
        (vec![], Kind::Inconclusive),
        (vec![home.clone()], Kind::Inconclusive),
        (
            vec![home.clone(), sample("cart", Verdict::Fail)],
            Kind::NoGo,
        ),
        (
            vec![home.clone(), sample("cart", Verdict::Error)],
            Kind::Inconclusive,
        ),
        (
            vec![home.clone(), sample("cart", Verdict::Inconclusive)],
            Kind::Inconclusive,
        ),
        (
            vec![home.clone(), sample("pay", Verdict::Pass)],
            Kind::Inconclusive,
        ),
    ] {
        assert_eq!(kind_of(&resolve(&site, "bea", "I1", on(evidence))), kind);
    }
    let overridden = |reason: &str| Resolution {
        overridden: Some(reason.to_owned()),
        ..Resolution::default()
    };
    assert_eq!(
        kind_of(&resolve(&site, "bea", "I1", overridden(" "))),
        Kind::Usage
    );
    assert_eq!(
        kind_of(&resolve(&site, "cy", "I1", overridden("x"))),
        Kind::Refused,
        "req: B12"
    );
    assert_eq!(
        kind_of(&resolve(&site, "bea", "I2", overridden("x"))),
        Kind::Invalid
    );
    assert!(resolve(&site, "bea", "I1", overridden("a false alarm")).is_ok());
    let resolved = resolve(&site, "bea", "I1", on(vec![home, cart]));
    site.record(resolved.expect("both pass"));
    let again = resolve(&site, "bea", "I1", overridden("x"));
    assert_eq!(kind_of(&again), Kind::Refused);
    assert!(help_of(&again).contains("was resolved by bea"), "{again:?}");
}

#[test]
fn one_without_probes_needs_to_be_told_how_it_was_mended() {
    let mut site = Site::deployed();
    open(&mut site, &by_hand("lower"));
    let how = |text: &str| Resolution {
        how: Some(text.to_owned()),
        ..Resolution::default()
    };
    assert_eq!(kind_of(&resolve(&site, "bea", "I1", how(" "))), Kind::Usage);
    assert!(resolve(&site, "bea", "I1", how("restarted")).is_ok());
    let as_dev = (Some(&acting("dee", "dev")), "I1");
    let now = site.now();
    let refused = incident::resolve(&policy(), &notes(), &site.history, as_dev, how("x"), &now);
    assert_eq!(
        kind_of(&refused),
        Kind::Refused,
        "dee may as qa, and not as dev"
    );
}

#[test]
fn a_resolution_is_too_late_once_the_window_has_expired() {
    // req: A10
    let mut site = Site::deployed();
    open(&mut site, &by_hand("critical"));
    let how = || Resolution {
        how: Some("mended".to_owned()),
        ..Resolution::default()
    };
    site.tick(299_999);
    assert!(resolve(&site, "bea", "I1", how()).is_ok());
    site.tick(1);
    let late = resolve(&site, "bea", "I1", how());
    assert_eq!(kind_of(&late), Kind::Refused);
    assert!(help_of(&late).contains("the rollback is due"));
    // A window that asks for a decision is decided by a person, after its end too.
    let mut site = Site::deployed();
    open(&mut site, &by_hand("ask"));
    site.tick(600_000);
    assert!(resolve(&site, "bea", "I1", how()).is_ok());
}

#[test]
fn the_same_thing_is_owed_once_until_it_is_settled() {
    let mut site = Site::deployed();
    let resolution = || Resolution {
        how: Some("mended".to_owned()),
        ..Resolution::default()
    };
    for id in ["I1", "I2"] {
        open(&mut site, &by_hand("note"));
        let resolved = resolve(&site, "bea", id, resolution());
        site.record(resolved.expect("told how"));
        assert_eq!(site.history.state().obligations.len(), 1);
    }
    let settle = |site: &Site, who: &str, id: &str, how: &str| {
        let who = (&actor(who), id);
        crate::domain::decide::obligation::settle(&policy(), &site.history, who, how, None)
    };
    assert_eq!(kind_of(&settle(&site, "bea", "O1", " ")), Kind::Usage);
    assert_eq!(kind_of(&settle(&site, "bea", "O9", "x")), Kind::Invalid);
    assert_eq!(kind_of(&settle(&site, "ana", "O1", "x")), Kind::Refused);
    let settled = settle(&site, "bea", "O1", "reviewed");
    site.record(settled.expect("bea owes it"));
    assert_eq!(kind_of(&settle(&site, "ben", "O1", "x")), Kind::Refused);
    open(&mut site, &by_hand("note"));
    let resolved = resolve(&site, "bea", "I3", resolution());
    site.record(resolved.expect("told how"));
    assert_eq!(site.history.state().obligations.len(), 2);
}
