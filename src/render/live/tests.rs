//! Displays, told a release that goes wrong, on screens of several sizes.

use super::*;
use crate::domain::event::Event;
use crate::domain::policy::OnExpiry;
use crate::domain::probe::judge::Verdict;
use crate::domain::record::body::{AttemptOutcome, Cause, StepOutcome};
use crate::domain::watch::Outcome;
use crate::render::samples::{HOSTILE, at, name, sample, window};
use crate::render::{Style, text};

mod probes;

/// A terminal that knows the escapes which a display uses, and fails on any other.
struct Screen {
    columns: usize,
    rows: usize,
    /// Every line since the beginning; the last `rows` of them are on the screen.
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
    widest: usize,
}

impl Screen {
    fn new(columns: usize, rows: usize) -> Self {
        Self {
            columns,
            rows,
            lines: vec![Vec::new()],
            row: 0,
            column: 0,
            widest: 0,
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).expect("text");
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '\x1b' => self.escape(&mut rest),
                '\r' => self.column = 0,
                '\n' => self.down(),
                c => {
                    assert!(!text::is_unsafe(c), "{c:?} was sent in {text:?}");
                    self.put(c);
                }
            }
        }
    }

    fn escape(&mut self, rest: &mut std::str::Chars<'_>) {
        assert_eq!(rest.next(), Some('['));
        let mut number = String::new();
        let end = loop {
            match rest.next() {
                Some(c) if c.is_ascii_digit() || c == ';' => number.push(c),
                Some(c) => break c,
                None => panic!("an escape without an end"),
            }
        };
        match end {
            'A' => {
                let up: usize = number.parse().expect("a number");
                let top = self.lines.len().saturating_sub(self.rows);
                assert!(self.row >= top + up, "the cursor would leave the screen");
                self.row -= up;
            }
            'K' => self.lines[self.row].truncate(self.column),
            'J' => {
                self.lines[self.row].truncate(self.column);
                self.lines.truncate(self.row + 1);
            }
            'm' => {}
            other => panic!("an unknown escape {other:?}"),
        }
    }

    fn put(&mut self, c: char) {
        let width = text::char_width(c);
        if self.column + width > self.columns {
            self.column = 0;
            self.down();
        }
        let line = &mut self.lines[self.row];
        line.resize(line.len().max(self.column), ' ');
        // A wide character takes a second cell.
        for cell in 0..width {
            let shown = if cell == 0 { c } else { '\0' };
            match line.get_mut(self.column + cell) {
                Some(there) => *there = shown,
                None => line.push(shown),
            }
        }
        self.column += width;
        self.widest = self.widest.max(self.column);
    }

    fn down(&mut self) {
        self.row += 1;
        if self.row == self.lines.len() {
            self.lines.push(Vec::new());
        }
    }

    fn text(&self) -> String {
        let lines: Vec<String> = self
            .lines
            .iter()
            .map(|line| {
                let line: String = line.iter().filter(|c| **c != '\0').collect();
                line.trim_end().to_owned()
            })
            .collect();
        lines.join("\n").trim_end().to_owned()
    }
}

fn countdown(windows: &[(&str, u64)]) -> Event {
    Event::Countdown {
        release: name("2.4.0"),
        windows: windows.iter().map(|(id, left)| window(id, *left)).collect(),
    }
}

fn opened(id: &str) -> Event {
    Event::IncidentOpened {
        incident: name(id),
        title: "the home page does not answer".to_owned(),
        priority: name("critical"),
        window_ms: 300_000,
        on_expiry: OnExpiry::Rollback,
    }
}

fn claimed(attempt: u32) -> Event {
    Event::RollbackClaimed {
        attempt,
        cause: Cause::Expired {
            incident: name("I1"),
        },
        previous: "2.3.1".to_owned(),
        steps: vec![name("switch-back"), name("configuration")],
    }
}

fn started(step: &str, place: usize) -> Event {
    Event::StepStarted {
        attempt: 1,
        step: name(step),
        place,
        of: 2,
    }
}

fn ended(step: &str, code: i32, next: Option<&str>) -> Event {
    Event::StepEnded {
        attempt: 1,
        step: name(step),
        outcome: StepOutcome::Exited { code },
        took_ms: 1_240,
        tail: "the last line\n".to_owned(),
        next: next.map(name),
    }
}

fn output(text: &str) -> Event {
    Event::Output {
        text: text.to_owned(),
    }
}

/// Everything that can happen, in an order in which it does.
fn story() -> Vec<Event> {
    vec![
        Event::ChecklistPass {
            pass: 1,
            of: 2,
            complete: true,
        },
        Event::Sampled {
            sample: 1,
            samples: vec![
                sample("cart", Verdict::Pass, 2),
                sample("home-page", Verdict::Fail, 1),
            ],
        },
        Event::Verified {
            verdict: Verdict::Fail,
        },
        opened("I1"),
        countdown(&[("I1", 300_000)]),
        Event::Warning {
            text: format!("odd: {HOSTILE}"),
        },
        opened("I2"),
        countdown(&[("I1", 240_000), ("I2", 299_000)]),
        Event::IncidentResolved {
            incident: name("I2"),
            by: "grace".to_owned(),
        },
        countdown(&[("I1", 900)]),
        claimed(1),
        started("switch-back", 1),
        output(&format!("日本語 {HOSTILE}\n")),
        output(&format!("{}\n\ttab\n", "wide日".repeat(60))),
        output("1\n2\n3\n4\n5\n6\n"),
        ended("switch-back", 0, Some("configuration")),
        started("configuration", 2),
        Event::Adopted { attempt: 1 },
        ended("configuration", 3, None),
        Event::AttemptEnded {
            attempt: 1,
            outcome: AttemptOutcome::Failed {
                step: name("configuration"),
            },
        },
        claimed(2),
        Event::WindowExpired {
            incident: name("I1"),
            on_expiry: OnExpiry::Decide,
        },
        Event::Ended {
            outcome: Outcome::Stuck,
            say: "call Ada".to_owned(),
        },
        Event::Detached {
            say: "I1 stays armed".to_owned(),
        },
    ]
}

fn told(display: &mut dyn Display, events: &[Event]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (second, event) in (0i64..).zip(events) {
        let mut out = Vec::new();
        display
            .event(at(second), event, &mut out)
            .expect("a vector takes everything");
        all.push(out);
    }
    all
}

fn terminal(style: Style, rows: usize) -> Terminal {
    let mut display = Terminal::new(style);
    display.resize(style.columns, rows);
    display
}

fn plainly(events: &[Event]) -> String {
    let mut display = Plain::new(Style::new(false, 80, false));
    String::from_utf8(told(&mut display, events).concat()).expect("text")
}

#[test]
fn a_terminal_is_never_written_beyond_its_width_or_height() {
    for columns in [1, 2, 20, 80, 200] {
        for rows in [2, 5, 24, 60] {
            for (color, unicode) in [(false, false), (true, true)] {
                let mut screen = Screen::new(columns, rows);
                let mut display = terminal(Style::new(color, columns, unicode), rows);
                for bytes in told(&mut display, &story()) {
                    screen.send(&bytes);
                    assert_eq!(screen.column, 0, "the cursor stands below the area");
                }
                assert!(screen.widest < columns.max(2), "{columns}x{rows}");
            }
        }
    }
}

#[test]
fn an_area_is_redrawn_in_place_and_the_history_above_it_stays() {
    let mut screen = Screen::new(80, 24);
    let mut display = terminal(Style::new(true, 80, false), 24);
    let events = [
        opened("I1"),
        countdown(&[("I1", 300_000)]),
        countdown(&[("I1", 277_000)]),
        countdown(&[("I1", 277_000)]),
    ];
    let sent = told(&mut display, &events);
    assert!(sent[3].is_empty(), "nothing changed, so nothing is sent");
    sent.iter().for_each(|bytes| screen.send(bytes));
    assert_eq!(
        screen.text(),
        "\
10:00:00Z x I1 critical opened: the home page does not answer; 5:00 to mend it,
then the rollback runs by itself
I1 critical  4:37 left  home-page: does not hold, cart: not asked yet
   [#####################################---]
   the home page does not answer (production)
   x home-page: fail, status: expected 200, found 500
   - cart: not asked yet
   known: the first request may be slow
   can resolve: Grace (@grace), Linus
   relgate incident resolve I1 --release 2.4.0
   at 0:00 the rollback runs by itself"
    );
}

#[test]
fn a_rollback_shows_its_steps_and_the_end_of_the_output() {
    let mut screen = Screen::new(60, 24);
    let mut display = terminal(Style::new(false, 60, true), 24);
    let mut events = vec![
        claimed(1),
        started("switch-back", 1),
        output("0\n1\n2\n3\n4\n5\n"),
    ];
    for bytes in told(&mut display, &events) {
        screen.send(&bytes);
    }
    let area = "\
rollback to 2.3.1  attempt 1
  ▶ switch-back  running
    │ 1
    │ 2
    │ 3
    │ 4
    │ 5
  · configuration
  next: configuration";
    assert!(screen.text().ends_with(area), "{}", screen.text());

    events = vec![
        ended("switch-back", 0, Some("configuration")),
        started("configuration", 2),
        ended("configuration", 3, None),
    ];
    for bytes in told(&mut display, &events) {
        screen.send(&bytes);
    }
    let area = "\
rollback to 2.3.1  attempt 1
  ✓ switch-back  done 1.2 s
  ✗ configuration  exited with 3 1.2 s
    │ the last line";
    assert!(screen.text().ends_with(area), "{}", screen.text());
}

#[test]
fn no_countdown_stands_still_beside_a_rollback() {
    let mut screen = Screen::new(80, 24);
    let mut display = terminal(Style::new(false, 80, true), 24);
    let events = [
        countdown(&[("I1", 900)]),
        claimed(1),
        started("switch-back", 1),
        ended("switch-back", 0, None),
        Event::AttemptEnded {
            attempt: 1,
            outcome: AttemptOutcome::Completed,
        },
    ];
    for bytes in told(&mut display, &events) {
        screen.send(&bytes);
    }
    let text = screen.text();
    assert!(!text.contains("left"), "{text}");
    assert!(text.ends_with("▶ the checks after the rollback"), "{text}");
}

#[test]
fn what_was_done_stays_on_the_screen_at_the_end() {
    let mut screen = Screen::new(80, 24);
    let mut display = terminal(Style::new(false, 80, true), 24);
    for bytes in told(&mut display, &story()) {
        screen.send(&bytes);
    }
    let mut out = Vec::new();
    display.finish(&mut out).expect("a vector takes everything");
    screen.send(&out);
    let text = screen.text();
    for part in [
        "✓ switch-back  done 1.2 s",
        "I2 resolved by grace",
        "STUCK: the rollback did not succeed; a person is needed now",
        "I1 stays armed",
    ] {
        assert_eq!(text.matches(part).count(), 1, "{part}: {text}");
    }
    assert!(
        !text.contains(" left  "),
        "no countdown stands still: {text}"
    );
}

#[test]
fn a_resized_terminal_is_redrawn_without_a_trace() {
    // A terminal that got narrower has broken the area's lines anew: so does this one.
    let mut wide = Screen::new(80, 24);
    let mut display = terminal(Style::new(false, 80, false), 24);
    for bytes in told(&mut display, &[countdown(&[("I1", 300_000)])]) {
        wide.send(&bytes);
    }
    let mut narrow = Screen::new(30, 24);
    narrow.send(wide.text().replace('\n', "\r\n").as_bytes());
    narrow.send(b"\r\n");
    display.resize(30, 24);
    for bytes in told(&mut display, &[countdown(&[("I1", 277_000)])]) {
        narrow.send(&bytes);
    }
    let text = narrow.text();
    assert_eq!(text.matches("I1 critical").count(), 1, "{text}");
    assert!(
        text.contains("4:37 left") && !text.contains("5:00"),
        "{text}"
    );
}

#[test]
fn too_few_rows_keep_the_countdown_and_the_command() {
    let mut screen = Screen::new(80, 5);
    let mut display = terminal(Style::new(false, 80, false), 5);
    let events = [countdown(&[("I1", 277_000), ("I2", 290_000)])];
    for bytes in told(&mut display, &events) {
        screen.send(&bytes);
    }
    let text = screen.text();
    assert!(text.lines().count() < 5, "{text}");
    for part in [
        "I1 critical  4:37 left",
        "relgate incident resolve I1",
        "I2 critical  4:50 left",
        "relgate incident resolve I2",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn plain_lines_say_of_a_countdown_only_what_changed() {
    let every_tenth: Vec<Event> = (0..=1_500u64)
        .rev()
        .map(|tenth| countdown(&[("I1", tenth * 100)]))
        .collect();
    let said = plainly(&every_tenth);
    let left: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split("I1 critical  ").nth(1)?.split(',').next())
        .collect();
    assert_eq!(
        left,
        [
            "2:30 left",
            "2:00 left",
            "1:00 left",
            "0:30 left",
            "0:10 left",
            "0:05 left",
            "0:04 left",
            "0:03 left",
            "0:02 left",
            "0:01 left",
            "expired"
        ]
    );
    assert_eq!(said.matches("relgate incident resolve").count(), 1);
}

#[test]
fn plain_lines_tell_a_verdict_that_changed_and_a_window_that_is_new() {
    let mut changed = window("I1", 276_000);
    changed.probes[1].verdict = Some(Verdict::Pass);
    let said = plainly(&[
        countdown(&[("I1", 277_000)]),
        countdown(&[("I1", 276_500)]),
        Event::Countdown {
            release: name("2.4.0"),
            windows: vec![changed.clone()],
        },
        Event::Countdown {
            release: name("2.4.0"),
            windows: vec![changed, window("I2", 290_000)],
        },
    ]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[1].starts_with("2026-11-20T10:00:02Z I1 critical  4:36 left"));
    assert!(lines[1].contains("cart: pass"));
    assert!(lines[2].contains("I2 critical"));
}

#[test]
fn plain_lines_hold_every_other_event_in_one_line() {
    let said = plainly(&story());
    assert!(!said.chars().any(|c| c != '\n' && text::is_unsafe(c)));
    assert!(
        said.lines()
            .all(|line| line.starts_with("2026-11-20T10:00:"))
    );
    for part in [
        "+ deployment checklist, pass 1 of 2: everything is as the release notes say",
        "x sample 1: 1 of 2 probes pass; home-page: fail, status: expected 200, found 500",
        "x verification: fail",
        "x I1 critical opened: the home page does not answer; 5:00 to mend it",
        "! warning: odd: x\\x1b[2J",
        "+ I2 resolved by grace",
        "> rollback to 2.3.1, attempt 1, because the window of I1 expired; steps: switch-back, configuration",
        "> step 1 of 2: switch-back",
        "  |         tab",
        "+ step switch-back: done after 1.2 s; next: configuration",
        "! the process of attempt 1 was found dead",
        "x step configuration: exited with 3 after 1.2 s",
        "  | the last line",
        "x attempt 1 did not succeed: the step configuration failed",
        "x the window of I1 expired: somebody with authority must decide",
        "x STUCK: the rollback did not succeed; a person is needed now; call Ada",
        "! this watcher stops; I1 stays armed",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn programs_get_every_event_in_a_line() {
    let events = story();
    let sent = told(&mut JsonLines::new("watch"), &events);
    assert_eq!(sent.len(), events.len());
    for (bytes, event) in sent.iter().zip(&events) {
        let text = std::str::from_utf8(bytes).expect("text");
        assert_eq!(text.matches('\n').count(), 1);
        assert!(!text.trim_end().chars().any(text::is_unsafe));
        let mut back: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let fields = back.as_object_mut().expect("an object");
        assert_eq!(fields.remove("version"), Some(serde_json::json!(1)));
        assert_eq!(fields.remove("command"), Some(serde_json::json!("watch")));
        let at = fields.remove("at").expect("a time");
        assert!(at.as_str().expect("text").starts_with("2026-11-20T10:00:"));
        assert_eq!(back, serde_json::to_value(event).expect("JSON"));
    }
}

#[test]
fn a_result_after_events_is_one_line() {
    let mut out = Vec::new();
    result_line("watch", HOSTILE, &mut out).expect("a vector takes everything");
    let text = String::from_utf8(out).expect("text");
    assert_eq!(text.matches('\n').count(), 1);
    let back: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        back,
        serde_json::json!({"version": 1, "command": "watch", "result": HOSTILE})
    );
}
