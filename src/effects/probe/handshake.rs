//! Asks `tls` probes: shakes hands and looks at the certificate, hop by hop where an address is followed.
//!
//! The handshake is brought to its end whatever the certificate is worth, so that all that is wrong with it can be
//! told; the server's proof that it holds the certificate's key is demanded in any case.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustls::client::danger::ServerCertVerified;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, Error, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use super::explain::explain;
use super::http::Clients;
use super::tls::{Verified, Weighing};
use super::trouble::connection_trouble;
use super::{Context, address, certificate, der, http, offer, quote, starttls};
use crate::domain::probe::expect::OneOrMany;
use crate::domain::probe::kinds::{
    Answer, ClientCertificate, Handshake, Hop, HttpProbe, StartTls, TlsAnswer, TlsProbe, TlsVersion,
};
use crate::domain::probe::{Probe, Question};
use crate::domain::timespan::Timespan;
use crate::effects::clock::SystemClock;
use crate::ports::Clock;

/// More redirects than these are a loop.
const MOST_HOPS: usize = 10;

/// Reads the authorities that `probe` will need; what is wrong with them is told when it is asked.
pub(super) fn make_ready(probe: &Probe, clients: &Clients) {
    let ca = match probe.questions().as_slice() {
        [Question::Tls(tls)] => tls.ca.clone(),
        [Question::Grpc(grpc)] if grpc.tls.unwrap_or(false) => grpc.ca.clone(),
        [Question::Tcp(tcp)] => match tcp.tls_terms() {
            Some(terms) => terms.ca,
            None => return,
        },
        _ => return,
    };
    let _ = clients.verifier(ca.as_deref());
}

/// One handshake, or one for each hop until one does not hold.
pub(super) async fn ask(probe: &TlsProbe, context: &Context<'_>) -> Answer {
    let asked = match (&probe.address, &probe.url) {
        (Some(address), None) => once(probe, address, context).await,
        (None, Some(url)) => follow(probe, url, context).await,
        _ => Err(Answer::Unasked(
            "the probe needs one of `address` and `url`".to_owned(),
        )),
    };
    match asked {
        Ok(hops) => Answer::Tls(TlsAnswer { hops }),
        Err(trouble) => trouble,
    }
}

async fn once(probe: &TlsProbe, address: &str, context: &Context<'_>) -> Result<Vec<Hop>, Answer> {
    let shown = probe.client_certificate.as_ref();
    let handshake = Some(shake(probe, address, shown, context).await?);
    Ok(vec![Hop {
        of: None,
        handshake,
    }])
}

async fn follow(probe: &TlsProbe, url: &str, context: &Context<'_>) -> Result<Vec<Hop>, Answer> {
    let mut url = Url::parse(url)
        .map_err(|error| Answer::Unasked(format!("{url:?} is no address: {error}")))?;
    // Another origin is not told who asks, nor is the first one when it leads back to it.
    let mut shown = probe.client_certificate.as_ref();
    let mut hops = Vec::new();
    loop {
        if hops.len() > MOST_HOPS {
            let text = format!("it redirects again after {MOST_HOPS} redirects, to {url}");
            return Err(Answer::Unserved(text));
        }
        let host = url.host_str().unwrap_or_default();
        let handshake = match (url.scheme(), url.port_or_known_default()) {
            ("https", Some(port)) if !host.is_empty() => {
                Some(shake(probe, &format!("{host}:{port}"), shown, context).await?)
            }
            _ => None,
        };
        let hop = Hop {
            of: Some(plain(&url)),
            handshake,
        };
        let goes_on = probe.accepts(&hop);
        hops.push(hop);
        if !goes_on {
            return Ok(hops);
        }
        match next(&url, shown, context).await? {
            Some(to) => {
                shown = shown.filter(|_| to.origin() == url.origin());
                url = to;
            }
            None => return Ok(hops),
        }
    }
}

/// The address without what may be secret in it.
fn plain(url: &Url) -> String {
    let mut url = url.clone();
    // These fail for addresses that have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// Where `url` redirects to. Its certificate was looked at just before.
async fn next(
    url: &Url,
    shown: Option<&ClientCertificate>,
    context: &Context<'_>,
) -> Result<Option<Url>, Answer> {
    let probe = HttpProbe {
        url: url.to_string(),
        verify_tls: Some(false),
        client_certificate: shown.cloned(),
        ..HttpProbe::default()
    };
    match http::ask(&probe, context).await {
        Answer::Http(answer) if (300..400).contains(&answer.status) => {
            let location = answer.headers.iter().find(|(name, _)| name == "location");
            let Some((_, to)) = location else {
                return Ok(None);
            };
            let to = url.join(to.shown()).map_err(|error| {
                let from = plain(url);
                Answer::Unserved(format!("{from} redirects to what is no address: {error}"))
            })?;
            Ok(Some(to))
        }
        Answer::Http(_) => Ok(None),
        trouble => Err(trouble),
    }
}

async fn shake(
    probe: &TlsProbe,
    address: &str,
    shown: Option<&ClientCertificate>,
    context: &Context<'_>,
) -> Result<Handshake, Answer> {
    let (host, _) = address::parse(address)?;
    let name = probe.server_name.as_deref().unwrap_or(host);
    let server_name = server_name(name).map_err(Answer::Unasked)?;
    let verifier = context
        .clients
        .verifier(probe.ca.as_deref())
        .map_err(Answer::Unasked)?;
    let seen: Arc<Mutex<Option<Seen>>> = Arc::default();
    let noted = Arc::clone(&seen);
    // What is wrong with the certificate is noted, and the handshake goes on.
    let looking = Weighing {
        verifier,
        weigh: move |certificate: &CertificateDer<'_>,
                     name: &ServerName<'_>,
                     verified: Verified| {
            let seen = Seen::new(certificate, name, &verified);
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
            Ok(ServerCertVerified::assertion())
        },
    };
    let identity = shown.map(|files| (files.cert.clone(), files.key.clone()));
    let config = context
        .clients
        .tls_with(Arc::new(looking), identity.as_ref());
    let mut config = config.map_err(Answer::Unasked)?;
    let mut stream = address::connect(address, context).await?;
    if let Some(with) = probe.starttls {
        // What these servers speak is not HTTP.
        config.alpn_protocols.clear();
        starttls::begin(&mut stream, with, address).await?;
    }
    let mut stream = secure(stream, config, server_name, address).await?;
    if shown.is_some() {
        accepted(&mut stream, address).await?;
    }
    let version = match stream.get_ref().1.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => Some(TlsVersion::Tls12),
        Some(ProtocolVersion::TLSv1_3) => Some(TlsVersion::Tls13),
        _ => None,
    };
    let now = SystemClock.now().wall;
    let certificate = {
        let shown = stream.get_ref().1.peer_certificates();
        certificate::read(shown.unwrap_or_default(), now)
    };
    drop(stream);
    let (chain, name, expires) = {
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = seen.as_ref() else {
            let text = format!("TLS with {address}: the server showed no certificate");
            return Err(Answer::Unserved(text));
        };
        (seen.chain.clone(), seen.name.clone(), seen.expires)
    };
    let expect = probe.expect.as_ref();
    let refuses = expect.and_then(|expect| expect.refuses.as_ref());
    let asking = offer::Asking {
        address,
        name: probe.server_name.as_deref().unwrap_or(host),
        starttls: probe.starttls,
        context,
    };
    let versions = refuses.map_or(&[][..], OneOrMany::values);
    Ok(Handshake {
        chain,
        name,
        days_left: expires.map(|end| (end - now).num_seconds().div_euclid(86_400)),
        version,
        certificate,
        offers: asking.all(versions).await?,
    })
}

/// The name that a certificate is held against.
///
/// # Errors
/// Why it cannot be one.
pub(super) fn server_name(name: &str) -> Result<ServerName<'static>, String> {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_owned())
        .map_err(|_| format!("{name:?} cannot be the name of a server"))
}

/// Shakes hands over a connection.
///
/// # Errors
/// The answer that says why that failed.
pub(super) async fn secure(
    stream: TcpStream,
    config: ClientConfig,
    name: ServerName<'static>,
    address: &str,
) -> Result<TlsStream<TcpStream>, Answer> {
    let connector = TlsConnector::from(Arc::new(config));
    connector
        .connect(name, stream)
        .await
        .map_err(|error| trouble(address, &error))
}

/// What a failed handshake means, or an exchange after it.
pub(super) fn trouble(address: &str, error: &io::Error) -> Answer {
    let cause = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    match cause {
        Some(cause) => Answer::Unserved(format!("TLS with {address}: {}", explain(cause))),
        None => connection_trouble(address, error),
    }
}

/// How long a server that accepts may say nothing, before it is asked to close the connection.
const SILENCE: Duration = Duration::from_millis(500);

/// Waits until it is known that the server accepts what it was shown. With TLS 1.3 the handshake ends on this side before
/// the server has looked at the client's certificate (RFC 8446, section 4.4.2.4): its refusal comes afterwards.
///
/// That it goes on shows that it accepts: by a ticket, by data, or by closing in order when it is asked to. Data that comes
/// is dropped.
///
/// # Errors
/// The answer that says that it refuses, or closed the connection instead.
pub(super) async fn accepted(
    stream: &mut TlsStream<TcpStream>,
    address: &str,
) -> Result<(), Answer> {
    if stream.get_ref().1.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Ok(());
    }
    let refused = |error: io::Error| match error.kind() {
        ErrorKind::UnexpectedEof => Answer::Unserved(format!(
            "{address} closed the connection once it was shown the client certificate"
        )),
        _ => trouble(address, &error),
    };
    match tokio::time::timeout(SILENCE, goes_on(stream)).await {
        Ok(went_on) => went_on.map_err(refused),
        Err(_) => {
            // It gives no tickets, and waits for a question. One that has taken the certificate answers the end of TLS with
            // its own, or at least closes.
            stream.shutdown().await.map_err(refused)?;
            match goes_on(stream).await {
                Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(refused(error)),
                Ok(()) | Err(_) => Ok(()),
            }
        }
    }
}

/// Reads until the server gives a ticket, sends data, or ends TLS.
async fn goes_on(stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    poll_fn(|cx| {
        let mut space = [0; 1024];
        let mut buffer = ReadBuf::new(&mut space);
        match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
            Poll::Pending if stream.get_ref().1.tls13_tickets_received() > 0 => Poll::Ready(Ok(())),
            polled => polled,
        }
    })
    .await
}

/// What is to be said of a certificate.
#[derive(Debug)]
struct Seen {
    chain: Result<(), String>,
    name: Result<(), String>,
    expires: Option<DateTime<Utc>>,
}

impl Seen {
    fn new(certificate: &CertificateDer<'_>, name: &ServerName<'_>, verified: &Verified) -> Self {
        // The name is looked at last, and so not at all where the chain is not good.
        let name = ParsedCertificate::try_from(certificate)
            .and_then(|parsed| rustls::client::verify_server_name(&parsed, name));
        let chain = match verified {
            Err(error) if !is_about_name(error) => Err(explain(error)),
            _ => Ok(()),
        };
        Self {
            chain,
            name: name.map_err(|error| explain(&error)),
            expires: der::expires(certificate),
        }
    }
}

fn is_about_name(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    )
}

/// A line that shows the certificate.
pub(super) fn repeat(probe: &TlsProbe, timeout: Timespan) -> Option<String> {
    let shown = probe.client_certificate.as_ref();
    if let Some(url) = &probe.url {
        let wait = timeout.seconds_begun().to_string();
        let mut words = vec!["curl", "-gsSvIL", "--max-time", &wait];
        if let Some(files) = shown {
            words.extend(["--cert", &files.cert, "--key", &files.key]);
        }
        words.push(url);
        return Some(quote::line(words));
    }
    let starttls = probe.starttls.map(StartTls::word);
    let address = probe.address.as_deref()?;
    let mut words = client(address, probe.server_name.as_deref(), shown)?;
    words.push("-showcerts");
    words.extend(starttls.iter().flat_map(|with| ["-starttls", with]));
    Some(quote::line(words))
}

/// The words of a line that shakes hands with `address`.
pub(super) fn client<'a>(
    address: &'a str,
    name: Option<&'a str>,
    shown: Option<&'a ClientCertificate>,
) -> Option<Vec<&'a str>> {
    let (host, _) = address::split(address)?;
    let name = name.unwrap_or(host);
    let mut words = vec!["openssl", "s_client", "-connect", address];
    words.extend(["-servername", name, "-verify_hostname", name]);
    if let Some(files) = shown {
        words.extend(["-cert", &files.cert, "-key", &files.key]);
    }
    Some(words)
}
