//! From what was done about a probe to its sample.

use std::time::Duration;

use tokio::task::JoinError;

use super::progress::shown;
use super::{Done, repeat};
use crate::domain::probe::Probe;
use crate::domain::probe::judge::{Attempt, Sample, Verdict};

pub(super) fn conclude(
    probe: &Probe,
    Done { attempts, asked }: Done,
    end: Result<(), JoinError>,
    patience: Option<Duration>,
) -> Sample {
    let trouble = match end {
        Ok(()) => match attempts.last() {
            Some(last) => {
                return Sample {
                    probe: probe.id.clone(),
                    verdict: last.verdict,
                    // Nobody looks for the fault of one that passed.
                    repeat: asked
                        .as_deref()
                        .filter(|_| last.verdict != Verdict::Pass)
                        .and_then(repeat),
                    attempts,
                };
            }
            None => "it was not asked; this is a bug of relgate's".to_owned(),
        },
        Err(error) if error.is_panic() => panicked(error),
        Err(_) => {
            let patience = patience.map(shown).unwrap_or_default();
            let before = attempts
                .last()
                .map(|last| format!("; the attempt before: {}", last.reason()))
                .unwrap_or_default();
            format!("cut off, since all probes together may take {patience} at most{before}")
        }
    };
    let as_asked = asked.as_deref().unwrap_or(probe);
    unasked(as_asked, attempts, trouble)
}

pub(super) fn unasked(probe: &Probe, mut attempts: Vec<Attempt>, trouble: String) -> Sample {
    attempts.push(Attempt::troubled(Verdict::Error, trouble, 0));
    Sample {
        probe: probe.id.clone(),
        verdict: Verdict::Error,
        attempts,
        // With a captured value missing, the line would ask something else.
        repeat: probe.needs.is_empty().then(|| repeat(probe)).flatten(),
    }
}

pub(super) fn panicked(error: JoinError) -> String {
    let text = match error.try_into_panic() {
        Ok(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            text.or_else(|| panic.downcast_ref::<String>().cloned())
        }
        Err(_) => None,
    };
    let text = text.unwrap_or_else(|| "no message".to_owned());
    format!("asking it failed inside relgate ({text}); this is a bug of relgate's")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let end = runtime.block_on(async { tokio::spawn(async { panic!("out of cheese") }).await });
        let probe: Probe =
            serde_json::from_value(serde_json::json!({"id": "a", "tcp": {"address": "x:1"}}))
                .expect("a probe");
        let sample = conclude(&probe, Done::default(), end, None);
        assert_eq!(sample.verdict, Verdict::Error);
        assert!(sample.reason().contains("out of cheese"));
    }
}
