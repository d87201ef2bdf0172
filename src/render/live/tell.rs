//! Events in sentences, for every display that people read.

use crate::domain::event::{Event, WindowView};
use crate::domain::probe::judge::{Sample, Verdict};
use crate::domain::watch::Outcome;
use crate::domain::window::clock_face;
use crate::render::page::{Mark, Span, plain, strong, toned};
use crate::render::words;

/// A sentence and what it means.
pub struct Told {
    pub mark: Mark,
    pub text: Vec<Span>,
}

fn told(mark: Mark, text: impl Into<String>) -> Option<Told> {
    Some(Told {
        mark,
        text: vec![plain(text)],
    })
}

fn loud(mark: Mark, word: impl Into<String>, text: impl Into<String>) -> Option<Told> {
    Some(Told {
        mark,
        text: vec![toned(mark.tone(), word), plain(text)],
    })
}

/// The event in a sentence; none for what is shown in another way: a countdown, output.
pub fn tell(event: &Event) -> Option<Told> {
    match event {
        Event::Countdown { .. } | Event::Output { .. } => None,
        Event::ChecklistPass { pass, of, complete } => {
            let (mark, found) = match complete {
                true => (Mark::Good, "everything is as the release notes say"),
                false => (Mark::Bad, "not everything is as the release notes say"),
            };
            told(
                mark,
                format!("deployment checklist, pass {pass} of {of}: {found}"),
            )
        }
        Event::Sampled { sample, samples } => told(
            samples_mark(samples),
            format!("sample {sample}: {}", samples_line(samples)),
        ),
        Event::Verified { verdict } => told(
            words::verdict_mark(Some(*verdict)),
            format!("verification: {}", verdict.word()),
        ),
        Event::IncidentOpened {
            incident,
            title,
            priority,
            window_ms,
            on_expiry,
        } => loud(
            Mark::Bad,
            format!("{incident} {priority} opened"),
            format!(
                ": {title}; {} to mend it, then {}",
                clock_face(*window_ms),
                words::at_expiry(*on_expiry)
            ),
        ),
        Event::IncidentResolved { incident, by } => {
            told(Mark::Good, format!("{incident} resolved by {by}"))
        }
        Event::WindowExpired {
            incident,
            on_expiry,
        } => loud(
            Mark::Bad,
            format!("the window of {incident} expired"),
            format!(": {}", words::at_expiry(*on_expiry)),
        ),
        Event::RollbackClaimed {
            attempt,
            cause,
            previous,
            steps,
        } => {
            let steps: Vec<&str> = steps.iter().map(|step| step.as_str()).collect();
            loud(
                Mark::Running,
                format!("rollback to {previous}, attempt {attempt}"),
                format!(
                    ", because {}; steps: {}",
                    words::cause(cause),
                    steps.join(", ")
                ),
            )
        }
        Event::StepStarted {
            step, place, of, ..
        } => told(Mark::Running, format!("step {place} of {of}: {step}")),
        Event::StepEnded {
            step,
            outcome,
            took_ms,
            next,
            ..
        } => {
            let next = next
                .as_ref()
                .map_or(String::new(), |next| format!("; next: {next}"));
            told(
                words::step_mark(outcome),
                format!(
                    "step {step}: {} after {}{next}",
                    words::step_outcome(outcome),
                    words::took(*took_ms)
                ),
            )
        }
        Event::AttemptEnded { attempt, outcome } => {
            use crate::domain::record::body::AttemptOutcome::Completed;
            match outcome {
                Completed => told(
                    Mark::Good,
                    format!("attempt {attempt}: every step succeeded; the checks after it decide"),
                ),
                other => loud(
                    Mark::Bad,
                    format!("attempt {attempt} did not succeed"),
                    format!(": {}", words::attempt_outcome(other)),
                ),
            }
        }
        Event::Adopted { attempt } => told(
            Mark::Warning,
            format!("the process of attempt {attempt} was found dead; its work is taken over"),
        ),
        Event::Ended { outcome, say } => {
            let (mark, word) = match outcome {
                Outcome::Quiet => (Mark::Neutral, "nothing to watch"),
                Outcome::Resolved => (Mark::Good, "every incident is resolved"),
                Outcome::Replaced => (Mark::Good, "replaced by another release"),
                Outcome::RolledBack => (Mark::Good, "rolled back, and verified"),
                Outcome::Stuck => (
                    Mark::Bad,
                    "STUCK: the rollback did not succeed; a person is needed now",
                ),
            };
            loud(mark, word, after(say))
        }
        Event::Detached { say } => loud(Mark::Warning, "this watcher stops", after(say)),
        Event::Warning { text } => loud(Mark::Warning, "warning", format!(": {text}")),
    }
}

fn after(say: &str) -> String {
    match say.trim() {
        "" => String::new(),
        say => format!("; {}", say.replace('\n', " ")),
    }
}

fn samples_mark(samples: &[Sample]) -> Mark {
    words::verdict_mark(samples.iter().map(|sample| sample.verdict).max())
}

/// `4 of 5 probes pass; home-page: fail, status: expected 200, found 500`.
fn samples_line(samples: &[Sample]) -> String {
    let mut line = summary(samples);
    for sample in samples.iter().filter(|one| one.verdict != Verdict::Pass) {
        line.push_str(&format!(
            "; {}: {}, {}",
            sample.probe,
            sample.verdict.word(),
            sample.reason()
        ));
    }
    line
}

/// `4 of 5 probes pass`.
pub fn summary(samples: &[Sample]) -> String {
    let passed = samples.iter().filter(|one| one.verdict == Verdict::Pass);
    let verb = if samples.len() == 1 { "passes" } else { "pass" };
    format!(
        "{} of {} {verb}",
        passed.count(),
        words::count(samples.len(), "probe")
    )
}

/// `4:37 left`, in the colour of how much of the window that is.
pub fn left(window: &WindowView) -> Span {
    use crate::render::page::Tone;
    let text = match window.left_ms {
        0 => "expired".to_owned(),
        left => format!("{} left", clock_face(left)),
    };
    if window.left_ms.saturating_mul(3) > window.window_ms {
        toned(Tone::Warning, text)
    } else {
        toned(Tone::Bad, text)
    }
}

/// What is wrong, in a word: the probes that do not pass, or the title where every one does or there is none.
pub fn wrong(window: &WindowView) -> Span {
    let failing: Vec<String> = window
        .probes
        .iter()
        .filter(|probe| probe.verdict != Some(Verdict::Pass))
        .map(|probe| {
            let how = match probe.verdict {
                Some(Verdict::Fail) => "does not hold",
                Some(Verdict::Error) => "could not be asked",
                Some(Verdict::Inconclusive) => "gave no data",
                Some(Verdict::Pass) | None => "not asked yet",
            };
            format!("{}: {how}", probe.name)
        })
        .collect();
    match failing.as_slice() {
        [] => strong(window.title.as_str()),
        failing => strong(failing.join(", ")),
    }
}
