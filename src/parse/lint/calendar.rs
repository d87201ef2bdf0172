//! The calendar of a policy: can it mean what it says, and does it ever open?

use std::collections::HashSet;

use crate::domain::calendar::{Allowed, Bound, Calendar, Freeze};
use crate::domain::finding::{Finding, Rule};
use crate::domain::policy::Policy;
use crate::parse::{Document, Site};

pub(super) fn lint(document: &Document<Policy>, findings: &mut Vec<Finding>) {
    let Some(calendar) = &document.value.calendar else {
        return;
    };
    let site = document.site();
    if calendar.hours.as_ref().is_some_and(|week| week.is_empty()) {
        findings.push(
            site.error(
                Rule::CalendarClosed,
                "/calendar/hours",
                "no day of the week has hours, so nothing could ever be deployed",
            )
            .help("write some, such as \"mon: [09:00-17:00]\", or leave the key out"),
        );
    }
    let mut ids = HashSet::new();
    let before = findings.len();
    for (index, freeze) in calendar.freezes.iter().flatten().enumerate() {
        let path = format!("/calendar/freezes/{index}");
        if !ids.insert(freeze.id.as_str()) {
            findings.push(
                site.error(
                    Rule::DeclaredTwice,
                    &format!("{path}/id"),
                    format!("the freeze \"{}\" is declared twice", freeze.id),
                )
                .help("give one of them another id"),
            );
        }
        findings.extend(one_freeze(site, &path, freeze));
    }
    if findings.len() == before {
        never_opens(site, calendar, findings);
    }
}

fn one_freeze(site: Site<'_>, path: &str, freeze: &Freeze) -> Option<Finding> {
    let id = &freeze.id;
    let once = freeze.from.is_some() || freeze.to.is_some();
    let kinds = [once, freeze.weekly.is_some(), freeze.yearly.is_some()];
    let help = "write \"from\" and \"to\", or \"weekly\", or \"yearly\"";
    if kinds.iter().filter(|kind| **kind).count() != 1 {
        let what = if kinds.contains(&true) {
            "holds at several kinds of times"
        } else {
            "does not say when it holds"
        };
        return Some(
            site.error(Rule::Freeze, path, format!("the freeze \"{id}\" {what}"))
                .help(help),
        );
    }
    if freeze.weekly.as_ref().is_some_and(|week| week.is_empty()) {
        return Some(
            site.error(
                Rule::Freeze,
                &format!("{path}/weekly"),
                format!("the freeze \"{id}\" has no hours"),
            )
            .help("write some, such as \"fri: [14:00-24:00]\""),
        );
    }
    match (&freeze.from, &freeze.to) {
        (Some(from), Some(to)) if order(from) > order(to) => Some(
            site.error(
                Rule::Freeze,
                &format!("{path}/to"),
                format!("the freeze \"{id}\" ends before it begins"),
            )
            .help(format!("it begins {from}, and ends {to}")),
        ),
        (None, Some(_)) | (Some(_), None) => Some(
            site.error(
                Rule::Freeze,
                path,
                format!("the freeze \"{id}\" has a beginning or an end, and not both"),
            )
            .help(help),
        ),
        _ => None,
    }
}

/// The local time that a bound shows, for comparison.
fn order(bound: &Bound) -> chrono::NaiveDateTime {
    match bound {
        Bound::Day(day) => (*day).into(),
        Bound::Local(time) => *time,
        Bound::Instant(at) => at.naive_local(),
    }
}

/// Hours and recurring freezes that leave nothing open in any week. It is asked of a week far from holidays and from
/// what happens once.
fn never_opens(site: Site<'_>, calendar: &Calendar, findings: &mut Vec<Finding>) {
    let mut recurring = calendar.clone();
    recurring.holidays = None;
    if let Some(freezes) = &mut recurring.freezes {
        freezes.retain(|freeze| freeze.from.is_none());
    }
    let hours = recurring.hours.as_ref();
    if hours.is_some_and(|week| week.is_empty()) {
        return;
    }
    if let Allowed::Closed { until: None, .. } = recurring.allows(chrono::DateTime::UNIX_EPOCH) {
        findings.push(
            site.error(
                Rule::CalendarClosed,
                "/calendar",
                "the hours and the recurring freezes together leave no time for any deployment",
            )
            .help("shorten a freeze, or give a day more hours"),
        );
    }
}
