//! Leases and presence: locks that end with the process that holds them. A term never ends while its process lives.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::FileStore;
use super::locks::{Kind, of_target};
use crate::domain::ids::ReleaseName;
use crate::effects::lock::{self, Lock, LockTarget};
use crate::effects::stopped::Holders;
use crate::ports::{Acquired, Holder, Lease, LeaseName, Leases, Presence, StoreError, Tenure};

impl FileStore<'_> {
    fn target(&self, name: &LeaseName) -> LockTarget {
        match name {
            LeaseName::Rollback(release) => self.locks(release).target(Kind::Rollback),
            LeaseName::Target(target) => LockTarget::named(of_target(self.root(), target)),
        }
    }

    fn failed(target: &LockTarget, source: std::io::Error) -> StoreError {
        StoreError::Write {
            place: target.place(),
            source,
        }
    }
}

impl Leases for FileStore<'_> {
    fn acquire(&self, name: &LeaseName) -> Result<Acquired, StoreError> {
        let target = self.target(name);
        let lock = Lock::try_acquire(&target).map_err(|error| Self::failed(&target, error))?;
        let Some(lock) = lock else {
            return Ok(Acquired::Taken(all(&target.holders())));
        };
        let term = self.terms.fetch_add(1, Ordering::SeqCst);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(term, lock);
        Ok(Acquired::Held(Lease {
            name: name.clone(),
            holder: self.writer.clone(),
            term,
        }))
    }

    fn still_held(&self, lease: &Lease) -> Result<Tenure, StoreError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // A lock file may have been removed; what else excludes others does so.
        if lease.holder == self.writer && held.get(&lease.term).is_some_and(Lock::excludes) {
            return Ok(Tenure::Held);
        }
        drop(held);
        Ok(Tenure::Lost(self.holder(&lease.name)?))
    }

    fn holder(&self, name: &LeaseName) -> Result<Option<Holder>, StoreError> {
        let target = self.target(name);
        if Lock::is_held(&target) {
            return Ok(Some(all(&target.holders())));
        }
        if Lock::is_available(&target) {
            return Ok(None);
        }
        let source = std::io::ErrorKind::Unsupported.into();
        Err(Self::failed(&target, source))
    }

    fn release(&self, lease: &Lease) {
        if lease.holder == self.writer {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.remove(&lease.term);
        }
    }
}

/// Those that hold it alone, and those that only ask for it: one of these that was stopped is in the way too.
fn all(holders: &Holders) -> Holder {
    Holder {
        elsewhere: None,
        processes: holders.all(),
    }
}

impl Presence for FileStore<'_> {
    fn announce(&self, release: &ReleaseName) -> Result<Option<Holder>, StoreError> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if present.get(release).is_some_and(Lock::is_current) {
            return Ok(None);
        }
        present.remove(release);
        let locks = self.locks(release);
        // The disk may become read-only within the window.
        lock::prepare(&locks.target(Kind::Rollback));
        let target = locks.target(Kind::Watch);
        // It excludes nobody, and a thousand windows have one each: one open file is enough.
        let by_file = LockTarget {
            socket: None,
            ..target.clone()
        };
        let acquired = Lock::try_acquire(&by_file).or_else(|_| Lock::try_acquire(&target));
        match acquired.map_err(|error| Self::failed(&target, error))? {
            Some(lock) => {
                present.insert(release.clone(), lock);
                Ok(None)
            }
            None => Ok(Some(all(&target.holders()))),
        }
    }

    fn withdraw(&self, release: &ReleaseName) {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.remove(release);
    }

    fn watchers(&self, release: &ReleaseName) -> Result<Vec<Holder>, StoreError> {
        let target = self.locks(release).target(Kind::Watch);
        let processes = target.holders().exclusive();
        // Where the system does not show who it is, there is somebody.
        Ok(match processes.is_empty() && !Lock::is_held(&target) {
            true => Vec::new(),
            false => vec![Holder {
                elsewhere: None,
                processes,
            }],
        })
    }
}
