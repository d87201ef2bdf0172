//! Baselines: what metrics were before a deployment, and which of them a probe is compared with.
//!
//! A baseline is bound to what is measured: where the number comes from, not what it must be. A threshold may be mended
//! after the capture; another query is another number, and has no baseline.

use std::borrow::Cow;

use super::ids::{Digest, StageName};
use super::probe::Probe;
use super::probe::kinds::{MetricExpectation, MetricProbe};
use super::record::body::Baseline;
use super::record::digest_of;
use super::state::{Recorded, ReleaseState};

/// The digest of what a probe measures; `None` of one that measures nothing.
pub fn measures(probe: &Probe) -> Option<Digest> {
    let metric = probe.metric.as_deref()?;
    Some(digest_of(&MetricProbe {
        expect: MetricExpectation::default(),
        fail_if: None,
        control: None,
        samples: None,
        baseline: None,
        ..metric.clone()
    }))
}

/// Whether what a probe measures is another number in each stage.
pub fn is_by_stage(probe: &Probe) -> bool {
    let mut metric = probe.metric.clone();
    let texts = metric
        .as_deref_mut()
        .into_iter()
        .flat_map(super::probe::kinds::Kind::texts_mut);
    texts.into_iter().any(|text| text.contains("${stage}"))
}

/// The last baseline that was captured of what `probe` measures now, in `stage` where that makes a difference.
pub fn of<'a>(
    state: &'a ReleaseState,
    probe: &Probe,
    stage: Option<&str>,
) -> Option<&'a Recorded<Baseline>> {
    let measures = measures(probe)?;
    let stage = stage.filter(|_| is_by_stage(probe));
    state.baselines.iter().rev().find(|captured| {
        let fact = &captured.fact;
        fact.probe == probe.id
            && fact.measures == measures
            && fact.stage.as_ref().map(StageName::as_str) == stage
    })
}

/// `probe` as it is asked: with its baseline, where it is compared with one and there is one.
pub fn filled<'a>(state: &ReleaseState, probe: &'a Probe, stage: Option<&str>) -> Cow<'a, Probe> {
    let compares = probe.metric.as_deref().is_some_and(MetricProbe::compares);
    let baseline = compares.then(|| of(state, probe, stage)).flatten();
    let Some(baseline) = baseline else {
        return Cow::Borrowed(probe);
    };
    let mut probe = probe.clone();
    if let Some(metric) = &mut probe.metric {
        metric.baseline = Some(baseline.fact.value);
    }
    Cow::Owned(probe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::probe::measure::Measure;
    use crate::domain::state::Origin;
    use serde_json::json;

    fn probe(query: &str, share: &str) -> Probe {
        serde_json::from_value(json!({"id": "errors", "metric": {
            "prometheus": {"url": "http://p", "query": query}, "expect": {"no_worse_than": share},
        }}))
        .expect("a probe")
    }

    fn captured(probe: &Probe, stage: Option<&str>, value: f64) -> Recorded<Baseline> {
        Recorded {
            origin: Origin {
                record: Digest::of(b"a record"),
                at: chrono::DateTime::UNIX_EPOCH,
                by: "quin".to_owned(),
            },
            fact: Baseline {
                probe: probe.id.clone(),
                stage: stage.map(|stage| stage.parse().expect("a name")),
                measures: measures(probe).expect("a metric"),
                value: Measure::new(value).expect("finite"),
                samples: Vec::new(),
            },
        }
    }

    fn value(state: &ReleaseState, probe: &Probe, stage: Option<&str>) -> Option<f64> {
        let filled = filled(state, probe, stage);
        let metric = filled.metric.as_ref()?;
        metric.baseline.map(Measure::get)
    }

    // req: E3
    #[test]
    fn the_last_baseline_of_the_same_number_is_used() {
        let (now, other) = (probe("up", "50%"), probe("down", "50%"));
        let state = ReleaseState {
            baselines: vec![captured(&now, None, 1.0), captured(&now, None, 2.0)],
            ..ReleaseState::default()
        };
        assert_eq!(value(&state, &now, Some("production")), Some(2.0));
        // Another limit is held against the same number; another query brings another.
        assert_eq!(value(&state, &probe("up", "30%"), None), Some(2.0));
        assert_eq!(value(&state, &other, None), None);
        assert_eq!(value(&ReleaseState::default(), &now, None), None);
    }

    #[test]
    fn a_stage_has_its_own_where_it_is_asked_about() {
        let staged = probe("up{stage='${stage}'}", "50%");
        let state = ReleaseState {
            baselines: vec![
                captured(&staged, Some("canary"), 1.0),
                captured(&staged, Some("production"), 2.0),
            ],
            ..ReleaseState::default()
        };
        assert_eq!(value(&state, &staged, Some("canary")), Some(1.0));
        assert_eq!(value(&state, &staged, Some("production")), Some(2.0));
        assert_eq!(value(&state, &staged, Some("staging")), None);
        assert_eq!(value(&state, &staged, None), None);
    }
}
