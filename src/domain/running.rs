//! How far the probes of a suite have come while they are asked: what a display shows, and nothing that decides.
//!
//! Whoever asks tells what is to be seen as it happens, a [`Sight`] at a time; [`Running`] keeps it, and a [`View`] is as
//! much of it as there is room for. Thousands of probes cost a number each; only what is shown is worded.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::clock::Reading;
use super::ids::ProbeId;
use super::probe::Probe;
use super::probe::judge::{Attempt, Sample, Verdict};
use super::probe::sampling::Sampling;
use super::variables::Secrets;

/// Something to be seen while probes are asked.
#[derive(Clone, Copy, Debug)]
pub enum Sight<'a> {
    /// Probes are going to be asked.
    Begins {
        /// Which.
        probes: &'a [Probe],
        /// Those of the same suite that are left out on purpose.
        skipped: &'a [ProbeId],
        /// How long all of it may take, in milliseconds, where that is bounded.
        within_ms: Option<u64>,
    },
    /// These must not be shown.
    Secrets(&'a Secrets),
    /// A sample begins.
    Sample,
    /// A probe is asked.
    Asking {
        /// Which.
        probe: &'a ProbeId,
        /// For which time in this sample, from 1.
        attempt: u32,
    },
    /// A probe was asked.
    Attempted {
        /// Which.
        probe: &'a ProbeId,
        /// What came of it.
        attempt: &'a Attempt,
        /// Whether it is going to be asked again in this sample.
        again: bool,
    },
    /// A sample was taken.
    Sampled(&'a [Sample]),
    /// How many samples in a row there are of each.
    Counted(&'a Sampling),
    /// The next sample comes after so many milliseconds.
    Pauses(u64),
    /// Nothing more is asked.
    Ends,
}

/// Where a probe is in the sample that is taken, or was taken last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Something that it needs has not passed yet.
    Waiting,
    /// Its turn has not come.
    Queued,
    /// It is being asked, for this time in the sample.
    Asking {
        /// From 1.
        attempt: u32,
    },
    /// It did not pass, and is asked again after a pause.
    Pausing {
        /// Which retry comes, from 1.
        retry: u32,
    },
    /// It came to this.
    Ended(Verdict),
    /// It is left out on purpose.
    Skipped,
}

/// What stages are counted as, in the order in which their probes are shown where there is no room for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// They failed.
    Failed,
    /// They could not be asked.
    Errors,
    /// They did not pass, and are asked again.
    Retrying,
    /// They are being asked.
    Asking,
    /// They gave no data.
    Inconclusive,
    /// They wait for those that they need, or for their turn.
    Waiting,
    /// They passed.
    Passed,
    /// They are left out on purpose.
    Skipped,
}

impl Group {
    /// Every group, in order.
    pub const ALL: [Self; 8] = [
        Self::Failed,
        Self::Errors,
        Self::Retrying,
        Self::Asking,
        Self::Inconclusive,
        Self::Waiting,
        Self::Passed,
        Self::Skipped,
    ];
}

impl Stage {
    /// What it is counted as.
    pub const fn group(self) -> Group {
        match self {
            Self::Waiting | Self::Queued => Group::Waiting,
            Self::Asking { attempt: 0 | 1 } => Group::Asking,
            Self::Asking { .. } | Self::Pausing { .. } => Group::Retrying,
            Self::Ended(Verdict::Pass) => Group::Passed,
            Self::Ended(Verdict::Fail) => Group::Failed,
            Self::Ended(Verdict::Error) => Group::Errors,
            Self::Ended(Verdict::Inconclusive) => Group::Inconclusive,
            Self::Skipped => Group::Skipped,
        }
    }
}

/// A suite of probes while it is asked.
#[derive(Clone, Debug)]
pub struct Running {
    rows: Vec<Row>,
    places: HashMap<ProbeId, usize>,
    counts: [usize; Group::ALL.len()],
    samples: u32,
    began: Reading,
    within_ms: Option<u64>,
    /// When the next sample comes, in milliseconds after the beginning.
    next_at: Option<u64>,
    secrets: Arc<Secrets>,
}

#[derive(Clone, Debug)]
struct Row {
    id: ProbeId,
    needs: Vec<ProbeId>,
    retries: u32,
    passes: u32,
    stage: Stage,
    /// When it came to its stage, in milliseconds after the beginning.
    since: u64,
    in_a_row: u32,
    at: Option<DateTime<Utc>>,
    found: Option<Found>,
}

/// What an attempt brought.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// It passed, and took so many milliseconds.
    Pass(u64),
    /// Why it did not, perhaps with secrets in it.
    Reason(String),
}

/// What there is to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Those that there is room for: all in the order of the suite, or else those that fail or are being asked first.
    pub rows: Vec<RowView>,
    /// How many more there are of each group.
    pub more: Vec<(Group, usize)>,
    /// How many are asked, those that are left out not counted.
    pub asked: usize,
    /// How many of them have passed in this sample.
    pub passed: usize,
    /// The number of the sample that is taken, or was taken last, from 1.
    pub sample: u32,
    /// Whether any probe must pass more than once in a row.
    pub counts: bool,
    /// Milliseconds until the next sample, between two.
    pub next_ms: Option<u64>,
    /// Milliseconds that the whole may still take, where that is bounded.
    pub left_ms: Option<u64>,
}

/// A probe, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowView {
    /// Which.
    pub probe: ProbeId,
    /// Where it is.
    pub stage: Stage,
    /// What it waits for, where it does.
    pub waits_for: Option<ProbeId>,
    /// How often it is asked again at most.
    pub retries: u32,
    /// For how many milliseconds it has been at this stage.
    pub for_ms: u64,
    /// How many samples in a row it passed.
    pub in_a_row: u32,
    /// How many it must.
    pub passes: u32,
    /// When it was last asked.
    pub at: Option<DateTime<Utc>>,
    /// How long that took, in milliseconds, where it passed.
    pub took_ms: Option<u64>,
    /// Why it did not pass, its secrets masked; empty where it did, or was not asked yet.
    pub reason: String,
}

fn passed_since(began: &Reading, now: &Reading) -> u64 {
    now.boot_ms_since(began)
        .unwrap_or_else(|| now.wall_ms_since(began))
}

impl Running {
    /// Probes that are going to be asked from `now` on.
    pub fn new(
        probes: &[Probe],
        skipped: &[ProbeId],
        within_ms: Option<u64>,
        now: &Reading,
    ) -> Self {
        let row = |id: &ProbeId, stage| Row {
            id: id.clone(),
            needs: Vec::new(),
            retries: 0,
            passes: 0,
            stage,
            since: 0,
            in_a_row: 0,
            at: None,
            found: None,
        };
        let asked = probes.iter().map(|probe| Row {
            needs: probe.needs.clone(),
            retries: probe.retries(),
            passes: probe.passes(),
            ..row(&probe.id, Stage::Queued)
        });
        let skipped = skipped.iter().map(|id| row(id, Stage::Skipped));
        let rows: Vec<Row> = asked.chain(skipped).collect();
        let places = rows.iter().map(|row| row.id.clone()).zip(0..);
        let mut running = Self {
            places: places.collect(),
            counts: [0; Group::ALL.len()],
            samples: 0,
            began: now.clone(),
            within_ms,
            next_at: None,
            secrets: Arc::default(),
            rows,
        };
        running.start_sample(0);
        running
    }

    /// Takes in what is to be seen at `now`.
    pub fn take(&mut self, sight: &Sight<'_>, now: &Reading) {
        let since = passed_since(&self.began, now);
        match sight {
            Sight::Begins { .. } | Sight::Ends => {}
            Sight::Secrets(secrets) => Arc::make_mut(&mut self.secrets).extend(secrets),
            Sight::Sample => {
                self.samples = self.samples.saturating_add(1);
                self.next_at = None;
                self.start_sample(since);
            }
            Sight::Asking { probe, attempt } => {
                let stage = Stage::Asking { attempt: *attempt };
                self.set(probe, stage, since);
            }
            Sight::Attempted {
                probe,
                attempt,
                again,
            } => {
                let Some(place) = self.places.get(*probe).copied() else {
                    return;
                };
                let stage = match (again, self.rows[place].stage) {
                    (true, Stage::Asking { attempt }) => Stage::Pausing { retry: attempt },
                    (true, _) => Stage::Pausing { retry: 1 },
                    (false, _) => Stage::Ended(attempt.verdict),
                };
                self.set(probe, stage, since);
                let row = &mut self.rows[place];
                row.at = Some(now.wall);
                row.found = Some(match attempt.verdict {
                    Verdict::Pass => Found::Pass(attempt.took_ms),
                    _ => Found::Reason(attempt.reason()),
                });
            }
            Sight::Sampled(samples) => {
                for sample in *samples {
                    let Some(place) = self.places.get(&sample.probe).copied() else {
                        continue;
                    };
                    self.set(&sample.probe, Stage::Ended(sample.verdict), since);
                    let row = &mut self.rows[place];
                    row.at = Some(now.wall);
                    if sample.verdict != Verdict::Pass {
                        row.found = Some(Found::Reason(sample.reason()));
                    }
                }
            }
            Sight::Counted(sampling) => {
                for row in &mut self.rows {
                    row.in_a_row = sampling.passes_in_a_row(&row.id);
                }
            }
            Sight::Pauses(ms) => self.next_at = Some(since.saturating_add(*ms)),
        }
    }

    fn start_sample(&mut self, since: u64) {
        for row in &mut self.rows {
            row.since = since;
            row.stage = match row.stage {
                Stage::Skipped => Stage::Skipped,
                _ if row.needs.is_empty() => Stage::Queued,
                _ => Stage::Waiting,
            };
        }
        self.counts = [0; Group::ALL.len()];
        for row in &self.rows {
            self.counts[row.stage.group() as usize] += 1;
        }
    }

    fn set(&mut self, probe: &ProbeId, stage: Stage, since: u64) {
        let place = self.places.get(probe).copied();
        let Some(row) = place.and_then(|place| self.rows.get_mut(place)) else {
            return;
        };
        self.counts[row.stage.group() as usize] -= 1;
        self.counts[stage.group() as usize] += 1;
        row.stage = stage;
        row.since = since;
    }

    /// As much of it as `room` lines take, of which one says what is not shown where there is too much.
    pub fn view(&self, room: usize, now: &Reading) -> View {
        let passed = passed_since(&self.began, now);
        let mut more: Vec<(Group, usize)> = Vec::new();
        let rows: Vec<&Row> = if self.rows.len() <= room {
            self.rows.iter().collect()
        } else {
            let mut left = room.saturating_sub(1);
            let mut shown = Vec::with_capacity(left);
            for group in Group::ALL {
                let all = self.counts[group as usize];
                let taken = all.min(left);
                if taken > 0 {
                    let of_group = |row: &&Row| row.stage.group() == group;
                    shown.extend(self.rows.iter().filter(of_group).take(taken));
                    left -= taken;
                }
                if all > taken {
                    more.push((group, all - taken));
                }
            }
            shown
        };
        View {
            rows: rows
                .into_iter()
                .map(|row| self.shown(row, passed))
                .collect(),
            more,
            asked: self.rows.len() - self.counts[Group::Skipped as usize],
            passed: self.counts[Group::Passed as usize],
            sample: self.samples.max(1),
            counts: self.rows.iter().any(|row| row.passes > 1),
            next_ms: self.next_at.map(|at| at.saturating_sub(passed)),
            left_ms: self.within_ms.map(|within| within.saturating_sub(passed)),
        }
    }

    fn shown(&self, row: &Row, passed: u64) -> RowView {
        let is_open = |need: &&ProbeId| {
            let place = self.places.get(*need).copied();
            let stage = place
                .and_then(|place| self.rows.get(place))
                .map(|it| it.stage);
            stage != Some(Stage::Ended(Verdict::Pass))
        };
        let waits = row.stage == Stage::Waiting;
        RowView {
            probe: row.id.clone(),
            stage: row.stage,
            waits_for: row.needs.iter().find(is_open).filter(|_| waits).cloned(),
            retries: row.retries,
            for_ms: passed.saturating_sub(row.since),
            in_a_row: row.in_a_row,
            passes: row.passes,
            at: row.at,
            took_ms: match row.found {
                Some(Found::Pass(took)) => Some(took),
                _ => None,
            },
            reason: match &row.found {
                Some(Found::Reason(reason)) => self.secrets.mask(reason),
                _ => String::new(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
