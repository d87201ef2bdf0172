//! Records, leases and presence in memory, shared by processes that are simulated: what a store promises, without a disk.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::audit::{self, Content};
use crate::domain::clock::Reading;
use crate::domain::ids::{RecordId, ReleaseName};
use crate::domain::record::{Record, kind_of_file_name};
use crate::domain::refusal::Refusal;
use crate::domain::writer::Writer;
use crate::ports::{
    Acquired, AppendError, Appended, Batch, Clock, Holder, Lease, LeaseName, Leases, Presence,
    Proposal, Reader, Records, StoreError, Summaries, Summary, Tenure,
};

/// What all processes share.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Shared>);

#[derive(Debug, Default)]
struct Shared {
    releases: BTreeMap<ReleaseName, Vec<Record>>,
    leases: BTreeMap<LeaseName, Lease>,
    terms: u64,
    present: BTreeMap<ReleaseName, HashSet<Writer>>,
    unreadable: Option<io::ErrorKind>,
    unwritable: Option<io::ErrorKind>,
}

impl Memory {
    /// Nothing is stored.
    pub fn new() -> Self {
        Self::default()
    }

    /// The records of a release as they are stored.
    pub fn records(&self, release: &ReleaseName) -> Vec<Record> {
        self.lock().records(release).to_vec()
    }

    /// The process ends, however that comes: what it held can be acquired, and it watches nothing.
    pub fn end(&self, writer: &Writer) {
        let mut shared = self.lock();
        shared.leases.retain(|_, lease| lease.holder != *writer);
        for present in shared.present.values_mut() {
            present.remove(writer);
        }
    }

    /// A term ends while its holder lives, as one does that was not renewed.
    pub fn end_term(&self, name: &LeaseName) {
        self.lock().leases.remove(name);
    }

    /// From now on nothing can be read; `None` mends it.
    pub fn fail_reading(&self, kind: Option<io::ErrorKind>) {
        self.lock().unreadable = kind;
    }

    /// From now on nothing can be written; `None` mends it.
    pub fn fail_writing(&self, kind: Option<io::ErrorKind>) {
        self.lock().unwritable = kind;
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn records(&self, release: &ReleaseName) -> &[Record] {
        self.releases.get(release).map_or(&[], Vec::as_slice)
    }

    fn heads(&self, release: &ReleaseName) -> Vec<RecordId> {
        let records = self.records(release).iter();
        let parents: BTreeSet<RecordId> =
            records.clone().flat_map(|it| it.parents.clone()).collect();
        let heads = records.map(|it| it.id).filter(|id| !parents.contains(id));
        BTreeSet::from_iter(heads).into_iter().collect()
    }

    fn readable(&self, release: &ReleaseName) -> Result<(), StoreError> {
        self.unreadable.map_or(Ok(()), |kind| {
            Err(StoreError::Read {
                place: release.to_string(),
                source: kind.into(),
            })
        })
    }

    fn writable(&self, place: &str) -> Result<(), StoreError> {
        self.unwritable.map_or(Ok(()), |kind| {
            Err(StoreError::Write {
                place: place.to_owned(),
                source: kind.into(),
            })
        })
    }
}

/// The store as one process sees it.
pub struct MemoryStore<'a> {
    memory: &'a Memory,
    clock: &'a dyn Clock,
    writer: Writer,
}

impl<'a> MemoryStore<'a> {
    /// The store of `writer`, whose decisions are made by `clock`.
    pub const fn new(memory: &'a Memory, clock: &'a dyn Clock, writer: Writer) -> Self {
        Self {
            memory,
            clock,
            writer,
        }
    }

    fn holder(&self, writer: &Writer) -> Holder {
        Holder {
            elsewhere: (writer.host != self.writer.host).then(|| writer.host.clone()),
            processes: i32::try_from(writer.pid).into_iter().collect(),
        }
    }
}

/// A reader that has read the first so many records.
struct MemoryReader<'a> {
    memory: &'a Memory,
    release: ReleaseName,
    read: usize,
}

impl Records for MemoryStore<'_> {
    fn reader(&self, release: &ReleaseName) -> Box<dyn Reader + Send + '_> {
        Box::new(MemoryReader {
            memory: self.memory,
            release: release.clone(),
            read: 0,
        })
    }

    fn now(&self) -> Result<Reading, StoreError> {
        Ok(self.clock.now())
    }

    fn stored(&self, release: &ReleaseName) -> Result<Vec<audit::File>, StoreError> {
        let shared = self.memory.lock();
        shared.readable(release)?;
        let files = shared.records(release).iter().map(|record| audit::File {
            name: record.file_name(),
            content: Content::Bytes(record.bytes().to_vec()),
        });
        Ok(files.collect())
    }

    fn identity(&self, release: &ReleaseName) -> String {
        release.to_string()
    }

    fn place(&self, release: &ReleaseName) -> String {
        format!("memory of {release}")
    }
}

impl MemoryReader<'_> {
    fn new_in(&mut self, shared: &Shared) -> Batch {
        let records = shared.records(&self.release);
        let new = records[self.read..].to_vec();
        self.read = records.len();
        Batch {
            records: new,
            flaws: Vec::new(),
        }
    }
}

impl Reader for MemoryReader<'_> {
    fn read_since(&mut self) -> Result<Batch, StoreError> {
        let shared = self.memory.lock();
        shared.readable(&self.release)?;
        Ok(self.new_in(&shared))
    }

    fn append_if_heads(
        &mut self,
        proposal: &Proposal<'_>,
        still: &mut dyn FnMut() -> Result<(), Refusal>,
    ) -> Result<Appended, AppendError> {
        {
            let shared = self.memory.lock();
            shared.readable(&self.release)?;
            shared.writable(self.release.as_str())?;
        }
        still()?;
        let mut shared = self.memory.lock();
        let is_unread = self.read < shared.records(&self.release).len();
        if is_unread || shared.heads(&self.release) != proposal.heads {
            return Ok(Appended::Conflict(self.new_in(&shared)));
        }
        let records = shared.releases.entry(self.release.clone()).or_default();
        records.extend(proposal.records.iter().cloned());
        self.read = records.len();
        Ok(Appended::Stored)
    }
}

impl Leases for MemoryStore<'_> {
    fn acquire(&self, name: &LeaseName) -> Result<Acquired, StoreError> {
        let mut shared = self.memory.lock();
        if let Some(lease) = shared.leases.get(name) {
            return Ok(Acquired::Taken(self.holder(&lease.holder)));
        }
        shared.terms += 1;
        let lease = Lease {
            name: name.clone(),
            holder: self.writer.clone(),
            term: shared.terms,
        };
        shared.leases.insert(name.clone(), lease.clone());
        Ok(Acquired::Held(lease))
    }

    fn still_held(&self, lease: &Lease) -> Result<Tenure, StoreError> {
        let shared = self.memory.lock();
        Ok(match shared.leases.get(&lease.name) {
            Some(current) if current == lease && lease.holder == self.writer => Tenure::Held,
            other => Tenure::Lost(other.map(|it| self.holder(&it.holder))),
        })
    }

    fn holder(&self, name: &LeaseName) -> Result<Option<Holder>, StoreError> {
        let shared = self.memory.lock();
        Ok(shared.leases.get(name).map(|it| self.holder(&it.holder)))
    }

    fn release(&self, lease: &Lease) {
        let mut shared = self.memory.lock();
        shared.leases.retain(|_, it| it != lease);
    }
}

impl Presence for MemoryStore<'_> {
    fn announce(&self, release: &ReleaseName) -> Result<Option<Holder>, StoreError> {
        let mut shared = self.memory.lock();
        let present = shared.present.entry(release.clone()).or_default();
        present.insert(self.writer.clone());
        Ok(None)
    }

    fn withdraw(&self, release: &ReleaseName) {
        let mut shared = self.memory.lock();
        if let Some(present) = shared.present.get_mut(release) {
            present.remove(&self.writer);
        }
    }

    fn watchers(&self, release: &ReleaseName) -> Result<Vec<Holder>, StoreError> {
        let shared = self.memory.lock();
        let present = shared.present.get(release).into_iter().flatten();
        Ok(present.map(|it| self.holder(it)).collect())
    }
}

impl Summaries for MemoryStore<'_> {
    fn summary(&self, release: &ReleaseName) -> Result<Summary, StoreError> {
        let shared = self.memory.lock();
        shared.readable(release)?;
        let records = shared.records(release);
        let kinds = records.iter().map(|it| {
            let name = it.file_name();
            kind_of_file_name(&name).map(str::to_owned)
        });
        Ok(Summary {
            version: records.len().to_string(),
            kinds: kinds.collect(),
        })
    }

    fn has_sound(&self, release: &ReleaseName, kind: &str) -> Result<bool, StoreError> {
        let shared = self.memory.lock();
        shared.readable(release)?;
        let mut records = shared.records(release).iter();
        Ok(records.any(|it| it.kind() == kind))
    }
}
