//! Makes connections: the name resolved, an address connected to, TLS and a version of HTTP agreed on. Each step is
//! noted, so that the time it took is known, and what went wrong is told by its step.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::super::progress::Progress;
use super::super::trouble::resolution_trouble;
use super::proxy::Proxy;
use super::wire::{Noted, Received, Wire};

/// The head of an answer may be this long.
const LONGEST_HEAD: usize = 256 * 1024;

/// So many fields it may have; servers that set cookies and policies come to some hundreds.
const MOST_FIELDS: usize = 2048;

/// How long the next address waits for the one before: RFC 8305, section 5.
const HEAD_START: Duration = Duration::from_millis(250);

/// What went wrong on the way to an answer.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum Failure {
    /// It cannot be asked from here: a certificate that cannot be read, or the like.
    #[error("{0}")]
    Setup(String),
    /// The name has no address.
    #[error("{0}")]
    Resolution(String),
    /// No connection to the socket.
    #[error("no connection to {}", .0.display())]
    Unix(PathBuf, #[source] io::Error),
    /// No connection to the address.
    #[error("no connection to {0}")]
    Connect(SocketAddr, #[source] io::Error),
    /// No agreement on TLS.
    #[error("no TLS")]
    Tls(#[source] io::Error),
    /// The exchange over the connection.
    #[error("no answer")]
    Exchange(#[source] hyper::Error),
}

/// Where a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// As it stands in the address; an IPv6 address without its brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// What is connected to instead of what the host's name resolves to.
    pub(super) instead: Option<Instead>,
    /// The socket that is connected to instead of the host.
    pub(super) unix: Option<PathBuf>,
    /// What is connected to instead, and asked to pass on what is asked.
    pub(super) proxy: Option<Arc<Proxy>>,
}

/// Another address for a host; the port stays where none is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Instead {
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
}

/// A connection that HTTP is spoken over.
pub(super) struct Connection {
    spoken: Spoken,
    wire: Wire,
    received: Received,
}

enum Spoken {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Whether it speaks HTTP/2, which names the host in the address.
    pub(super) fn is_two(&self) -> bool {
        matches!(self.spoken, Spoken::Two(_))
    }

    /// Whether another request may be sent over it, as far as can be seen now.
    pub(super) fn is_usable(&self) -> bool {
        match &self.spoken {
            Spoken::One(sender) => !sender.is_closed() && self.wire.is_silent(),
            // Over one that is shared, what others asked for may come at any moment.
            Spoken::Two(sender) => !sender.is_closed(),
        }
    }

    /// Whether a request that failed may have been answered in part: then that decides.
    pub(super) fn was_answered(&self) -> bool {
        !self.is_two() && self.received.any()
    }

    /// Another handle to it, where it carries several questions at a time.
    pub(super) fn shared(&self) -> Option<Self> {
        match &self.spoken {
            Spoken::One(_) => None,
            Spoken::Two(sender) => Some(Self {
                spoken: Spoken::Two(sender.clone()),
                wire: self.wire.clone(),
                received: self.received.clone(),
            }),
        }
    }

    /// Asks, and returns with the head of the answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        let sent = match &mut self.spoken {
            Spoken::One(sender) => {
                self.received.forget();
                // The one before may not have been put away entirely.
                sender.ready().await.map_err(Failure::Exchange)?;
                sender.send_request(request).await
            }
            Spoken::Two(sender) => sender.send_request(request).await,
        };
        sent.map_err(Failure::Exchange)
    }
}

/// Connects to `place`, with TLS where there is a configuration for it.
pub(super) async fn connect(
    place: &Place,
    tls: Option<&Arc<ClientConfig>>,
    progress: &Progress,
) -> Result<Connection, Failure> {
    let wire = match (&place.unix, &place.proxy) {
        (Some(path), _) => {
            progress.connecting();
            let connected = UnixStream::connect(path).await;
            Wire::from(connected.map_err(|error| Failure::Unix(path.clone(), error))?)
        }
        (None, None) => Wire::from(reach(place, progress).await?),
        (None, Some(proxy)) => Wire::from(through(proxy, place, tls.is_some(), progress).await?),
    };
    let Some(tls) = tls else {
        let connection = speak(wire.clone(), wire, false).await;
        progress.connected();
        return connection;
    };
    progress.shaking();
    let stream = shake(place, tls, wire.clone()).await?;
    let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let connection = speak(stream, wire, two).await;
    progress.connected();
    connection
}

async fn reach(place: &Place, progress: &Progress) -> Result<TcpStream, Failure> {
    let addresses = resolve(place, progress).await?;
    progress.connecting();
    dial(addresses).await
}

/// Connects to a proxy, and through it where a tunnel is needed.
async fn through(
    proxy: &Proxy,
    place: &Place,
    tunnel: bool,
    progress: &Progress,
) -> Result<TcpStream, Failure> {
    progress.by_way_of(Some(proxy.shown()));
    let near = Place {
        host: proxy.host.clone(),
        port: proxy.port,
        instead: None,
        unix: None,
        proxy: None,
    };
    let reached = reach(&near, progress).await;
    let mut stream = reached.map_err(|failure| proxy.unreached(failure))?;
    if tunnel {
        proxy.open(&mut stream, place).await?;
        progress.by_way_of(None);
    }
    Ok(stream)
}

async fn resolve(place: &Place, progress: &Progress) -> Result<Vec<SocketAddr>, Failure> {
    if let Some(Instead { address, port }) = place.instead {
        return Ok(vec![SocketAddr::new(address, port.unwrap_or(place.port))]);
    }
    let host = place.host.as_str();
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, place.port)]);
    }
    progress.resolving(host);
    let found = lookup_host((host, place.port))
        .await
        .map_err(|error| Failure::Resolution(resolution_trouble(host, &error)))?;
    Ok(in_turns(found.collect()))
}

/// The addresses in their order, the families in turns, the first one's first: RFC 8305, section 4.
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_ipv6);
    let mut second = second.into_iter();
    let mut all: Vec<SocketAddr> = first
        .into_iter()
        .flat_map(|address| [Some(address), second.next()])
        .flatten()
        .collect();
    all.extend(second);
    all
}

/// Connects to the first that accepts; the next is tried when one fails, or takes long.
async fn dial(addresses: Vec<SocketAddr>) -> Result<TcpStream, Failure> {
    if let [address] = addresses.as_slice() {
        return TcpStream::connect(address)
            .await
            .map_err(|error| Failure::Connect(*address, error));
    }
    let mut waiting = addresses.into_iter().peekable();
    let mut dialing = JoinSet::new();
    let mut failure = None;
    loop {
        if let Some(address) = waiting.next() {
            dialing.spawn(async move { (address, TcpStream::connect(address).await) });
        }
        tokio::select! {
            done = dialing.join_next() => match done {
                Some(Ok((_, Ok(stream)))) => return Ok(stream),
                Some(Ok((address, Err(error)))) => note(&mut failure, address, error),
                // A task of ours is neither ended nor does it panic.
                Some(Err(_)) => {}
                None => {
                    return Err(failure.unwrap_or_else(|| {
                        Failure::Resolution("the name has no address".to_owned())
                    }));
                }
            },
            () = tokio::time::sleep(HEAD_START), if waiting.peek().is_some() => {}
        }
    }
}

/// That one address refuses tells more than that there is no route to another.
fn note(failure: &mut Option<Failure>, address: SocketAddr, error: io::Error) {
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    match failure {
        Some(Failure::Connect(_, before)) if refused(before) || !refused(&error) => {}
        _ => *failure = Some(Failure::Connect(address, error)),
    }
}

async fn shake(
    place: &Place,
    tls: &Arc<ClientConfig>,
    stream: Wire,
) -> Result<tokio_rustls::client::TlsStream<Wire>, Failure> {
    // The dot that makes a name absolute is no part of the one in a certificate.
    let host = place.host.strip_suffix('.').unwrap_or(&place.host);
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        Failure::Resolution(format!("{host:?} cannot be the name in a certificate"))
    })?;
    TlsConnector::from(Arc::clone(tls))
        .connect(name, stream)
        .await
        .map_err(Failure::Tls)
}

/// Begins to speak HTTP over `stream`, which stands on `wire`. The task that carries the connection ends with its last
/// handle.
async fn speak<S>(stream: S, wire: Wire, two: bool) -> Result<Connection, Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let received = Received::default();
    let stream = TokioIo::new(Noted {
        stream,
        received: received.clone(),
    });
    let spoken = if two {
        let (sender, carrying) = http2::Builder::new(TokioExecutor::new())
            .max_header_list_size(u32::try_from(LONGEST_HEAD).unwrap_or(u32::MAX))
            .handshake(stream)
            .await
            .map_err(Failure::Exchange)?;
        tokio::spawn(carrying);
        Spoken::Two(sender)
    } else {
        let (sender, carrying) = http1::Builder::new()
            .max_buf_size(LONGEST_HEAD)
            .max_headers(MOST_FIELDS)
            // A value that goes on in the next line is joined by blanks: RFC 9112, section 5.2.
            .allow_obsolete_multiline_headers_in_responses(true)
            .handshake(stream)
            .await
            .map_err(Failure::Exchange)?;
        tokio::spawn(carrying);
        Spoken::One(sender)
    };
    Ok(Connection {
        spoken,
        wire,
        received,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        let parse = |text: &&str| text.parse().expect("an address");
        texts.iter().map(parse).collect()
    }

    #[test]
    fn families_take_turns_and_the_first_begins() {
        let all = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]);
        let turns = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]);
        assert_eq!(in_turns(all), turns);
        let all = addresses(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]);
        assert_eq!(in_turns(all.clone()), all);
        assert_eq!(in_turns(Vec::new()), []);
    }

    #[test]
    fn the_next_address_is_tried_when_one_refuses() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let bound = || std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = |listener: &std::net::TcpListener| listener.local_addr().expect("an address");
        let open = bound();
        let gone = address(&bound());
        let all = vec![gone, address(&open)];
        let stream = runtime.block_on(dial(all)).expect("connected");
        assert_eq!(stream.peer_addr().expect("an address"), address(&open));
        for all in [vec![gone, gone], vec![gone]] {
            let failure = runtime.block_on(dial(all)).expect_err("refused");
            assert!(matches!(failure, Failure::Connect(at, _) if at == gone));
        }
        let none = runtime.block_on(dial(Vec::new()));
        assert!(matches!(none, Err(Failure::Resolution(_))));
    }

    #[test]
    fn a_refusal_is_told_rather_than_a_missing_route() {
        use io::ErrorKind::{ConnectionRefused, HostUnreachable};
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        for kinds in [
            [ConnectionRefused, HostUnreachable],
            [HostUnreachable, ConnectionRefused],
        ] {
            let mut failure = None;
            for kind in kinds {
                note(&mut failure, at("1.1.1.1:1"), kind.into());
            }
            assert!(
                matches!(&failure, Some(Failure::Connect(_, error)) if error.kind() == ConnectionRefused)
            );
        }
    }
}
