//! Findings about the team's calendar.

use super::*;

fn calendar(text: &str) -> Vec<String> {
    let policy = format!("{POLICY}calendar:\n  time_zone: Europe/Madrid\n{text}");
    let source = Source::new("relgate.yaml", policy.as_str());
    match parse::policy(&source) {
        Ok(_) => shown(&workspace(&policy, CHECKLIST, NOTES)),
        Err(findings) => findings.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn what_a_team_would_write_is_right() {
    // req: B6
    let text = "  hours: {mon: [09:00-12:00, 13:00-17:00], fri: [09:00-24:00]}
  holidays: [2026-12-25]
  freezes:
    - {id: year-end, title: The turn of the year, yearly: {from: 12-15, to: 01-07}}
    - {id: friday, weekly: {fri: [14:00-24:00]}}
    - {id: sale, from: 2026-11-25, to: 2026-11-25}
    - {id: launch, from: 2026-11-25T10:00, to: '2026-11-25T18:00:00+01:00'}
";
    assert_eq!(calendar(text), [""; 0]);
}

#[test]
fn a_time_that_can_be_read_in_two_ways_is_refused_at_its_place() {
    for (text, parts) in [
        (
            "  hours: {mon: [9-17]}\n",
            &["relgate.yaml:12:17", "09:00-17:00", "9-17"][..],
        ),
        (
            "  hours: {mon: [17:00-09:00]}\n",
            &["relgate.yaml:12:17", "end before they begin"],
        ),
        (
            "  hours: {monday: [09:00-17:00]}\n",
            &["monday", "did you mean \"mon\"?"],
        ),
        ("  hours: {mon: 09:00-17:00}\n", &["expected a list"]),
        (
            "  freezes: [{id: x, yearly: {from: 02-30, to: 03-01}}]\n",
            &["relgate.yaml:12:36", "no day of the year"],
        ),
        (
            "  freezes: [{id: x, from: tomorrow, to: 2026-03-01}]\n",
            &["relgate.yaml:12:27", "a day or a time such as 2026-12-24"],
        ),
        (
            "  freezes: [{id: x, from: 2026-02-30, to: 2026-03-01}]\n",
            &["relgate.yaml:12:27", "neither a day nor a time"],
        ),
    ] {
        only(&calendar(text), parts);
    }
}

#[test]
fn a_calendar_that_means_nothing_or_never_opens_is_refused() {
    for (text, part) in [
        ("  hours: {}\n", "no day of the week has hours"),
        ("  hours: {mon: []}\n", "no day of the week has hours"),
        ("  freezes: [{id: x}]\n", "does not say when it holds"),
        ("  freezes: [{id: x, from: 2026-01-01}]\n", "and not both"),
        (
            "  freezes: [{id: x, from: 2026-01-02, to: 2026-01-01}]\n",
            "ends before it begins",
        ),
        (
            "  freezes: [{id: x, weekly: {}}]\n",
            "the freeze \"x\" has no hours",
        ),
        (
            "  freezes: [{id: x, weekly: {fri: [14:00-24:00]}, yearly: {from: 01-01, to: 01-02}}]\n",
            "holds at several kinds of times",
        ),
        (
            "  freezes: [{id: x, yearly: {from: 01-01, to: 01-02}}, {id: x, yearly: {from: 02-01, to: 02-02}}]\n",
            "declared twice",
        ),
        (
            "  freezes: [{id: x, yearly: {from: 01-01, to: 12-31}}]\n",
            "leave no time for any deployment",
        ),
        (
            "  hours: {fri: [14:00-16:00]}\n  freezes: [{id: x, weekly: {fri: [14:00-24:00]}}]\n",
            "leave no time for any deployment",
        ),
    ] {
        only(&calendar(text), &[part]);
    }
}
