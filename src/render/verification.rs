//! What verification came to: what failed first, with what was expected and found, then the rest.

use super::page::{Item, Mark, Page, Tone, code, faint, plain, strong};
use super::{windows, words};
use crate::domain::outcome::{Conclusion, Verification};
use crate::domain::probe::judge::{Attempt, Sample, Verdict};
use crate::domain::probe::sampling::Failure;

/// The page of a verification.
pub fn page(verification: &Verification) -> Page {
    let conclusion = verification.conclusion;
    let mut page = Page::new(
        tone(conclusion),
        conclusion.words().to_uppercase(),
        format!(
            "{} {}: {}",
            verification.release,
            verification.stage,
            sentence(verification)
        ),
    );
    if conclusion == Conclusion::Stuck {
        page.alert(
            Tone::Bad,
            "the release is broken and could not be taken back; a person is needed now",
            None,
        );
    }
    page.list(
        "not as the deployment checklist says",
        verification
            .checklist_failures
            .iter()
            .map(failure)
            .collect(),
    );
    if conclusion == Conclusion::DeploymentIncomplete {
        page.say(&match verification.owner.as_slice() {
            [] => "the deployment team stays to fix it".to_owned(),
            owner => format!("stays to fix it: {}", owner.join(", ")),
        });
    }
    page.list("failed", failed(verification));
    let undecided = of(verification, |sample| {
        !counts(verification, sample)
            && matches!(sample.verdict, Verdict::Error | Verdict::Inconclusive)
    });
    page.list("could not be found out", undecided);
    let advisory = of(verification, |sample| {
        !counts(verification, sample) && sample.verdict == Verdict::Fail
    });
    page.list(
        "does not hold, and does not decide (advisory, or not often enough in a row)",
        advisory,
    );
    page.list(
        "left out (--only, --skip): nothing is known about these",
        verification
            .skipped
            .iter()
            .map(|probe| Item::new(Mark::Neutral, vec![strong(probe.as_str())]))
            .collect(),
    );
    windows::add(&mut page, &verification.release, &verification.windows);
    let accepted = verification.accepted.iter().map(failure).collect();
    page.list(
        "fails, as an incident says that stands in nobody's way",
        accepted,
    );
    windows::add_tolerated(&mut page, &verification.tolerated);
    let passed = verification
        .samples
        .iter()
        .filter(|sample| sample.verdict == Verdict::Pass && !counts(verification, sample))
        .map(|sample| {
            Item::new(
                Mark::Good,
                vec![
                    plain(sample.reason()),
                    faint(format!("  {}", words::took(last_took(sample)))),
                ],
            )
            .lead(sample.probe.as_str())
        })
        .collect();
    page.list("passed", passed);
    page.next(&verification.next);
    page
}

const fn tone(conclusion: Conclusion) -> Tone {
    match conclusion {
        Conclusion::Verified => Tone::Good,
        Conclusion::AwaitingPass | Conclusion::Inconclusive | Conclusion::RolledBack => {
            Tone::Warning
        }
        Conclusion::DeploymentIncomplete | Conclusion::Failed | Conclusion::Stuck => Tone::Bad,
    }
}

fn sentence(verification: &Verification) -> String {
    let (passes, needed) = (
        verification.checklist_passes,
        verification.checklist_passes_needed,
    );
    let probes = verification.samples.len();
    let failed = words::count(verification.failures.len(), "probe");
    match verification.conclusion {
        Conclusion::Verified => {
            let all = verification.samples.iter();
            let passed = all.filter(|sample| sample.verdict == Verdict::Pass).count();
            let made = words::count(passes as usize, "pass");
            let left_out = match verification.skipped.len() {
                0 => String::new(),
                some => format!(", {} left out", words::count(some, "advisory probe")),
            };
            format!(
                "{passed} of {} {}{left_out}, after {made} over the deployment checklist",
                words::count(probes, "probe"),
                if passed == 1 { "passes" } else { "pass" }
            )
        }
        Conclusion::DeploymentIncomplete => {
            let wrong = verification.checklist_failures.len();
            format!(
                "{} of the deployment checklist {} not as the notes say; no window was opened",
                words::count(wrong, "item"),
                if wrong == 1 { "is" } else { "are" }
            )
        }
        Conclusion::AwaitingPass => {
            format!("{passes} of {needed} passes over the deployment checklist are made")
        }
        Conclusion::Failed => format!(
            "{failed} failed, {} open",
            match verification.windows.len() {
                1 => "1 incident is".to_owned(),
                some => format!("{some} incidents are"),
            }
        ),
        Conclusion::Inconclusive => {
            let unknown = verification
                .samples
                .iter()
                .filter(|sample| matches!(sample.verdict, Verdict::Error | Verdict::Inconclusive))
                .count();
            let left_out = match verification.skipped.len() {
                0 => String::new(),
                some => format!("{} left out, ", words::count(some, "probe")),
            };
            format!(
                "it could not be decided; {left_out}{unknown} of {} gave no answer",
                words::count(probes, "probe")
            )
        }
        Conclusion::RolledBack => format!("{failed} failed, and the release was rolled back"),
        Conclusion::Stuck => format!("{failed} failed, and the rollback did not succeed"),
    }
}

fn counts(verification: &Verification, sample: &Sample) -> bool {
    verification
        .failures
        .iter()
        .any(|failure| failure.probe == sample.probe)
}

fn failed(verification: &Verification) -> Vec<Item> {
    verification
        .failures
        .iter()
        .map(|one| {
            let sample = verification
                .samples
                .iter()
                .find(|sample| sample.probe == one.probe && sample.verdict != Verdict::Pass);
            match sample {
                Some(sample) => sample_item(sample),
                // It counts as failed by an earlier sample.
                None => failure(one),
            }
        })
        .collect()
}

fn of(verification: &Verification, wanted: impl Fn(&Sample) -> bool) -> Vec<Item> {
    let all = verification.samples.iter();
    all.filter(|sample| wanted(sample))
        .map(sample_item)
        .collect()
}

fn failure(failure: &Failure) -> Item {
    Item::new(
        Mark::Bad,
        vec![
            strong(failure.probe.as_str()),
            plain(format!(": {}", failure.reason)),
        ],
    )
}

fn last_took(sample: &Sample) -> u64 {
    sample.attempts.last().map_or(0, |attempt| attempt.took_ms)
}

/// A sample with all that did not hold.
pub fn sample_item(sample: &Sample) -> Item {
    let tries = match sample.attempts.len() {
        0 | 1 => String::new(),
        some => format!(", {some} attempts"),
    };
    let mut item = Item::new(
        words::verdict_mark(Some(sample.verdict)),
        vec![
            strong(sample.probe.as_str()),
            faint(format!("  {}{tries}", words::took(last_took(sample)))),
        ],
    )
    .lead(sample.verdict.word());
    if let Some(attempt) = sample.attempts.last() {
        add_attempt(&mut item, attempt);
    }
    if let Some(repeat) = &sample.repeat {
        item.detail(vec![faint("repeat: "), code(repeat.as_str())]);
    }
    item
}

fn add_attempt(item: &mut Item, attempt: &Attempt) {
    item.say("", attempt.trouble.as_deref().unwrap_or_default());
    for assertion in attempt.assertions.iter().filter(|one| !one.holds) {
        item.detail(vec![
            strong(assertion.about.as_str()),
            plain(format!(
                ": expected {}, found {}",
                assertion.expected, assertion.actual
            )),
        ]);
    }
    let held = attempt.assertions.iter().filter(|one| one.holds).count();
    if held > 0 {
        item.detail(vec![faint(format!(
            "{} of {} hold",
            held,
            words::count(attempt.assertions.len(), "assertion")
        ))]);
    }
    if attempt.verdict != Verdict::Pass
        && let Some(phases) = &attempt.phases
    {
        item.detail(vec![faint(format!("time: {}", phases.line()))]);
    }
}
