//! A team's repository: its policy, its checklists and its releases, read and checked.

use chrono::{DateTime, Utc};

use crate::domain::finding::{Finding, Rule, Source};
use crate::domain::gate::Gate;
use crate::domain::history::History;
use crate::domain::ids::{ChecklistName, ReleaseName};
use crate::domain::policy::Policy;
use crate::domain::readiness::{Facts, Inquiry, Scope};
use crate::domain::record::body::Anchor;
use crate::domain::refusal::{Refusal, nearest};
use crate::domain::release::ReleaseNotes;
use crate::domain::signature::allowed_signers::{self, AllowedSigners};
use crate::domain::signature::revoked::{self, Revoked};
use crate::domain::state::rollback::Rollback;
use crate::parse::lint::{self, Signers, Slot, Workspace};
use crate::parse::{self, Document};
use crate::ports::FileError;

use super::{Error, Result, World, named_files};

/// Reads a text into a document, or says everything that is wrong with it.
type Parse<T> = fn(&Source) -> std::result::Result<Document<T>, Vec<Finding>>;

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
        self.gates
            .iter()
            .find(|gate| gate.id.as_str() == id)
            .ok_or_else(|| {
                let known = self.gates.iter().map(|gate| gate.id.as_str());
                let message = format!("the release {} has no gate \"{id}\"", self.name);
                Refusal::invalid(message)
                    .help(nearest("gate", id, known))
                    .into()
            })
    }

    /// The release as it was signed, where its files cannot be read: with the policy of then where there is none now.
    pub(super) fn from_anchor(
        name: &ReleaseName,
        anchor: &Anchor,
        policy: Option<Policy>,
    ) -> Option<Self> {
        Some(Self {
            name: name.clone(),
            policy: policy.or_else(|| anchor.rules())?,
            notes: anchor.overlay(&ReleaseNotes::bare(name.clone())),
            gates: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// What is looked at to say how the release stands in `scope`.
    pub(super) fn inquiry<'a>(
        &'a self,
        history: &'a History,
        facts: &'a Facts,
        scope: &'a Scope,
        now: DateTime<Utc>,
    ) -> Inquiry<'a> {
        Inquiry {
            policy: &self.policy,
            notes: &self.notes,
            gates: &self.gates,
            history,
            facts,
            scope,
            now,
        }
    }
}

/// What was read of a repository, with everything that is wrong with it.
#[derive(Default)]
struct Reading {
    workspace: Workspace,
    findings: Vec<Finding>,
    sources: Vec<Source>,
}

/// The releases of the repository, sorted by name.
///
/// # Errors
/// A folder that cannot be read.
pub fn releases(world: &World<'_>) -> Result<Vec<ReleaseName>> {
    let folders = world.files.folders(RELEASES)?;
    Ok(folders
        .into_iter()
        .filter_map(|name| ReleaseName::new(name).ok())
        .collect())
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
    let open: Vec<&ReleaseName> = all
        .iter()
        .filter(|name| !world.ledgers.has_ended(name))
        .collect();
    let listed = |names: &[&ReleaseName]| {
        names
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (open.as_slice(), all.as_slice()) {
        ([one], _) => Ok((*one).clone()),
        ([], [only]) => Ok(only.clone()),
        ([], []) => Err(Refusal::invalid("there is no release yet")
            .help("relgate new VERSION --type minor")
            .into()),
        ([], all) => Err(Refusal::usage("no release is open: say which one is meant")
            .help(format!(
                "add --release NAME; there are: {}",
                listed(&all.iter().collect::<Vec<_>>())
            ))
            .into()),
        (several, _) => Err(Refusal::usage(format!(
            "{} releases are open: say which one is meant",
            several.len()
        ))
        .help(format!("add --release NAME; open are: {}", listed(several)))
        .into()),
    }
}

/// Nothing is asked of a folder that is no team's repository.
///
/// # Errors
/// Invalid where there is no policy.
pub fn require_policy(world: &World<'_>, policy_path: &str) -> Result<()> {
    match world.files.read(policy_path)? {
        Some(_) => Ok(()),
        None => Err(no_policy(policy_path)),
    }
}

fn no_policy(path: &str) -> Error {
    Refusal::invalid(format!("there is no policy {path} here"))
        .help("relgate init")
        .into()
}

/// The policy alone.
///
/// # Errors
/// Every finding of its file.
pub fn policy(world: &World<'_>, policy_path: &str) -> Result<Policy> {
    let mut reading = Reading::default();
    reading.read_policy(world, policy_path)?;
    reading.read_bases(world)?;
    let (findings, sources, workspace) = reading.lint();
    match workspace.policy.document() {
        Some(policy) if !findings.iter().any(Finding::is_error) => Ok(policy.value.clone()),
        _ => Err(Error::Findings { findings, sources }),
    }
}

/// Everything that was read of one release, with the places of all of it.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn workspace(
    world: &World<'_>,
    policy_path: &str,
    name: &ReleaseName,
) -> Result<Workspace> {
    let mut reading = Reading::default();
    reading.read_policy(world, policy_path)?;
    reading.read_release(world, name)?;
    reading.read_bases(world)?;
    Ok(reading.workspace)
}

/// Reads one release with everything that it refers to.
///
/// # Errors
/// Every finding of all its files, where any is an error.
pub fn load(world: &World<'_>, policy_path: &str, name: &ReleaseName) -> Result<Release> {
    read(world, policy_path, name, &|_| Vec::new())
}

/// The same for a decision on whether it goes out: the files that its probes name are looked at too.
///
/// # Errors
/// As [`load`].
pub fn load_with_files(
    world: &World<'_>,
    policy_path: &str,
    name: &ReleaseName,
) -> Result<Release> {
    let look = |workspace: &Workspace| named_files::findings(world, workspace, true);
    read(world, policy_path, name, &look)
}

fn read(
    world: &World<'_>,
    policy_path: &str,
    name: &ReleaseName,
    look: &dyn Fn(&Workspace) -> Vec<Finding>,
) -> Result<Release> {
    let mut reading = Reading::default();
    reading.read_policy(world, policy_path)?;
    reading.read_signers(world)?;
    reading.read_release(world, name)?;
    if !reading.findings.is_empty() {
        reading.read_every_base(world)?;
    }
    reading.read_bases(world)?;
    reading.findings.extend(look(&reading.workspace));
    let (findings, sources, workspace) = reading.lint();
    let failed = findings.iter().any(Finding::is_error);
    let release = workspace.releases.first();
    let notes = release.and_then(|release| release.notes.document());
    match (workspace.policy.document(), notes, release) {
        (Some(policy), Some(notes), Some(files)) if !failed => Ok(Release {
            name: name.clone(),
            policy: policy.value.clone(),
            notes: notes.value.clone(),
            gates: policy
                .value
                .with_approvals(notes.value.kind, lint::gates(&workspace, files)),
            warnings: findings,
        }),
        _ => Err(Error::Findings { findings, sources }),
    }
}

/// Reads one release for somebody who keeps its windows. Files that are wrong, or gone, take nothing from a window that
/// is armed: what runs at its end was pinned when it opened. What the files would have said is then left out, and the
/// warnings say so.
///
/// # Errors
/// Every finding of the files where no window is armed; a folder or ledger that cannot be read.
pub fn load_armed(world: &World<'_>, policy_path: &str, name: &ReleaseName) -> Result<Release> {
    let error = match load(world, policy_path, name) {
        Err(error @ (Error::Findings { .. } | Error::Refused(_))) => error,
        other => return other,
    };
    let mut ledger = world.ledgers.open(name);
    let state = ledger.refresh()?.state();
    let running = state.rollback.as_ref().is_some_and(Rollback::is_running);
    let signed = state.anchor_for(None).filter(|_| !state.is_over());
    if !running && state.open_incidents().next().is_none() && signed.is_none() {
        return Err(error);
    }
    let policy = policy(world, policy_path).ok();
    let signed = signed.and_then(|(_, it)| Release::from_anchor(name, it, policy));
    let warning = Finding::warning(
        Rule::FilesBroken,
        policy_path,
        format!(
            "the files are wrong, the windows stay armed: {}",
            first(&error)
        ),
    );
    let mut release = signed.unwrap_or_else(|| without_files(world, policy_path, name));
    release.warnings.push(warning.help("relgate lint"));
    Ok(release)
}

/// The first error that an error is about, in one line.
pub fn first(error: &Error) -> String {
    match error {
        Error::Findings { findings, .. } => {
            let first = findings.iter().find(|finding| finding.is_error());
            first.map(ToString::to_string).unwrap_or_default()
        }
        other => other.to_string(),
    }
}

/// A release of which the files say nothing, the policy apart where it is right.
pub fn without_files(world: &World<'_>, policy_path: &str, name: &ReleaseName) -> Release {
    Release {
        name: name.clone(),
        policy: policy(world, policy_path).unwrap_or_else(|_| Policy::bare()),
        notes: ReleaseNotes::bare(name.clone()),
        gates: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Reads everything and returns every finding of every file, with the texts that they are about.
///
/// # Errors
/// A file or folder that cannot be read.
pub fn lint(
    world: &World<'_>,
    policy_path: &str,
    only: Option<&ReleaseName>,
) -> Result<(Vec<Finding>, Vec<Source>)> {
    let mut reading = Reading::default();
    reading.read_policy(world, policy_path)?;
    reading.read_signers(world)?;
    let names = match only {
        Some(name) => vec![name.clone()],
        None => releases(world)?,
    };
    if only.is_none() {
        for folder in world.files.folders(RELEASES)? {
            if let Err(error) = ReleaseName::new(folder.clone()) {
                let file = format!("{RELEASES}/{folder}");
                reading.findings.push(
                    Finding::error(Rule::ReleaseFolder, file, error.to_string())
                        .help("rename or remove the folder"),
                );
            }
        }
    }
    for name in &names {
        reading.read_release(world, name)?;
    }
    reading.read_every_base(world)?;
    reading.read_bases(world)?;
    let named = named_files::findings(world, &reading.workspace, false);
    reading.findings.extend(named);
    let (findings, sources, _) = reading.lint();
    Ok((findings, sources))
}

/// What is told of a file that is there and cannot be read.
fn unreadable(path: &str, error: &FileError) -> Finding {
    let message = format!("the file cannot be read: {}", error.source);
    Finding::error(Rule::FileUnreadable, path, message)
        .help("see that it is a file, and that you may read it")
}

impl Reading {
    fn read_policy(&mut self, world: &World<'_>, path: &str) -> Result<()> {
        self.workspace.policy = match world.files.read(path) {
            Ok(Some(bytes)) => {
                let parsed = world.policy.parse(path, bytes);
                self.sources.extend(parsed.source.clone());
                Slot::of(parsed.document.clone(), &mut self.findings)
            }
            Ok(None) => Slot::Absent,
            Err(error) => {
                self.findings.push(unreadable(path, &error));
                Slot::Broken
            }
        };
        match self.workspace.policy {
            Slot::Absent => Err(no_policy(path)),
            _ => Ok(()),
        }
    }

    /// Reads who signs with which key, and which keys are revoked.
    fn read_signers(&mut self, world: &World<'_>) -> Result<()> {
        self.workspace.signers = match self.text(world, allowed_signers::PATH)? {
            None => Signers::Absent,
            Some(None) => Signers::Broken,
            Some(Some(source)) => {
                let (signers, findings) = AllowedSigners::read(&source);
                let broken = findings.iter().any(Finding::is_error);
                self.findings.extend(findings);
                match broken {
                    true => Signers::Broken,
                    false => Signers::Read(signers, source),
                }
            }
        };
        let is_krl = world.files.read(revoked::PATH)?;
        if is_krl.is_none_or(|bytes| Revoked::is_krl(&bytes)) {
            return Ok(());
        }
        if let Some(Some(source)) = self.text(world, revoked::PATH)?
            && let Err(findings) = Revoked::read(&source)
        {
            self.findings.extend(findings);
        }
        Ok(())
    }

    /// The text of a file: `None` where there is none, `Some(None)` where it is no text, which goes to the findings.
    fn text(&mut self, world: &World<'_>, path: &str) -> Result<Option<Option<Source>>> {
        let bytes = match world.files.read(path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.findings.push(unreadable(path, &error));
                return Ok(Some(None));
            }
        };
        match parse::source(path, bytes) {
            Ok(source) => {
                self.sources.push(source.clone());
                Ok(Some(Some(source)))
            }
            Err(findings) => {
                self.findings.extend(findings);
                Ok(Some(None))
            }
        }
    }

    fn read_release(&mut self, world: &World<'_>, name: &ReleaseName) -> Result<()> {
        let folder = format!("{RELEASES}/{name}");
        let (markdown, yaml) = (
            format!("{folder}/release-notes.md"),
            format!("{folder}/release-notes.yaml"),
        );
        let notes = match (
            self.slot(world, &markdown, parse::notes)?,
            self.slot(world, &yaml, parse::notes)?,
        ) {
            (Slot::Absent, Slot::Absent) => {
                let missing = Finding::error(
                    Rule::FileMissing,
                    &markdown,
                    format!("the release {name} has no release notes"),
                );
                self.findings.push(
                    missing.help("write them, or begin anew: relgate new VERSION --type minor"),
                );
                Slot::Broken
            }
            (only, Slot::Absent) | (Slot::Absent, only) => only,
            _ => {
                let twice =
                    "the release has two release notes, release-notes.md and release-notes.yaml";
                self.findings.push(
                    Finding::error(Rule::ReleaseFolder, &yaml, twice).help("keep one of them"),
                );
                Slot::Broken
            }
        };
        let path = format!("{folder}/checklist.yaml");
        let mut checklist = self.slot(world, &path, parse::checklist)?;
        if checklist == Slot::Absent {
            let missing = Finding::error(
                Rule::FileMissing,
                &path,
                format!("the release {name} has no checklist"),
            );
            self.findings
                .push(missing.help("write one that says: extends: standard"));
            checklist = Slot::Broken;
        }
        self.workspace.releases.push(lint::Release {
            folder: name.to_string(),
            notes,
            checklist,
        });
        Ok(())
    }

    /// Reads the bases that the checklists extend, theirs too, and those that the policy demands.
    fn read_bases(&mut self, world: &World<'_>) -> Result<()> {
        let checklists = self
            .workspace
            .releases
            .iter()
            .filter_map(|release| release.checklist.document());
        let extended = checklists.filter_map(|document| document.value.extends.clone());
        let policy = self.workspace.policy.document();
        let demanded = policy
            .into_iter()
            .flat_map(|policy| policy.value.checklists.iter().flatten());
        let mut wanted: Vec<ChecklistName> = extended
            .chain(demanded.map(|(_, name)| name.clone()))
            .collect();
        while let Some(name) = wanted.pop() {
            if self.workspace.bases.contains_key(name.as_str()) {
                continue;
            }
            wanted.extend(self.read_base(world, &name)?);
        }
        Ok(())
    }

    /// Reads the bases that nothing extends too: what extends them may be what cannot be read.
    fn read_every_base(&mut self, world: &World<'_>) -> Result<()> {
        for file in world.files.files(CHECKLISTS)? {
            if let Some(name) = file.strip_suffix(".yaml")
                && let Ok(name) = ChecklistName::new(name)
            {
                self.read_base(world, &name)?;
            }
        }
        Ok(())
    }

    /// Reads a base. Returns the one that it extends. One that is not there is none, and whoever extends it is told so.
    fn read_base(
        &mut self,
        world: &World<'_>,
        name: &ChecklistName,
    ) -> Result<Option<ChecklistName>> {
        let path = format!("{CHECKLISTS}/{name}.yaml");
        let base = self.slot(world, &path, parse::checklist)?;
        let extends = base
            .document()
            .and_then(|document| document.value.extends.clone());
        if base != Slot::Absent {
            self.workspace.bases.insert(name.to_string(), base);
        }
        Ok(extends)
    }

    /// Reads a file into its place; what is wrong with it goes to the findings.
    fn slot<T>(&mut self, world: &World<'_>, path: &str, parse: Parse<T>) -> Result<Slot<T>> {
        let bytes = match world.files.read(path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Slot::Absent),
            // What is wrong with the other files is told all the same.
            Err(error) => {
                self.findings.push(unreadable(path, &error));
                return Ok(Slot::Broken);
            }
        };
        let result = parse::source(path, bytes).and_then(|source| {
            let document = parse(&source);
            self.sources.push(source);
            document
        });
        Ok(Slot::of(result, &mut self.findings))
    }

    /// Adds what is wrong across the files, and sorts all of it.
    fn lint(self) -> (Vec<Finding>, Vec<Source>, Workspace) {
        let Self {
            workspace,
            mut findings,
            sources,
        } = self;
        findings.extend(lint::lint(&workspace));
        findings.sort();
        findings.dedup();
        (findings, sources, workspace)
    }
}
