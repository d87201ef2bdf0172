//! Events for a file, a pipe or a build's log: one line each, and of a countdown only what changed.

use std::io::{self, Write};

use chrono::{DateTime, Utc};

use super::{Display, tell};
use crate::domain::event::{Event, WindowView};
use crate::domain::ids::{IncidentId, PriorityName, ReleaseName};
use crate::domain::policy::OnExpiry;
use crate::domain::probe::judge::Verdict;
use crate::render::page::{Span, code, faint, plain, toned};
use crate::render::{Style, human, ink, text, windows, words};

/// Writes a line for every event, and for a countdown when a verdict or a window changed, or at certain times left.
#[derive(Clone, Debug)]
pub struct Plain {
    style: Style,
    windows: Vec<Known>,
    /// Whether output of the running step was shown.
    output: bool,
}

/// What was last said of a window.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    incident: IncidentId,
    priority: PriorityName,
    on_expiry: OnExpiry,
    window_ms: u64,
    verdicts: Vec<Option<Verdict>>,
    milestone: u64,
    waits_for: Option<ReleaseName>,
}

/// The time left, in seconds, at which a countdown speaks up: the next of whole minutes, 30, 10 and the last 5 seconds
/// that `left_ms` has not passed.
fn milestone(left_ms: u64) -> u64 {
    match left_ms.div_ceil(1_000) {
        last @ 0..=5 => last,
        6..=10 => 10,
        11..=30 => 30,
        seconds => seconds.div_ceil(60) * 60,
    }
}

impl Plain {
    /// A display that has shown nothing yet.
    pub const fn new(style: Style) -> Self {
        Self {
            style,
            windows: Vec::new(),
            output: false,
        }
    }

    fn line(&self, at: DateTime<Utc>, line: &[Span], out: &mut dyn Write) -> io::Result<()> {
        let at = at.format("%Y-%m-%dT%H:%M:%SZ ").to_string();
        let mut all = vec![faint(at)];
        all.extend_from_slice(line);
        writeln!(out, "{}", ink::paint(&all, self.style.color).trim_end())
    }

    fn lines(&self, at: DateTime<Utc>, text: &str, out: &mut dyn Write) -> io::Result<()> {
        text::lines(text).try_for_each(|line| {
            let bar = format!("  {} ", human::bar(&self.style));
            self.line(at, &[plain(bar), plain(line)], out)
        })
    }

    fn countdown(
        &mut self,
        at: DateTime<Utc>,
        release: &ReleaseName,
        windows: &[WindowView],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut known = Vec::with_capacity(windows.len());
        for window in windows {
            let before = self
                .windows
                .iter()
                .find(|known| known.incident == window.incident);
            let mut now = Known {
                incident: window.incident.clone(),
                priority: window.priority.clone(),
                on_expiry: window.on_expiry,
                window_ms: window.window_ms,
                verdicts: window.probes.iter().map(|probe| probe.verdict).collect(),
                milestone: milestone(window.left_ms),
                waits_for: window.waits_for.as_ref().map(|it| it.successor.clone()),
            };
            // A clock that was set back does not make a milestone pass twice.
            if let Some(before) = before.filter(|before| before.window_ms == now.window_ms) {
                now.milestone = now.milestone.min(before.milestone);
            }
            if before != Some(&now) {
                let line = countdown_line(release, window, before.is_none());
                self.line(at, &line, out)?;
            }
            known.push(now);
        }
        self.windows = known;
        Ok(())
    }
}

fn countdown_line(release: &ReleaseName, window: &WindowView, first: bool) -> Vec<Span> {
    let mark = crate::render::page::Mark::Bad;
    let mut line = vec![
        toned(
            mark.tone(),
            format!("{} {}", window.incident, window.priority),
        ),
        plain("  "),
        tell::left(window),
        plain(format!(", then {}", windows::then(window))),
    ];
    for probe in &window.probes {
        let reason = match probe.reason.as_str() {
            "" => String::new(),
            reason => format!(", {reason}"),
        };
        line.push(plain(format!(
            "; {}: {}{reason}",
            probe.name,
            words::verdict(probe.verdict)
        )));
    }
    if first {
        if !window.who.is_empty() {
            line.push(plain(format!("; can resolve: {}", window.who.join(", "))));
        }
        line.extend([plain("; "), code(windows::resolve(release, window))]);
    }
    line
}

impl Display for Plain {
    fn event(&mut self, at: DateTime<Utc>, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        if let Some(told) = tell::tell(event) {
            let mut line = vec![human::mark(told.mark, &self.style), plain(" ")];
            line.extend(told.text);
            self.line(at, &line, out)?;
        }
        match event {
            Event::Countdown { release, windows } => self.countdown(at, release, windows, out)?,
            Event::Output { text } => {
                self.output = true;
                self.lines(at, text, out)?;
            }
            Event::StepStarted { .. } => self.output = false,
            // Whoever saw the output as it came needs no second look at its end.
            Event::StepEnded { tail, outcome, .. }
                if !self.output && words::step_mark(outcome) == crate::render::page::Mark::Bad =>
            {
                self.lines(at, tail, out)?;
            }
            _ => {}
        }
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milestones_come_once_each() {
        let seen: Vec<u64> = (0..=150_000u64).rev().map(milestone).collect();
        let mut changes = seen;
        changes.dedup();
        assert_eq!(changes, [180, 120, 60, 30, 10, 5, 4, 3, 2, 1, 0]);
    }
}
