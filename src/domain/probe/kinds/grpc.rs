//! `grpc`: the standard health service of a gRPC server (`grpc.health.v1.Health/Check`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClientCertificate, Judged, Kind};
use crate::domain::probe::expect::Assertion;

/// A request to the health service of a gRPC server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcProbe {
    /// `host:port`, an IPv6 address in brackets.
    #[schemars(length(min = 1))]
    pub address: String,
    /// The service whose health is requested. Default: the whole server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Whether the request goes over TLS. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<bool>,
    /// The name that the server's certificate must have. Default: the address's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// A PEM file with the authorities to trust instead of the system's, from the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Whether the server's certificate must be valid. Default: true. `lint` reports a `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_tls: Option<bool>,
    /// The certificate that the probe shows to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// What goes along with the question, by name: a token under `authorization`, a tenant.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// What the response must be. Default: `SERVING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<GrpcExpectation>,
}

/// What the health service must answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcExpectation {
    /// The status. Default: `SERVING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ServingStatus>,
}

/// How a service says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServingStatus {
    /// It does not know.
    Unknown,
    /// It serves.
    Serving,
    /// It does not serve.
    NotServing,
    /// The server knows no such service; a call that ends with `NOT_FOUND` says the same.
    ServiceUnknown,
}

impl ServingStatus {
    /// The status of a number on the wire.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Unknown),
            1 => Some(Self::Serving),
            2 => Some(Self::NotServing),
            3 => Some(Self::ServiceUnknown),
            _ => None,
        }
    }

    /// The word for it, as it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Serving => "SERVING",
            Self::NotServing => "NOT_SERVING",
            Self::ServiceUnknown => "SERVICE_UNKNOWN",
        }
    }
}

/// Whether gRPC or HTTP/2 itself says what stands under this name of metadata.
pub fn is_reserved_metadata(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let own = [
        "content-type",
        "te",
        "user-agent",
        "host",
        "connection",
        "content-length",
    ];
    own.contains(&name.as_str()) || name.starts_with("grpc-") || name.starts_with(':')
}

/// What the health service answered.
#[derive(Clone, Debug, PartialEq)]
pub struct GrpcAnswer {
    /// The number of its status; of one that this program does not know too.
    pub status: u64,
}

impl Kind for GrpcProbe {
    type Answer = GrpcAnswer;

    fn asserts_something(&self) -> bool {
        true
    }

    fn texts_mut(&mut self) -> Vec<&mut String> {
        let mut texts = vec![&mut self.address];
        texts.extend(&mut self.service);
        texts.extend(&mut self.server_name);
        texts.extend(&mut self.ca);
        let certificate = self.client_certificate.iter_mut();
        texts.extend(certificate.flat_map(|one| [&mut one.cert, &mut one.key]));
        texts.extend(self.metadata.values_mut());
        texts
    }

    fn host(&self) -> Option<&str> {
        Some(&self.address)
    }

    fn judge(&self, answer: &GrpcAnswer, _: u64) -> Judged {
        let wanted = self.expect.as_ref().and_then(|expect| expect.status);
        let wanted = wanted.unwrap_or(ServingStatus::Serving);
        let found = ServingStatus::from_number(answer.status);
        let service = self.service.as_deref().unwrap_or_default();
        let actual = match found {
            None => format!("the unknown status {}", answer.status),
            Some(it @ ServingStatus::ServiceUnknown) => {
                format!("{}: it knows no service {service:?}", it.word())
            }
            Some(it) => it.word().to_owned(),
        };
        Ok(vec![Assertion {
            about: "health".to_owned(),
            expected: wanted.word().to_owned(),
            actual,
            holds: found == Some(wanted),
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wanted_status_holds() {
        let probe = |expect: serde_json::Value| -> GrpcProbe {
            serde_json::from_value(serde_json::json!({"address": "h:1", "expect": expect}))
                .expect("a probe")
        };
        let holding = |probe: &GrpcProbe| -> Vec<u64> {
            let holds = |status| {
                probe
                    .judge(&GrpcAnswer { status }, 0)
                    .is_ok_and(|all| all[0].holds)
            };
            (0..9).filter(|status| holds(*status)).collect()
        };
        assert_eq!(holding(&probe(serde_json::Value::Null)), [1]);
        assert_eq!(holding(&probe(serde_json::json!({}))), [1]);
        let down = probe(serde_json::json!({"status": "NOT_SERVING"}));
        assert_eq!(holding(&down), [2]);
    }
}
