//! `file` probes.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use relgate::domain::ids::Digest;
use relgate::domain::probe::judge::Verdict::{self, Error, Fail, Pass};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{assert_sample, sample};

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.0.path().join(name), bytes).expect("written");
    }

    #[track_caller]
    fn told(&self, path: &str, expect: Value, verdict: Verdict, reason: &str) {
        let value = json!({"file": {"path": path, "expect": expect}});
        assert_sample(self.0.path(), value, verdict, reason);
    }
}

#[test]
fn a_file_is_what_it_is() {
    let files = Files::new();
    files.write("app", "version 2.4.0\n");
    let digest = Digest::of(b"version 2.4.0\n");
    let all = json!({
        "exists": true, "sha256": digest, "size": {"equals": 14}, "not_older_than": "1h",
        "contents": {"matches": r"^version \d", "not_contains": "beta"},
    });
    files.told("app", all.clone(), Pass, "6 of 6");
    let absolute = files.0.path().join("app");
    files.told(&absolute.to_string_lossy(), all, Pass, "6 of 6");
    let other = json!({"sha256": Digest::of(b"else")});
    files.told("app", other, Fail, &digest.to_string());
    files.told(
        "app",
        json!({"size": {"at_least": 15}}),
        Fail,
        "expected at least 15 bytes, found 14 bytes",
    );
    files.told(
        "app",
        json!({"contents": {"equals": "beta"}}),
        Fail,
        "contents equals",
    );
    let old = File::options().write(true).open(&absolute).expect("a file");
    let about = old
        .metadata()
        .expect("its times")
        .modified()
        .expect("a time");
    let hours = |count: u64| std::time::Duration::from_secs(count * 3_600);
    old.set_modified(about - hours(30)).expect("a time");
    files.told(
        "app",
        json!({"not_older_than": "1d"}),
        Fail,
        "age: expected at most 1d, found",
    );
    old.set_modified(about + hours(2)).expect("a time");
    files.told(
        "app",
        json!({"not_older_than": "1d"}),
        Fail,
        "in the future",
    );
}

#[test]
fn what_is_no_file_has_its_name() {
    let files = Files::new();
    let root = files.0.path();
    fs::create_dir(root.join("folder")).expect("a folder");
    files.write("real", "here");
    symlink("real", root.join("link")).expect("a link");
    symlink("nothing", root.join("dangling")).expect("a link");
    symlink("circle", root.join("circle")).expect("a link");
    mknodat(
        CWD,
        root.join("pipe"),
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .expect("a pipe");
    let _socket = UnixListener::bind(root.join("socket")).expect("a socket");
    let (there, gone) = (json!({"exists": true}), json!({"exists": false}));
    for (path, what) in [
        ("folder", "found a folder"),
        ("pipe", "found a named pipe"),
        ("socket", "found a socket"),
        ("dangling", "found a link to nothing"),
    ] {
        files.told(path, there.clone(), Fail, what);
        files.told(path, gone.clone(), Fail, what);
        files.told(
            path,
            json!({"contents": {"not_contains": "x"}}),
            Fail,
            "missing",
        );
    }
    files.told("/dev/zero", there.clone(), Fail, "found a device");
    files.told(
        "link",
        json!({"contents": {"equals": "here"}}),
        Pass,
        "1 of 1",
    );
    files.told(
        "no/such",
        there.clone(),
        Fail,
        "expected a file, found nothing",
    );
    files.told("real/below", there.clone(), Fail, "found nothing");
    files.told("no/such", gone, Pass, "1 of 1");
    files.told("no/such", json!({"size": {"at_most": 9}}), Fail, "missing");
    files.told("circle", there, Error, "could not be looked at");
}

#[test]
fn nothing_outside_of_the_repository_is_looked_at_by_a_relative_path() {
    let outside = Files::new();
    outside.write("secret", "hidden");
    let files = Files::new();
    let root = files.0.path();
    symlink(outside.0.path().join("secret"), root.join("link")).expect("a link");
    symlink(outside.0.path(), root.join("folder")).expect("a link");
    let contents = json!({"contents": {"contains": "other"}});
    for path in ["../secret", "a/../../secret", "link", "folder/secret"] {
        files.told(path, contents.clone(), Error, "leaves the repository");
        files.told(
            path,
            json!({"exists": false}),
            Error,
            "leaves the repository",
        );
    }
    files.told(
        "folder/no-such",
        json!({"exists": false}),
        Error,
        "leaves the repository",
    );
    let absolute = outside.0.path().join("secret");
    files.told(
        &absolute.to_string_lossy(),
        json!({"exists": true}),
        Pass,
        "1 of 1",
    );
}

#[test]
fn what_may_not_be_read_is_an_error() {
    let files = Files::new();
    files.write("closed", "here");
    let path = files.0.path().join("closed");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).expect("permissions");
    if File::open(&path).is_ok() {
        // Root may read everything; what cannot be read at all is an error for root too.
        files.told(
            "/proc/self/mem",
            json!({"contents": {"contains": "x"}}),
            Error,
            "could not be read",
        );
        return;
    }
    files.told(
        "closed",
        json!({"contents": {"contains": "h"}}),
        Error,
        "ermission denied",
    );
}

#[test]
fn a_huge_file_is_read_in_pieces_and_no_longer_than_its_time() {
    let files = Files::new();
    let path = files.0.path().join("huge");
    let huge = File::create(&path).expect("a file");
    huge.set_len(10 << 30).expect("a hole");
    files.told(
        "huge",
        json!({"size": {"equals": 10_u64 << 30}, "exists": true}),
        Pass,
        "2 of 2",
    );
    let part = json!({"contents": {"not_contains": "x"}});
    files.told("huge", part, Fail, "only the first MiB was read");
    let value =
        json!({"timeout": "1s", "file": {"path": "huge", "expect": {"sha256": Digest::of(b"")}}});
    let sample = sample(files.0.path(), value);
    assert_eq!(sample.verdict, Error, "{}", sample.reason());
    assert!(
        sample.reason().contains("was not read within 1s"),
        "{}",
        sample.reason()
    );
}
