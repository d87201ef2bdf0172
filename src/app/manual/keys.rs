//! Every key of a team's files, as Markdown: made from the JSON Schemas, whose texts are the doc comments of the types.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use crate::parse::schema::{Kind, schema};

/// The tables of the reference by their names.
pub fn tables() -> Vec<(&'static str, String)> {
    let notes = &schema(Kind::Notes);
    vec![
        ("policy", file(Kind::Policy, &[])),
        ("release notes", file(Kind::Notes, &["Item"])),
        ("checklist", file(Kind::Checklist, &[])),
        ("probes", {
            let names = in_probes(notes);
            let tables: Vec<String> = names.iter().map(|name| object(notes, name)).collect();
            tables.join("\n")
        }),
    ]
}

/// A probe, and every mapping in it, in their order.
fn in_probes(root: &Json) -> Vec<String> {
    let mut names = Vec::new();
    let mut left = vec!["Probe".to_owned()];
    while !left.is_empty() {
        let name = left.remove(0);
        let inner = objects_in(root, &root["$defs"][&name]);
        if !names.contains(&name) {
            names.push(name);
            left.splice(0..0, inner);
        }
    }
    names
}

/// The table of a file, and of everything in it but probes and what is described `elsewhere`.
fn file(kind: Kind, elsewhere: &[&str]) -> String {
    let root = &schema(kind);
    let mut text = table(root, root);
    let mut told: BTreeSet<String> = in_probes(root).into_iter().collect();
    told.extend(elsewhere.iter().map(ToString::to_string));
    let mut left = objects_in(root, root);
    while !left.is_empty() {
        let name = left.remove(0);
        if told.insert(name.clone()) {
            text.push('\n');
            text.push_str(&object(root, &name));
            let inner = objects_in(root, &root["$defs"][&name]);
            left.splice(0..0, inner);
        }
    }
    text
}

fn object(root: &Json, name: &str) -> String {
    let definition = &root["$defs"][name];
    let about = definition["description"].as_str().unwrap_or_default();
    format!(
        "## {}\n\n{}\n\n{}",
        spoken(name),
        one_line(about),
        table(root, definition)
    )
}

fn table(root: &Json, definition: &Json) -> String {
    let none = Map::new();
    let properties = definition["properties"].as_object().unwrap_or(&none);
    let mut text = String::from("| key | value | |\n| --- | --- | --- |\n");
    for key in sorted(definition, properties) {
        let property = &properties[key];
        let about = one_line(property["description"].as_str().unwrap_or_default());
        let must = if is_required(definition, key) {
            " (required)"
        } else {
            ""
        };
        text.push_str(&format!(
            "| `{key}`{must} | {} | {about} |\n",
            value(root, property)
        ));
    }
    text
}

/// What a value is, in words.
fn value(root: &Json, schema: &Json) -> String {
    if let Some(name) = reference(schema) {
        let definition = &root["$defs"][name];
        if definition["properties"].is_object() {
            return format!("[{0}](#{1})", spoken(name), spoken(name).replace(' ', "-"));
        }
        if ["Duration", "Latency", "Sha256"].contains(&name)
            || name.ends_with("Name")
            || name.ends_with("Id")
        {
            return spoken(name);
        }
        return value(root, definition);
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words
            .iter()
            .filter_map(Json::as_str)
            .map(|it| format!("`{it}`"));
        return words.collect::<Vec<_>>().join(", ");
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(branches) = schema[key].as_array() {
            let mut all: Vec<String> = Vec::new();
            for branch in branches.iter().filter(|it| it["type"] != "null") {
                let one = value(root, branch);
                match all.last_mut() {
                    // One of something, or a list of the same.
                    Some(last) if one == format!("list of {last}") => last.push_str(", or a list"),
                    _ => all.push(one),
                }
            }
            let separator = if all.iter().all(|it| it.starts_with('`')) {
                ", "
            } else {
                " or "
            };
            return all.join(separator);
        }
    }
    if schema["items"].is_object() {
        return format!("list of {}", value(root, &schema["items"]));
    }
    if let Some(patterns) = schema["patternProperties"].as_object() {
        let of = patterns
            .values()
            .map(|it| value(root, it))
            .collect::<String>();
        return format!("by name: {of}");
    }
    if schema["additionalProperties"].is_object() {
        return format!("by name: {}", value(root, &schema["additionalProperties"]));
    }
    let name = match &schema["type"] {
        Json::Array(all) => all.iter().filter_map(Json::as_str).find(|it| *it != "null"),
        one => one.as_str(),
    };
    let range = match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(least), Some(most)) if least == most => format!(" {least}"),
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" from {least}"),
        _ => String::new(),
    };
    match (name.unwrap_or("anything"), schema["format"].as_str()) {
        ("string", Some("date-time")) => "date and time".to_owned(),
        ("string", Some("date")) => "date".to_owned(),
        ("string", Some("regex")) => "regular expression".to_owned(),
        ("string", Some("variable")) => "variable".to_owned(),
        ("string", Some("time-zone")) => "time zone".to_owned(),
        ("string", _) => "text".to_owned(),
        ("integer", _) => format!("number{range}"),
        ("boolean", _) => "`true` or `false`".to_owned(),
        (other, _) => other.to_owned(),
    }
}

fn reference(schema: &Json) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// The names of the mappings that a value consists of, in their order.
fn objects_in(root: &Json, schema: &Json) -> Vec<String> {
    let mut names = Vec::new();
    match schema {
        Json::Object(map) => {
            if let Some(name) = reference(schema) {
                let definition = &root["$defs"][name];
                if definition["properties"].is_object() {
                    names.push(name.to_owned());
                } else {
                    names.extend(objects_in(root, definition));
                }
            }
            let inner = map.iter().filter(|(key, _)| *key != "$defs");
            names.extend(inner.flat_map(|(_, value)| objects_in(root, value)));
        }
        Json::Array(list) => names.extend(list.iter().flat_map(|it| objects_in(root, it))),
        _ => {}
    }
    names
}

/// `FollowUp` is a `follow up`.
fn spoken(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

fn is_required(definition: &Json, key: &str) -> bool {
    let all = definition["required"].as_array();
    all.is_some_and(|all| all.iter().any(|it| it == key))
}

/// The keys, the required ones first.
fn sorted<'a>(definition: &Json, properties: &'a Map<String, Json>) -> Vec<&'a String> {
    let mut keys: Vec<&String> = properties.keys().collect();
    keys.sort_by_key(|key| (!is_required(definition, key), key.as_str()));
    keys
}

/// A mapping of a file: its name, what it is, and its keys.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// As it is typed: `probe`, `http-probe`, `policy`.
    pub name: String,
    /// What it is.
    pub about: String,
    /// The page of the reference that shows it.
    pub page: &'static str,
    /// Its keys, the required ones first.
    pub keys: Vec<Key>,
}

/// A key of a mapping.
#[derive(Clone, Debug)]
pub struct Key {
    /// As it is written.
    pub name: String,
    /// What its value is, in words.
    pub value: String,
    /// What it does.
    pub about: String,
    /// Whether it must be given.
    pub required: bool,
    /// The mapping that its value is, or is made of.
    pub leads_to: Option<String>,
}

/// Every mapping of every file: the files first.
pub fn mappings() -> Vec<Mapping> {
    let mut all: Vec<Mapping> = Vec::new();
    let probes: BTreeSet<String> = in_probes(&schema(Kind::Notes)).into_iter().collect();
    for kind in Kind::ALL {
        let root = &schema(kind);
        let about = format!("The keys of {}.", kind.thing());
        all.push(mapping(root, root, (kind.word(), about), kind.word()));
    }
    for kind in Kind::ALL {
        let root = &schema(kind);
        let none = Map::new();
        for (name, definition) in root["$defs"].as_object().unwrap_or(&none) {
            let typed = typed(name);
            if !definition["properties"].is_object() || all.iter().any(|it| it.name == typed) {
                continue;
            }
            let page = if probes.contains(name) {
                "probe-keys"
            } else {
                kind.word()
            };
            let about = one_line(definition["description"].as_str().unwrap_or_default());
            all.push(mapping(root, definition, (&typed, about), page));
        }
    }
    all
}

fn mapping(
    root: &Json,
    definition: &Json,
    (name, about): (&str, String),
    page: &'static str,
) -> Mapping {
    let none = Map::new();
    let properties = definition["properties"].as_object().unwrap_or(&none);
    let keys = sorted(definition, properties).into_iter().map(|key| {
        let property = &properties[key];
        Key {
            name: key.clone(),
            value: value(root, property),
            about: one_line(property["description"].as_str().unwrap_or_default()),
            required: is_required(definition, key),
            leads_to: objects_in(root, property).first().map(|it| typed(it)),
        }
    });
    Mapping {
        name: name.to_owned(),
        about,
        page,
        keys: keys.collect(),
    }
}

/// `HttpProbe` is typed `http-probe`.
fn typed(name: &str) -> String {
    spoken(name).replace(' ', "-")
}
