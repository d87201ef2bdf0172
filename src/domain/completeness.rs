//! What release notes must say before the release may go out, by type. Fields that are not filled in parse; here they
//! are named one by one.

use serde::Serialize;

use super::release::{ReleaseNotes, ReleaseType, StepKind, Strategy, Touch};
use crate::domain::readable::is_blank;

/// Something that the release notes still lack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Which gap, unique within the release: the field, and what of it.
    pub id: &'static str,
    /// The field, as a path: `rollback.plan`.
    pub field: &'static str,
    /// What belongs there.
    pub what: &'static str,
    /// Whether a release could go out without it: never without a way to verify it, and a way back.
    pub essential: bool,
}

/// What no release goes out without (req: C8).
const ESSENTIAL: [&str; 6] = [
    "previous",
    "deployment.checklist",
    "verification.probes",
    "rollback.plan",
    "rollback.verify",
    "rollback.target_probe",
];

/// What `notes` lack for their type, in the order of the fields; empty when they are complete.
///
/// An emergency release may go out with less prose, and never without a way to verify it and a way back (req: C8).
pub fn gaps(notes: &ReleaseNotes) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut need = |met: bool, field, what| {
        if !met {
            gaps.push(Gap {
                id: field,
                field,
                what,
                essential: ESSENTIAL.contains(&field),
            });
        }
    };
    let text = |text: &Option<String>| text.as_ref().is_some_and(|text| !is_blank(text));
    let some = |list: &Option<Vec<String>>| {
        let mut list = list.iter().flatten();
        list.any(|text| !is_blank(text))
    };
    let emergency = notes.kind == ReleaseType::Emergency;
    let strategy = notes
        .deployment
        .as_ref()
        .and_then(|deployment| deployment.strategy);

    need(text(&notes.reason), "reason", "what triggered the release");
    need(
        text(&notes.team),
        "team",
        "the development team that answers for the release",
    );
    need(
        text(&notes.summary),
        "summary",
        "what the release brings, under the heading Summary",
    );
    need(
        some(&notes.changes),
        "changes",
        "the notable changes, under the heading Changes",
    );
    if !emergency {
        need(
            notes.deploy_at.is_some(),
            "deploy_at",
            "when the deployment begins, such as 2026-11-20T18:00:00+01:00",
        );
        need(
            notes.known_issues.is_some(),
            "known_issues",
            "what is known to be wrong, or []",
        );
        need(
            some(&notes.expected),
            "expected",
            "the behaviour that QA should expect",
        );
    }
    if notes.kind == ReleaseType::Major {
        need(
            some(&notes.breaking),
            "breaking",
            "what breaks for whom: this is a major release",
        );
    }
    if some(&notes.breaking) || notes.kind == ReleaseType::Major {
        need(
            some(&notes.migration_steps),
            "migration_steps",
            "how to move past the breaking changes",
        );
    }
    need(
        text(&notes.previous),
        "previous",
        "the last known good version: where a rollback goes",
    );
    if !emergency {
        // req: D3
        need(
            strategy.is_some(),
            "deployment.strategy",
            "how the new version takes over: blue-green, canary, rolling, big-bang or feature-flag",
        );
    }
    need(
        !notes.deployment_checklist().is_empty(),
        "deployment.checklist",
        "what must have been deployed: artifacts, configuration, infrastructure",
    );
    need(
        !notes.probes().is_empty(),
        "verification.probes",
        "the production verification plan",
    );
    need(
        notes.probes().is_empty() || notes.probes().iter().any(|probe| !probe.is_advisory()),
        "verification.probes",
        "at least one probe that is not advisory",
    );
    need(
        !notes.steps().is_empty(),
        "rollback.plan",
        "the steps that put the previous version back",
    );
    let rollback = notes.rollback.as_ref();
    let verified = rollback
        .and_then(|rollback| rollback.verify.as_ref())
        .is_some_and(|list| list.iter().any(|probe| !probe.is_advisory()));
    need(
        verified,
        "rollback.verify",
        "the probes that must pass after a rollback",
    );
    need(
        rollback.is_some_and(|rollback| rollback.target_probe.is_some()),
        "rollback.target_probe",
        "the probe that says whether the previous version is live",
    );
    gaps.extend(reversals(notes));
    gaps
}

/// What the release changes without a step that changes it back, where there is a plan at all (req: A18).
fn reversals(notes: &ReleaseNotes) -> Vec<Gap> {
    let plans = |kinds: &[StepKind]| notes.steps().iter().any(|step| kinds.contains(&step.kind));
    let deployment = notes.deployment.as_ref();
    let touched = deployment.iter().flat_map(|it| it.touches.iter().flatten());
    // What no rollback takes back needs no step that would.
    let touched: Vec<StepKind> = touched
        .filter(|touch| !touch.is_irreversible())
        .map(Touch::kind)
        .collect();
    let flagged = deployment.and_then(|it| it.strategy) == Some(Strategy::FeatureFlag);
    let migrates = notes.migration_steps.as_ref();
    let migrates = migrates.is_some_and(|steps| !steps.is_empty());
    let mut gaps = Vec::new();
    let mut need = |reversed: bool, id, what| {
        if !reversed && !notes.steps().is_empty() {
            gaps.push(Gap {
                id,
                field: "rollback.plan",
                what,
                essential: false,
            });
        }
    };
    need(
        !flagged || plans(&[StepKind::FeatureFlag]),
        "rollback.plan.strategy",
        "a step of kind feature-flag: the strategy is a flag",
    );
    need(
        !migrates
            || plans(&[
                StepKind::Database,
                StepKind::Configuration,
                StepKind::FeatureFlag,
                StepKind::Infrastructure,
            ]),
        "rollback.plan.migration",
        "a step that reverses the migration steps (database, configuration, …)",
    );
    for (kind, id, what) in [
        (
            StepKind::Database,
            "rollback.plan.database",
            "a step of kind database: the deployment touches it",
        ),
        (
            StepKind::Configuration,
            "rollback.plan.configuration",
            "a step of kind configuration: the deployment touches it",
        ),
        (
            StepKind::FeatureFlag,
            "rollback.plan.feature-flag",
            "a step of kind feature-flag: the deployment touches one",
        ),
        (
            StepKind::Infrastructure,
            "rollback.plan.infrastructure",
            "a step of kind infrastructure: the deployment touches it",
        ),
    ] {
        need(!touched.contains(&kind) || plans(&[kind]), id, what);
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(value: serde_json::Value) -> ReleaseNotes {
        serde_json::from_value(value).expect("release notes")
    }

    fn complete(kind: &str) -> serde_json::Value {
        let probe = serde_json::json!({"id": "p", "tcp": {"address": "x:1"}});
        serde_json::json!({
            "release": "2.4.0", "type": kind, "reason": "schedule", "team": "shop", "summary": "s",
            "changes": ["c"], "deploy_at": "2026-11-20T18:00:00+01:00", "known_issues": [], "expected": ["e"],
            "previous": "2.3.9",
            "deployment": {"strategy": "rolling", "checklist": [{"id": "i", "title": "t"}]},
            "verification": {"probes": [probe]},
            "rollback": {
                "plan": [{"id": "s", "kind": "code", "argv": ["x"]}],
                "verify": [probe], "target_probe": probe
            }
        })
    }

    fn fields(value: serde_json::Value) -> Vec<&'static str> {
        gaps(&notes(value))
            .into_iter()
            .map(|gap| gap.field)
            .collect()
    }

    #[test]
    fn a_bare_release_lacks_everything_and_says_so_by_field() {
        let bare = fields(serde_json::json!({"release": "1", "type": "major"}));
        for field in [
            "reason",
            "team",
            "summary",
            "changes",
            "deploy_at",
            "known_issues",
            "expected",
            "breaking",
            "migration_steps",
            "previous",
            "deployment.strategy",
            "deployment.checklist",
            "verification.probes",
            "rollback.plan",
            "rollback.verify",
            "rollback.target_probe",
        ] {
            assert!(bare.contains(&field), "{field} is not named");
        }
    }

    #[test]
    fn complete_notes_lack_nothing() {
        // req: B2
        assert!(fields(complete("minor")).is_empty());
        assert_eq!(fields(complete("major")), ["breaking", "migration_steps"]); // req: C7
    }

    #[test]
    fn blank_text_is_not_filled_in() {
        let mut blank = complete("patch");
        blank["team"] = " \n".into();
        assert_eq!(fields(blank), ["team"]);
    }

    #[test]
    fn what_is_touched_must_have_its_reversal() {
        // req: A18
        let mut flagged = complete("minor");
        flagged["deployment"]["strategy"] = "feature-flag".into();
        assert_eq!(fields(flagged.clone()), ["rollback.plan"]);
        flagged["rollback"]["plan"][0]["kind"] = "feature-flag".into();
        assert!(fields(flagged).is_empty());
        let mut migrated = complete("minor");
        migrated["migration_steps"] = serde_json::json!(["run the migration"]);
        assert_eq!(fields(migrated), ["rollback.plan"]);
    }

    #[test]
    fn each_thing_that_is_touched_has_a_step_of_its_kind() {
        // req: A18
        let mut touching = complete("patch");
        touching["deployment"]["touches"] =
            serde_json::json!(["code", "database", "configuration"]);
        let ids = |value: &serde_json::Value| {
            let gaps = gaps(&notes(value.clone())).into_iter();
            gaps.map(|gap| gap.id).collect::<Vec<_>>()
        };
        assert_eq!(
            ids(&touching),
            ["rollback.plan.database", "rollback.plan.configuration"]
        );
        touching["rollback"]["plan"][0]["kind"] = "database".into();
        assert_eq!(ids(&touching), ["rollback.plan.configuration"]);
    }

    #[test]
    fn a_strategy_is_chosen() {
        // req: D3
        let mut without = complete("patch");
        without["deployment"]["strategy"] = serde_json::Value::Null;
        assert_eq!(fields(without), ["deployment.strategy"]);
    }

    #[test]
    fn what_triggered_it_is_said_whatever_the_type() {
        // req: C1
        for kind in ReleaseType::ALL {
            let mut without = complete(kind.word());
            without["reason"] = serde_json::Value::Null;
            assert!(fields(without).contains(&"reason"), "{}", kind.word());
        }
    }

    #[test]
    fn no_gap_has_the_id_of_another() {
        let mut everything = complete("major");
        everything["deployment"]["strategy"] = "feature-flag".into();
        everything["deployment"]["touches"] = serde_json::json!([
            "database",
            "configuration",
            "feature-flag",
            "infrastructure",
            "database"
        ]);
        everything["migration_steps"] = serde_json::json!(["m"]);
        for value in [
            everything,
            serde_json::json!({"release": "1", "type": "major"}),
        ] {
            let gaps = gaps(&notes(value));
            let ids: std::collections::BTreeSet<&str> = gaps.iter().map(|gap| gap.id).collect();
            assert_eq!(ids.len(), gaps.len(), "{gaps:?}");
        }
    }

    #[test]
    fn an_emergency_needs_less_prose_and_the_same_way_back() {
        // req: C8
        let mut emergency = complete("emergency");
        for field in ["deploy_at", "known_issues", "expected"] {
            emergency[field] = serde_json::Value::Null;
        }
        emergency["deployment"]["strategy"] = serde_json::Value::Null;
        assert!(fields(emergency.clone()).is_empty());
        emergency["rollback"] = serde_json::Value::Null;
        assert_eq!(
            fields(emergency),
            ["rollback.plan", "rollback.verify", "rollback.target_probe"]
        );
    }
}
