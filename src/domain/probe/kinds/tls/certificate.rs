//! What a server's certificate says of itself, and what it must say.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::probe::expect::{Assertion, Held, OneOrMany, excerpt};

use super::TlsExpectation;

/// The server's own certificate, and the ends of those that it showed with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it is for, such as `O=Shop, CN=shop.example`; `None` where that cannot be read.
    pub subject: Option<String>,
    /// Who issued it, written in the same way.
    pub issuer: Option<String>,
    /// Its serial number in hexadecimal digits.
    pub serial: Option<String>,
    /// The names and addresses that it is for (subjectAltName).
    pub names: Option<Vec<String>>,
    /// The SHA-256 of all of it, in hexadecimal digits.
    pub fingerprint: String,
    /// Seconds until it expires, below zero after.
    pub seconds_left: Option<i64>,
    /// Seconds until the first of all certificates that were shown expires.
    pub chain_seconds_left: Option<i64>,
}

/// A version of the protocol that a server may have to refuse.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum OldVersion {
    /// RFC 6101.
    #[serde(rename = "ssl3.0")]
    Ssl30,
    /// RFC 2246.
    #[serde(rename = "tls1.0")]
    Tls10,
    /// RFC 4346.
    #[serde(rename = "tls1.1")]
    Tls11,
    /// RFC 5246.
    #[serde(rename = "tls1.2")]
    Tls12,
}

impl OldVersion {
    /// The word for it, as it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ssl30 => "ssl3.0",
            Self::Tls10 => "tls1.0",
            Self::Tls11 => "tls1.1",
            Self::Tls12 => "tls1.2",
        }
    }
}

/// What came of asking for a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The version that was asked for, and no newer one.
    pub version: OldVersion,
    /// Whether the server refused, and how it refused or what it agreed on.
    pub refused: Result<String, String>,
}

/// The hexadecimal digits of a fingerprint, however they are set apart; `None` where they are none of SHA-256.
pub fn fingerprint_digits(written: &str) -> Option<String> {
    let written = written.trim().to_ascii_lowercase();
    let digits = written.strip_prefix("sha256:").unwrap_or(&written);
    let digits: String = digits
        .chars()
        .filter(|c| *c != ':' && !c.is_whitespace())
        .collect();
    let whole = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then_some(digits)
}

/// Holds a certificate, and what was offered to the server, against what is expected.
pub(super) fn hold(expect: &TlsExpectation, found: &Certificate, offers: &[Offer]) -> Held {
    let mut all = Held::default();
    let unread = "it cannot be read";
    for (about, text, found) in [
        ("subject", &expect.subject, &found.subject),
        ("issuer", &expect.issuer, &found.issuer),
        ("serial", &expect.serial, &found.serial),
    ] {
        if let Some(text) = text {
            all.add(text.assertions(about, found.as_deref().ok_or(unread), None));
        }
    }
    all.assertions
        .extend(expect.names.iter().map(|names| named(names, found)));
    if let Some(allowed) = &expect.fingerprint {
        let same = |one: &String| fingerprint_digits(one).as_ref() == Some(&found.fingerprint);
        all.assertions.push(Assertion {
            about: "fingerprint".to_owned(),
            expected: allowed.values().join(" or "),
            actual: format!("sha256:{}", found.fingerprint),
            holds: allowed.values().iter().any(same),
        });
    }
    for (about, least, left) in [
        ("expires in", expect.expires_in, found.seconds_left),
        (
            "chain expires in",
            expect.chain_expires_in,
            found.chain_seconds_left,
        ),
    ] {
        if let Some(least) = least {
            all.assertions.push(Assertion {
                about: about.to_owned(),
                expected: format!("at least {}", time(least.duration().as_secs())),
                actual: left.map_or_else(|| unread.to_owned(), time_left),
                holds: left.is_some_and(|left| lasts(left, least.duration())),
            });
        }
    }
    let wanted = expect.refuses.iter().flat_map(OneOrMany::values);
    all.assertions.extend(wanted.map(|version| {
        let offer = offers.iter().find(|offer| offer.version == *version);
        Assertion {
            about: format!("refuses {}", version.word()),
            expected: "refused".to_owned(),
            actual: match offer.map(|offer| &offer.refused) {
                Some(Ok(how)) => format!("refused: {how}"),
                Some(Err(what)) => what.clone(),
                None => "it was not asked for".to_owned(),
            },
            holds: offer.is_some_and(|offer| offer.refused.is_ok()),
        }
    }));
    all
}

/// Every one of `names` must stand in the certificate, as it is written there.
fn named(names: &OneOrMany<String>, found: &Certificate) -> Assertion {
    let all: Vec<&str> = found.names.iter().flatten().map(String::as_str).collect();
    let stands = |name: &String| all.iter().any(|one| one.eq_ignore_ascii_case(name));
    Assertion {
        about: "names".to_owned(),
        expected: names.values().join(", "),
        actual: match (&found.names, all.is_empty()) {
            (None, _) => "they cannot be read".to_owned(),
            (Some(_), true) => "none".to_owned(),
            (Some(_), false) => excerpt(&all.join(", ")),
        },
        holds: found.names.is_some() && names.values().iter().all(stands),
    }
}

fn lasts(seconds_left: i64, least: Duration) -> bool {
    u64::try_from(seconds_left).is_ok_and(|left| Duration::from_secs(left) >= least)
}

/// A time that is left, or that has passed since.
fn time_left(seconds: i64) -> String {
    let long = time(seconds.unsigned_abs());
    match seconds < 0 {
        true => format!("expired {long} ago"),
        false => long,
    }
}

/// A time in its two largest units: an end is told in days, not in weeks.
fn time(seconds: u64) -> String {
    let units = [
        (seconds / 86_400, 'd'),
        (seconds / 3_600 % 24, 'h'),
        (seconds / 60 % 60, 'm'),
        (seconds % 60, 's'),
    ];
    let first = units.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let shown = units.iter().skip(first).take(2);
    let mut text = String::new();
    for (index, (count, unit)) in shown.enumerate() {
        if index == 0 || *count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn found() -> Certificate {
        Certificate {
            subject: Some("CN=shop.example".to_owned()),
            issuer: Some("O=Let's Encrypt, CN=R3".to_owned()),
            serial: Some("0a1b".to_owned()),
            names: Some(vec!["shop.example".to_owned(), "*.shop.example".to_owned()]),
            fingerprint: "ab".repeat(32),
            seconds_left: Some(40 * 3_600),
            chain_seconds_left: Some(90),
        }
    }

    fn reasons(expect: Value, found: &Certificate, offers: &[Offer]) -> Vec<String> {
        let expect: TlsExpectation = serde_json::from_value(expect).expect("an expectation");
        let held = hold(&expect, found, offers);
        assert!(!held.assertions.is_empty() && held.undecided.is_none());
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
    fn what_a_certificate_says_is_held_to() {
        let colons = vec!["AB"; 32].join(":");
        for good in [
            json!({"issuer": {"contains": "Let's Encrypt"}, "subject": {"equals": "CN=shop.example"}}),
            json!({"serial": {"equals": "0a1b"}}),
            json!({"names": "Shop.example"}),
            json!({"names": ["*.shop.example", "shop.example"]}),
            json!({"fingerprint": colons}),
            json!({"fingerprint": ["0".repeat(64), format!("sha256:{}", "ab".repeat(32))]}),
            json!({"expires_in": "40h", "chain_expires_in": "1m30s"}),
        ] {
            assert_eq!(reasons(good, &found(), &[]), [""; 0]);
        }
        for (bad, said) in [
            (
                json!({"issuer": {"contains": "DigiCert"}}),
                "issuer contains: expected \"DigiCert\", found \"O=Let's Encrypt, CN=R3\"",
            ),
            (
                json!({"names": ["pay.example", "shop.example"]}),
                "names: expected pay.example, shop.example, found shop.example, *.shop.example",
            ),
            // A pattern in a certificate is not what it stands for.
            (
                json!({"names": "www.shop.example"}),
                "names: expected www.shop.example",
            ),
            (
                json!({"fingerprint": "0".repeat(64)}),
                "fingerprint: expected 000",
            ),
            (json!({"fingerprint": "ab"}), "fingerprint: expected ab"),
            (
                json!({"expires_in": "41h"}),
                "expires in: expected at least 1d17h, found 1d16h",
            ),
            (
                json!({"chain_expires_in": "2m"}),
                "chain expires in: expected at least 2m, found 1m30s",
            ),
        ] {
            let said_of = reasons(bad, &found(), &[]);
            assert!(
                said_of.len() == 1 && said_of[0].starts_with(said),
                "{said_of:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_holds_nothing() {
        let nothing = Certificate::default();
        for expect in [
            json!({"issuer": {"not_contains": "DigiCert"}}),
            json!({"subject": {"not_matches": "x"}}),
            json!({"serial": {"not_contains": "x"}}),
            json!({"names": "a"}),
            json!({"fingerprint": "0".repeat(64)}),
            json!({"expires_in": "1s"}),
            json!({"chain_expires_in": "1s"}),
            json!({"refuses": "tls1.0"}),
        ] {
            assert_eq!(reasons(expect, &nothing, &[]).len(), 1);
        }
    }

    #[test]
    fn an_old_version_must_have_been_refused() {
        let offer = |version, refused| Offer { version, refused };
        let offers = [
            offer(OldVersion::Tls10, Ok("the alert".to_owned())),
            offer(OldVersion::Tls11, Err("it speaks tls1.1".to_owned())),
        ];
        assert_eq!(
            reasons(json!({"refuses": ["tls1.0"]}), &found(), &offers),
            [""; 0]
        );
        assert_eq!(
            reasons(
                json!({"refuses": ["tls1.0", "tls1.1", "ssl3.0"]}),
                &found(),
                &offers
            ),
            [
                "refuses tls1.1: expected refused, found it speaks tls1.1",
                "refuses ssl3.0: expected refused, found it was not asked for",
            ]
        );
    }

    #[test]
    fn a_time_left_is_told_in_two_units() {
        for (seconds, told) in [
            (59, "59s"),
            (61, "1m1s"),
            (3_700, "1h1m"),
            (0, "0s"),
            (86_400, "1d"),
            (90_000, "1d1h"),
            (-90_000, "expired 1d1h ago"),
        ] {
            assert_eq!(time_left(seconds), told);
        }
    }
}
