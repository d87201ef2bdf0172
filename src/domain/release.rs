//! The release notes: what a release is, what it needs, how it is verified and how it goes back.
//!
//! A field that is `null` or absent is *not filled in yet*: it parses, and [`super::completeness`] says what is missing.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, NaiveDate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gate::Item;
use super::ids::{ArtifactName, Digest, ReleaseName, RoleName, StageName, StepId};
use super::probe::Probe;
use super::timespan::Timespan;

/// The release notes of one release: `release-notes.md` (front matter and prose) or `release-notes.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseNotes {
    /// The release's name; the same as its folder's.
    pub release: ReleaseName,
    /// How far the change reaches; the policy has rules by type.
    #[serde(rename = "type")]
    pub kind: ReleaseType,
    /// What triggered the release: a schedule, finished features, a fix, a security or performance need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The day of the release, such as 2026-11-20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<NaiveDate>,
    /// When the deployment begins, with its offset, such as 2026-11-20T18:00:00+01:00.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy_at: Option<DateTime<FixedOffset>>,
    /// What it is deployed to, such as a service or a region: one deployment or rollback runs there at a time. Default: the
    /// policy's product, and of it the component that the release's name gives before its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The development team that answers for the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// What the release brings, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The notable changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<String>>,
    /// The changes that break something for somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaking: Option<Vec<String>>,
    /// What a user or operator must do to move to this release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration_steps: Option<Vec<String>>,
    /// What is known to be wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_issues: Option<Vec<String>>,
    /// The behaviour that is to be expected, so that QA can tell it from a defect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Vec<String>>,
    /// Dashboards, runbooks, trackers, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<BTreeMap<String, String>>,
    /// The last known good version: where a rollback goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The release package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<Vec<Artifact>>,
    /// How it is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Deployment>,
    /// The production verification plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// How it goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    /// Other documents of the release, by name: an upgrade guide, API changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<BTreeMap<String, String>>,
}

/// How far a release's change reaches.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseType {
    /// Fixes only.
    Patch,
    /// New, and compatible.
    Minor,
    /// Breaks something.
    Major,
    /// Cannot wait for the usual approvals.
    Emergency,
}

impl ReleaseType {
    /// Every type, in the order of reach.
    pub const ALL: [Self; 4] = [Self::Patch, Self::Minor, Self::Major, Self::Emergency];

    /// The word that is written in release notes.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Emergency => "emergency",
        }
    }
}

/// A file or image that is released.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Unique within the release.
    pub name: ArtifactName,
    /// Where it lies, relative to the repository's root. An artifact has a `path` or a `reference`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where it lies elsewhere: an image, an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The digest of its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// The file of its detached signature, relative to the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// How a release is deployed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// How the new version takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// What the deployment changes beside the program itself; the rollback plan needs a step for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touches: Option<Vec<Touch>>,
    /// The stage from whose deployment on nothing goes back by itself: windows end in a decision. Default: the first
    /// stage where one of the `touches` is irreversible, else none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_of_no_return: Option<StageName>,
    /// The steps of the rollout, in order. Default: each is verified before the next. One stage, `production`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<Vec<Stage>>,
    /// What must have been deployed exactly as written here: artifacts, configuration, infrastructure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checklist: Option<Vec<Item>>,
}

/// Something that a deployment changes: its kind, or its kind and whether it can be taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Touch {
    /// It can be taken back.
    Kind(StepKind),
    /// It says whether it can be taken back.
    Marked(MarkedTouch),
}

/// Something that a deployment changes, and whether it can be taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkedTouch {
    /// What it changes.
    pub kind: StepKind,
    /// Whether no rollback takes it back: it needs no step in the plan, and windows end in a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irreversible: Option<bool>,
}

impl Touch {
    /// What it changes.
    pub const fn kind(&self) -> StepKind {
        match self {
            Self::Kind(kind) => *kind,
            Self::Marked(marked) => marked.kind,
        }
    }

    /// Whether no rollback takes it back.
    pub fn is_irreversible(&self) -> bool {
        matches!(self, Self::Marked(marked) if marked.irreversible == Some(true))
    }
}

impl Deployment {
    /// The stages in order.
    pub fn stages(&self) -> Vec<StageName> {
        let named: Vec<StageName> = self
            .stages
            .iter()
            .flatten()
            .map(|it| it.id.clone())
            .collect();
        match named.is_empty() {
            true => StageName::new(ONLY_STAGE).into_iter().collect(),
            false => named,
        }
    }

    /// Whether a release that was deployed in `begun` is past the point from which nothing goes back by itself.
    pub fn is_past_no_return<'a>(&self, begun: impl IntoIterator<Item = &'a StageName>) -> bool {
        let stages = self.stages();
        let place = |stage: &StageName| stages.iter().position(|it| it == stage);
        let irreversible = self.touches.iter().flatten().any(Touch::is_irreversible);
        let point = match &self.point_of_no_return {
            // A stage that is not there counts as reached: nothing is run by itself that might not go back.
            Some(stage) => place(stage).unwrap_or(0),
            None if irreversible => 0,
            None => return false,
        };
        begun
            .into_iter()
            .any(|it| place(it).unwrap_or(usize::MAX) >= point)
    }
}

/// How the new version takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// A second environment, then a switch.
    BlueGreen,
    /// A small part first.
    Canary,
    /// Machine after machine.
    Rolling,
    /// Everything at once.
    BigBang,
    /// Behind a flag, exposed gradually.
    FeatureFlag,
}

/// A step of the rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Unique within the release.
    pub id: StageName,
    /// What it covers: a region, a share of the users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// The production verification plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// The deadline of the whole run; reaching it undecided is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Timespan>,
    /// How many probes run at once. Default: 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub concurrency: Option<u32>,
    /// How many of them run against one host at once. Default: 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub per_host: Option<u32>,
    /// What is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<Vec<Probe>>,
}

/// How a release goes back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// The steps, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Vec<Step>>,
    /// How often the plan is tried before the rollback is stuck. Default: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub attempts: Option<u32>,
    /// Says whether the previous version is live: asked before an attempt is repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_probe: Option<Probe>,
    /// What must hold afterwards; until it does, nothing says that the release is rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Vec<Probe>>,
    /// The deadline of the checks after the rollback. Default: 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_within: Option<Timespan>,
    /// Where the plan is tried before it is needed: `relgate rollback --drill`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<Drill>,
    /// What a window that expires takes back: the whole release, which is the default, or its own stage alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<RollbackScope>,
}

/// What a window that expires takes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RollbackScope {
    /// Every stage that runs the release, the newest deployed first.
    #[default]
    Release,
    /// The stage of the incident.
    Stage,
}

/// Where the rollback plan is tried before it is needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// The variables that point every step at a staging system instead of production.
    #[schemars(extend("minProperties" = 1))]
    pub env: BTreeMap<String, String>,
    /// What must hold there afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Vec<Probe>>,
}

/// One step of the rollback plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique within the plan.
    pub id: StepId,
    /// What it does, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it puts back.
    pub kind: StepKind,
    /// The program and its arguments, without a shell; a program with a slash is found from the repository's root.
    #[schemars(length(min = 1))]
    pub argv: Vec<String>,
    /// Variables added to the environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// After this the step is ended: TERM, then KILL, to its whole process group. Default: 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Timespan>,
    /// How often it runs: once for each stage, which is the default, or once for the release, with the last stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<StepScope>,
}

/// How often a step of the rollback plan runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepScope {
    /// Once for each stage.
    #[default]
    Stage,
    /// Once, with the last stage that runs the release: a database that all stages share.
    Release,
}

/// What a step of the rollback plan puts back.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// The program itself.
    Code,
    /// A schema or data.
    Database,
    /// Settings.
    Configuration,
    /// Exposure behind a flag.
    FeatureFlag,
    /// Machines, networks, services.
    Infrastructure,
}

impl Step {
    /// Whether it runs once for the release.
    pub fn is_per_release(&self) -> bool {
        self.per == Some(StepScope::Release)
    }

    /// After this the step is ended.
    pub fn timeout(&self) -> Timespan {
        self.timeout.unwrap_or(Timespan::from_minutes(10))
    }

    /// The title, or the id where there is none.
    pub fn name(&self) -> &str {
        self.title.as_deref().unwrap_or(self.id.as_str())
    }
}

/// The stage of a release that names none.
pub const ONLY_STAGE: &str = "production";

impl ReleaseNotes {
    /// Release notes that say nothing but the name: where the real ones cannot be read.
    pub const fn bare(release: ReleaseName) -> Self {
        Self {
            release,
            kind: ReleaseType::Patch,
            reason: None,
            date: None,
            target: None,
            deploy_at: None,
            team: None,
            summary: None,
            changes: None,
            breaking: None,
            migration_steps: None,
            known_issues: None,
            expected: None,
            links: None,
            previous: None,
            artifacts: None,
            deployment: None,
            verification: None,
            rollback: None,
            documents: None,
        }
    }

    /// The stages of the rollout, in order; one named `production` where the notes name none.
    pub fn stages(&self) -> Vec<StageName> {
        self.deployment.clone().unwrap_or_default().stages()
    }

    /// Whether the release, deployed in `begun`, is past the point from which nothing goes back by itself.
    pub fn is_past_no_return<'a>(&self, begun: impl IntoIterator<Item = &'a StageName>) -> bool {
        let deployment = self.deployment.as_ref();
        deployment.is_some_and(|it| it.is_past_no_return(begun))
    }

    /// The deployment checklist; empty where the notes have none.
    pub fn deployment_checklist(&self) -> &[Item] {
        self.deployment
            .as_ref()
            .and_then(|deployment| deployment.checklist.as_deref())
            .unwrap_or_default()
    }

    /// The probes of the verification plan; empty where the notes have none.
    pub fn probes(&self) -> &[Probe] {
        self.verification
            .as_ref()
            .and_then(|verification| verification.probes.as_deref())
            .unwrap_or_default()
    }

    /// The steps of the rollback plan; empty where the notes have none.
    pub fn steps(&self) -> &[Step] {
        self.rollback
            .as_ref()
            .and_then(|rollback| rollback.plan.as_deref())
            .unwrap_or_default()
    }

    /// The artifacts; empty where the notes have none.
    pub fn artifacts(&self) -> &[Artifact] {
        self.artifacts.as_deref().unwrap_or_default()
    }

    /// The role-free name of the responsible team, or a word that says that none is named.
    pub fn team(&self) -> &str {
        self.team.as_deref().unwrap_or("the release's team")
    }
}

/// Who an item or gate waits for, when shown: a list of roles in reading order.
pub fn role_list(roles: &[RoleName]) -> String {
    roles
        .iter()
        .map(RoleName::as_str)
        .collect::<Vec<_>>()
        .join(" or ")
}
