//! The target of a rollback: of two releases on it, one is rolled back at a time.

use crate::app::World;
use crate::app::lease::{self, Held};
use crate::app::project::Release;
use crate::app::verify::passed;
use crate::domain::clock::Reading;
use crate::domain::decide::target;
use crate::domain::history::History;
use crate::ports::LeaseName;

/// A target, and whether this rollback has it for itself.
pub(super) struct Target<'a> {
    world: &'a World<'a>,
    release: &'a Release,
    lease: Option<Held<'a>>,
    /// Since when it is waited for.
    since: Option<Reading>,
}

impl<'a> Target<'a> {
    /// The target of `release`, which nobody has taken.
    pub fn new(world: &'a World<'a>, release: &'a Release) -> Self {
        Self {
            world,
            release,
            lease: None,
            since: None,
        }
    }

    /// Takes it, and returns whether the rollback may run: it does once no other one has it, where no means excludes others,
    /// and after the time that a deployment may take in any case: users come first.
    pub fn take(&mut self, history: &History, now: &Reading) -> bool {
        if self.lease.as_ref().is_some_and(Held::is_held) {
            return true;
        }
        self.lease = None;
        let policy = &self.release.policy;
        let Some(target) = target::of(policy, history) else {
            return true;
        };
        match Held::acquire(self.world.leases, &LeaseName::Target(target)) {
            Ok(Ok(lease)) => {
                self.lease = Some(lease);
                true
            }
            Ok(Err(holder)) => {
                lease::resume(self.world.runner, &holder);
                let since = self.since.get_or_insert_with(|| now.clone());
                passed(since, now) >= policy.deploy_within().milliseconds()
            }
            Err(_) => true,
        }
    }
}
