//! Command probes on this machine: what a command does to be trouble, and what is left of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use relgate::domain::probe::Probe;
use relgate::domain::probe::judge::{Sample, Verdict};
use relgate::effects::probe::SystemProber;
use relgate::effects::process::group;
use relgate::ports::{Prober, ProcessGroup};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

fn probe(script: &str, timeout: &str, expect: Value) -> Probe {
    let value = json!({
        "id": "one", "timeout": timeout,
        "command": {"argv": ["sh", "-c", script], "env": {"GIVEN": "a value"}, "expect": expect},
    });
    serde_json::from_value(value).expect("a probe")
}

fn run(folder: &Path, script: &str, timeout: &str, expect: Value) -> Sample {
    SystemProber::new(folder)
        .sample(&[probe(script, timeout, expect)], 1, Some(PATIENCE))
        .pop()
        .expect("a sample")
}

#[track_caller]
fn assert_run(folder: &Path, script: &str, expect: Value, verdict: Verdict, reason: &str) {
    let sample = run(folder, script, "20s", expect);
    assert_eq!(sample.verdict, verdict, "{}", sample.reason());
    assert!(sample.reason().contains(reason), "{}", sample.reason());
}

/// Whether the process whose id is in the file is alive.
fn lives(file: &Path) -> bool {
    let pid = fs::read_to_string(file).expect("an id");
    let pid = pid.trim().parse().expect("an id");
    let started = group::started(pid);
    group::is_alive(&ProcessGroup { pid, started })
}

#[test]
fn exit_code_and_both_outputs_are_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (pass, fail) = (Verdict::Pass, Verdict::Fail);
    let all = json!({"exit": 3, "stdout": {"equals": "a value"}, "stderr": {"contains": "err"}});
    let script = "echo $GIVEN; echo err >&2; exit 3";
    assert_run(folder, script, all, pass, "3 of 3");
    let zero = json!({"exit": 0});
    assert_run(folder, script, zero.clone(), fail, "found 3 (err)");
    assert_run(folder, "kill -9 $$", zero.clone(), fail, "signal 9");
    // Standard input is closed, so that nothing can be waited for.
    assert_run(folder, "read x", zero.clone(), fail, "found 1");
    let here = json!({"stdout": {"contains": folder.file_name().expect("a name").to_str()}});
    assert_run(folder, "pwd", here, pass, "hold");
}

#[test]
fn a_flood_is_cut_and_does_not_hold_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let expect =
        json!({"exit": 0, "stdout": {"matches": "^x{1000}"}, "stderr": {"equals": "done"}});
    let script = "head -c 5000000 /dev/zero | tr '\\0' x; echo done >&2";
    assert_run(folder.path(), script, expect, Verdict::Pass, "3 of 3");
}

#[test]
fn one_that_ignores_term_is_killed_with_all_that_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "trap '' TERM; echo waiting; echo $$ > leader; (sh -c 'echo $PPID > child; sleep 600') & \
                  while :; do sleep 0.05; done";
    let sample = run(folder.path(), script, "1s", json!({"exit": 0}));
    assert_eq!(sample.verdict, Verdict::Fail);
    let reason = sample.reason();
    assert!(
        reason.contains("did not end within 1s") && reason.contains("it wrote: waiting"),
        "{reason}"
    );
    for name in ["leader", "child"] {
        assert!(!lives(&folder.path().join(name)), "the {name} lives on");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn one_that_leaves_its_session_is_ended_at_the_timeout() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "(setsid sh -c 'echo $$ > away; exec sleep 600' &); sleep 600";
    let sample = run(folder.path(), script, "1s", json!({"exit": 0}));
    assert_eq!(sample.verdict, Verdict::Fail, "{}", sample.reason());
    assert!(!lives(&folder.path().join("away")));
}

#[test]
fn a_child_that_holds_the_output_is_not_awaited_and_not_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "sleep 600 & echo $! > child; echo answer";
    let expect = json!({"exit": 0, "stdout": {"equals": "answer"}});
    assert_run(folder.path(), script, expect, Verdict::Pass, "2 of 2");
    let child = folder.path().join("child");
    for _ in 0..1000 {
        if !lives(&child) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the child lives on");
}

#[test]
fn one_that_is_cut_off_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "trap '' TERM; echo $$ > leader; sleep 600 & echo $! > child; wait; sleep 600";
    let samples = SystemProber::new(folder.path()).sample(
        &[probe(script, "1h", json!({"exit": 0}))],
        1,
        Some(Duration::from_secs(1)),
    );
    assert_eq!(samples[0].verdict, Verdict::Error);
    assert!(samples[0].reason().contains("cut off"));
    for name in ["leader", "child"] {
        for _ in 0..1000 {
            if !lives(&folder.path().join(name)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!lives(&folder.path().join(name)), "the {name} lives on");
    }
}

#[test]
fn what_was_not_seen_of_a_flood_proves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let flood = "head -c 200000 /dev/zero | tr '\\0' x; echo ERROR";
    let clean = json!({"exit": 0, "stdout": {"not_contains": "ERROR"}});
    let reason = "only the first 64 KiB are read";
    assert_run(folder.path(), flood, clean.clone(), Verdict::Fail, reason);
    // What somebody may still write has not been seen either.
    let left = "setsid sleep 5 & echo fine";
    let reason = "still holds the output";
    assert_run(folder.path(), left, clean, Verdict::Fail, reason);
    let begins = json!({"stdout": {"contains": "fine"}});
    assert_run(folder.path(), left, begins, Verdict::Pass, "");
}
