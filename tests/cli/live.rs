//! Probes in a real terminal while they are asked: a table that is redrawn in place, and nothing of it that holds anybody
//! up or stays behind.

use std::fmt::Write;

use crate::run::until;
use crate::team::Team;
use crate::terminal::Terminal;

const SUITE: &str = "live/probes.yaml";

/// Waits for a file, and asserts that it is there then.
fn waiting(id: &str, more: &str) -> String {
    format!(
        "  - id: {id}
    command:
      argv: [sh, -c, 'echo >live/{id}.asked; until test -f live/{id}; do sleep 0.05; done']
      expect: {{ exit: 0 }}
    timeout: 60s
{more}"
    )
}

fn suite(team: &Team, probes: &[String], more: &str) {
    let mut text = "probes:\n".to_owned();
    for probe in probes {
        text.push_str(probe);
    }
    team.write(SUITE, text + more);
}

/// A quick one that fails, one that is slow, and one that needs it.
fn three(team: &Team) {
    let fails = "  - id: broken\n    command: { argv: [sh, -c, 'echo s3cret-of-the-shop; exit 3'], expect: { exit: 0 } }\n    passes: 2\n";
    let probes = [
        fails.to_owned(),
        waiting("slow", "    passes: 2\n"),
        waiting("after", "    needs: [slow]\n"),
    ];
    suite(team, &probes, "within: 5m\n");
}

/// The table is gone and the cursor is there.
fn is_left_in_order(terminal: &Terminal<'_>) {
    let screen = terminal.screen();
    for part in ["waits for slow", "asking", "in a row"] {
        assert!(!screen.contains(part), "{part}: {screen}");
    }
    let cursor = ["display-message", "-p", "#{cursor_flag} #{alternate_on}"];
    assert_eq!(terminal.tmux_does(&cursor).trim(), "1 0");
}

#[test]
fn probes_are_shown_while_they_are_asked_and_then_what_failed_first() {
    for variables in [&[][..], &["NO_COLOR=1"]] {
        let team = Team::new();
        three(&team);
        let run = ["probe", "run", SUITE];
        let Some(terminal) = Terminal::run_with(&team, "omar", &run, variables) else {
            return;
        };
        for part in [
            "\u{2717} broken  fail",
            "\u{25b6} slow    asking",
            "after   waits for slow",
            "0 of 2",
            "exit code: expected 0, found 3",
            "sample 1: 0 of 3 pass, 5:00 left",
        ] {
            terminal.shows(part.trim_end_matches(", 5:00 left"));
        }
        terminal.shows("left");
        let coloured = terminal.tmux_does(&["capture-pane", "-p", "-e"]);
        assert_eq!(
            coloured.contains("\u{1b}[31m") || coloured.contains(";31m"),
            variables.is_empty()
        );
        let lines = |screen: &str| {
            screen
                .lines()
                .filter(|line| line.contains("broken"))
                .count()
        };
        assert_eq!(lines(&terminal.screen()), 1);
        // A turned second is seen in its place.
        terminal.shows("asking 1 s");
        terminal.shows("asking 2 s");
        assert_eq!(lines(&terminal.screen()), 1);
        // In a narrower terminal it is still there once.
        terminal.tmux_does(&["resize-window", "-x", "40", "-y", "30"]);
        until("it is drawn for the new size", || {
            let screen = terminal.screen();
            lines(&screen) == 1 && screen.contains("slow") && !screen.contains("expected")
        });
        terminal.tmux_does(&["resize-window", "-x", "100", "-y", "40"]);
        terminal.shows("exit code: expected 0, found 3");
        team.write("live/slow", "");
        terminal.shows("after   asking");
        team.write("live/after", "");
        assert_eq!(terminal.end(), 1);
        let screen = terminal.screen();
        let (failed, passed) = (screen.find("FAIL"), screen.find("passed"));
        assert!(failed.is_some() && failed < passed, "{screen}");
        is_left_in_order(&terminal);
    }
}

#[test]
fn where_there_are_too_many_it_says_how_many_more() {
    let team = Team::new();
    let mut probes: Vec<String> = Vec::new();
    for number in 0..40 {
        let exit = i32::from(number == 33);
        let mut probe = String::new();
        let _ = writeln!(
            probe,
            "  - {{ id: p{number}, command: {{ argv: [sh, -c, exit {exit}], expect: {{ exit: 0 }} }} }}"
        );
        probes.push(probe);
    }
    probes.push(waiting("slow", ""));
    suite(&team, &probes, "");
    let Some(terminal) = Terminal::run(&team, "omar", &["probe", "run", SUITE]) else {
        return;
    };
    terminal.tmux_does(&["resize-window", "-x", "80", "-y", "7"]);
    terminal.shows("39 of 41 pass");
    terminal.shows("p33   fail");
    terminal.shows("slow  asking");
    terminal.shows("\u{2026} and 37 more: 37 pass");
    team.write("live/slow", "");
    assert_eq!(terminal.end(), 1);
}

#[test]
fn an_interrupt_leaves_the_terminal_in_order() {
    let team = Team::new();
    three(&team);
    let Some(terminal) = Terminal::run(&team, "omar", &["probe", "run", SUITE]) else {
        return;
    };
    terminal.shows("waits for slow");
    terminal.types("C-c");
    assert_eq!(terminal.end(), 4);
    terminal.shows("interrupted");
    is_left_in_order(&terminal);
}

#[test]
fn a_terminal_that_was_stopped_keeps_nothing_from_happening() {
    let team = Team::new();
    team.deploy();
    team.remove("live/search");
    let args = ["verify", "--all", "--yes"];
    let Some(terminal) = Terminal::run(&team, "omar", &args) else {
        return;
    };
    // Nothing can be written from now on.
    terminal.types("C-s");
    until("the incident is opened all the same", || {
        team.recorded("incident-opened").len() == 1
    });
    team.write("live/search", "");
    let resolve = ["incident", "resolve", "I1", "--how", "restarted"];
    team.run("quin", &resolve).code(0);
    until("the plan is verified anew", || {
        team.recorded("verification").len() == 2
    });
    let screen = terminal.screen();
    assert!(!screen.contains("resolved"), "it is stopped: {screen}");
    terminal.types("C-q");
    assert_eq!(terminal.end(), 0);
    terminal.shows("VERIFIED");
    is_left_in_order(&terminal);
}

#[test]
fn a_build_and_a_terminal_that_cannot_get_plain_lines() {
    for (variables, more) in [
        (&["CI=true"][..], None),
        (&["TERM=dumb"], None),
        (&[], Some("--quiet")),
    ] {
        let team = Team::new();
        three(&team);
        let mut args = vec!["probe", "run", SUITE];
        args.extend(more);
        let Some(terminal) = Terminal::run_with(&team, "omar", &args, variables) else {
            return;
        };
        until("it is asked", || team.path("live/slow.asked").exists());
        // Long enough for a table to be drawn, were there one.
        team.write("live/slow", "");
        until("the last is asked", || {
            team.path("live/after.asked").exists()
        });
        std::thread::sleep(std::time::Duration::from_millis(300));
        let screen = terminal.screen();
        assert_eq!(screen.trim(), "", "{variables:?} {more:?}");
        team.write("live/after", "");
        assert_eq!(terminal.end(), 1);
        match more {
            None => terminal.shows("sample 1: 2 of 3 probes pass"),
            Some(_) => assert_eq!(terminal.screen().trim(), ""),
        }
    }
}

#[test]
fn evidence_is_shown_while_a_check_asks_for_it() {
    let team = Team::new();
    let checklist = ".relgate/checklists/standard.yaml";
    let slow = "[sh, -c, 'until test -f live/go; do sleep 0.05; done']";
    team.edit(checklist, "[test, -f, live/home]", slow);
    let Some(terminal) = Terminal::run(&team, "omar", &["check"]) else {
        return;
    };
    terminal.shows("\u{25b6} old-shop-up  asking");
    terminal.shows("sample 1: 0 of 1 pass");
    team.write("live/go", "");
    assert_eq!(terminal.end(), 1);
    terminal.shows("NO-GO");
    is_left_in_order(&terminal);
}
