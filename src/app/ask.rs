//! Asking probes: variables filled in before, secrets masked after.

use std::time::Duration;

use crate::domain::probe::Probe;
use crate::domain::probe::judge::{Attempt, Sample, Verdict};
use crate::domain::refusal::Refusal;
use crate::domain::variables::{self, Lookup, Secrets};

use super::{Result, World};

/// How many probes are asked at once where nothing else is said.
pub const CONCURRENCY: usize = 16;

/// What probes are asked about: the values of their variables.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The release.
    pub release: String,
    /// The last known good version.
    pub previous: Option<String>,
    /// The stage.
    pub stage: Option<String>,
    /// How many are asked at once.
    pub concurrency: Option<u32>,
}

struct Values<'a> {
    world: &'a World<'a>,
    about: &'a About,
}

impl Lookup for Values<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.world.environment.variable(name)
    }
    fn file(&self, path: &str) -> std::result::Result<String, String> {
        self.world.environment.file(path)
    }
    fn release(&self) -> Option<String> {
        Some(self.about.release.clone())
    }
    fn previous(&self) -> Option<String> {
        self.about.previous.clone()
    }
    fn stage(&self) -> Option<String> {
        self.about.stage.clone()
    }
}

/// Whether every variable of the probes has a value here.
///
/// # Errors
/// Invalid, naming the probe and the variable: an unset one is never a pass.
pub fn require_values(world: &World<'_>, probes: &[Probe], about: &About) -> Result<()> {
    for probe in probes {
        variables::fill(probe, &Values { world, about }).map_err(|error| {
            Refusal::invalid(format!("probe \"{}\": {error}", probe.id))
                .help("set it, and run the command again")
        })?;
    }
    Ok(())
}

/// Takes one sample of every probe, in their order. One whose variables have no value is an error that says so.
pub fn sample(
    world: &World<'_>,
    probes: &[Probe],
    about: &About,
    patience: Option<Duration>,
) -> Vec<Sample> {
    let mut ready = Vec::new();
    let mut secrets = Secrets::default();
    let mut unready: Vec<Option<Sample>> = Vec::new();
    for probe in probes {
        match variables::fill(probe, &Values { world, about }) {
            Ok((filled, its)) => {
                ready.push(filled);
                secrets.extend(&its);
                unready.push(None);
            }
            Err(error) => unready.push(Some(unasked(probe, &error.to_string()))),
        }
    }
    let concurrency = about
        .concurrency
        .map_or(CONCURRENCY, |it| it as usize)
        .max(1);
    let mut asked = world
        .prober
        .sample_until(&ready, concurrency, patience, world.stop)
        .into_iter();
    unready
        .into_iter()
        .zip(probes)
        .map(|(known, probe)| {
            known
                .or_else(|| asked.next())
                .unwrap_or_else(|| unasked(probe, "it was not asked"))
        })
        .map(|sample| variables::mask_sample(&sample, &secrets))
        .collect()
}

fn unasked(probe: &Probe, why: &str) -> Sample {
    Sample {
        probe: probe.id.clone(),
        verdict: Verdict::Error,
        attempts: vec![Attempt::troubled(Verdict::Error, why, 0)],
        repeat: None,
    }
}
