//! The machines of the policy, held against its people and against who signs with which key.

use super::{Signers, Workspace};
use crate::domain::finding::{Finding, Lines, Rule};
use crate::domain::policy::{Policy, Signatures};
use crate::domain::record::TOOL;
use crate::domain::signature::MACHINE_NAMESPACE;
use crate::domain::signature::allowed_signers::{self, Entry};
use crate::domain::signature::trust::principal;
use crate::parse::Document;
use crate::parse::node::pointer_step;

pub(super) fn lint(
    workspace: &Workspace,
    document: &Document<Policy>,
    findings: &mut Vec<Finding>,
) {
    let policy = &document.value;
    names(document, findings);
    if !policy.machines.is_empty() && policy.signatures != Some(Signatures::Required) {
        let what = "machines are named, and signatures are optional: what nobody signed is believed all the same";
        let found =
            document
                .site()
                .warning_at_key(Rule::MachinesUnprotected, "/machines", what.to_owned());
        findings.push(found.help("add signatures: required"));
    }
    match &workspace.signers {
        Signers::Read(signers, source) => {
            let lines = Lines::new(&source.text);
            for name in policy.machine_principals() {
                let own: Vec<&Entry> = signers
                    .entries()
                    .iter()
                    .filter(|it| {
                        !it.authority && it.is_for(MACHINE_NAMESPACE) && it.principals.matches(name)
                    })
                    .collect();
                if !own.iter().any(|it| it.key.is_ed25519()) {
                    findings.push(keyless(document, name));
                }
                for entry in own {
                    let at = lines.place(entry.span.clone());
                    let found = key(policy, signers.entries(), name, entry);
                    findings.extend(found.map(|(what, help)| {
                        Finding::error(Rule::SignerLine, &source.file, what)
                            .at(&at)
                            .help(help)
                    }));
                }
            }
        }
        Signers::Absent => {
            let all = policy.machine_principals();
            findings.extend(all.map(|name| keyless(document, name)));
        }
        Signers::Unread | Signers::Broken => {}
    }
}

/// What the machines are called: nobody is a machine and a person.
fn names(document: &Document<Policy>, findings: &mut Vec<Finding>) {
    let policy = &document.value;
    let mut known: Vec<&str> = Vec::new();
    for (name, machine) in &policy.machines {
        let path = format!("/machines{}", pointer_step(name.as_str()));
        let own = machine.principal.as_str();
        let mut error = |what: String, help: &str| {
            let found = document.site().error_at_key(Rule::PersonName, &path, what);
            findings.push(found.help(help));
        };
        if name.as_str() == TOOL || policy.people.contains_key(name.as_str()) {
            error(
                format!("machine \"{name}\" has the name of a person, or relgate's own"),
                "give the machine another name",
            );
        }
        if own.trim().is_empty() || own.contains(char::is_whitespace) {
            error(
                format!("machine \"{name}\": {own:?} is no principal"),
                "write one word, as .relgate/allowed_signers has it: watcher@HOST",
            );
        }
        if policy.is_person(own) {
            error(
                format!(
                    "machine \"{name}\": {own} is a person of the policy; a machine signs nothing that people decide"
                ),
                "give the machine a principal and a key of its own",
            );
        }
        if known.contains(&own) {
            error(
                format!("machine \"{name}\": {own} is another machine's principal"),
                "give every machine a principal of its own",
            );
        }
        known.push(own);
    }
}

fn keyless(document: &Document<Policy>, name: &str) -> Finding {
    let machines = &document.value.machines;
    let named = machines.iter().find(|(_, it)| it.principal == name);
    let path = named.map_or_else(
        || "/machines".to_owned(),
        |(short, _)| format!("/machines{}", pointer_step(short.as_str())),
    );
    let what = format!(
        "{} gives the machine {name} no Ed25519 key for the namespace \"{MACHINE_NAMESPACE}\", so nothing that it signs counts",
        allowed_signers::PATH
    );
    let help = format!(
        "ssh-keygen -t ed25519 -N '' -f FILE, and its public half in a line of {}: {name} \
         namespaces=\"{MACHINE_NAMESPACE}\" ssh-ed25519 AAAA…",
        allowed_signers::PATH
    );
    document
        .site()
        .error_at_key(Rule::SignerKeyless, &path, what)
        .help(help)
}

/// What is wrong with a line that gives the machine `name` a key, and what would be right.
fn key(policy: &Policy, entries: &[Entry], name: &str, entry: &Entry) -> Option<(String, String)> {
    let line = format!("{name} namespaces=\"{MACHINE_NAMESPACE}\" ssh-ed25519 AAAA…");
    if !entry.key.is_ed25519() {
        let kind = entry.key.kind();
        let what = format!(
            "the machine {name} has a key of the type {kind}: it signs with plain Ed25519 keys alone"
        );
        return Some((what, format!("ssh-keygen -t ed25519 -N '' -f FILE; {line}")));
    }
    let mut same = entries
        .iter()
        .filter(|it| it.key == entry.key && it.is_for_records());
    let person = same.find_map(|line| {
        policy.people.keys().find(|person| {
            principal(policy, person.as_str()).is_some_and(|it| line.principals.matches(it))
        })
    });
    person.map(|person| {
        (
            format!("the key {} is the machine {name}'s and {person}'s: whoever has the file could sign as {person}", entry.key),
            format!("give the machine a key of its own, and its line no other principal: {line}"),
        )
    })
}
