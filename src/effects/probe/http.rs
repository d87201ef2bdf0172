//! Asks over HTTP.
//!
//! The target itself is asked: proxies of the environment are not used, nothing is asked to be compressed, a redirect is
//! an answer unless the probe follows it, and no library retries behind the probe's back.

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Request, Response, Url};
use tower::{Layer, Service};

use super::progress::Progress;
use super::tls::{Acceptance, Trust};
use super::trouble::{ResolutionError, http_trouble, resolution_trouble};
use super::{Context, quote};
use crate::domain::ids::Digest;
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::kinds::{Answer, HttpAnswer, HttpProbe};
use crate::domain::probe::{Probe, Question};
use crate::domain::timespan::Timespan;

/// More of a body than this is not read.
const CAP: usize = 1024 * 1024;

/// A response's head may be this long over HTTP/2; over HTTP/1 the library reads about 400 KiB.
const LONGEST_HEAD: u32 = 256 * 1024;

/// How long an open connection is used again. Shorter than any server's own limit, so that a connection which the
/// server is about to close is not mistaken for a failure.
const IDLE: Duration = Duration::from_secs(1);

/// How relgate names itself.
const USER_AGENT: &str = concat!("relgate/", env!("CARGO_PKG_VERSION"));

tokio::task_local! {
    /// The progress of the attempt that this task makes, for the hooks of the client, which others use too.
    static PROGRESS: Progress;
}

fn note(what: impl FnOnce(&Progress)) {
    // Where the library goes on with a connection that nobody waits for any more, there is no progress to note.
    let _ = PROGRESS.try_with(what);
}

/// The clients of one sample, made when they are needed.
///
/// They are not kept longer: an open connection would lead to the old version after traffic was switched to the new one.
pub(super) struct Clients {
    trust: Arc<Trust>,
    made: Mutex<HashMap<(Acceptance, u32), Client>>,
}

impl Clients {
    pub(super) fn new(trust: Arc<Trust>) -> Self {
        Self {
            trust,
            made: Mutex::default(),
        }
    }

    fn client(&self, acceptance: Acceptance, redirects: u32) -> Result<Client, String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&(acceptance, redirects)) {
            return Ok(client.clone());
        }
        let tls = self
            .trust
            .config(acceptance)
            .map_err(|error| error.to_string())?;
        let policy = match redirects {
            0 => Policy::none(),
            most => Policy::limited(usize::try_from(most).unwrap_or(usize::MAX)),
        };
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .no_proxy()
            .referer(false)
            .redirect(policy)
            .retry(reqwest::retry::never())
            .tls_backend_preconfigured(tls)
            .http2_max_header_list_size(LONGEST_HEAD)
            .pool_idle_timeout(IDLE)
            .dns_resolver(Arc::new(Observed))
            .connector_layer(Observed)
            .build()
            .map_err(|error| format!("no HTTP client can be made: {error}"))?;
        made.insert((acceptance, redirects), client.clone());
        Ok(client)
    }
}

/// Makes the client that `probe` will need; what is wrong with the probe is told when it is asked.
pub(super) fn make_ready(probe: &Probe, clients: &Clients) {
    if let [Question::Http(http)] = probe.questions().as_slice() {
        let _ = prepare(http, clients);
    }
}

/// One request, its answer read to the end or to the cap.
pub(super) async fn ask(http: &HttpProbe, context: &Context<'_>) -> Answer {
    let (request, client) = match prepare(http, context.clients) {
        Ok(prepared) => prepared,
        Err(trouble) => return Answer::Unasked(trouble),
    };
    let target = target(request.url());
    let exchange = async {
        match client.execute(request).await {
            Ok(response) => read(response, &context.progress).await,
            Err(error) => Err(error),
        }
    };
    match PROGRESS.scope(context.progress.clone(), exchange).await {
        Ok(answer) => Answer::Http(answer),
        Err(error) if error.is_redirect() => {
            Answer::Unserved(redirect_trouble(&error, http.redirects.unwrap_or(0)))
        }
        Err(error) => {
            // After a redirect it is another target that is in trouble.
            let target = error.url().map_or(target, self::target);
            match (http_trouble(&target, &error), context.progress.so_far()) {
                (Answer::Unserved(text), Some(came)) => {
                    Answer::Unserved(format!("{text} ({came})"))
                }
                (answer, _) => answer,
            }
        }
    }
}

async fn read(mut response: Response, progress: &Progress) -> Result<HttpAnswer, reqwest::Error> {
    let status = response.status().as_u16();
    progress.answering(status);
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let mut body = Vec::new();
    let mut truncated = false;
    while let Some(chunk) = response.chunk().await? {
        let room = CAP - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        progress.body(body.len());
        if chunk.len() > room {
            truncated = true;
            break;
        }
    }
    Ok(HttpAnswer {
        status,
        headers,
        sha256: (!truncated).then(|| Digest::of(&body)),
        body: String::from_utf8_lossy(&body).into_owned(),
        truncated,
    })
}

fn prepare(http: &HttpProbe, clients: &Clients) -> Result<(Request, Client), String> {
    let url = Url::parse(&http.url)
        .map_err(|error| format!("{:?} is no address: {error}", excerpt(&http.url)))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!(
            "{:?} is no address; write http://… or https://… with a host",
            excerpt(&http.url)
        ));
    }
    let method = method(http);
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| format!("{method:?} is no HTTP method; write GET, HEAD, POST, …"))?;
    let redirects = http.redirects.unwrap_or(0);
    let acceptance = match http.verify_tls {
        _ if url.scheme() == "http" && redirects == 0 => Acceptance::None,
        Some(false) => Acceptance::Any,
        Some(true) | None => Acceptance::Trusted,
    };
    let mut request = Request::new(method, url);
    *request.headers_mut() = headers(http)?;
    if let Some(body) = &http.body {
        *request.body_mut() = Some(body.clone().into());
    }
    Ok((request, clients.client(acceptance, redirects)?))
}

fn method(http: &HttpProbe) -> &str {
    http.method.as_deref().unwrap_or("GET")
}

fn headers(http: &HttpProbe) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &http.headers {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("{:?} is no name of a header", excerpt(name)))?;
        // The value may be a secret, and is not shown.
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| format!("the value of the header {name} has a line break or a control character, which no header may have"))?;
        headers.append(key, value);
    }
    Ok(headers)
}

/// The host and port that are asked.
fn target(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn redirect_trouble(error: &reqwest::Error, most: u32) -> String {
    let last = error
        .url()
        .map(|url| format!("; the last led from {}", excerpt(url.as_str())))
        .unwrap_or_default();
    let times = if most == 1 { "redirect" } else { "redirects" };
    format!("it redirects again after {most} {times}{last}")
}

/// A `curl` line that asks the same.
pub(super) fn repeat(http: &HttpProbe, timeout: Timespan) -> String {
    let given = |name: &str| {
        http.headers
            .keys()
            .any(|key| key.eq_ignore_ascii_case(name))
    };
    let mut words: Vec<String> = ["curl", "-gsSi", "--noproxy", "*", "--max-time"]
        .map(str::to_owned)
        .to_vec();
    words.push(timeout.seconds().to_string());
    match method(http) {
        "GET" if http.body.is_none() => {}
        // With -X curl would wait for the body that such an answer does not have.
        "HEAD" => words.push("-I".to_owned()),
        method => words.extend(["-X".to_owned(), method.to_owned()]),
    }
    if http.verify_tls == Some(false) {
        words.push("-k".to_owned());
    }
    if let Some(redirects) = http.redirects.filter(|redirects| *redirects > 0) {
        words.extend(["-L".to_owned(), "--max-redirs".to_owned()]);
        words.push(redirects.to_string());
    }
    if !given("user-agent") {
        words.extend(["-A".to_owned(), USER_AGENT.to_owned()]);
    }
    for (name, value) in &http.headers {
        words.push("-H".to_owned());
        words.push(if value.is_empty() {
            format!("{name};")
        } else {
            format!("{name}: {value}")
        });
    }
    if let Some(body) = &http.body {
        if !given("content-type") {
            // Otherwise curl says that the body is a form.
            words.extend(["-H".to_owned(), "Content-Type:".to_owned()]);
        }
        words.extend(["--data-raw".to_owned(), body.clone()]);
    }
    words.push(http.url.clone());
    quote::line(words.iter().map(String::as_str))
}

/// Resolves names as the system does, and observes that and the making of connections.
#[derive(Clone, Copy)]
struct Observed;

impl Resolve for Observed {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let name = name.as_str();
            note(|progress| progress.resolving(name));
            let found: Result<Vec<SocketAddr>, _> = tokio::net::lookup_host((name, 0))
                .await
                .map(Iterator::collect);
            note(Progress::connecting);
            match found {
                Ok(addresses) if addresses.is_empty() => {
                    Err(boxed(format!("the name {name} has no address")))
                }
                Ok(addresses) => Ok(Box::new(addresses.into_iter()) as Addrs),
                Err(error) => Err(boxed(resolution_trouble(name, &error))),
            }
        })
    }
}

fn boxed(text: String) -> Box<dyn Error + Send + Sync> {
    Box::new(ResolutionError(text))
}

impl<S> Layer<S> for Observed {
    type Service = ObservedConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ObservedConnector(inner)
    }
}

/// A connector that notes when a connection, with TLS where there is any, stands.
#[derive(Clone)]
struct ObservedConnector<S>(S);

impl<S, T> Service<T> for ObservedConnector<S>
where
    S: Service<T>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, target: T) -> Self::Future {
        note(Progress::connecting);
        let connecting = self.0.call(target);
        Box::pin(async move {
            let connection = connecting.await?;
            note(Progress::connected);
            Ok(connection)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(value: serde_json::Value) -> HttpProbe {
        let mut value = value;
        value["expect"] = serde_json::json!({"status": 200});
        serde_json::from_value(value).expect("a probe")
    }

    fn line(value: serde_json::Value) -> String {
        repeat(&probe(value), Timespan::from_seconds(10))
    }

    #[test]
    fn a_curl_line_asks_the_same() {
        let agent = format!("-A {USER_AGENT}");
        assert_eq!(
            line(serde_json::json!({"url": "http://h/a?b=c"})),
            format!("curl -gsSi --noproxy '*' --max-time 10 {agent} 'http://h/a?b=c'")
        );
        let posted = line(serde_json::json!({
            "url": "https://h/", "method": "POST", "body": "it's", "verify_tls": false, "redirects": 3,
            "headers": {"X-Empty": "", "User-Agent": "me"},
        }));
        assert_eq!(
            posted,
            "curl -gsSi --noproxy '*' --max-time 10 -X POST -k -L --max-redirs 3 -H 'User-Agent: me' -H 'X-Empty;' \
             -H Content-Type: --data-raw 'it'\\''s' https://h/"
        );
        assert!(line(serde_json::json!({"url": "http://h", "method": "HEAD"})).contains(" -I "));
    }

    #[test]
    fn what_cannot_be_asked_says_why() {
        let clients = Clients::new(Arc::default());
        for (value, reason) in [
            (serde_json::json!({"url": "shop.example/"}), "no address"),
            (serde_json::json!({"url": "ftp://shop.example/"}), "http://"),
            (serde_json::json!({"url": "http://"}), "no address"),
            (
                serde_json::json!({"url": "http://h/", "method": "G T"}),
                "no HTTP method",
            ),
            (
                serde_json::json!({"url": "http://h/", "headers": {"a b": "c"}}),
                "no name of a header",
            ),
            (
                serde_json::json!({"url": "http://h/", "headers": {"a": "hidden\n"}}),
                "the header a",
            ),
        ] {
            let text = prepare(&probe(value), &clients).expect_err(reason);
            assert!(text.contains(reason) && !text.contains("hidden"), "{text}");
        }
    }

    #[test]
    fn a_client_is_made_ready_before_its_probe_is_asked() {
        let clients = Clients::new(Arc::default());
        let probe: Probe = serde_json::from_value(serde_json::json!({
            "id": "a", "http": {"url": "https://h/", "verify_tls": false, "expect": {"status": 200}}
        }))
        .expect("a probe");
        make_ready(&probe, &clients);
        let made = clients.made.lock().expect("a lock");
        assert!(made.contains_key(&(Acceptance::Any, 0)));
    }

    #[test]
    fn roots_are_read_only_where_tls_may_be_spoken() {
        let clients = Clients::new(Arc::default());
        prepare(&probe(serde_json::json!({"url": "http://h/"})), &clients).expect("prepared");
        let made: Vec<_> = clients
            .made
            .lock()
            .expect("a lock")
            .keys()
            .copied()
            .collect();
        assert_eq!(made, [(Acceptance::None, 0)]);
    }
}
