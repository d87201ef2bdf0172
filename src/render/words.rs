//! The words for what the domain says in types: the same in every result and every event.

use chrono::{DateTime, Utc};

use super::page::{Mark, Tone};
use crate::domain::policy::OnExpiry;
use crate::domain::probe::judge::Verdict;
use crate::domain::readiness::Status;
use crate::domain::record::body::{AttemptOutcome, Cause, StepOutcome};

/// `1 window`, `3 windows`.
pub fn count(number: usize, thing: &str) -> String {
    match (number, thing.strip_suffix('s'), thing.strip_suffix('y')) {
        (1, _, _) => format!("1 {thing}"),
        (_, Some(stem), _) => format!("{number} {stem}ses"),
        (_, _, Some(stem)) => format!("{number} {stem}ies"),
        _ => format!("{number} {thing}s"),
    }
}

/// `1 of 3 requirements is`, `2 of 3 requirements are`, `1 requirement is`: a part of a whole, with its verb.
pub fn part(number: usize, of: usize, thing: &str) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    if of == 1 {
        format!("{} {verb}", count(number, thing))
    } else {
        format!("{number} of {} {verb}", count(of, thing))
    }
}

/// `2026-11-20 10:04 UTC`.
pub fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// `85 ms`, `1.2 s`, `2 min 5 s`.
pub fn took(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// What happens when a window ends.
pub const fn at_expiry(on_expiry: OnExpiry) -> &'static str {
    match on_expiry {
        OnExpiry::Rollback => "the rollback runs by itself",
        OnExpiry::Decide => "somebody with authority must decide",
        OnExpiry::None => "nothing happens by itself",
    }
}

/// Why a rollback runs.
pub fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Expired { incident } => format!("the window of {incident} expired"),
        Cause::Person { role, reason } => format!("the {role} ordered it: {reason}"),
        Cause::Retry => "the attempt before did not succeed".to_owned(),
        Cause::NextStage => "it is the next stage that runs the release".to_owned(),
    }
}

/// How a step ended.
pub fn step_outcome(outcome: &StepOutcome) -> String {
    match outcome {
        StepOutcome::Exited { code: 0 } => "done".to_owned(),
        StepOutcome::Exited { code } => format!("exited with {code}"),
        StepOutcome::Signalled { signal } => format!("ended by signal {signal}"),
        StepOutcome::TimedOut => "ended at its timeout".to_owned(),
        StepOutcome::NotStarted { why } => format!("could not be started: {why}"),
    }
}

/// The sign for how a step ended.
pub const fn step_mark(outcome: &StepOutcome) -> Mark {
    match outcome {
        StepOutcome::Exited { code: 0 } => Mark::Good,
        _ => Mark::Bad,
    }
}

/// How an attempt ended.
pub fn attempt_outcome(outcome: &AttemptOutcome) -> String {
    match outcome {
        AttemptOutcome::Completed => "every step succeeded".to_owned(),
        AttemptOutcome::Failed { step } => format!("the step {step} failed"),
        AttemptOutcome::Stopped => "a person stopped it".to_owned(),
        AttemptOutcome::Lost => "its process died without a result".to_owned(),
        AttemptOutcome::NotVerified { failures } => {
            let all: Vec<String> = failures
                .iter()
                .map(|failure| format!("{}: {}", failure.probe, failure.reason))
                .collect();
            match all.as_slice() {
                [] => "the checks after it did not pass".to_owned(),
                all => format!("the checks after it did not pass: {}", all.join("; ")),
            }
        }
    }
}

/// The sign for a verdict; none before the probe was asked.
pub const fn verdict_mark(verdict: Option<Verdict>) -> Mark {
    match verdict {
        Some(Verdict::Pass) => Mark::Good,
        Some(Verdict::Fail) => Mark::Bad,
        Some(Verdict::Error | Verdict::Inconclusive) => Mark::Warning,
        None => Mark::Neutral,
    }
}

/// The word for a verdict; none before the probe was asked.
pub const fn verdict(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(verdict) => verdict.word(),
        None => "not asked yet",
    }
}

/// The sign for how a requirement stands.
pub const fn status_mark(status: Status) -> Mark {
    match status {
        Status::Met => Mark::Good,
        Status::Pending => Mark::Neutral,
        Status::Unknown | Status::Waived => Mark::Warning,
        Status::Missing | Status::Stale | Status::Expired | Status::Rejected | Status::Failed => {
            Mark::Bad
        }
    }
}

/// What the standing of a release means, from its one word.
pub fn standing_tone(standing: &str) -> Tone {
    match standing {
        "ready" | "verified" | "closed" => Tone::Good,
        "incident" | "rolling-back" | "stuck" | "unread" => Tone::Bad,
        "rolled-back" | "partly-rolled-back" | "deploying" | "deployment-failed" | "deployed" => {
            Tone::Warning
        }
        _ => Tone::Neutral,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_with_their_things() {
        assert_eq!(count(1, "window"), "1 window");
        assert_eq!(count(0, "window"), "0 windows");
        assert_eq!(count(2, "pass"), "2 passes");
        assert_eq!(count(2, "history"), "2 histories");
        assert_eq!(part(1, 3, "requirement"), "1 of 3 requirements is");
        assert_eq!(part(2, 3, "requirement"), "2 of 3 requirements are");
        assert_eq!(part(1, 1, "requirement"), "1 requirement is");
    }

    #[test]
    fn lengths_of_time_are_short() {
        assert_eq!(took(85), "85 ms");
        assert_eq!(took(1_290), "1.2 s");
        assert_eq!(took(125_000), "2 min 5 s");
    }
}
