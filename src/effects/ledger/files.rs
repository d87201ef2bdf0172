//! The ledger of one release as a folder of files, one for each record.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use super::folder::{self, Reader};
use super::locks::Locks;
use crate::domain::anomaly::{Anomaly, Damage};
use crate::domain::audit::{self, Flaw};
use crate::domain::history::History;
use crate::domain::ids::{RecordId, ReleaseName};
use crate::domain::record::{Body, Record, TOOL};
use crate::domain::refusal::Refusal;
use crate::domain::shares::in_shares;
use crate::domain::signature::{SKEW_MINUTES, Standing};
use crate::effects::lock::Lock;
use crate::ports::{AppendError, Clock, Decide, Ledger, LedgerError, Seal, Unsealed};

/// The most by which a writer's clock may be behind the last record for its own record to be given that one's time.
const SKEW: TimeDelta = TimeDelta::days(1);

/// What was decided is good for so many milliseconds without a look at the clock.
const SOON: u64 = 100;

/// So many times what was decided is signed anew because something else was recorded meanwhile.
const SIGNINGS: usize = 5;

/// The ledger in a folder, and what was read of it so far.
///
/// A file is read once: one that is changed in place after it was read is found by the next process that opens the
/// ledger, and by an audit.
pub struct FileLedger<'a> {
    folder: PathBuf,
    release: ReleaseName,
    history: History,
    /// The names of the files whose records are in the history.
    known: HashSet<String>,
    /// The names of those that were there once, and are not any more.
    gone: BTreeSet<String>,
    seal: &'a dyn Seal,
}

/// Records with their place in the history.
struct Placed {
    /// What had no successor when they were decided.
    heads: Vec<RecordId>,
    records: Vec<Record>,
}

/// What became of a file that was not known.
enum Seen {
    Sound(Box<Record>),
    Flawed(Flaw),
    Vanished,
}

impl FileLedger<'static> {
    /// The ledger of `release` in `folder`, of which nothing has been read; the folder need not exist. Nothing is signed,
    /// and no signature looked at.
    pub fn new(folder: impl Into<PathBuf>, release: ReleaseName) -> Self {
        Self {
            folder: folder.into(),
            history: History::new(release.clone()),
            release,
            known: HashSet::new(),
            gone: BTreeSet::new(),
            seal: &Unsealed,
        }
    }
}

impl<'a> FileLedger<'a> {
    /// The same ledger, whose records are signed and held against their signatures; of which nothing has been read.
    pub fn sealed(self, seal: &'a dyn Seal) -> Self {
        Self { seal, ..self }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn locks(&self) -> Locks {
        Locks::new(&self.folder, &self.release)
    }

    /// Takes in what is new in the folder. Returns what a crash left unfinished there.
    fn read(&mut self) -> Result<Vec<PathBuf>, LedgerError> {
        self.judge_again();
        let listing = folder::list(&self.folder, &self.known)?;
        if listing.known < self.known.len() {
            self.notice_the_gone();
        }
        let mut flaws: Vec<(String, Flaw)> = listing
            .unnameable
            .into_iter()
            .map(|name| (name, audit::foreign()))
            .collect();
        let mut new = Vec::with_capacity(listing.names.len());
        let seen = match Reader::open(&self.folder)? {
            Some(reader) if !listing.names.is_empty() => {
                in_shares(&listing.names, |share| examine(&reader, share))
            }
            _ => Vec::new(),
        };
        for (name, seen) in listing.names.into_iter().zip(seen) {
            match seen {
                Seen::Sound(record) => {
                    self.gone.remove(&name);
                    self.known.insert(name);
                    new.push(*record);
                }
                Seen::Flawed(flaw) => flaws.push((name, flaw)),
                Seen::Vanished => {}
            }
        }
        for (record, standing) in new.iter().zip(self.seal.judge(&new)) {
            self.history.judge(record.id, standing);
        }
        self.history.extend(new);
        self.history.set_damage(self.damage(flaws));
        Ok(listing.unfinished)
    }

    /// Asks again about the records that did not count when they were first seen: the line that gives a key to its person
    /// may arrive after what it signed. What counted then goes on to count for this ledger.
    fn judge_again(&mut self) {
        let aside = self.history.set_aside().iter();
        let records: Vec<Record> = aside
            .filter_map(|it| self.history.find(&it.record).cloned())
            .collect();
        if records.is_empty() {
            return;
        }
        let judged = records.iter().zip(self.seal.judge(&records));
        let anew: Vec<(RecordId, Standing)> = judged
            .filter(|(_, standing)| {
                matches!(
                    standing,
                    Standing::Signed(_) | Standing::Plain | Standing::Unattested(_)
                )
            })
            .filter(|(record, standing)| self.history.standing(&record.id) != standing)
            .map(|(record, standing)| (record.id, standing))
            .collect();
        if !anew.is_empty() {
            self.history.judge_anew(anew);
        }
    }

    /// Moves the names that were known and are not there any more to those that are gone.
    fn notice_the_gone(&mut self) {
        let folder = &self.folder;
        let gone = self.known.extract_if(|name| {
            let there = folder.join(name).symlink_metadata();
            there.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        });
        self.gone.extend(gone);
    }

    /// What is wrong with the folder, by file.
    fn damage(&self, mut flaws: Vec<(String, Flaw)>) -> Vec<Anomaly> {
        let removed = self
            .gone
            .iter()
            .filter(|name| !flaws.iter().any(|(flawed, _)| flawed == *name))
            .map(|name| {
                let what = "it was there when it was last looked for, and is gone";
                (name.clone(), Flaw::new(Damage::Removed, what))
            })
            .collect::<Vec<_>>();
        flaws.extend(removed);
        flaws.sort_by(|(a, _), (b, _)| a.cmp(b));
        let folder = self.folder.display().to_string();
        flaws
            .into_iter()
            .map(|(name, flaw)| {
                let mut anomaly = audit::anomaly(&folder, &name, flaw);
                anomaly.help = format!(
                    "relgate ledger verify --release {}; {}",
                    self.release, anomaly.help
                );
                anomaly
            })
            .collect()
    }

    /// The time that a record written at `wall` is given: that of the latest record it follows where the clock is
    /// behind it by less than a day, so that a clock set back a little, or another host's, leaves the files in the
    /// order of the history. Further behind, it is the earlier record whose clock was wrong, and following it would
    /// make every later record as wrong. Where records are signed it is followed no further than a signature may be
    /// dated ahead: a record from the future, which anybody may put there, would keep everybody from signing.
    fn time(&self, wall: DateTime<Utc>) -> DateTime<Utc> {
        let skew = match self.seal.signs() {
            true => TimeDelta::minutes(SKEW_MINUTES),
            false => SKEW,
        };
        let heads = self.history.heads();
        let records = heads.iter().filter_map(|id| self.history.find(id));
        let latest = records.map(|record| record.at).max();
        match latest {
            Some(latest) if latest > wall && latest - wall < skew => latest,
            _ => wall,
        }
    }
}

impl Ledger for FileLedger<'_> {
    fn refresh(&mut self) -> Result<&History, LedgerError> {
        self.read()?;
        Ok(&self.history)
    }

    fn history(&self) -> &History {
        &self.history
    }

    fn append(
        &mut self,
        clock: &dyn Clock,
        decide: &mut Decide<'_>,
    ) -> Result<Vec<Record>, AppendError> {
        folder::create(&self.folder)?;
        let mut unsigned = BTreeSet::from([TOOL.to_owned()]);
        let mut signed: Option<Placed> = None;
        for _ in 0..=SIGNINGS {
            let lock = Lock::acquire(&self.locks().append(), clock)?;
            for unfinished in self.read()? {
                // Whoever writes has the lock, so its writer is dead. Left where it is it does no harm.
                let _ = std::fs::remove_file(unfinished);
            }
            let placed = match signed.take() {
                Some(placed) if placed.heads == self.history.heads() => {
                    // Nothing else was recorded; but the time may have run out while somebody looked for the key.
                    decide(&self.history, &clock.now())?;
                    return self.write(placed, clock, decide);
                }
                _ => self.place(clock, decide)?,
            };
            if placed.records.iter().all(|it| unsigned.contains(&it.by)) {
                return self.write(placed, clock, decide);
            }
            // Somebody may have to find the key and touch it, and a rollback must not wait for that.
            drop(lock);
            signed = Some(self.sign(placed, &mut unsigned)?);
        }
        let release = &self.release;
        Err(Refusal::refused(format!(
            "something else was recorded {SIGNINGS} times while this was being signed: nothing was recorded"
        ))
        .help(format!("relgate log --release {release}; then run the command again"))
        .into())
    }
}

impl FileLedger<'_> {
    /// What `decide` wants recorded, after everything that is known.
    fn place(&self, clock: &dyn Clock, decide: &mut Decide<'_>) -> Result<Placed, AppendError> {
        let now = clock.now();
        let drafts = decide(&self.history, &now)?;
        let at = self.time(now.wall);
        let heads = self.history.heads();
        let mut parents = heads.clone();
        let mut records = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let record = self.attested(Record::new(draft, &self.release, parents, at, &now.host));
            parents = vec![record.id];
            records.push(record);
        }
        Ok(Placed { heads, records })
    }

    /// A record that relgate makes by itself, signed by the machine's key where there is one.
    fn attested(&self, record: Record) -> Record {
        let signature = match record.by == TOOL {
            true => self.seal.attest(&record),
            false => None,
        };
        match signature {
            Some(signature) => record.signed(signature),
            None => record,
        }
    }

    /// Signs each record that its writer signs, and links the next one to it. Whoever signs nothing is added to
    /// `unsigned`.
    fn sign(&self, placed: Placed, unsigned: &mut BTreeSet<String>) -> Result<Placed, AppendError> {
        let Placed { heads, records } = placed;
        let mut parents = heads.clone();
        let mut signed = Vec::with_capacity(records.len());
        for record in records {
            let by_itself = record.by == TOOL;
            let mut record = match by_itself {
                true => self.attested(record.unsigned().after(parents)),
                false => record.after(parents),
            };
            if !by_itself {
                match self.seal.sign(&record)? {
                    Some(signature) => record = record.signed(signature),
                    None => {
                        unsigned.insert(record.by.clone());
                    }
                }
            }
            parents = vec![record.id];
            signed.push(record);
        }
        Ok(Placed {
            heads,
            records: signed,
        })
    }

    /// Takes in records that were written elsewhere: those that are not known, all or none.
    ///
    /// They are written the last first. Where this process dies half-way, what lies there follows something that is missing,
    /// which shuts every gate until the same is taken in again; no sign-off stands there without the rejection that came
    /// after it, and no incident without its resolution.
    ///
    /// # Errors
    /// Refused where one does not count as its writer's or cannot stand beside what is recorded; as [`Ledger::append`].
    pub fn adopt(
        &mut self,
        clock: &dyn Clock,
        records: Vec<Record>,
    ) -> Result<Vec<Record>, AppendError> {
        folder::create(&self.folder)?;
        let _lock = Lock::acquire(&self.locks().append(), clock)?;
        for unfinished in self.read()? {
            // Whoever writes has the lock, so its writer is dead.
            let _ = std::fs::remove_file(unfinished);
        }
        let refuse = |what: String| {
            Refusal::refused(format!("nothing was imported: {what}"))
                .help(format!("relgate ledger verify --release {}", self.release))
        };
        let is_new = |record: &Record| !self.history.contains(&record.id);
        let new: Vec<Record> = records.into_iter().filter(is_new).collect();
        let mut whole = self.history.clone();
        for (record, standing) in new.iter().zip(self.seal.judge(&new)) {
            if let Standing::Void(flaw) = &standing {
                let name = record.file_name();
                return Err(refuse(format!("{name} does not count here: {flaw}")).into());
            }
            whole.judge(record.id, standing);
        }
        whole.extend(new);
        // What is missing here may be among them; what is wrong here beside that is not mended by them.
        if let Some(anomaly) = whole.anomalies().first() {
            let known = self.history.anomalies();
            let what = &anomaly.what;
            return Err(match known.iter().any(|it| it.what == *what) {
                true => refuse(format!("the ledger here is not whole: {what}")),
                false => refuse(what.clone()),
            }
            .into());
        }
        let records = whole.records().iter();
        let added: Vec<Record> = records
            .filter(|record| !self.history.contains(&record.id))
            .cloned()
            .collect();
        for (index, record) in added.iter().enumerate().rev() {
            if let Err(error) = folder::write(&self.folder, record) {
                for written in &added[index + 1..] {
                    let _ = std::fs::remove_file(self.folder.join(written.file_name()));
                }
                return Err(error.into());
            }
        }
        self.known.extend(added.iter().map(Record::file_name));
        self.history = whole;
        Ok(added)
    }

    /// Writes what was decided under this lock, or what was signed since and still follows everything.
    ///
    /// A disk may take longer than a window: where making the first record durable took a while, it is decided again
    /// before anybody sees it, so that nobody was first who is late. Somebody who does not wait for such a disk claims the
    /// rollback in memory at the deadline.
    fn write(
        &mut self,
        placed: Placed,
        clock: &dyn Clock,
        decide: &mut Decide<'_>,
    ) -> Result<Vec<Record>, AppendError> {
        let Placed { records, .. } = placed;
        self.history.admits(&records)?;
        let decided = clock.now();
        for (index, (record, standing)) in records.iter().zip(self.seal.judge(&records)).enumerate()
        {
            let prepared = folder::prepare(&self.folder, record)?;
            let now = clock.now();
            let passed = now.boot_ms_since(&decided);
            if index == 0 && passed.is_none_or(|passed| passed > SOON) {
                decide(&self.history, &now)?;
            }
            prepared.place()?;
            self.known.insert(record.file_name());
            let standing = match is_vouched_for(record, &standing) {
                true => {
                    self.seal.vouch(record.id);
                    Standing::Own
                }
                false => standing,
            };
            self.history.judge(record.id, standing);
            self.history.extend(vec![record.clone()]);
        }
        Ok(records)
    }
}

/// Whether this process believes a record that it wrote, whatever others make of it: it knows that the evidence which
/// resolves an incident is so, and what its clocks said. An opening is what others make of it, so that this process waits
/// for what they wait for.
fn is_vouched_for(record: &Record, standing: &Standing) -> bool {
    match (standing, &record.body) {
        (Standing::Unattested(_), Body::IncidentOpened(_)) => false,
        (Standing::Unattested(_), _) => true,
        (Standing::Plain, Body::IncidentResolved(_)) => record.by == TOOL,
        _ => false,
    }
}

/// Reads and judges the files of these names, in their order.
fn examine(reader: &Reader, names: &[String]) -> Vec<Seen> {
    let mut bytes = Vec::new();
    let mut examine = |name: &String| match reader.read(name, &mut bytes) {
        Err(flaw) => Seen::Flawed(flaw),
        Ok(false) => Seen::Vanished,
        Ok(true) => match audit::examine(name, &bytes) {
            Ok(record) => Seen::Sound(Box::new(record)),
            Err(flaw) => Seen::Flawed(flaw),
        },
    };
    names.iter().map(&mut examine).collect()
}
