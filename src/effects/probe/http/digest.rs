//! Digest authentication (RFC 7616): a password that is proved and never sent, for one user at the probe's own origin.
//!
//! What the server asks for is taken from its 401, the strongest algorithm of those that are spoken first. A nonce that has
//! become stale is replaced once, and so is another realm's; a second refusal is the answer.

use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use ring::digest::{SHA256, SHA512_256, digest};

use crate::domain::probe::kinds::BasicAuth;

/// So many times one request is sent: without an answer to a challenge, with one, and with one to a fresh nonce.
const MOST_TRIES: u32 = 3;

/// How one user answers the challenges of one server.
pub(super) struct Digest<'a> {
    who: &'a BasicAuth,
    challenge: Option<Challenge>,
    /// How often the challenge's nonce was used.
    count: u32,
    /// Whether the request on its way answers the challenge.
    answered: bool,
    /// How often it was sent.
    tries: u32,
    /// What a client's nonce is made from.
    random: fn() -> Option<String>,
}

/// What a server asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    session: bool,
    /// Whether it knows `qop=auth`; without, it is as old as RFC 2069.
    qop: bool,
    userhash: bool,
    stale: bool,
    /// Whether the algorithm was named, and has to be said back.
    named: bool,
}

/// From the weakest to the strongest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    #[default]
    Md5,
    Sha512Truncated,
    Sha256,
}

impl Algorithm {
    const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha512Truncated => "SHA-512-256",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Md5 => hex(&md5::compute(text).0),
            Self::Sha512Truncated => hex(digest(&SHA512_256, text.as_bytes()).as_ref()),
            Self::Sha256 => hex(digest(&SHA256, text.as_bytes()).as_ref()),
        }
    }
}

impl<'a> Digest<'a> {
    pub(super) fn new(who: &'a BasicAuth, random: fn() -> Option<String>) -> Self {
        Self {
            who,
            challenge: None,
            count: 0,
            answered: false,
            tries: 0,
            random,
        }
    }

    /// Another request begins: the first, or one that a redirect leads to.
    pub(super) fn begin(&mut self) {
        self.tries = 0;
    }

    /// The header `Authorization` of a request for `target`, where the server has said what it asks for.
    ///
    /// # Errors
    /// Why there can be none; no secret is shown.
    pub(super) fn authorization(
        &mut self,
        method: &str,
        target: &str,
    ) -> Result<Option<HeaderValue>, String> {
        self.tries += 1;
        self.answered = self.challenge.is_some();
        let Some(challenge) = &self.challenge else {
            return Ok(None);
        };
        self.count += 1;
        let own = (self.random)().ok_or("this machine gives no random numbers")?;
        let text = challenge.answer(self.who, (method, target), (self.count, &own));
        let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
            "the user under `auth` has a line break or a control character, which no header may have"
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// Whether the request is to be sent again, after a 401 with these headers.
    ///
    /// # Errors
    /// Why the challenge cannot be answered.
    pub(super) fn challenged(&mut self, headers: &HeaderMap) -> Result<bool, String> {
        let Some(next) = strongest(headers)? else {
            return Ok(false);
        };
        let same_realm = self
            .challenge
            .as_ref()
            .is_some_and(|before| before.realm == next.realm);
        let refused = self.answered && same_realm && !next.stale;
        if refused || self.tries >= MOST_TRIES {
            return Ok(false);
        }
        self.challenge = Some(next);
        self.count = 0;
        Ok(true)
    }
}

impl Challenge {
    /// RFC 7616, section 3.4.
    fn answer(
        &self,
        who: &BasicAuth,
        (method, target): (&str, &str),
        (count, own): (u32, &str),
    ) -> String {
        let hash = |text: &str| self.algorithm.hash(text);
        let Self { realm, nonce, .. } = self;
        let mut secret = hash(&format!("{}:{realm}:{}", who.user, who.password));
        if self.session {
            secret = hash(&format!("{secret}:{nonce}:{own}"));
        }
        let asked = hash(&format!("{method}:{target}"));
        let response = match self.qop {
            true => hash(&format!("{secret}:{nonce}:{count:08x}:{own}:auth:{asked}")),
            false => hash(&format!("{secret}:{nonce}:{asked}")),
        };
        let user = match self.userhash {
            true => hash(&format!("{}:{realm}", who.user)),
            false => quoted(&who.user),
        };
        let mut text = format!(
            "Digest username=\"{user}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\"",
            quoted(realm),
            quoted(nonce),
            quoted(target)
        );
        if self.named {
            let session = if self.session { "-sess" } else { "" };
            text.push_str(&format!(", algorithm={}{session}", self.algorithm.name()));
        }
        if let Some(opaque) = &self.opaque {
            text.push_str(&format!(", opaque=\"{}\"", quoted(opaque)));
        }
        if self.qop {
            text.push_str(&format!(", qop=auth, nc={count:08x}, cnonce=\"{own}\""));
        } else if self.session {
            text.push_str(&format!(", cnonce=\"{own}\""));
        }
        if self.userhash {
            text.push_str(", userhash=true");
        }
        text
    }

    /// What a challenge asks for.
    ///
    /// # Errors
    /// Why it cannot be answered.
    fn read(parameters: &[(String, String)]) -> Result<Self, String> {
        let of = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        let is_true = |name: &str| of(name).is_some_and(|it| it.eq_ignore_ascii_case("true"));
        let named = of("algorithm");
        let (algorithm, session) = match named.unwrap_or("MD5").to_ascii_uppercase().as_str() {
            "MD5" => (Algorithm::Md5, false),
            "MD5-SESS" => (Algorithm::Md5, true),
            "SHA-256" => (Algorithm::Sha256, false),
            "SHA-256-SESS" => (Algorithm::Sha256, true),
            "SHA-512-256" => (Algorithm::Sha512Truncated, false),
            "SHA-512-256-SESS" => (Algorithm::Sha512Truncated, true),
            other => return Err(format!("the algorithm {other:?} is not spoken")),
        };
        let qop = match of("qop") {
            None => false,
            Some(all) => {
                let mut all = all.split(',').map(str::trim);
                if !all.any(|one| one.eq_ignore_ascii_case("auth")) {
                    return Err("it protects bodies (`auth-int`), which is not spoken".to_owned());
                }
                true
            }
        };
        let (Some(realm), Some(nonce)) = (of("realm"), of("nonce")) else {
            return Err("it has no realm or no nonce".to_owned());
        };
        Ok(Self {
            realm: realm.to_owned(),
            nonce: nonce.to_owned(),
            opaque: of("opaque").map(str::to_owned),
            algorithm,
            session,
            qop,
            userhash: is_true("userhash"),
            stale: is_true("stale"),
            named: named.is_some(),
        })
    }
}

/// The strongest challenge of a 401 that can be answered; none where it has no digest at all.
///
/// # Errors
/// Why none of its digests can be answered.
fn strongest(headers: &HeaderMap) -> Result<Option<Challenge>, String> {
    let mut best: Option<Challenge> = None;
    let mut why = None;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let text = String::from_utf8_lossy(value.as_bytes());
        for (scheme, parameters) in challenges(&text) {
            if !scheme.eq_ignore_ascii_case("digest") {
                continue;
            }
            match Challenge::read(&parameters) {
                Ok(found)
                    if best
                        .as_ref()
                        .is_none_or(|it| it.algorithm < found.algorithm) =>
                {
                    best = Some(found);
                }
                Ok(_) => {}
                Err(fault) => why = Some(fault),
            }
        }
    }
    match (best, why) {
        (Some(best), _) => Ok(Some(best)),
        (None, Some(why)) => Err(format!(
            "its digest authentication cannot be answered: {why}"
        )),
        (None, None) => Ok(None),
    }
}

/// Schemes with their parameters, names in small letters: RFC 9110, section 11.6.1.
type Challenges = Vec<(String, Vec<(String, String)>)>;

fn challenges(text: &str) -> Challenges {
    let mut all: Challenges = Vec::new();
    for part in parts(text) {
        let part = part.trim();
        let name_end = part.find(|c: char| c == '=' || c.is_whitespace());
        let (first, rest) = part.split_at(name_end.unwrap_or(part.len()));
        let rest = rest.trim_start();
        let parameter = match rest.strip_prefix('=') {
            // A scheme that is followed by nothing but its first parameter, or by one value.
            None => {
                if !first.is_empty() {
                    all.push((first.to_owned(), Vec::new()));
                }
                rest.split_once('=')
            }
            Some(value) => Some((first, value)),
        };
        if let (Some((name, value)), Some((_, parameters))) = (parameter, all.last_mut()) {
            let name = name.trim().to_ascii_lowercase();
            parameters.push((name, unquoted(value.trim())));
        }
    }
    all
}

/// What stands between commas; those in quotes are none.
fn parts(text: &str) -> Vec<&str> {
    let (mut all, mut begin) = (Vec::new(), 0);
    let (mut within, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if within => escaped = true,
            '"' => within = !within,
            ',' if !within => {
                all.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    all.push(&text[begin..]);
    all
}

fn unquoted(value: &str) -> String {
    let inner = value
        .strip_prefix('"')
        .map(|it| it.strip_suffix('"').unwrap_or(it));
    let Some(inner) = inner else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut escaped = false;
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            text.push(c);
            escaped = false;
        }
    }
    text
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(user: &str, password: &str) -> BasicAuth {
        BasicAuth {
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let mut all = HeaderMap::new();
        for value in values {
            all.append(
                WWW_AUTHENTICATE,
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        all
    }

    fn response(text: &str) -> &str {
        let (_, rest) = text.split_once("response=\"").expect("a response");
        rest.split_once('"').expect("its end").0
    }

    /// RFC 7616, section 3.9.1; RFC 2617, section 3.5; and RFC 2069 as its erratum has it.
    #[test]
    fn the_examples_of_the_standards_come_out() {
        const OWN: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let both = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
            nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
            opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        let mufasa = who("Mufasa", "Circle of Life");
        for (algorithm, expected) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let all = headers(&[&format!("Digest {both}, algorithm={algorithm}")]);
            let challenge = strongest(&all).expect("spoken").expect("a challenge");
            let text = challenge.answer(&mufasa, ("GET", "/dir/index.html"), (1, OWN));
            assert_eq!(response(&text), expected);
            assert!(
                text.contains(&format!(", algorithm={algorithm}, ")),
                "{text}"
            );
        }
        let old = "Digest realm=\"testrealm@host.com\", \
            nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        let challenge = strongest(&headers(&[old]))
            .expect("spoken")
            .expect("a challenge");
        let text = challenge.answer(
            &who("Mufasa", "CircleOfLife"),
            ("GET", "/dir/index.html"),
            (1, OWN),
        );
        assert_eq!(response(&text), "1949323746fe6a43ef61f9606e7febea");
        assert!(
            !text.contains("qop") && !text.contains("algorithm"),
            "{text}"
        );
    }

    /// RFC 7616, section 3.9.2.
    #[test]
    fn a_hashed_user_comes_out_as_in_the_standard() {
        let all = headers(&[
            "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
            nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
            opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true",
        ]);
        let challenge = strongest(&all).expect("spoken").expect("a challenge");
        let text = challenge.answer(
            &who("J\u{e4}s\u{f8}n Doe", "Secret, or not?"),
            ("GET", "/doe.json"),
            (1, "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm"),
        );
        assert!(
            text.contains("userhash=true") && !text.contains("Doe"),
            "{text}"
        );
        let user = text.split('"').nth(1).expect("a user");
        assert_eq!(user.len(), 64);
    }

    /// As `hashlib` of Python reckons them.
    #[test]
    fn a_session_s_key_is_made_of_both_nonces() {
        for (algorithm, expected) in [
            ("MD5-sess", "89b5089b5d58a0fdaf220673de5ae7fa"),
            (
                "sha-256-SESS",
                "0c13f431b04f66228f599f6e109f19a9bf642fbd1cb54f81355f117135ef65bb",
            ),
        ] {
            let all = format!("Digest realm=r, nonce=n, qop=auth, algorithm={algorithm}");
            let challenge = strongest(&headers(&[&all])).expect("spoken").expect("one");
            let text = challenge.answer(&who("u", "p"), ("GET", "/x?y"), (1, "c"));
            assert_eq!(response(&text), expected);
        }
    }

    #[test]
    fn the_strongest_challenge_is_taken() {
        let nonce = "realm=\"a, \\\"b\\\"\", nonce=\"n\"";
        let md5 = format!("Digest {nonce}, qop=\"auth\"");
        let sha = format!("Digest {nonce}, algorithm=SHA-256, qop=auth");
        let basic = "Basic realm=\"x\"";
        let token = "Negotiate YII=";
        for all in [
            headers(&[&md5, &sha]),
            headers(&[basic, &sha, &md5]),
            headers(&[&format!("{basic}, {md5}, {sha}")]),
            headers(&[&format!("{token}, {sha}, {md5}")]),
            headers(&[&format!("{md5}, {sha}, Bearer")]),
        ] {
            let found = strongest(&all).expect("spoken").expect("a challenge");
            assert_eq!(found.algorithm, Algorithm::Sha256, "{all:?}");
            assert_eq!(found.realm, "a, \"b\"");
        }
        assert_eq!(strongest(&headers(&[basic, token, "", ","])), Ok(None));
        for (bad, why) in [
            (
                "Digest realm=r, nonce=n, algorithm=SHA-1",
                "\"SHA-1\" is not spoken",
            ),
            ("Digest realm=r, nonce=n, qop=\"auth-int\"", "auth-int"),
            ("Digest realm=r", "no nonce"),
            ("Digest", "no nonce"),
        ] {
            let said = strongest(&headers(&[bad])).expect_err(bad);
            assert!(said.contains(why), "{said}");
            // One that is spoken beside it counts.
            assert!(strongest(&headers(&[bad, &md5])).is_ok());
        }
    }

    #[test]
    fn a_refusal_is_not_answered_again_and_a_stale_nonce_is_once() {
        let user = who("u", "p");
        let fixed: fn() -> Option<String> = || Some("0a4f113b".to_owned());
        let ask = |nonce: &str, more: &str| {
            headers(&[&format!("Digest realm=r, nonce={nonce}, qop=auth{more}")])
        };
        let mut digest = Digest::new(&user, fixed);
        let sent = |digest: &mut Digest<'_>| digest.authorization("GET", "/").expect("a header");
        assert_eq!(sent(&mut digest), None);
        assert_eq!(digest.challenged(&ask("one", "")), Ok(true));
        let first = sent(&mut digest).expect("an answer");
        assert!(first.is_sensitive() && first.to_str().expect("a text").contains("nc=00000001"));
        assert_eq!(digest.challenged(&ask("two", "")), Ok(false));
        assert_eq!(digest.challenged(&ask("two", ", stale=TRUE")), Ok(true));
        let second = sent(&mut digest).expect("an answer");
        let text = second.to_str().expect("a text");
        assert!(
            text.contains("nonce=\"two\"") && text.contains("nc=00000001"),
            "{text}"
        );
        // A server that finds every nonce stale is not asked for ever.
        assert_eq!(digest.challenged(&ask("three", ", stale=true")), Ok(false));
        // The next request uses the nonce again.
        digest.begin();
        let third = sent(&mut digest).expect("an answer");
        assert!(third.to_str().expect("a text").contains("nc=00000002"));
        let elsewhere = headers(&["Digest realm=other, nonce=n"]);
        assert_eq!(digest.challenged(&elsewhere), Ok(true));
    }
}
