//! Whether TLS is spoken over a TCP connection, and on which terms.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClientCertificate;

/// Whether TLS is spoken: yes or no, or the terms on which it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TcpTls {
    /// `true`: on the terms that are each their default.
    Spoken(bool),
    /// On these terms.
    Terms(TlsTerms),
}

/// The terms on which TLS is spoken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsTerms {
    /// The name that is asked for and that the certificate must have; default: the address's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// A PEM file with the authorities to trust instead of the system's, from the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Whether the server's certificate must be valid; default: true. `lint` reports a `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_tls: Option<bool>,
    /// The certificate that the probe shows to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
}

impl TcpTls {
    /// Every text of it in which a variable may stand.
    pub(super) fn texts_mut(&mut self) -> Vec<&mut String> {
        let Self::Terms(terms) = self else {
            return Vec::new();
        };
        let names = [&mut terms.server_name, &mut terms.ca];
        let mut texts: Vec<&mut String> = names.into_iter().flatten().collect();
        let shown = terms.client_certificate.iter_mut();
        texts.extend(shown.flat_map(|one| [&mut one.cert, &mut one.key]));
        texts
    }
}
