//! A JSON document with its numbers as they were written.
//!
//! What an answer says is read strictly: a name given twice in an object, of which readers choose different ones, is no
//! JSON to rely on, nor is anything nested beyond measure.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;
use std::{fmt, ptr};

use serde_json::Value;
use serde_json::value::RawValue;

use super::decimal::Decimal;
use super::path::{Path, PathError, Step, Turn};

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
    /// Made when the first asks for it.
    value: OnceLock<Value>,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// Why the text is no JSON to rely on.
    pub fn read(text: &str) -> Result<Self, String> {
        // All but the meaning of escapes is judged here; what follows reads what is known to be JSON.
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut reader = Reader {
            text: raw.get(),
            at: 0,
        };
        Ok(Self {
            tree: reader.value(DEEPEST)?,
            value: OnceLock::new(),
        })
    }

    /// The document for a query or a schema.
    pub fn value(&self) -> &Value {
        self.value.get_or_init(|| value(&self.tree))
    }

    /// What `path` finds, in its order.
    ///
    /// # Errors
    /// [`PathError::TooLarge`] where the document is too large for it.
    pub fn find(&self, path: &Path) -> Result<Vec<&Tree>, PathError> {
        if let Some(turns) = path.straight() {
            return Ok(self.follow(turns).into_iter().collect());
        }
        let value = self.value();
        // What the path finds is found again in the tree by where it lies in memory: a place that is told as steps from
        // the root takes as much for every value as the document is deep.
        let found = path.find(value)?;
        let mut trees: HashMap<*const Value, Option<&Tree>> = found
            .iter()
            .map(|value| (ptr::from_ref(*value), None))
            .collect();
        let mut missing = trees.len();
        let mut left = vec![(&self.tree, value)];
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

    /// Whether `path`, which finds one value at most, finds it.
    pub fn has(&self, path: &Path) -> bool {
        self.find(path).is_ok_and(|found| !found.is_empty())
    }

    fn follow(&self, turns: &[Turn]) -> Option<&Tree> {
        turns
            .iter()
            .try_fold(&self.tree, |here, turn| match (turn, here) {
                (Turn::Name(wanted), Tree::Object(members)) => members
                    .iter()
                    .find(|(name, _)| name == wanted)
                    .map(|(_, member)| member),
                (turn, Tree::Array(elements)) => elements.get(turn.element(elements.len())?),
                _ => None,
            })
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

/// Reads a text that is JSON, as far as its outline goes.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Tree, String> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(format!("it is nested more than {DEEPEST} levels deep"));
        };
        Ok(match self.next() {
            Some(b'{') => Tree::Object(self.members(depth)?),
            Some(b'[') => Tree::Array(self.elements(depth)?),
            Some(b'"') => Tree::Text(self.string()?),
            _ => {
                let text = self.word();
                match text {
                    "null" => Tree::Null,
                    "true" => Tree::Bool(true),
                    "false" => Tree::Bool(false),
                    number => Tree::Number(readable(number)?.to_owned()),
                }
            }
        })
    }

    /// The members of an object, each name once.
    fn members(&mut self, depth: usize) -> Result<Vec<(String, Tree)>, String> {
        let mut members = Vec::new();
        self.at += 1;
        while self.next().is_some_and(|byte| byte != b'}') {
            let name = self.string()?;
            self.skip(b':');
            members.push((name, self.value(depth)?));
            self.skip(b',');
        }
        self.at += 1;
        match repeated(&members) {
            Some(name) => Err(format!("the name {name:?} stands twice in an object")),
            None => Ok(members),
        }
    }

    fn elements(&mut self, depth: usize) -> Result<Vec<Tree>, String> {
        let mut elements = Vec::new();
        self.at += 1;
        while self.next().is_some_and(|byte| byte != b']') {
            elements.push(self.value(depth)?);
            self.skip(b',');
        }
        self.at += 1;
        Ok(elements)
    }

    fn string(&mut self) -> Result<String, String> {
        let from = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        self.at += 1;
        while let Some(byte) = bytes.get(self.at).filter(|byte| **byte != b'"') {
            escaped |= *byte == b'\\';
            self.at += if *byte == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        let written = self.text.get(from..self.at).unwrap_or_default();
        match written.get(1..written.len().saturating_sub(1)) {
            Some(plain) if !escaped => Ok(plain.to_owned()),
            _ => serde_json::from_str(written).map_err(|error| error.to_string()),
        }
    }

    /// A number, or one of the three words.
    fn word(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_end = |byte: u8| matches!(byte, b',' | b']' | b'}') || is_space(byte);
        let end = rest.bytes().position(is_end).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// The first byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(|byte| is_space(*byte)) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn skip(&mut self, mark: u8) {
        if self.next() == Some(mark) {
            self.at += 1;
        }
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The first name that stands there twice.
fn repeated(members: &[(String, Tree)]) -> Option<&str> {
    // A few are compared faster than hashed.
    if members.len() <= 8 {
        let mut all = members.iter().enumerate();
        return all.find_map(|(index, (name, _))| {
            let before = members.iter().take(index);
            before
                .map(|(name, _)| name)
                .find(|it| *it == name)
                .map(String::as_str)
        });
    }
    let mut seen = HashSet::with_capacity(members.len());
    let mut names = members.iter().map(|(name, _)| name.as_str());
    names.find(|name| !seen.insert(*name))
}

/// Up to so many digits are a number that any reader has.
const FEW: usize = 18;

fn readable(number: &str) -> Result<&str, String> {
    if number.len() > FEW || number.contains(['e', 'E']) {
        number
            .parse::<Decimal>()
            .map_err(|error| error.to_string())?;
        serde_json::from_str::<serde_json::Number>(number)
            .map_err(|_| format!("the number {number} is out of range"))?;
    }
    Ok(number)
}

fn value(tree: &Tree) -> Value {
    match tree {
        Tree::Null => Value::Null,
        Tree::Bool(it) => Value::Bool(*it),
        // `readable` has seen to it that it can be read.
        Tree::Number(text) => serde_json::from_str(text).map_or(Value::Null, Value::Number),
        Tree::Text(text) => Value::String(text.clone()),
        Tree::Array(elements) => Value::Array(elements.iter().map(value).collect()),
        Tree::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, member)| (name.clone(), value(member)))
                .collect(),
        ),
    }
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
    fn a_straight_path_and_a_query_find_the_same() {
        let text = r#"{"a": [{"b c": 1}, {"b c": [10, 20]}], "": {"é": null}, "1": 2}"#;
        let document = Document::read(text).expect("JSON");
        let found = |path: &str| document.find(&Path::parse(path).expect(path)).expect(path);
        for (straight, query) in [
            ("$.a[1]['b c'][-1]", "$.a[ 1]['b c'][-1]"),
            ("$.a[-2][\"b c\"]", "$.a[ -2]['b c']"),
            ("$[''].é", "$[ ''].é"),
            ("$.a[2]", "$.a[ 2]"),
            ("$.a[-3]", "$.a[ -3]"),
            ("$.a.b", "$['a' ].b"),
            ("$.a[0]['b c']", "$.a[0]['b c' ]"),
            ("$[1]", "$[ 1]"),
            ("$['1']", "$[ '1']"),
            ("$['1'].x", "$[ '1'].x"),
        ] {
            let path = Path::parse(query).expect(query);
            assert_eq!(path.straight(), None, "{query}");
            assert_eq!(found(straight), found(query), "{straight}");
        }
        assert_eq!(found("$.a[1]['b c'][-1]")[0].to_string(), "20");
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
        #![proptest_config(crate::domain::testing::properties(256))]
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
