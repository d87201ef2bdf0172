use super::*;
use crate::domain::probe::Probe;
use crate::domain::probe::judge::{Attempt, Verdict};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Takes nothing before it is told to, and says what it took.
struct Stopped {
    go: Receiver<()>,
    took: Sender<Vec<u8>>,
}

impl Sink for Stopped {
    fn is_ready(&self) -> bool {
        true
    }
}

impl Sink for io::Sink {
    fn is_ready(&self) -> bool {
        true
    }
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
    let screen = Screen::new(Some(style), Box::new(Stopped { go, took }), false);
    (screen, lets_go, taken)
}

/// Reads everything that was told.
fn read(screen: &Screen, lets_go: &Sender<()>, taken: &Receiver<Vec<u8>>) -> Vec<u8> {
    let mut all = Vec::new();
    while !screen.drain(Wait::Moment(Duration::from_millis(1)), &|| false) {
        let _ = lets_go.send(());
        all.extend(taken.try_iter().flatten());
    }
    all.extend(taken.try_iter().flatten());
    all
}

fn probes() -> Vec<Probe> {
    (0..2_000)
        .map(|number| {
            let probe = serde_json::json!({"id": format!("p{number}"), "tcp": {"address": "x:1"}});
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
    let all = read(&screen, &lets_go, &taken);
    let text = String::from_utf8_lossy(&all);
    let place = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("no {part}: {text}"))
    };
    assert!(place("one") < place("two"));
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
    screen.drain(Wait::Whole, &|| false);
    ask(&screen, &probes);
    screen.event(at("18:00:00"), &warning("two"));
    screen.sees(&Sight::Ends);
    screen.drain(Wait::Whole, &|| false);
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
    let text = read(&screen, &lets_go, &taken);
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("this stays"));
    assert_eq!(text.matches("countdown").count(), 0);
}

#[test]
fn what_nobody_reads_has_an_end_and_is_counted() {
    let (screen, lets_go, taken) = stopped();
    screen.begin(Box::new(crate::render::live::JsonLines::new("watch")));
    screen.text(&vec![b'x'; FULL + CHUNK]);
    for _ in 0..7 {
        screen.event(at("18:00:00"), &warning("lost"));
    }
    assert!(!screen.drain(Wait::Moment(Duration::from_millis(1)), &|| false));
    let before = read(&screen, &lets_go, &taken);
    screen.event(at("18:00:01"), &warning("this stays"));
    let after = read(&screen, &lets_go, &taken);
    assert_eq!(before.len(), FULL + CHUNK);
    let text = String::from_utf8_lossy(&after);
    assert!(text.contains("7 events are left out") && text.contains("this stays"));
    assert!(!text.contains("lost"), "{text}");
}

/// A disk that is full, until it is not.
struct Disk(Receiver<()>, Sender<Vec<u8>>);

impl Sink for Disk {
    fn is_ready(&self) -> bool {
        true
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.try_recv() {
            Ok(()) => {
                let _ = self.1.send(bytes.to_vec());
                Ok(bytes.len())
            }
            Err(_) => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_was_full_is_written_again_and_the_failure_is_remembered() {
    let (makes_room, room) = channel();
    let (took, taken) = channel();
    let screen = Screen::new(None, Box::new(Disk(room, took)), false);
    screen.text(b"lost\n");
    assert!(screen.drain(Wait::Whole, &|| false));
    assert!(screen.failure().is_some());
    let _ = makes_room.send(());
    screen.text(b"kept\n");
    assert!(screen.drain(Wait::Whole, &|| false));
    let all: Vec<u8> = taken.try_iter().flatten().collect();
    assert_eq!(all, b"kept\n");
    assert!(screen.failure().is_some());
}

#[test]
fn nothing_is_kept_of_probes_that_nobody_sees() {
    let screen = Screen::new(None, Box::new(io::sink()), false);
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
