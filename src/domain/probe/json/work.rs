//! How much work it is to hold a document against a JSON Schema: reckoned before it is done.
//!
//! The library that validates cannot be stopped, and a schema that refers to itself can double its work with every level
//! of a document that somebody else sends. The walk here takes the same ways as a validator that never stops early, but
//! each pair of a schema and a value once, and adds up what the validator would do.

use std::collections::{BTreeMap, HashMap};

use crate::domain::probe::pattern::{Budget, Pattern};
use serde_json::{Map, Value};

/// More steps than these are not taken, however large the document is. One takes well below a microsecond.
const MOST_STEPS: u64 = 10_000_000;

/// So many steps are taken however often they repeat each other. A validator that finds a fault takes them once more for
/// every level of it, to say where it is.
const MOST_REPEATED: u64 = 200_000;

/// More are taken where they are about so much: each pair of a schema and a value not more often than this, on average.
const OFTEN: u64 = 32;

/// References that lead on without end use up the stack; what is nested deeper than this is too much.
const DEEPEST: usize = 500;

/// What a value is worth that is held against a schema which is not here: one of the specification's own.
const ELSEWHERE: u64 = 500;

/// So many states of a pattern are gone through with each byte in the time of one step.
const STATES_A_STEP: u64 = 128;

/// As many states has a pattern that is read differently here.
const UNKNOWN_STATES: u64 = 10_000;

/// Stands for the name of a member.
static NAME: Value = Value::Null;

/// Keywords whose schema, or schemas, are held against the same value.
const SAME_VALUE: [&str; 9] = [
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependencies",
];

/// Whether `value` can be held against `schema` within bounds.
pub fn is_bounded(schema: &Value, value: &Value) -> bool {
    let mut walk = Walk {
        root: schema,
        named: BTreeMap::new(),
        known: HashMap::new(),
        patterns: HashMap::new(),
        taken: 0,
        looked: 0,
    };
    walk.name(schema, 0);
    let cost = walk.cost(schema, value, 0);
    let repeats = cost > walk.taken.saturating_mul(OFTEN);
    cost <= MOST_REPEATED || (cost <= MOST_STEPS && !repeats)
}

struct Walk<'a> {
    root: &'a Value,
    /// The schemas that have a name, by it: `$id`, `$anchor`, `$dynamicAnchor`.
    named: BTreeMap<&'a str, Vec<&'a Value>>,
    /// What a schema that was referred to comes to for a value, by their places in memory; none while it is reckoned.
    known: HashMap<(*const Value, *const Value), Option<u64>>,
    /// The patterns, by their texts; none for one that is read differently here.
    patterns: HashMap<&'a str, Option<Pattern>>,
    taken: u64,
    /// Schemas that were looked through for the patterns of names.
    looked: u64,
}

impl<'a> Walk<'a> {
    fn name(&mut self, schema: &'a Value, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        match schema {
            Value::Object(map) => {
                for key in ["$id", "id", "$anchor", "$dynamicAnchor"] {
                    if let Some(Value::String(name)) = map.get(key) {
                        let name = name.trim_start_matches('#');
                        self.named.entry(name).or_default().push(schema);
                    }
                }
                for inner in map.values() {
                    self.name(inner, depth + 1);
                }
            }
            Value::Array(list) => {
                for inner in list {
                    self.name(inner, depth + 1);
                }
            }
            _ => {}
        }
    }

    fn cost(&mut self, schema: &'a Value, value: &'a Value, depth: usize) -> u64 {
        self.taken += 1;
        if self.taken > MOST_STEPS || depth > DEEPEST {
            return u64::MAX;
        }
        let Value::Object(map) = schema else {
            return 1;
        };
        let depth = depth + 1;
        let mut same = 0u64;
        for key in SAME_VALUE {
            let cost = match map.get(key) {
                None => 0,
                Some(Value::Array(list)) => self.all(list.iter(), value, depth),
                Some(Value::Object(by_name)) if key.starts_with("depend") => {
                    self.all(by_name.values(), value, depth)
                }
                Some(one) => self.cost(one, value, depth),
            };
            same = same.saturating_add(cost);
        }
        for key in ["$ref", "$dynamicRef", "$recursiveRef"] {
            if let Some(Value::String(reference)) = map.get(key) {
                same = same.saturating_add(self.referred(reference, value, depth));
            }
        }
        let unevaluated = ["unevaluatedProperties", "unevaluatedItems"];
        if unevaluated.iter().any(|key| map.contains_key(*key)) {
            // What was looked at is found out by looking again.
            same = same.saturating_mul(2);
        }
        let below = match value {
            Value::Object(members) => self.members(map, members, depth),
            Value::Array(elements) => self.elements(map, elements, depth),
            Value::String(text) => match map.get("pattern") {
                Some(Value::String(pattern)) => self.search(pattern, text),
                _ => 0,
            },
            _ => 0,
        };
        let listed = map
            .get("enum")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        (map.len() as u64 + 1)
            .saturating_add(listed as u64)
            .saturating_add(same)
            .saturating_add(below)
    }

    fn all(
        &mut self,
        schemas: impl Iterator<Item = &'a Value>,
        value: &'a Value,
        depth: usize,
    ) -> u64 {
        schemas.fold(0, |sum, schema| {
            sum.saturating_add(self.cost(schema, value, depth))
        })
    }

    /// What a reference comes to: the dearest of those that it may mean.
    fn referred(&mut self, reference: &str, value: &'a Value, depth: usize) -> u64 {
        let meant = self.resolve(reference);
        if meant.is_empty() {
            return ELSEWHERE.saturating_mul(size(value));
        }
        let mut most = 0;
        for schema in meant {
            let key = (std::ptr::from_ref(schema), std::ptr::from_ref(value));
            let cost = match self.known.get(&key) {
                Some(Some(known)) => *known,
                // It refers to itself about the same value: that has no end.
                Some(None) => u64::MAX,
                None => {
                    self.known.insert(key, None);
                    let cost = self.cost(schema, value, depth);
                    self.known.insert(key, Some(cost));
                    cost
                }
            };
            most = most.max(cost);
        }
        most
    }

    fn resolve(&self, reference: &str) -> Vec<&'a Value> {
        let (resource, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let resources: Vec<&'a Value> = match resource {
            "" => vec![self.root],
            name => self
                .named
                .iter()
                .filter(|(known, _)| known.trim_end_matches('#').ends_with(name))
                .flat_map(|(_, schemas)| schemas.iter().copied())
                .collect(),
        };
        match fragment {
            "" => resources,
            pointer if pointer.starts_with('/') => {
                let pointer = decoded(pointer);
                let own = resources.into_iter();
                let mut found: Vec<&Value> = own.filter_map(|it| it.pointer(&pointer)).collect();
                if found.is_empty() {
                    // Within a part that has an id of its own.
                    let parts = self.named.values().flatten();
                    found = parts.filter_map(|it| it.pointer(&pointer)).collect();
                }
                found
            }
            anchor => self.named.get(anchor).cloned().unwrap_or_default(),
        }
    }

    fn members(
        &mut self,
        map: &'a Map<String, Value>,
        members: &'a Map<String, Value>,
        depth: usize,
    ) -> u64 {
        let properties = map.get("properties").and_then(Value::as_object);
        let patterns = map.get("patternProperties").and_then(Value::as_object);
        let names = map.get("propertyNames");
        let mut sum = 0u64;
        for (name, value) in members {
            let mut costs = Vec::new();
            if let Some(schema) = properties.and_then(|it| it.get(name)) {
                costs.push(self.cost(schema, value, depth));
            }
            for (pattern, schema) in patterns.into_iter().flatten() {
                sum = sum.saturating_add(self.search(pattern, name));
                if self.matches(pattern, name) {
                    costs.push(self.cost(schema, value, depth));
                }
            }
            if let Some(schema) = names {
                sum = sum.saturating_add(self.searches(schema, name, depth));
            }
            if let (true, Some(schema)) = (costs.is_empty(), map.get("additionalProperties")) {
                costs.push(self.cost(schema, value, depth));
            }
            if let Some(schema) = map.get("unevaluatedProperties") {
                costs.push(self.cost(schema, value, depth));
            }
            if let Some(schema) = names {
                costs.push(self.cost(schema, &NAME, depth));
            }
            let cost = costs.into_iter().fold(1, u64::saturating_add);
            sum = sum.saturating_add(cost);
        }
        sum
    }

    /// The pattern as it is read here, where it can be.
    fn pattern(&mut self, text: &'a str) -> Option<&Pattern> {
        let patterns = &mut self.patterns;
        let known = patterns.entry(text);
        known.or_insert_with(|| Pattern::read(text).ok()).as_ref()
    }

    /// What it takes to look for a pattern in a text.
    fn search(&mut self, pattern: &'a str, text: &str) -> u64 {
        let states = self
            .pattern(pattern)
            .map_or(UNKNOWN_STATES, Pattern::states);
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let steps = states.saturating_mul(length) / STATES_A_STEP;
        // They repeat nothing: there is so much text.
        self.taken = self.taken.saturating_add(steps);
        steps
    }

    /// What it takes to look for every pattern of a schema, however deep it stands in it, in a text.
    fn searches(&mut self, schema: &'a Value, text: &str, depth: usize) -> u64 {
        let Value::Object(map) = schema else {
            return 0;
        };
        self.looked += 1;
        if depth > DEEPEST || self.looked > MOST_REPEATED {
            return u64::MAX;
        }
        let mut sum = match map.get("pattern") {
            Some(Value::String(pattern)) => self.search(pattern, text),
            _ => 0,
        };
        for inner in map.values() {
            let inner = match inner {
                Value::Array(list) => list.as_slice(),
                one => std::slice::from_ref(one),
            };
            for schema in inner {
                sum = sum.saturating_add(self.searches(schema, text, depth + 1));
            }
        }
        if let Some(Value::String(reference)) = map.get("$ref") {
            for schema in self.resolve(reference) {
                sum = sum.saturating_add(self.searches(schema, text, depth + 1));
            }
        }
        sum
    }

    fn matches(&mut self, pattern: &'a str, name: &str) -> bool {
        let pattern = self.pattern(pattern);
        // One that takes too much here is thought to match: it was reckoned already.
        pattern.is_none_or(|it| it.is_in(name, false, &Budget::default()).unwrap_or(true))
    }

    fn elements(
        &mut self,
        map: &'a Map<String, Value>,
        elements: &'a [Value],
        depth: usize,
    ) -> u64 {
        let tuple = |key: &str| map.get(key).and_then(Value::as_array);
        let first = tuple("prefixItems").or_else(|| tuple("items"));
        let first = first.map(Vec::as_slice).unwrap_or_default();
        let rest = match map.get("items") {
            Some(Value::Array(_)) => map.get("additionalItems"),
            other => other,
        };
        let mut sum = elements.len() as u64;
        for (at, value) in elements.iter().enumerate() {
            let own = first.get(at).or(rest);
            let also = [map.get("contains"), map.get("unevaluatedItems")];
            for schema in own.into_iter().chain(also.into_iter().flatten()) {
                sum = sum.saturating_add(self.cost(schema, value, depth));
            }
        }
        if map.get("uniqueItems") == Some(&Value::Bool(true)) {
            let each: u64 = elements.iter().map(size).sum();
            sum = sum.saturating_add(each.saturating_mul(8));
        }
        sum
    }
}

/// How many values there are in one.
fn size(value: &Value) -> u64 {
    match value {
        Value::Array(elements) => elements.iter().map(size).sum::<u64>() + 1,
        Value::Object(members) => members.values().map(size).sum::<u64>() + 1,
        _ => 1,
    }
}

/// A pointer in a reference, its percent signs decoded.
fn decoded(pointer: &str) -> String {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let byte = digits.and_then(|it| u8::from_str_radix(it, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn work_that_doubles_with_every_level_is_too_much() {
        let tree = |applicator: &str| {
            let again = json!({"type": "array", "items": {"$ref": "#/$defs/n"}});
            json!({"$defs": {"n": {applicator: [again, again, {"type": "string"}]}}, "$ref": "#/$defs/n"})
        };
        for applicator in ["anyOf", "oneOf", "allOf"] {
            assert!(is_bounded(&tree(applicator), &nested(10)), "{applicator}");
            assert!(!is_bounded(&tree(applicator), &nested(16)), "{applicator}");
            assert!(!is_bounded(&tree(applicator), &nested(40)), "{applicator}");
        }
        for schema in [
            json!({"$id": "https://x.example/t", "anyOf": [{"items": {"$ref": "https://x.example/t"}}, {"items": {"$ref": "t"}}]}),
            json!({"$dynamicAnchor": "n", "anyOf": [{"items": {"$dynamicRef": "#n"}}, {"items": {"$dynamicRef": "#n"}}]}),
            json!({"$anchor": "n", "if": {"items": {"$ref": "#n"}}, "then": {"contains": {"$ref": "#n"}}}),
            json!({"allOf": [{"items": {"$ref": "#"}}], "unevaluatedItems": {"$ref": "#"}}),
            json!({"not": {"items": {"$ref": "#"}}, "contains": {"$ref": "#"}}),
        ] {
            assert!(is_bounded(&schema, &nested(5)), "{schema}");
            assert!(!is_bounded(&schema, &nested(60)), "{schema}");
        }
        let members = (0..60).fold(json!(1), |inner, _| json!({"a": inner}));
        let twice = json!({"properties": {"a": {"$ref": "#"}}, "patternProperties": {"^a": {"$ref": "#"}, "^b": {"$ref": "#"}}});
        assert!(!is_bounded(&twice, &members));
        let once =
            json!({"properties": {"a": {"$ref": "#"}}, "patternProperties": {"^b": {"$ref": "#"}}});
        assert!(is_bounded(&once, &members));
    }

    #[test]
    fn what_has_no_end_is_too_much() {
        let circle = json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"});
        assert!(!is_bounded(&circle, &json!(1)));
        let mut laughs = Map::new();
        for at in 0..40 {
            let next = json!({"$ref": format!("#/$defs/a{}", at + 1)});
            laughs.insert(format!("a{at}"), json!({"allOf": [next, next]}));
        }
        laughs.insert("a40".to_owned(), json!({"type": "string"}));
        assert!(!is_bounded(
            &json!({"$defs": laughs, "$ref": "#/$defs/a0"}),
            &json!("x")
        ));
    }

    #[test]
    fn a_pattern_costs_what_it_takes_to_look_for_it() {
        let hard = "(a|b)*a(a|b){3000}c";
        let (long, short) = ("ab".repeat(500_000), "ab".repeat(5_000));
        let many: Vec<&str> = vec!["abababab"; 100_000];
        let mut named = Map::new();
        named.insert(long.clone(), json!(1));
        for (schema, value) in [
            (json!({"pattern": hard}), json!(long)),
            (json!({"items": {"pattern": hard}}), json!(many)),
            (json!({"patternProperties": {hard: true}}), json!(named)),
            (
                json!({"propertyNames": {"anyOf": [{"pattern": hard}]}}),
                json!(named),
            ),
            (
                json!({"$defs": {"n": {"pattern": hard}}, "propertyNames": {"$ref": "#/$defs/n"}}),
                json!(named),
            ),
        ] {
            assert!(!is_bounded(&schema, &value), "{schema}");
        }
        assert!(is_bounded(&json!({"pattern": hard}), &json!(short)));
        assert!(is_bounded(&json!({"pattern": r"^\w+$"}), &json!(long)));
        let twice = json!([{"$ref": "#/$defs/n"}, {"$ref": "#/$defs/n"}]);
        let endless =
            json!({"$defs": {"n": {"anyOf": twice}}, "propertyNames": {"$ref": "#/$defs/n"}});
        assert!(!is_bounded(&endless, &json!(named)));
    }

    #[test]
    fn large_documents_and_plain_schemas_are_not() {
        let orders: Vec<Value> = (0..20_000)
            .map(|at| json!({"id": at, "name": "x", "tags": ["a", "b"]}))
            .collect();
        let order = json!({"type": "object", "required": ["id"], "additionalProperties": false, "properties": {
            "id": {"type": "integer"}, "name": {"type": "string", "pattern": "^x"},
            "tags": {"type": "array", "uniqueItems": true, "items": {"enum": ["a", "b"]}},
        }});
        let schema = json!({"items": {"$ref": "#/$defs/order%20x"}, "$defs": {"order x": order}});
        assert!(is_bounded(&schema, &json!(orders)));
        // A list of a tree, as a schema describes itself.
        let tree = json!({"properties": {"children": {"items": {"$ref": "#"}}, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}});
        let deep = (0..50).fold(
            json!({}),
            |inner, _| json!({"children": [{}, {}], "next": inner}),
        );
        assert!(is_bounded(&tree, &deep));
    }
}
