//! What a deployment was signed with: taken from the files when it begins, used instead of them from then on, and held
//! against them to say what was edited since.

use crate::domain::finding::{Finding, Rule};
use crate::domain::ids::{ReleaseName, StageName};
use crate::domain::readiness::{Change, command, edited, edited_file, edited_plans, sentence};
use crate::domain::record::body::Anchor;
use crate::domain::record::body::anchor::named_files;
use crate::domain::state::ReleaseState;

use super::project::{self, RELEASES, Release};
use super::{Error, Result, World};

/// More edits than this are counted.
const MOST: usize = 20;

/// What the files of `release` say now, with the digests of the files that its plans name. A file that is not there has
/// none: whether it may be missing, the check says.
pub fn of_files(world: &World<'_>, release: &Release) -> Anchor {
    let mut anchor = Anchor::new(&release.notes, &release.policy, &release.gates);
    let named = named_files(&release.notes);
    anchor.files = named
        .into_iter()
        .filter_map(|path| {
            let digest = world.files.digest(&path).ok().flatten()?;
            Some((path, digest))
        })
        .collect();
    anchor.commit = world.files.commit();
    anchor
}

/// What the files say now that was not signed for the deployment.
pub fn edits(world: &World<'_>, release: &Release, anchor: &Anchor) -> Vec<Change> {
    let mut changes = edited(anchor, (&release.notes, &release.policy, &release.gates));
    changes.extend(edited_files(world, anchor));
    changes
}

/// The files named by the plans that are others now, or cannot be read.
pub fn edited_files(world: &World<'_>, anchor: &Anchor) -> Vec<Change> {
    let each = anchor.files.iter();
    each.filter_map(|(path, signed)| {
        let now = world.files.digest(path).ok().flatten();
        (now.as_ref() != Some(signed)).then(|| edited_file(path, signed, now.as_ref()))
    })
    .collect()
}

/// Warnings that name what was edited since the go, and how it is taken up.
fn warnings(release: &ReleaseName, stage: &StageName, changes: &[Change]) -> Vec<Finding> {
    let folder = format!("{RELEASES}/{release}");
    let repin = command(release, &format!("deploy repin --stage {stage}"));
    let mut warnings: Vec<Finding> = changes
        .iter()
        .take(MOST)
        .map(|change| {
            let what = format!(
                "edited since the go, and not used for {stage}: {}",
                sentence(change)
            );
            Finding::warning(Rule::EditedSinceGo, &folder, what).help(repin.clone())
        })
        .collect();
    if let Some(more) = changes.len().checked_sub(MOST).filter(|more| *more > 0) {
        let what = format!("edited since the go, and not used for {stage}: {more} more values");
        warnings.push(Finding::warning(Rule::EditedSinceGo, &folder, what).help(repin));
    }
    warnings
}

impl Release {
    /// The release as it was signed last; as its files say where nothing was.
    fn as_deployed(&self, state: &ReleaseState) -> Self {
        match state.anchor_for(None) {
            Some((_, anchor)) => Self {
                notes: anchor.overlay(&self.notes),
                ..self.clone()
            },
            None => self.clone(),
        }
    }
}

/// Reads one release for what follows its deployment: verifying, incidents, a rollback by hand. What was signed is used,
/// whatever the files say since; the warnings name what was edited. Files that are wrong, or gone, refuse nothing.
///
/// # Errors
/// Every finding of the files where nothing was signed, or it cannot be read; a ledger that cannot be read.
pub fn load(
    world: &World<'_>,
    policy_path: &str,
    name: &ReleaseName,
    stage: Option<&str>,
) -> Result<Release> {
    let loaded = project::load(world, policy_path, name);
    let mut ledger = world.ledgers.open(name);
    let state = ledger.refresh()?.state();
    let Some((stage, anchor)) = state.anchor_for(stage) else {
        return match project::policy(world, policy_path) {
            Ok(_) => project::load_armed(world, policy_path, name),
            Err(_) => loaded,
        };
    };
    match loaded {
        Ok(mut release) => {
            let changes = edits(world, &release, anchor);
            let told = warnings(&release.name, stage, &changes);
            release.notes = anchor.overlay(&release.notes);
            release.warnings.extend(told);
            Ok(release)
        }
        Err(error @ (Error::Findings { .. } | Error::Refused(_))) if !state.is_over() => {
            let policy = project::policy(world, policy_path).ok();
            let Some(mut release) = Release::from_anchor(name, anchor, policy) else {
                return Err(error);
            };
            let what = format!(
                "the files are wrong, and what was signed for {stage} is used: {}",
                project::first(&error)
            );
            let changes = edited_files(world, anchor);
            let told = warnings(&release.name, stage, &changes);
            let wrong = Finding::warning(Rule::FilesBroken, policy_path, what).help("relgate lint");
            release.warnings.push(wrong);
            release.warnings.extend(told);
            Ok(release)
        }
        Err(other) => Err(other),
    }
}

/// The release as a watcher takes it up, with what it says of the files then.
pub fn take_up(
    world: &World<'_>,
    release: &Release,
    state: &ReleaseState,
) -> (Release, Vec<String>) {
    let Some((stage, anchor)) = state.anchor_for(None) else {
        return (release.clone(), Vec::new());
    };
    let mut changes = edited_files(world, anchor);
    changes.extend(edited_plans(anchor, &release.notes));
    let told = warnings(&release.name, stage, &changes);
    let told = told.into_iter().map(|it| it.message).collect();
    (release.as_deployed(state), told)
}
