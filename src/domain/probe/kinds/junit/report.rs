//! Reads a JUnit report: what its elements show, and the failures that its attributes state.
//!
//! Tests are counted; a count that is stated can only lower how many were executed, never raise it. A failure that is
//! stated and not shown is believed all the same. Entities are not expanded, and a document type is refused, so a small report cannot
//! become a large one.

use std::ops::AddAssign;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::tally::{Outcome, Stated, Tally};

/// Names of failed tests that are kept.
const MOST_NAMES: usize = 1_000;

/// Characters of a name that are kept.
pub(super) const LONGEST_NAME: usize = 120;

/// What a suite is called that failed as a whole.
pub(super) const WHOLE_SUITE: &str = "a whole suite";

/// What one report shows, or several together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Tests that ran: all but the skipped ones.
    pub executed: u64,
    /// Tests that did not run.
    pub skipped: u64,
    /// Tests that passed after they had failed.
    pub flaky: u64,
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
        self.flaky = self.flaky.saturating_add(other.flaky);
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
    suites: Vec<Tally>,
    case: Case,
    roots: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Suites,
    Suite,
    Case,
    Failure,
    /// A run that failed before the one that counts.
    Rerun,
    Skipped,
    Properties,
    Property,
    /// What was printed.
    Output,
    Other,
}

#[derive(Default)]
struct Case {
    name: String,
    failed: bool,
    failed_before: bool,
    skipped: bool,
}

/// Attributes and properties that say how many tests did not run, or that a test did not.
const SKIPPED: [&str; 6] = ["skipped", "skip", "skips", "ignored", "disabled", "pending"];
/// Attributes of a suite that state failures.
const FAILURES: [&str; 7] = [
    "failures", "errors", "failed", "failure", "error", "timeouts", "aborted",
];

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
        let element = match start
            .local_name()
            .into_inner()
            .to_ascii_lowercase()
            .as_str()
        {
            "testsuites" => Element::Suites,
            "testsuite" => Element::Suite,
            "testcase" => Element::Case,
            "failure" | "error" => Element::Failure,
            "flakyfailure" | "flakyerror" | "rerunfailure" | "rerunerror" => Element::Rerun,
            "skipped" | "disabled" | "ignored" | "pending" | "notrun" => Element::Skipped,
            "properties" => Element::Properties,
            "property" => Element::Property,
            "system-out" | "system-err" => Element::Output,
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
            (_, Element::Suites | Element::Suite) => self.suites.push(Tally::new(stated(start)?)),
            (_, Element::Case) => self.case = case(start)?,
            (Some(Element::Properties), Element::Property) => self.property(start)?,
            (Some(Element::Case), Element::Rerun) => self.case.failed_before = true,
            (Some(Element::Case), Element::Failure) => self.case.failed = true,
            (Some(Element::Case), Element::Skipped) => self.case.skipped = true,
            (Some(Element::Suite | Element::Suites), Element::Failure) => {
                self.fail(WHOLE_SUITE.to_owned());
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
        let within = |element| self.open.contains(&element);
        within(Element::Case) && !within(Element::Output) && !within(Element::Properties)
    }

    /// Takes a property that says of a test or a suite that it was skipped.
    fn property(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        let name = attribute(start, "name")?.unwrap_or_default();
        if !is_of(&SKIPPED, &name) && !is_of(&["todo"], &name) {
            return Ok(());
        }
        let value = attribute(start, "value")?;
        let is_said = value.as_deref().is_none_or(is_said);
        let owner = self.open.iter().rev().nth(1).copied();
        match (owner, self.suites.last_mut()) {
            (Some(Element::Case), _) => self.case.skipped |= is_said,
            (Some(Element::Suite | Element::Suites), Some(suite)) => {
                // What is no count may be a reason, or a setting of the run.
                if let Ok(skips) = skips(value.as_deref().unwrap_or_default()) {
                    skips.note(&mut suite.stated);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Element::Case) => self.close_case(),
            Some(Element::Suites | Element::Suite) => self.close_suite(),
            _ => {}
        }
    }

    fn close_case(&mut self) {
        let case = std::mem::take(&mut self.case);
        let outcome = match (case.failed, case.skipped, case.failed_before) {
            (true, _, _) => Outcome::Failed,
            (false, true, _) => Outcome::Skipped,
            (false, false, true) => Outcome::Flaky,
            (false, false, false) => Outcome::Passed,
        };
        if let Some(suite) = self.suites.last_mut() {
            suite.case(&case.name, outcome);
        }
        if outcome == Outcome::Failed {
            self.fail(case.name);
        }
    }

    fn close_suite(&mut self) {
        let Some(suite) = self.suites.pop() else {
            return;
        };
        let counts = suite.counts();
        self.report.stated = self.report.stated.max(suite.stated_failures());
        match self.suites.last_mut() {
            Some(outer) => outer.suite(counts),
            None => {
                self.report.executed = counts.executed;
                self.report.skipped = counts.skipped;
                self.report.flaky = counts.flaky;
            }
        }
    }

    fn fail(&mut self, name: String) {
        self.report.failures = self.report.failures.saturating_add(1);
        if self.report.failed.len() < MOST_NAMES {
            self.report.failed.push(name);
        }
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

/// What the attributes of a suite state.
fn stated(start: &BytesStart<'_>) -> Result<Stated, String> {
    let count = |key: &str| {
        let text = attribute(start, key)?;
        let count =
            text.map(|text| number(&text).ok_or_else(|| format!("{key}={text:?} is no number")));
        count.transpose()
    };
    let mut stated = Stated {
        tests: match attribute(start, "tests")? {
            Some(text) if text.trim().is_empty() => None,
            _ => count("tests")?,
        },
        flaky: count("flakes")?.unwrap_or_default(),
        ..Stated::default()
    };
    for key in FAILURES {
        stated.failures = stated
            .failures
            .saturating_add(count(key)?.unwrap_or_default());
    }
    // Words for the same, but for tests that are switched off, which stand beside those that were skipped.
    let mut off = Stated::default();
    for key in SKIPPED {
        let Some(text) = attribute(start, key)? else {
            continue;
        };
        let skips = skips(&text).map_err(|()| format!("{key}={text:?} is no number"))?;
        skips.note(if key == "disabled" {
            &mut off
        } else {
            &mut stated
        });
    }
    stated.skipped = stated.skipped.saturating_add(off.skipped);
    stated.all_skipped |= off.all_skipped;
    Ok(stated)
}

/// What is said of the tests that did not run.
enum Skips {
    Count(u64),
    All,
}

impl Skips {
    fn note(self, stated: &mut Stated) {
        match self {
            Self::Count(count) => stated.skipped = stated.skipped.max(count),
            Self::All => stated.all_skipped = true,
        }
    }
}

/// Reads a number of skips, or whether there are any: some tools write `true` and `false`.
fn skips(text: &str) -> Result<Skips, ()> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" => Ok(Skips::All),
        "false" | "no" => Ok(Skips::Count(0)),
        other => number(other).map(Skips::Count).ok_or(()),
    }
}

/// A count; some tools write nothing where there is nothing to count, others `2.0`.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.split_once('.') {
        _ if text.is_empty() => Some(0),
        Some((whole, part)) if !part.is_empty() && part.bytes().all(|byte| byte == b'0') => {
            whole.parse().ok()
        }
        _ => text.parse().ok(),
    }
}

/// Whether a word that stands for a yes or a no, a number or a reason is no `no`.
fn is_said(word: &str) -> bool {
    !is_of(&["false", "0", "no", "none", "null", "undefined"], word)
}

fn is_of(known: &[&str], word: &str) -> bool {
    known.iter().any(|it| it.eq_ignore_ascii_case(word.trim()))
}

/// What the attributes of a test case say of it.
fn case(start: &BytesStart<'_>) -> Result<Case, String> {
    let mut case = Case {
        name: case_name(start)?,
        ..Case::default()
    };
    for key in ["status", "result", "outcome"] {
        let word = attribute(start, key)?.unwrap_or_default();
        case.failed |= is_of(&FAILED, &word);
        case.skipped |= is_of(&NOT_RUN, &word);
    }
    for key in SKIPPED {
        let said = attribute(start, key)?;
        case.skipped |= said.is_some_and(|word| !word.is_empty() && is_said(&word));
    }
    let denied = |key: &str| -> Result<bool, String> {
        let word = attribute(start, key)?;
        Ok(word.is_some_and(|word| is_of(&["false", "no", "0"], &word)))
    };
    case.failed |= denied("success")? || denied("passed")?;
    case.skipped |= denied("executed")?;
    Ok(case)
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
        .take(LONGEST_NAME)
        .collect())
}

#[cfg(test)]
mod tests;
