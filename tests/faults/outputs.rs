//! Output that cannot be written: files that are pipes or links, disks that are full, readers that do not read.

use std::fs::File;
use std::io::{PipeReader, Write, pipe};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};

use crate::shop::{broken, deployed, each, fate, kept, tell, watch};
use crate::team::Team;

const OUTPUT: &str = "releases/2.0.0/ledger/output";
const STEP: &str = "attempt-1-1-old-version.log";

/// What stands where a file is to be written.
#[derive(Clone, Copy, Debug)]
enum Obstacle {
    Pipe,
    Link,
    DanglingLink,
    HardLink,
    Folder,
    Socket,
}

fn put(obstacle: Obstacle, path: &Path, elsewhere: &Path) {
    let there = elsewhere.join("there");
    std::fs::write(&there, "kept\n").expect("written");
    match obstacle {
        Obstacle::Pipe => {
            let made = std::process::Command::new("mkfifo").arg(path).status();
            assert!(made.expect("mkfifo runs").success());
        }
        Obstacle::Link => symlink(&there, path).expect("linked"),
        Obstacle::DanglingLink => symlink(elsewhere.join("new"), path).expect("linked"),
        Obstacle::HardLink => std::fs::hard_link(&there, path).expect("linked"),
        Obstacle::Folder => std::fs::create_dir(path).expect("made"),
        Obstacle::Socket => drop(UnixListener::bind(path).expect("bound")),
    }
}

#[test]
fn an_output_file_that_is_none_is_left_alone_and_stops_nothing() {
    use Obstacle::{DanglingLink, Folder, HardLink, Link, Pipe, Socket};
    let obstacles = [Pipe, Link, DanglingLink, HardLink, Folder, Socket];
    let cases = obstacles
        .into_iter()
        .flat_map(|obstacle| [(obstacle, "driver.log"), (obstacle, STEP)])
        .collect();
    each(4, cases, |(obstacle, name)| {
        let team = broken();
        let elsewhere = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(team.path(OUTPUT)).expect("made");
        put(obstacle, &team.path(OUTPUT).join(name), elsewhere.path());
        let watched = watch(&team).code(5);
        // Whoever reads every file would wait for a pipe.
        let path = team.path(OUTPUT).join(name);
        match obstacle {
            Folder => std::fs::remove_dir(path).expect("still a folder"),
            _ => std::fs::remove_file(path).expect("still there"),
        }
        let fault = format!("{name} is a {obstacle:?}");
        assert_eq!(kept(&team, &fault).runs, 1);
        let there = std::fs::read(elsewhere.path().join("there")).expect("there");
        assert_eq!(there, b"kept\n", "{fault}");
        assert!(!elsewhere.path().join("new").exists(), "{fault}");
        match name {
            STEP => {
                let tail = team.recorded("step-ended")[0]["tail"].to_string();
                assert!(tail.contains("the old version serves"), "{fault}: {tail}");
                assert!(tail.contains("could not write"), "{fault}: {tail}");
            }
            _ => drop(watched.says(&["the rollback runs without a log"])),
        }
        tell(&fault, "rolled back once, without that output");
    });
}

#[test]
fn an_output_folder_that_is_a_link_is_not_written_through() {
    let team = broken();
    let elsewhere = tempfile::tempdir().expect("a folder");
    symlink(elsewhere.path(), team.path(OUTPUT)).expect("linked");
    watch(&team).code(5);
    let found = fate(&team);
    assert!(!found.lost && !found.double && found.runs == 1, "{found:?}");
    let verify = ["ledger", "verify", "--release", "2.0.0"];
    team.run("rory", &verify).code(3).says(&["output"]);
    let written = std::fs::read_dir(elsewhere.path())
        .expect("a folder")
        .count();
    assert_eq!(written, 0);
    tell("output/ is a link", "rolled back once, without output");
}

/// What becomes of what a command writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// It is read.
    Fine,
    /// The disk is full.
    Full,
    /// A pipe that is full, and that nobody reads.
    Stuck,
    /// A pipe whose reader is gone.
    Gone,
}

/// The stream for a command, and the end that nobody reads.
fn stream(reader: Reader) -> (Stdio, Option<PipeReader>) {
    match reader {
        Reader::Fine => (Stdio::null(), None),
        Reader::Full => {
            let full = File::options().write(true).open("/dev/full");
            (full.expect("/dev/full").into(), None)
        }
        Reader::Gone => {
            let (read, write) = pipe().expect("a pipe");
            drop(read);
            (write.into(), None)
        }
        Reader::Stuck => {
            let (read, mut write) = pipe().expect("a pipe");
            fcntl_setfl(&write, OFlags::NONBLOCK).expect("set");
            for piece in [4096, 1] {
                while write.write(&vec![b'x'; piece]).is_ok() {}
            }
            fcntl_setfl(&write, OFlags::empty()).expect("set");
            (write.into(), Some(read))
        }
    }
}

/// Starts a command with such readers.
fn start(
    team: &Team,
    args: &[&str],
    (out, err): (Reader, Reader),
) -> (Child, [Option<PipeReader>; 2]) {
    let (stdout, unread_out) = stream(out);
    let (stderr, unread_err) = stream(err);
    let mut command = team.command("omar", args);
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    (
        command.spawn().expect("it starts"),
        [unread_out, unread_err],
    )
}

/// The exit code within so many seconds.
#[track_caller]
fn code(mut child: Child, seconds: u64, fault: &str) -> Option<i32> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    panic!("{fault}: no end within {seconds} s");
}

const READERS: [(Reader, Reader); 8] = [
    (Reader::Full, Reader::Fine),
    (Reader::Fine, Reader::Full),
    (Reader::Full, Reader::Full),
    (Reader::Stuck, Reader::Fine),
    (Reader::Fine, Reader::Stuck),
    (Reader::Stuck, Reader::Stuck),
    (Reader::Gone, Reader::Gone),
    (Reader::Stuck, Reader::Full),
];

const FORMATS: [&str; 4] = ["human", "json", "markdown", "github"];

#[test]
fn a_window_is_kept_though_nobody_reads() {
    let commands: [&[&str]; 4] = [
        &[
            "incident",
            "open",
            "--title",
            "Slow",
            "--priority",
            "critical",
        ],
        &["verify", "--all", "--yes"],
        &["watch"],
        &["watch", "--all"],
    ];
    let mut cases = Vec::new();
    for (index, readers) in READERS.into_iter().enumerate() {
        for (more, command) in commands.into_iter().enumerate() {
            cases.push((readers, command, FORMATS[(index + more) % 4]));
        }
    }
    each(4, cases, |(readers, command, format)| {
        let team = match command[0] {
            "watch" => broken(),
            _ => deployed(),
        };
        if command[0] == "verify" {
            team.remove("live/home");
        }
        let fault = format!("{} --format {format}, {readers:?}", command.join(" "));
        let all = command.contains(&"--all") && command[0] == "watch";
        let format = match all {
            // It knows no other.
            true => "human",
            false => format,
        };
        let (child, _unread) = start(&team, &[command, &["--format", format]].concat(), readers);
        if all {
            let began = Instant::now();
            while team.recorded("rolled-back").is_empty() {
                assert!(began.elapsed() < Duration::from_secs(20), "{fault}: lost");
                std::thread::sleep(Duration::from_millis(50));
            }
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            kill_process(pid.expect("a process"), Signal::TERM).expect("it lives");
            assert_eq!(code(child, 20, &fault), Some(0), "{fault}");
        } else {
            assert_eq!(code(child, 30, &fault), Some(5), "{fault}");
        }
        let found = kept(&team, &fault);
        assert_eq!(found.runs, 1, "{fault}");
        assert!(found.after_ms < 2_000, "{fault}: {found:?}");
    });
    tell(
        "nobody reads, a full disk, a closed pipe, on either stream or both",
        "watched, and rolled back on time; the exit code is the window's",
    );
}

/// Whether any process has this current folder.
fn works_in(folder: &std::path::Path) -> bool {
    let folder = folder.canonicalize().expect("a folder");
    let processes = std::fs::read_dir("/proc").expect("the processes").flatten();
    let mut folders = processes.filter_map(|it| std::fs::read_link(it.path().join("cwd")).ok());
    folders.any(|it| it == folder)
}

#[test]
fn what_was_recorded_keeps_its_exit_code() {
    let priority = ["--priority", "lower"];
    let open = ["incident", "open", "--title", "Slow", "--no-watch"];
    let cases: Vec<_> = READERS
        .into_iter()
        .zip(FORMATS.into_iter().cycle())
        .collect();
    each(4, cases, |(readers, format)| {
        let team = deployed();
        let fault = format!("{readers:?}");
        let args = [&open[..], &priority, &["--format", format]].concat();
        let (child, _unread) = start(&team, &args, readers);
        assert_eq!(code(child, 20, &fault), Some(1), "{fault}");
        let args = [
            "incident",
            "escalate",
            "I1",
            "--priority",
            "critical",
            "--format",
            format,
        ];
        let (child, _unread) = start(&team, &args, readers);
        assert_eq!(code(child, 20, &fault), Some(0), "{fault}");
        let (child, _unread) = start(&team, &["watch", "--detach"], readers);
        assert_eq!(code(child, 20, &fault), Some(0), "{fault}");
        let began = Instant::now();
        while team.recorded("rolled-back").is_empty() {
            assert!(began.elapsed() < Duration::from_secs(20), "{fault}: lost");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(team.recorded("rollback-claimed").len(), 1, "{fault}");
        // The detached watcher and the driver end before their folder goes.
        while works_in(&team.path("")) {
            assert!(
                began.elapsed() < Duration::from_secs(40),
                "{fault}: goes on"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    tell(
        "the news of what was recorded cannot be written",
        "its exit code stands, within seconds",
    );
}

#[test]
fn a_result_that_cannot_be_written_whole_is_an_error() {
    let team = deployed();
    for args in [
        &["status"][..],
        &["log"],
        &["lint"],
        &["schema", "policy"],
        &["incident", "list"],
        &["check", "--format", "json"],
    ] {
        let (child, _) = start(&team, args, (Reader::Full, Reader::Fine));
        assert_eq!(code(child, 20, "full"), Some(3), "{args:?}");
        // Whoever closes the pipe has read enough.
        let (child, _) = start(&team, args, (Reader::Gone, Reader::Fine));
        let ended = code(child, 20, "gone");
        assert!(matches!(ended, Some(0 | 1)), "{args:?}: {ended:?}");
    }
}

#[test]
fn a_reader_that_takes_its_time_gets_all() {
    use std::io::Read;
    let team = deployed();
    let (child, [reader, _]) = start(&team, &["schema", "policy"], (Reader::Stuck, Reader::Fine));
    // Longer than the end of a watch would wait.
    std::thread::sleep(Duration::from_secs(4));
    let mut text = String::new();
    let mut reader = reader.expect("a reader");
    reader.read_to_string(&mut text).expect("read");
    assert_eq!(code(child, 20, "slow"), Some(0));
    let schema = team.run("omar", &["schema", "policy"]).stdout;
    assert_eq!(text.trim_start_matches('x'), schema);
}
