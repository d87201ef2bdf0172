//! From samples to a decision: how many in a row, all required probes green in the same sample.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::Probe;
use super::expect::Assertion;
use super::judge::{Sample, Verdict};
use crate::domain::ids::ProbeId;
use crate::domain::latency::Latency;

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

#[derive(Clone, Debug, Default)]
struct Row {
    passes: u32,
    failures: u32,
    errors: u32,
    /// How long the passes in a row took, in milliseconds.
    took: VecDeque<u64>,
}

/// `passes` is at most this.
const MOST_PASSES: usize = 1_000;

/// A 95th percentile over fewer samples is that of the slowest alone.
pub const LEAST_FOR_P95: u32 = 20;

/// A probe that counts as failed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which probe.
    pub probe: ProbeId,
    /// One line that says what was expected and found.
    pub reason: String,
}

impl Failure {
    /// Whether `other` is the failure of the same probe in the same way: all but what was measured is the same. A time
    /// or a fraction differs from one sample to the next; a whole number, such as a status, is another failure.
    pub fn is_same(&self, other: &Self) -> bool {
        self.probe == other.probe && unmeasured(&self.reason) == unmeasured(&other.reason)
    }
}

/// `reason` without the fractions and times in it.
fn unmeasured(reason: &str) -> String {
    let joined = reason.replace(" ms", "ms").replace(" s ", "s ");
    let words = joined.split_whitespace().map(|word| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let digits = bare.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = &bare[..bare.len() - digits.len()];
        let measured = !number.is_empty() && (number.contains('.') || matches!(digits, "ms" | "s"));
        if measured { "…" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

impl Sampling {
    /// Takes in one sample of every probe and says how the suite stands.
    ///
    /// The suite passes when every required probe has its `passes` in a row, and so all are green in this same sample.
    /// It fails when a required probe has its `failures` in a row, or its stated `errors` in a row. A suite in which
    /// nothing is required, or whose samples are missing, is inconclusive: never a pass.
    pub fn take(&mut self, probes: &[Probe], samples: &[Sample]) -> Standing {
        self.samples += 1;
        let passed: BTreeSet<&ProbeId> = samples
            .iter()
            .filter(|sample| sample.verdict == Verdict::Pass)
            .map(|sample| &sample.probe)
            .collect();
        // What was not asked since something that it needs did not pass says nothing by itself.
        let waiting: BTreeSet<&ProbeId> = probes
            .iter()
            .filter(|probe| !probe.needs.iter().all(|need| passed.contains(need)))
            .map(|probe| &probe.id)
            .collect();
        // A probe without a sample this time is not green in it.
        let sampled: BTreeSet<&ProbeId> = samples.iter().map(|sample| &sample.probe).collect();
        self.rows.retain(|probe, _| sampled.contains(probe));
        for sample in samples {
            let row = self.rows.entry(sample.probe.clone()).or_default();
            let before = std::mem::take(row);
            match sample.verdict {
                Verdict::Pass => {
                    row.passes = before.passes.saturating_add(1);
                    row.took = before.took;
                    row.took
                        .extend(sample.attempts.last().map(|last| last.took_ms));
                    // More than any probe asks for need not be kept.
                    while row.took.len() > MOST_PASSES {
                        row.took.pop_front();
                    }
                }
                Verdict::Fail => row.failures = before.failures.saturating_add(1),
                Verdict::Error | Verdict::Inconclusive if waiting.contains(&sample.probe) => {}
                Verdict::Error | Verdict::Inconclusive => {
                    row.errors = before.errors.saturating_add(1);
                }
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
            let Some(row) = self.rows.get(probe.id.as_str()) else {
                green = false;
                continue;
            };
            green &= row.passes >= probe.passes() && row.p95(probe).is_none_or(P95::holds);
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
        // Thousands may have failed at once.
        let reasons: BTreeMap<&ProbeId, &Sample> = samples
            .iter()
            .map(|sample| (&sample.probe, sample))
            .collect();
        probes
            .iter()
            .filter(|probe| !probe.is_advisory())
            .filter(|probe| {
                self.rows
                    .get(probe.id.as_str())
                    .is_some_and(|row| Self::has_failed(probe, row))
            })
            .map(|probe| Failure {
                probe: probe.id.clone(),
                reason: reasons
                    .get(&probe.id)
                    .map(|sample| sample.reason())
                    .unwrap_or_default(),
            })
            .collect()
    }

    /// Whether all that stands between the suite and its decision is that some probes cannot be asked.
    pub fn only_errors_left(&self, probes: &[Probe]) -> bool {
        let mut any = false;
        for probe in probes.iter().filter(|probe| !probe.is_advisory()) {
            let Some(row) = self.rows.get(probe.id.as_str()) else {
                continue;
            };
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

    /// How many samples in a row `probe` has passed.
    pub fn passes_in_a_row(&self, probe: &ProbeId) -> u32 {
        self.rows.get(probe).map_or(0, |row| row.passes)
    }

    /// The samples, the last of each probe with what is known of its `p95`: too few samples are inconclusive.
    pub fn with_p95(&self, probes: &[Probe], mut samples: Vec<Sample>) -> Vec<Sample> {
        let bounded: BTreeMap<&ProbeId, &Probe> = probes
            .iter()
            .filter(|probe| probe.p95.is_some())
            .map(|probe| (&probe.id, probe))
            .collect();
        for sample in &mut samples {
            if sample.verdict != Verdict::Pass {
                continue;
            }
            let row = self.rows.get(sample.probe.as_str());
            let Some(p95) = bounded.get(&sample.probe).and_then(|probe| {
                row.and_then(|row| row.p95(probe))
                    .or_else(|| P95::unknown(probe))
            }) else {
                continue;
            };
            let verdict = match p95.found {
                Some(_) if p95.holds() => Verdict::Pass,
                Some(_) => Verdict::Fail,
                None => Verdict::Inconclusive,
            };
            sample.verdict = verdict;
            if let Some(last) = sample.attempts.last_mut() {
                last.verdict = verdict;
                last.assertions.push(p95.assertion());
            }
        }
        samples
    }

    fn has_failed(probe: &Probe, row: &Row) -> bool {
        row.failures >= probe.failures()
            || probe.errors.is_some_and(|limit| row.errors >= limit.max(1))
            || row
                .p95(probe)
                .is_some_and(|p95| p95.found.is_some() && !p95.holds())
    }
}

/// A 95th percentile and its limit.
#[derive(Clone, Copy)]
struct P95 {
    limit: Latency,
    /// In milliseconds; none where there are too few samples.
    found: Option<u64>,
    samples: u32,
    needed: u32,
}

impl P95 {
    fn needed(probe: &Probe) -> u32 {
        probe.passes().max(LEAST_FOR_P95)
    }

    fn unknown(probe: &Probe) -> Option<Self> {
        probe.p95.map(|limit| Self {
            limit,
            found: None,
            samples: 0,
            needed: Self::needed(probe),
        })
    }

    fn holds(self) -> bool {
        self.found
            .is_some_and(|found| found <= self.limit.milliseconds())
    }

    fn assertion(self) -> Assertion {
        Assertion {
            about: "p95".to_owned(),
            expected: format!("at most {}", self.limit),
            actual: match self.found {
                Some(found) => format!("{found} ms over {} samples", self.samples),
                None => format!("unknown: {} of {} samples", self.samples, self.needed),
            },
            holds: self.holds(),
        }
    }
}

impl Row {
    /// By nearest rank, over the last samples in a row that passed: as many as the probe asks for.
    fn p95(&self, probe: &Probe) -> Option<P95> {
        let mut p95 = P95::unknown(probe)?;
        let needed = usize::try_from(p95.needed).unwrap_or(usize::MAX);
        p95.samples = u32::try_from(self.took.len()).unwrap_or(u32::MAX);
        if let Some(surplus) = self.took.len().checked_sub(needed) {
            let mut took: Vec<u64> = self.took.iter().skip(surplus).copied().collect();
            took.sort_unstable();
            p95.samples = p95.needed;
            let rank = (took.len() * 95).div_ceil(100);
            p95.found = rank.checked_sub(1).and_then(|at| took.get(at)).copied();
        }
        Some(p95)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::probe::judge::Attempt;
    use proptest::prelude::*;

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

    fn timed(id: &str, verdict: Verdict, took_ms: u64) -> Sample {
        Sample {
            attempts: vec![Attempt {
                trouble: None,
                ..Attempt::troubled(verdict, "", took_ms)
            }],
            ..sample(id, verdict)
        }
    }

    #[test]
    fn a_p95_needs_its_samples_and_then_decides() {
        let probes = [probe(
            "a",
            serde_json::json!({"p95": "200ms", "passes": 20, "failures": 3}),
        )];
        for (slow, decided) in [(1, Pass), (2, Fail)] {
            let mut sampling = Sampling::default();
            for number in 1..20 {
                let took = if number <= slow { 900 } else { 200 };
                let taken = [timed("a", Pass, took)];
                assert_eq!(sampling.take(&probes, &taken), Undecided, "{number}");
                let known = sampling.with_p95(&probes, taken.to_vec());
                assert_eq!(known[0].verdict, Inconclusive);
                assert!(
                    known[0]
                        .reason()
                        .contains(&format!("unknown: {number} of 20 samples"))
                );
            }
            let last = [timed("a", Pass, 150)];
            assert_eq!(sampling.take(&probes, &last), Decided(decided));
            let known = sampling.with_p95(&probes, last.to_vec());
            assert_eq!(known[0].verdict, decided);
            let failures = sampling.failures(&probes, &known);
            match decided {
                Fail => assert_eq!(
                    failures[0].reason,
                    "p95: expected at most 200ms, found 900 ms over 20 samples"
                ),
                _ => assert!(failures.is_empty()),
            }
        }
        // One sample alone proves no percentile, however fast it was.
        let alone = Sampling::default().with_p95(&probes, vec![timed("a", Pass, 1)]);
        assert_eq!(alone[0].verdict, Inconclusive);
    }

    #[test]
    fn one_that_waits_for_another_opens_nothing_by_itself() {
        let probes = [
            probe("login", serde_json::json!({"failures": 9})),
            probe("cart", serde_json::json!({"needs": ["login"], "errors": 1})),
        ];
        let mut sampling = Sampling::default();
        for _ in 0..3 {
            let taken = [sample("login", Fail), sample("cart", Inconclusive)];
            assert_eq!(sampling.take(&probes, &taken), Undecided);
        }
        let taken = [sample("login", Pass), sample("cart", Error)];
        assert_eq!(sampling.take(&probes, &taken), Decided(Fail));
        assert_eq!(sampling.failures(&probes, &taken)[0].probe.as_str(), "cart");
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn the_order_of_the_samples_changes_nothing(
            runs in proptest::collection::vec(proptest::array::uniform4(0usize..4), 1..8),
            turn in 0usize..4,
        ) {
            let (probes, names) = quartet();
            let (mut one, mut other) = (Sampling::default(), Sampling::default());
            let mut turned = probes.clone();
            turned.rotate_left(turn);
            for run in runs {
                let mut samples: Vec<Sample> =
                    names.iter().zip(run).map(|(name, verdict)| sample(name, VERDICTS[verdict])).collect();
                let standing = one.take(&probes, &samples);
                samples.rotate_left(turn);
                prop_assert_eq!(other.take(&turned, &samples), standing);
            }
        }

        #[test]
        fn never_a_pass_unless_every_required_probe_is_green_now(
            runs in proptest::collection::vec(proptest::array::uniform4(0usize..5), 1..12),
        ) {
            let (probes, names) = quartet();
            let mut sampling = Sampling::default();
            let mut in_a_row = [0u32; 4];
            for run in runs {
                // The fifth word: no sample came.
                let samples: Vec<Sample> = names
                    .iter()
                    .zip(run)
                    .filter_map(|(name, verdict)| Some(sample(name, *VERDICTS.get(verdict)?)))
                    .collect();
                for (row, verdict) in in_a_row.iter_mut().zip(run) {
                    match VERDICTS.get(verdict) {
                        Some(Pass) => *row += 1,
                        Some(_) => *row = 0,
                        None => {}
                    }
                }
                let standing = sampling.take(&probes, &samples);
                if standing == Decided(Pass) {
                    for (index, probe) in probes.iter().enumerate() {
                        let green = run[index] == 0 && in_a_row[index] >= probe.passes();
                        prop_assert!(green || probe.is_advisory(), "{} in {:?}", probe.id, run);
                    }
                }
                prop_assert_eq!(
                    standing == Decided(Fail),
                    !sampling.failures(&probes, &samples).is_empty()
                );
            }
        }
    }

    const VERDICTS: [Verdict; 4] = [Pass, Fail, Error, Inconclusive];

    fn quartet() -> (Vec<Probe>, [&'static str; 4]) {
        let probes = vec![
            probe("a", serde_json::json!({"failures": 2})),
            probe(
                "b",
                serde_json::json!({"passes": 2, "failures": 3, "needs": ["a"]}),
            ),
            probe("c", serde_json::json!({"errors": 2, "failures": 4})),
            probe("d", serde_json::json!({"advisory": true})),
        ];
        (probes, ["a", "b", "c", "d"])
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
