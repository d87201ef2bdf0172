//! A release's records as one hash-linked history, and the state that they fold to.
//!
//! Records are put in an order in which parents come before their children, ties broken by time and id, so that every
//! reader of the same records sees the same state, however they were merged. A record that cannot follow what it was
//! written after is an anomaly, and shuts every gate; one that cannot follow only because of another that was written
//! beside it is superseded: shown, without effect, and nothing that has to be made right. So is one that repeats another
//! under another form of its signature. One that does not count as its writer's is set aside.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::anomaly::Damage;
use super::ids::{RecordId, ReleaseName};
use super::record::{Body, Record};
use super::refusal::Refusal;
use super::signature::Standing;
use super::state::ReleaseState;

mod aside;
mod believed;
mod copies;
mod doubts;
mod merge;
#[cfg(test)]
mod tests;
mod unread;

pub use super::anomaly::Anomaly;
pub use aside::SetAside;
pub use doubts::Doubt;
pub use merge::Superseded;
pub use unread::Unread;

/// All that is known of a release, in order.
#[derive(Clone, Debug)]
pub struct History {
    release: ReleaseName,
    records: Vec<Record>,
    known: HashMap<RecordId, usize>,
    heads: BTreeSet<RecordId>,
    state: ReleaseState,
    anomalies: Vec<Anomaly>,
    damage: Vec<Anomaly>,
    unknown: Vec<RecordId>,
    superseded: Vec<Superseded>,
    names: merge::Names,
    /// What the signatures of records make of them; nothing of those that have none and need none.
    standings: Arc<HashMap<RecordId, Standing>>,
    aside: aside::Aside,
    copies: Arc<copies::Copies>,
    /// Those of the copies that were folded.
    folded_copies: HashSet<RecordId>,
    /// Whether this is the history as the writer of one record saw it, for a judgement: what is superseded in it or
    /// wrong with it is judged in the whole.
    is_view: bool,
}

impl History {
    /// The empty history of `release`.
    pub fn new(release: ReleaseName) -> Self {
        Self {
            release,
            records: Vec::new(),
            known: HashMap::new(),
            heads: BTreeSet::new(),
            state: ReleaseState::default(),
            anomalies: Vec::new(),
            damage: Vec::new(),
            unknown: Vec::new(),
            superseded: Vec::new(),
            names: merge::Names::default(),
            standings: Arc::default(),
            aside: aside::Aside::default(),
            copies: Arc::default(),
            folded_copies: HashSet::new(),
            is_view: false,
        }
    }

    /// Takes in records that were not known yet. Those that simply continue the history are folded onto its state;
    /// anything else (a merged branch) folds the whole anew.
    pub fn extend(&mut self, new: Vec<Record>) {
        let new: Vec<Record> = new
            .into_iter()
            .filter(|record| !self.known.contains_key(&record.id))
            .collect();
        if new.is_empty() {
            return;
        }
        // As they lie in a folder of one writer they are in order already, and sorting a hundred thousand is most of
        // the work.
        if self.continues(&new) {
            self.records.reserve(new.len());
            self.known.reserve(new.len());
            for record in new {
                self.take(record);
            }
            return;
        }
        let (ordered, orphans) = in_order(&self.known, new);
        if orphans.is_empty() && self.continues(&ordered) {
            for record in ordered {
                self.take(record);
            }
            return;
        }
        let mut all = std::mem::take(&mut self.records);
        all.extend(ordered);
        all.extend(orphans);
        self.fold_anew(all);
    }

    /// Folds everything from the beginning.
    fn fold_anew(&mut self, all: Vec<Record>) {
        let damage = std::mem::take(&mut self.damage);
        let standings = std::mem::take(&mut self.standings);
        *self = Self {
            damage,
            standings,
            ..Self::new(self.release.clone())
        };
        let (ordered, orphans) = in_order(&HashMap::new(), all);
        let mut copies = copies::Copies::new();
        let ordered = copies::group(ordered, &self.standings, &mut copies);
        let orphans = copies::group(orphans, &self.standings, &mut copies);
        self.copies = Arc::new(copies);
        for record in ordered {
            self.take(record);
        }
        for record in orphans {
            let missing: Vec<String> = record
                .parents
                .iter()
                .filter(|parent| !self.known.contains_key(parent))
                .map(RecordId::short)
                .collect();
            if !missing.is_empty() {
                let what = format!(
                    "the record {} ({}) follows a record that is missing: {}",
                    record.id.short(),
                    record.kind(),
                    missing.join(", ")
                );
                self.blame(Damage::Removed, &record, what);
            }
            self.take(record);
        }
    }

    /// Whether `records`, written after everything that is known, each after the one before, may follow it.
    ///
    /// # Errors
    /// Refused, with what was recorded first.
    pub fn admits(&self, records: &[Record]) -> Result<(), Refusal> {
        let refused = |record: &Record, why: String| {
            Refusal::refused(format!(
                "{} cannot be recorded: something else was recorded first, and {why}",
                record.kind()
            ))
            .help(format!("relgate log --release {}", self.release))
        };
        match records {
            [] => Ok(()),
            [one] => {
                let legal = self.state.check(&one.body);
                let kept = legal.and_then(|()| self.state.keeps_rules(&one.by, &one.body));
                kept.map_err(|why| refused(one, why))
            }
            several => {
                let mut state = self.state.clone();
                for record in several {
                    state
                        .apply(record)
                        .map_err(|illegal| refused(record, illegal.why))?;
                }
                Ok(())
            }
        }
    }

    /// The records that are without effect because of others that were written beside them, on another branch.
    pub fn superseded(&self) -> &[Superseded] {
        &self.superseded
    }

    /// The records that have no successor: the parents of the next one.
    pub fn heads(&self) -> Vec<RecordId> {
        self.heads.iter().copied().collect()
    }

    /// The records, parents before children.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What they fold to.
    pub fn state(&self) -> &ReleaseState {
        &self.state
    }

    /// What is wrong with the release's records, and with the place that they lie in.
    pub fn anomalies(&self) -> Vec<Anomaly> {
        self.damage.iter().chain(&self.anomalies).cloned().collect()
    }

    /// Replaces what is known to be wrong with the place that the records lie in: files that are no records, that do
    /// not match their names, that cannot be read.
    pub fn set_damage(&mut self, damage: Vec<Anomaly>) {
        self.damage = damage;
    }

    /// The release that it is the history of.
    pub fn release(&self) -> &ReleaseName {
        &self.release
    }

    /// The records of a kind or version that this program does not know.
    pub fn unknown(&self) -> &[RecordId] {
        &self.unknown
    }

    /// The record with this id.
    pub fn find(&self, id: &RecordId) -> Option<&Record> {
        self.records.get(self.position(id)?)
    }

    /// The place of the record with this id in the order of the history, from 0.
    pub fn position(&self, id: &RecordId) -> Option<usize> {
        self.known.get(id).copied()
    }

    /// Whether the history holds the record with this id.
    pub fn contains(&self, id: &RecordId) -> bool {
        self.known.contains_key(id)
    }

    /// When the last record was written, by its writer's wall clock.
    pub fn last_at(&self) -> Option<DateTime<Utc>> {
        self.records.last().map(|record| record.at)
    }

    /// Whether every record of `new` comes after all that is known, so that the order of the whole stays as it is.
    fn continues(&self, new: &[Record]) -> bool {
        let Some(first) = new.first() else {
            return true;
        };
        first.parents.iter().collect::<BTreeSet<_>>() == self.heads.iter().collect()
            && new.windows(2).all(|pair| pair[1].parents == [pair[0].id])
    }

    fn take(&mut self, record: Record) {
        let follows_all = record.parents.iter().eq(&self.heads);
        for parent in &record.parents {
            self.heads.remove(parent);
        }
        self.heads.insert(record.id);
        self.known.insert(record.id, self.records.len());
        if self.repeats(&record) {
            self.records.push(record);
            return;
        }
        let fact = self.in_folded_ids(&record);
        if fact.id != record.id {
            // In the view of a writer who knew of this one alone.
            self.known.insert(fact.id, self.records.len());
        }
        if record.release != self.release {
            let what = format!(
                "the record {} ({}) belongs to the release {}, not to {}",
                record.id.short(),
                record.kind(),
                record.release,
                self.release
            );
            self.blame(Damage::OtherRelease, &record, what);
        } else if matches!(record.body, Body::Unknown { .. }) {
            self.unknown.push(record.id);
        } else if !self.put_aside(&record.id, &fact) {
            let dispute = self.dispute_of(&record.id, &fact);
            self.note_clock(&record);
            match self.believed(&record.id, &fact) {
                Some(believed) => {
                    self.take_counting(&believed, follows_all);
                    self.doubt_clocks(&fact);
                }
                None => self.take_counting(&fact, follows_all),
            }
            if let Some(dispute) = dispute {
                self.take_dispute(&fact, dispute);
            }
        }
        drop(fact);
        self.records.push(record);
    }

    /// Takes note of a record that claims to be older than one that it follows.
    fn note_clock(&mut self, record: &Record) {
        let known = record.parents.iter().filter_map(|id| self.position(id));
        let latest = known.map(|at| &self.records[at]).max_by_key(|it| it.at);
        if let Some(latest) = latest.filter(|latest| record.at < latest.at) {
            self.state.note_clock_jump(record, latest);
        }
    }

    /// Folds a record that counts.
    fn take_counting(&mut self, record: &Record, follows_all: bool) {
        let rests = self.before_taking(record);
        let taken = match follows_all {
            true => self.state.apply(record),
            false => self.take_aside(record),
        };
        let Err(illegal) = taken else { return };
        if illegal.breaks_rule {
            if !self.is_view {
                self.superseded.push(Superseded {
                    record: record.id,
                    why: illegal.why,
                });
            }
            return;
        }
        if !follows_all {
            if self.is_view {
                return;
            }
            if self.view_of(record).state.check(&record.body).is_ok() {
                self.superseded.push(Superseded {
                    record: record.id,
                    why: illegal.why,
                });
                return;
            }
        }
        match rests {
            true => self.rests_on_aside(record, &illegal),
            false => self.blame(Damage::Illegal, record, illegal.to_string()),
        }
    }

    fn blame(&mut self, damage: Damage, record: &Record, what: String) {
        let help = match damage {
            Damage::OtherRelease => format!(
                "move {} to the ledger of {}",
                record.file_name(),
                record.release
            ),
            Damage::Illegal => format!("relgate log --release {}", self.release),
            _ => format!("relgate ledger verify --release {}", self.release),
        };
        self.anomalies.push(Anomaly {
            damage,
            file: Some(record.file_name()),
            record: Some(record.id),
            what,
            help,
        });
    }
}

/// Sorts `records` so that parents come first, ties by time and id. What follows a record that is neither known nor
/// among them is returned apart, in the same order.
fn in_order(known: &HashMap<RecordId, usize>, records: Vec<Record>) -> (Vec<Record>, Vec<Record>) {
    let mut given: HashMap<RecordId, usize> = HashMap::with_capacity(records.len());
    for (index, record) in records.iter().enumerate() {
        given.entry(record.id).or_insert(index);
    }
    let mut waiting_for = vec![0usize; records.len()];
    let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut orphaned = vec![false; records.len()];
    for (index, record) in records.iter().enumerate() {
        for parent in &record.parents {
            match given.get(parent) {
                Some(parent) => {
                    waiting_for[index] += 1;
                    children.entry(*parent).or_default().push(index);
                }
                None if known.contains_key(parent) => {}
                None => orphaned[index] = true,
            }
        }
    }
    let key = |index: usize| Reverse((records[index].at, records[index].id, index));
    // A record that was given twice is taken once.
    let first = |index: usize| given[&records[index].id] == index;
    let mut ready: BinaryHeap<_> = (0..records.len())
        .filter(|index| waiting_for[*index] == 0 && first(*index))
        .map(key)
        .collect();
    let mut place = vec![None; records.len()];
    let mut placed = 0;
    while let Some(Reverse((_, _, index))) = ready.pop() {
        place[index] = Some(placed);
        placed += 1;
        for child in children.get(&index).into_iter().flatten() {
            // What follows an orphan is one.
            orphaned[*child] |= orphaned[index];
            waiting_for[*child] -= 1;
            if waiting_for[*child] == 0 && first(*child) {
                ready.push(key(*child));
            }
        }
    }
    let mut ordered: Vec<(usize, Record)> = Vec::with_capacity(placed);
    let mut orphans: Vec<(usize, Record)> = Vec::new();
    for (index, record) in records.into_iter().enumerate() {
        match place[index] {
            Some(place) if orphaned[index] => orphans.push((place, record)),
            Some(place) => ordered.push((place, record)),
            None => {}
        }
    }
    let sorted = |mut records: Vec<(usize, Record)>| {
        records.sort_unstable_by_key(|(place, _)| *place);
        records.into_iter().map(|(_, record)| record).collect()
    };
    (sorted(ordered), sorted(orphans))
}
