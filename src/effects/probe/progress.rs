//! How far an attempt has come, so that one that runs out of time can say where it was stuck.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::probe::kinds::{Answer, TcpAnswer};
use crate::effects::clock::Stopwatch;

/// The progress of one attempt, shared with the hooks that observe it.
#[derive(Clone)]
pub(super) struct Progress(Arc<Mutex<State>>);

struct State {
    watch: Stopwatch,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Nothing is known to have happened: it waits for a connection, or uses one that is open.
    Begun,
    Resolving(String),
    Connecting,
    Connected {
        after_ms: u64,
    },
    Answering {
        status: u16,
        after_ms: u64,
        bytes: usize,
    },
    /// What a TCP connection has received so far.
    Receiving(Vec<u8>),
}

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            watch: Stopwatch::start(),
            phase: Phase::Begun,
        })))
    }
}

impl Progress {
    /// The name is being resolved.
    pub(super) fn resolving(&self, name: &str) {
        self.step(|_| Phase::Resolving(name.to_owned()));
    }

    /// A connection is being made.
    pub(super) fn connecting(&self) {
        self.step(|_| Phase::Connecting);
    }

    /// A connection was made. One that was not waited for, since another came free before, changes nothing.
    pub(super) fn connected(&self) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Connecting | Phase::Resolving(_)) {
            state.phase = Phase::Connected {
                after_ms: state.watch.elapsed_ms(),
            };
        }
    }

    /// The head of an answer is there.
    pub(super) fn answering(&self, status: u16) {
        self.step(|watch| Phase::Answering {
            status,
            after_ms: watch.elapsed_ms(),
            bytes: 0,
        });
    }

    /// So many bytes of the answer's body are there.
    pub(super) fn body(&self, count: usize) {
        if let Phase::Answering { bytes, .. } = &mut self.lock().phase {
            *bytes = count;
        }
    }

    /// All that a TCP connection has received so far.
    pub(super) fn received(&self, all: &[u8]) {
        self.step(|_| Phase::Receiving(all.to_vec()));
    }

    /// How much of an answer there is, for a message about what is missing.
    pub(super) fn so_far(&self) -> Option<String> {
        match &self.lock().phase {
            Phase::Answering { status, bytes, .. } => Some(format!(
                "status {status} and {bytes} bytes of the body came before"
            )),
            _ => None,
        }
    }

    /// The answer of an attempt whose time is over. A name that was not resolved means that nothing was asked.
    pub(super) fn at_timeout(&self, limit: Duration) -> Answer {
        let limit = shown(limit);
        Answer::Unserved(match &self.lock().phase {
            Phase::Resolving(name) => {
                return Answer::Unasked(format!("the name {name} was not resolved within {limit}"));
            }
            Phase::Receiving(bytes) => {
                return Answer::Tcp(TcpAnswer {
                    received: String::from_utf8_lossy(bytes).into_owned(),
                });
            }
            Phase::Begun => format!("no answer within {limit}"),
            Phase::Connecting => format!("no connection within {limit}"),
            Phase::Connected { after_ms } => {
                format!("no answer within {limit} (the connection took {after_ms} ms)")
            }
            Phase::Answering {
                status,
                after_ms,
                bytes,
            } => format!(
                "no complete answer within {limit} (status {status} after {after_ms} ms, then {bytes} bytes of the body)"
            ),
        })
    }

    fn step(&self, phase: impl FnOnce(&Stopwatch) -> Phase) {
        let mut state = self.lock();
        state.phase = phase(&state.watch);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A length of time for a message.
pub(super) fn shown(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{}s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(2);

    #[test]
    fn a_timeout_says_where_it_was_stuck() {
        let text = |progress: &Progress| match progress.at_timeout(LIMIT) {
            Answer::Unserved(text) | Answer::Unasked(text) => text,
            other => panic!("{other:?}"),
        };
        let progress = Progress::default();
        assert_eq!(text(&progress), "no answer within 2s");
        progress.resolving("shop.example");
        assert!(matches!(progress.at_timeout(LIMIT), Answer::Unasked(_)));
        assert!(text(&progress).contains("shop.example"));
        progress.connecting();
        assert_eq!(text(&progress), "no connection within 2s");
        progress.connected();
        assert!(text(&progress).contains("the connection took"));
        progress.answering(200);
        progress.body(17);
        // A connection that came too late to be used.
        progress.connected();
        assert!(
            text(&progress).contains("status 200") && text(&progress).contains("17 bytes"),
            "{}",
            text(&progress)
        );
    }

    #[test]
    fn a_length_of_time_has_its_unit() {
        assert_eq!(shown(Duration::from_secs(90)), "90s");
        assert_eq!(shown(Duration::from_millis(1500)), "1500 ms");
    }
}
