//! `metric`: a number, held to a threshold or to the baseline that was captured before the deployment.

mod baseline;
mod condition;
mod exposition;
mod group;
mod prometheus;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::{Auth, BasicAuth, secrets};
use super::{ClientCertificate, Judged, Kind};
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::json::path::Path;
use crate::domain::probe::json::tree::{Document, Tree};
use crate::domain::probe::measure::{Measure, Percentage};
use crate::domain::probe::templated::{Settle, Templated};
use crate::domain::timespan::Timespan;

pub use condition::{Bounds, FailureCondition, RatioExpectation};
pub use group::{MinimumSamples, Selection};

/// A number from somewhere, and what it must be. It has exactly one of `prometheus`, `json` and `exposition`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricProbe {
    /// A query to Prometheus, or to anything that speaks its HTTP API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusSource>,
    /// A number in a JSON document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<JsonSource>,
    /// A number on a page in Prometheus' text format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposition: Option<ExpositionSource>,
    /// How several numbers become one. Without it, several are no data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduce: Option<Reduce>,
    /// The number of the group that it is compared with, from the same source at the same time: of the servers that run
    /// the old version, while a canary runs the new one. `no_worse_than`, `ratio` and `worse_than` then refer to it, and
    /// no baseline is captured for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Selection>,
    /// How many samples it takes; with fewer it is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<MinimumSamples>,
    /// Request headers, where it is asked over HTTP.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The names of those whose values hold a secret, once they are filled: no other origin is told them.
    #[serde(skip)]
    pub secret_headers: BTreeSet<String>,
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// A PEM file with the authorities to trust instead of the system's, from the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The certificate that the probe shows to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// Whether the server's certificate must be valid. Default: true. `lint` reports a `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_tls: Option<bool>,
    /// The proxy to use, such as `http://proxy.example.com:3128`. Default: none, whatever the environment
    /// says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub proxy: Option<String>,
    /// Who asks the proxy. It is not shown anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_auth: Option<BasicAuth>,
    /// How many redirects are followed, where it is asked over HTTP. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 20))]
    pub redirects: Option<u32>,
    /// What the number must be.
    pub expect: MetricExpectation,
    /// When it fails. What neither satisfies `expect` nor any part of this is inconclusive. Default: whatever does not
    /// satisfy `expect` fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_if: Option<FailureCondition>,
    /// The number before the deployment, once it is known; filled in before the probe is asked, as variables are.
    #[serde(skip)]
    pub baseline: Option<Measure>,
}

/// Where a query is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrometheusSource {
    /// The server's address, such as `http://prometheus:9090`; `/api/v1/query` is added to its path, and parameters of its
    /// own (`?dedup=true`) stay.
    #[schemars(length(min = 1))]
    pub url: String,
    /// The query: a scalar, or a vector of one sample; with `range`, one series.
    #[schemars(length(min = 1))]
    pub query: String,
    /// Asks for every value of the last so long (`/api/v1/query_range`) instead of one; `reduce` makes one number of
    /// them. Default: an instant query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Timespan>,
    /// How far apart the values of `range` are; default: 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Timespan>,
}

impl PrometheusSource {
    /// How far apart the values of a range are.
    pub fn step(&self) -> Timespan {
        self.step.unwrap_or(Timespan::from_minutes(1))
    }
}

/// A number in a JSON document; it has `url` or `file`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonSource {
    /// Where the document is fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub url: Option<String>,
    /// The file that it is, from the repository's root, which it does not leave, or absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub file: Option<String>,
    /// Where the number stands: a JSONPath (RFC 9535).
    #[schemars(length(min = 1))]
    pub path: String,
}

/// A number on a page in Prometheus' text format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpositionSource {
    /// Where the page is, such as `http://shop:8080/metrics`.
    #[schemars(length(min = 1))]
    pub url: String,
    /// The name of the metric.
    #[schemars(length(min = 1))]
    pub metric: String,
    /// Labels that it must have, among others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// How several numbers become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reduce {
    /// All together.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// Their mean.
    Average,
    /// The last one: the newest of a range.
    Last,
}

/// What a number must be; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricExpectation {
    /// Exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Templated<Measure>>,
    /// This or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Templated<Measure>>,
    /// This or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Templated<Measure>>,
    /// More than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greater: Option<Templated<Measure>>,
    /// Less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less: Option<Templated<Measure>>,
    /// No more than this share worse than the baseline that was captured before the deployment, or than `control`.
    /// Without a baseline, or with one that no share can be taken of, it is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_worse_than: Option<Percentage>,
    /// Which way it gets worse. Default: `higher`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worse: Option<Worse>,
    /// The least limit that `no_worse_than` comes to. Where the baseline is 0 it is the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Templated<Measure>>,
    /// What the number divided by that of `control` must be. With a `control` of 0 it is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<RatioExpectation>,
}

/// Which way a number gets worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Worse {
    /// More is worse: errors, latency.
    #[default]
    Higher,
    /// Less is worse: throughput, availability.
    Lower,
}

/// The number that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricAnswer {
    /// The number.
    pub value: Measure,
    /// That of the control group, where there is one.
    pub control: Option<Measure>,
}

/// What was read: one number, and how many it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The number.
    pub value: Measure,
    /// How many values it was made of.
    pub count: usize,
}

/// Why there is no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// The source was read and has no such number, or none that means anything.
    NoData(String),
    /// The source could not be read.
    Broken(String),
}

impl MetricProbe {
    /// Whether its number is held against a baseline that was captured before.
    pub fn compares(&self) -> bool {
        let fails = self.fail_if.as_ref().and_then(|it| it.worse_than);
        self.control.is_none() && (self.expect.no_worse_than.is_some() || fails.is_some())
    }

    /// Whether it asks for every value of a range.
    pub fn is_over_a_range(&self) -> bool {
        let source = self.prometheus.as_ref();
        source.is_some_and(|source| source.range.is_some())
    }

    /// The number in what the source answered, which says that it is of `content_type`.
    ///
    /// # Errors
    /// [`Unread`]: a number that is not there, is not one, or stands for several, is no data and never 0. What is not
    /// whole is broken, even where the number stands in it.
    pub fn read(&self, text: &str, content_type: &str) -> Result<Number, Unread> {
        let numbers = if let Some(source) = &self.json {
            json(text, &source.path)?
        } else if let Some(source) = &self.exposition {
            exposition::is_whole(text, content_type).map_err(Unread::Broken)?;
            exposition::read(text, source)?
        } else {
            prometheus::read(text, self.is_over_a_range())?
        };
        let value = self.one(&numbers)?;
        let count = numbers.len();
        Ok(Number { value, count })
    }

    /// The moment that an answer to an instant query stands for, as Prometheus writes it.
    pub fn moment(text: &str) -> Option<String> {
        prometheus::moment(text)
    }

    fn one(&self, numbers: &[f64]) -> Result<Measure, Unread> {
        let no_data = |why: &str| Unread::NoData(why.to_owned());
        let measures: Option<Vec<Measure>> = numbers.iter().copied().map(Measure::new).collect();
        let Some(measures) = measures else {
            return Err(no_data("the number is not finite (NaN or Inf)"));
        };
        let (first, count) = match measures.as_slice() {
            [] => return Err(no_data("there is no such number")),
            [one] => return Ok(*one),
            [first, ..] => (*first, measures.len()),
        };
        let mut all = measures.iter().map(|it| it.get());
        let reduced = match self.reduce {
            None => {
                return Err(Unread::NoData(format!(
                    "there are {count} numbers; narrow it down, or write `reduce`"
                )));
            }
            Some(Reduce::Sum) => all.sum::<f64>(),
            Some(Reduce::Min) => all.fold(first.get(), f64::min),
            Some(Reduce::Max) => all.fold(first.get(), f64::max),
            Some(Reduce::Average) => {
                // No number of samples comes near to where this is inexact.
                all.sum::<f64>() / f64::from(u32::try_from(count).unwrap_or(u32::MAX))
            }
            Some(Reduce::Last) => all.next_back().unwrap_or(first.get()),
        };
        Measure::new(reduced).ok_or_else(|| no_data("the numbers together are not finite"))
    }
}

/// The numbers that `path` finds.
fn json(text: &str, path: &str) -> Result<Vec<f64>, Unread> {
    let broken = |why: String| Unread::Broken(why);
    let path = Path::parse(path).map_err(|error| broken(error.to_string()))?;
    let document =
        Document::read(text).map_err(|error| broken(format!("it is no JSON: {error}")))?;
    let found = document.find(&path);
    found
        .map_err(|error| Unread::NoData(error.to_string()))?
        .into_iter()
        .map(|found| match found {
            Tree::Number(number) => number
                .parse()
                .map_err(|_| Unread::NoData(format!("{:?} is no number", excerpt(number)))),
            other => Err(Unread::NoData(format!(
                "what stands there is no number but of the type {}",
                other.kind()
            ))),
        })
        .collect()
}

/// A number as Prometheus writes it: `1.5`, `1e-3`, `NaN`, `+Inf`; its readers take the words in any case, and the long
/// one for infinity too.
fn number(text: &str) -> Option<f64> {
    let (sign, size) = match text.strip_prefix('-') {
        Some(size) => (-1.0, size),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    match size.to_ascii_lowercase().as_str() {
        "nan" => Some(f64::NAN),
        "inf" | "infinity" => Some(sign * f64::INFINITY),
        _ => {
            let plain = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
            text.bytes().all(plain).then(|| text.parse().ok()).flatten()
        }
    }
}

impl Kind for MetricProbe {
    type Answer = MetricAnswer;

    fn asserts_something(&self) -> bool {
        self.expect.asserts_something()
    }

    fn texts_mut(&mut self) -> Vec<&mut String> {
        let mut texts = Vec::new();
        if let Some(source) = &mut self.prometheus {
            texts.extend([&mut source.url, &mut source.query]);
        }
        if let Some(source) = &mut self.json {
            texts.extend(&mut source.url);
            texts.extend(&mut source.file);
            texts.push(&mut source.path);
        }
        if let Some(source) = &mut self.exposition {
            texts.extend([&mut source.url, &mut source.metric]);
            texts.extend(source.labels.values_mut());
        }
        let samples = self.samples.iter_mut().flat_map(MinimumSamples::texts_mut);
        texts.extend(samples);
        texts.extend(self.control.iter_mut().flat_map(Selection::texts_mut));
        texts.extend(self.headers.values_mut());
        texts.extend(self.auth.iter_mut().flat_map(Auth::texts_mut));
        texts.extend(&mut self.ca);
        let certificate = self.client_certificate.iter_mut();
        texts.extend(certificate.flat_map(|one| [&mut one.cert, &mut one.key]));
        texts.extend(&mut self.proxy);
        texts.extend(self.proxy_auth.iter_mut().flat_map(BasicAuth::texts_mut));
        texts
    }

    fn settles_mut(&mut self) -> Vec<&mut dyn Settle> {
        condition::settles_mut(self).collect()
    }

    fn secrets(&self) -> Vec<String> {
        secrets(self.auth.as_ref(), self.proxy_auth.as_ref())
    }

    fn measured(answer: &MetricAnswer) -> Option<Measure> {
        Some(answer.value)
    }

    fn judge(&self, answer: &MetricAnswer, _: u64) -> Judged {
        condition::judge(self, answer)
    }
}

#[cfg(test)]
mod tests;
