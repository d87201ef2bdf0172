//! Do the gates of a checklist hand over to each other in an order that ends?

use super::{Chain, PlacedGate, gate_reference};
use crate::domain::finding::{Finding, Rule};
use crate::domain::gate::{Checklist, Phase};
use crate::domain::ids::GateId;
use crate::parse::Document;
use crate::parse::lint::circles::circles;
use crate::parse::lint::dangling;

/// The order of phases as far as one must end before the other begins.
fn rank(phase: Phase) -> u8 {
    match phase {
        Phase::PreRelease | Phase::Staging => 0,
        Phase::Deployment => 1,
        Phase::PostRelease => 2,
        Phase::Closure => 3,
    }
}

pub(super) fn order(placed: &PlacedGate<'_>, chain: &Chain<'_>, findings: &mut Vec<Finding>) {
    let site = placed.document.site();
    let gate = placed.gate;
    let by = format!("gate \"{}\"", gate.id);
    for (index, id) in gate.after().iter().enumerate() {
        let path = format!("{}/after/{index}", placed.path);
        let before = chain.gates.iter().find(|other| other.gate.id == *id);
        match before.map(|other| other.gate) {
            None => findings.extend(dangling(site, &path, gate_reference(chain, id, &by))),
            Some(before) if rank(before.phase) > rank(gate.phase) => findings.push(
                site.error(
                    Rule::GateOrder,
                    &path,
                    format!(
                        "{by} of phase {} waits for gate \"{id}\" of the later phase {}",
                        gate.phase.word(),
                        before.phase.word()
                    ),
                )
                .help("a gate waits for gates of its own phase or of an earlier one"),
            ),
            Some(_) => {}
        }
    }
}

/// Gates that wait for each other in a circle.
pub(super) fn hand_off(
    document: &Document<Checklist>,
    chain: &Chain<'_>,
    findings: &mut Vec<Finding>,
) {
    let waits: Vec<(&str, Vec<&str>)> = chain
        .gates
        .iter()
        .map(|placed| {
            let after = placed.gate.after().iter().map(GateId::as_str);
            (placed.gate.id.as_str(), after.collect())
        })
        .collect();
    for circle in circles(&waits) {
        // Told where it closes, if that is in this file; a base's own circle is told with the base.
        let closing = circle.names.iter().rev().nth(1).and_then(|name| {
            chain
                .gates
                .iter()
                .find(|placed| placed.gate.id.as_str() == *name)
        });
        let Some(placed) = closing.filter(|placed| std::ptr::eq(placed.document, document)) else {
            continue;
        };
        let target = circle.names.last().copied().unwrap_or_default();
        let index = placed
            .gate
            .after()
            .iter()
            .position(|id| id.as_str() == target)
            .unwrap_or_default();
        findings.push(
            document
                .site()
                .error(
                    Rule::Circle,
                    &format!("{}/after/{index}", placed.path),
                    format!("gates wait for each other in a circle: {}", circle.shown()),
                )
                .label("closes the circle")
                .help("take one of them out of \"after\""),
        );
    }
}
