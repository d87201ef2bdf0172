//! What is shown while it happens, written by a thread of its own: whoever asks probes, decides or keeps a window never
//! waits for a terminal that is stopped, or for somebody who does not read.
//!
//! Everything goes through one queue, so that what was told first is read first. What a display makes of an event is
//! worked out by whoever tells it; only writing is left to the thread, and drawing how far probes have come, ten times a
//! second at most.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::event::Event;
use crate::domain::running::{Running, Sight};
use crate::effects::clock::{Stopwatch, SystemClock};
use crate::effects::identity;
use crate::ports::{Clock, Onlooker};
use crate::render::Style;
use crate::render::live::{Display, Terminal};

/// The time between two drawings.
const FRAME: Duration = Duration::from_millis(100);

/// A countdown is left out while so many bytes wait to be written: the next one says the same, and later.
const BACKLOG: usize = 256 * 1024;

/// How long it is waited for what was told before: a terminal that is stopped must not keep a window from its watcher.
const PATIENCE: Duration = Duration::from_secs(1);

/// A handle to what is shown; a clone is another to the same.
#[derive(Clone)]
pub struct Screen(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// There is something to write, or to draw.
    more: Condvar,
    /// Something was written.
    less: Condvar,
    /// The probes that are being asked. Locked after `state`, where both are.
    running: Mutex<Option<Running>>,
    /// A terminal that probes are shown on though no event is; none where standard output is no such terminal.
    terminal: Option<Style>,
}

struct State {
    display: Option<Box<dyn Display + Send>>,
    /// Whether the display is there for the probes alone, and goes with them.
    for_probes: bool,
    /// Where it is written to, while nobody writes.
    out: Option<Box<dyn Write + Send>>,
    waiting: Vec<u8>,
    /// Whether probes are drawn.
    draws: bool,
    /// Whether there is a thread that writes.
    written: bool,
    /// Nobody reads any more.
    closed: bool,
}

impl Screen {
    /// Nothing is shown yet. Probes are on `terminal`, where there is one; everything is written to `out`.
    pub fn new(terminal: Option<Style>, out: Box<dyn Write + Send>) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                display: None,
                for_probes: false,
                out: Some(out),
                waiting: Vec::new(),
                draws: false,
                written: false,
                closed: false,
            }),
            more: Condvar::new(),
            less: Condvar::new(),
            running: Mutex::new(None),
            terminal,
        }))
    }

    /// The terminal that probes are shown on.
    pub fn terminal(&self) -> Option<Style> {
        self.0.terminal
    }

    /// From now on events are shown in this way.
    pub fn begin(&self, display: Box<dyn Display + Send>) {
        let mut state = self.0.state();
        state.display = Some(display);
        state.for_probes = false;
    }

    /// Shows an event.
    pub fn event(&self, at: DateTime<Utc>, event: &Event) {
        let mut state = self.0.state();
        let late = state.waiting.len() > BACKLOG;
        if !(late && matches!(event, Event::Countdown { .. })) {
            state.show(|display, out| display.event(at, event, out));
        }
        self.0.write(state);
    }

    /// Shows a text as it is.
    pub fn text(&self, text: &[u8]) {
        let mut state = self.0.state();
        if !state.closed {
            state.waiting.extend_from_slice(text);
        }
        self.0.write(state);
    }

    /// Shows no more events. What was told is written when this returns, unless that takes longer than a moment.
    pub fn end(&self) {
        let mut state = self.0.state();
        state.show(|display, out| display.finish(out));
        state.display = None;
        self.0.write(state);
        let watch = Stopwatch::start();
        let mut state = self.0.state();
        while !state.is_idle() {
            let left = watch.left_of(PATIENCE);
            if left.is_zero() {
                return;
            }
            let waited = self.0.less.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Writes everything that was told, however long it takes: what comes next is the result.
    pub fn flush(&self) {
        let mut state = self.0.state();
        while !state.is_idle() {
            state = match state.out {
                Some(_) => self.0.write_waiting(state),
                None => {
                    let waited = self.0.less.wait(state);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }
}

impl State {
    /// Lets the display write, where there is one and somebody reads.
    fn show(&mut self, show: impl FnOnce(&mut dyn Display, &mut Vec<u8>) -> io::Result<()>) {
        if let Some(display) = self.display.as_mut().filter(|_| !self.closed) {
            let (columns, rows) = identity::terminal_size();
            display.resize(columns, rows);
            // Writing to memory does not fail.
            let _ = show(display.as_mut(), &mut self.waiting);
        }
    }

    fn is_idle(&self) -> bool {
        self.closed || (self.waiting.is_empty() && self.out.is_some())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the thread write what waits, and begins it where there is none yet.
    fn write(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if state.waiting.is_empty() && !state.draws {
            return;
        }
        if !state.written {
            let shared = Arc::clone(self);
            let name = thread::Builder::new().name("screen".to_owned());
            state.written = name.spawn(move || shared.keep_writing()).is_ok();
        }
        if state.written {
            self.more.notify_one();
        } else {
            // Without a thread it is better to be slow than to be silent.
            drop(self.write_waiting(state));
        }
    }

    fn keep_writing(&self) {
        // What is over within a moment is not worth a flicker: the first drawing comes after one, as every other.
        let mut drawn = Stopwatch::start();
        let mut state = self.state();
        loop {
            let due = drawn.elapsed() >= FRAME;
            if state.draws && due && state.waiting.is_empty() {
                self.draw(&mut state);
                drawn = Stopwatch::start();
            }
            state = match (state.waiting.is_empty(), state.draws) {
                (false, _) => self.write_waiting(state),
                (true, true) => {
                    let waited = self.more.wait_timeout(state, FRAME);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                (true, false) => {
                    let waited = self.more.wait(state);
                    drawn = Stopwatch::start();
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    fn draw(&self, state: &mut State) {
        let room = state.display.as_ref().and_then(|display| display.room());
        let now = SystemClock.now();
        let view = {
            let running = self.running();
            running
                .as_ref()
                .zip(room)
                .map(|(it, room)| it.view(room, &now))
        };
        if view.is_some() {
            state.show(|display, out| display.probes(view, out));
        }
    }

    /// Writes what waits, and is not in anybody's way meanwhile.
    fn write_waiting<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let waiting = std::mem::take(&mut state.waiting);
        let Some(mut out) = state.out.take() else {
            return state;
        };
        drop(state);
        let written = out.write_all(&waiting).and_then(|()| out.flush());
        let mut state = self.state();
        state.out = Some(out);
        if written.is_err() {
            // A closed pipe ends the showing, and nothing else.
            state.closed = true;
            state.waiting.clear();
        }
        self.less.notify_all();
        state
    }
}

impl Onlooker for Screen {
    fn sees(&self, sight: &Sight<'_>) {
        match sight {
            Sight::Begins {
                probes,
                skipped,
                within_ms,
            } => {
                let mut state = self.0.state();
                if let Some(style) = self.0.terminal.filter(|_| state.display.is_none()) {
                    state.display = Some(Box::new(Terminal::new(style)));
                    state.for_probes = true;
                }
                let shown = state.display.as_ref().and_then(|display| display.room());
                if shown.is_some() && !state.closed {
                    let now = SystemClock.now();
                    let running = Running::new(probes, skipped, *within_ms, &now);
                    *self.0.running() = Some(running);
                    state.draws = true;
                    self.0.write(state);
                }
            }
            Sight::Ends => {
                let mut state = self.0.state();
                if self.0.running().take().is_none() {
                    return;
                }
                state.draws = false;
                state.show(|display, out| display.probes(None, out));
                if state.for_probes {
                    state.show(|display, out| display.finish(out));
                    state.display = None;
                    state.for_probes = false;
                }
                self.0.write(state);
            }
            sight => {
                if let Some(running) = self.0.running().as_mut() {
                    running.take(sight, &SystemClock.now());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::probe::Probe;
    use crate::domain::probe::judge::{Attempt, Verdict};
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Takes nothing before it is told to, and says what it took.
    struct Stopped {
        go: Receiver<()>,
        took: Sender<Vec<u8>>,
    }

    impl Write for Stopped {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.go.recv() {
                Ok(()) => {
                    let _ = self.took.send(bytes.to_vec());
                    Ok(bytes.len())
                }
                Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stopped() -> (Screen, Sender<()>, Receiver<Vec<u8>>) {
        let (lets_go, go) = channel();
        let (took, taken) = channel();
        let style = Style::new(false, 80, false);
        let screen = Screen::new(Some(style), Box::new(Stopped { go, took }));
        (screen, lets_go, taken)
    }

    fn probes() -> Vec<Probe> {
        (0..2_000)
            .map(|number| {
                let probe =
                    serde_json::json!({"id": format!("p{number}"), "tcp": {"address": "x:1"}});
                serde_json::from_value(probe).expect("a probe")
            })
            .collect()
    }

    fn ask(screen: &Screen, probes: &[Probe]) {
        screen.sees(&Sight::Sample);
        let attempt = Attempt::troubled(Verdict::Fail, "refused", 1);
        for probe in probes {
            let probe = &probe.id;
            screen.sees(&Sight::Asking { probe, attempt: 1 });
            screen.sees(&Sight::Attempted {
                probe,
                attempt: &attempt,
                again: false,
            });
        }
    }

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-11-20T{time}Z").parse().expect("a time")
    }

    fn warning(text: &str) -> Event {
        Event::Warning {
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_terminal_that_is_stopped_holds_nobody_up() {
        let (screen, lets_go, taken) = stopped();
        let probes = probes();
        screen.begin(Box::new(Terminal::new(Style::new(false, 80, false))));
        // Would any of it wait for the terminal, the test would not come to its end.
        screen.sees(&Sight::Begins {
            probes: &probes,
            skipped: &[],
            within_ms: Some(60_000),
        });
        ask(&screen, &probes);
        screen.event(at("18:00:00"), &warning("one"));
        ask(&screen, &probes);
        screen.event(at("18:00:01"), &warning("two"));
        screen.sees(&Sight::Ends);
        screen.end();
        // What was told is written in its order as soon as somebody reads again.
        let flush = std::thread::spawn({
            let screen = screen.clone();
            move || screen.flush()
        });
        let mut all = Vec::new();
        while !flush.is_finished() || all.is_empty() {
            let _ = lets_go.send(());
            all.extend(taken.try_iter().flatten());
            std::thread::yield_now();
        }
        all.extend(taken.try_iter().flatten());
        let text = String::from_utf8_lossy(&all);
        let place = |part: &str| {
            text.find(part)
                .unwrap_or_else(|| panic!("no {part}: {text}"))
        };
        assert!(place("one") < place("two"));
        flush.join().expect("it does not panic");
    }

    #[test]
    fn a_closed_pipe_ends_the_showing_alone() {
        let (screen, lets_go, taken) = stopped();
        drop(lets_go);
        let probes = probes();
        screen.sees(&Sight::Begins {
            probes: &probes,
            skipped: &[],
            within_ms: None,
        });
        screen.event(at("18:00:00"), &warning("one"));
        screen.flush();
        ask(&screen, &probes);
        screen.event(at("18:00:00"), &warning("two"));
        screen.sees(&Sight::Ends);
        screen.flush();
        assert_eq!(taken.try_iter().count(), 0);
    }

    #[test]
    fn a_backlog_leaves_countdowns_out_and_nothing_else() {
        let (screen, lets_go, taken) = stopped();
        screen.begin(Box::new(crate::render::live::JsonLines::new("watch")));
        screen.text(&vec![b'x'; 2 * BACKLOG]);
        screen.text(&vec![b'x'; 2 * BACKLOG]);
        let countdown = Event::Countdown {
            release: "2.4.0".parse().expect("a name"),
            windows: Vec::new(),
        };
        for _ in 0..100 {
            screen.event(at("18:00:00"), &countdown);
        }
        screen.event(at("18:00:00"), &warning("this stays"));
        for _ in 0..4 {
            let _ = lets_go.send(());
        }
        screen.flush();
        let text: Vec<u8> = taken.try_iter().flatten().collect();
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains("this stays"));
        assert_eq!(text.matches("countdown").count(), 0);
    }

    #[test]
    fn nothing_is_kept_of_probes_that_nobody_sees() {
        let screen = Screen::new(None, Box::new(io::sink()));
        let probes = probes();
        screen.sees(&Sight::Begins {
            probes: &probes,
            skipped: &[],
            within_ms: None,
        });
        assert!(screen.0.running().is_none());
        let style = Style::new(false, 80, false);
        screen.begin(Box::new(crate::render::live::Plain::new(style)));
        screen.sees(&Sight::Begins {
            probes: &probes,
            skipped: &[],
            within_ms: None,
        });
        assert!(screen.0.running().is_none());
    }
}
