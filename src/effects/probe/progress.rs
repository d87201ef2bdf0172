//! How far an attempt has come: the time that each phase took, and where one that runs out of time was stuck.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::probe::kinds::{Answer, TcpAnswer};
use crate::domain::probe::phases::Phases;
use crate::effects::clock::Stopwatch;

/// The progress of one attempt; it outlives the asking, which is dropped at its timeout.
#[derive(Clone)]
pub(super) struct Progress(Arc<Mutex<State>>);

struct State {
    watch: Stopwatch,
    /// When the phase began, in microseconds after the attempt did.
    since: u64,
    phase: Phase,
    phases: Phases,
    /// Whether a connection was made or used: only then are there phases to tell.
    went_out: bool,
    /// The proxy whose fault what goes wrong may be.
    proxy: Option<String>,
}

#[derive(Debug)]
enum Phase {
    /// Nothing is known to have happened.
    Begun,
    Resolving(String),
    Connecting,
    Shaking,
    Asking {
        /// How long connecting took, TLS among it; none where the connection was open already.
        connected_ms: Option<u64>,
    },
    Answering {
        status: u16,
        after_ms: u64,
        bytes: usize,
    },
    /// What is to be found out, and cannot be where no answer comes.
    FindingOut(String),
    /// What a TCP connection has brought so far.
    Receiving(TcpAnswer),
}

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            watch: Stopwatch::start(),
            since: 0,
            phase: Phase::Begun,
            phases: Phases::default(),
            went_out: false,
            proxy: None,
        })))
    }
}

impl State {
    fn now(&self) -> u64 {
        u64::try_from(self.watch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn blamed(&self, trouble: Answer) -> Answer {
        match (trouble, &self.proxy) {
            (Answer::Unserved(text), Some(proxy)) => {
                Answer::Unasked(format!("{text}, by way of the proxy {proxy}"))
            }
            (trouble, _) => trouble,
        }
    }

    /// Ends the phase, and begins the next.
    fn step(&mut self, next: Phase) {
        let now = self.now();
        let took = now.saturating_sub(self.since);
        let ended = match self.phase {
            Phase::Resolving(_) => Some(&mut self.phases.dns_us),
            Phase::Connecting => Some(&mut self.phases.connect_us),
            Phase::Shaking => Some(&mut self.phases.tls_us),
            Phase::Asking { .. }
                if matches!(next, Phase::Answering { .. } | Phase::Receiving(_)) =>
            {
                Some(&mut self.phases.first_byte_us)
            }
            _ => None,
        };
        if let Some(ended) = ended {
            *ended = Some(ended.unwrap_or(0).saturating_add(took));
        }
        self.since = now;
        self.phase = next;
        self.went_out = true;
    }
}

impl Progress {
    /// From now on, what goes wrong may be the fault of this proxy; or of none, where it has opened a tunnel.
    pub(super) fn by_way_of(&self, proxy: Option<&str>) {
        let mut state = self.lock();
        if state.proxy.as_deref() != proxy {
            state.proxy = proxy.map(str::to_owned);
        }
    }

    /// A trouble, with how much of an answer came before it. Where it may be a proxy's, it is no failure of what was
    /// asked.
    pub(super) fn troubled(&self, trouble: Answer) -> Answer {
        let state = self.lock();
        state.blamed(match (trouble, &state.phase) {
            (Answer::Unserved(text), Phase::Answering { status, bytes, .. }) => Answer::Unserved(
                format!("{text} (status {status} and {bytes} bytes of the body came before)"),
            ),
            (trouble, _) => trouble,
        })
    }

    /// The name is being resolved.
    pub(super) fn resolving(&self, name: &str) {
        self.step(Phase::Resolving(name.to_owned()));
    }

    /// A connection is being made.
    pub(super) fn connecting(&self) {
        self.step(Phase::Connecting);
    }

    /// The connection is made, and TLS is being agreed on.
    pub(super) fn shaking(&self) {
        self.step(Phase::Shaking);
    }

    /// The connection stands, and the question is being asked.
    pub(super) fn connected(&self) {
        let mut state = self.lock();
        let connected_ms = Some(state.watch.elapsed_ms());
        state.step(Phase::Asking { connected_ms });
    }

    /// The question is being asked over a connection that was open already.
    pub(super) fn reusing(&self) {
        self.step(Phase::Asking { connected_ms: None });
    }

    /// The head of an answer is there.
    pub(super) fn answering(&self, status: u16) {
        let mut state = self.lock();
        let after_ms = state.watch.elapsed_ms();
        state.step(Phase::Answering {
            status,
            after_ms,
            bytes: 0,
        });
    }

    /// So many bytes of the answer's body are there.
    pub(super) fn body(&self, count: usize) {
        if let Phase::Answering { bytes, .. } = &mut self.lock().phase {
            *bytes = count;
        }
    }

    /// This is to be found out: where no answer comes, it is not known.
    pub(super) fn finding_out(&self, what: String) {
        self.step(Phase::FindingOut(what));
    }

    /// What the answer of a TCP connection is if its time is over before more comes.
    pub(super) fn received(&self, so_far: TcpAnswer) {
        self.step(Phase::Receiving(so_far));
    }

    /// How long each phase took that came to its end; none where nothing was asked over the network.
    pub(super) fn phases(&self) -> Option<Phases> {
        let state = self.lock();
        state.went_out.then(|| Phases {
            total_us: state.now(),
            ..state.phases
        })
    }

    /// The answer of an attempt whose time is over. A name that was not resolved means that nothing was asked.
    pub(super) fn at_timeout(&self, limit: Duration) -> Answer {
        let limit = shown(limit);
        let state = self.lock();
        let trouble = Answer::Unserved(match &state.phase {
            Phase::Resolving(name) => {
                return Answer::Unasked(format!("the name {name} was not resolved within {limit}"));
            }
            Phase::FindingOut(what) => {
                return Answer::Unasked(format!("{what}: no answer within {limit}"));
            }
            Phase::Receiving(answer) => return Answer::Tcp(answer.clone()),
            Phase::Begun => format!("no answer within {limit}"),
            Phase::Connecting => format!("no connection within {limit}"),
            Phase::Shaking => format!(
                "no TLS within {limit} (connected after {} ms, and then no end of the handshake)",
                state.since / 1000
            ),
            Phase::Asking { connected_ms: None } => {
                format!("no answer within {limit} (the connection was open already)")
            }
            Phase::Asking {
                connected_ms: Some(after_ms),
            } => format!("no answer within {limit} (the connection took {after_ms} ms)"),
            Phase::Answering {
                status,
                after_ms,
                bytes,
            } => format!(
                "no complete answer within {limit} (status {status} after {after_ms} ms, then {bytes} bytes of the body)"
            ),
        });
        state.blamed(trouble)
    }

    fn step(&self, next: Phase) {
        self.lock().step(next);
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
        progress.shaking();
        assert!(text(&progress).starts_with("no TLS within 2s"));
        progress.connected();
        assert!(text(&progress).contains("the connection took"));
        progress.answering(200);
        progress.body(17);
        assert!(
            text(&progress).contains("status 200") && text(&progress).contains("17 bytes"),
            "{}",
            text(&progress)
        );
        progress.reusing();
        assert!(text(&progress).contains("open already"));
    }

    #[test]
    fn a_phase_is_there_when_it_came_to_its_end() {
        let progress = Progress::default();
        assert_eq!(progress.phases(), None);
        progress.resolving("shop.example");
        progress.connecting();
        let so_far = progress.phases().expect("phases");
        assert!(so_far.dns_us.is_some() && so_far.connect_us.is_none());
        progress.shaking();
        progress.connected();
        let so_far = progress.phases().expect("phases");
        assert!(so_far.connect_us.is_some() && so_far.tls_us.is_some());
        assert_eq!(so_far.first_byte_us, None);
        // The connection was of no use any more: the question is asked again, over another.
        progress.connecting();
        assert_eq!(progress.phases().expect("phases").first_byte_us, None);
        progress.connected();
        progress.answering(200);
        let all = progress.phases().expect("phases");
        let parts = [all.dns_us, all.connect_us, all.tls_us, all.first_byte_us];
        assert!(parts.iter().all(Option::is_some), "{all:?}");
        assert!(parts.into_iter().flatten().sum::<u64>() <= all.total_us);
    }

    #[test]
    fn a_length_of_time_has_its_unit() {
        assert_eq!(shown(Duration::from_secs(90)), "90s");
        assert_eq!(shown(Duration::from_millis(1500)), "1500 ms");
    }
}
