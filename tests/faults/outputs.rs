//! Output that cannot be written: files that are pipes or links, disks that are full, readers that do not read.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::shop::{broken, each, fate, kept, tell, watch};

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
            let mode = Mode::from_raw_mode(0o666);
            mknodat(CWD, path, FileType::Fifo, mode, 0).expect("a pipe");
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
