//! `grpc` probes.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Check, http};
use crate::domain::finding::{Finding, Rule};
use crate::domain::probe::kinds::{GrpcProbe, is_reserved_metadata};
use crate::domain::variables;
use crate::parse::node::pointer_step;

/// gRPC takes base64 with and without its padding.
const BINARY: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn lint(check: &Check<'_>, grpc: &GrpcProbe, findings: &mut Vec<Finding>) {
    check.address("/grpc/address", &grpc.address, findings);
    metadata(check, grpc, findings);
    if let Some(ca) = &grpc.ca {
        check.path("/grpc/ca", ca, findings);
    }
    check.client_certificate("/grpc", grpc.client_certificate.as_ref(), findings);
    if grpc.tls == Some(true) {
        check.verifies("/grpc/verify_tls", grpc.verify_tls, findings);
        return;
    }
    for (key, given) in [
        ("ca", grpc.ca.is_some()),
        ("client_certificate", grpc.client_certificate.is_some()),
        ("server_name", grpc.server_name.is_some()),
        ("verify_tls", grpc.verify_tls.is_some()),
    ] {
        if given {
            let what = format!("\"{key}\" says something of TLS, and it is asked without");
            findings.push(
                check
                    .error(Rule::ProbeUnusedKey, &format!("/grpc/{key}"), &what)
                    .help("write `tls: true`, or leave the key out"),
            );
        }
    }
}

/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>, Custom-Metadata.
fn metadata(check: &Check<'_>, grpc: &GrpcProbe, findings: &mut Vec<Finding>) {
    let mut ours = grpc.metadata.clone();
    ours.retain(|name, _| !is_reserved_metadata(name));
    http::headers(check, "/grpc/metadata", &ours, findings);
    for (name, value) in &grpc.metadata {
        let below = format!("/grpc/metadata{}", pointer_step(name));
        let given = variables::syntax(value).is_ok_and(|all| all.is_empty());
        let is_binary = name.to_ascii_lowercase().ends_with("-bin");
        if is_reserved_metadata(name) {
            findings.push(
                check
                    .site
                    .error_at_key(
                        Rule::ProbeHeader,
                        &check.at(&below),
                        format!("{}: \"{name}\" is said by gRPC itself", check.by),
                    )
                    .help("leave it out; metadata of your own has another name, such as x-tenant"),
            );
        } else if is_binary && given && BINARY.decode(value).is_err() {
            let what = format!("the metadata \"{name}\" is binary, and its value is not base64");
            findings.push(
                check
                    .error(Rule::ProbeHeader, &below, &what)
                    .help("write the bytes in base64, or give it a name without \"-bin\""),
            );
        } else if !is_binary && given && !value.is_ascii() {
            let what = format!("the metadata \"{name}\" has a character that is not ASCII");
            findings.push(
                check
                    .error(Rule::ProbeHeader, &below, &what)
                    .help(format!("write it in base64 under \"{name}-bin\"")),
            );
        }
    }
}
