//! An incident and its window.

use super::Origin;
use crate::domain::clock::Reading;
use crate::domain::ids::{IncidentId, PriorityName};
use crate::domain::policy::OnExpiry;
use crate::domain::record::body::{IncidentEscalated, IncidentOpened, IncidentResolved};
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
    /// A rollback took it over.
    Absorbed(Origin),
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
            disputed: None,
            facts,
        }
    }

    /// Its id.
    pub fn id(&self) -> &IncidentId {
        &self.facts.incident
    }

    /// Whether it is neither resolved nor absorbed.
    pub fn is_open(&self) -> bool {
        matches!(self.standing, Standing::Open | Standing::Expired(_))
    }

    /// Whether its window runs, or has run out and nobody has acted on it.
    pub fn has_running_window(&self) -> bool {
        matches!(self.standing, Standing::Open)
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

    /// The word for its standing.
    pub fn word(&self) -> &'static str {
        match self.standing {
            Standing::Open => "open",
            Standing::Expired(_) => "expired",
            Standing::Resolved { .. } => "resolved",
            Standing::Absorbed(_) => "absorbed",
        }
    }

    pub(super) fn must_be_open(&self) -> Result<(), String> {
        match &self.standing {
            Standing::Open | Standing::Expired(_) => Ok(()),
            Standing::Resolved { origin, .. } => Err(format!(
                "the incident {} was resolved by {}",
                self.id(),
                origin.by
            )),
            Standing::Absorbed(_) => Err(format!(
                "the incident {} is absorbed in the rollback",
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
            });
        }
    }

    pub(super) fn may_expire(&self) -> Result<(), String> {
        if !self.has_running_window() {
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

    pub(super) fn expire(&mut self, origin: Origin) {
        self.standing = Standing::Expired(origin);
    }

    pub(super) fn absorb(&mut self, origin: Origin) {
        if self.is_open() {
            self.standing = Standing::Absorbed(origin);
        }
    }
}
