//! `tcp` probes.

use super::Check;
use crate::domain::finding::Finding;
use crate::domain::probe::kinds::TcpProbe;

pub(super) fn lint(check: &Check<'_>, tcp: &TcpProbe, findings: &mut Vec<Finding>) {
    if let Some(text) = &tcp.expect {
        check.text("/tcp/expect", text, findings);
    }
    check.address("/tcp/address", &tcp.address, findings);
}
