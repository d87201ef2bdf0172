//! What the ledger of a release says of another release that takes its place on the same target.

use serde::{Deserialize, Serialize};

use crate::domain::clock::Reading;
use crate::domain::ids::{RecordId, ReleaseName, StageName};
use crate::domain::timespan::Timespan;

/// Another release is deployed over this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replacement {
    /// Which release takes the place.
    pub successor: ReleaseName,
    /// The `deploy-started` record in its ledger.
    pub deployment: RecordId,
    /// The stages of this release that it replaces.
    pub stages: Vec<StageName>,
    /// How far it has come.
    pub progress: ReplacementProgress,
}

/// How far the deployment of a successor has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum ReplacementProgress {
    /// It began. A rollback of this release waits for its end, and for `limit` at most.
    Started {
        /// How long a rollback waits for it at most.
        limit: Timespan,
        /// The clocks.
        started: Reading,
    },
    /// It did not finish: this release runs as before.
    Failed,
    /// It is done: this release runs in those stages no more.
    Done,
}
