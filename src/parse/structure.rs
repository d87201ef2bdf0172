//! Is a tree shaped as its type demands? Every finding of it, each with its place.
//!
//! The demands come from the JSON Schema that `schemars` generates from the domain's types, so that `relgate schema`,
//! an editor and `lint` say the same. Only the subset of JSON Schema that those types need is understood. What the
//! values mean to each other is `lint`'s matter.

mod text;
mod union;
mod words;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_json::{Map, Value as Json};

use super::node::{Entry, Node, Value, pointer_step};
use crate::domain::finding::{Finding, Place, Rule, Source};
use crate::domain::nearest::{listed, nearest};
use text::Patterns;
use union::Union;
use words::{branches, expected, found, is_of, quoted, resolve, takes, thing, types};

/// Checks `node`, the tree of `source`, against a schema that begins at `start` within `root`; `what` names the whole in
/// messages ("the policy").
///
/// A key without a value that the schema does not require is not filled in yet, which is no finding.
pub fn check(
    source: &Source,
    node: &Node,
    (root, start): (&Json, &Json),
    what: &str,
) -> Vec<Finding> {
    let mut checker = Checker {
        source,
        what,
        root,
        frames: vec![Frame {
            step: Step::Root,
            node,
        }],
        findings: Vec::new(),
        patterns: Patterns::default(),
        unions: HashMap::new(),
    };
    checker.value(start, node);
    let mut findings = checker.findings;
    findings.sort();
    findings.dedup();
    findings
}

/// A step on the way from the root to the value that is checked.
#[derive(Clone, Copy)]
struct Frame<'a> {
    step: Step<'a>,
    node: &'a Node,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    /// A key of a mapping; `named` when the key is a name that the author chose.
    Key {
        entry: &'a Entry,
        named: bool,
    },
    Index(usize),
}

struct Checker<'a> {
    source: &'a Source,
    what: &'a str,
    root: &'a Json,
    frames: Vec<Frame<'a>>,
    findings: Vec<Finding>,
    patterns: Patterns<'a>,
    /// The unions that were met so far, by where they stand in memory.
    unions: HashMap<*const Json, Rc<Union<'a>>>,
}

impl<'a> Checker<'a> {
    fn error(&self, rule: Rule, place: &Place, message: String) -> Finding {
        Finding::error(rule, &self.source.file, message).at(place)
    }

    /// The value that is checked, as messages name it.
    fn thing(&self) -> String {
        thing(self.what, &self.frames)
    }

    /// Where to point when the value that is checked is wrong as a whole.
    fn place(&self) -> Place {
        match self.frames.last() {
            Some(Frame {
                step: Step::Key { entry, .. },
                node,
            }) if matches!(node.value, Value::Null | Value::Seq(_) | Value::Map(_)) => {
                entry.key_place.clone()
            }
            Some(frame) => frame.node.pointer_place(),
            None => Place::of_span(&self.source.text, 0..0),
        }
    }

    fn enter(&mut self, step: Step<'a>, schema: &'a Json, node: &'a Node) {
        self.frames.push(Frame { step, node });
        self.value(schema, node);
        self.frames.pop();
    }

    fn value(&mut self, schema: &'a Json, node: &'a Node) {
        let Some(said) = schema.as_object() else {
            return;
        };
        if said.contains_key("$ref") {
            self.value_of(resolve(self.root, schema), node);
            // Most say nothing besides.
            let words = said.keys().any(|key| key != "$ref" && key != "description");
            if !words {
                return;
            }
        }
        self.value_of(schema, node);
    }

    /// As [`Self::value`], without following a `$ref` at the top.
    fn value_of(&mut self, schema: &'a Json, node: &'a Node) {
        // What a schema says is a few words: to look at each once is faster than to look for each of those known here.
        let (mut parts, mut union, mut word) = (None, false, false);
        for (key, said) in schema.as_object().into_iter().flatten() {
            match key.as_str() {
                "allOf" => parts = said.as_array(),
                "anyOf" | "oneOf" => union |= said.is_array(),
                "enum" | "const" => word = true,
                _ => {}
            }
        }
        for part in parts.into_iter().flatten() {
            self.value(part, node);
        }
        if union {
            self.alternatives(schema, node);
            return;
        }
        if word {
            self.word(schema, node);
            return;
        }
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|name| is_of(node, name)) {
            self.wrong_type(schema, node);
            return;
        }
        match &node.value {
            Value::Map(entries) => self.object(schema, node, entries),
            Value::Seq(elements) => self.array(schema, elements),
            Value::Str(text) => self.text(schema, text),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => self.number(schema, node),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn wrong_type(&mut self, schema: &Json, node: &Node) {
        let wanted = expected(self.root, schema);
        let place = self.place();
        let finding = self
            .error(
                Rule::WrongType,
                &place,
                format!(
                    "{}: expected {wanted}, found {}",
                    self.thing(),
                    found(self.source, node)
                ),
            )
            .label(format!("expected {wanted}"))
            .help_opt(self.type_help(schema, node));
        self.findings.push(finding);
    }

    /// What to write when only the writing is wrong: quotes around a number, a dash before a single element.
    fn type_help(&self, schema: &Json, node: &Node) -> Option<String> {
        let branches = branches(self.root, schema);
        let types: Vec<&str> = branches.iter().flat_map(|branch| types(branch)).collect();
        let duration = branches
            .iter()
            .any(|branch| branch.get("format").and_then(Json::as_str) == Some("duration"));
        match &node.value {
            Value::UInt(number) if duration => Some(format!(
                "a duration has a unit: {number}s, {number}m or {number}h"
            )),
            Value::Int(_) | Value::UInt(_) | Value::Float(_)
                if !duration && types.contains(&"string") =>
            {
                let written = words::written(self.source, node);
                Some(format!("quote it: \"{written}\""))
            }
            Value::Bool(value) if types.contains(&"string") => {
                Some(format!("quote it: \"{value}\""))
            }
            Value::Str(text) if types.contains(&"boolean") => {
                match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "y" | "true" => Some("did you mean true?".to_owned()),
                    "no" | "off" | "n" | "false" => Some("did you mean false?".to_owned()),
                    _ => None,
                }
            }
            Value::Str(text)
                if types.contains(&"integer") && text.trim().parse::<i64>().is_ok() =>
            {
                Some(format!("write it without quotes: {}", text.trim()))
            }
            Value::Str(text) if types.contains(&"array") && text.len() < 60 => {
                Some(format!("write it as a list: [{text}]"))
            }
            Value::Null if types.contains(&"object") => {
                Some("write {} if there is nothing to say".to_owned())
            }
            Value::Map(_) if types.contains(&"array") => {
                Some("write it as a list: each element begins with \"- \"".to_owned())
            }
            _ => None,
        }
    }

    /// A value that must be one of some words.
    fn word(&mut self, schema: &'a Json, node: &'a Node) {
        let json = node.to_json();
        let allowed = schema.get("const") == Some(&json)
            || schema
                .get("enum")
                .and_then(Json::as_array)
                .is_some_and(|all| all.contains(&json));
        if allowed {
            return;
        }
        let all = words::words(self.root, schema).unwrap_or_default();
        self.bad_word(schema, node, &all);
    }

    fn bad_word(&mut self, schema: &'a Json, node: &'a Node, all: &[&str]) {
        let wanted = expected(self.root, schema);
        let near = node
            .as_str()
            .and_then(|word| nearest(word, all.iter().copied()));
        let place = self.place();
        let finding = self
            .error(
                Rule::InvalidValue,
                &place,
                format!(
                    "{}: expected {wanted}, found {}",
                    self.thing(),
                    found(self.source, node)
                ),
            )
            .label(format!("expected {wanted}"))
            .help_opt(near.map(|word| format!("did you mean \"{word}\"?")));
        self.findings.push(finding);
    }

    /// A value that may be one of several things.
    fn alternatives(&mut self, schema: &'a Json, node: &'a Node) {
        let root = self.root;
        let union = self.unions.entry(std::ptr::from_ref(schema));
        let union = Rc::clone(union.or_insert_with(|| Rc::new(Union::of(root, schema))));
        if node.is_null() && union.nothing {
            return;
        }
        if let Some(words) = &union.words {
            if !node.as_str().is_some_and(|word| words.contains(&word)) {
                self.bad_word(schema, node, words);
            }
            return;
        }
        let candidates: Vec<&'a Json> = union
            .branches
            .iter()
            .copied()
            .filter(|branch| takes(root, branch, node))
            .collect();
        match candidates.as_slice() {
            [] => self.wrong_type(schema, node),
            [only] => self.value(only, node),
            several => {
                let trials: Vec<Vec<Finding>> = several
                    .iter()
                    .map(|branch| {
                        let before = self.findings.len();
                        self.value(branch, node);
                        self.findings.split_off(before)
                    })
                    .collect();
                if trials.iter().any(Vec::is_empty) {
                    return;
                }
                if node.as_str().is_some() {
                    self.no_alternative(schema, several, &trials, node);
                } else {
                    self.findings
                        .extend(trials.into_iter().min_by_key(Vec::len).unwrap_or_default());
                }
            }
        }
    }

    /// A text that is none of several kinds of text.
    fn no_alternative(
        &mut self,
        schema: &'a Json,
        several: &[&'a Json],
        trials: &[Vec<Finding>],
        node: &'a Node,
    ) {
        let text = node.as_str().unwrap_or_default();
        let all: Vec<&str> = several
            .iter()
            .filter_map(|branch| words::words(self.root, branch))
            .flatten()
            .collect();
        let near = nearest(text, all).map(|word| format!("did you mean \"{word}\"?"));
        let other = several
            .iter()
            .zip(trials)
            .find(|(branch, _)| words::words(self.root, branch).is_none())
            .and_then(|(_, findings)| findings.first()?.help.clone());
        let wanted = expected(self.root, schema);
        let place = self.place();
        let finding = self
            .error(
                Rule::InvalidValue,
                &place,
                format!(
                    "{}: expected {wanted}, found {}",
                    self.thing(),
                    quoted(text)
                ),
            )
            .label(format!("expected {wanted}"))
            .help_opt(near.or(other));
        self.findings.push(finding);
    }

    fn text(&mut self, schema: &'a Json, text: &str) {
        let Some(misfit) = text::misfit(schema, text, &mut self.patterns) else {
            return;
        };
        let thing = self.thing();
        let message = match misfit.message {
            Some(message) => format!("{thing}: {message}; expected {}", misfit.expected),
            None => format!(
                "{thing}: expected {}, found {}",
                misfit.expected,
                quoted(text)
            ),
        };
        let place = self.place();
        let finding = self
            .error(Rule::InvalidValue, &place, message)
            .label(format!("expected {}", misfit.expected))
            .help_opt(misfit.help);
        self.findings.push(finding);
    }

    fn number(&mut self, schema: &'a Json, node: &Node) {
        let value = match node.value {
            // Bounds are small: no bound of ours is beyond what a float holds exactly.
            Value::Int(value) => value as f64,
            Value::UInt(value) => value as f64,
            Value::Float(value) => value,
            _ => return,
        };
        let bound = |key: &str| schema.get(key).and_then(Json::as_f64);
        let outside = bound("minimum").is_some_and(|low| value < low)
            || bound("maximum").is_some_and(|high| value > high)
            || bound("exclusiveMinimum").is_some_and(|low| value <= low)
            || bound("exclusiveMaximum").is_some_and(|high| value >= high);
        if outside {
            self.wrong_type(schema, node);
        }
    }

    fn array(&mut self, schema: &'a Json, elements: &'a [Node]) {
        let bound = |key: &str| {
            schema
                .get(key)
                .and_then(Json::as_u64)
                .and_then(|bound| usize::try_from(bound).ok())
        };
        let place = self.place();
        if let Some(least) = bound("minItems").filter(|least| elements.len() < *least) {
            let needs = match least {
                1 => "at least one element".to_owned(),
                least => format!("at least {least} elements"),
            };
            let has = match elements.len() {
                0 => "an empty list".to_owned(),
                has => format!("a list of {has}"),
            };
            let finding = self
                .error(
                    Rule::InvalidValue,
                    &place,
                    format!("{}: expected {needs}, found {has}", self.thing()),
                )
                .label(format!("expected {needs}"));
            self.findings.push(finding);
        }
        if let Some(most) = bound("maxItems").filter(|most| elements.len() > *most) {
            let finding = self.error(
                Rule::InvalidValue,
                &place,
                format!(
                    "{}: expected at most {most} elements, found {}",
                    self.thing(),
                    elements.len()
                ),
            );
            self.findings.push(finding);
        }
        let unique = schema.get("uniqueItems") == Some(&Json::Bool(true));
        let mut seen = HashSet::new();
        for (index, element) in elements.iter().enumerate() {
            if let Some(items) = schema.get("items") {
                self.enter(Step::Index(index), items, element);
            }
            if unique && !seen.insert(element.to_json().to_string()) {
                let message = format!(
                    "{}: {} is listed twice",
                    self.thing(),
                    found(self.source, element)
                );
                let finding = self.error(Rule::ListedTwice, &element.pointer_place(), message);
                self.findings.push(finding);
            }
        }
    }

    fn object(&mut self, schema: &'a Json, node: &'a Node, entries: &'a [Entry]) {
        let properties = schema.get("properties").and_then(Json::as_object);
        let patterns = schema.get("patternProperties").and_then(Json::as_object);
        let additional = schema.get("additionalProperties");
        let closed = additional == Some(&Json::Bool(false));
        let mut guessed: Vec<&str> = Vec::new();
        // The known keys that are still free, once one is unknown.
        let mut free: Option<Vec<&str>> = None;
        for entry in entries {
            let key = entry.key.as_str();
            if let Some(of_key) = properties.and_then(|all| all.get(key)) {
                self.property(schema, of_key, entry);
                continue;
            }
            let by_pattern = patterns
                .into_iter()
                .flatten()
                .find(|(pattern, _)| self.patterns.fits(pattern, key));
            let by_name = by_pattern
                .map(|(_, schema)| schema)
                .or(additional.filter(|_| !closed));
            if let Some(of_key) = by_name {
                let step = Step::Key { entry, named: true };
                self.enter(step, of_key, &entry.value);
            } else if closed {
                match properties.filter(|all| !all.is_empty()) {
                    Some(all) => {
                        let free = free.get_or_insert_with(|| {
                            let keys = all.keys().map(String::as_str);
                            keys.filter(|key| node.get(key).is_none()).collect()
                        });
                        guessed.extend(self.unknown_key(all, free, entry));
                    }
                    None => self.bad_name(entry),
                }
            }
        }
        let least = schema.get("minProperties").and_then(Json::as_u64);
        if least.is_some_and(|least| (entries.len() as u64) < least) {
            let place = self.place();
            let message = format!(
                "{}: expected at least one entry, found an empty mapping",
                self.thing()
            );
            let finding = self.error(Rule::EmptyValue, &place, message);
            self.findings.push(finding);
        }
        self.required(schema, node, properties, &guessed);
    }

    /// A key that the schema knows.
    fn property(&mut self, schema: &'a Json, of_key: &'a Json, entry: &'a Entry) {
        if entry.value.is_null() && !is_required(schema, &entry.key) {
            // Not filled in yet.
            return;
        }
        let step = Step::Key {
            entry,
            named: false,
        };
        self.enter(step, of_key, &entry.value);
    }

    /// Reports a key that the schema does not know, suggesting a `free` one first; returns the key that was probably meant.
    fn unknown_key(
        &mut self,
        properties: &'a Map<String, Json>,
        free: &[&'a str],
        entry: &Entry,
    ) -> Option<&'a str> {
        let near = nearest(&entry.key, free.iter().copied())
            .or_else(|| nearest(&entry.key, properties.keys().map(String::as_str)));
        let below = properties.iter().find(|(_, schema)| {
            branches(self.root, schema).iter().any(|branch| {
                branch
                    .pointer(&format!("/properties{}", pointer_step(&entry.key)))
                    .is_some()
            })
        });
        let help = match (near, below) {
            (Some(near), _) => format!("did you mean \"{near}\"?"),
            (None, Some((above, _))) => format!("\"{}\" belongs under \"{above}\"", entry.key),
            (None, None) => {
                let all: Vec<&str> = properties.keys().map(String::as_str).collect();
                let keys = if free.is_empty() { &all } else { free };
                format!("valid keys: {}", listed(keys))
            }
        };
        let message = format!("unknown key {} in {}", quoted(&entry.key), self.thing());
        let finding = self
            .error(Rule::UnknownKey, &entry.key_place, message)
            .label("unknown key")
            .help(help);
        self.findings.push(finding);
        near
    }

    /// Reports a key that cannot be the name it stands for.
    fn bad_name(&mut self, entry: &Entry) {
        let wanted =
            "a name of letters, digits, \"-\", \"_\" and \".\", beginning with a letter or a digit";
        let message = format!(
            "{}: {} cannot be a key; expected {wanted}",
            self.thing(),
            quoted(&entry.key)
        );
        let finding = self
            .error(Rule::InvalidName, &entry.key_place, message)
            .label("expected a name");
        self.findings.push(finding);
    }

    fn required(
        &mut self,
        schema: &'a Json,
        node: &Node,
        properties: Option<&'a Map<String, Json>>,
        guessed: &[&str],
    ) {
        let required = schema.get("required").and_then(Json::as_array);
        for key in required.into_iter().flatten().filter_map(Json::as_str) {
            // A misspelt key is reported once, as unknown. One without a value was reported as such.
            if node.entry(key).is_some() || guessed.contains(&key) {
                continue;
            }
            let of_key = properties.and_then(|all| all.get(key));
            let wanted = of_key.map_or_else(
                || "a value".to_owned(),
                |schema| expected(self.root, schema),
            );
            let purpose = of_key
                .and_then(|schema| schema.get("description"))
                .and_then(Json::as_str)
                .map(|text| {
                    let first = text.lines().next().unwrap_or_default();
                    format!("{key}: {first}")
                });
            let message = format!(
                "missing key \"{key}\" in {}; expected {wanted}",
                self.thing()
            );
            let place = self.place();
            let finding = self
                .error(Rule::MissingKey, &place, message)
                .label(format!("\"{key}\" is missing"))
                .help_opt(purpose);
            self.findings.push(finding);
        }
    }
}

fn is_required(schema: &Json, key: &str) -> bool {
    schema
        .get("required")
        .and_then(Json::as_array)
        .is_some_and(|all| all.iter().any(|one| one.as_str() == Some(key)))
}

#[cfg(test)]
mod tests;
