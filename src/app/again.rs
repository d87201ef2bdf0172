//! Evidence that nobody attests is requested again by whoever acts on it.

use std::time::Duration;

use super::project::Release;
use super::{World, ask, facts};
use crate::domain::clock::Reading;
use crate::domain::decide::incident::{self, Resolution};
use crate::domain::history::History;
use crate::domain::ids::IncidentId;
use crate::domain::probe::judge::{Sample, Verdict};
use crate::domain::probe::needs;
use crate::domain::record::Draft;
use crate::domain::refusal::Refusal;
use crate::domain::state::incident::Incident;

/// Probes are run for this long at most: the deadline has passed.
const WITHIN: Duration = Duration::from_secs(15);

/// What the probes that opened `incident` show now; `None` where one of them does not pass.
pub fn evidence(world: &World<'_>, release: &Release, incident: &Incident) -> Option<Vec<Sample>> {
    let opened = &incident.facts;
    let about = facts::about(release, Some(&opened.stage), Some(&opened.plan));
    let probes = needs::with_needed(release.notes.probes(), &opened.probes);
    let samples = ask::sample(world, &probes, &about, Some(WITHIN));
    passing(incident, &samples)
}

/// The samples of the probes that opened `incident`; `None` where one of them does not pass.
pub fn passing(incident: &Incident, samples: &[Sample]) -> Option<Vec<Sample>> {
    let probes = incident.facts.probes.iter();
    let passed = probes.map(|probe| {
        let mut own = samples.iter().filter(|it| it.probe == probe.id);
        own.find(|it| it.verdict == Verdict::Pass).cloned()
    });
    passed.collect()
}

/// Records that the probes which opened the incident `id` passed again.
///
/// # Errors
/// Refused where somebody was first.
pub fn resolve(
    release: &Release,
    history: &History,
    id: &IncidentId,
    evidence: Vec<Sample>,
    now: &Reading,
) -> Result<Draft, Refusal> {
    let resolution = Resolution {
        how: None,
        evidence,
        overridden: None,
    };
    let who = (None, id.as_str());
    incident::resolve(
        &release.policy,
        &release.notes,
        history,
        who,
        resolution,
        now,
    )
}
