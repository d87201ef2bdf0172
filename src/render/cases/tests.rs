//! What every format of cases must keep.

use std::collections::BTreeSet;

use crate::domain::finding::{Finding, Position, Rule, Source};
use crate::domain::outcome::Conclusion;
use crate::domain::probe::judge::Verdict;
use crate::domain::readiness::{Decision, Readiness};
use crate::domain::refusal::Refusal;
use crate::render::findings::Findings;
use crate::render::samples::{self, HOSTILE};
use crate::render::{Format, Shown, Style, show, text};

fn written(shown: &dyn Shown, format: Format) -> String {
    let mut out = Vec::new();
    let style = Style::new(false, 80, true);
    show(shown, "check", format, &style, &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("text")
}

/// What the runner of GitHub Actions obeys: commands at the beginning of a line, up to the one that stops them.
fn obeyed(output: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut stopped: Option<String> = None;
    for line in output.lines().map(str::trim_start) {
        match &stopped {
            Some(token) if line == format!("::{token}::") => stopped = None,
            Some(_) => {}
            None => match line.strip_prefix("::stop-commands::") {
                Some(token) => stopped = Some(token.to_owned()),
                None if line.starts_with("::") => commands.push(line.to_owned()),
                None => {}
            },
        }
    }
    assert_eq!(stopped, None, "the runner would obey nothing any more");
    commands
}

/// The numbers of the lines of TAP that are `ok`, those that are not, and those that are and count.
fn tap(output: &str) -> (usize, usize) {
    let mut lines = output.lines();
    assert_eq!(lines.next(), Some("TAP version 14"));
    let plan = lines.next().and_then(|line| line.strip_prefix("1.."));
    let plan: usize = plan.expect("a plan").parse().expect("a number");
    let (mut passed, mut failed) = (0, 0);
    for line in lines.filter(|line| !line.starts_with("  ")) {
        let number = format!(" {} - ", passed + failed + 1);
        if line
            .strip_prefix("ok")
            .is_some_and(|it| it.starts_with(&number))
        {
            passed += 1;
        } else if line
            .strip_prefix("not ok")
            .is_some_and(|it| it.starts_with(&number))
        {
            failed += 1;
        } else {
            panic!("not a line of TAP: {line}");
        }
    }
    assert_eq!(passed + failed, plan);
    (passed, failed)
}

/// The numbers of tests, failures and errors that a JUnit report claims.
fn junit(output: &str) -> (usize, usize, usize) {
    let attribute = |name: &str| {
        let from = output.split("<testsuites").nth(1).expect("a report");
        let value = from
            .split(&format!(" {name}=\""))
            .nth(1)
            .expect("it is claimed");
        value
            .split('"')
            .next()
            .and_then(|it| it.parse().ok())
            .expect("a number")
    };
    (
        attribute("tests"),
        attribute("failures"),
        attribute("errors"),
    )
}

#[test]
fn a_check_is_a_case_for_each_requirement_and_the_decision() {
    let check = samples::check();
    let all = check.readiness.requirements.len();
    let unmet = check.readiness.unmet().count();
    let (passed, failed) = tap(&written(&check, Format::Tap));
    assert_eq!((passed, failed), (all - unmet, unmet + 1));
    let (tests, failures, errors) = junit(&written(&check, Format::Junit));
    assert_eq!((tests, failures + errors), (all + 1, unmet + 1));
    let commands = obeyed(&written(&check, Format::Github));
    // What was waived is no failure, and not kept quiet either.
    let waived = check.readiness.waived().count();
    assert_eq!(commands.len(), unmet + waived + 1);
    assert!(commands[0].starts_with("::error title="), "{commands:?}");
}

#[test]
fn nothing_checked_and_nothing_failed_is_no_pass() {
    let mut check = samples::check();
    check.readiness = Readiness {
        decision: Decision::NoGo,
        requirements: Vec::new(),
        hand_off: Vec::new(),
    };
    assert_eq!(tap(&written(&check, Format::Tap)), (0, 1));
    assert_eq!(junit(&written(&check, Format::Junit)), (1, 1, 0));
    assert_eq!(obeyed(&written(&check, Format::Github)).len(), 1);
    check.readiness.decision = Decision::Inconclusive;
    assert_eq!(junit(&written(&check, Format::Junit)), (1, 0, 1));
    check.readiness.decision = Decision::Go;
    assert_eq!(junit(&written(&check, Format::Junit)), (1, 0, 0));
}

#[test]
fn a_refusal_is_an_error_and_no_empty_report() {
    let refusal = Refusal::refused("grace may not").help("ask ada");
    assert_eq!(junit(&written(&refusal, Format::Junit)), (1, 0, 1));
    assert_eq!(tap(&written(&refusal, Format::Tap)), (0, 1));
    let commands = obeyed(&written(&refusal, Format::Github));
    assert!(commands[0].contains("help: ask ada"), "{commands:?}");
}

#[test]
fn every_attempt_at_a_probe_is_told() {
    let mut run = samples::verification();
    run.failures.clear();
    run.checklist_failures.clear();
    run.skipped.clear();
    run.conclusion = Conclusion::Verified;
    run.samples = vec![samples::sample("home", Verdict::Pass, 1)];
    let mut failed = samples::sample("home", Verdict::Fail, 2).attempts;
    failed.append(&mut run.samples[0].attempts);
    run.samples[0].attempts = failed;
    let xml = written(&run, Format::Junit);
    assert_eq!(junit(&xml), (2, 0, 0));
    assert_eq!(xml.matches("<flakyFailure").count(), 2, "{xml}");
    assert!(xml.contains("after 2 retries"), "{xml}");
    assert!(written(&run, Format::Tap).contains("earlier: ["));
}

#[test]
fn what_decides_nothing_fails_no_build_and_what_decides_does() {
    let mut run = samples::verification();
    run.failures.clear();
    run.checklist_failures.clear();
    run.skipped.clear();
    run.samples = vec![samples::sample("search", Verdict::Fail, 1)];
    run.conclusion = Conclusion::Verified;
    assert_eq!(junit(&written(&run, Format::Junit)), (2, 0, 0));
    assert!(written(&run, Format::Tap).contains("# TODO advisory"));
    // A probe without an answer in a run that came to none is an error of its own.
    run.samples = vec![samples::sample("search", Verdict::Error, 1)];
    run.conclusion = Conclusion::Inconclusive;
    assert_eq!(junit(&written(&run, Format::Junit)), (2, 0, 2));
}

#[test]
fn what_was_left_out_is_a_case_and_passes_nowhere() {
    let mut run = samples::verification();
    run.failures.clear();
    run.checklist_failures.clear();
    run.samples = vec![samples::sample("search", Verdict::Pass, 1)];
    run.conclusion = Conclusion::Inconclusive;
    let xml = written(&run, Format::Junit);
    assert_eq!(junit(&xml), (3, 0, 2));
    assert!(
        xml.contains("checkout") && xml.contains("left out"),
        "{xml}"
    );
    assert_eq!(tap(&written(&run, Format::Tap)), (1, 2));
}

#[test]
fn findings_are_annotated_where_they_are() {
    let text = "release: 2.4.0\nreleese: x\n";
    let mut finding = Finding::error(
        Rule::UnknownKey,
        "releases/2.4.0/a,b.yaml",
        "unknown key \"releese\"",
    );
    finding.at = Some(Position { line: 2, column: 1 });
    let sources = [Source {
        file: finding.file.clone(),
        text: text.to_owned(),
    }];
    let findings = [finding];
    let shown = Findings {
        findings: &findings,
        sources: &sources,
    };
    let commands = obeyed(&written(&shown, Format::Github));
    assert!(
        commands[1].contains(",file=releases/2.4.0/a%2Cb.yaml,line=2,col=1::unknown key"),
        "{commands:?}"
    );
    assert_eq!(tap(&written(&shown, Format::Tap)), (0, 2));
}

#[test]
fn no_text_breaks_a_report_or_commands_the_runner() {
    let hostile = format!(
        "{HOSTILE}\n::error::forged\n::stop-commands::x\r]]>&\u{0}%0A# SKIP\nok 999 - forged"
    );
    let mut check = samples::check();
    for requirement in &mut check.readiness.requirements {
        requirement.title.push_str(&hostile);
        requirement.why.push_str(&hostile);
        requirement.who.push(hostile.clone());
        requirement.command = Some(hostile.clone());
    }
    let all = check.readiness.requirements.len();
    let unmet = check.readiness.unmet().count();
    assert_eq!(tap(&written(&check, Format::Tap)).1, unmet + 1);
    assert_eq!(junit(&written(&check, Format::Junit)).0, all + 1);
    let commands = obeyed(&written(&check, Format::Github));
    let waived = check.readiness.waived().count();
    assert_eq!(commands.len(), unmet + waived + 1, "{commands:?}");
    for format in [Format::Tap, Format::Junit, Format::Github] {
        let written = written(&check, format);
        let bad: BTreeSet<char> = written
            .chars()
            .filter(|c| *c != '\n' && text::is_unsafe(*c))
            .collect();
        assert!(bad.is_empty(), "{}: {bad:?}", format.word());
        assert!(!written.lines().any(|line| line.starts_with("ok 999")));
    }
}
