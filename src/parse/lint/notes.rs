//! Release notes: do they speak of this release, and can what they plan be done?

use std::collections::HashMap;

use super::checklist::{item_probes, items};
use super::probe::{self, Placed};
use super::{Reference, Release, Signers, Workspace, dangling, inside};
use crate::domain::finding::{Finding, Rule};
use crate::domain::ids::StageName;
use crate::domain::nearest::suggestion;
use crate::domain::probe::Probe;
use crate::domain::probe::suite::ProbeSuite;
use crate::domain::readable::is_blank;
use crate::domain::release::{Artifact, ReleaseNotes};
use crate::domain::signature::allowed_signers;
use crate::domain::timespan::Timespan;
use crate::parse::node::pointer_step;
use crate::parse::{Document, Site, is_markdown, notes_markdown};

/// Every probe of the notes: deployment checklist, verification, rollback target and the checks after a rollback.
pub(super) fn probes<'a>(document: &'a Document<ReleaseNotes>) -> Vec<Placed<'a>> {
    let notes = &document.value;
    let site = document.site();
    let mut all = item_probes(site, "/deployment/checklist", notes.deployment_checklist());
    let mut add = |path: &str, probes: &'a [Probe]| {
        all.extend(probes.iter().enumerate().map(|(index, probe)| Placed {
            site,
            path: format!("{path}/{index}"),
            probe,
        }));
    };
    add("/verification/probes", notes.probes());
    let rollback = notes.rollback.as_ref();
    if let Some(verify) = rollback.and_then(|rollback| rollback.verify.as_deref()) {
        add("/rollback/verify", verify);
    }
    let drill = rollback.and_then(|rollback| rollback.drill.as_ref());
    if let Some(verify) = drill.and_then(|drill| drill.verify.as_deref()) {
        add("/rollback/drill/verify", verify);
    }
    if let Some(probe) = rollback.and_then(|rollback| rollback.target_probe.as_ref()) {
        all.push(Placed {
            site,
            path: "/rollback/target_probe".to_owned(),
            probe,
        });
    }
    all
}

pub(super) fn lint(
    workspace: &Workspace,
    release: &Release,
    document: &Document<ReleaseNotes>,
    findings: &mut Vec<Finding>,
) {
    identity(release, document, findings);
    artifacts(workspace, document, findings);
    deployment(workspace, document, findings);
    verification(workspace, document, findings);
    rollback(workspace, document, findings);
    known_issues(document, findings);
    if is_markdown(&document.source) {
        let release = document.value.release.as_str();
        findings.extend(notes_markdown::near_misses(&document.source, release));
    }
}

fn identity(release: &Release, document: &Document<ReleaseNotes>, findings: &mut Vec<Finding>) {
    let notes = &document.value;
    let site = document.site();
    if notes.release.as_str() != release.folder {
        findings.push(
            site.error(
                Rule::ReleaseName,
                "/release",
                format!(
                    "the release is named \"{}\", and its folder \"{}\"",
                    notes.release, release.folder
                ),
            )
            .label("not the folder's name")
            .help(format!(
                "write \"{}\", or rename the folder",
                release.folder
            )),
        );
    }
    if notes.previous.as_deref() == Some(notes.release.as_str()) {
        findings.push(
            site.error(
                Rule::PreviousRelease,
                "/previous",
                format!(
                    "the last known good version is this release itself, \"{}\"",
                    notes.release
                ),
            )
            .help("name the version that a rollback goes back to"),
        );
    }
    if let (Some(date), Some(at)) = (notes.date, notes.deploy_at)
        && at.date_naive() != date
    {
        findings.push(
            site.warning(
                Rule::DateMismatch,
                "/date",
                format!(
                    "the date is {date}, and deploy_at is on {}",
                    at.date_naive()
                ),
            )
            .help("make both name the same day"),
        );
    }
    for (name, file) in notes.documents.iter().flatten() {
        let path = format!("/documents{}", pointer_step(name));
        let address = file.contains("://");
        if !address {
            findings.extend(inside(site, &path, &format!("document \"{name}\""), file));
        }
    }
    for (name, link) in notes.links.iter().flatten() {
        if link.trim().is_empty() {
            let path = format!("/links{}", pointer_step(name));
            findings.push(site.error(Rule::EmptyValue, &path, format!("link \"{name}\" is empty")));
        }
    }
}

fn artifacts(
    workspace: &Workspace,
    document: &Document<ReleaseNotes>,
    findings: &mut Vec<Finding>,
) {
    let site = document.site();
    let artifacts = document.value.artifacts();
    if document.value.artifacts.as_ref().is_some_and(Vec::is_empty) {
        findings.push(empty(site, "/artifacts", "the list of artifacts"));
    }
    let names = artifacts.iter().map(|artifact| artifact.name.as_str());
    twice(site, "artifact", "/artifacts", "name", names, findings);
    for (index, artifact) in artifacts.iter().enumerate() {
        let path = format!("/artifacts/{index}");
        let by = format!("artifact \"{}\"", artifact.name);
        if artifact.reference.as_ref().is_some_and(|it| is_blank(it)) {
            findings.push(
                site.error(Rule::EmptyValue,
                    &format!("{path}/reference"),
                    format!("{by}: its reference is empty"),
                )
                .help("write where it lies, such as \"reference: registry.example/shop:2.4.0\", or give a path"),
            );
        }
        let must_be_signed = workspace
            .policy
            .document()
            .is_some_and(|policy| policy.value.requires_signed_artifacts());
        if artifact.path.is_none() && artifact.reference.is_some() && must_be_signed {
            findings.push(
                site.error_at_key(Rule::ArtifactSignature,
                    &format!("{path}/reference"),
                    format!("{by}: the policy wants artifacts signed, and relgate cannot verify a signature of what lies elsewhere"),
                )
                .help(
                    "give the path of a file with its signature, such as the image's manifest; or let a gate verify it by a \
                     command as evidence, and say \"artifacts: { signatures: optional }\" in the policy",
                ),
            );
        }
        match (&artifact.path, &artifact.reference) {
            (None, None) => findings.push(
                site.error(Rule::ArtifactLocation, &format!("{path}/name"), format!("{by}: it has no path and no reference"))
                    .help("write where it lies: \"path: dist/shop.tar.gz\", or \"reference:\" for an image"),
            ),
            (Some(_), Some(_)) => findings.push(
                site.error_at_key(Rule::ArtifactLocation,
                    &format!("{path}/reference"),
                    format!("{by}: it has both a path and a reference"),
                )
                .help("keep one of the two"),
            ),
            _ => {}
        }
        for (key, file) in [("path", &artifact.path), ("signature", &artifact.signature)] {
            if let Some(file) = file {
                findings.extend(inside(site, &format!("{path}/{key}"), &by, file));
            }
        }
        if let Some(file) = &artifact.signature {
            let at = format!("{path}/signature");
            findings.extend(signature(workspace, artifact, file).map(|(what, help)| {
                let what = format!("{by}: {what}");
                match artifact.path.is_none() || artifact.path.as_ref() == Some(file) {
                    true => site.error(Rule::ArtifactSignature, &at, what),
                    false => site.warning(Rule::ArtifactSignature, &at, what),
                }
                .help(help)
            }));
        }
    }
}

/// Why an artifact's signature could not be verified, with what to do about it.
fn signature(
    workspace: &Workspace,
    artifact: &Artifact,
    file: &str,
) -> Option<(String, &'static str)> {
    const OTHERS: [&str; 9] = [
        "asc", "gpg", "pgp", "minisig", "p7s", "sigstore", "json", "bundle", "pub",
    ];
    let ending = std::path::Path::new(file).extension();
    let ending = ending.and_then(|it| it.to_str()).unwrap_or_default();
    let lower = ending.to_lowercase();
    if artifact.path.is_none() {
        let what = "it has a signature and no path: there are no bytes to verify it over";
        return Some((
            what.to_owned(),
            "give its path, or verify the signature by a command as evidence of a gate",
        ));
    }
    if artifact.path.as_deref() == Some(file) {
        let what = "its signature is the artifact itself";
        return Some((
            what.to_owned(),
            "name the file that \"ssh-keygen -Y sign\" writes beside it, such as dist/shop.tar.gz.sig",
        ));
    }
    if OTHERS.contains(&lower.as_str()) {
        let what = format!("its signature {file:?} does not look like an SSH signature");
        return Some((
            what,
            "sign it with \"ssh-keygen -Y sign -n file\", or verify it by a command as evidence of a gate",
        ));
    }
    (workspace.signers == Signers::Absent).then(|| {
        let what = format!(
            "its signature counts for nobody: there is no {}",
            allowed_signers::PATH
        );
        (
            what,
            "write a line for whoever signs: ci@example.com namespaces=\"file\" ssh-ed25519 AAAA…",
        )
    })
}

fn deployment(
    workspace: &Workspace,
    document: &Document<ReleaseNotes>,
    findings: &mut Vec<Finding>,
) {
    let site = document.site();
    let Some(deployment) = &document.value.deployment else {
        return;
    };
    if let Some(stages) = &deployment.stages {
        if stages.is_empty() {
            findings.push(empty(site, "/deployment/stages", "the list of stages"));
        }
        let ids = stages.iter().map(|stage| stage.id.as_str());
        twice(site, "stage", "/deployment/stages", "id", ids, findings);
    }
    if let Some(point) = &deployment.point_of_no_return {
        let stages = deployment.stages();
        let reference = Reference {
            kind: "stage",
            word: point.as_str(),
            by: "point_of_no_return",
            home: "the release notes",
            valid: stages.iter().map(StageName::as_str),
        };
        findings.extend(dangling(site, "/deployment/point_of_no_return", reference));
    }
    items(
        workspace,
        site,
        "/deployment/checklist",
        deployment.checklist.as_deref(),
        "the deployment checklist",
        findings,
    );
}

fn verification(
    workspace: &Workspace,
    document: &Document<ReleaseNotes>,
    findings: &mut Vec<Finding>,
) {
    let site = document.site();
    let Some(verification) = &document.value.verification else {
        return;
    };
    let within = verification.within;
    if within.is_some_and(Timespan::is_zero) {
        findings.push(
            site.error(
                Rule::ZeroDuration,
                "/verification/within",
                "the verification has no time at all",
            )
            .help("write how long it may take, such as 10m"),
        );
    }
    if let Some(probes) = &verification.probes {
        let plan = Suite {
            path: "/verification/probes",
            name: "the verification plan",
            probes,
            within,
        };
        suite(workspace, site, plan, findings);
    }
}

/// A file of probes alone: their ids, and what is true of every list of them.
pub(super) fn lint_suite_file(document: &Document<ProbeSuite>, findings: &mut Vec<Finding>) {
    let suite_of = Suite {
        path: "/probes",
        name: "the file of probes",
        probes: &document.value.probes,
        within: document.value.within,
    };
    let site = document.site();
    let probes = document.value.probes.iter().enumerate();
    let placed: Vec<Placed<'_>> = probes
        .map(|(index, probe)| Placed {
            site,
            path: format!("/probes/{index}"),
            probe,
        })
        .collect();
    probe::unique(&placed, findings);
    suite(&Workspace::default(), site, suite_of, findings);
}

/// A list of probes that must all be green.
#[derive(Clone, Copy)]
struct Suite<'a> {
    path: &'a str,
    name: &'a str,
    probes: &'a [Probe],
    within: Option<Timespan>,
}

fn suite(workspace: &Workspace, site: Site<'_>, suite: Suite<'_>, findings: &mut Vec<Finding>) {
    let Suite {
        path,
        name,
        probes,
        within,
    } = suite;
    if probes.is_empty() {
        findings.push(empty(site, path, name));
    } else if probes.iter().all(Probe::is_advisory) {
        findings.push(
            site.error_at_key(
                Rule::VerificationNeverPasses,
                path,
                format!("{name} has advisory probes alone, so it could never pass"),
            )
            .help("leave \"advisory\" out of at least one"),
        );
    }
    let placed: Vec<Placed<'_>> = probes
        .iter()
        .enumerate()
        .map(|(index, probe)| Placed {
            site,
            path: format!("{path}/{index}"),
            probe,
        })
        .collect();
    probe::lint_suite(&placed, findings);
    for one in &placed {
        probe::lint(workspace, one, findings);
        let (path, one) = (&one.path, one.probe);
        let Some(within) = within.filter(|within| !within.is_zero()) else {
            continue;
        };
        // The least time until the last of the samples that must pass begins.
        let pauses = u64::from(one.passes() - 1).saturating_mul(one.every().milliseconds());
        let least = one
            .settle
            .map_or(0, Timespan::milliseconds)
            .saturating_add(pauses);
        if least >= within.milliseconds() {
            findings.push(
                site.error(Rule::VerificationNeverPasses,
                    &format!("{path}/id"),
                    format!(
                        "probe \"{}\": it cannot pass within {within}: its samples take at least {}",
                        one.id,
                        Timespan::from_milliseconds(least)
                    ),
                )
                .help("lower \"settle\", \"every\" or \"passes\", or raise \"within\""),
            );
        }
    }
}

fn rollback(workspace: &Workspace, document: &Document<ReleaseNotes>, findings: &mut Vec<Finding>) {
    let site = document.site();
    let Some(rollback) = &document.value.rollback else {
        return;
    };
    if let Some(plan) = &rollback.plan {
        if plan.is_empty() {
            findings.push(empty(site, "/rollback/plan", "the rollback plan"));
        }
        let ids = plan.iter().map(|step| step.id.as_str());
        twice(site, "step", "/rollback/plan", "id", ids, findings);
        for (index, step) in plan.iter().enumerate() {
            let path = format!("/rollback/plan/{index}");
            let by = format!("step \"{}\"", step.id);
            probe::argv(site, &format!("{path}/argv"), &by, &step.argv, findings);
            let names = step.env.keys().map(String::as_str);
            probe::environment(site, &format!("{path}/env"), &by, names, findings);
            if step.timeout.is_some_and(Timespan::is_zero) {
                findings.push(
                    site.error(
                        Rule::ZeroDuration,
                        &format!("{path}/timeout"),
                        format!("{by}: \"timeout\" is no time at all"),
                    )
                    .help("write how long it may take, such as 10m"),
                );
            }
        }
    }
    if let Some(target) = &rollback.target_probe {
        let placed = Placed {
            site,
            path: "/rollback/target_probe".to_owned(),
            probe: target,
        };
        probe::lint(workspace, &placed, findings);
        probe::lint_alone(&placed, findings);
    }
    if rollback.verify_within.is_some_and(Timespan::is_zero) {
        findings.push(
            site.error(
                Rule::ZeroDuration,
                "/rollback/verify_within",
                "the checks after the rollback have no time at all",
            )
            .help("write how long they may take, such as 5m"),
        );
    }
    if let Some(verify) = rollback
        .drill
        .as_ref()
        .and_then(|drill| drill.verify.as_ref())
    {
        let checks = Suite {
            path: "/rollback/drill/verify",
            name: "the list of checks after a drill",
            probes: verify,
            within: None,
        };
        suite(workspace, site, checks, findings);
    }
    if let Some(verify) = &rollback.verify {
        let checks = Suite {
            path: "/rollback/verify",
            name: "the list of checks after the rollback",
            probes: verify,
            within: rollback.verify_within,
        };
        suite(workspace, site, checks, findings);
    }
}

/// A probe's known issue is one of the notes.
fn known_issues(document: &Document<ReleaseNotes>, findings: &mut Vec<Finding>) {
    let known: Vec<&str> = document
        .value
        .known_issues
        .iter()
        .flatten()
        .map(String::as_str)
        .collect();
    for placed in probes(document) {
        let Some(issue) = &placed.probe.known_issue else {
            continue;
        };
        let wanted = issue.trim().to_lowercase();
        let listed = known
            .iter()
            .any(|text| text.to_lowercase().contains(&wanted));
        if wanted.is_empty() || !listed {
            let by = format!("probe \"{}\"", placed.probe.id);
            findings.push(
                placed
                    .site
                    .error(Rule::KnownIssue,
                        &format!("{}/known_issue", placed.path),
                        format!("{by}: the known issue {issue:?} is not among the known issues of these notes"),
                    )
                    .help(
                        suggestion(issue, known.iter().copied())
                            .unwrap_or_else(|| "write it under \"Known issues\" first".to_owned()),
                    ),
            );
        }
    }
}

fn empty(site: Site<'_>, path: &str, what: &str) -> Finding {
    site.error(Rule::EmptyValue, path, format!("{what} is empty"))
        .label("empty")
        .help("fill it in, or leave the key out until it is known")
}

/// Reports names that are given twice in the list at `path`.
fn twice<'a>(
    site: Site<'_>,
    kind: &str,
    path: &str,
    key: &str,
    names: impl Iterator<Item = &'a str>,
    findings: &mut Vec<Finding>,
) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (index, name) in names.enumerate() {
        let Some(earlier) = first.get(name) else {
            first.insert(name, index);
            continue;
        };
        let line = site
            .node
            .nearest_position(&format!("{path}/{earlier}/{key}"))
            .at
            .line;
        findings.push(
            site.error(
                Rule::DeclaredTwice,
                &format!("{path}/{index}/{key}"),
                format!("the {kind} \"{name}\" is declared twice; it is already on line {line}"),
            )
            .help("give one of the two another name"),
        );
    }
}
