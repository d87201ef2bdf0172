//! `command`: a program on this machine, its exit code and what it writes.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{Judged, Kind, Told, judged};
use crate::domain::probe::expect::{Assertion, Held, TextExpectation, excerpt};
use crate::domain::probe::json::schema::SchemaSource;
use crate::domain::probe::json::{self, JsonExpectation};
use crate::domain::probe::templated::{self, Settle, Templated};
use crate::domain::probe::text::Text;

/// A command on this machine, without a shell, and what it must do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandProbe {
    /// The program and its arguments; a program with a slash is found from the repository's root.
    #[schemars(length(min = 1))]
    pub argv: Vec<String>,
    /// Variables added to the environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What it must do.
    pub expect: CommandExpectation,
}

/// What a command must do; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandExpectation {
    /// Its exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "exit_code")]
    pub exit: Option<Templated<i32>>,
    /// Its standard output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<TextExpectation>,
    /// Its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<TextExpectation>,
    /// Values of its standard output, which is JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonExpectation>,
    /// A JSON Schema that its standard output satisfies, or the file that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<SchemaSource>,
}

fn exit_code(_: &mut SchemaGenerator) -> Schema {
    templated::between(0, Some(255))
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommandAnswer {
    /// Its exit code, or none when a signal ended it.
    pub exit: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its standard output, capped.
    pub stdout: Text,
    /// Its standard error, capped.
    pub stderr: Text,
    /// Why its standard output is not whole, where it is not.
    pub stdout_cut: Option<String>,
    /// The same of its standard error.
    pub stderr_cut: Option<String>,
}

impl Kind for CommandProbe {
    type Answer = CommandAnswer;

    fn asserts_something(&self) -> bool {
        let CommandExpectation {
            exit,
            stdout,
            stderr,
            json,
            json_schema,
        } = &self.expect;
        let mut texts = stdout.iter().chain(stderr);
        exit.is_some()
            || json_schema.is_some()
            || json.iter().any(|value| !value.is_empty())
            || texts.any(|expectation| !expectation.is_empty())
    }

    fn texts_mut(&mut self) -> Vec<&mut String> {
        let expect = &mut self.expect;
        let expected = expect.stdout.iter_mut().chain(&mut expect.stderr);
        let mut texts: Vec<&mut String> = self.argv.iter_mut().collect();
        texts.extend(self.env.values_mut());
        texts.extend(expected.flat_map(TextExpectation::texts_mut));
        texts.extend(json::texts_mut(&mut expect.json, &mut expect.json_schema));
        texts
    }

    fn settles_mut(&mut self) -> Vec<&mut dyn Settle> {
        let CommandExpectation {
            exit,
            json,
            stdout,
            stderr,
            ..
        } = &mut self.expect;
        let mut all: Vec<&mut dyn Settle> = json::settles_mut(json).collect();
        let texts = stdout.iter_mut().chain(stderr);
        all.extend(texts.flat_map(TextExpectation::settles_mut));
        all.extend(exit.iter_mut().map(|it| it as &mut dyn Settle));
        all
    }

    fn schemas_mut(&mut self) -> Vec<&mut SchemaSource> {
        self.expect.json_schema.iter_mut().collect()
    }

    fn told(answer: &CommandAnswer) -> Told<'_> {
        Told {
            text: Some(&answer.stdout),
            cut: answer.stdout_cut.is_some(),
            ..Told::default()
        }
    }

    fn judge(&self, answer: &CommandAnswer, _: u64) -> Judged {
        let expect = &self.expect;
        let mut all = Held::default();
        if let Some(exit) = &expect.exit {
            let actual = match (answer.exit, answer.signal) {
                (Some(code), _) => code.to_string(),
                (None, Some(signal)) => format!("killed by signal {signal}"),
                (None, None) => "no exit code".to_owned(),
            };
            let holds = answer.exit.is_some() && answer.exit.as_ref() == exit.known();
            let actual = if holds || answer.stderr.shown().trim().is_empty() {
                actual
            } else {
                format!("{actual} ({})", excerpt(answer.stderr.shown().trim()))
            };
            all.assertions.push(Assertion {
                about: "exit code".to_owned(),
                expected: exit.to_string(),
                actual,
                holds,
            });
        }
        let cut = answer.stdout_cut.as_deref();
        if let Some(expectation) = &expect.stdout {
            all.add(expectation.assertions("stdout", answer.stdout.read(), cut));
        }
        if let Some(expectation) = &expect.stderr {
            let cut = answer.stderr_cut.as_deref();
            all.add(expectation.assertions("stderr", answer.stderr.read(), cut));
        }
        let schema = expect.json_schema.as_ref();
        all.add(json::hold(&expect.json, schema, answer.stdout.read(), cut));
        judged(all)
    }
}
