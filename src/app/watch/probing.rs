//! Running the probes of open incidents again, in the background, each with the values of its incident's stage.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::app::project::Release;
use crate::app::{World, ask, facts};
use crate::domain::ids::{IncidentId, StageName};
use crate::domain::probe::judge::Sample;
use crate::domain::probe::{Probe, needs};
use crate::domain::record::body::PinnedPlan;
use crate::domain::state::ReleaseState;

/// Probes are run for this long at most.
const PROBING: Duration = Duration::from_secs(15);

/// The probes that are asked in the background.
#[derive(Default)]
pub(super) struct Probing {
    pub(super) busy: AtomicBool,
    /// Whether nobody wants to know any more.
    pub(super) over: AtomicBool,
    samples: Mutex<Option<Vec<Answers>>>,
}

/// The probes of incidents that are run with the same values.
pub(super) struct Group {
    stage: StageName,
    plan: PinnedPlan,
    pub(super) probes: Vec<Probe>,
    incidents: Vec<IncidentId>,
}

/// What the probes of a group came to.
pub(super) struct Answers {
    pub(super) stage: StageName,
    pub(super) incidents: Vec<IncidentId>,
    pub(super) samples: Vec<Sample>,
}

/// The open incidents, by what their probes are run with: their stage, and where their plan goes back to.
pub(super) fn groups(state: &ReleaseState) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for incident in state.open_incidents() {
        let facts = &incident.facts;
        let mut known = groups.iter_mut();
        let same =
            known.find(|it| it.stage == facts.stage && it.plan.previous == facts.plan.previous);
        match same {
            Some(group) => {
                group.probes.extend(facts.probes.iter().cloned());
                group.incidents.push(incident.id().clone());
            }
            None => groups.push(Group {
                stage: facts.stage.clone(),
                plan: facts.plan.clone(),
                probes: facts.probes.clone(),
                incidents: vec![incident.id().clone()],
            }),
        }
    }
    groups.retain(|group| !group.probes.is_empty());
    groups
}

impl Probing {
    /// Asks the probes again, and what they need.
    pub(super) fn sample(&self, world: &World<'_>, release: &Release, groups: &[Group]) {
        // A probe that hangs does not keep the watcher from its end.
        let stop = || self.over.load(Ordering::SeqCst) || (world.stop)();
        let world = World {
            stop: &stop,
            ..*world
        };
        let sampled = catch_unwind(AssertUnwindSafe(|| {
            let answers = groups.iter().map(|group| {
                let about = facts::about(release, Some(&group.stage), Some(&group.plan));
                let probes = needs::with_needed(release.notes.probes(), &group.probes);
                Answers {
                    stage: group.stage.clone(),
                    incidents: group.incidents.clone(),
                    samples: ask::sample(&world, &probes, &about, Some(PROBING)),
                }
            });
            answers.collect::<Vec<_>>()
        }));
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        *samples = Some(sampled.unwrap_or_default());
    }

    /// What the probes answered since the last call.
    pub(super) fn take(&self) -> Option<Vec<Answers>> {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let samples = samples.take()?;
        self.busy.store(false, Ordering::SeqCst);
        Some(samples)
    }
}
