//! What every result must keep in every format.

use super::page::{Block, Detail, Page, Span};
use super::samples::{self, HOSTILE};
use super::*;
use crate::domain::outcome::{Conclusion, WatchEnd};
use crate::domain::readiness::{Decision, Status};

const PLAIN: Style = Style::new(false, 80, true);

fn all() -> Vec<(&'static str, Box<dyn Shown>)> {
    let (quiet, stuck) = (WatchEnd::Quiet, WatchEnd::Stuck);
    let status = |releases| crate::domain::outcome::StatusReport {
        releases,
        unwatched: Vec::new(),
    };
    vec![
        ("check", Box::new(samples::check())),
        ("verify", Box::new(samples::verification())),
        ("watch", Box::new(samples::watched(quiet, None))),
        ("watch", Box::new(samples::watched(stuck, Some("stuck")))),
        ("status", Box::new(status(vec![samples::release_status()]))),
        ("status", Box::new(status(vec![]))),
        (
            "status",
            Box::new(status(vec![
                samples::release_status(),
                samples::release_status(),
            ])),
        ),
        ("log", Box::new(samples::log())),
        ("incident list", Box::new(samples::incidents())),
        ("due", Box::new(samples::due())),
        ("ledger verify", Box::new(samples::integrity())),
        ("policy digest", Box::new(samples::pin())),
        ("ledger export", Box::new(samples::exported())),
        ("ledger import", Box::new(samples::imported())),
        ("init", Box::new(samples::scaffold())),
        ("sign", Box::new(samples::signed())),
        ("check", Box::new(samples::explanation())),
        ("waive", Box::new(samples::waived())),
        ("deploy start", Box::new(samples::done())),
    ]
}

fn written(shown: &dyn Shown, format: Format, style: &Style) -> String {
    let mut out = Vec::new();
    show(shown, "check", format, style, &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("text")
}

fn human(shown: &dyn Shown) -> String {
    written(shown, Format::Human, &PLAIN)
}

/// The same page with hostile text at the end of every text.
fn poisoned(mut page: Page) -> Page {
    fn spans(spans: &mut [Span]) {
        for span in spans {
            span.text.push_str(HOSTILE);
        }
    }
    page.answer.push_str(HOSTILE);
    page.about.push_str(HOSTILE);
    for block in &mut page.blocks {
        match block {
            Block::Heading(text) | Block::Preformatted(text) => text.push_str(HOSTILE),
            Block::Line(line) | Block::Paragraph(line) => spans(line),
            Block::Alert { text, command, .. } => {
                text.push_str(HOSTILE);
                command.iter_mut().for_each(|text| text.push_str(HOSTILE));
            }
            Block::Table(table) => {
                let cells = table.rows.iter_mut().flatten();
                cells.for_each(|cell| cell.text.push_str(HOSTILE));
            }
            Block::List(items) => {
                for item in items {
                    item.lead.push_str(HOSTILE);
                    spans(&mut item.text);
                    for detail in &mut item.details {
                        match detail {
                            Detail::Line(line) => spans(line),
                            Detail::Output(text) => text.push_str(HOSTILE),
                        }
                    }
                }
            }
            Block::Section { answer, about, .. } => {
                answer.push_str(HOSTILE);
                about.push_str(HOSTILE);
            }
            Block::Next(commands) => commands.iter_mut().for_each(|text| text.push_str(HOSTILE)),
        }
    }
    page
}

#[test]
fn json_of_every_result_is_versioned_and_names_its_command() {
    for (command, shown) in all() {
        let mut out = Vec::new();
        show(&*shown, command, Format::Json, &PLAIN, &mut out).expect("a vector takes everything");
        let back: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(back["version"], 1);
        assert_eq!(back["command"], command);
        assert!(back["result"].is_object(), "{command}");
    }
}

#[test]
fn no_control_character_of_any_text_is_written() {
    let ours = regex::Regex::new("\x1b\\[[0-9;]*m").expect("an expression");
    for (command, shown) in all() {
        let page = poisoned(shown.page());
        for color in [false, true] {
            for columns in [1, 20, 80, 500] {
                let mut out = Vec::new();
                let style = Style::new(color, columns, true);
                human::write(&page, &style, &mut out).expect("a vector takes everything");
                let mut shown = String::from_utf8(out).expect("text");
                if color {
                    // Colours are all that may be left.
                    shown = ours.replace_all(&shown, "").into_owned();
                }
                let bad = shown.chars().find(|c| *c != '\n' && text::is_unsafe(*c));
                assert_eq!(bad, None, "{command} at {columns}");
            }
        }
        let mut out = Vec::new();
        markdown::write(&page, &mut out).expect("a vector takes everything");
        let shown = String::from_utf8(out).expect("text");
        let bad = shown.chars().find(|c| *c != '\n' && text::is_unsafe(*c));
        assert_eq!(bad, None, "{command}");
        let headings = shown.lines().filter(|line| line.starts_with("## ")).count();
        assert_eq!(headings, 1, "{command}: {shown}");
    }
}

#[test]
fn only_ascii_is_drawn_where_the_terminal_shows_no_utf_8() {
    for (command, shown) in all() {
        let shown = written(&*shown, Format::Human, &Style::new(false, 80, false));
        // The words of others are left to them: the samples' hostile line is escaped but for nothing.
        assert!(shown.is_ascii(), "{command}: {shown}");
    }
}

#[test]
fn no_line_but_what_is_kept_is_wider_than_the_terminal() {
    for (command, shown) in all() {
        for columns in [40, 60, 80, 200] {
            let shown = written(&*shown, Format::Human, &Style::new(false, columns, true));
            for line in shown.lines() {
                // What is to be copied, and the output of a command, keep their lines.
                let kept = ["relgate ", "curl ", "git ", "sha256:", "│ "];
                let whole = kept.iter().any(|word| line.contains(word));
                assert!(
                    whole || text::width(line) <= columns,
                    "{command} at {columns}: {line}"
                );
            }
        }
    }
}

#[test]
fn every_format_shows_every_requirement() {
    let check = samples::check();
    for format in Format::ALL {
        let shown = written(&check, *format, &PLAIN).replace('\\', "");
        for requirement in &check.readiness.requirements {
            let name = match requirement.status {
                Status::Met => requirement.id.split('/').next_back().unwrap_or_default(),
                _ => &requirement.id,
            };
            assert!(shown.contains(name), "{}: {name}: {shown}", format.word());
        }
    }
}

#[test]
fn a_check_says_first_what_it_came_to_and_then_what_to_do() {
    assert_eq!(
        human(&samples::check()),
        "\
NO-GO  2.4.0: 4 of 8 requirements are not met

release notes
  ✗ missing  the title of migration_steps  (migration_steps)
      why: nobody has signed
      who: Ada (ada@shop.test)
      relgate sign migration_steps --release 2.4.0

qa
  ✗ failed  the title of qa/smoke  (qa/smoke)
      why: nobody has signed
      who: Ada (ada@shop.test)
      relgate sign qa/smoke --release 2.4.0
  ✗ stale   the title of qa/developer  (qa/developer)
      why: nobody has signed
      who: Ada (ada@shop.test)
      relgate sign qa/developer --release 2.4.0

security
  · pending  the title of security/developer  (security/developer)
      why: nobody has signed
      who: Ada (ada@shop.test)

waived
  ! waived  the title of qa/load  (qa/load)
      stands: missing: nobody has signed
      by: grace as release-manager, until 2026-11-20 11:00 UTC
      reason: The tester is ill
      review: O1, owed by developer until 2026-11-21 10:00 UTC

met
  ✓ development  ci, scans, developer (signed by Ada)

hand-off: development signed; now qa (Ada (ada@shop.test)); then security

recorded as RECORD, its evidence asked once, at 10:00:00 UTC

next: relgate sign migration_steps --release 2.4.0
"
        .replace("RECORD", &samples::record().short())
    );
}

#[test]
fn what_many_requirements_have_in_common_is_said_once() {
    let mut check = samples::check();
    let alike = |id: &str| crate::domain::readiness::Requirement {
        command: Some("edit release-notes.md".to_owned()),
        who: Vec::new(),
        ..samples::requirement(None, id, Status::Missing)
    };
    check.readiness.requirements = ["reason", "team", "summary"].map(alike).to_vec();
    let shown = human(&check);
    assert!(
        shown.contains(
            "\
release notes
  ✗ missing  the title of reason  (reason)
  ✗ missing  the title of team  (team)
  ✗ missing  the title of summary  (summary)
      why, all 3: nobody has signed
      edit release-notes.md
"
        ),
        "{shown}"
    );
}

#[test]
fn nothing_checked_is_not_called_met() {
    let mut check = samples::check();
    check.readiness.requirements.clear();
    assert!(
        human(&check).starts_with("NO-GO  2.4.0: nothing is required, so nothing was checked\n")
    );
    check.readiness.decision = Decision::Inconclusive;
    check.readiness.requirements = vec![samples::requirement(None, "known", Status::Unknown)];
    assert!(human(&check).starts_with("INCONCLUSIVE  2.4.0: 1 requirement is not known to be met"));
}

#[test]
fn a_verification_shows_expected_and_found_first() {
    let shown = human(&samples::verification());
    assert!(
        shown.starts_with(
            "\
VERIFICATION FAILED  2.4.0 production: 1 probe failed, 1 incident is open

failed
  ✗ fail  home-page  85 ms, 3 attempts
      status: expected 200, found 500
      1 of 2 assertions hold
      time: dns 0.41, connect 1.09, first byte 80.50, total 85.00 ms
      repeat: curl -sS 'https://shop.test/home-page'
"
        ),
        "{shown}"
    );
    for name in ["search", "banner", "cart", "after 1 retries"] {
        assert!(shown.contains(name), "{name}: {shown}");
    }
}

// req: A8
#[test]
fn an_incomplete_deployment_names_who_stays_and_that_no_window_was_opened() {
    let mut verification = samples::verification();
    verification.conclusion = Conclusion::DeploymentIncomplete;
    verification.checklist_failures = std::mem::take(&mut verification.failures);
    verification.windows.clear();
    verification.samples.clear();
    let shown = human(&verification);
    assert!(
        shown.replace('\n', " ").starts_with(
            "DEPLOYMENT-INCOMPLETE  2.4.0 production: 1 item of the deployment checklist is not"
        ),
        "{shown}"
    );
    assert!(shown.replace('\n', " ").contains("no window was opened"));
    assert!(shown.contains("stays to fix it: Ada"));
}

#[test]
fn what_needs_a_person_cannot_be_overlooked() {
    let mut status = samples::release_status();
    status.rollback = Some(samples::rollback("stuck"));
    let report = crate::domain::outcome::StatusReport {
        releases: vec![status],
        unwatched: Vec::new(),
    };
    let shown = written(&report, Format::Human, &Style::new(false, 120, true));
    let positions: Vec<usize> = [
        "INCIDENT  2.4.0: A faster checkout",
        "! the ledger is not whole",
        "! NOBODY WATCHES these windows",
        "relgate watch --release 2.4.0",
        "! STUCK: the rollback of 2.4.0 to 2.3.1 did not succeed; a person is needed now",
        "open incidents",
        "gates",
        "OVERDUE",
    ]
    .map(|part| {
        shown
            .find(part)
            .unwrap_or_else(|| panic!("{part:?} is not in {shown}"))
    })
    .to_vec();
    assert!(positions.is_sorted(), "{shown}");
    let markdown = written(&report, Format::Markdown, &PLAIN);
    assert_eq!(markdown.matches("> [!CAUTION]").count(), 3, "{markdown}");
}

#[test]
fn a_watched_window_raises_no_alarm() {
    let mut status = samples::release_status();
    status.watched = true;
    status.unwatched = false;
    status.anomalies.clear();
    let shown = human(&crate::domain::outcome::StatusReport {
        releases: vec![status],
        unwatched: Vec::new(),
    });
    assert!(!shown.contains("NOBODY"), "{shown}");
    assert!(shown.contains("4:37 left of 5:00, then the rollback runs by itself"));
}

// req: A2
// req: A3
#[test]
fn an_open_incident_shows_who_resolves_it_and_what_is_known() {
    let shown = human(&samples::incidents());
    for part in [
        "can resolve: Grace (@grace), Linus",
        "known: the first request may be slow",
        "relgate incident resolve I2 --release 2.4.0",
        "resolved by grace: the probes pass again",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn a_failed_step_shows_its_output_and_a_good_one_does_not() {
    let shown = human(&samples::watched(WatchEnd::Stuck, Some("stuck")));
    assert!(shown.contains("exited with 3"), "{shown}");
    assert!(shown.contains("│ restoring"), "{shown}");
    assert!(!shown.contains("│ switched"), "{shown}");
}
