//! Reads a page in Prometheus' text format, or OpenMetrics':
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//!
//! Only the lines of the metric that is asked for are read; what others are is not its business.

use super::{ExpositionSource, Unread, number};
use crate::domain::probe::expect::excerpt;

/// The last line of a page in OpenMetrics' format: its specification wants it, so that what was cut is seen.
const END: &str = "# EOF";

/// Whether the page is all that was sent, as far as its format shows.
///
/// # Errors
/// Why it is not.
pub(super) fn is_whole(page: &str, content_type: &str) -> Result<(), String> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let ends = |line: &str| line.trim_end() == END;
    if kind.eq_ignore_ascii_case("application/openmetrics-text") {
        return match page.lines().position(ends) {
            None => Err(format!("the page was cut: its last line is not \"{END}\"")),
            Some(at) if page.lines().nth(at + 1).is_some() => {
                Err(format!("the page goes on after \"{END}\""))
            }
            Some(_) => Ok(()),
        };
    }
    match page.lines().last() {
        Some(last) if !page.ends_with('\n') && !ends(last) => Err(format!(
            "the page was cut: it ends inside the line {:?}",
            excerpt(last)
        )),
        _ => Ok(()),
    }
}

/// The numbers of the series that have the name and the labels.
pub(super) fn read(page: &str, source: &ExpositionSource) -> Result<Vec<f64>, Unread> {
    let mut numbers = Vec::new();
    let mut named = false;
    for line in page.lines().map(str::trim) {
        let Some(rest) = line.strip_prefix(source.metric.as_str()) else {
            continue;
        };
        // A longer name that begins the same is another metric.
        if !rest.starts_with(['{', ' ', '\t']) {
            continue;
        }
        named = true;
        let series = series(rest).ok_or_else(|| {
            Unread::Broken(format!(
                "a line of the page is malformed: {:?}",
                excerpt(line)
            ))
        })?;
        let has = |(name, value): (&String, &String)| {
            series.labels.iter().any(|(n, v)| n == name && v == value)
        };
        if source.labels.iter().all(has) {
            numbers.push(series.number);
        }
    }
    match (numbers.is_empty(), named) {
        (true, false) => Err(Unread::NoData(format!(
            "the page has no metric {}",
            source.metric
        ))),
        (true, true) => Err(Unread::NoData(format!(
            "no series of {} has these labels",
            source.metric
        ))),
        (false, _) => Ok(numbers),
    }
}

struct Series {
    labels: Vec<(String, String)>,
    number: f64,
}

/// What follows the name: `{label="value",…} number timestamp # exemplar`.
fn series(text: &str) -> Option<Series> {
    let (labels, rest) = match text.strip_prefix('{') {
        Some(inner) => labels(inner)?,
        None => (Vec::new(), text),
    };
    let mut words = rest.split_whitespace();
    let number = number(words.next()?)?;
    // A timestamp may follow, and an exemplar after it; anything else is no number's line.
    match words.next() {
        None | Some("#") => {}
        Some(time) => {
            number_of(time)?;
            if words.next().is_some_and(|word| word != "#") {
                return None;
            }
        }
    }
    Some(Series { labels, number })
}

fn number_of(time: &str) -> Option<f64> {
    number(time).filter(|time| time.is_finite())
}

/// The labels up to the closing brace, and what follows it.
fn labels(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let quoted = after.trim_start().strip_prefix('"')?;
        let (value, after) = value(quoted)?;
        labels.push((name.trim().to_owned(), value));
        rest = after.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if rest.starts_with('}') => rest,
            None => return None,
        };
    }
}

/// The value up to its closing quote, and what follows that.
fn value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}
