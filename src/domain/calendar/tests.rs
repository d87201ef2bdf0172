//! Weeks, freezes, holidays, clock changes.

use proptest::prelude::*;

use super::*;
use crate::domain::testing::from_json;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("a time").to_utc()
}

/// Office hours in Madrid, Friday afternoons frozen, and the turn of the year.
fn madrid() -> Calendar {
    from_json(serde_json::json!({
        "time_zone": "Europe/Madrid",
        "hours": {"mon": ["09:00-12:00", "13:00-17:00"], "tue": ["09:00-17:00"], "wed": ["09:00-17:00"],
            "thu": ["09:00-17:00"], "fri": ["09:00-17:00"]},
        "holidays": ["2026-12-08"],
        "freezes": [
            {"id": "friday", "title": "Friday afternoon", "weekly": {"fri": ["14:00-24:00"]}},
            {"id": "year-end", "yearly": {"from": "12-20", "to": "01-06"}},
            {"id": "sale", "title": "The sale", "from": "2026-11-25", "to": "2026-11-27T12:00"},
        ],
    }))
}

fn closed(calendar: &Calendar, when: &str) -> (Vec<String>, Option<String>) {
    match calendar.allows(at(when)) {
        Allowed::Open => panic!("open at {when}"),
        Allowed::Closed { by, until } => (
            by.into_iter().map(|closer| closer.what).collect(),
            until.map(|until| calendar.shown(until)),
        ),
    }
}

#[test]
fn hours_freezes_and_holidays_close_and_say_when_it_opens() {
    // req: B6
    let calendar = madrid();
    for open in [
        "2026-11-23T09:00:00+01:00",
        "2026-11-23T11:59:59+01:00",
        "2026-11-20T13:59:59+01:00",
    ] {
        assert_eq!(calendar.allows(at(open)), Allowed::Open, "{open}");
    }
    let cases = [
        (
            "2026-11-23T08:59:59+01:00",
            "deployments have other hours",
            "Mon 2026-11-23 09:00 CET",
        ),
        (
            "2026-11-23T12:00:00+01:00",
            "deployments have other hours",
            "Mon 2026-11-23 13:00 CET",
        ),
        (
            "2026-11-20T14:00:00+01:00",
            "the freeze \"Friday afternoon\"",
            "Mon 2026-11-23 09:00 CET",
        ),
        (
            "2026-11-24T17:00:00+01:00",
            "deployments have other hours",
            "Fri 2026-11-27 12:00 CET",
        ),
        (
            "2026-11-25T10:00:00+01:00",
            "the freeze \"The sale\"",
            "Fri 2026-11-27 12:00 CET",
        ),
        (
            "2026-12-08T10:00:00+01:00",
            "2026-12-08 is a holiday",
            "Wed 2026-12-09 09:00 CET",
        ),
        (
            "2026-12-21T10:00:00+01:00",
            "the freeze \"year-end\"",
            "Thu 2027-01-07 09:00 CET",
        ),
        (
            "2027-01-06T10:00:00+01:00",
            "the freeze \"year-end\"",
            "Thu 2027-01-07 09:00 CET",
        ),
    ];
    for (when, what, until) in cases {
        assert_eq!(
            closed(&calendar, when),
            (vec![what.to_owned()], Some(until.to_owned())),
            "{when}"
        );
    }
}

#[test]
fn every_rule_that_closes_is_named() {
    let mut calendar = madrid();
    calendar.holidays = Some(vec!["2026-11-27".parse().expect("a day")]);
    let (by, until) = closed(&calendar, "2026-11-27T18:00:00+01:00");
    assert_eq!(by.len(), 3, "{by:?}");
    assert_eq!(until.as_deref(), Some("Mon 2026-11-30 09:00 CET"));
}

#[test]
fn an_empty_calendar_is_always_open_and_one_without_hours_never() {
    let calendar = Calendar::default();
    assert!(!calendar.restricts_deployments());
    assert_eq!(calendar.allows(at("2026-12-25T03:00:00Z")), Allowed::Open);
    let never = Calendar {
        hours: Some(Week::default()),
        ..Calendar::default()
    };
    assert!(never.restricts_deployments());
    assert_eq!(closed(&never, "2026-12-25T03:00:00Z").1, None);
    let always_frozen: Calendar = from_json(serde_json::json!({
        "freezes": [{"id": "all-year", "yearly": {"from": "01-01", "to": "12-31"}}],
    }));
    assert_eq!(closed(&always_frozen, "2026-12-25T03:00:00Z").1, None);
}

#[test]
fn a_clock_change_opens_nothing_by_mistake() {
    // On 2026-10-25 Madrid shows 02:00 to 03:00 twice; on 2026-03-29 it shows no 02:30.
    let night: Calendar = from_json(serde_json::json!({
        "time_zone": "Europe/Madrid", "hours": {"sun": ["02:30-04:00"]},
    }));
    for (when, open) in [
        ("2026-10-25T02:30:00+02:00", false),
        ("2026-10-25T02:29:59+01:00", false),
        ("2026-10-25T02:30:00+01:00", true),
        ("2026-10-25T04:00:00+01:00", false),
        ("2026-03-29T01:59:59+01:00", false),
        ("2026-03-29T03:00:00+02:00", true),
        ("2026-03-29T04:00:00+02:00", false),
    ] {
        assert_eq!(night.allows(at(when)) == Allowed::Open, open, "{when}");
    }
    let frozen: Calendar = from_json(serde_json::json!({
        "time_zone": "Europe/Madrid",
        "freezes": [{"id": "backup", "weekly": {"sun": ["01:00-02:30"]}}],
    }));
    for (when, open) in [
        ("2026-10-25T02:45:00+02:00", false),
        ("2026-10-25T02:29:59+01:00", false),
        ("2026-10-25T02:30:00+01:00", true),
        ("2026-03-29T01:59:59+01:00", false),
        ("2026-03-29T03:00:00+02:00", true),
    ] {
        assert_eq!(frozen.allows(at(when)) == Allowed::Open, open, "{when}");
    }
    // Samoa had no 2011-12-30 at all.
    let samoa: Calendar = from_json(serde_json::json!({
        "time_zone": "Pacific/Apia", "freezes": [{"id": "gone", "from": "2011-12-30", "to": "2011-12-30"}],
    }));
    assert_eq!(samoa.allows(at("2011-12-30T10:00:00Z")), Allowed::Open);
}

#[test]
fn the_29th_of_february_is_there_only_sometimes() {
    let calendar: Calendar = from_json(serde_json::json!({
        "freezes": [{"id": "leap", "yearly": {"from": "02-29", "to": "02-29"}}],
    }));
    assert_ne!(calendar.allows(at("2028-02-29T12:00:00Z")), Allowed::Open);
    for open in [
        "2028-03-01T00:00:00Z",
        "2027-02-28T12:00:00Z",
        "2027-03-01T12:00:00Z",
    ] {
        assert_eq!(calendar.allows(at(open)), Allowed::Open, "{open}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    for bad in [
        "",
        "9-17",
        "9:00-17:00",
        "09:00-17",
        "17:00-09:00",
        "09:00-09:00",
        "00:00-24:01",
        "09:60-10:00",
        "+9:00-17:00",
        "09:00 - 17:00",
        "25:00-26:00",
    ] {
        assert!(bad.parse::<Hours>().is_err(), "{bad:?} was accepted");
    }
    for bad in ["", "13-01", "02-30", "2-3", "00-10", "12-00", "12-24-2026"] {
        assert!(bad.parse::<MonthDay>().is_err(), "{bad:?} was accepted");
    }
    for bad in [
        "",
        "2026-13-01",
        "2026-1-1",
        "2026-02-30",
        "2026-12-24T18",
        "2026-12-24 18:00",
        "24.12.2026",
        "tomorrow",
        "0001-01-01",
        "+262142-12-31",
    ] {
        assert!(bad.parse::<Bound>().is_err(), "{bad:?} was accepted");
    }
}

#[test]
fn the_next_business_day_skips_weekends_and_holidays() {
    // req: A15
    let calendar = Calendar {
        time_zone: Some("Europe/Madrid".into()),
        holidays: Some(vec!["2026-11-23".parse().expect("a day")]),
        ..Calendar::default()
    };
    let friday_night = at("2026-11-20T19:30:00Z");
    let due = |calendar: &Calendar, at| calendar.end_of_next_business_day(at);
    assert_eq!(due(&calendar, friday_night), at("2026-11-24T22:59:59Z"));
    assert_eq!(
        due(&Calendar::default(), friday_night),
        at("2026-11-23T23:59:59Z")
    );
    // After midnight in Madrid it is Saturday there, and still Friday in UTC.
    assert_eq!(
        due(&calendar, at("2026-11-19T23:30:00Z")),
        at("2026-11-24T22:59:59Z")
    );
}

proptest! {
    #![proptest_config(crate::domain::testing::properties(256))]
    #[test]
    fn what_is_shown_reads_back(from in 0u32..1440, length in 1u32..1440) {
        let to = (from + length).min(1440);
        let text = format!("{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60);
        prop_assume!(to > from);
        prop_assert_eq!(text.parse::<Hours>().map(|hours| hours.to_string()), Ok(text));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,20}") {
        let _ = (text.parse::<Hours>(), text.parse::<MonthDay>(), text.parse::<Bound>());
    }

    /// It opens when it says, and not before.
    #[test]
    fn the_next_opening_is_one_and_the_first(minutes in 0i64..2 * 366 * 24 * 60) {
        let calendar = madrid();
        let from = at("2026-01-01T00:00:00Z") + TimeDelta::minutes(minutes);
        if let Allowed::Closed { until, .. } = calendar.allows(from) {
            let until = until.expect("it opens again");
            prop_assert!(until > from);
            prop_assert_eq!(calendar.allows(until), Allowed::Open);
            prop_assert_ne!(calendar.allows(until - TimeDelta::seconds(1)), Allowed::Open);
            let middle = from + (until - from) / 2;
            prop_assert_ne!(calendar.allows(middle), Allowed::Open);
        }
    }
}
