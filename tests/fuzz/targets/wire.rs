//! What comes over the wire in binary: DNS messages, gRPC's health, certificates.

use relgate::domain::probe::kinds::DnsProbe;
use relgate::effects::probe::{read_dns_message, read_expiry, read_health_message};
use serde_json::json;

/// Every type of record that can be asked for.
const TYPES: [&str; 9] = ["A", "AAAA", "CNAME", "MX", "TXT", "NS", "SRV", "CAA", "PTR"];

/// Reads the bytes as each of them.
pub fn target(data: &[u8]) {
    for kind in TYPES {
        let probe: DnsProbe = serde_json::from_value(json!({
            "name": "shop.example",
            "type": kind,
            "resolver": "192.0.2.53",
            "expect": {"exists": true},
        }))
        .expect("a probe");
        let answer = read_dns_message(&probe, data);
        if let Ok(Some(answer)) = answer {
            // A header, and as many records as fit behind it.
            assert!(data.len() >= 12 + answer.records.len() * 11);
        }
    }
    let _ = read_health_message(data);
    // As it is, and with the frame that its length asks for.
    let mut framed = vec![0];
    framed.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    framed.extend(data);
    let _ = read_health_message(&framed);
    read_expiry(&data.into());
}
