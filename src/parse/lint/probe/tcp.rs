//! `tcp` probes.

use super::Check;
use crate::domain::finding::{Finding, Rule};
use crate::domain::probe::kinds::{Step, TcpProbe, TcpTls, TlsTerms, Turn};
use crate::domain::variables;

pub(super) fn lint(check: &Check<'_>, tcp: &TcpProbe, findings: &mut Vec<Finding>) {
    if let Some(text) = &tcp.expect {
        check.text("/tcp/expect", text, findings);
    }
    check.address("/tcp/address", &tcp.address, findings);
    if let Some(terms) = tcp.written_terms() {
        tls(check, terms, findings);
    }
    steps(check, tcp, findings);
}

fn tls(check: &Check<'_>, terms: &TlsTerms, findings: &mut Vec<Finding>) {
    if let Some(ca) = &terms.ca {
        check.path("/tcp/tls/ca", ca, findings);
    }
    check.client_certificate("/tcp/tls", terms.client_certificate.as_ref(), findings);
    check.verifies("/tcp/tls/verify_tls", terms.verify_tls, findings);
}

fn steps(check: &Check<'_>, tcp: &TcpProbe, findings: &mut Vec<Finding>) {
    if tcp.steps.is_empty() {
        return;
    }
    for (key, given) in [
        ("send", tcp.send.is_some()),
        ("expect", tcp.expect.is_some()),
    ] {
        if given {
            let what = format!("both \"steps\" and \"{key}\" say what is exchanged");
            findings.push(
                check
                    .error(Rule::ProbeConflict, &format!("/tcp/{key}"), &what)
                    .help("make it a step"),
            );
        }
    }
    if tcp.begins_plain() && tcp.tls == Some(TcpTls::Spoken(false)) {
        findings.push(
            check
                .error(
                    Rule::ProbeConflict,
                    "/tcp/tls",
                    "a step begins TLS, and \"tls: false\" says that it is not spoken",
                )
                .help("leave the key out, or write its terms"),
        );
    }
    let mut begun = false;
    for (index, step) in tcp.steps.iter().enumerate() {
        let below = format!("/tcp/steps/{index}");
        if let Some(text) = &step.expect {
            check.text(&format!("{below}/expect"), text, findings);
        }
        // What a variable will bring is not known here.
        match step.turn() {
            Err(why) if !has_variable(step) => findings.push(
                check
                    .error(Rule::ProbeStep, &below, &format!("step {} cannot be taken: {why}", index + 1))
                    .help("write it such as `send: \"PING\\r\\n\"`, `send_bytes: {hex: \"0d 0a\"}` or `expect: {contains: PONG}`"),
            ),
            Ok(Turn::StartTls) if begun => findings.push(
                check
                    .error(Rule::ProbeStep, &below, "TLS is begun twice over one connection")
                    .help("keep one `starttls: true`"),
            ),
            Ok(Turn::StartTls) => begun = true,
            _ => {}
        }
    }
}

fn has_variable(step: &Step) -> bool {
    let bytes = [&step.send_bytes, &step.expect_bytes].into_iter().flatten();
    let mut texts = bytes
        .flat_map(|bytes| [&bytes.hex, &bytes.base64])
        .flatten();
    texts.any(|text| !variables::syntax(text).is_ok_and(|all| all.is_empty()))
}
