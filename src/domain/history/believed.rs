//! What is believed of a record that relgate wrote by itself and did not sign, although signatures are required: anybody
//! who can write in the ledger's folder may have written it.
//!
//! Such an opening runs what was signed with the deployment and nothing else, after the window that the signed policy
//! gives its priority, counted from no earlier than what it follows; where nothing is deployed it runs nothing. Where the
//! policy names machines that sign, it asks for a decision and runs nothing. A claim counts from its deadline on.

use chrono::{DateTime, Utc};

use super::History;
use crate::domain::clock::{BootId, Reading};
use crate::domain::ids::RecordId;
use crate::domain::policy::{OnExpiry, Policy, ResolvedBy, Signatures};
use crate::domain::record::body::{Anchor, Cause, IncidentOpened, PinnedPlan, RollbackClaimed};
use crate::domain::record::{Body, Record, TOOL};
use crate::domain::release::Rollback;
use crate::domain::signature::{Flaw, Standing};
use crate::domain::state::Deployment;

impl History {
    /// What of the record `id`, which says `record`, is believed, where that is not all of it.
    pub(super) fn believed(&self, id: &RecordId, record: &Record) -> Option<Record> {
        if record.by != TOOL {
            return opened_without_authority(record, self.standings.get(id));
        }
        if self.is_attested(id, record) {
            return None;
        }
        match &record.body {
            Body::IncidentOpened(fact) => self.believed_opening(id, record, fact),
            Body::RollbackClaimed(fact) if fact.claimed.is_none() && self.is_doubted(id, fact) => {
                let claimed = Some(unknown_clock(record));
                let fact = RollbackClaimed {
                    claimed,
                    ..fact.clone()
                };
                Some(record.understood_as(Body::RollbackClaimed(fact)))
            }
            _ => None,
        }
    }

    /// Whether a claim that nobody attests had to be signed: by the policy, or by what was pinned when its window opened.
    fn is_doubted(&self, id: &RecordId, fact: &RollbackClaimed) -> bool {
        let pinned = match &fact.cause {
            Cause::Expired { incident } => self.state.incidents.get(incident),
            _ => None,
        };
        let standing = self.standings.get(id);
        !matches!(standing, None | Some(Standing::Plain))
            || pinned.is_some_and(|it| it.facts.signed)
    }

    /// Whether a machine signed `record`, and it was written here.
    fn is_attested(&self, id: &RecordId, record: &Record) -> bool {
        match self.standings.get(id) {
            Some(Standing::Signed(_) | Standing::Lapsed(_, Flaw::Ended { .. })) => {
                self.follows_known(record)
            }
            _ => false,
        }
    }

    fn believed_opening(
        &self,
        id: &RecordId,
        record: &Record,
        fact: &IncidentOpened,
    ) -> Option<Record> {
        let standing = self.standings.get(id);
        let deployment = self.state.deployments.get(&fact.stage);
        let anchor = deployment.and_then(|it| it.anchor.as_ref());
        let anchor = anchor.map(|it| &*it.fact);
        let rules = anchor.and_then(Anchor::rules);
        let doubted = !matches!(standing, None | Some(Standing::Plain));
        let required = |rules: &Policy| rules.signatures == Some(Signatures::Required);
        if !doubted && !rules.as_ref().is_some_and(required) {
            return None;
        }
        let mut fact = fact.clone();
        fact.signed = true;
        match (deployment, anchor) {
            (None, _) => runs_nothing(&mut fact),
            // It was deployed with an earlier relgate, which kept no copy.
            (Some(_), None) => return None,
            (Some(deployment), Some(anchor)) => {
                let floor = self.floor(record, deployment);
                let begun = self.state.deployments.keys();
                let signed = anchor.deployment.as_ref();
                fact.past_no_return = signed.is_some_and(|it| it.is_past_no_return(begun));
                restrain(&mut fact, anchor, rules.as_ref());
                restrain_clock(&mut fact, floor, record.at);
                let machines = rules.is_some_and(|rules| !rules.machines.is_empty());
                if machines && !is_unknown(standing, record) {
                    fact.on_expiry = OnExpiry::Decide;
                    fact.resolved_by = ResolvedBy::Person;
                }
            }
        }
        Some(record.understood_as(Body::IncidentOpened(fact)))
    }

    /// The latest time that `record` is known to have been written after.
    fn floor(&self, record: &Record, deployment: &Deployment) -> DateTime<Utc> {
        let done = deployment.done.as_ref();
        let deployed = done.map_or(deployment.started.origin.at, |done| done.at);
        let parents = record.parents.iter().filter_map(|id| self.find(id));
        parents
            .map(|parent| parent.at)
            .fold(deployed, DateTime::max)
    }

    /// After `record` was taken in: its window is counted by both clocks, so that neither alone can end it.
    pub(super) fn doubt_clocks(&mut self, record: &Record) {
        let mut incidents = self.state.incidents.values_mut();
        if let Some(incident) = incidents.find(|it| it.opened.record == record.id) {
            incident.window.needs_both_clocks();
        }
    }
}

/// A window that is a rollback, opened by a person without the authority for one, asks for a decision.
fn opened_without_authority(record: &Record, standing: Option<&Standing>) -> Option<Record> {
    let Body::IncidentOpened(fact) = &record.body else {
        return None;
    };
    rolls_back_without_authority(fact, standing).then(|| {
        let mut fact = fact.clone();
        fact.on_expiry = OnExpiry::Decide;
        record.understood_as(Body::IncidentOpened(fact))
    })
}

/// Whether a person without the authority for a rollback opened a window that is one.
fn rolls_back_without_authority(fact: &IncidentOpened, standing: Option<&Standing>) -> bool {
    fact.window.is_zero()
        && fact.on_expiry == OnExpiry::Rollback
        && matches!(
            standing,
            Some(Standing::Lapsed(_, Flaw::NoAuthority { .. }))
        )
}

/// Whether nobody can find out now whose signature `record` has: the files that say so cannot be read. Then it counts as
/// where no machine signs, so that a broken file keeps nobody from rolling back.
fn is_unknown(standing: Option<&Standing>, record: &Record) -> bool {
    match standing {
        None | Some(Standing::Plain) => record.signature.is_some(),
        Some(Standing::Unattested(flaw)) => matches!(flaw, Some(Flaw::Unverifiable { .. })),
        Some(Standing::Lapsed(_, flaw)) => matches!(flaw, Flaw::Unverifiable { .. }),
        Some(_) => false,
    }
}

fn runs_nothing(fact: &mut IncidentOpened) {
    fact.on_expiry = OnExpiry::Decide;
    fact.resolved_by = ResolvedBy::Person;
    fact.plan = PinnedPlan::new(Rollback::default(), String::new());
}

/// The plan and the window are those that were signed. A priority that was not asks for a decision.
fn restrain(fact: &mut IncidentOpened, anchor: &Anchor, rules: Option<&Policy>) {
    let Some(plan) = anchor.plan() else {
        return runs_nothing(fact);
    };
    fact.plan = plan;
    let priority = rules.and_then(|rules| rules.priorities().get(&fact.priority).cloned());
    match priority {
        Some(priority) => {
            fact.window = priority.window;
            fact.on_expiry = priority.expiry(fact.past_no_return);
            fact.resolved_by = priority.resolved_by.unwrap_or_default();
        }
        None => {
            fact.on_expiry = OnExpiry::Decide;
            fact.resolved_by = ResolvedBy::Person;
        }
    }
}

/// A boot that no other reading is of.
const UNKNOWN: &str = "unknown";

/// What is known of the clocks at `record`: the time that it says, on no boot that is known.
fn unknown_clock(record: &Record) -> Reading {
    Reading {
        wall: record.at,
        boot_ms: 0,
        boot: BootId {
            id: UNKNOWN.to_owned(),
            time_namespace: String::new(),
            time_offset: None,
        },
    }
}

/// The window begins no earlier than what its record follows, and no later than its record.
fn restrain_clock(fact: &mut IncidentOpened, floor: DateTime<Utc>, at: DateTime<Utc>) {
    let wall = fact.opened.wall.min(at).max(floor);
    if wall != fact.opened.wall {
        fact.opened = Reading {
            wall,
            boot_ms: 0,
            boot: BootId {
                id: String::new(),
                time_namespace: String::new(),
                time_offset: None,
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::decide::rollback::{claim_by_hand, claim_expired};
    use crate::domain::record::Draft;
    use crate::domain::signature::Signer;
    use crate::domain::testing::{Site, actor, at, drafted, from_json, go, north, notes, policy};
    use crate::domain::watch::{Next, next};

    /// A site on which the north is deployed, signed with the plan of the notes.
    fn deployed(anchored: bool, required: bool) -> Site {
        let mut site = Site::new("site");
        let go = site.record(go(None)).id;
        let mut rules = policy();
        rules.signatures = required.then_some(Signatures::Required);
        let mut started = serde_json::json!({"stage": "north", "go": go});
        if anchored {
            let anchor = Anchor::new(&notes(), &rules, &[]);
            started["anchor"] = serde_json::to_value(anchor).expect("JSON");
        }
        site.record(drafted("deploy-started", &started));
        site.record(drafted(
            "deploy-done",
            &serde_json::json!({"stage": "north"}),
        ));
        site
    }

    /// An opening that says it is relgate's, with a plan of its own, a window of none, and a time long ago.
    fn foreign(priority: &str) -> Draft {
        Draft {
            by: TOOL.to_owned(),
            ..drafted(
                "incident-opened",
                &serde_json::json!({
                    "incident": "I1", "title": "x", "stage": "north", "priority": priority, "window": "0s",
                    "on_expiry": "rollback", "resolved_by": "evidence",
                    "opened": {"wall": "2026-01-01T00:00:00Z", "boot_ms": 1, "boot": {"id": "site-0", "time_namespace": ""}, "host": "site"},
                    "plan": {"previous": "0", "digest": crate::domain::ids::Digest::of(b""), "rollback": {
                        "plan": [{"id": "x", "kind": "code", "argv": ["foreign"]}]}},
                }),
            )
        }
    }

    fn put(site: &mut Site, draft: Draft, standing: Standing) -> Record {
        let heads = site.history.heads();
        let record = Record::new(draft, site.history.release(), heads, site.wall, &site.host);
        site.history.judge(record.id, standing);
        site.history.extend(vec![record.clone()]);
        record
    }

    fn signed() -> Standing {
        Standing::Signed(Signer {
            principal: "machine".to_owned(),
            fingerprint: "SHA256:x".to_owned(),
        })
    }

    #[test]
    fn what_an_unsigned_opening_runs_is_what_was_signed() {
        // Deployed with a copy, rules that require signatures, how the record stands: the program, the window in ms.
        let table = [
            (true, true, Standing::Unattested(None), "x", 300_000),
            // The policy was weakened since: the signed one holds.
            (true, true, Standing::Plain, "x", 300_000),
            (true, false, Standing::Unattested(None), "x", 300_000),
            (true, true, signed(), "foreign", 0),
            (true, false, Standing::Plain, "foreign", 0),
            // An earlier relgate kept no copy.
            (false, false, Standing::Unattested(None), "foreign", 0),
        ];
        for (anchored, required, standing, program, window) in table {
            let mut site = deployed(anchored, required);
            let said = format!("{anchored} {required} {standing:?}");
            put(&mut site, foreign("critical"), standing);
            let incident = site
                .history
                .state()
                .incidents
                .get("I1")
                .expect("it is open");
            let steps = incident.facts.plan.steps();
            assert_eq!(steps[0].argv, [program], "{said}");
            assert_eq!(incident.window.deadline_ms(), window, "{said}");
            let due = matches!(next(site.history.state(), &site.now()), Next::Claim(_));
            assert_eq!(due, window == 0, "{said}");
        }
    }

    #[test]
    fn an_unsigned_opening_is_counted_from_what_it_follows_by_both_clocks() {
        let mut site = deployed(true, true);
        put(&mut site, foreign("critical"), Standing::Unattested(None));
        site.tick(299_999);
        assert_eq!(next(site.history.state(), &site.now()), Next::Wait(1));
        site.tick(1);
        let id = "I1".parse().expect("a name");
        let claim = claim_expired(&site.history, &id, None, &site.now()).expect("it is due");
        site.record(claim);
        let rollback = site.history.state().rollback.as_ref().expect("claimed");
        assert_eq!(rollback.plan.steps()[0].argv, ["x"]);
        assert_eq!(site.wall, at("18:05:00"));
    }

    #[test]
    fn the_boot_clock_of_a_forged_opening_does_not_end_its_window() {
        let mut site = deployed(true, true);
        let mut draft = foreign("critical");
        if let Body::IncidentOpened(fact) = &mut draft.body {
            fact.opened = site.now();
            fact.opened.boot_ms = 1;
        }
        put(&mut site, draft, Standing::Unattested(None));
        assert_eq!(next(site.history.state(), &site.now()), Next::Wait(300_000));
    }

    #[test]
    fn an_unsigned_opening_of_an_unknown_priority_or_without_a_deployment_runs_nothing() {
        let mut site = deployed(true, true);
        put(&mut site, foreign("made-up"), Standing::Unattested(None));
        let mut never = Site::new("site");
        put(&mut never, foreign("critical"), Standing::Unattested(None));
        for site in [&mut site, &mut never] {
            site.tick(86_400_000);
            let id = "I1".parse().expect("a name");
            assert!(claim_expired(&site.history, &id, None, &site.now()).is_err());
            assert!(matches!(
                next(site.history.state(), &site.now()),
                Next::Expire(_)
            ));
        }
    }

    #[test]
    fn a_person_rolls_back_by_what_was_signed_not_by_a_forged_opening() {
        let mut site = deployed(true, true);
        put(&mut site, foreign("critical"), Standing::Unattested(None));
        let claim = claim_by_hand(
            &policy(),
            &notes(),
            &site.history,
            (&actor("ana"), Some(&north())),
            ("it is down", &site.now()),
        );
        let Body::RollbackClaimed(fact) = claim.expect("allowed").body else {
            panic!("another kind");
        };
        assert_eq!(fact.plan.steps()[0].argv, ["x"]);
    }

    #[test]
    fn a_claim_without_its_cause_is_illegal_and_runs_no_plan_of_its_own() {
        let claim = |attempt: u32, cause: serde_json::Value| Draft {
            by: TOOL.to_owned(),
            ..drafted(
                "rollback-claimed",
                &serde_json::json!({
                    "attempt": attempt, "cause": cause, "stage": "north", "absorbs": [],
                    "plan": {"previous": "0", "digest": crate::domain::ids::Digest::of(b""), "rollback": {
                        "plan": [{"id": "x", "kind": "code", "argv": ["foreign"]}]}},
                }),
            )
        };
        let causes = [
            serde_json::json!({"because": "expired", "incident": "I1"}),
            serde_json::json!({"because": "retry"}),
            serde_json::json!({"because": "next-stage"}),
        ];
        for cause in &causes {
            for mut site in [
                Site::new("site"),
                deployed(true, true),
                deployed(false, false),
            ] {
                put(&mut site, claim(1, cause.clone()), Standing::Plain);
                assert_eq!(site.history.state().rollback, None, "{cause}");
                // Nor does what goes on with it.
                let step: Body = Body::StepStarted(from_json(serde_json::json!({
                    "attempt": 1, "step": "x", "group": {"pid": 1, "started": "1@x"}})));
                let draft = Draft {
                    by: TOOL.to_owned(),
                    body: step,
                };
                put(&mut site, draft, Standing::Plain);
                assert_eq!(site.history.state().rollback, None, "{cause}");
            }
        }
        // Where the window is there, its plan is what runs.
        let mut site = deployed(true, true);
        put(&mut site, foreign("critical"), Standing::Unattested(None));
        put(&mut site, claim(1, causes[0].clone()), Standing::Plain);
        assert_eq!(site.history.state().rollback, None, "before its deadline");
        site.tick(300_000);
        put(&mut site, claim(1, causes[0].clone()), Standing::Plain);
        let rollback = site.history.state().rollback.as_ref().expect("claimed");
        assert_eq!(rollback.plan.steps()[0].argv, ["x"]);
        assert_eq!(rollback.stages[0].plan.steps()[0].argv, ["x"]);
    }
}
