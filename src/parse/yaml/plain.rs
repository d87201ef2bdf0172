//! The plainest YAML, read in one pass: mappings, lists and scalars. Almost every file of a team has nothing else.
//!
//! It says what its parent would say, or nothing. An anchor, an alias, a tag, a merge key, a repeated key, a second
//! document, and whatever is wrong are left to the parent: one reader refuses and explains, and this one is fast.

use std::borrow::Cow;
use std::collections::HashSet;

use super::events::{Event, Parser, ScalarStyle, Span, StrInput};
use super::{FEW, Origin};
use crate::parse::node::{Entry, Node, Value};

/// Deeper or larger ones are the parent's: it knows its limits, which are higher.
const DEEPEST: usize = 40;
const MOST_VALUES: usize = 200_000;

/// The tree of `text`; `None` where it is not plain, or wrong.
pub(super) fn read(origin: &Origin<'_>, text: &str) -> Option<Node> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        origin,
        left: MOST_VALUES,
    };
    reader.document()
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    origin: &'a Origin<'a>,
    /// How many values may still come.
    left: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        self.events.next_event()?.ok()
    }

    fn document(&mut self) -> Option<Node> {
        let (Event::StreamStart, _) = self.next()? else {
            return None;
        };
        let (Event::DocumentStart(_, None), _) = self.next()? else {
            return None;
        };
        let (event, span) = self.next()?;
        let node = self.node(event, &span, 0)?;
        let (Event::DocumentEnd, _) = self.next()? else {
            return None;
        };
        matches!(self.next()?, (Event::StreamEnd, _)).then_some(node)
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Option<Node> {
        self.left = self.left.checked_sub(1)?;
        let place = self.origin.place_of(span);
        let value = match event {
            Event::Scalar(text, style, 0, None) => scalar(text, style)?,
            Event::SequenceStart(_, 0, None) if depth < DEEPEST => {
                Value::Seq(self.elements(depth + 1)?)
            }
            Event::MappingStart(_, 0, None) if depth < DEEPEST => {
                Value::Map(self.entries(depth + 1)?)
            }
            _ => return None,
        };
        Some(Node { value, place })
    }

    fn elements(&mut self, depth: usize) -> Option<Vec<Node>> {
        let mut elements = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Some(elements),
                (event, span) => elements.push(self.node(event, &span, depth)?),
            }
        }
    }

    fn entries(&mut self, depth: usize) -> Option<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let (key, span) = match self.next()? {
                (Event::MappingEnd, _) => return Some(entries),
                (Event::Scalar(text, style, 0, None), span) if text != "<<" => {
                    (scalar(text, style)?, span)
                }
                _ => return None,
            };
            let Value::Str(key) = key else {
                return None;
            };
            // A few are compared faster than hashed.
            let is_new = match entries.len() {
                0..FEW => entries.iter().all(|entry| entry.key != key),
                FEW => {
                    seen.extend(entries.iter().map(|entry| entry.key.clone()));
                    seen.insert(key.clone())
                }
                _ => seen.insert(key.clone()),
            };
            if !is_new {
                return None;
            }
            let key_place = self.origin.place_of(&span);
            let (event, span) = self.next()?;
            let value = self.node(event, &span, depth)?;
            entries.push(Entry {
                key,
                key_place,
                value,
            });
        }
    }
}

/// What a scalar is, by YAML 1.2's core schema. The library is asked about whatever may be a number or an odd word.
fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Option<Value> {
    if style != ScalarStyle::Plain {
        return Some(Value::Str(text.into_owned()));
    }
    match text.as_ref() {
        "" | "~" | "null" => Some(Value::Null),
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        word if is_count(word) => word.parse().ok().map(Value::UInt),
        word if is_odd(word) => super::resolved(word),
        _ => Some(Value::Str(text.into_owned())),
    }
}

/// Whether it is a whole number in the plainest form.
fn is_count(text: &str) -> bool {
    match text.as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', more @ ..] => more.len() < 18 && more.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Whether it may be anything but text. Whoever is in doubt here says yes.
fn is_odd(text: &str) -> bool {
    const WORDS: [&str; 6] = ["null", "true", "false", "nan", "inf", "infinity"];
    let bare = text.trim_start_matches(['+', '-', '.']);
    if WORDS.iter().any(|word| bare.eq_ignore_ascii_case(word)) {
        return true;
    }
    let of_number = |byte: u8| {
        matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' | b'+' | b'-' | b'.' | b'_')
            || matches!(byte, b'x' | b'X' | b'o' | b'O')
    };
    // Without a digit it is none, and could be a mark of YAML's where it stands alone, such as `...`.
    bare.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(of_number)
}

#[cfg(test)]
mod tests {
    use super::super::whole;
    use super::*;
    use crate::domain::finding::Source;
    use proptest::prelude::*;

    /// What is read here, which must be what the parent reads.
    fn both(text: &str) -> Option<Node> {
        let source = Source::new("f.yaml", text);
        let origin = Origin::of(&source, 0..text.len());
        let plain = read(&origin, text);
        if let Some(plain) = &plain {
            match whole(&origin, text) {
                Ok(node) => assert_eq!(*plain, node, "{text:?}"),
                Err(findings) => panic!("{text:?} is wrong, and was read: {findings:?}"),
            }
        }
        plain
    }

    #[test]
    fn what_a_team_writes_is_plain() {
        for text in [
            "probes:\n  - id: home\n    http:\n      url: https://shop.example/health?a=1\n      expect: {status: 200}\n",
            "release: 2.4.0\ndate: 2026-11-20\nsummary: |\n  two\n  lines\nempty:\nlist: []\n# end\n",
            "a: [yes, on, true, 1, -2, 0x10, 1.5, 2.10, '3', ~, 10:30, 5M, 007, 24h, 127.0.0.1:80]\n",
            "---\n\"a b\": \"\\u00e9\"\nc: >-\n  folded\n  text\n...\n",
            "é: ü\n",
        ] {
            assert!(both(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_parent() {
        for text in [
            "a: &x 1\n",
            "a: !!str 1\n",
            "a: &x 1\nb: *x\n",
            "<<: {a: 1}\n",
            "a: 1\na: 2\n",
            "1: a\n",
            "a: 1\n---\nb: 2\n",
            "a: .inf\n",
            "? [a]\n: b\n",
            "~: a\n",
            "a: [\n",
            "",
            "%YAML 1.2\n---\na: 1\n",
        ] {
            assert_eq!(both(text), None, "{text:?}");
        }
        let deep = format!("{}{}", "[".repeat(45), "]".repeat(45));
        assert_eq!(both(&deep), None);
        let keys: String = (0..20).map(|key| format!("k{key}: 1\n")).collect();
        assert!(both(&keys).is_some());
        assert_eq!(both(&format!("{keys}k3: 2\n")), None);
        assert_eq!(both(&format!("{keys}k19: 2\n")), None);
    }

    proptest! {
        #![proptest_config(crate::domain::testing::properties(256))]
        #[test]
        fn a_scalar_is_what_it_is_for_the_parent(
            text in "[-+.]{0,2}([0-9a-fxoXO_.:eE+-]{0,8}|(?i)null|true|false|nan|inf|yes|[a-z~ ]{0,6})",
        ) {
            for written in [
                format!("a: {text}\n"), format!("- {text}\n"), format!("[{text}]"), format!("{text}: a\n"),
                text.clone(), format!("a: '{text}'\n"), format!("a: |\n  {text}\n"),
            ] {
                both(&written);
            }
        }

        #[test]
        fn whatever_is_read_here_the_parent_reads_so(
            text in "(\\PC|[\n\t\r :\\-\\[\\]{}&*!|>'\"#?,a0~<]){0,60}",
            lines in proptest::collection::vec(
                "( ){0,4}(- )?([a-c]: ?)?([a-d0-9~]|'x'|\"y\\\\n\"|\\[a, 1\\]|\\{a: 1\\}|\\||>|# c|&a|\\*a|!!str 1|é)?",
                0..7,
            ),
        ) {
            both(&text);
            both(&lines.join("\n"));
        }
    }
}
