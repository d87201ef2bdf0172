//! Who signs with which key, held against the people of the policy.

use std::collections::{BTreeMap, HashMap};

use super::{Signers, Workspace};
use crate::domain::finding::{Finding, Lines, Rule};
use crate::domain::policy::{Policy, Signatures};
use crate::domain::record::TOOL;
use crate::domain::signature::NAMESPACE;
use crate::domain::signature::allowed_signers::{self, AllowedSigners, Entry};
use crate::domain::signature::key::PublicKey;
use crate::domain::signature::sshsig::FILE_NAMESPACE;
use crate::domain::signature::trust::principal;
use crate::parse::Document;
use crate::parse::node::pointer_step;

pub(super) fn lint(
    workspace: &Workspace,
    document: &Document<Policy>,
    findings: &mut Vec<Finding>,
) {
    people(document, findings);
    let required = document.value.signatures == Some(Signatures::Required);
    match &workspace.signers {
        Signers::Absent if required => findings.push(
            document
                .site()
                .error(Rule::SignersMissing,
                    "/signatures",
                    format!("signatures are required, and there is no {}: nothing could be signed", allowed_signers::PATH),
                )
                .help(format!(
                    "write a line for everybody: ana@example.com namespaces=\"{NAMESPACE}\" ssh-ed25519 AAAA…"
                )),
        ),
        Signers::Read(signers, source) => {
            if required {
                keyless(document, signers, findings);
            }
            of_artifacts(document, signers, findings);
            let lines = Lines::new(&source.text);
            let mut warn = |entry: &Entry, what: String, help: &str| {
                let at = lines.place(entry.span.clone());
                findings.push(Finding::warning(Rule::SignerDoubt, &source.file, what).at(&at).help(help));
            };
            look_alikes(&document.value, signers, &mut warn);
            shared(&document.value, signers, &mut warn);
            local_times(signers, &mut warn);
        }
        Signers::Unread | Signers::Absent | Signers::Broken => {}
    }
}

/// Takes in a warning about a line of the signers: what is wrong, and what would be right.
type Warn<'a> = dyn FnMut(&Entry, String, &str) + 'a;

/// What the policy's people are called, apart from any keys.
fn people(document: &Document<Policy>, findings: &mut Vec<Finding>) {
    let policy = &document.value;
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (name, person) in &policy.people {
        let path = format!("/people{}", pointer_step(name.as_str()));
        if name.as_str() == TOOL {
            let what = format!(
                "person \"{name}\" has the name by which relgate records what it does by itself"
            );
            findings.push(
                document
                    .site()
                    .error_at_key(Rule::PersonName, &path, what)
                    .help("give the person another name"),
            );
        }
        if let Some(email) = person.email.as_ref().filter(|it| !it.is_ascii()) {
            let what = format!(
                "person \"{name}\": {email:?} has characters outside ASCII, which can look like others"
            );
            let at = document
                .site()
                .warning(Rule::LookAlike, &format!("{path}/email"), what);
            findings.push(at.help("use an address in plain ASCII, so that a look-alike shows"));
        }
        let Some(known_as) = principal(policy, name.as_str()) else {
            continue;
        };
        // The same in another case is the same address, which is told elsewhere.
        let known = seen.insert(skeleton(known_as), known_as);
        if let Some(other) = known.filter(|other| !other.eq_ignore_ascii_case(known_as)) {
            let what = format!("person \"{name}\": {known_as} looks like {other}");
            let at = document.site().warning_at_key(Rule::LookAlike, &path, what);
            findings.push(at.help("see that they are two people"));
        }
    }
}

/// People who cannot sign anything that counts.
fn keyless(document: &Document<Policy>, signers: &AllowedSigners, findings: &mut Vec<Finding>) {
    for name in document.value.people.keys() {
        let Some(known_as) = principal(&document.value, name.as_str()) else {
            continue;
        };
        let is_theirs = |it: &&Entry| it.is_for_records() && it.principals.matches(known_as);
        if signers.entries().iter().any(|it| is_theirs(&it)) {
            continue;
        }
        let path = format!("/people{}", pointer_step(name.as_str()));
        let what = format!(
            "person \"{name}\": {} gives {known_as} no key, so nothing that {name} records counts",
            allowed_signers::PATH
        );
        let help = format!("add a line: {known_as} namespaces=\"{NAMESPACE}\" ssh-ed25519 AAAA…");
        findings.push(
            document
                .site()
                .warning_at_key(Rule::SignerKeyless, &path, what)
                .help(help),
        );
    }
}

/// Principals who sign artifacts, and have no key to do it with.
fn of_artifacts(
    document: &Document<Policy>,
    signers: &AllowedSigners,
    findings: &mut Vec<Finding>,
) {
    let rules = document.value.artifacts.as_ref();
    let named = rules.and_then(|rules| rules.signers.as_deref());
    for (index, name) in named.unwrap_or_default().iter().enumerate() {
        let is_theirs =
            |it: &&Entry| it.is_for(FILE_NAMESPACE) && it.principals.matches(name.as_str());
        if signers.entries().iter().any(|it| is_theirs(&it)) {
            continue;
        }
        let what = format!(
            "{} gives {name} no key for the namespace \"{FILE_NAMESPACE}\", so no artifact that {name} signs counts",
            allowed_signers::PATH
        );
        let help = format!("add a line: {name} namespaces=\"{FILE_NAMESPACE}\" ssh-ed25519 AAAA…");
        let path = format!("/artifacts/signers/{index}");
        findings.push(
            document
                .site()
                .warning(Rule::SignerKeyless, &path, what)
                .help(help),
        );
    }
}

/// Principals that look like a person's and are not: they are compared byte for byte.
fn look_alikes(policy: &Policy, signers: &AllowedSigners, warn: &mut Warn<'_>) {
    let mut people: HashMap<String, Vec<&str>> = HashMap::new();
    for name in policy.people.keys() {
        if let Some(known_as) = principal(policy, name.as_str()) {
            people.entry(skeleton(known_as)).or_default().push(known_as);
        }
    }
    for entry in signers.entries() {
        for name in entry.principals.names() {
            let alike = people.get(&skeleton(name)).into_iter().flatten();
            let what = match alike.copied().find(|it| *it != name) {
                Some(other) if other.eq_ignore_ascii_case(name) => {
                    format!(
                        "the principal {name:?} differs from the policy's {other:?} in upper and lower case, and is another one"
                    )
                }
                Some(other) => format!(
                    "the principal {name:?} looks like the policy's {other:?}, and is another one"
                ),
                None if !name.is_ascii() => {
                    format!(
                        "the principal {name:?} has characters outside ASCII, which can look like others"
                    )
                }
                None => continue,
            };
            warn(entry, what, "principals are compared byte for byte");
        }
    }
}

/// Keys that sign for several people of the policy: they count once.
fn shared(policy: &Policy, signers: &AllowedSigners, warn: &mut Warn<'_>) {
    let mut holders: BTreeMap<&PublicKey, Vec<&str>> = BTreeMap::new();
    let own = signers
        .entries()
        .iter()
        .filter(|it| !it.authority && it.is_for_records());
    for entry in own {
        let held = holders.entry(&entry.key).or_default();
        let before = held.len();
        for name in policy.people.keys() {
            let is_theirs =
                principal(policy, name.as_str()).is_some_and(|it| entry.principals.matches(it));
            if is_theirs && !held.contains(&name.as_str()) {
                held.push(name.as_str());
            }
        }
        if held.len() > 1 && held.len() > before {
            let what = format!(
                "the key {} signs for {}: it counts once",
                entry.key,
                held.join(", ")
            );
            warn(entry, what, "give everybody a key of their own");
        }
    }
}

fn local_times(signers: &AllowedSigners, warn: &mut Warn<'_>) {
    for entry in signers.entries().iter().filter(|it| it.has_local_time) {
        let what = "the time has no Z: the key is valid only when it is so both in UTC and in the calendar's zone";
        warn(
            entry,
            what.to_owned(),
            "write it in UTC, with a Z at its end",
        );
    }
}

/// What is left of a name once look-alikes are one. Letters outside ASCII are told by themselves.
fn skeleton(name: &str) -> String {
    name.to_lowercase()
        .replace("rn", "m")
        .replace("vv", "w")
        .chars()
        .map(|char| match char {
            '0' => 'o',
            '1' | 'i' | '|' => 'l',
            other => CYRILLIC
                .iter()
                .find(|(alike, _)| *alike == other)
                .map_or(other, |(_, plain)| *plain),
        })
        .collect()
}

/// The letters of other scripts that are most often taken for Latin ones.
const CYRILLIC: [(char, char); 16] = [
    ('а', 'a'),
    ('е', 'e'),
    ('о', 'o'),
    ('р', 'p'),
    ('с', 'c'),
    ('у', 'y'),
    ('х', 'x'),
    ('і', 'l'),
    ('ѕ', 's'),
    ('ј', 'j'),
    ('ԁ', 'd'),
    ('ո', 'n'),
    ('α', 'a'),
    ('ο', 'o'),
    ('ρ', 'p'),
    ('ν', 'v'),
];
