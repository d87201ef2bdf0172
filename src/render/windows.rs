//! Open windows and rollbacks as they stand on a page: in the status, after a verification, after a watch.

use super::page::{Detail, Item, Mark, Page, Tone, faint, plain, strong};
use super::words;
use crate::domain::event::WindowView;
use crate::domain::history::Unread;
use crate::domain::ids::{ReleaseName, StageName};
use crate::domain::outcome::{
    AttemptView, RollbackView, StageRollbackView, StepView, ToleratedView,
};
use crate::domain::policy::OnExpiry;
use crate::domain::readiness::command;
use crate::domain::window::clock_face;

/// Adds the open windows, the command that resolves each among it.
pub fn add(page: &mut Page, release: &ReleaseName, windows: &[WindowView]) {
    let items = windows.iter().map(|window| item(release, window)).collect();
    page.list("open incidents", items);
}

/// Adds what could not be read: it may be an incident, and then somebody must decide now.
pub fn add_unread(page: &mut Page, unread: &[Unread]) {
    if unread.is_empty() {
        return;
    }
    page.alert(
        Tone::Bad,
        "NOT ALL OF THE LEDGER WAS READ: an incident may be open that is not shown, and nothing rolls it back by itself",
        None,
    );
    for one in unread {
        page.alert(Tone::Bad, one.what.as_str(), Some(one.help.clone()));
    }
}

/// Adds the incidents that stand in nobody's way.
pub fn add_tolerated(page: &mut Page, tolerated: &[ToleratedView]) {
    let item = |one: &ToleratedView| {
        let text = vec![plain(one.title.as_str()), faint(format!("  {}", one.why))];
        Item::new(Mark::Neutral, text).lead(one.incident.as_str())
    };
    page.list(
        "known, and in nobody's way",
        tolerated.iter().map(item).collect(),
    );
}

/// One window, with all that is needed to mend it.
pub fn item(release: &ReleaseName, window: &WindowView) -> Item {
    let mut item = Item::new(
        Mark::Bad,
        vec![
            strong(window.priority.as_str()),
            plain(format!("  {}", window.title)),
        ],
    )
    .lead(window.incident.as_str());
    item.detail(vec![plain(time_left(window))]);
    item.say("stage", window.stage.as_str());
    for probe in &window.probes {
        item.detail(vec![
            strong(probe.name.as_str()),
            plain(format!(": {}", words::verdict(probe.verdict))),
            plain(match probe.reason.as_str() {
                "" => String::new(),
                reason => format!(", {reason}"),
            }),
        ]);
    }
    item.say("known", &window.known.join("; "));
    item.say("can resolve", &window.who.join(", "));
    item.command(Some(&resolve(release, window)));
    item
}

/// The command that resolves it.
pub fn resolve(release: &ReleaseName, window: &WindowView) -> String {
    command(release, &format!("incident resolve {}", window.incident))
}

/// What comes at its end.
pub fn then(window: &WindowView) -> String {
    let usual = words::at_expiry(window.on_expiry);
    match &window.waits_for {
        Some(it) => format!(
            "the rollback waits for the deployment of {} to end, {} at most",
            it.successor,
            clock_face(it.left_ms)
        ),
        None if window.past_no_return => {
            format!("{usual}: the release is past its point of no return")
        }
        None => usual.to_owned(),
    }
}

/// `4:37 left of 5:00, then the rollback runs by itself`.
pub fn time_left(window: &WindowView) -> String {
    let then = then(window);
    match (window.left_ms, window.on_expiry) {
        (0, OnExpiry::Rollback) if window.waits_for.is_some() => format!("expired: {then}"),
        (0, OnExpiry::Rollback) => "expired: the rollback runs now".to_owned(),
        (0, OnExpiry::Decide | OnExpiry::None) => format!("expired: {then}"),
        (left, _) => format!(
            "{} left of {}, then {then}",
            clock_face(left),
            clock_face(window.window_ms)
        ),
    }
}

/// Adds a rollback: how it stands first, then its attempts, the last one in full.
pub fn add_rollback(page: &mut Page, release: &ReleaseName, rollback: &RollbackView) {
    let previous = &rollback.previous;
    let is_stuck = |it: &&StageRollbackView| matches!(it.standing.as_str(), "stuck" | "stopped");
    for stage in rollback.stages.iter().filter(is_stuck) {
        let of = match rollback.stages.len() {
            1 => release.to_string(),
            _ => format!("{} in {release}", stage.stage),
        };
        let why = match (stage.standing.as_str(), &stage.why) {
            ("stopped", Some(why)) => why.as_str(),
            _ => "did not succeed",
        };
        let text =
            format!("STUCK: the rollback of {of} to {previous} {why}; a person is needed now");
        page.alert(Tone::Bad, text, Some(command(release, "rollback")));
    }
    match rollback.standing.as_str() {
        "rolled-back" | "stuck" => {}
        "partly-rolled-back" => page.alert(
            Tone::Warning,
            format!(
                "{release} is rolled back to {previous} in a part of its stages, and still runs in {}",
                stages(rollback.still_running.iter())
            ),
            Some(command(release, "rollback --reason TEXT")),
        ),
        _ => page.alert(
            Tone::Warning,
            format!("the rollback of {release} to {previous} is under way"),
            Some(command(release, "watch")),
        ),
    }
    if rollback.stages.len() > 1 {
        page.list(
            "rollback of each stage",
            rollback.stages.iter().map(stage_item).collect(),
        );
    }
    let last = rollback.attempts.len().saturating_sub(1);
    let items = rollback
        .attempts
        .iter()
        .enumerate()
        .map(|(index, attempt)| attempt_item(attempt, index == last))
        .collect();
    page.list(
        &format!(
            "rollback to {previous}, because {}",
            words::cause(&rollback.cause)
        ),
        items,
    );
}

fn stage_item(stage: &StageRollbackView) -> Item {
    let mark = match stage.standing.as_str() {
        "rolled-back" => Mark::Good,
        "stuck" | "stopped" => Mark::Bad,
        _ => Mark::Running,
    };
    let mut item = Item::new(mark, vec![plain(stage.standing.clone())]).lead(stage.stage.as_str());
    item.say("why", stage.why.as_deref().unwrap_or_default());
    item
}

fn stages<'a>(names: impl Iterator<Item = &'a StageName>) -> String {
    let names: Vec<&str> = names.map(StageName::as_str).collect();
    names.join(", ")
}

fn attempt_item(attempt: &AttemptView, last: bool) -> Item {
    use crate::domain::record::body::AttemptOutcome::Completed;
    let (mark, word) = match &attempt.outcome {
        None => (Mark::Running, "under way".to_owned()),
        Some(outcome @ Completed) => (Mark::Good, words::attempt_outcome(outcome)),
        Some(outcome) => (Mark::Bad, words::attempt_outcome(outcome)),
    };
    let mut item = Item::new(
        mark,
        vec![
            plain(word),
            faint(format!("  claimed {}", words::time(attempt.claimed_at))),
        ],
    )
    .lead(format!("attempt {}", attempt.attempt));
    for step in &attempt.steps {
        add_step(&mut item, step, last);
    }
    item
}

/// A step and how it ended; its output where that matters.
pub fn add_step(item: &mut Item, step: &StepView, last: bool) {
    let (said, failed) = match &step.outcome {
        None => ("running".to_owned(), false),
        Some(outcome) => (
            words::step_outcome(outcome),
            words::step_mark(outcome) == Mark::Bad,
        ),
    };
    let took = step
        .took_ms
        .map_or(String::new(), |ms| format!(" after {}", words::took(ms)));
    item.detail(vec![
        strong(step.step.as_str()),
        plain(format!(": {said}{took}")),
    ]);
    // What went right is told in a word; what went wrong, or is under way, by its output.
    if failed || (last && step.outcome.is_none()) {
        if !step.tail.trim().is_empty() {
            item.details
                .push(Detail::Output(step.tail.trim_end().to_owned()));
        }
        item.say("whole output", step.output.as_deref().unwrap_or_default());
    }
}
