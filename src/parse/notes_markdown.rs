//! `release-notes.md` -> the same tree that `release-notes.yaml` gives.
//!
//! YAML front matter between two lines of `---`, then prose. Known headings fill fields with every block that stands
//! below them; the headings of Keep a Changelog (1.1.0) add to `changes`. What stands below no such heading is for people
//! alone. What the fields should be is `structure`'s matter.

mod headings;
mod outline;
mod sections;

use std::ops::Range;

use super::node::{Entry, Node, Value};
use super::yaml;
use crate::domain::finding::{Finding, Lines, Place, Rule, Source};
use headings::Field;
use outline::Text;
use sections::{LooksLike, Section, sections};

/// Reads release notes in Markdown into one mapping: the front matter's keys, then the fields that prose fills.
///
/// # Errors
/// Every finding that keeps the notes from having one meaning: no front matter, malformed YAML, a field that both the
/// front matter and the prose fill, a heading twice.
pub fn parse(source: &Source) -> Result<Node, Vec<Finding>> {
    let parts = split(source)?;
    let mut findings = Vec::new();
    let root = match yaml::parse_part(source, parts.front.clone()) {
        Ok(node) => Some(node),
        Err(found) => {
            findings = found;
            None
        }
    };
    let place = Place::of_span(&source.text, parts.front.start..parts.front.start);
    let mut entries = match root.map(|node| node.value) {
        Some(Value::Map(entries)) => entries,
        Some(Value::Null) | None => Vec::new(),
        Some(_) => {
            findings.push(
                Finding::error(
                    Rule::FrontMatter,
                    &source.file,
                    "the front matter is not a mapping of keys",
                )
                .at(&place)
                .help("write \"key: value\" lines, such as \"release: 2.4.0\""),
            );
            Vec::new()
        }
    };
    let release = entries
        .iter()
        .find(|entry| entry.key == "release")
        .and_then(|entry| entry.value.as_str());
    let prose = sections(&source.text, parts.prose, release);
    let others = prose.elsewhere.zip(release.map(str::to_owned));
    let lines = Lines::new(&source.text);
    let filled = fields(source, &lines, &entries, &prose.sections, &mut findings);
    // A key of the front matter without a value gives way to the prose.
    entries.retain(|entry| filled.iter().all(|other| other.key != entry.key));
    entries.extend(filled);
    let changes = entries.iter().find(|entry| entry.key == "changes");
    if let Some(((heading, version), release)) = others
        && changes.is_none_or(|entry| entry.value.is_null())
    {
        findings.push(
            Finding::error(
                Rule::ChangelogVersion,
                &source.file,
                format!("the changes below this heading are those of {version}, not of {release}"),
            )
            .at(&Place::of_span(&source.text, heading))
            .help(format!("write them below \"## [{release}]\"")),
        );
    }
    if findings.is_empty() {
        Ok(Node {
            value: Value::Map(entries),
            place,
        })
    } else {
        Err(findings)
    }
}

/// A warning for each heading of the prose that fills no field, and that was most probably meant to.
pub fn near_misses(source: &Source, release: &str) -> Vec<Finding> {
    let Ok(parts) = split(source) else {
        return Vec::new();
    };
    let lines = Lines::new(&source.text);
    let near = sections(&source.text, parts.prose, Some(release)).near;
    near.into_iter()
        .map(|near| {
            let what = match near.is {
                LooksLike::Heading => "the heading",
                LooksLike::Bold => "the line in bold letters",
                LooksLike::Html => "the heading in HTML",
            };
            let text = near.text;
            Finding::warning(
                Rule::HeadingIgnored,
                &source.file,
                format!(
                    "{what} {text:?} fills no field; expected \"{}\"",
                    near.meant
                ),
            )
            .at(&lines.place(near.span))
            .label("fills no field")
            .help(format!(
                "make it a heading \"{}\", so that what stands below it is signed",
                near.meant
            ))
        })
        .collect()
}

struct Parts {
    front: Range<usize>,
    prose: Range<usize>,
}

/// Finds the front matter.
fn split(source: &Source) -> Result<Parts, Vec<Finding>> {
    let text = &source.text;
    let file = &source.file;
    let start = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let mut lines = text[start..]
        .split_inclusive('\n')
        .scan(start, |end, line| {
            let begin = *end;
            *end += line.len();
            Some((begin..*end, line.trim_end()))
        });
    let opening = match lines.next() {
        Some((range, "---")) => range,
        _ => {
            return Err(vec![Finding::error(Rule::FrontMatter,
                file,
                "the release notes do not begin with front matter",
            )
            .at(&Place::of_span(text, start..start))
            .label("expected a line of ---")
            .help(
                "begin with a line of ---, then YAML such as \"release: 2.4.0\", then another line of ---",
            )]);
        }
    };
    match lines.find(|(_, line)| *line == "---") {
        Some((closing, _)) => Ok(Parts {
            front: opening.end..closing.start,
            prose: closing.end..text.len(),
        }),
        None => Err(vec![
            Finding::error(
                Rule::FrontMatter,
                file,
                "the front matter that begins here is never closed",
            )
            .at(&Place::of_span(text, opening.start..opening.start + 3))
            .label("no second line of ---")
            .help("end the YAML with a line of ---"),
        ]),
    }
}

/// The entries that the sections of the prose are, each field once; `front` are those of the front matter.
fn fields(
    source: &Source,
    lines: &Lines<'_>,
    front: &[Entry],
    prose: &[Section],
    findings: &mut Vec<Finding>,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for section in prose {
        let key_place = lines.place(section.heading.clone());
        if section.content.is_empty() && !section.answered {
            continue;
        }
        let key = section.field.key();
        let in_front = front
            .iter()
            .find(|entry| entry.key == key && !entry.value.is_null());
        if let Some(entry) = in_front {
            let line = entry.key_place.at.line;
            findings.push(
                Finding::error(Rule::FieldTwice,
                    &source.file,
                    format!(
                        "the field \"{key}\" is filled twice: here and in the front matter on line {line}"
                    ),
                )
                .at(&key_place)
                .label(format!("also on line {line}"))
                .help("keep one of the two"),
            );
            continue;
        }
        match entries.iter_mut().find(|entry| entry.key == key) {
            None => entries.push(Entry {
                key: key.to_owned(),
                value: value(lines, section, &key_place),
                key_place,
            }),
            Some(first) if section.adds => {
                if let Value::Seq(elements) = &mut first.value.value {
                    elements.extend(section.content.iter().map(|text| element(lines, text)));
                }
            }
            Some(first) => findings.push(
                Finding::error(
                    Rule::FieldTwice,
                    &source.file,
                    format!(
                        "a second heading for \"{key}\"; the first is on line {}",
                        first.key_place.at.line
                    ),
                )
                .at(&key_place)
                .help("bring both together under one heading"),
            ),
        }
    }
    entries
}

fn value(lines: &Lines<'_>, section: &Section, heading: &Place) -> Node {
    let mut texts = section.content.iter().map(|text| element(lines, text));
    let nothing = || Node {
        value: Value::Null,
        place: heading.clone(),
    };
    if section.field == Field::Summary {
        return texts.next().unwrap_or_else(nothing);
    }
    let elements: Vec<Node> = texts.collect();
    Node {
        place: elements
            .first()
            .map_or_else(|| heading.clone(), |first| first.place.clone()),
        value: Value::Seq(elements),
    }
}

fn element(lines: &Lines<'_>, text: &Text) -> Node {
    Node {
        value: Value::Str(text.text.clone()),
        place: lines.place(text.span.clone()),
    }
}

#[cfg(test)]
mod tests;
