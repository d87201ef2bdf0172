//! Commands of a rollback that misbehave.

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::shop::{BACK, Fate, broken_with, deployed, each, kept, sound, tell, watch};
use crate::team::{NOTES, Team};

/// The good script, whose first attempt does something else before it.
fn at_first(what: &str) -> String {
    BACK.replacen(
        "sleep 0.1",
        &format!("test $RELGATE_ATTEMPT -gt 1 || {{ {what}; }}"),
        1,
    )
}

const SHORT: (&str, &str) = ("timeout: 20s", "timeout: 1s");

/// Misbehaves in its first attempt, and is rolled back by the second.
struct Bad {
    fault: &'static str,
    first: &'static str,
    /// How the first attempt's step ended.
    how: &'static str,
}

#[test]
fn a_command_that_misbehaves_once_is_tried_again() {
    let bad = [
        Bad {
            fault: "hangs",
            first: "sleep 600",
            how: "timed-out",
        },
        Bad {
            fault: "hangs and ignores TERM",
            first: "trap '' TERM; while :; do sleep 600; done",
            how: "timed-out",
        },
        Bad {
            fault: "hangs in a child that left its session, by setsid",
            first: "setsid sleep 600 & wait",
            how: "timed-out",
        },
        Bad {
            fault: "forks twice, leaves its session, ignores TERM, and its parents are gone",
            first: "(setsid sh -c \"trap '' TERM; while :; do sleep 600; done\" &) & sleep 600",
            how: "timed-out",
        },
        Bad {
            fault: "floods its output without end",
            first: "yes",
            how: "timed-out",
        },
        Bad {
            fault: "exits with 1",
            first: "exit 1",
            how: "exited",
        },
        Bad {
            fault: "is killed by KILL",
            first: "kill -KILL $$",
            how: "signalled",
        },
        Bad {
            fault: "stops itself",
            first: "kill -STOP $$",
            how: "timed-out",
        },
    ];
    each(4, bad.into(), |Bad { fault, first, how }| {
        let team = broken_with(&at_first(first), &[SHORT]);
        let ended = watch(&team);
        ended.code(5);
        // The lock of the rollback's command shows what survived its attempt as an overlap with the next one.
        assert_eq!(kept(&team, fault).runs, 2, "{fault}");
        let first = &team.recorded("step-ended")[0];
        assert_eq!(first["outcome"]["how"], how, "{fault}");
        assert!(largest_output(&team) <= 8 * 1024 * 1024, "{fault}");
        tell(
            &format!("the command {fault}"),
            &format!("{how}, nothing of it left; rolled back by attempt 2"),
        );
    });
}

fn largest_output(team: &Team) -> u64 {
    let folder = team.path("releases/2.0.0/ledger/output");
    let files = std::fs::read_dir(folder).expect("a folder").flatten();
    let sizes = files.filter_map(|file| Some(file.metadata().ok()?.len()));
    sizes.max().unwrap_or(0)
}

#[test]
fn a_flood_is_read_to_its_end_and_kept_up_to_a_limit() {
    let script = BACK.replacen("sleep 0.1", "head -c 1000000000 /dev/zero", 1);
    let team = broken_with(&script, &[]);
    watch(&team).code(5);
    assert_eq!(kept(&team, "a flood").runs, 1);
    let written = team.recorded("step-ended")[0]["output_bytes"].as_u64();
    assert!(written >= Some(1_000_000_000), "{written:?}");
    let largest = largest_output(&team);
    assert!(largest <= 8 * 1024 * 1024, "{largest}");
    tell(
        "the command writes 1 GB",
        &format!("rolled back once; all read, {largest} bytes kept"),
    );
}

#[test]
fn a_command_that_asks_for_input_meets_its_end() {
    let script = BACK.replacen("sleep 0.1", "cat >live/input || exit 1", 1);
    let team = broken_with(&script, &[]);
    watch(&team).code(5);
    assert_eq!(kept(&team, "input").runs, 1);
    assert_eq!(team.read("live/input"), "");
    tell(
        "the command reads its input",
        "rolled back once; it met the end of it",
    );
}

#[test]
fn a_service_that_the_command_leaves_behind_lives_and_is_not_waited_for() {
    let script = BACK.replacen(
        "sleep 0.1",
        "setsid sleep 60 9>&- & echo $! >live/service",
        1,
    );
    let team = broken_with(&script, &[]);
    watch(&team).code(5);
    let Fate { runs, .. } = kept(&team, "a service");
    assert_eq!(runs, 1);
    let service = team.read("live/service").trim().parse().ok();
    let service = service.and_then(Pid::from_raw).expect("a process");
    test_kill_process(service).expect("the service lives");
    let took = team.recorded("step-ended")[0]["took_ms"].as_u64();
    kill_process(service, Signal::KILL).expect("it lives");
    assert!(took < Some(30_000), "{took:?}");
    tell(
        "the command leaves a service that holds its output",
        &format!("rolled back once; the service lives, the step took {took:?} ms"),
    );
}

#[test]
fn a_command_that_does_not_exist_is_found_long_before() {
    let team = deployed();
    let by_hand = ["rollback", "--yes", "--reason", "x"];
    let refused = team.run("quin", &by_hand).refuses();
    refused.warns(&["no authority"]);
    team.cut(NOTES, "argv: [./back", "]", "argv: [./forth.sh");
    let open = [
        "incident",
        "open",
        "--title",
        "Slow",
        "--priority",
        "critical",
    ];
    team.run("rory", &["check"]).code(1).says(&["forth.sh"]);
    // What was signed when it was deployed runs, whatever was edited since.
    let opened = team.run("omar", &[&open[..], &["--no-watch"]].concat());
    opened.code(1);
    watch(&team).code(5);
    tell(
        "the command does not exist",
        "check is no-go, and a window runs what was signed",
    );
}

#[test]
fn a_command_that_is_removed_within_the_window_ends_stuck() {
    let team = broken_with(BACK, &[("attempts: 5", "attempts: 2")]);
    team.remove("back.sh");
    watch(&team).code(6).says(&["STUCK"]);
    let ended = team.recorded("step-ended");
    assert_eq!(ended.len(), 2);
    assert!(
        ended.iter().all(|it| it["outcome"]["how"] == "not-started"),
        "{ended:?}"
    );
    sound(&team);
    team.run("rory", &["check", "--release", "2.0.0"]).no_pass();
    tell(
        "the command is removed within the window",
        "two attempts that did not start, then stuck: exit 6",
    );
    // A person who mends it takes it out of that state.
    team.script(BACK);
    let args = [
        "rollback",
        "--yes",
        "--reason",
        "mended",
        "--release",
        "2.0.0",
    ];
    team.run("rory", &args).code(5);
}
