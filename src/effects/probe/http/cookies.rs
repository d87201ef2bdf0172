//! Cookies (RFC 6265), kept within one sample: over redirects, and for the probes that need one another.

use cookie_store::{Cookie, CookieDomain, CookieStore};
use http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

use crate::domain::probe::text::Text;

/// The cookies that are kept.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Jar(Vec<(Url, Cookie<'static>)>);

impl Jar {
    /// Keeps what a response from `url` sets. A cookie for a whole top-level domain is not kept.
    pub(super) fn store(&mut self, url: &Url, headers: &HeaderMap) {
        for set in headers.get_all(SET_COOKIE) {
            let Ok(set) = std::str::from_utf8(set.as_bytes()) else {
                continue;
            };
            if let Ok(cookie) = Cookie::parse(set.to_owned(), url) {
                self.put(url.clone(), cookie.into_owned());
            }
        }
    }

    fn put(&mut self, url: Url, cookie: Cookie<'static>) {
        let whole = matches!(&cookie.domain, CookieDomain::Suffix(domain) if !domain.contains('.'));
        if whole && !cookie.domain.host_is_identical(&url) {
            return;
        }
        self.0.retain(|(_, other)| {
            let same = other.name() == cookie.name() && other.path == cookie.path;
            !(same && other.domain == cookie.domain)
        });
        self.0.push((url, cookie));
    }

    /// Adds what another has; of two cookies for the same, the other's is kept.
    pub(in super::super) fn extend(&mut self, other: &Self) {
        for (url, cookie) in &other.0 {
            self.put(url.clone(), cookie.clone());
        }
    }

    /// What a request to `url` takes along.
    pub(super) fn header(&self, url: &Url) -> Option<HeaderValue> {
        let mut store = CookieStore::default();
        for (from, cookie) in &self.0 {
            // What has expired, or is not for where it came from, is not taken.
            let _ = store.insert(cookie.clone(), from);
        }
        let mut pairs: Vec<String> = store
            .get_request_values(url)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.sort_unstable();
        let mut value = HeaderValue::from_str(&pairs.join("; ")).ok()?;
        value.set_sensitive(true);
        (!pairs.is_empty()).then_some(value)
    }

    /// The values, for whoever must not show them.
    pub(in super::super) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, cookie)| cookie.value())
    }
}

/// What a response sets, name by name, as it is written.
pub(super) fn set(headers: &HeaderMap) -> impl Iterator<Item = (String, Text)> {
    headers.get_all(SET_COOKIE).iter().filter_map(|set| {
        let pair = set.as_bytes().split(|byte| *byte == b';').next()?;
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let name = String::from_utf8_lossy(&pair[..at]).trim().to_owned();
        let value = pair[at + 1..].trim_ascii();
        Some((name, Text::decode(value, None, false)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    fn jar(from: &str, set: &[&str]) -> Jar {
        let mut jar = Jar::default();
        for one in set {
            let value = HeaderValue::from_str(one).expect("a value");
            jar.store(&url(from), &HeaderMap::from_iter([(SET_COOKIE, value)]));
        }
        jar
    }

    #[test]
    fn a_cookie_is_sent_to_where_it_is_for() {
        let from = "https://shop.example/a/login";
        for (set, to, sent) in [
            (&["s=1"][..], "https://shop.example/a/x", Some("s=1")),
            (&["s=1"], "https://shop.example/b", None),
            (&["s=1; Path=/"], "https://shop.example/b", Some("s=1")),
            (&["s=1; Path=/"], "https://shop.example:8443/", Some("s=1")),
            (&["s=1; Path=/"], "https://pay.shop.example/", None),
            (
                &["s=1; Path=/; Domain=shop.example"],
                "https://pay.shop.example/",
                Some("s=1"),
            ),
            (
                &["s=1; Path=/; Domain=evil.example"],
                "https://evil.example/",
                None,
            ),
            (
                &["s=1; Path=/; Domain=example"],
                "https://other.example/",
                None,
            ),
            (&["s=1; Path=/; Secure"], "http://shop.example/", None),
            (
                &["s=1; Path=/; Secure"],
                "https://shop.example/",
                Some("s=1"),
            ),
            (&["s=1; Path=/; Max-Age=0"], "https://shop.example/", None),
            (
                &["s=1; Path=/", "s=2; Path=/", "t=3; Path=/"],
                "https://shop.example/",
                Some("s=2; t=3"),
            ),
            (
                &[
                    "s=1; Path=/",
                    "s=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                ],
                "https://shop.example/",
                None,
            ),
            (&["nonsense", "=; ;"], "https://shop.example/a/", None),
        ] {
            let found = jar(from, set).header(&url(to));
            assert_eq!(
                found.as_ref().map(HeaderValue::as_bytes),
                sent.map(str::as_bytes),
                "{set:?} {to}"
            );
        }
    }

    #[test]
    fn of_two_jars_the_later_decides() {
        let from = "http://shop.example/";
        let mut one = jar(from, &["s=1", "t=1"]);
        one.extend(&jar(from, &["s=2"]));
        assert_eq!(one.header(&url(from)).expect("cookies"), "s=2; t=1");
        assert_eq!(one.values().count(), 2);
    }
}
