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
    let mut histogram = false;
    for line in page.lines().map(str::trim) {
        // Another metric's line may be as odd as it likes.
        let Some(rest) = after_name(line, &source.metric) else {
            continue;
        };
        named = true;
        let malformed = || {
            Unread::Broken(format!(
                "a line of the page is malformed: {:?}",
                excerpt(line)
            ))
        };
        let (labels, rest) = rest.labels().ok_or_else(malformed)?;
        let has =
            |(name, value): (&String, &String)| labels.iter().any(|(n, v)| n == name && v == value);
        if !source.labels.iter().all(has) {
            continue;
        }
        // A native histogram of OpenMetrics 2.0 has its numbers in braces: `{count:12,sum:3.5,schema:0,…}`.
        if rest.trim_start().starts_with('{') {
            histogram = true;
            continue;
        }
        numbers.push(value_of(rest).ok_or_else(malformed)?);
    }
    let name = &source.metric;
    match (numbers.is_empty(), histogram, named) {
        (_, true, _) => Err(Unread::NoData(format!(
            "{name} is a native histogram, not a number"
        ))),
        (true, false, false) => Err(Unread::NoData(format!("the page has no metric {name}"))),
        (true, false, true) => Err(Unread::NoData(format!(
            "no series of {name} has these labels"
        ))),
        (false, false, _) => Ok(numbers),
    }
}

/// What follows the name of a metric.
enum Rest<'a> {
    /// After a name that stands before the brace, or alone.
    Outside(&'a str),
    /// After a quoted name, which stands within the braces: `{"http.errors", code="500"} 3`.
    Inside(&'a str),
}

/// What follows the name on a line of the metric `name`; `None` where the line is another's.
fn after_name<'a>(line: &'a str, name: &str) -> Option<Rest<'a>> {
    if let Some(inner) = line.strip_prefix('{') {
        let quoted = inner.trim_start().strip_prefix('"')?;
        let (found, after) = value(quoted)?;
        // What is quoted and followed by a sign of equality is a label's name.
        let is_label = after.trim_start().starts_with('=');
        return (found == name && !is_label).then_some(Rest::Inside(after));
    }
    let rest = line.strip_prefix(name)?;
    // A longer name that begins the same is another metric.
    rest.starts_with(['{', ' ', '\t'])
        .then_some(Rest::Outside(rest))
}

type Labels = Vec<(String, String)>;

impl<'a> Rest<'a> {
    /// The labels, and what follows them.
    fn labels(self) -> Option<(Labels, &'a str)> {
        match self {
            Self::Outside(rest) => {
                let rest = rest.trim_start();
                match rest.strip_prefix('{') {
                    Some(inner) if is_histogram(inner) => Some((Vec::new(), rest)),
                    Some(inner) => labels(inner, Place::First),
                    None => Some((Vec::new(), rest)),
                }
            }
            Self::Inside(rest) => labels(rest, Place::AfterValue),
        }
    }
}

/// Whether what follows a brace are the fields of a native histogram, `count:12,…`, and no labels, which have values in
/// quotes.
fn is_histogram(inner: &str) -> bool {
    let (fields, _) = inner.split_once('}').unwrap_or_default();
    fields.contains(':') && !fields.contains(['=', '"'])
}

/// `number timestamp # exemplar`.
fn value_of(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    let found = number(words.next()?)?;
    // A timestamp may follow, and an exemplar after it; anything else is no number's line.
    match words.next() {
        None | Some("#") => {}
        Some(time) => {
            number(time).filter(|time| time.is_finite())?;
            if words.next().is_some_and(|word| word != "#") {
                return None;
            }
        }
    }
    Some(found)
}

/// Where the reading of labels stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// After the brace.
    First,
    AfterValue,
    AfterComma,
}

/// The labels up to the closing brace, and what follows it. One comma may follow the last of them, and nowhere do two.
fn labels(text: &str, mut place: Place) -> Option<(Labels, &str)> {
    let mut labels = Vec::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        if place == Place::AfterValue {
            rest = rest.strip_prefix(',')?.trim_start();
            place = Place::AfterComma;
            continue;
        }
        let (name, after) = label_name(rest)?;
        let quoted = after.trim_start().strip_prefix('"')?;
        let (value, after) = value(quoted)?;
        labels.push((name, value));
        rest = after.trim_start();
        place = Place::AfterValue;
    }
}

/// The name of a label, quoted or not, and what follows its sign of equality.
fn label_name(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, after) = value(quoted)?;
        return Some((name, after.trim_start().strip_prefix('=')?));
    }
    let (name, after) = text.split_once('=')?;
    let name = name.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let is_name = !name.is_empty() && name.chars().all(plain);
    is_name.then(|| (name.to_owned(), after))
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
