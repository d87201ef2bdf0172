//! Replays what libFuzzer starts from, and everything that it has found, through every reader of others' bytes.
//!
//! The targets are those of `.ci/fuzz`. Here they run without libFuzzer and without a special compiler, so that what was
//! mended once stays mended.

mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use targets::ALL;

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

/// The names in a folder, sorted; none where there is no such folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names
        .map(|name| name.into_string().expect("a name in UTF-8"))
        .collect()
}

/// Runs a target over every file of its folder in `kind`, and says which of them it does not take.
fn replay(kind: &str) -> usize {
    let mut files = 0;
    let mut failed = Vec::new();
    for (name, target) in ALL {
        let folder = home().join(kind).join(name);
        for file in names(&folder) {
            let path = folder.join(file);
            let bytes = fs::read(&path).expect("a file");
            files += 1;
            if panic::catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_err() {
                failed.push(path);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    files
}

#[test]
fn every_seed_is_taken() {
    assert!(replay("seeds") >= 2 * ALL.len(), "seeds are missing");
}

#[test]
fn what_was_found_once_is_not_found_again() {
    replay("regressions");
}

#[test]
fn no_bytes_at_all_are_taken_by_every_reader() {
    for (_, target) in ALL {
        for bytes in [&[][..], b"\0", b"\n", b"\xff\xfe", b"{}", b"[]", b"---\n"] {
            target(bytes);
        }
    }
}

/// Inputs of one thing again and again, each as long as a reader is given in one go without being suspicious. Where one
/// of them takes the square of its length, as some did, this test takes minutes.
#[test]
fn much_of_one_thing_takes_no_longer_than_its_length() {
    const LENGTH: usize = 200 * 1024;
    let signer = "ana@shop.example valid-after=\"20260101\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI";
    let cases: [(&str, &str, &str, &str); 14] = [
        ("checklist", "gates: [{id: g, after: [", "h#, ", "]}]"),
        (
            "history",
            "",
            "{\"kind\":\"noted\",\"body\":{\"text\":\"#\"}}\n",
            "",
        ),
        (
            "notes",
            "---\nrelease: 2.0.0\ntype: minor\n---\n",
            "## Summary\n#\n",
            "",
        ),
        ("notes", "{changes: [", "\"é#\", ", "]}"),
        ("policy", "calendar: {holidays: [", "2026-12-24, ", "]}"),
        (
            "probes",
            "probes:\n",
            "- {id: p#, needs: [q#], tcp: {address: \"a:1\"}}\n",
            "",
        ),
        (
            "records",
            "{\"version\":1,\"kind\":\"x\",\"body\":{",
            "\"k#\":1,",
            "\"z\":1}}",
        ),
        ("reports", "{", "\"k#\":{\"value\":1},", "\"z\":1}"),
        ("reports", "<testsuite ", "a#='' ", "/>"),
        (
            "responses",
            "{\"json\":[{\"path\":\"$.*\",\"less\":2}]}\n{",
            "\"k#\":1,",
            "\"z\":1}",
        ),
        (
            "responses",
            "{\"json\":[{\"path\":\"$[?count($..*)>1]\",\"exists\":true}]}\n[",
            "1,",
            "1]",
        ),
        (
            "signatures",
            "",
            "# a line without a key, and with a word that is none: #\nx\n",
            "",
        ),
        ("signatures", "", signer, "\n"),
        ("variables", "hunter2hunter2\n", "hunter2hun…", ""),
    ];
    for (name, before, unit, after) in cases {
        let mut text = before.to_owned();
        for number in 0.. {
            if text.len() >= LENGTH {
                break;
            }
            text.push_str(&unit.replace('#', &number.to_string()));
        }
        text.push_str(after);
        let target = ALL.iter().find(|(known, _)| *known == name);
        target.expect("a target").1(text.as_bytes());
    }
}

#[test]
fn every_target_has_seeds_and_can_be_driven() {
    let home = home();
    let all: BTreeSet<String> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&home.join("seeds")), all);
    assert!(names(&home.join("regressions")).is_subset(&all));
    let manifest = fs::read_to_string(home.join("Cargo.toml")).expect("the manifest");
    for name in &all {
        let driver = format!("[[bin]]\nname = \"{name}\"\npath = \"bins/{name}.rs\"\n");
        assert!(manifest.contains(&driver), "no {driver}");
        let text = fs::read_to_string(home.join(format!("bins/{name}.rs"))).expect("a driver");
        assert!(text.contains(&format!("targets::{name}::target(data)")));
    }
}
