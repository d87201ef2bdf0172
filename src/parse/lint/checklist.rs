//! Checklists: can somebody sign each gate, and does each decide something?

mod hand_off;

use std::collections::{HashMap, HashSet};

use super::probe::{self, Placed};
use super::{Reference, Release, Slot, Workspace, dangling, inside, role};
use crate::domain::finding::{Finding, Rule};
use crate::domain::gate::{Checklist, Gate, Item};
use crate::domain::ids::{GateId, PersonName, RoleName};
use crate::domain::policy::Policy;
use crate::domain::timespan::Timespan;
use crate::parse::{Document, Site};

/// A gate and where it stands.
struct PlacedGate<'a> {
    document: &'a Document<Checklist>,
    path: String,
    gate: &'a Gate,
}

/// The gates of a checklist, those of its bases first.
struct Chain<'a> {
    gates: Vec<PlacedGate<'a>>,
    /// False if a base is missing, malformed or part of a circle, so that not every gate is known.
    complete: bool,
    /// The bases by name, the nearest first.
    bases: Vec<&'a str>,
}

fn chain<'a>(workspace: &'a Workspace, document: &'a Document<Checklist>) -> Chain<'a> {
    let mut documents = vec![document];
    let mut bases: Vec<&str> = Vec::new();
    let mut complete = true;
    let mut next = document.value.extends.as_ref();
    while let Some(name) = next {
        let name = name.as_str();
        if bases.contains(&name) {
            complete = false;
            break;
        }
        bases.push(name);
        match workspace.bases.get(name).and_then(Slot::document) {
            Some(base) => {
                documents.push(base);
                next = base.value.extends.as_ref();
            }
            None => {
                complete = false;
                break;
            }
        }
    }
    let gates = documents
        .into_iter()
        .rev()
        .flat_map(|document| {
            let gates = document.value.gates().iter().enumerate();
            gates.map(move |(index, gate)| PlacedGate {
                document,
                path: format!("/gates/{index}"),
                gate,
            })
        })
        .collect();
    Chain {
        gates,
        complete,
        bases,
    }
}

/// The gates of a checklist, those of its bases first.
pub(super) fn gates(workspace: &Workspace, document: &Document<Checklist>) -> Vec<Gate> {
    let placed = chain(workspace, document).gates;
    placed
        .into_iter()
        .map(|placed| placed.gate.clone())
        .collect()
}

/// The probes of a checklist's items, those of its bases too.
pub(super) fn probes<'a>(
    workspace: &'a Workspace,
    document: &'a Document<Checklist>,
) -> Vec<Placed<'a>> {
    chain(workspace, document)
        .gates
        .iter()
        .flat_map(|placed| {
            item_probes(
                placed.document.site(),
                &format!("{}/items", placed.path),
                placed.gate.items(),
            )
        })
        .collect()
}

/// The probes of a list of items that stands at `path`.
pub(super) fn item_probes<'a>(site: Site<'a>, path: &str, items: &'a [Item]) -> Vec<Placed<'a>> {
    let with_probe = items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| Some((index, item.probe.as_ref()?)));
    with_probe
        .map(|(index, probe)| Placed {
            site,
            path: format!("{path}/{index}/probe"),
            probe,
        })
        .collect()
}

/// Checks the gates that `document` itself declares; `name` is its own where it is a base.
pub(super) fn lint(
    workspace: &Workspace,
    document: &Document<Checklist>,
    name: Option<&str>,
    findings: &mut Vec<Finding>,
) {
    let chain = chain(workspace, document);
    extends(workspace, document, name, &chain, findings);
    if chain.complete && chain.gates.is_empty() {
        findings.push(
            document
                .site()
                .error(Rule::EmptyValue, "/gates", "the checklist has no gates")
                .help("add one under \"gates\", or extend a checklist that has some"),
        );
    }
    let own: Vec<&PlacedGate<'_>> = chain
        .gates
        .iter()
        .filter(|placed| std::ptr::eq(placed.document, document))
        .collect();
    unique(document, &chain, findings);
    for placed in own {
        signers(workspace, placed, &chain, findings);
        times(placed, findings);
        items(
            workspace,
            document.site(),
            &format!("{}/items", placed.path),
            placed.gate.items.as_deref(),
            &format!("gate \"{}\"", placed.gate.id),
            findings,
        );
        if chain.complete {
            hand_off::order(placed, &chain, findings);
        }
    }
    if chain.complete {
        hand_off::hand_off(document, &chain, findings);
    }
}

fn extends(
    workspace: &Workspace,
    document: &Document<Checklist>,
    name: Option<&str>,
    chain: &Chain<'_>,
    findings: &mut Vec<Finding>,
) {
    let Some(base) = &document.value.extends else {
        return;
    };
    let site = document.site();
    if let Some(name) = name
        && chain.bases.contains(&name)
    {
        let mut way: Vec<&str> = vec![name];
        way.extend(chain.bases.iter().copied().take_while(|base| *base != name));
        way.push(name);
        findings.push(
            site.error(
                Rule::Circle,
                "/extends",
                format!(
                    "the checklists extend each other in a circle: {}",
                    way.join(" -> ")
                ),
            )
            .help("take one of them out of the circle"),
        );
        return;
    }
    let reference = Reference {
        kind: "checklist",
        word: base.as_str(),
        by: "extends",
        home: ".relgate/checklists",
        valid: workspace.bases.keys().map(String::as_str),
    };
    findings.extend(dangling(site, "/extends", reference));
}

/// The base that the policy demands of a release of this type.
pub(super) fn required_base(
    workspace: &Workspace,
    release: &Release,
    document: &Document<Checklist>,
    findings: &mut Vec<Finding>,
) {
    let (Some(policy), Some(notes)) = (workspace.policy.document(), release.notes.document())
    else {
        return;
    };
    let Some(required) = policy.value.required_checklist(notes.value.kind) else {
        return;
    };
    let chain = chain(workspace, document);
    if chain.bases.contains(&required.as_str()) {
        return;
    }
    findings.push(
        document
            .site()
            .error(
                Rule::BaseChecklist,
                "/extends",
                format!(
                    "the policy demands that a {} release extends the checklist \"{required}\"",
                    notes.value.kind.word()
                ),
            )
            .help(format!("write \"extends: {required}\"")),
    );
}

/// A gate id names one gate, over all bases.
fn unique(document: &Document<Checklist>, chain: &Chain<'_>, findings: &mut Vec<Finding>) {
    let mut first: HashMap<&str, &PlacedGate<'_>> = HashMap::new();
    for placed in &chain.gates {
        let id = placed.gate.id.as_str();
        let Some(earlier) = first.get(id) else {
            first.insert(id, placed);
            continue;
        };
        if !std::ptr::eq(placed.document, document) {
            continue;
        }
        let before = earlier
            .document
            .node
            .nearest_position(&format!("{}/id", earlier.path));
        let path = format!("{}/id", placed.path);
        let finding = if std::ptr::eq(earlier.document, document) {
            document.site().error(
                Rule::DeclaredTwice,
                &path,
                format!(
                    "the gate \"{id}\" is declared twice; it is already on line {}",
                    before.at.line
                ),
            )
        } else {
            document.site().error(Rule::DeclaredTwice,
                &path,
                format!(
                    "the gate \"{id}\" is already in {} on line {}; a base's gates can be added to, not changed",
                    earlier.document.source.file, before.at.line
                ),
            )
        };
        findings.push(finding.help("give this one another id"));
    }
}

fn signers(
    workspace: &Workspace,
    placed: &PlacedGate<'_>,
    chain: &Chain<'_>,
    findings: &mut Vec<Finding>,
) {
    let PlacedGate {
        document,
        path,
        gate,
    } = placed;
    let site = document.site();
    let policy = workspace.policy.document();
    let by = format!("gate \"{}\"", gate.id);
    if gate.role.is_some() && gate.approvals.is_some() {
        findings.push(
            site.error_at_key(
                Rule::GateApprovals,
                &format!("{path}/approvals"),
                format!("{by}: it has both a role and approvals"),
            )
            .help("list the role among the approvals, and leave \"role\" out"),
        );
    }
    if let Some(name) = &gate.role {
        findings.extend(role(policy, site, &format!("{path}/role"), name, &by));
    }
    if gate.approvals.as_ref().is_some_and(Vec::is_empty) {
        findings.push(
            site.error(
                Rule::EmptyValue,
                &format!("{path}/approvals"),
                format!("{by}: \"approvals\" is empty"),
            )
            .help("list who signs: \"- role: release-manager\""),
        );
    }
    let mut seen: HashSet<&str> = HashSet::new();
    for (index, approval) in gate.approvals.iter().flatten().enumerate() {
        let path = format!("{path}/approvals/{index}");
        findings.extend(role(
            policy,
            site,
            &format!("{path}/role"),
            &approval.role,
            &by,
        ));
        if !seen.insert(approval.role.as_str()) {
            findings.push(
                site.error(
                    Rule::ListedTwice,
                    &format!("{path}/role"),
                    format!("{by}: the role \"{}\" is listed twice", approval.role),
                )
                .help("say how many people with \"count\""),
            );
        }
        let count = usize::try_from(approval.count.unwrap_or(1)).unwrap_or(usize::MAX);
        if let Some(policy) = policy {
            let holders = policy.value.holders(&approval.role).len();
            if holders > 0 && holders < count {
                let verb = if holders == 1 { "holds" } else { "hold" };
                findings.push(
                    site.error(
                        Rule::GateUnsignable,
                        &format!("{path}/count"),
                        format!(
                            "{by}: it needs {count} people of role \"{}\", and {holders} {verb} it",
                            approval.role
                        ),
                    )
                    .help(format!(
                        "give the role to more people in {}",
                        policy.source.file
                    )),
                );
            }
        }
    }
    let unsigned =
        gate.approvals().is_empty() && gate.approvals.as_ref().is_none_or(|a| !a.is_empty());
    if unsigned && gate.items().is_empty() {
        findings.push(
            site.error(
                Rule::GateEmpty,
                &format!("{path}/id"),
                format!("{by}: it has no items and no approvals, so it decides nothing"),
            )
            .help("give it a role that signs it, or items with probes"),
        );
    } else if unsigned && let Some(item) = gate.manual_items().next() {
        findings.push(
            site.error(
                Rule::GateUnsignable,
                &format!("{path}/id"),
                format!(
                    "{by}: nobody signs it, and the item \"{}\" needs a person",
                    item.id
                ),
            )
            .help("give it a \"role\", or \"approvals\""),
        );
    }
    distinct(policy, placed, chain, findings);
}

/// One person who alone holds the roles of both gates could sign neither after the other.
fn distinct(
    policy: Option<&Document<Policy>>,
    placed: &PlacedGate<'_>,
    chain: &Chain<'_>,
    findings: &mut Vec<Finding>,
) {
    let site = placed.document.site();
    let gate = placed.gate;
    for (index, id) in gate.distinct_from.iter().flatten().enumerate() {
        let path = format!("{}/distinct_from/{index}", placed.path);
        let by = format!("gate \"{}\"", gate.id);
        if *id == gate.id {
            findings.push(
                site.error(
                    Rule::GateApprovals,
                    &path,
                    format!("{by}: it cannot be distinct from itself"),
                )
                .help("name the other gate"),
            );
            continue;
        }
        let other = chain.gates.iter().find(|other| other.gate.id == *id);
        let Some(other) = other else {
            if chain.complete {
                findings.extend(dangling(site, &path, gate_reference(chain, id, &by)));
            }
            continue;
        };
        let Some(policy) = policy else {
            continue;
        };
        let able = |gate: &Gate| -> HashSet<&PersonName> {
            let roles: Vec<RoleName> = gate.approvals().into_iter().map(|(role, _)| role).collect();
            let people = policy.value.people.iter();
            people
                .filter(|(_, person)| person.roles.iter().any(|held| roles.contains(held)))
                .map(|(name, _)| name)
                .collect()
        };
        let (ours, theirs) = (able(gate), able(other.gate));
        if ours.len() == 1
            && ours == theirs
            && let Some(only) = ours.into_iter().next()
        {
            findings.push(
                site.warning(Rule::GateUnsignable,
                    &path,
                    format!("{by} must be signed by somebody else than gate \"{id}\", and only \"{only}\" can sign either"),
                )
                .help(format!("give one of the roles to somebody else in {}", policy.source.file)),
            );
        }
    }
}

fn gate_reference<'a>(
    chain: &'a Chain<'_>,
    id: &'a GateId,
    by: &'a str,
) -> Reference<'a, Vec<&'a str>> {
    let valid = chain.gates.iter().map(|placed| placed.gate.id.as_str());
    Reference {
        kind: "gate",
        word: id.as_str(),
        by,
        home: "the checklist",
        valid: valid.collect(),
    }
}

fn times(placed: &PlacedGate<'_>, findings: &mut Vec<Finding>) {
    let site = placed.document.site();
    let gate = placed.gate;
    for (key, span) in [("within", gate.within), ("valid_for", gate.valid_for)] {
        if span.is_some_and(Timespan::is_zero) {
            findings.push(
                site.error(
                    Rule::ZeroDuration,
                    &format!("{}/{key}", placed.path),
                    format!(
                        "gate \"{}\": \"{key}\" is no time at all, so it could never be passed",
                        gate.id
                    ),
                )
                .help("write how long, such as 24h"),
            );
        }
    }
    if gate.title.trim().is_empty() {
        findings.push(site.error(
            Rule::EmptyValue,
            &format!("{}/title", placed.path),
            format!("gate \"{}\": the title is empty", gate.id),
        ));
    }
}

/// Checks a list of items that stands at `path` of `by`.
pub(super) fn items(
    workspace: &Workspace,
    site: Site<'_>,
    path: &str,
    items: Option<&[Item]>,
    by: &str,
    findings: &mut Vec<Finding>,
) {
    let Some(items) = items else {
        return;
    };
    if items.is_empty() {
        findings.push(
            site.error(
                Rule::EmptyValue,
                path,
                format!("{by}: the list of items is empty"),
            )
            .help("add an item, or leave the key out"),
        );
    }
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}/{index}");
        let of = format!("item \"{}\" of {by}", item.id);
        if let Some(earlier) = first.insert(item.id.as_str(), index) {
            let list = path.rsplit_once('/').map_or("", |(list, _)| list);
            let line = site
                .node
                .nearest_position(&format!("{list}/{earlier}/id"))
                .at
                .line;
            findings.push(
                site.error(
                    Rule::DeclaredTwice,
                    &format!("{path}/id"),
                    format!(
                        "{by}: the item \"{}\" is declared twice; it is already on line {line}",
                        item.id
                    ),
                )
                .help("give one of the two another id"),
            );
        }
        if item.title.trim().is_empty() {
            findings.push(site.error(
                Rule::EmptyValue,
                &format!("{path}/title"),
                format!("{of}: the title is empty"),
            ));
        }
        if let Some(file) = &item.file {
            findings.extend(inside(site, &format!("{path}/file"), &of, file));
        }
    }
    for placed in item_probes(site, path, items) {
        probe::lint(workspace, &placed, findings);
        probe::lint_alone(&placed, findings);
    }
}
