//! `tls` probes.

use super::{Check, http};
use crate::domain::finding::{Finding, Rule};
use crate::domain::probe::expect::OneOrMany;
use crate::domain::probe::kinds::{TlsExpectation, TlsProbe, fingerprint_digits};
use crate::domain::timespan::Timespan;
use crate::domain::variables;
use crate::parse::lint::variables::replaced;

pub(super) fn lint(check: &Check<'_>, tls: &TlsProbe, findings: &mut Vec<Finding>) {
    match (&tls.address, &tls.url) {
        (Some(address), None) => check.address("/tls/address", address, findings),
        (None, Some(url)) => {
            let fault = http::url(check, "/tls/url", url);
            let plain = replaced(url).is_ok_and(|full| full.starts_with("http://"));
            if fault.is_none() && plain {
                findings.push(
                    check
                        .error(
                            Rule::ProbeAddress,
                            "/tls/url",
                            &format!("{url:?} is not encrypted"),
                        )
                        .label("expected https://")
                        .help("write https://, or use an `http` probe"),
                );
            }
            findings.extend(fault);
        }
        (None, None) => findings.push(
            check
                .error(
                    Rule::ProbeAddress,
                    "/tls",
                    "it has neither `address` nor `url`",
                )
                .help("write an address such as shop.example.com:443"),
        ),
        (Some(_), Some(_)) => findings.push(
            check
                .error(
                    Rule::ProbeConflict,
                    "/tls/url",
                    "it has both `address` and `url`",
                )
                .help("keep one of the two; make it two probes to ask both"),
        ),
    }
    if let (Some(_), Some(_)) = (&tls.url, &tls.server_name) {
        findings.push(
            check
                .error(
                    Rule::ProbeUnusedKey,
                    "/tls/server_name",
                    "with `url` the name is that of each hop",
                )
                .help("leave the key out, or write `address`"),
        );
    }
    if let (Some(_), Some(_)) = (&tls.url, tls.starttls) {
        findings.push(
            check
                .error(
                    Rule::ProbeUnusedKey,
                    "/tls/starttls",
                    "with `url` TLS begins with the first byte",
                )
                .help("leave the key out, or write `address`, such as mail.example.com:587"),
        );
    }
    if let Some(ca) = &tls.ca {
        check.path("/tls/ca", ca, findings);
    }
    check.client_certificate("/tls", tls.client_certificate.as_ref(), findings);
    check.verifies("/tls/verify_tls", tls.verify_tls, findings);
    if let Some(expect) = &tls.expect {
        expectation(check, expect, findings);
    }
}

fn expectation(check: &Check<'_>, expect: &TlsExpectation, findings: &mut Vec<Finding>) {
    for (key, text) in [
        ("subject", &expect.subject),
        ("issuer", &expect.issuer),
        ("serial", &expect.serial),
    ] {
        if let Some(text) = text {
            check.text(&format!("/tls/expect/{key}"), text, findings);
        }
    }
    for (key, span) in [
        ("expires_in", expect.expires_in),
        ("chain_expires_in", expect.chain_expires_in),
    ] {
        if span.is_some_and(Timespan::is_zero) {
            findings.push(
                check
                    .error(
                        Rule::ZeroDuration,
                        &format!("/tls/expect/{key}"),
                        &format!("\"{key}\" is no time at all"),
                    )
                    .help("write how long, such as 36h"),
            );
        }
    }
    let given = |text: &str| variables::syntax(text).is_ok_and(|all| all.is_empty());
    let names = expect.names.iter().flat_map(OneOrMany::values);
    if names.into_iter().any(|name| name.trim().is_empty()) {
        findings.push(
            check
                .error(Rule::EmptyValue, "/tls/expect/names", "a name is empty")
                .help("write one such as shop.example.com"),
        );
    }
    for one in expect.fingerprint.iter().flat_map(OneOrMany::values) {
        if given(one) && fingerprint_digits(one).is_none() {
            let what = format!("{one:?} is no fingerprint of SHA-256, so this can never hold");
            findings.push(
                check
                    .error(Rule::ProbeNeverPasses, "/tls/expect/fingerprint", &what)
                    .label("expected 64 hexadecimal digits")
                    .help("`openssl x509 -noout -fingerprint -sha256 -in FILE` shows it"),
            );
        }
    }
}
