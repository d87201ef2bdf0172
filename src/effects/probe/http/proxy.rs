//! Asks by way of a proxy, where the probe names one: a tunnel through it for `https://` (CONNECT: RFC 9110, section
//! 9.3.6), the whole address told to it for `http://` (RFC 9112, section 3.2.2).
//!
//! A proxy is not what is asked. What goes wrong with it is an error and names it, never a failure. In a tunnel the two
//! can be told apart; without one they cannot, and what is in doubt is an error.

use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use super::super::trouble::connection_trouble;
use super::connect::{Failure, Place};
use super::prepare::basic;
use crate::domain::probe::expect::excerpt;
use crate::domain::probe::kinds::{Answer, BasicAuth};

/// The head of the answer to CONNECT may be this long.
const LONGEST_HEAD: usize = 8 * 1024;

/// A proxy that says so found the fault itself.
const SQUID: HeaderName = HeaderName::from_static("x-squid-error");

/// A proxy, and who it is told is asking.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Proxy {
    /// An IPv6 address without its brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) authorization: Option<HeaderValue>,
    /// Its address, with its port and without secrets.
    shown: String,
}

impl Proxy {
    /// The proxy at `address`, which is `http://host:port`.
    ///
    /// # Errors
    /// Why it is none; no secret is shown.
    pub(super) fn new(address: &str, auth: Option<&BasicAuth>) -> Result<Self, String> {
        let url = Url::parse(address)
            .map_err(|error| format!("`proxy` is no address: {error}"))
            .and_then(|url| {
                let held = !url.username().is_empty() || url.password().is_some();
                match (held, url.scheme(), url.host_str(), url.path()) {
                    (true, ..) => Err(
                        "the address of the proxy holds a user or a password; write them under `proxy_auth`"
                            .to_owned(),
                    ),
                    (_, "http", Some(_), "/") if url.query().is_none() => Ok(url),
                    _ => Err(format!(
                        "{:?} is no address of a proxy; write http://host:port",
                        excerpt(address)
                    )),
                }
            })?;
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(80);
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            authorization: auth.map(|auth| basic("proxy_auth", auth)).transpose()?,
            shown: format!("http://{host}:{port}"),
        })
    }

    /// Its address, with its port and without secrets.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// What a failed connection to it means for whoever wanted to ask by way of it.
    pub(super) fn unreached(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Connect(_, error) => {
                match connection_trouble(&format!("the proxy {}", self.shown), &error) {
                    Answer::Unserved(text) | Answer::Unasked(text) => Failure::Setup(text),
                    _ => Failure::Setup(error.to_string()),
                }
            }
            other => other,
        }
    }

    /// Opens a tunnel to `place` over a connection to the proxy.
    ///
    /// # Errors
    /// What the proxy says, or why it says nothing.
    pub(super) async fn open(&self, stream: &mut TcpStream, place: &Place) -> Result<(), Failure> {
        let Place { host, port, .. } = place;
        let target = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let mut head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
        if let Some(authorization) = &self.authorization {
            head.extend_from_slice(b"Proxy-Authorization: ");
            head.extend_from_slice(authorization.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        let lost = |error| self.unreached(Failure::Connect(([0; 4], 0).into(), error));
        stream.write_all(&head).await.map_err(lost)?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") && answer.len() < LONGEST_HEAD {
            // Byte by byte: what follows the head is the target's.
            answer.push(stream.read_u8().await.map_err(lost)?);
        }
        self.opened(&answer, &target).map_err(Failure::Setup)
    }

    fn opened(&self, head: &[u8], target: &str) -> Result<(), String> {
        let shown = &self.shown;
        let head = String::from_utf8_lossy(head);
        let line = head.lines().next().unwrap_or_default();
        let status = line
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.get(2..5))
            .and_then(|code| StatusCode::from_bytes(code.as_bytes()).ok());
        match status {
            Some(status) if status.is_success() => Ok(()),
            Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED) => Err(self.unknown()),
            Some(status) => Err(format!(
                "the proxy {shown} opens no way to {target}: it answers {status}"
            )),
            None => Err(format!(
                "the proxy {shown} does not answer as a proxy does, but with {:?}",
                excerpt(line)
            )),
        }
    }

    /// What an answer that came by way of the proxy, without a tunnel, says of the proxy instead of `target`; `None`
    /// where it is the target's. A gateway's statuses may be either's.
    pub(super) fn instead(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        target: &str,
    ) -> Option<String> {
        let gateway = matches!(
            status,
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
        );
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            Some(self.unknown())
        } else if gateway || status.is_server_error() && headers.contains_key(SQUID) {
            Some(format!(
                "the answer by way of the proxy {} is {status}, which may be its own: {target} was perhaps never asked",
                self.shown
            ))
        } else {
            None
        }
    }

    fn unknown(&self) -> String {
        let what = match self.authorization {
            Some(_) => "does not take what `proxy_auth` says",
            None => "wants to know who asks; write `proxy_auth`",
        };
        format!("the proxy {} {what} (status 407)", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy() -> Proxy {
        Proxy::new("http://proxy.example:3128", None).expect("a proxy")
    }

    #[test]
    fn an_address_of_a_proxy_is_a_host_and_a_port() {
        for (address, host, shown) in [
            (
                "http://proxy.example:3128",
                "proxy.example",
                "http://proxy.example:3128",
            ),
            (
                "http://proxy.example/",
                "proxy.example",
                "http://proxy.example:80",
            ),
            ("http://[::1]:3128", "::1", "http://[::1]:3128"),
        ] {
            let proxy = Proxy::new(address, None).expect(address);
            assert_eq!((proxy.host.as_str(), proxy.shown()), (host, shown));
        }
        for address in [
            "",
            "proxy.example:3128",
            "https://proxy.example:3128",
            "socks5://proxy.example:1080",
            "http://proxy.example:3128/path",
            "http://proxy.example:3128/?a",
            "http://user:hidden@proxy.example:3128",
        ] {
            let why = Proxy::new(address, None).expect_err(address);
            assert!(!why.contains("hidden"), "{why}");
        }
    }

    #[test]
    fn a_tunnel_is_open_where_the_proxy_says_so() {
        let opened = |head: &str| proxy().opened(head.as_bytes(), "shop.example:443");
        assert_eq!(
            opened("HTTP/1.1 200 Connection established\r\n\r\n"),
            Ok(())
        );
        assert_eq!(opened("HTTP/1.0 200\r\n\r\n"), Ok(()));
        for (head, why) in [
            (
                "HTTP/1.1 407 Who\r\n\r\n",
                "write `proxy_auth` (status 407)",
            ),
            (
                "HTTP/1.1 502 No\r\n\r\n",
                "no way to shop.example:443: it answers 502 Bad Gateway",
            ),
            ("HTTP/1.1 302 Log in\r\n\r\n", "it answers 302 Found"),
            ("HTTP/1.1 2é\r\n\r\n", "does not answer as a proxy does"),
            ("SSH-2.0-OpenSSH\r\n\r\n", "\"SSH-2.0-OpenSSH\""),
            ("", "does not answer as a proxy does"),
        ] {
            let text = opened(head).expect_err(head);
            assert!(
                text.contains(why) && text.contains("http://proxy.example:3128"),
                "{text}"
            );
        }
    }

    #[test]
    fn without_a_tunnel_a_gateway_s_status_may_be_the_proxy_s() {
        let mut headers = HeaderMap::new();
        let instead = |status: u16, headers: &HeaderMap| {
            let status = StatusCode::from_u16(status).expect("a status");
            proxy().instead(status, headers, "shop.example:80")
        };
        for status in [407, 502, 504] {
            assert!(instead(status, &headers).is_some(), "{status}");
        }
        for status in [200, 401, 500, 503] {
            assert_eq!(instead(status, &headers), None);
        }
        headers.insert(SQUID, HeaderValue::from_static("ERR_CONNECT_FAIL 111"));
        assert!(instead(503, &headers).is_some());
        assert_eq!(instead(200, &headers), None);
    }
}
