//! Reads a JUnit report: what its elements show, and the failures that its attributes state.
//!
//! The counts that a report states of its tests are not believed: tests are counted. A failure that is stated and not
//! shown is believed all the same. Entities are not expanded, and a document type is refused, so a small report cannot
//! become a large one.

use std::ops::AddAssign;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Names of failed tests that are kept.
const MOST_NAMES: usize = 20;

/// What one report shows, or several together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Tests that ran: all but the skipped ones.
    pub executed: u64,
    /// Tests that did not run.
    pub skipped: u64,
    /// Tests and suites that failed or had an error.
    pub failures: u64,
    /// The most failures and errors that an attribute states, which no element need show.
    pub stated: u64,
    /// The names of the first that failed.
    pub failed: Vec<String>,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.executed = self.executed.saturating_add(other.executed);
        self.skipped = self.skipped.saturating_add(other.skipped);
        self.failures = self.failures.saturating_add(other.failures);
        self.stated = self.stated.saturating_add(other.stated);
        let room = MOST_NAMES.saturating_sub(self.failed.len());
        self.failed.extend(other.failed.into_iter().take(room));
    }
}

/// Reads the text of a report.
///
/// # Errors
/// Why it is no complete JUnit report.
pub fn read(text: &str) -> Result<Report, String> {
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut reading = Reading::default();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| format!("it is no well-formed XML: {error}"))?;
        match event {
            Event::Start(element) => reading.open(&element)?,
            Event::Empty(element) => {
                reading.open(&element)?;
                reading.close();
            }
            Event::End(_) => reading.close(),
            Event::DocType(_) => return Err("it declares a document type".to_owned()),
            Event::Eof => return reading.end(),
            Event::Text(text) if !text.chars().all(char::is_whitespace) => {
                reading.is_within_root()?;
            }
            Event::CData(_) | Event::GeneralRef(_) => reading.is_within_root()?,
            Event::Text(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// How far a report has been read.
#[derive(Default)]
struct Reading {
    report: Report,
    open: Vec<Element>,
    case: Case,
    roots: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Suites,
    Suite,
    Case,
    Failure,
    Skipped,
    /// What was printed, and properties.
    Output,
    Other,
}

#[derive(Default)]
struct Case {
    name: String,
    failed: bool,
    skipped: bool,
}

/// The words for a test that did not run, and those for one that failed, in attributes of a test case.
const NOT_RUN: [&str; 6] = [
    "notrun",
    "skipped",
    "disabled",
    "suppressed",
    "ignored",
    "pending",
];
const FAILED: [&str; 8] = [
    "failed", "failure", "fail", "error", "errored", "broken", "timedout", "aborted",
];

impl Reading {
    /// Text stands within the root only, or it is no XML.
    fn is_within_root(&self) -> Result<(), String> {
        match self.open.is_empty() {
            true => Err("text stands outside of its root: it is no well-formed XML".to_owned()),
            false => Ok(()),
        }
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        let parent = self.open.last().copied();
        let local = start.local_name();
        let element = match local.into_inner() {
            "testsuites" => Element::Suites,
            "testsuite" => Element::Suite,
            "testcase" => Element::Case,
            "failure" | "error" => Element::Failure,
            "skipped" | "disabled" => Element::Skipped,
            "system-out" | "system-err" | "properties" => Element::Output,
            _ => Element::Other,
        };
        match (parent, element) {
            (None, Element::Suites | Element::Suite) => self.roots += 1,
            (None, _) => {
                return Err(format!(
                    "its root is <{}>, not <testsuites> or <testsuite>",
                    name(start)
                ));
            }
            (Some(Element::Case), Element::Case) => {
                return Err("a test case stands within another".to_owned());
            }
            _ => {}
        }
        match (parent, element) {
            (_, Element::Suites | Element::Suite) => self.stated(start)?,
            (_, Element::Case) => {
                let mut words = Vec::new();
                for key in ["status", "result", "outcome"] {
                    let word = attribute(start, key)?.unwrap_or_default();
                    words.push(word.trim().to_ascii_lowercase());
                }
                let says = |known: &[&str]| words.iter().any(|it| known.contains(&it.as_str()));
                self.case = Case {
                    name: case_name(start)?,
                    failed: says(&FAILED),
                    skipped: says(&NOT_RUN),
                };
            }
            (Some(Element::Case), Element::Failure) => self.case.failed = true,
            (Some(Element::Case), Element::Skipped) => self.case.skipped = true,
            (Some(Element::Suite | Element::Suites), Element::Failure) => {
                self.fail("a whole suite".to_owned());
            }
            // Deeper within a test, below an element that is not known, it is that test's.
            (Some(Element::Other), Element::Failure) if self.is_in_case() => {
                self.case.failed = true;
            }
            _ => {}
        }
        self.open.push(element);
        Ok(())
    }

    /// Whether a test case is open, and no output of it, which may hold anything.
    fn is_in_case(&self) -> bool {
        self.open.contains(&Element::Case) && !self.open.contains(&Element::Output)
    }

    fn close(&mut self) {
        if self.open.pop() != Some(Element::Case) {
            return;
        }
        let case = std::mem::take(&mut self.case);
        match (case.failed, case.skipped) {
            (true, _) => {
                self.report.executed = self.report.executed.saturating_add(1);
                self.fail(case.name);
            }
            (false, true) => self.report.skipped = self.report.skipped.saturating_add(1),
            (false, false) => self.report.executed = self.report.executed.saturating_add(1),
        }
    }

    fn fail(&mut self, name: String) {
        self.report.failures = self.report.failures.saturating_add(1);
        if self.report.failed.len() < MOST_NAMES {
            self.report.failed.push(name);
        }
    }

    fn stated(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        let mut sum = 0_u64;
        for key in ["failures", "errors", "failed", "failure", "error"] {
            let Some(text) = attribute(start, key)? else {
                continue;
            };
            let count = text.trim();
            // Some tools write nothing where there is nothing to count.
            let count: u64 = if count.is_empty() {
                0
            } else {
                count
                    .parse()
                    .map_err(|_| format!("{key}={text:?} is no number"))?
            };
            sum = sum.saturating_add(count);
        }
        self.report.stated = self.report.stated.max(sum);
        Ok(())
    }

    fn end(self) -> Result<Report, String> {
        match (self.open.is_empty(), self.roots) {
            (false, _) => Err("it ends before its elements are closed".to_owned()),
            (true, 0) => Err("it is empty, or no XML".to_owned()),
            (true, 1) => Ok(self.report),
            (true, _) => Err("it has several roots".to_owned()),
        }
    }
}

fn name(start: &BytesStart<'_>) -> String {
    start.local_name().into_inner().chars().take(40).collect()
}

/// The raw value of an attribute.
fn attribute(start: &BytesStart<'_>, key: &str) -> Result<Option<String>, String> {
    let found = start
        .try_get_attribute(key)
        .map_err(|error| format!("it is no well-formed XML: {error}"))?;
    Ok(found.map(|attribute| {
        // An entity that is not known stays as it is written.
        attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_or_else(
                |_| attribute.value.clone().into_owned(),
                std::borrow::Cow::into_owned,
            )
    }))
}

fn case_name(start: &BytesStart<'_>) -> Result<String, String> {
    let name = attribute(start, "name")?.unwrap_or_else(|| "a test without a name".to_owned());
    let class = attribute(start, "classname")?.filter(|class| !class.is_empty());
    let full = class.map_or(name.clone(), |class| format!("{class}.{name}"));
    Ok(full
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(120)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WHOLE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <testsuites tests="99" failures="1">
          <testsuite name="a" tests="3" failures="1" errors="0">
            <properties><property name="failure" value="1"/></properties>
            <testcase classname="shop.Cart" name="adds &amp; removes" time="0.1"/>
            <testcase name="pays"><failure message="no"><![CDATA[<testcase name="not one">]]></failure></testcase>
            <testcase name="later"><skipped/></testcase>
            <system-out><failure>no test says this</failure></system-out>
          </testsuite>
          <testsuite name="b"><testcase name="gtest" status="notrun"/></testsuite>
        </testsuites>"#;

    #[test]
    fn tests_are_counted_and_what_is_stated_of_them_is_not_believed() {
        let report = read(WHOLE).expect("a report");
        assert_eq!(
            (
                report.executed,
                report.skipped,
                report.failures,
                report.stated
            ),
            (2, 2, 1, 1)
        );
        assert_eq!(report.failed, ["pays"]);
    }

    #[test]
    fn a_failure_that_no_test_shows_counts() {
        let stated = read(r#"<testsuite errors="2" failures="1"><testcase name="a"/></testsuite>"#);
        assert_eq!(stated.map(|it| (it.failures, it.stated)), Ok((0, 3)));
        let suite = read(r#"<testsuite><testcase name="a"/><error>setup</error></testsuite>"#);
        assert_eq!(suite.map(|it| it.failures), Ok(1));
        let both =
            read(r#"<testsuite><testcase name="a"><skipped/><error/></testcase></testsuite>"#);
        assert_eq!(both.map(|it| (it.executed, it.failures)), Ok((1, 1)));
    }

    #[test]
    fn a_failure_that_attributes_or_other_elements_show_counts() {
        for case in [
            r#"<testcase name="a" status="failed"/>"#,
            r#"<testcase name="a" status="run" result="Failure"/>"#,
            r#"<testcase name="a" outcome="error"/>"#,
            r#"<testcase name="a"><step><failure/></step></testcase>"#,
        ] {
            let report = read(&format!("<testsuite>{case}</testsuite>"));
            assert_eq!(
                report.map(|it| (it.executed, it.failures)),
                Ok((1, 1)),
                "{case}"
            );
        }
        let stated = read(r#"<testsuite failed="1"><testcase name="a"/></testsuite>"#);
        assert_eq!(stated.map(|it| it.stated), Ok(1));
        let passed = r#"<testsuite failed="0"><testcase name="a" status="passed" result="completed"/></testsuite>"#;
        assert_eq!(read(passed).map(|it| (it.failures, it.stated)), Ok((0, 0)));
    }

    #[test]
    fn what_is_no_complete_report_is_refused() {
        let bomb =
            "<!DOCTYPE a [<!ENTITY b \"bb\">]><testsuite><testcase name=\"&b;\"/></testsuite>";
        for (text, why) in [
            ("", "empty"),
            ("   \n", "empty"),
            ("<testsuite><testcase name=\"a\"/>", "ends before"),
            (
                "<testsuite><testcase name=\"a\"></testsuite>",
                "well-formed",
            ),
            (
                "<testsuite><testcase name=\"a\"/></testsuite><testsuite/>",
                "several roots",
            ),
            ("<html><body/></html>", "root is <html>"),
            ("{\"tests\": 1}", "outside of its root"),
            (
                "junk<testsuite><testcase name=\"a\"/></testsuite>",
                "outside of its root",
            ),
            (
                "<testsuite><testcase name=\"a\"/></testsuite>junk",
                "outside of its root",
            ),
            ("<testsuite failures=\"few\"/>", "no number"),
            ("<testsuite><testcase a a/></testsuite>", "well-formed"),
            (
                "<testsuite><testcase><testcase/></testcase></testsuite>",
                "within another",
            ),
            (bomb, "document type"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn an_unknown_entity_stays_as_it_is_written() {
        let text = r#"<testsuite><testcase name="&bomb;"><error/></testcase></testsuite>"#;
        assert_eq!(read(text).expect("a report").failed, ["&bomb;"]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}") {
            let _ = read(&text);
        }

        #[test]
        fn no_damage_to_a_report_panics_or_invents_tests(at in 0..WHOLE.len(), cut in any::<bool>(), byte in any::<u8>()) {
            let mut bytes = WHOLE.as_bytes().to_vec();
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] = byte;
            }
            let text = String::from_utf8_lossy(&bytes);
            if let Ok(report) = read(&text) {
                prop_assert!(report.executed + report.skipped <= 4);
            }
        }

        #[test]
        fn tests_are_counted_as_they_are(passed in 0..20_usize, failed in 0..20_usize, skipped in 0..20_usize) {
            let text = format!(
                "<testsuite>{}{}{}</testsuite>",
                "<testcase name='p'/>".repeat(passed),
                "<testcase name='f'><failure/></testcase>".repeat(failed),
                "<testcase name='s'><skipped/></testcase>".repeat(skipped),
            );
            let report = read(&text).expect("a report");
            let counts = (report.executed, report.failures, report.skipped);
            let number = |it: usize| u64::try_from(it).unwrap_or(0);
            prop_assert_eq!(counts, (number(passed + failed), number(failed), number(skipped)));
        }
    }
}
