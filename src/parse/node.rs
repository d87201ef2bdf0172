//! The tree that a file is read into: values, each with the place it stands at.
//!
//! Findings about a value are made long after it was read; a tree answers for any path where its key and its value
//! stand. How text becomes a tree is `yaml`'s and `notes_markdown`'s matter.

use crate::domain::finding::Place;

/// A value of a file and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it begins. The span of a scalar covers its text as written; that of a list or mapping only its beginning.
    pub place: Place,
}

/// What a [`Node`] holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: `key:`, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number below zero.
    Int(i64),
    /// A whole number from zero.
    UInt(u64),
    /// Any other finite number.
    Float(f64),
    /// Text.
    Str(String),
    /// A list.
    Seq(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_place: Place,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The value of `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of `key`, if this is a mapping that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a mapping; none of anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list; none of anything else.
    pub fn elements(&self) -> &[Node] {
        match &self.value {
            Value::Seq(elements) => elements,
            _ => &[],
        }
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// True if nothing is written here.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The node at a JSON Pointer (RFC 6901): `""` is this one, `/gates/0/id` the first gate's id.
    pub fn at(&self, path: &str) -> Option<&Node> {
        self.walk(path).map(|(node, _)| node)
    }

    /// Where the key that leads to `path` stands; for a list's element and for the root, where the value stands.
    pub fn key_position(&self, path: &str) -> Option<Place> {
        self.walk(path)
            .map(|(node, key)| key.unwrap_or(&node.place).clone())
    }

    /// Where the value at `path` stands.
    pub fn value_position(&self, path: &str) -> Option<Place> {
        self.at(path).map(|node| node.place.clone())
    }

    /// Where to point when something at `path` is wrong or missing: the value, or the key if the value is a container
    /// or absent, or the nearest thing above that exists.
    pub fn nearest_position(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some((node, key)) = self.walk(path) {
                let scalar = !matches!(node.value, Value::Null | Value::Seq(_) | Value::Map(_));
                return match key {
                    Some(key) if !scalar => key.clone(),
                    _ => node.pointer_place(),
                };
            }
            path = path.rfind('/').map_or("", |cut| &path[..cut]);
        }
    }

    /// The part of this value worth underlining: a mapping's first key, everything else as it is.
    pub(crate) fn pointer_place(&self) -> Place {
        match self.entries().first() {
            // Keys that came through an alias or a merge stand elsewhere.
            Some(first) if first.key_place.span.start >= self.place.span.start => {
                first.key_place.clone()
            }
            _ => self.place.clone(),
        }
    }

    fn walk(&self, path: &str) -> Option<(&Node, Option<&Place>)> {
        let mut node = self;
        let mut key = None;
        if path.is_empty() {
            return Some((node, key));
        }
        for step in path.strip_prefix('/')?.split('/') {
            (node, key) = match &node.value {
                Value::Seq(elements) => (elements.get(step.parse::<usize>().ok()?)?, None),
                Value::Map(_) => {
                    let entry = if step.contains('~') {
                        node.entry(&step.replace("~1", "/").replace("~0", "~"))?
                    } else {
                        node.entry(step)?
                    };
                    (&entry.value, Some(&entry.key_place))
                }
                _ => return None,
            };
        }
        Some((node, key))
    }

    /// The same value as JSON, without places.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::from(*value),
            Value::UInt(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::Str(value) => Json::String(value.clone()),
            Value::Seq(elements) => elements.iter().map(Node::to_json).collect(),
            Value::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect(),
            ),
        }
    }
}

/// A step of a JSON Pointer for `key`, with its separator: `/a~1b` for `a/b`.
pub(crate) fn pointer_step(key: &str) -> String {
    if key.contains(['~', '/']) {
        format!("/{}", key.replace('~', "~0").replace('/', "~1"))
    } else {
        format!("/{key}")
    }
}
