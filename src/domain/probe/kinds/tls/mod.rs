//! `tls`: the certificate that a server shows, along every hop of a redirect where an address is followed.

mod certificate;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClientCertificate, Judged, Kind, authority, judged};
use crate::domain::probe::expect::{Assertion, Held, OneOrMany, TextExpectation};
use crate::domain::timespan::Timespan;

pub use certificate::{Certificate, Offer, OldVersion, fingerprint_digits};

/// A TLS handshake, and what the server's certificate must be. It has `address` or `url`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsProbe {
    /// `host:port`, an IPv6 address in brackets: one handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub address: Option<String>,
    /// An `https://` address whose redirects are followed, ten at most: every hop must be TLS and hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub url: Option<String>,
    /// The protocol in which TLS is asked for first, with `address`; default: none, TLS from the first byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starttls: Option<StartTls>,
    /// The name that is asked for and that the certificate must have. Default: the address's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// A PEM file with the authorities to trust instead of the system's, from the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Whether the certificate must be trusted, in date and for the name. Default: true. `lint` reports a `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_tls: Option<bool>,
    /// The certificate that the probe shows to the server; with `url`, to the first origin alone. The server must accept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// What it must be besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<TlsExpectation>,
}

/// What a handshake must bring; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsExpectation {
    /// The server's own certificate is valid for so many whole days more, or longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_left: Option<u32>,
    /// The server's own certificate is valid for so long at least: `36h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Timespan>,
    /// Every certificate that the server shows is valid for so long at least: the first end in its chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_expires_in: Option<Timespan>,
    /// Whom the certificate is for, as a text such as `O=Shop, CN=shop.example`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<TextExpectation>,
    /// Who issued the certificate, as a text such as `C=US, O=Let's Encrypt, CN=R3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<TextExpectation>,
    /// The certificate's serial number, as hexadecimal digits in small letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<TextExpectation>,
    /// A name or an address that must stand in the certificate (subjectAltName), or several that all must, as they are
    /// written there: `*.shop.example` is none but itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<OneOrMany<String>>,
    /// The SHA-256 of the certificate in hexadecimal digits, with colons or without; or several, of which it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<OneOrMany<String>>,
    /// The version of the protocol that is spoken, or a newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<TlsVersion>,
    /// The versions that the server must refuse where nothing newer is offered. Each is asked for over a connection of its
    /// own; where it cannot be known whether it was refused, the probe is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuses: Option<OneOrMany<OldVersion>>,
}

impl TlsExpectation {
    /// Every text of it in which a variable may stand.
    fn texts_mut(&mut self) -> Vec<&mut String> {
        let single = [&mut self.subject, &mut self.issuer, &mut self.serial];
        let single = single.into_iter().flatten();
        let mut texts: Vec<&mut String> = single.flat_map(TextExpectation::texts_mut).collect();
        let many = [&mut self.names, &mut self.fingerprint];
        let many = many.into_iter().flatten();
        texts.extend(many.flat_map(OneOrMany::values_mut));
        texts
    }
}

/// A protocol that begins in plain text and goes on with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StartTls {
    /// RFC 3207.
    Smtp,
    /// RFC 2595.
    Imap,
    /// RFC 2595.
    Pop3,
    /// PostgreSQL's own `SSLRequest`.
    Postgres,
    /// RFC 4511.
    Ldap,
}

impl StartTls {
    /// The word for it, as it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Postgres => "postgres",
            Self::Ldap => "ldap",
        }
    }
}

/// A version of the protocol; older ones are not spoken.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum TlsVersion {
    /// RFC 5246.
    #[serde(rename = "tls1.2")]
    Tls12,
    /// RFC 8446.
    #[serde(rename = "tls1.3")]
    Tls13,
}

impl TlsVersion {
    /// The word for it, as it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tls12 => "tls1.2",
            Self::Tls13 => "tls1.3",
        }
    }
}

/// What was found, hop by hop: one where no address was followed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsAnswer {
    /// Every hop in order; the one that did not hold is the last.
    pub hops: Vec<Hop>,
}

/// One handshake.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    /// The address, where an address is followed.
    pub of: Option<String>,
    /// What was found; `None` where the hop is not TLS at all.
    pub handshake: Option<Handshake>,
}

/// What a handshake brought.
#[derive(Clone, Debug, PartialEq)]
pub struct Handshake {
    /// Why the certificate is not trusted or not in date.
    pub chain: Result<(), String>,
    /// Why the certificate is not for the name.
    pub name: Result<(), String>,
    /// Whole days until the server's own certificate expires, below zero after; `None` where it cannot be read.
    pub days_left: Option<i64>,
    /// The version that is spoken.
    pub version: Option<TlsVersion>,
    /// What the certificate says of itself.
    pub certificate: Certificate,
    /// What came of asking for older versions, where they must be refused.
    pub offers: Vec<Offer>,
}

impl TlsProbe {
    /// Whether the certificate must be trusted, in date and for the name.
    pub fn verifies(&self) -> bool {
        self.verify_tls.unwrap_or(true)
    }

    fn hop(&self, hop: &Hop) -> Held {
        let expect = self.expect.clone().unwrap_or_default();
        let of = hop.of.as_ref().map(|url| format!(" of {url}"));
        let of = of.unwrap_or_default();
        let assertion = |about: &str, expected: &str, actual: String, holds| Assertion {
            about: format!("{about}{of}"),
            expected: expected.to_owned(),
            actual,
            holds,
        };
        let Some(shake) = &hop.handshake else {
            let plain = "not encrypted".to_owned();
            return Held {
                assertions: vec![assertion("protocol", "TLS", plain, false)],
                undecided: None,
            };
        };
        let found = |fault: &Result<(), String>, good: &str| {
            fault
                .clone()
                .map_or_else(|fault| fault, |()| good.to_owned())
        };
        let mut all = Vec::new();
        if self.verifies() {
            let (chain, name) = (&shake.chain, &shake.name);
            let trusted = "trusted and in date";
            all.push(assertion(
                "certificate",
                trusted,
                found(chain, trusted),
                chain.is_ok(),
            ));
            let named = "the server's";
            all.push(assertion("name", named, found(name, named), name.is_ok()));
        }
        if let Some(least) = expect.days_left {
            all.push(assertion(
                "days left",
                &format!("at least {least}"),
                shake
                    .days_left
                    .map_or_else(|| "missing".to_owned(), |days| days.to_string()),
                shake.days_left.is_some_and(|days| days >= i64::from(least)),
            ));
        }
        if let Some(least) = expect.version {
            all.push(assertion(
                "version",
                &format!("{} or newer", least.word()),
                shake
                    .version
                    .map_or_else(|| "another".to_owned(), |it| it.word().to_owned()),
                shake.version.is_some_and(|found| found >= least),
            ));
        }
        let mut held = certificate::hold(&expect, &shake.certificate, &shake.offers);
        for assertion in &mut held.assertions {
            assertion.about.push_str(&of);
        }
        held.assertions.splice(..0, all);
        held
    }

    /// Whether a hop is as it must be, so that the next one may be asked.
    pub fn accepts(&self, hop: &Hop) -> bool {
        let held = self.hop(hop);
        held.undecided.is_none() && held.assertions.iter().all(|assertion| assertion.holds)
    }
}

impl Kind for TlsProbe {
    type Answer = TlsAnswer;

    fn asserts_something(&self) -> bool {
        let expect = self.expect.clone().unwrap_or_default();
        let texts = [&expect.subject, &expect.issuer, &expect.serial];
        let asserted = texts.into_iter().flatten().any(|text| !text.is_empty());
        let rest = TlsExpectation {
            subject: None,
            issuer: None,
            serial: None,
            ..expect
        };
        self.verifies() || asserted || rest != TlsExpectation::default()
    }

    fn texts_mut(&mut self) -> Vec<&mut String> {
        let single = [
            &mut self.address,
            &mut self.url,
            &mut self.server_name,
            &mut self.ca,
        ];
        let mut texts: Vec<&mut String> = single.into_iter().flatten().collect();
        let shown = self.client_certificate.iter_mut();
        texts.extend(shown.flat_map(|one| [&mut one.cert, &mut one.key]));
        texts.extend(self.expect.iter_mut().flat_map(TlsExpectation::texts_mut));
        texts
    }

    fn host(&self) -> Option<&str> {
        let url = self.url.as_deref();
        self.address.as_deref().or(url.and_then(authority))
    }

    fn judge(&self, answer: &TlsAnswer, _: u64) -> Judged {
        let mut all = Held::default();
        for hop in &answer.hops {
            all.add(self.hop(hop));
        }
        judged(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(value: serde_json::Value) -> TlsProbe {
        serde_json::from_value(value).expect("a probe")
    }

    fn shake() -> Handshake {
        Handshake {
            chain: Ok(()),
            name: Ok(()),
            days_left: Some(30),
            version: Some(TlsVersion::Tls12),
            certificate: Certificate::default(),
            offers: Vec::new(),
        }
    }

    fn holds(probe: &TlsProbe, handshake: Option<Handshake>) -> bool {
        let hop = Hop {
            of: None,
            handshake,
        };
        let all = probe
            .judge(&TlsAnswer { hops: vec![hop] }, 0)
            .expect("judged");
        assert!(!all.is_empty());
        all.iter().all(|it| it.holds)
    }

    #[test]
    fn chain_and_name_are_asserted_unless_told_otherwise() {
        let plain = probe(serde_json::json!({"address": "h:1"}));
        assert!(plain.asserts_something());
        assert!(holds(&plain, Some(shake())));
        assert!(!holds(&plain, None));
        let fault = || Err("the certificate is self-signed".to_owned());
        let chain = Handshake {
            chain: fault(),
            ..shake()
        };
        let name = Handshake {
            name: fault(),
            ..shake()
        };
        assert!(!holds(&plain, Some(chain.clone())));
        assert!(!holds(&plain, Some(name)));
        let hollow = probe(serde_json::json!({"address": "h:1", "verify_tls": false}));
        assert!(!hollow.asserts_something());
        let days = probe(
            serde_json::json!({"address": "h:1", "verify_tls": false, "expect": {"days_left": 3}}),
        );
        assert!(days.asserts_something() && holds(&days, Some(chain)));
    }

    #[test]
    fn days_and_version_are_bounds_and_what_is_missing_satisfies_none() {
        let days = probe(serde_json::json!({"address": "h:1", "expect": {"days_left": 30}}));
        assert!(holds(&days, Some(shake())));
        for days_left in [Some(29), Some(-1), None] {
            let short = Handshake {
                days_left,
                ..shake()
            };
            assert!(!holds(&days, Some(short)));
        }
        let new = probe(serde_json::json!({"address": "h:1", "expect": {"version": "tls1.3"}}));
        assert!(!holds(&new, Some(shake())));
        let newest = Handshake {
            version: Some(TlsVersion::Tls13),
            ..shake()
        };
        assert!(holds(&new, Some(newest)));
    }
}
