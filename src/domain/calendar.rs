//! The team's calendar: when a deployment may begin, and which days are worked.
//!
//! Local times become instants before anything is compared, so that a clock change opens nothing by mistake: a time
//! that the clock shows twice, or not at all, is taken so that the deployment waits. Who may deploy all the same is the
//! policy's matter.

#[cfg(test)]
mod tests;
mod times;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono::{TimeZone, Weekday};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::FreezeName;
pub use times::{Bound, Hours, MonthDay, TimeError};

/// The team's calendar.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// The zone in which days and hours are counted, such as Europe/Madrid. Default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "time-zone"))]
    pub time_zone: Option<String>,
    /// The hours of the week at which a deployment may begin. Default: at any hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Week>,
    /// Days on which nobody works, and nothing is deployed, such as 2026-12-25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holidays: Option<Vec<NaiveDate>>,
    /// Times in which nothing is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freezes: Option<Vec<Freeze>>,
}

/// Hours by the day of the week. A day that is not listed has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Week {
    /// On Mondays, such as ["09:00-12:00", "13:00-17:00"].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mon: Option<Vec<Hours>>,
    /// On Tuesdays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tue: Option<Vec<Hours>>,
    /// On Wednesdays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wed: Option<Vec<Hours>>,
    /// On Thursdays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thu: Option<Vec<Hours>>,
    /// On Fridays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fri: Option<Vec<Hours>>,
    /// On Saturdays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sat: Option<Vec<Hours>>,
    /// On Sundays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sun: Option<Vec<Hours>>,
}

impl Week {
    /// The hours of a day of the week; empty where it has none.
    pub fn on(&self, day: Weekday) -> &[Hours] {
        let hours = match day {
            Weekday::Mon => &self.mon,
            Weekday::Tue => &self.tue,
            Weekday::Wed => &self.wed,
            Weekday::Thu => &self.thu,
            Weekday::Fri => &self.fri,
            Weekday::Sat => &self.sat,
            Weekday::Sun => &self.sun,
        };
        hours.as_deref().unwrap_or_default()
    }

    /// Whether no day has any hours.
    pub fn is_empty(&self) -> bool {
        let mut day = Weekday::Mon;
        (0..7).all(|_| {
            let none = self.on(day).is_empty();
            day = day.succ();
            none
        })
    }
}

/// A time in which nothing is deployed: once `from` a moment `to` another, `weekly`, or `yearly`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Unique within the calendar.
    pub id: FreezeName,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// When a freeze begins that happens once: a day, or a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Bound>,
    /// When it ends: a day, which it includes, or a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Bound>,
    /// The hours of every week in which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekly: Option<Week>,
    /// The days of every year in which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yearly: Option<Yearly>,
}

impl Freeze {
    /// The title, or the id where there is none.
    pub fn name(&self) -> &str {
        self.title.as_deref().unwrap_or(self.id.as_str())
    }
}

/// Days of every year, both included; the end may lie in the next year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Yearly {
    /// The first day, such as 12-15.
    pub from: MonthDay,
    /// The last day, such as 01-07.
    pub to: MonthDay,
}

/// Whether a deployment may begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Allowed {
    /// It may.
    Open,
    /// It may not.
    Closed {
        /// What forbids it; never empty.
        by: Vec<Closer>,
        /// When it may begin next; `None` where the calendar has no such moment within two years.
        until: Option<DateTime<Utc>>,
    },
}

/// A rule of the calendar that forbids a deployment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Closer {
    /// Where the rule is written, from the calendar on: `/freezes/0`.
    pub place: String,
    /// What forbids it, for people.
    pub what: String,
    /// Until when; `None` for ever.
    #[serde(skip)]
    until: Option<DateTime<Utc>>,
}

/// A stretch of time, without its end.
type Stretch = (DateTime<Utc>, DateTime<Utc>);

/// Farther ahead no opening is looked for.
const HORIZON: TimeDelta = TimeDelta::days(731);

impl Calendar {
    /// Whether it says anything about when a deployment may begin.
    pub fn restricts_deployments(&self) -> bool {
        let some = |list: Option<usize>| list.is_some_and(|length| length > 0);
        self.hours.is_some()
            || some(self.holidays.as_ref().map(Vec::len))
            || some(self.freezes.as_ref().map(Vec::len))
    }

    /// Whether a deployment may begin at `at` (req: B6).
    pub fn allows(&self, at: DateTime<Utc>) -> Allowed {
        let by = self.closers(at);
        if by.is_empty() {
            return Allowed::Open;
        }
        let until = self.opening_after(at, &by);
        Allowed::Closed { by, until }
    }

    fn opening_after(&self, at: DateTime<Utc>, by: &[Closer]) -> Option<DateTime<Utc>> {
        let end = |closers: &[Closer]| {
            let ends = closers.iter().map(|closer| closer.until);
            ends.collect::<Option<Vec<_>>>()?.into_iter().max()
        };
        let mut next = end(by)?;
        while next < at + HORIZON {
            let closers = self.closers(next);
            if closers.is_empty() {
                return Some(next);
            }
            // Every rule ends later than it is asked about, so this comes to an end.
            next = end(&closers)?.max(next + TimeDelta::seconds(1));
        }
        None
    }

    /// Every rule that forbids a deployment at `at`.
    fn closers(&self, at: DateTime<Utc>) -> Vec<Closer> {
        let day = at.with_timezone(&self.zone()).date_naive();
        let mut closers = Vec::new();
        for (index, freeze) in self.freezes.iter().flatten().enumerate() {
            if let Some((_, end)) = holding(self.stretches(freeze, day), at) {
                closers.push(Closer {
                    place: format!("/freezes/{index}"),
                    what: format!("the freeze \"{}\"", freeze.name()),
                    until: Some(end),
                });
            }
        }
        for (index, holiday) in self.holidays.iter().flatten().enumerate() {
            if let Some((_, end)) = holding([self.whole_days(*holiday, *holiday)], at) {
                closers.push(Closer {
                    place: format!("/holidays/{index}"),
                    what: format!("{holiday} is a holiday"),
                    until: Some(end),
                });
            }
        }
        if let Some(week) = &self.hours {
            let openings = self.openings(week, day);
            if holding(openings.iter().copied(), at).is_none() {
                let next = openings.iter().map(|(start, _)| *start);
                closers.push(Closer {
                    place: "/hours".to_owned(),
                    what: "deployments have other hours".to_owned(),
                    until: next.filter(|start| *start > at).min(),
                });
            }
        }
        closers
    }

    /// When a freeze holds around `day`.
    fn stretches(&self, freeze: &Freeze, day: NaiveDate) -> Vec<Stretch> {
        let mut all = Vec::new();
        if let (Some(from), Some(to)) = (&freeze.from, &freeze.to) {
            all.push((self.begin_of(from), self.end_of(to)));
        }
        for day in days_around(day, 1, 1) {
            for hours in freeze.weekly.iter().flat_map(|week| week.on(day.weekday())) {
                let (from, to) = hours.on(day);
                all.push((self.early(from), self.late(to)));
            }
        }
        if let Some(yearly) = &freeze.yearly {
            for year in day.year() - 1..=day.year() + 1 {
                let next = year + i32::from(yearly.to < yearly.from);
                let (from, to) = (yearly.from.first_in(year), yearly.to.last_in(next));
                all.extend(from.zip(to).map(|(from, to)| self.whole_days(from, to)));
            }
        }
        all
    }

    /// When deployments may begin around `day` and in the two weeks after it.
    fn openings(&self, week: &Week, day: NaiveDate) -> Vec<Stretch> {
        days_around(day, 1, 15)
            .flat_map(|day| week.on(day.weekday()).iter().map(move |it| it.on(day)))
            .map(|(from, to)| (self.late(from), self.early(to)))
            .collect()
    }

    fn whole_days(&self, first: NaiveDate, last: NaiveDate) -> Stretch {
        let next = last.checked_add_days(Days::new(1)).unwrap_or(last);
        (
            self.early(first.and_time(NaiveTime::MIN)),
            self.late(next.and_time(NaiveTime::MIN)),
        )
    }

    fn begin_of(&self, bound: &Bound) -> DateTime<Utc> {
        match bound {
            Bound::Day(day) => self.early(day.and_time(NaiveTime::MIN)),
            Bound::Local(time) => self.early(*time),
            Bound::Instant(at) => at.to_utc(),
        }
    }

    /// When a freeze that ends with `bound` is over.
    fn end_of(&self, bound: &Bound) -> DateTime<Utc> {
        match bound {
            Bound::Day(day) => self.end_of_day(*day),
            Bound::Local(time) => self.late(*time),
            Bound::Instant(at) => at.to_utc(),
        }
    }

    /// The moment at which `day` is over.
    pub fn end_of_day(&self, day: NaiveDate) -> DateTime<Utc> {
        self.whole_days(day, day).1
    }

    /// The end of the first working day after the day of `at`, to the second: Mondays to Fridays are worked, holidays
    /// are not (req: A15).
    pub fn end_of_next_business_day(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let holidays = self.holidays.as_deref().unwrap_or_default();
        let mut day = at.with_timezone(&self.zone()).date_naive();
        // Bounded: a calendar of nothing but holidays must not hang.
        for _ in 0..366 {
            day = day.checked_add_days(Days::new(1)).unwrap_or(day);
            let weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
            if !weekend && !holidays.contains(&day) {
                break;
            }
        }
        self.end_of_day(day) - TimeDelta::seconds(1)
    }

    /// The day that the team's calendars show at a moment.
    pub fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone()).date_naive()
    }

    /// A moment as the team's clocks show it: `Mon 2026-11-23 09:00 CET`.
    pub fn shown(&self, at: DateTime<Utc>) -> String {
        let local = at.with_timezone(&self.zone());
        local.format("%a %Y-%m-%d %H:%M %Z").to_string()
    }

    /// `lint` refuses a zone that is not known.
    fn zone(&self) -> Tz {
        let named = self.time_zone.as_deref();
        named
            .and_then(|zone| zone.parse().ok())
            .unwrap_or(chrono_tz::UTC)
    }

    /// The first instant at which the clocks show `local`, or have passed it.
    fn early(&self, local: NaiveDateTime) -> DateTime<Utc> {
        self.instants(local).0
    }

    /// The last one.
    fn late(&self, local: NaiveDateTime) -> DateTime<Utc> {
        self.instants(local).1
    }

    fn instants(&self, local: NaiveDateTime) -> Stretch {
        // No zone ever skipped more than a day.
        const LONGEST_GAP_MINUTES: i64 = 25 * 60;
        let zone = self.zone();
        (0..=LONGEST_GAP_MINUTES)
            .find_map(|minutes| {
                let shown = local.checked_add_signed(TimeDelta::minutes(minutes))?;
                let found = zone.from_local_datetime(&shown);
                Some((found.earliest()?.to_utc(), found.latest()?.to_utc()))
            })
            .unwrap_or((local.and_utc(), local.and_utc()))
    }
}

/// The stretch that holds at `at`: of several the one that ends last.
fn holding(stretches: impl IntoIterator<Item = Stretch>, at: DateTime<Utc>) -> Option<Stretch> {
    let mut held = stretches.into_iter();
    let held = held.by_ref().filter(|(from, to)| *from <= at && at < *to);
    held.max_by_key(|(_, to)| *to)
}

fn days_around(day: NaiveDate, before: u64, after: u64) -> impl Iterator<Item = NaiveDate> {
    let first = day.checked_sub_days(Days::new(before)).unwrap_or(day);
    first
        .iter_days()
        .take(usize::try_from(before + after + 1).unwrap_or(1))
}
