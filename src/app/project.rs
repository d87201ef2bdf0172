//! A team's repository: its policy, its checklists and its releases, read and checked.

use crate::domain::finding::{Finding, Source};
use crate::domain::gate::{Checklist, Gate};
use crate::domain::ids::{GateId, ReleaseName};
use crate::domain::policy::Policy;
use crate::domain::refusal::{Refusal, nearest};
use crate::domain::release::ReleaseNotes;
use crate::parse::lint::{self, ReleaseFiles, Workspace};
use crate::parse::{self, Document};

use super::{Error, Result, World};

/// Where releases lie.
pub const RELEASES: &str = "releases";
/// Where checklists lie that others extend.
pub const CHECKLISTS: &str = ".relgate/checklists";

/// A release whose files are read and free of errors.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its name.
    pub name: ReleaseName,
    /// The policy.
    pub policy: Policy,
    /// Its notes.
    pub notes: ReleaseNotes,
    /// Its gates, its base's first.
    pub gates: Vec<Gate>,
    /// What its files were warned about.
    pub warnings: Vec<Finding>,
}

impl Release {
    /// The gate with this id.
    ///
    /// # Errors
    /// Invalid, with the gates that there are.
    pub fn gate(&self, id: &str) -> Result<&Gate> {
        self.gates.iter().find(|gate| gate.id.as_str() == id).ok_or_else(|| {
            let known = self.gates.iter().map(|gate| gate.id.as_str());
            let message = format!("the release {} has no gate \"{id}\"", self.name);
            Refusal::invalid(message).help(nearest("gate", id, known)).into()
        })
    }
}

/// What was read of a repository, with everything that is wrong with it.
#[derive(Default)]
struct Reading {
    policy: Option<Document<Policy>>,
    bases: Vec<(String, Document<Checklist>)>,
    releases: Vec<ReleaseFiles>,
    findings: Vec<Finding>,
    sources: Vec<Source>,
}

/// The releases of the repository, sorted by name.
///
/// # Errors
/// A folder that cannot be read.
pub fn releases(world: &World<'_>) -> Result<Vec<ReleaseName>> {
    let folders = world.files.folders(RELEASES)?;
    Ok(folders.into_iter().filter_map(|name| ReleaseName::new(name).ok()).collect())
}

/// The release that is meant: the one that was named, or the only open one.
///
/// # Errors
/// Invalid for an unknown name, with the releases that there are; usage where several are open and none was named.
pub fn select(world: &World<'_>, named: Option<&str>) -> Result<ReleaseName> {
    let all = releases(world)?;
    let names = || all.iter().map(ReleaseName::as_str);
    if let Some(name) = named {
        let name = ReleaseName::new(name).map_err(|error| {
            Refusal::invalid(error.to_string()).help(nearest("release", name, names()))
        })?;
        if all.contains(&name) {
            return Ok(name);
        }
        return Err(Refusal::invalid(format!("there is no release \"{name}\""))
            .help(nearest("release", name.as_str(), names()))
            .into());
    }
    let mut open = Vec::new();
    for name in &all {
        if !world.ledgers.open(name).refresh()?.state().is_over() {
            open.push(name.clone());
        }
    }
    match open.as_slice() {
        [one] => Ok(one.clone()),
        [] if all.is_empty() => Err(Refusal::invalid("there is no release yet")
            .help("relgate new VERSION --type minor")
            .into()),
        [] => Err(Refusal::usage("no release is open: say which one is meant")
            .help(format!("add --release NAME; there are: {}", names().collect::<Vec<_>>().join(", ")))
            .into()),
        several => Err(Refusal::usage(format!("{} releases are open: say which one is meant", several.len()))
            .help(format!(
                "add --release NAME; open are: {}",
                several.iter().map(ReleaseName::as_str).collect::<Vec<_>>().join(", ")
            ))
            .into()),
    }
}

/// The policy alone.
///
/// # Errors
/// Every finding of its file.
pub fn policy(world: &World<'_>, policy_path: &str) -> Result<Policy> {
    let mut reading = Reading::default();
    reading.read_policy(world, policy_path)?;
    match (reading.policy, reading.findings.is_empty()) {
        (Some(policy), true) => Ok(policy.value),
        (_, _) => Err(Error::Findings { findings: reading.findings, sources: reading.sources }),
    }
}

/// Reads one release with everything that it refers to.
///
/// # Errors
/// Every finding of all its files, where any is an error.
pub fn load(world: &World<'_>, policy_path: &str, name: &ReleaseName) -> Result<Release> {
    let mut reading = Reading::default();
    reading.read_policy(world, policy_path)?;
    reading.read_release(world, name)?;
    reading.read_bases(world)?;
    let (findings, sources, mut loaded) = reading.lint();
    if findings.iter().any(Finding::is_error) {
        return Err(Error::Findings { findings, sources });
    }
    let gates = loaded.gates_of(name);
    let notes = loaded.releases.pop().and_then(|release| release.notes);
    match (loaded.policy, notes) {
        (Some(policy), Some(notes)) => Ok(Release {
            name: name.clone(),
            policy: policy.value,
            notes: notes.value,
            gates,
            warnings: findings,
        }),
        _ => Err(Error::Findings { findings, sources }),
    }
}

/// Reads everything and returns every finding of every file, with the texts that they are about.
///
/// # Errors
/// A file or folder that cannot be read.
pub fn lint(world: &World<'_>, policy_path: &str, only: Option<&ReleaseName>) -> Result<(Vec<Finding>, Vec<Source>)> {
    let mut reading = Reading::default();
    reading.read_policy(world, policy_path)?;
    let names = match only {
        Some(name) => vec![name.clone()],
        None => releases(world)?,
    };
    if only.is_none() {
        for folder in world.files.folders(RELEASES)? {
            if let Err(error) = ReleaseName::new(folder.clone()) {
                let file = format!("{RELEASES}/{folder}");
                reading.findings.push(Finding::error(file, error.to_string()).help("rename or remove the folder"));
            }
        }
    }
    for name in &names {
        reading.read_release(world, name)?;
    }
    reading.read_bases(world)?;
    let (findings, sources, _) = reading.lint();
    Ok((findings, sources))
}

impl Reading {
    fn read_policy(&mut self, world: &World<'_>, path: &str) -> Result<()> {
        if let Some(source) = self.source(world, path)? {
            match parse::policy(&source) {
                Ok(document) => self.policy = Some(document),
                Err(findings) => self.findings.extend(findings),
            }
        } else if self.findings.is_empty() {
            return Err(Refusal::invalid(format!("there is no policy {path} here")).help("relgate init").into());
        }
        Ok(())
    }

    fn read_release(&mut self, world: &World<'_>, name: &ReleaseName) -> Result<()> {
        let folder = format!("{RELEASES}/{name}");
        let mut files = ReleaseFiles { folder: name.to_string(), notes: None, checklist: None };
        let (markdown, yaml) = (format!("{folder}/release-notes.md"), format!("{folder}/release-notes.yaml"));
        let markdown_source = self.source(world, &markdown)?;
        let yaml_source = self.source(world, &yaml)?;
        match (markdown_source, yaml_source) {
            (Some(_), Some(_)) => self.findings.push(
                Finding::error(&yaml, "the release has two release notes, release-notes.md and release-notes.yaml")
                    .help("keep one of them"),
            ),
            (Some(source), None) | (None, Some(source)) => match parse::notes(&source) {
                Ok(document) => files.notes = Some(document),
                Err(findings) => self.findings.extend(findings),
            },
            (None, None) if self.findings.iter().any(|it| it.file == markdown || it.file == yaml) => {}
            (None, None) => self.findings.push(
                Finding::error(&markdown, format!("the release {name} has no release notes"))
                    .help(format!("write {markdown}, or begin anew: relgate new VERSION --type minor")),
            ),
        }
        let checklist = format!("{folder}/checklist.yaml");
        match self.source(world, &checklist)? {
            Some(source) => match parse::checklist(&source) {
                Ok(document) => files.checklist = Some(document),
                Err(findings) => self.findings.extend(findings),
            },
            None if self.findings.iter().any(|it| it.file == checklist) => {}
            None => self.findings.push(
                Finding::error(&checklist, format!("the release {name} has no checklist"))
                    .help("write one that says: extends: standard"),
            ),
        }
        self.releases.push(files);
        Ok(())
    }

    /// Reads the bases that the checklists read so far extend, and those that the policy demands.
    fn read_bases(&mut self, world: &World<'_>) -> Result<()> {
        let extended = self.releases.iter().filter_map(|release| release.checklist.as_ref()?.value.extends.clone());
        let demanded = self.policy.iter().flat_map(|policy| policy.value.checklists.iter().flatten());
        let mut wanted: Vec<String> =
            extended.chain(demanded.map(|(_, name)| name.clone())).map(|name| name.to_string()).collect();
        wanted.sort();
        wanted.dedup();
        for name in wanted {
            let path = format!("{CHECKLISTS}/{name}.yaml");
            if let Some(source) = self.source(world, &path)? {
                match parse::checklist(&source) {
                    Ok(document) => self.bases.push((name, document)),
                    Err(findings) => self.findings.extend(findings),
                }
            }
        }
        Ok(())
    }

    /// The text of a file; `None` where there is none, or where it is no text, which is then among the findings.
    fn source(&mut self, world: &World<'_>, path: &str) -> Result<Option<Source>> {
        let Some(bytes) = world.files.read(path)? else { return Ok(None) };
        match parse::source(path, bytes) {
            Ok(source) => {
                self.sources.push(source.clone());
                Ok(Some(source))
            }
            Err(findings) => {
                self.findings.extend(findings);
                Ok(None)
            }
        }
    }

    /// Adds what is wrong across the files, and sorts all of it.
    fn lint(self) -> (Vec<Finding>, Vec<Source>, Workspace) {
        let Self { policy, bases, releases, mut findings, sources } = self;
        let broken = findings.iter().filter(|finding| finding.is_error()).map(|finding| finding.file.clone()).collect();
        let workspace = Workspace { policy, bases, releases, broken };
        findings.extend(lint::lint(&workspace));
        findings.sort();
        findings.dedup();
        (findings, sources, workspace)
    }
}
