//! Probes while they are asked, as lines that fit: one for each that there is room for, and how it stands as a whole.

use chrono::{DateTime, Utc};

use crate::domain::probe::judge::Verdict;
use crate::domain::running::{Group, RowView, Stage, View};
use crate::domain::window::clock_face;
use crate::render::page::{Mark, Span, Tone, faint, plain, strong, toned};
use crate::render::{Style, human, text, words};

/// What was found is not shown in fewer columns: it would say nothing.
const LEAST_FOUND: usize = 12;
/// From so many lines on the columns are named.
const ROOM_FOR_NAMES: usize = 8;

/// How many of `room` lines are left for the probes themselves, and for the one that says how many more there are.
pub fn room_for_rows(room: usize) -> usize {
    let names = usize::from(room >= ROOM_FOR_NAMES);
    room.saturating_sub(1 + names)
}

/// The columns of a probe's line beside its mark.
struct Cells {
    probe: String,
    state: String,
    in_a_row: String,
    at: String,
    found: String,
}

/// The lines, at most `room` of them and one at least. Their last tells how the whole stands; it may be too long.
pub fn lines(view: &View, style: &Style, columns: usize, room: usize) -> Vec<Vec<Span>> {
    let mut cells: Vec<Cells> = view.rows.iter().map(|row| cells(row, view)).collect();
    let mut marks: Vec<Mark> = view.rows.iter().map(|row| mark(row.stage)).collect();
    let names = room >= ROOM_FOR_NAMES && !cells.is_empty();
    if names {
        cells.insert(0, header(view));
        marks.insert(0, Mark::Neutral);
    }
    let widths = Widths::of(&cells, columns);
    let mut lines = Vec::with_capacity(cells.len() + 2);
    for (place, (cells, mark)) in cells.iter().zip(marks).enumerate() {
        let is_header = names && place == 0;
        let first = match is_header {
            true => plain(" "),
            false => human::mark(mark, style),
        };
        let line = widths.line(cells, style, columns.saturating_sub(2));
        let mut spans = vec![first, plain(" ")];
        spans.push(match mark.tone() {
            _ if is_header => faint(line),
            Tone::Bad => toned(Tone::Bad, line),
            _ => plain(line),
        });
        lines.push(spans);
    }
    if !view.more.is_empty() {
        let all: usize = view.more.iter().map(|(_, count)| count).sum();
        let groups: Vec<String> = view
            .more
            .iter()
            .map(|(group, count)| format!("{count} {}", word(*group)))
            .collect();
        let more = format!("{} and {all} more: {}", style.ellipsis(), groups.join(", "));
        lines.push(vec![faint(more)]);
    }
    // Something else may have taken the room meanwhile.
    lines.truncate(room.saturating_sub(1));
    lines.push(bottom(view));
    lines
}

fn bottom(view: &View) -> Vec<Span> {
    let mut line = vec![
        strong(format!("sample {}", view.sample)),
        plain(format!(": {} of {} pass", view.passed, view.asked)),
    ];
    if let Some(next) = view.next_ms.filter(|next| *next > 0) {
        line.push(plain(format!(", the next in {}", clock_face(next))));
    }
    if let Some(left) = view.left_ms {
        line.push(plain(format!(", {} left", clock_face(left))));
    }
    line
}

fn header(view: &View) -> Cells {
    Cells {
        probe: "probe".to_owned(),
        state: "state".to_owned(),
        in_a_row: match view.counts {
            true => "in a row".to_owned(),
            false => String::new(),
        },
        at: match view.rows.iter().any(|row| row.at.is_some()) {
            true => "asked".to_owned(),
            false => String::new(),
        },
        found: match view.rows.iter().any(|row| !found(row).is_empty()) {
            true => "found".to_owned(),
            false => String::new(),
        },
    }
}

fn cells(row: &RowView, view: &View) -> Cells {
    Cells {
        probe: text::one_line(row.probe.as_str()),
        state: state(row),
        in_a_row: match view.counts && row.passes > 0 {
            true => format!("{} of {}", row.in_a_row.min(row.passes), row.passes),
            false => String::new(),
        },
        at: row.at.map(time).unwrap_or_default(),
        found: text::one_line(&found(row)),
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%H:%M:%SZ").to_string()
}

fn state(row: &RowView) -> String {
    let long = match row.for_ms / 1_000 {
        0 => String::new(),
        seconds @ 1..60 => format!(" {seconds} s"),
        seconds => format!(" {} min {} s", seconds / 60, seconds % 60),
    };
    match (row.stage, &row.waits_for) {
        (Stage::Waiting, Some(need)) => format!("waits for {need}"),
        (Stage::Waiting | Stage::Queued, _) => "waits".to_owned(),
        (Stage::Asking { attempt: 0 | 1 }, _) => format!("asking{long}"),
        (Stage::Asking { attempt }, _) => {
            format!("retrying {} of {}{long}", attempt - 1, row.retries)
        }
        (Stage::Pausing { retry }, _) => format!("retrying {retry} of {}", row.retries),
        (Stage::Ended(verdict), _) => verdict.word().to_owned(),
        (Stage::Skipped, _) => "skipped".to_owned(),
    }
}

fn found(row: &RowView) -> String {
    match row.took_ms {
        Some(took) => words::took(took),
        None => row.reason.clone(),
    }
}

const fn mark(stage: Stage) -> Mark {
    match stage {
        Stage::Waiting | Stage::Queued | Stage::Skipped => Mark::Neutral,
        Stage::Asking { .. } | Stage::Pausing { .. } => Mark::Running,
        Stage::Ended(verdict) => match verdict {
            Verdict::Pass => Mark::Good,
            Verdict::Fail => Mark::Bad,
            Verdict::Error | Verdict::Inconclusive => Mark::Warning,
        },
    }
}

const fn word(group: Group) -> &'static str {
    match group {
        Group::Failed => "fail",
        Group::Errors => "error",
        Group::Retrying => "retrying",
        Group::Asking => "asking",
        Group::Inconclusive => "inconclusive",
        Group::Waiting => "waiting",
        Group::Passed => "pass",
        Group::Skipped => "skipped",
    }
}

/// The width of each column; 0 where it is left out.
struct Widths {
    probe: usize,
    state: usize,
    in_a_row: usize,
    at: usize,
    found: usize,
}

/// The columns between two.
const GAP: usize = 2;

impl Widths {
    /// Shares out `columns`: the state is never left out, the others are from the last to the first but one.
    fn of(cells: &[Cells], columns: usize) -> Self {
        let widest = |cell: fn(&Cells) -> &String| {
            let all = cells.iter().map(|cells| text::width(cell(cells)));
            all.max().unwrap_or(0)
        };
        let room = columns.saturating_sub(2);
        let state = widest(|it| &it.state).min(room / 2);
        let probe = widest(|it| &it.probe).min(room.saturating_sub(state + GAP));
        let mut left = room.saturating_sub(probe + state + GAP);
        let mut share = |wanted: usize, least: usize| match left.checked_sub(GAP) {
            Some(room) if wanted > 0 && room >= wanted.min(least) => {
                let width = wanted.min(room);
                left = room - width;
                width
            }
            _ => 0,
        };
        let whole = usize::MAX;
        let in_a_row = share(widest(|it| &it.in_a_row), whole);
        let at_wanted = widest(|it| &it.at);
        let found_wanted = widest(|it| &it.found);
        let at = share(at_wanted, whole);
        let found = share(found_wanted, LEAST_FOUND);
        Self {
            probe,
            state,
            in_a_row,
            at,
            found,
        }
    }

    fn line(&self, cells: &Cells, style: &Style, room: usize) -> String {
        let mut line = String::new();
        for (cell, width) in [
            (&cells.probe, self.probe),
            (&cells.state, self.state),
            (&cells.in_a_row, self.in_a_row),
            (&cells.at, self.at),
            (&cells.found, self.found),
        ] {
            if width == 0 {
                continue;
            }
            if !line.is_empty() {
                line.push_str(&" ".repeat(GAP));
            }
            let cell = text::cut(cell, width, style.ellipsis());
            line.push_str(&cell);
            line.push_str(&" ".repeat(width - text::width(&cell)));
        }
        text::cut(line.trim_end(), room, style.ellipsis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::ink;
    use crate::render::samples::{HOSTILE, at, name};

    fn row(probe: &str, stage: Stage) -> RowView {
        RowView {
            probe: name(probe),
            stage,
            waits_for: None,
            retries: 3,
            for_ms: 200,
            in_a_row: 0,
            passes: 1,
            at: None,
            took_ms: None,
            reason: String::new(),
        }
    }

    /// One of everything that a probe can be at.
    fn view() -> View {
        let ended = |probe, verdict, reason: &str| RowView {
            at: Some(at(7)),
            reason: reason.to_owned(),
            ..row(probe, Stage::Ended(verdict))
        };
        View {
            rows: vec![
                RowView {
                    took_ms: Some(85),
                    in_a_row: 2,
                    passes: 2,
                    ..ended("home-page", Verdict::Pass, "")
                },
                RowView {
                    in_a_row: 1,
                    passes: 5,
                    ..ended("cart", Verdict::Fail, "status: expected 200, found 500")
                },
                ended(
                    "stock",
                    Verdict::Error,
                    "the name stock.example was not resolved",
                ),
                ended("orders", Verdict::Inconclusive, HOSTILE),
                RowView {
                    for_ms: 3_400,
                    ..row("search", Stage::Asking { attempt: 1 })
                },
                RowView {
                    reason: "日本語のエラー".to_owned(),
                    ..row("wish-list", Stage::Pausing { retry: 1 })
                },
                row("pay", Stage::Asking { attempt: 3 }),
                RowView {
                    waits_for: Some(name("login")),
                    ..row("account", Stage::Waiting)
                },
                row("mail", Stage::Queued),
                RowView {
                    passes: 0,
                    ..row("docs", Stage::Skipped)
                },
            ],
            more: vec![(Group::Waiting, 7), (Group::Passed, 30)],
            asked: 46,
            passed: 31,
            sample: 3,
            counts: true,
            next_ms: None,
            left_ms: Some(492_000),
        }
    }

    fn shown(view: &View, style: &Style, columns: usize, room: usize) -> String {
        lines(view, style, columns, room)
            .iter()
            .map(|line| ink::paint(&ink::cut(line, columns, style.ellipsis()), style.color))
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }

    #[test]
    fn a_wide_terminal_shows_every_column() {
        let frame = shown(&view(), &Style::new(false, 100, false), 100, 24);
        let expected = "\
\x20 probe      state            in a row  asked      found
+ home-page  pass             2 of 2    10:00:07Z  85 ms
x cart       fail             1 of 5    10:00:07Z  status: expected 200, found 500
! stock      error            0 of 1    10:00:07Z  the name stock.example was not resolved
! orders     inconclusive     0 of 1    10:00:07Z  x\\x1b[2J\\r\\x9b31m\\u{202e}|`<b>\\x07
> search     asking 3 s       0 of 1
> wish-list  retrying 1 of 3  0 of 1               日本語のエラー
> pay        retrying 2 of 3  0 of 1
- account    waits for login  0 of 1
- mail       waits            0 of 1
- docs       skipped
... and 37 more: 7 waiting, 30 pass
sample 3: 31 of 46 pass, 8:12 left
";
        assert_eq!(frame, expected);
    }

    #[test]
    fn a_narrow_one_leaves_out_what_can_be_and_never_the_state() {
        let frame = shown(&view(), &Style::new(false, 40, true), 40, 24);
        let lines: Vec<&str> = frame.lines().collect();
        assert_eq!(lines[0], "  probe      state            in a row");
        assert_eq!(lines[2], "✗ cart       fail             1 of 5");
        let frame = shown(&view(), &Style::new(false, 20, true), 20, 24);
        let lines: Vec<&str> = frame.lines().collect();
        assert_eq!(lines[2], "✗ cart     fail");
        assert_eq!(lines[8], "· account  waits fo…");
    }

    #[test]
    fn no_frame_is_wider_or_higher_than_the_terminal() {
        let view = view();
        for columns in [1, 2, 20, 40, 80, 200] {
            for room in [1, 2, 4, 5, 23, 24] {
                for (color, unicode) in [(false, false), (true, true)] {
                    let style = Style::new(color, columns, unicode);
                    let lines = lines(&view, &style, columns, room);
                    assert!(lines.len() <= room, "{columns}x{room}");
                    for line in &lines[..lines.len() - 1] {
                        let is_more = line.iter().any(|span| span.text.contains("more"));
                        assert!(is_more || ink::width(line) <= columns.max(2), "{line:?}");
                    }
                    let painted: String = lines.iter().map(|it| ink::paint(it, false)).collect();
                    assert!(!painted.chars().any(text::is_unsafe), "{painted}");
                    // How the whole stands is never left out.
                    assert!(painted.contains("sample 3"));
                }
            }
        }
    }

    #[test]
    fn a_low_terminal_is_for_the_probes() {
        let mut low = view();
        low.rows.truncate(2);
        low.more.insert(0, (Group::Asking, 8));
        let frame = shown(&low, &Style::new(false, 80, false), 80, 4);
        assert_eq!(frame.lines().count(), 4, "{frame}");
        assert!(frame.starts_with("+ home-page"), "{frame}");
        assert!(
            frame.contains("... and 45 more: 8 asking, 7 waiting, 30 pass\n"),
            "{frame}"
        );
        assert_eq!(
            (room_for_rows(4), room_for_rows(24), room_for_rows(0)),
            (3, 22, 0)
        );
    }

    #[test]
    fn between_two_samples_it_says_when_the_next_one_comes() {
        let mut waiting = view();
        waiting.next_ms = Some(4_200);
        waiting.left_ms = None;
        let frame = shown(&waiting, &Style::new(false, 80, false), 80, 24);
        assert!(
            frame.ends_with("sample 3: 31 of 46 pass, the next in 0:05\n"),
            "{frame}"
        );
    }
}
