//! Clients of authorization servers, wherever a probe has the key `oauth2`.

use url::Url;

use super::http_options::secret;
use super::{Check, http};
use crate::domain::finding::{Finding, Rule};
use crate::domain::probe::expect::OneOrMany;
use crate::domain::probe::kinds::{ClientAuth, Oauth2Client};
use crate::parse::lint::variables::replaced;

pub(super) fn lint(
    check: &Check<'_>,
    at: &str,
    oauth2: &Oauth2Client,
    findings: &mut Vec<Finding>,
) {
    let key = |key: &str| format!("{at}/{key}");
    let fault = http::url(check, &key("token_url"), &oauth2.token_url);
    let is_sound = fault.is_none();
    findings.extend(fault);
    if is_sound && is_open(&oauth2.token_url) {
        findings.push(
            check
                .site
                .warning(
                    Rule::ProbeUnencrypted,
                    &check.at(&key("token_url")),
                    format!(
                        "{}: the client's secret and its token go unencrypted",
                        check.by
                    ),
                )
                .label("whoever is on the way reads them")
                .help("write https://"),
        );
    }
    match &oauth2.client_secret {
        Some(written) => {
            let what = ("client's secret", written.as_str());
            secret(check, &key("client_secret"), what, findings);
        }
        None if oauth2.client_auth == Some(ClientAuth::Basic) => findings.push(
            check
                .error(
                    Rule::ProbeConflict,
                    &key("client_auth"),
                    "\"client_auth: basic\" sends a secret, and there is none",
                )
                .help("write \"client_secret\", such as ${secret:SHOP_CLIENT_SECRET}"),
        ),
        None => {}
    }
    let scopes = oauth2.scope.iter().flat_map(OneOrMany::values);
    if scopes.into_iter().any(|scope| scope.trim().is_empty()) {
        findings.push(
            check
                .error(Rule::EmptyValue, &key("scope"), "a scope is empty")
                .help("leave it out, or write its name"),
        );
    }
    if let Some(ca) = &oauth2.ca {
        check.path(&key("ca"), ca, findings);
    }
    check.client_certificate(at, oauth2.client_certificate.as_ref(), findings);
    check.verifies(&key("verify_tls"), oauth2.verify_tls, findings);
}

/// Whether an address leads over a network without TLS.
fn is_open(written: &str) -> bool {
    let Ok(full) = replaced(written) else {
        return false;
    };
    let Some(url) = Url::parse(&full).ok().filter(|url| url.scheme() == "http") else {
        return false;
    };
    let host = url.host_str().unwrap_or_default();
    let near = ["localhost", "127.0.0.1", "[::1]"];
    !written.trim_start().starts_with("${") && !near.contains(&host)
}
