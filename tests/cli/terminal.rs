//! The program in a real terminal: walking a checklist, a countdown that stays in its place.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::lacking::{is_left_out, succeeds};
use crate::run::until;
use crate::team::Team;

/// Where a command's exit code is left.
const CODE: &str = "live/code";
/// Waits for a key, so that the screen is set up before the command begins, and stays as the command leaves it; Ctrl-C is
/// for the command alone.
const SCRIPT: &str =
    "trap : INT; read -r _; \"$@\"; echo $? >live/code; while :; do read -r _; done";

/// A terminal of a multiplexer that keeps its screen, with one command in it.
pub struct Terminal<'a> {
    team: &'a Team,
    /// Of its own: a server that is told to end may still be there when the next one begins.
    socket: String,
}

/// How many terminals were begun.
static BEGUN: AtomicUsize = AtomicUsize::new(0);

impl<'a> Terminal<'a> {
    /// Runs a command in a terminal of 100 columns and 40 lines; `None` where there is no tmux.
    pub fn run(team: &'a Team, by: &str, args: &[&str]) -> Option<Self> {
        Self::run_with(team, by, args, &[])
    }

    /// The same with more variables.
    pub fn run_with(team: &'a Team, by: &str, args: &[&str], variables: &[&str]) -> Option<Self> {
        if is_left_out("tmux", succeeds("tmux", &["-V"])) {
            return None;
        }
        let number = BEGUN.fetch_add(1, Ordering::Relaxed);
        let socket = format!("live/tmux-{number}");
        let terminal = Self { team, socket };
        let relgate = team.command(by, args);
        let size = ["-x", "100", "-y", "40"];
        let mut new = terminal.tmux(&["new-session", "-d"]);
        new.args(size).args(["env", "-i"]);
        for (name, value) in relgate.get_envs() {
            if let Some(value) = value {
                new.arg(format!("{}={}", name.display(), value.display()));
            }
        }
        new.arg("TERM=screen-256color").args(variables);
        new.args(["sh", "-c", SCRIPT, "sh"]);
        new.arg(relgate.get_program()).args(relgate.get_args());
        let started = new.current_dir(team.path("")).status();
        assert!(
            started.is_ok_and(|it| it.success()),
            "tmux began no session"
        );
        terminal.tmux_does(&["set-option", "-g", "remain-on-exit", "on"]);
        terminal.types("Enter");
        Some(terminal)
    }

    fn tmux(&self, args: &[&str]) -> Command {
        let mut tmux = Command::new("tmux");
        let socket = self.team.path(&self.socket);
        tmux.args(["-f", "/dev/null", "-S"]).arg(socket).args(args);
        tmux.env_remove("TMUX").env("LC_ALL", "C.UTF-8");
        tmux
    }

    #[track_caller]
    pub fn tmux_does(&self, args: &[&str]) -> String {
        let output = self.tmux(args).output().expect("tmux runs");
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Types a key by its name, or a text.
    pub fn types(&self, key: &str) {
        self.tmux_does(&["send-keys", key]);
    }

    /// Types a line.
    fn answers(&self, line: &str) {
        self.tmux_does(&["send-keys", "-l", line]);
        self.types("Enter");
    }

    /// What is on the screen now.
    pub fn screen(&self) -> String {
        self.tmux_does(&["capture-pane", "-p"])
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub fn shows(&self, text: &str) {
        let mut screen = String::new();
        for _ in 0..600 {
            screen = self.screen();
            if screen.contains(text) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("no {text:?} on the screen:\n{screen}");
    }

    /// Waits for the command's end. Returns its exit code, as a shell has it: 130 where Ctrl-C ended it.
    #[track_caller]
    pub fn end(&self) -> i32 {
        let code = || fs::read_to_string(self.team.path(CODE)).unwrap_or_default();
        until("the command in the terminal ends", || {
            code().ends_with('\n')
        });
        let ended = code().trim().parse().expect("a code");
        self.team.remove(CODE);
        ended
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]).output();
    }
}

/// Whether tmux is there: without it nothing is asserted, and the line that says so was printed.
macro_rules! terminal {
    ($team:expr, $by:expr, $args:expr) => {
        match Terminal::run($team, $by, $args) {
            Some(terminal) => terminal,
            None => return,
        }
    };
}

#[test]
fn a_gate_is_walked_item_by_item() {
    let team = Team::new();
    let terminal = terminal!(&team, "dana", &["sign"]);
    terminal.shows("[1/2] All changes are merged");
    terminal.shows("development");
    terminal.answers("perhaps");
    terminal.shows("type one of y, n, c, b, q");
    terminal.answers("n/a");
    terminal.shows("this item cannot be left out");
    terminal.answers("c");
    terminal.answers("as of noon");
    terminal.answers("y");
    terminal.shows("[2/2] The load test passed");
    terminal.answers("b");
    terminal.shows("answered before: yes (as of noon)");
    assert_eq!(team.records().len(), 0);
    terminal.answers("y");
    terminal.answers("n/a");
    assert_eq!(terminal.end(), 0);
    terminal.shows("SIGNED");
    let answers = team.recorded("signed-off")[0]["answers"].clone();
    let expected = serde_json::json!([
        {"item": "merged", "answer": "yes", "comment": "as of noon"},
        {"item": "load-tested", "answer": "not-applicable"},
    ]);
    assert_eq!(answers, expected);
}

#[test]
fn who_leaves_a_walk_has_signed_nothing() {
    for leave in ["q", "C-c", "C-d"] {
        let team = Team::new();
        let terminal = terminal!(&team, "dana", &["sign"]);
        terminal.shows("[1/2]");
        terminal.answers("y");
        terminal.shows("[2/2]");
        terminal.types(leave);
        if leave == "q" {
            terminal.types("Enter");
        }
        assert_ne!(terminal.end(), 0, "{leave}");
        assert_eq!(team.records().len(), 0, "{leave}");
    }
}

#[test]
fn a_no_becomes_a_rejection_once_there_is_a_reason() {
    let team = Team::new();
    for (reason, rejections) in [("", 0), ("The load test failed", 1)] {
        let terminal = terminal!(&team, "dana", &["sign"]);
        terminal.shows("[1/2]");
        terminal.answers("y");
        terminal.shows("[2/2]");
        terminal.answers("n");
        terminal.shows("Reject the gate, because");
        terminal.answers(reason);
        terminal.end();
        assert_eq!(team.recorded("rejected").len(), rejections, "{reason}");
    }
    assert_eq!(team.recorded("signed-off").len(), 0);
    assert_eq!(
        team.recorded("rejected")[0]["reason"],
        "The load test failed"
    );
}

#[test]
fn a_countdown_stays_in_its_place_and_goes_on_after_a_detach() {
    // req: A2, req: A3
    let team = Team::new();
    team.deploy();
    team.remove("live/search");
    let terminal = terminal!(&team, "omar", &["verify"]);
    for pass in ["pass 1 of 2", "pass 2 of 2"] {
        terminal.shows(&format!("production: {pass}"));
        terminal.answers("y");
    }
    terminal.shows(" left ");
    for shown in [
        "I1",
        "lower",
        "The search answers",
        "found 1",
        "can resolve: Omar Haddad (+44 20 7946 0104), Quin Larsson",
        "relgate incident resolve I1",
        "The wish list is not in the printed catalogue",
    ] {
        terminal.shows(shown);
    }
    let countdown = |screen: &str| {
        let lines = screen.lines().filter(|line| line.contains(" left "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = countdown(&terminal.screen());
    assert_eq!(before.len(), 1, "{before:?}");
    until("the countdown turns, in its place", || {
        let now = countdown(&terminal.screen());
        now.len() == 1 && now != before
    });
    // In a narrower terminal it is still there once.
    terminal.tmux_does(&["resize-window", "-x", "60", "-y", "30"]);
    let turned = countdown(&terminal.screen());
    until("it turns in the new size", || {
        let now = countdown(&terminal.screen());
        now.len() == 1 && now != turned
    });
    // What the probe answers meanwhile is shown.
    team.write("live/search", "");
    terminal.shows("\u{2713} The search answers");
    terminal.types("C-c");
    assert_eq!(terminal.end(), 1);
    terminal.shows("armed");
    terminal.shows("relgate watch --release 2.0.0");
    drop(terminal);

    let terminal = terminal!(&team, "omar", &["watch"]);
    terminal.shows(" left ");
    team.run("quin", &["incident", "resolve", "I1", "--how", "restarted"])
        .code(0);
    assert_eq!(terminal.end(), 0);
    terminal.shows("every incident is resolved");
}

#[test]
fn a_rollback_is_told_as_it_runs() {
    let team = Team::new();
    team.deploy();
    let plan = team.read("back.sh");
    let slow = "set -eu\necho switching users\nwhile test ! -f live/go; do sleep 0.1; done";
    team.script(&plan.replace("set -eu", slow));
    team.open_incident("Slow", "critical");
    let terminal = terminal!(&team, "omar", &["watch"]);
    terminal.shows("switching users");
    team.write("live/go", "");
    assert_eq!(terminal.end(), 5);
    for shown in ["old-version", "ROLLED BACK", "everybody can go home"] {
        terminal.shows(shown);
    }
    assert!(
        !terminal.screen().contains(" left "),
        "{}",
        terminal.screen()
    );
}

#[test]
fn a_rollback_by_hand_is_asked_about() {
    let team = Team::new();
    team.deploy();
    for (answer, code) in [("", 7), ("y", 5)] {
        let terminal = terminal!(&team, "rory", &["rollback", "--reason", "too slow"]);
        terminal.shows("Roll 2.0.0 back to 1.0.0 now?");
        assert_eq!(team.recorded("rollback-claimed").len(), 0);
        terminal.answers(answer);
        assert_eq!(terminal.end(), code);
    }
}
