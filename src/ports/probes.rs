//! Running probes.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::probe::Probe;
use crate::domain::probe::files::FileUse;
use crate::domain::probe::judge::Sample;
use crate::domain::running::Sight;
use crate::domain::variables::{Ready, Secrets};

/// How many probes are asked at once, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub concurrency: usize,
    /// Of one host.
    pub per_host: usize,
    /// All probes together take no longer.
    pub patience: Option<Duration>,
}

/// What asking probes brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// One of every probe, in their order.
    pub samples: Vec<Sample>,
    /// The secrets that were captured meanwhile: to be masked wherever a sample is shown or kept.
    pub secrets: Secrets,
}

/// Looks on while probes are asked, to show how far they have come; it decides nothing.
///
/// Every implementation promises to return at once, whoever reads what it shows, however slowly: it is told by the
/// threads that ask.
pub trait Onlooker: Send + Sync {
    /// Sees what happens.
    fn sees(&self, sight: &Sight<'_>);
}

/// Nobody looks on.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Onlooker for Nobody {
    fn sees(&self, _: &Sight<'_>) {}
}

/// Nobody, where an onlooker is asked for.
pub fn nobody() -> Arc<dyn Onlooker> {
    Arc::new(Nobody)
}

/// Asks probes.
pub trait Prober: Sync {
    /// Takes one sample of every probe, in their order: each is asked once what it needs has passed, until it passes or
    /// its retries are used up, within the limits, none for longer than its `timeout` an attempt, and no longer than
    /// `stop` says no. The onlooker sees every attempt.
    ///
    /// Every probe yields a sample whatever happens; one that was cut off is an error that says so, one whose needs are
    /// not met is inconclusive.
    fn sample_until(
        &self,
        probes: &[Ready],
        limits: Limits,
        stop: &(dyn Fn() -> bool + Sync),
        onlooker: &Arc<dyn Onlooker>,
    ) -> Asked;

    /// Whether a file that a probe names can be used as what it is named for: it is there, can be read, and is what it
    /// must be. `path` is relative to the repository's root, or absolute.
    ///
    /// # Errors
    /// A text that names the file and the cause.
    fn can_use(&self, path: &str, used_as: FileUse) -> Result<(), String>;

    /// The samples of probes without variables, where nobody asks it to stop.
    fn sample(
        &self,
        probes: &[Probe],
        concurrency: usize,
        patience: Option<Duration>,
    ) -> Vec<Sample> {
        let probes: Vec<Ready> = probes.iter().cloned().map(Ready::plain).collect();
        let limits = Limits {
            concurrency,
            per_host: concurrency,
            patience,
        };
        self.sample_until(&probes, limits, &|| false, &nobody())
            .samples
    }
}
