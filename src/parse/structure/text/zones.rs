//! What to write instead of something that is no time zone.

use chrono_tz::{TZ_VARIANTS, Tz};

use crate::domain::nearest::nearest;

/// Abbreviations that people use for a zone, and a place where it is meant. An abbreviation is the name of one half of
/// the year, or of several zones; those that are in the time zone database are none of these.
const ABBREVIATIONS: [(&str, &str); 16] = [
    ("CEST", "Europe/Berlin"),
    ("WEST", "Europe/Lisbon"),
    ("EEST", "Europe/Helsinki"),
    ("BST", "Europe/London"),
    ("MSK", "Europe/Moscow"),
    ("EDT", "America/New_York"),
    ("CST", "America/Chicago"),
    ("CDT", "America/Chicago"),
    ("MDT", "America/Denver"),
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("SGT", "Asia/Singapore"),
    ("AEST", "Australia/Sydney"),
    ("AEDT", "Australia/Sydney"),
];

/// Which zones there are, and which of them was probably meant.
pub(super) fn what_to_write(text: &str) -> String {
    let text = text.trim();
    if let Some(offset) = offset(text) {
        return for_offset(offset);
    }
    let abbreviation = ABBREVIATIONS
        .iter()
        .find(|(short, _)| short.eq_ignore_ascii_case(text));
    if let Some((short, place)) = abbreviation {
        return format!("{short} is an abbreviation; write the zone of a place, such as {place}");
    }
    let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
    let plain = text.replace(' ', "_");
    let city = names().find(|name| {
        let city = name.rsplit('/').next().unwrap_or_default();
        name.contains('/') && city.eq_ignore_ascii_case(&plain)
    });
    match city.or_else(|| nearest(text, names())) {
        Some(zone) => format!("did you mean \"{zone}\"?"),
        None => {
            "write the zone of a place as the time zone database names it, such as Europe/Madrid, or UTC"
                .to_owned()
        }
    }
}

/// The minutes east of UTC that a text such as `UTC+02:00`, `+0200` or `GMT-5` says.
fn offset(text: &str) -> Option<i32> {
    let upper = text.to_ascii_uppercase();
    let rest = ["UTC", "GMT", "Z"]
        .iter()
        .find_map(|word| upper.strip_prefix(word))
        .unwrap_or(&upper)
        .trim_start();
    let (sign, digits) = match rest.chars().next()? {
        '+' => (1, &rest[1..]),
        '-' => (-1, &rest[1..]),
        '\u{2212}' => (-1, &rest['\u{2212}'.len_utf8()..]),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once([':', '.']) {
        Some(parts) => parts,
        None if digits.len() > 2 && digits.is_ascii() => digits.split_at(digits.len() - 2),
        None => (digits, "0"),
    };
    let number = |text: &str| text.trim().parse::<i32>().ok().filter(|it| *it >= 0);
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 15 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn for_offset(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let said = format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
    let place =
        "a zone is that of a place, such as Europe/Madrid, and knows when its clocks change";
    let hours = minutes / 60;
    // In the database's names the sign is the other way round.
    let fixed = match hours {
        _ if minutes % 60 != 0 => None,
        0 => Some("UTC".to_owned()),
        hours => Some(format!("Etc/GMT{:+}", -hours)),
    };
    match fixed.filter(|zone| zone.parse::<Tz>().is_ok()) {
        Some(zone) if hours == 0 => format!("{place}; for {said} all year write {zone}"),
        Some(zone) => format!(
            "{place}; for {said} all year write {zone} (in these names the sign is the other way round)"
        ),
        None => format!("{place}; there is no zone for {said} all year"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Offset, TimeZone, Utc};

    #[test]
    fn a_fixed_offset_is_answered_by_a_zone_that_has_it() {
        for (text, minutes) in [
            ("UTC+02:00", 120),
            ("UTC+2", 120),
            ("utc +2", 120),
            ("GMT-5", -300),
            ("GMT-05:00", -300),
            ("+0200", 120),
            ("+02", 120),
            ("-0330", -210),
            ("UTC+5:30", 330),
            ("UTC\u{2212}3", -180),
            ("UTC+00:00", 0),
            ("UTC+14", 840),
        ] {
            assert_eq!(offset(text), Some(minutes), "{text}");
            let help = what_to_write(text);
            let zone = help
                .split("all year write ")
                .nth(1)
                .map(|rest| rest.split(' ').next().unwrap_or_default());
            let Some(zone) = zone else {
                assert!(minutes % 60 != 0, "{text}: {help}");
                assert!(help.contains("there is no zone for"), "{help}");
                continue;
            };
            let zone: Tz = zone.parse().expect("it is a zone");
            let day = Utc.with_ymd_and_hms(2026, 7, 1, 0, 0, 0).single();
            let day = day.expect("it is a day").with_timezone(&zone);
            assert_eq!(day.offset().fix().local_minus_utc(), minutes * 60, "{text}");
        }
        for text in ["UTC", "UTC+", "UTC+99", "Europe/Madrid", "", "+x"] {
            assert_eq!(offset(text), None, "{text}");
        }
    }

    #[test]
    fn what_was_probably_meant_is_a_zone() {
        for (text, said) in [
            (
                "CEST",
                "CEST is an abbreviation; write the zone of a place, such as Europe/Berlin",
            ),
            ("Madrid", "did you mean \"Europe/Madrid\"?"),
            ("new york", "did you mean \"America/New_York\"?"),
            ("Europe/Madird", "did you mean \"Europe/Madrid\"?"),
            (
                "W. Pacific Something Time",
                "write the zone of a place as the time zone database names it, such as Europe/Madrid, or UTC",
            ),
        ] {
            assert_eq!(what_to_write(text), said);
        }
        for (short, place) in ABBREVIATIONS {
            assert!(short.parse::<Tz>().is_err(), "{short} is a zone");
            assert!(place.parse::<Tz>().is_ok(), "{place}");
        }
    }
}
