//! `relgate init` and `relgate new`: a working policy, a release from a template.

use minijinja::{Environment, context};

use crate::domain::ids::ReleaseName;
use crate::domain::outcome::Scaffold;
use crate::domain::policy::Policy;
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::release::ReleaseType;
use crate::parse::schema::{self, Kind as Schema};
use crate::ports::{FileError, Files};

use super::project::{CHECKLISTS, RELEASES};
use super::{Error, Result, World};

/// A set of rules that comes with relgate.
struct Preset {
    name: &'static str,
    policy: &'static str,
    checklist: &'static str,
}

/// Every preset; `init` writes the first by default.
const PRESETS: [Preset; 1] = [Preset {
    name: "standard",
    policy: include_str!("../presets/standard/relgate.yaml"),
    checklist: include_str!("../presets/standard/checklist.yaml"),
}];

/// What stands for the id of a repository in a preset.
const REPOSITORY: &str = "REPOSITORY-ID";

const CHECKLIST: &str = include_str!("../../release-notes-templates/checklist.yaml");

/// The template of release notes of a type.
const fn template(kind: ReleaseType) -> &'static str {
    match kind {
        ReleaseType::Patch => include_str!("../../release-notes-templates/patch.md"),
        ReleaseType::Minor => include_str!("../../release-notes-templates/minor.md"),
        ReleaseType::Major => include_str!("../../release-notes-templates/major.md"),
        ReleaseType::Emergency => include_str!("../../release-notes-templates/emergency.md"),
    }
}

/// Writes the policy, with `repository` as its id, the base checklist and the schemas that editors use; all of them, or
/// none.
///
/// # Errors
/// Invalid for an unknown preset; refused where a policy or checklist is there already; files that cannot be written.
pub fn init(
    files: &dyn Files,
    policy_path: &str,
    preset: Option<&str>,
    repository: &str,
) -> Result<Scaffold> {
    let [first, ..] = &PRESETS;
    let chosen = match preset {
        None => first,
        Some(name) => PRESETS
            .iter()
            .find(|preset| preset.name == name)
            .ok_or_else(|| {
                let known = PRESETS.iter().map(|preset| preset.name);
                Refusal::invalid(format!("there is no preset \"{name}\""))
                    .help(crate::domain::refusal::nearest("preset", name, known))
            })?,
    };
    let mut write = vec![
        (
            policy_path.to_owned(),
            chosen.policy.replacen(REPOSITORY, repository, 1),
        ),
        (
            format!("{CHECKLISTS}/standard.yaml"),
            chosen.checklist.to_owned(),
        ),
    ];
    refuse_existing(
        files,
        write.iter().map(|(path, _)| path.as_str()),
        "relgate lint",
    )?;
    for kind in Schema::ALL {
        let path = format!(".relgate/schema/{}.json", kind.word());
        // A schema says what this relgate understands: one that is there is left as it is.
        if files.read(&path)?.is_none() {
            write.push((path, schema::pretty(kind)));
        }
    }
    Ok(Scaffold {
        written: create_all(files, write)?,
        next: vec![
            format!("edit {policy_path}: who takes part, and what each may do"),
            "relgate lint".to_owned(),
            "relgate new VERSION --type minor".to_owned(),
        ],
    })
}

/// Writes the files of a new release from its type's template.
///
/// # Errors
/// Invalid for a name that cannot be one; refused where the release is there already; files that cannot be written.
pub fn new(
    world: &World<'_>,
    policy: &Policy,
    version: &str,
    kind: ReleaseType,
) -> Result<Scaffold> {
    let release = ReleaseName::new(version).map_err(|error| {
        Refusal::invalid(error.to_string()).help("a release is named like 2.4.0 or 2026-11-20")
    })?;
    let folder = format!("{RELEASES}/{release}");
    let notes = format!("{folder}/release-notes.md");
    let checklist = format!("{folder}/checklist.yaml");
    let yaml = format!("{folder}/release-notes.yaml");
    refuse_existing(
        world.files,
        [notes.as_str(), &yaml, &checklist].into_iter(),
        "relgate status",
    )?;
    let base = policy
        .required_checklist(kind)
        .map_or("standard", |name| name.as_str());
    let values = context! {
        version => release.as_str(),
        type => kind.word(),
        date => world.clock.now().wall.format("%Y-%m-%d").to_string(),
        checklist => base,
    };
    let render = |template: &str| {
        // The templates are part of the program and rendered by its tests: a failure is a bug, told as one file's.
        let mut environment = Environment::new();
        environment.set_keep_trailing_newline(true);
        environment.render_str(template, &values).map_err(|error| {
            Error::File(FileError {
                path: notes.clone().into(),
                source: std::io::Error::other(error.to_string()),
            })
        })
    };
    let written = create_all(
        world.files,
        vec![
            (notes.clone(), render(template(kind))?),
            (checklist.clone(), render(CHECKLIST)?),
        ],
    )?;
    Ok(Scaffold {
        written,
        next: vec![
            format!("edit {notes}"),
            crate::domain::readiness::command(&release, "lint"),
            crate::domain::readiness::command(&release, "check"),
        ],
    })
}

fn refuse_existing<'a>(
    files: &dyn Files,
    paths: impl Iterator<Item = &'a str>,
    next: &str,
) -> Result<()> {
    for path in paths {
        if files.read(path)?.is_some() {
            return Err(Refusal::new(
                Kind::Refused,
                format!("{path} is there already, and is left as it is"),
            )
            .help(next)
            .into());
        }
    }
    Ok(())
}

fn create_all(files: &dyn Files, write: Vec<(String, String)>) -> Result<Vec<String>> {
    files.create(&write)?;
    Ok(write.into_iter().map(|(path, _)| path).collect())
}
