//! The part of a terminal that is redrawn: what it says now, in lines that fit.

use std::collections::VecDeque;

use super::{probes, tell};
use crate::domain::event::{Event, WindowView};
use crate::domain::ids::{ReleaseName, StepId};
use crate::domain::policy::OnExpiry;
use crate::domain::probe::judge::Verdict;
use crate::domain::record::body::{AttemptOutcome, StepOutcome};
use crate::domain::running::View;
use crate::render::page::{Emphasis, Mark, Span, Tone, code, faint, plain, strong, toned};
use crate::render::{Style, human, ink, text, windows, words};

/// How many lines of a step's output are shown.
const TAIL: usize = 5;
/// The most columns that a bar takes.
const BAR: usize = 40;
/// What follows the steps.
const CHECKS: &str = "the checks after the rollback";

/// What the area says.
#[derive(Clone, Debug, Default)]
pub struct Area {
    windows: Option<(ReleaseName, Vec<WindowView>)>,
    rollback: Option<Rollback>,
    probes: Option<View>,
}

#[derive(Clone, Debug)]
struct Rollback {
    attempt: u32,
    previous: String,
    steps: Vec<(StepId, Step)>,
    tail: VecDeque<String>,
    /// Whether every step succeeded, once the attempt is at its end.
    succeeded: Option<bool>,
}

#[derive(Clone, Debug)]
enum Step {
    ToCome,
    Running,
    Ended(StepOutcome, u64),
}

/// A line, and how readily it is left out where there are too few rows: 0 never.
pub type Line = (u8, Vec<Span>);

impl Area {
    /// Takes in what happened. Returns the lines that leave the area for the history above it.
    pub fn take(&mut self, event: &Event, style: &Style) -> Vec<Vec<Span>> {
        let mut leaving = Vec::new();
        match event {
            Event::Countdown { release, windows } => {
                self.windows = Some((release.clone(), windows.clone()));
            }
            Event::IncidentResolved { incident, .. } => {
                if let Some((_, windows)) = &mut self.windows {
                    windows.retain(|window| window.incident != *incident);
                }
            }
            Event::RollbackClaimed {
                attempt,
                previous,
                steps,
                ..
            } => {
                leaving = self.leave_steps(style);
                // Their time is over: what they were opened for is the rollback's now.
                self.windows = None;
                self.rollback = Some(Rollback {
                    attempt: *attempt,
                    previous: previous.clone(),
                    steps: steps
                        .iter()
                        .map(|step| (step.clone(), Step::ToCome))
                        .collect(),
                    tail: VecDeque::new(),
                    succeeded: None,
                });
            }
            Event::StepStarted { attempt, step, .. } => {
                let rollback = self.rollback_of(*attempt);
                rollback.tail.clear();
                rollback.set(step, Step::Running);
            }
            Event::Output { text } => {
                if let Some(rollback) = &mut self.rollback {
                    rollback.tail.extend(text::lines(text));
                    let over = rollback.tail.len().saturating_sub(TAIL);
                    rollback.tail.drain(..over);
                }
            }
            Event::StepEnded {
                attempt,
                step,
                outcome,
                took_ms,
                tail,
                ..
            } => {
                let rollback = self.rollback_of(*attempt);
                rollback.set(step, Step::Ended(outcome.clone(), *took_ms));
                rollback.tail.clear();
                if words::step_mark(outcome) == Mark::Bad {
                    let lines: Vec<String> = text::lines(tail).collect();
                    let from = lines.len().saturating_sub(TAIL);
                    rollback.tail.extend(lines.into_iter().skip(from));
                }
            }
            Event::AttemptEnded { attempt, outcome } => {
                let succeeded = *outcome == AttemptOutcome::Completed;
                self.rollback_of(*attempt).succeeded = Some(succeeded);
            }
            Event::WindowExpired { incident, .. } => {
                let windows = self.windows.iter_mut().flat_map(|(_, windows)| windows);
                for window in windows.filter(|window| window.incident == *incident) {
                    window.left_ms = 0;
                }
            }
            // What is left to say is said above; a countdown that stands still would be a lie.
            Event::Ended { .. } | Event::Detached { .. } => {
                leaving = self.leave_steps(style);
                *self = Self::default();
            }
            _ => {}
        }
        leaving
    }

    fn leave_steps(&mut self, style: &Style) -> Vec<Vec<Span>> {
        let rollback = self.rollback.take();
        rollback.map_or_else(Vec::new, |rollback| {
            rollback
                .done(style)
                .into_iter()
                .map(|(_, line)| line)
                .collect()
        })
    }

    /// The rollback that `attempt` belongs to. An event of an attempt whose claim was not seen begins its own.
    fn rollback_of(&mut self, attempt: u32) -> &mut Rollback {
        self.rollback.get_or_insert_with(|| Rollback {
            attempt,
            previous: String::new(),
            steps: Vec::new(),
            tail: VecDeque::new(),
            succeeded: None,
        })
    }

    /// Shows how far the probes have come that are being asked, or none any more.
    pub fn show_probes(&mut self, view: Option<View>) {
        self.probes = view;
    }

    /// What the area says beside the probes that are being asked.
    pub fn others(&self, style: &Style, columns: usize) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        if let Some((release, windows)) = &self.windows {
            for window in windows {
                lines.extend(window_lines(release, window, style, columns));
            }
        }
        if let Some(rollback) = &self.rollback {
            lines.extend(rollback.lines(style));
        }
        lines
    }

    /// What the area says now, in at most `rows` lines of at most `columns` columns.
    pub fn lines(&self, style: &Style, columns: usize, rows: usize) -> Vec<Vec<Span>> {
        let mut lines = self.others(style, columns);
        if let Some(view) = &self.probes {
            let room = rows.saturating_sub(lines.len());
            let probes = probes::lines(view, style, columns, room);
            lines.extend(probes.into_iter().map(|line| (1, line)));
        }
        fitted(lines, style, rows)
            .into_iter()
            .map(|line| ink::cut(&line, columns, style.ellipsis()))
            .collect()
    }
}

/// Leaves out what can be, the least first, until the lines fit into `rows`.
fn fitted(mut lines: Vec<Line>, style: &Style, rows: usize) -> Vec<Vec<Span>> {
    let mut readiest = lines.iter().map(|(rank, _)| *rank).max().unwrap_or(0);
    while lines.len() > rows && readiest > 0 {
        lines.retain(|(rank, _)| *rank < readiest);
        readiest -= 1;
    }
    if lines.len() > rows {
        let kept = rows.saturating_sub(1);
        let more = format!("{} {} more lines", style.ellipsis(), lines.len() - kept);
        lines.truncate(kept);
        lines.push((0, vec![faint(more)]));
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

fn window_lines(
    release: &ReleaseName,
    window: &WindowView,
    style: &Style,
    columns: usize,
) -> Vec<Line> {
    let mut lines = vec![
        (
            0,
            vec![
                toned(
                    Tone::Bad,
                    format!("{} {}", window.incident, window.priority),
                ),
                plain("  "),
                tell::left(window),
                plain("  "),
                tell::wrong(window),
            ],
        ),
        (2, vec![plain("   "), bar(window, style, columns)]),
        (
            3,
            vec![plain(format!("   {} ({})", window.title, window.stage))],
        ),
    ];
    if window.waits_for.is_some() || window.past_no_return {
        lines.push((1, vec![plain(format!("   then {}", windows::then(window)))]));
    }
    for probe in &window.probes {
        let rank = match probe.verdict {
            Some(Verdict::Pass) => 4,
            _ => 2,
        };
        let reason = match probe.reason.as_str() {
            "" => String::new(),
            reason => format!(", {reason}"),
        };
        lines.push((
            rank,
            vec![
                plain("   "),
                human::mark(words::verdict_mark(probe.verdict), style),
                plain(format!(
                    " {}: {}{reason}",
                    probe.name,
                    words::verdict(probe.verdict)
                )),
            ],
        ));
    }
    for known in &window.known {
        lines.push((5, vec![faint("   known: "), plain(known.as_str())]));
    }
    if !window.who.is_empty() {
        let who = window.who.join(", ");
        lines.push((3, vec![faint("   can resolve: "), plain(who)]));
    }
    // The release goes without saying where only one is open; a command cut in two is no command.
    let whole = windows::resolve(release, window);
    let short = format!("relgate incident resolve {}", window.incident);
    let fits = 3 + text::width(&whole) <= columns;
    lines.push((
        1,
        vec![plain("   "), code(if fits { whole } else { short })],
    ));
    let end = match (window.left_ms, window.on_expiry) {
        (0, OnExpiry::Rollback) => "the rollback runs now".to_owned(),
        (0, other) => words::at_expiry(other).to_owned(),
        (_, other) => format!("at 0:00 {}", words::at_expiry(other)),
    };
    lines.push((2, vec![plain("   "), strong(end)]));
    lines
}

/// How much of the window is left.
fn bar(window: &WindowView, style: &Style, columns: usize) -> Span {
    let cells = BAR.min(columns.saturating_sub(5)).max(1);
    let filled = u128::from(window.left_ms.min(window.window_ms)) * cells as u128;
    let filled = usize::try_from(filled.div_ceil(u128::from(window.window_ms.max(1))))
        .unwrap_or(cells)
        .min(cells);
    let (full, empty) = if style.unicode {
        ("█", "░")
    } else {
        ("#", "-")
    };
    let (full, empty) = (full.repeat(filled), empty.repeat(cells - filled));
    let shown = if style.unicode {
        format!("{full}{empty}")
    } else {
        format!("[{full}{empty}]")
    };
    Span {
        text: shown,
        emphasis: match tell::left(window).emphasis {
            toned @ Emphasis::Toned(_) => toned,
            _ => Emphasis::Plain,
        },
    }
}

impl Rollback {
    fn set(&mut self, step: &StepId, to: Step) {
        match self.steps.iter_mut().find(|(known, _)| known == step) {
            Some((_, state)) => *state = to,
            None => self.steps.push((step.clone(), to)),
        }
    }

    /// What was done so far, and what comes next.
    fn lines(&self, style: &Style) -> Vec<Line> {
        let mut lines = self.done(style);
        let next = self
            .steps
            .iter()
            .find(|(_, step)| matches!(step, Step::ToCome))
            .map_or(CHECKS, |(id, _)| id.as_str());
        match self.succeeded {
            None if !self.has_failed() => {
                lines.push((3, vec![faint("  next: "), plain(next)]));
            }
            Some(true) => {
                let mark = human::mark(Mark::Running, style);
                lines.push((1, vec![plain("  "), mark, plain(format!(" {CHECKS}"))]));
            }
            _ => {}
        }
        lines
    }

    fn has_failed(&self) -> bool {
        let mut outcomes = self.steps.iter().filter_map(|(_, step)| match step {
            Step::Ended(outcome, _) => Some(outcome),
            _ => None,
        });
        outcomes.any(|outcome| words::step_mark(outcome) == Mark::Bad)
    }

    /// What was done so far.
    fn done(&self, style: &Style) -> Vec<Line> {
        let to = match self.previous.as_str() {
            "" => String::new(),
            previous => format!(" to {previous}"),
        };
        let mut lines = vec![(
            0,
            vec![
                toned(Tone::Warning, format!("rollback{to}")),
                plain(format!("  attempt {}", self.attempt)),
            ],
        )];
        // The output stands below the step that writes it, or failed.
        let speaking = self.steps.iter().rposition(|(_, step)| match step {
            Step::ToCome => false,
            Step::Running => true,
            Step::Ended(outcome, _) => words::step_mark(outcome) == Mark::Bad,
        });
        for (place, (id, step)) in self.steps.iter().enumerate() {
            let (rank, mark, said) = match step {
                Step::ToCome => (4, Mark::Neutral, String::new()),
                Step::Running => (0, Mark::Running, "  running".to_owned()),
                Step::Ended(outcome, took) => (
                    if words::step_mark(outcome) == Mark::Bad {
                        1
                    } else {
                        3
                    },
                    words::step_mark(outcome),
                    format!("  {} {}", words::step_outcome(outcome), words::took(*took)),
                ),
            };
            lines.push((
                rank,
                vec![
                    plain("  "),
                    human::mark(mark, style),
                    plain(format!(" {id}{said}")),
                ],
            ));
            if Some(place) == speaking {
                lines.extend(self.tail.iter().map(|line| {
                    let bar = format!("    {} ", human::bar(style));
                    (2, vec![faint(bar), plain(line.as_str())])
                }));
            }
        }
        lines
    }
}
