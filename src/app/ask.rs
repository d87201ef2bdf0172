//! Asking probes: variables filled in before, secrets masked after.

use std::borrow::Cow;
use std::time::Duration;

use crate::domain::baseline;
use crate::domain::ids::{ProbeId, ReleaseName};
use crate::domain::probe::Probe;
use crate::domain::probe::judge::{Attempt, Sample, Verdict};
use crate::domain::probe::kinds::MetricProbe;
use crate::domain::refusal::Refusal;
use crate::domain::running::Sight;
use crate::domain::secret_name::names_a_secret;
use crate::domain::variables::{self, Lookup, NotText, Ready, Secrets};
use crate::ports::{Limits, Onlooker};

use super::{Result, World};

/// How many probes are asked at once where nothing else is said.
pub const CONCURRENCY: usize = 16;

/// How many of them ask one host at once where nothing else is said.
pub const PER_HOST: usize = 6;

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
    /// How many of them ask one host at once.
    pub per_host: Option<u32>,
}

struct Values<'a> {
    world: &'a World<'a>,
    about: &'a About,
}

impl Lookup for Values<'_> {
    fn variable(&self, name: &str) -> std::result::Result<Option<String>, NotText> {
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
        Ready::prepare(probe, &Values { world, about }).map_err(|error| {
            Refusal::invalid(format!("probe \"{}\": {error}", probe.id))
                .help("set it, and run the command again")
        })?;
    }
    Ok(())
}

/// Takes one sample of every probe, in their order, compared with their baselines. One whose variables have no value is
/// an error that says so.
pub fn sample(
    world: &World<'_>,
    probes: &[Probe],
    about: &About,
    patience: Option<Duration>,
) -> Vec<Sample> {
    sample_compared(world, &compared(world, probes, about), about, patience)
}

/// The same of probes that have their baselines from [`compared`], or need none.
pub fn sample_compared(
    world: &World<'_>,
    probes: &[Probe],
    about: &About,
    patience: Option<Duration>,
) -> Vec<Sample> {
    let mut ready = Vec::new();
    let mut secrets = inherited_secrets(world);
    let mut unready: Vec<Option<Sample>> = Vec::new();
    for probe in probes {
        match Ready::prepare(probe, &Values { world, about }) {
            Ok((prepared, its)) => {
                ready.push(prepared);
                secrets.extend(&its);
                unready.push(None);
            }
            Err(error) => unready.push(Some(unasked(probe, &error.to_string()))),
        }
    }
    let at_most = |given: Option<u32>, otherwise| given.map_or(otherwise, |it| it as usize).max(1);
    let limits = Limits {
        concurrency: at_most(about.concurrency, CONCURRENCY),
        per_host: at_most(about.per_host, PER_HOST),
        patience,
    };
    world.onlooker.sees(&Sight::Secrets(&secrets));
    world.onlooker.sees(&Sight::Sample);
    let asked = world
        .prober
        .sample_until(&ready, limits, world.stop, world.onlooker);
    secrets.extend(&asked.secrets);
    let mut asked = asked.samples.into_iter();
    let samples: Vec<Sample> = unready
        .into_iter()
        .zip(probes)
        .map(|(known, probe)| {
            known
                .or_else(|| asked.next())
                .unwrap_or_else(|| unasked(probe, "it was not asked"))
        })
        .map(|sample| match secrets.is_empty() {
            true => sample,
            false => variables::mask_sample(&sample, &secrets),
        })
        .collect();
    world.onlooker.sees(&Sight::Sampled(&samples));
    samples
}

/// Probes that are shown while they are asked, until this is dropped.
pub struct Shown<'a>(&'a dyn Onlooker);

/// From now on it is shown how far `probes` have come, and that `skipped` are left out.
pub fn show<'a>(
    world: &World<'a>,
    probes: &[Probe],
    skipped: &[ProbeId],
    within: Option<Duration>,
) -> Shown<'a> {
    let within_ms = within.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX));
    world.onlooker.sees(&Sight::Begins {
        probes,
        skipped,
        within_ms,
    });
    Shown(world.onlooker.as_ref())
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.0.sees(&Sight::Ends);
    }
}

/// The probes, with what their metrics were before the deployment where they are compared with that: none can be
/// captured once it began, so one look is enough for a whole run. A ledger that cannot be read gives none, and a
/// comparison without a baseline is inconclusive.
pub fn compared<'a>(world: &World<'_>, probes: &'a [Probe], about: &About) -> Cow<'a, [Probe]> {
    let compares = |probe: &Probe| probe.metric.as_deref().is_some_and(MetricProbe::compares);
    let release = ReleaseName::new(about.release.clone()).ok();
    let Some(release) = release.filter(|_| probes.iter().any(compares)) else {
        return Cow::Borrowed(probes);
    };
    let mut ledger = world.ledgers.open(&release);
    let Ok(history) = ledger.refresh() else {
        return Cow::Borrowed(probes);
    };
    let filled = |probe| baseline::filled(history.state(), probe, about.stage.as_deref());
    probes
        .iter()
        .map(|probe| filled(probe).into_owned())
        .collect()
}

/// A shorter value of an inherited variable is masked only where something refers to it: a word such as `none` would be
/// found everywhere.
const SHORTEST: usize = 8;

/// What the inherited variables say whose names are those of secrets, and the passwords in their URLs: every command has
/// them, and may show them. A path to one is none.
pub fn inherited_secrets(world: &World<'_>) -> Secrets {
    let mut secrets = Secrets::default();
    for (name, value) in world.environment.variables() {
        if names_a_secret(&name) && value.len() >= SHORTEST && !value.starts_with('/') {
            secrets.add(&value);
        } else if let Some(password) = password_in(&value) {
            secrets.add(password);
        }
    }
    secrets
}

/// The password in a URL such as `postgres://shop:password@db/`.
fn password_in(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
    let (who, _) = rest.split(['/', '?', '#']).next()?.rsplit_once('@')?;
    let (_, password) = who.split_once(':')?;
    (scheme.chars().all(plain) && !password.is_empty()).then_some(password)
}

/// The secrets that `probes` refer to, as far as they have values here.
pub fn secrets_of<'a>(world: &World<'_>, probes: impl Iterator<Item = &'a Probe>) -> Secrets {
    let about = About::default();
    let values = Values {
        world,
        about: &about,
    };
    let mut secrets = Secrets::default();
    for probe in probes {
        secrets.extend(&variables::secrets_in(probe, &values));
    }
    secrets
}

fn unasked(probe: &Probe, why: &str) -> Sample {
    Sample {
        probe: probe.id.clone(),
        verdict: Verdict::Error,
        attempts: vec![Attempt::troubled(Verdict::Error, why, 0)],
        repeat: None,
    }
}
