//! What the HTTP probes of one sample share: open connections, the terms on which TLS is spoken, and files.
//!
//! Nothing is kept longer: an open connection would lead to the old version after traffic was switched to the new one,
//! and a certificate that was replaced is to be noticed.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Response;
use hyper::body::{Bytes, Incoming};
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;

use super::super::progress::Progress;
use super::super::tls::{self, Terms, TlsError, Trust};
use super::connect::{Connection, Failure, Place, connect};
use super::hop::Hop;
use super::page;
use super::proxy::Proxy;
use crate::effects::clock::Stopwatch;

/// How long an open connection is used again. Shorter than any server's own limit, so that it is rarely closed in the
/// moment in which it is used.
const IDLE: Duration = Duration::from_secs(1);

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
    files: Kept<PathBuf, Bytes>,
    terms: Kept<Terms, Arc<ClientConfig>>,
    fetching: Kept<(Option<Terms>, Option<Arc<Proxy>>), reqwest::Client>,
    idle: Mutex<HashMap<Origin, Vec<Idle>>>,
}

type Kept<K, V> = Mutex<HashMap<K, Result<V, String>>>;

struct Idle {
    connection: Connection,
    since: Stopwatch,
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
            files: Mutex::default(),
            terms: Mutex::default(),
            fetching: Mutex::default(),
            idle: Mutex::default(),
        }
    }

    /// The bytes of a file of the team's, read once in a sample.
    pub(super) fn file(&self, path: &str) -> Result<Bytes, String> {
        let path = self.root.join(path);
        kept(&self.files, &path, || {
            super::super::pem::read(&path).map(Bytes::from)
        })
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

    /// How TLS is spoken on these terms.
    pub(in super::super) fn tls(&self, terms: &Terms) -> Result<Arc<ClientConfig>, String> {
        kept(&self.terms, terms, || {
            self.trust
                .config_on(terms, |path| self.file(path))
                .map(Arc::new)
                .map_err(|error| error.to_string())
        })
    }

    /// What fetches pages from this place and others that are asked alike; without terms it speaks no TLS.
    pub(super) fn fetching(&self, origin: &Origin) -> Result<reqwest::Client, String> {
        let alike = (origin.terms.clone(), origin.place.proxy.clone());
        kept(&self.fetching, &alike, || {
            let tls = match &origin.terms {
                None => tls::trusting_nobody().map_err(|error| error.to_string())?,
                Some(terms) => ClientConfig::clone(&*self.tls(terms)?),
            };
            page::client(tls, origin.place.proxy.as_deref(), IDLE)
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
                if let Ok(response) = connection.send(request).await {
                    let origin = hop.origin().clone();
                    return Ok((response, Lease { connection, origin }));
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

    /// Keeps the connection of a question that was answered to the end for the next one.
    pub(super) fn give_back(&self, lease: Lease) {
        let Lease { connection, origin } = lease;
        if connection.is_closed() {
            return;
        }
        let mut idle = lock(&self.idle);
        let open = idle.entry(origin).or_default();
        // One that is shared is still there.
        if !connection.is_two() || open.is_empty() {
            open.push(Idle {
                connection,
                since: Stopwatch::start(),
            });
        }
    }

    fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = lock(&self.idle);
        let open = idle.get_mut(origin)?;
        while let Some(last) = open.pop() {
            if last.connection.is_closed() || last.since.elapsed() > IDLE {
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
