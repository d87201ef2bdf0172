use super::*;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::domain::clock::{BootId, Reading};
use chrono::DateTime;

/// A clock that only adds up what it is asked to wait.
#[derive(Default)]
struct Waits(Mutex<Duration>);

impl Clock for Waits {
    fn now(&self) -> Reading {
        Reading {
            wall: DateTime::UNIX_EPOCH,
            boot_ms: 0,
            boot: BootId {
                id: String::new(),
                time_namespace: String::new(),
                time_offset: None,
            },
        }
    }

    fn wait(&self, time: Duration) {
        *self.0.lock().expect("no panic") += time;
    }
}

/// A lock on a file of this name alone.
fn on_file(folder: &Path, name: &str) -> LockTarget {
    LockTarget {
        file: Some(folder.join(name)),
        folder: None,
        socket: None,
    }
}

/// The same with all means.
fn on_all(folder: &Path, name: &str) -> LockTarget {
    let unique = format!("relgate-test-{}-{}", std::process::id(), folder.display());
    LockTarget {
        folder: Some(folder.to_owned()),
        socket: Some(unique),
        ..on_file(folder, name)
    }
}

fn file_of(target: &LockTarget) -> PathBuf {
    target.file.clone().expect("a lock with a file")
}

/// Whether somebody has it who is not stopped.
fn runs(target: &LockTarget) -> bool {
    let processes = target.holders().exclusive();
    processes.iter().any(|it| !stopped::is_stopped(*it))
}

fn held(target: &LockTarget) -> Lock {
    let lock = Lock::try_acquire(target).expect("a means");
    lock.expect("nobody has it")
}

#[track_caller]
fn excluded(target: &LockTarget, by: &str) {
    let other = Lock::try_acquire(target).expect("a means");
    assert!(other.is_none(), "{by}");
    assert!(Lock::is_held(target), "{by}");
}

#[test]
fn a_lock_that_somebody_keeps_is_given_up_after_ten_seconds_with_its_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = on_all(folder.path(), ".lock");
    let clock = Waits::default();
    let kept = Lock::acquire(&target, &clock).expect("the lock");
    assert_eq!(*clock.0.lock().expect("no panic"), Duration::ZERO);
    let StoreError::Write {
        place: named,
        source,
    } = Lock::acquire(&target, &clock).expect_err("it is taken")
    else {
        panic!("not an error of writing");
    };
    assert_eq!(named, target.place());
    assert_eq!(source.kind(), io::ErrorKind::WouldBlock);
    assert!(
        source
            .to_string()
            .contains("another relgate holds the lock")
    );
    let waited = *clock.0.lock().expect("no panic");
    assert!(waited >= PATIENCE && waited < PATIENCE * 2, "{waited:?}");
    drop(kept);
    Lock::acquire(&target, &clock).expect("it is free again");
}

#[test]
fn a_lock_is_seen_by_others_and_ends_with_its_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    for target in [
        on_file(folder.path(), ".watch"),
        on_all(folder.path(), ".rollback"),
    ] {
        assert!(!Lock::is_held(&target), "there is no file");
        let lock = held(&target);
        excluded(&target, "its holder");
        assert!(runs(&target));
        drop(lock);
        assert!(!Lock::is_held(&target) && !runs(&target));
        drop(held(&target));
    }
}

/// What happens to a lock file while it is held, or before.
fn spoil(path: &Path, how: &str) {
    let _ = fs::remove_file(path);
    match how {
        "removed" => {}
        "replaced" => fs::write(path, "").expect("written"),
        "a folder" => fs::create_dir(path).expect("made"),
        "a dangling link" => std::os::unix::fs::symlink("nowhere", path).expect("a link"),
        "unreadable" => {
            fs::write(path, "").expect("written");
            fs::set_permissions(path, Permissions::from_mode(0o000)).expect("permitted");
        }
        "read-only" => {
            fs::write(path, "").expect("written");
            fs::set_permissions(path, Permissions::from_mode(0o444)).expect("permitted");
        }
        other => panic!("{other}"),
    }
}

const SPOILED: [&str; 6] = [
    "removed",
    "replaced",
    "a folder",
    "a dangling link",
    "unreadable",
    "read-only",
];

#[test]
fn whatever_becomes_of_its_file_a_lock_excludes_others() {
    for how in SPOILED {
        let folder = tempfile::tempdir().expect("a folder");
        let all = on_all(folder.path(), ".rollback");
        let lock = held(&all);
        spoil(&file_of(&all), how);
        excluded(&all, how);
        assert!(!lock.is_current(), "{how}");
        // By each of the other means alone.
        for (folder, socket) in [(true, false), (false, true)] {
            if socket && !cfg!(target_os = "linux") {
                continue;
            }
            let one = LockTarget {
                folder: all.folder.clone().filter(|_| folder),
                socket: all.socket.clone().filter(|_| socket),
                ..all.clone()
            };
            excluded(&one, how);
        }
        drop(lock);
        drop(held(&all));
        assert!(!folder.path().join("nowhere").exists(), "behind the link");
    }
}

#[test]
fn a_lock_is_had_whatever_its_file_is() {
    for how in SPOILED {
        let folder = tempfile::tempdir().expect("a folder");
        let all = on_all(folder.path(), ".rollback");
        spoil(&file_of(&all), how);
        let lock = held(&all);
        assert!(lock.is_current(), "{how}");
        excluded(&all, how);
    }
    // Where there is nothing to lock at all, that is said.
    let folder = tempfile::tempdir().expect("a folder");
    let none = on_file(&folder.path().join("missing"), ".rollback");
    assert!(Lock::try_acquire(&none).is_err());
}

#[test]
fn a_child_does_not_inherit_a_lock() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = on_all(folder.path(), ".rollback");
    let lock = held(&target);
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cat runs");
    // Once it answers it runs, and has the descriptors that it will ever have.
    let mut input = child.stdin.take().expect("piped");
    input.write_all(b"alive\n").expect("written");
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    output.read_line(&mut line).expect("an answer");
    assert_eq!(line, "alive\n");
    if cfg!(target_os = "linux") {
        let links = fs::read_dir(format!("/proc/{}/fd", child.id())).expect("its files");
        let inherited = links
            .flatten()
            .filter_map(|link| fs::read_link(link.path()).ok())
            .any(|open| open == file_of(&target));
        assert!(!inherited, "the child has the file open");
    }
    drop(lock);
    // A child that another test starts at this moment has copies of every descriptor until it becomes its program.
    let freed = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        !Lock::is_held(&target)
    });
    assert!(freed, "the child that lives keeps it");
    drop(input);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn asking_never_looks_like_holding() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = on_all(folder.path(), ".watch");
    drop(held(&target));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            for _ in 0..2_000 {
                Lock::is_held(&target);
            }
        });
        while !asking.is_finished() {
            let lock = Lock::try_acquire(&target).expect("a means");
            assert!(lock.is_some(), "whoever asks was taken for the holder");
        }
    });
}

/// A process that has the lock on the file and is stopped; it gives the lock back when it goes on.
#[cfg(target_os = "linux")]
fn stopped_holder(target: &LockTarget) -> std::process::Child {
    let mut child = Command::new("flock");
    child
        .arg(file_of(target))
        .args(["sh", "-c", "kill -STOP $PPID"]);
    let silent = child.stdin(Stdio::null()).stdout(Stdio::null());
    let child = silent.stderr(Stdio::null()).spawn().expect("flock runs");
    let is_stopped = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("it lives");
        stat.contains(") T ")
    };
    while !is_stopped() {
        std::thread::yield_now();
    }
    child
}

#[cfg(target_os = "linux")]
#[test]
fn a_stopped_holder_does_nothing_and_is_made_to_go_on_by_whoever_needs_the_lock() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = on_file(folder.path(), ".lock");
    let mut child = stopped_holder(&target);
    assert!(Lock::is_held(&target));
    assert!(!runs(&target));
    let watch = crate::effects::clock::Stopwatch::start();
    let lock = Lock::acquire(&target, &crate::effects::clock::SystemClock).expect("it goes on");
    assert!(
        watch.elapsed() < Duration::from_secs(5),
        "{:?}",
        watch.elapsed()
    );
    drop(lock);
    child.wait().expect("it ends");
}
