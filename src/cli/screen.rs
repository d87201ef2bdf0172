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
use crate::effects::stream::Stream;
use crate::ports::{Clock, Onlooker};
use crate::render::live::{Display, Terminal};
use crate::render::{Style, shield};

/// The time between two drawings.
const FRAME: Duration = Duration::from_millis(100);

/// A countdown is left out while so many bytes wait to be written: the next one says the same, and later.
const BACKLOG: usize = 256 * 1024;

/// Every event is left out while so many bytes wait: nobody reads them, and memory has an end.
const FULL: usize = 4 * 1024 * 1024;

/// How long a reader may take nothing before the end no longer waits for it.
const STALL: Duration = Duration::from_secs(3);

/// How much is written at once. A pipe with room takes so much without waiting.
const CHUNK: usize = 4 * 1024;

/// Where a screen writes to.
pub trait Sink: Write + Send {
    /// Whether [`CHUNK`] bytes would be taken at once.
    fn is_ready(&self) -> bool;
}

impl Sink for Stream {
    fn is_ready(&self) -> bool {
        Self::is_ready(self)
    }
}

/// How long the end waits for what is not written yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// As long as it takes: nothing but the output is to come.
    Whole,
    /// As long as the reader goes on taking it.
    WhileRead,
    /// At most so long.
    Moment(Duration),
}

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
    /// Whether lines are kept from being obeyed by the runner of GitHub Actions.
    shielded: bool,
}

struct State {
    display: Option<Box<dyn Display + Send>>,
    /// Whether the display is there for the probes alone, and goes with them.
    for_probes: bool,
    /// Where it is written to, while nobody writes.
    out: Option<Box<dyn Sink>>,
    waiting: Vec<u8>,
    /// How much of what was taken from `waiting` is not written yet.
    in_hand: usize,
    /// How much was written or given up so far.
    done: u64,
    /// How many events were left out and not told of yet.
    left_out: u64,
    /// Whether probes are drawn.
    draws: bool,
    /// Whether there is a thread that writes.
    written: bool,
    /// Nobody reads any more.
    closed: bool,
    /// Why something could not be written; a closed pipe is no failure.
    failure: Option<String>,
    /// Whether what was written last ended within a line.
    torn: bool,
}

impl Screen {
    /// Nothing is shown yet. Probes are on `terminal`, where there is one; everything is written to `out`, `shielded` from
    /// the runner of GitHub Actions.
    pub fn new(terminal: Option<Style>, out: Box<dyn Sink>, shielded: bool) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                display: None,
                for_probes: false,
                out: Some(out),
                waiting: Vec::new(),
                in_hand: 0,
                done: 0,
                left_out: 0,
                draws: false,
                written: false,
                closed: false,
                failure: None,
                torn: false,
            }),
            more: Condvar::new(),
            less: Condvar::new(),
            running: Mutex::new(None),
            terminal,
            shielded,
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

    /// Shows an event, unless far too much waits to be written.
    pub fn event(&self, at: DateTime<Utc>, event: &Event) {
        let mut state = self.0.state();
        let waiting = state.backlog();
        let countdown = matches!(event, Event::Countdown { .. });
        if waiting > FULL {
            state.left_out += u64::from(!countdown);
        } else if waiting <= BACKLOG || !countdown {
            if let Some(text) = state.tell_left_out() {
                state.show(self.0.shielded, |display, out| {
                    display.event(at, &Event::Warning { text }, out)
                });
            }
            state.show(self.0.shielded, |display, out| {
                display.event(at, event, out)
            });
        }
        self.0.write(state);
    }

    /// Shows lines that may be left out where far too much waits to be written.
    pub fn lines(&self, text: &[u8]) {
        let mut state = self.0.state();
        if state.backlog() > FULL {
            state.left_out += 1;
            return;
        }
        state.push(text, self.0.shielded);
        self.0.write(state);
    }

    /// Shows a text as it is. Returns at once: whether it could be written, [`Self::failure`] says at the end.
    pub fn text(&self, text: &[u8]) {
        let mut state = self.0.state();
        state.push(text, self.0.shielded);
        self.0.write(state);
    }

    /// Shows no more events.
    pub fn end(&self) {
        let mut state = self.0.state();
        state.show(self.0.shielded, |display, out| display.finish(out));
        state.display = None;
        self.0.write(state);
    }

    /// Waits for what is not written yet, less where `hurry` says that somebody wants the end. Returns whether everything
    /// was written, or given up.
    pub fn drain(&self, wait: Wait, hurry: &dyn Fn() -> bool) -> bool {
        let mut watch = Stopwatch::start();
        let mut state = self.0.state();
        let mut done = state.done;
        loop {
            if state.is_idle() {
                return true;
            }
            if !state.written {
                self.0.write_ready(&mut state);
            }
            if state.done != done && !matches!(wait, Wait::Moment(_)) {
                done = state.done;
                watch = Stopwatch::start();
            }
            let left = match wait {
                Wait::Moment(limit) => watch.left_of(limit),
                Wait::Whole if !hurry() => FRAME,
                Wait::Whole | Wait::WhileRead => watch.left_of(STALL),
            };
            if left.is_zero() {
                return false;
            }
            let waited = self.0.less.wait_timeout(state, left.min(FRAME));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Why something that was to be shown could not be written, where it could not; that nobody reads any more is none.
    pub fn failure(&self) -> Option<String> {
        self.0.state().failure.clone()
    }
}

impl State {
    /// Lets the display write, where there is one and somebody reads.
    fn show(
        &mut self,
        shielded: bool,
        show: impl FnOnce(&mut dyn Display, &mut Vec<u8>) -> io::Result<()>,
    ) {
        let mut shown = Vec::new();
        if let Some(display) = self.display.as_mut().filter(|_| !self.closed) {
            let (columns, rows) = identity::terminal_size();
            display.resize(columns, rows);
            // Writing to memory does not fail.
            let _ = show(display.as_mut(), &mut shown);
        }
        self.push(&shown, shielded);
    }

    fn push(&mut self, text: &[u8], shielded: bool) {
        match (self.closed, shielded) {
            (true, _) => {}
            (false, false) => self.waiting.extend_from_slice(text),
            (false, true) => {
                let text = shield(&String::from_utf8_lossy(text));
                self.waiting.extend_from_slice(text.as_bytes());
            }
        }
    }

    fn backlog(&self) -> usize {
        self.waiting.len() + self.in_hand
    }

    fn tell_left_out(&mut self) -> Option<String> {
        let count = std::mem::take(&mut self.left_out);
        (count > 0).then(|| format!("{count} events are left out here: nobody read this output"))
    }

    fn is_idle(&self) -> bool {
        self.closed || (self.waiting.is_empty() && self.out.is_some())
    }

    /// Takes note of what became of a piece of `length` bytes.
    fn wrote(&mut self, piece: &[u8], result: io::Result<()>) {
        self.done += 1;
        self.in_hand = self.in_hand.saturating_sub(piece.len());
        match result {
            Ok(()) => self.torn = !piece.ends_with(b"\n"),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                // A closed pipe ends the showing, and nothing else.
                self.closed = true;
                self.waiting.clear();
            }
            // A disk that is full now may have room for what comes later.
            Err(error) => self.failure = Some(error.to_string()),
        }
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
            self.write_ready(&mut state);
        }
    }

    /// Without a thread: writes what is taken at once.
    fn write_ready(&self, state: &mut State) {
        while let Some(mut out) = state.out.take() {
            let ready = !state.waiting.is_empty() && out.is_ready();
            if ready {
                let length = state.waiting.len().min(CHUNK);
                let piece: Vec<u8> = state.waiting.drain(..length).collect();
                let written = out.write_all(&piece);
                state.wrote(&piece, written);
            }
            state.out = Some(out);
            if !ready {
                return;
            }
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
            state.show(self.shielded, |display, out| display.probes(view, out));
        }
    }

    /// Writes what waits, piece by piece, and is not in anybody's way meanwhile.
    fn write_waiting<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some(mut out) = state.out.take() else {
            return state;
        };
        let mut waiting = std::mem::take(&mut state.waiting);
        if state.failure.is_some() && state.torn {
            waiting.insert(0, b'\n');
        }
        state.in_hand = waiting.len();
        for piece in waiting.chunks(CHUNK) {
            drop(state);
            let written = out.write_all(piece).and_then(|()| out.flush());
            let failed = written.is_err();
            state = self.state();
            state.wrote(piece, written);
            self.less.notify_all();
            if failed {
                break;
            }
        }
        state.in_hand = 0;
        state.out = Some(out);
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
                let shielded = self.0.shielded;
                state.show(shielded, |display, out| display.probes(None, out));
                if state.for_probes {
                    state.show(shielded, |display, out| display.finish(out));
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
mod tests;
