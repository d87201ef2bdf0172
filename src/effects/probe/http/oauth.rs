//! Tokens of authorization servers (RFC 6749, section 4.4): fetched once for all that ask alike, kept until they expire,
//! and fetched again once where one is refused.
//!
//! A token endpoint is not what is asked. What goes wrong with it is an error that names it, never a failure.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use url::form_urlencoded::{Serializer, byte_serialize};
use url::{Position, Url};

use super::page::{Page, fetch};
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::kinds::{Answer, Auth, BasicAuth, ClientAuth, HttpProbe, Oauth2Client};
use crate::effects::clock::Stopwatch;
use crate::effects::probe::Context;
use crate::effects::probe::progress::Progress;

/// A token is fetched again so long before it expires, or at half of its time.
const LEEWAY: Duration = Duration::from_secs(30);

/// The tokens of one run, by the request that brings them.
#[derive(Default)]
pub(in super::super) struct Tokens(Mutex<HashMap<String, Arc<Slot>>>);

/// Where one token is kept.
#[derive(Default)]
struct Slot {
    token: tokio::sync::Mutex<Option<Token>>,
    /// Whether the token was fetched for one that was refused, and was not accepted since: another would be refused too.
    fruitless: AtomicBool,
}

struct Token {
    value: String,
    since: Stopwatch,
    /// `None`: until it is refused.
    good_for: Option<Duration>,
}

impl Token {
    fn is_good(&self) -> bool {
        self.good_for
            .is_none_or(|limit| self.since.elapsed() < limit)
    }
}

/// A token as one attempt uses it.
pub(super) struct Grant {
    slot: Arc<Slot>,
    request: HttpProbe,
    /// What is shown to the server that is asked.
    pub(super) value: String,
}

impl Grant {
    /// The token that `http` asks with.
    ///
    /// # Errors
    /// The answer that says why there is none.
    pub(super) async fn new(
        http: &HttpProbe,
        oauth: &Oauth2Client,
        context: &Context<'_>,
    ) -> Result<Self, Answer> {
        let request = request(http, oauth);
        // Another may be asking for it, and is waited for.
        context.progress.finding_out(endpoint(&request));
        let slot = context.clients.tokens().slot(&request);
        let mut kept = slot.token.lock().await;
        let value = match kept.as_ref().filter(|token| token.is_good()) {
            Some(token) => token.value.clone(),
            None => ask(&request, context, &mut kept).await?,
        };
        drop(kept);
        context.learned(&value);
        Ok(Self {
            slot,
            request,
            value,
        })
    }

    /// The token was not refused.
    pub(super) fn accepted(&self) {
        self.slot.fruitless.store(false, Ordering::Relaxed);
    }

    /// Takes another token for one that was refused, and says whether there is another.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) async fn renew(&mut self, context: &Context<'_>) -> Result<bool, Answer> {
        context.progress.finding_out(endpoint(&self.request));
        let mut kept = self.slot.token.lock().await;
        let others = kept
            .as_ref()
            .filter(|token| token.is_good() && token.value != self.value);
        self.value = match others {
            // Somebody else was quicker.
            Some(token) => token.value.clone(),
            None if self.slot.fruitless.swap(true, Ordering::Relaxed) => return Ok(false),
            None => ask(&self.request, context, &mut kept).await?,
        };
        context.learned(&self.value);
        Ok(true)
    }
}

impl Tokens {
    fn slot(&self, request: &HttpProbe) -> Arc<Slot> {
        // All that can differ stands in the request.
        let key = serde_json::to_string(request).unwrap_or_default();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(key).or_default())
    }
}

/// The request for a token.
pub(super) fn request(http: &HttpProbe, oauth: &Oauth2Client) -> HttpProbe {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    let scopes = oauth.scope.as_ref().map(|all| all.values().join(" "));
    let given = [
        ("scope", scopes.as_ref()),
        ("audience", oauth.audience.as_ref()),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    let mut auth = None;
    match (oauth.client_auth.unwrap_or_default(), &oauth.client_secret) {
        (ClientAuth::Basic, Some(secret)) => {
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            auth = Some(Auth {
                basic: Some(BasicAuth {
                    user: encoded(&oauth.client_id),
                    password: encoded(secret),
                }),
                ..Auth::default()
            });
        }
        (_, secret) => {
            form.append_pair("client_id", &oauth.client_id);
            if let Some(secret) = secret {
                form.append_pair("client_secret", secret);
            }
        }
    }
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Accept", "application/json"),
    ];
    HttpProbe {
        url: oauth.token_url.clone(),
        method: Some("POST".to_owned()),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        body: Some(form.finish()),
        auth,
        ca: oauth.ca.clone().or_else(|| http.ca.clone()),
        client_certificate: oauth
            .client_certificate
            .clone()
            .or_else(|| http.client_certificate.clone()),
        verify_tls: oauth.verify_tls,
        // One node behind a name is meant for all that is asked there.
        resolve: http.resolve.clone(),
        proxy: http.proxy.clone(),
        proxy_auth: http.proxy_auth.clone(),
        ..HttpProbe::default()
    }
}

/// Asks the token endpoint, and keeps what it gives.
async fn ask(
    request: &HttpProbe,
    context: &Context<'_>,
    kept: &mut Option<Token>,
) -> Result<String, Answer> {
    *kept = None;
    // How far it comes there says nothing of what is asked.
    let apart = Context {
        progress: Progress::default(),
        ..*context
    };
    let since = Stopwatch::start();
    // A token is fetched by a request that needs none.
    let token = match Box::pin(fetch(request, &apart)).await {
        Ok(page) => token(&page, since),
        Err(Answer::Unserved(why) | Answer::Unasked(why) | Answer::NoData(why)) => Err(why),
        Err(_) => Err("it gives no page".to_owned()),
    };
    let token = token.map_err(|why| {
        let endpoint = endpoint(request);
        Answer::Unasked(format!("{endpoint}: {why}"))
    })?;
    let value = token.value.clone();
    *kept = Some(token);
    Ok(value)
}

/// The token endpoint, for a message.
fn endpoint(request: &HttpProbe) -> String {
    format!("the token endpoint {}", shown(&request.url))
}

/// An address without what may be secret in it.
fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => format!(
            "{}://{}",
            url.scheme(),
            excerpt(&url[Position::BeforeHost..Position::AfterPath])
        ),
        Err(_) => format!("{:?}", excerpt(url)),
    }
}

/// The token that a page brings: RFC 6749, sections 5.1 and 5.2.
fn token(page: &Page, since: Stopwatch) -> Result<Token, String> {
    let json: Option<Map<String, Value>> = page
        .text
        .read()
        .ok()
        .and_then(|text| serde_json::from_str(text).ok());
    let of = |name: &str| json.as_ref()?.get(name)?.as_str();
    if page.status != 200 {
        let said = match (of("error"), of("error_description")) {
            (Some(error), Some(more)) => format!(": {} ({})", excerpt(error), excerpt(more)),
            (Some(error), None) => format!(": {}", excerpt(error)),
            _ => String::new(),
        };
        let to = page.location.as_deref().filter(|_| page.status / 100 == 3);
        let to = to.map_or_else(String::new, |to| {
            format!(", to {}, which is not followed", shown(to))
        });
        return Err(format!(
            "it answers with the status {}{said}{to}",
            page.status
        ));
    }
    let Some(value) = of("access_token").filter(|value| !value.is_empty()) else {
        return Err(match json {
            None => "its answer is no JSON object".to_owned(),
            Some(_) => "its answer has no access_token".to_owned(),
        });
    };
    if let Some(kind) = of("token_type")
        && !kind.eq_ignore_ascii_case("bearer")
    {
        return Err(format!(
            "its token is of the type {:?}, and only Bearer is spoken",
            excerpt(kind)
        ));
    }
    if !value.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        return Err("its token has a character that no header may have".to_owned());
    }
    let seconds = json.as_ref().and_then(|json| json.get("expires_in"));
    let seconds = seconds.and_then(|it| match it {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    let good_for = seconds.map(|seconds| {
        let whole = Duration::from_secs(seconds);
        whole.saturating_sub(LEEWAY.min(whole / 2))
    });
    Ok(Token {
        value: value.to_owned(),
        since,
        good_for,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(status: u16, text: &str) -> Page {
        Page {
            status,
            location: (status == 302).then(|| "https://login.example/?code=hidden".to_owned()),
            text: text.into(),
            content_type: "application/json".to_owned(),
        }
    }

    fn probe(oauth: Value) -> (HttpProbe, Oauth2Client) {
        let http: HttpProbe = serde_json::from_value(json!({
            "url": "https://shop.example/", "ca": "ca.pem", "expect": {"status": 200},
            "client_certificate": {"cert": "c.pem", "key": "k.pem"}, "verify_tls": false,
            "auth": {"oauth2": oauth},
        }))
        .expect("a probe");
        let oauth = http
            .auth
            .clone()
            .and_then(|auth| auth.oauth2)
            .expect("oauth2");
        (http, oauth)
    }

    #[test]
    fn a_token_is_asked_for_as_the_standard_says() {
        let (http, oauth) = probe(json!({
            "token_url": "https://login.example/token", "client_id": "a b:c", "client_secret": "s+/",
            "scope": ["read", "write"], "audience": "shop",
        }));
        let asked = request(&http, &oauth);
        let basic = asked.auth.and_then(|auth| auth.basic).expect("a user");
        assert_eq!(
            (basic.user.as_str(), basic.password.as_str()),
            ("a+b%3Ac", "s%2B%2F")
        );
        let body = "grant_type=client_credentials&scope=read+write&audience=shop";
        assert_eq!(asked.body.as_deref(), Some(body));
        // Its terms are those of the probe, but for what the probe does not verify.
        assert_eq!(asked.ca.as_deref(), Some("ca.pem"));
        assert!(asked.client_certificate.is_some() && asked.verify_tls.is_none());
        let (http, oauth) = probe(json!({
            "token_url": "https://login.example/token", "client_id": "a", "client_secret": "s",
            "client_auth": "body", "ca": "other.pem",
        }));
        let asked = request(&http, &oauth);
        let body = "grant_type=client_credentials&client_id=a&client_secret=s";
        assert_eq!((asked.auth, asked.body.as_deref()), (None, Some(body)));
        assert_eq!(asked.ca.as_deref(), Some("other.pem"));
        let (http, oauth) = probe(json!({"token_url": "https://l.example/", "client_id": "a"}));
        let body = "grant_type=client_credentials&client_id=a";
        assert_eq!(request(&http, &oauth).body.as_deref(), Some(body));
    }

    #[test]
    fn what_is_no_token_says_why() {
        let read = |status, text: &str| token(&page(status, text), Stopwatch::start());
        for (status, text, why) in [
            (200, "", "no JSON object"),
            (200, "[]", "no JSON object"),
            (200, "{}", "no access_token"),
            (200, "{\"access_token\": \"\"}", "no access_token"),
            (200, "{\"access_token\": 7}", "no access_token"),
            (200, "{\"access_token\": \"a\\nb\"}", "no header may have"),
            (
                200,
                "{\"access_token\": \"t\", \"token_type\": \"mac\"}",
                "only Bearer",
            ),
            (
                401,
                "{\"error\": \"invalid_client\", \"error_description\": \"who?\"}",
                "the status 401: invalid_client (who?)",
            ),
            (503, "<html>", "the status 503"),
            (302, "", "the status 302, to https://login.example/, which"),
        ] {
            let said = read(status, text).err().expect(why);
            assert!(said.contains(why) && !said.contains("hidden"), "{said}");
        }
        for (expires, good_for) in [
            ("", None),
            (", \"expires_in\": 3600", Some(3570)),
            (", \"expires_in\": \"20\"", Some(10)),
            (", \"expires_in\": null", None),
        ] {
            let text = format!("{{\"access_token\": \"t\", \"token_type\": \"bearer\"{expires}}}");
            let token = read(200, &text).expect("a token");
            assert_eq!(token.good_for, good_for.map(Duration::from_secs));
        }
    }
}
