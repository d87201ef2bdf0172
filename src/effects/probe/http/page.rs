//! Fetches pages that somebody else serves: monitoring, and what stands before it.
//!
//! Such a page is not the release. How long each phase took says nothing of it, and that it comes compressed, or from
//! another host, is ordinary: a client of the library's fetches it. What is asked, whom it may be asked of and what a
//! redirect may be told are the rules of every HTTP probe, and are not left to the library.

use std::time::Duration;

use http::header::LOCATION;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::ClientConfig;
use tokio::net::lookup_host;

use super::connect::Failure;
use super::hop::Hop;
use super::prepare::prepare;
use super::{CAP, encoding};
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::kinds::HttpProbe;
use crate::effects::probe::Context;
use crate::effects::probe::trouble::{page_trouble, resolution_trouble};

/// A page, unpacked.
pub(in super::super) struct Page {
    pub(in super::super) status: u16,
    /// Where it sends to.
    pub(in super::super) location: Option<String>,
    /// What of it is not UTF-8 is replaced.
    pub(in super::super) text: String,
}

/// The page that `request` and its redirects lead to.
///
/// # Errors
/// Why there is none: what went wrong on the way, or a page that cannot be read.
pub(in super::super) async fn fetch(
    request: &HttpProbe,
    context: &Context<'_>,
) -> Result<Page, String> {
    let most = request.redirects.unwrap_or(0);
    let mut hop = prepare(request, context.clients)?;
    let mut redirects = 0;
    loop {
        let client = context.clients.fetching(&hop.origin().terms)?;
        let response = ask(&client, &hop).await?;
        context.progress.answering(response.status().as_u16());
        match hop.after(response.status(), response.headers(), (redirects, most))? {
            Some(next) => hop = next,
            None => return read(response, &hop, context).await,
        }
        redirects += 1;
    }
}

/// A client that speaks TLS as `tls` says, asks whom it is told to and follows nothing.
///
/// # Errors
/// Why there can be none.
pub(super) fn client(tls: ClientConfig, idle: Duration) -> Result<Client, String> {
    let mut tls = tls;
    // It speaks no other.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(Policy::none())
        .dns_resolver(Resolver)
        .pool_idle_timeout(idle)
        .build()
        .map_err(|error| format!("no client for pages can be set up: {error:?}"))
}

async fn ask(client: &Client, hop: &Hop) -> Result<Response, String> {
    let mut request = reqwest::Request::new(hop.method.clone(), hop.url.clone());
    *request.headers_mut() = hop.headers.clone();
    *request.body_mut() = hop.body.clone().map(reqwest::Body::from);
    client
        .execute(request)
        .await
        .map_err(|error| page_trouble(&hop.target(), &error))
}

async fn read(mut response: Response, hop: &Hop, context: &Context<'_>) -> Result<Page, String> {
    // The library takes away the name of the one that it unpacks.
    if let Some(encoding) = encoding(response.headers()) {
        return Err(format!(
            "the answer is compressed ({}), and only gzip is unpacked",
            excerpt(&encoding)
        ));
    }
    let location = response.headers().get(LOCATION);
    let location = location.map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
    let status = response.status().as_u16();
    let mut body = Vec::new();
    // A piece is what comes out of the unpacking: a little that becomes a lot ends here as well.
    while let Some(piece) = response
        .chunk()
        .await
        .map_err(|error| broken(hop, &error, context))?
    {
        if piece.len() > CAP - body.len() {
            return Err(format!("the answer is longer than {} MiB", CAP >> 20));
        }
        body.extend_from_slice(&piece);
        context.progress.body(body.len());
    }
    let text = String::from_utf8(body)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok(Page {
        status,
        location,
        text,
    })
}

fn broken(hop: &Hop, error: &reqwest::Error, context: &Context<'_>) -> String {
    let trouble = page_trouble(&hop.target(), error);
    match context.progress.so_far() {
        Some(came) => format!("{trouble} ({came})"),
        None => trouble,
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
