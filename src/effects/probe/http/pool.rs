//! What the HTTP probes of one sample share: open connections, the terms on which TLS is spoken, and files.
//!
//! Nothing is kept longer: an open connection would lead to the old version after traffic was switched to the new one,
//! and a certificate that was replaced is to be noticed.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{CONNECTION, HeaderName};
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode, Version};
use hyper::body::{Bytes, Incoming};
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;

use super::super::progress::Progress;
use super::super::tls::{self, Terms, TlsError, Trust};
use super::connect::{Connection, Failure, Place, connect};
use super::hop::Hop;
use super::oauth::Tokens;
use super::page;
use super::proxy::Proxy;
use crate::effects::clock::Stopwatch;

/// How long an open connection is used again, where the server does not name a shorter time. Shorter than most servers'
/// own limits, so that it is rarely closed in the moment in which it is used.
const IDLE: Duration = Duration::from_secs(1);

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Where a connection leads to, and on which terms; only that can be used again which has both in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) place: Place,
    /// None: without TLS.
    pub(super) terms: Option<Terms>,
}

/// What the HTTP probes of one sample share.
pub(in super::super) struct Clients {
    root: PathBuf,
    trust: Arc<Trust>,
    /// These are kept for all samples of a run.
    tokens: Arc<Tokens>,
    files: Kept<PathBuf, Bytes>,
    terms: Kept<Terms, Arc<ClientConfig>>,
    fetching: Kept<Fetching, reqwest::Client>,
    idle: Mutex<HashMap<Origin, Vec<Idle>>>,
}

/// What is alike for all that one client fetches: the terms of TLS, the proxy, whether connections are kept.
type Fetching = (Option<Terms>, Option<Arc<Proxy>>, bool);

type Kept<K, V> = Mutex<HashMap<K, Result<V, String>>>;

struct Idle {
    connection: Connection,
    since: Stopwatch,
    /// So long it may be used again.
    limit: Duration,
}

/// A connection in use; it is given back when its answer was read to the end, and closed when it is dropped.
pub(super) struct Lease {
    connection: Connection,
    origin: Origin,
}

impl Clients {
    /// Nothing is open yet. Files are found from `root`.
    pub(in super::super) fn new(root: impl Into<PathBuf>, trust: Arc<Trust>) -> Self {
        Self {
            root: root.into(),
            trust,
            tokens: Arc::default(),
            files: Mutex::default(),
            terms: Mutex::default(),
            fetching: Mutex::default(),
            idle: Mutex::default(),
        }
    }

    /// The same, with tokens that samples before it have fetched.
    pub(in super::super) fn with_tokens(mut self, tokens: Arc<Tokens>) -> Self {
        self.tokens = tokens;
        self
    }

    pub(super) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The bytes of a file of the team's, read once in a sample.
    pub(super) fn file(&self, path: &str) -> Result<Bytes, String> {
        let path = self.root.join(path);
        kept(&self.files, &path, || {
            super::super::pem::read(&path).map(Bytes::from)
        })
    }

    /// The bytes of a file to which no link leads, read once in a sample.
    pub(super) fn file_within(&self, path: &str) -> Result<Bytes, String> {
        let key = PathBuf::from(format!("\0{path}"));
        kept(&self.files, &key, || {
            super::super::pem::read_within(&self.root, path).map(Bytes::from)
        })
    }

    /// Where a path of a probe lies.
    pub(super) fn place(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// What verifies certificates against the authorities of the file `ca`, or against those of the system.
    pub(in super::super) fn verifier(
        &self,
        ca: Option<&str>,
    ) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let read = |path: &str| self.file(path).map_err(TlsError::new);
        self.trust
            .verifier(ca, read)
            .map_err(|error| error.to_string())
    }

    /// How TLS is spoken with a verifier of its own, and what stands in the two files of `identity` to be shown.
    pub(in super::super) fn tls_with(
        &self,
        verifier: Arc<dyn ServerCertVerifier>,
        identity: Option<&(String, String)>,
    ) -> Result<ClientConfig, String> {
        let read = |path: &str| self.file(path).map_err(TlsError::new);
        tls::config_with(verifier, identity, read).map_err(|error| error.to_string())
    }

    /// How TLS is spoken on these terms.
    pub(in super::super) fn tls(&self, terms: &Terms) -> Result<Arc<ClientConfig>, String> {
        kept(&self.terms, terms, || {
            self.trust
                .config_on(terms, |path| self.file(path))
                .map(Arc::new)
                .map_err(|error| error.to_string())
        })
    }

    /// What fetches pages from this place and others that are asked alike; without terms it speaks no TLS. Where
    /// connections are not to be kept, each page is fetched over a new one.
    pub(super) fn fetching(&self, origin: &Origin, keeps: bool) -> Result<reqwest::Client, String> {
        let alike = (origin.terms.clone(), origin.place.proxy.clone(), keeps);
        kept(&self.fetching, &alike, || {
            let tls = match &origin.terms {
                None => tls::trusting_nobody().map_err(|error| error.to_string())?,
                Some(terms) => ClientConfig::clone(&*self.tls(terms)?),
            };
            page::client(tls, origin.place.proxy.as_deref(), keeps.then_some(IDLE))
        })
    }

    /// Asks, and returns with the head of the answer.
    ///
    /// An open connection is used where it cannot matter. Where it turns out to be of no use, which a server may make it
    /// at any moment, the question is asked again over a new one: that decides.
    pub(super) async fn send(
        &self,
        hop: &Hop,
        progress: &Progress,
    ) -> Result<(Response<Incoming>, Lease), Failure> {
        if hop.may_share() {
            while let Some(mut connection) = self.take(hop.origin()) {
                progress.reusing();
                let request = hop.request(connection.is_two());
                match connection.send(request).await {
                    // It was closed for idleness while the request was on its way: RFC 9110, section 15.5.9.
                    Ok(response) if response.status() == StatusCode::REQUEST_TIMEOUT => {}
                    Ok(response) => {
                        let origin = hop.origin().clone();
                        return Ok((response, Lease { connection, origin }));
                    }
                    // A response has begun: the request was processed, and what became of it decides.
                    Err(failure) if connection.was_answered() => return Err(failure),
                    Err(_) => {}
                }
            }
        }
        let tls = match &hop.origin().terms {
            None => None,
            Some(terms) => Some(self.tls(terms).map_err(Failure::Setup)?),
        };
        let mut connection = connect(&hop.origin().place, tls.as_ref(), progress).await?;
        let request = hop.request(connection.is_two());
        let response = connection.send(request).await?;
        let origin = hop.origin().clone();
        Ok((response, Lease { connection, origin }))
    }

    /// Keeps the connection of a request whose response, with this `head`, was read to the end, where the server
    /// keeps it as well.
    pub(super) fn give_back(&self, lease: Lease, head: &Parts) {
        let Lease { connection, origin } = lease;
        let Some(limit) = kept_open(head).filter(|_| connection.is_usable()) else {
            return;
        };
        let mut idle = lock(&self.idle);
        let open = idle.entry(origin).or_default();
        // One that is shared is still there.
        if !connection.is_two() || open.is_empty() {
            open.push(Idle {
                connection,
                since: Stopwatch::start(),
                limit,
            });
        }
    }

    fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = lock(&self.idle);
        let open = idle.get_mut(origin)?;
        while let Some(last) = open.pop() {
            if last.since.elapsed() >= last.limit || !last.connection.is_usable() {
                continue;
            }
            if let Some(shared) = last.connection.shared() {
                open.push(last);
                return Some(shared);
            }
            return Some(last.connection);
        }
        None
    }
}

/// How long a connection may be used again after a response with this head; `None` where it may not.
///
/// HTTP/2 says goodbye in a frame of its own. In HTTP/1.1 the server closes after `Connection: close`, in HTTP/1.0
/// unless it says `keep-alive` (RFC 9112, section 9.3), and names its limits in `Keep-Alive` (RFC 2068, section
/// 19.7.1.1): half of the time that it names is left for the way.
fn kept_open(head: &Parts) -> Option<Duration> {
    if head.version == Version::HTTP_2 {
        return Some(IDLE);
    }
    let connection = listed(&head.headers, &CONNECTION);
    let has = |wanted: &str| connection.iter().any(|word| word == wanted);
    let closes = has("close") || (head.version < Version::HTTP_11 && !has("keep-alive"));
    // Nobody asks for another protocol; and what follows a timeout is the end.
    let ends =
        [StatusCode::SWITCHING_PROTOCOLS, StatusCode::REQUEST_TIMEOUT].contains(&head.status);
    if closes || ends {
        return None;
    }
    let mut limit = IDLE;
    for word in listed(&head.headers, &KEEP_ALIVE) {
        let Some((name, number)) = word.split_once('=') else {
            continue;
        };
        let number = number.trim().trim_matches('"').parse::<u64>();
        match (name.trim(), number) {
            ("timeout", Ok(seconds)) => {
                limit = limit.min(Duration::from_secs(seconds) / 2);
            }
            // So many more requests are answered.
            ("max", Ok(0)) => limit = Duration::ZERO,
            _ => {}
        }
    }
    (!limit.is_zero()).then_some(limit)
}

/// The words of a header that is a list, in lower case.
fn listed(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter();
    let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
    values
        .flat_map(|value| {
            let words = value.split(',');
            let words = words.map(|word| word.trim().to_ascii_lowercase());
            words.collect::<Vec<_>>()
        })
        .collect()
}

/// What is kept under `key`, or else made now and kept.
fn kept<K: Clone + Eq + Hash, V: Clone>(
    all: &Kept<K, V>,
    key: &K,
    make: impl FnOnce() -> Result<V, String>,
) -> Result<V, String> {
    if let Some(known) = lock(all).get(key) {
        return known.clone();
    }
    // Two may make it at once, which does no harm.
    let made = make();
    lock(all).insert(key.clone(), made.clone());
    made
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_connection_is_kept_no_longer_than_the_server_keeps_it() {
        let (one, old, two) = (Version::HTTP_11, Version::HTTP_10, Version::HTTP_2);
        let half = Some(Duration::from_millis(500));
        for (version, status, headers, kept) in [
            (one, 200, &[][..], Some(IDLE)),
            (
                one,
                503,
                &[("keep-alive", "timeout=5, max=100")],
                Some(IDLE),
            ),
            (one, 200, &[("keep-alive", "timeout=1")], half),
            (one, 200, &[("keep-alive", "max=9,Timeout = \"1\"")], half),
            (
                one,
                200,
                &[("keep-alive", "timeout=60"), ("keep-alive", "timeout=1")],
                half,
            ),
            (one, 200, &[("keep-alive", "timeout=0")], None),
            (one, 200, &[("keep-alive", "timeout=5, max=0")], None),
            (one, 200, &[("keep-alive", "timeout=soon, 5")], Some(IDLE)),
            (one, 200, &[("connection", "Close")], None),
            (
                one,
                200,
                &[("connection", "x, close"), ("keep-alive", "timeout=5")],
                None,
            ),
            (
                one,
                200,
                &[("connection", "keep-alive"), ("connection", "close")],
                None,
            ),
            (one, 408, &[], None),
            (one, 101, &[], None),
            (old, 200, &[], None),
            (old, 200, &[("connection", "Keep-Alive")], Some(IDLE)),
            (two, 200, &[("keep-alive", "timeout=0")], Some(IDLE)),
        ] {
            let (mut head, ()) = Response::new(()).into_parts();
            head.version = version;
            head.status = StatusCode::from_u16(status).expect("a status");
            for (name, value) in headers {
                head.headers.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(kept_open(&head), kept, "{version:?} {status} {headers:?}");
        }
    }
}
