//! Which sign-offs count.

mod explained;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use chrono::{DateTime, Utc};

use super::deployed::Go;
use super::keys::{named, with_own_keys};
use super::requirement::{Change, Requirement, Status, Subject, Terms, requirement};
use super::{Inquiry, SKEW, Scope, artifacts, binding, command, holders, repository, waivers};
use crate::domain::gate::{Gate, Item};
use crate::domain::ids::{ArtifactName, Digest, GateId, ItemId, PersonName, RecordId, RoleName};
use crate::domain::record::Body;
use crate::domain::record::body::{Answer, Binding, Rejection, SignOff};
use crate::domain::record::digest_of;
use crate::domain::state::Recorded;

/// Judges the sign-offs of an inquiry, remembering what each gate is bound to.
pub(super) struct Standing<'a> {
    inquiry: &'a Inquiry<'a>,
    signed: BTreeMap<GateId, bool>,
    /// What a sign-off of each gate would be bound to now: the same for all sign-offs of a gate.
    bindings: BTreeMap<GateId, Binding>,
    /// The item of a gate that is asked for as if nobody had waived it.
    insisting: Option<(GateId, ItemId)>,
    /// The go of the last deployment, once it was looked for.
    go: Option<Option<Rc<Go<'a>>>>,
    /// The first artifact that is gone and that nobody waived, with what is wrong with it.
    gone: Option<(&'a ArtifactName, &'a str)>,
}

/// What one person said about a gate as a role.
enum Said<'a> {
    /// The sign-offs since the last rejection, in order; never empty.
    Yes(Vec<&'a Recorded<SignOff>>),
    No(&'a Recorded<Rejection>),
}

/// Whose sign-offs count.
struct Counted {
    /// The people, with the keys that they count with.
    people: BTreeMap<String, Option<String>>,
    /// Why one does not, and how that stands.
    problem: Option<Flaw>,
}

/// Why a sign-off does not count.
pub(super) struct Flaw {
    pub status: Status,
    pub why: String,
    pub changes: Vec<Change>,
}

impl Flaw {
    fn some(status: Status, why: String) -> Option<Self> {
        Some(Self {
            status,
            why,
            changes: Vec::new(),
        })
    }
}

impl<'a> Standing<'a> {
    pub(super) fn new(inquiry: &'a Inquiry<'a>) -> Self {
        Self {
            inquiry,
            signed: BTreeMap::new(),
            bindings: BTreeMap::new(),
            insisting: None,
            go: None,
            gone: artifacts::gone(inquiry).into_iter().next(),
        }
    }

    /// Whether every approval of `gate` is given, and by nobody who left out `item`.
    pub(super) fn is_confirmed(inquiry: &'a Inquiry<'a>, gate: &Gate, item: &Item) -> bool {
        let mut standing = Self {
            insisting: Some((gate.id.clone(), item.id.clone())),
            ..Self::new(inquiry)
        };
        standing.is_signed(gate)
    }

    /// Whether a waiver that counts stands in for an item that people confirm.
    fn is_excused(&self, gate: &Gate, item: &Item) -> bool {
        let is_meant = |(of, id): &(GateId, ItemId)| *of == gate.id && *id == item.id;
        !self.insisting.as_ref().is_some_and(is_meant) && super::is_waived(self.inquiry, gate, item)
    }

    /// Whether every approval of `gate` is given, its predecessors' too.
    pub(super) fn is_signed(&mut self, gate: &Gate) -> bool {
        if let Some(known) = self.signed.get(&gate.id) {
            return *known;
        }
        // Broken for cycles, which lint refuses: a gate that waits for itself is not signed.
        self.signed.insert(gate.id.clone(), false);
        let signed = self
            .requirements(gate)
            .into_iter()
            .all(|it| waivers::apply(self.inquiry, it).status.is_enough());
        self.signed.insert(gate.id.clone(), signed);
        signed
    }

    /// What it is asked about.
    pub(super) const fn inquiry(&self) -> &'a Inquiry<'a> {
        self.inquiry
    }

    /// The requirements of a gate before the deployment for whatever comes after it: those of the go that the last
    /// deployment names stand.
    pub(super) fn after_deployment(&mut self, gate: &Gate) -> Vec<Requirement> {
        let inquiry = self.inquiry;
        let go = self
            .go
            .get_or_insert_with(|| Go::of_last(inquiry).map(Rc::new));
        match go.clone() {
            Some(go) => go.stood(self, gate),
            None => self.requirements(gate),
        }
    }

    /// One requirement for each role that signs `gate`.
    pub(super) fn requirements(&mut self, gate: &Gate) -> Vec<Requirement> {
        let waiting = self.waits_for(gate);
        self.bind(gate);
        gate.approvals()
            .into_iter()
            .map(|(role, count)| self.approval(gate, &role, count, &waiting))
            .collect()
    }

    /// Whether `person` has signed `gate` as `role`, and it counts.
    pub(super) fn has_signed(&mut self, gate: &Gate, role: &RoleName, person: &PersonName) -> bool {
        self.bind(gate);
        let counted = self.counted(gate, role, &self.words(gate, role));
        counted.people.contains_key(person.as_str())
    }

    /// The people whose sign-off counts, each with a key of their own.
    fn counted(&self, gate: &Gate, role: &RoleName, words: &BTreeMap<String, Said<'a>>) -> Counted {
        let mut given: BTreeMap<String, Vec<Option<&str>>> = BTreeMap::new();
        let mut problem: Option<Flaw> = None;
        for (person, said) in words {
            let Said::Yes(sign_offs) = said else { continue };
            let mut flaws = sign_offs.iter().map(|it| (*it, self.flaw(gate, role, it)));
            // One of them that counts is enough: signing again takes nothing back.
            let keys: Vec<Option<&str>> = flaws
                .clone()
                .filter(|(_, flaw)| flaw.is_none())
                .map(|(it, _)| self.key(&it.origin.record))
                .collect();
            if keys.is_empty() {
                problem = problem.or(flaws.next_back().and_then(|(_, flaw)| flaw));
            } else {
                given.insert(person.clone(), keys);
            }
        }
        let people = with_own_keys(&given);
        let shares = |person: &String| !people.contains_key(person);
        if let Some((person, keys)) = given.iter().find(|(person, _)| shares(person)) {
            let key = keys.first().copied().flatten().unwrap_or_default();
            let why =
                format!("{person} signed with {key}, as somebody else did: a key counts once");
            problem = problem.or_else(|| Flaw::some(Status::Missing, why));
        }
        let problem = problem.or_else(|| self.set_aside(gate, role, &people));
        let people = people
            .into_iter()
            .map(|(person, key)| (person, key.map(str::to_owned)))
            .collect();
        Counted { people, problem }
    }

    /// The key that a record is signed with.
    fn key(&self, record: &RecordId) -> Option<&'a str> {
        let signer = self.inquiry.history.signer(record)?;
        Some(signer.fingerprint.as_str())
    }

    /// Why a sign-off that was set aside does not count, where its person's does not count otherwise.
    fn set_aside(
        &self,
        gate: &Gate,
        role: &RoleName,
        people: &BTreeMap<String, Option<&str>>,
    ) -> Option<Flaw> {
        let history = self.inquiry.history;
        history.set_aside().iter().rev().find_map(|aside| {
            let record = history.find(&aside.record)?;
            let Body::SignedOff(fact) = &record.body else {
                return None;
            };
            let is_meant = fact.gate == gate.id && fact.role == *role;
            if !is_meant || people.contains_key(&record.by) {
                return None;
            }
            let status = match aside.lapsed {
                true => Status::Expired,
                false => Status::Missing,
            };
            let (by, flaw) = (&record.by, &aside.flaw);
            let why = format!("{by}'s sign-off does not count: {flaw}; {}", flaw.remedy());
            Flaw::some(status, why)
        })
    }

    fn bind(&mut self, gate: &Gate) {
        let inquiry = self.inquiry;
        self.bindings.entry(gate.id.clone()).or_insert_with(|| {
            // What was not looked at is equal to nothing.
            let nothing = || Digest::from_bytes([0; 32]);
            let artifacts = inquiry.facts.artifacts.unwrap_or_else(nothing);
            binding(inquiry, gate, artifacts)
        });
    }

    fn approval(
        &self,
        gate: &Gate,
        role: &RoleName,
        count: u32,
        waiting: &[String],
    ) -> Requirement {
        let inquiry = self.inquiry;
        let title = match count {
            1 => format!("{}: signed by {role}", gate.title),
            _ => format!("{}: signed by {count} people as {role}", gate.title),
        };
        let words = self.words(gate, role);
        let rejections: Vec<&Recorded<Rejection>> = words
            .values()
            .filter_map(|said| match said {
                Said::No(rejection) => Some(*rejection),
                Said::Yes(_) => None,
            })
            .collect();
        let base = Requirement {
            terms: self.terms(gate, role, &rejections),
            rejected_by: rejections.iter().map(|it| it.origin.by.clone()).collect(),
            gate: Some(gate.id.clone()),
            role: Some(role.clone()),
            signers: vec![role.clone()],
            who: holders(inquiry.policy, [role]),
            command: Some(command(
                &inquiry.notes.release,
                &format!("sign {} --as {role}", gate.id),
            )),
            ..requirement(Subject::Approval, format!("{}/{role}", gate.id), title)
        };
        if let [first, ..] = rejections.as_slice() {
            return self.rejected(gate, (first, waiting), base);
        }
        let Counted {
            people: counted,
            problem,
        } = self.counted(gate, role, &words);
        let people = named(&counted);
        if !waiting.is_empty() {
            let why = format!("waits for {}", waiting.join(", "));
            return Requirement {
                status: Status::Pending,
                why,
                ..base
            };
        }
        if counted.len() >= count as usize {
            return Requirement {
                why: format!("signed by {people}"),
                command: None,
                ..base
            };
        }
        // What cannot be signed now is not asked for again, whatever became of earlier sign-offs.
        if let Some(why) = self.not_yet(gate) {
            return Requirement {
                status: Status::Pending,
                why,
                ..base
            };
        }
        if let Some(flaw) = problem {
            return Requirement {
                status: flaw.status,
                why: flaw.why,
                changes: flaw.changes,
                ..base
            };
        }
        let why = match counted.len() {
            0 => "nobody has signed".to_owned(),
            some => format!("{some} of {count} signed: {people}"),
        };
        Requirement {
            status: Status::Missing,
            why,
            ..base
        }
    }

    /// An approval that was refused: who made the rejection lifts it, and nobody else, when its turn has come.
    fn rejected(
        &self,
        gate: &Gate,
        (rejection, waiting): (&Recorded<Rejection>, &[String]),
        base: Requirement,
    ) -> Requirement {
        let waits = match waiting {
            [] => self.not_yet(gate),
            some => Some(format!("waits for {}", some.join(", "))),
        };
        let (by, reason) = (&rejection.origin.by, &rejection.fact.reason);
        let authors = base.rejected_by.join(", ");
        let then = match &waits {
            None => String::new(),
            Some(waits) => format!("; it {waits}"),
        };
        let people = base.rejected_by.iter();
        let people = people.filter_map(|it| PersonName::new(it.clone()).ok());
        Requirement {
            status: Status::Rejected,
            why: format!(
                "{by} rejected it: {reason}; {authors} alone can lift that, by signing{then}"
            ),
            who: people.map(|it| self.inquiry.policy.reach(&it)).collect(),
            command: base.command.filter(|_| waits.is_none()),
            ..base
        }
    }

    /// A waiver stands in for a sign-off, and is bound as one is; a rejection that was made since ends it.
    fn terms(&self, gate: &Gate, role: &RoleName, rejections: &[&Recorded<Rejection>]) -> Terms {
        let Some(binding) = self.bindings.get(&gate.id) else {
            return Terms::Never("it is bound to nothing");
        };
        let rejections: Vec<RecordId> = rejections.iter().map(|it| it.origin.record).collect();
        Terms::Bound(digest_of(&(
            role,
            binding.notes,
            binding.gate,
            binding.artifacts,
            rejections,
        )))
    }

    /// What every person said about `gate` as `role`. A rejection counts as long as the person holds the role, and is
    /// lifted by a later sign-off of the same person alone, made in its turn as any other.
    fn words(&self, gate: &Gate, role: &RoleName) -> BTreeMap<String, Said<'a>> {
        let state = self.inquiry.history.state();
        let position = |record| self.inquiry.history.position(record).unwrap_or(usize::MAX);
        let mut rejected: BTreeMap<&str, (usize, &Recorded<Rejection>)> = BTreeMap::new();
        for rejection in state
            .rejections
            .iter()
            .filter(|it| it.fact.gate == gate.id && it.fact.role == *role)
        {
            let holds = PersonName::new(rejection.origin.by.clone())
                .is_ok_and(|person| self.inquiry.policy.holds(&person, role));
            if holds {
                let place = position(&rejection.origin.record);
                rejected.insert(&rejection.origin.by, (place, rejection));
            }
        }
        let mut words: BTreeMap<String, Said<'a>> = rejected
            .iter()
            .map(|(person, (_, rejection))| ((*person).to_owned(), Said::No(rejection)))
            .collect();
        for sign_off in state
            .sign_offs
            .iter()
            .filter(|it| it.fact.gate == gate.id && it.fact.role == *role)
        {
            let by = &sign_off.origin.by;
            let is_lifted = rejected.get(by.as_str()).is_none_or(|(place, _)| {
                *place < position(&sign_off.origin.record)
                    && self
                        .out_of_turn(gate, sign_off, sign_off.origin.at)
                        .is_none()
            });
            if !is_lifted {
                continue;
            }
            match words.get_mut(by) {
                Some(Said::Yes(sign_offs)) => sign_offs.push(sign_off),
                _ => {
                    words.insert(by.clone(), Said::Yes(vec![sign_off]));
                }
            }
        }
        words
    }

    /// Why a sign-off does not count; `None` when it does.
    fn flaw(&self, gate: &Gate, role: &RoleName, sign_off: &Recorded<SignOff>) -> Option<Flaw> {
        let inquiry = self.inquiry;
        let by = &sign_off.origin.by;
        let at = sign_off.origin.at;
        let missing = |why: String| Flaw::some(Status::Missing, why);
        if !PersonName::new(by.clone()).is_ok_and(|person| inquiry.policy.holds(&person, role)) {
            return missing(format!("signed by {by}, who does not hold the role {role}"));
        }
        if at > inquiry.now + SKEW {
            return missing(format!(
                "{by}'s sign-off is dated in the future: {}",
                at.format("%Y-%m-%d %H:%M UTC")
            ));
        }
        if let Some(other) = other_side(inquiry, gate, by, Some(&sign_off.origin.record)) {
            return missing(format!(
                "{by} signed {other} before, and the two must be signed by different people"
            ));
        }
        if let Some(key) = self.key(&sign_off.origin.record)
            && let Some(other) = self.other_side_by_key(gate, key, &sign_off.origin.record)
        {
            return missing(format!(
                "{by} signed with {key}, which signed {other} before, and the two must be signed by different people"
            ));
        }
        let bound = sign_off.fact.binding.repository.as_ref();
        if let Some(why) = repository::foreign(inquiry.policy, bound) {
            let why = format!("{by}'s sign-off does not count here: {why}");
            return Flaw::some(Status::Stale, why);
        }
        let now = self.bindings.get(&gate.id)?;
        let changes = || super::changes::since(inquiry, gate, sign_off);
        if let Some((artifact, problem)) = self.gone {
            return Some(Flaw {
                status: Status::Stale,
                why: format!("{by} signed over the artifact {artifact}, and {problem}"),
                changes: changes(),
            });
        }
        if let Some(changed) = difference(&sign_off.fact.binding, now) {
            let changes = changes();
            let told = match super::changes::told(&changes) {
                told if told.is_empty() => told,
                told => format!(": {told}"),
            };
            return Some(Flaw {
                status: Status::Stale,
                why: format!("{by} signed before {changed} changed{told}"),
                changes,
            });
        }
        let unanswered = gate.confirmed_items().find(|item| {
            let answer = sign_off
                .fact
                .answers
                .iter()
                .find(|answered| answered.item == item.id);
            let confirms = match answer.map(|answered| answered.answer) {
                Some(Answer::Yes) => true,
                Some(Answer::NotApplicable) => item.is_optional(),
                Some(Answer::No) | None => false,
            };
            !confirms && !self.is_excused(gate, item)
        });
        if let Some(item) = unanswered {
            return missing(format!("{by} did not confirm {}", item.id));
        }
        if let Some(flaw) = self.out_of_turn(gate, sign_off, inquiry.now) {
            return Some(flaw);
        }
        if gate.within.is_some() && inquiry.notes.deploy_at.is_none() {
            return missing("the release notes do not say deploy_at".to_owned());
        }
        if let Some(valid_for) = gate
            .valid_for
            .filter(|valid_for| self.used_at(gate) > at + valid_for.delta())
        {
            return Flaw::some(
                Status::Expired,
                format!("{by} signed more than {valid_for} ago"),
            );
        }
        None
    }

    /// The gate on the other side of a `distinct_from` that was signed with `key` before `record`.
    fn other_side_by_key(&self, gate: &Gate, key: &str, record: &RecordId) -> Option<GateId> {
        let others = sides(self.inquiry, gate);
        if others.is_empty() {
            return None;
        }
        let sign_offs = self.inquiry.history.state().sign_offs.iter();
        sign_offs
            .take_while(|it| it.origin.record != *record)
            .filter(|it| others.contains(&&it.fact.gate))
            .find(|it| self.key(&it.origin.record) == Some(key))
            .map(|it| it.fact.gate.clone())
    }

    /// When a sign-off of `gate` had to be valid: at closing it is asked of what preceded the deployment whether it was
    /// when the last stage was deployed, not whether it still is.
    fn used_at(&self, gate: &Gate) -> DateTime<Utc> {
        let now = self.inquiry.now;
        if *self.inquiry.scope == Scope::Closing && gate.phase.precedes_deployment() {
            self.started().max().unwrap_or(now)
        } else {
            now
        }
    }
}

/// The gate on the other side of a `distinct_from`, in either direction, that `by` signed; with `before`, what was
/// recorded before that sign-off alone, so that of two sides the first one signed stands.
pub(in crate::domain) fn other_side(
    inquiry: &Inquiry<'_>,
    gate: &Gate,
    by: &str,
    before: Option<&RecordId>,
) -> Option<GateId> {
    let others = sides(inquiry, gate);
    if others.is_empty() {
        return None;
    }
    let sign_offs = inquiry.history.state().sign_offs.iter();
    sign_offs
        .take_while(|it| before != Some(&it.origin.record))
        .find(|it| it.origin.by == by && others.contains(&&it.fact.gate))
        .map(|it| it.fact.gate.clone())
}

/// The gates that must be signed by other people than `gate`, whichever of the two says so.
fn sides<'a>(inquiry: &Inquiry<'a>, gate: &'a Gate) -> Vec<&'a GateId> {
    let own = gate.distinct_from.iter().flatten();
    let from_others = inquiry.gates.iter().filter(|other| {
        let mut sides = other.distinct_from.iter().flatten();
        sides.any(|side| *side == gate.id)
    });
    own.chain(from_others.map(|other| &other.id)).collect()
}

/// What changed between two bindings, for people; `None` when nothing did.
fn difference(then: &Binding, now: &Binding) -> Option<String> {
    if then.gate != now.gate {
        return Some("the gate".to_owned());
    }
    if then.artifacts != now.artifacts {
        return Some("the artifacts".to_owned());
    }
    if then.notes == now.notes {
        return None;
    }
    let names: BTreeSet<&String> = then.fields.keys().chain(now.fields.keys()).collect();
    let changed: Vec<&str> = names
        .into_iter()
        .filter(|name| then.fields.get(*name) != now.fields.get(*name))
        .map(String::as_str)
        .collect();
    match changed.as_slice() {
        [] => Some("the release notes".to_owned()),
        fields => Some(format!("the release notes ({})", fields.join(", "))),
    }
}
