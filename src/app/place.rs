//! Where the rule is written that a requirement comes from.

use crate::domain::calendar::Allowed;
use crate::domain::gate::{Checklist, Gate};
use crate::domain::ids::GateId;
use crate::domain::readiness::{Requirement, Subject};
use crate::parse::lint::{Slot, Workspace};
use crate::parse::{Document, Site};

use super::project::{self, Release};
use super::{Result, World};

/// The file, line and column of the rule: `relgate.yaml:12:5`; `None` for what relgate itself demands.
///
/// # Errors
/// A file that cannot be read any more.
pub fn of(
    world: &World<'_>,
    policy_path: &str,
    release: &Release,
    requirement: &Requirement,
) -> Result<Option<String>> {
    let workspace = project::workspace(world, policy_path, &release.name)?;
    let notes = workspace.releases.first();
    let notes = notes.and_then(|files| files.notes.document());
    let policy = workspace.policy.document();
    let id = requirement.id.as_str();
    let in_notes = |path: &str| notes.map(|document| shown(document.site(), path));
    let in_policy = |path: &str| policy.map(|document| shown(document.site(), path));
    Ok(match requirement.subject {
        Subject::Approval | Subject::Evidence | Subject::Item => {
            let gate = requirement.gate.as_ref();
            gate.and_then(|gate| of_gate(&workspace, gate, requirement))
        }
        Subject::Notes => {
            let kind = release.notes.kind;
            let rule = release.policy.type_rule(kind);
            let missing = rule.map(|rule| rule.missing(&release.notes));
            let demanded = missing.unwrap_or_default();
            match demanded.iter().any(|(field, _)| field == id) {
                true => in_policy(&format!("/types/{}", kind.word())),
                false => in_notes(&format!("/{}", id.replace('.', "/"))),
            }
        }
        Subject::Artifact => {
            let artifacts = release.notes.artifacts().iter();
            let place = artifacts.map(|it| it.name.as_str()).position(|it| it == id);
            place.and_then(|place| in_notes(&format!("/artifacts/{place}")))
        }
        Subject::Plan if id == "rollback.drill" => in_policy("/drill_valid_for"),
        Subject::Plan => {
            let steps = release.notes.steps().iter();
            let place = steps.map(|it| it.id.as_str()).position(|it| it == id);
            place.and_then(|place| in_notes(&format!("/rollback/plan/{place}")))
        }
        Subject::Calendar => in_policy(&format!("/calendar{}", closer(world, release))),
        Subject::Notice => in_policy(&format!("/types/{}/notice", release.notes.kind.word())),
        Subject::Ledger
        | Subject::Baseline
        | Subject::Incident
        | Subject::Verification
        | Subject::Obligation => None,
    })
}

/// The first rule of the calendar that forbids the deployment, or nothing where none does.
fn closer(world: &World<'_>, release: &Release) -> String {
    let now = world.clock.now().wall;
    let planned = release.notes.deploy_at.map(|at| at.to_utc());
    let at = planned.filter(|at| *at > now).unwrap_or(now);
    let calendar = release.policy.calendar.as_ref();
    match calendar.map(|calendar| calendar.allows(at)) {
        Some(Allowed::Closed { by, .. }) => {
            by.into_iter().next().map(|it| it.place).unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn of_gate(workspace: &Workspace, id: &GateId, requirement: &Requirement) -> Option<String> {
    let own = workspace.releases.first().map(|files| &files.checklist);
    let checklists = own.into_iter().chain(workspace.bases.values());
    let (document, place, gate) = checklists
        .filter_map(Slot::document)
        .find_map(|document| in_checklist(document, id))?;
    let path = format!("/gates/{place}");
    let inner = gate
        .items()
        .iter()
        .position(|item| requirement.id == format!("{id}/{}", item.id))
        .map(|item| format!("{path}/items/{item}"));
    let signs = || {
        let mut approvals = gate.approvals.iter().flatten();
        let role = requirement.role.as_ref();
        let place = approvals.position(|it| Some(&it.role) == role)?;
        Some(format!("{path}/approvals/{place}"))
    };
    let path = inner.or_else(signs).unwrap_or(path);
    Some(shown(document.site(), &path))
}

fn in_checklist<'a>(
    document: &'a Document<Checklist>,
    id: &GateId,
) -> Option<(&'a Document<Checklist>, usize, &'a Gate)> {
    let mut gates = document.value.gates().iter().enumerate();
    let (place, gate) = gates.find(|(_, gate)| gate.id == *id)?;
    Some((document, place, gate))
}

fn shown(site: Site<'_>, path: &str) -> String {
    let at = site.node.nearest_position(path).at;
    format!("{}:{}:{}", site.source.file, at.line, at.column)
}
