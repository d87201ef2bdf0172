//! From samples to a decision: how many in a row, all required probes green in the same sample.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Probe;
use super::judge::{Sample, Verdict};
use crate::domain::ids::ProbeId;

/// How a suite of probes stands after its samples so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Another sample is needed.
    Undecided,
    /// Decided.
    Decided(Verdict),
}

/// Counts samples in a row for every probe of a suite.
///
/// It holds no clock: the caller samples when `every` has passed and stops at the deadline of the run.
#[derive(Clone, Debug, Default)]
pub struct Sampling {
    rows: BTreeMap<ProbeId, Row>,
    samples: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    passes: u32,
    failures: u32,
    errors: u32,
}

/// A probe that counts as failed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which probe.
    pub probe: ProbeId,
    /// One line that says what was expected and found.
    pub reason: String,
}

impl Sampling {
    /// Takes in one sample of every probe and says how the suite stands.
    ///
    /// The suite passes when every required probe has its `passes` in a row, and so all are green in this same sample.
    /// It fails when a required probe has its `failures` in a row, or its stated `errors` in a row. A suite in which
    /// nothing is required, or whose samples are missing, is inconclusive: never a pass.
    pub fn take(&mut self, probes: &[Probe], samples: &[Sample]) -> Standing {
        self.samples += 1;
        for sample in samples {
            let row = self.rows.entry(sample.probe.clone()).or_default();
            let counted = match sample.verdict {
                Verdict::Pass => &mut row.passes,
                Verdict::Fail => &mut row.failures,
                Verdict::Error | Verdict::Inconclusive => &mut row.errors,
            };
            let next = *counted + 1;
            *row = Row::default();
            match sample.verdict {
                Verdict::Pass => row.passes = next,
                Verdict::Fail => row.failures = next,
                Verdict::Error | Verdict::Inconclusive => row.errors = next,
            }
        }
        let mut required = probes
            .iter()
            .filter(|probe| !probe.is_advisory())
            .peekable();
        if required.peek().is_none() {
            return Standing::Decided(Verdict::Inconclusive);
        }
        let (mut green, mut failed) = (true, false);
        for probe in required {
            let row = self
                .rows
                .get(probe.id.as_str())
                .copied()
                .unwrap_or_default();
            green &= row.passes >= probe.passes();
            failed |= Self::has_failed(probe, row);
        }
        match (failed, green) {
            (true, _) => Standing::Decided(Verdict::Fail),
            (false, true) => Standing::Decided(Verdict::Pass),
            (false, false) => Standing::Undecided,
        }
    }

    /// The required probes that count as failed after the last sample, with the reason that `samples` gives.
    pub fn failures(&self, probes: &[Probe], samples: &[Sample]) -> Vec<Failure> {
        probes
            .iter()
            .filter(|probe| !probe.is_advisory())
            .filter(|probe| {
                self.rows
                    .get(probe.id.as_str())
                    .is_some_and(|row| Self::has_failed(probe, *row))
            })
            .map(|probe| Failure {
                probe: probe.id.clone(),
                reason: samples
                    .iter()
                    .find(|sample| sample.probe == probe.id)
                    .map(Sample::reason)
                    .unwrap_or_default(),
            })
            .collect()
    }

    /// Whether all that stands between the suite and its decision is that some probes cannot be asked.
    pub fn only_errors_left(&self, probes: &[Probe]) -> bool {
        let mut any = false;
        for probe in probes.iter().filter(|probe| !probe.is_advisory()) {
            let row = self
                .rows
                .get(probe.id.as_str())
                .copied()
                .unwrap_or_default();
            if row.failures > 0 {
                return false;
            }
            any |= row.errors > 0;
        }
        any
    }

    /// How many samples were taken.
    pub fn samples(&self) -> u32 {
        self.samples
    }

    fn has_failed(probe: &Probe, row: Row) -> bool {
        row.failures >= probe.failures()
            || probe.errors.is_some_and(|limit| row.errors >= limit.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(id: &str, extra: serde_json::Value) -> Probe {
        let mut value = serde_json::json!({"id": id, "tcp": {"address": "x:1"}});
        for (key, given) in extra.as_object().expect("an object") {
            value[key] = given.clone();
        }
        serde_json::from_value(value).expect("a valid probe")
    }

    fn sample(id: &str, verdict: Verdict) -> Sample {
        Sample {
            probe: id.parse().expect("a name"),
            verdict,
            attempts: Vec::new(),
            repeat: None,
        }
    }

    use Standing::{Decided, Undecided};
    use Verdict::{Error, Fail, Inconclusive, Pass};

    #[test]
    fn green_means_all_in_the_same_sample() {
        let probes = [
            probe("a", serde_json::json!({"failures": 3})),
            probe("b", serde_json::json!({"failures": 3})),
        ];
        let mut sampling = Sampling::default();
        assert_eq!(
            sampling.take(&probes, &[sample("a", Pass), sample("b", Fail)]),
            Undecided
        );
        assert_eq!(
            sampling.take(&probes, &[sample("a", Fail), sample("b", Pass)]),
            Undecided
        );
        assert_eq!(
            sampling.take(&probes, &[sample("a", Pass), sample("b", Pass)]),
            Decided(Pass)
        );
    }

    #[test]
    fn passes_and_failures_count_in_a_row() {
        let probes = [probe("a", serde_json::json!({"passes": 2, "failures": 2}))];
        let mut sampling = Sampling::default();
        for verdict in [Pass, Fail, Pass, Fail] {
            assert_eq!(sampling.take(&probes, &[sample("a", verdict)]), Undecided);
        }
        assert_eq!(sampling.take(&probes, &[sample("a", Fail)]), Decided(Fail));
    }

    #[test]
    fn errors_decide_only_after_their_stated_limit() {
        let silent = [probe("a", serde_json::json!({}))];
        let mut sampling = Sampling::default();
        for _ in 0..10 {
            assert_eq!(sampling.take(&silent, &[sample("a", Error)]), Undecided);
        }
        assert!(sampling.only_errors_left(&silent));
        let limited = [probe("a", serde_json::json!({"errors": 2}))];
        let mut sampling = Sampling::default();
        assert_eq!(sampling.take(&limited, &[sample("a", Error)]), Undecided);
        assert_eq!(
            sampling.take(&limited, &[sample("a", Error)]),
            Decided(Fail)
        );
    }

    #[test]
    fn an_empty_or_advisory_suite_never_passes() {
        assert_eq!(Sampling::default().take(&[], &[]), Decided(Inconclusive));
        let advisory = [probe("a", serde_json::json!({"advisory": true}))];
        assert_eq!(
            Sampling::default().take(&advisory, &[sample("a", Pass)]),
            Decided(Inconclusive)
        );
        let required = [probe("a", serde_json::json!({}))];
        assert_eq!(Sampling::default().take(&required, &[]), Undecided);
    }
}
