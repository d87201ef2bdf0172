//! A window that a resolution closes which nobody attests: the driver finds out itself, before it claims the rollback.

use super::{Driver, Result, append};
use crate::app::again;
use crate::app::ledger::Ledger;
use crate::domain::ids::IncidentId;
use crate::domain::state::incident::Incident;

impl Driver<'_, '_> {
    /// Whether a resolution that nobody attests is borne out by the probes now: then this process resolves the incident
    /// itself. They are run once.
    pub(super) fn is_mended(&mut self, id: &IncidentId) -> Result<bool> {
        let incident = self.ledger.history().state().incidents.get(id).cloned();
        let Some(incident) = incident.filter(Incident::must_be_asked_again) else {
            return Ok(false);
        };
        if !self.asked_again.insert(id.clone()) {
            return Ok(false);
        }
        let Some(evidence) = again::evidence(self.world, self.release, &incident) else {
            return Ok(false);
        };
        let release = self.release;
        let resolved = append(&mut self.ledger, &mut |history, now| {
            let evidence = evidence.clone();
            Ok(vec![again::resolve(release, history, id, evidence, now)?])
        });
        let is_resolved = resolved.is_ok();
        self.settle(resolved)?;
        Ok(is_resolved)
    }
}
