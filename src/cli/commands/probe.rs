//! `probe` and `baseline`: trying probes, listing them, and capturing what metrics are before a deployment.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::app::{Error, Result, baseline, probe};
use crate::cli::args::{Baseline, Probe};
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::live::Live;
use crate::domain::finding::Source;
use crate::domain::refusal::Refusal;

/// A larger file of probes is a mistake.
const LARGEST: u64 = 16 * 1024 * 1024;

pub fn probe(context: &Context, command: &Probe) -> Result<u8> {
    context.with_world(|world| match command {
        Probe::Run { file, probe: id } => {
            let source = read(file)?;
            context.catch_signals();
            let mut live = Live::new(context, true);
            let run = probe::run(world, &source, id.as_deref(), &mut |event| {
                live.event(world.clock.now().wall, event);
            });
            live.finish();
            let run = run?;
            context.show(&run)?;
            Ok(exit::of_verdict(run.verdict))
        }
        Probe::List { file: Some(file) } => {
            context.show(&probe::list_file(&read(file)?)?)?;
            Ok(exit::GO)
        }
        Probe::List { file: None } => {
            context.show(&probe::list(&context.release(world)?))?;
            Ok(exit::GO)
        }
    })
}

pub fn baseline(context: &Context, command: &Baseline) -> Result<u8> {
    context.with_world(|world| {
        let release = context.release(world)?;
        let report = match command {
            Baseline::Capture { role } => {
                let actor = context.actor(&release.policy, role.as_deref())?;
                context.catch_signals();
                baseline::capture(world, &release, &actor)?
            }
            Baseline::Show => baseline::show(world, &release)?,
        };
        context.show(&report)?;
        let missing = report
            .metrics
            .iter()
            .any(|metric| metric.compared && metric.value.is_none());
        Ok(if missing {
            exit::INCONCLUSIVE
        } else {
            exit::GO
        })
    })
}

/// A file that the caller named, from where the caller is.
fn read(path: &Path) -> Result<Source> {
    let name = path.display().to_string();
    let trouble = |why: &str| Error::from(Refusal::invalid(format!("{name}: {why}")));
    let about = std::fs::metadata(path).map_err(|error| trouble(&error.to_string()))?;
    if about.is_dir() {
        return Err(trouble("it is a folder, not a file of probes"));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| trouble(&error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(trouble("it is larger than 16 MiB"));
    }
    crate::parse::source(name.clone(), bytes).map_err(|findings| Error::Findings {
        findings,
        sources: Vec::new(),
    })
}
