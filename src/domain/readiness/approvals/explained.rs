//! Every word about a gate, whether it counts and why: for the reasoning that is shown.

use super::{Flaw, Said, Standing};
use crate::domain::gate::Gate;
use crate::domain::ids::RoleName;
use crate::domain::readiness::explain::{Considered, Reasoning};
use crate::domain::readiness::requirement::Status;
use crate::domain::record::Body;
use crate::domain::state::Origin;

impl Standing<'_> {
    /// Adds every word about `gate` as `role`, whether it counts and why, and the times that it depends on.
    pub(in crate::domain::readiness) fn explain(
        &mut self,
        gate: &Gate,
        role: &RoleName,
        reasoning: &mut Reasoning,
    ) {
        self.bind(gate);
        if let Some(from) = self.earliest(gate, self.inquiry.now) {
            reasoning.time("a sign-off counts from", from);
        }
        let words = self.words(gate, role);
        let state = self.inquiry.history.state();
        let of_gate = |its: &crate::domain::ids::GateId, as_role: &RoleName| {
            *its == gate.id && as_role == role
        };
        let mut all: Vec<(usize, Considered)> = Vec::new();
        let place = |record: &_| self.inquiry.history.position(record).unwrap_or(usize::MAX);
        let entry = |origin: &Origin, what: &str, flaw: Option<Flaw>, counts: &str| Considered {
            record: origin.record,
            at: origin.at,
            by: origin.by.clone(),
            what: what.to_owned(),
            counts: flaw.is_none(),
            why: flaw
                .as_ref()
                .map_or_else(|| counts.to_owned(), |it| it.why.clone()),
            changes: flaw.map(|it| it.changes).unwrap_or_default(),
        };
        for sign_off in &state.sign_offs {
            if !of_gate(&sign_off.fact.gate, &sign_off.fact.role) {
                continue;
            }
            let taken_back = || match words.get(&sign_off.origin.by) {
                Some(Said::Yes(given)) if given.iter().any(|it| it.origin == sign_off.origin) => {
                    None
                }
                Some(Said::No(no)) if place(&no.origin.record) < place(&sign_off.origin.record) => {
                    self.out_of_turn(gate, sign_off, sign_off.origin.at)
                }
                _ => Flaw::some(Status::Rejected, "the same person said no later".to_owned()),
            };
            let flaw = taken_back().or_else(|| self.flaw(gate, role, sign_off));
            if let Some(valid_for) = gate.valid_for {
                let what = format!("{}'s sign-off expires", sign_off.origin.by);
                reasoning.time(what, sign_off.origin.at + valid_for.delta());
            }
            let shown = entry(&sign_off.origin, "signed", flaw, "it counts");
            all.push((place(&sign_off.origin.record), shown));
        }
        for rejection in &state.rejections {
            if !of_gate(&rejection.fact.gate, &rejection.fact.role) {
                continue;
            }
            let flaw = match words.get(&rejection.origin.by) {
                Some(Said::No(last)) if last.origin == rejection.origin => None,
                Some(Said::No(_)) => {
                    Flaw::some(Status::Rejected, "the same person said so again".to_owned())
                }
                Some(Said::Yes(_)) => {
                    Flaw::some(Status::Met, "the same person has signed since".to_owned())
                }
                None => {
                    let why = format!("{} does not hold the role {role}", rejection.origin.by);
                    Flaw::some(Status::Missing, why)
                }
            };
            let shown = entry(&rejection.origin, "rejected", flaw, &rejection.fact.reason);
            all.push((place(&rejection.origin.record), shown));
        }
        for aside in self
            .inquiry
            .history
            .set_aside()
            .iter()
            .filter(|it| !it.stands)
        {
            let Some(record) = self.inquiry.history.find(&aside.record) else {
                continue;
            };
            let (what, is_meant) = match &record.body {
                Body::SignedOff(fact) => ("signed", of_gate(&fact.gate, &fact.role)),
                Body::Rejected(fact) => ("rejected", of_gate(&fact.gate, &fact.role)),
                _ => continue,
            };
            if is_meant {
                let origin = Origin {
                    record: record.id,
                    at: record.at,
                    by: record.by.clone(),
                };
                let flaw = Flaw::some(Status::Missing, aside.flaw.to_string());
                all.push((place(&record.id), entry(&origin, what, flaw, "")));
            }
        }
        all.sort_by_key(|(place, _)| *place);
        reasoning
            .considered
            .extend(all.into_iter().map(|(_, shown)| shown));
    }
}
