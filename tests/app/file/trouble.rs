//! Crashes, full disks, folders that cannot be written.

use super::*;
use relgate::effects::lock::{Lock, LockTarget};

#[test]
#[cfg(debug_assertions)]
fn every_crash_leaves_whole_records_alone() {
    for (place_in_order, failpoint) in FAILPOINTS.iter().enumerate() {
        let (_parent, folder) = place();
        append(&mut ledger(&folder), &["first"]).expect("appended");
        let mut command = command("crash", &folder);
        command.env("RELGATE_FAILPOINT", failpoint);
        let ended = command.output().expect("it ran");
        let signal = std::os::unix::process::ExitStatusExt::signal(&ended.status);
        assert_eq!(signal, Some(6), "{failpoint}: {ended:?}");
        let linked = place_in_order >= 3;
        let expected: &[&str] = if linked {
            &["first", "second"]
        } else {
            &["first"]
        };
        assert_eq!(assert_chain(&folder), expected, "{failpoint}");
        append(&mut ledger(&folder), &["third"]).expect("appended");
        assert_eq!(assert_chain(&folder).len(), expected.len() + 1);
        let left = names(&folder);
        assert!(!left.iter().any(|it| it.starts_with(".tmp-")), "{left:?}");
    }
}

#[test]
fn a_file_in_place_of_the_folder_is_named() {
    let (_parent, folder) = place();
    fs::write(&folder, "").expect("written");
    let mut ledger = ledger(&folder);
    let Err(StoreError::Read { place, source }) = ledger.refresh() else {
        panic!("it was read");
    };
    assert_eq!(
        (place, source.kind()),
        (folder.display().to_string(), ErrorKind::NotADirectory)
    );
    // It can be locked by what lies above it, and is read before anything is decided.
    let Err(AppendError::Store(StoreError::Read { place, source })) = append(&mut ledger, &["a"])
    else {
        panic!("it was written");
    };
    assert_eq!(place, folder.display().to_string());
    assert_eq!(source.kind(), ErrorKind::NotADirectory);
}

#[test]
fn a_release_without_a_folder_gets_no_ledger() {
    let (_parent, folder) = place();
    fs::remove_dir(folder.parent().expect("a release")).expect("removed");
    let error = append(&mut ledger(&folder), &["a"]).expect_err("no folder");
    assert!(matches!(
        error,
        AppendError::Store(StoreError::Write { place, source })
            if place == folder.display().to_string() && source.kind() == ErrorKind::NotFound
    ));
    assert!(!folder.exists());
}

#[test]
fn a_full_disk_and_a_read_only_one_leave_the_ledger_as_it_was() {
    let (parent, _) = place();
    let inside = command("disks", parent.path());
    // A mount of its own in a namespace of its own, which ends with the process.
    let mut command = Command::new("unshare");
    let ended = command
        .args(["--map-root-user", "--mount"])
        .arg(inside.get_program())
        .args(inside.get_args())
        .env(TASK, "disks")
        .env(FOLDER, parent.path())
        .output()
        .expect("it runs");
    let output = String::from_utf8_lossy(&ended.stdout);
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{output}\n{errors}");
    assert!(output.contains("both disks tried"), "{output}");
}

pub(super) fn on_a_full_disk(disk: &Path) {
    let mount = |arguments: &[&str]| {
        let mounted = Command::new("mount").args(arguments).arg(disk).status();
        assert!(mounted.is_ok_and(|it| it.success()), "{arguments:?}");
    };
    mount(&["-t", "tmpfs", "-o", "size=128k", "tmpfs"]);
    let folder = in_repository(disk);
    fs::create_dir_all(folder.parent().expect("a release")).expect("folders");
    let mut ledger = ledger(&folder);
    append(&mut ledger, &["a"]).expect("appended");
    let before = names(&folder);

    let filler = disk.join("filler");
    let full = fs::write(&filler, vec![0; 256 << 10]).expect_err("it is full");
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    assert_unwritable(&mut ledger, ErrorKind::StorageFull, &folder, &before);
    fs::remove_file(&filler).expect("removed");
    append(&mut ledger, &["b"]).expect("there is room again");
    let before = names(&folder);

    mount(&["-o", "remount,ro"]);
    assert_unwritable(&mut ledger, ErrorKind::ReadOnlyFilesystem, &folder, &before);
    // What is there can be read, by those who knew it and those who did not.
    assert_eq!(texts(ledger.refresh().expect("read")), ["a", "b"]);
    assert_eq!(assert_chain(&folder), ["a", "b"]);
    println!("both disks tried");
}

fn assert_unwritable(
    ledger: &mut StoredLedger<'_>,
    kind: ErrorKind,
    folder: &Path,
    before: &BTreeSet<String>,
) {
    let error = append(ledger, &["x"]).expect_err("it cannot be written");
    let AppendError::Store(StoreError::Write { place, source }) = error else {
        panic!("not an error of writing");
    };
    assert_eq!(source.kind(), kind);
    assert!(Path::new(&place).starts_with(folder));
    assert_eq!(&names(folder), before);
    assert_eq!(anomalies(ledger), []);
}

#[test]
fn a_killed_process_leaves_no_lock_and_no_hold() {
    use std::io::{BufRead, BufReader};
    let (parent, folder) = place();
    let watch = locked(&parent.path().join(".watch"));
    let lock = locked(&folder.join(".lock"));
    fs::create_dir(&folder).expect("a folder");
    let mut child = command("hold", parent.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("this program runs");
    let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(said.any(|line| line.is_ok_and(|line| line.contains("both are held"))));
    assert!(Lock::is_held(&watch));
    assert!(Lock::is_held(&lock));
    child.kill().expect("killed");
    child.wait().expect("it ends");
    assert!(!Lock::is_held(&watch));
    assert!(Lock::try_acquire(&watch).expect("no error").is_some());
    append(&mut ledger(&folder), &["a"]).expect("appended");
}

/// The lock on this file.
fn locked(file: &Path) -> LockTarget {
    LockTarget {
        file: Some(file.to_owned()),
        folder: None,
        socket: None,
    }
}

pub(super) fn hold_until_killed(parent: &Path) {
    let _hold = Lock::try_acquire(&locked(&parent.join(".watch"))).expect("no error");
    let lock = locked(&in_repository(parent).join(".lock"));
    let _lock = Lock::acquire(&lock, ByHand::at(0)).expect("the lock");
    println!("both are held");
    let _ = std::io::stdin().read_line(&mut String::new());
}
