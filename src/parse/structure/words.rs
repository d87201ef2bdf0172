//! How values, schemas and the things of a file are named in messages.

use serde_json::Value as Json;

use super::{Frame, Step};
use crate::domain::finding::Source;
use crate::parse::node::{Node, Value};

/// The target of a `$ref` within `root`, or the schema itself.
pub(super) fn resolve<'a>(root: &'a Json, schema: &'a Json) -> &'a Json {
    let mut schema = schema;
    // A chain longer than this is a circle.
    for _ in 0..16 {
        match schema.get("$ref").and_then(Json::as_str) {
            Some(reference) => match target(root, reference) {
                Some(target) => schema = target,
                None => break,
            },
            None => break,
        }
    }
    schema
}

fn target<'a>(root: &'a Json, reference: &str) -> Option<&'a Json> {
    match reference.strip_prefix("#/$defs/") {
        // As almost every reference is.
        Some(name) if !name.contains(['/', '~']) => root.get("$defs")?.get(name),
        _ => root.pointer(reference.trim_start_matches('#')),
    }
}

/// The alternatives of a schema with `$ref`s and nested unions opened; the schema itself if it is no union.
pub(super) fn branches<'a>(root: &'a Json, schema: &'a Json) -> Vec<&'a Json> {
    let schema = resolve(root, schema);
    match union(schema) {
        Some(union) => union.iter().flat_map(|one| branches(root, one)).collect(),
        None => vec![schema],
    }
}

pub(super) fn union(schema: &Json) -> Option<&Vec<Json>> {
    schema
        .get("anyOf")
        .or_else(|| schema.get("oneOf"))
        .and_then(Json::as_array)
}

/// The words that a schema allows, if it is an enumeration of text (or nothing).
pub(super) fn words<'a>(root: &'a Json, schema: &'a Json) -> Option<Vec<&'a str>> {
    let mut all = Vec::new();
    for branch in branches(root, schema) {
        if let Some(word) = branch.get("const") {
            all.extend(word.as_str());
        } else if let Some(words) = branch.get("enum").and_then(Json::as_array) {
            all.extend(words.iter().filter_map(Json::as_str));
        } else if !is_null_only(branch) {
            return None;
        }
    }
    (!all.is_empty()).then_some(all)
}

pub(super) fn is_null_only(schema: &Json) -> bool {
    schema.get("type").and_then(Json::as_str) == Some("null")
        || schema.get("const").is_some_and(Json::is_null)
}

/// The types that a schema names; none means any.
pub(super) fn types(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(several)) => several.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether a value's type alone is one that the schema takes.
pub(super) fn takes(root: &Json, schema: &Json, node: &Node) -> bool {
    branches(root, schema).into_iter().any(|branch| {
        if branch.get("const").is_some_and(Json::is_string) || branch.get("enum").is_some() {
            return node.as_str().is_some();
        }
        let types = types(branch);
        types.is_empty() || types.iter().any(|name| is_of(node, name))
    })
}

/// Whether a value is of a JSON Schema type.
pub(super) fn is_of(node: &Node, name: &str) -> bool {
    match &node.value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Int(_) | Value::UInt(_) => name == "integer" || name == "number",
        Value::Float(_) => name == "number",
        Value::Str(_) => name == "string",
        Value::Seq(_) => name == "array",
        Value::Map(_) => name == "object",
    }
}

/// What a schema expects, as a noun phrase.
pub(super) fn expected(root: &Json, schema: &Json) -> String {
    if let Some(text) = schema.get("x-expected").and_then(Json::as_str) {
        return text.to_owned();
    }
    let schema = resolve(root, schema);
    if let Some(text) = schema.get("x-expected").and_then(Json::as_str) {
        return text.to_owned();
    }
    if let Some(words) = words(root, schema) {
        return one_of(&words);
    }
    if union(schema).is_some() {
        let mut parts: Vec<String> = Vec::new();
        for branch in branches(root, schema) {
            let part = expected(root, branch);
            if !is_null_only(branch) && !parts.contains(&part) {
                parts.push(part);
            }
        }
        return parts.join(" or ");
    }
    if let Some(text) = schema
        .get("format")
        .and_then(Json::as_str)
        .and_then(super::text::expected_format)
    {
        return text.to_owned();
    }
    let named: Vec<String> = types(schema)
        .into_iter()
        .filter(|name| *name != "null")
        .map(|name| match name {
            "string" => "text".to_owned(),
            "integer" => number("a whole number", schema),
            "number" => number("a number", schema),
            "boolean" => "true or false".to_owned(),
            "array" => "a list".to_owned(),
            "object" => "a mapping".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    if named.is_empty() {
        "a value".to_owned()
    } else {
        named.join(" or ")
    }
}

fn number(what: &str, schema: &Json) -> String {
    let bound = |key: &str| schema.get(key).filter(|bound| bound.is_number());
    match (bound("minimum"), bound("maximum")) {
        (Some(low), Some(high)) if low == high => low.to_string(),
        (Some(low), Some(high)) => format!("{what} from {low} to {high}"),
        (Some(low), None) => format!("{what} from {low}"),
        (None, Some(high)) => format!("{what} up to {high}"),
        (None, None) => what.to_owned(),
    }
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "a word".to_owned(),
    }
}

/// What a value is, as a noun phrase.
pub(super) fn found(source: &Source, node: &Node) -> String {
    match &node.value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            format!("the number {}", written(source, node))
        }
        Value::Str(text) => quoted(text),
        Value::Seq(elements) if elements.is_empty() => "an empty list".to_owned(),
        Value::Seq(_) => "a list".to_owned(),
        Value::Map(entries) if entries.is_empty() => "an empty mapping".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
    }
}

/// A number as it stands in the file, every digit of it: a digest may have digits alone.
pub(super) fn written(source: &Source, node: &Node) -> String {
    const MOST: usize = 200;
    let raw = source.text.get(node.place.span.clone()).unwrap_or_default();
    let raw = raw.trim();
    if raw.is_empty() || raw.len() > MOST || raw.contains(char::is_whitespace) {
        node.to_json().to_string()
    } else {
        raw.to_owned()
    }
}

/// A text in quotes, on one line, cut when it is long.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    let line: String = text
        .chars()
        .take(MOST + 1)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.chars().count() > MOST {
        let cut: String = line.chars().take(MOST).collect();
        format!("\"{}…\"", cut.trim_end())
    } else {
        format!("\"{line}\"")
    }
}

/// One of a plural: `probe` of `probes`.
pub(super) fn singular(plural: &str) -> String {
    match plural {
        "people" => "person".to_owned(),
        "machines" => "machine".to_owned(),
        "plan" => "step".to_owned(),
        "verify" => "probe".to_owned(),
        "checklist" => "item".to_owned(),
        "after" | "distinct_from" => "gate".to_owned(),
        "argv" => "argument".to_owned(),
        _ => {
            if let Some(stem) = plural.strip_suffix("ies") {
                format!("{stem}y")
            } else if let Some(stem) = plural.strip_suffix("ses") {
                format!("{stem}s")
            } else {
                plural.strip_suffix('s').unwrap_or(plural).to_owned()
            }
        }
    }
}

/// The innermost thing of a trail, named by its id and, where it has none, by what it belongs to:
/// `probe "home-page"`, `"expect" of "http" of probe "home-page"`.
pub(super) fn thing(what: &str, frames: &[Frame<'_>]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut above = frames.len();
    while let Some((frame, rest)) = frames[..above].split_last() {
        above = rest.len();
        let list = match rest.last().map(|frame| frame.step) {
            Some(Step::Key { entry, .. }) => Some(entry.key.as_str()),
            _ => None,
        };
        // Far down in a huge mapping a name helps nobody, and looking for it at every finding would take long.
        let first = &frame.node.entries()[..frame.node.entries().len().min(64)];
        let own_name = ["id", "name"]
            .iter()
            .find_map(|key| first.iter().find(|entry| entry.key == *key)?.value.as_str())
            .filter(|name| !name.is_empty());
        match (frame.step, own_name) {
            (Step::Root, _) => {
                if parts.is_empty() {
                    parts.push(what.to_owned());
                }
            }
            (Step::Index(_), Some(name)) => {
                let kind = list.map_or_else(|| "element".to_owned(), singular);
                parts.push(format!("{kind} {}", quoted(name)));
                break;
            }
            (Step::Index(number), None) => {
                let kind = list
                    .map(singular)
                    .filter(|kind| Some(kind.as_str()) != list);
                // "gate 2" says of which list it is the second.
                above -= usize::from(kind.is_some());
                let kind = kind.unwrap_or_else(|| "element".to_owned());
                parts.push(format!("{kind} {}", number + 1));
            }
            (Step::Key { entry, named: true }, _) => {
                let kind = list.map_or_else(|| "entry".to_owned(), singular);
                parts.push(format!("{kind} {}", quoted(&entry.key)));
                break;
            }
            (Step::Key { entry, .. }, Some(name)) => {
                parts.push(format!("{} {}", entry.key, quoted(name)));
                break;
            }
            (Step::Key { entry, .. }, None) => parts.push(format!("\"{}\"", entry.key)),
        }
    }
    parts.join(" of ")
}
