//! A requirement, how it stands, and what all of them come to.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::ids::{Digest, GateId, ObligationId, RecordId, RoleName};

/// How a requirement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is met.
    Met,
    /// It has not been done.
    Missing,
    /// It was met by something that has changed since.
    Stale,
    /// It was met too long ago, or too early.
    Expired,
    /// Somebody said no.
    Rejected,
    /// Somebody with authority took the responsibility for going without it.
    Waived,
    /// Somebody else comes first.
    Pending,
    /// It was asked, and does not hold.
    Failed,
    /// It could not be found out.
    Unknown,
}

impl Status {
    /// The word that is shown.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Waived => "waived",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Whether a release may go out with it.
    pub const fn is_enough(self) -> bool {
        matches!(self, Self::Met | Self::Waived)
    }
}

/// What kind of thing is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The records themselves.
    Ledger,
    /// A field of the release notes.
    Notes,
    /// An artifact.
    Artifact,
    /// A step of the rollback plan that can be run.
    Plan,
    /// A number that a metric is compared with.
    Baseline,
    /// A time at which a deployment may begin.
    Calendar,
    /// A release that was known for long enough.
    Notice,
    /// A role's approval of a gate.
    Approval,
    /// An item that a probe or a file answers.
    Evidence,
    /// An item that whoever signs the gate confirms.
    Item,
    /// An incident that is not open.
    Incident,
    /// A stage that is verified.
    Verification,
    /// Something owed that is settled.
    Obligation,
}

/// One requirement, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// What kind of thing.
    pub subject: Subject,
    /// Which one: a field, `gate/role`, `gate/item`.
    pub id: String,
    /// The gate that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateId>,
    /// The role whose approval it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
    /// What is required, for people.
    pub title: String,
    /// How it stands.
    pub status: Status,
    /// Why it stands so.
    pub why: String,
    /// Who can meet it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<String>,
    /// The command that meets it, or asks again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What has changed since it was met, where that is why it is stale.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Who said no to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rejected_by: Vec<String>,
    /// The waiver that stands in for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiver: Option<WaiverView>,
    /// What a waiver of it is bound to.
    #[serde(skip)]
    pub terms: Terms,
    /// The moment that it is about, where that is another than now: a waiver of it has to last until then.
    #[serde(skip)]
    pub needed_at: Option<DateTime<Utc>>,
    /// The roles whose holders meet it by signing.
    #[serde(skip)]
    pub signers: Vec<RoleName>,
}

/// Something that is another than it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What, as a path: `artifacts[0].sha256`, `gate.items.smoke.title`.
    pub field: String,
    /// What it was; none where it was not there, or is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is; none where it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Whether a requirement can be waived, and what the waiver is then bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terms {
    /// To this: a change of it ends the waiver.
    Bound(Digest),
    /// It cannot, and why.
    Never(&'static str),
}

/// A waiver that counts, as shown in every answer that used it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaiverView {
    /// Who answers for it.
    pub by: String,
    /// As which role.
    pub role: RoleName,
    /// Why.
    pub reason: String,
    /// Until when it counts.
    pub until: DateTime<Utc>,
    /// How the requirement stands without it.
    pub instead_of: Status,
    /// Why it stands so.
    pub because: String,
    /// The review that it owes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewView>,
    /// Its record.
    pub record: RecordId,
}

/// The review that a waiver owes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReviewView {
    /// The obligation.
    pub obligation: ObligationId,
    /// Who owes it.
    pub role: RoleName,
    /// Until when.
    pub due: DateTime<Utc>,
    /// Whether it was done.
    pub settled: bool,
}

/// Go or no-go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// All that is required is met.
    Go,
    /// Something is not.
    NoGo,
    /// Nothing is known to be unmet, and something could not be found out.
    Inconclusive,
}

impl Decision {
    /// The words that are shown.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::NoGo => "no-go",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The answer to a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Go or no-go.
    pub decision: Decision,
    /// Every requirement, in the order in which they are met.
    pub requirements: Vec<Requirement>,
    /// Which gates are handed over in turn, and to whom it is now; none where no gate was asked about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hand_off: Vec<HandOff>,
}

/// A gate in the hand-off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandOff {
    /// Which gate.
    pub gate: GateId,
    /// Where it stands.
    pub turn: Turn,
    /// Who can sign what it lacks; nobody before its turn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<String>,
}

/// Where a gate stands in the hand-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// Everybody whom it takes has signed, or what is missing is waived.
    Past,
    /// It can be signed now.
    Now,
    /// Something else comes first.
    Later,
}

/// The gates by turn, and in the order of their checklist within one.
fn hand_off(requirements: &[Requirement]) -> Vec<HandOff> {
    let mut gates: Vec<HandOff> = Vec::new();
    for one in requirements
        .iter()
        .filter(|it| it.subject == Subject::Approval)
    {
        let Some(gate) = &one.gate else { continue };
        let turn = match one.status {
            status if status.is_enough() => Turn::Past,
            Status::Pending => Turn::Later,
            _ => Turn::Now,
        };
        let at = match gates.iter().position(|it| it.gate == *gate) {
            Some(at) => at,
            None => {
                gates.push(HandOff {
                    gate: gate.clone(),
                    turn,
                    who: Vec::new(),
                });
                gates.len() - 1
            }
        };
        let known = &mut gates[at];
        // What one of several roles still has to sign is what the gate waits for.
        known.turn = match (known.turn, turn) {
            (Turn::Now, _) | (_, Turn::Now) => Turn::Now,
            (a, b) => a.max(b),
        };
        if turn == Turn::Now {
            for who in &one.who {
                if !known.who.contains(who) {
                    known.who.push(who.clone());
                }
            }
        }
    }
    gates.sort_by_key(|it| it.turn);
    gates
}

impl Readiness {
    /// The requirements that are not met.
    pub fn unmet(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements
            .iter()
            .filter(|requirement| !requirement.status.is_enough())
    }

    /// The requirements that a waiver stands in for.
    pub fn waived(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements
            .iter()
            .filter(|requirement| requirement.status == Status::Waived)
    }

    pub(super) fn of(requirements: Vec<Requirement>) -> Self {
        let mut decision = Decision::Go;
        for requirement in &requirements {
            match requirement.status {
                status if status.is_enough() => {}
                Status::Unknown if decision == Decision::Go => decision = Decision::Inconclusive,
                Status::Unknown => {}
                _ => decision = Decision::NoGo,
            }
        }
        // Nothing to check is not something checked.
        if requirements.is_empty() {
            decision = Decision::NoGo;
        }
        Self {
            decision,
            hand_off: hand_off(&requirements),
            requirements,
        }
    }
}

/// A requirement that is met, to be changed into what it is.
pub(super) fn requirement(
    subject: Subject,
    id: impl Into<String>,
    title: impl Into<String>,
) -> Requirement {
    Requirement {
        subject,
        id: id.into(),
        gate: None,
        role: None,
        title: title.into(),
        status: Status::Met,
        why: String::new(),
        who: Vec::new(),
        command: None,
        changes: Vec::new(),
        rejected_by: Vec::new(),
        waiver: None,
        terms: Terms::Never("relgate itself relies on it"),
        needed_at: None,
        signers: Vec::new(),
    }
}
