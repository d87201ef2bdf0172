//! Running the program: exit code, standard output and standard error are looked at together.

use std::fs::File;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::Duration;

use crate::lacking::{is_left_out, succeeds};
use crate::team::Team;

/// How often something is looked at before a test gives up, and the pause between two looks: half a minute in all.
const LOOKS: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until `done` says so. The limit is there for a test that would never end, not to measure anything.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..LOOKS {
        if done() {
            return;
        }
        thread::sleep(PAUSE);
    }
    panic!("waited in vain until {what}");
}

/// What a command printed, and how it ended.
pub struct Ended {
    shown: String,
    code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn of(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output().expect("it runs");
        Self::new(format!("{command:?}"), output)
    }

    pub fn new(shown: String, output: Output) -> Self {
        let stdout = String::from_utf8(output.stdout).expect("UTF-8");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        let ended = Self {
            shown,
            code: output.status.code(),
            stdout,
            stderr,
        };
        assert!(
            !ended.stderr.contains("bug in relgate") && !ended.stderr.contains("panicked"),
            "{ended}"
        );
        ended
    }

    /// Insists on an exit code.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self}");
        self
    }

    /// Insists that it was no pass: no-go, or nothing decided.
    #[track_caller]
    pub fn no_pass(self) -> Self {
        assert!(matches!(self.code, Some(1 | 3)), "{self}");
        self
    }

    /// Insists that the command was refused, for whatever the caller could do about it.
    #[track_caller]
    pub fn refuses(self) -> Self {
        assert!(matches!(self.code, Some(2 | 3 | 7)), "{self}");
        assert!(self.stderr.starts_with("error: "), "{self}");
        self
    }

    /// Insists on texts in standard output, whatever the width at which it was wrapped.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        assert_contains(&self.stdout, texts, &self);
        self
    }

    /// Insists on texts in standard error.
    #[track_caller]
    pub fn warns(self, texts: &[&str]) -> Self {
        assert_contains(&self.stderr, texts, &self);
        self
    }

    /// Insists that nothing was printed to standard output.
    #[track_caller]
    pub fn silent(self) -> Self {
        assert_eq!(self.stdout, "", "{self}");
        self
    }

    /// The result in standard output, of the command's `--format json`.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        let value: serde_json::Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON, {error}: {self}"));
        assert_eq!(value["version"], 1, "{self}");
        value
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            shown,
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "{shown}\nexit code {code:?}\nstdout:\n{stdout}\nstderr:\n{stderr}"
        )
    }
}

#[track_caller]
fn assert_contains(found: &str, texts: &[&str], ended: &Ended) {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = plain(found);
    for text in texts {
        assert!(found.contains(&plain(text)), "no {text:?} in {ended}");
    }
}

/// Runs a script as root of a namespace of its own, where it can mount, with the program as `$1`; `None` where the machine has
/// no such thing, and whoever runs the tests said so.
pub fn with_mounts(team: &Team, script: &str) -> Option<Ended> {
    let unshare = ["--map-root-user", "--mount"];
    let allowed = succeeds("unshare", &[&unshare[..], &["true"]].concat());
    if is_left_out("mounts", allowed) {
        return None;
    }
    let mut command = Command::new("unshare");
    command
        .args(unshare)
        .args(["sh", "-euc", script, "sh", env!("CARGO_BIN_EXE_relgate")])
        .current_dir(team.path(""))
        .env("RELGATE_BY", "dana")
        .env("HOME", team.path(""))
        .env("LC_ALL", "C.UTF-8");
    Some(Ended::of(&mut command))
}

/// A command that runs beside the test, with its output in a file. It is killed where the test ends first.
pub struct Running {
    shown: String,
    child: Child,
    output: tempfile::NamedTempFile,
}

impl Running {
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it lives");
    }

    /// What it printed so far, to either output.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.output.path()).expect("UTF-8")
    }

    /// Its end, for which it is waited.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let mut status: Option<ExitStatus> = None;
        until("it ends", || {
            status = self.child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        let output = Output {
            status: status.expect("it has ended"),
            stdout: self.output().into_bytes(),
            stderr: Vec::new(),
        };
        Ended::new(self.shown.clone(), output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Team {
    /// Runs a command to its end.
    pub fn run(&self, by: &str, args: &[&str]) -> Ended {
        Ended::of(&mut self.command(by, args))
    }

    /// Starts a command beside the test.
    pub fn start(&self, by: &str, args: &[&str]) -> Running {
        self.start_command(self.command(by, args))
    }

    /// Starts a command that was made ready beside the test.
    pub fn start_command(&self, mut command: Command) -> Running {
        let output = tempfile::NamedTempFile::new().expect("a temporary file");
        let file = || {
            File::options()
                .append(true)
                .open(output.path())
                .expect("it")
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(file())
            .stderr(file())
            .spawn()
            .expect("it starts");
        Running {
            shown: format!("{command:?}"),
            child,
            output,
        }
    }

    /// Signs everything that stands before the deployment.
    pub fn sign_all(&self) {
        for by in ["dana", "quin", "dana", "rory"] {
            self.run(by, &["sign", "--all", "--yes"]).code(0);
        }
        self.run("rory", &["check"]).code(0);
    }

    /// Signs, deploys and records it: version 2.0.0 is live.
    pub fn deploy(&self) {
        self.sign_all();
        self.run("omar", &["deploy", "start"]).code(0);
        self.write("live/version", "2.0.0\n");
        self.run("omar", &["deploy", "done"]).code(0);
    }

    /// Opens an incident as omar, or as rory where that is a rollback, and leaves it to somebody else to watch.
    pub fn open_incident(&self, title: &str, priority: &str) {
        let what = ["--title", title, "--priority", priority];
        let open = [&["incident", "open", "--no-watch"][..], &what].concat();
        let by = match priority {
            "immediate" => "rory",
            _ => "omar",
        };
        self.run(by, &open).code(1).says(&["I", priority]);
    }

    /// How the release stands, by `status`.
    pub fn standing(&self) -> serde_json::Value {
        let status = self.run(
            "rory",
            &["status", "--release", "2.0.0", "--format", "json"],
        );
        status.code(0).json()["result"]["releases"][0].clone()
    }
}
