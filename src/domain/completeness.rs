//! What release notes must say before the release may go out, by type. Fields that are not filled in parse; here they
//! are named one by one.

use serde::Serialize;

use super::release::{ReleaseNotes, ReleaseType, StepKind, Strategy};

/// Something that the release notes still lack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The field, as a path: `rollback.plan`.
    pub field: &'static str,
    /// What belongs there.
    pub what: &'static str,
}

/// What `notes` lack for their type, in the order of the fields; empty when they are complete.
///
/// An emergency release may go out with less prose, and never without a way to verify it and a way back (req: C8).
pub fn gaps(notes: &ReleaseNotes) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut need = |met: bool, field, what| {
        if !met {
            gaps.push(Gap { field, what });
        }
    };
    let text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    let some = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let emergency = notes.kind == ReleaseType::Emergency;

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
    // req: A18
    let plans = |kinds: &[StepKind]| notes.steps().iter().any(|step| kinds.contains(&step.kind));
    let flagged = notes
        .deployment
        .as_ref()
        .and_then(|deployment| deployment.strategy)
        == Some(Strategy::FeatureFlag);
    if flagged && !notes.steps().is_empty() {
        need(
            plans(&[StepKind::FeatureFlag]),
            "rollback.plan",
            "a step of kind feature-flag: the strategy is a flag",
        );
    }
    let reversal = [
        StepKind::Database,
        StepKind::Configuration,
        StepKind::FeatureFlag,
        StepKind::Infrastructure,
    ];
    if some(&notes.migration_steps) && !notes.steps().is_empty() {
        need(
            plans(&reversal),
            "rollback.plan",
            "a step that reverses the migration steps (database, configuration, …)",
        );
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
            "deployment": {"checklist": [{"id": "i", "title": "t"}]},
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
    fn an_emergency_needs_less_prose_and_the_same_way_back() {
        // req: C8
        let mut emergency = complete("emergency");
        for field in ["deploy_at", "known_issues", "expected"] {
            emergency[field] = serde_json::Value::Null;
        }
        assert!(fields(emergency.clone()).is_empty());
        emergency["rollback"] = serde_json::Value::Null;
        assert_eq!(
            fields(emergency),
            ["rollback.plan", "rollback.verify", "rollback.target_probe"]
        );
    }
}
