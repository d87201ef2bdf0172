//! Probes: one language for evidence, the deployment checklist, verification, the rollback target and the checks after
//! a rollback.
//!
//! This module is what a probe says and what its answer means. Asking is the business of the effects; deciding over
//! several samples is [`sampling`].

pub mod judge;
pub mod sampling;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{PriorityName, ProbeId, TriggerName};
use super::timespan::Timespan;

/// One question to the running system, and what its answer must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Unique within the release.
    pub id: ProbeId,
    /// What a user of the system would call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// An HTTP request. A probe has exactly one of `http`, `tcp`, `command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpProbe>,
    /// A TCP connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpProbe>,
    /// A command on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandProbe>,
    /// For one attempt; 10s unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Timespan>,
    /// How often a sample that does not pass is asked again; 0 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// The pause before a retry; 1s unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Timespan>,
    /// The pause before the first sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<Timespan>,
    /// The pause between samples; 5s unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Timespan>,
    /// How many samples in a row must pass; 1 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub passes: Option<u32>,
    /// How many samples in a row must fail before the probe has failed; 1 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub failures: Option<u32>,
    /// How many samples in a row may be errors (it could not be asked) before the probe counts as failed. Without it,
    /// an error never opens an incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub errors: Option<u32>,
    /// It is reported and decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisory: Option<bool>,
    /// The priority of the incident that a failure opens; the policy's `default_priority` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<PriorityName>,
    /// The trigger that a failure is; the policy gives its priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<TriggerName>,
    /// The known issue of the release notes that would explain a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_issue: Option<String>,
}

/// An HTTP request and what its answer must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// An absolute `http://` or `https://` address.
    #[schemars(length(min = 1))]
    pub url: String,
    /// `GET` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Request headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The request's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// How many redirects are followed; 0 unless told, so that a redirect is an answer of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 20))]
    pub redirects: Option<u32>,
    /// Whether the server's certificate must be valid; true unless told. `lint` reports a `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_tls: Option<bool>,
    /// What the answer must be.
    pub expect: HttpExpectation,
}

/// What an HTTP answer must be; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpExpectation {
    /// A status (`200`), a class (`2xx`), or a list of both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<OneOrMany<StatusExpectation>>,
    /// By name of a response header.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, TextExpectation>,
    /// The response's body as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<TextExpectation>,
    /// The whole answer took no longer than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Timespan>,
}

/// One value, or a list of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// A single value.
    One(T),
    /// A list.
    Many(#[schemars(length(min = 1))] Vec<T>),
}

impl<T> OneOrMany<T> {
    /// The values, in order.
    pub fn values(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// A status code, or a class of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StatusExpectation {
    /// `200`
    Code(#[schemars(range(min = 100, max = 599))] u16),
    /// `2xx`
    Class(#[schemars(regex(pattern = "^[1-5]xx$"))] String),
}

/// What a text must be; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextExpectation {
    /// The whole text, surrounding white space apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// A part of it, or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<OneOrMany<String>>,
    /// What it must not contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_contains: Option<OneOrMany<String>>,
    /// A regular expression that is found in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "regex"))]
    pub matches: Option<String>,
}

impl TextExpectation {
    /// Whether it asks for nothing, and so could never fail.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A TCP connection; being accepted is what is asked at least.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpProbe {
    /// `host:port`, an IPv6 address in brackets.
    #[schemars(length(min = 1))]
    pub address: String,
    /// What is sent once connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// What the answer must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<TextExpectation>,
}

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
    #[schemars(range(min = 0, max = 255))]
    pub exit: Option<i32>,
    /// Its standard output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<TextExpectation>,
    /// Its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<TextExpectation>,
}

/// The question of a probe, by kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Question<'a> {
    /// Ask over HTTP.
    Http(&'a HttpProbe),
    /// Connect over TCP.
    Tcp(&'a TcpProbe),
    /// Run a command.
    Command(&'a CommandProbe),
}

/// The names of the kinds, as they are written in a probe.
pub const KINDS: [&str; 3] = ["http", "tcp", "command"];

impl Probe {
    /// The questions of the probe: exactly one in a valid one. `lint` refuses any other number.
    pub fn questions(&self) -> Vec<Question<'_>> {
        let http = self.http.as_ref().map(Question::Http);
        let tcp = self.tcp.as_ref().map(Question::Tcp);
        let command = self.command.as_ref().map(Question::Command);
        [http, tcp, command].into_iter().flatten().collect()
    }

    /// Whether the probe could fail at all: one that asserts nothing is an error, never a pass.
    pub fn asserts_something(&self) -> bool {
        let text = |expectation: &TextExpectation| !expectation.is_empty();
        self.questions().into_iter().all(|question| match question {
            Question::Http(http) => {
                let expect = &http.expect;
                expect
                    .status
                    .as_ref()
                    .is_some_and(|status| !status.values().is_empty())
                    || expect.headers.values().any(text)
                    || expect.body.as_ref().is_some_and(text)
                    || expect.duration.is_some()
            }
            Question::Tcp(_) => true,
            Question::Command(command) => {
                let expect = &command.expect;
                expect.exit.is_some()
                    || expect.stdout.as_ref().is_some_and(text)
                    || expect.stderr.as_ref().is_some_and(text)
            }
        })
    }

    /// The title, or the id where there is none.
    pub fn name(&self) -> &str {
        self.title.as_deref().unwrap_or(self.id.as_str())
    }

    /// For one attempt.
    pub fn timeout(&self) -> Timespan {
        self.timeout.unwrap_or(Timespan::from_seconds(10))
    }

    /// How often a sample that does not pass is asked again.
    pub fn retries(&self) -> u32 {
        self.retries.unwrap_or(0)
    }

    /// The pause before a retry.
    pub fn backoff(&self) -> Timespan {
        self.backoff.unwrap_or(Timespan::from_seconds(1))
    }

    /// The pause between samples.
    pub fn every(&self) -> Timespan {
        self.every.unwrap_or(Timespan::from_seconds(5))
    }

    /// How many samples in a row must pass.
    pub fn passes(&self) -> u32 {
        self.passes.unwrap_or(1).max(1)
    }

    /// How many samples in a row must fail before the probe has failed.
    pub fn failures(&self) -> u32 {
        self.failures.unwrap_or(1).max(1)
    }

    /// Whether it decides nothing.
    pub fn is_advisory(&self) -> bool {
        self.advisory.unwrap_or(false)
    }

    /// Every text of the probe in which a variable may stand.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        let mut texts = Vec::new();
        if let Some(http) = &mut self.http {
            texts.push(&mut http.url);
            texts.extend(http.headers.values_mut());
            texts.extend(http.body.as_mut());
            texts.extend(
                http.expect
                    .headers
                    .values_mut()
                    .flat_map(TextExpectation::texts_mut),
            );
            texts.extend(
                http.expect
                    .body
                    .iter_mut()
                    .flat_map(TextExpectation::texts_mut),
            );
        }
        if let Some(tcp) = &mut self.tcp {
            texts.push(&mut tcp.address);
            texts.extend(tcp.send.as_mut());
            texts.extend(tcp.expect.iter_mut().flat_map(TextExpectation::texts_mut));
        }
        if let Some(command) = &mut self.command {
            texts.extend(command.argv.iter_mut());
            texts.extend(command.env.values_mut());
            texts.extend(
                command
                    .expect
                    .stdout
                    .iter_mut()
                    .flat_map(TextExpectation::texts_mut),
            );
            texts.extend(
                command
                    .expect
                    .stderr
                    .iter_mut()
                    .flat_map(TextExpectation::texts_mut),
            );
        }
        texts
    }
}

impl TextExpectation {
    fn texts_mut(&mut self) -> Vec<&mut String> {
        let Self {
            equals,
            contains,
            not_contains,
            matches,
        } = self;
        let mut texts: Vec<&mut String> = equals.iter_mut().chain(matches.iter_mut()).collect();
        for part in [contains, not_contains].into_iter().flatten() {
            match part {
                OneOrMany::One(text) => texts.push(text),
                OneOrMany::Many(list) => texts.extend(list),
            }
        }
        texts
    }
}
