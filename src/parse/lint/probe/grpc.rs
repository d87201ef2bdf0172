//! `grpc` probes.

use super::{Check, http};
use crate::domain::finding::Finding;
use crate::domain::probe::kinds::GrpcProbe;

pub(super) fn lint(check: &Check<'_>, grpc: &GrpcProbe, findings: &mut Vec<Finding>) {
    check.address("/grpc/address", &grpc.address, findings);
    http::headers(check, "/grpc/metadata", &grpc.metadata, findings);
    if let Some(ca) = &grpc.ca {
        check.path("/grpc/ca", ca, findings);
    }
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
                    .error(&format!("/grpc/{key}"), &what)
                    .help("write `tls: true`, or leave the key out"),
            );
        }
    }
}
