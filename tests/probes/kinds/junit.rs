//! `junit` probes.

use std::fs;
use std::os::unix::fs::symlink;

use relgate::domain::probe::judge::Verdict::{self, Error, Fail, Pass};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::assert_sample;

const GOOD: &str = r#"<testsuite><testcase name="a"/><testcase name="b"/><testcase name="c"><skipped/></testcase></testsuite>"#;
const BAD: &str = r#"<testsuites><testsuite><testcase classname="shop" name="pays"><failure/></testcase></testsuite></testsuites>"#;

struct Reports(TempDir);

impl Reports {
    fn new(reports: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in reports {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("written");
        }
        Self(folder)
    }

    #[track_caller]
    fn told(&self, path: &str, expect: Value, verdict: Verdict, reason: &str) {
        let value = json!({"junit": {"path": path, "expect": expect}});
        assert_sample(self.0.path(), value, verdict, reason);
    }
}

#[test]
fn all_reports_together_are_judged() {
    let reports = Reports::new(&[
        ("a/x.xml", GOOD),
        ("b/c/y.xml", GOOD),
        ("z.xml", BAD),
        ("b/note.txt", "no"),
    ]);
    reports.told("a/x.xml", Value::Null, Pass, "2 of 2");
    reports.told(
        "*/**/*.xml",
        json!({"executed": 4, "skipped": 2}),
        Pass,
        "3 of 3",
    );
    reports.told(
        "*/**/*.xml",
        json!({"executed": 5}),
        Fail,
        "expected at least 5, found 4 in 2 reports",
    );
    reports.told(
        "*/**/*.xml",
        json!({"skipped": 1}),
        Fail,
        "expected at most 1, found 2",
    );
    reports.told(
        "**/*.xml",
        Value::Null,
        Fail,
        "expected none, found 1: shop.pays",
    );
    reports.told("*.xml", json!({"not_older_than": "1h"}), Fail, "shop.pays");
}

#[test]
fn what_is_no_report_is_never_a_pass() {
    let deep = "<testsuite>".repeat(200_000);
    let bomb = format!(
        "<!DOCTYPE a [<!ENTITY a \"{}\">]><testsuite><testcase name=\"&a;\"/></testsuite>",
        "b".repeat(1000)
    );
    let reports = Reports::new(&[
        ("good.xml", GOOD),
        ("empty.xml", ""),
        ("cut.xml", &GOOD[..60]),
        ("bomb.xml", &bomb),
        ("deep.xml", &deep),
        ("page.xml", "<html/>"),
        (
            "skipped.xml",
            "<testsuite><testcase name='a'><skipped/></testcase></testsuite>",
        ),
        ("folder.xml/in", ""),
    ]);
    let any = Value::Null;
    reports.told("missing.xml", any.clone(), Error, "there is no report");
    reports.told(
        "reports/*.xml",
        any.clone(),
        Error,
        "no file is named by reports/*.xml",
    );
    reports.told("empty.xml", any.clone(), Error, "it is empty");
    reports.told("cut.xml", any.clone(), Error, "that can be read");
    reports.told("bomb.xml", any.clone(), Error, "document type");
    reports.told("deep.xml", any.clone(), Error, "ends before");
    reports.told("page.xml", any.clone(), Error, "its root is <html>");
    reports.told(
        "folder.xml",
        any.clone(),
        Error,
        "is a folder, not a report",
    );
    reports.told(
        "skipped.xml",
        any.clone(),
        Fail,
        "expected at least 1, found 0",
    );
    // One bad apple: the good report does not make up for the broken one.
    reports.told("[ge]*.xml", any.clone(), Error, "it is empty");
    let outside = Reports::new(&[("other.xml", GOOD)]);
    symlink(outside.0.path(), reports.0.path().join("link")).expect("a link");
    reports.told("link/*.xml", any.clone(), Error, "leaves the repository");
    reports.told("../*.xml", any, Error, "leaves the repository");
}

#[test]
fn a_huge_report_is_refused() {
    let reports = Reports::new(&[]);
    let file = fs::File::create(reports.0.path().join("huge.xml")).expect("a file");
    file.set_len(65 << 20).expect("a hole");
    reports.told("huge.xml", Value::Null, Error, "larger than 64 MiB");
}

// A pattern meets whatever lies beside the reports.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_utf8_are_found_as_any_other() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join(OsStr::from_bytes(b"det\xe9"));
    let odd = root.join(OsStr::from_bytes(b"r/odd\xff"));
    fs::create_dir_all(&odd).expect("a folder");
    fs::write(root.join("r/ok.xml"), GOOD).expect("written");
    fs::write(root.join(OsStr::from_bytes(b"r/unrelated\xff")), "no").expect("written");
    fs::write(root.join("r/.hidden.xml"), "no").expect("written");
    symlink(".", root.join("r/circle")).expect("a link");
    for path in ["r/*.xml", "**/*.xml", "r/?k.xml", "r/ok.xml"] {
        let value = json!({"junit": {"path": path}});
        assert_sample(&root, value, Pass, "hold");
    }
    fs::write(odd.join(OsStr::from_bytes(b"bad\xfe.xml")), BAD).expect("written");
    let value = json!({"junit": {"path": "**/*.xml"}});
    assert_sample(&root, value, Fail, "shop");
}
