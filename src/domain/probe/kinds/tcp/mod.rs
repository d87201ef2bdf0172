//! `tcp`: a connection, with or without TLS, and what is received over it.

mod dialogue;
mod tls;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClientCertificate, Judged, Kind, Told, judged};
use crate::domain::probe::expect::{Assertion, Held, TextExpectation};
use crate::domain::probe::templated::Settle;
use crate::domain::probe::text::Text;

pub use dialogue::{Bytes, Ending, Expected, Received, Step, Turn};
pub use tls::{TcpTls, TlsTerms};

/// A TCP connection; being accepted is what is asked at least.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpProbe {
    /// `host:port`, an IPv6 address in brackets.
    #[schemars(length(min = 1))]
    pub address: String,
    /// Whether TLS is spoken over the connection: `true`, or on which terms; default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TcpTls>,
    /// What is sent once connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// What the response must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<TextExpectation>,
    /// Instead of `send` and `expect`: what is sent and what is expected, in turns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// What a TCP connection brought: it was accepted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TcpAnswer {
    /// What was received, as text, if anything was expected; in a dialogue, at its last step.
    pub received: Text,
    /// Whether more may have been sent than was read.
    pub truncated: bool,
    /// What was received at each step of a dialogue that expects something, as far as it came.
    pub steps: Vec<Received>,
}

impl TcpProbe {
    /// The terms on which TLS is spoken, where it is.
    pub fn tls_terms(&self) -> Option<TlsTerms> {
        match &self.tls {
            None | Some(TcpTls::Spoken(false)) => None,
            Some(TcpTls::Spoken(true)) => Some(TlsTerms::default()),
            Some(TcpTls::Terms(terms)) => Some(terms.clone()),
        }
    }

    /// The terms that are written out.
    pub fn written_terms(&self) -> Option<&TlsTerms> {
        match &self.tls {
            Some(TcpTls::Terms(terms)) => Some(terms),
            _ => None,
        }
    }

    /// Whether TLS begins at a step, and not with the first byte.
    pub fn begins_plain(&self) -> bool {
        self.steps.iter().any(|step| step.starttls == Some(true))
    }
}

impl Kind for TcpProbe {
    type Answer = TcpAnswer;

    fn asserts_something(&self) -> bool {
        true
    }

    fn texts_mut(&mut self) -> Vec<&mut String> {
        let Self {
            address,
            tls,
            send,
            expect,
            steps,
        } = self;
        let mut texts = vec![address];
        texts.extend(tls.iter_mut().flat_map(TcpTls::texts_mut));
        texts.extend(send);
        texts.extend(expect.iter_mut().flat_map(TextExpectation::texts_mut));
        texts.extend(steps.iter_mut().flat_map(Step::texts_mut));
        texts
    }

    fn settles_mut(&mut self) -> Vec<&mut dyn Settle> {
        let steps = self.steps.iter_mut().map(|step| &mut step.expect);
        let expected = std::iter::once(&mut self.expect).chain(steps).flatten();
        expected.flat_map(TextExpectation::settles_mut).collect()
    }

    fn host(&self) -> Option<&str> {
        Some(&self.address)
    }

    fn told(answer: &TcpAnswer) -> Told<'_> {
        Told {
            text: Some(&answer.received),
            ..Told::default()
        }
    }

    fn judge(&self, answer: &TcpAnswer, _: u64) -> Judged {
        let mut all = Held::default();
        all.assertions.push(Assertion {
            about: "connection".to_owned(),
            expected: "accepted".to_owned(),
            actual: "accepted".to_owned(),
            holds: true,
        });
        if let Some(expect) = &self.expect {
            let cut = answer
                .truncated
                .then_some("it may not be all that was sent");
            all.add(expect.assertions("answer", answer.received.read(), cut));
        }
        all.add(dialogue::hold(&self.steps, &answer.steps));
        judged(all)
    }
}
