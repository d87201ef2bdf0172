//! What was signed at the beginning of a deployment, kept in its record: what verify, incidents, watching and rolling back
//! go by from then on, whatever is edited in the files.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::PinnedPlan;
use crate::domain::gate::Gate;
use crate::domain::ids::{Digest, GateId, RecordId, StageName};
use crate::domain::policy::Policy;
use crate::domain::probe::Probe;
use crate::domain::probe::files::FileUse;
use crate::domain::record::digest_of;
use crate::domain::release::{Deployment, ReleaseNotes, Rollback, Verification};

/// What a deployment was signed with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anchor {
    /// The last known good version: where a rollback goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The stages and the deployment checklist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Deployment>,
    /// The verification plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// The rollback plan, its target probe and the checks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    /// The release notes' digest.
    pub notes: Digest,
    /// The first 12 digits of the digest of each field of the notes, to say which of them was edited.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// The policy's digest.
    pub policy: Digest,
    /// The policy, for the time when its file cannot be read.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub rules: serde_json::Value,
    /// The digest of each gate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gates: BTreeMap<GateId, Digest>,
    /// The digests of the files that the plans name, by path from the repository's root: programs, bodies, authorities,
    /// schemas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
    /// The commit of the repository, where its tree was clean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// What was signed for a stage was replaced by what the files said then, after a new go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeployRepinned {
    /// Which stage.
    pub stage: StageName,
    /// The check that said go.
    pub go: RecordId,
    /// What holds from now on. Open incidents keep the plan that they were opened with.
    pub anchor: Box<Anchor>,
}

/// The programs that run another file: their first argument that is no option is what matters.
const INTERPRETERS: [&str; 8] = [
    "sh", "bash", "dash", "zsh", "python3", "python", "perl", "node",
];

impl Anchor {
    /// What the files say now. The digests of the files that they name, and the commit, are added by whoever reads them.
    pub fn new(notes: &ReleaseNotes, policy: &Policy, gates: &[Gate]) -> Self {
        Self {
            previous: notes.previous.clone(),
            deployment: notes.deployment.clone(),
            verification: notes.verification.clone(),
            rollback: notes.rollback.clone(),
            notes: digest_of(notes),
            fields: field_digests(notes),
            policy: digest_of(policy),
            rules: serde_json::to_value(policy).unwrap_or_default(),
            gates: gates
                .iter()
                .map(|gate| (gate.id.clone(), digest_of(gate)))
                .collect(),
            files: BTreeMap::new(),
            commit: None,
        }
    }

    /// The notes with the plans as they were signed.
    pub fn overlay(&self, notes: &ReleaseNotes) -> ReleaseNotes {
        ReleaseNotes {
            previous: self.previous.clone(),
            deployment: self.deployment.clone(),
            verification: self.verification.clone(),
            rollback: self.rollback.clone(),
            ..notes.clone()
        }
    }

    /// The rollback plan; `None` where there was none that could run. Its digest is computed anew.
    pub fn plan(&self) -> Option<PinnedPlan> {
        let rollback = self.rollback.clone()?;
        let has_steps = rollback.plan.as_ref().is_some_and(|it| !it.is_empty());
        let previous = self.previous.clone()?;
        (has_steps && !previous.trim().is_empty()).then(|| PinnedPlan::new(rollback, previous))
    }

    /// The policy as it was signed; `None` where this program cannot read it, or it is not what its digest says.
    pub fn rules(&self) -> Option<Policy> {
        let policy: Policy = serde_json::from_value(self.rules.clone()).ok()?;
        (digest_of(&policy) == self.policy).then_some(policy)
    }
}

/// The first 12 digits of the digest of each field.
pub fn field_digests(notes: &ReleaseNotes) -> BTreeMap<String, String> {
    match serde_json::to_value(notes) {
        Ok(serde_json::Value::Object(map)) => map
            .iter()
            .map(|(name, value)| (name.clone(), digest_of(value).short()))
            .collect(),
        _ => BTreeMap::new(),
    }
}

/// The paths, from the repository's root, of the files that the plans of `notes` name. Whether they are there is another
/// question.
pub fn named_files(notes: &ReleaseNotes) -> BTreeSet<String> {
    let mut paths: BTreeSet<String> = notes
        .steps()
        .iter()
        .filter_map(|step| program_file(&step.argv))
        .collect();
    let rollback = notes.rollback.iter();
    let after = rollback.flat_map(|it| it.verify.iter().flatten().chain(&it.target_probe));
    let items = notes.deployment_checklist().iter();
    let probes = items.filter_map(|item| item.probe.as_ref());
    for probe in notes.probes().iter().chain(after).chain(probes) {
        add_files_of(probe, &mut paths);
    }
    paths
}

fn add_files_of(probe: &Probe, paths: &mut BTreeSet<String>) {
    let named = probe.files().into_iter();
    // A key's digest is nobody's business, and the certificate beside it is exchanged as often.
    let kept = named.filter(|file| {
        !matches!(
            file.used_as,
            FileUse::Key | FileUse::Certificate | FileUse::Program
        )
    });
    paths.extend(kept.filter_map(|file| in_repository(file.path)));
    let command = probe.command.as_ref();
    paths.extend(command.and_then(|it| program_file(&it.argv)));
}

/// The file of the repository that a command runs: its program, or what an interpreter is given.
pub fn program_file(argv: &[String]) -> Option<String> {
    let program = argv.first()?;
    let name = program.rsplit('/').next().unwrap_or(program);
    if INTERPRETERS.contains(&name) {
        let script = argv.get(1).filter(|it| !it.starts_with('-'))?;
        return in_repository(script);
    }
    program
        .contains('/')
        .then(|| in_repository(program))
        .flatten()
}

/// `path` without what means nothing, where it stays below the repository's root and has no variable in it.
fn in_repository(path: &str) -> Option<String> {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    let outside = path.starts_with('/') || path.contains("${") || parts.contains(&"..");
    (!outside && !parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{from_json, notes, policy};

    #[test]
    fn the_plans_are_those_that_were_signed_whatever_the_files_say() {
        let signed = notes();
        let anchor = Anchor::new(&signed, &policy(), &[]);
        let mut edited = ReleaseNotes::bare(signed.release.clone());
        edited.summary = Some("edited".to_owned());
        edited.previous = Some("1.0.0".to_owned());
        let used = anchor.overlay(&edited);
        assert_eq!(used.previous, signed.previous);
        assert_eq!(used.probes(), signed.probes());
        assert_eq!(used.steps(), signed.steps());
        assert_eq!(used.stages(), signed.stages());
        assert_eq!(used.deployment_checklist(), signed.deployment_checklist());
        assert_eq!(used.summary, edited.summary);
        assert_eq!(anchor.rules(), Some(policy()));
        let plan = anchor.plan().expect("a plan");
        assert_eq!(plan.digest, digest_of(&(&plan.rollback, &plan.previous)));
    }

    #[test]
    fn rules_that_are_not_what_their_digest_says_are_none() {
        let mut anchor = Anchor::new(&notes(), &policy(), &[]);
        anchor.rules["product"] = "Another".into();
        assert_eq!(anchor.rules(), None);
    }

    #[test]
    fn the_file_that_a_command_runs_is_known() {
        let of = |argv: &[&str]| {
            let argv: Vec<String> = argv.iter().map(ToString::to_string).collect();
            program_file(&argv)
        };
        assert_eq!(of(&["./back.sh"]).as_deref(), Some("back.sh"));
        assert_eq!(of(&["ops/./back.sh", "x"]).as_deref(), Some("ops/back.sh"));
        assert_eq!(of(&["/bin/sh", "back.sh"]).as_deref(), Some("back.sh"));
        assert_eq!(
            of(&["python3", "ops/back.py"]).as_deref(),
            Some("ops/back.py")
        );
        for nothing in [
            &["kubectl", "live/x"][..],
            &["sh", "-c", "true"],
            &["/opt/back"],
            &["../back.sh"],
            &["${env:X}/back.sh"],
            &[],
        ] {
            assert_eq!(of(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn the_files_of_probes_are_named_and_no_key_of_theirs() {
        let mut notes = notes();
        notes.verification = Some(from_json(serde_json::json!({"probes": [
            {"id": "a", "http": {"url": "https://x/", "ca": "ca.pem", "body_file": "./b.json", "multipart": [{"name": "f", "file": "part.bin"}],
             "client_certificate": {"cert": "c.pem", "key": "k.pem"},
             "expect": {"json_schema": "s.json"}}},
            {"id": "b", "command": {"argv": ["./probe.sh", "live/data"], "expect": {"exit": 0}}},
        ]})));
        let named: Vec<String> = named_files(&notes).into_iter().collect();
        assert_eq!(
            named,
            ["b.json", "ca.pem", "part.bin", "probe.sh", "s.json"]
        );
    }
}
