//! What people decide about a deployment, an incident and a release that goes no further.

use serde::{Deserialize, Serialize};

use crate::domain::clock::Reading;
use crate::domain::ids::{IncidentId, RecordId, RoleName, StageName};
use crate::domain::probe::sampling::Failure;
use crate::domain::timespan::Timespan;

/// Somebody with authority stands for a deployment that was recorded without any, or with a key that was revoked since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployConfirmed {
    /// Which stage.
    pub stage: StageName,
    /// The record that is confirmed.
    pub record: RecordId,
    /// By which role's authority.
    pub role: RoleName,
    /// Why it stands.
    pub reason: String,
}

/// A deployment that began did not finish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployFailed {
    /// Which stage.
    pub stage: StageName,
    /// By which role's authority.
    pub role: RoleName,
    /// Why.
    pub reason: String,
}

/// What was decided about an incident whose window waits for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentDecided {
    /// Which incident.
    pub incident: IncidentId,
    /// By which role's authority.
    pub role: RoleName,
    /// What.
    pub answer: Answer,
    /// Why.
    pub reason: String,
    /// The failures that it is about, as they were when the incident opened: no other failure is decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// The clocks.
    pub decided: Reading,
}

/// An answer to a window that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The release stays as it is.
    Keep,
    /// It is fixed within this time, from the decision on; then it is asked again.
    FixWithin(Timespan),
}

/// The release will not go out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abandoned {
    /// By which role's authority.
    pub role: RoleName,
    /// Why.
    pub reason: String,
}

/// A wall clock went back between a record and one that it follows, and somebody looked into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockJumpAccepted {
    /// The record that claims to be the older one.
    pub record: RecordId,
    /// By which role's authority.
    pub role: RoleName,
    /// Why the clock was wrong, and what follows from it.
    pub reason: String,
}
