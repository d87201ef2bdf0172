//! Records that say the same under more than one signature: which one of them is folded.
//!
//! A record's id is the digest of its file, what it records is the digest of its payload ([`Record::fact`]). A signature
//! can be written in several valid ways (base64 wrapped otherwise, an ECDSA signature with the other `s`), so somebody
//! without a key can make another file of the same fact. Of several records with one payload one that counts is folded,
//! once; the others are named, and have no effect.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{History, Superseded};
use crate::domain::ids::RecordId;
use crate::domain::record::{Body, Record};
use crate::domain::signature::Standing;

/// For each record of which there are several: the one among them that is folded.
pub(super) type Copies = HashMap<RecordId, RecordId>;

/// Puts records with one payload beside each other, the one that is folded first. They follow the same records, so
/// that the order stays one in which parents come before their children.
pub(super) fn group(
    records: Vec<Record>,
    standings: &HashMap<RecordId, Standing>,
    copies: &mut Copies,
) -> Vec<Record> {
    let groups = groups(&records);
    if groups.is_empty() {
        return records;
    }
    let mut first_child: HashMap<RecordId, usize> = HashMap::new();
    let members = groups.iter().flatten().map(|place| records[*place].id);
    first_child.extend(members.map(|id| (id, usize::MAX)));
    for (place, record) in records.iter().enumerate() {
        for parent in &record.parents {
            if let Some(first) = first_child.get_mut(parent) {
                *first = place.min(*first);
            }
        }
    }
    let mut place_of = (0..records.len())
        .map(|place| (place, 0))
        .collect::<Vec<_>>();
    for mut group in groups {
        let begins = group[0];
        group.sort_by_key(|place| {
            let id = records[*place].id;
            (rank(standings.get(&id)), first_child[&id], id)
        });
        for (rank, place) in group.iter().enumerate() {
            place_of[*place] = (begins, rank);
            copies.insert(records[*place].id, records[group[0]].id);
        }
    }
    let mut placed: Vec<_> = place_of.into_iter().zip(records).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, record)| record).collect()
}

/// The places of the records of which there are several, in order.
fn groups(records: &[Record]) -> Vec<Vec<usize>> {
    let mut alike: HashMap<_, Vec<usize>> = HashMap::with_capacity(records.len());
    for (place, record) in records.iter().enumerate() {
        let key = (record.at, record.parents.as_slice());
        alike.entry(key).or_default().push(place);
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for places in alike.into_values().filter(|it| it.len() > 1) {
        let mut same: HashMap<_, Vec<usize>> = HashMap::new();
        for place in places {
            same.entry(records[place].fact()).or_default().push(place);
        }
        groups.extend(same.into_values().filter(|it| it.len() > 1));
    }
    groups
}

/// What counts comes before what does not.
fn rank(standing: Option<&Standing>) -> u8 {
    match standing {
        Some(Standing::Signed(_)) => 0,
        Some(Standing::Plain | Standing::Unattested(_) | Standing::Own) | None => 1,
        Some(Standing::Lapsed(..)) => 2,
        Some(Standing::Void(_)) => 3,
    }
}

impl History {
    /// Takes note of a record. Returns whether another one with its payload was folded before: then it has no effect.
    pub(super) fn repeats(&mut self, record: &Record) -> bool {
        let Some(folded) = self.copies.get(&record.id).copied() else {
            return false;
        };
        if self.folded_copies.insert(folded) {
            return false;
        }
        if !self.is_view {
            let file = self.find(&folded).map(Record::file_name);
            self.superseded.push(Superseded {
                record: record.id,
                why: format!(
                    "it repeats {}, with another form of the signature",
                    file.unwrap_or_else(|| folded.short())
                ),
            });
        }
        true
    }

    /// What `record` says, with every record that there are several of by the id of the one that is folded.
    pub(super) fn in_folded_ids<'a>(&self, record: &'a Record) -> Cow<'a, Record> {
        if self.copies.is_empty() {
            return Cow::Borrowed(record);
        }
        let folded = |id: &RecordId| self.copies.get(id).copied().unwrap_or(*id);
        let mut body = record.body.clone();
        match &mut body {
            Body::DeployStarted(fact) => fact.go = folded(&fact.go),
            Body::Closed(fact) => fact.check = folded(&fact.check),
            _ => {}
        }
        let mut understood = record.understood_as(body);
        understood.id = folded(&record.id);
        Cow::Owned(understood)
    }

    /// Whether a record is `other`, or says the same.
    pub(super) fn is_same_fact(&self, record: &RecordId, other: &RecordId) -> bool {
        record == other
            || self
                .copies
                .get(record)
                .is_some_and(|folded| folded == other)
    }
}

#[cfg(test)]
mod tests;
