//! Tells what went wrong on the way: the target does not serve, or it could not be asked.
//!
//! A library's error says at its surface only that a request failed. The cause lies beneath, and is what a person needs.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::explain::explain;
use super::http::Failure;
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::kinds::Answer;

/// Why `host` could not be resolved.
pub(super) fn resolution_trouble(host: &str, error: &io::Error) -> String {
    format!("the name {host} could not be resolved: {error}")
}

/// What a failed connection to `target` means.
pub(super) fn connection_trouble(target: &str, error: &io::Error) -> Answer {
    let unserved = |what: &str| Answer::Unserved(format!("{target} {what}"));
    let unasked = |what: &str| Answer::Unasked(format!("{target} {what}"));
    match error.kind() {
        ErrorKind::ConnectionRefused => unserved("refused the connection"),
        ErrorKind::ConnectionReset => unserved("reset the connection"),
        ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => unserved("closed the connection"),
        ErrorKind::UnexpectedEof => {
            unserved("closed the connection before its answer was complete")
        }
        ErrorKind::TimedOut => {
            unserved("did not acknowledge what was sent, and the connection timed out")
        }
        ErrorKind::HostUnreachable => unasked("cannot be reached: no route to the host"),
        ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            unasked("cannot be reached: the network is unreachable")
        }
        // The rest is this machine's trouble: no permission, no local address, no descriptor left.
        _ => Answer::Unasked(format!("{target} could not be asked: {error}")),
    }
}

/// What a failed connection to the unix socket at `path` means. That nobody listens there is a failure, as it is of a
/// port, also where the socket itself is gone: most servers take it along when they end.
fn socket_trouble(path: &Path, error: &io::Error) -> Answer {
    let shown = path.display();
    match error.kind() {
        ErrorKind::NotFound => Answer::Unserved(format!(
            "nobody listens at {shown}: there is no such socket"
        )),
        ErrorKind::InvalidInput => Answer::Unasked(format!(
            "{shown} cannot be the path of a socket: it is longer than 107 bytes, or has a NUL character"
        )),
        _ => connection_trouble(&format!("the socket {shown}"), error),
    }
}

/// What a failed HTTP request to `target` means, from the causes of its error.
pub(super) fn http_trouble(target: &str, failure: &Failure) -> Answer {
    let (error, shaking): (&(dyn Error + 'static), bool) = match failure {
        Failure::Setup(text) | Failure::Resolution(text) => return Answer::Unasked(text.clone()),
        Failure::Connect(address, error) => {
            // Where the name has several addresses, it is said which one it was.
            let address = address.to_string();
            let named = if target == address {
                address
            } else {
                format!("{target} ({address})")
            };
            return connection_trouble(&named, error);
        }
        Failure::Unix(path, error) => return socket_trouble(path, error),
        Failure::Tls(error) => (error, true),
        Failure::Exchange(error) => (error, false),
    };
    exchange_trouble(target, error, shaking)
}

/// What went wrong with a page that was to be fetched from `target`. The library's own text is not shown: it names the
/// whole address, where a secret may stand.
pub(super) fn page_trouble(target: &str, error: &reqwest::Error) -> Answer {
    let causes = causes(error);
    if let Some(unresolved) = first::<Failure>(&causes) {
        return Answer::Unasked(unresolved.to_string());
    }
    let secure = error.url().is_some_and(|url| url.scheme() == "https");
    let reset = |io: &io::Error| io.kind() == ErrorKind::ConnectionReset;
    match first::<io::Error>(&causes) {
        // What the system itself says while the connection is made. A reset may be an answer to TLS.
        Some(io) if error.is_connect() && io.raw_os_error().is_some() && !(secure && reset(io)) => {
            connection_trouble(target, io)
        }
        _ => exchange_trouble(target, error, error.is_connect()),
    }
}

/// The same where `target` was to be reached by way of a proxy, and no connection was made.
pub(super) fn proxied_page_trouble(proxy: &str, target: &str, error: &reqwest::Error) -> Answer {
    let causes = causes(error);
    let of_tunnel = causes.iter().find_map(|cause| {
        cause
            .to_string()
            .strip_prefix("tunnel error: ")
            .map(str::to_owned)
    });
    match (
        first::<rustls::Error>(&causes),
        first::<io::Error>(&causes),
        of_tunnel,
    ) {
        (None, None, Some(why)) => {
            Answer::Unasked(format!("the proxy {proxy} opens no way to {target}: {why}"))
        }
        (None, ..) => page_trouble(&format!("the proxy {proxy}"), error),
        (Some(_), ..) => page_trouble(target, error),
    }
}

/// What is wrong with TLS, while it is agreed on (`shaking`), or with an exchange.
fn exchange_trouble(target: &str, error: &(dyn Error + 'static), shaking: bool) -> Answer {
    let causes = causes(error);
    if first::<hyper::Error>(&causes).is_some_and(hyper::Error::is_incomplete_message) {
        return Answer::Unserved(format!("{target} closed the connection without an answer"));
    }
    if first::<hyper::Error>(&causes).is_some_and(|it| it.is_closed() || it.is_canceled()) {
        return Answer::Unserved(format!(
            "{target} closed the connection, or said what is no answer, before it was asked"
        ));
    }
    if let Some(tls) = first::<rustls::Error>(&causes) {
        return Answer::Unserved(format!("TLS with {target}: {}", explain(tls)));
    }
    let io = first::<io::Error>(&causes)
        // Every other kind is the library's way of saying that it could not read the answer.
        .filter(|io| is_of_connection(io.kind()));
    match io {
        Some(io) if shaking && io.kind() == ErrorKind::UnexpectedEof => {
            Answer::Unserved(format!("TLS with {target}: it closed the connection"))
        }
        Some(io) if shaking && io.kind() == ErrorKind::ConnectionReset => {
            Answer::Unserved(format!("TLS with {target}: it reset the connection"))
        }
        Some(io) => connection_trouble(target, io),
        None => {
            let deepest = causes
                .last()
                .map_or_else(|| error.to_string(), ToString::to_string);
            Answer::Unserved(format!(
                "the answer of {target} is broken: {}",
                excerpt(&deepest)
            ))
        }
    }
}

fn is_of_connection(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::TimedOut
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
    )
}

/// The first of the causes that is of one kind.
fn first<'a, E: Error + 'static>(causes: &[&'a (dyn Error + 'static)]) -> Option<&'a E> {
    causes.iter().find_map(|cause| cause.downcast_ref())
}

/// The error, its causes, and what an I/O error carries: an I/O error is silent about that itself.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut causes = vec![error];
    let mut current = error;
    loop {
        let carried = current
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static));
        match carried.or_else(|| current.source()) {
            // No real chain is longer; one that were endless would hang here.
            Some(next) if causes.len() < 32 => {
                causes.push(next);
                current = next;
            }
            _ => return causes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_s_trouble_is_told_from_this_machine_s() {
        for kind in [
            ErrorKind::ConnectionRefused,
            ErrorKind::ConnectionReset,
            ErrorKind::ConnectionAborted,
            ErrorKind::UnexpectedEof,
            ErrorKind::TimedOut,
        ] {
            let answer = connection_trouble("host:1", &kind.into());
            assert!(matches!(answer, Answer::Unserved(text) if text.starts_with("host:1 ")));
        }
        for kind in [
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkUnreachable,
            ErrorKind::AddrNotAvailable,
            ErrorKind::PermissionDenied,
        ] {
            let answer = connection_trouble("host:1", &kind.into());
            assert!(matches!(answer, Answer::Unasked(text) if text.starts_with("host:1 ")));
        }
        // EMFILE: no descriptor left.
        let answer = connection_trouble("host:1", &io::Error::from_raw_os_error(24));
        assert!(matches!(answer, Answer::Unasked(_)));
    }

    #[test]
    fn what_an_io_error_carries_is_found() {
        let inner = rustls::Error::DecryptError;
        let outer = io::Error::other(io::Error::new(ErrorKind::InvalidData, inner));
        let found = first::<rustls::Error>(&causes(&outer));
        assert_eq!(found, Some(&rustls::Error::DecryptError));
    }
}
