//! What a policy demands by release type: can it be met?

use super::{Reference, Release, Workspace, dangling, gates, role};
use crate::domain::finding::{Finding, Rule};
use crate::domain::ids::GateId;
use crate::domain::policy::Policy;
use crate::parse::Document;

/// The demands on their own.
pub(super) fn lint(document: &Document<Policy>, findings: &mut Vec<Finding>) {
    let site = document.site();
    for (kind, rule) in document.value.type_rules() {
        let path = format!("/types/{}", kind.word());
        let by = format!("the rule for {} releases", kind.word());
        for (index, extra) in rule.approvals.iter().flatten().enumerate() {
            let path = format!("{path}/approvals/{index}");
            let undeclared = role(
                Some(document),
                site,
                &format!("{path}/role"),
                &extra.role,
                &by,
            );
            let holders = document.value.holders(&extra.role).len();
            let wanted = extra.count.unwrap_or(1) as usize;
            if undeclared.is_none() && holders < wanted {
                findings.push(
                    site.error(
                        Rule::GateUnsignable,
                        &path,
                        format!(
                            "{by}: {wanted} people must sign as {}, and {holders} can",
                            extra.role
                        ),
                    )
                    .help("give the role to more people, or ask for fewer"),
                );
            }
            findings.extend(undeclared);
        }
        if let Some(review) = &rule.review {
            let path = format!("{path}/review/role");
            findings.extend(role(Some(document), site, &path, &review.role, &by));
        }
    }
}

/// The gates that the demands on a release refer to: one that is not there would be signed by nobody.
pub(super) fn of_release(
    workspace: &Workspace,
    release: &Release,
    document: &Document<Policy>,
    findings: &mut Vec<Finding>,
) {
    let Some(notes) = release.notes.document() else {
        return;
    };
    // A checklist that was not read was reported.
    if release.checklist.document().is_none() {
        return;
    }
    let kind = notes.value.kind;
    let Some(rule) = document.value.type_rule(kind) else {
        return;
    };
    let gates = gates(workspace, release);
    for (index, extra) in rule.approvals.iter().flatten().enumerate() {
        let reference = Reference {
            kind: "gate",
            word: extra.gate.as_str(),
            by: &format!("the rule for {} releases", kind.word()),
            home: &format!("the checklist of {}", release.folder),
            valid: gates.iter().map(|gate| &gate.id).map(GateId::as_str),
        };
        let path = format!("/types/{}/approvals/{index}/gate", kind.word());
        findings.extend(dangling(document.site(), &path, reference));
    }
}
