//! Where the time of an attempt went: which part of the way was slow.
//!
//! It is measured by the effects, kept with every attempt, and decides nothing.

use serde::{Deserialize, Serialize};

/// How long each phase of an attempt took, in microseconds.
///
/// A phase is absent where it was not needed (an address needs no DNS, an open connection no connecting) and where it
/// did not come to its end. Over several redirects each is the sum of all requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// Finding the address of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_us: Option<u64>,
    /// Connecting to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_us: Option<u64>,
    /// Agreeing on TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_us: Option<u64>,
    /// From the request to the head of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_us: Option<u64>,
    /// The whole attempt, the answer's body among it.
    pub total_us: u64,
}

impl Phases {
    /// One line: `dns 0.41, connect 1.09, first byte 120.50, total 131.00 ms`.
    pub fn line(&self) -> String {
        let parts = [
            ("dns", self.dns_us),
            ("connect", self.connect_us),
            ("tls", self.tls_us),
            ("first byte", self.first_byte_us),
            ("total", Some(self.total_us)),
        ];
        let shown: Vec<String> = parts
            .into_iter()
            .filter_map(|(name, time)| time.map(|us| format!("{name} {}", milliseconds(us))))
            .collect();
        format!("{} ms", shown.join(", "))
    }
}

fn milliseconds(us: u64) -> String {
    format!("{}.{:02}", us / 1000, us % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_reached_is_not_shown() {
        let phases = Phases {
            connect_us: Some(90),
            first_byte_us: Some(120_500),
            total_us: 131_002,
            ..Phases::default()
        };
        assert_eq!(
            phases.line(),
            "connect 0.09, first byte 120.50, total 131.00 ms"
        );
        let json = serde_json::to_value(phases).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({"connect_us": 90, "first_byte_us": 120_500, "total_us": 131_002})
        );
    }
}
