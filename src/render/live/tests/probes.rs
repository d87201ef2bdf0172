//! Probes on screens of several sizes, drawn again and again while they are asked.

use serde_json::json;

use super::*;
use crate::domain::clock::{BootId, Reading};
use crate::domain::probe::Probe;
use crate::domain::probe::judge::Attempt;
use crate::domain::running::{Running, Sight};

fn reading() -> Reading {
    Reading {
        wall: at(0),
        boot_ms: 0,
        boot: BootId {
            id: "one".to_owned(),
            time_namespace: String::new(),
            time_offset: None,
        },
    }
}

#[test]
fn probes_are_redrawn_in_place_below_everything_else_and_go_without_a_trace() {
    for (columns, rows) in [
        (1, 2),
        (20, 5),
        (20, 24),
        (40, 5),
        (80, 24),
        (200, 5),
        (200, 60),
    ] {
        let mut screen = Screen::new(columns, rows);
        let mut display = terminal(Style::new(true, columns, true), rows);
        let mut now = reading();
        let probes: Vec<Probe> = (0..30)
            .map(|number| json!({"id": format!("p{number}"), "tcp": {"address": "x:1"}}))
            .map(|probe| serde_json::from_value(probe).expect("a probe"))
            .collect();
        let mut running = Running::new(&probes, &[], Some(60_000), &now);
        running.take(&Sight::Sample, &now);
        for (number, probe) in (0u64..).zip(&probes) {
            now.boot_ms += 700;
            let (probe, attempt) = (&probe.id, Attempt::troubled(Verdict::Fail, HOSTILE, number));
            running.take(&Sight::Asking { probe, attempt: 1 }, &now);
            let room = display.room().expect("a terminal has room");
            let mut out = Vec::new();
            let view = running.view(room, &now);
            display
                .probes(Some(view), &mut out)
                .expect("a vector takes everything");
            screen.send(&out);
            let table = screen.text();
            let whole = table.lines().filter(|line| line.starts_with("sample 1: "));
            assert!(
                columns < 20 || whole.count() == 1,
                "{columns}x{rows}: {table}"
            );
            let sight = Sight::Attempted {
                probe,
                attempt: &attempt,
                again: false,
            };
            running.take(&sight, &now);
            if number == 20 {
                told(&mut display, &[opened("I1"), countdown(&[("I1", 300_000)])])
                    .iter()
                    .for_each(|bytes| screen.send(bytes));
            }
        }
        let mut out = Vec::new();
        display
            .probes(None, &mut out)
            .expect("a vector takes everything");
        screen.send(&out);
        let text = screen.text();
        assert!(columns < 20 || text.contains("I1"), "{text}");
        assert!(!text.contains("sample") && !text.contains("p29"), "{text}");
    }
}
