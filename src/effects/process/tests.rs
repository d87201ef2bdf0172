use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::domain::ids::Digest;
use crate::domain::record::body::StepOutcome;
use crate::domain::timespan::Timespan;
use crate::domain::variables::Secrets;
use crate::effects::clock::Stopwatch;

/// A file of output that is about no release.
fn file(name: &str) -> OutputFile {
    OutputFile {
        release: None,
        name: name.to_owned(),
    }
}

/// Runs shell scripts in a temporary folder and keeps what was heard of them.
struct Stage {
    folder: tempfile::TempDir,
    group: Option<ProcessGroup>,
    heard: Vec<u8>,
}

impl Stage {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            group: None,
            heard: Vec::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, argv: &[&str], seconds: u64) -> Command {
        Command {
            secrets: Secrets::default(),
            argv: argv.iter().map(|text| (*text).to_owned()).collect(),
            env: BTreeMap::from([("GIVEN".to_owned(), "a value".to_owned())]),
            folder: self.folder.path().to_owned(),
            timeout: Timespan::from_seconds(seconds),
            output: file("out.log"),
            output_cap: 1024 * 1024,
            marks: Vec::new(),
            lock: None,
        }
    }

    fn run(&mut self, command: &Command) -> CommandEnd {
        let Self {
            group,
            heard,
            folder,
        } = self;
        SystemRunner::new(folder.path()).run(
            command,
            &mut |started| *group = Some(started.clone()),
            &mut |piece| heard.extend_from_slice(piece),
        )
    }

    fn sh(&mut self, script: &str, seconds: u64) -> CommandEnd {
        let command = self.command(&["sh", "-c", script], seconds);
        self.run(&command)
    }

    /// The process whose id the script wrote to `name`.
    fn pid_in(&self, name: &str) -> u32 {
        eventually(|| {
            fs::read_to_string(self.path(name))
                .ok()?
                .trim()
                .parse()
                .ok()
        })
    }
}

fn kill(pid: u32) {
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(killed.is_ok_and(|status| status.success()));
}

/// Asks again until there is an answer; what is asserted is that it comes at all.
fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let watch = Stopwatch::start();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            watch.elapsed() < Duration::from_secs(20),
            "it did not happen in 20 s"
        );
        thread::sleep(Duration::from_millis(5));
    }
}

fn lives(pid: u32) -> bool {
    group::is_alive(&ProcessGroup {
        pid,
        started: group::started(pid),
    })
}

#[test]
fn output_is_kept_in_order_with_its_digest() {
    let mut stage = Stage::new();
    let ended = stage.sh("echo one; echo two >&2; echo $GIVEN; pwd; exit 3", 20);
    let folder = fs::canonicalize(stage.folder.path()).expect("a folder");
    let expected = format!("one\ntwo\na value\n{}\n", folder.display());
    assert_eq!(ended.outcome, StepOutcome::Exited { code: 3 });
    assert_eq!(ended.tail, expected);
    assert_eq!(ended.output_bytes, expected.len() as u64);
    assert_eq!(ended.output_digest, Digest::of(expected.as_bytes()));
    assert_eq!(stage.heard, expected.as_bytes());
    assert_eq!(
        fs::read(stage.path(".relgate/out.log")).expect("kept"),
        expected.as_bytes()
    );
}

#[test]
fn a_command_that_wants_input_gets_none() {
    let ended = Stage::new().sh("read line; echo \"status $?\"", 20);
    assert_eq!(ended.outcome, StepOutcome::Exited { code: 0 });
    assert_eq!(ended.tail, "status 1\n");
}

#[test]
fn a_signal_of_somebody_else_is_told() {
    let ended = Stage::new().sh("kill -9 $$", 20);
    assert_eq!(ended.outcome, StepOutcome::Signalled { signal: 9 });
}

#[test]
fn what_cannot_be_started_says_why() {
    let mut stage = Stage::new();
    for (argv, reason) in [
        (vec!["./rollback.sh"], "there is no file"),
        (vec!["no-such-program-anywhere"], "no folder of PATH"),
        (vec![], "empty"),
        (vec!["sh", "a\0b"], "could not be started"),
    ] {
        let command = stage.command(&argv, 20);
        let StepOutcome::NotStarted { why: text } = stage.run(&command).outcome else {
            panic!("{argv:?} was started");
        };
        assert!(text.contains(reason), "{text}");
    }
    let mut command = stage.command(&["sh", "-c", "true"], 20);
    command.folder = stage.path("nowhere");
    let StepOutcome::NotStarted { why: text } = stage.run(&command).outcome else {
        panic!("it was started nowhere");
    };
    assert!(text.contains("not a folder"), "{text}");
    assert_eq!(stage.group, None);
}

#[test]
fn a_flood_is_counted_and_capped() {
    let stage = Stage::new();
    let mut command = stage.command(
        &["sh", "-c", "head -c 20000000 /dev/zero; echo; echo last"],
        60,
    );
    command.output_cap = 1000;
    let mut heard = 0;
    let ended = SystemRunner::new(stage.folder.path())
        .run(&command, &mut |_| {}, &mut |piece| heard += piece.len());
    assert_eq!(ended.outcome, StepOutcome::Exited { code: 0 });
    assert_eq!((ended.output_bytes, heard), (20_000_006, 20_000_006));
    assert_eq!(ended.output_digest, Digest::of(&[0; 1000]));
    assert_eq!(
        fs::metadata(stage.path(".relgate/out.log"))
            .expect("kept")
            .len(),
        1000
    );
    assert!(ended.tail.ends_with("last\n") && ended.tail.len() <= 2048);
}

#[test]
fn an_endless_flood_ends_at_the_timeout() {
    let ended = Stage::new().sh("exec cat /dev/zero", 1);
    assert_eq!(ended.outcome, StepOutcome::TimedOut);
    assert!(ended.output_bytes > 1024 * 1024);
}

#[test]
fn a_command_that_ignores_term_is_killed() {
    let mut stage = Stage::new();
    let ended = stage.sh(
        "trap 'echo ignored' TERM; echo $$ > pid; while :; do sleep 0.05; done",
        1,
    );
    assert_eq!(ended.outcome, StepOutcome::TimedOut);
    assert!(ended.tail.contains("ignored"), "{}", ended.tail);
    assert!(ended.took_ms >= 6_000, "it was not given its grace");
    assert!(!lives(stage.pid_in("pid")));
}

#[test]
fn a_command_that_heeds_term_may_clean_up() {
    let mut stage = Stage::new();
    let ended = stage.sh(
        "trap 'echo cleaned; exit 0' TERM; while :; do sleep 0.05; done",
        1,
    );
    assert_eq!(ended.outcome, StepOutcome::TimedOut);
    assert!(ended.tail.ends_with("cleaned\n"), "{}", ended.tail);
    assert!(ended.took_ms < 6_000, "the grace was waited out");
}

#[test]
fn a_stopped_command_is_ended() {
    let ended = Stage::new().sh("kill -STOP $$", 1);
    assert_eq!(ended.outcome, StepOutcome::TimedOut);
    assert!(ended.took_ms < 6_000, "TERM was not heard");
}

#[cfg(target_os = "linux")]
#[test]
fn children_that_left_the_group_are_ended_too() {
    let mut stage = Stage::new();
    // The first is found by its parents; the second has lost them and is found by its mark.
    let ended = stage.sh(
        "setsid sh -c 'echo $$ > first; exec sleep 600' &
         (setsid sh -c 'echo $$ > second; exec sleep 600' &) 
         sleep 600",
        1,
    );
    assert_eq!(ended.outcome, StepOutcome::TimedOut);
    for name in ["first", "second"] {
        assert!(!lives(stage.pid_in(name)), "the {name} child lives on");
    }
}

#[test]
fn a_child_that_keeps_the_output_open_is_neither_awaited_nor_harmed() {
    let mut stage = Stage::new();
    let ended = stage.sh(
        "(while [ ! -e go ]; do sleep 0.02; done; echo more && echo written > done; exec sleep 600) & echo $! > child; echo started",
        60,
    );
    assert_eq!(ended.outcome, StepOutcome::Exited { code: 0 });
    assert!(ended.took_ms < 30_000, "the child was waited for");
    let child = stage.pid_in("child");
    assert!(lives(child));
    fs::write(stage.path("go"), "").expect("written");
    eventually(|| fs::read_to_string(stage.path("done")).ok());
    // What came after the end belongs to no digest, and so not into the file.
    assert_eq!(ended.output_digest, Digest::of(b"started\n"));
    assert_eq!(
        fs::read(stage.path(".relgate/out.log")).expect("kept"),
        b"started\n"
    );
    let group = stage.group.clone().expect("a group");
    // Its leader is gone: the number alone says nothing, and what is left is not signalled by it.
    assert!(!SystemRunner::default().end(&group));
    assert!(lives(child));
    kill(child);
}

#[test]
fn an_output_file_that_cannot_be_written_does_not_stop_the_command() {
    let mut stage = Stage::new();
    let command = stage.command(&["sh", "-c", "touch ran; echo out"], 20);
    fs::write(stage.path(".relgate"), "").expect("written");
    let ended = stage.run(&command);
    assert_eq!(ended.outcome, StepOutcome::Exited { code: 0 });
    assert!(stage.path("ran").exists());
    assert!(
        ended.tail.starts_with("out\n[relgate could not write"),
        "{}",
        ended.tail
    );
}

#[test]
fn a_group_left_behind_is_ended_only_if_it_is_the_recorded_one() {
    let stage = Stage::new();
    let mut child = std::process::Command::new("sleep")
        .arg("600")
        .process_group(0)
        .spawn()
        .expect("started");
    let recorded = ProcessGroup {
        pid: child.id(),
        started: group::started(child.id()),
    };
    let other = ProcessGroup {
        started: "1@another boot".to_owned(),
        ..recorded.clone()
    };
    assert!(!SystemRunner::default().end(&other));
    assert!(lives(child.id()));
    assert!(SystemRunner::default().end(&recorded));
    let status = child.wait().expect("reaped");
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(15)
    );
    assert!(!SystemRunner::default().end(&recorded));
    drop(stage);
}

#[test]
fn groups_that_would_address_everybody_are_left_alone() {
    for pid in [0, 1, std::process::id()] {
        let group = ProcessGroup {
            pid,
            started: group::started(pid),
        };
        assert!(!SystemRunner::default().end(&group));
    }
}

#[test]
fn a_lock_is_not_inherited() {
    let stage = Stage::new();
    let place = stage.path("lock");
    let lock = fs::File::create(&place).expect("made");
    lock.lock().expect("locked");
    let argv = ["sh", "-c", "echo $$ > pid; exec sleep 600"].map(OsString::from);
    let process = SystemRunner::new(stage.folder.path())
        .detach(&argv, stage.folder.path(), &file("log"))
        .expect("detached");
    let pid = process.pid;
    assert_eq!(stage.pid_in("pid"), pid);
    drop(lock);
    let again = fs::File::open(&place).expect("opened");
    assert!(
        again.try_lock().is_ok(),
        "the detached process holds the lock"
    );
    assert!(SystemRunner::default().is_running(&process));
    kill(pid);
    eventually(|| (!SystemRunner::default().is_running(&process)).then_some(()));
    // It is reaped by the look.
    eventually(|| {
        SystemRunner::default().is_running(&process);
        group::started(pid).is_empty().then_some(())
    });
}

#[test]
fn what_cannot_be_detached_says_why() {
    let stage = Stage::new();
    let detach = |program: &str, log: &str| {
        SystemRunner::new(stage.folder.path())
            .detach(&[program.into()], stage.folder.path(), &file(log))
            .expect_err("a cause")
    };
    assert!(detach("./missing", "log").contains("there is no file"));
    assert!(
        SystemRunner::new(stage.folder.path())
            .detach(&[], stage.folder.path(), &file("log"))
            .is_err()
    );
}

#[test]
fn a_log_that_cannot_be_written_is_said_and_left_out() {
    let stage = Stage::new();
    let folder = stage.folder.path();
    let runner = SystemRunner::new(folder);
    fs::create_dir(folder.join(".relgate")).expect("a folder");
    let link = folder.join(".relgate/log");
    std::os::unix::fs::symlink(folder.join("elsewhere"), link).expect("linked");
    let log = file("log");
    let why = runner.can_log(&log).expect_err("a link");
    assert!(why.contains("symbolic link"), "{why}");
    let argv = ["sh", "-c", "echo said; echo $$ > pid"].map(OsString::from);
    let process = runner.detach(&argv, folder, &log).expect("detached");
    assert_eq!(stage.pid_in("pid"), process.pid);
    assert!(!folder.join("elsewhere").exists());
}

/// The test below starts this program again with only this test, and with a place to report to.
const REPORT: &str = "RELGATE_TEST_SESSION_REPORT";

#[test]
fn a_detached_process_leads_its_own_session() {
    if let Ok(place) = std::env::var(REPORT) {
        let first = become_session();
        let again = become_session();
        let session = getsid(None).map(|pid| pid.as_raw_pid());
        let mut report = fs::File::create(place).expect("a report");
        write!(report, "{first:?} {again:?} {session:?}").expect("written");
        return;
    }
    let stage = Stage::new();
    let report = stage.path("report");
    let argv = [
        "env".into(),
        format!("{REPORT}={}", report.display()).into(),
        std::env::current_exe().expect("this program").into(),
        "a_detached_process_leads_its_own_session".into(),
    ];
    let process = SystemRunner::new(stage.folder.path())
        .detach(&argv, stage.folder.path(), &file("log"))
        .expect("detached");
    let expected = format!("Ok(()) Ok(()) Ok({})", process.pid);
    eventually(|| (fs::read_to_string(&report).ok()? == expected).then_some(()));
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_never_recorded_is_found_by_its_mark() {
    let mut stage = Stage::new();
    let mut command = stage.command(
        &[
            "sh",
            "-c",
            "setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $! >child",
        ],
        10,
    );
    let mark = format!("rollback-{}", std::process::id());
    command.marks = vec![mark.clone(), format!("{mark}-1")];
    stage.run(&command);
    let child = stage.pid_in("child");
    let end = |mark: String| SystemRunner::default().end_marked(&|one| one == mark);
    assert!(!end(format!("{mark}-2")));
    assert!(lives(child), "another's mark ended it");
    assert!(end(mark.clone()));
    assert!(!lives(child));
    assert!(!end(mark));
    assert!(!end(String::new()));
}
