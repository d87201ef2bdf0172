//! `http`: a request and what its answer must be.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::{Auth, BasicAuth, secrets};
use super::payload::{Form, Part};
use super::{Judged, Kind, Told, authority, judged};
use crate::domain::ids::Digest;
use crate::domain::latency::Latency;
use crate::domain::probe::expect::{
    Assertion, HeaderExpectation, Held, OneOrMany, TextExpectation, excerpt,
};
use crate::domain::probe::json::schema::SchemaSource;
use crate::domain::probe::json::{self, JsonExpectation};
use crate::domain::probe::templated::{Settle, Templated};
use crate::domain::probe::text::Text;

/// An HTTP request and what its answer must be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// An absolute `http://` or `https://` address.
    #[schemars(length(min = 1))]
    pub url: String,
    /// Default: `GET`, or `POST` where a `form` or `multipart` is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path of the unix socket that is connected to, from the repository's root or absolute; the address still says
    /// what is asked for. Another origin that a redirect leads to is connected to as usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub unix: Option<String>,
    /// Request headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The names of those whose values hold a secret, once they are filled: no other origin is told them.
    #[serde(skip)]
    pub secret_headers: BTreeSet<String>,
    /// The request's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// A file that is the request's body, byte by byte; found from the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub body_file: Option<String>,
    /// The fields of a form, sent as `application/x-www-form-urlencoded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
    /// The parts of a `multipart/form-data` body, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub multipart: Vec<Part>,
    /// Who asks. It is not shown anywhere, and not told to another host that a redirect leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// How many redirects are followed. Default: 0, so that a redirect is a response of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 20))]
    pub redirects: Option<u32>,
    /// Whether the server's certificate must be valid. Default: true. `lint` reports a `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_tls: Option<bool>,
    /// A PEM file with the authorities that the server's certificate must come from, instead of those that the system
    /// trusts; found from the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub ca: Option<String>,
    /// The certificate that the probe shows to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// By host of an address: the IP address, or `address:port`, that is connected to instead of what DNS says. The
    /// host is still the one that is asked for, also in TLS.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resolve: BTreeMap<String, String>,
    /// The proxy to use, such as `http://proxy.example.com:3128`. Default: none, whatever the environment
    /// says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub proxy: Option<String>,
    /// Who asks the proxy. It is not shown anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_auth: Option<BasicAuth>,
    /// Whether cookies are kept (RFC 6265): what a response sets is sent on over redirects, and by the probes that need
    /// this one and keep theirs too; default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookies: Option<bool>,
    /// Whether a compressed response is asked for (gzip, br, zstd, deflate) and unpacked; default: false. All that is
    /// expected of the body holds for what comes out, of which at most 1 MiB is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decompress: Option<bool>,
    /// What the response must be.
    pub expect: HttpExpectation,
}

/// A certificate and its key, each a PEM file found from the repository's root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// The certificate, and those between it and its authority.
    #[schemars(length(min = 1))]
    pub cert: String,
    /// Its private key, without a passphrase.
    #[schemars(length(min = 1))]
    pub key: String,
}

/// What an HTTP answer must be; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpExpectation {
    /// A status (`200`), a class (`2xx`), or a list of both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<OneOrMany<StatusExpectation>>,
    /// By name of a response header: what it must say, or that it is `present` or `absent`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderExpectation>,
    /// The response's body as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<TextExpectation>,
    /// Values of the response's body, which is JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonExpectation>,
    /// A JSON Schema that the response's body satisfies, or the file that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<SchemaSource>,
    /// The SHA-256 of the response's body, byte by byte; with `decompress` of what comes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// The whole answer took no longer than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Templated<Latency>>,
}

/// A status code, or a class of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StatusExpectation {
    /// `200`
    Code(#[schemars(range(min = 100, max = 599))] u16),
    /// `2xx`, or a text with variables that becomes either.
    Class(
        #[schemars(regex(pattern = "^[1-5]xx$|\\$\\{"), extend("x-expected" = "a class of them such as 2xx"))]
         String,
    ),
}

impl Settle for StatusExpectation {
    fn text_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Class(text) if text.contains("${") => Some(text),
            Self::Class(_) | Self::Code(_) => None,
        }
    }

    fn settle(&mut self) -> Result<(), &'static str> {
        if let Self::Class(text) = self {
            let text = text.trim();
            let class = matches!(text.as_bytes(), [b'1'..=b'5', b'x', b'x']);
            let code = text.parse().ok().filter(|code| (100..=599).contains(code));
            *self = match code {
                Some(code) => Self::Code(code),
                None if class => Self::Class(text.to_owned()),
                None => return Err("a status such as 200, or a class such as 2xx"),
            };
        }
        Ok(())
    }
}

/// An HTTP response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, Text)>,
    /// What was set on the way, redirects among it, in order: names with their values.
    pub cookies: Vec<(String, Text)>,
    /// The body as text.
    pub body: Text,
    /// The SHA-256 of the body, where one is expected; none where it was cut.
    pub sha256: Option<Digest>,
    /// Whether the body was longer than the cap and cut there.
    pub truncated: bool,
}

/// What is said of a body that was cut.
const CUT: &str = "the body was cut at the cap";

impl HttpProbe {
    /// How it is asked.
    pub fn method(&self) -> &str {
        let sends = self.form.is_some() || !self.multipart.is_empty();
        let default = if sends { "POST" } else { "GET" };
        self.method.as_deref().unwrap_or(default)
    }

    /// The keys that say what is sent.
    pub fn payload_keys(&self) -> Vec<&'static str> {
        let given = [
            ("body", self.body.is_some()),
            ("body_file", self.body_file.is_some()),
            ("form", self.form.is_some()),
            ("multipart", !self.multipart.is_empty()),
        ];
        let given = given.into_iter().filter(|(_, given)| *given);
        given.map(|(key, _)| key).collect()
    }
}

impl Kind for HttpProbe {
    type Answer = HttpAnswer;

    fn asserts_something(&self) -> bool {
        let HttpExpectation {
            status,
            headers,
            body,
            json,
            json_schema,
            sha256,
            duration,
        } = &self.expect;
        let text = |expectation: &TextExpectation| !expectation.is_empty();
        status
            .as_ref()
            .is_some_and(|status| !status.values().is_empty())
            || headers.values().any(|it| !it.is_empty())
            || body.as_ref().is_some_and(text)
            || json.iter().any(|value| !value.is_empty())
            || json_schema.is_some()
            || sha256.is_some()
            || duration.is_some()
    }

    fn texts_mut(&mut self) -> Vec<&mut String> {
        let expect = &mut self.expect;
        let headers = expect.headers.values_mut();
        let headers = headers.filter_map(HeaderExpectation::text_mut);
        let expected = headers.chain(&mut expect.body);
        let mut texts = vec![&mut self.url];
        texts.extend(self.headers.values_mut());
        texts.extend(self.body.as_mut());
        texts.extend(self.body_file.as_mut());
        let form = self.form.iter_mut().flat_map(BTreeMap::values_mut);
        texts.extend(form.flat_map(OneOrMany::values_mut));
        texts.extend(self.multipart.iter_mut().flat_map(Part::texts_mut));
        texts.extend(self.unix.as_mut());
        texts.extend(self.auth.iter_mut().flat_map(Auth::texts_mut));
        texts.extend(self.ca.as_mut());
        let certificate = self.client_certificate.iter_mut();
        texts.extend(certificate.flat_map(|one| [&mut one.cert, &mut one.key]));
        texts.extend(self.resolve.values_mut());
        texts.extend(&mut self.proxy);
        texts.extend(self.proxy_auth.iter_mut().flat_map(BasicAuth::texts_mut));
        texts.extend(expected.flat_map(TextExpectation::texts_mut));
        texts.extend(json::texts_mut(&mut expect.json, &mut expect.json_schema));
        texts
    }

    fn settles_mut(&mut self) -> Vec<&mut dyn Settle> {
        let HttpExpectation {
            status,
            headers,
            body,
            json,
            duration,
            ..
        } = &mut self.expect;
        let headers = headers.values_mut();
        let headers = headers.filter_map(HeaderExpectation::text_mut);
        let texts = headers.chain(body).flat_map(TextExpectation::settles_mut);
        let status = status.iter_mut().flat_map(OneOrMany::values_mut);
        let status = status.map(|it| it as &mut dyn Settle);
        let duration = duration.iter_mut().map(|it| it as &mut dyn Settle);
        let numbers = status.chain(json::settles_mut(json)).chain(duration);
        numbers.chain(texts).collect()
    }

    fn secrets(&self) -> Vec<String> {
        secrets(self.auth.as_ref(), self.proxy_auth.as_ref())
    }

    fn schemas_mut(&mut self) -> Vec<&mut SchemaSource> {
        self.expect.json_schema.iter_mut().collect()
    }

    fn host(&self) -> Option<&str> {
        authority(&self.url)
    }

    fn told(answer: &HttpAnswer) -> Told<'_> {
        Told {
            text: Some(&answer.body),
            headers: &answer.headers,
            cookies: &answer.cookies,
            cut: answer.truncated,
        }
    }

    fn judge(&self, answer: &HttpAnswer, took_ms: u64) -> Judged {
        let expect = &self.expect;
        let mut all = Vec::new();
        if let Some(status) = &expect.status {
            let allowed = status.values();
            let holds = allowed.iter().any(|one| status_matches(one, answer.status));
            let expected: Vec<String> = allowed
                .iter()
                .map(|one| match one {
                    StatusExpectation::Code(code) => code.to_string(),
                    StatusExpectation::Class(class) => class.clone(),
                })
                .collect();
            let location = answer.headers.iter().find(|(name, _)| name == "location");
            let actual = match location {
                Some((_, to)) if !holds => {
                    format!("{} (redirects to {})", answer.status, excerpt(to.shown()))
                }
                _ => answer.status.to_string(),
            };
            all.push(Assertion {
                about: "status".to_owned(),
                expected: expected.join(" or "),
                actual,
                holds,
            });
        }
        let mut texts = Held::default();
        for (name, expectation) in &expect.headers {
            let wanted = name.to_ascii_lowercase();
            let mut values = answer.headers.iter().filter(|(name, _)| *name == wanted);
            let joined = Text::join(values.clone().map(|(_, value)| value), ", ");
            let text = values.next().map(|_| joined.read());
            texts.add(expectation.assertions(&format!("header {wanted}"), text));
        }
        let cut = answer.truncated.then_some(CUT);
        if let Some(expectation) = &expect.body {
            texts.add(expectation.assertions("body", answer.body.read(), cut));
        }
        let schema = expect.json_schema.as_ref();
        texts.add(json::hold(&expect.json, schema, answer.body.read(), cut));
        all.extend(texts.assertions);
        if let Some(wanted) = &expect.sha256 {
            all.push(Assertion {
                about: "body sha256".to_owned(),
                expected: wanted.to_string(),
                actual: match (&answer.sha256, cut) {
                    (Some(found), _) => found.to_string(),
                    (None, Some(cut)) => format!("unknown: {cut}"),
                    (None, None) => "missing".to_owned(),
                },
                holds: answer.sha256.as_ref() == Some(wanted),
            });
        }
        if let Some(limit) = &expect.duration {
            all.push(Assertion {
                about: "duration".to_owned(),
                expected: format!("at most {limit}"),
                actual: format!("{took_ms} ms"),
                holds: limit.is_known_and(|limit| took_ms <= limit.milliseconds()),
            });
        }
        judged(Held {
            assertions: all,
            undecided: texts.undecided,
        })
    }
}

/// Whether a status is the expected one, or of the expected class.
pub fn status_matches(expected: &StatusExpectation, status: u16) -> bool {
    match expected {
        StatusExpectation::Code(code) => *code == status,
        StatusExpectation::Class(class) => {
            let digit = class
                .bytes()
                .next()
                .map(|byte| u16::from(byte.wrapping_sub(b'0')));
            class.len() == 3 && class.ends_with("xx") && digit == Some(status / 100)
        }
    }
}
