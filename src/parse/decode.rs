//! A tree -> a domain value, through its `Deserialize`; a refusal is told with the place of the value refused.
//!
//! `structure` has judged the tree before, so what is refused here are rules that a type keeps and a schema cannot say.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::node::{Entry, Node, Value};
use crate::domain::finding::Place;
use crate::domain::nearest::suggestion;

/// Why a tree is not the value it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What the type says.
    pub message: String,
    /// The innermost value that was refused, as far as is known.
    pub place: Option<Place>,
    /// A suggestion.
    pub help: Option<String>,
}

impl Refusal {
    fn or_at(mut self, place: &Place) -> Refusal {
        self.place.get_or_insert_with(|| place.clone());
        self
    }
}

impl de::Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Refusal {
        Refusal {
            message: message.to_string(),
            place: None,
            help: None,
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Refusal {
        Refusal {
            message: format!("\"{variant}\" is not one of the words that can stand here"),
            place: None,
            help: suggestion(variant, expected.iter().copied()),
        }
    }
}

/// Reads a value out of a tree. A mapping's key without a value counts as absent.
///
/// # Errors
/// The first refusal, at the place of what was refused.
pub fn decode<T: DeserializeOwned>(node: &Node) -> Result<T, Refusal> {
    T::deserialize(Tree(node)).map_err(|refusal| refusal.or_at(&node.pointer_place()))
}

#[derive(Clone, Copy)]
struct Tree<'a>(&'a Node);

impl<'de> Deserializer<'de> for Tree<'_> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let result = match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::UInt(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Str(value) => visitor.visit_str(value),
            Value::Seq(elements) => visitor.visit_seq(Elements(elements.iter())),
            Value::Map(entries) => visitor.visit_map(Entries {
                rest: entries.iter(),
                value: None,
            }),
        };
        result.map_err(|refusal| refusal.or_at(&self.0.pointer_place()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let result = match &self.0.value {
            Value::Str(name) => visitor.visit_enum(StrDeserializer::new(name)),
            Value::Map(entries) if entries.len() == 1 => visitor.visit_enum(Variant(&entries[0])),
            _ => Err(de::Error::custom("expected one word")),
        };
        result.map_err(|refusal| refusal.or_at(&self.0.pointer_place()))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Elements<'a>(std::slice::Iter<'a, Node>);

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Refusal;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refusal> {
        let Some(element) = self.0.next() else {
            return Ok(None);
        };
        seed.deserialize(Tree(element))
            .map(Some)
            .map_err(|refusal| refusal.or_at(&element.pointer_place()))
    }
}

struct Entries<'a> {
    rest: std::slice::Iter<'a, Entry>,
    value: Option<&'a Entry>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Refusal;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refusal> {
        // A key without a value is one that is not filled in yet; a required one was reported by `structure`. That
        // something is not null is said as it reads.
        let given = |entry: &&Entry| !entry.value.is_null() || entry.key == "not";
        let Some(entry) = self.rest.by_ref().find(given) else {
            return Ok(None);
        };
        self.value = Some(entry);
        seed.deserialize(StrDeserializer::<Refusal>::new(&entry.key))
            .map(Some)
            .map_err(|refusal| refusal.or_at(&entry.key_place))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        let Some(entry) = self.value.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(Tree(&entry.value))
            .map_err(|refusal| refusal.or_at(&entry.value.pointer_place()))
    }
}

/// A variant with a value, written as a mapping of one key.
struct Variant<'a>(&'a Entry);

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Refusal;
    type Variant = Tree<'a>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Tree<'a>), Refusal> {
        let variant = seed
            .deserialize(StrDeserializer::<Refusal>::new(&self.0.key))
            .map_err(|refusal| refusal.or_at(&self.0.key_place))?;
        Ok((variant, Tree(&self.0.value)))
    }
}

impl<'de> VariantAccess<'de> for Tree<'_> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<(), Refusal> {
        de::Deserialize::deserialize(self)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refusal> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::domain::finding::Source;
    use crate::parse::yaml;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Thing {
        name: Short,
        kind: Kind,
        #[serde(default)]
        list: Vec<Short>,
        #[serde(default)]
        by_name: BTreeMap<Short, Option<u8>>,
        shape: Option<Shape>,
    }

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
    #[serde(try_from = "String")]
    struct Short(String);

    impl TryFrom<String> for Short {
        type Error = String;
        fn try_from(text: String) -> Result<Short, String> {
            if text.len() < 4 {
                Ok(Short(text))
            } else {
                Err(format!("{text:?} is too long"))
            }
        }
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        BlueGreen,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Shape {
        Round { radius: u8 },
        Number(f64),
    }

    fn read(text: &str) -> Result<Thing, Refusal> {
        decode(&yaml::parse(&Source::new("f", text)).expect("the YAML is well formed"))
    }

    #[test]
    fn a_value_is_read_and_unfilled_keys_are_absent() {
        assert_eq!(
            read(
                "name: a\nkind: blue-green\nlist:\nby-name: {x: 1, y: }\nshape: {round: {radius: 2}}\n"
            ),
            Ok(Thing {
                name: Short("a".into()),
                kind: Kind::BlueGreen,
                list: vec![],
                by_name: [(Short("x".into()), Some(1))].into(),
                shape: Some(Shape::Round { radius: 2 }),
            })
        );
        let number = read("name: a\nkind: blue-green\nshape: {number: 1}\n");
        assert_eq!(number.ok().and_then(|t| t.shape), Some(Shape::Number(1.0)));
    }

    #[test]
    fn a_refusal_has_the_innermost_place() {
        for (text, line, column) in [
            ("name: abcd\nkind: blue-green\n", 1, 7),
            ("name: a\nkind: green\n", 2, 7),
            ("name: a\nkind: blue-green\nlist: [a, b, abcd]\n", 3, 14),
            ("name: a\nkind: blue-green\nby-name:\n  abcd: 1\n", 4, 3),
            ("name: a\nkind: blue-green\nby-name:\n  b: 300\n", 4, 6),
            ("kind: blue-green\n", 1, 1),
        ] {
            let refusal = read(text).expect_err("it breaks a rule");
            let at = refusal.place.expect("a refusal has a place").at;
            assert_eq!((at.line, at.column), (line, column), "{text:?}");
        }
    }
}
