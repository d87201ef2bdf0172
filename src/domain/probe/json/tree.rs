//! A JSON document with its numbers as they were written.
//!
//! What an answer says is read strictly: a name given twice in an object, of which readers choose different ones, is no
//! JSON to rely on, nor is anything nested beyond measure.

use std::collections::{HashMap, HashSet};
use std::{fmt, ptr};

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::decimal::Decimal;
use super::path::{Path, PathError, Step};

/// More levels than this are not read.
const DEEPEST: usize = 100;

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// `null`: a value, and not a missing one.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    Array(Vec<Tree>),
    /// A mapping, in its order.
    Object(Vec<(String, Tree)>),
}

/// A document, for paths and for comparing.
#[derive(Clone, Debug)]
pub struct Document {
    tree: Tree,
    value: Value,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// Why the text is no JSON to rely on.
    pub fn read(text: &str) -> Result<Self, String> {
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let tree = tree(raw, DEEPEST)?;
        let value = value(&tree)?;
        Ok(Self { tree, value })
    }

    /// The document for a path or a schema.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// What `path` finds, in its order.
    ///
    /// # Errors
    /// [`PathError::TooLarge`] where the document is too large for it.
    pub fn find(&self, path: &Path) -> Result<Vec<&Tree>, PathError> {
        // What the path finds is found again in the tree by where it lies in memory: a place that is told as steps from
        // the root takes as much for every value as the document is deep.
        let found = path.find(&self.value)?;
        let mut trees: HashMap<*const Value, Option<&Tree>> = found
            .iter()
            .map(|value| (ptr::from_ref(*value), None))
            .collect();
        let mut missing = trees.len();
        let mut left = vec![(&self.tree, &self.value)];
        while missing > 0
            && let Some((tree, value)) = left.pop()
        {
            if let Some(of) = trees.get_mut(&ptr::from_ref(value)) {
                *of = Some(tree);
                missing -= 1;
            }
            match (tree, value) {
                (Tree::Array(trees), Value::Array(values)) => left.extend(trees.iter().zip(values)),
                (Tree::Object(trees), Value::Object(values)) => left.extend(
                    trees
                        .iter()
                        .filter_map(|(name, tree)| Some((tree, values.get(name)?))),
                ),
                _ => {}
            }
        }
        let tree = |value: &&Value| trees.get(&ptr::from_ref(*value)).copied().flatten();
        Ok(found.iter().filter_map(tree).collect())
    }

    /// Where `wanted` stands, which is a part of this document: the steps to it from the root.
    pub fn place(&self, wanted: &Tree) -> Vec<Step> {
        let mut steps = Vec::new();
        leads_to(&self.tree, wanted, &mut steps);
        steps
    }
}

/// Whether `wanted` is a part of `here`; `steps` then has those that lead there.
fn leads_to(here: &Tree, wanted: &Tree, steps: &mut Vec<Step>) -> bool {
    let mut into = |step: Step, tree: &Tree| {
        steps.push(step);
        let found = leads_to(tree, wanted, steps);
        if !found {
            steps.pop();
        }
        found
    };
    ptr::eq(here, wanted)
        || match here {
            Tree::Array(elements) => {
                let mut elements = elements.iter().enumerate();
                elements.any(|(index, tree)| into(Step::Index(index), tree))
            }
            Tree::Object(members) => members
                .iter()
                .any(|(name, tree)| into(Step::Name(name.clone()), tree)),
            _ => false,
        }
}

fn tree(raw: &RawValue, depth: usize) -> Result<Tree, String> {
    let text = raw.get();
    let Some(depth) = depth.checked_sub(1) else {
        return Err(format!("it is nested more than {DEEPEST} levels deep"));
    };
    let wrong = |error: serde_json::Error| error.to_string();
    match text.as_bytes().first() {
        Some(b'{') => {
            let members = serde_json::Deserializer::from_str(text)
                .deserialize_map(Members)
                .map_err(wrong)?;
            let members = members.into_iter().map(|(name, raw)| {
                let value = tree(raw, depth)?;
                Ok((name, value))
            });
            Ok(Tree::Object(members.collect::<Result<_, String>>()?))
        }
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(wrong)?;
            let elements = elements.into_iter().map(|raw| tree(raw, depth));
            Ok(Tree::Array(elements.collect::<Result<_, String>>()?))
        }
        Some(b'"') => Ok(Tree::Text(serde_json::from_str(text).map_err(wrong)?)),
        Some(b't') => Ok(Tree::Bool(true)),
        Some(b'f') => Ok(Tree::Bool(false)),
        Some(b'n') => Ok(Tree::Null),
        _ => {
            text.parse::<Decimal>().map_err(|error| error.to_string())?;
            Ok(Tree::Number(text.to_owned()))
        }
    }
}

/// The members of an object, each name once.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seen = HashSet::new();
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
            if !seen.insert(name.clone()) {
                return Err(serde::de::Error::custom(format!(
                    "the name {name:?} stands twice in an object"
                )));
            }
            members.push((name, value));
        }
        Ok(members)
    }
}

fn value(tree: &Tree) -> Result<Value, String> {
    Ok(match tree {
        Tree::Null => Value::Null,
        Tree::Bool(it) => Value::Bool(*it),
        Tree::Number(text) => Value::Number(
            serde_json::from_str(text).map_err(|_| format!("the number {text} is out of range"))?,
        ),
        Tree::Text(text) => Value::String(text.clone()),
        Tree::Array(elements) => {
            Value::Array(elements.iter().map(value).collect::<Result<_, String>>()?)
        }
        Tree::Object(members) => {
            let members = members.iter().map(|(name, member)| {
                let member = value(member)?;
                Ok((name.clone(), member))
            });
            Value::Object(members.collect::<Result<_, String>>()?)
        }
    })
}

impl Tree {
    /// The number that this is, if it is one.
    pub fn number(&self) -> Option<Decimal> {
        match self {
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Whether it is `expected`: of the same type, numbers compared exactly, the members of objects in any order.
    pub fn is(&self, expected: &Value) -> bool {
        match (self, expected) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(it), Value::Bool(expected)) => it == expected,
            (Self::Text(it), Value::String(expected)) => it == expected,
            (Self::Number(_), Value::Number(expected)) => {
                let expected = expected.to_string().parse().ok();
                expected.is_some() && self.number() == expected
            }
            (Self::Array(elements), Value::Array(expected)) => {
                elements.len() == expected.len()
                    && elements.iter().zip(expected).all(|(it, to)| it.is(to))
            }
            (Self::Object(members), Value::Object(expected)) => {
                members.len() == expected.len()
                    && members
                        .iter()
                        .all(|(name, it)| expected.get(name).is_some_and(|to| it.is(to)))
            }
            _ => false,
        }
    }

    /// The word of its type.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
}

/// As JSON writes it.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(it) => write!(f, "{it}"),
            Self::Number(text) => f.write_str(text),
            Self::Text(text) => write!(f, "{}", Value::from(text.as_str())),
            Self::Array(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    write!(f, "{comma}{element}")?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (index, (name, member)) in members.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    write!(f, "{comma}{}:{member}", Value::from(name.as_str()))?;
                }
                f.write_str("}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_cannot_be_relied_on_is_refused() {
        let deep = "[".repeat(5_000) + &"]".repeat(5_000);
        for (text, why) in [
            ("", "EOF"),
            ("<html>", "line 1 column 1"),
            ("{\"a\":1} x", "trailing"),
            ("{\"up\":true,\"up\":false}", "\"up\" stands twice"),
            ("[{\"a\":1,\"\\u0061\":2}]", "\"a\" stands twice"),
            ("{\"a\":1e400}", "out of range"),
            ("\"\\ud800\"", "hex escape"),
            (deep.as_str(), "nested more than"),
            ("[1,]", "expected value"),
            ("NaN", "line 1"),
        ] {
            let error = Document::read(text).expect_err(text);
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        let document = Document::read(" {\"id\": 9007199254740993, \"p\": 0.10}\n").expect("JSON");
        let at = |path: &str| {
            let path = Path::parse(path).expect("a path");
            document.find(&path).expect("not too large")[0]
        };
        let id = at("$.id");
        assert_eq!(id.to_string(), "9007199254740993");
        assert!(!id.is(&json!(9_007_199_254_740_992_u64)));
        let price = at("$.p");
        assert!(price.is(&json!(0.1)));
        assert!(!price.is(&json!("0.1")));
    }

    #[test]
    fn what_is_found_is_told_with_its_place() {
        let document = Document::read(r#"{"b": [1, {"a": 1}], "a": [[], 1.0]}"#).expect("JSON");
        let path = Path::parse("$..[1]").expect("a path");
        let found = document.find(&path).expect("not too large");
        let shown: Vec<String> = found.iter().map(|it| it.to_string()).collect();
        assert_eq!(shown, ["1.0", r#"{"a":1}"#]);
        let name = |name: &str| Step::Name(name.to_owned());
        assert_eq!(document.place(found[0]), [name("a"), Step::Index(1)]);
        assert_eq!(document.place(found[1]), [name("b"), Step::Index(1)]);
        assert_eq!(document.place(&document.tree), []);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map("\\PC{0,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_document_is_itself_and_nothing_else(one in any_json(), other in any_json()) {
            let document = Document::read(&one.to_string()).expect("JSON");
            prop_assert_eq!(document.value(), &one);
            let root = &document.tree;
            prop_assert!(root.is(&one));
            prop_assert_eq!(root.is(&other), one == other);
            prop_assert_eq!(serde_json::from_str::<Value>(&root.to_string()).expect("JSON"), one);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}\":,0-9eE.\\\\uadtrflsn +-]{0,60}") {
            let _ = Document::read(&text);
        }
    }
}
