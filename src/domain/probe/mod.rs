//! Probes: one language for evidence, the deployment checklist, verification, the rollback target and the checks after
//! a rollback.
//!
//! This module is what every probe says; what each kind asks is in [`kinds`], what an answer means in [`judge`]. Asking
//! is the business of the effects; deciding over several samples is [`sampling`].

pub mod capture;
pub mod conversion;
pub mod count;
pub mod expect;
pub mod files;
pub mod glob;
pub mod json;
pub mod judge;
pub mod kinds;
pub mod measure;
pub mod needs;
pub mod pattern;
pub mod phases;
pub mod retry;
pub mod sampling;
pub mod selection;
pub mod suite;
pub mod templated;
pub mod text;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{CaptureName, PriorityName, ProbeId, TagName, TriggerName};
use super::latency::Latency;
use super::timespan::Timespan;
use capture::Capture;
use expect::OneOrMany;
use kinds::{
    CommandProbe, DnsProbe, FileProbe, GrpcProbe, HttpProbe, JunitProbe, MetricProbe, TcpProbe,
    TlsProbe,
};

use retry::{Backoff, RetryCondition};

pub use kinds::{KINDS, Question};

/// One request to the running system, and what its response must be.
// There may be thousands, of one kind each: the kinds are boxed, so that none has room for the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Unique within the release.
    pub id: ProbeId,
    /// What a user of the system would call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// An HTTP request. A probe has exactly one of `http`, `tcp`, `tls`, `dns`, `grpc`,
    /// `command`, `file`, `junit` and `metric`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Box<HttpProbe>>,
    /// A TCP connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Box<TcpProbe>>,
    /// A TLS handshake and the certificate that it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsProbe>>,
    /// A request to a resolver of names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Box<DnsProbe>>,
    /// A request to the health service of a gRPC server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<Box<GrpcProbe>>,
    /// A command on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Box<CommandProbe>>,
    /// A file on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Box<FileProbe>>,
    /// The reports of a test run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub junit: Option<Box<JunitProbe>>,
    /// A number: a metric, held to a threshold or to what it was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Box<MetricProbe>>,
    /// The probes of the same list that must have passed in the same sample; if one has not, this one is not asked and
    /// stays inconclusive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<ProbeId>,
    /// By name: what is taken out of the answer, for probes that need this one, as `${capture:NAME}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capture: BTreeMap<CaptureName, Capture>,
    /// The words by which it is chosen with `--only` and `--skip`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagName>,
    /// For one attempt. Default: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Timespan>,
    /// How many times a sample that does not pass is retried. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// What is worth a retry: error, fail, inconclusive, timeout, unserved, a status or a class of them.
    /// Default: whatever is not a pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_if: Option<OneOrMany<RetryCondition>>,
    /// The pause before a retry, constant or growing. Default: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// The pause before the first sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<Timespan>,
    /// The pause between samples. Default: 5s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Timespan>,
    /// How many samples in a row must pass. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub passes: Option<u32>,
    /// How many samples in a row must fail before the probe has failed. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub failures: Option<u32>,
    /// How many samples in a row may be errors (no response) before the probe counts as failed. Without it,
    /// an error never opens an incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub errors: Option<u32>,
    /// What an error (no response) counts as; by itself it decides nothing before the limit in `errors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_error: Option<OnTrouble>,
    /// What a response without data counts as. Default: inconclusive. It is never a pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_no_data: Option<OnTrouble>,
    /// 95 of 100 answers took no longer than this, over the samples in `passes`: at least 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<Latency>,
    /// It is reported and decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisory: Option<bool>,
    /// The priority of the incident that a failure opens. Default: the policy's `default_priority`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<PriorityName>,
    /// The trigger that a failure is; the policy gives its priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<TriggerName>,
    /// The known issue of the release notes that would explain a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_issue: Option<String>,
}

/// What trouble counts as. There is no word that lets it pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnTrouble {
    /// Something that did not hold.
    Fail,
    /// Nothing is known: it decides nothing, and the run cannot pass.
    Inconclusive,
}

impl Probe {
    /// Whether the probe could fail at all: one that asserts nothing is an error, never a pass.
    pub fn asserts_something(&self) -> bool {
        self.questions()
            .into_iter()
            .all(Question::asserts_something)
    }

    /// The title, or the id where there is none.
    pub fn name(&self) -> &str {
        self.title.as_deref().unwrap_or(self.id.as_str())
    }

    /// For one attempt.
    pub fn timeout(&self) -> Timespan {
        self.timeout.unwrap_or(Timespan::from_seconds(10))
    }

    /// How many times a sample that does not pass is retried.
    pub fn retries(&self) -> u32 {
        self.retries.unwrap_or(0)
    }

    /// The pause between samples.
    pub fn every(&self) -> Timespan {
        self.every.unwrap_or(Timespan::from_seconds(5))
    }

    /// How many samples in a row must pass.
    pub fn passes(&self) -> u32 {
        self.passes.unwrap_or(1).max(1)
    }

    /// How many samples in a row must fail before the probe has failed.
    pub fn failures(&self) -> u32 {
        self.failures.unwrap_or(1).max(1)
    }

    /// Whether it decides nothing.
    pub fn is_advisory(&self) -> bool {
        self.advisory.unwrap_or(false)
    }
}
