//! The group that a number is compared with, and how many samples that takes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MetricProbe, Number, Reduce};
use crate::domain::probe::measure::Measure;
use crate::domain::probe::templated::Templated;

/// Another number of the same source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// The query for it, of a `prometheus` source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub query: Option<String>,
    /// Where it stands, of a `json` source: a JSONPath (RFC 9535).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub path: Option<String>,
    /// The name of the metric, of an `exposition` source; default: the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub metric: Option<String>,
    /// Labels that it must have, among others, of an `exposition` source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// How many samples a number takes, and where they are counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MinimumSamples {
    /// So many or more, of the number and of its `control`; with fewer it is inconclusive.
    pub at_least: Templated<Measure>,
    /// Where they are counted, such as a query for the requests of the last minutes. Default: the values that were
    /// found, before `reduce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Selection>,
    /// Where those of the control group are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Selection>,
}

impl Selection {
    pub(super) fn texts_mut(&mut self) -> Vec<&mut String> {
        let Self {
            query,
            path,
            metric,
            labels,
        } = self;
        let parts = [query, path, metric].into_iter().flatten();
        parts.chain(labels.values_mut()).collect()
    }
}

impl MinimumSamples {
    pub(super) fn texts_mut(&mut self) -> Vec<&mut String> {
        let parts = [&mut self.count, &mut self.control].into_iter().flatten();
        parts.flat_map(Selection::texts_mut).collect()
    }
}

impl MetricProbe {
    /// The probe for the number of the control group.
    pub fn of_control(&self) -> Option<Self> {
        Some(self.selecting(self.control.as_ref()?))
    }

    /// The probe that counts samples by `selection`: several numbers are counted together, at one moment.
    pub fn counting(&self, selection: &Selection) -> Self {
        let mut counting = self.selecting(selection);
        counting.reduce = Some(Reduce::Sum);
        if let Some(source) = &mut counting.prometheus {
            source.range = None;
        }
        counting
    }

    fn selecting(&self, selection: &Selection) -> Self {
        let mut other = Self {
            control: None,
            samples: None,
            ..self.clone()
        };
        if let (Some(source), Some(query)) = (&mut other.prometheus, &selection.query) {
            source.query.clone_from(query);
        }
        if let (Some(source), Some(path)) = (&mut other.json, &selection.path) {
            source.path.clone_from(path);
        }
        if let Some(source) = &mut other.exposition {
            if let Some(metric) = &selection.metric {
                source.metric.clone_from(metric);
            }
            source.labels.clone_from(&selection.labels);
        }
        other
    }
}

impl MinimumSamples {
    /// Whether there are enough.
    ///
    /// # Errors
    /// How many there are of `whose`.
    pub fn suffice(&self, whose: &str, count: Measure) -> Result<(), String> {
        match self.at_least.is_known_and(|least| count >= *least) {
            true => Ok(()),
            false => Err(format!(
                "{whose} has {count} samples, and it takes {}",
                self.at_least
            )),
        }
    }
}

impl Number {
    /// How many values it was made of, as a number of samples.
    pub fn samples(self) -> Measure {
        let count = u32::try_from(self.count).unwrap_or(u32::MAX);
        Measure::new(f64::from(count)).unwrap_or(self.value)
    }
}
