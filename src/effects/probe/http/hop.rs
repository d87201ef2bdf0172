//! One request on the way to an answer, and the next one where it is redirected.
//!
//! A redirect to another origin (another scheme, host or port: RFC 6454) takes along nothing that may prove who asks:
//! no credentials, no header but the harmless ones, no client certificate and no body. One that leaves TLS is not
//! followed, since anybody could answer it.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{
    ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_ENCODING,
    CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderName, HeaderValue,
    LOCATION, PRAGMA, PROXY_AUTHORIZATION, RANGE, USER_AGENT,
};
use http::{HeaderMap, Method, Request, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Bytes;
use url::{Host, Url};

use super::super::tls::Terms;
use super::connect::{Instead, Place};
use super::pool::{Clients, Origin};
use super::proxy::Proxy;
use crate::domain::probe::expect::excerpt;

/// What another origin may be told: it says nothing about who asks.
const HARMLESS: [HeaderName; 10] = [
    ACCEPT,
    ACCEPT_CHARSET,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CACHE_CONTROL,
    CONTENT_LANGUAGE,
    CONTENT_TYPE,
    PRAGMA,
    RANGE,
    USER_AGENT,
];

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    /// The cookies that were kept for it.
    pub(super) cookies: Option<HeaderValue>,
    pub(super) origin: Origin,
    pub(super) ways: Arc<Ways>,
}

/// How the probe reaches hosts: its own, and those that a redirect leads to.
#[derive(Debug)]
pub(super) struct Ways {
    /// By host.
    pub(super) instead: HashMap<String, Instead>,
    pub(super) terms: Terms,
    pub(super) proxy: Option<Arc<Proxy>>,
}

impl Ways {
    /// The probe's own host.
    pub(super) fn own(&self, url: &Url) -> Origin {
        self.origin(url, self.terms.clone())
    }

    /// A host that a redirect leads to.
    fn strange(&self, url: &Url) -> Origin {
        let terms = Terms {
            identity: None,
            ..self.terms.clone()
        };
        self.origin(url, terms)
    }

    fn origin(&self, url: &Url, terms: Terms) -> Origin {
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => String::new(),
        };
        Origin {
            place: Place {
                instead: self.instead.get(&host).copied(),
                unix: None,
                proxy: self.proxy.clone(),
                port: url.port_or_known_default().unwrap_or(80),
                host,
            },
            terms: (url.scheme() == "https").then_some(terms),
        }
    }
}

impl Hop {
    /// Makes the terms of TLS that will be needed; what is wrong with them is told when they are used.
    pub(super) fn make_ready(&self, clients: &Clients, redirects: bool) {
        if let Some(terms) = &self.origin.terms {
            let _ = clients.tls(terms);
        }
        if redirects {
            let elsewhere = Terms {
                identity: None,
                ..self.ways.terms.clone()
            };
            let _ = clients.tls(&elsewhere);
        }
    }

    /// Where it is asked.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The host and port that are asked, for a message.
    pub(super) fn target(&self) -> String {
        target(&self.url)
    }

    /// The proxy that is told the whole address and answers itself: without TLS there is no tunnel through it.
    pub(super) fn answering_proxy(&self) -> Option<&Proxy> {
        let proxy = self.origin.place.proxy.as_deref();
        proxy.filter(|_| self.origin.terms.is_none())
    }

    /// Whether it may be asked over a connection that was used before, and so be asked twice where that was closed:
    /// only where asking twice does nothing (RFC 9110, section 9.2.1).
    pub(super) fn may_share(&self) -> bool {
        self.body.is_none() && self.method.is_safe()
    }

    /// The request as HTTP/1.1 or HTTP/2 writes it.
    pub(super) fn request(&self, two: bool) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone().unwrap_or_default()));
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        if let Some(kept) = &self.cookies {
            let all = match headers.get(COOKIE) {
                None => kept.clone(),
                Some(own) => {
                    let all = [own.as_bytes(), b"; ", kept.as_bytes()].concat();
                    HeaderValue::from_bytes(&all).unwrap_or_else(|_| kept.clone())
                }
            };
            headers.insert(COOKIE, all);
        }
        let host = match headers.get(HOST) {
            Some(given) => given.clone(),
            None => host(&self.url),
        };
        let path = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let address = if two {
            headers.remove(HOST);
            let host = String::from_utf8_lossy(host.as_bytes()).into_owned();
            format!("{}://{host}{path}", self.url.scheme()).parse()
        } else {
            headers.insert(HOST, host);
            match self.answering_proxy() {
                None => path.parse(),
                Some(proxy) => {
                    if let Some(who) = &proxy.authorization {
                        headers.insert(PROXY_AUTHORIZATION, who.clone());
                    }
                    self.url[..url::Position::AfterQuery].parse()
                }
            }
        };
        // `next` and `prepare` have seen to it that it can be parsed.
        *request.uri_mut() = address.unwrap_or_default();
        *request.version_mut() = if two {
            Version::HTTP_2
        } else {
            Version::HTTP_11
        };
        request
    }

    /// The next request, where an answer redirects and redirects are followed: so many were, and so many may be.
    ///
    /// # Errors
    /// Why the redirect is not followed.
    pub(super) fn after(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        (followed, most): (u32, u32),
    ) -> Result<Option<Self>, String> {
        let location = headers.get(LOCATION);
        let Some(location) = location.filter(|_| most > 0 && is_redirect(status)) else {
            return Ok(None);
        };
        if followed >= most {
            let times = if most == 1 { "redirect" } else { "redirects" };
            return Err(format!(
                "it redirects again after {most} {times}; the last led from {}",
                excerpt(self.url.as_str())
            ));
        }
        self.next(status, location).map(Some)
    }

    /// The next request, where an answer with this status sends to `location`.
    ///
    /// # Errors
    /// Why it is not followed.
    fn next(&self, status: StatusCode, location: &HeaderValue) -> Result<Self, String> {
        let written = String::from_utf8_lossy(location.as_bytes());
        let refused = |why: &str| {
            format!(
                "it redirects to {:?}, which is not followed: {why}",
                excerpt(&written)
            )
        };
        let url = self
            .url
            .join(&written)
            .map_err(|error| refused(&error.to_string()))?;
        is_asked(&url).map_err(|why| refused(&why))?;
        if self.url.scheme() == "https" && url.scheme() == "http" {
            return Err(refused("it leaves TLS, and anybody could answer there"));
        }
        let mut next = self.clone();
        next.cookies = None;
        // RFC 9110, section 15.4: the first two by what every browser does.
        let becomes_get = match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            _ => false,
        };
        if becomes_get {
            next.method = Method::GET;
            next.body = None;
            for name in [
                CONTENT_TYPE,
                CONTENT_LENGTH,
                CONTENT_LANGUAGE,
                CONTENT_ENCODING,
            ] {
                next.headers.remove(name);
            }
        }
        if url.origin() != self.url.origin() {
            if next.body.is_some() {
                return Err(refused("the request's body would go to another host"));
            }
            let names: Vec<HeaderName> = next.headers.keys().cloned().collect();
            for name in names {
                let secret = next
                    .headers
                    .get_all(&name)
                    .iter()
                    .any(HeaderValue::is_sensitive);
                if secret || !HARMLESS.contains(&name) {
                    next.headers.remove(name);
                }
            }
            next.origin = self.ways.strange(&url);
        }
        next.url = url;
        Ok(next)
    }
}

/// Whether an address can be asked at all.
///
/// # Errors
/// Why not.
pub(super) fn is_asked(url: &Url) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("an address is http://… or https://… with a host".to_owned());
    }
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    path.parse::<http::Uri>()
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Whether `status` sends elsewhere; 300 and 304 are answers.
fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The host and port that are asked.
fn target(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The header `Host`: the port stands there unless it is the scheme's own.
fn host(url: &Url) -> HeaderValue {
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    // The host of an address has no character that a header may not have.
    HeaderValue::from_str(host).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::super::prepare::prepare;
    use super::*;
    use crate::domain::probe::kinds::HttpProbe;
    use serde_json::{Value, json};

    fn first(more: Value) -> Hop {
        let mut value = json!({
            "url": "https://shop.example/a/b?c", "expect": {"status": 200},
            "headers": {"X-Api-Key": "k", "Cookie": "c", "Accept-Language": "de", "Host": "front.example"},
            "auth": {"bearer": "t"},
        });
        for (key, given) in more.as_object().expect("an object") {
            value[key] = given.clone();
        }
        let probe: HttpProbe = serde_json::from_value(value).expect("a probe");
        prepare(&probe, &Clients::new("/", Arc::default())).expect("prepared")
    }

    fn next(hop: &Hop, status: u16, to: &str) -> Result<Hop, String> {
        let status = StatusCode::from_u16(status).expect("a status");
        hop.next(status, &HeaderValue::from_str(to).expect("a value"))
    }

    #[test]
    fn another_origin_is_told_no_secret_in_a_harmless_header() {
        let mut probe: HttpProbe = serde_json::from_value(json!({
            "url": "https://shop.example/", "expect": {"status": 200},
            "headers": {"User-Agent": "k3y", "Accept": "text/plain"},
        }))
        .expect("a probe");
        probe.secret_headers.insert("User-Agent".to_owned());
        let hop = prepare(&probe, &Clients::new("/", Arc::default())).expect("prepared");
        let same = next(&hop, 302, "/x").expect("followed");
        assert_eq!(same.headers[USER_AGENT], "k3y");
        let other = next(&hop, 302, "https://pay.example/").expect("followed");
        assert!(!other.headers.contains_key(USER_AGENT));
        assert_eq!(other.headers[ACCEPT], "text/plain");
    }

    #[test]
    fn another_origin_is_not_told_who_asks() {
        let hop = first(json!({"client_certificate": {"cert": "c.pem", "key": "k.pem"}}));
        let identity = |hop: &Hop| {
            hop.origin
                .terms
                .as_ref()
                .is_some_and(|it| it.identity.is_some())
        };
        for same in ["/x", "?y", "https://shop.example:443/", "//shop.example/"] {
            let next = next(&hop, 302, same).expect("followed");
            assert_eq!(next.headers, hop.headers, "{same}");
            assert!(identity(&next));
        }
        for other in [
            "https://pay.example/",
            "https://shop.example:8443/",
            "https://shop.example.evil/",
            "//pay.example",
        ] {
            let next = next(&hop, 307, other).expect("followed");
            let mut names: Vec<&str> = next.headers.keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!(
                names,
                ["accept", "accept-language", "user-agent"],
                "{other}"
            );
            assert!(!identity(&next));
            // Nor is it told on the way back.
            let back = self::next(&next, 302, "https://shop.example/").expect("followed");
            assert!(!identity(&back) && back.headers.len() == 3);
        }
    }

    #[test]
    fn method_and_body_follow_the_status() {
        let post = first(json!({"method": "POST", "body": "b"}));
        for (status, method, body) in [
            (301, "GET", false),
            (302, "GET", false),
            (303, "GET", false),
            (307, "POST", true),
            (308, "POST", true),
        ] {
            let next = next(&post, status, "/x").expect("followed");
            assert_eq!((next.method.as_str(), next.body.is_some()), (method, body));
        }
        let head = first(json!({"method": "HEAD"}));
        assert_eq!(
            next(&head, 303, "/").expect("followed").method,
            Method::HEAD
        );
        let put = first(json!({"method": "PUT"}));
        assert_eq!(next(&put, 302, "/").expect("followed").method, Method::PUT);
    }

    #[test]
    fn what_is_not_followed_says_why() {
        let post = first(json!({"method": "POST", "body": "b"}));
        for (to, why) in [
            ("http://shop.example/", "leaves TLS"),
            ("ftp://shop.example/", "http://"),
            ("https://", "empty host"),
            ("https://pay.example/", "body would go to another host"),
        ] {
            let text = next(&post, 307, to).expect_err(why);
            assert!(text.contains(why) && text.contains(to), "{text}");
        }
    }

    #[test]
    fn the_host_is_named_where_the_version_has_it() {
        let hop = first(json!({"headers": {}}));
        let one = hop.request(false);
        assert_eq!(one.uri(), "/a/b?c");
        assert_eq!(one.headers()[HOST], "shop.example");
        let two = hop.request(true);
        assert_eq!(two.uri(), "https://shop.example/a/b?c");
        assert!(!two.headers().contains_key(HOST));
        let given = first(json!({"url": "https://[::1]:8443"}));
        assert_eq!(given.request(false).uri(), "/");
        assert_eq!(given.request(false).headers()[HOST], "front.example");
        assert_eq!(given.request(true).uri(), "https://front.example/");
        let bare = first(json!({"url": "https://[::1]:8443", "headers": {}}));
        assert_eq!(bare.request(false).headers()[HOST], "[::1]:8443");
    }
}
