//! Fetches pages that somebody else serves: monitoring, and what stands before it.
//!
//! Such a page is not the release. How long each phase took says nothing of it, and that it comes compressed, or from
//! another host, is ordinary: a client of the library's fetches it. What is asked, whom it may be asked of and what a
//! redirect may be told are the rules of every HTTP probe, and are not left to the library.

use std::time::Duration;

use http::header::{CONTENT_TYPE, LOCATION};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::ClientConfig;
use tokio::net::lookup_host;

use super::connect::Failure;
use super::hop::Hop;
use super::prepare::prepare;
use super::proxy::Proxy;
use super::who::Who;
use super::{CAP, body_text, codings};
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::kinds::{Answer, HttpProbe};
use crate::domain::probe::text::Text;
use crate::effects::probe::Context;
use crate::effects::probe::progress::Progress;
use crate::effects::probe::trouble::{page_trouble, proxied_page_trouble, resolution_trouble};

/// A page, unpacked.
pub(in super::super) struct Page {
    pub(in super::super) status: u16,
    /// Where it sends to.
    pub(in super::super) location: Option<String>,
    /// In the charset that it declares.
    pub(in super::super) text: Text,
    /// What it says that it is.
    pub(in super::super) content_type: String,
}

/// The page that `wanted` and its redirects lead to.
///
/// # Errors
/// The answer that says why there is none: what went wrong on the way, or a page that cannot be read.
pub(in super::super) async fn fetch(
    wanted: &HttpProbe,
    context: &Context<'_>,
) -> Result<Page, Answer> {
    let Context {
        clients, progress, ..
    } = context;
    let most = wanted.redirects.unwrap_or(0);
    let mut hop = prepare(wanted, clients).map_err(Answer::Unasked)?;
    let mut who = Who::new(wanted, context).await?;
    let mut redirects = 0;
    loop {
        who.put(&mut hop).map_err(Answer::Unasked)?;
        let client = |keeps| clients.fetching(hop.origin(), keeps);
        let kept = client(true).map_err(Answer::Unasked)?;
        // Until there is an answer, it is not known how far it came.
        let proxy = hop.origin().place.proxy.as_deref();
        progress.by_way_of(proxy.map(Proxy::shown));
        let asked = match kept.execute(request(&hop)).await {
            // The connection may have been one that the server closed in this moment: a new one decides.
            Err(error) if hop.may_share() && !error.is_connect() => {
                let new = client(false).map_err(Answer::Unasked)?;
                new.execute(request(&hop)).await
            }
            asked => asked,
        };
        let proxy = hop.answering_proxy();
        progress.by_way_of(proxy.map(Proxy::shown));
        let response = asked.map_err(|error| troubled(&hop, &error, progress))?;
        let (status, headers) = (response.status(), response.headers());
        progress.answering(status.as_u16());
        let instead = proxy.and_then(|it| it.instead(status, headers, &hop.target()));
        if let Some(trouble) = instead {
            return Err(Answer::Unasked(trouble));
        }
        if who.is_asked_again(status, headers, context).await? {
            continue;
        }
        match hop.after(status, headers, (redirects, most)) {
            Ok(Some(next)) => {
                who.goes_on(&hop.url, &next.url);
                hop = next;
            }
            Ok(None) => return read(response, &hop, progress).await,
            Err(why) => return Err(Answer::Unserved(why)),
        }
        redirects += 1;
    }
}

/// A client that speaks TLS as `tls` says, asks by way of `proxy` and of no other, and follows nothing. Connections are
/// used again for as long as `idle` says.
///
/// # Errors
/// Why there can be none.
pub(super) fn client(
    tls: ClientConfig,
    proxy: Option<&Proxy>,
    idle: Option<Duration>,
) -> Result<Client, String> {
    let unmade = |error: reqwest::Error| format!("no client for pages can be set up: {error}");
    let mut tls = tls;
    // It speaks no other.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(Policy::none())
        .dns_resolver(Resolver)
        .pool_idle_timeout(idle);
    if idle.is_none() {
        builder = builder.pool_max_idle_per_host(0);
    }
    if let Some(proxy) = proxy {
        let mut by_way_of = reqwest::Proxy::all(proxy.shown()).map_err(unmade)?;
        if let Some(who) = &proxy.authorization {
            by_way_of = by_way_of.custom_http_auth(who.clone());
        }
        builder = builder.proxy(by_way_of);
    }
    builder.build().map_err(unmade)
}

fn request(hop: &Hop) -> reqwest::Request {
    let mut request = reqwest::Request::new(hop.method.clone(), hop.url.clone());
    *request.headers_mut() = hop.headers.clone();
    *request.body_mut() = hop.body.clone().map(reqwest::Body::from);
    request
}

async fn read(mut response: Response, hop: &Hop, progress: &Progress) -> Result<Page, Answer> {
    // The library takes away the name of the one that it unpacks.
    let codings = codings(response.headers());
    if !codings.is_empty() {
        return Err(Answer::Unserved(format!(
            "the answer is compressed ({}), and only gzip is unpacked",
            excerpt(&codings.join(", "))
        )));
    }
    let location = response.headers().get(LOCATION);
    let location = location.map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
    let headers = response.headers().clone();
    let content_type = headers.get(CONTENT_TYPE);
    let content_type = content_type.map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned());
    let status = response.status().as_u16();
    let mut body = Vec::new();
    // A piece is what comes out of the unpacking: a little that becomes a lot ends here as well.
    while let Some(piece) = response
        .chunk()
        .await
        .map_err(|error| troubled(hop, &error, progress))?
    {
        if piece.len() > CAP - body.len() {
            let long = format!("the answer is longer than {} MiB", CAP >> 20);
            return Err(Answer::Unserved(long));
        }
        body.extend_from_slice(&piece);
        progress.body(body.len());
    }
    Ok(Page {
        status,
        location,
        text: body_text(&body, &headers, false),
        content_type: content_type.unwrap_or_default(),
    })
}

fn troubled(hop: &Hop, error: &reqwest::Error, progress: &Progress) -> Answer {
    let target = hop.target();
    match &hop.origin().place.proxy {
        Some(proxy) if error.is_connect() => proxied_page_trouble(proxy.shown(), &target, error),
        _ => progress.troubled(page_trouble(&target, error)),
    }
}

/// Resolves names as every HTTP probe does, so that a failure reads the same.
struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str();
            let found = lookup_host((host, 0))
                .await
                .map_err(|error| Failure::Resolution(resolution_trouble(host, &error)))?;
            let found: Vec<_> = found.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
