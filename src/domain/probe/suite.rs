//! A file of probes alone, to try them without a release.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Probe;
use crate::domain::timespan::Timespan;

/// Probes that are asked together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeSuite {
    /// What is asked.
    pub probes: Vec<Probe>,
    /// How long the whole may take. Default: 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Timespan>,
    /// How many probes run at once. Default: 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency: Option<u32>,
    /// How many of them run against one host at once. Default: 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub per_host: Option<u32>,
}
