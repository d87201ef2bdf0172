//! A release's records as one hash-linked history, and the state that they fold to.
//!
//! Records are put in an order in which parents come before their children, ties broken by time and id, so that every
//! reader of the same records sees the same state, however they were merged.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use chrono::{DateTime, Utc};

use super::anomaly::Damage;
use super::ids::{RecordId, ReleaseName};
use super::record::{Body, Record};
use super::state::ReleaseState;

pub use super::anomaly::Anomaly;

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
        let continues = orphans.is_empty() && self.continues(&ordered);
        if continues {
            for record in ordered {
                self.take(record);
            }
            return;
        }
        let mut all = std::mem::take(&mut self.records);
        all.extend(ordered);
        all.extend(orphans);
        let damage = std::mem::take(&mut self.damage);
        *self = Self {
            damage,
            ..Self::new(self.release.clone())
        };
        let (ordered, orphans) = in_order(&HashMap::new(), all);
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
            let what = format!(
                "the record {} ({}) follows a record that is missing: {}",
                record.id.short(),
                record.kind(),
                missing.join(", ")
            );
            self.blame(Damage::Removed, &record, what);
            self.take(record);
        }
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
        for parent in &record.parents {
            self.heads.remove(parent);
        }
        self.heads.insert(record.id);
        self.known.insert(record.id, self.records.len());
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
        } else if let Err(illegal) = self.state.apply(&record) {
            self.blame(Damage::Illegal, &record, illegal.to_string());
        }
        self.records.push(record);
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
/// among them is returned apart, in order of time.
fn in_order(known: &HashMap<RecordId, usize>, records: Vec<Record>) -> (Vec<Record>, Vec<Record>) {
    let given: HashMap<RecordId, usize> = records
        .iter()
        .enumerate()
        .map(|(index, record)| (record.id, index))
        .collect();
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
    let mut ready: BinaryHeap<_> = (0..records.len())
        .filter(|index| waiting_for[*index] == 0 && !orphaned[*index])
        .map(key)
        .collect();
    let mut order = Vec::with_capacity(records.len());
    while let Some(Reverse((_, _, index))) = ready.pop() {
        order.push(index);
        for child in children.get(&index).into_iter().flatten() {
            waiting_for[*child] -= 1;
            if waiting_for[*child] == 0 && !orphaned[*child] {
                ready.push(key(*child));
            }
        }
    }
    let mut place = vec![usize::MAX; records.len()];
    for (position, index) in order.iter().enumerate() {
        place[*index] = position;
    }
    let mut ordered: Vec<(usize, Record)> = Vec::with_capacity(order.len());
    let mut orphans = Vec::new();
    for (index, record) in records.into_iter().enumerate() {
        if place[index] == usize::MAX {
            orphans.push(record);
        } else {
            ordered.push((place[index], record));
        }
    }
    ordered.sort_unstable_by_key(|(position, _)| *position);
    orphans.sort_by_key(|record| (record.at, record.id));
    (
        ordered.into_iter().map(|(_, record)| record).collect(),
        orphans,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::Draft;
    use crate::domain::record::body::Noted;
    use chrono::TimeDelta;

    fn release() -> ReleaseName {
        ReleaseName::new("1").expect("a name")
    }

    fn note(text: &str, parents: &[&Record], seconds: i64) -> Record {
        let draft = Draft {
            by: "ana".into(),
            body: Body::Noted(Noted { text: text.into() }),
        };
        let parents = parents.iter().map(|record| record.id).collect();
        Record::new(
            draft,
            &release(),
            parents,
            DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds),
            "h",
        )
    }

    fn texts(history: &History) -> String {
        let text = |record: &Record| match &record.body {
            Body::Noted(noted) => noted.text.clone(),
            _ => String::new(),
        };
        history.records().iter().map(text).collect()
    }

    #[test]
    fn two_branches_merge_to_one_order_whichever_came_first() {
        let a = note("a", &[], 0);
        let b = note("b", &[&a], 1);
        let c = note("c", &[&a], 2);
        let d = note("d", &[&b, &c], 3);
        for order in [[&a, &b, &c, &d], [&d, &c, &b, &a], [&c, &a, &d, &b]] {
            let mut at_once = History::new(release());
            at_once.extend(order.into_iter().cloned().collect());
            let mut one_by_one = History::new(release());
            for record in order {
                one_by_one.extend(vec![record.clone()]);
            }
            for history in [&at_once, &one_by_one] {
                assert_eq!(texts(history), "abcd");
                assert_eq!(history.heads(), vec![d.id]);
                assert!(history.anomalies().is_empty());
            }
        }
    }

    #[test]
    fn a_removed_record_is_named() {
        let a = note("a", &[], 0);
        let b = note("b", &[&a], 1);
        let c = note("c", &[&b], 2);
        let mut history = History::new(release());
        history.extend(vec![a, c]);
        assert_eq!(history.anomalies().len(), 1);
        assert!(history.anomalies()[0].what.contains(&b.id.short()));
    }

    #[test]
    fn a_record_of_another_release_is_named_and_changes_nothing() {
        let mut history = History::new(ReleaseName::new("2").expect("a name"));
        history.extend(vec![note("a", &[], 0)]);
        assert_eq!(history.anomalies().len(), 1);
    }

    #[test]
    fn known_records_are_not_taken_twice() {
        let a = note("a", &[], 0);
        let mut history = History::new(release());
        history.extend(vec![a.clone()]);
        history.extend(vec![a]);
        assert_eq!(texts(&history), "a");
    }
}
