//! `init`, `new`, `lint`: writing and checking a team's files.

use crate::app::{Error, Result, project, scaffold};
use crate::cli::args;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::domain::finding::{Finding, Rule};
use crate::domain::refusal::Refusal;
use crate::domain::release::ReleaseType;
use crate::effects::identity;
use crate::render::findings::Findings;

pub fn init(context: &Context, preset: Option<&str>) -> Result<u8> {
    context.with_world(|world| {
        let id = identity::random_id().ok_or_else(|| {
            Refusal::refused("the system gives no random bytes, so the repository gets no id")
                .help("ls -l /dev/urandom")
        })?;
        let written = scaffold::init(world.files, context.policy_path(), preset, &id)?;
        context.show(&written)?;
        Ok(exit::GO)
    })
}

pub fn new(context: &Context, version: &str, kind: args::ReleaseType) -> Result<u8> {
    context.with_world(|world| {
        let policy = project::policy(world, context.policy_path())?;
        let kind = match kind {
            args::ReleaseType::Patch => ReleaseType::Patch,
            args::ReleaseType::Minor => ReleaseType::Minor,
            args::ReleaseType::Major => ReleaseType::Major,
            args::ReleaseType::Emergency => ReleaseType::Emergency,
        };
        context.show(&scaffold::new(world, &policy, version, kind)?)?;
        Ok(exit::GO)
    })
}

pub fn lint(context: &Context) -> Result<u8> {
    context.with_world(|world| {
        let only = match &context.global.release {
            Some(name) => Some(project::select(world, Some(name))?),
            None => None,
        };
        let (mut findings, sources) = project::lint(world, context.policy_path(), only.as_ref())?;
        findings.extend(world.seal.machine_fault().map(|why| {
            let file = context.global.machine_key.as_ref();
            let file = file.map_or_else(String::new, |it| it.display().to_string());
            Finding::error(Rule::MachineKey, file, why)
        }));
        if findings.iter().any(Finding::is_error) {
            return Err(Error::Findings { findings, sources });
        }
        context.show(&Findings {
            findings: &findings,
            sources: &sources,
        })?;
        Ok(exit::GO)
    })
}
