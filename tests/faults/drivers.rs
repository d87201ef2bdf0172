//! Drivers that do not start, do not take up their duty, or die where their steps cannot be seen.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::lacking::{is_left_out, succeeds};
use crate::run::{Ended, until};
use crate::shop::{BACK, broken, broken_with, fate, kept, processes, signal, tell};
use crate::user::User;

#[test]
#[cfg(debug_assertions)]
fn a_driver_that_never_drives_is_replaced_by_the_watcher() {
    let team = broken();
    let mut command = team.command("rory", &["watch"]);
    command
        .env("RELGATE_FAILPOINT", "driver:begin")
        .env("RELGATE_FAILPOINT_IN", "drive-rollback");
    Ended::of(&mut command).code(5).says(&[
        "2 processes that were started to drive the rollback did not take it up",
        "died at the failpoint driver:begin",
        "it runs in this process",
    ]);
    let fate = kept(&team, "a driver that dies at its start");
    assert_eq!((fate.runs, team.recorded("rollback-claimed").len()), (1, 1));
    tell(
        "every driver dies at its start",
        &format!(
            "driven by the watcher, {} ms after the deadline",
            fate.after_ms
        ),
    );
}

#[test]
fn a_program_that_was_replaced_drives_from_the_one_that_runs() {
    let team = broken();
    let copy = team.path("relgate");
    std::fs::copy(env!("CARGO_BIN_EXE_relgate"), &copy).expect("copied");
    let here = team.command("rory", &["watch"]);
    let mut command = Command::new(&copy);
    command.arg("watch").current_dir(team.path(""));
    for (name, value) in here.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let watching = team.start_command(command);
    until("it watches", || team.standing()["watched"] == true);
    team.write("new", "#!/bin/sh\nexit 127\n");
    std::fs::set_permissions(team.path("new"), PermissionsExt::from_mode(0o755)).expect("set");
    std::fs::rename(team.path("new"), &copy).expect("replaced");
    watching.end().code(5);
    let fate = kept(&team, "a replaced program");
    assert_eq!(fate.runs, 1);
    tell(
        "the program is replaced by one that does not start, under a watcher",
        &format!("rolled back once, {} ms after the deadline", fate.after_ms),
    );
}

#[test]
fn releases_that_cannot_be_listed_are_rolled_back() {
    let team = broken();
    let user = User::owning(&team, 65534);
    let watching = team.start_command(user.command(&team, &["watch", "--release", "2.0.0"]));
    until("it watches", || team.standing()["watched"] == true);
    User::disown(&team.path("releases"), "0711");
    until("it is rolled back", || {
        !team.recorded("rolled-back").is_empty()
    });
    watching.end().code(5);
    assert_eq!(fate(&team).runs, 1);
    tell(
        "the folder of the releases cannot be listed",
        "rolled back once",
    );
}

#[test]
fn a_path_that_is_no_text_is_rolled_back() {
    let team = broken();
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join(OsStr::from_bytes(b"caf\xe9"));
    let copied = Command::new("cp")
        .arg("-a")
        .arg(team.path(""))
        .arg(&folder)
        .status();
    assert!(copied.is_ok_and(|it| it.success()));
    for args in [vec!["watch", "--release", "2.0.0"], vec!["watch", "--all"]] {
        let _ = std::fs::remove_dir_all(&folder);
        let copied = Command::new("cp")
            .arg("-a")
            .arg(team.path(""))
            .arg(&folder)
            .status();
        assert!(copied.is_ok_and(|it| it.success()));
        let mut command = team.command("rory", &args);
        let mut watching = command
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let ledger = folder.join("releases/2.0.0/ledger");
        until("it is rolled back", || {
            let names = std::fs::read_dir(&ledger).expect("a folder").flatten();
            names
                .into_iter()
                .any(|it| it.file_name().to_string_lossy().contains("-rolled-back-"))
        });
        let _ = watching.kill();
        let _ = watching.wait();
        // The driver did it, with the bytes of its path.
        let log = std::fs::read(ledger.join("output/driver.log")).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&log), "");
        let runs = std::fs::read_to_string(folder.join("live/runs")).expect("it ran");
        assert_eq!(runs.lines().count(), 1);
    }
    tell(
        "the repository's path is no UTF-8",
        "rolled back once, by its driver",
    );
}

#[test]
fn a_limit_of_tasks_puts_the_rollback_off_until_it_is_lifted() {
    let fault = "the user has a limit of tasks at the deadline";
    if is_left_out("root", rustix::process::getuid().is_root()) {
        return;
    }
    for (place, limit) in ["5", "6", "7", "8"].into_iter().enumerate() {
        let team = broken();
        let id = 62_000 + std::process::id() % 500 * 8 + u32::try_from(place).expect("small");
        let user = User::owning(&team, id);
        let nproc = format!("--nproc={limit}:");
        let limited = ["prlimit", &nproc];
        let _first = team.start_command(user.command_in(&team, &limited, &["watch"]));
        until("the deadline is past", || {
            team.standing()["windows"][0]["left_ms"]
                .as_u64()
                .unwrap_or(0)
                == 0
        });
        std::thread::sleep(std::time::Duration::from_secs(2));
        for pid in processes(&team, "") {
            let pid = pid.as_raw_pid().to_string();
            let _ = Command::new("prlimit")
                .args(["--pid", &pid, "--nproc=4096:"])
                .status();
        }
        let _second = team.start_command(user.command(&team, &["watch", "--release", "2.0.0"]));
        until("it is rolled back", || {
            !team.recorded("rolled-back").is_empty()
        });
        let fate = fate(&team);
        assert!(!fate.double && !fate.early, "{limit}: {fate:?}");
    }
    tell(fault, "rolled back once it is lifted");
}

#[test]
fn a_step_whose_driver_died_out_of_sight_is_waited_for() {
    let fault = "the driver dies in another PID namespace, and its step lives on";
    let here = ["-p", "-f", "--mount-proc"];
    if is_left_out(
        "pid-namespaces",
        succeeds("unshare", &[&here[..], &["true"]].concat()),
    ) {
        return;
    }
    let team = broken_with(&BACK.replacen("sleep 0.1", "sleep 3", 1), &[]);
    let elsewhere = |script: &str| {
        let inner = team.command("rory", &["watch", "--release", "2.0.0"]);
        let mut command = Command::new("unshare");
        command.args(here).args(["sh", "-c", script, "sh"]);
        command.arg(inner.get_program()).args(inner.get_args());
        command.current_dir(team.path("")).env_clear();
        for (name, value) in inner.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        team.start_command(command)
    };
    let _first = elsewhere("\"$@\"; sleep 20");
    until("the plan runs", || team.path("live/runs").exists());
    signal(&team, env!("CARGO_BIN_EXE_relgate"), Signal::KILL);
    let _second = elsewhere("\"$@\"");
    until("it is rolled back", || {
        !team.recorded("rolled-back").is_empty()
    });
    kept(&team, fault);
    tell(fault, "the step is waited for; nothing runs beside it");
}

#[test]
fn a_step_without_its_mark_is_waited_for() {
    // It leaves its group and its environment, and keeps the lock that shows what runs beside it.
    let alone = "test $RELGATE_ATTEMPT -gt 1 || env -i setsid sh -c 'sleep 3'";
    let team = broken_with(&BACK.replacen("sleep 0.1", alone, 1), &[]);
    let watching = team.start("rory", &["watch"]);
    until("the plan sleeps", || {
        !processes(&team, "sleep 3").is_empty()
    });
    signal(&team, "drive-rollback", Signal::KILL);
    watching.end().code(5);
    kept(&team, "a step without its mark");
    tell(
        "the driver dies, and a child of its step has neither group nor mark",
        "the child is waited for; nothing runs beside it",
    );
}
