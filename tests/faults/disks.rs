//! Disks that fail at the moment of expiry: users are protected first, and the records are made good afterwards.

use crate::run::with_mounts;
use crate::shop::{BACK, deployed, kept, tell};

/// When the disk fails, how, and what mends it.
struct Disk {
    fault: &'static str,
    /// Whether it fails before anybody watches, or once the rollback's driver waits for the deadline.
    before: bool,
    fail: &'static str,
    mend: &'static str,
    /// Whether the rollback's command mends it, or somebody does two seconds later.
    by_command: bool,
}

const FILL: &str = "dd if=/dev/zero of=$ledger/filler bs=1k 2>/dev/null || true";
const FREE: &str = "rm $ledger/filler";
// A second mount over the first: one with files open for writing cannot be made read-only.
const LOCK: &str =
    "touch live/layered; mount --bind $ledger $ledger; mount -o remount,ro,bind $ledger";
const UNLOCK: &str = "mount -o remount,rw,bind $ledger";

#[test]
fn a_disk_that_fails_does_not_keep_the_rollback() {
    let mut disks = Vec::new();
    for (fault, fail, mend) in [("full", FILL, FREE), ("read-only", LOCK, UNLOCK)] {
        for before in [false, true] {
            for by_command in [true, false] {
                disks.push(Disk {
                    fault,
                    before,
                    fail,
                    mend,
                    by_command,
                });
            }
        }
    }
    crate::shop::each(2, disks, |disk| fails(&disk));
}

fn fails(disk: &Disk) {
    let Disk {
        fault,
        before,
        fail,
        mend,
        by_command,
    } = disk;
    let team = deployed();
    let ledger = "ledger=releases/2.0.0/ledger";
    if *by_command {
        team.script(&BACK.replacen("sleep 0.1", &format!("{ledger}; {mend}"), 1));
    }
    let (first, then) = match before {
        true => (*fail, ":"),
        false => (":", *fail),
    };
    let later = match by_command {
        true => ":",
        false => mend,
    };
    let script = format!(
        r#"
        {ledger}
        mkdir disk
        cp -a $ledger/. disk
        mount -t tmpfs -o size=512k tmpfs $ledger
        cp -a disk/. $ledger
        "$1" --by omar incident open --no-watch --title Slow --priority critical >/dev/null || test $? -eq 1
        {first}
        "$1" --by rory watch >live/watch 2>&1 &
        watcher=$!
        sleep 0.5
        {then}
        for _ in $(seq 150); do test -f live/runs && break; sleep 0.1; done
        test -f live/runs && echo "rolled back while the disk failed"
        {later}
        code=0
        wait $watcher || code=$?
        cp -a $ledger/. disk
        umount -l $ledger
        test ! -f live/layered || umount -l $ledger
        cp -a disk/. $ledger
        cat live/watch
        exit $code
    "#
    );
    let Some(ended) = with_mounts(&team, &script) else {
        return;
    };
    let when = if *before {
        "before anybody watches"
    } else {
        "at the deadline"
    };
    let until = if *by_command {
        "the command mends it"
    } else {
        "somebody mends it"
    };
    let fault = format!("the ledger's disk is {fault} {when}, until {until}");
    let text = ended.to_string();
    assert!(
        text.contains("rolled back while the disk failed"),
        "{fault}: {text}"
    );
    ended.code(5);
    let fate = kept(&team, &format!("{fault}: {text}"));
    assert_eq!(fate.runs, 1, "{fault}: {text}");
    tell(
        &fault,
        &format!(
            "rolled back once, {} ms after the deadline; recorded later",
            fate.after_ms
        ),
    );
}

#[test]
fn two_watchers_of_a_disk_that_is_read_only_roll_back_once() {
    for before in [false, true] {
        two_watchers(before);
    }
}

/// Two watchers whose disk becomes read-only within the window, or is so before either of them begins.
fn two_watchers(before: bool) {
    let team = deployed();
    let (first, then) = match before {
        true => (LOCK, ":"),
        false => (":", LOCK),
    };
    // No driver lives yet when the disk fails: the window is longer than a driver is started ahead.
    team.edit("relgate.yaml", "window: 1s", "window: 4s");
    let script = format!(
        r#"
        ledger=releases/2.0.0/ledger
        "$1" --by omar incident open --no-watch --title Slow --priority critical >/dev/null || test $? -eq 1
        {first}
        "$1" --by rory watch >live/first 2>&1 &
        first=$!
        "$1" --by quin watch >live/second 2>&1 &
        second=$!
        sleep 1
        {then}
        for _ in $(seq 200); do test -f live/runs && break; sleep 0.1; done
        sleep 2
        test -f live/runs && echo "rolled back while the disk failed"
        {UNLOCK}
        code=0
        wait $first || code=$?
        test $code -eq 5
        code=0
        wait $second || code=$?
        cat live/first live/second
        exit $code
    "#
    );
    let fault = match before {
        true => "the disk is read-only before two watchers begin",
        false => "the disk becomes read-only within the window, under two watchers",
    };
    let Some(ended) = with_mounts(&team, &script) else {
        return;
    };
    let text = ended.to_string();
    assert!(text.contains("rolled back while the disk failed"), "{text}");
    ended.code(5);
    let fate = kept(&team, &format!("{fault}: {text}"));
    assert_eq!(fate.runs, 1, "{text}");
    tell(
        fault,
        &format!(
            "rolled back once, {} ms after the deadline; recorded later",
            fate.after_ms
        ),
    );
}
