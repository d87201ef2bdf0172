//! What a text must look like: the formats that schemas name, patterns and lengths.

mod zones;

use std::collections::HashMap;

use regex::Regex;
use serde_json::Value as Json;

use super::words::quoted;
use crate::domain::probe::pattern::Pattern;
use crate::domain::timespan::Timespan;

/// What is wrong with a text: a message of its own, or what was expected of it, and a suggestion.
pub(super) struct Misfit {
    /// The message, when there is more to say than what was expected and found.
    pub message: Option<String>,
    /// What was expected.
    pub expected: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// What a format expects, as a noun phrase; `None` for one that is not checked here.
pub(super) fn expected_format(format: &str) -> Option<&'static str> {
    Some(match format {
        "duration" => "a duration such as 5m",
        "date" => "a date such as 2026-11-20",
        "date-time" => "a time with its offset such as 2026-11-20T18:00:00+01:00",
        "time-zone" => "a time zone such as Europe/Madrid",
        "regex" => "a regular expression",
        _ => return None,
    })
}

/// The patterns of a schema that were met so far, compiled once each.
#[derive(Default)]
pub(super) struct Patterns<'a>(HashMap<&'a str, Option<Regex>>);

impl<'a> Patterns<'a> {
    /// Whether the pattern is found in the text. A pattern of ours that does not compile is caught by a test; a text is
    /// not to blame for it.
    pub(super) fn fits(&mut self, pattern: &'a str, text: &str) -> bool {
        self.0
            .entry(pattern)
            .or_insert_with(|| Regex::new(pattern).ok())
            .as_ref()
            .is_none_or(|pattern| pattern.is_match(text))
    }
}

/// Holds a text against its schema's `format`, `minLength`, `maxLength` and `pattern`.
pub(super) fn misfit<'a>(
    schema: &'a Json,
    text: &str,
    patterns: &mut Patterns<'a>,
) -> Option<Misfit> {
    let expected = |fallback: &str| {
        schema
            .get("x-expected")
            .and_then(Json::as_str)
            .unwrap_or(fallback)
            .to_owned()
    };
    if let Some(format) = schema.get("format").and_then(Json::as_str)
        && let Some(phrase) = expected_format(format)
    {
        return format_misfit(format, text).map(|(message, help)| Misfit {
            message,
            expected: expected(phrase),
            help,
        });
    }
    let length = |key: &str| {
        schema
            .get(key)
            .and_then(Json::as_u64)
            .and_then(|bound| usize::try_from(bound).ok())
    };
    let described = || {
        let description = schema.get("description").and_then(Json::as_str);
        description.map_or_else(|| "text".to_owned(), noun_phrase)
    };
    if length("minLength").is_some_and(|least| text.chars().count() < least) {
        return Some(Misfit {
            message: text.is_empty().then(|| "the text is empty".to_owned()),
            expected: expected(&described()),
            help: None,
        });
    }
    let pattern = schema.get("pattern").and_then(Json::as_str);
    let too_long = length("maxLength").is_some_and(|most| text.chars().count() > most);
    if too_long || pattern.is_some_and(|pattern| !patterns.fits(pattern, text)) {
        return Some(Misfit {
            message: None,
            expected: expected(&described()),
            help: too_long.then(|| {
                format!(
                    "it has {} characters; at most {} are allowed",
                    text.chars().count(),
                    length("maxLength").unwrap_or_default()
                )
            }),
        });
    }
    None
}

/// A description as what is expected: `The name of a gate: …` -> `the name of a gate: …`.
fn noun_phrase(description: &str) -> String {
    let line = description.lines().next().unwrap_or_default().trim();
    let line = line.strip_suffix('.').unwrap_or(line);
    let mut letters = line.chars();
    match letters.next() {
        Some(first)
            if letters
                .clone()
                .next()
                .is_some_and(|c| c.is_lowercase() || c == ' ') =>
        {
            first.to_lowercase().chain(letters).collect()
        }
        _ => line.to_owned(),
    }
}

type Complaint = (Option<String>, Option<String>);

fn format_misfit(format: &str, text: &str) -> Option<Complaint> {
    match format {
        "duration" => duration_misfit(text),
        "latency" => duration_misfit(text),
        "date" => date_misfit(text),
        "date-time" => time_misfit(text),
        "time-zone" => zone_misfit(text),
        "regex" => Pattern::read(text).err().map(|error| {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default();
            let why = why.trim_start_matches("error: ");
            (
                Some(format!(
                    "{} is not a regular expression: {why}",
                    quoted(text)
                )),
                None,
            )
        }),
        _ => None,
    }
}

fn duration_misfit(text: &str) -> Option<Complaint> {
    let error = text.parse::<Timespan>().err()?;
    let message = error.to_string();
    // The type's messages end with what to write.
    let (message, help) = match message.split_once("; ") {
        Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
        None => (message, None),
    };
    let lower = text.trim().to_lowercase().replace(' ', "");
    let help = match help {
        _ if lower != text && lower.parse::<Timespan>().is_ok() => Some(format!(
            "did you mean {lower}? The units are ms, s, m, h, d and w"
        )),
        help => help,
    };
    Some((Some(message), help))
}

fn date_misfit(text: &str) -> Option<Complaint> {
    if !has_shape_of_date(text) {
        let dashed = text.replace(['/', '.', '_'], "-");
        let day = [Some(dashed.as_str()), text.get(..10)]
            .into_iter()
            .flatten()
            .find(|day| has_shape_of_date(day) && day.parse::<chrono::NaiveDate>().is_ok());
        return Some((None, day.map(|day| format!("did you mean {day}?"))));
    }
    match text.parse::<chrono::NaiveDate>() {
        Ok(_) => None,
        Err(_) => Some((
            Some(format!("{} is not a day of the calendar", quoted(text))),
            None,
        )),
    }
}

/// `0000-00-00`: the library's own reading is laxer.
fn has_shape_of_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn time_misfit(text: &str) -> Option<Complaint> {
    if chrono::DateTime::parse_from_rfc3339(text).is_ok() {
        return None;
    }
    let joined = text.replacen(' ', "T", 1);
    for (candidate, why) in [
        (format!("{joined}Z"), "the time has no offset"),
        (
            format!("{joined}:00Z"),
            "the time has no seconds and no offset",
        ),
        (format!("{joined}T00:00:00Z"), "a day is not a time"),
    ] {
        if chrono::DateTime::parse_from_rfc3339(&candidate).is_ok() {
            return Some((
                Some(format!("{}: {why}", quoted(text))),
                Some(format!("write {candidate} (UTC) or give its offset")),
            ));
        }
    }
    Some((None, None))
}

fn zone_misfit(text: &str) -> Option<Complaint> {
    if text.parse::<chrono_tz::Tz>().is_ok() {
        return None;
    }
    Some((
        Some(format!("the time zone {} is not known", quoted(text))),
        Some(zones::what_to_write(text)),
    ))
}
