//! From what a probe says to the first request, or to why it cannot be asked.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName,
    HeaderValue, TRANSFER_ENCODING, USER_AGENT,
};
use http::uri::Authority;
use http::{HeaderMap, Method};
use url::Url;

use super::super::tls::{Acceptance, Terms};
use super::connect::Instead;
use super::hop::{Hop, Ways, is_asked};
use super::payload::{Payload, payload};
use super::pool::Clients;
use super::proxy::Proxy;
use super::unpack;
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::kinds::{Auth, BasicAuth, HttpProbe};

/// The first request of `http`.
///
/// # Errors
/// Why it cannot be asked; no secret is shown.
pub(super) fn prepare(http: &HttpProbe, clients: &Clients) -> Result<Hop, String> {
    let url = Url::parse(&http.url)
        .map_err(|error| format!("{:?} is no address: {error}", excerpt(&http.url)))?;
    is_asked(&url).map_err(|why| format!("{:?} is no address; {why}", excerpt(&http.url)))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "the address holds a user or a password, which are not sent from there; \
                    write them under `auth`"
                .to_owned(),
        );
    }
    let method = http.method();
    let method = Method::from_bytes(method.as_bytes())
        .ok()
        .filter(|method| *method != Method::CONNECT)
        .ok_or_else(|| format!("{method:?} is no HTTP method; write GET, HEAD, POST, …"))?;
    let ways = Arc::new(ways(http)?);
    let Payload {
        bytes,
        content_type,
    } = payload(http, clients)?;
    let mut headers = headers(http)?;
    if let Some(content_type) = content_type {
        // A form may be said to be another type; the boundary of parts is known here alone.
        if !http.multipart.is_empty() && headers.contains_key(CONTENT_TYPE) {
            return Err(
                "the header Content-Type follows from `multipart`, and cannot be given".to_owned(),
            );
        }
        headers.entry(CONTENT_TYPE).or_insert(content_type);
    }
    let mut origin = ways.own(&url);
    origin.place.unix = unix(http, clients)?;
    Ok(Hop {
        method,
        headers,
        body: bytes,
        cookies: None,
        origin,
        ways,
        url,
    })
}

/// The socket that is connected to instead of a host.
fn unix(http: &HttpProbe, clients: &Clients) -> Result<Option<PathBuf>, String> {
    let Some(path) = &http.unix else {
        return Ok(None);
    };
    if http.proxy.is_some() || !http.resolve.is_empty() {
        let other = if http.proxy.is_some() {
            "proxy"
        } else {
            "resolve"
        };
        return Err(format!(
            "both `unix` and `{other}` say where is connected to; keep one"
        ));
    }
    Ok(Some(clients.place(path)))
}

fn ways(http: &HttpProbe) -> Result<Ways, String> {
    let acceptance = match http.verify_tls {
        Some(false) => Acceptance::Any,
        Some(true) | None => Acceptance::Trusted,
    };
    let identity = http.client_certificate.as_ref();
    let proxy = proxy(http)?;
    if proxy.is_some() && !http.resolve.is_empty() {
        return Err(
            "both `proxy` and `resolve` say where is connected to; a proxy finds the address itself"
                .to_owned(),
        );
    }
    Ok(Ways {
        instead: http
            .resolve
            .iter()
            .map(|(host, address)| instead(host, address))
            .collect::<Result<_, _>>()?,
        terms: Terms {
            acceptance,
            ca: http.ca.clone(),
            identity: identity.map(|files| (files.cert.clone(), files.key.clone())),
        },
        proxy,
    })
}

fn proxy(http: &HttpProbe) -> Result<Option<Arc<Proxy>>, String> {
    match (&http.proxy, &http.proxy_auth) {
        (None, None) => Ok(None),
        (None, Some(_)) => {
            Err("`proxy_auth` says who asks a proxy, and `proxy` names none".to_owned())
        }
        (Some(address), auth) => Proxy::new(address, auth.as_ref()).map(|it| Some(Arc::new(it))),
    }
}

fn instead(host: &str, address: &str) -> Result<(String, Instead), String> {
    let whole = address
        .parse()
        .ok()
        .map(|address: std::net::SocketAddr| Instead {
            address: address.ip(),
            port: Some(address.port()),
        });
    let instead = whole
        .or_else(|| {
            let bare = address.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
            let address = bare.unwrap_or(address).parse().ok()?;
            Some(Instead {
                address,
                port: None,
            })
        })
        .ok_or_else(|| {
            format!(
                "{:?} is no IP address that {host} could be resolved to; write one such as 10.0.0.7, 10.0.0.7:8443 or [::1]:8443",
                excerpt(address)
            )
        })?;
    Ok((host.to_ascii_lowercase(), instead))
}

fn headers(http: &HttpProbe) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &http.headers {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("{:?} is no name of a header", excerpt(name)))?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING].contains(&key) {
            return Err(format!(
                "the header {name} follows from the body, and cannot be given"
            ));
        }
        // The value may be a secret, and is not shown.
        let secret = http.secret_headers.contains(name);
        let mut value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| format!("the value of the header {name} has a line break or a control character, which no header may have"))?;
        if key == HOST && Authority::try_from(value.as_bytes()).is_err() {
            return Err(format!("the header {name} is no host"));
        }
        value.set_sensitive(secret);
        headers.append(key, value);
    }
    if let Some(auth) = &http.auth {
        if headers.contains_key(AUTHORIZATION) {
            return Err("both `auth` and a header Authorization say who asks; keep one".to_owned());
        }
        if let Some(value) = authorization(auth)? {
            headers.insert(AUTHORIZATION, value);
        }
    }
    let mut default = |name: HeaderName, value| {
        headers
            .entry(name)
            .or_insert_with(|| HeaderValue::from_static(value));
    };
    default(USER_AGENT, super::USER_AGENT);
    default(ACCEPT, "*/*");
    if http.decompress == Some(true) {
        default(ACCEPT_ENCODING, unpack::ACCEPTED);
    }
    Ok(headers)
}

/// What is known before anything is asked.
fn authorization(auth: &Auth) -> Result<Option<HeaderValue>, String> {
    if auth.ways() != 1 {
        return Err(
            "`auth` must have exactly one of `basic`, `bearer`, `digest` and `oauth2`".to_owned(),
        );
    }
    if let Some(both) = &auth.basic {
        return basic("auth", both).map(Some);
    }
    let Some(token) = &auth.bearer else {
        return Ok(None);
    };
    let mut value = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()).map_err(|_| {
        "`bearer` under `auth` has a line break or a control character, which no header may have"
            .to_owned()
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// A user and a password, as a server or a proxy expects them (RFC 7617); they stand under the key `under`.
///
/// # Errors
/// Why it cannot be told who asks; no secret is shown.
pub(super) fn basic(under: &str, auth: &BasicAuth) -> Result<HeaderValue, String> {
    if auth.user.contains(':') {
        return Err(format!(
            "the user under `{under}` has a colon, which none may have"
        ));
    }
    let both = STANDARD.encode(format!("{}:{}", auth.user, auth.password));
    // Base64 has no character that a header may not have.
    let mut value = HeaderValue::from_str(&format!("Basic {both}"))
        .map_err(|error| format!("`{under}` cannot be told: {error}"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn prepared(value: Value) -> Result<Hop, String> {
        let mut value = value;
        value["expect"] = json!({"status": 200});
        let probe: HttpProbe = serde_json::from_value(value).expect("a probe");
        prepare(&probe, &Clients::new("/nowhere", Arc::default()))
    }

    #[test]
    fn what_cannot_be_asked_says_why() {
        let at = |more: Value| {
            let mut value = json!({"url": "https://h/"});
            for (key, given) in more.as_object().expect("an object") {
                value[key] = given.clone();
            }
            value
        };
        let hidden = json!({"user": "u", "password": "hidden\n"});
        for (value, reason) in [
            (json!({"url": "shop.example/"}), "no address"),
            (json!({"url": "ftp://shop.example/"}), "http://"),
            (json!({"url": "http://"}), "no address"),
            (json!({"url": "http://u:hidden@h/"}), "under `auth`"),
            (at(json!({"method": "G T"})), "no HTTP method"),
            (at(json!({"method": "CONNECT"})), "no HTTP method"),
            (at(json!({"headers": {"a b": "c"}})), "no name of a header"),
            (at(json!({"headers": {"a": "hidden\n"}})), "the header a"),
            (at(json!({"headers": {"Host": "a b"}})), "is no host"),
            (
                at(json!({"headers": {"content-length": "9"}})),
                "cannot be given",
            ),
            (at(json!({"auth": {}})), "exactly one of `basic`"),
            (
                at(json!({"auth": {"bearer": "hidden", "basic": hidden.clone()}})),
                "exactly one of `basic`",
            ),
            (at(json!({"auth": {"bearer": "hidden\n"}})), "line break"),
            (
                at(json!({"auth": {"basic": {"user": "a:b", "password": "hidden"}}})),
                "a colon",
            ),
            (
                at(json!({"auth": {"bearer": "hidden"}, "headers": {"authorization": "hidden"}})),
                "keep one",
            ),
            (at(json!({"body": "a", "body_file": "b"})), "keep one"),
            (
                at(json!({"body_file": "gone"})),
                "/nowhere/gone cannot be read",
            ),
            (
                at(json!({"resolve": {"h": "elsewhere"}})),
                "\"elsewhere\" is no IP address",
            ),
            (
                at(json!({"proxy": "https://p:1"})),
                "write http://host:port",
            ),
            (
                at(json!({"proxy": "http://u:hidden@p:1"})),
                "under `proxy_auth`",
            ),
            (
                at(json!({"proxy_auth": {"user": "u", "password": "hidden"}})),
                "`proxy` names none",
            ),
            (
                at(
                    json!({"proxy": "http://p:1", "proxy_auth": {"user": "a:b", "password": "hidden"}}),
                ),
                "a colon",
            ),
            (
                at(json!({"proxy": "http://p:1", "resolve": {"h": "10.0.0.7"}})),
                "both `proxy` and `resolve`",
            ),
        ] {
            let text = prepared(value).expect_err(reason);
            assert!(text.contains(reason) && !text.contains("hidden"), "{text}");
        }
    }

    #[test]
    fn who_asks_is_told_as_the_server_expects_it() {
        let authorization = |auth: Value| {
            let hop = prepared(json!({"url": "http://h/", "auth": auth})).expect("prepared");
            let value = &hop.headers[AUTHORIZATION];
            assert!(value.is_sensitive());
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        // RFC 7617, section 2.
        let basic = json!({"basic": {"user": "Aladdin", "password": "open sesame"}});
        assert_eq!(authorization(basic), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(authorization(json!({"bearer": "abc"})), "Bearer abc");
    }

    #[test]
    fn another_address_is_connected_to_and_the_host_stays() {
        for (address, ip, port) in [
            ("10.0.0.7", "10.0.0.7", None),
            ("10.0.0.7:8443", "10.0.0.7", Some(8443)),
            ("::1", "::1", None),
            ("[::1]", "::1", None),
            ("[::1]:8443", "::1", Some(8443)),
        ] {
            let hop = prepared(
                json!({"url": "https://Shop.Example/", "resolve": {"SHOP.example": address}}),
            )
            .expect("prepared");
            let place = &hop.origin.place;
            assert_eq!((place.host.as_str(), place.port), ("shop.example", 443));
            let instead = place.instead.expect("another address");
            assert_eq!(
                instead.address,
                ip.parse::<std::net::IpAddr>().expect("an address")
            );
            assert_eq!(instead.port, port);
        }
    }

    #[test]
    fn roots_are_read_only_where_tls_is_spoken() {
        let terms = |url: &str| {
            prepared(json!({"url": url}))
                .expect("prepared")
                .origin
                .terms
        };
        assert_eq!(terms("http://h/"), None);
        assert!(terms("https://h/").is_some());
    }
}
