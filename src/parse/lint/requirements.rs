//! A requirement of a check is called by one name: `check --explain` and `waive` must never mean one of two things.
//!
//! Names that arise later (incidents, what is owed) are held apart when a requirement is asked for.

use std::collections::BTreeMap;

use super::Workspace;
use crate::domain::finding::{Finding, Rule};
use crate::domain::gate::Checklist;
use crate::domain::ids::RoleName;
use crate::domain::readiness::OWN_NAMES;
use crate::domain::release::ReleaseNotes;
use crate::parse::Document;

/// The artifacts, steps and stages of a release.
pub(super) fn of_notes(document: &Document<ReleaseNotes>, findings: &mut Vec<Finding>) {
    let (notes, site) = (&document.value, document.site());
    let artifacts = notes.artifacts().iter().map(|it| it.name.as_str());
    let steps = notes.steps().iter().map(|it| it.id.as_str());
    let deployment = notes.deployment.as_ref();
    let stages = deployment.and_then(|deployment| deployment.stages.as_deref());
    let stages = stages.unwrap_or_default().iter().map(|it| it.id.as_str());
    let named = artifacts
        .enumerate()
        .map(|(at, name)| ("artifact", name, format!("/artifacts/{at}/name")))
        .chain(
            steps
                .enumerate()
                .map(|(at, name)| ("step", name, format!("/rollback/plan/{at}/id"))),
        )
        .chain(
            stages
                .enumerate()
                .map(|(at, name)| ("stage", name, format!("/deployment/stages/{at}/id"))),
        );
    let mut first: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for (kind, name, path) in named {
        let other = match first.get(name) {
            _ if OWN_NAMES.contains(&name) => {
                "is what relgate calls a requirement of its own".to_owned()
            }
            // Two of a kind are told elsewhere.
            Some((known, _)) if *known == kind => continue,
            Some((known, line)) => format!("is the name of the {known} on line {line} too"),
            None => {
                let line = site.node.nearest_position(&path).at.line;
                first.insert(name, (kind, line));
                continue;
            }
        };
        findings.push(
            site.error(
                Rule::RequirementName,
                &path,
                format!("the {kind} \"{name}\": its name {other}"),
            )
            .help("give it another name: check --explain and waive mean one requirement by it"),
        );
    }
}

/// The items of a checklist's own gates beside the roles that sign them.
pub(super) fn of_checklist(
    workspace: &Workspace,
    document: &Document<Checklist>,
    findings: &mut Vec<Finding>,
) {
    let policy = workspace.policy.document().map(|it| &it.value);
    for (at, gate) in document.value.gates().iter().enumerate() {
        let mut roles: Vec<RoleName> = gate.approvals().into_iter().map(|it| it.0).collect();
        let rules = policy.into_iter().flat_map(|policy| policy.type_rules());
        let extra = rules.flat_map(|(_, rule)| rule.approvals.iter().flatten());
        roles.extend(
            extra
                .filter(|it| it.gate == gate.id)
                .map(|it| it.role.clone()),
        );
        for (index, item) in gate.items().iter().enumerate() {
            let Some(role) = roles.iter().find(|it| it.as_str() == item.id.as_str()) else {
                continue;
            };
            let what = format!(
                "item \"{role}\" of gate \"{}\": its name is that of a role that signs the gate",
                gate.id
            );
            let path = format!("/gates/{at}/items/{index}/id");
            findings.push(
                document
                    .site()
                    .error(Rule::RequirementName, &path, what)
                    .help(format!(
                        "give it another name: \"{}/{role}\" means the approval",
                        gate.id
                    )),
            );
        }
    }
}
