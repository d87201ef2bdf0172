//! `tcp`: a connection, and what is received over it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Judged, Kind, Told, judged};
use crate::domain::probe::expect::{Assertion, Held, TextExpectation};
use crate::domain::probe::text::Text;

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

/// What a TCP connection brought: it was accepted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TcpAnswer {
    /// What was received, as text, if anything was expected.
    pub received: Text,
    /// Whether more may have been sent than was read.
    pub truncated: bool,
}

impl Kind for TcpProbe {
    type Answer = TcpAnswer;

    fn asserts_something(&self) -> bool {
        true
    }

    fn texts_mut(&mut self) -> Vec<&mut String> {
        let mut texts = vec![&mut self.address];
        texts.extend(self.send.as_mut());
        texts.extend(self.expect.iter_mut().flat_map(TextExpectation::texts_mut));
        texts
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
        judged(all)
    }
}
