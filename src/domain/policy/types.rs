//! What a policy demands of releases by their type, beyond what every release needs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Due;
use crate::domain::gate::{Approval, Gate};
use crate::domain::ids::{GateId, RoleName};
use crate::domain::readable::is_blank;
use crate::domain::release::{ReleaseNotes, ReleaseType};
use crate::domain::timespan::Timespan;

/// Rules by release type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Types {
    /// For patch releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<TypeRule>,
    /// For minor releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor: Option<TypeRule>,
    /// For major releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major: Option<TypeRule>,
    /// For emergency releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<TypeRule>,
}

impl Types {
    /// The rules for releases of `kind`, if there are any.
    pub fn of(&self, kind: ReleaseType) -> Option<&TypeRule> {
        match kind {
            ReleaseType::Patch => self.patch.as_ref(),
            ReleaseType::Minor => self.minor.as_ref(),
            ReleaseType::Major => self.major.as_ref(),
            ReleaseType::Emergency => self.emergency.as_ref(),
        }
    }
}

/// What releases of a type need, beyond what every release needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TypeRule {
    /// Fields of the release notes that must be filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<Vec<Field>>,
    /// Documents that the release notes must name under `documents`: an upgrade guide, a compatibility plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<Vec<String>>,
    /// Approvals that gates need beside their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Vec<ExtraApproval>>,
    /// How long the release must be on record before it is deployed: from the first record that a person of the policy
    /// wrote, signed where signatures are required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Timespan>,
    /// A review that is owed once the deployment has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// An approval that a gate needs beside its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtraApproval {
    /// Which gate; every release of the type must have it.
    pub gate: GateId,
    /// Whose approval.
    pub role: RoleName,
    /// How many distinct people. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub count: Option<u32>,
}

/// A review that is owed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// What is owed, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who owes it.
    pub role: RoleName,
    /// Until when.
    pub due: Due,
    /// The document that answers it, in the release's `documents/` folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $word:literal: $what:literal, $filled:expr;)*) => {
        /// A field of the release notes that a policy can demand.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum Field {$(
            $(#[$doc])*
            #[serde(rename = $word)]
            $name,
        )*}

        impl Field {
            /// The field as a path.
            pub const fn word(self) -> &'static str {
                match self {$(Self::$name => $word,)*}
            }

            /// What belongs there.
            pub const fn what(self) -> &'static str {
                match self {$(Self::$name => $what,)*}
            }

            /// Whether the release notes say something there.
            pub fn is_filled(self, notes: &ReleaseNotes) -> bool {
                let filled: fn(&ReleaseNotes) -> bool = match self {$(Self::$name => $filled,)*};
                filled(notes)
            }
        }
    };
}

fn texts(list: &Option<Vec<String>>) -> bool {
    list.iter().flatten().any(|text| !is_blank(text))
}

fn some<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_some_and(|list| !list.is_empty())
}

fields! {
    /// The day of the release.
    Date = "date": "the day of the release", |notes| notes.date.is_some();
    /// When the deployment begins.
    DeployAt = "deploy_at": "when the deployment begins", |notes| notes.deploy_at.is_some();
    /// What is known to be wrong; an empty list says that nothing is.
    KnownIssues = "known_issues": "what is known to be wrong, or []", |notes| notes.known_issues.is_some();
    /// The behaviour that is to be expected.
    Expected = "expected": "the behaviour that QA should expect", |notes| texts(&notes.expected);
    /// What breaks for whom.
    Breaking = "breaking": "what breaks for whom", |notes| texts(&notes.breaking);
    /// How to move to the release.
    MigrationSteps = "migration_steps": "how to move to this release", |notes| texts(&notes.migration_steps);
    /// Dashboards, runbooks, trackers.
    Links = "links": "dashboards, runbooks, trackers",
        |notes| notes.links.as_ref().is_some_and(|links| !links.is_empty());
    /// The release package.
    Artifacts = "artifacts": "the release package", |notes| some(&notes.artifacts);
    /// How the new version takes over.
    Strategy = "deployment.strategy": "how the new version takes over",
        |notes| notes.deployment.as_ref().is_some_and(|deployment| deployment.strategy.is_some());
    /// Where the rollback plan is tried.
    Drill = "rollback.drill": "where the rollback plan is tried before it is needed",
        |notes| notes.rollback.as_ref().is_some_and(|rollback| rollback.drill.is_some());
}

impl TypeRule {
    /// What `notes` lack of what is demanded: the field as a path, and what belongs there.
    pub fn missing(&self, notes: &ReleaseNotes) -> Vec<(String, String)> {
        let fields = self.required.iter().flatten();
        let unfilled = fields
            .filter(|field| !field.is_filled(notes))
            .map(|field| (field.word().to_owned(), field.what().to_owned()));
        let named = |name: &String| {
            let given = notes.documents.as_ref().and_then(|all| all.get(name));
            given.is_some_and(|document| !is_blank(document))
        };
        let documents = self.documents.iter().flatten();
        let unnamed = documents
            .filter(|name| !named(name))
            .map(|name| (format!("documents.{name}"), format!("the document {name}")));
        unfilled.chain(unnamed).collect()
    }

    /// `gates` with the approvals that are demanded; of a role that a gate has already, the higher count.
    pub fn with_approvals(&self, mut gates: Vec<Gate>) -> Vec<Gate> {
        for extra in self.approvals.iter().flatten() {
            let count = extra.count.unwrap_or(1).max(1);
            for gate in gates.iter_mut().filter(|gate| gate.id == extra.gate) {
                let given = gate.approvals().into_iter();
                let has = given.filter(|(role, _)| *role == extra.role);
                if has.map(|(_, count)| count).max() >= Some(count) {
                    continue;
                }
                // What was one role's alone becomes one of several.
                let single = gate.role.take().map(|role| Approval { role, count: None });
                let approvals = gate.approvals.get_or_insert_default();
                approvals.extend(single);
                approvals.retain(|approval| approval.role != extra.role);
                approvals.push(Approval {
                    role: extra.role.clone(),
                    count: Some(count),
                });
            }
        }
        gates
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{from_json, notes};
    use serde_json::json;

    #[test]
    fn what_a_policy_demands_of_a_type_is_named_by_field() {
        // req: C7
        let rule: TypeRule = from_json(json!({
            "required": ["links", "known_issues", "rollback.drill"], "documents": ["upgrade-guide"],
        }));
        let fields = |notes: &ReleaseNotes| {
            let missing = rule.missing(notes).into_iter();
            missing.map(|(field, _)| field).collect::<Vec<_>>()
        };
        let mut notes = notes();
        let all = ["links", "rollback.drill", "documents.upgrade-guide"];
        assert_eq!(fields(&notes), all);
        notes.documents = Some([("upgrade-guide".to_owned(), " ".to_owned())].into());
        notes.links = Some([("board".to_owned(), "https://x".to_owned())].into());
        assert_eq!(
            fields(&notes),
            ["rollback.drill", "documents.upgrade-guide"]
        );
        notes.documents = Some([("upgrade-guide".to_owned(), "guide.md".to_owned())].into());
        assert_eq!(fields(&notes), ["rollback.drill"]);
    }

    #[test]
    fn approvals_are_added_and_never_fewer() {
        // req: B1, req: C7
        let gates: Vec<Gate> = from_json(json!([
            {"id": "go", "title": "Go", "phase": "staging", "approvals": [{"role": "qa", "count": 2}, {"role": "dev"}]},
            {"id": "code", "title": "Code", "phase": "staging", "role": "dev"},
        ]));
        let rule: TypeRule = from_json(json!({"approvals": [
            {"gate": "go", "role": "qa"}, {"gate": "go", "role": "dev", "count": 3}, {"gate": "go", "role": "legal"},
            {"gate": "code", "role": "dev", "count": 2},
        ]}));
        let shown = |gate: &Gate| {
            let all = gate.approvals().into_iter();
            all.map(|(role, count)| format!("{role} {count}"))
                .collect::<Vec<_>>()
        };
        let after = rule.with_approvals(gates.clone());
        assert_eq!(shown(&after[0]), ["qa 2", "dev 3", "legal 1"]);
        assert_eq!(shown(&after[1]), ["dev 2"]);
        assert_eq!(TypeRule::default().with_approvals(gates.clone()), gates);
    }
}
