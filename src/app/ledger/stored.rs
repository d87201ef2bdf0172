//! The ledger of one release over a store.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Decide, Ledger};
use crate::domain::anomaly::Anomaly;
use crate::domain::audit::{self, Flaw};
use crate::domain::clock::Reading;
use crate::domain::history::History;
use crate::domain::ids::{RecordId, ReleaseName};
use crate::domain::record::{Body, Draft, Record, TOOL};
use crate::domain::refusal::Refusal;
use crate::domain::signature::{SKEW_MINUTES, Standing};
use crate::domain::writer::Writer;
use crate::ports::{
    AppendError, Appended, Batch, Order, Proposal, Reader, Records, Seal, StoreError,
};

/// The most by which a writer's clock may be behind the last record for its own record to be given that one's time.
const SKEW: TimeDelta = TimeDelta::days(1);

/// What was decided is good for so many milliseconds without a look at the clock.
const SOON: u64 = 100;

/// So many times what was decided is signed anew because something else was recorded meanwhile.
const SIGNINGS: usize = 5;

/// So many times it is decided anew because something else was recorded meanwhile.
const CONFLICTS: usize = 1_000;

/// A ledger, and what was read of it so far.
pub struct StoredLedger<'a> {
    records: &'a dyn Records,
    reader: Box<dyn Reader + Send + 'a>,
    seal: &'a dyn Seal,
    release: ReleaseName,
    writer: Writer,
    history: History,
}

/// Records with their place in the history.
struct Placed {
    /// What had no successor when they were decided.
    heads: Vec<RecordId>,
    records: Vec<Record>,
    /// What the clocks said when they were decided.
    decided: Reading,
}

impl<'a> StoredLedger<'a> {
    /// The ledger of `release`, of which nothing has been read.
    pub fn new(
        records: &'a dyn Records,
        seal: &'a dyn Seal,
        (release, writer): (&ReleaseName, &Writer),
    ) -> Self {
        Self {
            records,
            reader: records.reader(release),
            seal,
            release: release.clone(),
            writer: writer.clone(),
            history: History::new(release.clone()),
        }
    }

    /// Takes in what is new in the store. Returns whether anything was.
    fn read(&mut self) -> Result<bool, StoreError> {
        self.judge_again();
        let batch = self.reader.read_since()?;
        Ok(self.take_in(batch))
    }

    fn take_in(&mut self, batch: Batch) -> bool {
        let Batch { records, flaws } = batch;
        let is_new = !records.is_empty();
        for (record, standing) in records.iter().zip(self.seal.judge(&records)) {
            self.history.judge(record.id, standing);
        }
        self.history.extend(records);
        let damage = flaws.into_iter().map(|it| self.anomaly(it)).collect();
        self.history.set_damage(damage);
        is_new
    }

    fn anomaly(&self, (name, flaw): (String, Flaw)) -> Anomaly {
        let mut anomaly = audit::anomaly(&self.records.place(&self.release), &name, flaw);
        anomaly.help = format!(
            "relgate ledger verify --release {}; {}",
            self.release, anomaly.help
        );
        anomaly
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

    /// The time that a record written at `wall` is given: that of the latest record it follows where the clock is
    /// behind it by less than a day, so that a clock set back a little, or another host's, leaves the records in the
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

    /// What was decided, after everything that is known.
    fn place(&self, drafts: Vec<Draft>, decided: Reading) -> Placed {
        let at = self.time(decided.wall);
        let heads = self.history.heads();
        let mut parents = heads.clone();
        let mut records = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let host = &self.writer.host;
            let record = self.attested(Record::new(draft, &self.release, parents, at, host));
            parents = vec![record.id];
            records.push(record);
        }
        Placed {
            heads,
            records,
            decided,
        }
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
        let mut parents = placed.heads.clone();
        let mut signed = Vec::with_capacity(placed.records.len());
        for record in placed.records {
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
            records: signed,
            ..placed
        })
    }

    /// Appends what was decided unless something else was stored since. `None` where it was: that is known now.
    ///
    /// A disk may take longer than a window: where making the first record durable took a while, it is decided again
    /// before anybody sees it, so that nobody was first who is late. Somebody who does not wait for such a disk claims the
    /// rollback in memory at the deadline.
    fn write(
        &mut self,
        placed: Placed,
        decide: &mut Decide<'_>,
    ) -> Result<Option<Vec<Record>>, AppendError> {
        let Placed {
            heads,
            records,
            decided,
        } = placed;
        let standings: Vec<Standing> = self
            .seal
            .judge(&records)
            .into_iter()
            .zip(&records)
            .map(
                |(standing, record)| match is_vouched_for(record, &standing) {
                    true => {
                        self.seal.vouch(record.id);
                        Standing::Own
                    }
                    false => standing,
                },
            )
            .collect();
        let (store, history) = (self.records, &self.history);
        let mut still = || {
            let Ok(now) = store.now() else {
                return Err(Refusal::refused(
                    "the store does not tell the time now: nothing was recorded",
                )
                .help("run the command again"));
            };
            let passed = now.boot_ms_since(&decided);
            match passed.is_none_or(|passed| passed > SOON) {
                true => decide(history, &now).map(drop),
                false => Ok(()),
            }
        };
        let proposal = Proposal {
            heads: &heads,
            records: &records,
            order: Order::ParentsFirst,
        };
        match self.reader.append_if_heads(&proposal, &mut still)? {
            Appended::Conflict(batch) => {
                self.take_in(batch);
                Ok(None)
            }
            Appended::Stored => {
                for (record, standing) in records.iter().zip(standings) {
                    self.history.judge(record.id, standing);
                    self.history.extend(vec![record.clone()]);
                }
                Ok(Some(records))
            }
        }
    }

    /// Takes in records that were written elsewhere: those that are not known, all or none.
    ///
    /// # Errors
    /// Refused where one does not count as its writer's or cannot stand beside what is recorded; as [`Ledger::append`].
    pub fn adopt(mut self, records: &[Record]) -> Result<Vec<Record>, AppendError> {
        self.read()?;
        for _ in 0..CONFLICTS {
            let (whole, added) = self.beside(records)?;
            let proposal = Proposal {
                heads: &self.history.heads(),
                records: &added,
                order: Order::AllOrNone,
            };
            match self.reader.append_if_heads(&proposal, &mut || Ok(()))? {
                Appended::Conflict(batch) => drop(self.take_in(batch)),
                Appended::Stored => {
                    self.history = whole;
                    return Ok(added);
                }
            }
        }
        Err(self.too_busy(CONFLICTS, "imported"))
    }

    /// The history with those of `records` that are new, and these.
    fn beside(&self, records: &[Record]) -> Result<(History, Vec<Record>), Refusal> {
        let refuse = |what: String| {
            Refusal::refused(format!("nothing was imported: {what}"))
                .help(format!("relgate ledger verify --release {}", self.release))
        };
        let is_new = |record: &&Record| !self.history.contains(&record.id);
        let new: Vec<Record> = records.iter().filter(is_new).cloned().collect();
        let mut whole = self.history.clone();
        for (record, standing) in new.iter().zip(self.seal.judge(&new)) {
            if let Standing::Void(flaw) = &standing {
                let name = record.file_name();
                return Err(refuse(format!("{name} does not count here: {flaw}")));
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
            });
        }
        let added = whole.records().iter().filter(is_new).cloned().collect();
        Ok((whole, added))
    }

    fn too_busy(&self, times: usize, what: &str) -> AppendError {
        let release = &self.release;
        Refusal::refused(format!(
            "something else was recorded {times} times while this was being {what}: nothing was recorded"
        ))
        .help(format!("relgate log --release {release}; then run the command again"))
        .into()
    }
}

impl Ledger for StoredLedger<'_> {
    fn refresh(&mut self) -> Result<&History, StoreError> {
        self.read()?;
        Ok(&self.history)
    }

    fn history(&self) -> &History {
        &self.history
    }

    /// What is known is decided on first: the store compares anyway, and with many records a look beside that is most of
    /// the time that users wait. A refusal, and what somebody is asked to sign, are about everything that is stored.
    fn append(&mut self, decide: &mut Decide<'_>) -> Result<Vec<Record>, AppendError> {
        let mut unsigned = BTreeSet::from([TOOL.to_owned()]);
        let (mut signings, mut conflicts) = (0, 0);
        let mut is_fresh = false;
        loop {
            let now = self.records.now()?;
            let decided = decide(&self.history, &now).and_then(|drafts| {
                let placed = self.place(drafts, now);
                self.history.admits(&placed.records)?;
                Ok(placed)
            });
            let is_final = |it: &Placed| it.records.iter().all(|it| unsigned.contains(&it.by));
            let placed = match decided {
                Ok(placed) if is_final(&placed) && !placed.records.is_empty() => placed,
                _ if !is_fresh => {
                    is_fresh = true;
                    self.read()?;
                    continue;
                }
                Ok(placed) if placed.records.is_empty() => return Ok(Vec::new()),
                Ok(_) if signings == SIGNINGS => return Err(self.too_busy(SIGNINGS, "signed")),
                Ok(placed) => {
                    signings += 1;
                    self.sign(placed, &mut unsigned)?
                }
                Err(refusal) => return Err(refusal.into()),
            };
            if let Some(records) = self.write(placed, decide)? {
                return Ok(records);
            }
            is_fresh = true;
            conflicts += 1;
            if conflicts == CONFLICTS {
                return Err(self.too_busy(CONFLICTS, "decided"));
            }
        }
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
