//! Addresses of the form `host:port`, and connections to them.

use tokio::net::{TcpStream, lookup_host};

use super::Context;
use super::trouble::{connection_trouble, resolution_trouble};
use crate::domain::probe::kinds::Answer;

/// The host and the port of `address`; an IPv6 address stands in brackets.
pub(super) fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    (!host.is_empty()).then_some((host, port))
}

/// The host and the port of `address`.
///
/// # Errors
/// The answer that says what is wrong with it.
pub(super) fn parse(address: &str) -> Result<(&str, u16), Answer> {
    split(address).ok_or_else(|| {
        Answer::Unasked(format!(
            "{address:?} is no address; write host:port, such as shop.example:443 or [::1]:443"
        ))
    })
}

/// Connects to the first of the addresses of `address` that accepts.
///
/// # Errors
/// The answer that says why none does.
pub(super) async fn connect(address: &str, context: &Context<'_>) -> Result<TcpStream, Answer> {
    let (host, port) = parse(address)?;
    context.progress.resolving(host);
    let addresses = match lookup_host((host, port)).await {
        Ok(addresses) => addresses,
        Err(error) => return Err(Answer::Unasked(resolution_trouble(host, &error))),
    };
    context.progress.connecting();
    let mut trouble = Answer::Unasked(format!("the name {host} has no address"));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                context.progress.connected();
                return Ok(stream);
            }
            Err(error) => {
                let answer = connection_trouble(&address.to_string(), &error);
                // That one address refuses tells more than that there is no route to another.
                if !matches!(trouble, Answer::Unserved(_)) {
                    trouble = answer;
                }
            }
        }
    }
    Err(trouble)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        assert_eq!(split("shop.example:443"), Some(("shop.example", 443)));
        assert_eq!(split("[::1]:80"), Some(("::1", 80)));
        for bad in [
            "", "host", "host:", ":80", "::1:80", "[::1:80", "h:0", "h:65536", "h:x",
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
