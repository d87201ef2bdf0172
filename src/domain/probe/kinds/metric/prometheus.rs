//! What Prometheus answers to an instant query and to one over a range: <https://prometheus.io/docs/prometheus/latest/querying/api/>.

use serde::Deserialize;
use serde_json::Value;

use super::{Unread, number};
use crate::domain::probe::expect::excerpt;

/// How Prometheus begins what it remarks on a query without doubting the answer.
const INFO: &str = "PromQL info:";

#[derive(Deserialize)]
struct Reply {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
    /// VictoriaMetrics says so where a part of its storage did not answer.
    #[serde(default, rename = "isPartial")]
    partial: Option<bool>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Value,
}

#[derive(Deserialize)]
struct Series {
    value: Option<Sample>,
}

/// One series over a range.
#[derive(Deserialize)]
struct RangeSeries {
    #[serde(default)]
    values: Vec<Sample>,
    #[serde(default)]
    histograms: Vec<Value>,
}

/// A time, and the number as a text.
type Sample = (f64, String);

/// The numbers of the answer: to a query over a range, where it was one.
pub(super) fn read(text: &str, over_range: bool) -> Result<Vec<f64>, Unread> {
    let broken = |why: String| Unread::Broken(why);
    let reply: Reply = serde_json::from_str(text)
        .map_err(|error| broken(format!("it is no answer of Prometheus: {error}")))?;
    if reply.status != "success" {
        let error = reply.error.unwrap_or(reply.status);
        return Err(broken(format!(
            "Prometheus refuses the query: {}",
            excerpt(&error)
        )));
    }
    if reply.partial == Some(true) {
        return Err(broken(
            "the answer is partial (\"isPartial\": true), and what is missing is not 0".to_owned(),
        ));
    }
    // Part of the data may be missing then, and what is missing is not 0. What is only worth knowing changes no number;
    // servers of old list it among the warnings.
    let mut warnings = reply.warnings.iter().flatten();
    if let Some(warning) = warnings.find(|it| !it.trim_start().starts_with(INFO)) {
        return Err(Unread::NoData(format!(
            "Prometheus warns of its answer: {}",
            excerpt(warning)
        )));
    }
    let Some(Data { kind, result }) = reply.data else {
        return Err(broken(
            "it is no answer of Prometheus: it has no data".to_owned(),
        ));
    };
    let malformed = |error: serde_json::Error| broken(format!("its {kind} is malformed: {error}"));
    let samples: Vec<Sample> = match kind.as_str() {
        "scalar" => vec![serde_json::from_value(result).map_err(malformed)?],
        "vector" => {
            let series: Vec<Series> = serde_json::from_value(result).map_err(malformed)?;
            let count = series.len();
            let samples: Vec<Sample> = series.into_iter().filter_map(|it| it.value).collect();
            if samples.len() < count {
                return Err(Unread::NoData(
                    "a series of the answer is a histogram, not a number".to_owned(),
                ));
            }
            samples
        }
        "matrix" if over_range => {
            let series: Vec<RangeSeries> = serde_json::from_value(result).map_err(malformed)?;
            over_a_range(series)?
        }
        other => {
            return Err(broken(format!(
                "the query brings a {}, not a number; ask for an instant vector or a scalar",
                excerpt(other)
            )));
        }
    };
    samples
        .iter()
        .map(|(_, text)| {
            number(text).ok_or_else(|| broken(format!("{:?} is no number", excerpt(text))))
        })
        .collect()
}

/// The values of the one series that a range brings.
fn over_a_range(series: Vec<RangeSeries>) -> Result<Vec<Sample>, Unread> {
    let count = series.len();
    let mut series = series.into_iter();
    match (series.next(), count) {
        (None, _) => Ok(Vec::new()),
        (Some(one), 1) if one.histograms.is_empty() => Ok(one.values),
        (Some(_), 1) => Err(Unread::NoData(
            "a series of the answer is a histogram, not a number".to_owned(),
        )),
        _ => Err(Unread::NoData(format!(
            "the range brings {count} series; make one of them in the query, such as with sum()"
        ))),
    }
}

/// The time of the first sample of an answer to an instant query, as it is written.
pub(super) fn moment(text: &str) -> Option<String> {
    let reply: Value = serde_json::from_str(text).ok()?;
    let result = reply.get("data")?.get("result")?;
    let sample = match result.get(0)? {
        series @ Value::Object(_) => series.get("value")?.get(0)?,
        time => time,
    };
    sample.as_number().map(ToString::to_string)
}
