//! The checklist: gates, their items, who approves them and in which order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{ChecklistName, GateId, ItemId, RoleName};
use super::probe::Probe;
use super::timespan::Timespan;

/// The gates of a release: `checklist.yaml`, or a base in `.relgate/checklists/` that it extends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Checklist {
    /// The base whose gates come first: `.relgate/checklists/NAME.yaml`. A base's gates can be added to, not changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<ChecklistName>,
    /// The gates, in the order in which they are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gates: Option<Vec<Gate>>,
}

/// A point that the release passes only when its items are confirmed and its approvals given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Unique within the release.
    pub id: GateId,
    /// What it decides, for people.
    pub title: String,
    /// When it is due.
    pub phase: Phase,
    /// The one role that signs it. A gate has a `role` or `approvals`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
    /// The roles that sign it, when there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Vec<Approval>>,
    /// The gates that come before it in the hand-off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<GateId>>,
    /// What the signer confirms, or a probe answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Item>>,
    /// Signed no earlier than this before `deploy_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Timespan>,
    /// A sign-off older than this has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_for: Option<Timespan>,
    /// The gates whose signers may not sign this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct_from: Option<Vec<GateId>>,
}

/// How many people of a role must sign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Whose approval.
    pub role: RoleName,
    /// How many distinct people. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub count: Option<u32>,
}

/// One thing to confirm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Unique within its gate.
    pub id: ItemId,
    /// The statement that is confirmed.
    pub title: String,
    /// How to find out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Whether "not applicable" is an answer. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
    /// A file that must exist and not be empty, relative to the release's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The item is answered by evidence instead of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

impl Item {
    /// Whether a probe answers it instead of a person.
    pub fn is_evidence(&self) -> bool {
        self.probe.is_some()
    }

    /// Whether "not applicable" is an answer.
    pub fn is_optional(&self) -> bool {
        self.optional.unwrap_or(true)
    }
}

/// When a gate is due.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Before anything is deployed.
    PreRelease,
    /// On the staging system.
    Staging,
    /// While it is deployed.
    Deployment,
    /// While it is watched in production.
    PostRelease,
    /// Before the release counts as done.
    Closure,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 5] = [
        Self::PreRelease,
        Self::Staging,
        Self::Deployment,
        Self::PostRelease,
        Self::Closure,
    ];

    /// The word that is written in a checklist.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PreRelease => "pre-release",
            Self::Staging => "staging",
            Self::Deployment => "deployment",
            Self::PostRelease => "post-release",
            Self::Closure => "closure",
        }
    }

    /// Whether a gate of this phase must be passed before the deployment starts.
    pub const fn precedes_deployment(self) -> bool {
        matches!(self, Self::PreRelease | Self::Staging)
    }
}

impl Gate {
    /// The roles that sign, with how many distinct people each.
    pub fn approvals(&self) -> Vec<(RoleName, u32)> {
        let single = self.role.iter().map(|role| (role.clone(), 1));
        let several = self
            .approvals
            .iter()
            .flatten()
            .map(|a| (a.role.clone(), a.count.unwrap_or(1).max(1)));
        single.chain(several).collect()
    }

    /// Whether `role` signs this gate.
    pub fn is_signed_by(&self, role: &RoleName) -> bool {
        self.approvals().iter().any(|(needed, _)| needed == role)
    }

    /// The items; empty where the gate has none.
    pub fn items(&self) -> &[Item] {
        self.items.as_deref().unwrap_or_default()
    }

    /// The gates that come before it.
    pub fn after(&self) -> &[GateId] {
        self.after.as_deref().unwrap_or_default()
    }

    /// The items that whoever signs confirms: no probe answers them, and no file.
    pub fn confirmed_items(&self) -> impl Iterator<Item = &Item> {
        self.manual_items().filter(|item| item.file.is_none())
    }

    /// The items that no probe answers.
    pub fn manual_items(&self) -> impl Iterator<Item = &Item> {
        self.items().iter().filter(|item| !item.is_evidence())
    }
}

impl Checklist {
    /// The gates; empty where the checklist has none.
    pub fn gates(&self) -> &[Gate] {
        self.gates.as_deref().unwrap_or_default()
    }
}
