//! YAML text -> [`Node`].
//!
//! The only file that knows the YAML library. It answers what a YAML text says and where, and refuses what would be
//! read differently by different people: duplicate keys, keys that are not text, several documents in one file, numbers
//! that are not finite, aliases that multiply. What the values should be is `structure`'s matter.

mod plain;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml::granit_parser as events;
use serde_yaml::{DuplicateKeyPolicy, Location, MessageFormatter, Spanned};

use super::node::{Entry, Node, Value};
use crate::domain::finding::{Finding, Lines, Place, Rule, Source};

/// The largest file that is read, in bytes: release notes of 4 MiB are not release notes.
pub const LARGEST_FILE: usize = 4 * 1024 * 1024;

/// Reads a whole file of YAML.
///
/// # Errors
/// Every finding that keeps the text from having one meaning. A syntax error is found one at a time; duplicate and
/// non-text keys are all reported.
pub fn parse(source: &Source) -> Result<Node, Vec<Finding>> {
    let start = if source.text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    parse_part(source, start..source.text.len())
}

/// Reads the YAML that stands at `part` of the source's text, which begins a line; places are those of the whole text.
///
/// # Errors
/// As [`parse`]. A `part` that is not on character boundaries is a finding too.
pub fn parse_part(source: &Source, part: Range<usize>) -> Result<Node, Vec<Finding>> {
    let file = &source.file;
    if source.text.len() > LARGEST_FILE {
        return Err(vec![Finding::error(
            Rule::FileTooLarge,
            file,
            format!(
                "the file has {} bytes; at most {LARGEST_FILE} are read",
                source.text.len()
            ),
        )]);
    }
    let Some(text) = source.text.get(part.clone()) else {
        return Err(vec![Finding::error(
            Rule::FileEncoding,
            file,
            "the YAML part does not lie on character boundaries",
        )]);
    };
    let origin = Origin::of(source, part.clone());
    if let Some(nul) = text.find('\0') {
        let nul = part.start + nul;
        return Err(vec![
            Finding::error(
                Rule::FileEncoding,
                file,
                "the file contains a NUL character",
            )
            .at(&Place::of_span(&source.text, nul..nul + 1))
            .help("save it as plain UTF-8 text"),
        ]);
    }
    match plain::read(&origin, text) {
        Some(node) => Ok(node),
        None => whole(&origin, text),
    }
}

/// Reads any text, and says what is wrong with it.
fn whole(origin: &Origin<'_>, text: &str) -> Result<Node, Vec<Finding>> {
    match serde_yaml::from_str_with_options::<Spanned<Raw>>(text, options()) {
        Ok(raw) => {
            let mut findings = Vec::new();
            let node = origin.node(raw.into(), &mut findings);
            if findings.is_empty() {
                Ok(node)
            } else {
                findings.sort();
                findings.dedup();
                Err(findings)
            }
        }
        Err(error) => Err(vec![origin.syntax_finding(&error)]),
    }
}

/// What the library makes of a plain scalar; `None` where it is none that can be used.
fn resolved(scalar: &str) -> Option<Value> {
    match serde_yaml::from_str_with_options::<Raw>(scalar, options()).ok()? {
        Raw::Null => Some(Value::Null),
        Raw::Bool(value) => Some(Value::Bool(value)),
        Raw::Int(value) => Some(Value::Int(value)),
        Raw::UInt(value) => Some(Value::UInt(value)),
        Raw::Float(value) => value.is_finite().then_some(Value::Float(value)),
        Raw::Str(value) => Some(Value::Str(value)),
        Raw::Seq(_) | Raw::Map(_) => None,
    }
}

fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            // A suite of 10,000 probes has 160,000 values.
            max_events: 1_000_000,
            max_nodes: 400_000,
            max_depth: 48,
            flow_nesting_limit: 48,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_merge_keys: 1_000,
            max_documents: 2,
            max_recorded_anchor_events: 100_000,
            max_total_scalar_bytes: LARGEST_FILE,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 50_000,
            max_replay_stack_depth: 16,
        },
        // Both entries reach our visitor, which reports every repetition instead of the first.
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        strict_booleans: true,
        reject_unsupported_tags: true,
        non_finite_float_policy: serde_yaml::NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    }
}

/// So many keys of a mapping.
const FEW: usize = 8;

/// Where a part of a text lies in its whole.
struct Origin<'a> {
    source: &'a Source,
    lines: Lines<'a>,
    part: Range<usize>,
}

impl<'a> Origin<'a> {
    fn of(source: &'a Source, part: Range<usize>) -> Self {
        Self {
            source,
            lines: Lines::new(&source.text),
            part,
        }
    }

    /// The place that the library means. It counts lines and columns as YAML has them, and at the end of a text as nobody
    /// has them: what its bytes begin at is what is told.
    fn place(&self, location: Location) -> Place {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let span = location.span();
        let bytes = span.byte_offset().zip(span.byte_len());
        self.placed(
            bytes.map(|(start, len)| (size(start), size(len))),
            (size(location.line()), size(location.column())),
        )
    }

    /// The place of an event of the parser below the library.
    fn place_of(&self, span: &events::Span) -> Place {
        let start = &span.start;
        let ends = start.byte_offset().zip(span.end.byte_offset());
        self.placed(
            ends.map(|(start, end)| (start, end.saturating_sub(start))),
            (start.line(), start.col() + 1),
        )
    }

    /// The place of what begins in the part at a byte and has so many, or at least stands in a line and column of it.
    fn placed(&self, bytes: Option<(usize, usize)>, at: (usize, usize)) -> Place {
        let bytes = bytes.and_then(|(start, len)| {
            let start = self.part.start.checked_add(start)?;
            let end = start.checked_add(len)?;
            (end <= self.part.end).then_some(start..end)
        });
        let span = bytes.unwrap_or_else(|| {
            let start = self.offset(at);
            start..start
        });
        self.lines.place(span)
    }

    /// The byte of the whole text that a line and column of the part stand for; the part's end for what lies past it.
    fn offset(&self, (line, column): (usize, usize)) -> usize {
        let part = &self.source.text[self.part.clone()];
        let mut line_start = 0;
        for _ in 1..line {
            let rest = &part[line_start..];
            match rest.find(['\n', '\r']) {
                Some(end) if rest[end..].starts_with("\r\n") => line_start += end + 2,
                Some(end) => line_start += end + 1,
                None => return self.part.end,
            }
        }
        let line = part[line_start..].split(['\n', '\r']).next();
        let line = line.unwrap_or_default();
        let column = line.char_indices().nth(column.saturating_sub(1));
        self.part.start + line_start + column.map_or(line.len(), |(byte, _)| byte)
    }

    fn node(&self, raw: Stands<Raw>, findings: &mut Vec<Finding>) -> Node {
        let place = self.place(raw.at);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Bool(value) => Value::Bool(value),
            Raw::Int(value) => Value::Int(value),
            Raw::UInt(value) => Value::UInt(value),
            Raw::Float(value) => {
                if !value.is_finite() {
                    findings.push(self.not_finite(&place));
                }
                Value::Float(value)
            }
            Raw::Str(value) => Value::Str(value),
            Raw::Seq(elements) => Value::Seq(
                elements
                    .into_iter()
                    .map(|element| self.node(element, findings))
                    .collect(),
            ),
            Raw::Map(entries) => Value::Map(self.entries(entries, findings)),
        };
        Node { value, place }
    }

    fn entries(
        &self,
        raw: Vec<(Stands<Key>, Stands<Raw>)>,
        findings: &mut Vec<Finding>,
    ) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(raw.len());
        // A few are compared faster than hashed.
        let mut seen: Option<HashMap<String, usize>> =
            (raw.len() > FEW).then(|| HashMap::with_capacity(raw.len()));
        for (key, value) in raw {
            let key_place = self.place(key.at);
            let value = self.node(value, findings);
            let key = match key.value {
                Key::Text(key) => key,
                Key::Other(what) => {
                    findings.push(self.not_text(what, &key_place));
                    continue;
                }
            };
            let first = match &seen {
                Some(seen) => seen.get(&key).and_then(|&index| entries.get(index)),
                None => entries.iter().find(|entry| entry.key == key),
            };
            if let Some(first) = first {
                findings.push(
                    Finding::error(
                        Rule::DuplicateKey,
                        &self.source.file,
                        format!(
                            "duplicate key \"{key}\"; it is already on line {}",
                            first.key_place.at.line
                        ),
                    )
                    .at(&key_place)
                    .label("the second of two")
                    .help("keep one of the two"),
                );
                continue;
            }
            if let Some(seen) = &mut seen {
                seen.insert(key.clone(), entries.len());
            }
            entries.push(Entry {
                key,
                key_place,
                value,
            });
        }
        entries
    }

    fn written(&self, place: &Place) -> &str {
        self.source
            .text
            .get(place.span.clone())
            .unwrap_or_default()
            .trim()
    }

    fn not_finite(&self, place: &Place) -> Finding {
        let written = self.written(place);
        Finding::error(
            Rule::InvalidValue,
            &self.source.file,
            format!("{written} is not a number that can be used"),
        )
        .at(place)
        .label("not finite")
        .help(format!("if it is meant as text, quote it: \"{written}\""))
    }

    fn not_text(&self, what: &str, place: &Place) -> Finding {
        let written = self.written(place);
        let finding = Finding::error(
            Rule::YamlSyntax,
            &self.source.file,
            format!("a key must be text, found {what}"),
        )
        .at(place)
        .label("expected text");
        if written.is_empty() || what == "a list" || what == "a mapping" {
            finding
        } else {
            finding.help(format!("quote it: \"{written}\""))
        }
    }

    /// A tab among the white space that begins the line of a syntax error: invisible, and its usual cause.
    fn indenting_tab(&self, place: &Place) -> Option<Place> {
        let before = self.source.text.get(self.part.start..place.span.start)?;
        let line_start = before.rfind(['\n', '\r']).map_or(0, |end| end + 1) + self.part.start;
        let line = self.source.text.get(line_start..)?;
        let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        let tab = line_start + indent.find('\t')?;
        Some(Place::of_span(&self.source.text, tab..tab + 1))
    }

    fn syntax_finding(&self, error: &serde_yaml::Error) -> Finding {
        let error = error.without_snippet();
        let place = error
            .location()
            .filter(|location| location.line() > 0)
            .map(|location| self.place(location));
        if let Some(tab) = place.as_ref().and_then(|place| self.indenting_tab(place)) {
            return Finding::error(
                Rule::YamlSyntax,
                &self.source.file,
                "a tab is used for indentation",
            )
            .at(&tab)
            .help("YAML indents with spaces; replace the tab");
        }
        let (message, help) = describe(error);
        let finding =
            Finding::error(Rule::YamlSyntax, &self.source.file, message).at_opt(place.as_ref());
        match help {
            Some(help) => finding.help(help),
            None => finding,
        }
    }
}

/// A library error in this tool's words: message and help.
fn describe(error: &serde_yaml::Error) -> (String, Option<&'static str>) {
    use serde_yaml::Error;
    match error {
        Error::AliasError { error, .. } => describe(error),
        Error::MultipleDocuments { .. } => (
            "the file holds more than one YAML document".to_owned(),
            Some("remove the second \"---\" and what belongs to it"),
        ),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => (
            "the file is too deep, too large, or its aliases multiply too much".to_owned(),
            Some(
                "at most 48 levels and 400,000 values are read; write repeated parts out or split them",
            ),
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => (
            "an alias refers to the value that it is part of".to_owned(),
            None,
        ),
        Error::UnknownAnchor { .. } => (
            "the alias refers to an anchor that is not defined above it".to_owned(),
            Some("define it with \"&name\" first, or quote the value if the \"*\" is text"),
        ),
        Error::MergeValueNotMapOrSeqOfMaps { .. } => (
            "a merge key (<<) needs a mapping or a list of mappings".to_owned(),
            None,
        ),
        Error::Eof { .. } => ("the file ends in the middle of a value".to_owned(), None),
        other => {
            let text = serde_yaml::UserMessageFormatter
                .format_message(other)
                .into_owned();
            let help = if text.contains("mapping values are not allowed") {
                Some("if the \": \" is part of a text, quote the text")
            } else {
                None
            };
            (
                format!("the YAML cannot be read: {}", one_line(&text)),
                help,
            )
        }
    }
}

/// A library's message as one line without control characters.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A YAML value as the library hands it over.
enum Raw {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Str(String),
    Seq(Vec<Stands<Raw>>),
    Map(Vec<(Stands<Key>, Stands<Raw>)>),
}

/// A value, and where it was written.
struct Stands<T> {
    value: T,
    at: Location,
}

impl<T> From<Spanned<T>> for Stands<T> {
    fn from(Spanned { value, defined, .. }: Spanned<T>) -> Self {
        Self { value, at: defined }
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(u64::try_from(value).map_or(Raw::Int(value), Raw::UInt))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::UInt(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Str(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Str(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element::<Spanned<Raw>>()? {
            elements.push(element.into());
        }
        Ok(Raw::Seq(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<Key>, Spanned<Raw>>()? {
            entries.push((key.into(), value.into()));
        }
        Ok(Raw::Map(entries))
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

/// A key: text, or what it is instead.
enum Key {
    Text(String),
    Other(&'static str),
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, value: &str) -> Result<Key, E> {
        Ok(Key::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Key, E> {
        Ok(Key::Text(value))
    }

    fn visit_unit<E>(self) -> Result<Key, E> {
        Ok(Key::Other("nothing"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Key, E> {
        Ok(Key::Other("true or false"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Key, E> {
        Ok(Key::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Key, E> {
        Ok(Key::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Key, E> {
        Ok(Key::Other("a number"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Key, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Key::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Key, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Key::Other("a mapping"))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

#[cfg(test)]
mod tests;
