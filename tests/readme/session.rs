//! One shell in a home of its own, as a reader has it who types the pages' commands one after another.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use regex::Regex;
use tempfile::TempDir;

/// Stands between the outputs of two commands.
const END: &str = "=== end of the command, exit code ";

pub struct Session {
    home: TempDir,
    shell: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// What a command did.
pub struct Done {
    /// Standard output and standard error, as a terminal shows them.
    pub output: String,
    pub code: i32,
}

impl Session {
    pub fn start() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let program = Path::new(env!("CARGO_BIN_EXE_relgate"));
        let folder = program.parent().expect("the program is in a folder");
        let mut shell = Command::new("sh")
            .current_dir(home.path())
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display()),
            )
            .env("HOME", home.path())
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let input = shell.stdin.take().expect("its input");
        let output = BufReader::new(shell.stdout.take().expect("its output"));
        Self {
            home,
            shell,
            input,
            output,
        }
    }

    pub fn run(&mut self, command: &str) -> Done {
        let line = format!("{{ {command}\n}} </dev/null 2>&1\nprintf '\\n{END}%s\\n' $?\n");
        self.input
            .write_all(line.as_bytes())
            .expect("the shell listens");
        let mut output = String::new();
        loop {
            let mut line = String::new();
            let read = self
                .output
                .read_line(&mut line)
                .expect("the shell's output is text");
            assert!(read > 0, "the shell ended: {command}\n{output}");
            if let Some(code) = line.strip_prefix(END) {
                // The line's end before the mark is the mark's own.
                output.pop();
                let code = code.trim().parse().expect("an exit code");
                return Done { output, code };
            }
            output.push_str(&line);
        }
    }

    /// Writes a file of the current folder.
    pub fn write(&mut self, path: &str, text: &str) {
        let here = PathBuf::from(self.run("pwd").output.trim());
        assert!(here.starts_with(self.home.path().canonicalize().expect("the home")));
        std::fs::write(here.join(path), text).expect("a file of a page");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// Fails where `actual` is not what is `shown`, apart from what no two runs have in common: times, records, folders.
/// A line `...` in what is shown stands for any lines.
pub fn same(place: &str, actual: &str, shown: &str) {
    let (actual, shown) = (settled(actual), settled(shown));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    if !matches(&lines(&actual), &lines(&shown)) {
        panic!("{place}\n--- shown:\n{shown}\n--- actual:\n{actual}");
    }
}

fn matches(actual: &[String], shown: &[String]) -> bool {
    match (actual, shown) {
        (_, [any]) if any == "..." => true,
        (_, [any, rest @ ..]) if any == "..." => {
            (0..=actual.len()).any(|from| matches(&actual[from..], rest))
        }
        ([first, actual @ ..], [line, rest @ ..]) => first == line && matches(actual, rest),
        ([], []) => true,
        _ => false,
    }
}

/// A text without what no two runs have in common.
fn settled(text: &str) -> String {
    let replacements = [
        (r"SHA256:[A-Za-z0-9+/]+", "SHA256:KEY"),
        (r"\b[0-9a-f]{64}\b", "DIGEST"),
        (r"\b[0-9a-f]{12}\b", "RECORD"),
        (r"\b\d{8}T\d{6}\.\d{3}Z", "TIME"),
        (
            r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)?)?",
            "TIME",
        ),
        (r"time: .* total \d+\.\d+ ms", "time: PHASES"),
        (r"\b\d+(\.\d+)? (ms|s)\b", "DURATION"),
        (r"\b\d+:\d\d (left|of|until)\b", "LEFT"),
        (r"\bof \d+:\d\d\b", "LEFT"),
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
        (r"\(process \d+\)", "(process)"),
        (r"(/[\w.-]+)+/shop\b", "/home/you/shop"),
        (r"[ \t]+\n", "\n"),
    ];
    let mut text = format!("{}\n", text.trim_end());
    for (pattern, word) in replacements {
        let pattern = Regex::new(pattern).expect("a pattern");
        text = pattern.replace_all(&text, word).into_owned();
    }
    text.trim_start_matches('\n').to_owned()
}

#[test]
fn any_lines_may_stand_for_any_lines() {
    same("", "a\nb\nc\nd\n", "a\n...\nd\n");
    same("", "a\n", "a\n...\n");
    same(
        "",
        "recorded as 4f611c62c4eb\n",
        "recorded as 0cc9b4d74756\n",
    );
    same(
        "",
        "at 2026-11-20 16:54 UTC after 3 ms",
        "at 2025-01-02 00:00 UTC after 1.5 s",
    );
    for (actual, shown) in [
        ("a\nb", "a"),
        ("a", "a\nb"),
        ("a\nb\nc", "a\n...\nd"),
        ("a", "b"),
    ] {
        let failed = std::panic::catch_unwind(|| same("", actual, shown));
        assert!(failed.is_err(), "{actual:?} {shown:?}");
    }
}
