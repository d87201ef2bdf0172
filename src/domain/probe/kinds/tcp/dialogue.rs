//! A dialogue over a connection: what is sent and what is expected, in turns.
//!
//! What a step expects is held against all that was received since something was last sent, or since TLS began: how it
//! was cut into pieces on its way does not matter.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::probe::expect::{Assertion, Held, TextExpectation};
use crate::domain::probe::text::Text;

/// One step of a dialogue: exactly one of its keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TcpStep")]
pub struct Step {
    /// A text to send, as it stands: `"EHLO relgate\r\n"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// Bytes to send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_bytes: Option<Bytes>,
    /// What the text must be that was received since something was last sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<TextExpectation>,
    /// Bytes that must be among those that were received since something was last sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_bytes: Option<Bytes>,
    /// `true`: TLS begins here, on the terms of `tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starttls: Option<bool>,
}

/// Bytes, written in one of two ways.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bytes {
    /// Two hexadecimal digits for each; blanks and colons between them are ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
    /// RFC 4648, section 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// What a step is.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn<'a> {
    /// These bytes are sent.
    Send(Vec<u8>),
    /// Something is expected.
    Expect(Expected<'a>),
    /// TLS begins.
    StartTls,
}

/// What a step expects.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected<'a> {
    /// Of a text.
    Text(&'a TextExpectation),
    /// Among the bytes.
    Bytes(Vec<u8>),
}

/// What was received at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// All since something was last sent.
    pub bytes: Vec<u8>,
    /// Why no more was waited for.
    pub ending: Ending,
}

/// Why no more was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was what was expected.
    Satisfied,
    /// The other side closed the connection, or reset it.
    Closed,
    /// More than the cap came.
    Cap,
    /// The time was over.
    Time,
}

impl Ending {
    /// What is said of it beside what was found.
    const fn words(&self) -> Option<&'static str> {
        match self {
            Self::Satisfied => None,
            Self::Closed => Some("then the other side closed the connection"),
            Self::Cap => Some("more is not read"),
            Self::Time => Some("no more came in time"),
        }
    }

    /// Whether more may have followed.
    const fn is_cut(&self) -> bool {
        matches!(self, Self::Cap | Self::Time)
    }
}

impl Bytes {
    /// The bytes that are written.
    ///
    /// # Errors
    /// What is wrong with how they are written.
    pub fn read(&self) -> Result<Vec<u8>, String> {
        let bytes = match (&self.hex, &self.base64) {
            (Some(hex), None) => from_hex(hex)?,
            (None, Some(text)) => STANDARD
                .decode(text.split_whitespace().collect::<String>())
                .map_err(|_| "it is not base64".to_owned())?,
            _ => return Err("it has either `hex` or `base64`".to_owned()),
        };
        match bytes.is_empty() {
            true => Err("there is not one byte".to_owned()),
            false => Ok(bytes),
        }
    }

    fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        [&mut self.hex, &mut self.base64].into_iter().flatten()
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let between = |c: char| c.is_whitespace() || c == ':';
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !between(*c))
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()
        .ok_or("it has what is no hexadecimal digit")?;
    if digits.len() % 2 == 1 {
        return Err("it has an odd number of hexadecimal digits".to_owned());
    }
    let bytes = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]);
    Ok(bytes.collect())
}

impl Step {
    /// What the step is.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn turn(&self) -> Result<Turn<'_>, String> {
        let Self {
            send,
            send_bytes,
            expect,
            expect_bytes,
            starttls,
        } = self;
        match (send, send_bytes, expect, expect_bytes, starttls) {
            (Some(text), None, None, None, None) => Ok(Turn::Send(text.as_bytes().to_vec())),
            (None, Some(bytes), None, None, None) => bytes.read().map(Turn::Send),
            (None, None, Some(text), None, None) if text.is_empty() => {
                Err("it expects nothing".to_owned())
            }
            (None, None, Some(text), None, None) => Ok(Turn::Expect(Expected::Text(text))),
            (None, None, None, Some(bytes), None) => {
                bytes.read().map(Expected::Bytes).map(Turn::Expect)
            }
            (None, None, None, None, Some(true)) => Ok(Turn::StartTls),
            _ => Err("a step is one of `send`, `send_bytes`, `expect`, `expect_bytes` and `starttls: true`".to_owned()),
        }
    }

    pub(super) fn texts_mut(&mut self) -> Vec<&mut String> {
        let mut texts: Vec<&mut String> = self.send.iter_mut().collect();
        let bytes = [&mut self.send_bytes, &mut self.expect_bytes];
        texts.extend(bytes.into_iter().flatten().flat_map(Bytes::texts_mut));
        texts.extend(self.expect.iter_mut().flat_map(TextExpectation::texts_mut));
        texts
    }
}

impl Expected<'_> {
    /// Whether what was received so far is what was expected.
    pub fn is_satisfied(&self, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return false;
        }
        let received = Received {
            bytes: bytes.to_vec(),
            ending: Ending::Satisfied,
        };
        let held = self.hold("", &received);
        held.undecided.is_none() && held.assertions.iter().all(|assertion| assertion.holds)
    }

    /// Whether what follows could not be what was expected any more: it has to be waited for a moment.
    pub fn may_be_spoilt(&self) -> bool {
        match self {
            Self::Bytes(_) => false,
            Self::Text(text) => {
                text.equals.is_some() || text.not_contains.is_some() || text.not_matches.is_some()
            }
        }
    }

    fn hold(&self, about: &str, received: &Received) -> Held {
        let Received { bytes, ending } = received;
        let mut held = match self {
            Self::Text(expect) => {
                let text = Text::decode(bytes, None, ending.is_cut());
                let cut = ending.is_cut().then_some("more may follow");
                expect.assertions(about, text.read(), cut)
            }
            Self::Bytes(wanted) => Held {
                assertions: vec![Assertion {
                    about: format!("{about} contains"),
                    expected: shown(wanted),
                    actual: shown(bytes),
                    holds: bytes.windows(wanted.len()).any(|part| part == wanted),
                }],
                undecided: None,
            },
        };
        for failed in held.assertions.iter_mut().filter(|it| !it.holds) {
            let is_text = std::str::from_utf8(bytes).is_ok();
            if matches!(self, Self::Text(_)) && !is_text {
                failed.actual = format!("{}; received {}", failed.actual, shown(bytes));
            }
            if let Some(words) = ending.words() {
                failed.actual = format!("{}, {words}", failed.actual);
            }
        }
        held
    }
}

/// Bytes for a message: what is no printable ASCII is escaped.
fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 160;
    let dots = if bytes.len() > MOST { "…" } else { "" };
    let bytes = &bytes[..bytes.len().min(MOST)];
    format!("\"{}{dots}\"", bytes.escape_ascii())
}

/// Holds what was received against the steps that expect something. What was not come to does not hold.
pub(super) fn hold(steps: &[Step], received: &[Received]) -> Held {
    let mut all = Held::default();
    let mut received = received.iter();
    for (index, step) in steps.iter().enumerate() {
        let about = format!("step {}", index + 1);
        let expected = match step.turn() {
            Ok(Turn::Expect(expected)) => expected,
            Ok(Turn::Send(_) | Turn::StartTls) => continue,
            Err(why) => {
                all.assertions.push(missing(about, why));
                return all;
            }
        };
        match received.next() {
            Some(received) => all.add(expected.hold(&about, received)),
            None if all.assertions.iter().all(|assertion| assertion.holds) => {
                all.assertions.push(missing(about, "an answer".to_owned()));
            }
            // One before it was not what it must be, and nothing was asked any more.
            None => return all,
        }
    }
    all
}

fn missing(about: String, expected: String) -> Assertion {
    Assertion {
        about,
        expected,
        actual: "the dialogue did not come to it".to_owned(),
        holds: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn steps(value: Value) -> Vec<Step> {
        serde_json::from_value(value).expect("steps")
    }

    fn received(bytes: &[u8], ending: Ending) -> Received {
        Received {
            bytes: bytes.to_vec(),
            ending,
        }
    }

    fn reasons(steps: &[Step], all: &[Received]) -> Vec<String> {
        let held = hold(steps, all);
        let failed = held.assertions.into_iter().filter(|it| !it.holds);
        failed
            .map(|it| {
                format!(
                    "{}: expected {}, found {}",
                    it.about, it.expected, it.actual
                )
            })
            .collect()
    }

    #[test]
    fn bytes_are_written_in_one_way() {
        let read = |value: Value| {
            serde_json::from_value::<Bytes>(value)
                .expect("bytes")
                .read()
        };
        for (value, bytes) in [
            (json!({"hex": "00 0f:Ff"}), &[0, 15, 255][..]),
            (json!({"hex": "0d0a"}), b"\r\n"),
            (json!({"base64": "AAEC\n/w=="}), &[0, 1, 2, 255]),
        ] {
            assert_eq!(read(value), Ok(bytes.to_vec()));
        }
        for (value, why) in [
            (json!({}), "either"),
            (json!({"hex": "00", "base64": "AA=="}), "either"),
            (json!({"hex": "0"}), "odd number"),
            (json!({"hex": "0x00"}), "no hexadecimal digit"),
            (json!({"hex": "é0"}), "no hexadecimal digit"),
            (json!({"hex": " "}), "not one byte"),
            (json!({"base64": "="}), "not base64"),
        ] {
            let said = read(value).expect_err(why);
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn a_step_is_one_thing() {
        for value in [
            json!([{}]),
            json!([{"send": "a", "expect": {"contains": "b"}}]),
            json!([{"starttls": false}]),
            json!([{"expect": {}}]),
        ] {
            let steps = steps(value);
            steps[0].turn().expect_err("no turn");
            // What cannot be done holds never.
            assert!(!reasons(&steps, &[]).is_empty());
        }
    }

    #[test]
    fn every_step_that_expects_must_be_come_to_and_hold() {
        let steps = steps(json!([
            {"expect": {"matches": "^220 "}},
            {"send": "PING\r\n"},
            {"expect_bytes": {"hex": "00ff"}},
        ]));
        let greeting = || received(b"220 mail\r\n", Ending::Satisfied);
        let bytes = received(b"a\x00\xff", Ending::Satisfied);
        assert_eq!(reasons(&steps, &[greeting(), bytes]), [""; 0]);
        assert_eq!(
            reasons(&steps, &[greeting()]),
            ["step 3: expected an answer, found the dialogue did not come to it"]
        );
        assert_eq!(
            reasons(&steps, &[greeting(), received(b"\x00\r\n", Ending::Closed)]),
            [
                r#"step 3 contains: expected "\x00\xff", found "\x00\r\n", then the other side closed the connection"#
            ]
        );
        assert_eq!(
            reasons(&steps, &[received(b"\xff", Ending::Time)]),
            [
                r#"step 1 matches: expected /^220 /, found no text: byte 0xff at offset 0 is not UTF-8 (more may follow); received "\xff", no more came in time"#
            ]
        );
    }

    #[test]
    fn only_what_more_could_spoil_is_waited_for() {
        for (expect, waits) in [
            (json!({"contains": "a"}), false),
            (json!({"matches": "a"}), false),
            (json!({"equals": "a"}), true),
            (json!({"contains": "a", "not_contains": "b"}), true),
            (json!({"not_matches": "b"}), true),
        ] {
            let steps = steps(json!([{"expect": expect}]));
            let Ok(Turn::Expect(expected)) = steps[0].turn() else {
                panic!("it expects");
            };
            assert_eq!(expected.may_be_spoilt(), waits, "{expect}");
            assert!(!expected.is_satisfied(b""));
            assert!(expected.is_satisfied(b"a"));
        }
    }
}
