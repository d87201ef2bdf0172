//! The kinds of probes, each in a file of its own: what it asks, what its answer must be, and how the two are held
//! against each other.
//!
//! A new kind is one new file here, its line in the table below and its key in [`Probe`]. The effects
//! and the lint have a file for it each.

mod auth;
mod command;
mod dns;
mod file;
mod grpc;
mod http;
pub mod junit;
pub mod metric;
mod payload;
mod tcp;
mod tls;

pub use auth::{Auth, BasicAuth, ClientAuth, Oauth2Client};
pub use command::{CommandAnswer, CommandExpectation, CommandProbe};
pub use dns::{DnsAnswer, DnsExpectation, DnsProbe, DnsRecordType};
pub use file::{FileAnswer, FileExpectation, FileProbe, RegularFile};
pub use grpc::{GrpcAnswer, GrpcExpectation, GrpcProbe, ServingStatus, is_reserved_metadata};
pub(super) use http::status_matches;
pub use http::{ClientCertificate, HttpAnswer, HttpExpectation, HttpProbe, StatusExpectation};
pub use junit::{JunitAnswer, JunitExpectation, JunitProbe, ToleratedFailure};
pub use metric::{
    Bounds, ExpositionSource, FailureCondition, JsonSource, MetricAnswer, MetricExpectation,
    MetricProbe, MinimumSamples, PrometheusSource, RatioExpectation, Reduce, Selection, Worse,
};
pub use payload::{Form, Part};
pub use tcp::{
    Bytes, Ending, Expected, Received, Step, TcpAnswer, TcpProbe, TcpTls, TlsTerms, Turn,
};
pub use tls::{
    Certificate, Handshake, Hop, Offer, OldVersion, StartTls, TlsAnswer, TlsExpectation, TlsProbe,
    TlsVersion, fingerprint_digits,
};

use super::Probe;
use super::expect::{Assertion, Held};
use super::json::JsonExpectation;
use super::json::schema::SchemaSource;
use super::measure::Measure;
use super::templated::Settle;
use super::text::Text;

/// It was asked, and there is nothing to judge: why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoData(pub String);

/// Every assertion held against an answer, or why none could be.
pub type Judged = Result<Vec<Assertion>, NoData>;

/// What is judged where something may not be found out: nothing, unless something else does not hold.
fn judged(held: Held) -> Judged {
    match held.undecided {
        Some(why) if held.assertions.iter().all(|assertion| assertion.holds) => Err(NoData(why)),
        _ => Ok(held.assertions),
    }
}

/// What an answer says, as far as values can be captured from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    /// Its body, or what was printed.
    pub text: Option<&'a Text>,
    /// Header names in lower case, with their values.
    pub headers: &'a [(String, Text)],
    /// The cookies that were set, in order: names with their values.
    pub cookies: &'a [(String, Text)],
    /// Whether the text is not whole.
    pub cut: bool,
}

/// Host and port of an address, as they are written.
fn authority(url: &str) -> Option<&str> {
    let after_scheme = url.split_once("://")?.1;
    let authority = after_scheme.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    Some(host)
}

/// What each kind of probe can do with its question.
pub trait Kind {
    /// What asking it brings.
    type Answer;

    /// Whether it could fail at all.
    fn asserts_something(&self) -> bool;

    /// Every text in which a variable may stand.
    fn texts_mut(&mut self) -> Vec<&mut String>;

    /// Every place where a variable may stand for a number, or for what else is read out of a text.
    fn settles_mut(&mut self) -> Vec<&mut dyn Settle> {
        Vec::new()
    }

    /// What must not be shown, whether or not it came out of a variable.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// Every JSON Schema that may stand in a file.
    fn schemas_mut(&mut self) -> Vec<&mut SchemaSource> {
        Vec::new()
    }

    /// The host that is asked, where it is one: so many probes at a time ask the same.
    fn host(&self) -> Option<&str> {
        None
    }

    /// What can be captured from an answer.
    fn told(_: &Self::Answer) -> Told<'_> {
        Told::default()
    }

    /// The number that an answer is, where it is one.
    fn measured(_: &Self::Answer) -> Option<Measure> {
        None
    }

    /// Holds `answer` against what is expected. `took_ms` is how long asking took.
    fn judge(&self, answer: &Self::Answer, took_ms: u64) -> Judged;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $key:ident: $name:ident($question:ty) => $answer:ty,)*) => {
        /// The names of the kinds, as they are written in a probe.
        pub const KINDS: [&str; [$(stringify!($key)),*].len()] = [$(stringify!($key)),*];

        /// The question of a probe, by kind.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Question<'a> {
            $($(#[$doc])* $name(&'a $question),)*
        }

        /// What asking brought.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Answer {
            $($(#[$doc])* $name($answer),)*
            /// The target was reached and did not serve: refused, reset, silent, a broken response, an invalid
            /// certificate.
            Unserved(String),
            /// It could not be asked: no such host, no such program, no route.
            Unasked(String),
            /// It was asked, and there is nothing to judge.
            NoData(String),
        }

        impl Question<'_> {
            /// Whether it could fail at all.
            pub fn asserts_something(self) -> bool {
                match self {
                    $(Self::$name(question) => question.asserts_something(),)*
                }
            }

            /// The host that is asked, where it is one.
            pub fn host(self) -> Option<String> {
                match self {
                    $(Self::$name(question) => question.host().map(str::to_owned),)*
                }
            }

            /// Holds `answer` against what is expected; `None` where it is of another kind.
            pub(super) fn judge(self, answer: &Answer, took_ms: u64) -> Option<Judged> {
                match (self, answer) {
                    $((Self::$name(question), Answer::$name(answer)) => Some(question.judge(answer, took_ms)),)*
                    _ => None,
                }
            }
        }

        impl Answer {
            /// What can be captured from it: nothing where nothing was answered.
            pub fn told(&self) -> Told<'_> {
                match self {
                    $(Self::$name(answer) => <$question>::told(answer),)*
                    Self::Unserved(_) | Self::Unasked(_) | Self::NoData(_) => Told::default(),
                }
            }
        }

        impl Answer {
            /// The number that it is, where it is one.
            pub fn measured(&self) -> Option<Measure> {
                match self {
                    $(Self::$name(answer) => <$question>::measured(answer),)*
                    Self::Unserved(_) | Self::Unasked(_) | Self::NoData(_) => None,
                }
            }
        }

        impl Probe {
            /// The questions of the probe: exactly one in a valid one. `lint` refuses any other number.
            pub fn questions(&self) -> Vec<Question<'_>> {
                let all = [$(self.$key.as_deref().map(Question::$name)),*];
                all.into_iter().flatten().collect()
            }

            /// Every text of the probe in which a variable may stand, those that become a number apart.
            pub fn texts_mut(&mut self) -> Vec<&mut String> {
                let mut texts = Vec::new();
                $(texts.extend(self.$key.as_deref_mut().into_iter().flat_map(Kind::texts_mut));)*
                texts
            }

            /// Every place where a variable may stand for a number, or for what else is read out of a text.
            fn settles_mut(&mut self) -> Vec<&mut dyn Settle> {
                let mut all = Vec::new();
                $(all.extend(self.$key.as_deref_mut().into_iter().flat_map(Kind::settles_mut));)*
                all
            }

            /// What of the probe must not be shown, whether or not it came out of a variable.
            pub fn secrets(&self) -> Vec<String> {
                let mut secrets = Vec::new();
                $(secrets.extend(self.$key.as_deref().into_iter().flat_map(Kind::secrets));)*
                secrets
            }

            /// Every JSON Schema of the probe that may stand in a file.
            pub fn schemas_mut(&mut self) -> Vec<&mut SchemaSource> {
                let mut schemas = Vec::new();
                $(schemas.extend(self.$key.as_deref_mut().into_iter().flat_map(Kind::schemas_mut));)*
                schemas
            }
        }
    };
}

kinds! {
    /// An HTTP request, and its response: whole, or up to the cap.
    http: Http(HttpProbe) => HttpAnswer,
    /// A TCP connection, and what came over it once it was accepted.
    tcp: Tcp(TcpProbe) => TcpAnswer,
    /// A TLS handshake, and the certificate that it showed.
    tls: Tls(TlsProbe) => TlsAnswer,
    /// A name, and the records that it has.
    dns: Dns(DnsProbe) => DnsAnswer,
    /// The health service of a gRPC server, and what it said.
    grpc: Grpc(GrpcProbe) => GrpcAnswer,
    /// A command, and how it ended.
    command: Command(CommandProbe) => CommandAnswer,
    /// A file, and what it is.
    file: File(FileProbe) => FileAnswer,
    /// The reports of a test run, and what they show.
    junit: Junit(JunitProbe) => JunitAnswer,
    /// A number, and what it is.
    metric: Metric(MetricProbe) => MetricAnswer,
}

impl Probe {
    /// Does the same with every text of the probe in which a variable may stand.
    ///
    /// # Errors
    /// The first that `with` comes to.
    pub fn each_text<E>(
        &mut self,
        mut with: impl FnMut(&mut String) -> Result<(), E>,
    ) -> Result<(), E> {
        for text in self.texts_mut() {
            with(text)?;
        }
        for place in self.settles_mut() {
            if let Some(text) = place.text_mut() {
                with(text)?;
            }
        }
        Ok(())
    }

    /// What stands at each place that is to become a number or the like, where that is a text.
    pub fn to_be_settled(&mut self) -> Vec<Option<String>> {
        let places = self.settles_mut().into_iter();
        places.map(|place| place.text_mut().cloned()).collect()
    }

    /// Reads those texts, whose variables are filled.
    ///
    /// # Errors
    /// Which place does not hold what it must, counted from 0, and what that is.
    pub fn settle(&mut self) -> Result<(), (usize, &'static str)> {
        for (index, place) in self.settles_mut().into_iter().enumerate() {
            place.settle().map_err(|noun| (index, noun))?;
        }
        Ok(())
    }

    /// What is asserted about values of a JSON document.
    pub fn json_mut(&mut self) -> impl Iterator<Item = &mut JsonExpectation> {
        let http = self.http.iter_mut().map(|it| &mut it.expect.json);
        let command = self.command.iter_mut().map(|it| &mut it.expect.json);
        let file = self.file.iter_mut().map(|it| &mut it.expect.json);
        http.chain(command).chain(file).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_found_out_is_neither_a_pass_nor_hides_a_failure() {
        let assertion = |holds| Assertion {
            about: "status".to_owned(),
            expected: "200".to_owned(),
            actual: "200".to_owned(),
            holds,
        };
        let undecided = || Some("too much".to_owned());
        let judged = |assertions: Vec<Assertion>, undecided| {
            judged(Held {
                assertions,
                undecided,
            })
        };
        assert!(judged(vec![assertion(true)], undecided()).is_err());
        assert!(judged(Vec::new(), undecided()).is_err());
        assert!(judged(vec![assertion(false)], undecided()).is_ok());
        assert!(judged(vec![assertion(true)], None).is_ok());
    }
}
