//! An incident and its window.

use super::{Origin, Recorded};
use crate::domain::clock::Reading;
use crate::domain::ids::{IncidentId, PriorityName, ReleaseName};
use crate::domain::policy::{OnExpiry, ResolvedBy};
use crate::domain::probe::sampling::Failure;
use crate::domain::record::body::{
    DecidedAnswer, IncidentDecided, IncidentEscalated, IncidentOpened, IncidentResolved,
};
use crate::domain::signature::Flaw;
use crate::domain::window::Window;

/// Trouble with a deployed release.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Who opened it, and when.
    pub opened: Origin,
    /// What was recorded then.
    pub facts: IncidentOpened,
    /// Its priority now.
    pub priority: PriorityName,
    /// The time to mend it.
    pub window: Window,
    /// How it stands.
    pub standing: Standing,
    /// What a person decided about it last.
    pub decision: Option<Recorded<IncidentDecided>>,
    /// Who resolved it by a record that does not count.
    pub disputed: Option<Disputed>,
}

/// A resolution that does not count.
#[derive(Clone, Debug, PartialEq)]
pub struct Disputed {
    /// Who wrote it, and when.
    pub origin: Origin,
    /// Whether it may have counted in its time.
    pub counted_once: bool,
    /// Whether it rests on evidence that nobody attests: whoever acts on the window requests it again before.
    pub asked_again: bool,
}

/// Until so long after its deadline a window whose resolution does not count rolls back by itself, in milliseconds.
const QUESTION_AFTER: u64 = 60_000;

/// How an incident stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// The window runs.
    Open,
    /// The window expired, and its priority does not roll back by itself: somebody must decide.
    Expired(Origin),
    /// It was mended.
    Resolved {
        /// By whom, and when.
        origin: Origin,
        /// What was recorded then.
        facts: Box<IncidentResolved>,
    },
    /// A person decided that the release stays as it is.
    Kept(Origin),
    /// A rollback took it over.
    Absorbed(Origin),
    /// Another release took the place of the one that it is about.
    Retired {
        /// Which release.
        successor: ReleaseName,
        /// Who recorded it, and when.
        origin: Origin,
    },
}

impl Incident {
    pub(super) fn open(facts: IncidentOpened, opened: Origin) -> Self {
        let window = Window::open(
            facts.window,
            facts.on_expiry,
            facts.resolved_by,
            facts.opened.clone(),
        );
        Self {
            opened,
            priority: facts.priority.clone(),
            window,
            standing: Standing::Open,
            decision: None,
            disputed: None,
            facts,
        }
    }

    /// Its id.
    pub fn id(&self) -> &IncidentId {
        &self.facts.incident
    }

    /// Whether it is neither resolved, absorbed nor retired.
    pub fn is_open(&self) -> bool {
        matches!(self.standing, Standing::Open | Standing::Expired(_))
    }

    /// Whether its window runs, or has run out and nobody has acted on it. Without a countdown there is no window.
    pub fn has_running_window(&self) -> bool {
        matches!(self.standing, Standing::Open) && self.window.on_expiry != OnExpiry::None
    }

    /// Whether nothing happens by itself, ever: it stands in nobody's way.
    pub fn is_without_countdown(&self) -> bool {
        self.window.on_expiry == OnExpiry::None
    }

    /// Whether it ended because `successor` took the place of its release.
    pub fn is_retired_by(&self, successor: &ReleaseName) -> bool {
        matches!(&self.standing, Standing::Retired { successor: it, .. } if it == successor)
    }

    /// Whether it stands in nobody's way although nobody fixed it: open without a countdown, or kept.
    pub fn is_tolerated(&self) -> bool {
        matches!(self.standing, Standing::Kept(_)) || self.is_open() && self.is_without_countdown()
    }

    /// Why it stands in nobody's way, for people.
    pub fn why_tolerated(&self) -> String {
        match (&self.standing, &self.decision) {
            (Standing::Kept(origin), Some(it)) => {
                format!("kept by {}: {}", origin.by, it.fact.reason)
            }
            (Standing::Kept(origin), None) => format!("kept by {}", origin.by),
            _ => "it has no countdown".to_owned(),
        }
    }

    /// The failures that it is about: those of the decision, where there is one.
    pub fn failures(&self) -> &[Failure] {
        match &self.decision {
            Some(decision) => &decision.fact.failures,
            None => &self.facts.failures,
        }
    }

    /// Whether its window ends in a rollback by itself.
    pub fn rolls_back(&self) -> bool {
        self.has_running_window() && self.window.on_expiry == OnExpiry::Rollback
    }

    /// Whether its window asks for something to be done at `now`.
    pub fn is_due(&self, now: &Reading) -> bool {
        self.has_running_window() && self.window.has_expired(now)
    }

    /// Whether it is long past its deadline, and somebody resolved it by a record that does not count and may have
    /// counted in its time.
    ///
    /// Whoever watches a window sees such a record before the deadline, and rolls back at it. Later it is more likely
    /// that its key has ended or the rules have changed since: rolling back a release that was mended long ago would be
    /// the greater harm, so that it waits for a person, and no gate opens. A resolution that never counted changes
    /// nothing at any time.
    pub fn is_in_question(&self, now: &Reading) -> bool {
        self.disputed.as_ref().is_some_and(|it| it.counted_once)
            && self.rolls_back()
            && self.window.late_ms(now) > QUESTION_AFTER
    }

    /// Whether evidence that nobody attests says that it is mended: the probes are run again before its window ends in
    /// anything.
    pub fn must_be_asked_again(&self) -> bool {
        self.disputed.as_ref().is_some_and(|it| it.asked_again)
            && self.rolls_back()
            && self.window.resolved_by == ResolvedBy::Evidence
            && !self.facts.probes.is_empty()
    }

    /// The word for its standing.
    pub fn word(&self) -> &'static str {
        match self.standing {
            Standing::Open => "open",
            Standing::Expired(_) => "expired",
            Standing::Resolved { .. } => "resolved",
            Standing::Kept(_) => "kept",
            Standing::Absorbed(_) => "absorbed",
            Standing::Retired { .. } => "retired",
        }
    }

    /// Whether something can still be done about it: it is open, or kept.
    ///
    /// # Errors
    /// Who or what ended it.
    pub fn must_be_open(&self) -> Result<(), String> {
        match &self.standing {
            Standing::Open | Standing::Expired(_) | Standing::Kept(_) => Ok(()),
            Standing::Resolved { origin, .. } => Err(format!(
                "the incident {} was resolved by {}",
                self.id(),
                origin.by
            )),
            Standing::Absorbed(_) => Err(format!(
                "the incident {} is absorbed in the rollback",
                self.id()
            )),
            Standing::Retired { successor, .. } => Err(format!(
                "the incident {} ended when {successor} took the place of its release",
                self.id()
            )),
        }
    }

    pub(super) fn escalate(&mut self, facts: &IncidentEscalated) {
        self.window
            .escalate(facts.window, facts.on_expiry, facts.escalated.clone());
        self.priority = facts.priority.clone();
        // An escalation to a priority that rolls back starts a window that had ended in a question.
        self.standing = Standing::Open;
    }

    pub(super) fn resolve(&mut self, facts: &IncidentResolved, origin: Origin) {
        self.standing = Standing::Resolved {
            origin,
            facts: Box::new(facts.clone()),
        };
    }

    /// Remembers a resolution that does not count, and of several one that may have counted.
    pub(super) fn dispute(&mut self, origin: Origin, flaw: &Flaw) {
        // What was pinned demands a signature: without one it never counted, whatever the policy says since.
        let counted_once =
            flaw.may_have_counted() && !(self.facts.signed && *flaw == Flaw::Unsigned);
        let remembered = self.disputed.as_ref().is_some_and(|it| it.counted_once);
        if self.is_open() && (!remembered || counted_once) {
            self.disputed = Some(Disputed {
                origin,
                counted_once,
                asked_again: *flaw == Flaw::AskedAgain,
            });
        }
    }

    pub(super) fn may_expire(&self) -> Result<(), String> {
        if !matches!(self.standing, Standing::Open) {
            return Err(format!(
                "the window of the incident {} does not run",
                self.id()
            ));
        }
        if self.window.on_expiry == OnExpiry::Rollback {
            return Err(format!(
                "the window of the incident {} ends in a rollback",
                self.id()
            ));
        }
        Ok(())
    }

    /// Whether a person may answer it: its window waits for a person, or will.
    pub(super) fn may_be_decided(&self) -> Result<(), String> {
        self.must_be_open()?;
        match self.window.on_expiry {
            OnExpiry::Decide => Ok(()),
            other => Err(format!(
                "the window of the incident {} ends in {}, and waits for no decision",
                self.id(),
                other.word()
            )),
        }
    }

    /// Takes in a decision. A time to fix it is a window of its own, which asks again at its end.
    pub(super) fn decide(&mut self, fact: &IncidentDecided, origin: Origin) {
        self.standing = match &fact.answer {
            DecidedAnswer::Keep => Standing::Kept(origin.clone()),
            DecidedAnswer::FixWithin(limit) => {
                self.window = Window::open(
                    *limit,
                    OnExpiry::Decide,
                    self.window.resolved_by,
                    fact.decided.clone(),
                );
                Standing::Open
            }
        };
        self.decision = Some(Recorded {
            origin,
            fact: fact.clone(),
        });
    }

    pub(super) fn expire(&mut self, origin: Origin) {
        self.standing = Standing::Expired(origin);
    }

    /// Ends it where it stands in anybody's way: what it is about runs no more.
    pub(super) fn retire(&mut self, successor: &ReleaseName, origin: Origin) {
        if self.must_be_open().is_ok() {
            let successor = successor.clone();
            self.standing = Standing::Retired { successor, origin };
        }
    }

    pub(super) fn absorb(&mut self, origin: Origin) {
        if self.must_be_open().is_ok() {
            self.standing = Standing::Absorbed(origin);
        }
    }
}
