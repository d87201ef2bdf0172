//! The artifacts of a release: each is what the notes say, and is signed by whom the policy lets sign, where the notes name
//! a signature or the policy wants one.

use super::requirement::{Requirement, Status, Subject, Terms, requirement};
use super::{Inquiry, Reasoning, command, waivers};
use crate::domain::ids::ArtifactName;
use crate::domain::policy::Policy;
use crate::domain::quote;
use crate::domain::record::digest_of;
use crate::domain::release::Artifact;
use crate::domain::signature::Flaw;
use crate::domain::signature::artifact::{Fault, SignedBy};

/// Adds a requirement for every artifact.
pub(super) fn artifacts(inquiry: &Inquiry<'_>, all: &mut Vec<Requirement>) {
    let artifacts = inquiry.notes.artifacts().iter();
    all.extend(artifacts.map(|artifact| of(inquiry, artifact)));
}

/// The artifacts that are missing or cannot be read, each with what is wrong, where nobody waived that: nothing that was
/// signed over them can be compared.
pub(in crate::domain) fn gone<'a>(inquiry: &Inquiry<'a>) -> Vec<(&'a ArtifactName, &'a str)> {
    let facts = inquiry.facts;
    if facts.artifacts_gone.is_empty() {
        return Vec::new();
    }
    let artifacts = inquiry.notes.artifacts().iter();
    artifacts
        .filter(|it| facts.artifacts_gone.contains(&it.name))
        .filter(|it| !waivers::covers(inquiry, &of(inquiry, it)))
        .map(|it| {
            let problem = facts.artifact_problems.get(&it.name);
            (&it.name, problem.map_or("it is not there", String::as_str))
        })
        .collect()
}

fn of(inquiry: &Inquiry<'_>, artifact: &Artifact) -> Requirement {
    let problem = inquiry.facts.artifact_problems.get(&artifact.name);
    let digest = inquiry.facts.artifact_digests.get(&artifact.name);
    let signed = signed(inquiry, artifact);
    let base = requirement(
        Subject::Artifact,
        artifact.name.as_str(),
        format!("the artifact {}", artifact.name),
    );
    let unsigned = matches!(signed, Signed::Not { .. });
    let mut it = match (problem, signed) {
        (Some(problem), signed) => Requirement {
            status: Status::Failed,
            why: match signed {
                Signed::Not { why, .. } => format!("{problem}; {why}"),
                Signed::NotAsked | Signed::By(_) => problem.clone(),
            },
            ..base
        },
        (None, Signed::Not { status, why, then }) => Requirement {
            status,
            why,
            who: able(inquiry.policy),
            command: Some(then),
            ..base
        },
        (None, Signed::NotAsked) => Requirement {
            why: match artifact.path {
                None => "it lies elsewhere: the notes name it, and it was not looked at",
                Some(_) => "it is what the notes say",
            }
            .to_owned(),
            ..base
        },
        (None, Signed::By(by)) => Requirement {
            why: shown(by),
            ..base
        },
    };
    // Whose signature is gone without is said of these bytes and of no others.
    it.terms = Terms::Bound(match unsigned {
        true => digest_of(&(artifact, problem, digest, &it.why)),
        false => digest_of(&(artifact, problem)),
    });
    it
}

/// Where an artifact's own signature leaves it.
enum Signed<'a> {
    /// It has none, and needs none.
    NotAsked,
    /// It counts.
    By(&'a SignedBy),
    /// It does not, or is wanted and not there.
    Not {
        status: Status,
        why: String,
        /// What mends it.
        then: String,
    },
}

fn signed<'a>(inquiry: &Inquiry<'a>, artifact: &Artifact) -> Signed<'a> {
    let release = &inquiry.notes.release;
    let edit = || format!("edit releases/{release}/release-notes.md");
    let Some(path) = &artifact.path else {
        let asked = artifact.signature.is_some() || inquiry.policy.requires_signed_artifacts();
        return match asked {
            false => Signed::NotAsked,
            true => Signed::Not {
                status: Status::Unknown,
                why: "it lies elsewhere, so its own signature cannot be verified: give its path, or waive it".to_owned(),
                then: edit(),
            },
        };
    };
    if artifact.signature.is_none() {
        return match inquiry.policy.requires_signed_artifacts() {
            false => Signed::NotAsked,
            true => Signed::Not {
                status: Status::Missing,
                why: format!(
                    "the policy wants it signed, and the notes name no signature: name under \"signature\" what is made by {}",
                    sign(path)
                ),
                then: edit(),
            },
        };
    }
    match inquiry.facts.artifact_signers.get(&artifact.name) {
        Some(Ok(by)) => Signed::By(by),
        Some(Err(fault)) => Signed::Not {
            status: status(fault),
            why: match fault {
                Fault::Foreign { .. } => format!(
                    "{fault}: verify it by a command as evidence of a gate, or sign the artifact with an SSH key"
                ),
                _ => fault.to_string(),
            },
            then: match fault {
                Fault::Unreadable { .. } => command(release, "check"),
                Fault::Unverifiable { .. } => "relgate lint".to_owned(),
                Fault::Foreign { .. } => edit(),
                _ => sign(path),
            },
        },
        // A signature that nobody verified is no reason to go.
        None => Signed::Not {
            status: Status::Unknown,
            why: "its own signature was not verified".to_owned(),
            then: command(release, "check"),
        },
    }
}

/// How an artifact stands whose signature has a fault.
const fn status(fault: &Fault) -> Status {
    match fault {
        Fault::Absent { .. } => Status::Missing,
        Fault::Key(Flaw::NotYetValid { .. } | Flaw::Ended { .. } | Flaw::Revoked { .. }) => {
            Status::Expired
        }
        Fault::Unreadable { .. }
        | Fault::Foreign { .. }
        | Fault::Unverifiable { .. }
        | Fault::Key(Flaw::Unsupported { .. } | Flaw::Unverifiable { .. }) => Status::Unknown,
        Fault::Empty { .. }
        | Fault::Malformed { .. }
        | Fault::WrongNamespace { .. }
        | Fault::OtherBytes
        | Fault::Nobody { .. }
        | Fault::NoAuthority { .. }
        | Fault::OtherUse { .. }
        | Fault::Key(_) => Status::Failed,
    }
}

/// The command that signs the file at `path`.
fn sign(path: &str) -> String {
    // Like any program, it takes a name that begins with a dash for an option.
    let path = match path.starts_with('-') {
        true => format!("./{path}"),
        false => path.to_owned(),
    };
    format!("ssh-keygen -Y sign -n file -f KEY {}", quote::word(&path))
}

fn shown(by: &SignedBy) -> String {
    format!("signed by {} ({})", by.who, by.signer.fingerprint)
}

/// Who may sign artifacts, as shown.
fn able(policy: &Policy) -> Vec<String> {
    let people = policy
        .people
        .keys()
        .filter(|it| policy.may_sign_artifacts(it))
        .map(|it| policy.reach(it));
    let rules = policy.artifacts.as_ref();
    let others = rules.and_then(|rules| rules.signers.clone());
    people.chain(others.unwrap_or_default()).collect()
}

/// Adds why the artifact `id` stands as it does.
pub(super) fn explain(inquiry: &Inquiry<'_>, id: &str, reasoning: &mut Reasoning) {
    let mut artifacts = inquiry.notes.artifacts().iter();
    let Some(artifact) = artifacts.find(|it| it.name.as_str() == id) else {
        return;
    };
    reasoning.rule(match (&artifact.path, artifact.sha256) {
        (Some(path), Some(digest)) => format!("{path} has the sha256 {digest}"),
        (Some(path), None) => format!("{path} is there; the release notes give no sha256 for it"),
        (None, _) => {
            "it lies elsewhere, and is bound by what the release notes say of it".to_owned()
        }
    });
    let required = inquiry.policy.requires_signed_artifacts();
    if required {
        reasoning.rule("the policy wants every artifact signed");
    }
    if artifact.signature.is_some() || required {
        let file = artifact.signature.as_deref().unwrap_or("its signature");
        reasoning.rule(format!(
            "{file} is an SSH signature over its bytes in the namespace \"file\", by a key that .relgate/allowed_signers \
             gives now to one of: {}",
            able(inquiry.policy).join(", ")
        ));
    }
    if let Some(digest) = inquiry.facts.artifact_digests.get(&artifact.name) {
        reasoning.found.push(format!("its sha256 is {digest}"));
    }
    match inquiry.facts.artifact_signers.get(&artifact.name) {
        Some(Ok(by)) => reasoning.found.push(match by.who == by.signer.principal {
            true => format!("it is {}", shown(by)),
            false => format!("it is {}, as {}", shown(by), by.signer.principal),
        }),
        Some(Err(fault)) => reasoning.found.push(fault.to_string()),
        None => {}
    }
}
