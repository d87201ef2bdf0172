//! What records are for somebody who watches.

use crate::app::log::sentence;
use crate::domain::event::Event;
use crate::domain::history::History;
use crate::domain::policy::OnExpiry;
use crate::domain::record::{Body, Record};

/// A watcher that comes to a running rollback tells it from its claim on; the windows themselves are shown anyway.
pub(super) fn first_to_tell(history: &History) -> usize {
    let running = history
        .state()
        .rollback
        .as_ref()
        .is_some_and(|rollback| rollback.is_running());
    let claimed = history
        .records()
        .iter()
        .rposition(|record| matches!(record.body, Body::RollbackClaimed(_)));
    claimed
        .filter(|_| running)
        .unwrap_or(history.records().len())
}

/// What a record is for somebody who watches.
pub(super) fn tell(record: &Record, history: &History) -> Option<Event> {
    let mut aside = history.set_aside().iter();
    if let Some(aside) = aside.find(|it| it.record == record.id && !it.stands) {
        let (by, what) = (&record.by, sentence(&record.body));
        let text = format!("a record does not count: {by}: {what} — {}", aside.flaw);
        return Some(Event::Warning { text });
    }
    let state = history.state();
    let steps = || {
        state
            .rollback
            .as_ref()
            .map(|rollback| rollback.plan.steps())
            .unwrap_or_default()
    };
    Some(match &record.body {
        Body::IncidentOpened(fact) => Event::IncidentOpened {
            incident: fact.incident.clone(),
            title: fact.title.clone(),
            priority: fact.priority.clone(),
            window_ms: fact.window.milliseconds(),
            on_expiry: fact.on_expiry,
        },
        Body::IncidentResolved(fact) => Event::IncidentResolved {
            incident: fact.incident.clone(),
            by: record.by.clone(),
        },
        Body::WindowExpired(fact) => Event::WindowExpired {
            incident: fact.incident.clone(),
            on_expiry: state
                .incidents
                .get(&fact.incident)
                .map_or(OnExpiry::Decide, |it| it.window.on_expiry),
        },
        Body::RollbackClaimed(fact) => Event::RollbackClaimed {
            attempt: fact.attempt,
            cause: fact.cause.clone(),
            previous: fact.plan.previous.clone(),
            steps: fact
                .plan
                .steps()
                .iter()
                .map(|step| step.id.clone())
                .collect(),
        },
        Body::StepStarted(fact) => Event::StepStarted {
            attempt: fact.attempt,
            step: fact.step.clone(),
            place: steps()
                .iter()
                .position(|step| step.id == fact.step)
                .map_or(0, |place| place + 1),
            of: steps().len(),
        },
        Body::StepEnded(fact) => Event::StepEnded {
            attempt: fact.attempt,
            step: fact.step.clone(),
            outcome: fact.end.outcome.clone(),
            took_ms: fact.end.took_ms,
            tail: fact.end.tail.clone(),
            next: steps()
                .iter()
                .skip_while(|step| step.id != fact.step)
                .nth(1)
                .map(|step| step.id.clone()),
        },
        Body::AttemptEnded(fact) => Event::AttemptEnded {
            attempt: fact.attempt,
            outcome: fact.outcome.clone(),
        },
        _ => return None,
    })
}
