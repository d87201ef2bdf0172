//! `ledger verify`, `ledger accept`, `ledger export`, `ledger import`.

use std::path::Path;

use crate::app::{Result, evidence, integrity, pin, project};
use crate::cli::context::Context;
use crate::cli::exit;
use crate::domain::bundle::{Bundle, LARGEST};
use crate::domain::ids::Digest;
use crate::domain::outcome::{Exported, Integrity};
use crate::domain::refusal::Refusal;
use crate::effects::document;

pub fn verify(context: &Context, bundle: Option<&str>) -> Result<u8> {
    if let Some(file) = bundle {
        let bundle = read(file)?;
        hold(context, &bundle)?;
        return context.with_world(|world| {
            show(
                context,
                &evidence::verify(world.clock, context.openssh(), &bundle, file),
            )
        });
    }
    context.with_world(|world| {
        let release = context.selected(world)?;
        show(
            context,
            &integrity::verify(world, context.policy_path(), &release)?,
        )
    })
}

pub fn accept(context: &Context, what: (&str, &str), role: Option<&str>) -> Result<u8> {
    context.with_world(|world| {
        let name = context.selected(world)?;
        let release = project::load(world, context.policy_path(), &name)?;
        let actor = context.actor(&release.policy, role)?;
        context.show(&integrity::accept(world, &release, &actor, what)?)?;
        Ok(exit::GO)
    })
}

fn show(context: &Context, report: &Integrity) -> Result<u8> {
    context.show(report)?;
    Ok(match report.findings.is_empty() {
        true => exit::GO,
        false => exit::INVALID,
    })
}

fn read(file: &str) -> Result<Bundle> {
    let bytes = document::read(Path::new(file), LARGEST)?;
    evidence::read(&bytes, file)
}

/// A bundle is held against the pinned digest by the policy that it carries.
fn hold(context: &Context, bundle: &Bundle) -> Result<()> {
    match &context.global.policy_digest {
        Some(expected) => Ok(pin::same(expected, &bundle.policy_digest())?),
        None => Ok(()),
    }
}

pub fn export(context: &Context, file: Option<&str>) -> Result<u8> {
    context.with_world(|world| {
        if let Some(file) = file
            && Path::new(file).symlink_metadata().is_ok()
        {
            return Err(
                Refusal::refused(format!("{file} is there already, and is not replaced"))
                    .help("name another file")
                    .into(),
            );
        }
        let release = context.release(world)?;
        let by = context.anybody(&release.policy)?;
        let export = evidence::export(
            world,
            context.openssh(),
            context.policy_path(),
            &release,
            &by,
        )?;
        let bytes = export.bundle.to_bytes();
        let Some(file) = file else {
            context.write(|out| out.write_all(&bytes))?;
            return Ok(exit::GO);
        };
        document::create(Path::new(file), &bytes)?;
        let bundle = export.bundle;
        context.show(&Exported {
            file: file.to_owned(),
            sha256: Digest::of(&bytes),
            policy: bundle.policy_digest(),
            records: bundle.records.len(),
            files: bundle.files.len(),
            attestations: bundle.attestations.len(),
            release: bundle.release,
            remarks: export.remarks,
        })?;
        Ok(exit::GO)
    })
}

pub fn import(context: &Context, file: &str) -> Result<u8> {
    let bundle = read(file)?;
    context.with_world(|world| {
        context.show(&evidence::import(world, &bundle, file)?)?;
        Ok(exit::GO)
    })
}
