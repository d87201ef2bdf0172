//! What this process holds or announces for as long as it needs it.

use crate::domain::ids::ReleaseName;
use crate::ports::{
    Acquired, Holder, Lease, LeaseName, Leases, Presence, Runner, StoreError, Tenure,
};

use super::World;

/// A lease that is given back at the end of this value.
pub struct Held<'a> {
    leases: &'a dyn Leases,
    lease: Lease,
}

impl<'a> Held<'a> {
    /// Acquires the lease; the holder where somebody else has it.
    ///
    /// # Errors
    /// [`StoreError`] where there is no means by which processes exclude each other.
    pub fn acquire(
        leases: &'a dyn Leases,
        name: &LeaseName,
    ) -> Result<Result<Self, Holder>, StoreError> {
        Ok(match leases.acquire(name)? {
            Acquired::Held(lease) => Ok(Self { leases, lease }),
            Acquired::Taken(holder) => Err(holder),
        })
    }

    /// Whether this process still holds it. Where the store does not tell, it does not: what is begun without a lease may
    /// be done twice.
    pub fn is_held(&self) -> bool {
        matches!(self.leases.still_held(&self.lease), Ok(Tenure::Held))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.leases.release(&self.lease);
    }
}

/// That this process watches a release, until the end of this value.
pub struct Present<'a> {
    presence: &'a dyn Presence,
    release: ReleaseName,
}

impl<'a> Present<'a> {
    /// Nothing is announced yet.
    pub const fn new(presence: &'a dyn Presence, release: ReleaseName) -> Self {
        Self { presence, release }
    }

    /// Announces it, or keeps it announced. Returns who is shown instead.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be announced.
    pub fn announce(&self) -> Result<Option<Holder>, StoreError> {
        self.presence.announce(&self.release)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.presence.withdraw(&self.release);
    }
}

/// Who watches a release, of those that are not stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watching {
    /// The process on this machine, where the store shows it.
    pub process: Option<i32>,
}

/// Somebody who watches the release: a process that was stopped watches nothing, and where the store does not tell nobody
/// is known to.
pub fn watching(world: &World<'_>, release: &ReleaseName) -> Option<Watching> {
    let watchers = world.presence.watchers(release).unwrap_or_default();
    watchers.iter().find_map(|it| running(world.runner, it))
}

fn running(runner: &dyn Runner, holder: &Holder) -> Option<Watching> {
    if holder.elsewhere.is_some() || holder.processes.is_empty() {
        return Some(Watching { process: None });
    }
    let mut processes = holder.processes.iter();
    let running = processes.find(|it| !runner.is_stopped(**it))?;
    Some(Watching {
        process: Some(*running),
    })
}

/// Lets those processes of a holder on this machine go on that were stopped. Returns whether there was one.
pub fn resume(runner: &dyn Runner, holder: &Holder) -> bool {
    let here = holder
        .processes
        .iter()
        .filter(|_| holder.elsewhere.is_none());
    // All of them: one that only asked for a lease is in the way too.
    let resumed: Vec<bool> = here.map(|process| runner.resume(*process)).collect();
    resumed.contains(&true)
}

/// Lets whoever drives the rollback of a release go on where that process was stopped. Returns whether it was.
pub fn resume_driver(world: &World<'_>, release: &ReleaseName) -> bool {
    let name = LeaseName::Rollback(release.clone());
    match world.leases.holder(&name) {
        Ok(Some(holder)) => resume(world.runner, &holder),
        Ok(None) | Err(_) => false,
    }
}
