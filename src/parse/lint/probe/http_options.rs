//! The options of `http` probes that say who asks, whom it trusts, and where it connects to.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use url::Url;

use super::{Check, oauth2};
use crate::domain::finding::{Finding, Rule};
use crate::domain::nearest::suggestion;
use crate::domain::probe::kinds::{Auth, BasicAuth, Form, HttpProbe};
use crate::domain::variables;
use crate::parse::lint::variables::replaced;
use crate::parse::node::pointer_step;

pub(super) fn lint(check: &Check<'_>, http: &HttpProbe, findings: &mut Vec<Finding>) {
    auth(check, "/http", http.auth.as_ref(), &http.headers, findings);
    body(check, http, findings);
    headers(check, http, findings);
    compressed(check, http, findings);
    tls(check, http, findings);
    resolve(check, http, findings);
    unix(check, http, findings);
    proxy(
        check,
        "/http",
        (http.proxy.as_deref(), http.proxy_auth.as_ref()),
        findings,
    );
    if http.proxy.is_some() && !http.resolve.is_empty() {
        findings.push(
            check
                .error(
                    Rule::ProbeConflict,
                    "/http/resolve",
                    "both \"resolve\" and \"proxy\" say where is connected to",
                )
                .help("keep one of the two: a proxy finds the address itself"),
        );
    }
}

/// The proxy of a probe and who asks it, where its kind has the keys `proxy` and `proxy_auth` at `below`.
pub(super) fn proxy(
    check: &Check<'_>,
    below: &str,
    (proxy, auth): (Option<&str>, Option<&BasicAuth>),
    findings: &mut Vec<Finding>,
) {
    let at = |key: &str| format!("{below}/{key}");
    if let Some(auth) = auth {
        basic(check, &at("proxy_auth"), auth, findings);
        if proxy.is_none() {
            findings.push(
                check
                    .error(
                        Rule::ProbeUnusedKey,
                        &at("proxy_auth"),
                        "\"proxy_auth\" says who asks a proxy, and there is none",
                    )
                    .help("write \"proxy\", such as http://proxy.example.com:3128"),
            );
        }
    }
    // One that holds a variable is not known here.
    let written = proxy.filter(|proxy| variables::syntax(proxy).is_ok_and(|all| all.is_empty()));
    let Some(written) = written else {
        return;
    };
    let why = match Url::parse(written) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            findings.push(
                check
                    .error(
                        Rule::ProbeAddress,
                        &at("proxy"),
                        "the address holds a user or a password, which are not sent from there",
                    )
                    .help("write them under \"proxy_auth\""),
            );
            return;
        }
        Ok(url) if url.scheme() != "http" => format!("its scheme is \"{}\"", url.scheme()),
        Ok(url) if url.path() != "/" || url.query().is_some() => "it has a path".to_owned(),
        Ok(_) => return,
        Err(error) => error.to_string(),
    };
    findings.push(
        check
            .error(
                Rule::ProbeAddress,
                &at("proxy"),
                &format!("{written:?} is not the address of a proxy: {why}"),
            )
            .help("write http://host:port; https:// targets are asked through a tunnel"),
    );
}

/// A user and a password at `at`.
fn basic(check: &Check<'_>, at: &str, basic: &BasicAuth, findings: &mut Vec<Finding>) {
    if replaced(&basic.user).is_ok_and(|user| user.contains(':')) {
        findings.push(check.error(
            Rule::ProbeHeader,
            &format!("{at}/user"),
            "the user has a colon, which none may have",
        ));
    }
    secret(
        check,
        &format!("{at}/password"),
        ("password", &basic.password),
        findings,
    );
}

/// A secret is not written out.
pub(super) fn secret(
    check: &Check<'_>,
    at: &str,
    (name, secret): (&str, &str),
    findings: &mut Vec<Finding>,
) {
    if variables::syntax(secret).is_ok_and(|all| all.is_empty()) {
        findings.push(
            check
                .site
                .warning(
                    Rule::ProbeSecretInFile,
                    &check.at(at),
                    format!("{}: the {name} stands in this file", check.by),
                )
                .label("whoever reads the file knows it")
                .help("take it from the environment, such as ${secret:SHOP_TOKEN}"),
        );
    }
}

/// Who a probe says it is, where its kind has the keys `auth` and `headers` at `below`.
pub(super) fn auth(
    check: &Check<'_>,
    below: &str,
    auth: Option<&Auth>,
    headers: &BTreeMap<String, String>,
    findings: &mut Vec<Finding>,
) {
    let at = |key: &str| format!("{below}/auth{key}");
    let Some(auth) = auth else {
        return;
    };
    if auth.ways() != 1 {
        findings.push(
            check
                .error(
                    Rule::ProbeConflict,
                    &at(""),
                    "\"auth\" has exactly one of \"basic\", \"bearer\", \"digest\" and \"oauth2\"",
                )
                .help("write one of them, such as bearer: ${secret:SHOP_TOKEN}"),
        );
    }
    if headers
        .keys()
        .any(|name| name.eq_ignore_ascii_case("authorization"))
    {
        findings.push(
            check
                .error(
                    Rule::ProbeConflict,
                    &at(""),
                    "both \"auth\" and a header Authorization say who asks",
                )
                .help("keep one of the two"),
        );
    }
    if let Some(both) = &auth.basic {
        basic(check, &at("/basic"), both, findings);
    }
    if let Some(both) = &auth.digest {
        secret(
            check,
            &at("/digest/password"),
            ("password", &both.password),
            findings,
        );
    }
    if let Some(oauth2) = &auth.oauth2 {
        oauth2::lint(check, &at("/oauth2"), oauth2, findings);
    }
    if let Some(token) = &auth.bearer {
        secret(check, &at("/bearer"), ("token", token), findings);
    }
}

fn body(check: &Check<'_>, http: &HttpProbe, findings: &mut Vec<Finding>) {
    if let [first, second, ..] = http.payload_keys().as_slice() {
        let what = format!("both \"{first}\" and \"{second}\" say what is sent");
        findings.push(
            check
                .error(Rule::ProbeConflict, &format!("/http/{second}"), &what)
                .help("keep one of the two"),
        );
    }
    if !http.multipart.is_empty() {
        let given = http.headers.keys();
        for name in given.filter(|name| name.eq_ignore_ascii_case("content-type")) {
            findings.push(
                check
                    .site
                    .error_at_key(
                        Rule::ProbeHeader,
                        &check.at(&format!("/http/headers{}", pointer_step(name))),
                        format!("{}: the header {name} follows from the parts", check.by),
                    )
                    .help("leave it out; each part has a \"type\" of its own"),
            );
        }
    }
    if http.form.as_ref().is_some_and(Form::is_empty) {
        findings.push(
            check
                .error(
                    Rule::ProbeUnusedKey,
                    "/http/form",
                    "a form without a field sends nothing",
                )
                .help("write its fields, such as { user: ana }, or leave the key out"),
        );
    }
    for (index, part) in http.multipart.iter().enumerate() {
        let below = format!("/http/multipart/{index}");
        match (&part.value, &part.file) {
            (Some(_), None) => {}
            (None, Some(file)) => check.path(&format!("{below}/file"), file, findings),
            (both, _) => {
                let what = match both {
                    Some(_) => "it is both a value and a file",
                    None => "it says nothing of what is sent",
                };
                findings.push(
                    check
                        .error(Rule::ProbeConflict, &format!("{below}/name"), what)
                        .help("write either \"value\" or \"file\""),
                );
            }
        }
        let media_type = part.media_type.as_deref().unwrap_or("text/plain");
        if replaced(media_type)
            .is_ok_and(|full| !full.contains('/') || full.contains(char::is_control))
        {
            let what = format!("{media_type:?} is not a media type");
            findings.push(
                check
                    .error(Rule::ProbeHeader, &format!("{below}/type"), &what)
                    .help("write one such as application/json"),
            );
        }
    }
}

/// Where the socket of a server lies, and that nothing else says where is connected to.
fn unix(check: &Check<'_>, http: &HttpProbe, findings: &mut Vec<Finding>) {
    // So much room a socket's address has: unix(7).
    const LONGEST: usize = 107;
    let Some(path) = &http.unix else {
        return;
    };
    check.path("/http/unix", path, findings);
    if replaced(path).is_ok_and(|full| full.len() > LONGEST) {
        let what = format!("the path of a socket has {LONGEST} bytes at most");
        findings.push(
            check
                .error(Rule::ProbePath, "/http/unix", &what)
                .help("name a shorter one"),
        );
    }
    for (key, given) in [
        ("proxy", http.proxy.is_some()),
        ("resolve", !http.resolve.is_empty()),
    ] {
        if given {
            let what = format!("both \"unix\" and \"{key}\" say where is connected to");
            findings.push(
                check
                    .error(Rule::ProbeConflict, &format!("/http/{key}"), &what)
                    .help("keep one of the two"),
            );
        }
    }
}

fn headers(check: &Check<'_>, http: &HttpProbe, findings: &mut Vec<Finding>) {
    for name in http.headers.keys() {
        let lower = name.to_ascii_lowercase();
        if matches!(lower.as_str(), "content-length" | "transfer-encoding") {
            findings.push(
                check
                    .site
                    .error_at_key(
                        Rule::ProbeHeader,
                        &check.at(&format!("/http/headers{}", pointer_step(name))),
                        format!("{}: the header {name} follows from the body", check.by),
                    )
                    .help("leave it out"),
            );
        }
    }
}

/// A body that comes compressed cannot be seen unless it is unpacked.
fn compressed(check: &Check<'_>, http: &HttpProbe, findings: &mut Vec<Finding>) {
    let asked = http
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"));
    let Some((name, value)) = asked else {
        return;
    };
    let codings = value.split(',').map(|one| {
        let (coding, _) = one.split_once(';').unwrap_or((one, ""));
        coding.trim().to_ascii_lowercase()
    });
    let codings: Vec<String> = codings.collect();
    let below = format!("/http/headers{}", pointer_step(name));
    if http.decompress == Some(true) {
        let spoken = ["gzip", "x-gzip", "br", "zstd", "deflate", "identity", "*"];
        let other = codings.iter().find(|coding| {
            let plain = variables::syntax(coding).is_ok_and(|all| all.is_empty());
            plain && !coding.is_empty() && !spoken.contains(&coding.as_str())
        });
        if let Some(other) = other {
            let what = format!("{other:?} is asked for, and is not unpacked");
            findings.push(
                check
                    .error(Rule::ProbeConflict, &below, &what)
                    .help("leave the header out: gzip, br, zstd and deflate are asked for"),
            );
        }
    } else if http.expect.body.is_some()
        || !http.expect.json.is_empty()
        || http.expect.json_schema.is_some()
    {
        let asks = codings.iter().any(|coding| coding != "identity");
        if asks {
            findings.push(
                check
                    .site
                    .warning(
                        Rule::ProbeConflict,
                        &check.at(&below),
                        format!(
                            "{}: a compressed body is asked for, and what is expected of it cannot be seen",
                            check.by
                        ),
                    )
                    .help("write `decompress: true`, and leave the header out"),
            );
        }
    }
}

fn tls(check: &Check<'_>, http: &HttpProbe, findings: &mut Vec<Finding>) {
    let follows = http.redirects.unwrap_or(0) > 0;
    let without_tls = http.url.starts_with("http://") && !follows;
    for (key, given) in [
        ("ca", http.ca.is_some()),
        ("client_certificate", http.client_certificate.is_some()),
    ] {
        if given && without_tls {
            findings.push(
                check
                    .error(
                        Rule::ProbeUnusedKey,
                        &format!("/http/{key}"),
                        &format!("\"{key}\" says how TLS is spoken, and http:// does not speak it"),
                    )
                    .help("ask https://, or leave it out"),
            );
        }
    }
    if http.ca.is_some() && http.verify_tls == Some(false) {
        findings.push(
            check
                .error(Rule::ProbeConflict,
                    "/http/ca",
                    "\"ca\" says which certificates are valid, and \"verify_tls: false\" takes every one",
                )
                .help("leave out \"verify_tls\""),
        );
    }
}

fn resolve(check: &Check<'_>, http: &HttpProbe, findings: &mut Vec<Finding>) {
    if http.resolve.is_empty() {
        return;
    }
    // A host that comes out of a variable is not known here.
    let asked = variables::syntax(&http.url)
        .is_ok_and(|all| all.is_empty())
        .then(|| Url::parse(&http.url).ok())
        .flatten()
        .and_then(|url| url.host_str().map(str::to_owned));
    let follows = http.redirects.unwrap_or(0) > 0;
    for (host, address) in &http.resolve {
        let below = format!("/http/resolve{}", pointer_step(host));
        let given = variables::syntax(address).is_ok_and(|all| all.is_empty());
        if given && !is_address(address) {
            findings.push(
                check
                    .error(
                        Rule::ProbeAddress,
                        &below,
                        &format!("{address:?} is not an IP address"),
                    )
                    .help("write one such as 10.0.0.7, 10.0.0.7:8443 or [::1]:8443"),
            );
        }
        if let Some(asked) = &asked
            && !follows
            && !asked.eq_ignore_ascii_case(host)
        {
            findings.push(
                check
                    .site
                    .error_at_key(
                        Rule::ProbeAddress,
                        &check.at(&below),
                        format!(
                            "{}: {host:?} is not the host that is asked, which is {asked:?}",
                            check.by
                        ),
                    )
                    .help_opt(suggestion(host, [asked.as_str()])),
            );
        }
    }
}

fn is_address(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    text.parse::<SocketAddr>().is_ok() || bare.unwrap_or(text).parse::<IpAddr>().is_ok()
}
