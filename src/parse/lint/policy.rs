//! The policy on its own: does it refer to what exists, and can anybody do what it demands?

use std::collections::HashMap;

use super::{Reference, Workspace, dangling, role};
use crate::domain::finding::{Finding, Rule};
use crate::domain::ids::{PriorityName, RoleName};
use crate::domain::policy::{Action, Policy};
use crate::parse::Document;
use crate::parse::node::pointer_step;

const ACTIONS: [Action; 9] = [
    Action::Deploy,
    Action::Verify,
    Action::Open,
    Action::Escalate,
    Action::Resolve,
    Action::Rollback,
    Action::Close,
    Action::Waive,
    Action::OverrideFreeze,
];

pub(super) fn lint(
    workspace: &Workspace,
    document: &Document<Policy>,
    findings: &mut Vec<Finding>,
) {
    people(document, findings);
    priorities(document, findings);
    authority(document, findings);
    passes(document, findings);
    follow_up(document, findings);
    required_checklists(workspace, document, findings);
    waivers(document, findings);
    artifacts(document, findings);
}

/// Signatures of artifacts that nobody could make.
fn artifacts(document: &Document<Policy>, findings: &mut Vec<Finding>) {
    let site = document.site();
    let Some(rules) = &document.value.artifacts else {
        return;
    };
    let before = findings.len();
    for (index, name) in rules.roles.iter().flatten().enumerate() {
        let path = format!("/artifacts/roles/{index}");
        let by = "who signs artifacts";
        findings.extend(role(Some(document), site, &path, name, by));
    }
    for (index, name) in rules.signers.iter().flatten().enumerate() {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "*?!,\"".contains(c);
        if name.is_empty() || name.contains(odd) {
            findings.push(
                site.error(Rule::Principal,
                    &format!("/artifacts/signers/{index}"),
                    format!("who signs artifacts: {name:?} is not one principal"),
                )
                .help("write one as .relgate/allowed_signers has it, such as ci@example.com, and no pattern"),
            );
        }
    }
    let named = rules.roles.iter().flatten().count() + rules.signers.iter().flatten().count();
    let restricts = rules.roles.is_some() || rules.signers.is_some();
    if findings.len() == before && restricts && named == 0 {
        findings.push(
            site.error(Rule::EmptyValue, "/artifacts", "nobody may sign artifacts: the lists are empty")
                .help("name a role or a principal, or leave both keys out to allow every person of the policy"),
        );
    }
}

/// Exceptions whose review nobody could make, or that end at once.
fn waivers(document: &Document<Policy>, findings: &mut Vec<Finding>) {
    let policy = &document.value;
    let site = document.site();
    let rules = policy.waivers();
    if rules.longest().is_zero() {
        findings.push(
            site.error(
                Rule::ZeroDuration,
                "/waivers/max",
                "\"max\" is no time at all, so nothing could be waived",
            )
            .help("leave \"waive\" out under authority where nothing is to be waived"),
        );
    }
    let Some(review) = &rules.review else {
        return;
    };
    findings.extend(role(
        Some(document),
        site,
        "/waivers/review/role",
        &review.role,
        "the review of waivers",
    ));
    let reviewers = policy.holders(&review.role);
    let able = policy.authority(Action::Waive).unwrap_or_default();
    if let [only] = reviewers.as_slice()
        && rules.takes_somebody_else()
        && able.iter().any(|role| policy.holds(only, role))
    {
        findings.push(
            site.warning(
                Rule::PeopleTooFew,
                "/waivers/review/role",
                format!("{only} alone reviews waivers, so {only} can make none"),
            )
            .help("give the role to somebody else too, or name another one"),
        );
    }
}

fn people(document: &Document<Policy>, findings: &mut Vec<Finding>) {
    let policy = &document.value;
    let site = document.site();
    if policy.roles.is_empty() {
        findings.push(
            site.error_at_key(Rule::EmptyValue, "/roles", "the policy declares no roles")
                .help("declare at least one, such as \"release-manager: {}\""),
        );
    }
    if policy.people.is_empty() {
        findings.push(
            site.error_at_key(
                Rule::EmptyValue,
                "/people",
                "the policy names no people, so nobody can sign",
            )
            .help("add somebody: \"people: {ana: {email: ana@example.com, roles: [...]}}\""),
        );
    }
    let mut by_email: HashMap<String, &str> = HashMap::new();
    for (name, person) in &policy.people {
        let path = format!("/people{}", pointer_step(name.as_str()));
        let by = format!("person \"{name}\"");
        for (index, held) in person.roles.iter().enumerate() {
            let reference = Reference {
                kind: "role",
                word: held.as_str(),
                by: &by,
                home: "the policy",
                valid: policy.roles.keys().map(RoleName::as_str),
            };
            findings.extend(dangling(site, &format!("{path}/roles/{index}"), reference));
        }
        if let Some(email) = &person.email {
            let path = format!("{path}/email");
            if !email.contains('@') || email.contains(char::is_whitespace) {
                findings.push(
                    site.error(
                        Rule::Email,
                        &path,
                        format!("{by}: {email:?} is not an e-mail address"),
                    )
                    .help("git and signatures know people by an address such as ana@example.com"),
                );
            }
            // Two names for one person would let that person sign twice.
            if let Some(other) = by_email.insert(email.trim().to_lowercase(), name.as_str()) {
                findings.push(
                    site.error(
                        Rule::Email,
                        &path,
                        format!("{by} has the e-mail address of person \"{other}\""),
                    )
                    .help("one person has one name; give all roles to it"),
                );
            }
        }
    }
}

fn priorities(document: &Document<Policy>, findings: &mut Vec<Finding>) {
    let policy = &document.value;
    let site = document.site();
    if policy.priorities.as_ref().is_some_and(|own| own.is_empty()) {
        findings.push(
            site.error(
                Rule::EmptyValue,
                "/priorities",
                "\"priorities\" is empty: an incident could have none",
            )
            .help("leave the key out for critical 5m and lower 30m, or declare your own"),
        );
        return;
    }
    let known = policy.priorities();
    let valid = || known.keys().map(PriorityName::as_str);
    if let Some(name) = &policy.default_priority {
        let reference = Reference {
            kind: "priority",
            word: name.as_str(),
            by: "default_priority",
            home: "the policy",
            valid: valid(),
        };
        findings.extend(dangling(site, "/default_priority", reference));
    }
    for (name, trigger) in policy.triggers.iter().flatten() {
        let reference = Reference {
            kind: "priority",
            word: trigger.priority.as_str(),
            by: &format!("trigger \"{name}\""),
            home: "the policy",
            valid: valid(),
        };
        let path = format!("/triggers{}", pointer_step(name.as_str()));
        findings.extend(dangling(site, &format!("{path}/priority"), reference));
        for (index, role) in trigger.open.iter().flatten().enumerate() {
            let reference = Reference {
                kind: "role",
                word: role.as_str(),
                by: &format!("trigger \"{name}\""),
                home: "the policy",
                valid: policy.roles.keys().map(RoleName::as_str),
            };
            findings.extend(dangling(site, &format!("{path}/open/{index}"), reference));
        }
    }
}

fn authority(document: &Document<Policy>, findings: &mut Vec<Finding>) {
    let policy = &document.value;
    let site = document.site();
    for action in ACTIONS {
        let Some(roles) = policy.authority(action).filter(|_| policy.lists(action)) else {
            continue;
        };
        let word = action.word();
        let path = format!("/authority/{word}");
        let before = findings.len();
        for (index, name) in roles.iter().enumerate() {
            let reference = Reference {
                kind: "role",
                word: name.as_str(),
                by: &format!("authority \"{word}\""),
                home: "the policy",
                valid: policy.roles.keys().map(RoleName::as_str),
            };
            findings.extend(dangling(site, &format!("{path}/{index}"), reference));
        }
        if findings.len() == before && roles.iter().all(|role| policy.holders(role).is_empty()) {
            findings.push(
                site.error_at_key(
                    Rule::Unheld,
                    &path,
                    format!(
                        "nobody has the authority to {word}: the roles listed are held by nobody"
                    ),
                )
                .help("give one of the roles to somebody, or leave the key out to allow everybody"),
            );
        }
    }
}

fn passes(document: &Document<Policy>, findings: &mut Vec<Finding>) {
    let policy = &document.value;
    let site = document.site();
    let Some(rule) = &policy.deployment_checklist else {
        return;
    };
    if let Some(owner) = &rule.owner {
        findings.extend(role(
            Some(document),
            site,
            "/deployment_checklist/owner",
            owner,
            "deployment_checklist",
        ));
    }
    let allowed = policy.authority(Action::Verify);
    let able = policy
        .people
        .values()
        .filter(|person| {
            allowed.is_none_or(|roles| person.roles.iter().any(|held| roles.contains(held)))
        })
        .count();
    let needed = usize::try_from(policy.checklist_passes()).unwrap_or(usize::MAX);
    if policy.distinct_checklist_people() && !policy.people.is_empty() && able < needed {
        findings.push(
            site.warning_at_key(Rule::PeopleTooFew,
                "/deployment_checklist/distinct_people",
                format!(
                    "the deployment checklist needs {needed} passes by distinct people, and {able} may verify"
                ),
            )
            .help("name more people, or allow more roles under authority \"verify\""),
        );
    }
}

fn follow_up(document: &Document<Policy>, findings: &mut Vec<Finding>) {
    let site = document.site();
    for (index, duty) in document.value.follow_up.iter().flatten().enumerate() {
        let path = format!("/follow_up/{index}");
        let by = format!("follow-up \"{}\"", duty.title);
        findings.extend(role(
            Some(document),
            site,
            &format!("{path}/role"),
            &duty.role,
            &by,
        ));
        if duty.title.trim().is_empty() {
            findings.push(site.error(
                Rule::EmptyValue,
                &format!("{path}/title"),
                "a follow-up has an empty title",
            ));
        }
        if let Some(name) = &duty.document
            && (name.trim().is_empty() || name.contains(['/', '\\']) || name.starts_with('.'))
        {
            findings.push(
                site.error(
                    Rule::DocumentName,
                    &format!("{path}/document"),
                    format!("{by}: {name:?} is not the name of a document"),
                )
                .help("a document is named without folder, such as \"rca\" or \"post-mortem\""),
            );
        }
    }
}

/// The checklists that releases must extend.
fn required_checklists(
    workspace: &Workspace,
    document: &Document<Policy>,
    findings: &mut Vec<Finding>,
) {
    let site = document.site();
    for (rule, name) in document.value.checklists.iter().flatten() {
        let Some(entry) = site.node.get("checklists").and_then(|node| {
            node.entries()
                .iter()
                .find(|e| e.value.as_str() == Some(name.as_str()) && is_rule(&e.key, *rule))
        }) else {
            continue;
        };
        let reference = Reference {
            kind: "checklist",
            word: name.as_str(),
            by: &format!("checklists \"{}\"", entry.key),
            home: ".relgate/checklists",
            valid: workspace.bases.keys().map(String::as_str),
        };
        let path = format!("/checklists{}", pointer_step(&entry.key));
        findings.extend(dangling(site, &path, reference));
    }
}

fn is_rule(key: &str, rule: crate::domain::policy::ChecklistRule) -> bool {
    serde_json::to_value(rule).is_ok_and(|word| word.as_str() == Some(key))
}
