//! The policy: people, roles, priorities, authority, and what is owed afterwards. `relgate.yaml`.

mod artifacts;
mod machines;
mod types;
mod waivers;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calendar::Calendar;
use super::gate::Gate;
use super::ids::{
    ChecklistName, MachineName, PersonName, PriorityName, RepositoryId, RoleName, TriggerName,
};
use super::release::ReleaseType;
use super::timespan::Timespan;
pub use artifacts::Artifacts;
pub use machines::Machine;
pub use types::{ExtraApproval, Field, Review, TypeRule, Types};
pub use waivers::Waivers;

/// The rules of a team, apart from what a release's author edits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// What the team releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// What tells this repository from every other: a sign-off or a waiver counts in it alone. `init` makes one at random;
    /// without any, they count for the `product`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<RepositoryId>,
    /// Who takes part, by a short name.
    #[serde(default)]
    pub people: BTreeMap<PersonName, Person>,
    /// The roles, and what each stands for.
    pub roles: BTreeMap<RoleName, Role>,
    /// How long an incident of each priority may last. Without any: critical 5m and lower 30m, both ending in a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priorities: Option<BTreeMap<PriorityName, Priority>>,
    /// The priority of a failing probe that names none. Default: the shortest window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_priority: Option<PriorityName>,
    /// Named kinds of failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggers: Option<BTreeMap<TriggerName, Trigger>>,
    /// Which roles may do what. An action that is not listed is open to every person of the policy, but for waivers,
    /// which are then open to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
    /// How the deployment checklist is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_checklist: Option<ChecklistPasses>,
    /// What is owed after a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<Vec<FollowUp>>,
    /// The team's calendar: when a deployment may begin, and which days are worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// The checklist that every release extends, by release type or for all of them under `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checklists: Option<BTreeMap<ChecklistRule, ChecklistName>>,
    /// What releases of a type need, beyond what every release needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Types>,
    /// How long an exception may last, and what it owes. Who may make one stands under `authority`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waivers: Option<Waivers>,
    /// How evidence is asked for at a check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Whether what people record must be signed to count. Default: `optional`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signatures: Option<Signatures>,
    /// The machines that sign what relgate records by itself, by a short name. With any, and `signatures: required`, the
    /// window of an incident whose opening nobody signed asks for a decision and runs nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub machines: BTreeMap<MachineName, Machine>,
    /// Who signs artifacts, and whether they must be signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<Artifacts>,
    /// Whether a rollback runs only the programs that were signed with the deployment: a step whose program was edited since
    /// is then not run, and the rollback is stuck. Without it such a step runs, and its record says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// How long a deployment may take: so long, at most, a rollback of the release that it replaces waits for its end.
    /// Default: 30m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy_within: Option<Timespan>,
    /// How fresh the last drill of the rollback plan must be before a release may go out. Default: none is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill_valid_for: Option<Timespan>,
}

/// Which releases a required checklist is for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ChecklistRule {
    /// Those whose type has no entry of its own.
    Default,
    /// Patch releases.
    Patch,
    /// Minor releases.
    Minor,
    /// Major releases.
    Major,
    /// Emergency releases.
    Emergency,
}

/// A person who takes part in releases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address that git and signatures know the person by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// How the person is reached at night: a phone number, a channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// What the person may sign and decide as.
    #[schemars(length(min = 1))]
    pub roles: Vec<RoleName>,
}

/// What a role stands for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A shared contact: an on-call number, a channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
}

/// How long trouble may last, and what happens then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Priority {
    /// The time to mend it, from the opening of the incident. `0s` means at once.
    pub window: Timespan,
    /// What happens when the window expires. Default: `rollback`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_expiry: Option<OnExpiry>,
    /// Whether a person closes the window, or green probes do. Default: `person`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<ResolvedBy>,
}

impl Priority {
    /// How a window of it ends. Past the point of no return a person decides what else would go back by itself.
    pub fn expiry(&self, past_no_return: bool) -> OnExpiry {
        match self.on_expiry.unwrap_or_default() {
            OnExpiry::Rollback if past_no_return => OnExpiry::Decide,
            other => other,
        }
    }

    /// Whether an incident of it is rolled back the moment that it is opened.
    pub fn is_rollback_at_once(&self) -> bool {
        self.window == Timespan::ZERO && self.on_expiry.unwrap_or_default() == OnExpiry::Rollback
    }
}

/// What happens when a window expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnExpiry {
    /// The rollback plan runs by itself.
    #[default]
    Rollback,
    /// Somebody with authority must decide; the release stays no-go until then.
    Decide,
    /// Nothing: it is fixed in place.
    None,
}

impl OnExpiry {
    /// The word that is written in a policy.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Decide => "decide",
            Self::None => "none",
        }
    }
}

/// Who closes a window whose probes pass again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResolvedBy {
    /// A person, with `relgate incident resolve`.
    #[default]
    Person,
    /// The watcher, once every probe that opened it passes again.
    Evidence,
}

/// A named kind of trouble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The priority that answers it.
    pub priority: PriorityName,
    /// The roles that may open an incident of it by hand, even where its window is `0s`. Default: those under `authority`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Vec<RoleName>>,
}

/// Which roles may do what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// Recording a deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy: Option<Vec<RoleName>>,
    /// Verifying the deployment checklist by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Vec<RoleName>>,
    /// Opening an incident by hand. A window of `0s` is a rollback, and takes the authority for one too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Vec<RoleName>>,
    /// Making an incident more urgent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Vec<RoleName>>,
    /// Resolving an incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve: Option<Vec<RoleName>>,
    /// Rolling back by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Vec<RoleName>>,
    /// Closing the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close: Option<Vec<RoleName>>,
    /// Waiving a requirement. Default: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waive: Option<Vec<RoleName>>,
    /// Waiving what the calendar forbids. Default: those who may waive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_freeze: Option<Vec<RoleName>>,
}

/// Something that needs authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Recording a deployment.
    Deploy,
    /// Verifying the deployment checklist by hand.
    Verify,
    /// Opening an incident by hand.
    Open,
    /// Making an incident more urgent.
    Escalate,
    /// Resolving an incident.
    Resolve,
    /// Rolling back by hand.
    Rollback,
    /// Closing the release.
    Close,
    /// Waiving a requirement.
    Waive,
    /// Waiving what the calendar forbids.
    OverrideFreeze,
}

impl Action {
    /// The key under `authority` in a policy.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Verify => "verify",
            Self::Open => "open",
            Self::Escalate => "escalate",
            Self::Resolve => "resolve",
            Self::Rollback => "rollback",
            Self::Close => "close",
            Self::Waive => "waive",
            Self::OverrideFreeze => "override_freeze",
        }
    }
}

/// How the deployment checklist is verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChecklistPasses {
    /// How many complete passes. Default: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub passes: Option<u32>,
    /// Whether every pass is made by another person. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct_people: Option<bool>,
    /// The least time between passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<Timespan>,
    /// Who stays to fix an incomplete deployment. Default: the deployment team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<RoleName>,
}

/// Something owed after an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowUp {
    /// What opens it.
    pub after: FollowUpEvent,
    /// What is owed, for people.
    pub title: String,
    /// Who owes it.
    pub role: RoleName,
    /// Until when.
    pub due: Due,
    /// The document that answers it, rendered to the release's `documents/` folder: `rca`, `post-mortem`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// What opens an obligation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FollowUpEvent {
    /// A rollback that was verified, or is stuck.
    Rollback,
    /// An incident that was resolved.
    Incident,
}

/// Until when something is owed: `next-business-day`, or a duration such as `48h` after the event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Due {
    /// A length of time after the event.
    After(Timespan),
    /// The next business day of the calendar.
    Day(DueDay),
}

/// A day that the calendar knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DueDay {
    /// The first working day after the event's day.
    NextBusinessDay,
}

/// How the probes of a gate's items are asked at a check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The deadline of all of them together; what has no result by then is unknown. Default: 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Timespan>,
    /// How many probes run at once. Default: as many as the release notes say for the verification, or 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub concurrency: Option<u32>,
}

impl Evidence {
    /// The deadline of all probes of a check together.
    pub fn within(&self) -> Timespan {
        self.within.unwrap_or(Timespan::from_minutes(5))
    }
}

/// Whether what people record must be signed to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Signatures {
    /// It may be; a signature that does not verify counts for less than none.
    #[default]
    Optional,
    /// It must be.
    Required,
}

/// The priority of the least patience that a policy without priorities has.
pub const CRITICAL: &str = "critical";
/// The other priority that a policy without priorities has.
pub const LOWER: &str = "lower";

impl Policy {
    /// A policy that says nothing: where the real one cannot be read. Nobody is known, so nobody may decide anything.
    pub const fn bare() -> Self {
        Self {
            version: 1,
            product: None,
            repository: None,
            people: BTreeMap::new(),
            roles: BTreeMap::new(),
            priorities: None,
            default_priority: None,
            triggers: None,
            authority: None,
            deployment_checklist: None,
            follow_up: None,
            calendar: None,
            checklists: None,
            types: None,
            waivers: None,
            evidence: None,
            signatures: None,
            machines: BTreeMap::new(),
            artifacts: None,
            drill_valid_for: None,
            strict: None,
            deploy_within: None,
        }
    }

    /// How long a deployment may take.
    pub fn deploy_within(&self) -> Timespan {
        self.deploy_within.unwrap_or(Timespan::from_minutes(30))
    }

    /// The priorities by name: the policy's own, or critical 5m and lower 30m (req: A10, req: A11).
    pub fn priorities(&self) -> BTreeMap<PriorityName, Priority> {
        if let Some(own) = &self.priorities {
            return own.clone();
        }
        let rollback = |minutes| Priority {
            window: Timespan::from_minutes(minutes),
            on_expiry: None,
            resolved_by: None,
        };
        [(CRITICAL, rollback(5)), (LOWER, rollback(30))]
            .into_iter()
            .filter_map(|(name, priority)| Some((PriorityName::new(name).ok()?, priority)))
            .collect()
    }

    /// The priority of trouble that names none: the policy's default, or the one with the shortest window.
    pub fn default_priority(&self) -> Option<PriorityName> {
        self.default_priority.clone().or_else(|| {
            self.priorities()
                .into_iter()
                .min_by_key(|(_, priority)| priority.window)
                .map(|(name, _)| name)
        })
    }

    /// The priority of a trigger, if the policy has the trigger.
    pub fn trigger_priority(&self, trigger: &TriggerName) -> Option<PriorityName> {
        Some(self.triggers.as_ref()?.get(trigger)?.priority.clone())
    }

    /// The roles that may open an incident of `trigger` by hand, where the trigger says so itself.
    pub fn may_open(&self, trigger: Option<&TriggerName>) -> Option<&[RoleName]> {
        let trigger = self.triggers.as_ref()?.get(trigger?)?;
        trigger.open.as_deref()
    }

    /// The roles that may do `action`; `None` when every person of the policy may. An exception is nobody's to make unless
    /// the policy says whose.
    pub fn authority(&self, action: Action) -> Option<&[RoleName]> {
        match action {
            Action::Waive | Action::OverrideFreeze => Some(self.listed(action).unwrap_or_default()),
            _ => self.listed(action),
        }
    }

    /// Whether the policy says who may do `action`.
    pub fn lists(&self, action: Action) -> bool {
        self.listed(action).is_some()
    }

    fn listed(&self, action: Action) -> Option<&[RoleName]> {
        let authority = self.authority.as_ref()?;
        let roles = match action {
            Action::Deploy => &authority.deploy,
            Action::Verify => &authority.verify,
            Action::Open => &authority.open,
            Action::Escalate => &authority.escalate,
            Action::Resolve => &authority.resolve,
            Action::Rollback => &authority.rollback,
            Action::Close => &authority.close,
            Action::Waive => &authority.waive,
            Action::OverrideFreeze => &authority.override_freeze,
        };
        roles.as_deref()
    }

    /// The people who hold `role`.
    pub fn holders(&self, role: &RoleName) -> Vec<&PersonName> {
        self.people
            .iter()
            .filter(|(_, person)| person.roles.contains(role))
            .map(|(name, _)| name)
            .collect()
    }

    /// Whether `person` holds `role`.
    pub fn holds(&self, person: &PersonName, role: &RoleName) -> bool {
        self.people
            .get(person)
            .is_some_and(|person| person.roles.contains(role))
    }

    /// How many complete passes the deployment checklist needs (req: A7).
    pub fn checklist_passes(&self) -> u32 {
        self.deployment_checklist
            .as_ref()
            .and_then(|rule| rule.passes)
            .unwrap_or(2)
            .max(1)
    }

    /// Whether every pass over the deployment checklist is made by another person.
    pub fn distinct_checklist_people(&self) -> bool {
        self.deployment_checklist
            .as_ref()
            .and_then(|rule| rule.distinct_people)
            .unwrap_or(false)
    }

    /// The least time between passes over the deployment checklist.
    pub fn checklist_apart(&self) -> Timespan {
        self.deployment_checklist
            .as_ref()
            .and_then(|rule| rule.apart)
            .unwrap_or(Timespan::ZERO)
    }

    /// The checklist that a release of `kind` must extend, if the policy demands one.
    pub fn required_checklist(&self, kind: ReleaseType) -> Option<&ChecklistName> {
        let rules = self.checklists.as_ref()?;
        let own = match kind {
            ReleaseType::Patch => ChecklistRule::Patch,
            ReleaseType::Minor => ChecklistRule::Minor,
            ReleaseType::Major => ChecklistRule::Major,
            ReleaseType::Emergency => ChecklistRule::Emergency,
        };
        rules
            .get(&own)
            .or_else(|| rules.get(&ChecklistRule::Default))
    }

    /// The rules for waivers.
    pub fn waivers(&self) -> Waivers {
        self.waivers.clone().unwrap_or_default()
    }

    /// What releases of `kind` need, beyond what every release needs.
    pub fn type_rule(&self, kind: ReleaseType) -> Option<&TypeRule> {
        self.types.as_ref()?.of(kind)
    }

    /// What releases need by type, for every type of which the policy says anything.
    pub fn type_rules(&self) -> impl Iterator<Item = (ReleaseType, &TypeRule)> {
        let kinds = ReleaseType::ALL.into_iter();
        kinds.filter_map(|kind| Some((kind, self.type_rule(kind)?)))
    }

    /// `gates` as the policy wants them for a release of `kind` (req: B1, req: C7).
    pub fn with_approvals(&self, kind: ReleaseType, gates: Vec<Gate>) -> Vec<Gate> {
        match self.type_rule(kind) {
            Some(rule) => rule.with_approvals(gates),
            None => gates,
        }
    }

    /// How a person is reached: name and contact, as shown on incidents (req: A3).
    pub fn reach(&self, person: &PersonName) -> String {
        let entry = self.people.get(person);
        let name = entry
            .and_then(|entry| entry.name.as_deref())
            .unwrap_or(person.as_str());
        match entry.and_then(|entry| entry.contact.as_deref().or(entry.email.as_deref())) {
            Some(contact) => format!("{name} ({contact})"),
            None => name.to_owned(),
        }
    }
}
