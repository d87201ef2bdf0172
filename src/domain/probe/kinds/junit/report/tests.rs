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
    let both = read(r#"<testsuite><testcase name="a"><skipped/><error/></testcase></testsuite>"#);
    assert_eq!(both.map(|it| (it.executed, it.failures)), Ok((1, 1)));
}

#[test]
fn a_failure_that_attributes_or_other_elements_show_counts() {
    for case in [
        r#"<testcase name="a" status="failed"/>"#,
        r#"<testcase name="a" status="run" result="Failure"/>"#,
        r#"<testcase name="a" outcome="error"/>"#,
        r#"<testcase name="a"><step><failure/></step></testcase>"#,
        r#"<testcase name="a"><Failure/></testcase>"#,
        r#"<testcase name="a" success="False"/>"#,
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
fn skips_that_are_stated_count() {
    let two = r#"<testcase name="a"/><testcase name="b"/>"#;
    let one = r#"<testcase name="a"/>"#;
    for (attributes, cases, counts) in [
        (r#"tests="2" skipped="1""#, two, (1, 1)),
        (r#"tests="2" skipped="2""#, two, (0, 2)),
        (r#"tests="3" skipped="1""#, two, (2, 1)),
        (r#"tests="3" skipped="1""#, one, (1, 1)),
        (r#"skip="1""#, two, (1, 1)),
        (r#"tests="2" skipped="false""#, two, (2, 0)),
        (r#"tests="0" skipped="true""#, "", (0, 1)),
        (r#"tests="2" skipped="True""#, two, (0, 2)),
        (r#"tests="4" skipped="1" disabled="1""#, two, (2, 2)),
        (r#"tests="2" disabled="1""#, two, (1, 1)),
        (r#"tests="1""#, two, (1, 0)),
        (r#"tests="" skipped="""#, two, (2, 0)),
        (r#"tests="2.0" skipped="0.0""#, two, (2, 0)),
        (
            "",
            r#"<properties><property name="skipped" value="1"/></properties><testcase name="a"/><testcase name="b"/>"#,
            (1, 1),
        ),
        (
            "",
            r#"<testcase name="a"><properties><property name="skip" value="not on arm"/></properties></testcase>"#,
            (0, 1),
        ),
        (
            "",
            r#"<testcase name="a"><properties><property name="todo" value="true"/><property name="x"/></properties></testcase>"#,
            (0, 1),
        ),
        (
            "",
            r#"<testcase name="a"><properties><property name="skip" value="false"/></properties></testcase>"#,
            (1, 0),
        ),
        ("", r#"<testcase name="a"><ignored/></testcase>"#, (0, 1)),
        ("", r#"<testcase name="a"><pending/></testcase>"#, (0, 1)),
        ("", r#"<testcase name="a" skipped="true"/>"#, (0, 1)),
        ("", r#"<testcase name="a" executed="False"/>"#, (0, 1)),
        (
            "",
            r#"<testcase name="a" disabled="false" skipped=""/>"#,
            (1, 0),
        ),
    ] {
        let text = format!("<testsuites><testsuite {attributes}>{cases}</testsuite></testsuites>");
        let report = read(&text).expect(&text);
        assert_eq!((report.executed, report.skipped), counts, "{text}");
        assert_eq!((report.failures, report.stated), (0, 0), "{text}");
    }
    read(r#"<testsuite skipped="few"/>"#).expect_err("no number");
    read(r#"<testsuite tests="-1"/>"#).expect_err("no number");
}

#[test]
fn a_pass_after_failures_is_a_pass_that_says_so() {
    let flaky = r#"<testcase name="a"><flakyFailure/><flakyError/></testcase>"#;
    for (text, counts) in [
        (flaky.to_owned(), (1, 1, 0)),
        (
            r#"<testcase name="a"><rerunFailure/><system-out/></testcase>"#.to_owned(),
            (1, 1, 0),
        ),
        (
            r#"<testcase name="a"><failure/><rerunFailure/></testcase>"#.to_owned(),
            (1, 0, 1),
        ),
        (
            r#"<testcase name="a"><flakyFailure/></testcase><testcase name="b"><error/></testcase>"#
                .to_owned(),
            (2, 1, 1),
        ),
        (
            r#"<testcase name="a"><failure/></testcase><testcase name="a"/>"#.to_owned(),
            (1, 0, 1),
        ),
    ] {
        let report = read(&format!("<testsuite>{text}</testsuite>")).expect("a report");
        let found = (report.executed, report.flaky, report.failures);
        assert_eq!(found, counts, "{text}");
    }
    // A failure that is stated of a test that passed in the end is no further one.
    for (failures, stated) in [(1, 0), (2, 1)] {
        let text = format!(r#"<testsuite failures="{failures}">{flaky}</testsuite>"#);
        assert_eq!(read(&text).map(|it| it.stated), Ok(stated));
    }
    let told = r#"<testsuite tests="2" flakes="1"><testcase name="a"/></testsuite>"#;
    assert_eq!(read(told).map(|it| it.flaky), Ok(1));
}

#[test]
fn what_is_no_complete_report_is_refused() {
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bb\">]><testsuite><testcase name=\"&b;\"/></testsuite>";
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
    #![proptest_config(crate::domain::testing::properties(256))]
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
        let cases = |count: usize, kind: &str, inside: &str| -> String {
                let case = |at| format!("<testcase name='{kind}{at}'>{inside}</testcase>");
                (0..count).map(case).collect()
            };
            let text = format!(
                "<testsuite>{}{}{}</testsuite>",
                cases(passed, "p", ""),
                cases(failed, "f", "<failure/>"),
                cases(skipped, "s", "<skipped/>"),
            );
        let report = read(&text).expect("a report");
        let counts = (report.executed, report.failures, report.skipped);
        let number = |it: usize| u64::try_from(it).unwrap_or(0);
        prop_assert_eq!(counts, (number(passed + failed), number(failed), number(skipped)));
    }
}
